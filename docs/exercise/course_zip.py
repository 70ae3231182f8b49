"""The course as Python in a page gets it: an archive of tito, tinytorch, modules and the judge."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LIBRARIES = ("click", "threadpoolctl")  # plain Python that tito and module 07 import
LEFT_OUT = ("tito/grader", "tito/commands", "tito/watch", "tito/data_sets")
EPOCH = (2020, 1, 1, 0, 0, 0)  # the same course gives the same bytes


def write(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted(files()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED)


def files() -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of everything that a verdict needs."""
    yield "judge.py", HERE / "judge.py"
    for folder in ("tito", "tinytorch", "modules"):
        for file in (ROOT / folder).rglob("*"):
            name = file.relative_to(ROOT).as_posix()
            if file.suffix in (".py", ".json") and not name.startswith(LEFT_OUT):
                yield name, file
    for library in LIBRARIES:
        yield from files_of(library)


def files_of(library: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(library)
    assert spec and spec.origin, f"{library} is not installed: pip install -e ."
    origin = Path(spec.origin)
    for file in origin.parent.glob("*.py") if origin.name == "__init__.py" else [origin]:
        yield (
            file.relative_to(origin.parent.parent if spec.parent else origin.parent).as_posix(),
            file,
        )
