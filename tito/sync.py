"""Keep `name_dev.py` and `name_dev.ipynb` the same notebook, and lose no edit of either.

Both are compared with the text on which they last agreed (`.tito/sync/NN_name.py`). Nothing is
written before the whole result is known to read back as it should.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from tito import files
from tito.course import Module
from tito.errors import CodeError
from tito.lines import plain
from tito.notebook import ipynb, percent
from tito.notebook.align import align, same
from tito.notebook.cell import Cell, name_cells
from tito.notebook.cells import read_notebook, read_text
from tito.notebook.merge import Choice, Conflict, Merged, merge


class Synced(NamedTuple):
    """A module with the cells that both files have now, and what was written."""

    module: Module
    written: list[str]


@dataclass
class Pair:
    """Both files of a module, and the text they last agreed on; None where there is none."""

    text: str | None = None  # of the .py, newlines as they stand
    script: list[Cell] = field(default_factory=list)
    json: dict[str, Any] | None = None
    notebook: list[Cell] = field(default_factory=list)
    agreed: str | None = None
    common: list[Cell] = field(default_factory=list)


@dataclass
class SyncPlan:
    """What a sync would write; None leaves a file as it is."""

    script: str | None
    notebook: str | None
    common: str
    cells: list[Cell]  # as they will stand in the .py
    dropped: list[str]  # one sentence for each file that shrinks
    merged: bool  # what is replaced lives on in what is written


def in_sync(module: Module) -> bool:
    try:
        made = _plan(module, None)
    except ConflictError:
        return False
    return made.script is None and made.notebook is None


def sync(module: Module, force: bool = False, without: Path | None = None) -> Synced:
    """Bring both files together; the caller holds the lock.

    With `without`, one of the two is made anew, whatever it holds: the caller has copied it.
    """
    made = _plan(module, without)
    if made.dropped and not force:
        raise CodeError(
            f"{module.folder_name}: {'; '.join(made.dropped)}; nothing was changed",
            f"`tito sync {module.name} --force` if that is meant; else delete the emptied file"
            " and sync again",
        )
    return Synced(module.having(made.cells), _write(module, made, without))


def opened(module: Module) -> Module:
    """A module that is worked on: both files alike, and known to have been begun."""
    with files.lock(module.root):
        return opened_in_lock(module)


def opened_in_lock(module: Module) -> Module:
    module = sync(module).module
    if not module.opened.exists():
        files.atomic_write(module.opened, "")
    return module


def latest(module: Module) -> Module:
    """With what the learner last wrote, for commands that only look: the side that was edited."""
    if not (module.script.exists() and module.notebook.exists()):
        return module
    text = read_text(module.script)
    if plain(text) == _agreed_text(module):
        return module.having(read_notebook(module.notebook)[1])
    return module.having(name_cells(percent.parse(text)[1]))


def _agreed_text(module: Module) -> str | None:
    """A common text that cannot be read is an empty one: what differs is a conflict, not lost."""
    try:
        return read_text(module.common) if module.common.exists() else None
    except (CodeError, OSError):
        return ""


def _read(module: Module, without: Path | None) -> Pair:
    """One of the two files may be left out, as if it were not there."""
    pair = Pair(agreed=_agreed_text(module))
    if module.script.exists() and module.script != without:
        pair.text = read_text(module.script)
        pair.script = name_cells(percent.parse(pair.text)[1])
    if module.notebook.exists() and module.notebook != without:
        pair.json, pair.notebook = read_notebook(module.notebook)
    if pair.agreed is not None:
        known = pair.text is not None and plain(pair.text) == pair.agreed
        pair.common = pair.script if known else name_cells(percent.parse(pair.agreed)[1])
    return pair


def _merged(pair: Pair) -> Merged:
    if pair.json is None:
        return Merged([Choice(cell, cell, None) for cell in pair.script])
    if pair.text is None:
        return Merged([Choice(cell, None, cell) for cell in pair.notebook])
    if pair.agreed is not None:
        return merge(pair.common, pair.script, pair.notebook)
    places = align(pair.script, pair.notebook)  # nothing says which is older: the `.py` counts
    partner = dict(zip(places, pair.notebook, strict=True))
    return Merged([Choice(cell, cell, partner.get(i)) for i, cell in enumerate(pair.script)])


def _plan(module: Module, without: Path | None) -> SyncPlan:
    pair = _read(module, without)
    merged = _merged(pair)
    if merged.conflicts:
        raise ConflictError(module, merged.conflicts)
    choices = merged.choices
    cells = name_cells([_result(choice, pair) for choice in choices])
    text = ipynb.to_script(choices, pair.script, pair.text or "")
    changed = text != pair.text
    read_back = name_cells(percent.parse(text)[1]) if changed else pair.script
    _check_reading(module, cells, read_back)
    notebook_changed = pair.json is None or _differs(pair, choices, cells)
    sides = ((module.script, pair.script), (module.notebook, pair.notebook))
    kept = {id(one) for choice in choices for one in (choice.script, choice.notebook)}
    return SyncPlan(
        script=text if changed else None,
        notebook=ipynb.to_json(choices, cells, pair.json) if notebook_changed else None,
        common=plain(text),
        cells=read_back,
        dropped=[said for path, old in sides for said in _dropped(path.name, old, kept)],
        merged=pair.agreed is not None and without is None,
    )


def _result(choice: Choice, pair: Pair) -> Cell:
    """The winner's text, the script's metadata, and keys that only the notebook has."""
    cell = replace(choice.winner)
    if choice.notebook and choice.script:
        old = {cell.id: cell.metadata for cell in pair.common}.get(choice.script.id, {})
        extra = {k: v for k, v in choice.notebook.metadata.items() if k not in old}
        cell.metadata = {**extra, **choice.script.metadata}
    return cell


def _differs(pair: Pair, choices: list[Choice], cells: list[Cell]) -> bool:
    if [choice.notebook for choice in choices] != pair.notebook:
        return True
    return any(
        not same(cell, old) or cell.metadata != old.metadata
        for cell, old in zip(cells, pair.notebook, strict=True)
    )


def _check_reading(module: Module, cells: list[Cell], again: list[Cell]) -> None:
    """Some lines, such as a text line that begins with `%%`, do not survive in a `.py`."""
    for index, cell in enumerate(cells):
        if index >= len(again) or not same(again[index], cell):
            raise CodeError(
                f"cell {cell.ordinal} ({cell.name}) of {module.show(module.notebook)} would read"
                " differently from a .py",
                "reword a line that begins with `%%`, `!` or `# %%`, or ends in `?`",
            )
    if len(again) > len(cells):
        raise CodeError(f"{module.show(module.notebook)}: its last cell would become two")


def _dropped(name: str, old: list[Cell], kept: set[int]) -> list[str]:
    old = [cell for cell in old if cell.text]
    gone = [cell for cell in old if id(cell) not in kept]
    return [f"{name} would lose {len(gone)} of its {len(old)} cells"] * (2 * len(gone) > len(old))


def _write(module: Module, made: SyncPlan, copied: Path | None) -> list[str]:
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


class ConflictError(CodeError):
    """The same cell was changed in both files."""

    def __init__(self, module: Module, conflicts: list[Conflict]) -> None:
        parts = [f"{module.script.name} and {module.notebook.name} disagree; both are as they were"]
        for conflict in conflicts:
            for name, text in ((".py", conflict.script), (".ipynb", conflict.notebook)):
                shown = "deleted" if text is None else text.replace("\n", "\n      ")
                parts.append(f"  {conflict.name} in the {name}:\n      {shown}")
        super().__init__("\n".join(parts), f"make the cells equal, then `tito sync {module.name}`")
