"""No command loses work: whole writes, backups, and one `tito` at a time.

A write goes to a temporary file in the same folder, is flushed to disk, and replaces: a kill at
any point leaves the old file or the new one, whole.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tito import console
from tito.errors import TitoError

LOCK_WAIT = 5.0  # seconds
BOM = b"\xef\xbb\xbf"


def atomic_write(path: Path, content: str | bytes) -> None:
    """Replace the file's content, or leave it as it was."""
    path = path.resolve()  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode(path))
        os.replace(temporary, path)
    except PermissionError as error:
        raise TitoError(f"cannot write {path}: {error.strerror}", "is it open elsewhere?") from None
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace the text, and keep the newlines and the byte-order mark that the file had."""
    old = path.read_bytes() if path.exists() else b""
    text = text.replace("\n", "\r\n") if b"\r\n" in old else text
    atomic_write(path, old[: 3 * old.startswith(BOM)] + text.encode("utf-8"))


def _mode(path: Path) -> int:
    """The mode a plain `open` would give; `mkstemp` makes files nobody else may read."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        with suppress(OSError):  # some network drives cannot
            os.fsync(descriptor)
        os.close(descriptor)


def backup(root: Path, path: Path) -> Path | None:
    """Copy a file that is about to change; return where the copy is."""
    if not path.exists():
        return None
    return backup_together(root, path) / path.relative_to(root)


def backup_together(root: Path, *paths: Path) -> Path:
    """Copy the files that are there into one new backup; return its folder."""
    folder = _new_folder(root / ".tito" / "backups")
    for path in paths:
        if path.exists():
            copy = folder / path.relative_to(root)
            atomic_write(copy, path.read_bytes())
            shutil.copystat(path, copy)
    return folder


def _new_folder(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    stamp, count = time.strftime("%Y%m%d-%H%M%S"), 0
    while True:
        folder = parent / (f"{stamp}-{count}" if count else stamp)
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
        count += 1


@contextmanager
def lock(root: Path, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Keep a second `tito` out of this folder; the system frees the lock of a killed one."""
    path = root / ".tito" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _wait_for(file, path, wait)
        try:
            yield
        finally:
            _release(file)


def _wait_for(file: IO[bytes], path: Path, wait: float) -> None:
    give_up, told = time.monotonic() + wait, False
    while not _try_lock(file):
        if time.monotonic() >= give_up:
            raise TitoError(
                f"another tito is at work in {path.parent.parent}", "wait until it is done"
            )
        if not told:
            console.note("another tito is at work in this folder: waiting")
        told = True
        time.sleep(0.05)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _release(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
