"""What the names of submissions say: whose they are, and what to call them.

Canvas, Moodle, Gradescope and GitHub Classroom each write the student into the name of a file or a
folder. The rest of the name is a stranger's text: it is shown with every odd character escaped.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tito.grader.text import folded, printable

MAX_NAME = 255  # characters: of any name that a file system takes
# {sortable name}[_LATE]_{user}_{file's number}_{file}; anonymous: [LATE_]anon_{id}_{number}_{file}
_CANVAS = re.compile(
    r"(?:(?P<student>(?!LATE_)[^\0-/:-@\[-^`{-\x7f]+?)_)?(?P<late>LATE_)?"
    r"(?P<user>[0-9]+|anon_[0-9A-Za-z]+)_"
    r"(?:(?P<order>[0-9]+)_(?P<file>.+)|(?:text|link)\.html)"
)
_MOODLE = re.compile(r"(?P<student>.+?)_(?P<user>[0-9]+)_assignsubmission_[a-z]+_?(?P<file>.*)")
_CLASSROOM = re.compile(r"[0-9]+-[A-Za-z0-9_]+-(?P<student>.+)")  # 12-attention-janedoe
_SUFFIX = re.compile(
    r"(\.(py|ipynb|zip|tgz|tar|gz|xz|bz2|7z|rar|txt|json|html?|pdf|docx?|md))+$", re.IGNORECASE
)
_PAPER = re.compile(r"\.(xz|bz2|7z|rar|txt|json|html?|pdf|docx?|md)$", re.IGNORECASE)
_SUBMITTER = re.compile(r"\s+(?:- )?:(name|sid|email): (.*\S)")
_AGAIN = re.compile(r"(.+?)(?:-([0-9]{1,2})| ?\(([0-9]{1,2})\))")  # ada-2, ada (1)


@dataclass(frozen=True)
class FileName:
    """What a platform wrote into the name of one file or folder."""

    student: str
    user: str  # the platform's number, which tells two students of one name apart
    file: str  # what the student called it
    order: int = 0  # grows from attempt to attempt
    late: bool = False
    platform: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """As a roster's `Person.ids` has them."""
        number = self.student if self.platform == "github" else self.user
        return (f"{self.platform}:{folded(number)}",) if self.platform else ()


def parse(name: str, repository: bool = False) -> FileName:
    name = unicodedata.normalize("NFC", name)  # a Mac takes accents apart
    if match := _CANVAS.fullmatch(name):
        student, order = match["student"] or match["user"], int(match["order"] or 0)
        file = match["file"] or name
        return FileName(student, match["user"], file, order, bool(match["late"]), "canvas")
    if match := _MOODLE.fullmatch(name):
        file = match["file"] or name
        return FileName(match["student"], match["user"], file, platform="moodle")
    if repository and (match := _CLASSROOM.fullmatch(name)):
        return FileName(match["student"], "", name, platform="github")
    return FileName(_SUFFIX.sub("", name), "", name)


def is_paper(name: str) -> bool:
    """No file of this ending is read; it has a row all the same, which says so."""
    return bool(_PAPER.search(name))


def stem(name: str) -> str:
    """The name without its endings and without the number of an attempt."""
    bare = _SUFFIX.sub("", name)
    match = _AGAIN.fullmatch(bare)
    return match[1] if match else bare


def attempts(found: Sequence[FileName]) -> list[FileName]:
    """`ada-2.py` and `ada (1).py` beside an `ada.py` are hers; `student-2.py` alone is nobody's."""
    known = {one.student for one in found if not one.platform}
    return [_attempt(one, known) for one in found]


def _attempt(one: FileName, known: set[str]) -> FileName:
    match = None if one.platform else _AGAIN.fullmatch(one.student)
    if not match or match[1] not in known:
        return one
    return replace(one, student=match[1], order=int(match[2] or match[3]))


def unique_names(names: Sequence[str]) -> list[str]:
    """Each on one plain line, and no two alike: a hash tells apart what looks the same."""
    shown = [printable(unicodedata.normalize("NFC", name), MAX_NAME) for name in names]
    counts = Counter(shown)
    return [
        one if counts[one] == 1 and "~" not in one else f"{one}~{_digest(name)}"
        for one, name in zip(shown, names, strict=True)
    ]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True)
class Submitters:
    """Who handed in one folder, as Gradescope knows them."""

    names: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def student(self) -> str:
        return ", ".join(self.names)


def gradescope_students(metadata: str) -> dict[str, Submitters]:
    """Who handed in which folder, from Gradescope's `submission_metadata.yml`."""
    found, folder, section = dict[str, dict[str, list[str]]](), "", ""
    for line in metadata.splitlines():
        if match := re.match(r"(submission_[0-9]+):\s*$", line):
            folder, section = match[1], ""
        elif match := re.match(r"  (:\w+):", line):
            section = match[1]
        elif section == ":submitters" and (match := _SUBMITTER.match(line)):
            said = found.setdefault(folder, {"name": [], "sid": [], "email": []})
            said[match[1]].append(match[2].strip("'\""))
    return {
        folder: Submitters(
            tuple(said["name"]),
            tuple(f"{key}:{folded(one)}" for key in ("sid", "email") for one in said[key] if one),
        )
        for folder, said in found.items()
    }
