"""Which files of the course a learner's folder is made from; a wheel carries the same ones.

setup.py reads this while a wheel is built: it imports nothing but the standard library.
"""

from __future__ import annotations

from pathlib import Path

FOLDERS = ("modules", "tinytorch", "tests")
FILES = ("scripts/activate-tinytorch", "jupytext.toml", "pyproject.toml")
OF_THE_COURSE = tuple(  # not of the learner
    f"tests/{folder}/" for folder in ("course", "grading", "hostile", "integration", "tito")
)


def carried(root: Path) -> list[str]:
    """Their paths below the root, with forward slashes."""
    found = [path for folder in FOLDERS for path in root.joinpath(folder).rglob("*")]
    names = [path.relative_to(root).as_posix() for path in found if path.is_file()]
    names += [name for name in FILES if root.joinpath(name).is_file()]
    return sorted(name for name in names if _wanted(name))


def _wanted(name: str) -> bool:
    parts = name.split("/")
    made = name.endswith((".pyc", ".ipynb")) or any(
        part.startswith(".") or part == "__pycache__" for part in parts
    )
    return not made and not name.startswith(OF_THE_COURSE)
