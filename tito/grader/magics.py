"""A cell with notebook magics, as Python: what is handed in need not run in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tito.notebook.percent import MAYBE_MAGIC

FOREIGN = re.compile(r"^%%(bash|sh|html|javascript|js|latex|markdown|perl|ruby|svg|sql|R)\b")
# As `jupyter nbconvert --to script` writes a magic.
_CALL = re.compile(r"^([ \t]*)((?:\w+ *= *)?get_ipython\(\)\..{0,500}\))[ \t;]*$", re.MULTILINE)
_NO_PYTHON = re.compile(r"^(\s*)([?!])[?!]*\s*")  # as a line begins; jupytext knows fewer
_LONG = 500  # characters: no magic is, and jupytext takes long for a long line


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
    magics = [old != new for old, new in zip(short, _commented([*short]), strict=True)]
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


def _commented(lines: list[str]) -> list[str]:
    if not any(map(MAYBE_MAGIC.match, lines)):
        return lines
    from jupytext.magics import comment_magic

    return list(comment_magic(lines))
