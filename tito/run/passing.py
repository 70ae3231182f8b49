"""Whether one exercise passes its inline test, whatever the others do."""

from __future__ import annotations

from tito.course import Module
from tito.exercises import TEST_ID, find_exercises
from tito.notebook.cell import Cell
from tito.run.process import run_child

TIME_LIMIT = 30.0  # seconds


def passes(module: Module, latest: list[Cell], number: str) -> bool:
    """Run the cells up to the exercise's test, without other tests and demonstrations."""
    written = {exercise.number: exercise.written for exercise in find_exercises(latest)}
    test = next((cell for cell in latest if cell.grade_id == f"test-{number}"), None)
    if test is None or not written.get(number):
        return False
    cells = [
        {"ordinal": cell.ordinal, "first_line": max(cell.first_line, 1), "code": cell.source}
        for cell in latest[: test.ordinal]
        if cell is test or _builds(cell)
    ]
    outcome = run_child(
        "cells", module.root, module.folder, TIME_LIMIT, file=str(module.script), cells=cells
    )
    return outcome.ended and outcome.exit_code == 0


def _builds(cell: Cell) -> bool:
    """The cell defines something, and is neither a test nor a demonstration."""
    shows = cell.source.startswith("if __name__")
    return cell.kind == "code" and not TEST_ID.match(cell.grade_id) and not shows
