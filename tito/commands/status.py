"""`tito status`: where every module stands, read from its files, and the next command to type."""

from __future__ import annotations

import click

from tito import console
from tito.course import Course, Module, find_course
from tito.errors import CodeError
from tito.exercises import Exercise, find_exercises
from tito.export import is_current
from tito.sync import latest_cells

DONE = ("exported", "borrowed")


@click.command(help="Where you are, and what to type next.")
@click.argument("names", nargs=-1)
def status(names: tuple[str, ...]) -> int:
    course = find_course()
    if not course.modules:
        console.note("this course has no modules yet")
        return 0
    for module in course.select(names, not names):
        label = state(course, module)
        say = console.ok if label in DONE else console.note
        say(f"{module.number} {module.name:<16} {label}")
        if names:
            show_exercises(find_exercises(latest_cells(module)))
    console.plain(f"next: {next_command(course)}")
    return 0


def state(course: Course, module: Module) -> str:
    """One of: untouched, started k/n, written, exported, stale, borrowed, or what is wrong."""
    try:
        cells = latest_cells(module)
        exercises = find_exercises(cells)
        written = sum(exercise.written for exercise in exercises)
        if written < len(exercises):
            untouched = "borrowed" if course.borrowed(module) else "untouched"
            return f"started {written}/{len(exercises)}" if written else untouched
        if not module.export.exists():
            return "written"
        return "exported" if is_current(module, cells) else "stale"
    except CodeError as error:
        return error.message


def next_command(course: Course) -> str:
    for module in course.modules:
        label = state(course, module)
        if label not in DONE:
            verb = {"untouched": "start", "written": "complete", "stale": "complete"}
            return f"tito module {verb.get(label, 'test')} {module.number}"
    return "tito test --all"


def show_exercises(exercises: list[Exercise]) -> None:
    for exercise in exercises:
        say = console.ok if exercise.written else console.note
        say(f"  {exercise.number} {exercise.name}" + ("" if exercise.written else ": to write"))
