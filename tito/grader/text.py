"""Text from a submission, made safe to show: visible escapes, one line, a limit.

A name or a reason may hold anything: colours for a terminal, a right-to-left override, half a
surrogate pair. What comes out of here is plain in a terminal, a page, a CSV and a file's name.
"""

from __future__ import annotations

import re

LIMIT = 2000  # characters: a file's name of 255 bytes fits, each of them escaped
# Unicode calls these letters and marks, but nothing shows: fillers, joiners, variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def printable(text: str, limit: int = LIMIT) -> str:
    """The text on one line, with an escape such as \\x1b for each character that does not show."""
    shown = text[: limit + 1]
    if not shown.isprintable() or _UNSEEN.search(shown):
        shown = "".join(_visible(char) for char in shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _visible(char: str) -> str:
    if char.isprintable() and not _UNSEEN.match(char):
        return char
    return char.encode("unicode_escape").decode("ascii")


def number(value: float) -> float:
    """Two decimals at most, and none where there are none: 2, 2.5, 0.33."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded
