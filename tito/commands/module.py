"""`tito module start | view | test | complete N`: a learner's way through one module."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import click

from tito import console, files, known
from tito import export as exporting
from tito.commands.status import show_exercises
from tito.commands.test import test_files, to_export
from tito.course import Course, Module, find_course
from tito.damage import Damage
from tito.errors import CodeError
from tito.exercises import find_exercises
from tito.render import render
from tito.run import package, trial
from tito.run.failure import Failure
from tito.stubs import STUB
from tito.sync import opened, opened_in_lock

SHOWN = 3  # of what became of cells
NUMBER = click.argument("name", metavar="N")


@click.command(help="Prepare a module and show where to begin.")
@NUMBER
def start(name: str) -> int:
    course = find_course()
    module = course.module(name)
    if course.learner is None:
        console.note(
            f"{course.root} is the course's own source, answers included",
            f"`tito init DIR --from {module.number}` makes a folder to learn in",
        )
        return 0
    module = opened(module)
    known.remember(course.root)
    for other in course.prerequisites(module):
        if not other.export.exists():
            console.note(f"it builds on {other.name}", f"`tito module start {other.number}` first")
    console.ok(f"{module.title}: {module.show(module.notebook)}")
    console.plain(f"  {_next(module)}")
    return 0


@click.command(help="Show a module's files and exercises, and open the notebook.")
@NUMBER
@click.option("--no-open", is_flag=True, help="Only print.")
def view(name: str, no_open: bool) -> int:
    course = find_course()
    module = opened(course.module(name))
    for path in (module.notebook, module.script, module.export):
        console.note(module.show(path) + ("" if path.exists() else " (not yet)"))
    show_exercises(find_exercises(module.cells))
    if not no_open and sys.stdout.isatty() and importlib.util.find_spec("jupyterlab"):
        subprocess.Popen([sys.executable, "-m", "jupyterlab", str(module.notebook)])
    return 0


@click.command(help="Run a module's inline tests.")
@NUMBER
@click.option("--limit", default=trial.TIME_LIMIT, help="Seconds the run may take.")
def test(name: str, limit: float) -> int:
    course = find_course()
    module = opened(course.module(name))
    _run_inline(course, module, limit, quiet=False)
    console.ok(
        f"inline tests of {module.name} pass: {module.show(module.script)}",
        f"`tito module complete {module.number}`",
    )
    return 0


@click.command(help="Sync, run the inline tests, export, and test the export.")
@NUMBER
@click.option("--limit", default=trial.TIME_LIMIT, help="Seconds the inline tests may take.")
def complete(name: str, limit: float) -> int:
    course = find_course()
    module = course.module(name)
    with files.lock(course.root):
        module = opened_in_lock(module)
        _run_inline(course, module, limit, quiet=True)
        console.ok(f"inline tests pass: {module.show(module.script)}")
        _export_tested(course, module)
    console.ok(f"{module.name} is complete: {module.show(module.export)}", "`tito status`")
    return 0


def _export_tested(course: Course, module: Module) -> None:
    """Try the new export under its own name, and only then put it in place.

    The tests see the candidate through an import hook, so that not even a kill in the middle
    leaves a package that failed them.
    """
    left = exporting.to_write(module)
    if left and STUB.search(left.cell.source):  # what passes without a stub is written elsewhere
        exporting.require_written(module)
    text = render(module)
    with exporting.candidate(module, text) as path:
        tests = test_files(course, module)
        if not tests:
            exporting.check_import(module, path)
            console.note(
                f"{module.show(module.tests)} holds no test_*.py: only the inline tests ran"
            )
        else:
            args = [*tests, "-q", "-x", "-p", "no:cacheprovider"]
            _judge(module, package.run_tests(course, args, {module: path}, quiet=True))
    if text != exporting.current(module):
        exporting.replace(module, text)


def _judge(module: Module, run: package.PytestRun) -> None:
    kept = "the last good export stands" if module.export.exists() else "nothing was exported"
    again = f"`tito module test {module.number}`, or change it and complete again"
    if run.failure:
        raise run.failure.as_error(f"{module.name} fails its tests; {kept}", again)
    if run.exit_code:
        raise CodeError(f"pytest stopped ({run.exit_code}); {kept}", run.output.strip()[-2000:])
    if not run.passed:
        raise CodeError(f"no test of {module.name} ran; {kept}", run.output.strip()[-2000:])
    if run.proved < run.passed:
        what = f"{run.passed - run.proved} of {run.passed} tests did not run on the new export"
        raise CodeError(f"{what}; {kept}", f"`tito doctor`; {module.package} came from elsewhere")
    console.ok(f"tests of {module.name} pass against the new export")


def _export_first(course: Course, failure: Failure) -> str:
    """What to do where an import failed since a module before this one is not exported."""
    for other in course.modules:
        if failure.error == f"ModuleNotFoundError: No module named '{other.package}'":
            way = to_export(course, other, f"module complete {other.number}")
            return f"it builds on {other.name}, which is not exported: {way} first"
    return ""


def _run_inline(course: Course, module: Module, limit: float, quiet: bool) -> None:
    done = trial.run(module, limit, trial.everything, output="kept" if quiet else "shown")
    found, failure = done.damage, done.failure
    if failure:
        _say(sorted(found, key=lambda damage: damage.number != failure.number))
        edit = f"edit {module.show(module.notebook)}, then `{_again(module)}`"
        raise failure.as_error(then=_export_first(course, failure) or edit)
    found = [damage for damage in found if damage.number]
    for damage in found:
        if damage.unjudged:
            raise CodeError(damage.title, damage.fix)
    _say(found)


def _say(found: list[Damage]) -> None:
    for damage in found[:SHOWN]:
        console.note(damage.title, damage.fix)
    if found[SHOWN:]:
        console.note(f"and {len(found) - SHOWN} more of that kind")


def _again(module: Module) -> str:
    return f"tito module test {module.number}"


def _next(module: Module) -> str:
    for exercise in find_exercises(module.cells):
        if not exercise.written:
            return (
                f"begin with exercise {exercise.number}: {exercise.name}"
                f" (cell {exercise.cell.ordinal}), then `{_again(module)}`"
            )
    return f"every exercise is written: `tito module complete {module.number}`"
