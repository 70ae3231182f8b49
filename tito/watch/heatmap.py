"""Draw maps of attention weights in a terminal: coloured cells, or bars without colour.

Every map has its words down the side (queries) and across the top (keys). All maps share one scale,
from 0 to the largest weight; the legend names it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tito.watch.ink import Style, fit, pad, width

NARROWEST, WIDEST, LABEL, GAP = 3, 8, 14, 2  # columns: of a cell, of a label, between maps
NUMBERED = 5  # without colour, the number stands beside its bar from this width on


def most_words(columns: int) -> int:
    """How many words a map can hold, whatever their length."""
    return max((columns - LABEL - 1) // NARROWEST, 1)


@dataclass(frozen=True)
class Heatmap:
    """Maps (heads, n, n) of n words, and how to draw them within so many columns."""

    words: list[str]
    maps: list[list[list[float]]]
    blocked: list[list[bool]] | None
    style: Style
    columns: int

    @cached_property
    def top(self) -> float:
        """The end of the scale: the largest weight of a word that has a choice."""
        rows = [row for rows in self.maps for i, row in enumerate(rows) if self.choices(i) > 1]
        return max((w for row in rows for w in row if math.isfinite(w)), default=0.0) or 1.0

    def choices(self, i: int) -> int:
        return self.blocked[i].count(False) if self.blocked else 2

    @cached_property
    def label(self) -> int:
        return min(max(map(width, self.words)), LABEL)

    @cached_property
    def cell(self) -> int:
        """The columns of a cell: enough for its word, if there is room."""
        room = (self.columns - self.label - 1) // len(self.words)
        longest = max(NUMBERED - 1, *map(width, self.words))
        return max(min(longest + 1, WIDEST, room), NARROWEST)

    def lines(self) -> Iterator[str]:
        """All maps, as many side by side as fit, and the legend."""
        size = self.cell * len(self.words)
        across = max((self.columns - self.label - 1 + GAP) // (size + GAP), 1)
        for start in range(0, len(self.maps), across):
            yield from self.band(range(start, min(start + across, len(self.maps))), size)
            yield ""
        yield self.legend()

    def band(self, heads: range, size: int) -> Iterator[str]:
        """Some maps side by side."""
        if len(self.maps) > 1:
            yield self.row("", [pad(f"head {head}", size, 0.5) for head in heads])
        names = (fit(word, self.cell - 1) for word in self.words)
        yield self.row("", ["".join(pad(name, self.cell, 0.5) for name in names)] * len(heads))
        for i, word in enumerate(self.words):
            yield self.row(word, ["".join(self.cells(head, i)) for head in heads])

    def row(self, word: str, parts: list[str]) -> str:
        shown = pad(fit(word, self.label, "…" if self.style.unicode else "~"), self.label, 1)
        return f"{shown} {(' ' * GAP).join(parts)}".rstrip()

    def cells(self, head: int, i: int) -> Iterator[str]:
        for j, weight in enumerate(self.maps[head][i]):
            if self.blocked and self.blocked[i][j] and not weight:
                yield pad(self.style.cross, self.cell, 0.5)
            else:
                yield self.drawn(weight)

    def drawn(self, weight: float) -> str:
        """One weight: its percent on its colour, or its bar, with the percent where it fits."""
        level = weight / self.top if math.isfinite(weight) else 0.0
        percent = f"{100 * weight:.0f}"
        if self.style.colours:
            return self.style.cell(pad(fit(percent, self.cell), self.cell, 0.5), level)
        numbered = self.cell >= NUMBERED
        bar = self.style.bar(level, 1 if numbered else 2)
        return pad(f"{bar}{percent:>3}" if numbered else bar, self.cell, 0.5)

    def legend(self) -> str:
        steps = [step / 15 for step in range(16)]
        if self.style.colours:
            ramp = "".join(self.style.cell(" ", step) for step in steps)
        else:
            ramp = f"[{self.style.ramp}]"
        blocked = f"   {self.style.cross} blocked" if self.blocked else ""
        more = " or more" if self.blocked else ""
        return f"  percent of a row: 0 {ramp} {100 * self.top:.0f}{more}{blocked}"
