"""The copies in `.tito/backups/`: which there are, and how one is brought back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tito import files, sync
from tito.course import Course, Module
from tito.errors import CodeError
from tito.files.copies import in_order


@dataclass
class Backup:
    name: str  # "20260131-235959", the time it was made
    folder: Path
    files: list[str]  # paths below the course's root

    @property
    def time(self) -> str:
        day, clock = self.name[:8], self.name[9:15]
        return f"{day[:4]}-{day[4:6]}-{day[6:]} {clock[:2]}:{clock[2:4]}:{clock[4:]}"

    def about(self, module: Module) -> bool:
        own = (f"modules/{module.folder_name}/", module.show(module.export))
        return any(name.startswith(own) for name in self.files)


def backups(root: Path) -> list[Backup]:
    """The newest first; a folder that a kill left empty is none."""
    folders = in_order(root / ".tito" / "backups")
    found = [Backup(path.name, path, _files(path)) for path in reversed(folders)]
    return [backup for backup in found if backup.files]


def _files(folder: Path) -> list[str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def bring_back(course: Course, backup: Backup) -> Path:
    """Write the old files; return the backup of those they replace. The caller holds the lock."""
    old = {course.root / name: (backup.folder / name).read_bytes() for name in backup.files}
    touched = [module for module in course.modules if {module.script, module.notebook} & set(old)]
    pairs = [path for module in touched for path in (module.script, module.notebook)]
    before = files.backup_together(course.root, *{*old, *pairs})
    apart = {module.folder_name for module in touched if not _agrees(module)}
    for path, content in old.items():
        files.atomic_write(path, content)
    for module in Course(course.root).modules:
        brought = {module.script, module.notebook} & set(old)
        if len(brought) == 1 and module.folder_name in apart:
            _drop_partner(module, brought.pop())
        if brought:
            sync.sync(module, force=True)
    return before


def _agrees(module: Module) -> bool:
    """Sync, so that the file that is not brought back counts as unchanged."""
    try:
        sync.sync(module)
    except CodeError:
        return False
    return True


def _drop_partner(module: Module, brought: Path) -> None:
    """Of a pair that disagreed, the file brought back counts; the other is in the backup."""
    other = module.notebook if brought == module.script else module.script
    sync.sync(module, force=True, without=other)
