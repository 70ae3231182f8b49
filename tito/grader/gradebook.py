"""The gradebook: one SQLite file that holds what was graded, and what is to be graded now.

The second is a queue: each judge of a batch claims a row of it, grades it, and puts the grade in
its place. A row that was claimed and never came back is still there.

It keeps SQLite's rollback journal: the faster write-ahead log needs memory that all processes
share, which a network drive does not have. Where a drive's locks are not to be trusted either,
each machine writes a gradebook of its own, and `merge` makes one of them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tito.errors import TitoError
from tito.grader.terms import Terms, from_json
from tito.grader.text import printable
from tito.grader.verdict import PASSED, Check, Graded, Verdict

WAIT = 60.0  # seconds for another process to finish its row
SCHEMA = """
CREATE TABLE batch (content TEXT NOT NULL, terms TEXT NOT NULL);  -- one row
CREATE TABLE submissions (name TEXT PRIMARY KEY, graded TEXT NOT NULL);
CREATE TABLE queue (name TEXT PRIMARY KEY, job TEXT NOT NULL, judge TEXT)  -- who claimed it"""
DIFFERING = {  # in shards of one batch
    "late": "another due time or penalty",
    "roster": "another roster",
    "adjustments": "other adjustments",
}
Job = dict[str, Any]  # what a judge has to know of a submission


@dataclass(frozen=True)
class Batch:
    """What is the same for all rows of one gradebook."""

    module: str  # "12_attention"
    seed: int  # below 2**63
    checks: tuple[Check, ...]  # in the author's order
    fingerprint: str  # hash of reference, checks and tito's version

    @property
    def exercises(self) -> list[str]:
        return list(dict.fromkeys(check.exercise for check in self.checks))

    @property
    def out_of(self) -> float:
        return sum(check.points for check in self.checks)

    def results(self, graded: Graded) -> list[tuple[Check, Verdict]]:
        """Each check with its verdict; a submission that could not be read has none."""
        verdicts = {verdict.check: verdict for verdict in graded.verdicts}
        return [
            (check, verdicts.get(check.name) or Verdict(check.name, 0, "not run"))
            for check in self.checks
        ]

    def by_exercise(self, graded: Graded) -> dict[str, list[tuple[Check, Verdict]]]:
        found: dict[str, list[tuple[Check, Verdict]]] = {name: [] for name in self.exercises}
        for check, verdict in self.results(graded):
            found[check.exercise].append((check, verdict))
        return found


class Gradebook:
    """Each operation opens the file anew, so threads and processes share nothing."""

    def __init__(self, path: Path, batch: Batch | None, renew: bool = False) -> None:
        """Open the gradebook, or make it; None takes whatever batch is in it.

        `renew` is for a check that was changed inside: all else must be as it was. Where checks
        have other points than before, and nothing else is new, each row gets those of its
        verdicts: `worth` has the old ones and the new ones by check.
        """
        self.path = path
        if (batch is None or renew) and not path.is_file():
            raise TitoError(f"no gradebook {path}", "`tito grade` makes it")
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection("BEGIN IMMEDIATE" if batch else "BEGIN") as connection:
            if batch and not connection.execute("SELECT name FROM sqlite_master").fetchone():
                _create(connection, batch)
            self.batch = stored = _read_batch(connection)
            self.worth = _worth(stored, batch) if batch else {}
            if batch and renew:
                stored = replace(stored, fingerprint=batch.fingerprint)
            if batch:
                _compare(
                    path, replace(stored, checks=batch.checks) if self.worth else stored, batch
                )
                self.batch = batch
            if batch and (renew or self.worth):
                connection.execute("UPDATE batch SET content = ?", (json.dumps(asdict(batch)),))
            if self.worth:
                _give_points(connection, self.worth)

    @contextmanager
    def _connection(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is in the file, or, after an error or a kill, nothing."""
        try:
            connection = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            with closing(connection):
                connection.execute(begin)
                with connection:
                    yield connection
        except sqlite3.DatabaseError as error:
            if str(error).startswith("no such"):  # a table or a column
                message = f"{self.path} is not a gradebook of this version of tito: {error}"
                fix = "name another folder with --to: this one stays as it is"
                raise TitoError(message, fix) from error
            message = f"cannot use the gradebook {self.path}: {error}"
            raise TitoError(message, "is it a gradebook, and free to write?") from error

    def terms(self) -> Terms:
        with self._connection("BEGIN") as connection:
            return from_json(connection.execute("SELECT terms FROM batch").fetchone()[0])

    def set_terms(self, terms: Terms) -> None:
        with self._connection() as connection:
            connection.execute("UPDATE batch SET terms = ?", (terms.to_json(),))

    def all(self) -> list[Graded]:
        """Sorted by name, the verdicts in the author's order, however they were recorded."""
        return [graded_of(text) for text in self.rows().values()]

    def rows(self) -> dict[str, str]:
        """The same as they are stored, as JSON by name."""
        with self._connection("BEGIN") as connection:
            return dict(connection.execute("SELECT * FROM submissions ORDER BY name"))

    def record(self, *submissions: Graded) -> None:
        """Store them in one transaction, each in place of an older one of its name."""
        rows = [self._row(graded) for graded in submissions]
        with self._connection() as connection:
            connection.executemany("INSERT OR REPLACE INTO submissions VALUES (?, ?)", rows)

    def _row(self, graded: Graded) -> tuple[str, str]:
        order = {check.name: place for place, check in enumerate(self.batch.checks)}
        for verdict in graded.verdicts:
            if verdict.check not in order:
                message = f"{self.path} has no check {verdict.check!r}"
                raise TitoError(message, "grade into a new gradebook")
        verdicts = tuple(sorted(graded.verdicts, key=lambda verdict: order[verdict.check]))
        content = asdict(replace(graded, verdicts=verdicts), dict_factory=_printable)
        return content["name"], json.dumps(content, ensure_ascii=False)

    def enqueue(self, jobs: dict[str, Job]) -> None:
        """To be graded now are these, by name, and no others."""
        rows = [(name, json.dumps(job)) for name, job in jobs.items()]
        with self._connection() as connection:
            connection.execute("DELETE FROM queue")
            connection.executemany("INSERT INTO queue VALUES (?, ?, NULL)", rows)

    def claim(self, judge: str) -> tuple[Job, Graded | None] | None:
        """The next that nobody has claimed, and how it was graded before; None: none is left."""
        with self._connection() as connection:
            connection.execute(
                "UPDATE queue SET judge = ? WHERE name ="
                " (SELECT name FROM queue WHERE judge IS NULL ORDER BY name LIMIT 1)",
                (judge,),
            )
            row = connection.execute(
                "SELECT job, graded FROM queue LEFT JOIN submissions USING (name) WHERE judge = ?",
                (judge,),
            ).fetchone()
        return row and (json.loads(row[0]), graded_of(row[1]) if row[1] else None)

    def finish(self, judge: str, graded: Graded) -> None:
        """Put the grade in place of what this judge claimed, if that is still its own."""
        row = self._row(graded)
        with self._connection() as connection:
            if connection.execute("DELETE FROM queue WHERE judge = ?", (judge,)).rowcount:
                connection.execute("INSERT OR REPLACE INTO submissions VALUES (?, ?)", row)

    def give_back(self, judge: str) -> None:
        """What it claimed is for another judge."""
        with self._connection() as connection:
            connection.execute("UPDATE queue SET judge = NULL WHERE judge = ?", (judge,))

    def queue(self) -> dict[str, str | None]:
        """What is not graded yet, and which judge claimed it."""
        with self._connection("BEGIN") as connection:
            return dict(connection.execute("SELECT name, judge FROM queue"))


