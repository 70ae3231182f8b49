"""Which lines of a code cell are notebook magics, and how a percent script hides them.

A `.py` keeps `%matplotlib inline` as `# %matplotlib inline`; reading takes the comment sign away
again. jupytext decides, so that both agree on every line; it is imported only where a line could
be a magic at all, since that takes a quarter of a second, and three beside JupyterLab.
"""

from __future__ import annotations

import re

SHELL = "cat|cd|copy|cp|ddir|echo|ldir|ls|mkdir|mv|ren|rm|rmdir"
# Every magic looks like this; so do a few plain lines. `(?=(x*))\1` takes all of x at once: trying
# each shorter part again takes minutes for a line of 100,000 `#`.
SUSPECT = re.compile(
    rf"(?=([\s#]*))\1(?:[%!?]|\w+\s*=\s*[%!]|\S*\?\s*$|(?:{SHELL})(?:\s*$|\s+[^\s=,]))"
)
SUSPECT_PLUS = re.compile(r"[\s#]*#\s?\+")
_QUOTE_OR_COMMENT = re.compile(r"[\"'#]")


class QuoteTracker:
    """Reads lines in turn; `open` says whether the next line begins inside a triple quote."""

    def __init__(self) -> None:
        self.open = ""

    def read(self, line: str) -> None:
        if not self.open and line.lstrip().startswith("#"):
            return
        single, triple_start = "", -1
        for match in _QUOTE_OR_COMMENT.finditer(line):
            index, char = match.start(), match.group()
            if char == "#":
                if not single and not self.open:
                    return
                continue
            if line[index - 1 : index] == "\\":
                continue
            if single:
                single = "" if single == char else single
            elif line[index - 2 : index + 1] == 3 * char and index >= triple_start + 3:
                if self.open in ("", char):
                    self.open = "" if self.open else char
                    triple_start = index
            elif not self.open:
                single = char


def is_magic(line: str) -> bool:
    """Is the line a magic, commented out or not?"""
    if not SUSPECT.match(line):
        return False
    from jupytext import magics

    return bool(magics.is_magic(line, "python", explicitly_code=True))


def uncomment(line: str) -> str:
    return line[2:] if line.startswith("# ") else line.removeprefix("#")


def uncomment_magics(lines: list[str]) -> list[str]:
    if not any(map(SUSPECT.match, lines)):
        return lines
    from jupytext import magics

    return list(magics.uncomment_magic(list(lines)))


def comment_magics(lines: list[str]) -> list[str]:
    if not any(map(SUSPECT.match, lines)):
        return lines
    from jupytext import magics

    return list(magics.comment_magic(list(lines)))


def unescape_plus(lines: list[str]) -> list[str]:
    """Undo jupytext's escape of comments that begin with a plus sign."""
    if not any(map(SUSPECT_PLUS.match, lines)):
        return lines
    from jupytext import magics

    return list(magics.unescape_code_start(list(lines), ".py"))
