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
from tito.run import runner
from tito.run.environment import THREADS
from tito.run.failure import Failure
from tito.run.process import Outcome, run_child

LIMIT = 10.0  # seconds


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
    go_on: bool = False,
    beat: Callable[[], None] = lambda: None,
) -> Trial:
    """Run up to the first failure or, with `go_on`, everything."""
    trial = Trial(module, find_exercises(module.cells))
    trial.damage = damages(Course(module.root), module, module.cells)
    outcome = run_child(
        "cells",
        module.root,
        module.folder,
        limit,
        beat=beat,
        settings=dict.fromkeys(THREADS, "1"),
        file=str(module.script),
        cells=_needed(module),
        go_on=go_on,
    )
    _read(trial, outcome)
    return trial


def _needed(module: Module) -> list[dict[str, Any]]:
    """The cells up to the last test; in one that was given, `__name__` is not `__main__`."""
    tests = [cell.ordinal for cell in module.cells if TEST_ID.match(cell.grade_id)]
    cells = runner.packed(module, module.cells[: max(tests, default=None)])
    given = {cell.ordinal for cell in module.cells if cell.grade_id and not number_in(cell)}
    return [
        {**cell, "name": module.script.stem} if cell["ordinal"] in given else cell for cell in cells
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
