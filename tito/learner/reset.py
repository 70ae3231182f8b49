"""Put a stub back in place of what was written: a whole module's, or one exercise's.

The old files are copied first. A kill between two writes leaves a pair that the next `tito sync`,
or the same reset again, brings together.
"""

from __future__ import annotations

from pathlib import Path

from tito import files, sync
from tito.course import Course, Module
from tito.errors import CodeError, TitoError
from tito.exercises import BEGIN, cells_of, strip_answers
from tito.learner import answers, source
from tito.learner.folder import RENEW, given_text
from tito.lines import plain
from tito.notebook import percent
from tito.notebook.cell import Cell, name_cells
from tito.notebook.cells import read_text


def stub_of(course: Course, module: Module) -> str:
    """The module as the course gave it."""
    given = given_text(course, module)
    if given is not None:
        return given
    origin = source.reference(course).module(module.folder_name)
    return strip_answers(plain(read_text(origin.script)))


def reset_module(course: Course, module: Module) -> Path:
    """Return the folder of the backup. The caller holds the lock."""
    stub = stub_of(course, module)
    copy = files.backup_together(module.root, module.script, module.notebook)
    files.atomic_write(module.script, stub)
    sync.sync(module, without=module.notebook)
    return copy


def reset_part(course: Course, module: Module, wanted: str) -> Path | None:
    """Reset an exercise by its number, or a cell by its name.

    Return the folder of the backup; None where all stood there already as it was given.
    """
    stub = stub_of(course, module)
    sync.sync(module)
    old = plain(read_text(module.script))
    new = _with_stub(module, old, stub, wanted)
    if new == old:
        return None
    copy = files.backup_together(module.root, module.script, module.notebook)
    files.write_text(module.script, new)
    sync.sync(module)
    return copy


def _with_stub(module: Module, text: str, stub: str, wanted: str) -> str:
    """The cells that are wanted as they were given, with the answers to other exercises kept."""
    preamble, parsed = percent.parse(text)
    own = {cell.grade_id: cell for cell in parsed if cell.grade_id}
    given = cells_of(stub)
    chosen = [one for one in given if wanted == one.grade_id or wanted in _numbers(one)]
    if not chosen:
        file = module.root / ".tito" / "pristine" / module.show(module.script)
        raise TitoError(f"{file} has no exercise {wanted}", RENEW)
    for cell in chosen:
        mine = own.get(cell.grade_id)
        if mine is None:
            parsed.insert(_place(given[: given.index(cell)], parsed), cell)
        else:
            mine.raw = _refilled(module, cell, mine, wanted)
    return preamble + "".join(cell.raw for cell in parsed)


def _place(before: list[Cell], parsed: list[Cell]) -> int:
    """Where a cell that is gone belongs: below the nearest one that stood above it."""
    ids = [cell.id for cell in name_cells(parsed)]
    return next((ids.index(cell.id) + 1 for cell in reversed(before) if cell.id in ids), 0)


def _numbers(cell: Cell) -> set[str]:
    found = (BEGIN.match(line) for line in cell.lines if cell.kind == "code")
    return {match[2] for match in found if match}


def _refilled(module: Module, given: Cell, mine: Cell, number: str) -> str:
    if number == given.grade_id or _numbers(given) == {number}:
        return given.raw
    try:
        written = answers.take(mine.raw)
    except CodeError as error:
        fix = f"put the marker back, or `tito reset {module.number}` for the whole module"
        raise CodeError(f"cell {given.grade_id}, {error.message}", fix) from None
    kept = {key: answer for key, answer in written.items() if key[0] != number}
    return answers.put(given.raw, kept)[0]
