"""From a line of the package, or of a module's `.py`, back to a cell of the notebook.

The export keeps the lines of a cell in order below `# cell: <grade_id>`, so the map is read from
those comments and the source; nothing is stored.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tito.course import Course, Module
from tito.errors import CodeError
from tito.exercises import ANY_MARK
from tito.lines import BLANK, split
from tito.notebook.cell import Cell


@dataclass(frozen=True)
class Place:
    """A line of a cell, counted as the notebook counts it."""

    module: Module
    cell: Cell
    line: int

    @property
    def source(self) -> str:
        lines = self.cell.lines
        return lines[self.line - 1] if 0 < self.line <= len(lines) else ""

    @property
    def file(self) -> str:
        """The same line as `path:line` of the `.py`."""
        line = self.cell.first_line + self.line - 1
        return f"{self.module.show(self.module.script)}:{line}"

    def __str__(self) -> str:
        name = f" ({self.cell.grade_id})" if self.cell.grade_id else ""
        return f"{self.module.name}_dev, cell {self.cell.ordinal}{name}, line {self.line}"


@dataclass
class Frame:
    """One frame of a traceback, as it is shown."""

    shown: str
    text: str
    place: Place | None = None


def exported_cells(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.kind == "code" and is_export_line(cell.source)]


def is_export_line(source: str) -> bool:
    first = source.partition("\n")[0]
    return "".join(first.split()) == "#|export"


def kept_lines(cell: Cell) -> list[tuple[int, str]]:
    """The lines of a cell that reach the package, with their numbers in the cell."""
    numbered = [
        (number, line)
        for number, line in enumerate(cell.lines, 1)
        if number > 1 and not ANY_MARK.match(line)
    ]
    while numbered and not numbered[0][1].strip(BLANK):
        numbered.pop(0)
    while numbered and not numbered[-1][1].strip(BLANK):
        numbered.pop()
    return numbered


def line_map(text: str, cells: list[Cell]) -> dict[int, tuple[Cell, int]]:
    """For each line of the package (counted from 1) its cell and the line there."""
    lines, position = split(text), 0
    places: dict[int, tuple[Cell, int]] = {}
    for cell in exported_cells(cells):
        try:
            start = lines.index(f"# cell: {cell.name}", position) + 1
        except ValueError:
            continue  # the export is older than this cell
        for index, (number, line) in enumerate(kept_lines(cell), start):
            if index >= len(lines) or lines[index] != line:
                break
            places[index + 1] = (cell, number)
            position = index + 1
    return places


def find(module: Module, text: str, line: int) -> Place | None:
    """The place behind a line of an export's text."""
    found = line_map(text, module.cells).get(line)
    return Place(module, *found) if found else None


def find_in_script(module: Module, line: int) -> Place | None:
    """The place behind a line of the module's own `.py`."""
    for cell in reversed(module.cells):
        if cell.first_line <= line:
            return Place(module, cell, line - cell.first_line + 1)
    return None


def own_frames(
    course: Course,
    frames: list[dict[str, Any]],
    candidates: dict[str, Module],
    ran: Module | None = None,
) -> list[Frame]:
    """The learner's own frames of a traceback, each led back to its cell; the others are cut.

    Of the module that `ran`, the cells are those that it had then.
    """
    scripts = {str(module.script): module for module in [*course.modules, *([ran] if ran else [])]}
    package = str(course.root / "tinytorch")
    exports = _exports(course) if any(f["file"].startswith(package) for f in frames) else {}
    own: list[Frame] = []
    for frame in frames:
        file, line = frame["file"], frame["line"]
        place = None
        if file in scripts:
            place = find_in_script(scripts[file], line)
        elif file in candidates or file in exports:
            owner = candidates.get(file) or exports[file]
            text = Path(file).read_text("utf-8", errors="replace") if Path(file).exists() else ""
            place = find(owner, text, line)
        if place or _inside(course.root, file):
            shown = str(place) if place else f"{_relative(course.root, file)}:{line}"
            own.append(Frame(shown, (frame["text"] or "").strip(), place))
    return own


def _exports(course: Course) -> dict[str, Module]:
    found = {}
    for module in course.modules:
        with suppress(CodeError):  # a module that cannot be read has its own message
            found[str(module.export)] = module
    return found


def _inside(root: Path, file: str) -> bool:
    path = Path(file)
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ("..",)
    checks = parts[:2] == ("tinytorch", "checking") or path.name.endswith("_checks.py")
    return parts[0] in ("tinytorch", "tests", "modules", "examples") and not checks


def _relative(root: Path, file: str) -> str:
    return Path(file).relative_to(root).as_posix()
