"""The course under test, and a throw-away copy of it in which a module may be changed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tito.course import Course, Module

ROOT = Path(__file__).parents[2]
COURSE = Course(ROOT)


def marks(module: Module) -> list[pytest.MarkDecorator]:
    """Module 12 stands for all in a quick run."""
    return [] if module.number == "12" else [pytest.mark.slow]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `module` runs once for every module of the course."""
    if "module" in metafunc.fixturenames:
        every = [pytest.param(one, id=one.folder_name, marks=marks(one)) for one in COURSE.modules]
        metafunc.parametrize("module", every)


@pytest.fixture
def with_text(tmp_path: Path) -> Callable[[Module, str], Module]:
    """Return a function that puts a text in place of a module, in a copy of the course."""

    def replace(module: Module, text: str) -> Module:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "tinytorch", tmp_path / "tinytorch", ignore=ignore)
        copy = Module(tmp_path, module.number, module.name)
        shutil.copytree(module.folder, copy.folder, ignore=shutil.ignore_patterns("*_dev.*"))
        copy.script.write_text(text, encoding="utf-8")
        return copy

    return replace
