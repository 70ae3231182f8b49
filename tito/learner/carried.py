"""Which files of the course a learner's folder is made from; a wheel carries the same ones.

setup.py reads this while a wheel is built: it imports nothing but the standard library.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("modules", "tinytorch", "tests", "examples")
FILES = ("scripts/activate-tinytorch", "jupytext.toml", "pyproject.toml")
OF_THE_COURSE = tuple(  # not of the learner
    f"tests/{name}"
    for name in (
        "checking/",
        "course/",
        "grader/",
        "grading/",
        "integration/",
        "tito/",
        "toy.py",
    )
)


def carried(root: Path) -> list[str]:
    """Their paths below the root, with forward slashes."""
    found = [path for folder in FOLDERS for path in _files(root / folder)]
    names = [path.relative_to(root).as_posix() for path in found]
    names += [name for name in FILES if root.joinpath(name).is_file()]
    return sorted(name for name in names if _wanted(name))


def _files(top: Path) -> Iterator[Path]:
    """A folder may be a link, which `rglob` does not follow; no folder is entered twice."""
    seen = {os.path.realpath(top)}
    for here, folders, files in os.walk(top, followlinks=True):
        yield from (path for name in files if (path := Path(here, name)).is_file())
        real = {name: os.path.realpath(os.path.join(here, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in seen]
        seen.update(real.values())


def _wanted(name: str) -> bool:
    parts = name.split("/")
    made = name.endswith((".pyc", ".ipynb")) or any(
        part.startswith(".") or part == "__pycache__" for part in parts
    )
    return not made and not name.startswith(OF_THE_COURSE)
