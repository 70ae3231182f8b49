"""Read a percent script (`# %%`) into cells, by the same rules as jupytext's reader.

Importing jupytext costs a quarter of a second, so the commands a learner types all day read with
this file. The rules, oddities included, are those of jupytext 1.19 (MIT licence, Marc Wouts and
contributors); tests/tito/notebook/test_percent.py holds the two equal.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tito.lines import BLANK, split, split_with_ends
from tito.notebook.cell import Cell
from tito.notebook.header import read_header
from tito.notebook.magics import QuoteTracker, uncomment, uncomment_magics, unescape_plus
from tito.notebook.options import parse_options

MARKER = re.compile(r"^\s*#\s*%%(%*)\s(.*)$")
BARE_MARKER = re.compile(r"^\s*#\s*(%%|<codecell>|In\[[0-9 ]*\]:?)\s*$")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")


def parse(text: str) -> tuple[str, list[Cell]]:
    """Return what stands before the first cell (usually nothing), and the cells."""
    text = text.removeprefix("\ufeff")
    kept = split_with_ends(text)
    lines = split(text)
    header, position = read_header(lines)
    preamble = "" if header else "".join(kept[:position])
    cells = [replace(header, raw="".join(kept[:position]))] if header else []
    while position < len(lines):
        cell, length = _next_cell(lines[position:])
        cell.first_line += position
        cell.raw = "".join(kept[position : position + length])
        cells.append(cell)
        position += length
    return preamble, cells


def _next_cell(lines: list[str]) -> tuple[Cell, int]:
    metadata: dict[str, Any] = {}
    if MARKER.match(lines[0]):
        metadata = parse_options(lines[0].partition("%%")[2])
    kind = metadata.pop("cell_type", "code")
    language = metadata.pop("language", "python")
    start = 1 if MARKER.match(lines[0]) or BARE_MARKER.match(lines[0]) else 0
    length = _length(lines, kind)
    source = _source(lines[start : _without_blank_end(lines, length)], kind, language)
    if language != "python":
        magic = f"%%{language} {metadata.pop('magic_args', '')}".rstrip()
        source, start = [magic, *(source or [""])], start - 1
    return Cell(kind, "\n".join(source), metadata, first_line=start + 1), length


def _length(lines: list[str], kind: str) -> int:
    """How many lines until the next marker outside strings and fenced blocks."""
    quotes, fence = QuoteTracker(), ""
    for index, line in enumerate(lines):
        quoted = quotes.open
        quotes.read(line)
        if quoted:
            continue
        if kind in ("markdown", "raw"):
            text = uncomment(line)
            if fence:
                fence = "" if _closes(text, fence) else fence
                continue
            fence = _opens(text)
            if fence and any(_closes(uncomment(later), fence) for later in lines[index + 1 :]):
                continue
            fence = ""
        if index and (MARKER.match(line) or BARE_MARKER.match(line)):
            return index
    return len(lines)


def _opens(text: str) -> str:
    match = FENCE.match(text)
    if not match or (match[1][0] == "`" and "`" in match[2]):
        return ""
    return match[1]


def _closes(text: str, fence: str) -> bool:
    match = FENCE.match(text)
    return match is not None and match[1].startswith(fence) and not match[2].strip()


def _without_blank_end(lines: list[str], length: int) -> int:
    cell = lines[:length]
    blank = [not line.strip(BLANK) for line in cell[-3:]]
    if blank == [False, True, True]:
        return length - 2
    return length - 1 if length and cell[-1] == "" else length


def _source(body: list[str], kind: str, language: str) -> list[str]:
    if kind != "code":
        quoted = _unquote("\n".join(body).strip())
        return quoted or [uncomment(line) for line in uncomment_magics(body)]
    if language != "python":
        return [uncomment(line) for line in body]
    return unescape_plus(uncomment_magics(body))


def _unquote(text: str) -> list[str] | None:
    """A text cell may stand in triple quotes instead of comments."""
    for left in ('"""', "'''", 'r"""', "r'''", 'R"""', "R'''"):
        right = left[-3:]
        whole = text.startswith(left) and text.endswith(right)
        if whole and len(text) >= len(left + right):
            inner = text[len(left) : -3].removeprefix("\n")
            return split(inner.removesuffix("\n"))
    return None
