"""Put a stub back in place of what was written: a whole module's, or one exercise's.

The old files are copied first. A kill between two writes leaves a pair that the next `tito sync`,
or the same reset again, brings together.
"""

from __future__ import annotations

from pathlib import Path

from tito import safety
from tito.course import Course, Module
from tito.errors import CodeError, TitoError
from tito.exercises import BEGIN, cells_of, strip_answers
from tito.learner import answers, source
from tito.learner.folder import RENEW, given_text
from tito.lines import plain
from tito.notebooks import percent, sync
from tito.notebooks.cell import Cell
from tito.notebooks.cells import read_text


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
    copy = safety.backup_together(module.root, module.script, module.notebook)
    safety.atomic_write(module.script, stub)
    sync.sync(module.fresh(), without=module.notebook)
    return copy


def reset_exercise(course: Course, module: Module, number: str) -> Path | None:
    """Return the folder of the backup; None where the stub stood there already."""
    stub = stub_of(course, module)
    sync.sync(module)
    old = plain(read_text(module.script))
    new = _with_stub(module, old, stub, number)
    if new == old:
        return None
    copy = safety.backup_together(module.root, module.script, module.notebook)
    safety.write_text(module.script, new)
    sync.sync(module.fresh())
    return copy


def _with_stub(module: Module, text: str, stub: str, number: str) -> str:
    """Each cell that holds the exercise as it was given, with the answers to others kept."""
    preamble, parsed = percent.parse(text)
    own = {cell.grade_id: cell for cell in parsed if cell.grade_id}
    given = [cell for cell in cells_of(stub) if number in _numbers(cell)]
    if not given:
        file = module.root / ".tito" / "pristine" / module.show(module.script)
        raise TitoError(f"{file} has no exercise {number}", RENEW)
    for cell in given:
        mine = own.get(cell.grade_id)
        if mine is None:
            raise TitoError(
                f"{module.show(module.script)} has no cell {cell.grade_id} any more",
                f"`tito reset {module.number}` puts the whole module back",
            )
        mine.raw = _refilled(module, cell, mine, number)
    return preamble + "".join(cell.raw for cell in parsed)


def _numbers(cell: Cell) -> set[str]:
    found = (BEGIN.match(line) for line in cell.lines if cell.kind == "code")
    return {match[2] for match in found if match}


def _refilled(module: Module, given: Cell, mine: Cell, number: str) -> str:
    if _numbers(given) == {number}:
        return given.raw
    try:
        written = answers.take(mine.raw)
    except CodeError as error:
        fix = f"put the marker back, or `tito reset {module.number}` for the whole module"
        raise CodeError(f"cell {given.grade_id}, {error.message}", fix) from None
    kept = {key: answer for key, answer in written.items() if key[0] != number}
    return answers.put(given.raw, kept)[0]
