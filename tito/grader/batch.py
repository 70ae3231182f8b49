"""A whole batch: pytest processes that grade, with the gradebook as their queue.

Each judge is a pytest that collects the checks once; then it claims one submission after another,
runs the checks on it, and puts the grade in its place. The process that started them looks after
them. A killed run loses what was being graded at that moment, and the next run does the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from threading import Event, Thread

import pytest

from tito import __version__
from tito.course import Course, Module
from tito.errors import TitoError
from tito.exercises import find_exercises, strip_answers
from tito.grader import other_answers
from tito.grader.alike import prints
from tito.grader.gradebook import Batch, Gradebook, Job
from tito.grader.intake.extract import Cells
from tito.grader.intake.find import Source, Submission, Unreadable, read_submission
from tito.grader.intake.limits import within_limits
from tito.grader.judge import LIMIT, Session, own_cells
from tito.grader.plugin import SESSIONS, VERDICT, check_of, counted, is_check
from tito.grader.sandbox import NAMES
from tito.grader.terms import Terms
from tito.grader.verdict import PASSED, Check, Graded, Verdict
from tito.run.environment import chosen

BEAT = 0.05  # seconds between two looks at the judges
HOUR = 60 * 60.0  # at the usual limit: more than all the probes of one submission can take
ENDED = "it ended the judge itself: look at it by hand"
LOST = "its judge did not come back: look at it by hand"
HOME = Path(__file__).parents[2]
START = """
import sys
home = sys.argv.pop(1)  # this very tito, whatever else is installed, and not the caller's folder
sys.path[:1] = [] if home in sys.path else [home]
from tito.grader.batch import judge
judge()
"""
_POINTS = re.compile(rb"[ \t]*@?\bpytest\.mark\.points\([^()]*\)[ \t]*\r?\n?")
NOT_NEEDED = ("cacheprovider", "logging", "unraisableexception", "threadexception")


@dataclass(frozen=True)
class Plan:
    """What to grade, with what, and how."""

    course: Course
    module: Module
    level: int
    seed: int | None = None  # None: the gradebook's own, or a new one drawn
    jobs: int = 1
    limit: float = LIMIT
    again: frozenset[str] = frozenset()  # names of submissions to grade anew
    checks: tuple[str, ...] = ()  # names of the only checks to grade anew


class Run:
    """The judges of a batch, and their gradebook."""

    def __init__(self, plan: Plan, book: Path) -> None:
        self.plan, self.seed = plan, _seed(plan, book)
        self.book = book.absolute()  # a judge works in the course's folder
        self.deaths: Counter[str] = Counter()  # of judges, by what they had claimed
        first = Judge(plan, self.book, self.seed, subprocess.PIPE)
        self.judges = [first]
        try:
            self.gradebook = self._open(first.checks())
        except BaseException:
            first.close()
            raise

    def _open(self, checks: tuple[Check, ...]) -> Gradebook:
        module = self.plan.module
        if not checks:
            raise _broken(module)
        _refuse_same_names(checks)
        self.checks = _wanted(self.plan.checks, [check.name for check in checks])
        content = fingerprint(self.plan.course, module)
        batch = Batch(module.folder_name, self.seed, checks, content)
        return Gradebook(self.book, batch, renew=bool(self.checks))

    def close(self) -> None:
        while self.judges:
            self.judges.pop().close()

    def grade(self, found: list[Submission], terms: Terms = Terms()) -> Iterator[str]:  # noqa: B008
        """Grade what is not graded yet, or not as it is now; tell each name when it is done."""
        self.gradebook.set_terms(terms)
        yield from self.work({one.name: self._job(one, terms) for one in found})

    def work(self, jobs: dict[str, Job]) -> Iterator[str]:
        self.jobs = jobs
        self.gradebook.enqueue(jobs)
        self.judges[0].begin()
        for _ in range(1, min(self.plan.jobs, len(jobs))):
            self._start()
        left = set(jobs)
        try:
            while left:
                done = left - self._look()
                yield from sorted(done)
                left -= done
                time.sleep(BEAT)
        finally:
            self.close()

    def _job(self, found: Submission, terms: Terms) -> Job:
        names = [check.name for check in self.gradebook.batch.checks]
        return {
            "name": found.name,
            "student": found.student,
            "path": str(found.path.absolute()),
            "others": [str(path.absolute()) for path in found.others],
            "late_days": terms.late.days(found.time, found.late),
            "ids": found.ids,
            "anew": self.checks or (names if found.name in self.plan.again else []),
        }

    def _start(self) -> None:
        self.judges.append(Judge(self.plan, self.book, self.seed))
        self.judges[-1].begin()

    def _look(self) -> set[str]:
        """See to the judges that ended, or hang; return the names that are still in the queue."""
        ended = [judge for judge in self.judges if judge.process.poll() is not None]
        queue = self.gradebook.queue()  # after that: what they had claimed is in it for good
        claims = {judge: name for name, judge in queue.items()}
        for judge in self.judges:
            judge.watch(claims.get(judge.name, ""), HOUR * max(1, self.plan.limit / LIMIT))
        for judge in ended:
            self.judges.remove(judge)
            judge.close()
            if judge.process.returncode:
                self._replace(judge, claims.get(judge.name, ""))
        return set(queue)

    def _replace(self, judge: Judge, claimed: str) -> None:
        """What a dead judge had claimed is tried once more; then it has no grade but a note."""
        self.deaths[claimed] += 1
        if self.deaths[claimed] == 1:
            self.gradebook.give_back(judge.name)
        elif claimed:
            job = self.jobs[claimed]
            known = job["student"], "", "", (), judge.note, job["late_days"], tuple(job["ids"])
            graded = Graded(claimed, *known)
            self.gradebook.finish(judge.name, graded)
        else:
            raise _broken(self.plan.module)
        if None in self.gradebook.queue().values():  # somebody has to grade it
            self._start()


class Judge:
    """A process that grades (`judge` below); it ends when this one is gone."""

    def __init__(self, plan: Plan, book: Path, seed: int, told: int = subprocess.DEVNULL) -> None:
        self.name, self.note = secrets.token_hex(8), ENDED
        self.claimed, self.since = "", 0.0
        words = [HOME, plan.course.root, plan.module.number, plan.level, plan.limit, seed, book]
        self.process = subprocess.Popen(
            [sys.executable, "-E", "-c", START, *map(str, words), self.name],
            env=chosen(),
            stdin=subprocess.PIPE,
            stdout=told,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def checks(self) -> tuple[Check, ...]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        return tuple(Check(**check) for check in json.loads(line or "[]"))

    def begin(self) -> None:
        assert self.process.stdin
        with suppress(OSError):  # it is gone already: `Run` sees that
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()

    def watch(self, claimed: str, patience: float) -> None:
        if claimed != self.claimed:
            self.claimed, self.since = claimed, time.monotonic()
        elif claimed and time.monotonic() > self.since + patience:
            self.note = LOST
            self.process.kill()

    def close(self) -> None:
        self.process.communicate()


class Loop:
    """A pytest plugin, in a judge: its run loop takes submissions from the gradebook."""

    def __init__(self, session: Session, limit: float, book: Path, name: str) -> None:
        self.session, self.limit, self.book, self.name = session, limit, book, name
        self.inbox, self.outbox = os.dup(0), os.dup(1)
        self.parent_gone, self.finished = Event(), False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        session.config.stash[SESSIONS][self.session.module.name] = self.session
        items = [item for item in session.items if is_check(item)]
        if session.testsfailed or not items:
            return True  # the file of checks is broken: the batch hears nothing, and says so
        told = json.dumps([asdict(check_of(item)) for item in items]) + "\n"
        with os.fdopen(self.outbox, "w") as outbox:
            outbox.write(told)
        if os.read(self.inbox, 1):
            Thread(target=self._wait_for_parent, daemon=True).start()
            self._work(items)
        return True

    def _wait_for_parent(self) -> None:
        """Its end of the pipe is closed when it ends, whatever ended it."""
        while os.read(self.inbox, 1):
            pass
        self.parent_gone.set()

    def _work(self, items: list[pytest.Item]) -> None:
        book = Gradebook(self.book, None)
        # First the public ones: no reason that a learner sees can hold what a hidden one asked.
        asked = sorted(items, key=lambda item: check_of(item).hidden)
        while claimed := book.claim(self.name):
            job, before = claimed
            known = {"late_days": job["late_days"], "ids": tuple(job["ids"])}
            book.finish(self.name, replace(self.grade(asked, job, before), **known))
        self.finished = True

    def grade(self, items: list[pytest.Item], job: Job, before: Graded | None) -> Graded:
        """Run the checks, unless the submission was graded before as it is now."""
        try:
            source = read(job, self.session.module)
        except Unreadable as error:
            return unreadable(job, error)
        if not before or before.sha256 != source.sha256:
            return self.run(job, source, items)
        named = {check_of(one).exercise for one in items if check_of(one).name in job["anew"]}
        # All checks of their exercises: a fixed one counts only beside a drawn one.
        wanted = [one for one in items if check_of(one).exercise in named]
        graded = self.run(job, source, wanted) if wanted else before
        verdicts = {one.check: one for one in (*before.verdicts, *graded.verdicts)}
        return replace(graded if wanted == items else before, verdicts=tuple(verdicts.values()))

    def run(self, job: Job, source: Source, items: list[pytest.Item]) -> Graded:
        self.session.open(source.cells, self.limit, source.outside)
        for item, following in zip(items, [*items[1:], None], strict=True):
            if self.parent_gone.is_set():
                pytest.exit("nobody waits for a grade")
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        verdicts = tuple(self.named(items))
        told = self.session.sandboxed.notes() if self.session.sandboxed else []
        self.session.close_submission()
        note, level = "; ".join(filter(None, [source.note, *told])), NAMES[self.session.level]
        known = job["name"], job["student"], source.sha256, level, verdicts, note
        return Graded(*known, answers=own_answers(source.cells, self.session.module))

    def named(self, items: list[pytest.Item]) -> Iterator[Verdict]:
        """A mistake that explains all answers to an exercise is named before one for a check."""
        assert self.session.sandboxed
        answers, last = self.session.sandboxed.asked, self.session.sandboxed.own_tests
        exercises = {check.name: check.exercise for check in map(check_of, items)}
        for verdict in counted([item.stash[VERDICT] for item in items], items):
            exercise, failed = exercises[verdict.check], verdict.category != PASSED
            asked = answers[exercise] + last[exercise] if failed else []
            known = self.session.known_mistake(exercise, asked)
            yield replace(verdict, mistake=known or verdict.mistake)


def read(job: Job, module: Module) -> Source:
    """The learner's module; what another machine has read already comes with the job."""
    if "source" in job:
        cells, note, outside = job["source"]
        return Source(_pairs(cells), note, _pairs(outside))
    path, others = Path(job["path"]), tuple(Path(one) for one in job["others"])
    return read_submission(Submission(job["name"], job["student"], path, others=others), module)


