"""Read the cells of a module from either of its two files, `.py` or `.ipynb`.

A file that cannot be read as it should (not UTF-8, not JSON, conflict markers) is an error that
says where, and nothing is changed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tito.errors import CodeError
from tito.lines import plain
from tito.notebook import percent
from tito.notebook.cell import Cell, name_cells

CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)
NO_TEXT = re.compile("[\0\ud800-\udfff]")  # what a UTF-8 file that Python reads cannot hold
KINDS = ("code", "markdown", "raw")
AGAIN = "take a copy from .tito/backups, or delete it: `tito sync` makes it again"


def read_text(path: Path) -> str:
    """The file's text without a byte-order mark, newlines as they stand."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CodeError(f"{path}: not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    lines = plain(text)
    if "\0" in lines:
        where = f"{path}:{_line_of(lines, lines.index(chr(0)))}"
        raise CodeError(
            f"{where}: a NUL character, which Python does not read",
            "delete it, or take a copy of the file from .tito/backups",
        )
    found = list(CONFLICT.finditer(lines))
    if len({match[1] for match in found}) == 3:
        where = f"{path}:{_line_of(lines, found[0].start())}"
        raise CodeError(f"{where}: git's conflict markers", "resolve them, then try again")
    return text


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def read_percent(path: Path) -> list[Cell]:
    return name_cells(percent.parse(read_text(path))[1])


def read_notebook(path: Path) -> tuple[dict[str, Any], list[Cell]]:
    """Return the notebook's JSON and its cells."""
    text = read_text(path)
    try:
        notebook = json.loads(text)
        cells = name_cells([_from_json(cell) for cell in notebook["cells"]])
        _refuse_other_formats(notebook)
    except json.JSONDecodeError as error:
        raise CodeError(f"{path}:{error.lineno}: not a notebook: {error.msg}", AGAIN) from None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise CodeError(f"{path}: JSON, but not a notebook of format 4", AGAIN) from None
    for cell in cells:
        _refuse_no_text(path, cell)
    return notebook, cells


def _from_json(cell: dict[str, Any]) -> Cell:
    """Some editors write \\r\\n into a cell; Python reads a newline there."""
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    if cell["cell_type"] not in KINDS:
        raise ValueError
    return Cell(cell["cell_type"], plain(text), dict(cell.get("metadata", {})))


def _refuse_other_formats(notebook: dict[str, Any]) -> None:
    """What is written back: a wrong type in it would only show then."""
    dict(notebook.get("metadata", {}))
    int(notebook.get("nbformat_minor", 0))


def _refuse_no_text(path: Path, cell: Cell) -> None:
    """Half of a character (an emoji is two in JavaScript), or a NUL, cannot be saved in a `.py`."""
    marker = " ".join([*cell.metadata, str(cell.metadata.get("title", ""))])
    held = NO_TEXT.search(cell.source) or NO_TEXT.search(marker)
    if held:
        what = "a NUL character" if held[0] == "\0" else f"half a character (U+{ord(held[0]):04X})"
        within = held.string is cell.source
        where = f"line {_line_of(cell.source, held.start())}" if within else "its metadata"
        raise CodeError(
            f"{path}, cell {cell.ordinal} ({cell.name}), {where}: {what}",
            "delete it there, or write the character again; nothing was changed",
        )
