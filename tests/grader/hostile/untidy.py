"""The bank of untidy honest work: right notebooks with what people leave in them (untidy.md)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from tests.grader.hostile.bank import Entry, file, reference
from tito.exercises import cells_of, find_regions
from tito.notebook.cell import Cell
from tito.notebook.ipynb import to_percent

BANK = Path(__file__).with_name("untidy.md")
ENTRY = re.compile(
    r"^## ([^\n]+)\n\n(\w+) ([\w.-]+)\. Gets: ([^\n]+?)\. Says: ?([^\n]*)\n\n```python\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
KINDS = {"Markdown": "markdown", "Raw": "raw"}


def untidy() -> list[Entry]:
    """Each entry twice: as a notebook, and as the percent script of the same cells."""
    text = BANK.read_text(encoding="utf-8")
    entries = ENTRY.findall(text)
    odd = set(re.findall(r"^## (.*)", text, re.MULTILINE)) ^ {name for name, *_ in entries}
    assert not odd, f"{odd} cannot be read"
    found = []
    for name, place, where, gets, says, code in entries:
        cells = changed(place, where, code)
        assert cells != cells_of(reference()), name
        found.append(file(f"{name} (notebook)", gets, says, as_notebook(cells), ".ipynb"))
        script = "\n".join(to_percent(cell, None) + "\n" for cell in cells)
        found.append(file(f"{name} (script)", gets, says, script))
    return [*found, *elsewhere()]


def elsewhere() -> list[Entry]:
    """As other programs save the same notebook: without markers, names or export lines."""
    cells = cells_of(reference())
    text = "\n\n".join(cell.source if cell.kind == "code" else quoted(cell) for cell in cells)
    pip = "!pip install numpy\n\nfrom google.colab import drive\ndrive.mount('/content')\n\n"
    colab = f'# -*- coding: utf-8 -*-\n"""Untitled.ipynb\n\nMade by Colab.\n"""\n\n{pip}{text}'
    code = [cell for cell in cells if cell.kind == "code"]
    numbered = [f"# In[{number}]:\n\n\n{cell.source}\n" for number, cell in enumerate(code)]
    exported = "#!/usr/bin/env python\n# coding: utf-8\n\n" + "\n\n".join(numbered)
    bare = [Cell("code", cell.source.removeprefix("#| export\n")) for cell in code]
    read = "exports no cell: all of it was read"
    return [
        file("a script from Colab", "all", read, colab),
        file("a script from nbconvert", "all", "", exported),
        file("a notebook without names and export lines", "all", read, as_notebook(bare), ".ipynb"),
    ]


def quoted(cell: Cell) -> str:
    return f'"""{cell.source}\n"""'


def changed(place: str, where: str, code: str) -> list[Cell]:
    """The reference's cells, with the code at one of them."""
    new = Cell("code", code)
    cells: list[Cell] = []
    for cell in cells_of(reference()):
        if cell.grade_id != where:
            cells.append(cell)
        elif place == "Helper":
            call = "lower_triangle(seq_len)"
            source = cell.source.replace("np.tril(np.ones((seq_len, seq_len)))", call)
            cells += [new, replace(cell, source=source)]
        elif place == "After":
            cells += [cell, new]
        elif place in KINDS:
            cells.append(replace(cell, kind=KINDS[place]))
        else:
            cells.append(replace(cell, source=with_lines(cell.source, place, code)))
    return cells


def with_lines(source: str, place: str, code: str) -> str:
    lines = source.split("\n")
    region = next(iter(find_regions(lines)), None)
    at = {"Top": 0, "In": 1, "End": len(lines), "Answer": region.begin + 1 if region else 0}[place]
    indent = region.indent if region and place == "Answer" else ""
    return "\n".join([*lines[:at], *(indent + line for line in code.splitlines()), *lines[at:]])


def as_notebook(cells: list[Cell]) -> str:
    made = [
        {"cell_type": cell.kind, "metadata": cell.metadata, "source": cell.source}
        | ({"outputs": [], "execution_count": None} if cell.kind == "code" else {})
        for cell in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
