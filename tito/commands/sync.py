"""`tito sync`: bring each module's `.py` and `.ipynb` together."""

from __future__ import annotations

import click

from tito import console, files
from tito import sync as syncing
from tito.course import Module, find_course
from tito.errors import TitoError


@click.command(help="Bring each .py and its .ipynb together (all modules, or those named).")
@click.argument("names", metavar="[N]...", nargs=-1)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a pair is out of sync.")
@click.option("--force", is_flag=True, help="Allow a sync that drops more than half of the cells.")
def sync(names: tuple[str, ...], check: bool, force: bool) -> int:
    course = find_course()
    modules = course.select(names, not names)
    if check:
        return _check(modules)
    with files.lock(course.root):
        results = [_sync_one(module, force) for module in modules]
    return max(results, default=0)


def _sync_one(module: Module, force: bool) -> int:
    """One module that cannot be synced does not keep the others waiting."""
    try:
        written = syncing.sync(module, force).written
    except TitoError as error:
        console.bad(error.message, error.fix)
        return error.exit_code
    console.ok(f"{module.folder_name}: {', '.join(written) or 'in sync'}")
    return 0


def _check(modules: list[Module]) -> int:
    apart = [module for module in modules if not syncing.in_sync(module)]
    for module in apart:
        console.bad(f"{module.folder_name}: the .py and the .ipynb differ")
    if not apart:
        console.ok(f"pairs are in sync ({len(modules)} checked)")
        return 0
    console.plain(f"  `tito sync {' '.join(module.name for module in apart)}`")
    return 1
