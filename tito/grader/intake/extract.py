"""The cells of a module that count, out of a `.py` or an `.ipynb` that may be anything.

Those that `tito export` would take, and those nbgrader knows for an answer although their export
line was lost. Text is split and JSON is parsed; nothing is compiled or run.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tito.grader.intake.files import Member, Unreadable
from tito.grader.text import printable
from tito.lines import plain
from tito.notebook import percent
from tito.notebook.cell import Cell
from tito.notebook.cells import CONFLICT

MAX_CODE = 2_000_000
_EXPORT = re.compile(r"\s*(?:[%!][^\n]*\n\s*)*#[ \t]*\|[ \t]*export[ \t]*(?:\n|$)")
Cells = tuple[tuple[str, str], ...]  # what a person would call each cell, and its code


@dataclass(frozen=True)
class Source:
    """A learner's module: the cells that count, in order."""

    cells: Cells
    note: str = ""  # one line, where something was read in another way than usual
    outside: Cells = ()  # the code cells that do not count

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.cells).encode()).hexdigest()


def extract(member: Member, answers: frozenset[str]) -> Source:
    """The code that counts; `answers` are the names of the cells that the course exports."""
    try:
        return _extract(member, answers)
    except RecursionError:
        raise Unreadable(f"{member.name}: nested too deeply to be a module") from None


def _extract(member: Member, answers: frozenset[str]) -> Source:
    text, note = decode(member.read())
    _refuse_broken(text, member.name)
    if member.suffix == ".ipynb":
        cells = _notebook_cells(text, member.name)
        instead = _code(cells)
    else:
        cells = _script_cells(text)
        instead = ((printable(member.name, 60), text),)
    taken = answer_code(cells, answers)
    outside = _code(cell for cell in cells if not _is_answer(cell, answers))
    notes = [note, *(_is_text(cell) for cell in cells if _is_answer(cell, answers))]
    if not taken:
        notes.append(f"{member.name} exports no cell: all of it was read")
    if sum(len(code) for _, code in (*taken, *outside)) > MAX_CODE:
        raise Unreadable(f"{member.name}: over {MAX_CODE / 1_000_000:.0f} MB of code")
    checked = _checked(taken or instead, member.name)
    return Source(checked, "; ".join(filter(None, notes)), outside if taken else ())


def decode(data: bytes) -> tuple[str, str]:
    """The text with plain newlines, and a note: which encoding, where it was not UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return plain(data.decode("utf-16", "replace")), "read as UTF-16"
    try:
        return plain(data.decode("utf-8-sig")), ""
    except UnicodeDecodeError:
        return plain(data.decode("latin-1")), "read as Latin-1"


def answer_code(cells: list[Cell], answers: frozenset[str]) -> Cells:
    return _code(cell for cell in cells if _is_answer(cell, answers))


def _code(cells: Iterable[Cell]) -> Cells:
    return tuple((_name(cell), cell.source) for cell in cells if cell.kind == "code")


def _is_text(cell: Cell) -> str:
    """What to say of an answer's cell that was turned into text; nothing of one that was not."""
    kind = printable(cell.kind, 20)
    return "" if kind == "code" else f"{_name(cell)} is {kind} now, not code: it did not count"


def _checked(cells: Cells, file: str) -> Cells:
    if not any(code.strip() for _, code in cells):
        raise Unreadable(f"{file}: no code cells")
    for name, code in cells:
        _refuse_broken(code, f"{file}, {name}")
    return tuple((name, re.sub("[\ud800-\udfff]", "\ufffd", code)) for name, code in cells)


def _refuse_broken(text: str, where: str) -> None:
    """A NUL, or git's three markers, each at the start of a line."""
    if "\0" in text:
        raise Unreadable(f"{where}, line {_line_of(text, text.index(chr(0)))}: a NUL byte")
    found = list(CONFLICT.finditer(text)) if "<<<<<<< " in text else []
    if len({match[1] for match in found}) == 3:
        line = _line_of(text, found[0].start())
        raise Unreadable(f"{where}, line {line}: git's conflict markers; resolve them")


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


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


def _script_cells(text: str) -> list[Cell]:
    cells = percent.parse(text)[1]
    for ordinal, cell in enumerate(cells, 1):
        cell.ordinal = ordinal
    return cells


def _notebook_cells(text: str, file: str) -> list[Cell]:
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"{file}: not JSON (line {error.lineno}: {error.msg})") from None
    except ValueError:
        raise Unreadable(f"{file}: a number with too many digits") from None
    found = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(found, list):
        raise Unreadable(f"{file}: JSON, but not a notebook")
    return [_cell(cell, ordinal, file) for ordinal, cell in enumerate(found, 1)]


def _cell(cell: Any, ordinal: int, file: str) -> Cell:
    if not isinstance(cell, dict):
        raise Unreadable(f"{file}: cell {ordinal} is no cell")
    source = cell.get("source", "")
    lines: list[Any] = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise Unreadable(f"{file}: the source of cell {ordinal} is not text")
    metadata = cell.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return Cell(str(cell.get("cell_type")), plain("".join(lines)), known, ordinal=ordinal)
