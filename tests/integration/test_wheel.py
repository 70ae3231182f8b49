"""A learner's folder made from the wheel, outside the clone: the way of someone who has only that.

The slow test installs the wheel into a fresh environment and types the specification's commands.
"""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tito.course import Course, Module
from tito.exercises import find_exercises
from tito.grader.other_answers import planted_text, read
from tito.learner import answers
from tito.learner.carried import carried
from tito.render import render

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

pytestmark = pytest.mark.slow


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


def test_the_wheel_holds_what_a_folder_is_made_from_and_no_notebook(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    files = [name for name in inside.namelist() if name.startswith("tito/course_files/")]
    assert sorted(name.removeprefix("tito/course_files/") for name in files) == carried(ROOT)
    assert ATTENTION.show(ATTENTION.script) in carried(ROOT)
    for name in files:
        source = ROOT / name.removeprefix("tito/course_files/")
        assert inside.read(name) == source.read_bytes(), name


def test_the_wheel_holds_what_the_grader_reads_beside_its_code(wheel: Path) -> None:
    here = [
        *(ROOT / "tito").glob("grader/templates/*"),
        *(ROOT / "tito").glob("grader/inside/*.sh"),
    ]
    names = {path.relative_to(ROOT).as_posix() for path in here}
    assert len(names) >= 3 and names <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_gives_other_projects_no_pytest_plugin(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    (entries,) = (name for name in inside.namelist() if name.endswith("/entry_points.txt"))
    assert "pytest11" not in inside.read(entries).decode()


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
    telling = "weights = softmax(shifted.masked_fill(blocked, -1e9), dim=-1)"
    assert telling in written
    for path in learner.folder.rglob("*"):
        if path.is_file() and "tests" not in path.parts:
            assert telling.encode() not in path.read_bytes(), path


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


def test_the_commands_of_the_specification_in_a_fresh_environment(installed: Environment) -> None:
    activate = "source scripts/activate-tinytorch >/dev/null && "
    done = installed.shell(activate + "tito test --all")
    assert "left out, not exported yet: attention" in done
    for number in dict.fromkeys(
        key[0] for key in answers.take(ATTENTION.script.read_text("utf-8"))
    ):
        said = installed.shell(activate + "tito module complete 12", code=1)
        assert f"✗ exercise {number}: " in said
        assert f"{number} " in installed.shell(activate + "tito hint " + number)
        write(installed.folder, number)
        installed.shell(activate + f"tito solution {number}")
    done = installed.shell(SPECIFIED)
    assert "attention is complete" in done
    assert (installed.folder / "tinytorch" / "core" / "attention.py").exists()
    assert str(ROOT) not in done


TRIANGLE = "return Tensor(np.tril(np.ones((seq_len, seq_len))))"
HOSTILE = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPATH": "/nowhere",
    "PYTEST_ADDOPTS": "--collect-only -p no:assertion",
    "PYTEST_PLUGINS": "nothing_like_it",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
}


@pytest.mark.parametrize("env", [{}, HOSTILE], ids=["plain", "hostile"])
def test_a_verdict_is_about_the_code_that_is_there_now(installed: Environment, env) -> None:
    export = installed.folder / "tinytorch" / "core" / "attention.py"
    script = installed.folder / ATTENTION.show(ATTENTION.script)
    export.write_text(render(Course(installed.folder).module("attention")), "utf-8")  # a stub
    write(installed.folder)
    assert "attention is complete" in installed.shell("tito module complete 12", **env)
    good, right = export.read_bytes(), script.read_text("utf-8")
    for here in ("False", "__name__ == '__main__'"):  # wrong everywhere; wrong in the package alone
        wrong = f"return Tensor((np.tril if {here} else np.triu)(np.ones((seq_len, seq_len))))"
        assert right.count(TRIANGLE) == 1
        script.write_text(right.replace(TRIANGLE, wrong), "utf-8")
        said = installed.shell("tito module complete 12", code=1, **env)
        assert "12.8: create_causal_mask" in said, said
        assert export.read_bytes() == good


def test_another_project_in_the_environment_keeps_its_pytest_to_itself(installed) -> None:
    project = installed.folder.parent / "project"
    project.mkdir()
    options = "\n    ".join(f"parser.addoption('--{name}')" for name in ("seed", "module"))
    (project / "conftest.py").write_text(f"def pytest_addoption(parser):\n    {options}\n")
    (project / "test_it.py").write_text("def test_it(submission): pass\n")
    installed.folder = project
    assert "fixture 'submission' not found" in installed.shell("pytest --seed 3", code=1)


def test_a_kill_leaves_the_last_good_export_and_the_next_run_ends_well(installed) -> None:
    export = installed.folder / "tinytorch" / "core" / "attention.py"
    write(installed.folder)
    running = installed.start("tito", "module", "complete", "12")
    while not list(installed.folder.glob(".tito/candidate-*/attention.py")):
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    assert not export.exists()
    assert "attention is complete" in installed.shell("tito module complete 12")
    assert "tests passed" in installed.shell("tito test attention")


def test_each_module_in_turn_can_be_completed_from_the_first_on(learner: Learner) -> None:
    learner.folder = learner.folder.parent
    learner.tito("init", "all")
    learner.folder /= "all"
    for module in COURSE.modules:
        write(learner.folder, module=module)
        assert f"{module.name} is complete" in learner.tito("module", "complete", module.number)
        if module in COURSE.modules[3::4]:  # and so at the end
            learner.tito("test", "--all")
