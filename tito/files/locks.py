"""One `tito` at a time in a folder.

The system frees the lock of a killed process. On a file system without locks (some of NFS, Lustre,
FUSE) a file that only one process can make says who is at work.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from tito import console
from tito.errors import TitoError

LOCK_WAIT = 5.0  # seconds
HELD = (BlockingIOError, PermissionError)  # by another process; any other error: there are no locks


@contextmanager
def lock(root: Path, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Keep a second `tito` out of this folder."""
    path = root / ".tito" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        release = _taken(file, path, wait)
        try:
            yield
        finally:
            release()


def _taken(file: IO[bytes], path: Path, wait: float) -> Callable[[], None]:
    """Wait for the lock; return what gives it back."""
    try:
        _wait_for(partial(_try_lock, file), path, wait)
        return partial(_release, file)
    except OSError:
        holder = path.with_name("lock.holder")
        _wait_for(partial(_try_make, holder), holder, wait)
        return partial(holder.unlink, missing_ok=True)


def _wait_for(attempt: Callable[[], str], path: Path, wait: float) -> None:
    """Try until nobody else is at work; an attempt returns who is."""
    give_up, told = time.monotonic() + wait, False
    while who := attempt():
        if time.monotonic() >= give_up:
            left = f"; if it is gone, delete {path}" * (who != ANOTHER)
            raise TitoError(
                f"{who} is at work in {path.parent.parent}", f"wait until it is done{left}"
            )
        if not told:
            console.note(f"{who} is at work in this folder: waiting")
        told = True
        time.sleep(0.05)


ANOTHER = "another tito"


def _try_make(holder: Path) -> str:
    import socket  # hardly ever needed

    here = socket.gethostname()
    try:
        with holder.open("x", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {here}")
        return ""
    except FileExistsError:
        said = _said(holder)
    process, _, host = said.partition(" ")
    if host == here and process.isdigit() and _ended(int(process)):
        _clear(holder, said)
    return f"{ANOTHER} (process {process or '?'} on {host or '?'})"


def _said(holder: Path) -> str:
    with suppress(FileNotFoundError):  # just given back
        return holder.read_text("utf-8", errors="replace")
    return ""


def _clear(holder: Path, said: str) -> None:
    """Take a killed process's file away, unless another did and began its own work meanwhile."""
    aside = holder.with_name(f"{holder.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        os.rename(holder, aside)
        if _said(aside) == said:
            aside.unlink()
        else:
            os.rename(aside, holder)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> str:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except HELD:
            return ANOTHER
        return ""

    def _release(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

    def _ended(process: int) -> bool:
        return False  # `os.kill` would end it
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> str:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except HELD:
            return ANOTHER
        return ""

    def _release(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _ended(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False
