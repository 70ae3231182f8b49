"""What a submission holds: its files, each with a way to its bytes.

Nothing here follows a link or opens what is not a plain file: a pipe would hang, a link would lead
out. What stands in the way of a file is kept beside it, and said if nothing better is found.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from tito.grader.text import printable

MAX_LINE = 200
MAX_BYTES = {".py": 2_000_000, ".ipynb": 64_000_000}
MAX_ARCHIVE = 100_000_000
STEP = 1 << 20  # bytes: a read takes memory for all that it was asked for
# Copies, other people's code, and the course's own tests.
IGNORED = {"__pycache__", "__macosx", "node_modules", "site-packages", "tests"}
FOLDER, LINK = "a folder", "a link, which is not followed"
KINDS = {
    stat.S_IFLNK: LINK,
    stat.S_IFDIR: FOLDER,
    stat.S_IFIFO: "a pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
}
_JUNCTION = 0xA0000003  # Windows' link to a folder
_FLAGS = [getattr(os, f"O_{name}", 0) for name in ("NONBLOCK", "NOFOLLOW", "CLOEXEC", "BINARY")]


class Unreadable(Exception):  # noqa: N818 - a verdict, not a fault of ours
    """Why a submission cannot be read: one printable line."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(reason, MAX_LINE))


@dataclass(frozen=True)
class Member:
    """One file of a submission; `problem` says why it is not to be opened."""

    path: PurePosixPath  # inside the submission
    load: Callable[[int], bytes] = bytes  # at most so many bytes; more is an error
    time: float | None = None
    problem: str = ""
    order: int = 0  # the platform's: of two, the later has the greater number

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    @property
    def ignored(self) -> bool:
        parts = [part for part in self.path.parts if part != ".."]  # that has a reason of its own
        return any(part.startswith(".") or part.lower() in IGNORED for part in parts)

    def read(self) -> bytes:
        if self.problem:
            raise Unreadable(f"{self.path}: {self.problem}")
        return self.load(MAX_BYTES.get(self.suffix, MAX_ARCHIVE))


def members_of_folder(folder: Path) -> list[Member]:
    """Its files, those nearest to the top first."""
    found: list[Member] = []

    def refuse(error: OSError) -> None:
        inside = PurePosixPath(Path(error.filename).relative_to(folder).as_posix())
        found.append(Member(inside, problem=_sentence(error)))

    for here, folders, files in os.walk(folder, onerror=refuse):
        inside = PurePosixPath(Path(here).relative_to(folder).as_posix())
        members = [file_member(Path(here, name), inside / name) for name in (*folders, *files)]
        folders[:] = [one.name for one in members if one.problem == FOLDER and _is_looked_into(one)]
        found += members
    return nearest_first(found)


def nearest_first(members: list[Member]) -> list[Member]:
    return sorted(members, key=lambda member: (len(member.path.parts), str(member.path)))


def _is_looked_into(folder: Member) -> bool:
    hidden = folder.name.startswith(".") and folder.name != ".tito"  # tito's own notes are in that
    return not hidden and folder.name.lower() not in IGNORED


def file_member(path: Path, inside: PurePosixPath, order: int = 0) -> Member:
    try:
        status = os.lstat(path)
    except OSError as error:
        return Member(inside, problem=_sentence(error))
    is_junction = getattr(status, "st_reparse_tag", 0) == _JUNCTION
    problem = LINK if is_junction else problem_of(status.st_mode)
    return Member(inside, lambda limit: read_file(path, limit), status.st_mtime, problem, order)


def problem_of(mode: int) -> str:
    kind = stat.S_IFMT(mode)
    return "" if kind == stat.S_IFREG else KINDS.get(kind, "a device, not a file")


def read_file(path: Path, limit: int) -> bytes:
    """Its bytes; an error for anything but a plain file of at most so many."""
    try:
        with open(os.open(path, os.O_RDONLY | sum(_FLAGS)), "rb") as file:
            problem = problem_of(os.fstat(file.fileno()).st_mode)
            if problem:
                raise Unreadable(f"{path.name}: {problem}")
            return read_stream(file, limit, path.name)
    except OSError as error:
        raise Unreadable(f"{path.name}: {_sentence(error)}") from None


def read_stream(file: IO[bytes], limit: int, name: str) -> bytes:
    """What is really there counts, whatever size a header claims, and takes memory as it comes."""
    data = io.BytesIO()
    while part := file.read(STEP):
        data.write(part)
        if data.tell() > limit:
            raise Unreadable(f"{name}: over {limit / 1_000_000:.0f} MB")
    return data.getvalue()


def _sentence(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
