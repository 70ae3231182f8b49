"""What lies on the desk: each submission with its grade and the lines that are written about it.

A page edits the line that is about all who share its submission, whatever name stands in it. A line
about one of them alone is shown beside it and stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from pathlib import Path

from tito import lines
from tito.course import Module
from tito.errors import TitoError
from tito.grader import adjustments
from tito.grader.adjustments import Adjustment, Known, put, read_adjustments, typed
from tito.grader.gradebook import Batch, Gradebook
from tito.grader.grades import Grade, grades, most_points, names_of, rows
from tito.grader.intake.find import Submission
from tito.grader.review.code import Answers, read_answers
from tito.grader.review.mask import Mask, names_in, words_of
from tito.grader.text import folded
from tito.grader.verdict import PASSED, Graded

FIELDS = ("points", "comment", "excused", "extension")
Reached = tuple[Adjustment, set[str], set[str]]  # a line, and the submissions that it reaches
Fields = dict[str, dict[str, str]]  # by exercise, "" for the whole, and column


class ChangedError(TitoError):
    """Somebody else wrote about the same submission meanwhile."""


@dataclass(frozen=True)
class Entry:
    """One submission, or a learner who handed in nothing."""

    learners: list[Grade]  # who share it
    own: dict[str, Adjustment]  # by exercise, the line that its page edits
    others: list[Adjustment]  # more lines that reach it
    exercises: list[str]
    failing: list[str]  # exercises with a check that did not pass
    names: frozenset[str]  # not to be shown
    usual: frozenset[str]  # the course's words

    @property
    def grade(self) -> Grade:
        return self.learners[0]

    @cached_property
    def mask(self) -> Mask:
        return Mask(self.names, self.usual)

    @property
    def id(self) -> str:
        return self.grade.anonymous

    @property
    def version(self) -> str:
        """Of all that is written about it."""
        told = [astuple(one) for one in (*self.own.values(), *self.others)]
        return hashlib.sha256(repr(sorted(told, key=repr)).encode()).hexdigest()[:16]

    def line(self, exercise: str) -> Adjustment:
        """The one that its page edits, which may be none yet."""
        name = self.grade.graded.name if self.grade.graded else self.grade.student
        return self.own.get(exercise) or Adjustment(name, exercise)

    @property
    def fields(self) -> Fields:
        """The lines as a form has them."""
        return {exercise: self.form(self.line(exercise)) for exercise in ["", *self.exercises]}

    def form(self, line: Adjustment) -> dict[str, str]:
        return {
            "points": "" if line.points is None else f"{line.points:.10g}",
            "comment": self.mask(lines.plain(line.comment)),
            "excused": "yes" if line.excused else "",
            "extension": str(line.extension or ""),
        }

    def changes(self, said: Fields, known: Known) -> tuple[list[Adjustment], Fields]:
        """What the form changes, and what is wrong with it."""
        found, wrong = list[Adjustment](), Fields()
        for exercise, before in self.fields.items():
            fields, line = said.get(exercise, before), self.line(exercise)
            if fields == before:
                continue
            new, errors = typed(line.name, exercise, fields, known)
            if fields["comment"] == before["comment"]:  # its own words, not as they are masked
                new = replace(new, comment=line.comment)
            found.append(new)
            wrong |= {exercise: errors} if errors else {}
        return found, wrong


@dataclass
class Desk:
    """The gradebook, the submissions and the file of adjustments of one batch."""

    book: Gradebook
    module: Module
    folder: Path  # the submissions'
    submissions: Mapping[str, Submission]  # by name
    known: Known
    is_anonymous: bool = False

    @property
    def batch(self) -> Batch:
        return self.book.batch

    @property
    def file(self) -> Path:
        return self.folder / adjustments.FILE

    @cached_property
    def usual(self) -> frozenset[str]:
        """The words of the course's own module."""
        return words_of(cell.source for cell in self.module.cells)

    def lines(self) -> tuple[Adjustment, ...]:
        """The file's; where it is gone, what it said before."""
        there = self.file.exists()
        return read_adjustments(self.file, self.known) if there else self.book.terms().adjustments

    def entries(self, said: Sequence[Adjustment]) -> dict[str, Entry]:
        """By id, in the order of names; of numbers, where there are no names."""
        terms, graded = replace(self.book.terms(), adjustments=tuple(said)), self.book.all()
        called: dict[str, list[set[str]]] = {}
        for row in rows(graded, terms.roster, most_points):
            key = row[2][0].name if row[2] else f"/{row[1]}"
            called.setdefault(key, []).append(names_of(row))
        shared: dict[str, list[Grade]] = {}
        for grade in grades(self.batch, graded, terms):
            shared.setdefault(grade.graded.name if grade.graded else grade.key, []).append(grade)
        reached = [(one, *_reached(one, called)) for one in said]
        found = [self._entry(key, learners, reached) for key, learners in shared.items()]
        ordered = sorted(found, key=lambda one: one.id) if self.is_anonymous else found
        return {one.id: one for one in ordered}

    def _entry(self, key: str, learners: list[Grade], reached: list[Reached]) -> Entry:
        about = [(one, keys, wholly) for one, keys, wholly in reached if key in keys]
        own = {one.exercise: one for one, keys, wholly in about if keys == wholly == {key}}
        others = [one for one, *_ in about if one not in own.values()]
        failing = self._failing(learners[0].graded)
        names = {name for one in learners for name in names_in(one) if self.is_anonymous}
        known = frozenset(names), self.usual
        return Entry(learners, own, others, self.batch.exercises, failing, *known)

    def _failing(self, graded: Graded | None) -> list[str]:
        found = self.batch.by_exercise(graded).items() if graded else ()
        return [name for name, every in found if any(one.category != PASSED for _, one in every)]

    def answers(self, entry: Entry) -> Answers:
        graded = entry.grade.graded
        name = graded.name if graded else ""
        return read_answers(self.submissions.get(name), self.module, entry.mask)

    def save(self, id_: str, version: str, said: Fields) -> Fields:
        """Write what a form says, all of it or nothing; return what is wrong with it."""
        wrong = Fields()

        def decide(stand: tuple[Adjustment, ...]) -> Sequence[Adjustment]:
            kept = () if self.file.exists() else self.book.terms().adjustments
            entry = self.entries((*stand, *kept))[id_]
            if entry.version != version:
                raise ChangedError(
                    f"{self.file.name} says something new about this one",
                    "nothing was saved; what it says now stands beside your words; "
                    "save again to put yours in its place",
                )
            changes, errors = entry.changes(said, self.known)
            wrong.update(errors)
            places = {(one.name, one.exercise) for one in changes}
            old = [one for one in kept if (one.name, one.exercise) not in places]
            return () if errors else (*old, *changes)

        put(self.file, decide, self.known)
        return wrong


def _reached(one: Adjustment, called: Mapping[str, list[set[str]]]) -> tuple[set[str], set[str]]:
    """The submissions that a line reaches, and those of them whose every learner it reaches."""
    names = {one.name, folded(one.name)}
    hits = {key: [bool(own & names) for own in learners] for key, learners in called.items()}
    return {key for key in hits if any(hits[key])}, {key for key in hits if all(hits[key])}
