"""Read a percent script (`# %%`) into cells, as jupytext reads it.

A cell in the course's own form is read here, since importing jupytext costs a quarter of a second,
and three beside JupyterLab. Every other cell, and a header, is read by jupytext itself;
tests/tito/notebook/test_percent.py holds the two equal.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from tito.lines import BLANK, split, split_with_ends
from tito.notebook.cell import Cell

FORMAT = {"extension": ".py", "format_name": "percent"}
MARKER = re.compile(r"# %%(?: ([\w.-]+))?( \[markdown\])?(?: points=(0|[1-9]\d{0,5}))?$", re.ASCII)
MAYBE_MARKER = re.compile(r"\s*#\s*(%%|<codecell>|In\[)")
OF_JUPYTEXT = ("lines_to_next_cell", "cell_marker", "region_name")
SHELL = "cat|cd|copy|cp|ddir|echo|ldir|ls|mkdir|mv|ren|rm|rmdir"
# Every magic looks like this; so do a few plain lines. `(?=(x*))\1` takes all of x at once: trying
# each shorter part again takes minutes for a line of 100,000 `#`.
MAYBE_MAGIC = re.compile(
    rf"(?=([\s#]*))\1(?:[%!?+]|\w+\s*=\s*[%!]|\S*\?\s*$|(?:{SHELL})(?:\s*$|\s+[^\s=,]))"
)
# A docstring as the course writes it; jupytext's rules for quotes within quotes are longer.
ONE_LINE = re.compile(r'\s*[rR]?"""[^"\\]*"""$')
OPENING, CLOSING = re.compile(r'\s*[rR]?"""[^"\\]*$'), re.compile(r'[^"\\]*"""$')
# Signs within a line to Python, newlines or blanks to jupytext (tito/lines.py).
STAND_INS = {ord(sign): 0x10FFF0 + i for i, sign in enumerate("\v\f\x1c\x1d\x1e\x85\u2028\u2029")}
ORIGINALS = {stand_in: sign for sign, stand_in in STAND_INS.items()}
COMMENT = re.compile(r"#(?: |$)")
FENCE, OPENED = re.compile(r"#? {0,4}(?:```|~~~)"), re.compile(r"# ```\w*$", re.ASCII)


def parse(text: str) -> tuple[str, list[Cell]]:
    """Return what stands before the first cell (usually nothing), and the cells."""
    text = text.removeprefix("\ufeff")
    kept = split_with_ends(text)
    lines = split(text)
    header, position = _header(lines)
    preamble = "" if header else "".join(kept[:position])
    cells = [header] if header else []
    if header:
        header.raw = "".join(kept[:position])
    while position < len(lines):
        cell, length = _own_cell(lines, position) or _jupytexts_cell(lines[position:])
        cell.first_line += position
        cell.begin = position + 1
        cell.raw = "".join(kept[position : position + length])
        cells.append(cell)
        position += length
    return preamble, cells


def own_marker(line: str) -> tuple[str, dict[str, Any]] | None:
    """The kind and the metadata of a cell, where its marker is one of the course's own form."""
    match = MARKER.match(line)
    if match is None or (match[3] and not match[1]):
        return None
    points = {"points": int(match[3])} if match[3] else {}
    title = {"title": match[1]} if match[1] else {}
    return "markdown" if match[2] else "code", {**points, **title}


def _own_cell(lines: list[str], start: int) -> tuple[Cell, int] | None:
    """A cell in the course's own form, and its length; None for any other."""
    marker = own_marker(lines[start])
    if marker is None:
        return None
    body = list(takewhile(lambda line: not MAYBE_MARKER.match(line), lines[start + 1 :]))
    end = start + 1 + len(body)
    followed = end == len(lines) or MARKER.match(lines[end])
    if not followed or any(one and not one.strip(BLANK) for one in body[-3:]):
        return None
    (kind, metadata), source = marker, _without_blank_end(body)
    if not (_is_plain_code(source) if kind == "code" else _is_plain_text(source)):
        return None
    text = "\n".join(source if kind == "code" else [line[2:] for line in source])
    return Cell(kind, text, metadata, 2), end - start


def _without_blank_end(body: list[str]) -> list[str]:
    """Up to two blank lines separate cells; of more, jupytext drops one."""
    blank = len(list(takewhile(lambda line: not line, reversed(body))))
    return body[: len(body) - (blank if blank <= 2 else 1)]


def _is_plain_text(source: list[str]) -> bool:
    """Comments only, no magics, and each fenced block closed again."""
    if any(MAYBE_MAGIC.match(line) or not COMMENT.match(line) for line in source):
        return False
    fences = [line for line in source if FENCE.match(line)]
    opened, closed = fences[::2], fences[1::2]
    return len(opened) == len(closed) == closed.count("# ```") and all(map(OPENED.match, opened))


def _is_plain_code(source: list[str]) -> bool:
    """No magics, and triple quotes only as a docstring has them, closed again."""
    inside = False
    for line in source:
        if MAYBE_MAGIC.match(line) or "'''" in line:
            return False
        if '"""' in line and (inside or not ONE_LINE.match(line)):
            if not (CLOSING if inside else OPENING).match(line):
                return False
            inside = not inside
    return not inside


def _jupytexts_cell(lines: list[str]) -> tuple[Cell, int]:
    from jupytext.cell_reader import DoublePercentScriptCellReader

    given = [line.translate(STAND_INS) for line in lines]
    try:
        read, length = DoublePercentScriptCellReader(FORMAT).read(given)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # metadata that are none, such as tags=3: read without them, the bytes stay
        kind = "# %% [markdown]" if "[markdown]" in lines[0] else "# %%"
        read, length = DoublePercentScriptCellReader(FORMAT).read([kind, *given[1:]])
    start = int(bool(MAYBE_MARKER.match(lines[0])))
    metadata = {key: value for key, value in read.metadata.items() if key not in OF_JUPYTEXT}
    source, language = read.source.translate(ORIGINALS), metadata.pop("language", "python")
    if language != "python":
        magic = f"%%{language} {metadata.pop('magic_args', '')}".rstrip()
        source, start = f"{magic}\n{source}", start - 1
    return Cell(read.cell_type, source, metadata, start + 1), length


def _header(lines: list[str]) -> tuple[Cell | None, int]:
    """What stands before the first cell: `#!`, an encoding, a YAML header, which may be a cell."""
    if not lines or MARKER.match(lines[0]):
        return None, 0
    from jupytext.header import header_to_metadata_and_cell

    try:
        _, _, cell, length = header_to_metadata_and_cell(lines, "#", "", ".py")
    except Exception:  # YAML that is none, or another encoding: a cell like any other
        return None, 0
    return Cell("raw", cell.source, first_line=1) if cell else None, length


def is_magic(line: str) -> bool:
    """Is the line a magic, commented out or not?"""
    if not MAYBE_MAGIC.match(line):
        return False
    from jupytext import magics

    return bool(magics.is_magic(line, "python", explicitly_code=True))
