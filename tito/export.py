"""Put a module's export in place: tried in a child process first, then replaced as a whole.

A module that cannot be parsed, compiled or imported never replaces a good export.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tito import files
from tito.course import Course, Module
from tito.errors import CodeError
from tito.exercises import Exercise, find_exercises
from tito.places import exported_cells
from tito.render import block, content_hash, render, with_header
from tito.run import package

_HASH = re.compile(r"^# sha256 of the lines below: (\w+)\n\n\n", re.MULTILINE)


def current(module: Module) -> str:
    """The package file as it stands; empty if there is none. One that is no text is not current."""
    return module.export.read_text("utf-8", "replace") if module.export.exists() else ""


def to_write(module: Module) -> Exercise | None:
    """The first exercise that is still a stub; what one calls must not run into it."""
    return next((one for one in find_exercises(module.cells) if not one.written), None)


def is_borrowed(course: Course, module: Module) -> bool:
    """The export is the course's: the learner has not yet written what they borrowed."""
    return course.borrowed(module) and to_write(module) is not None


def refusal(module: Module) -> CodeError | None:
    """A stub never becomes the package: not over nothing, a reference or a good export."""
    exercise = to_write(module)
    if exercise is None:
        return None
    kept = "stands as it was" if module.export.exists() else "is not made"
    return CodeError(
        f"exercise {exercise.number}: {exercise.name} is not written yet;"
        f" {module.show(module.export)} {kept}",
        f"`tito watch {module.number}`",
    )


def require_written(module: Module) -> None:
    error = refusal(module)
    if error:
        raise error


def is_current(module: Module) -> bool:
    """Asked often, so nothing is parsed: `__all__` follows from the rest, and the hash holds it."""
    made = "\n\n\n".join([block(cell) for cell in exported_cells(module.cells)] + ["__all__ = ["])
    text = current(module)
    _, _, content = text.partition("\n\n\n")
    return content.startswith(made) and with_header(module, content) == text


@contextmanager
def candidate(module: Module, text: str) -> Iterator[Path]:
    """The new text in a file of its own, for children to try before it replaces anything."""
    folder = module.root / ".tito"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="candidate-", dir=folder, ignore_cleanup_errors=True
    ) as name:
        path = Path(name) / module.export.name
        path.write_text(text, "utf-8", newline="\n")
        yield path


def check_import(module: Module, path: Path) -> None:
    """Import the candidate in a child process, under its own name."""
    failure = package.try_import(module, path)
    if failure:
        raise failure.as_error(f"the export of {module.name} cannot be imported")


def replace(module: Module, text: str) -> Path | None:
    """Put the new export in place; return the backup of one that was edited by hand."""
    old = current(module)
    content = _HASH.search(old)
    edited = old and not (content and content_hash(old[content.end() :]) == content[1])
    copy = files.backup(module.root, module.export) if edited else None
    files.atomic_write(module.export, text)
    return copy


def export(module: Module) -> bool:
    """Bring the package up to date; return whether that changed anything."""
    require_written(module)
    text = render(module)
    if text == current(module):
        return False
    with candidate(module, text) as path:
        check_import(module, path)
    replace(module, text)
    return True