def _pairs(cells: list[list[str]]) -> Cells:
    return tuple((name, code) for name, code in cells)


def unreadable(job: Job, error: Unreadable) -> Graded:
    return Graded(job["name"], job["student"], "", "", (), str(error))


def own_answers(cells: Cells, module: Module) -> tuple[tuple[str, str], ...]:
    """What stands in a cell and is not the course's, written down to be compared with others'."""
    with suppress(Unreadable):
        found = [(cell, digest) for cell, digest in within_limits(prints, cells)]
        return tuple(one for one in found if one not in _of_course(module))
    return ()


@cache
def _of_course(module: Module) -> set[tuple[str, str]]:
    cells = [cell for cell in own_cells(module)]
    stubs = [(name, strip_answers(code)) for name, code in cells]
    return {(cell, digest) for cell, digest in prints([*cells, *stubs])}


def judge() -> None:
    """What a judge's process does; what pytest prints goes nowhere."""
    root, name, level, limit, seed, book, own_name = sys.argv[1:]
    course = Course(Path(root))
    module = course.module(name)
    session = Session(course, module, int(seed), int(level))
    loop = Loop(session, float(limit), Path(book), own_name)
    quiet = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(quiet, number)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings = ["-c", str(course.root / "pyproject.toml"), "-s"]
    settings += ["--tb=native"]  # nobody reads it, and pytest's own takes longer than all checks
    settings += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # it is already imported
    settings += [part for name in NOT_NEEDED for part in ("-p", f"no:{name}")]
    os.chdir(course.root)  # pytest takes `[` and `::` in a path for parts of a test's name
    pytest.main([*settings, *map(module.show, module.check_files)], plugins=[loop])
    sys.exit(not loop.finished)


