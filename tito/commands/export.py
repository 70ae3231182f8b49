"""`tito export`: make the package files from the modules, or check that they are current."""

from __future__ import annotations

import click

from tito import console, safety
from tito import export as exporting
from tito.course import Course, Module, find_course
from tito.notebooks import sync


@click.command(help="Make tinytorch/ from the modules.")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every module.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where something would change.")
def export(names: tuple[str, ...], everything: bool, check: bool) -> int:
    course = find_course()
    modules = course.select(names, everything)
    if check:
        return _check(course, modules)
    with safety.lock(course.root):
        for module in modules:
            if module.notebook.exists():
                sync.sync(module)  # an edit made in the notebook belongs into the export
            fresh = module.fresh()
            if everything and exporting.is_lent(course, fresh):
                console.note(f"{module.name} is borrowed: its reference export stands")
                continue
            changed = exporting.export(course, fresh)
            done = "exported" if changed else "is up to date"
            console.ok(f"{module.name} {done}: {fresh.show(fresh.export)}")
    return 0


def _check(course: Course, modules: list[Module]) -> int:
    own = [module for module in modules if not exporting.is_lent(course, module)]
    stale = [module for module in own if exporting.is_stale(module)]
    for module in stale:
        console.bad(f"{module.show(module.export)} is not what {module.name}_dev exports")
    if not stale:
        console.ok(f"exports are up to date ({len(own)} checked)")
        return 0
    console.plain(f"  `tito export {' '.join(module.name for module in stale)}`")
    return 1
