"""What became of a module's cells besides its answers: one gone, renamed, copied or text now.

The learner's cells are compared with those that the course gave. Only what was seen is said: the
same cell may fail for another reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tito.course import Course, Module, stub_file
from tito.exercises import TEST_ID, Region, find_regions_in, number_in
from tito.notebook.cell import Cell
from tito.notebook.cells import read_percent
from tito.places import Place

DEFINED = re.compile(r"^\s*(?:async\s+def|def|class)\s+(\w+)", re.MULTILINE)


@dataclass
class Damage:
    number: str  # of the exercise; empty for a cell that only helps
    what: str
    fix: str
    unjudged: bool = False  # an exercise or its test cannot run at all

    @property
    def title(self) -> str:
        return f"exercise {self.number}: {self.what}" if self.number else self.what


def damages(course: Course, module: Module) -> list[Damage]:
    """In the order of the file; none in the course's own clone, where the cells are made."""
    given = [cell for cell in given_cells(course, module) if cell.grade_id]
    needed = [cell for cell in given if cell.kind == "code" and not _shows(cell)]
    return [damage for cell in needed for damage in _compared(module, cell)]


def given_cells(course: Course, module: Module) -> list[Cell]:
    """The cells as the course gave them; none in its own clone."""
    stub = stub_file(course, module)
    return read_percent(stub) if stub.exists() else []


def _shows(cell: Cell) -> bool:
    """A demonstration: nothing stands on it."""
    return cell.source.startswith("if __name__") and not number_in(cell)


def _compared(module: Module, given: Cell) -> Iterator[Damage]:
    name, number = given.grade_id, number_in(given)
    own = [cell for cell in module.cells if cell.grade_id == name]
    own_name = f"{module.number} {name}" if TEST_ID.match(name) or not number else number
    back = f"`tito reset {own_name}`"
    if not own:
        yield Damage(number, f"no cell is named {name} any more", f"{back} puts it back", True)
    elif own[-1].kind != "code":
        as_code = "make it code again (Y in JupyterLab)"
        where = _where(module, own[-1], 1)
        yield Damage(number, f"{where}: {name} is text now", f"{as_code}, or {back}", True)
    else:
        for cell in own[1:]:
            where, first = _where(module, cell, 1), f"the first is cell {own[0].ordinal}"
            yield Damage(number, f"{where}: a second {name}; {first}", "delete one of them")
        yield from _inside(module, given, own[-1], back)


def _inside(module: Module, given: Cell, own: Cell, back: str) -> Iterator[Damage]:
    number, safe = number_in(given), f"{back} (`tito restore` brings back what it replaces)"
    if TEST_ID.match(given.grade_id) and own.text != given.text:
        what = f"{given.grade_id} is not as it was given"
        yield Damage(number, f"{_where(module, own, 1)}: {what}", safe)
    yield from _names(module, given, own, safe)
    yield from _markers(module, find_regions_in(given), own, safe)


def _names(module: Module, given: Cell, own: Cell, safe: str) -> Iterator[Damage]:
    """The first function or class that has another name now, or is not there."""
    before, now = DEFINED.findall(given.source), DEFINED.findall(own.source)
    for name in [name for name in before if name not in now][:1]:
        new = [match for match in DEFINED.finditer(own.source) if match[1] not in before]
        line = own.source.count("\n", 0, new[0].start(1)) + 1 if new else 1
        what = f"{new[0][1]} stands where {name} was" if new else f"{name} is not defined any more"
        fix = f"{'name it' if new else 'define'} {name}, or {safe}"
        yield Damage(number_in(given), f"{_where(module, own, line)}: {what}", fix)


def _markers(module: Module, given: list[Region], own: Cell, safe: str) -> Iterator[Damage]:
    mine = find_regions_in(own)
    left = [region.number for region in given]
    other = []
    for region in mine:
        left.remove(region.number) if region.number in left else other.append(region)
    for region in other:
        meant = f"{left.pop(0)} was given" if left else "none was given"
        what = f"BEGIN SOLUTION {region.number} where {meant}"
        fix = f"put the marker right, or {safe}"
        yield Damage(number_in(own), f"{_where(module, own, region.begin + 1)}: {what}", fix)
    for number in left:
        what = f"no BEGIN SOLUTION {number} any more"
        fix = f"put both markers back around the answer, or {safe}"
        yield Damage(number, f"{_where(module, own, 1)}: {what}", fix)


def _where(module: Module, cell: Cell, line: int) -> str:
    """In the `.py`, if that is what was read; the notebook has cells alone."""
    inside = f"cell {cell.ordinal}, line {line}"
    return f"{Place(module, cell, line).file} ({inside})" if cell.first_line else inside
