"""What a terminal can show: how many colours, which characters, and how wide a text is in it."""

from __future__ import annotations

import math
import os
import sys
import unicodedata
from dataclasses import dataclass

CIVIDIS = (0x00224E, 0x1A386F, 0x434E6C, 0x61656F, 0x7D7C78, 0x9B9476, 0xBCAE6C, 0xDEC958, 0xFEE838)
CIVIDIS_256 = (17, 18, 60, 102, 144, 179, 221, 227)  # the nearest that grow lighter step by step
BLACK, WHITE = 16, 231


@dataclass(frozen=True)
class Style:
    """What a terminal can show: 0, 256 or 2**24 colours; more than ASCII or not."""

    colours: int
    unicode: bool

    @classmethod
    def detect(cls, no_colour: bool) -> Style:
        colours = 0 if no_colour else _colours()
        return cls(colours, printable("▁▂▃▄▅▆▇█×…") == "▁▂▃▄▅▆▇█×…")

    @property
    def ramp(self) -> str:
        return " ▁▂▃▄▅▆▇█" if self.unicode else " .:-=+*#%@"

    @property
    def cross(self) -> str:
        return "×" if self.unicode else "x"

    def bar(self, level: float, columns: int) -> str:
        """So many equal characters of the ramp."""
        last = len(self.ramp) - 1
        return columns * self.ramp[min(max(round(level * last), 0), last)]

    def cell(self, text: str, level: float) -> str:
        """A text on the colour of a level from 0 to 1."""
        red, green, blue = cividis(level)
        ground = f"2;{red};{green};{blue}"
        if self.colours == 256:
            ground = f"5;{CIVIDIS_256[min(max(int(8 * level), 0), 7)]}"
        ink = BLACK if level > 0.4 else WHITE
        return f"\x1b[48;{ground};38;5;{ink}m{text}\x1b[0m"


def _colours() -> int:
    term, colorterm = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or term == "dumb":
        return 0
    if colorterm in ("truecolor", "24bit") or "direct" in term or os.environ.get("WT_SESSION"):
        return 2**24
    return 256 if "256" in term else 0


def printable(text: str) -> str:
    """A text as this console shows it, without control characters."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    shown = "".join(char for char in text if char.isprintable())
    return shown.encode(encoding, "replace").decode(encoding)


def cividis(level: float) -> tuple[int, int, int]:
    """A colour between dark blue (0) and yellow (1), by linear steps."""
    place = min(max(level, 0.0), 1.0) * (len(CIVIDIS) - 1)
    low = min(int(place), len(CIVIDIS) - 2)
    first, second = CIVIDIS[low].to_bytes(3, "big"), CIVIDIS[low + 1].to_bytes(3, "big")
    red, green, blue = (
        round(a + (b - a) * (place - low)) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = (unicodedata.east_asian_width(char) in "WF" for char in text)
    none = (unicodedata.category(char) in ("Mn", "Me", "Cf") for char in text)
    return sum(0 if gone else 2 if two else 1 for two, gone in zip(wide, none, strict=True))


def fit(text: str, columns: int, end: str = "") -> str:
    """Cut a text to so many columns; what was cut ends in `end`."""
    if width(text) <= columns:
        return text
    while text and width(text) > columns - len(end):
        text = text[:-1]
    return text + end


def pad(text: str, columns: int, side: float) -> str:
    """Fill up with spaces; `side` is the share that goes to the left: 1 aligns right."""
    free = max(columns - width(text), 0)
    left = math.ceil(free * side)
    return " " * left + text + " " * (free - left)
