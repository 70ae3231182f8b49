"""Where the learner should look after a failure, and their own lines there."""

from __future__ import annotations

import re
import textwrap

from tito import console
from tito.course import Module
from tito.exercises import TEST_ID, Exercise, Region, find_exercises, find_regions, number_in
from tito.lines import split
from tito.notebook.cell import Cell
from tito.places import Frame, Place
from tito.stubs import STUB

CODE = 3  # lines of the learner's own


def own_code(frames: list[Frame], number: str, modules: list[Module], said: str) -> list[str]:
    """The line that ran last or, where a test refused what it returned, the whole answer.

    Of an exercise of several functions, the one that is named in what the test said.
    """
    place = own_line(frames, modules)
    lines = [place.source.strip()] if place and not STUB.search(place.source) else []
    if place is None:
        place, lines = _answer(number, modules, said)
    if place is None:
        return []
    where = f"{place.file} (in the notebook: cell {place.cell.ordinal}, line {place.line})"
    return [where, *(f"    {line}" for line in cut(lines, CODE))]


def cut(lines: list[str], most: int) -> list[str]:
    more = "…" if console.can_print("…") else "..."
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]} {more}"]


def in_answer(place: Place) -> bool:
    """Does the line stand between a pair of markers?"""
    regions = find_regions(place.cell.lines)
    return any(region.begin < place.line - 1 < region.end for region in regions)


def own_line(frames: list[Frame], modules: list[Module]) -> Place | None:
    """The innermost line of an answer, or else of a cell that is not a test or a helper."""
    places = [frame.place for frame in frames if frame.place]
    places = [place for place in places if place.module in modules]
    answers = [place for place in places if in_answer(place)]
    found = answers or [place for place in places if not _given(place.cell)]
    return found[-1] if found else None


def _given(cell: Cell) -> bool:
    return bool(cell.grade_id) and (not number_in(cell) or bool(TEST_ID.match(cell.grade_id)))


def _answer(number: str, modules: list[Module], said: str) -> tuple[Place | None, list[str]]:
    for module in modules:
        for exercise in find_exercises(module.cells) if number else []:
            if exercise.number == number:
                return _lines_of(module, exercise, said)
    return None, []


def _lines_of(module: Module, exercise: Exercise, said: str) -> tuple[Place | None, list[str]]:
    lines = exercise.cell.lines
    regions = [one for one in find_regions(lines) if one.number == exercise.number]
    named = [one for one in regions if _is_named(one, lines, said)] if len(regions) > 1 else regions
    if len(named) != 1:
        place = Place(module, exercise.cell, regions[0].begin + 2) if regions else None
        return place, []
    own = lines[named[0].begin + 1 : named[0].end] if exercise.written else []
    code = "\n".join(line for line in own if line.strip())
    return Place(module, exercise.cell, named[0].begin + 2), split(textwrap.dedent(code))


def _is_named(region: Region, lines: list[str], said: str) -> bool:
    """Does a message hold the name of the function, or of a class whose method it is?"""
    classes = re.findall(r"^class (\w+)", "\n".join(lines[: region.begin]), re.MULTILINE)
    names = {region.name, *(classes[-1:] if len(region.indent) > 4 else [])}
    return bool(names & {*re.findall(r"\w+", said)})
