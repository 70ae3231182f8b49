"""`tito init DIR [--from N]`: a folder of the learner's own, of the same shape as the course.

Every module is there as a stub. Those before N are borrowed: their reference export is in
tinytorch/, so that N can be built on it, and their stubs wait for whoever goes back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import click

from tito import __version__, console, safety, sync
from tito.course import Course, Module, find_course
from tito.errors import TitoError
from tito.exercises import strip_answers

CACHES = shutil.ignore_patterns("__pycache__", ".*", "*_dev.py", "*_dev.ipynb")
OWN_TESTS = {"course", "tito", "integration"}  # of the course and its tools, not of the learner
PYTEST = re.compile(r"^\[tool\.pytest\.ini_options\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
JUPYTEXT = 'formats = "ipynb,py:percent"\nnotebook_metadata_filter = "-all"\n'
README = """\
# My TinyTorch

Type `tito status`: it says where you are and what to type next.
You write in modules/; `tito module complete N` makes tinytorch/ from it.
"""


@click.command(help="Make a folder of your own to learn in.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--from", "first", metavar="N", help="Begin with module N; borrow those before it.")
def init(folder: Path, first: str | None) -> int:
    course = find_course()
    if course.learner is not None:
        raise TitoError(f"{course.root} is a learner's folder", "run it in the course's clone")
    begin = course.module(first) if first else course.modules[0]
    borrowed = [module for module in course.modules if module.number < begin.number]
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TitoError(f"{folder} exists and is not empty", "name a new folder")
    _make_whole(course, folder.absolute(), borrowed)
    names = ", ".join(module.name for module in borrowed)
    console.ok(f"made {folder}" + (f" (borrowed: {names})" if names else ""))
    console.plain(f"  cd {folder} && tito module start {begin.number}")
    return 0


def _make_whole(course: Course, folder: Path, borrowed: list[Module]) -> None:
    """Build beside the place and rename: nobody finds half a folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        building.chmod(0o755)
        _fill(course, building, borrowed)
        if folder.exists():
            folder.rmdir()
        os.rename(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(course: Course, folder: Path, borrowed: list[Module]) -> None:
    root = course.root
    for module in course.modules:
        _copy_stub(module, folder)
    own = {module.export for module in course.modules if module not in borrowed}
    _copy_tree(root / "tinytorch", folder / "tinytorch", {path.name for path in own})
    _copy_tree(root / "tests", folder / "tests", OWN_TESTS)
    _copy_tree(root / "scripts", folder / "scripts", set())
    settings = root / "jupytext.toml"
    text = settings.read_text("utf-8") if settings.exists() else JUPYTEXT
    safety.atomic_write(folder / "jupytext.toml", text)
    safety.atomic_write(folder / "pyproject.toml", _pytest_settings(root / "pyproject.toml"))
    safety.atomic_write(folder / "README.md", README)
    facts = {"made_by": __version__, "borrowed": [module.folder_name for module in borrowed]}
    safety.atomic_write(folder / ".tito" / "learner.json", json.dumps(facts, indent=1) + "\n")


def _copy_stub(module: Module, folder: Path) -> None:
    own = Module(folder, module.number, module.name)
    shutil.copytree(module.folder, own.folder, ignore=CACHES)
    text = module.script.read_text("utf-8-sig")
    safety.atomic_write(own.script, strip_answers(text))
    sync.sync(own)


def _copy_tree(source: Path, target: Path, leave: set[str]) -> None:
    ignored = shutil.ignore_patterns("__pycache__", *leave)
    if source.is_dir():
        shutil.copytree(source, target, ignore=ignored)


def _pytest_settings(project: Path) -> str:
    """The course's own options for pytest, with the learner's package first on the path."""
    text = project.read_text("utf-8") if project.exists() else ""
    found = PYTEST.search(text)
    section = found[0].rstrip() if found else "[tool.pytest.ini_options]"
    return section + ("\n" if "pythonpath" in section else '\npythonpath = ["."]\n')
