"""The exercises of a module: which there are, which are written, and their stubs.

An answer stands between `### BEGIN SOLUTION 12.3` and `### END SOLUTION`. The stub keeps both
lines and raises between them, so the same text can be read, stripped and filled again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tito.errors import CodeError
from tito.lines import newline_of, split_with_ends
from tito.notebook import percent
from tito.notebook.cell import Cell, name_cells
from tito.stubs import STUB, is_stub

NUMBER = r"\d{1,2}\.\d+"
BEGIN = re.compile(rf"^(\s*)### BEGIN SOLUTION ({NUMBER})\s*$")
END = re.compile(r"^\s*### END SOLUTION\b")
ANY_MARK = re.compile(r"^\s*### (BEGIN|END) SOLUTION")
TEST_ID = re.compile(rf"^test-({NUMBER})$")
OWN_ID = re.compile(rf"^({NUMBER})(?:-|$)")
HEADING = re.compile(rf"^#+\s+Exercise ({NUMBER}):\s*(.+?)\s*$", re.MULTILINE)
DETAILS = re.compile(r"<details>\s*<summary>.*?</summary>(.*?)</details>", re.DOTALL)
PLAN = re.compile(r"^\*\*Plan\b.*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
_DEFINITION = re.compile(r"^(\s*)(?:async\s+def|def|class)\s+(\w+)")


@dataclass
class Region:
    """One pair of markers, as indices into the lines of its cell or file."""

    number: str
    name: str
    begin: int
    end: int
    indent: str


@dataclass
class Exercise:
    number: str
    name: str
    cell: Cell
    written: bool = True
    functions: set[str] = field(default_factory=set)
    text: str = ""  # what stands below its heading, hints and plan included
    hints: list[str] = field(default_factory=list)
    plan: str = ""


def find_regions(lines: list[str], where: str = "line") -> list[Region]:
    """Pairs of markers in order; an unpaired one is an error that names its line."""
    regions: list[Region] = []
    opened: tuple[int, str, str] | None = None
    for index, line in enumerate(lines):
        begin, end = BEGIN.match(line), END.match(line)
        if not ANY_MARK.match(line):
            continue
        if not begin and not end:
            raise CodeError(f"{where} {index + 1}: a marker without a number: {line.strip()}")
        if bool(opened) == bool(begin):
            problem = "BEGIN inside BEGIN" if begin else "END without BEGIN"
            raise CodeError(f"{where} {index + 1}: {problem} SOLUTION")
        if begin:
            opened = (index, begin[2], begin[1])
        elif opened:
            start, number, indent = opened
            regions.append(Region(number, enclosing(lines, start), start, index, indent))
            opened = None
    if opened:
        raise CodeError(f"{where} {opened[0] + 1}: BEGIN SOLUTION {opened[1]} without END")
    return regions


def find_regions_in(cell: Cell) -> list[Region]:
    """The same of one cell; the error says which, and what to do."""
    try:
        return find_regions(cell.lines, f"cell {cell.ordinal} ({cell.name}), line")
    except CodeError as error:
        number = number_in(cell)
        back = f", or `tito reset {number}` (`tito restore` brings back what it replaces)"
        raise CodeError(error.message, f"put the marker right{back if number else ''}") from None


def number_in(cell: Cell) -> str:
    """The exercise whose answer or test the cell is; empty for any other cell."""
    match = TEST_ID.match(cell.grade_id) or OWN_ID.match(cell.grade_id)
    return match[1] if match else ""


def numbers_in(cell: Cell) -> list[str]:
    """The exercises whose answers stand in a cell, in order."""
    regions = find_regions(cell.lines) if cell.kind == "code" else []
    return list(dict.fromkeys(region.number for region in regions))


def enclosing(lines: list[str], index: int) -> str:
    """The function, or else the class, that a line stands in."""
    depth = len(lines[index]) - len(lines[index].lstrip())
    for line in reversed(lines[:index]):
        match = _DEFINITION.match(line)
        if match and len(match[1]) < depth:
            return match[2]
    return "module"


def strip_answers(text: str, only: set[str] | None = None) -> str:
    """Turn a module's text into the learner's: every answer, or those named, becomes a stub."""
    kept = split_with_ends(text)
    for region in reversed(find_regions([line.rstrip("\r\n") for line in kept])):
        if only is None or region.number in only:
            newline = newline_of(kept[region.begin])
            kept[region.begin + 1 : region.end] = [region.indent + stub(region) + newline]
    return "".join(kept)


def stub(region: Region) -> str:
    return f'raise NotImplementedError("exercise {region.number}: {region.name}")'


def find_exercises(cells: list[Cell]) -> list[Exercise]:
    """Exercises in the order of the file, whether or not the learner kept the markers."""
    found: dict[str, Exercise] = {}
    headings = {n: name for cell in cells for n, name in HEADING.findall(cell.source)}
    for cell in cells:
        for number, name, written in _mentions(cell) if cell.kind == "code" else []:
            exercise = found.setdefault(
                number, Exercise(number, headings.get(number, name or cell.name), cell)
            )
            exercise.written &= written
            exercise.functions |= {name} - {""}
    sections = _sections(cells)
    for number, exercise in found.items():
        exercise.text = sections.get(number, "")
        exercise.hints = [hint.strip() for hint in DETAILS.findall(exercise.text)]
        exercise.plan = "".join(PLAN.findall(exercise.text)[:1])
    return list(found.values())


def _mentions(cell: Cell) -> list[tuple[str, str, bool]]:
    """(number, name, written) for each pair of markers, stub and test in the cell."""
    lines = cell.lines
    regions = find_regions_in(cell)
    written = [one for one in regions if not is_stub(lines[one.begin + 1 : one.end])]
    mentions = [(region.number, region.name, region in written) for region in regions]
    answers = {index for region in written for index in range(region.begin, region.end)}
    stubs = [STUB.match(line.strip()) for index, line in enumerate(lines) if index not in answers]
    mentions += [(match[1], match[2], False) for match in stubs if match]
    test = TEST_ID.match(cell.grade_id)
    return mentions + ([(test[1], "", True)] if test else [])


def _sections(cells: list[Cell]) -> dict[str, str]:
    """What stands below each exercise's heading, up to the next one of the same text cell."""
    sections: dict[str, str] = {}
    for cell in cells:
        headings = list(HEADING.finditer(cell.source)) if cell.kind == "markdown" else []
        for index, heading in enumerate(headings):
            after = headings[index + 1].start() if headings[index + 1 :] else None
            sections.setdefault(heading[1], cell.source[heading.end() : after])
    return sections


def cells_of(text: str) -> list[Cell]:
    return name_cells(percent.parse(text)[1])
