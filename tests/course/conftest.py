"""The course under test, and a throw-away copy of it in which a module may be changed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tito.course import Course, Module

ROOT = Path(__file__).parents[2]
COURSE = Course(ROOT)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `module` runs once for every module of the course."""
    if "module" in metafunc.fixturenames:
        modules = COURSE.modules
        metafunc.parametrize("module", modules, ids=[module.folder_name for module in modules])


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
