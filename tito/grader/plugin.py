"""pytest's side of grading: options, marks, and the fixtures `submission` and `rng`.

`pytest --submission=PATH` grades one submission; without it the checks run on this folder's own
module. `tito grade` runs the same tests on many (tito/grader/batch.py). The course's settings for
pytest name this plugin (`addopts`), so that no other project meets it.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tito.course import HIDDEN, Course, find_course
from tito.errors import TitoError
from tito.exercises import find_exercises
from tito.grader.verdict import PASSED, Check, Verdict

if TYPE_CHECKING:
    import numpy as np

    from tito.grader.judge import Asker, Session

SESSIONS = pytest.StashKey[dict[str, "Session"]]()
VERDICT = pytest.StashKey[Verdict]()
TARGET = re.compile(rb"default_exp\s+core\.(\w+)")
MARKS = (
    "exercise(number): the exercise that a check is about, such as '12.3'",
    "points(n): what a check is worth; 1 if nothing is said",
)


LONE: dict[str, Any] = {
    "points": 0,
    "category": "example only",
    "reason": "the example is right; it counts only beside a check with other inputs",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tito", "grading one submission")
    group.addoption("--submission", metavar="PATH", help="grade this file, folder or zip")
    group.addoption("--module", dest="graded_module", metavar="N", help="for this module")
    group.addoption("--seed", dest="grading_seed", type=int, default=0, help="draws the inputs")
    unsafe = "grade even where no sandbox works"
    group.addoption("--unsandboxed", action="store_true", help=unsafe)
    record = "write down what the reference answers"
    group.addoption("--record-expected", metavar="FILE", help=record)


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    config.stash[SESSIONS] = {}
    if config.getoption("submission") and config.args_source != config.ArgsSource.ARGS:
        config.args = _check_files(config)


def _check_files(config: pytest.Config) -> list[str]:
    """The checks of the module that was handed in: what is run where no test is named."""
    here = config.invocation_params.dir
    path = Path(here, config.getoption("submission"))
    try:
        course = find_course(here)
        module = course.module(config.getoption("graded_module") or _guess(course, path))
    except TitoError as error:
        raise pytest.UsageError(f"{error.message}: {error.fix}") from None
    return [os.path.relpath(file, here) for file in module.check_files]


def _guess(course: Course, path: Path) -> str:
    """The module that the path, or the text of the file, names."""
    known = [module for module in course.modules if module.check_files]
    text = path.read_bytes() if path.is_file() else b""
    found = {target.decode() for target in TARGET.findall(text)}
    named = [
        module.name
        for module in known
        if module.name in found
        or module.name in path.name
        or (path / "modules" / module.folder_name).is_dir()
    ]
    if len(known) > 1 and len(named) != 1:
        raise TitoError(f"{path.name} does not say of which module it is", "say --module 12")
    return (named or [module.name for module in known])[0]


def pytest_unconfigure(config: pytest.Config) -> None:
    for session in config.stash[SESSIONS].values():
        if config.getoption("record_expected"):
            session.record(Path(config.getoption("record_expected")))
        session.close()


@pytest.fixture
def submission(request: pytest.FixtureRequest) -> Asker:
    """What is graded: `run` asks it something, `check` compares it with the reference."""
    sessions = request.config.stash[SESSIONS]
    name = _module_of(request.path)
    if name not in sessions:
        sessions[name] = _open_bench(request.config, name)
    asked: Asker = sessions[name].submission(check_of(request.node).exercise)
    return asked


def _open_bench(config: pytest.Config, name: str) -> Session:
    """Take the submission that was named, or else this folder's own module."""
    from tito.grader.intake.find import Submission, Unreadable, read_submission
    from tito.grader.judge import Session, own_cells
    from tito.grader.sandbox import require_consent

    course, handed_in = find_course(config.rootpath), config.getoption("submission")
    module = course.module(name)
    own = None if handed_in else int(os.name == "posix")
    try:
        path = Path(config.invocation_params.dir, handed_in or "")
        found = Submission(path.name, path.stem, path)
        cells = read_submission(found, module).cells if handed_in else own_cells(module)
        session = Session(course, module, config.getoption("grading_seed"), own)
        if handed_in:
            require_consent(session.level, config.getoption("unsandboxed"))
    except (Unreadable, TitoError) as error:
        pytest.exit(f"{error}", returncode=1 if isinstance(error, Unreadable) else 2)
    session.open(cells)
    return session


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a check with the argument `exercise` each exercise of its module in turn."""
    if {"submission", "exercise"} <= {*metafunc.fixturenames}:
        module = find_course(metafunc.config.rootpath).module(_module_of(metafunc.definition.path))
        numbers = [one.number for one in find_exercises(module.cells)]
        tests = {cell.grade_id for cell in module.cells}
        missing = [f"cell test-{one}" for one in numbers if f"test-{one}" not in tests]
        missing += [] if module.own_checks.exists() else [module.show(module.own_checks)]
        if missing:
            told = f"it needs {' and '.join(missing)} of {module.folder_name}"
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: {told}")
        each = [pytest.param(one, marks=pytest.mark.exercise(one), id=one) for one in numbers]
        metafunc.parametrize("exercise", each)


def _module_of(checks: Path) -> str:
    return checks.stem.removeprefix("test_")


@pytest.fixture
def rng(submission: Asker, request: pytest.FixtureRequest) -> np.random.Generator:
    """Draws the inputs of a check: the same ones for every submission of a batch."""
    import numpy as np

    number = zlib.crc32(check_of(request.node).name.encode())
    return np.random.default_rng([submission.session.seed, number])


def check_of(item: pytest.Item) -> Check:
    """What the marks of a test say, and its folder.

    Of a hidden check a learner is told what kind of failure it was, and no more.
    """
    exercise, points = item.get_closest_marker("exercise"), item.get_closest_marker("points")
    if not exercise:
        raise pytest.UsageError(f"{item.nodeid}: no exercise; write @pytest.mark.exercise('12.3')")
    return Check(
        item.nodeid.partition("::")[2],
        exercise.args[0],
        points.args[0] if points else 1,
        item.path.parent.name == HIDDEN,
    )


def counted(verdicts: list[Verdict], items: list[pytest.Item]) -> Iterator[Verdict]:
    """Points for a fixed question only beside a right answer to a drawn one of its exercise.

    What is right for fixed inputs can be known, and answered, without computing it.
    """
    checks = {check_of(item).name: check_of(item) for item in items}
    drawn = {check_of(item).name for item in items if "rng" in getattr(item, "fixturenames", ())}
    asked = {checks[name].exercise for name in drawn}
    right = [one.check for one in verdicts if one.check in drawn and one.category == PASSED]
    computed = {checks[name].exercise for name in right}
    for one in verdicts:
        lone = one.check not in drawn and checks[one.check].exercise in asked - computed
        yield replace(one, **LONE) if lone and one.category == PASSED else one


def is_check(item: pytest.Item) -> bool:
    return "submission" in getattr(item, "fixturenames", ())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Turn the end of a check into a verdict, and its traceback into a line."""
    outcome = yield
    if call.excinfo and call.excinfo.typename == "SandboxError":
        pytest.exit(f"no sandbox: {call.excinfo.value}")  # nobody loses points by that
    if is_check(item) and (call.when == "call" or call.excinfo):
        item.stash[VERDICT] = verdict = _verdict(item, call)
        if verdict.category != PASSED:
            named = f" (known mistake: {verdict.mistake})" if verdict.mistake else ""
            outcome.get_result().longrepr = f"{verdict.category}: {verdict.reason}{named}"


def _verdict(item: pytest.Item, call: pytest.CallInfo[None]) -> Verdict:
    from tito.grader.judge import Failed
    from tito.grader.text import printable

    check, error = check_of(item), call.excinfo.value if call.excinfo else None
    if error is None:
        return Verdict(check.name, check.points, PASSED)
    asked = getattr(item, "funcargs", {}).get("submission")
    if isinstance(error, Failed):
        category, reason = error.answer.category, error.answer.told
    else:  # an assertion of the check, or a value of which it can make nothing
        category = "wrong value"
        reason = str(error).partition("\n")[0] or type(error).__name__
    mistake = asked.mistake() if asked else ""
    return Verdict(check.name, 0, category, printable(reason, 300), mistake)
