"""What a learner is told about a submission, before it is written as a page.

A hidden check shows what kind of failure it was and which known mistake it looks like, never the
reason: that may hold its input. `line` alone decides this, for the pages and for Gradescope.
"""

from __future__ import annotations

from dataclasses import dataclass

from tito.grader.gradebook import Batch
from tito.grader.text import number
from tito.grader.verdict import PASSED, Check, Graded, Verdict

IN_WORDS = {
    "wrong value": "The result has a wrong value.",
    "wrong shape": "The result has a wrong shape.",
    "wrong type": "The result is of a wrong type.",
    "strange value": "The result is too large, or nothing that a check can read.",
    "not written": "This is not written yet.",
    "example only": "The example is right, but no check with other inputs is.",
    "error": "Your code raised an error.",
    "time limit": "It took too long; is there a loop that does not end?",
    "memory limit": "It took too much memory.",
    "process limit": "It started too many processes.",
    "crash": "It crashed Python.",
    "ended Python": "It ended Python before there was a result.",
    "sandbox lost": "It ended the process that watches it.",
    "not run": "This check did not run.",
}


@dataclass(frozen=True)
class Line:
    """One check, as its learner may see it."""

    exercise: str
    title: str
    passed: bool
    hidden: bool
    points: str  # "1 of 2"
    why: str  # our sentence; empty if the check passed
    reason: str  # may hold text from the submission; empty if the check is hidden
    mistake: str

    @property
    def mark(self) -> str:
        return "✓ passed" if self.passed else "✗ not passed"


@dataclass(frozen=True)
class Section:
    """One exercise."""

    number: str
    name: str
    points: str
    lines: list[Line]

    @property
    def heading(self) -> str:
        return f"{self.number} {self.name}".rstrip()

    @property
    def passed(self) -> bool:
        return all(line.passed for line in self.lines)


@dataclass(frozen=True)
class Feedback:
    """All that stands on one page."""

    module: str  # "12"
    title: str  # "attention"
    graded: Graded
    points: str
    share: float  # of all points, from 0 to 1
    late: str
    sections: list[Section]

    @property
    def who(self) -> str:
        return self.graded.student or self.graded.name

    @property
    def next_exercise(self) -> Section | None:
        return next((section for section in self.sections if not section.passed), None)

    @property
    def next_step(self) -> str:
        """What to do next, in a sentence; `commands` says it in commands."""
        if not self.graded.verdicts:
            return "Nothing could be graded. Correct what the note above says, and hand in again."
        if not self.next_exercise:
            return "Every check passes: there is nothing left to do here."
        return f"Begin with exercise {self.next_exercise.number}, {self.next_exercise.name}."

    @property
    def commands(self) -> dict[str, str]:
        """What to type, and what it does."""
        if not self.graded.verdicts or not self.next_exercise:
            return {}
        return {
            f"tito hint {self.next_exercise.number}": "a hint; again, a stronger one",
            f"tito module test {self.module}": "the tests in your notebook",
        }


def feedback(
    batch: Batch, graded: Graded, exercise_names: dict[str, str], late_percent: float = 0
) -> Feedback:
    module, _, title = batch.module.partition("_")
    sections = [
        _section(exercise, exercise_names.get(exercise, ""), results)
        for exercise, results in batch.by_exercise(graded).items()
    ]
    return Feedback(
        module=module,
        title=title.replace("_", " "),
        graded=graded,
        points=out_of(graded.points, batch.out_of),
        share=graded.points / batch.out_of if batch.out_of else 0,
        late=late(graded, late_percent),
        sections=sections,
    )


def _section(exercise: str, name: str, results: list[tuple[Check, Verdict]]) -> Section:
    earned = sum(verdict.points for _, verdict in results)
    points = out_of(earned, sum(check.points for check, _ in results))
    return Section(exercise, name, points, [line(*result) for result in results])


def line(check: Check, verdict: Verdict) -> Line:
    passed = verdict.category == PASSED
    return Line(
        exercise=check.exercise,
        title=check.title,
        passed=passed,
        hidden=check.hidden,
        points=out_of(verdict.points, check.points),
        why="" if passed else IN_WORDS.get(verdict.category, f"It failed: {verdict.category}."),
        reason="" if passed or check.hidden else verdict.reason,
        mistake="" if passed else verdict.mistake,
    )


def out_of(points: float, most: float) -> str:
    return f"{number(points)} of {number(most)}"


def final_points(graded: Graded, late_percent: float) -> float:
    """The points that count once lateness has cost its share."""
    return graded.points * max(0.0, 1 - late_percent * graded.late_days / 100)


def late(graded: Graded, late_percent: float) -> str:
    """Empty for work in time."""
    if not graded.late_days:
        return ""
    days = f"{graded.late_days} day{'s' if graded.late_days > 1 else ''} late"
    final = number(final_points(graded, late_percent))
    return f"{days}: {final} points count" if late_percent else days
