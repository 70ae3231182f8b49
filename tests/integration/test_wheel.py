"""A learner's folder made from the wheel, outside the clone: the way of someone who has only that.

The slow test installs the wheel into a fresh environment and types the specification's commands.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tito.course import Course, Module
from tito.exercises import find_exercises
from tito.grading.mistakes import planted_text, read
from tito.learner import answers
from tito.learner.carried import carried

ROOT = Path(__file__).parents[2]
COURSE = Course(ROOT)
ATTENTION = COURSE.module("attention")
SPECIFIED = """\
set -e
source scripts/activate-tinytorch
tito test tensor
tito test activations
tito test layers
tito test embeddings
tito module complete 12 && tito test attention
python -m pytest tests/ -k attention -v
python modules/12_attention/attention_dev.py
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from an sdist, which was built from a copy of the clone."""
    pytest.importorskip("build")
    clone, made = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    for name in ("modules", "tinytorch", "tests", "tito", "scripts"):
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


def test_the_wheel_holds_what_a_folder_is_made_from_and_no_notebook(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    files = [name for name in inside.namelist() if name.startswith("tito/course_files/")]
    assert sorted(name.removeprefix("tito/course_files/") for name in files) == carried(ROOT)
    assert ATTENTION.show(ATTENTION.script) in carried(ROOT)
    for name in files:
        source = ROOT / name.removeprefix("tito/course_files/")
        assert inside.read(name) == source.read_bytes(), name


def test_from_stub_to_a_tested_export_outside_the_clone(learner: Learner) -> None:
    assert "next: tito module start 12" in learner.tito("status")
    assert "exercise 12.1: attention_scores: not written" in learner.tito(
        "module", "test", "12", code=1
    )
    assert "tests passed" in learner.tito("test", "embeddings")
    assert "attention not exported" in learner.tito("test", "attention", code=1)
    write(learner.folder)
    assert "attention is complete" in learner.tito("module", "complete", "12")
    assert " passed" in learner.run("-m", "pytest", "tests/", "-k", "huge_scores", "-q")
    assert "Memory scales as O(n²)" in learner.run("modules/12_attention/attention_dev.py")
    assert "nothing to take over" in learner.tito("update")


@pytest.mark.slow
def test_status_watch_and_complete_say_the_truth_after_each_exercise(learner: Learner) -> None:
    numbers = [exercise.number for exercise in find_exercises(ATTENTION.cells)]
    for done, number in enumerate(numbers):
        assert f"12 attention        {'started' if done else 'untouched'}" in learner.tito("status")
        assert f"exercise {number}: " in learner.tito("module", "complete", "12", code=1)
        seen = learner.tito("watch", "12", "--once", code=1)
        assert f"{done}/{len(numbers)}" in seen and f"exercise {number}: " in seen
        write(learner.folder, number)
        assert f"{number} " in learner.tito("status", "12")
    assert f"{len(numbers)}/{len(numbers)}" in learner.tito("watch", "12", "--once")
    assert "attention is complete" in learner.tito("module", "complete", "12")
    assert "12 attention        exported" in learner.tito("status")


@pytest.mark.slow
def test_watch_names_each_of_fifty_wrong_answers(learner: Learner) -> None:
    script = learner.folder / ATTENTION.show(ATTENTION.script)
    wrong = read(ATTENTION)
    chosen = wrong[:: len(wrong) // 50]
    assert len(chosen) >= 50
    for answer in chosen:
        script.write_text(planted_text(answer, ATTENTION), "utf-8")
        seen = " ".join(learner.tito("watch", "12", "--once", code=1).split())
        assert f"exercise {answer.number}: " in seen, answer
        assert " ".join(answer.says.split()).lower() in seen.lower(), f"{answer}: {seen}"


def test_the_learners_folder_holds_no_answer_to_what_is_to_write(learner: Learner) -> None:
    written = (ROOT / "tinytorch" / "core" / "attention.py").read_text("utf-8")
    telling = "weights = softmax(scores.masked_fill(blocked, -1e9), dim=-1)"
    assert telling in written
    for path in learner.folder.rglob("*"):
        if path.is_file() and "tests" not in path.parts:
            assert telling.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_the_commands_of_the_specification_in_a_fresh_environment(wheel: Path, tmp_path) -> None:
    if os.name != "posix":
        pytest.skip("scripts/activate-tinytorch is for bash and zsh")
    clean = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    clean |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONUTF8": "1"}

    def shell(script: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-c", script]
        return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, encoding="utf-8")

    made = shell(f"python3 -m venv env && env/bin/python -m pip install -q '{wheel}'")
    assert made.returncode == 0, made.stderr
    assert shell("env/bin/tito init my-tinytorch --from 12").returncode == 0
    folder = tmp_path / "my-tinytorch"
    activate = "source scripts/activate-tinytorch >/dev/null && "
    done = shell(activate + "tito test --all", folder)
    assert done.returncode == 0, done.stdout
    assert "left out, not exported yet: attention" in done.stdout
    for number in dict.fromkeys(
        key[0] for key in answers.take(ATTENTION.script.read_text("utf-8"))
    ):
        said = shell(activate + "tito module complete 12", folder)
        assert said.returncode == 1
        assert said.stdout.startswith(f"✗ exercise {number}: ")
        assert f"{number} " in shell(activate + "tito hint " + number, folder).stdout
        write(folder, number)
        assert shell(activate + f"tito solution {number}", folder).returncode == 0
    done = shell(SPECIFIED, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "attention is complete" in done.stdout
    assert (folder / "tinytorch" / "core" / "attention.py").exists()
    assert str(ROOT) not in done.stdout


@pytest.mark.slow
def test_each_module_in_turn_can_be_completed_from_the_first_on(learner: Learner) -> None:
    learner.folder = learner.folder.parent
    learner.tito("init", "all")
    learner.folder /= "all"
    for module in COURSE.modules:
        write(learner.folder, module=module)
        assert f"{module.name} is complete" in learner.tito("module", "complete", module.number)
        learner.tito("test", "--all")
