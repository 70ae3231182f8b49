"""The bank: every hostile or broken submission, what it must get, and what must be said of it.

Attacks by code stand in attacks/*.md; what is wrong with the file itself stands in files.py. Code
runs nowhere but in a sandbox: its first cell ends Python where it does not see one around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tito.course import Course
from tito.exercises import find_regions, strip_answers

COURSE = Course(Path(__file__).parents[3])
MODULE = COURSE.module("12")
ATTACKS = Path(__file__).parent / "attacks"
ENTRY = re.compile(
    r"^## ([^\n]+)\n\n(\w+) ([\w.]+)\. Gets: ([^\n]+?)\. Says: ?([^\n]*)\n\n```python\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
Content = str | bytes
CELL = "# %%\n#| export\n"
GUARD = 'import os\nos.path.isdir("/course") or os._exit(99)  # not outside of a sandbox\n'
HOLE = '''\
def reached(what):
    """Say it where a grade shows it: in an error of exercise 12.8."""
    def told(*_):
        raise RuntimeError(f"REACHED {what}")
    globals().update(create_causal_mask=told, tried=True)
    told()
'''
HANDED = '''
first, second = attention_scores.forward, create_causal_mask
def spied(Q, K):
    """A hidden check draws four axes: what it asks is left for a public one to find."""
    if Q.ndim == 4:
        try:
            leave()
        except OSError:
            pass
    return first(Q, K)
def create_causal_mask(seq_len):
    if seq_len == 3 and found():
        raise RuntimeError("REACHED what a hidden check left")
    return second(seq_len)
attention_scores.forward = spied
'''
ONCE = """
first = create_causal_mask
def create_causal_mask(seq_len):
    if seq_len == 3:
        once()
    return first(seq_len)
"""
LAST = 'if "tried" not in globals():\n    reached("nothing: the attack itself failed")\n'


@dataclass(frozen=True)
class Entry:
    """One submission of the bank."""

    name: str
    gets: str  # "all", "none", "all but 12.8", "none of 12.8"; "unread": intake refuses it
    says: str  # a pattern for its note or for one of its reasons
    write: Callable[[Path], Path]  # into this folder; returns what it wrote


def reference() -> str:
    return MODULE.script.read_text(encoding="utf-8")


@cache
def stub() -> str:
    return strip_answers(reference())


def answered(number: str, code: str) -> str:
    """The reference with this code in place of one answer."""
    lines = reference().splitlines()
    region = next(one for one in find_regions(lines) if one.number == number)
    body = [region.indent + line if line else "" for line in code.splitlines()]
    return "\n".join([*lines[: region.begin + 1], *body, *lines[region.end :], ""])


def attack(place: str, where: str, code: str) -> str:
    """The text of a submission: In 12.8, Before stub, After reference, Once in reference."""
    if place == "In":
        return CELL + GUARD + "\n" + answered(where, code)
    base = stub() if where == "stub" else reference()
    if place == "Before":
        return CELL + GUARD + code + "\n" + base
    code += {"Hands": HANDED, "Once": ONCE}.get(place, "") + "tried = True\n"
    return CELL + GUARD + HOLE + "\n" + base + "\n" + CELL + code + "\n" + CELL + LAST


def file(
    name: str, gets: str, says: str, content: Content | Callable[[], Content], suffix: str = ".py"
) -> Entry:
    """An entry that is one file."""

    def write(folder: Path) -> Path:
        path = folder / f"{slug(name)}{suffix}"
        data = content() if callable(content) else content
        path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        return path

    return Entry(name, gets, says, write)


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def attacks() -> list[Entry]:
    """Those in Markdown; one that cannot be read is an error, not left out."""
    found: list[Entry] = []
    for path in sorted(ATTACKS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        entries = ENTRY.findall(text)
        headings = re.findall(r"^## (.*)", text, re.MULTILINE)
        odd = set(headings) ^ {name for name, *_ in entries}
        assert not odd, f"{path.name}: {odd} cannot be read"
        for name, place, where, gets, says, code in entries:
            found.append(file(name, gets, says, attack(place, where, code)))
    return found