def merge_gradebooks(paths: Iterable[Path], to: Path, **late: float | None) -> Gradebook:
    """Make one gradebook of several; `to` may be there already and counts as one of them."""
    old = [Gradebook(to, None)] if to.exists() else []
    shards = [Gradebook(path, None) for path in paths]
    books = [*old, *shards]
    if not books:
        raise TitoError("no gradebooks to merge", "name at least one")
    found: dict[str, tuple[Graded, Path]] = {}
    for book in books:
        _compare(book.path, book.batch, books[0].batch)
        for graded in book.all():
            other, where = found.setdefault(graded.name, (graded, book.path))
            if other != graded:
                raise TitoError(
                    f"{graded.name} stands in {where} and, with other content, in {book.path}",
                    "grade it again in one of them and leave it out of the other",
                )
    terms = _common(shards or old, late)
    if old:
        terms = replace(terms, late=old[0].terms().late.with_changes(**late))
    merged = Gradebook(to, books[0].batch)
    merged.set_terms(terms)
    merged.record(*(graded for graded, _ in found.values()))
    return merged


def _common(books: list[Gradebook], changes: dict[str, float | None]) -> Terms:
    """What all shards were told, with the changes to lateness that are given now."""
    told = [book.terms() for book in books]
    first, *others = (replace(one, late=one.late.with_changes(**changes)) for one in told)
    for one, book in zip(others, books[1:], strict=True):
        for what, words in DIFFERING.items():
            if getattr(one, what) != getattr(first, what):
                raise TitoError(
                    f"{book.path} has {words} than {books[0].path}",
                    "grade each shard of the same folder, with the same options",
                )
    return first


