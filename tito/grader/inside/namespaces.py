"""Linux: a worker in namespaces of its own for each submission, forked from one that is warm.

A new interpreter with NumPy takes a tenth of a second, a fork a few thousandths. The mother has
the capabilities of its own user namespace and runs nothing of a submission; a worker keeps none of
them, is process 1 of a new process namespace, and has a new IPC namespace and scratch space. What
one submission leaves behind is gone before the next one comes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import wire  # beside this file

GONE = b"gone"  # what the judge reads where a worker ended before its time
NAMESPACES = 0x00020000 | 0x08000000 | 0x20000000  # mount, IPC, process
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC = 1, 2, 4, 8
DROP_BOUND, NO_NEW_PRIVILEGES = 24, 38  # of prctl
CAPABILITIES_3 = 0x20080522  # the version of the structure


def mother(inbox: int, outbox: int, scratch: str, serve: Callable[[], None]) -> None:
    """For each message, fork a worker that takes over the conversation until it ends.

    Args:
        scratch: bytes of scratch space for each, as `mount` takes them.
    """
    while wire.receive(inbox) is not None:
        child = os.fork()
        if child == 0:
            _become_worker(scratch, serve)
        _, status = os.waitpid(child, 0)
        if status:
            wire.send(outbox, GONE)


def _become_worker(scratch: str, serve: Callable[[], None]) -> None:
    """The first fork enters the namespaces; the second is process 1 in them."""
    status = 1
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        _require(libc.unshare(NAMESPACES))
        child = os.fork()
        if child == 0:
            _shut_in(libc, scratch)
            serve()
            status = 0
        else:
            status = int(os.waitpid(child, 0)[1] != 0)
    finally:
        os._exit(status)


def _shut_in(libc: ctypes.CDLL, scratch: str) -> None:
    """Its own view of processes, an empty scratch space, and no capability."""
    flags = READ_ONLY | NO_SUID | NO_DEV | NO_EXEC
    _require(libc.mount(b"proc", b"/proc", b"proc", flags, None))
    options = f"mode=0700,size={scratch}".encode()
    folder = os.environ["TMPDIR"]
    _require(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", NO_SUID | NO_DEV, options))
    os.chdir(folder)
    capability = 0
    while libc.prctl(DROP_BOUND, capability, 0, 0, 0) == 0:
        capability += 1
    _require(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    _require(libc.capset(header, nothing))


def _require(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
