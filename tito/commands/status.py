"""`tito status`: where every module stands, read from its files, and the next command to type."""

from __future__ import annotations

import click

from tito import console
from tito.course import Course, Module, find_course
from tito.damage import damages
from tito.errors import CodeError, TitoError
from tito.exercises import Exercise, find_exercises
from tito.export import is_current
from tito.run import trial
from tito.sync import latest, opened

DONE = ("exported", "borrowed")
RUN_LIMIT = 60.0  # seconds


@click.command(help="Where you are, and what to type next.")
@click.argument("names", metavar="[N]...", nargs=-1)
@click.option("--run", is_flag=True, help="Run the inline tests of the modules named.")
@click.option("--limit", default=RUN_LIMIT, help="Seconds a run may take.")
def status(names: tuple[str, ...], run: bool, limit: float) -> int:
    course = find_course()
    if run and not names:
        raise TitoError("which module shall run?", "name it: `tito status 12 --run`")
    if not course.modules:
        console.note("this course has no modules yet")
        return 0
    labels = {module: state(course, module) for module in course.modules}
    for module in course.select(names, not names):
        say = console.ok if labels[module] in DONE else console.note
        say(f"{module.number} {module.name:<16} {labels[module]}")
        if labels[module] != "borrowed":
            _show_damage(course, module)
        if run:
            fails = _show_trial(module, limit)
            labels[module] = "fails" if fails else labels[module]
        elif names:
            exercises = find_exercises(latest(module).cells)
            show_exercises(exercises, labels[module] == "exported")
    console.plain(f"next: {next_command(labels)}")
    return 0


def state(course: Course, module: Module) -> str:
    """One of: untouched, started k/n, written, exported, stale, borrowed, or what is wrong."""
    try:
        module = latest(module)
        exercises = find_exercises(module.cells)
        written = sum(exercise.written for exercise in exercises)
        if written < len(exercises):
            untouched = "borrowed" if course.borrowed(module) else "untouched"
            return f"started {written}/{len(exercises)}" if written else untouched
        if not module.export.exists():
            return "written"
        return "exported" if is_current(module) else "stale"
    except CodeError as error:
        return error.message


def next_command(labels: dict[Module, str]) -> str:
    """What to type, by the first module that is not done."""
    ways = (next_for(module, label) for module, label in labels.items() if label not in DONE)
    return next(ways, "tito test --all")


def current(course: Course) -> Module | None:
    """The first module that is not done."""
    return next((one for one in course.modules if state(course, one) not in DONE), None)


def here(course: Course) -> str:
    module = current(course)
    if module is None:
        raise TitoError("every module is complete", "name an exercise, such as `12.3`")
    return module.number


def next_for(module: Module, label: str) -> str:
    """What brings a module on from where it stands."""
    if label == "untouched" and not module.opened.exists():
        return f"tito module start {module.number}"
    if label.startswith(("started", "untouched", "borrowed", "fails")):
        return f"tito watch {module.number}"
    verb = "complete" if label in ("written", "stale") else "test"
    return f"tito module {verb} {module.number}"


def _show_damage(course: Course, module: Module) -> None:
    """What became of the cells, and what to do about it."""
    try:
        module = latest(module)
        find_exercises(module.cells)
        found = [one for one in damages(course, module) if one.number]
    except CodeError as error:  # it is said already
        if error.fix:
            console.plain(f"  {error.fix}")
        return
    for damage in found:
        console.bad(f"  {damage.title}", f"  {damage.fix}")


def show_exercises(exercises: list[Exercise], done: bool = False) -> None:
    for exercise in exercises:
        say = console.ok if done else console.note
        say(f"  {exercise.number} {exercise.name}: {'written' if exercise.written else 'to write'}")


def _show_trial(module: Module, limit: float) -> bool:
    """Run every exercise and say which pass; return whether one fails."""
    found = trial.run(opened(module), limit, go_on=True)
    says = {"passes": console.ok, "fails": console.bad}
    for exercise in found.exercises:
        known = found.state(exercise)
        say, why = says.get(known, console.note), found.failures.get(exercise.number)
        because = f": {why.message.splitlines()[0]}" if why and known == "fails" else ""
        if why and why.number != exercise.number:
            because = f", waits for {why.number}"
        say(f"  {exercise.number} {exercise.name}: {known}{because}")
    return bool(found.failures)
