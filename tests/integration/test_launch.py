"""Where the launch cards lead: Binder's files, the folder for Colab, the paths that cards name."""

import importlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.course.conftest import COURSE
from tito.course import Course
from tito.exercises import find_exercises

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "lite"))
notebooks = importlib.import_module("notebooks")

REPOSITORY = "https://github.com/mlsysbook/TinyTorch"
SMALL = COURSE.module("02")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "learn"
    notebooks.write(COURSE, made)
    return made


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return found


def run(*command: str, cwd: Path, **env: str) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answered(folder: Path) -> Path:
    """The small module's notebook as it comes back from Colab, with the reference answers."""
    path = folder / SMALL.show(SMALL.notebook)
    notebook = json.loads(path.read_text("utf-8"))
    answers = {cell.id: cell.text for cell in SMALL.cells}
    for cell in notebook["cells"]:
        cell["source"] = answers.get(cell["id"], "".join(cell["source"]))
    path.write_text(json.dumps(notebook), "utf-8")
    return path


def test_each_card_names_a_file_that_is_there(folder: Path) -> None:
    pytest.importorskip("nbformat")
    launch_cards = runpy.run_path(str(ROOT / "docs" / "pages.py"))["launch_cards"]
    for module in COURSE.modules:
        lite, binder, colab, source = re.findall(
            "^:link: (.*)$", launch_cards(module, REPOSITORY), re.M
        )
        notebook = module.show(module.notebook)
        assert lite == f"../lite/notebooks/index.html?path={notebook}"
        assert binder.endswith(f"/mlsysbook/TinyTorch/main?labpath=learn/{notebook}")
        assert colab.endswith(f"/github/mlsysbook/TinyTorch/blob/notebooks/{notebook}")
        assert (folder / notebook).is_file()
        assert (ROOT / source.removeprefix(f"{REPOSITORY}/blob/main/")).is_file()


def test_the_notebooks_hold_stubs_and_no_output(folder: Path) -> None:
    for module in Course(folder).modules:
        assert not any(one.written for one in find_exercises(module.cells))
        shown = [cell for cell in cells(module.notebook) if cell["cell_type"] == "code"]
        assert shown[0]["id"] == "colab"
        assert not any(cell["outputs"] or cell["execution_count"] for cell in shown)


def test_the_folder_names_no_place_of_the_machine_it_was_made_on(folder: Path) -> None:
    texts = [path.read_text("utf-8") for path in (folder / ".tito").rglob("*") if path.is_file()]
    assert not [text for text in texts if str(ROOT) in text or sys.prefix in text]


def test_in_colab_the_first_cell_fetches_the_folder_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published, content = tmp_path / "published", tmp_path / "content"
    shutil.copytree(folder, published)
    run("git", "init", "--quiet", "--initial-branch=notebooks", cwd=published)
    run("git", "add", "--all", cwd=published)
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    run("git", *name, "commit", "--quiet", "--message=made", cwd=published)
    source = "".join(cells(folder / SMALL.show(SMALL.notebook))[0]["source"])
    source = source.replace(REPOSITORY, published.as_uri()).replace("/content", str(content))
    monkeypatch.chdir(tmp_path)
    exec(source, {})
    assert not content.exists(), "elsewhere it does nothing"
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    for _ in range(2):  # a kernel may start again
        exec(source, {})
        assert Path.cwd() == content / "tinytorch" / "modules" / SMALL.folder_name
        assert Path("activations_checks.py").is_file()
        monkeypatch.chdir(tmp_path)


def test_tito_takes_what_comes_back_from_colab(folder: Path, tmp_path: Path) -> None:
    tito = [sys.executable, "-m", "tito"]
    home, state = tmp_path / "mine", {"XDG_STATE_HOME": str(tmp_path / "state")}
    run(*tito, "init", str(home), "--from", "02", cwd=ROOT, **state)
    back = answered(shutil.copytree(folder, tmp_path / "colab"))
    shutil.copy(back, home / SMALL.show(SMALL.notebook))
    run(*tito, "sync", "02", cwd=home, **state)
    assert "✅" in run(*tito, "module", "test", "02", cwd=home, **state)
    assert "in sync" in run(*tito, "sync", "02", cwd=home, **state)


def test_the_grader_gives_it_all_points(folder: Path, tmp_path: Path) -> None:
    handed_in = tmp_path / "handed in"
    handed_in.mkdir()
    shutil.copy(answered(shutil.copytree(folder, tmp_path / "colab")), handed_in / "jane.ipynb")
    command = ["grade", "batch", str(handed_in), "--module=02", f"--to={tmp_path / 'grades'}"]
    told = run(sys.executable, "-m", "tito", *command, "--unsandboxed", cwd=ROOT)
    assert "1 graded, 1 with all " in told


def test_binder_installs_what_the_course_declares() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (ROOT / "binder" / "requirements.txt").read_text("utf-8").splitlines()
    (wanted,) = [line for line in lines if not line.startswith("#")]
    extras = re.fullmatch(r"-e \.\[([\w,]+)\]", wanted)
    assert extras and set(extras[1].split(",")) <= project["optional-dependencies"].keys()
    version = re.fullmatch(
        r"python-3\.(\d+)\n", (ROOT / "binder" / "runtime.txt").read_text("utf-8")
    )
    assert version and int(version[1]) >= int(project["requires-python"].removeprefix(">=3."))


@pytest.mark.skipif(os.name == "nt", reason="Binder's machines run Linux")
def test_what_binder_runs_makes_the_folder_that_the_cards_name(tmp_path: Path) -> None:
    script = ROOT / "binder" / "postBuild"
    assert os.access(script, os.X_OK) and script.read_text("utf-8").startswith("#!/bin/bash\n")
    clone = tmp_path / "clone"
    ignore = shutil.ignore_patterns(".git", ".venv", ".tito", "build", "node_modules", "*.ipynb")
    shutil.copytree(ROOT, clone, ignore=ignore)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run("binder/postBuild", cwd=clone, PATH=path, HOME=str(tmp_path), PYTHONPATH=str(clone))
    assert (clone / "learn" / SMALL.show(SMALL.notebook)).is_file()
    viewers = (tmp_path / ".jupyter/labconfig/default_setting_overrides.json").read_text()
    assert "Jupytext Notebook" in viewers


def test_the_workflow_publishes_the_branch_that_colab_reads() -> None:
    yaml = pytest.importorskip("yaml")
    text = (ROOT / ".github" / "workflows" / "notebooks.yml").read_text("utf-8")
    *_, make, push = yaml.safe_load(text)["jobs"]["push"]["steps"]
    command, script, made = make["run"].split()
    assert command == "python" and (ROOT / script).is_file() and made == push["working-directory"]
    assert "--initial-branch=notebooks" in push["run"]
    assert '"--branch=notebooks"' in notebooks.FOR_COLAB
