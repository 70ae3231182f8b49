"""What a learner is told about a submission, before it is written as a page.

A hidden check shows what kind of failure it was and which known mistake it looks like, never the
reason: that may hold its input. `line` alone decides this, for the pages and for Gradescope.
"""

from __future__ import annotations

from dataclasses import dataclass

from tito.grader.gradebook import Batch
from tito.grader.grades import Grade
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
    comment: str = ""  # an instructor's
    by_hand: str = ""  # that the points are not the checks', or that they do not count

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
    grade: Grade
    graded: Graded
    points: str
    share: float  # of all points, from 0 to 1
    by_hand: str  # that the total is not the sum, or that all of it is excused
    late: str
    comment: str  # an instructor's, about the whole
    sections: list[Section]

    @property
    def who(self) -> str:
        return self.grade.student or self.graded.name

    @property
    def next_exercise(self) -> Section | None:
        return next((section for section in self.sections if not section.passed), None)

    @property
    def next_step(self) -> str:
        """What to do next, in a sentence; `commands` says it in commands."""
        if not self.grade.graded:
            return "Nothing was handed in."
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


def feedback(batch: Batch, grade: Grade, exercise_names: dict[str, str]) -> Feedback:
    module, _, title = batch.module.partition("_")
    graded = grade.graded or Graded("", grade.student, "", "", ())
    found = batch.by_exercise(graded)
    return Feedback(
        module=module,
        title=title.replace("_", " "),
        grade=grade,
        graded=graded,
        points=out_of(grade.earned, grade.out_of),
        share=min(1, grade.earned / grade.out_of) if grade.out_of else 0,
        by_hand=_total_by_hand(grade),
        late=late(grade),
        comment=grade.comments.get("", ""),
        sections=[
            _section(grade, exercise, exercise_names.get(exercise, ""), results)
            for exercise, results in found.items()
        ],
    )


def _total_by_hand(grade: Grade) -> str:
    if grade.is_excused:
        return "Excused: this assignment does not count."
    if grade.total is None:
        return ""
    return f"Set by hand: the exercises add up to {number(sum(grade.points.values()))}."


def _section(
    grade: Grade, exercise: str, name: str, results: list[tuple[Check, Verdict]]
) -> Section:
    earned, most = grade.by_checks[exercise], sum(check.points for check, _ in results)
    points, by_hand = grade.points.get(exercise), ""
    if points is None:
        by_hand = "Excused: this exercise does not count."
    elif points != earned:
        by_hand = f"Set by hand: the checks gave {out_of(earned, most)}."
    shown = out_of(earned if points is None else points, most)
    comment = grade.comments.get(exercise, "")
    return Section(exercise, name, shown, [line(*one) for one in results], comment, by_hand)


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


def late(grade: Grade) -> str:
    """Empty for work in time."""
    if not grade.late_days:
        return ""
    days = f"{grade.late_days} day{'s' if grade.late_days > 1 else ''} late"
    counted = grade.earned * (1 - grade.deducted)
    return f"{days}: {number(counted)} points count" if grade.deducted else days
