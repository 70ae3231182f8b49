"""A learner's folder made from the wheel, outside the clone: for who has nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tito.course import Course, Module
from tito.learner import answers

ROOT = Path(__file__).parents[2]
COURSE = Course(ROOT)
ATTENTION = COURSE.module("attention")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from an sdist, which was built from a copy of the clone."""
    pytest.importorskip("build")
    clone, made = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    for name in ("modules", "tinytorch", "tests", "tito", "scripts", "examples"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "jupytext.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, clone / name)
    command = [sys.executable, "-m", "build", "--outdir", str(made), str(clone)]
    run = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr
    return next(made.glob("*.whl"))


class Learner:
    """Someone at a prompt who has the unpacked wheel and not the clone."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self.folder = folder
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.env = {**outside, "PYTHONPATH": str(packages), "PYTHONUTF8": "1"}

    def run(self, *command: str, code: int = 0) -> str:
        run = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert run.returncode == code, run.stdout
        return run.stdout

    def tito(self, *args: str, code: int = 0) -> str:
        return self.run("-m", "tito", *args, code=code)


@pytest.fixture
def learner(wheel: Path, tmp_path: Path) -> Learner:
    zipfile.ZipFile(wheel).extractall(tmp_path / "packages")
    person = Learner(tmp_path / "packages", tmp_path)
    said = person.tito("init", "my-tinytorch", "--from", "12")
    assert "made my-tinytorch (borrowed: tensor, activations, layers," in said
    person.folder = tmp_path / "my-tinytorch"
    return person


def write(folder: Path, number: str = "", module: Module = ATTENTION) -> None:
    """Fill in a module's reference answers: all, or those of one exercise."""
    script = folder / module.show(module.script)
    every = answers.take(module.script.read_text("utf-8"))
    chosen = {key: answer for key, answer in every.items() if number in ("", key[0])}
    text, left = answers.put(script.read_text("utf-8"), chosen)
    assert chosen and not left
    script.write_text(text, "utf-8")


class Environment:
    """A fresh environment into which the wheel alone was installed, and a shell there."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home
        passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self.env = {**passed, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home)}

    def shell(self, script: str, code: int = 0, **env: str) -> str:
        run = subprocess.run(
            ["bash", "-c", f"set -e\nPATH={self.home}/env/bin:$PATH\n{script}"],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert run.returncode == code, run.stdout
        return run.stdout

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [f"{self.home}/env/bin/{command[0]}", *command[1:]], cwd=self.folder, env=self.env
        )


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory) -> Environment:
    if os.name != "posix":
        pytest.skip("scripts/activate-tinytorch is for bash and zsh")
    made = Environment(tmp_path_factory.mktemp("home"))
    made.shell(f"python3 -m venv env && env/bin/python -m pip install -q '{wheel}'")
    return made


@pytest.fixture
def installed(environment: Environment, tmp_path: Path) -> Environment:
    environment.folder = tmp_path
    environment.shell("tito init my-tinytorch --from 12")
    environment.folder = tmp_path / "my-tinytorch"
    return environment
