"""Pieces put in their place: all are written beside it first, then each replaces whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from tito.data_sets.read import Contents, fault
from tito.data_sets.table import DataSet, Piece
from tito.errors import of_system


def is_right(data_set: DataSet, folder: Path) -> bool:
    """Whether every piece is there, to the last bit."""
    return all(_right(piece, folder / piece.name) for piece in data_set.pieces)


def seems_right(data_set: DataSet, folder: Path) -> bool:
    """The same by sizes alone, for a list that must not keep anyone waiting."""
    return all(_size(folder / piece.name) == piece.size for piece in data_set.pieces)


def _right(piece: Piece, path: Path) -> bool:
    return path.is_file() and not fault(piece, path.read_bytes())


def _size(path: Path) -> int:
    """How many bytes a file holds; those of a `.gz` say at their end what is inside."""
    if not path.is_file():
        return -1
    if path.suffix != ".gz":
        return path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4, 0))
        return int.from_bytes(file.read(4), "little")


def put(data_set: DataSet, contents: Contents, folder: Path) -> list[Path]:
    """Write the pieces; return where another file of that name was moved to."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as beside:
            for name, content in contents.items():
                _write(Path(beside, name), content)
            wrong = [one for one in data_set.pieces if not _right(one, folder / one.name)]
            moved = [_move_aside(folder / one.name) for one in wrong]
            for one in wrong:
                os.replace(Path(beside, one.name), folder / one.name)
        return [path for path in moved if path]
    except OSError as error:
        raise of_system(error, folder) from None
    finally:
        for new in made:  # empty where nothing came in place
            with suppress(OSError):
                new.rmdir()


def keep_from_git(folder: Path) -> None:
    """Data is not committed: nothing in this folder is, nor this file."""
    if not (folder / ".gitignore").exists():
        with suppress(OSError):
            (folder / ".gitignore").write_text("*\n", "ascii")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move_aside(path: Path) -> Path | None:
    """What somebody may have written stays, under a name that is free."""
    if not path.exists():
        return None
    count = 1
    while (old := path.with_name(f"{path.name}.old-{count}")).exists():
        count += 1
    os.rename(path, old)
    return old
