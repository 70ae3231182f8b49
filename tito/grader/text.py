"""Text from a submission, made safe to show: visible escapes, one line, a limit.

A name or a reason may hold anything: colours for a terminal, a right-to-left override, half a
surrogate pair. What comes out of here is plain in a terminal, a page, a CSV and a file's name.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

LIMIT = 2000  # characters: a file's name of 255 bytes fits, each of them escaped
# Unicode calls these letters and marks, but nothing shows: fillers, joiners, variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_PLAIN = re.compile(r"[\w+()](?:[\w +().-]{0,118}[\w+()-])?")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)")  # not for a file on Windows


def printable(text: str, limit: int = LIMIT) -> str:
    """The text on one line, with an escape such as \\x1b for each character that does not show."""
    shown = text[: limit + 1]
    if not shown.isprintable() or _UNSEEN.search(shown):
        shown = "".join(_visible(char) for char in shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def lines(text: str) -> list[str]:
    """Each line of a text that may have several, printable and uncut."""
    return [printable(line, 10 * len(line) + 1) for line in text.split("\n")]


def _visible(char: str) -> str:
    if char.isprintable() and not _UNSEEN.match(char):
        return char
    return char.encode("unicode_escape").decode("ascii")


@lru_cache(100_000)  # each name of a batch is asked for once a line and learner
def folded(text: str) -> str:
    """Letters and digits alone, small, without accents: `Doe, Zoë` and `doezoe` are alike."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if char.isalnum())


def many(count: int, what: str) -> str:
    """1 line, 2 lines."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def number(value: float) -> float:
    """Two decimals at most, and none where there are none: 2, 2.5, 0.33."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each name: the name itself where every system takes it, else with a hash.

    Two names that one system holds for the same (A.py, a.py) both get a hash, and a name that
    looks as if it had one gets its own: nobody's page can take the place of another's.
    """
    names = list(names)
    count = Counter(_file_folded(name) for name in names)
    return {
        name: name if _fits(name) and count[_file_folded(name)] == 1 else _hashed(name)
        for name in names
    }


def _file_folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _fits(name: str) -> bool:
    usual = _PLAIN.fullmatch(name) and not _DEVICES.match(_file_folded(name)) and "--" not in name
    return bool(usual) and len(name.encode("utf-8")) <= 200


def _hashed(name: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60].rstrip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{slug or 'name'}--{digest[:16]}"
