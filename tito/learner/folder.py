"""What a learner's folder holds when it is new.

`.tito/pristine/` keeps a copy of every file as the course gave it: `reset` takes stubs from
there, and `update` sees by it what the learner has touched.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tito.course import Course, Module, stub_file
from tito.errors import CodeError, TitoError, of_system
from tito.exercises import strip_answers
from tito.learner.carried import carried
from tito.lines import plain
from tito.notebook.cells import read_text

PYTEST = re.compile(r"^\[tool\.pytest\.ini_options\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
RENEW = "delete it: `tito update` brings it again"
JUPYTEXT = 'formats = "ipynb,py:percent"\nnotebook_metadata_filter = "-all"\n'
README = """\
# My TinyTorch

`tito status` says where you are and what to type next. You write in modules/, in the notebook or
in the .py beside it; `tito module complete N` makes tinytorch/ from what you wrote.

    source scripts/activate-tinytorch   # the environment, in a new terminal
    tito hint 12.3                      # a hint; again, a stronger one
    tito solution 12.3                  # the reference answer
    tito reset 12.3                     # an exercise as it was at first; tito restore undoes it
    tito update                         # a newer course; what you wrote stays
"""


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A folder beside the place to fill: nobody finds half of one."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TitoError(f"{folder} exists and is not empty", "name a new folder")
    if folder.exists() and folder.samefile(here := Path.cwd()):
        remedy = f"`cd ..`, then name it from there: {here.name}"
        raise TitoError(f"{folder} is where you stand, and the new folder takes its place", remedy)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=beside) as name:
        made = Path(name) / "made"
        made.mkdir()
        yield made


def put_in_place(made: Path, folder: Path) -> None:
    if folder.exists():
        folder.rmdir()
    os.rename(made, folder)


def contents(course: Course, first: str) -> dict[str, bytes]:
    """Each file of a new folder that begins with module `first`, by its path."""
    made = {"README.md": README.encode(), "jupytext.toml": JUPYTEXT.encode()}
    scripts = {module.show(module.script): module.script for module in course.modules}
    later = [module for module in course.modules if module.number >= first]
    own = {module.show(module.export) for module in later}
    for name in carried(course.root):
        if name in scripts:
            made[name] = strip_answers(plain(read_text(scripts[name]))).encode()
        elif name not in own:
            made[name] = (course.root / name).read_bytes()
    made["pyproject.toml"] = _pytest_settings(made.get("pyproject.toml", b"").decode())
    return made


def _pytest_settings(project: str) -> bytes:
    """The course's own options for pytest, with the learner's package first on the path."""
    found = PYTEST.search(plain(project))
    section = found[0].rstrip() if found else "[tool.pytest.ini_options]"
    return (section + ("\n" if "pythonpath" in section else '\npythonpath = ["."]\n')).encode()


def given_text(course: Course, module: Module) -> str | None:
    """The module as the course gave it; None where that was not kept."""
    file = stub_file(course, module)
    if not file.exists():
        return None
    try:
        text = read_text(file)
    except (CodeError, OSError) as error:
        told = of_system(error, file) if isinstance(error, OSError) else error
        raise TitoError(told.message, RENEW) from None
    if not text.strip():
        raise TitoError(f"{file} is empty", RENEW)
    return text
