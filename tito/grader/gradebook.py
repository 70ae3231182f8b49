"""The gradebook: one SQLite file that holds what was graded, and how.

It keeps SQLite's rollback journal: the faster write-ahead log needs memory that all processes
share, which a network drive does not have. Where a drive's locks are not to be trusted either,
each machine writes a gradebook of its own, and `merge` makes one of them.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tito.errors import TitoError
from tito.grader.text import printable
from tito.grader.verdict import Check, Graded, Verdict

WAIT = 60.0  # seconds for another process to finish its row
SCHEMA = """
CREATE TABLE batch (module TEXT NOT NULL, seed INTEGER NOT NULL, fingerprint TEXT NOT NULL);
CREATE TABLE checks (
    position INTEGER PRIMARY KEY,  -- the author's order
    name TEXT NOT NULL UNIQUE, exercise TEXT NOT NULL, points REAL NOT NULL, hidden INTEGER NOT NULL
);
CREATE TABLE submissions (
    name TEXT PRIMARY KEY, student TEXT NOT NULL, sha256 TEXT NOT NULL, level TEXT NOT NULL,
    note TEXT NOT NULL, late_days INTEGER NOT NULL
);
CREATE TABLE lateness (due REAL, percent REAL NOT NULL);  -- one row
CREATE TABLE verdicts (
    submission TEXT NOT NULL REFERENCES submissions(name) ON DELETE CASCADE,
    check_name TEXT NOT NULL REFERENCES checks(name),
    points REAL NOT NULL, category TEXT NOT NULL, reason TEXT NOT NULL, mistake TEXT NOT NULL,
    PRIMARY KEY (submission, check_name)
)"""


@dataclass(frozen=True)
class Lateness:
    """When work was due, and what a day costs: kept, so that a later run need not say it again."""

    due: float | None = None  # POSIX seconds
    percent: float = 0

    def with_changes(self, due: float | None = None, percent: float | None = None) -> Lateness:
        """What is not given stays as it is."""
        return Lateness(
            self.due if due is None else due, self.percent if percent is None else percent
        )


IN_TIME = Lateness()  # whenever it comes


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

    batch: Batch

    def __init__(self, path: Path, batch: Batch | None) -> None:
        """Open the gradebook, or make it; None takes whatever batch is in it."""
        self.path = path
        if batch is None and not path.is_file():
            raise TitoError(f"no gradebook {path}", "`tito grade` makes it")
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection("BEGIN" if batch is None else "BEGIN IMMEDIATE") as connection:
            if batch and not connection.execute("SELECT name FROM sqlite_master").fetchone():
                _create(connection, batch)
            self.batch = _read_batch(connection)
        if batch:
            _compare(path, self.batch, batch)

    @classmethod
    def renewed(cls, path: Path, batch: Batch) -> Gradebook:
        """Open it for a check that was changed inside: all else must be as it was."""
        book = cls(path, None)
        book.batch = replace(book.batch, fingerprint=batch.fingerprint)
        _compare(path, book.batch, batch)
        with book._connection() as connection:
            connection.execute("UPDATE batch SET fingerprint = ?", (batch.fingerprint,))
        return book

    @contextmanager
    def _connection(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is in the file, or, after an error or a kill, nothing."""
        try:
            connection = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            with closing(connection):
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(begin)
                with connection:
                    yield connection
        except sqlite3.DatabaseError as error:
            message = f"cannot use the gradebook {self.path}: {error}"
            raise TitoError(message, "is it a gradebook, and free to write?") from error

    def record(self, *submissions: Graded) -> None:
        """Store them in one transaction, each in place of an older one of its name."""
        with self._connection() as connection:
            for graded in submissions:
                _store(connection, graded)

    def set_late_days(self, name: str, days: int) -> None:
        """The due time may change after the grading."""
        with self._connection() as connection:
            connection.execute(
                "UPDATE submissions SET late_days = ? WHERE name = ?", (days, printable(name))
            )

    def lateness(self) -> Lateness:
        with self._connection("BEGIN") as connection:
            return Lateness(*connection.execute("SELECT due, percent FROM lateness").fetchone())

    def set_lateness(self, late: Lateness) -> None:
        with self._connection() as connection:
            connection.execute("UPDATE lateness SET due = ?, percent = ?", (late.due, late.percent))

    def done(self) -> dict[str, str]:
        """The sha256 of what was graded, by name."""
        with self._connection("BEGIN") as connection:
            return dict(connection.execute("SELECT name, sha256 FROM submissions"))

    def all(self) -> list[Graded]:
        """Sorted by name, the verdicts in the author's order, however they were recorded."""
        verdicts: dict[str, list[Verdict]] = defaultdict(list)
        with self._connection("BEGIN") as connection:
            for name, *values in connection.execute(
                "SELECT submission, check_name, verdicts.points, category, reason, mistake"
                " FROM verdicts JOIN checks ON check_name = checks.name ORDER BY position"
            ):
                verdicts[name].append(Verdict(*values))
            return [
                Graded(name, student, sha256, level, tuple(verdicts[name]), note, late_days)
                for name, student, sha256, level, note, late_days in connection.execute(
                    "SELECT name, student, sha256, level, note, late_days"
                    " FROM submissions ORDER BY name"
                )
            ]

    def replace_verdict(self, name: str, verdict: Verdict) -> None:
        with self._connection() as connection:
            changed = connection.execute(
                "UPDATE verdicts SET points = ?, category = ?, reason = ?, mistake = ?"
                " WHERE submission = ? AND check_name = ?",
                (*_values(verdict), printable(name), verdict.check),
            ).rowcount
        if not changed:
            raise TitoError(
                f"{self.path} has no verdict of {verdict.check} on {printable(name)}",
                "grade that submission first",
            )


