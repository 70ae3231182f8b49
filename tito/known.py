"""Which folders were made or begun by this user, for whoever stands outside of one.

A list of paths, one a line, the newest first. It is only a memory: a folder that is gone is left
out, and a list that cannot be read or written counts as none.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from tito import files
from tito.errors import TitoError

MOST = 10


def remember(root: Path) -> None:
    path = str(root.resolve())
    with suppress(OSError, RuntimeError, TitoError):
        others = [str(one) for one in known() if str(one) != path]
        lines = "\n".join([path, *others][:MOST]) + "\n"
        if "\n" not in path and known()[:1] != [Path(path)]:
            files.atomic_write(_record(), lines.encode("utf-8", "surrogateescape"))


def known() -> list[Path]:
    """Those that are still there."""
    try:
        text = _record().read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, RuntimeError):  # RuntimeError: this user has no home
        return []
    return [Path(line) for line in text.split("\n") if line and _is_learners(Path(line))]


def _is_learners(folder: Path) -> bool:
    with suppress(OSError, ValueError):  # a line that is no path, a folder behind a closed one
        return (folder / ".tito" / "learner.json").is_file() and (folder / "modules").is_dir()
    return False


def _record() -> Path:
    """Where programs keep such memories on this system."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        named = os.environ.get("XDG_STATE_HOME", "")
        base = named if os.path.isabs(named) else Path.home() / ".local" / "state"
    return Path(base) / "tinytorch" / "folders"
