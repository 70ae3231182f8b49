"""The files in a zip or a tar.gz, read in memory: nothing is ever unpacked onto the disk.

Every number in an archive is a stranger's claim. Bytes are counted as they come, one read is never
large, and a name that leads out of the archive is shown and not taken.
"""

from __future__ import annotations

import gzip
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

from tito.grader.intake.files import MAX_FILES, Member, Unreadable, problem_of, read_stream, refused

MAX_ARCHIVE = 100_000_000
MAX_READ = 8_000_000  # in one piece: a zip's list of files, a tar's header
SUFFIXES = (".zip", ".tgz", ".tar.gz")
_UTC = 0x5455  # Info-ZIP's field with POSIX seconds
_PLAIN_ZIP = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can ask for gigabytes


class _Pieces(io.BytesIO):
    """Refuses to read, in one piece, what only a forged size asks for."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(MAX_READ + 1 if size is None or size < 0 else min(size, MAX_READ + 1))
        if len(data) > MAX_READ:
            raise Unreadable(f"an archive that lists more than {MAX_FILES:,} files")
        return data


def is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def members_of_archive(archive: Member) -> list[Member]:
    """Its files, those nearest to the top first."""
    data = archive.load(MAX_ARCHIVE)
    reader = _zip_members if archive.suffix == ".zip" else _tar_members
    try:
        found = reader(data)
    except Unreadable as error:
        raise Unreadable(f"{archive.name}: {error}") from None
    except Exception as error:  # what these readers raise on a forged file has no end
        kind = "zip" if archive.suffix == ".zip" else "tar.gz"
        raise Unreadable(f"{archive.name}: not a {kind} that can be read: {error}") from None
    if len(found) > MAX_FILES:
        raise Unreadable(f"{archive.name}: more than {MAX_FILES:,} files")
    last_first = reversed(found)  # of two of one name, unzip leaves the last
    return sorted(last_first, key=lambda member: (len(member.path.parts), str(member.path)))


def _zip_members(data: bytes) -> list[Member]:
    if not data.startswith(b"PK"):
        raise Unreadable("not a zip")
    archive = zipfile.ZipFile(_Pieces(data))
    return [_zip_member(archive, info) for info in archive.infolist() if not info.is_dir()]


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    path, problem = _inside(info.orig_filename)
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode):  # Windows leaves it empty
        problem = problem or problem_of(mode)
    if info.flag_bits & 0x1:
        problem = problem or "encrypted, and there is no password"
    elif info.compress_type not in _PLAIN_ZIP:
        problem = problem or f"compressed by method {info.compress_type}; use an ordinary zip"
    if problem:
        return refused(path, problem)
    return Member(path, _loader(path, lambda: archive.open(info)), _zip_time(info))


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


def _tar_members(data: bytes) -> list[Member]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        plain = _Pieces(read_stream(packed, MAX_ARCHIVE, "unpacked"))  # type: ignore[arg-type]
    found: list[Member] = []
    archive = tarfile.TarFile(fileobj=plain)
    while (info := archive.next()) and len(found) <= MAX_FILES:  # a forged one never ends
        if not info.isdir():
            found.append(_tar_member(archive, info))
    return found


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    path, problem = _inside(info.name)
    if not info.isreg() or info.issparse():
        problem = problem or "not a plain file"
    if problem:
        return refused(path, problem)
    return Member(path, _loader(path, lambda: archive.extractfile(info)), float(info.mtime))


def _loader(path: PurePosixPath, open_it: Callable[[], IO[bytes] | None]) -> Callable[[int], bytes]:
    def load(limit: int) -> bytes:
        try:
            with open_it() or io.BytesIO() as file:
                return read_stream(file, limit, path.name)
        except Unreadable:
            raise
        except Exception as error:  # a wrong checksum, a forged offset, a broken stream
            raise Unreadable(f"{path.name}: cannot be unpacked: {error}") from None

    return load


def _inside(name: str) -> tuple[PurePosixPath, str]:
    """Where a name stands in the archive; some Windows tools write backslashes."""
    path = PurePosixPath(name.replace("\\", "/"))
    outside = (
        not path.parts or path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
    )
    return path, "a name that leads out of the archive" if outside else ""
