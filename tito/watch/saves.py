"""When a module's files were saved, by looking: network drives break what would tell us."""

from __future__ import annotations

import os
import time

from tito.course import Module

SETTLE = 0.02  # seconds; a file that changes within is being saved
PATIENCE = 0.5  # seconds; a file that is gone for less is being replaced

Times = tuple[tuple[int, int, int] | None, ...]


def times(module: Module) -> Times:
    """What changes when the `.py` or the `.ipynb` is saved; None for a file that is gone."""
    return tuple(_time(path) for path in (module.script, module.notebook))


def _time(path: os.PathLike[str]) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def settled(module: Module, before: Times) -> Times:
    """Wait until no file is half saved."""
    give_up, last = time.monotonic() + PATIENCE, times(module)
    while time.monotonic() < give_up:
        time.sleep(SETTLE)
        now = times(module)
        gone = any(new is None and old for new, old in zip(now, before, strict=False))
        if now == last and not gone:
            break
        last = now
    return last


def changed_soon(module: Module, before: Times) -> bool:
    """What cannot be read may be half of a save: give the other half a moment."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if times(module) != before:
            return True
        time.sleep(SETTLE)
    return False
