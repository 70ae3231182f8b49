"""Which lines of a code cell are notebook magics, and how a percent script hides them.

A `.py` keeps `%matplotlib inline` as `# %matplotlib inline`; reading takes the comment sign away
again. The expressions are jupytext's (MIT licence), so that both readers agree on every line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PERCENT = r"^\s*(# |#)*(%|%%|%%%)[a-zA-Z]"
_FORCED = re.compile(_PERCENT + r"(.*)#\s*escape")
_EXEMPT = re.compile(_PERCENT + r"(.*)#\s*noescape")
_SHELL = "cat|cd|cp|mv|rm|rmdir|mkdir|copy|ddir|echo|ls|ldir|ren"
_MAGIC = [
    re.compile(_PERCENT),
    re.compile(r"^\s*(?:(?:# |#)+\s*)?(\?|!)\s*[A-Za-z\.\~\$\\\/\{\}]"),
    re.compile(r"^(# |#)*\s*([a-zA-Z_][a-zA-Z_$0-9]*)\s*=\s*(%|%%|%%%|!)[a-zA-Z](.*)"),
    re.compile(r"^\s*(# )*[^\s]*\?\s*$"),
    re.compile(rf"^(# |#)*({_SHELL})($|\s$|\s[^=,])"),
]
_CONTINUED = re.compile(r".*\\\s*$")
_ESCAPED_PLUS = re.compile(r"^(# |#)*(#|# )\+")
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
    if _FORCED.match(line):
        return True
    return not _EXEMPT.match(line) and any(pattern.match(line) for pattern in _MAGIC)


def uncomment(line: str) -> str:
    return line[2:] if line.startswith("# ") else line.removeprefix("#")


def _unescape(line: str) -> str:
    code = line.lstrip()
    return line[: len(line) - len(code)] + uncomment(code)


def _escape(line: str, continued: bool) -> str:
    code = line if continued else line.lstrip()
    return f"{line[: len(line) - len(code)]}# {code}"


def uncomment_magics(lines: list[str]) -> list[str]:
    marked = _mark_magics(lines)
    return [line if magic is None else _unescape(line) for line, magic in marked]


def comment_magics(lines: list[str]) -> list[str]:
    marked = _mark_magics(lines)
    return [line if magic is None else _escape(line, magic) for line, magic in marked]


def _mark_magics(lines: list[str]) -> Iterator[tuple[str, bool | None]]:
    """Each line with: None for plain code, else whether it continues the magic above it."""
    quotes, continued = QuoteTracker(), False
    for line in lines:
        if quotes.open or not (continued or is_magic(line)):
            yield line, None
        else:
            yield line, continued
            continued = bool(_CONTINUED.match(line))
        quotes.read(line)


def unescape_plus(lines: list[str]) -> list[str]:
    """Undo jupytext's escape of comments that begin with a plus sign."""
    quotes, result = QuoteTracker(), []
    for line in lines:
        escaped = not quotes.open and _ESCAPED_PLUS.match(line)
        plain = _unescape(line) if escaped else line
        quotes.read(line)
        result.append(plain if _ESCAPED_PLUS.match(plain) else line)
    return result
