"""A cell, and the ids that never change by chance.

A code cell is known by its title, one word: `# %% 12.4-weighted-sum`, `# %% test-12.4 points=3`. A
cell without one is named after the code cell before it, its kind and a count, so that converting
twice gives the same bytes. What nbgrader wants to know follows from the name and the source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tito import lines

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
EXERCISE = re.compile(r"(test-)?\d+\.\d+[\w.-]*")
MAX_ID = 64  # nbformat: 1 to 64 of [a-zA-Z0-9_-]


@dataclass
class Cell:
    """One cell, whichever file it came from."""

    kind: str  # "code", "markdown" or "raw"
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    first_line: int = 0  # line of the .py on which the source begins; 0 for a cell of a notebook
    begin: int = 0  # line of the .py on which `raw` begins
    raw: str = ""  # the cell as it stands in the .py: marker, source, blank lines after it
    id: str = ""  # unique in the file, and allowed as an id in a notebook
    ordinal: int = 0  # 1 for the first cell

    @property
    def grade_id(self) -> str:
        """The name the cell was given; empty for a cell nobody named.

        Files made before the markers were short have it among nbgrader's metadata.
        """
        title, grading = self.metadata.get("title"), self.metadata.get("nbgrader")
        name = (
            NAME if self.kind == "code" else EXERCISE
        )  # an answer that is text now keeps its name
        if isinstance(title, str) and name.fullmatch(title):
            return title
        return str(grading.get("grade_id", "")) if isinstance(grading, dict) else ""

    @property
    def name(self) -> str:
        return self.grade_id or self.id

    @property
    def text(self) -> str:
        """The source without the blank end that a percent script cannot keep."""
        return self.source.rstrip(lines.BLANK)

    @property
    def lines(self) -> list[str]:
        return lines.split(self.source)


def name_cells(cells: list[Cell]) -> list[Cell]:
    """Give every cell its place and its id."""
    taken: set[str] = set()
    before, counts = "start", dict[str, int]()
    for ordinal, cell in enumerate(cells, 1):
        if cell.grade_id:
            before, counts, wanted = notebook_id(cell.grade_id), {}, cell.grade_id
        else:
            kind = {"markdown": "text"}.get(cell.kind, cell.kind)
            counts[kind] = counts.get(kind, 0) + 1
            wanted = f"{before[: MAX_ID - 12]}-{kind}-{counts[kind]}"
        cell.ordinal, cell.id = ordinal, _free_id(notebook_id(wanted), taken)
        taken.add(cell.id)
    return cells


def notebook_id(name: str) -> str:
    """`12.3-weighted-sum` is `12-3-weighted-sum` where a dot is not allowed."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", name)[:MAX_ID] or "cell"


def _free_id(wanted: str, taken: set[str]) -> str:
    """A cell that was copied keeps its name twice; the second gets a number."""
    free, count = wanted, 1
    while free in taken:
        count += 1
        free = f"{wanted[: MAX_ID - 5]}-{count}"
    return free
