"""`tito release N... --to DIR | --nbgrader DIR`: what learners get, proved to leak nothing."""

from __future__ import annotations

from pathlib import Path

import click

from tito import console
from tito.course import Course, Module
from tito.errors import TitoError
from tito.learner import source

FOLDER = click.Path(path_type=Path)


@click.command(help="Make what learners get of modules, proved to leak nothing.")
@click.argument("names", metavar="N...", nargs=-1)
@click.option("--to", "folder", metavar="DIR", type=FOLDER, help="A learner's folder, and DIR.zip.")
@click.option("--nbgrader", "nbgrader", metavar="DIR", type=FOLDER, help="A source for nbgrader.")
def release(names: tuple[str, ...], folder: Path | None, nbgrader: Path | None) -> int:
    course = source.course_here()
    modules = sorted(set(course.select(names, False)), key=lambda module: module.number)
    if folder and not nbgrader:
        _to_learners(course, modules, folder)
    elif nbgrader and not folder:
        _to_nbgrader(course, modules, nbgrader)
    else:
        fix = "a learner's folder: `--to DIR`; a source for nbgrader: `--nbgrader DIR`"
        raise TitoError("release takes one of --to and --nbgrader", fix)
    return 0


def _to_learners(course: Course, modules: list[Module], folder: Path) -> None:
    from tito.grader.release.folder import release as make

    packed = make(course, modules, folder.absolute())
    then = "hand out the zip; `tito grade` marks what comes back"
    console.ok(f"released {_names(modules)}: {folder} and {packed.name} hold no answers", then)


def _to_nbgrader(course: Course, modules: list[Module], folder: Path) -> None:
    from tito.grader.release.nbgrader import make_source

    make_source(course, modules, folder.absolute())
    first = f"cd {console.typed(folder)} && nbgrader generate_assignment {modules[0].folder_name}"
    console.ok(f"made nbgrader's source of {_names(modules)}: {folder}, answers and all", first)


def _names(modules: list[Module]) -> str:
    return ", ".join(module.name for module in modules)
