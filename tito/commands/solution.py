"""`tito solution N.k`: the reference answer, after a pass or a confirmed wish."""

from __future__ import annotations

import sys
import textwrap

import click

from tito import console
from tito.commands.status import here
from tito.course import Course, Module, find_course
from tito.errors import TitoError
from tito.exercises import Exercise, find_exercises, find_regions
from tito.learner.lookup import find_exercise
from tito.learner.source import reference
from tito.run import trial
from tito.sync import latest


@click.command(help="The reference answer of an exercise, after it passes or with --yes.")
@click.argument("name", metavar="[N.k]", required=False)
@click.option("--yes", is_flag=True, help="Show it although the exercise does not pass yet.")
def solution(name: str | None, yes: bool) -> int:
    course = find_course()
    module, exercise = find_exercise(course, name or here(course))
    answer = _answer(reference(course), module, exercise)
    passed = not yes and trial.passes(latest(module), exercise.number)
    if not (yes or passed or _confirmed(exercise)):
        console.note("nothing shown", f"`tito hint {exercise.number}` gives a hint")
        return 0
    console.ok(f"{exercise.number} {exercise.name}, one way to write it:")
    console.plain(answer)
    return 0


def _confirmed(exercise: Exercise) -> bool:
    what = f"exercise {exercise.number} does not pass yet"
    if not sys.stdin.isatty():
        raise TitoError(what, f"`tito solution {exercise.number} --yes` shows the answer anyway")
    return click.confirm(f"{what}; show the answer?")


def _answer(course: Course, module: Module, wanted: Exercise) -> str:
    """The lines between the markers in the course's own source."""
    source = course.module(module.folder_name)
    known = find_exercises(source.cells)
    found = [one for one in known if one.name == wanted.name]  # a newer course may renumber
    found = found or [one for one in known if one.number == wanted.number]
    numbers = {one.number for one in found[:1]}
    parts = [
        textwrap.indent(textwrap.dedent("\n".join(cell.lines[r.begin + 1 : r.end])), "    ")
        for cell in source.cells
        for r in (find_regions(cell.lines) if cell.kind == "code" else [])
        if r.number in numbers
    ]
    if not parts:
        raise TitoError(f"{course.root} has no exercise {wanted.number}", "`tito update`")
    return "\n    ...\n".join(parts)
