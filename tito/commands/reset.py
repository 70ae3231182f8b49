"""`tito reset N | N.k` and `tito restore`: back to the stub, and back to what was written."""

from __future__ import annotations

from pathlib import Path

import click

from tito import console, files
from tito.course import Course, Module, find_course
from tito.damage import given_cells
from tito.errors import TitoError
from tito.learner.backups import Backup, backups, bring_back
from tito.learner.lookup import find_exercise, module_named
from tito.learner.reset import reset_module, reset_part

SHOWN = 20  # backups in a list


@click.command(
    help="Put back what was given: of a module (12), an exercise (12.3), a cell (test-12.3)."
)
@click.argument("name", metavar="N[.k]")
@click.argument("cell", metavar="[CELL]", required=False)
def reset(name: str, cell: str | None) -> int:
    course = find_course()
    if course.learner is None:
        raise TitoError(
            f"{course.root} is the course's own source; its answers stay",
            "`tito init DIR` makes a folder to learn in",
        )
    with files.lock(course.root):
        what, copy = _reset(course, name, cell)
    if copy is None:
        console.note(f"{what} is as it was given")
    else:
        undo = f"`tito restore {copy.name}` brings the old files back"
        console.ok(f"{what} is as it was given again", undo)
    return 0


def _reset(course: Course, name: str, cell: str | None) -> tuple[str, Path | None]:
    if cell:
        module = course.module(name)
        if cell not in {one.grade_id for one in given_cells(course, module)}:
            raise TitoError(
                f"{module.name} was given no cell {cell!r}", "`tito reset 12 test-12.3`"
            )
        return f"{cell} in {module.show(module.script)}", reset_part(course, module, cell)
    whole = module_named(course, name)
    if whole:
        return whole.show(whole.script), reset_module(course, whole)
    module, exercise = find_exercise(course, name)
    what = f"{exercise.number} {exercise.name} in {module.show(module.script)}"
    return what, reset_part(course, module, exercise.number)


@click.command(help="List the backups (of module N), or bring one back by its name.")
@click.argument("names", metavar="[N] [BACKUP]", nargs=-1)
def restore(names: tuple[str, ...]) -> int:
    course = find_course()
    every = backups(course.root)
    chosen = [backup for backup in every if backup.name in names]
    rest = [name for name in names if name not in {backup.name for backup in chosen}]
    modules = [_module(course, name) for name in rest]
    if not chosen:
        return _list([one for one in every if all(one.about(module) for module in modules)])
    with files.lock(course.root):
        for backup in chosen:
            before = bring_back(course, backup)
            console.ok(
                f"brought back {', '.join(backup.files)}",
                f"`tito restore {before.name}` undoes that",
            )
    return 0


def _module(course: Course, name: str) -> Module:
    module = module_named(course, name)
    if module is None:
        raise TitoError(f"no backup and no module {name!r}", "`tito restore` lists the backups")
    return module


def _list(found: list[Backup]) -> int:
    for backup in found[:SHOWN]:
        console.note(f"{backup.name}  {backup.time}  {', '.join(backup.files)}")
    if found[SHOWN:]:
        console.plain(f"  and {len(found) - SHOWN} older ones in .tito/backups/")
    if found:
        console.plain(f"  `tito restore {found[0].name}` brings the newest back")
    else:
        console.note("no backups: nothing of yours was changed by tito")
    return 0
