"""`tito init DIR [--from N]`: a folder of the learner's own, of the same shape as the course.

Every module is there as a stub. Those before N are borrowed: their reference export is in
tinytorch/, so that N can be built on it, and their stubs wait for whoever goes back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from tito import __version__, console, known, sync
from tito.course import Course, pristine
from tito.errors import TitoError
from tito.learner import source
from tito.learner.folder import building, contents, put_in_place


@click.command(help="Make a folder of your own to learn in.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--from", "first", metavar="N", help="Begin with module N; borrow those before it.")
def init(folder: Path, first: str | None) -> int:
    course = source.course_here()
    if course.learner is not None:
        raise TitoError(f"{course.root} is a learner's folder", "leave it, then make another")
    begin = course.module(first) if first else course.modules[0]
    with building(folder) as made:
        _fill(course, Course(made), begin.number)
        put_in_place(made, folder)
    known.remember(folder)
    names = ", ".join(other.name for other in course.modules if other.number < begin.number)
    console.ok(f"made {folder}" + (f" (borrowed: {names})" if names else ""))
    console.plain(f"  cd {console.typed(folder)} && tito module start {begin.number}")
    return 0


def _fill(course: Course, mine: Course, first: str) -> None:
    for name, content in contents(course, first).items():
        for path in (mine.root / name, pristine(mine) / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for name, text in facts(course, first).items():
        (mine.root / ".tito" / name).write_text(text, "utf-8")
    for module in mine.modules:
        sync.sync(module)


def facts(course: Course, first: str) -> dict[str, str]:
    """What a folder remembers of where it came from, by file of `.tito/`."""
    borrowed = [module.folder_name for module in course.modules if module.number < first]
    own = source.own_course()
    root = "" if own and own.root == course.root else str(course.root)
    known = {"made_by": __version__, "from": first, "borrowed": borrowed, "course": root}
    return {"learner.json": json.dumps(known, indent=1) + "\n", "environment": sys.prefix + "\n"}
