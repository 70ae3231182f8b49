"""Run what the package holds in a child process: an import, a function of it, pytest.

A verdict comes from the child's exit code and its records: what was raised, which tests passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tito.course import Course, Module
from tito.run.failure import Failure
from tito.run.process import Outcome, run_child

TIME_LIMIT = 120.0  # seconds for an import
TEST_LIMIT = 900.0


def try_import(module: Module, candidate: Path, limit: float = TIME_LIMIT) -> Failure | None:
    shadow = {module.package: str(candidate)}
    outcome = run_child(
        "import", module.root, module.root, limit, package=module.package, shadow=shadow
    )
    return _judge(module, outcome, {str(candidate): module})


def call(
    module: Module, script: Path, function: str, limit: float, then: str, **arguments: Any
) -> Any:
    """What a function of ours returns, run where it can import the learner's module."""
    name = f"tito_{script.stem}"
    outcome = run_child(
        "import",
        module.root,
        module.root,
        limit,
        package=name,
        shadow={name: str(script)},
        call=function,
        arguments=arguments,
    )
    failure = _judge(module, outcome)
    if failure:
        failure.test = "" if failure.exercise else module.package
        raise failure.as_error(then=then)
    return outcome.last("found")


def _judge(
    module: Module, outcome: Outcome, candidates: dict[str, Module] | None = None
) -> Failure | None:
    if outcome.ended and outcome.exit_code == 0:
        return None
    course = Course(module.root)
    failed = outcome.last("failed") or outcome.broken_off
    return Failure.read(course, failed, module, candidates or {})


@dataclass
class PytestRun:
    exit_code: int
    failure: Failure | None
    output: str
    passed: int = 0
    skipped: int = 0
    proved: int = 0  # tests that ran in the child itself, with the candidates in place


def run_tests(
    course: Course,
    args: list[str],
    shadow: dict[Module, Path] | None = None,
    quiet: bool = False,
    limit: float = TEST_LIMIT,
) -> PytestRun:
    """Run pytest in the course's folder, with candidates in place of some exports."""
    args = ["-c", str(course.root / "pyproject.toml"), *args]
    files = {module.package: str(path) for module, path in (shadow or {}).items()}
    output = "kept" if quiet else "own"
    outcome = run_child("pytest", course.root, course.root, limit, output, args=args, shadow=files)
    candidates = {str(path): module for module, path in (shadow or {}).items()}
    failed = outcome.last("failed")
    if not outcome.ended:
        failed = {"type": "", "message": f"pytest {outcome.ending}"}
    failure = Failure.read(course, failed, None, candidates) if failed else None
    return PytestRun(outcome.exit_code, failure, outcome.output, **(outcome.last("counts") or {}))
