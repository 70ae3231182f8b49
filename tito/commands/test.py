"""`tito test`: pytest for the modules named, in a child process."""

from __future__ import annotations

import click

from tito import console
from tito import export as exporting
from tito.commands.status import next_for, state
from tito.course import Course, Module, find_course
from tito.errors import CodeError, TitoError
from tito.run import package

PASSED_ON = "tito.pytest_args"


class PassOn(click.Command):
    """A command that keeps what stands after `--` apart."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[PASSED_ON] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


@click.command(
    cls=PassOn, help="Run the tests of modules' exports, or all; what is after -- goes to pytest."
)
@click.argument("names", metavar="[N]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="The whole tests folder, as without N.")
@click.pass_context
def test(ctx: click.Context, names: tuple[str, ...], everything: bool) -> int:
    course = find_course()
    everything |= not names
    modules = course.select(names, everything)
    ready = _ready(course, modules, everything)
    files = ["tests"] if everything else _files_or_error(course, modules)
    for module in ready:
        warn_if_stale(course, module)
    run = package.run_tests(course, [*files, *(ctx.meta[PASSED_ON] or ["-q"])])
    return _verdict(run, "--all" if everything else " ".join(names))


def _verdict(run: package.PytestRun, what: str) -> int:
    skipped = f", {run.skipped} skipped" if run.skipped else ""
    if run.exit_code == 0 and run.passed:
        console.ok(f"{run.passed} tests passed{skipped}")
        return 0
    if run.failure:
        raise run.failure.as_error(then=f"`tito test {what} -- -x` stops at the first failure")
    if run.exit_code in (0, 5):
        raise TitoError(f"no test ran{skipped}", "look at what stands after `--`")
    raise TitoError(f"pytest stopped with exit code {run.exit_code}", "its message stands above")


def _ready(course: Course, modules: list[Module], everything: bool) -> list[Module]:
    """In a learner's folder the modules that are exported; tests/conftest.py knows the same."""
    ready = [one for one in modules if course.learner is None or one.export.exists()]
    left_out = [one for one in modules if one not in ready]
    names = ", ".join(module.name for module in left_out)
    if left_out and not (everything and ready):
        first = left_out[0]
        way = to_export(course, first, f"module complete {first.number}")
        raise CodeError(f"nothing to test yet: {names} not exported", way)
    if left_out:
        console.note(f"left out, not exported yet: {names}")
    return ready


def test_files(course: Course, module: Module) -> list[str]:
    """Its folder of tests and its graded checks, those that are there, as seen from the root.

    pytest takes `[` and `::` in a path for parts of a test's name, and a folder may have them.
    """
    found = [module.tests] if any(module.tests.rglob("test_*.py")) else []
    return [module.show(path) for path in [*found, *module.check_files]]


def _files_or_error(course: Course, modules: list[Module]) -> list[str]:
    files: list[str] = []
    for module in modules:
        own = test_files(course, module)
        if not own:
            raise TitoError(
                f"no tests for {module.name}: {module.show(module.tests)} holds no test_*.py",
                f"its inline tests run with `tito module test {module.name}`",
            )
        files += own
    return files


def warn_if_stale(course: Course, module: Module) -> None:
    """Say where a module was edited after its export."""
    try:
        stale = not (exporting.is_borrowed(course, module) or exporting.is_current(module))
        way = to_export(course, module, f"export {module.name}")
    except CodeError as error:
        console.note(error.message, error.fix)
        return
    if stale:
        state = "older than" if module.export.exists() else "missing; the tests need"
        console.note(f"{module.show(module.export)} is {state} {module.name}_dev", way)


def to_export(course: Course, module: Module, command: str) -> str:
    """The command that makes the export or, before it can, the one to write what is missing."""
    label = state(course, module)
    ready = label in ("written", "stale", "exported")
    return f"`tito {command}`" if ready else f"`{next_for(module, label)}`"