def _create(connection: sqlite3.Connection, batch: Batch) -> None:
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    values = json.dumps(asdict(batch)), Terms().to_json()
    connection.execute("INSERT INTO batch VALUES (?, ?)", values)


def _read_batch(connection: sqlite3.Connection) -> Batch:
    content = json.loads(connection.execute("SELECT content FROM batch").fetchone()[0])
    return Batch(**{**content, "checks": tuple(Check(**check) for check in content["checks"])})


def _worth(stored: Batch, wanted: Batch) -> dict[str, tuple[float, float]]:
    """The checks that have other points now; none if anything else about checks is new."""
    if [replace(one, points=0) for one in stored.checks] != [
        replace(one, points=0) for one in wanted.checks
    ]:
        return {}
    pairs = zip(stored.checks, wanted.checks, strict=True)
    return {old.name: (old.points, new.points) for old, new in pairs if old.points != new.points}


def _give_points(connection: sqlite3.Connection, worth: dict[str, tuple[float, float]]) -> None:
    for name, text in connection.execute("SELECT name, graded FROM submissions").fetchall():
        content = json.loads(text)
        for verdict in content["verdicts"]:
            old, new = worth.get(verdict["check"], (0, 0))
            if old != new:
                share = verdict["points"] / old if old else verdict["category"] == PASSED
                verdict["points"] = share * new
        row = json.dumps(content, ensure_ascii=False), name
        connection.execute("UPDATE submissions SET graded = ? WHERE name = ?", row)


def graded_of(text: str) -> Graded:
    content = json.loads(text)
    verdicts = tuple(Verdict(**one) for one in content["verdicts"])
    answers = tuple((cell, digest) for cell, digest in content["answers"])
    lists = {"verdicts": verdicts, "ids": tuple(content["ids"]), "answers": answers}
    return Graded(**{**content, **lists})


def _printable(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """So that `sqlite3` in a terminal shows no submission's escape sequences."""
    return {key: printable(one) if isinstance(one, str) else one for key, one in fields}


def _compare(path: Path, stored: Batch, wanted: Batch) -> None:
    differing = _difference(stored, wanted)
    if differing:
        raise TitoError(
            f"{path} was made with {differing}",
            "grade into a new gradebook; a check that was mended: say --check and its name",
        )


def _difference(stored: Batch, wanted: Batch) -> str:
    """What is not the same, in words; empty if all is."""
    for what in ("module", "seed"):
        old, new = getattr(stored, what), getattr(wanted, what)
        if old != new:
            return f"{what} {old}, not {new}"
    if stored.checks != wanted.checks:
        odd = sorted(check.name for check in set(stored.checks) ^ set(wanted.checks))
        return f"other checks ({odd[0]})" if odd else "its checks in another order"
    same = stored.fingerprint == wanted.fingerprint
    return "" if same else "another reference, other checks inside, or another version of tito"
