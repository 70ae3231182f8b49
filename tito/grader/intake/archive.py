"""The files in a zip or a tar.gz, read in memory: nothing is ever unpacked onto the disk.

A name that leads out of the archive is shown and not taken.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO

from tito.grader.intake.files import Member, Unreadable, nearest_first, problem_of, read_stream

SUFFIXES = (".zip", ".tgz", ".tar.gz")
_UTC = 0x5455  # Info-ZIP's field with POSIX seconds


def is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def members_of_archive(archive: Member) -> list[Member]:
    """Its files, those nearest to the top first."""
    kind, reader = ("zip", _zipped) if archive.suffix == ".zip" else ("tar.gz", _tarred)
    data = archive.read()
    try:
        found = reader(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # what these readers raise on a forged file has no end
        raise Unreadable(f"{archive.name}: not a {kind} that can be read: {error}") from None
    return nearest_first(found[::-1])  # of two of one name, unzip leaves the last


def _zipped(data: io.BytesIO) -> list[Member]:
    archive = zipfile.ZipFile(data)
    return [_zip_member(archive, info) for info in archive.infolist() if not info.is_dir()]


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    problem = problem_of(mode) if stat.S_IFMT(mode) else ""  # Windows leaves it empty
    if info.flag_bits & 0x1:
        problem = problem or "encrypted, and there is no password"
    return _member(info.orig_filename, lambda: archive.open(info), _zip_time(info), problem)


def _zip_time(info: zipfile.ZipInfo) -> float | None:
    """When it was last changed: by the clock on the wall, unless a zip says it in full."""
    rest = info.extra
    while len(rest) >= 9:
        kind, size = struct.unpack("<HH", rest[:4])
        if kind == _UTC and rest[4] & 1:
            return float(struct.unpack("<i", rest[5:9])[0])
        rest = rest[4 + size :]
    try:
        return datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _tarred(data: io.BytesIO) -> list[Member]:
    archive = tarfile.open(fileobj=data, mode="r:gz")  # noqa: SIM115 - its files are read later
    return [_tar_member(archive, info) for info in archive if not info.isdir()]


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    problem = "" if info.isreg() and not info.issparse() else "not a plain file"
    return _member(info.name, lambda: archive.extractfile(info), float(info.mtime), problem)


def _member(
    name: str, open_it: Callable[[], IO[bytes] | None], time: float | None, problem: str
) -> Member:
    """A member under its place in the archive; some Windows tools write backslashes."""
    path = PurePosixPath(name.replace("\\", "/"))
    drive = re.match(r"[A-Za-z]:", name)
    if not path.parts or path.is_absolute() or ".." in path.parts or drive:
        problem = "a name that leads out of the archive"

    def load(limit: int) -> bytes:
        try:
            with open_it() or io.BytesIO() as file:
                return read_stream(file, limit, path.name)
        except (Unreadable, MemoryError):
            raise
        except Exception as error:  # a password, a wrong checksum, a broken stream
            raise Unreadable(f"{path.name}: cannot be unpacked: {error}") from None

    return Member(path, load, time, problem)
