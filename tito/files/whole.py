"""Whole writes.

A write goes to a temporary file in the same folder, is flushed to disk, and replaces: a kill at
any point leaves the old file or the new one, whole.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from tito.errors import of_system
from tito.lines import newline_of

BOM = b"\xef\xbb\xbf"
NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def atomic_write(path: Path, content: str | bytes) -> None:
    """Replace the file's content, or leave it as it was."""
    path = Path(os.path.realpath(path))  # a link stays a link
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:  # its name may be the temporary file's
        raise of_system(error, path if path.parent.is_dir() else None) from None
    with suppress(OSError):  # some network drives cannot; the file is in place
        _flush_folder(path.parent)


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            _flush(file.fileno())
        with suppress(OSError):  # FAT and many shares have no modes to set
            temporary.chmod(_mode(path))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace the text, and keep the newlines and the byte-order mark that the file had."""
    old = path.read_bytes() if path.exists() else b""
    text = text.replace("\n", newline_of(old.decode("utf-8", "replace")))
    atomic_write(path, old[: 3 * old.startswith(BOM)] + text.encode("utf-8"))


def _mode(path: Path) -> int:
    """The mode a plain `open` would give; `mkstemp` makes files nobody else may read."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_HERE:  # a full or a broken disk
            raise


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
