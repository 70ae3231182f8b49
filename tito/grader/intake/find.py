"""Finds the submissions in a folder, and reads a learner's module out of whatever was handed in.

This runs where grades are decided, on files that may be forged: nothing of a submission is run,
compiled, unpacked to disk or followed out of its folder, and its bytes are read in a child.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import cast

from tito.course import Module
from tito.errors import TitoError
from tito.grader.intake import names
from tito.grader.intake.choose import choose
from tito.grader.intake.extract import Cells, Source
from tito.grader.intake.files import (
    FOLDER,
    IGNORED,
    Member,
    Unreadable,
    file_member,
    members_of_folder,
    read_file,
)
from tito.grader.intake.limits import within_limits
from tito.grader.intake.read import read_versions
from tito.grader.text import printable

__all__ = ["Source", "Submission", "Unreadable", "find_submissions", "read_submission"]

# Gradescope's, and Windows' own.
NOT_HANDED_IN = {"submission_metadata.yml", "thumbs.db", "desktop.ini"}
FOR_TITO = {"adjustments.csv", "roster.csv", ".tito"}
OURS = "tito's own"
MAX_METADATA, MAX_STUDENT = 16_000_000, 100
END_OF_TIME = 2**33  # a year that dates can hold, whatever an archive says


@dataclass(frozen=True)
class Submission:
    """One submission: all that one student handed in."""

    name: str  # unique in the batch, on one plain line
    student: str  # as the platform names them
    path: Path  # the newest, where a platform lists a student's files one by one
    late: bool = False  # Canvas says so
    time: float | None = None  # POSIX seconds: when the module's file was last changed
    others: tuple[Path, ...] = ()  # the student's other files
    ids: tuple[str, ...] = ()  # as the platform names the student: "canvas:31", "email:..."


def find_submissions(folder: Path, module: Module | None = None) -> list[Submission]:
    """The submissions in a folder by name; where the module is given, when each was handed in."""
    groups: dict[tuple[str, str], list[tuple[names.FileName, Path]]] = {}
    paths = [path for path in _entries(folder) if not _why_skipped(path)]
    parsed = [names.parse(path.name, repository=(path / ".git").is_dir()) for path in paths]
    for named, path in zip(names.attempts(parsed), paths, strict=True):
        groups.setdefault((named.student, named.user), []).append((named, path))
    if not groups:
        raise TitoError(f"no submissions in {folder}", "each is a file, a folder or a zip in it")
    ordered = [sorted(group, key=_newest_first) for group in groups.values()]
    unique = names.unique_names([_name(group) for group in ordered])
    found = [
        _submission(name, student, group)
        for name, student, group in zip(unique, _students(folder, ordered), ordered, strict=True)
    ]
    timed = [replace(one, time=_time(one, module)) if module else one for one in found]
    return sorted(timed, key=lambda one: one.name)


def _submission(
    name: str, student: names.Submitters, group: list[tuple[names.FileName, Path]]
) -> Submission:
    newest, path = group[0]
    others = tuple(path for _, path in group[1:])
    shown = printable(student.student, MAX_STUDENT)
    return Submission(name, shown, path, newest.late, others=others, ids=student.ids)


def skipped(folder: Path) -> list[tuple[str, str]]:
    """What lies in the folder and is no submission, and why, but what is written for tito."""
    found = [(printable(path.name), _why_skipped(path)) for path in _entries(folder)]
    return sorted((name, why) for name, why in found if why and why != OURS)


def _entries(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise TitoError(f"{folder} {problem}", "name the folder that holds the submissions")
    if (folder / "modules").is_dir():
        raise TitoError(f"{folder} is one submission", "name the folder that holds it")
    yield from folder.iterdir()


def _why_skipped(entry: Path) -> str:
    """Empty for a submission."""
    name = entry.name.lower()
    if name in FOR_TITO:
        return OURS
    if name in IGNORED | NOT_HANDED_IN:
        return "a system, a platform or a tool wrote it"
    return "its name begins with a dot" if name.startswith(".") else ""


def _newest_first(one: tuple[names.FileName, Path]) -> tuple[int, bool, str]:
    named, path = one
    return -named.order, names.is_paper(path.name), path.name


def _name(group: list[tuple[names.FileName, Path]]) -> str:
    """The newest file's; where the numbers are a learner's own, the first: a row keeps its name."""
    last = group[-1][0].order
    return next(path.name for one, path in group if one.platform or one.order == last)


def _students(
    folder: Path, groups: list[list[tuple[names.FileName, Path]]]
) -> Iterator[names.Submitters]:
    """Who they are; the platform's number tells two of one name apart."""
    firsts = [group[0][0] for group in groups]
    counts = Counter(named.student for named in firsts)
    known = _gradescope_students(folder)
    for named in firsts:
        twice = f"{named.student} {named.user}" if counts[named.student] > 1 else named.student
        yield known.get(named.student) or names.Submitters((twice,), named.ids)


def _gradescope_students(folder: Path) -> dict[str, names.Submitters]:
    try:
        metadata = read_file(folder / "submission_metadata.yml", MAX_METADATA)
    except Unreadable:
        return {}
    return names.gradescope_students(metadata.decode("utf-8", "replace"))


def _time(found: Submission, module: Module) -> float | None:
    try:
        return cast("float | None", within_limits(_time_of, found, module))
    except Unreadable:
        return None


def _time_of(found: Submission, module: Module) -> float | None:
    times = [member.time for member in choose(_members(found), module).files]
    return max(
        (time for time in times if time is not None and 0 < time < END_OF_TIME), default=None
    )


def read_submission(found: Submission, module: Module) -> Source:
    """The learner's module; an Unreadable says in one line why there is none."""
    _ = module.cells  # if the course's own module is broken, that is said here
    cells, note, outside = within_limits(read_here, found, module)
    return Source(_cells(cells), note, _cells(outside))


def read_here(found: Submission, module: Module) -> tuple[Cells, str, Cells]:
    """The cells that count, a note, and the other cells: read in this process."""
    chosen = choose(_members(found), module)
    source = read_versions(chosen.files, chosen.common, module)
    note = printable("; ".join(filter(None, [chosen.note, source.note])))
    return source.cells, note, source.outside


def _cells(pairs: list[list[str]]) -> Cells:
    return tuple((name, code) for name, code in pairs)


def _members(found: Submission) -> list[Member]:
    paths = (found.path, *found.others)
    parsed = names.attempts([names.parse(path.name) for path in paths])
    members: list[Member] = []
    for named, path in zip(parsed, paths, strict=True):
        member = file_member(path, PurePosixPath(named.file), named.order)
        members += members_of_folder(path) if member.problem == FOLDER else [member]
    return members
