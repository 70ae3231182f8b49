"""`tito watch [N]`: at every save, run the inline tests and show the first failing exercise."""

from __future__ import annotations

from contextlib import suppress

import click

from tito import console
from tito.commands.status import current
from tito.course import Course, Module, find_course
from tito.errors import TitoError
from tito.run import trial
from tito.sync import opened
from tito.watch import screen
from tito.watch.keys import Keyboard
from tito.watch.loop import Quit, Watch


@click.command(help="Run the inline tests at every save; show the first failing exercise.")
@click.argument("name", metavar="[N]", required=False)
@click.option("--once", is_flag=True, help="Run once; exit 1 if an exercise fails.")
@click.option("--limit", default=trial.LIMIT, help="Seconds a run may take.")
def watch(name: str | None, once: bool, limit: float) -> int:
    course = find_course()
    module = course.module(name) if name else _current(course)
    if once:
        return _once(module, limit)
    with suppress(KeyboardInterrupt, Quit), Keyboard() as keyboard:
        Watch(module, limit, keyboard).run()
    return 0


def _current(course: Course) -> Module:
    module = current(course)
    if module is None:
        raise TitoError("every module is complete", "name one: `tito watch N`")
    return module


def _once(module: Module, limit: float) -> int:
    found = trial.run(opened(module), limit)
    for line in (screen.head(module, found), *screen.verdict(found)):
        console.plain(line)
    return int(not found.passes)
