"""What an instructor says of a batch, now and before, on the command line and in files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tito import console
from tito.course import Course, Module
from tito.errors import TitoError
from tito.grader import adjustments
from tito.grader.adjustments import Adjustment, Known, read_adjustments
from tito.grader.batch import near
from tito.grader.gradebook import Batch, Gradebook
from tito.grader.grades import Row, owner_count, rows
from tito.grader.intake import find as intake
from tito.grader.intake.find import Submission
from tito.grader.roster import FILE as ROSTER
from tito.grader.roster import HandedIn, read_roster
from tito.grader.terms import Lateness, Terms
from tito.grader.text import many
from tito.learner.source import course_here

BOOK = "gradebook.sqlite"


def course_of(name: str) -> tuple[Course, Module]:
    course = course_here()
    module = course.module(name)
    if not module.check_files:
        raise TitoError(f"no checks for {module.name}", f"write {module.show(module.checks)}")
    return course, module


def submissions_in(folder: Path, module: Module | None, to: Path) -> list[Submission]:
    """What is to be graded; where the module is given, with when it was handed in."""
    found = intake.find_submissions(folder, module)
    return [one for one in found if one.path.resolve() != to.resolve()]  # an earlier run's


def terms_now(
    book: Path,
    submissions: Path,
    late: dict[str, float | None],
    roster: Path | None,
    assignment: str | None,
) -> Terms:
    """What the gradebook was told, with what is said now."""
    kept = Gradebook(book, None).terms() if book.exists() else Terms()
    file = _roster_file(submissions, roster)
    return replace(
        kept,
        late=lateness_now(book, late),
        roster=read_roster(file) if file else kept.roster,
        assignment=_title(assignment) or kept.assignment,
        skipped=tuple(intake.skipped(submissions)),
    )


def _title(assignment: str | None) -> str:
    """Canvas passes over columns that look like its own totals."""
    if assignment and re.search("(Current|Final|Override) (Score|Points|Grade|Status)", assignment):
        fix = "call the assignment something else"
        raise TitoError(f"--assignment {assignment!r}: Canvas does not import such a column", fix)
    return (assignment or "").strip()


def _roster_file(submissions: Path, given: Path | None) -> Path | None:
    """The one that is named, else the one among the submissions, or beside their folder."""
    places = [submissions / ROSTER, submissions.absolute().parent / ROSTER]
    return given or next((file for file in places if file.exists()), None)


def lateness_now(book: Path, changes: dict[str, float | None]) -> Lateness:
    """What the gradebook was told, and what is said now in its place: that counts for all rows."""
    if not book.exists():
        return Lateness().with_changes(**changes)
    old = Gradebook(book, None).terms().late
    new = old.with_changes(**changes)
    if (new.due, new.grace) != (old.due, old.grace):
        console.note(f"due {_moment(new)}, not {_moment(old)}: days late are counted anew")
    if (new.percent, new.cap) != (old.percent, old.cap):
        console.note(f"a day late costs {_cost(new)}, not {_cost(old)}, in all rows")
    return new


def _cost(late: Lateness) -> str:
    most = f", {late.cap:g} % at most" if late.cap < 100 else ""
    return f"{late.percent:g} %{most}"


def _moment(late: Lateness) -> str:
    if late.due is None:
        return "at any time"
    grace = f" with {late.grace:g} hours of grace" if late.grace else ""
    return f"{datetime.fromtimestamp(late.due):%Y-%m-%d %H:%M}{grace}"


def adjusted(
    terms: Terms,
    batch: Batch,
    submissions: Path,
    found: Sequence[Submission],
    exercise_names: Mapping[str, str],
) -> Terms:
    """With what the file of adjustments says; where it is gone, what it said before stays."""
    path, beside = submissions / adjustments.FILE, submissions.absolute().parent
    if not path.exists():
        if terms.adjustments:
            lines = many(len(terms.adjustments), "line")
            console.note(f"{path} is gone, but not what it said: {lines}", "to drop that, empty it")
        elif (beside / adjustments.FILE).exists():
            console.note(f"{beside / adjustments.FILE} is not read", f"move it into {submissions}")
        return terms
    known = known_to(batch, rows(found, terms.roster, _by_name), exercise_names)
    read = read_adjustments(path, known)
    console.note(f"{many(len(read), 'adjustment')} from {path}")
    _tell_of_more(read, known, batch)
    return replace(terms, adjustments=read)


def _tell_of_more(read: Sequence[Adjustment], known: Known, batch: Batch) -> None:
    """More points than there are may be meant: an extra point, or a 3 typed twice."""
    for one in read:
        most = known.exercises[one.exercise][1] if one.exercise else batch.out_of
        if one.points is not None and one.points > most:
            whose = f"{one.name} {one.exercise}".strip()
            console.note(f"{whose} gets {one.points:g} points, of {most:g}")


def _by_name(one: HandedIn) -> tuple[float, str]:
    return 0, one.name


def known_to(batch: Batch, found: Sequence[Row], exercise_names: Mapping[str, str]) -> Known:
    """What a line of the adjustments may speak of."""
    most = {
        name: sum(c.points for c in batch.checks if c.exercise == name) for name in batch.exercises
    }
    exercises = {name: (exercise_names.get(name, ""), most[name]) for name in batch.exercises}
    names = [one.name for _, _, handed_in in found for one in handed_in]
    names += [label for _, label, _ in found]
    return Known(
        exercises,
        lambda name: owner_count(found, name),
        lambda name: " or ".join(near(name, dict.fromkeys(names))[:5]),
    )
