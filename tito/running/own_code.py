"""Where the learner should look after a failure, and their own lines there."""

from __future__ import annotations

import textwrap

from tito.exercises import TEST_ID, Exercise, find_regions
from tito.notebooks.cell import Cell
from tito.notebooks.linemap import Place
from tito.running.failure import Failure, in_answer, number_in
from tito.running.trial import Trial
from tito.stubs import STUB


def own_code(trial: Trial, failure: Failure) -> tuple[Place | None, list[str]]:
    """The line that ran last or, where a test refused what it returned, the whole answer."""
    place = _own_line(trial, failure)
    if place is None:
        return _answer(trial, trial.current) if trial.current else (None, [])
    return place, [] if STUB.search(place.source) else [place.source.strip()]


def _own_line(trial: Trial, failure: Failure) -> Place | None:
    """The innermost line of an answer, or else of a cell that is not a test or a helper."""
    places = [frame.place for frame in failure.frames if frame.place]
    places = [place for place in places if place.module.number == trial.module.number]
    answers = [place for place in places if in_answer(place)]
    found = answers or [place for place in places if not _given(place.cell)]
    return found[-1] if found else None


def _given(cell: Cell) -> bool:
    return bool(cell.grade_id) and (not number_in(cell) or bool(TEST_ID.match(cell.grade_id)))


def _answer(trial: Trial, exercise: Exercise) -> tuple[Place | None, list[str]]:
    lines = exercise.cell.lines
    for region in find_regions(lines):
        if region.number == exercise.number:
            own = lines[region.begin + 1 : region.end] if exercise.written else []
            place = Place(trial.module, exercise.cell, region.begin + 2)
            code = "\n".join(line for line in own if line.strip())
            return place, textwrap.dedent(code).splitlines()
    return None, []
