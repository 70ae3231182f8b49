"""What each learner gets: verdicts, adjustments and lateness together, a row for each.

Without a roster a row is a submission. With one it is a learner: a team's work is a row for each
of its members, and who handed in nothing has a row as well.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tito.grader.adjustments import Adjustment
from tito.grader.gradebook import Batch
from tito.grader.roster import HandedIn, Owners, Person, labels
from tito.grader.terms import Terms
from tito.grader.text import folded
from tito.grader.verdict import Graded

NOTHING = "nothing handed in"
Row = tuple[Person | None, str, list[HandedIn]]  # a learner, their label, what they handed in


@dataclass(frozen=True)
class Grade:
    """One learner's grade for one assignment."""

    key: str  # unique: the submission's name, and the learner's where several share it
    student: str
    person: Person | None
    graded: Graded | None  # None: nothing handed in
    points: dict[str, float]  # by exercise, as adjusted; one that is excused is not in it
    by_checks: dict[str, float]  # what the checks gave
    comments: dict[str, str]  # by exercise; "" is the whole
    total: float | None  # given for the whole, in place of the sum
    out_of: float  # without what is excused
    late_days: int
    deducted: float  # the share that lateness costs, from 0 to 1
    scale: float  # the whole assignment's points for each of `out_of`
    note: str
    anonymous: str

    @property
    def earned(self) -> float:
        return sum(self.points.values()) if self.total is None else self.total

    @property
    def is_excused(self) -> bool:
        return not self.out_of

    @property
    def final(self) -> float | None:
        """What counts, of the whole assignment's points; None: excused from all of it."""
        return None if self.is_excused else self.earned * self.scale * (1 - self.deducted)


def grades(batch: Batch, submissions: Iterable[Graded], terms: Terms) -> list[Grade]:
    """Sorted by name: with a roster the learners', else the submissions'."""
    found = rows(list(submissions), terms.roster, most_points)
    shared = Counter(handed_in[0].name for _, _, handed_in in found if handed_in)
    made = [_grade(batch, row, terms, shared) for row in found]
    return sorted(made, key=lambda one: (one.student if terms.roster else "", one.key))


def most_points(one: HandedIn) -> tuple[float, str]:
    return (-one.points if isinstance(one, Graded) else 0), one.name


def rows(
    submissions: Sequence[HandedIn],
    people: Sequence[Person],
    best: Callable[[HandedIn], tuple[float, str]],
) -> list[Row]:
    """Each learner with what they handed in, the one that counts first; then what is nobody's."""
    owners, handed_in = Owners(people), {person: list[HandedIn]() for person in people}
    nobodys: list[Row] = []
    for one in submissions:
        found = owners.of(one)
        for person in found:
            handed_in[person].append(one)
        if not found:
            nobodys.append((None, one.student, [one]))
    named = zip(people, labels(people), strict=True)
    return [
        *((one, label, sorted(handed_in[one], key=best)) for one, label in named),
        *nobodys,
    ]


def names_of(row: Row) -> set[str]:
    """What a line of the adjustments may call this learner; a submission by its very name."""
    person, label, handed_in = row
    said = {one.name for one in handed_in}
    if person:
        of_person = {label, person.name, person.team, person.email, person.login}
        return said | {folded(one) for one in of_person | {person.id, person.sid}} - {""}
    return said | {folded(one.student) for one in handed_in} - {""}


def owner_count(found: Sequence[Row], name: str) -> int:
    """How many learners a name stands for; a team, or those who share a submission, is one."""
    called = [row for row in found if names_of(row) & {name, folded(name)}]
    together = {row[0].team for row in called if row[0]} if len(called) > 1 else set()
    shared = any(name == one.name for row in called for one in row[2])
    return 1 if shared or (len(together) == 1 and "" not in together) else len(called)


def _grade(batch: Batch, row: Row, terms: Terms, shared: Counter[str]) -> Grade:
    person, label, handed_in = row
    graded = handed_in[0] if handed_in else None
    assert graded is None or isinstance(graded, Graded)
    names = names_of(row)
    said = [one for one in terms.adjustments if names & {one.name, folded(one.name)}]
    given = {one.exercise: one.points for one in said if one.points is not None}
    excused = {one.exercise for one in said if one.excused}
    by_checks = _by_checks(batch, graded)
    counted = [name for name in by_checks if not excused & {"", name}]
    out_of = sum(check.points for check in batch.checks if check.exercise in counted)
    extension = max((one.extension for one in said), default=0)
    late_days = max(0, graded.late_days - extension) if graded else 0
    key = _key(graded, label, shared)
    return Grade(
        key=key,
        student=label,
        person=person,
        graded=graded,
        points={name: given.get(name, by_checks[name]) for name in counted},
        by_checks=by_checks,
        comments=_comments(said),
        total=given.get("") if counted else None,
        out_of=out_of,
        late_days=late_days,
        deducted=terms.late.deducted(late_days),
        scale=batch.out_of / out_of if out_of else 0,
        note=_note(handed_in),
        anonymous="a" + hashlib.sha256(f"{batch.seed} {key!a}".encode()).hexdigest()[:9],
    )


def _by_checks(batch: Batch, graded: Graded | None) -> dict[str, float]:
    if graded is None:
        return dict.fromkeys(batch.exercises, 0)
    found = batch.by_exercise(graded).items()
    return {name: sum(verdict.points for _, verdict in results) for name, results in found}


def _key(graded: Graded | None, label: str, shared: Counter[str]) -> str:
    """No submission's name holds a slash, so no key is another's."""
    if graded is None:
        return f"/{label}"
    return graded.name if shared[graded.name] == 1 else f"{graded.name}/{label}"


def _comments(said: Iterable[Adjustment]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in said:
        if one.comment:
            found[one.exercise] = " ".join(filter(None, [found.get(one.exercise), one.comment]))
    return found


def _note(handed_in: Sequence[HandedIn]) -> str:
    if not handed_in:
        return NOTHING
    first, *others = handed_in
    assert isinstance(first, Graded)
    more = f"of several, the one with most points: also {', '.join(one.name for one in others)}"
    return "; ".join(filter(None, [first.note, more if others else ""]))
