"""What a submission holds: the files of a folder, each with a way to read no more than so much.

Nothing here follows a link or opens what is not a plain file: a pipe would hang, a link would lead
out. What stands in the way of a file is kept beside it, and said if nothing better is found.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from tito.grader.text import printable

MAX_LINE = 200
MAX_FILES, MAX_DEPTH = 50_000, 32  # an environment of Python's own is 20,000 files
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
    load: Callable[[int], bytes]  # at most so many bytes; more is an error
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


def refused(path: PurePosixPath, problem: str) -> Member:
    def load(limit: int) -> bytes:
        raise Unreadable(f"{path}: {problem}")

    return Member(path, load, problem=problem)


def members_of_folder(folder: Path) -> list[Member]:
    """Its files, those nearest to the top first, as far as the limits go."""
    found: list[Member] = []
    waiting = deque([(folder, PurePosixPath())])
    seen = 0
    while waiting:
        here, inside = waiting.popleft()
        try:
            names = sorted(os.listdir(here))
        except OSError as error:
            found.append(refused(inside, _sentence(error)))
            continue
        for name in names:
            if (seen := seen + 1) > MAX_FILES:
                found.append(refused(inside / name, f"one of more than {MAX_FILES:,} files"))
                return found
            member = file_member(here / name, inside / name)
            if member.problem == FOLDER and _worth_a_look(inside / name):
                waiting.append((here / name, inside / name))
            found.append(member)
    return found


def _worth_a_look(inside: PurePosixPath) -> bool:
    hidden = inside.name.startswith(".") and inside.name != ".tito"  # tito's own notes are in that
    return not (hidden or inside.name.lower() in IGNORED or len(inside.parts) > MAX_DEPTH)


def file_member(path: Path, inside: PurePosixPath, order: int = 0) -> Member:
    try:
        status = os.lstat(path)
    except OSError as error:
        return refused(inside, _sentence(error))
    problem = problem_of(status.st_mode)
    if getattr(status, "st_reparse_tag", 0) == _JUNCTION:
        problem = LINK
    if problem:
        return refused(inside, problem)
    return Member(inside, lambda limit: read_file(path, limit), status.st_mtime, order=order)


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
    """What is really there counts, whatever size a header claims."""
    chunks = list(_chunks(file, limit))
    if sum(map(len, chunks)) > limit:
        raise Unreadable(f"{name}: over {limit / 1_000_000:.0f} MB")
    return b"".join(chunks)


def _chunks(file: IO[bytes], limit: int) -> Iterator[bytes]:
    total = 0
    while total <= limit and (chunk := file.read(1 << 16)):
        total += len(chunk)
        yield chunk


def _sentence(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
