"""`tito export`: make the package files from the modules, or check that they are current."""

from __future__ import annotations

import click

from tito import console, files, sync
from tito import export as exporting
from tito.course import Course, Module, find_course


@click.command(help="Make tinytorch/ from the modules named, or from all that are written.")
@click.argument("names", metavar="[N]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every module, as without a name.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where something would change.")
def export(names: tuple[str, ...], everything: bool, check: bool) -> int:
    course = find_course()
    modules = course.select(names, everything or not names)
    if check:
        return _check(modules)
    with files.lock(course.root):
        # an edit made in the notebook belongs into the export
        latest = [sync.sync(one).module if one.notebook.exists() else one for one in modules]
        written = _written(course, latest, bool(names))
        for module in written:
            changed = exporting.export(module)
            done = "exported" if changed else "is up to date"
            console.ok(f"{module.name} {done}: {module.show(module.export)}")
    return 0


def _written(course: Course, modules: list[Module], named: bool) -> list[Module]:
    """Those without a stub; the others are left out, or an error if named or if nothing remains."""
    refused = {module: error for module in modules if (error := exporting.refusal(module))}
    for module, error in refused.items():
        if course.borrowed(module) and not named:
            console.note(f"{module.name} is borrowed: its reference export stands")
        elif named or len(refused) == len(modules):
            raise error
        else:
            console.note(error.message, error.fix)
    return [module for module in modules if module not in refused]


def _check(modules: list[Module]) -> int:
    written = [module for module in modules if not exporting.to_write(module)]
    stale = [module for module in written if not exporting.is_current(module)]
    for module in stale:
        console.bad(f"{module.show(module.export)} is not what {module.name}_dev exports")
    if not stale:
        console.ok(f"exports are up to date ({len(written)} checked)")
        return 0
    console.plain(f"  `tito export {' '.join(module.name for module in stale)}`")
    return 1
