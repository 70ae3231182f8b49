"""Find the same cell in two versions of a notebook.

Cells are aligned by `grade_id` where they have one, else by content; a nameless cell that stands
in the same gap and is still alike is the old one, edited.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from tito.notebook.cell import Cell

LONG = 4000  # letters of two cells; the time to compare more grows with their square
ALIKE = 0.5  # a nameless cell at least this similar to the old one is that cell, edited


def same(one: Cell, other: Cell) -> bool:
    return one.kind == other.kind and one.text == other.text


def align(common: list[Cell], side: list[Cell]) -> list[int | None]:
    """For each cell of the side, its place in the common version."""
    places: list[int | None] = [None] * len(side)
    wanted = _tokens(common)
    names = {token: index for index, token in enumerate(wanted) if token[0] == "name"}
    tokens = _tokens(side)
    blocks = SequenceMatcher(None, wanted, tokens, autojunk=False).get_opcodes()
    for kind, start, end, side_start, side_end in blocks:
        if kind == "equal":
            places[side_start:side_end] = range(start, end)
    for index, token in enumerate(tokens):
        places[index] = names.get(token, places[index])
    for kind, start, end, side_start, side_end in blocks:
        if kind == "replace":
            _pair_edited(common, side, places, range(start, end), range(side_start, side_end))
    return places


def _tokens(cells: list[Cell]) -> list[tuple[str, str, str]]:
    """What makes a cell the same cell; a name used twice counts its uses."""
    uses: dict[str, int] = {}
    tokens = []
    for cell in cells:
        name = cell.grade_id
        uses[name] = uses.get(name, 0) + 1
        named = ("name", name, str(uses[name]))
        tokens.append(named if name else ("text", cell.kind, cell.text))
    return tokens


def _pair_edited(
    common: list[Cell], side: list[Cell], places: list[int | None], old: range, new: range
) -> None:
    """Between two matches, nameless cells of one kind and alike are one cell, edited."""
    free = [i for i in old if i not in places and not common[i].grade_id]
    for index in new:
        if places[index] is None and not side[index].grade_id:
            match = next((i for i in free if _alike(common[i], side[index])), None)
            if match is not None:
                places[index] = match
                free = [i for i in free if i > match]


def _alike(one: Cell, other: Cell) -> bool:
    """Letter by letter; a long cell, such as one with a picture in it, by its ends and lines."""
    texts: SequenceMatcher[Any] = SequenceMatcher(None, one.text, other.text, autojunk=False)
    total = len(one.text) + len(other.text)
    if total > LONG:
        shared = _common_start(one.text, other.text)
        shared += _common_start(one.text[shared:][::-1], other.text[shared:][::-1])
        if 2 * shared >= ALIKE * total:
            return one.kind == other.kind
        texts = SequenceMatcher(None, one.lines, other.lines, autojunk=False)
    return one.kind == other.kind and texts.quick_ratio() >= ALIKE and texts.ratio() >= ALIKE


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def in_order(places: list[int | None]) -> bool:
    known = [place for place in places if place is not None]
    return known == sorted(known)
