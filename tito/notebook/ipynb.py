"""Write the two forms of a cell: JSON for the `.ipynb`, percent text for the `.py`.

JSON is written as nbformat writes it, so that JupyterLab saving the file changes nothing else.
Percent text is written as jupytext writes it, by jupytext itself where a cell is not plain;
tests/tito/notebook/test_ipynb.py holds the two equal.
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

from tito.lines import BLANK, newline_of, plain, split
from tito.notebook.align import same
from tito.notebook.cell import Cell
from tito.notebook.merge import Choice
from tito.notebook.percent import (
    FORMAT,
    MAYBE_MAGIC,
    MAYBE_MARKER,
    ORIGINALS,
    STAND_INS,
    own_marker,
)

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
ONLY_IN_NOTEBOOKS = set(["autoscroll", "collapsed", "scrolled", "trusted", "execution"])
QUOTED = re.compile(r"[rR]?(\"{3}|'{3})")


def to_json(choices: list[Choice], cells: list[Cell], old: dict[str, Any] | None) -> str:
    """The notebook's text; outputs and ids of the kernel's world are kept where they still hold."""
    old = old or {}
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook = {
        **old,
        "cells": [_cell(one, cell, old) for one, cell in zip(choices, cells, strict=True)],
        "metadata": {**metadata, **old.get("metadata", {})},
        "nbformat": 4,
        "nbformat_minor": max(5, old.get("nbformat_minor", 5)),
    }
    text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half an emoji in an output


def _cell(choice: Choice, cell: Cell, old: dict[str, Any]) -> dict[str, Any]:
    before = old["cells"][choice.notebook.ordinal - 1] if choice.notebook else {}
    kept = before if choice.notebook and same(choice.notebook, cell) else {}
    made: dict[str, Any] = {
        **{key: value for key, value in before.items() if key == "attachments"},
        "cell_type": cell.kind,
        "id": cell.id,
        "metadata": cell.metadata,
        "source": cell.source.splitlines(keepends=True),  # nbformat's pieces; joined, the text
    }
    if cell.kind == "code":
        made["execution_count"] = kept.get("execution_count")
        made["outputs"] = kept.get("outputs", [])
    return made


def to_script(choices: list[Choice], script: list[Cell], text: str) -> str:
    """The text of the `.py`; cells that the notebook did not change keep every byte they had."""
    if [choice.winner for choice in choices] == script:
        return text
    newline = newline_of(text)
    chunks = [text[: len(text) - sum(len(cell.raw) for cell in script)]]  # before the first cell
    for choice in choices:
        end = plain(chunks[-1][-4:])
        if end and not end.endswith("\n\n"):
            chunks[-1] += newline if end.endswith("\n") else 2 * newline
        chunks.append(_chunk(choice, newline))
    new = "".join(chunks)
    if not script or not choices or choices[-1].script is not script[-1]:
        new = new.rstrip("\r\n") + newline
    return new


def _chunk(choice: Choice, newline: str) -> str:
    if choice.winner is choice.script:
        return choice.winner.raw
    raw = choice.script.raw if choice.script else "\n"
    blank_after = len(split(raw)) - len(split(raw.rstrip(BLANK)))
    made = to_percent(choice.winner, choice.script) + "\n" * blank_after
    return made.replace("\n", newline)


def to_percent(cell: Cell, like: Cell | None) -> str:
    """The cell as it stands in a `.py`; like the cell whose place it takes."""
    lines = split(cell.text)
    metadata = {k: v for k, v in (like or cell).metadata.items() if k not in ONLY_IN_NOTEBOOKS}
    title = [str(metadata["title"])] if "title" in metadata else []
    kind = [] if cell.kind == "code" else [f"[{cell.kind}]"]
    points = [f"points={metadata['points']}"] if "points" in metadata else []
    marker, body = " ".join(["# %%", *title, *kind, *points]), lines
    if own_marker(marker) != (cell.kind, metadata) or any(map(MAYBE_MAGIC.match, lines)):
        marker, body = _by_jupytext(cell, metadata)
    if cell.kind != "code":
        body = _text_body(lines, like)
    old = split(like.raw)[0] if like and like.kind == cell.kind else ""
    kept = MAYBE_MARKER.match(old) and "language=" not in old + marker
    return "\n".join([old if kept else marker, *body]) + "\n"


def _by_jupytext(cell: Cell, metadata: dict[str, Any]) -> tuple[str, list[str]]:
    """The marker, and the lines of a code cell with its magics commented."""
    from jupytext.cell_to_text import DoublePercentCellExporter

    text = cell.text.translate(STAND_INS)
    try:
        given = SimpleNamespace(cell_type=cell.kind, source=text, metadata=metadata)
        marker, *body = DoublePercentCellExporter(given, "python", FORMAT).cell_to_text()
    except (MemoryError, RecursionError):
        raise
    except Exception:  # metadata that are none, such as tags: 3, stay in the notebook alone
        named = {"title": cell.grade_id} if cell.grade_id else {}
        if metadata == named:
            raise
        return _by_jupytext(cell, named)
    return marker.lstrip(), [line.translate(ORIGINALS) for line in body]


def _text_body(lines: list[str], like: Cell | None) -> list[str]:
    quotes = QUOTED.match(plain(like.raw).partition("\n")[2]) if like else None
    if quotes:
        return [quotes[0], *lines, quotes[1]]
    return [_commented(line) for line in lines or [""]]


def _commented(line: str) -> str:
    return f"# {line}" if line else "#"
