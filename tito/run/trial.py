"""Try the exercises of a module: which pass, and what went wrong.

Only what the inline tests need runs: the cells up to the last test, without demonstrations, and
with one thread for linear algebra, since on a busy machine more of them wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tito.course import Course, Module
from tito.damage import Damage, damages
from tito.exercises import TEST_ID, Exercise, find_exercises, number_in
from tito.lines import plain
from tito.notebook.cell import Cell
from tito.run.environment import THREADS
from tito.run.failure import Failure
from tito.run.process import Outcome, run_child

LIMIT = 10.0  # seconds, where only the tests run
ONE_LIMIT = 30.0  # for one test
TIME_LIMIT = 120.0  # for every cell


@dataclass
class Trial:
    """What became of a run; a failure is filed under the number of the cell it happened in."""

    module: Module
    exercises: list[Exercise]
    passed: list[str] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)

    @property
    def failure(self) -> Failure | None:
        return next(iter(self.failures.values()), None)

    @property
    def untested(self) -> list[Exercise]:
        """Exercises of which no test passed: without a failure, their test cell is gone."""
        return [one for one in self.exercises if one.number not in self.passed]

    @property
    def current(self) -> Exercise | None:
        """The exercise that the first failure is about."""
        number = self.failure.number if self.failure else ""
        return next((one for one in self.exercises if one.number == number), None)

    @property
    def passes(self) -> bool:
        return not (self.failures or self.untested or self.unjudged)

    @property
    def unjudged(self) -> list[Damage]:
        return [one for one in self.damage if one.number and one.unjudged]

    def state(self, exercise: Exercise) -> str:
        """passes, fails, to write, or written: not known to do either."""
        if exercise.number in self.passed:
            return "passes"
        if not exercise.written:
            return "to write"
        failure = self.failures.get(exercise.number)
        return "fails" if failure and failure.number == exercise.number else "written"


def run(
    module: Module,
    limit: float = LIMIT,
    cells: Callable[[Module], list[dict[str, Any]]] | None = None,
    go_on: bool = False,
    output: str = "kept",
    beat: Callable[[], None] = lambda: None,
    child: Callable[..., Outcome] | None = None,
) -> Trial:
    """Run what the tests need, or the `cells` that are asked for, up to the first failure.

    With `go_on`, the cells below a failure run, too. A browser has no processes: there another
    `child` runs them.
    """
    trial = Trial(module, find_exercises(module.cells), damage=damages(Course(module.root), module))
    outcome = (child or run_child)(
        "cells",
        module.root,
        module.folder,
        limit,
        output,
        beat,
        settings=dict.fromkeys(THREADS, "1"),
        file=str(module.script),
        cells=(cells or needed)(module),
        go_on=go_on,
    )
    _read(trial, outcome)
    return trial


def everything(module: Module) -> list[dict[str, Any]]:
    """Each code cell as the child takes it, with the text and the line numbers of the `.py`."""
    return [
        {
            "ordinal": cell.ordinal,
            "first_line": max(cell.begin, 1),
            "code": plain(cell.raw) or cell.source,
        }
        for cell in module.cells
        if cell.kind == "code"
    ]


def needed(module: Module) -> list[dict[str, Any]]:
    """The cells up to the last test; in one that was given, `__name__` is not `__main__`."""
    last = max((one.ordinal for one in module.cells if TEST_ID.match(one.grade_id)), default=None)
    given = {cell.ordinal for cell in module.cells if cell.grade_id and not number_in(cell)}
    return _up_to(module, last, given)


def passes(module: Module, number: str) -> bool:
    """Does one exercise pass its own test, whatever the others do?"""
    written = {one.number for one in find_exercises(module.cells) if one.written}
    if number not in written or not tests(module, number):
        return False
    return not run(module, ONE_LIMIT, lambda module: one_test(module, number)).failures


def one_test(module: Module, number: str) -> list[dict[str, Any]]:
    """The cells up to the test of one exercise; no other test runs."""
    (test,) = tests(module, number)[:1]
    return _up_to(module, test.ordinal, {cell.ordinal for cell in module.cells if cell is not test})


def tests(module: Module, number: str) -> list[Cell]:
    return [cell for cell in module.cells if cell.grade_id == f"test-{number}"]


def _up_to(module: Module, last: int | None, silent: set[int]) -> list[dict[str, Any]]:
    """The cells up to one; what a silent cell guards with `__name__` does not run."""
    silence = {"name": module.script.stem}
    return [
        {**cell, **(silence if cell["ordinal"] in silent else {})}
        for cell in everything(module)
        if last is None or cell["ordinal"] <= last
    ]


def _read(trial: Trial, outcome: Outcome) -> None:
    failed = [record["failed"] for record in outcome.records if "failed" in record]
    if not outcome.ended or (outcome.exit_code and not failed):
        failed.append(outcome.broken_off)
    course, cells = Course(trial.module.root), trial.module.cells
    for one in failed:
        number = number_in(cells[one["cell"] - 1]) if one["cell"] else ""
        failure = Failure.read(course, one, trial.module, {})
        trial.failures.setdefault(number, failure)
    bad = {one["cell"] for one in failed}
    ran = [cells[r["start"] - 1] for r in outcome.records if "start" in r and r["start"] not in bad]
    tests = [TEST_ID.match(cell.grade_id) for cell in ran]
    trial.passed = [match[1] for match in tests if match and match[1] not in trial.failures]
