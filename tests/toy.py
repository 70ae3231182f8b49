"""A throw-away course of two modules, and a way to run `tito` in it as a learner does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tito.course import Course, Module
from tito.export import render

PLAIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the toy's own pytest starts faster
REPOSITORY = Path(__file__).resolve().parents[1]


def solution(number: str, name: str, function: str, body: str) -> str:
    return f'''\
# %% [markdown]
# ### Exercise {number}: {function}
# What it does, in words.
# <details><summary>Hint</summary>
#
# look at {name}
# </details>

# %% {number}-{name}
#| export
def {function}(x):
    """Document {function}."""
    ### BEGIN SOLUTION {number}
    {body}
    ### END SOLUTION


# %% test-{number} points=1
def test_{function}():
    assert {function}(3) == {{"double": 6, "next_one": 4, "quadruple": 12}}["{function}"], "wrong"
    print("✅ {function}")


if __name__ == "__main__":
    test_{function}()

'''


HEAD = """\
# %% [markdown]
# # {number}. {title}
# A module of a throw-away course.

# %% target
#| default_exp core.{name}

# %% imports
#| export
import math
{imports}
"""

ALPHA = (
    HEAD.format(number="01", title="Alpha", name="alpha", imports="\nSCALE = 2\n")
    + solution("1.1", "double", "double", "return SCALE * x")
    + solution("1.2", "next-one", "next_one", "return x + 1")
)
BETA = HEAD.format(
    number="02",
    title="Beta",
    name="beta",
    imports="\nfrom tinytorch.core.alpha import double\n",
) + solution("2.1", "quadruple", "quadruple", "return double(double(x))")

TEST = """\
from tinytorch.core.{name} import {function}


def test_{function}_of_five():
    assert {function}(5) == {expected}
"""

PYPROJECT = """\
[tool.pytest.ini_options]
addopts = "-p tito.grader.plugin --import-mode=importlib"
filterwarnings = ["error"]
pythonpath = ["."]
"""


@pytest.fixture(scope="session", autouse=True)
def _own_memory(tmp_path_factory) -> None:
    """What `tito` remembers of folders is not written among the memories of who runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


class ToyCourse:
    """The course's folder, and shorthands for what the tests do with it."""

    def __init__(self, root: Path) -> None:
        self.root, self.repository = root, REPOSITORY
        self.alpha = root / "modules/01_alpha/alpha_dev.py"
        self.alpha_notebook = self.alpha.with_suffix(".ipynb")
        self.beta = root / "modules/02_beta/beta_dev.py"
        self.export = root / "tinytorch/core/alpha.py"

    def tito(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tito", *args],
            cwd=env.pop("cwd", self.root),
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1", **PLAIN, **env},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=100,
        )

    def module(self, name: str = "alpha") -> Module:
        return Course(self.root).module(name)

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def course(tmp_path: Path) -> ToyCourse:
    return make_course(tmp_path / "course")


def make_course(root: Path) -> ToyCourse:
    files = {
        "modules/01_alpha/alpha_dev.py": ALPHA,
        "modules/02_beta/beta_dev.py": BETA,
        "tinytorch/__init__.py": "",
        "tinytorch/core/__init__.py": "",
        "tests/core/alpha/test_alpha.py": TEST.format(name="alpha", function="double", expected=10),
        "tests/core/beta/test_beta.py": TEST.format(name="beta", function="quadruple", expected=20),
        "pyproject.toml": PYPROJECT,
        "tests/conftest.py": (REPOSITORY / "tests" / "conftest.py").read_text("utf-8"),
        "tests/tito/test_tool.py": "",
        "scripts/activate-tinytorch": "# to be sourced",
        "scripts/check": "# a contributor's",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return ToyCourse(root)


@pytest.fixture(scope="session")
def make():
    return make_course


@pytest.fixture
def learner(course: ToyCourse, tmp_path: Path) -> ToyCourse:
    """A learner's folder that borrows alpha and begins with beta."""
    for module in Course(course.root).modules:
        path = module.export
        path.write_text(render(module), "utf-8")
    done = course.tito("init", str(tmp_path / "mine"), "--from", "beta")
    assert done.returncode == 0, done.stdout
    return ToyCourse(tmp_path / "mine")
