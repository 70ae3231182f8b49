"""What learners get: a folder that works, a zip that is always the same, and never a leak."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.grader.release.test_leaks import CHECKS, HIDDEN_CHECKS
from tito import cli
from tito.course import Course
from tito.errors import TitoError
from tito.grader.commands.release import release
from tito.grader.release import folder as releasing
from tito.grader.release.folder import files_of
from tito.grader.release.leaks import find_leaks
from tito.render import render

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[3]
ASKED = "        assert submission.run(lambda alpha: alpha.double(3)) == max(SIZES) + 1"
COMPARED = """\
        def probe(beta, x):
            return beta.quadruple(x)

        submission.check(probe, x=max(SIZES))"""
BETA_CHECKS = {
    "test_beta.py": CHECKS.replace(ASKED, COMPARED).replace("double", "quadruple"),
    "hidden/test_beta.py": HIDDEN_CHECKS.replace("double", "quadruple"),
    "numbers.py": "LOW = 1\n",
}


@pytest.fixture
def clone(course, monkeypatch):
    """The course with its exports and with checks for grading; `clone.release` runs in it."""
    for module in Course(course.root).modules:
        module.export.write_text(render(module), "utf-8")
    for name, text in BETA_CHECKS.items():
        path = course.root / "tests/grading" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.chdir(course.root)

    def run(*args: object) -> int:
        return release.main([str(arg) for arg in args], standalone_mode=False)

    course.release = run
    return course


def visible(folder: Path) -> set[str]:
    return {name for name in files_of(folder) if not name.startswith(".tito/pristine/")}


def test_the_folder_holds_one_stub_its_tests_and_what_it_builds_on(clone, tmp_path, capsys) -> None:
    assert clone.release("beta", "--to", tmp_path / "out") == 0
    assert visible(tmp_path / "out") == {
        ".tito/learner.json",
        ".tito/sync/02_beta.py",
        "README.md",
        "jupytext.toml",
        "modules/02_beta/beta_dev.ipynb",
        "modules/02_beta/beta_dev.py",
        "pyproject.toml",
        "scripts/activate-tinytorch",
        "tests/conftest.py",
        "tests/core/beta/test_beta.py",
        "tests/grading/expected_beta.json",
        "tests/grading/test_beta.py",
        "tinytorch/__init__.py",
        "tinytorch/core/__init__.py",
        "tinytorch/core/alpha.py",
    }
    checks = (tmp_path / "out/tests/grading/test_beta.py").read_text("utf-8")
    assert checks == BETA_CHECKS["test_beta.py"]
    readme = (tmp_path / "out/README.md").read_text("utf-8")
    assert "tito hint 2.1" in readme and "Hand in modules/02_beta/beta_dev.ipynb" in readme
    said = capsys.readouterr().out
    assert f"released beta: {tmp_path / 'out'} and out.zip hold no answers\n" in said
    assert "hand out the zip" in said


def test_a_learner_can_work_in_what_the_zip_holds(clone, tmp_path) -> None:
    clone.release("02", "--to", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "mine")
    mine = type(clone)(tmp_path / "mine/tinytorch-02")
    assert "02 beta             untouched" in mine.tito("status").stdout
    assert "look at quadruple" in mine.tito("hint", "2.1").stdout
    shutil.rmtree(mine.root / "tests/grading")  # these need the grader
    mine.edit(mine.beta, "raise NotImplementedError", "return 4 * x  #")
    done = mine.tito("module", "complete", "2")
    assert done.returncode == 0, done.stdout
    assert mine.tito("reset", "2").returncode == 0
    assert "raise NotImplementedError" in mine.beta.read_text("utf-8")


def test_two_releases_are_the_same_bytes(clone, tmp_path) -> None:
    clone.release("beta", "--to", tmp_path / "one")
    clone.release("beta", "--to", tmp_path / "two")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert str(clone.root).encode() not in (tmp_path / "one.zip").read_bytes()


def test_the_zip_holds_the_folder_with_fixed_times_and_modes(clone, tmp_path) -> None:
    clone.release("beta", "--to", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        entries = archive.infolist()
        held = {entry.filename: archive.read(entry) for entry in entries}
    folder = files_of(tmp_path / "out")
    assert held == {f"tinytorch-02/{name}": content for name, content in folder.items()}
    assert [entry.filename for entry in entries] == sorted(held)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    executable = [entry.filename for entry in entries if entry.external_attr >> 16 & 0o111]
    assert executable == ["tinytorch-02/scripts/activate-tinytorch"]


def test_two_modules_lend_nothing_to_each_other(clone, tmp_path) -> None:
    assert clone.release("beta", "1", "--to", tmp_path / "out") == 0
    names = visible(tmp_path / "out")
    assert names >= {"modules/01_alpha/alpha_dev.py", "modules/02_beta/beta_dev.py"}
    assert not names & {"tinytorch/core/alpha.py", "tinytorch/core/beta.py"}
    assert names >= {"tests/core/alpha/test_alpha.py", "tests/core/beta/test_beta.py"}


def test_a_later_module_leaves_no_trace(clone, tmp_path) -> None:
    clone.release("alpha", "--to", tmp_path / "out")
    assert not any("beta" in name for name in files_of(tmp_path / "out"))


def test_a_check_that_is_only_marked_as_hidden_is_not_handed_out(clone, tmp_path) -> None:
    checks = clone.root / "tests/grading/test_beta.py"
    clone.edit(checks, "    def test_last", "    @pytest.mark.hidden\n    def test_last")
    with pytest.raises(TitoError, match=r"test_beta\.py: `mark\.hidden` hides nothing") as raised:
        clone.release("beta", "--to", tmp_path / "out")
    assert raised.value.fix == "move the check to tests/grading/hidden/test_beta.py"


def test_what_a_prerequisite_lacks_is_said(clone, tmp_path) -> None:
    clone.export.unlink()
    with pytest.raises(TitoError, match=r"tinytorch/core/alpha\.py is missing") as raised:
        clone.release("beta", "--to", tmp_path / "out")
    assert raised.value.fix == "`tito export alpha`"


ANSWER = "def quadruple(x):\n    return double(double(x))\n"


def in_a_test(clone, patch) -> str:
    more = clone.root / "tests/core/beta/test_more.py"
    more.write_text(f"def test_a(): ...\n{ANSWER}", "utf-8")
    return "tests/core/beta/test_more.py:3: the answer to 2.1 quadruple"


def in_a_text_cell(clone, patch) -> str:
    clone.edit(clone.beta, "# What it does, in words.", "# " + ANSWER.replace("\n", "\n# "))
    return "modules/02_beta/beta_dev.ipynb, cell 4:3: the answer to 2.1 quadruple"


def in_a_borrowed_export(clone, patch) -> str:
    clone.export.write_text(clone.export.read_text("utf-8") + ANSWER, "utf-8")
    return "tinytorch/core/alpha.py:30: the answer to 2.1 quadruple"


def in_an_extra_file(clone, patch) -> str:
    files = {"tests/grading/expected_beta.json": b'["x", {"test_negative_thirteen": -52}]'}
    patch.setattr(releasing, "extra_files", lambda course, modules: files)
    return (
        "tests/grading/expected_beta.json:1: "
        "the hidden check test_negative_thirteen (tests/grading/hidden/test_beta.py)"
    )


def in_an_import_of_a_public_check(clone, patch) -> str:
    checks = clone.root / "tests/grading/test_beta.py"
    clone.edit(checks, "import math\n", "import math\nfrom tests.grading.hidden import test_beta\n")
    return "tests/grading/hidden/test_beta.py: a file of hidden checks"


def in_a_picture(clone, patch) -> str:
    patch.setattr(releasing, "extra_files", lambda course, modules: {"a.png": b"\x89PNG\0"})
    return "a.png: neither UTF-8 text nor a notebook: leave it out"


PLANTS = [in_a_test, in_a_text_cell, in_a_borrowed_export, in_an_extra_file]
PLANTS += [in_an_import_of_a_public_check, in_a_picture]


@pytest.mark.parametrize("plant", PLANTS)
def test_a_leak_is_named_and_nothing_is_released(clone, tmp_path, monkeypatch, plant) -> None:
    expected = plant(clone, monkeypatch)
    with pytest.raises(TitoError) as raised:
        clone.release("beta", "--to", tmp_path / "out")
    assert raised.value.exit_code == 1
    assert f"\n  {expected}" in raised.value.message
    assert {path.name for path in tmp_path.iterdir()} == {"course"}


MISUSE = {
    "no option": (["beta"], "one of --to, --nbgrader and --gradescope"),
    "both options": (
        ["beta", "--to", "a", "--nbgrader", "b"],
        "one of --to, --nbgrader and --gradescope",
    ),
    "no module": (["--to", "a"], "which module?"),
    "an unknown module": (["betta", "--to", "a"], "no module 'betta'; did you mean beta?"),
    "a folder in use": (["beta", "--to", "tests"], "tests exists and is not empty"),
    "a file": (["beta", "--to", "pyproject.toml"], "pyproject.toml exists and is not empty"),
    "the same for nbgrader": (["beta", "--nbgrader", "tests"], "tests exists and is not empty"),
    "a zip in the way": (["beta", "--to", "old"], "old.zip exists"),
}


@pytest.mark.parametrize("how", MISUSE)
def test_misuse_is_one_sentence_and_changes_nothing(clone, how) -> None:
    (clone.root / "old.zip").write_bytes(b"")
    before = files_of(clone.root)
    args, message = MISUSE[how]
    with pytest.raises(TitoError) as raised:
        clone.release(*args)
    assert (raised.value.exit_code, message in raised.value.message) == (2, True)
    assert raised.value.fix and files_of(clone.root) == before


def test_a_learners_folder_has_no_answers_to_release(learner, monkeypatch, capfd) -> None:
    monkeypatch.chdir(learner.root)
    assert cli.run(["release", "beta", "--to", "out"]) == 2
    assert "is a learner's folder" in capfd.readouterr().out


def test_an_empty_folder_may_be_named(clone, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    assert clone.release("beta", "--to", tmp_path / "out") == 0
    assert (tmp_path / "out/README.md").exists()


def test_nbgrader_gets_the_answers_and_the_package_but_no_script(clone, tmp_path, capsys) -> None:
    assert clone.release("beta", "--nbgrader", tmp_path / "course of mine") == 0
    made = files_of(tmp_path / "course of mine")
    here = "source/02_beta"
    package = {
        f"{here}/tinytorch/{name}.py" for name in ("__init__", "core/__init__", "core/alpha")
    }
    assert set(made) == {f"{here}/beta_dev.ipynb", "nbgrader_config.py", *package}
    assert b"return double(double(x))" in made[f"{here}/beta_dev.ipynb"]
    assert "nbgrader generate_assignment 02_beta" in capsys.readouterr().out


def test_a_leak_into_nbgraders_release_is_refused(clone, tmp_path, monkeypatch) -> None:
    expected = in_a_text_cell(clone, monkeypatch).partition(", ")[2]
    with pytest.raises(TitoError, match=f"source/02_beta/beta_dev.ipynb, {expected}"):
        clone.release("beta", "--nbgrader", tmp_path / "out")
    with pytest.raises(TitoError, match="reference export of alpha"):
        clone.release("alpha", "beta", "--nbgrader", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"course"}


@pytest.fixture
def real(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return lambda *args: release.main([str(arg) for arg in args], standalone_mode=False)


def test_module_12_is_released_with_its_helpers_and_without_a_leak(real, tmp_path) -> None:
    assert real("12", "--to", tmp_path / "out") == 0
    made = files_of(tmp_path / "out")
    assert set(made) >= {
        "modules/12_attention/attention_dev.ipynb",
        "tests/core/attention/test_masks.py",
        "tests/core/attention/judges.py",
        "tests/core/conftest.py",
        "tests/oracles.py",
        "tinytorch/pictures.py",
        "tinytorch/core/embeddings.py",
    }
    assert "tinytorch/core/attention.py" not in made
    assert not [name for name in made if name.startswith(("tests/course", "modules/01"))]
    course = Course(REPOSITORY)
    assert find_leaks(course, [course.module("12")], made) == []


def test_every_module_can_be_released_as_it_stands(real, tmp_path) -> None:
    for module in Course(REPOSITORY).modules:
        assert real(module.name, "--to", tmp_path / module.name) == 0


def test_module_12s_cells_are_what_nbgrader_takes(real, tmp_path) -> None:
    """The rules of nbgrader 0.9's metadata, version 3."""
    assert real("12", "--nbgrader", tmp_path / "out") == 0
    path = tmp_path / "out/source/12_attention/attention_dev.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    marked = [cell["metadata"]["nbgrader"] for cell in cells if "nbgrader" in cell["metadata"]]
    names = [cell["grade_id"] for cell in marked]
    assert len(names) == len(set(names)) > 50
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", name) for name in names)
    assert {cell["schema_version"] for cell in marked} == {3}
    assert all(("points" in cell) == cell["grade"] for cell in marked)
    assert sum(cell.get("points", 0) for cell in marked) == 38
    assert not [cell for cell in cells if cell["cell_type"] != "code" and cell["metadata"]]
