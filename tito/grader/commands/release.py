"""`tito release N... --to DIR | --nbgrader DIR`: what learners get, proved to leak nothing.

`--gradescope DIR` makes what grades them there, and is for nobody else.
"""

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
@click.option("--gradescope", "gradescope", metavar="DIR", type=FOLDER, help="Its autograder.")
def release(
    names: tuple[str, ...], folder: Path | None, nbgrader: Path | None, gradescope: Path | None
) -> int:
    course = source.course_here()
    modules = sorted(set(course.select(names, False)), key=lambda module: module.number)
    ways = {_to_learners: folder, _to_nbgrader: nbgrader, _to_gradescope: gradescope}
    chosen = [(make, to) for make, to in ways.items() if to]
    if len(chosen) != 1:
        fix = "a learner's folder: `--to DIR`; for nbgrader: `--nbgrader DIR`; an autograder: "
        raise TitoError(
            "release takes one of --to, --nbgrader and --gradescope", f"{fix}`--gradescope DIR`"
        )
    ((make, to),) = chosen
    make(course, modules, to)
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


def _to_gradescope(course: Course, modules: list[Module], folder: Path) -> None:
    from tito.grader.release.gradescope import make_autograder

    if len(modules) != 1 or not modules[0].check_files:
        raise TitoError(
            f"an autograder is for one module with checks, not {_names(modules) or 'none'}",
            "`tito release 12 --gradescope DIR`",
        )
    packed = make_autograder(course, modules[0], folder.absolute())
    then = f"upload {packed.name} there as the autograder; it holds the answers"
    console.ok(f"made Gradescope's autograder of {_names(modules)}: {folder}", then)


def _names(modules: list[Module]) -> str:
    return ", ".join(module.name for module in modules)
