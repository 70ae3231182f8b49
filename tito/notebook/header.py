"""The lines of a percent script before its first cell: `#!`, an encoding, a YAML header.

A header under `jupyter:` is the notebook's metadata; anything else in it becomes a raw cell. The
rules are jupytext's (MIT licence).
"""

from __future__ import annotations

import re

from tito.notebook.cell import Cell
from tito.notebook.magics import uncomment

ENCODING = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)")


def read_header(lines: list[str]) -> tuple[Cell | None, int]:
    """Skip a `#!` line, an encoding line and a YAML header between `# ---` lines."""
    start, header = 0, list[str]()
    started = in_jupyter = False
    for index, line in enumerate(lines):
        if index == 0 and line.startswith("#!"):
            start = 1
            continue
        early = index == 0 or (index == 1 and not ENCODING.match(lines[0]))
        if early and ENCODING.match(line):
            start = index + 1
            continue
        text = uncomment(line)
        rule = re.match(r"^---\s*$", text)
        if not line.startswith("#") or (not started and not rule and text.strip()):
            break
        if rule and started:
            blank = index + 1 < len(lines) and not uncomment(lines[index + 1]).strip()
            source = "\n".join(["---", *header, "---"])
            cell = Cell("raw", source, first_line=start + 1) if header else None
            return cell, index + 1 + blank
        if rule:
            started = True
            continue
        in_jupyter = bool(re.match(r"^jupyter\s*:\s*$", text)) or (
            in_jupyter and (not text or text[0].isspace())
        )
        if not in_jupyter:
            header.append(text)
    return None, start
