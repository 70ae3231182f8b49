"""The pieces of a data set, read out of a file, an archive or a folder, and checked.

Nothing is unpacked to disk, and of a member no more is read than the piece may hold.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tito.data_sets.table import SEAM, DataSet, Piece
from tito.errors import TitoError

Contents = dict[str, bytes]  # the pieces, by name
Member = tuple[str, IO[bytes]]
MOST = 1 << 27  # bytes of one member: more than the largest
DAMAGED = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
DEBIAN = b"!<arch>\n"
PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", DEBIAN)


def read(data_set: DataSet, path: Path) -> Contents:
    """Every piece, whole and right; otherwise an error that says what was there."""
    if path.is_dir():
        return _checked(data_set, _from_folder(data_set, path), path)
    with path.open("rb") as file:
        content = file.read(MOST)
    for piece in data_set.pieces:
        if not fault(piece, content):
            return _with_others(data_set, piece, content, path)
    if not _is_packed(data_set, path, content):
        piece = data_set.pieces[0]
        raise TitoError(f"{path} is not {piece.name}: {fault(piece, content)}")
    try:
        found = dict(_wanted(data_set, _members(path)))
    except DAMAGED as error:
        raise TitoError(f"{path} is damaged or cut short: {error}") from None
    return _checked(data_set, found, path)


def fault(piece: Piece, content: bytes) -> str:
    """What is wrong with a piece; empty where it is right."""
    if piece.name.endswith(".gz"):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MOST)
        except DAMAGED as error:
            return f"it cannot be unpacked ({error})"
    if len(content) != piece.size:
        more = " or more" * (len(content) == MOST)
        return f"it holds {len(content):,} bytes{more}, not {piece.size:,}"
    found = hashlib.sha256(content).hexdigest()
    wrong = f"its sha256 begins with {found[:12]}, not {piece.sha256[:12]}"
    return "" if found == piece.sha256 else wrong


def _with_others(data_set: DataSet, piece: Piece, content: bytes, path: Path) -> Contents:
    """One piece by whatever name; the others lie beside it."""
    if len(data_set.pieces) == 1:
        return {piece.name: content}
    return _checked(data_set, _from_folder(data_set, path.parent), path.parent)


def _from_folder(data_set: DataSet, folder: Path) -> Contents:
    """Parts by their paths, a whole piece by its name."""
    names = [name for one in data_set.pieces for name in (one.name, *one.origins)]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _checked(data_set: DataSet, found: Contents, path: Path) -> Contents:
    """Parts become pieces."""
    pieces = Contents()
    for piece in data_set.pieces:
        missing = [name for name in piece.origins if name not in found]
        if piece.name not in found and missing:
            raise TitoError(f"{path} holds no {missing[0]}")
        whole = found.get(piece.name)
        content = SEAM.join(found[name] for name in piece.origins) if whole is None else whole
        if wrong := fault(piece, content):
            raise TitoError(f"{piece.name} in {path} is not the right one: {wrong}")
        pieces[piece.name] = content
    return pieces


def _is_packed(data_set: DataSet, path: Path, content: bytes) -> bool:
    own = path.name in {piece.name for piece in data_set.pieces}
    return not own and (content.startswith(PACKED) or content[257:262] == b"ustar")


def _wanted(data_set: DataSet, members: Iterator[Member]) -> Iterator[tuple[str, bytes]]:
    """Those members that are a part, whatever folder the archive begins with."""
    parts = [part for piece in data_set.pieces for part in piece.origins]
    for name, file in members:
        for part in parts:
            if f"/{name}".endswith(f"/{part}"):
                yield part, file.read(MOST)


def _members(path: Path) -> Iterator[Member]:
    with path.open("rb") as file:
        start = file.read(len(DEBIAN))
        file.seek(0)
        if start.startswith(b"PK"):
            with zipfile.ZipFile(file) as packed:
                for name in packed.namelist():
                    with packed.open(name) as member:
                        yield name, member
            return
        inner: IO[bytes] = _inside_deb(file) if start == DEBIAN else file
        with tarfile.open(fileobj=inner, mode="r|*") as archive:
            for entry in archive:
                if entry.isfile() and (member_file := archive.extractfile(entry)):
                    yield entry.name, member_file


def _inside_deb(file: IO[bytes]) -> IO[bytes]:
    """A Debian package is an `ar` archive: its files lie in the member data.tar."""
    file.seek(len(DEBIAN))
    while len(header := file.read(60)) == 60:
        name, length = header[:16].decode("ascii", "replace"), header[48:58].decode("ascii", "0")
        size = int(length) if length.strip().isdigit() else 0
        if name.startswith("data.tar"):
            return io.BytesIO(file.read(size))
        file.seek(size + size % 2, io.SEEK_CUR)
    raise tarfile.ReadError("no data.tar in it")
