"""The lines of a text, as Python's reader, Jupyter and editors count them.

A line ends with \\n, \\r\\n or a lone \\r. `str.splitlines` also ends one at a form feed, U+2028
and six more, which stand inside a line for Python: a comment would become code.
"""

from __future__ import annotations

import io

BLANK = " \t\r\n"  # what may be dropped at the end of a cell; a form feed or U+00A0 is kept


def plain(text: str) -> str:
    """The text with \\n for every newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split(text: str) -> list[str]:
    """The lines without their newlines; what follows the last newline counts if it is not empty."""
    lines = plain(text).split("\n")
    return lines if lines[-1] else lines[:-1]


def split_with_ends(text: str) -> list[str]:
    """The lines with the newlines that they have; joined, they are the text."""
    return io.StringIO(text, newline="").readlines()


def newline_of(text: str) -> str:
    """The newline that most of the lines end with; \\n where there is none."""
    pairs = text.count("\r\n")
    counts = {"\n": text.count("\n") - pairs, "\r\n": pairs, "\r": text.count("\r") - pairs}
    return max(counts, key=lambda newline: counts[newline])
