"""Which lines of a code cell are notebook magics, and how a percent script hides them.

A `.py` keeps `%matplotlib inline` as `# %matplotlib inline`; reading takes the comment sign away
again. jupytext decides, so that both agree on every line; it is imported only where a line could
be a magic at all, since that takes a quarter of a second, and three beside JupyterLab.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SHELL = "cat|cd|copy|cp|ddir|echo|ldir|ls|mkdir|mv|ren|rm|rmdir"
# Every magic looks like this; so do a few plain lines. `(?=(x*))\1` takes all of x at once: trying
# each shorter part again takes minutes for a line of 100,000 `#`.
SUSPECT = re.compile(
    rf"(?=([\s#]*))\1(?:[%!?]|\w+\s*=\s*[%!]|\S*\?\s*$|(?:{SHELL})(?:\s*$|\s+[^\s=,]))"
)
FOREIGN = re.compile(r"^%%(bash|sh|html|javascript|js|latex|markdown|perl|ruby|svg|sql|R)\b(.*)$")
SUSPECT_PLUS = re.compile(r"[\s#]*#\s?\+")
# As `jupyter nbconvert --to script` writes a magic.
_CALL = re.compile(r"^([ \t]*)((?:\w+ *= *)?get_ipython\(\)\..{0,500}\))[ \t;]*$", re.MULTILINE)
_NO_PYTHON = re.compile(r"^(\s*)([?!])[?!]*\s*")  # as a line begins; jupytext knows fewer
_LONG = 500  # characters: no magic is, and jupytext takes long for a long line
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


def as_python(code: str) -> list[str]:
    """What a cell with magics may be as Python, to be tried in turn; the cell alone if it has none.

    A line such as `%width)` may be plain Python, a comment such as `# why?` may look like a magic,
    and a block that holds magics alone needs a `pass`: only a compiler can tell.
    """
    code = _CALL.sub(r"\1pass  # \2", code)
    lines = code.split("\n")
    if FOREIGN.match(lines[0]):
        return ["\n".join(f"# {line}" for line in lines)]
    short = [_NO_PYTHON.sub(r"\1\2x", line) if len(line) <= _LONG else "" for line in lines]
    magics = [old != new for old, new in zip(short, comment_magics([*short]), strict=True)]
    if not any(magics):
        return [code]
    return [code, *("\n".join(_hidden(lines, magics, mark)) for mark in ("# ", "pass  # "))]


def _hidden(lines: list[str], magics: list[bool], mark: str) -> Iterator[str]:
    """The lines with a mark before each magic; one that goes on below has a single mark."""
    before = ""
    for line, magic in zip(lines, magics, strict=True):
        text = line.lstrip()
        indent = line[: len(line) - len(text)]
        first = not before.endswith("\\")
        yield f"{indent}{mark if first else '# '}{text}" if magic else line
        before = line


def unescape_plus(lines: list[str]) -> list[str]:
    """Undo jupytext's escape of comments that begin with a plus sign."""
    if not any(map(SUSPECT_PLUS.match, lines)):
        return lines
    from jupytext import magics

    return list(magics.unescape_code_start(list(lines), ".py"))
