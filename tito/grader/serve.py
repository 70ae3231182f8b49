"""One judge of a batch: pytest, started once, runs the checks for each submission it is told of.

It is started with ROOT MODULE LEVEL LIMIT SEED (tito/grader/batch.py), reads a job a line from
standard input, and answers each with a line on standard output. What pytest prints goes nowhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import pytest

from tito.course import Course
from tito.grader.intake.find import Found, Source, Unreadable, read
from tito.grader.judge import Bench
from tito.grader.plugin import BENCHES, check_of, counted, is_check
from tito.grader.sandbox import NAMES
from tito.grader.verdict import PASSED, Graded, Verdict

NOT_NEEDED = ("cacheprovider", "logging", "unraisableexception", "threadexception")


class Loop:
    """A pytest plugin: its run loop takes submissions from a pipe."""

    def __init__(self, bench: Bench, limit: float, inbox: IO[str], outbox: IO[str]) -> None:
        self.bench, self.limit, self.inbox, self.outbox = bench, limit, inbox, outbox
        self.verdicts: list[Verdict] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        session.config.stash[BENCHES][self.bench.module.name] = self.bench
        items = [item for item in session.items if is_check(item)]
        # First the public ones: no reason that a learner sees can hold what a hidden one asked.
        asked = sorted(items, key=lambda item: check_of(item).hidden)
        if session.testsfailed or not items:
            return True  # the file of checks is broken: the batch hears nothing, and says so
        self.tell({"checks": [asdict(check_of(item)) for item in items]})
        for line in self.inbox:
            self.tell(self.grade(asked, json.loads(line)))
        return True

    def tell(self, what: dict[str, Any]) -> None:
        self.outbox.write(json.dumps(what) + "\n")
        self.outbox.flush()

    def grade(self, items: list[pytest.Item], job: dict[str, Any]) -> dict[str, Any]:
        """Run the checks, unless the submission was graded before as it is now."""
        path, others = Path(job["path"]), tuple(Path(one) for one in job["others"])
        found = Found(job["name"], job["student"], path, others=others)
        try:
            source = read(found, self.bench.module)
        except Unreadable as error:
            return {"graded": asdict(Graded(found.name, found.student, "", "", (), str(error)))}
        if source.sha256 == job["known"]:
            return {"same": True}
        named = {check_of(one).exercise for one in items if check_of(one).name in job["checks"]}
        # All checks of their exercises: a fixed one counts only beside a drawn one.
        wanted = [one for one in items if not job["checks"] or check_of(one).exercise in named]
        return {"graded": asdict(self.run(found, source, wanted))}

    def run(self, found: Found, source: Source, items: list[pytest.Item]) -> Graded:
        self.verdicts = []
        self.bench.take(source.cells, self.limit, source.outside)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        verdicts = tuple(self.named(items))
        told = self.bench.subject.notes() if self.bench.subject else []
        self.bench.let_go()
        note, level = "; ".join(filter(None, [source.note, *told])), NAMES[self.bench.level]
        return Graded(found.name, found.student, source.sha256, level, verdicts, note)

    def named(self, items: list[pytest.Item]) -> Iterator[Verdict]:
        """A mistake that explains all answers to an exercise is named before one for a check."""
        assert self.bench.subject
        exercises = {check.name: check.exercise for check in map(check_of, items)}
        for verdict in counted(self.verdicts, items):
            exercise, failed = exercises[verdict.check], verdict.category != PASSED
            asked = self.bench.subject.asked[exercise] if failed else []
            known = self.bench.known_mistake(exercise, asked)
            yield replace(verdict, mistake=known or verdict.mistake)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdict that the plugin left in the report."""
        told: dict[str, Any] = dict(report.user_properties).get("verdict")  # type: ignore
        if told:
            names = Verdict.__dataclass_fields__
            self.verdicts.append(Verdict(**{key: told[key] for key in names}))


def main() -> None:
    root, name, level, limit, seed = sys.argv[1:]
    inbox, outbox = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(quiet, number)
    course = Course(Path(root))
    module = course.module(name)
    bench = Bench(course, module, int(seed), int(level))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings = ["-c", str(course.root / "pyproject.toml"), "-s"]
    settings += ["--tb=native"]  # nobody reads it, and pytest's own takes longer than all checks
    settings += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # it is already imported
    settings += [part for name in NOT_NEEDED for part in ("-p", f"no:{name}")]
    loop = Loop(bench, float(limit), inbox, outbox)
    os.chdir(course.root)  # pytest takes `[` and `::` in a path for parts of a test's name
    files = map(module.show, module.check_files)
    status = pytest.main([*settings, *files], plugins=[loop])
    sys.exit(int(status))
