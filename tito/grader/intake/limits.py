"""A stranger's bytes are read in a child with little time and memory, by the ordinary parsers.

A file made to keep its reader busy, or to fill the memory, ends the child and nothing else: that
submission gets a line which says so, and the next one is read.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tito.grader.intake.files import Unreadable

COMPUTING, WAITING = 10, 60  # seconds; the longest module of the course takes a twentieth of one
MEMORY = 1_000_000_000  # bytes, above what the child begins with
READER = "jupytext"  # takes seconds to import: what one child needed, the next one begins with
START = "fork" if hasattr(os, "fork") else "spawn"  # a fork takes milliseconds, a start a second


def within_limits(work: Callable[..., Any], *arguments: Any) -> Any:
    """What the work returns, made in a child and brought back as JSON."""
    context: Any = multiprocessing.get_context(START)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(sender, work, arguments), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's threads hold no lock of ours
        child.start()
    sender.close()
    try:
        told = json.loads(receiver.recv_bytes()) if receiver.poll(WAITING) else {}
    except (EOFError, OSError):
        told = {}
    finally:
        receiver.close()
        child.kill()
        child.join()
    if told.get("imported"):
        importlib.import_module(READER)
    if "value" in told:
        return told["value"]
    limits = f"{COMPUTING} s of computing and {MEMORY / 1_000_000:.0f} MB of memory"
    raise Unreadable(told.get("problem") or f"could not be read within {limits}")


def _answer(sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is the parent's to tell of
    gc.freeze()  # to look through what the parent made would copy it, at the cost of this child
    _set_limits()
    told: dict[str, Any] = {}
    try:
        told["value"] = work(*arguments)
    except Unreadable as error:
        told["problem"] = str(error)
    except MemoryError:
        return
    except Exception as error:
        told["problem"] = f"cannot be read: {type(error).__name__}: {error}"
    sender.send_bytes(json.dumps({**told, "imported": READER in sys.modules}).encode())


def _set_limits() -> None:
    """No core is written; where a system has no such limits, the parent's clock is left."""
    if START != "fork":
        return
    import resource

    for kind, value in (("CORE", 0), ("CPU", COMPUTING), ("AS", _in_use() + MEMORY)):
        with contextlib.suppress(ValueError, OSError):  # a Mac takes no limit of memory
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (value, value))


def _in_use() -> int:
    """Bytes of memory that were promised to the parent, which a fork begins with."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