def _broken(module: Module) -> TitoError:
    files = " ".join(map(module.show, module.check_files))
    return TitoError(f"the checks cannot be run: {files}", f"`pytest {files}`")


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


def _refuse_same_names(checks: tuple[Check, ...]) -> None:
    """The public and the hidden file may have the same classes, but no check twice."""
    names = Counter(check.name for check in checks)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise TitoError(f"two checks are called {twice[0]}", "give one of them another name")


def _seed(plan: Plan, book: Path) -> int:
    """The one that was asked for, else the gradebook's own, else one that nobody can know."""
    if plan.seed is not None:
        return plan.seed
    return Gradebook(book, None).batch.seed if book.exists() else secrets.randbelow(2**31)


def fingerprint(course: Course, module: Module) -> str:
    """What a grade depends on besides the submission: reference, checks, names of mistakes."""
    files = [module.script, module.own_checks, module.checks, module.hidden_checks]
    files.append(course.root / other_answers.FOLDER / f"{module.folder_name}.md")
    content = [file.read_bytes() if file.exists() else b"" for file in files]
    content = [_POINTS.sub(b"", one) for one in content]  # what a check is worth is no part of it
    return hashlib.sha256(b"\0".join([__version__.encode(), *content])).hexdigest()


def exercise_names(module: Module) -> dict[str, str]:
    return {one.number: one.name for one in find_exercises(module.cells)}
