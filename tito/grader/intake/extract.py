"""The cells of a module that count, out of a `.py` or an `.ipynb` that may be anything.

Those that `tito export` would take, and those nbgrader knows for an answer although their export
line was lost. Text is split and JSON is parsed; nothing is compiled or run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tito.grader.intake.decode import decode, line_of, refuse_conflict
from tito.grader.intake.files import Member, Unreadable
from tito.grader.text import printable
from tito.lines import plain, split
from tito.notebook import percent
from tito.notebook.cell import Cell

MAX_SCRIPT, MAX_NOTEBOOK, MAX_CODE = 2_000_000, 64_000_000, 2_000_000
MAX_VALUES = 2_000_000  # of a notebook's JSON: `[],[],[]` takes thirty times its size in memory
MAX_STEPS = 50_000_000  # of reading a `.py`; the longest module of the course takes two million
_EXPORT = re.compile(r"\s*(?:[%!][^\n]*\n\s*)*#[ \t]*\|[ \t]*export[ \t]*(?:\n|$)")
_INDENT = re.compile(r"^[\s#]+")  # of any kind of blank: what a magic may stand behind
Code = tuple[tuple[str, str], ...]  # of each cell its name and its code


class Taken(NamedTuple):
    """What was read out of a file."""

    cells: Code  # that count
    note: str
    outside: Code = ()  # that do not


def extract(member: Member, answers: frozenset[str]) -> Taken:
    """The code that counts; `answers` are the names of the cells that the course exports."""
    if member.suffix == ".ipynb":
        text, note = decode(member.load(MAX_NOTEBOOK), member.name, python=False)
        cells = _notebook_cells(text, member.name)
        instead = _code(cells)
    else:
        text, note = decode(member.load(MAX_SCRIPT), member.name)
        refuse_conflict(text, member.name)
        cells = _script_cells(text, member.name)
        instead = ((printable(member.name, 60), text),)
    taken = taken_cells(cells, answers)
    outside = _code(cell for cell in cells if not _is_answer(cell, answers))
    small = sum(len(code) for _, code in outside) <= MAX_CODE
    notes = [note, *(_is_text(cell) for cell in cells if _is_answer(cell, answers))]
    if not taken:
        notes.append(f"{member.name} exports no cell: all of it was read")
    checked = tuple(_checked(taken or instead, member.name))
    return Taken(checked, "; ".join(filter(None, notes)), outside if taken and small else ())


def taken_cells(cells: list[Cell], answers: frozenset[str]) -> Code:
    return _code(cell for cell in cells if _is_answer(cell, answers))


def _code(cells: Iterable[Cell]) -> Code:
    return tuple((_name(cell), cell.source) for cell in cells if cell.kind == "code")


def _is_text(cell: Cell) -> str:
    """What to say of an answer's cell that was turned into text; nothing of one that was not."""
    kind = printable(cell.kind, 20)
    return "" if kind == "code" else f"{_name(cell)} is {kind} now, not code: it did not count"


def _checked(cells: Code, file: str) -> Iterator[tuple[str, str]]:
    if not any(code.strip() for _, code in cells):
        raise Unreadable(f"{file}: no code cells")
    if sum(len(code) for _, code in cells) > MAX_CODE:
        raise Unreadable(f"{file}: over {MAX_CODE / 1_000_000:.0f} MB of code")
    for name, code in cells:
        refuse_conflict(code, f"{file}, {name}")
        if "\0" in code:
            raise Unreadable(f"{file}, {name}, line {line_of(code, code.index(chr(0)))}: a NUL")
        yield name, re.sub("[\ud800-\udfff]", "\ufffd", code)


def _is_answer(cell: Cell, answers: frozenset[str]) -> bool:
    grading = cell.metadata.get("nbgrader")
    solution = isinstance(grading, dict) and grading.get("solution") is True
    return _exported(cell) or solution or cell.grade_id in answers


def _exported(cell: Cell) -> bool:
    """Its first line says so; `%%time` has to stand above that."""
    return bool(_EXPORT.match(cell.source))


def _name(cell: Cell) -> str:
    known = f" ({printable(cell.grade_id, 60)})" if cell.grade_id else ""
    return f"cell {cell.ordinal}{known}"


def _script_cells(text: str, file: str) -> list[Cell]:
    lines = split(text)
    if _steps(lines) > MAX_STEPS:
        raise Unreadable(f"{file}: too many cells, lines or signs in a line to be a module")
    try:
        cells = percent.parse(text)[1]
    except RecursionError:
        raise Unreadable(f"{file}: nested too deeply to be a module") from None
    for ordinal, cell in enumerate(cells, 1):
        cell.ordinal = ordinal
    return cells


def _steps(lines: list[str]) -> int:
    """How long percent.parse may take at most.

    At each cell it copies what is left, and at each odd key of a marker it counts what came
    before; for each fence it looks through the lines for its end; and it tries each sign of an
    indent as the beginning of a magic.
    """
    cells = [line for line in lines if percent.MAYBE_MARKER.match(line)]
    keys = sum(len(line) ** 2 // 50 for line in cells)
    fences = sum(1 for line in lines if percent.FENCE.match(line.lstrip("# ")))
    indents = sum((len(line) - len(_INDENT.sub("", line))) * len(line) for line in lines)
    return len(lines) * (len(cells) + 40 * fences) + keys + indents


def _notebook_cells(text: str, file: str) -> list[Cell]:
    refuse_conflict(text, file)
    if _values(text) > MAX_VALUES:
        raise Unreadable(f"{file}: more than {MAX_VALUES:,} values to be a notebook")
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"{file}: not JSON (line {error.lineno}: {error.msg})") from None
    except RecursionError:
        raise Unreadable(f"{file}: nested too deeply to be a notebook") from None
    except ValueError:
        raise Unreadable(f"{file}: a number with too many digits") from None
    found = _list_of_cells(notebook)
    if found is None:
        raise Unreadable(f"{file}: JSON, but not a notebook")
    return [_cell(cell, ordinal, file) for ordinal, cell in enumerate(found, 1)]


def _values(text: str) -> int:
    """How many values the JSON holds: strings, and what stands between them."""
    bare = text.replace("\\\\", "").replace('\\"', "")
    strings = bare.count('"') // 2
    if strings > MAX_VALUES:
        return strings
    between = "".join(bare.split('"')[::2])
    return strings + sum(map(between.count, ",[{"))


def _list_of_cells(notebook: Any) -> list[Any] | None:
    if not isinstance(notebook, dict):
        return None
    sheets = notebook.get("worksheets")  # format 3, before 2015
    holders = sheets if isinstance(sheets, list) and "cells" not in notebook else [notebook]
    found = [sheet.get("cells") if isinstance(sheet, dict) else None for sheet in holders]
    if not all(isinstance(cells, list) for cells in found):
        return None
    return [cell for cells in found for cell in cells or []]


def _cell(cell: Any, ordinal: int, file: str) -> Cell:
    if not isinstance(cell, dict):
        raise Unreadable(f"{file}: cell {ordinal} is no cell")
    source = cell.get("source", cell.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    texts = [line for line in lines if isinstance(line, str)]
    if len(texts) < len(lines):
        raise Unreadable(f"{file}: the source of cell {ordinal} is not text")
    text = plain("".join(texts))
    metadata = cell.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return Cell(str(cell.get("cell_type")), text, known, ordinal=ordinal)
