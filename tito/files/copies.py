"""Copies of what is about to change, in `.tito/backups/`, and which of them stay.

A sync replaces a text by a later one of the same learner: its copies are history, and the older
ones are thinned. What reset, restore, update or a sync that drops cells replace is gone otherwise.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from tito.files.whole import atomic_write

RECENT, DAYS = 20, 30  # of each file that sync replaced: the newest, and the last of so many days
KEPT = 50  # of everything else
NAME = re.compile(r"^(\d{8}-\d{6})(?:-(\d+))?(-sync)?$")


def backup(root: Path, path: Path, history: bool = False) -> Path | None:
    """Copy a file that is about to change; return where the copy is."""
    if not path.exists():
        return None
    return _copied(root, (path,), "-sync" if history else "") / path.relative_to(root)


def backup_together(root: Path, *paths: Path) -> Path:
    """Copy the files that are there into one new backup; return its folder."""
    return _copied(root, tuple(path for path in paths if path.exists()), "")


def _copied(root: Path, paths: tuple[Path, ...], kind: str) -> Path:
    folder = _new_folder(root / ".tito" / "backups", kind)
    for path in paths:
        copy = folder / path.relative_to(root)
        atomic_write(copy, path.read_bytes())
        with suppress(OSError):  # some file systems keep no times or modes
            shutil.copystat(path, copy)
    names = [path.relative_to(root) for path in paths]
    for old in _superfluous(folder, names, kind):
        _remove(old)
    return folder


def _new_folder(parent: Path, kind: str) -> Path:
    """Its name sorts behind those of the same second, also where older ones are gone by now."""
    parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    count = 1 + max(
        (made[1] for made in map(_moment, parent.iterdir()) if made[0] == stamp), default=-1
    )
    while True:
        folder = parent / (f"{stamp}-{count}{kind}" if count else f"{stamp}{kind}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
        count += 1


def in_order(parent: Path) -> list[Path]:
    """The folders of backups, the oldest first."""
    found = [path for path in parent.glob("*") if path.is_dir() and NAME.match(path.name)]
    return sorted(found, key=_moment)


def _moment(folder: Path) -> tuple[str, int]:
    match = NAME.match(folder.name)
    return (match[1], int(match[2] or 0)) if match else ("", 0)


def _superfluous(new: Path, names: list[Path], kind: str) -> list[Path]:
    """What need not stay beside a new backup of these files: equal ones, and old ones."""
    alike = [path for path in in_order(new.parent) if path != new and _kind(path.name) == kind]
    if kind:
        alike = [path for path in alike if (path / names[0]).is_file()]
        older = alike[: 1 - RECENT]
        last = {path.name[:8]: path for path in older}  # of each day
        stay = {*alike[1 - RECENT :], *list(last.values())[-DAYS:]}
    else:
        stay = set(alike[1 - KEPT :])
    return [path for path in alike if path not in stay or _equal(path, new, names)]


def _kind(name: str) -> str:
    return "-sync" if name.endswith("-sync") else ""


def _equal(old: Path, new: Path, names: list[Path]) -> bool:
    """The same files with the same bytes."""
    if not all(_same(old / name, new / name) for name in names):
        return False
    return sum(len(files) for _, _, files in os.walk(old)) == len(names)


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and filecmp.cmp(one, other, shallow=False)


def _remove(folder: Path) -> None:
    """Under a name that is no backup's first: a kill in the middle leaves no half of one."""
    gone = folder.with_name(f".{folder.name}")
    with suppress(OSError):
        os.rename(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)
