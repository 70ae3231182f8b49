"""What an instructor decides by hand: points, comments, who is excused, who has more time.

They stand in `adjustments.csv` among the submissions, one a line, and change no verdict.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tito.errors import TitoError
from tito.files import BOM, atomic_write, lock
from tito.grader.table import Line, Sheet, read_sheet, read_table
from tito.lines import plain

FILE = "adjustments.csv"
MAX_COMMENT = 20_000  # characters: a CSV reader takes no cell of 131,073
COLUMNS = ("name", "exercise", "points", "comment", "excused", "extension")
YES, NO = ("yes", "y", "true", "1", "x"), ("", "no", "n", "false", "0")
Closest = Callable[[str], str]  # what a name may have been meant for


@dataclass(frozen=True)
class Adjustment:
    """One line: about an exercise, or, without one, about the whole."""

    name: str  # of a submission, a learner or a team
    exercise: str = ""  # "12.1"
    points: float | None = None  # in place of those that the checks give
    comment: str = ""
    excused: bool = False
    extension: int = 0  # days


@dataclass(frozen=True)
class Known:
    """What the lines may speak of."""

    exercises: Mapping[str, tuple[str, float]]  # number: name, points
    owners: Callable[[str], int]  # how many learners or teams a name stands for
    closest: Closest


def read_adjustments(path: Path, known: Known) -> tuple[Adjustment, ...]:
    found: dict[tuple[str, str], int] = {}
    adjustments = []
    for line in read_table(path, _column(path), "name"):
        adjustment = _adjustment(line, known)
        place = adjustment.name, adjustment.exercise
        if found.setdefault(place, line.number) != line.number:
            raise line.error(
                f"line {found[place]} is about {' '.join(place).strip()}, too",
                "make one line of the two",
            )
        adjustments.append(adjustment)
    return tuple(adjustments)


def _column(path: Path) -> Callable[[str], str]:
    def of(header: str) -> str:
        column = "extension" if header.startswith("extension") else header
        if header and column not in COLUMNS:
            raise TitoError(
                f"{path}, line 1: no column is called {header!r}",
                f"the columns are {', '.join(COLUMNS)}",
            )
        return column

    return of


class _Typed(Line):
    """What stands in the fields of a form: an error names no line."""

    def error(self, problem: str, fix: str) -> TitoError:
        return TitoError(problem, fix)


def typed(
    name: str, exercise: str, fields: Mapping[str, str], known: Known
) -> tuple[Adjustment, dict[str, str]]:
    """What a form says, and what is wrong with it, by column."""
    line, found, wrong = _Typed(Path(), 0, fields), Adjustment(name, exercise), dict[str, str]()
    ways: dict[str, Callable[[], Any]] = {
        "points": lambda: _points(line, exercise, known),
        "comment": lambda: _comment(line),
        "excused": lambda: _excused(line),
        "extension": lambda: _extension(line, exercise),
    }
    for column, read in ways.items():
        try:
            found = replace(found, **{column: read()})
        except TitoError as error:
            wrong[column] = f"{error.message}: {error.fix}"
    if found.excused and fields.get("points"):
        wrong["points"] = "points, and excused from them: leave one of the two empty"
    return found, wrong


def _comment(line: Line) -> str:
    said = plain(line["comment"]).strip()
    odd = next((one for one in said if ord(one) < 32 and one not in "\n\t"), "")
    if odd:
        raise line.error(f"a control character {odd!r} in it", "take it out")
    if len(said) > MAX_COMMENT:
        raise line.error(f"{len(said):,} characters", f"write {MAX_COMMENT:,} at most")
    return said


def _adjustment(line: Line, known: Known) -> Adjustment:
    exercise = _exercise(line, known)
    adjustment = Adjustment(
        _name(line, known),
        exercise,
        _points(line, exercise, known),
        line["comment"],
        _excused(line),
        _extension(line, exercise),
    )
    if adjustment == Adjustment(adjustment.name, exercise):
        raise line.error(
            "it changes nothing", "fill in points, comment, excused or extension, or take it out"
        )
    if adjustment.excused and adjustment.points is not None:
        raise line.error("points, and excused from them", "leave one of the two empty")
    return adjustment


def _name(line: Line, known: Known) -> str:
    name, owners = line["name"], known.owners(line["name"])
    if not name:
        raise line.error("no name", "write one as grades.csv has it")
    if owners == 0:
        raise line.error(f"nobody is called {name!r}", f"did you mean {known.closest(name)}?")
    if owners > 1:
        raise line.error(
            f"{name!r} stands for {owners} learners", "write the submission's name, or an id"
        )
    return name


def _exercise(line: Line, known: Known) -> str:
    said = re.sub(r"^exercise\s+", "", line["exercise"], flags=re.IGNORECASE)
    named = [number for number, (name, _) in known.exercises.items() if said in (number, name)]
    if not said or named:
        return named[0] if said else ""
    listed = ", ".join(known.exercises)
    raise line.error(f"no exercise {line['exercise']!r}", f"the exercises are {listed}")


def _points(line: Line, exercise: str, known: Known) -> float | None:
    if not line["points"]:
        return None
    try:
        points = float(line["points"].replace(",", "."))
    except ValueError:
        points = math.nan
    if not (math.isfinite(points) and points >= 0):
        raise line.error(f"points {line['points']!r} are no number from 0 on", "write 2 or 2.5")
    name, most = known.exercises[exercise] if exercise else ("", math.inf)
    if points > most:
        raise line.error(
            f"{points:g} points for exercise {exercise}, {name}, which has {most:g}",
            "more than that stands in a line without an exercise: it sets the total",
        )
    return points


def _excused(line: Line) -> bool:
    said = line["excused"].lower()
    if said not in YES + NO:
        raise line.error(
            f"excused {line['excused']!r} is neither yes nor no", "write yes, or nothing"
        )
    return said in YES


def _extension(line: Line, exercise: str) -> int:
    said = line["extension"]
    if not re.fullmatch(r"\d{0,4}", said):
        raise line.error(f"extension {said!r} is no whole number of days", "write 2, or nothing")
    if said and exercise:
        raise line.error(
            "an extension of one exercise", "leave the exercise empty: it is for the whole"
        )
    return int(said or 0)


Decide = Callable[[tuple[Adjustment, ...]], Sequence[Adjustment]]


def put(path: Path, decide: Decide, known: Known) -> None:
    """Write lines that are decided on from those that stand there; all others keep their bytes.

    A line takes the place of the one of its name and exercise; where nothing is in it, it goes.
    """
    with lock(path.parent):
        stand = read_adjustments(path, known) if path.exists() else ()
        changes = decide(stand)
        if not changes:
            return
        sheet = read_sheet(path, _column(path), "name") if path.exists() else _new_sheet()
        mark = BOM if not path.exists() or path.read_bytes().startswith(BOM) else b""
        lines = {(line["name"], _exercise(line, known)): line for line in sheet.lines}
        for one in changes:
            sheet.put(lines.get((one.name, one.exercise)), _cells(one))
        atomic_write(path, mark + sheet.text.encode("utf-8"))


def _new_sheet() -> Sheet:
    return Sheet(",".join(COLUMNS) + "\r\n", [*COLUMNS], [])


def _cells(one: Adjustment) -> dict[str, str]:
    """Of an adjustment that changes nothing, none."""
    if one == Adjustment(one.name, one.exercise):
        return {}
    return {
        "name": one.name,
        "exercise": one.exercise and f"exercise {one.exercise}",
        "points": "" if one.points is None else f"{one.points:.10g}",
        "comment": one.comment,
        "excused": "yes" if one.excused else "",
        "extension": str(one.extension or ""),
    }
