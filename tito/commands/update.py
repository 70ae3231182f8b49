"""`tito update`: take over a newer course; what the learner wrote stays."""

from __future__ import annotations

from pathlib import Path

import click

from tito import console, files
from tito.commands.init import facts
from tito.course import Course, find_course
from tito.errors import TitoError
from tito.learner import update as updating
from tito.learner.source import reference


@click.command(help="Take over a newer course; what you wrote stays.")
@click.option("--course", "named", metavar="DIR", type=click.Path(path_type=Path))
def update(named: Path | None) -> int:
    course = find_course()
    if course.learner is None:
        raise TitoError(f"{course.root} is the course itself", "`git pull` brings a newer one")
    newer = reference(course, named)
    first = newer.module(str(course.learner["from"])).number
    with files.lock(course.root):
        made = updating.plan(course, newer, first)
        copy = updating.apply(course, made)
        for name, text in facts(newer, first).items():
            files.atomic_write(course.root / ".tito" / name, text)
    _say(course, newer, made, copy)
    return 0


def _say(course: Course, newer: Course, made: updating.Update, copy: Path | None) -> None:
    for name, content in made.writes.items():
        console.ok(f"{'removed' if content is None else 'took over'} {name}")
    for what, why in made.kept:
        console.note(f"left as you have it: {what}", why)
    if not made.writes:
        console.ok(f"nothing to take over from {newer.root}")
    elif copy:
        console.plain(f"  `tito restore {copy.name}` undoes this; `tito status` says what is next")
