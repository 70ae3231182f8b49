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
from tito.notebooks import percent
from tito.notebooks.cell import Cell, name_cells

CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)


def read_text(path: Path) -> str:
    """The file's text without a byte-order mark, newlines as they stand."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CodeError(f"{path}: not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    if len(set(CONFLICT.findall(text))) == 3:
        line = text.count("\n", 0, CONFLICT.search(text).start()) + 1  # type: ignore[union-attr]
        raise CodeError(f"{path}:{line}: git's conflict markers", "resolve them, then try again")
    return text


def read_percent(path: Path) -> list[Cell]:
    return name_cells(percent.parse(read_text(path))[1])


def read_notebook(path: Path) -> tuple[dict[str, Any], list[Cell]]:
    """Return the notebook's JSON and its cells."""
    text = read_text(path)
    try:
        notebook = json.loads(text)
        cells = [_from_json(cell) for cell in notebook["cells"]]
    except json.JSONDecodeError as error:
        raise CodeError(
            f"{path}:{error.lineno}: not a notebook: {error.msg}",
            "take a copy from .tito/backups, or delete it: `tito sync` makes it again",
        ) from None
    except (KeyError, TypeError, AttributeError):
        raise CodeError(f"{path}: JSON, but not a notebook of format 4") from None
    return notebook, name_cells(cells)


def _from_json(cell: dict[str, Any]) -> Cell:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    return Cell(str(cell["cell_type"]), text, dict(cell.get("metadata", {})))
