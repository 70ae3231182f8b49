"""One submission under plain pytest: which checks to run, and on what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tito.course import Course, Module, find_course
from tito.errors import TitoError
from tito.grader.intake.find import Found, Unreadable, read
from tito.grader.judge import Bench, own_cells
from tito.grader.sandbox import NAMES, SAFE

TARGET = re.compile(rb"default_exp\s+core\.(\w+)")


def run_on_checks(config: pytest.Config, again: str) -> int:
    """Start pytest again on the checks of the module that was handed in; `again` tells it so."""
    here = config.invocation_params.dir
    path = Path(here, config.getoption("submission"))
    try:
        course = find_course(here)
        module = course.module(config.getoption("graded_module") or _guess(course, path))
    except TitoError as error:
        raise pytest.UsageError(f"{error.message}: {error.fix}") from None
    others = list(_without_submission([str(arg) for arg in config.invocation_params.args]))
    named = any(Path(here, arg.partition("::")[0]).exists() for arg in others)
    files = [] if named else [os.path.relpath(path, here) for path in module.check_files]
    settings = ["-c", str(course.root / "pyproject.toml"), f"--submission={path}"]
    settings += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # tito is imported already
    second = SimpleNamespace(__name__=again)  # a plugin that says: this is the second start
    return int(pytest.main([*settings, *others, *files], plugins=[second]))


def _without_submission(args: list[str]) -> Iterator[str]:
    given = iter(args)
    for arg in given:
        if arg == "--submission":
            next(given)
        elif not arg.startswith("--submission="):
            yield arg


def open_bench(config: pytest.Config, name: str) -> Bench:
    """Take the submission that was named, or else this folder's own module."""
    course = find_course(config.rootpath)
    module = course.module(name)
    try:
        cells = _submitted(config, module) or own_cells(module)
        own = None if config.getoption("submission") else int(os.name == "posix")
        bench = Bench(course, module, config.getoption("grading_seed"), own)
        if own is None:
            require_consent(bench.level, config.getoption("unsandboxed"))
    except (Unreadable, TitoError) as error:
        pytest.exit(f"{error}", returncode=1 if isinstance(error, Unreadable) else 2)
    bench.take(cells)
    return bench


def require_consent(level: int, given: bool) -> None:
    if level < SAFE and not given:
        raise TitoError(
            f"no safe sandbox on this machine (level {NAMES[level]}): a submission could read and "
            "change your files",
            "install bubblewrap, or say --unsandboxed; docs/instructors.md tells more",
        )


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


def _submitted(config: pytest.Config, module: Module) -> list[tuple[str, str]] | None:
    if not config.getoption("submission"):
        return None
    path = Path(config.getoption("submission"))
    return list(read(Found(path.name, path.stem, path), module).cells)
