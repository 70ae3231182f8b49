"""Keep `name_dev.py` and `name_dev.ipynb` the same notebook, and lose no edit of either.

Both are compared with the text on which they last agreed (`.tito/sync/NN_name.py`). Nothing is
written before the whole result is known to read back as it should.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tito import files
from tito.course import Module
from tito.errors import CodeError
from tito.lines import plain
from tito.notebook.cell import Cell
from tito.notebook.cells import read_notebook, read_text
from tito.notebook.merge import Conflict
from tito.pair import Plan, plan


def in_sync(module: Module) -> bool:
    return not plan(module).changes


def sync(module: Module, force: bool = False, without: Path | None = None) -> list[str]:
    """Bring both files together; return what was written. The caller holds the lock.

    With `without`, one of the two is made anew, whatever it holds: the caller has copied it.
    """
    made = plan(module, without)
    if made.conflicts:
        raise _conflict_error(module, made.conflicts)
    if made.dropped and not force:
        raise CodeError(
            f"{module.folder_name}: {'; '.join(made.dropped)}; nothing was changed",
            f"`tito sync {module.name} --force` if that is meant; else delete the emptied file"
            " and sync again",
        )
    return _write(module, made, without)


def _write(module: Module, made: Plan, copied: Path | None) -> list[str]:
    written = []
    for path, text in ((module.script, made.script), (module.notebook, made.notebook)):
        if text is not None:
            bom = path is not module.notebook and path.exists() and _has_bom(path)
            history = made.merged and not made.dropped
            copy = None if path == copied else files.backup(module.root, path, history)
            files.atomic_write(path, (files.BOM if bom else b"") + text.encode("utf-8"))
            old = f" (before: {module.show(copy)})" if copy else ""
            written.append(f"{module.show(path)}{old}")
    _align_times(module)
    if not module.common.exists() or module.common.read_bytes() != made.common.encode("utf-8"):
        files.atomic_write(module.common, made.common)
    return written


def _align_times(module: Module) -> None:
    """JupyterLab's jupytext extension does not open a notebook that is newer than its `.py`."""
    script, notebook = module.script.stat(), module.notebook.stat()
    if notebook.st_mtime_ns > script.st_mtime_ns:
        with suppress(OSError):  # not every file system sets times
            os.utime(module.notebook, ns=(notebook.st_atime_ns, script.st_mtime_ns))


def _has_bom(path: Path) -> bool:
    return path.read_bytes().startswith(files.BOM)


def _conflict_error(module: Module, conflicts: list[Conflict]) -> CodeError:
    both = f"{module.script.name} and {module.notebook.name}"
    parts = [f"{both} disagree; both are as they were"]
    for conflict in conflicts:
        for name, text in ((".py", conflict.script), (".ipynb", conflict.notebook)):
            shown = "deleted" if text is None else text.replace("\n", "\n      ")
            parts.append(f"  {conflict.name} in the {name}:\n      {shown}")
    return CodeError("\n".join(parts), f"make the cells equal, then `tito sync {module.name}`")


def latest_cells(module: Module) -> list[Cell]:
    """What the learner last wrote, for commands that only look: the side that was edited."""
    both = module.script.exists() and module.notebook.exists()
    if both and _untouched(module):
        return read_notebook(module.notebook)[1]
    return module.cells


def _untouched(module: Module) -> bool:
    """The `.py` is what both files agreed on."""
    try:
        agreed = module.common.read_bytes()
    except OSError:
        return False
    return plain(read_text(module.script)).encode("utf-8") == agreed
