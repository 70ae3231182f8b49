"""A module that is worked on: both of its files alike, and known to have been begun."""

from __future__ import annotations

from tito import files, sync
from tito.course import Module


def opened(module: Module) -> Module:
    with files.lock(module.root):
        return opened_in_lock(module)


def opened_in_lock(module: Module) -> Module:
    """Bring both files together, and return the module to be read from them again."""
    sync.sync(module)
    if not module.opened.exists():
        files.atomic_write(module.opened, "")
    return module.fresh()
