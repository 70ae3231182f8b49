"""A whole batch: several judges at work, each result in the gradebook as soon as it is there.

A killed run loses what was being graded at that moment, and the next run does the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
import queue
import secrets
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tito import __version__
from tito.course import Course, Module
from tito.errors import TitoError
from tito.exercises import find_exercises
from tito.grader import mistakes
from tito.grader.gradebook import IN_TIME, Batch, Gradebook, Lateness
from tito.grader.intake.find import Found
from tito.grader.judge import LIMIT
from tito.grader.verdict import Check, Graded, Verdict
from tito.run.environment import chosen

DAY = 24 * 60 * 60.0
HOME = Path(__file__).parents[2]
START = """
import sys
home = sys.argv.pop(1)  # this very tito, whatever else is installed, and not the caller's folder
sys.path[:1] = [] if home in sys.path else [home]
from tito.grader.serve import main
main()
"""


@dataclass(frozen=True)
class Plan:
    """What to grade, with what, and how."""

    course: Course
    module: Module
    level: int
    seed: int | None = None  # None: the gradebook's own, or a new one drawn
    jobs: int = 1
    limit: float = LIMIT
    late: Lateness = IN_TIME
    again: frozenset[str] = frozenset()  # names of submissions to grade anew
    checks: tuple[str, ...] = ()  # names of the only checks to grade anew


class Judge:
    """A process that grades one submission after another (tito/grader/serve.py)."""

    def __init__(self, plan: Plan, seed: int) -> None:
        words = [HOME, plan.course.root, plan.module.number, plan.level, plan.limit, seed]
        self.process = subprocess.Popen(
            [sys.executable, "-E", "-c", START, *map(str, words)],
            env=chosen(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            self.checks = [Check(**told) for told in self._answer()["checks"]]
        except EOFError:
            self.close()
            files = " ".join(map(plan.module.show, plan.module.check_files))
            raise TitoError(f"the checks cannot be run: {files}", f"`pytest {files}`") from None

    def grade(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except OSError:
            raise EOFError from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise EOFError
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.process.wait()


class Run:
    """Judges in threads, one queue of submissions, one gradebook."""

    def __init__(self, plan: Plan, book: Path) -> None:
        self.plan, self.seed = plan, _seed(plan, book)
        self.first = Judge(plan, self.seed)
        try:
            self.gradebook = self._open(book)
        except BaseException:
            self.first.close()
            raise
        self.waiting: queue.SimpleQueue[Found] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self.stopped = False

    def _open(self, book: Path) -> Gradebook:
        checks = tuple(self.first.checks)
        name = self.plan.module.folder_name
        _refuse_same_names(checks)
        batch = Batch(name, self.seed, checks, fingerprint(self.plan.course, self.plan.module))
        self.checks = _wanted(self.plan.checks, [check.name for check in checks])
        if self.checks:
            return Gradebook.renewed(book, batch)
        return Gradebook(book, batch)

    def grade(self, found: list[Found]) -> Iterator[str]:
        """Grade what is not graded yet, or not as it is now; tell each name when it is done."""
        self.known = self.gradebook.done()
        self.gradebook.set_lateness(self.plan.late)
        for one in found:
            self.waiting.put(one)
        count = max(1, min(self.plan.jobs, len(found)))
        for index in range(count):
            threading.Thread(target=self._work, args=(index,), daemon=True).start()
        try:
            while count:
                told = self.done.get()
                if isinstance(told, BaseException):
                    raise told
                if told is None:
                    count -= 1
                else:
                    yield told
        finally:
            self.stopped = True

    def _work(self, index: int) -> None:
        """Until nothing is left; an error (a full disk) is raised where `grade` is called."""
        try:
            judge = self.first if index == 0 else Judge(self.plan, self.seed)
            with suppress(queue.Empty):
                while not self.stopped:
                    judge = self._grade_one(judge, self.waiting.get_nowait())
            judge.close()
            self.done.put(None)
        except BaseException as error:
            self.done.put(error)

    def _grade_one(self, judge: Judge, found: Found) -> Judge:
        """Return the judge for the next one: a new one, if this took its judge with it, twice."""
        note = "it ended the judge itself: look at it by hand"
        answer: dict[str, Any] = {"graded": {**EMPTY, **_named(found), "note": note}}
        for _ in range(2):
            try:
                answer = judge.grade(self._job(found))
                break
            except EOFError:
                judge.close()
                judge = Judge(self.plan, self.seed)
        self._record(found, answer)
        self.done.put(found.name)
        return judge

    def _job(self, found: Found) -> dict[str, Any]:
        again = self.checks or found.name in self.plan.again
        return {
            **_named(found),
            "path": str(found.path),
            "others": [str(path) for path in found.others],
            "known": None if again else self.known.get(found.name),
            "checks": self.checks,
        }

    def _record(self, found: Found, answer: dict[str, Any]) -> None:
        late, told = late_days(found, self.plan.late.due), answer.get("graded")
        verdicts = tuple(Verdict(**one) for one in told["verdicts"]) if told else ()
        if told and not self.checks:
            graded = Graded(**{**told, "verdicts": verdicts, "late_days": late})
            self.gradebook.record(graded)
            return
        for verdict in verdicts:
            self.gradebook.replace_verdict(found.name, verdict)
        self.gradebook.set_late_days(found.name, late)


def _wanted(said: tuple[str, ...], names: list[str]) -> list[str]:
    """The checks of these names; one with parameters stands for all its cases."""
    found: set[str] = set()
    for one in said:
        cases = {name for name in names if name == one or name.startswith(f"{one}[")}
        if not cases:
            raise TitoError(f"no check {one!r}", f"did you mean {' or '.join(near(one, names))}?")
        found |= cases
    return [name for name in names if name in found]


def near(said: str, names: Iterable[str]) -> list[str]:
    """The names that somebody may have meant, the likeliest first; all if none is like it."""
    names = list(names)
    parts = [name for name in names if said.lower() in name.lower()]
    return list(dict.fromkeys([*get_close_matches(said, names), *parts]))[:5] or names


EMPTY: dict[str, Any] = {"sha256": "", "level": "", "verdicts": [], "note": ""}


def _refuse_same_names(checks: tuple[Check, ...]) -> None:
    """The public and the hidden file may have the same classes, but no check twice."""
    names = Counter(check.name for check in checks)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise TitoError(f"two checks are called {twice[0]}", "give one of them another name")


def _named(found: Found) -> dict[str, str]:
    return {"name": found.name, "student": found.student}


def late_days(found: Found, due: float | None) -> int:
    """Whole days begun after the due time; where only the name says late, one."""
    if due is None:
        return int(found.late)
    after = (found.time or due) - due
    return max(math.ceil(after / DAY), int(found.late), 0)


def _seed(plan: Plan, book: Path) -> int:
    """The one that was asked for, else the gradebook's own, else one that nobody can know."""
    if plan.seed is not None:
        return plan.seed
    return Gradebook(book, None).batch.seed if book.exists() else secrets.randbelow(2**31)


def fingerprint(course: Course, module: Module) -> str:
    """What a grade depends on besides the submission: reference, checks, names of mistakes."""
    files = [module.script, module.checks, module.hidden_checks]
    files.append(course.root / mistakes.FOLDER / f"{module.folder_name}.md")
    content = [file.read_bytes() if file.exists() else b"" for file in files]
    return hashlib.sha256(b"\0".join([__version__.encode(), *content])).hexdigest()


def exercise_names(module: Module) -> dict[str, str]:
    return {one.number: one.name for one in find_exercises(module.cells)}
