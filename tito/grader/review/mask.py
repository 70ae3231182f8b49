"""Whose work it is, hidden: a learner's own names, wherever they stand in what is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from tito.grader.grades import Grade

HIDDEN = "▒▒▒"
_FIELDS = ("name", "canvas", "sid", "login", "email", "github", "moodle")


class Mask:
    """Puts ▒▒▒ in place of names; of none, it leaves a text as it is."""

    def __init__(self, names: Iterable[str] = (), usual: Collection[str] = ()) -> None:
        """`usual` are words of the course: in code they say nothing about anybody."""
        self.usual = usual
        found = sorted({form for name in names for form in _forms(name)}, key=len, reverse=True)
        one_of = "|".join(map(re.escape, found))
        self._pattern = re.compile(rf"(?i)(?<![^\W_])(?:{one_of})(?![^\W_])") if found else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def code(self, text: str) -> str:
        """The same of code that is neither text nor a comment."""
        return text if text in self.usual else self(text)


def words_of(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


def names_in(grade: Grade) -> set[str]:
    """What a learner is called, by the roster, the platform and the file."""
    found = {grade.student} | ({grade.graded.name} if grade.graded else set())
    if grade.graded:
        found |= {grade.graded.student, *(one.partition(":")[2] for one in grade.graded.ids)}
    if grade.person:
        found |= {getattr(grade.person, key) for key in _FIELDS} | grade.person.names
    return found - {""}


def _forms(name: str) -> set[str]:
    """The name, its parts and its glued parts, with accents and without."""
    local = name.partition("@")[0]  # no part of where the mail goes
    parts = [] if "." in name and "@" not in name else re.split(r"[\W_]+", local)
    every = {name, local, *parts, "".join(parts)}
    bare = {"".join(c for c in unicodedata.normalize("NFKD", one) if c.isascii()) for one in every}
    return {one for one in every | bare if _is_telling(one)}


def _is_telling(word: str) -> bool:
    """Short Latin words and numbers stand everywhere."""
    least = 4 if word.isdigit() else 3 if word.isascii() else 2
    return len(word) >= least
