"""Known wrong answers: read from Markdown, and put in place of the reference's own.

They stand in tests/course/wrong/NN_name.md, one entry a mistake, with its name in the heading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tito.course import Module
from tito.exercises import find_regions
from tito.lines import split

FOLDER = Path("tests/course/wrong")
RIGHT = Path("tests/course/right")  # other right answers, in the same form
ENTRY = re.compile(
    r"^## (\d+\.\d+) `([\w.]+)`: ([^\n]+)\n\n(?:Says: ([^\n]+)\n\n)?```python\n(.*?)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class OtherAnswer:
    """An answer other than the course's own."""

    number: str  # "12.3"
    target: str  # "attention_weights", "Linear.forward"
    what: str  # the mistake, or the other way, in a few words
    says: str  # what the message must contain; empty for a right answer
    code: str

    def __str__(self) -> str:
        return f"{self.number} {self.target}: {self.what}"


def read(module: Module, folder: Path = FOLDER) -> list[OtherAnswer]:
    """The entries of one file; one that cannot be read is an error, not left out."""
    path = module.root / folder / f"{module.folder_name}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = [OtherAnswer(*parts) for parts in ENTRY.findall(text)]
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    if len(found) != len(headings):
        raise ValueError(f"{path.name}: {len(found)} of {len(headings)} entries can be read")
    return found


def plant(answer: OtherAnswer, lines: list[str]) -> list[str] | None:
    """Put an answer between its markers, in the lines of a file or of a cell."""
    for region in find_regions(lines):
        classes = re.findall(r"^class (\w+)", "\n".join(lines[: region.begin]), re.MULTILINE)
        in_class = len(region.indent) > 4
        target = f"{classes[-1]}.{region.name}" if in_class else region.name
        if (region.number, target) == (answer.number, answer.target):
            body = [region.indent + line if line else "" for line in split(answer.code)]
            return [*lines[: region.begin + 1], *body, *lines[region.end :]]
    return None


def planted_text(answer: OtherAnswer, module: Module) -> str:
    """The module's file with the answer in place of the reference's."""
    lines = plant(answer, split(module.script.read_text(encoding="utf-8")))
    if lines is None:
        raise ValueError(f"{answer}: no such exercise and function")
    return "\n".join(lines) + "\n"


def planted_cells(answer: OtherAnswer, cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The module's cells with the answer in place of the reference's."""
    planted = []
    for name, code in cells:
        lines = plant(answer, split(code)) if answer.number in code else None
        planted.append((name, "\n".join(lines) if lines else code))
    return planted
