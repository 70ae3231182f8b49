"""Take over a newer course: replace what the learner has not touched, keep the rest, say which.

`.tito/pristine/` is the common text of both. A file of it is renewed after the learner's own file,
so a killed update is finished by the next one, and a second one has nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tito import export, files, sync
from tito.course import Course, Module, pristine
from tito.errors import CodeError
from tito.learner.combine import combine
from tito.learner.folder import contents
from tito.lines import plain
from tito.notebook.cells import read_text

SEE = "the course's version is in .tito/pristine/"


@dataclass
class Update:
    """What is to be written (None: removed), and what stays as the learner has it, and why.

    A merged text is a string: it takes the newlines of the file it replaces.
    """

    writes: dict[str, bytes | str | None] = field(default_factory=dict)
    kept: list[tuple[str, str]] = field(default_factory=list)
    given: dict[str, bytes | None] = field(default_factory=dict)  # for .tito/pristine


def plan(course: Course, newer: Course, first: str) -> Update:
    """Compare three versions of every file. Pairs are synced; nothing else is written."""
    update, fresh = Update(), contents(newer, first)
    old = pristine(course)
    known = [path.relative_to(old).as_posix() for path in old.rglob("*") if path.is_file()]
    scripts = {module.show(module.script): module for module in newer.modules}
    exports = {module.show(module.export): module for module in newer.modules}
    for name in sorted({*fresh, *known}):
        base, theirs = _read(old / name), fresh.get(name)
        if theirs == base:
            continue
        if theirs is None and name.startswith(("modules/", "tinytorch/")):
            update.kept.append((name, "the course has it no more"))
            continue
        owner = scripts.get(name)
        if owner and theirs and base:
            _merge(update, Module(course.root, owner.number, owner.name), base, theirs)
        else:
            own_export = name in exports and not _still_borrowed(course, exports[name])
            _compare(update, name, base, _read(course.root / name), theirs, own_export)
    return update


def _compare(
    update: Update,
    name: str,
    base: bytes | None,
    mine: bytes | None,
    theirs: bytes | None,
    own_export: bool,
) -> None:
    """A whole file: theirs where mine is what the course gave, or where neither was there."""
    update.given[name] = theirs
    if mine == theirs:
        return
    if mine == base:
        update.writes[name] = theirs
    elif not own_export:
        gone = "you removed it; " if mine is None else ""
        update.kept.append((name, gone + (SEE if theirs else "the course has it no more")))


def _merge(update: Update, module: Module, base: bytes, theirs: bytes) -> None:
    """A notebook: cell by cell, and inside a cell the answers apart from the rest."""
    name = module.show(module.script)
    if not module.script.exists() and not module.notebook.exists():
        update.kept.append((name, "you removed it"))
        return
    try:
        sync.sync(module)
        mine = plain(read_text(module.script))
        text, kept = combine(base.decode(errors="replace"), mine, theirs.decode())
    except CodeError as error:
        update.kept.append(
            (f"{name} as a whole: {error.message}", error.fix or "update again then")
        )
        return
    update.given[name] = theirs
    update.kept += [(f"{name}, cell {cell}", SEE) for cell in kept]
    if text != mine:
        update.writes[name] = text


def _still_borrowed(course: Course, module: Module) -> bool:
    own = Module(course.root, module.number, module.name)
    return own.script.exists() and export.is_borrowed(course, own)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def apply(course: Course, update: Update) -> Path | None:
    """Copy what will change, write it, then remember what the course gave."""
    paths = {name: course.root / name for name in update.writes}
    touched = [path for path in paths.values() if path.exists()]
    pairs = [path.with_suffix(".ipynb") for path in touched if path.name.endswith("_dev.py")]
    copy = files.backup_together(course.root, *touched, *pairs) if touched else None
    for name, content in update.writes.items():
        if content is None:
            paths[name].unlink()
        elif isinstance(content, str):
            files.write_text(paths[name], content)
        else:
            files.atomic_write(paths[name], content)
    for module in Course(course.root).modules:
        if module.show(module.script) in update.writes:
            sync.sync(module, force=True)
    for name, content in update.given.items():
        _give(pristine(course) / name, content)
    return copy


def _give(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        files.atomic_write(path, content)