def merge(paths: Iterable[Path], to: Path, percent: float | None = None) -> Gradebook:
    """Make one gradebook of several; `to` may be there already and counts as one of them."""
    old = [Gradebook(to, None)] if to.exists() else []
    books = [*old, *(Gradebook(path, None) for path in paths)]
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
    late = _common(old or books, percent)
    merged = Gradebook(to, books[0].batch)
    merged.set_lateness(late)
    merged.record(*(graded for graded, _ in found.values()))
    return merged


def _common(books: list[Gradebook], given: float | None) -> Lateness:
    """What all shards were told of due time and penalty, the latter unless it is given."""
    first, *others = (book.lateness().with_changes(percent=given) for book in books)
    for late, book in zip(others, books[1:], strict=True):
        if late != first:
            raise TitoError(
                f"{book.path} has another due time or penalty than {books[0].path}",
                "grade each shard with the same --due and --late-percent",
            )
    return first


def _create(connection: sqlite3.Connection, batch: Batch) -> None:
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO batch VALUES (?, ?, ?)", (batch.module, batch.seed, batch.fingerprint)
    )
    connection.execute("INSERT INTO lateness VALUES (NULL, 0)")
    connection.executemany(
        "INSERT INTO checks VALUES (?, ?, ?, ?, ?)",
        [
            (position, check.name, check.exercise, check.points, check.hidden)
            for position, check in enumerate(batch.checks, start=1)
        ],
    )


def _read_batch(connection: sqlite3.Connection) -> Batch:
    module, seed, fingerprint = connection.execute(
        "SELECT module, seed, fingerprint FROM batch"
    ).fetchone()
    rows = connection.execute("SELECT name, exercise, points, hidden FROM checks ORDER BY position")
    checks = [Check(name, exercise, points, bool(h)) for name, exercise, points, h in rows]
    return Batch(module, seed, tuple(checks), fingerprint)


def _store(connection: sqlite3.Connection, graded: Graded) -> None:
    name = printable(graded.name)
    texts = (printable(text) for text in (graded.student, graded.sha256, graded.level, graded.note))
    connection.execute("DELETE FROM submissions WHERE name = ?", (name,))
    connection.execute(
        "INSERT INTO submissions VALUES (?, ?, ?, ?, ?, ?)", (name, *texts, graded.late_days)
    )
    connection.executemany(
        "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?)",
        [(name, verdict.check, *_values(verdict)) for verdict in graded.verdicts],
    )


def _values(verdict: Verdict) -> tuple[float, str, str, str]:
    """Printable, so that `sqlite3` in a terminal shows no submission's escape sequences."""
    texts = (verdict.category, verdict.reason, verdict.mistake)
    category, reason, mistake = (printable(text) for text in texts)
    return verdict.points, category, reason, mistake


def _compare(path: Path, stored: Batch, wanted: Batch) -> None:
    differing = _difference(stored, wanted)
    if differing:
        raise TitoError(
            f"{path} was made with {differing}",
            "grade into a new gradebook, or with what this one was made with",
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
