"""`tito hint N.k`: the plan, then the exercise's hints, one more at each call."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from tito import console, files
from tito.course import Course, find_course
from tito.errors import TitoError
from tito.exercises import Exercise
from tito.learner.lookup import find_exercise


@click.command(
    help="A hint for an exercise (12.3, its name, or the next one to write); again, a stronger one."
)
@click.argument("name", metavar="[N.k]", required=False)
@click.option("--again", is_flag=True, help="Repeat the last hint.")
@click.option("--reset", is_flag=True, help="Begin with the first hint again.")
def hint(name: str | None, again: bool, reset: bool) -> int:
    course = find_course()
    _, exercise = find_exercise(course, name or _here(course))
    steps = [step for step in (exercise.plan, *exercise.hints) if step]
    seen = 0 if reset else min(seen_steps(course).get(exercise.number, 0), len(steps))
    if seen == len(steps) and not again:
        none = "you have seen every hint" if steps else "there are no hints"
        console.note(f"{exercise.number} {exercise.name}: {none}", _then(exercise, bool(steps)))
    elif steps:
        step = max(seen - again, 0)
        console.note(f"{exercise.number} {exercise.name}, hint {step + 1} of {len(steps)}")
        console.plain(_readable(steps[step]))
        last = step + 1 == len(steps)
        console.plain(f"  {_then(exercise) if last else _stronger(exercise)}")
        seen = step + 1
    _remember(course, exercise.number, seen)
    return 0


def _here(course: Course) -> str:
    from tito.commands.status import here  # only without a name: `hint 12.3` answers faster

    return here(course)


def _stronger(exercise: Exercise) -> str:
    return f"`tito hint {exercise.number}` for a stronger one"


def _then(exercise: Exercise, again: bool = False) -> str:
    repeat = f"`tito hint {exercise.number} --again` repeats the last; " if again else ""
    return f"{repeat}`tito solution {exercise.number}` shows an answer"


def _readable(text: str) -> str:
    """Indented, and without the stars of Markdown."""
    plain = re.sub(r"\*\*(.+?)\*\*", r"\1", text, flags=re.DOTALL)
    return "\n".join(f"    {line}".rstrip() for line in plain.splitlines())


def _memory(course: Course) -> Path:
    return course.root / ".tito" / "hints.json"


def seen_steps(course: Course) -> dict[str, int]:
    """How many steps were shown, by exercise; a file that cannot be read counts as none."""
    try:
        seen = json.loads(_memory(course).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in seen.items() if isinstance(v, int)} if isinstance(seen, dict) else {}


def _remember(course: Course, number: str, seen: int) -> None:
    known = {**seen_steps(course), number: seen}
    text = json.dumps({key: value for key, value in known.items() if value > 0}, indent=1)
    try:
        files.atomic_write(_memory(course), text + "\n")
    except TitoError as error:  # a hint is worth more than its number
        console.note(f"{error.message}: the next call shows this hint again", error.fix)
