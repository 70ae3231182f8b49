"""A learner's folder: made whole, with stubs and no answers, and status read from its files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tito import cli, console
from tito.exercises import strip_answers
from tito.learner import source

pytestmark = pytest.mark.slow


def say(course, monkeypatch, capfd, *args: str) -> str:
    monkeypatch.chdir(course.root)
    cli.run(list(args))
    return capfd.readouterr().out


def test_the_folder_has_the_same_shape_and_no_answers(learner) -> None:
    files = {path.relative_to(learner.root).as_posix() for path in learner.root.rglob("*")}
    assert files >= {
        "modules/01_alpha/alpha_dev.py",
        "modules/01_alpha/alpha_dev.ipynb",
        "modules/02_beta/beta_dev.ipynb",
        "tinytorch/core/__init__.py",
        "tinytorch/core/alpha.py",
        "tests/core/beta/test_beta.py",
        "scripts/activate-tinytorch",
        "pyproject.toml",
        "jupytext.toml",
        "README.md",
    }
    assert not files & {"tinytorch/core/beta.py", "scripts/check", "tests/tito"}
    for path in learner.root.glob("modules/*/*"):
        assert "return SCALE * x" not in path.read_text("utf-8")
        assert "NotImplementedError" in path.read_text("utf-8")


def test_borrowed_modules_are_marked_and_their_export_is_the_reference(learner) -> None:
    facts = json.loads((learner.root / ".tito/learner.json").read_text("utf-8"))
    assert facts["borrowed"] == ["01_alpha"]
    assert "return SCALE * x" in learner.export.read_text("utf-8")


def test_the_folder_remembers_the_clone_and_the_environment_that_made_it(learner, course) -> None:
    facts = json.loads((learner.root / ".tito/learner.json").read_text("utf-8"))
    assert (facts["from"], facts["course"]) == ("02", str(course.root))
    assert (learner.root / ".tito/environment").read_text("utf-8") == f"{sys.prefix}\n"


def test_outside_every_clone_the_course_of_this_tito_is_taken(
    make, tmp_path, monkeypatch, capfd
) -> None:
    monkeypatch.setattr(source, "PACKAGE", make(tmp_path / "tito/course_files").root.parent)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["init", "my own"]) == 0
    assert f"cd {console.typed(Path('my own'))} && tito module start 01" in capfd.readouterr().out
    assert (tmp_path / "my own/modules/02_beta/beta_dev.ipynb").exists()
    assert json.loads((tmp_path / "my own/.tito/learner.json").read_text("utf-8"))["course"] == ""


def test_all_runs_the_tests_of_what_is_exported_and_says_what_it_left_out(learner) -> None:
    more = learner.root / "tests/core/test_both.py"
    more.write_text("from tinytorch.core.beta import quadruple\n", "utf-8")
    (more.parent / "beta/test_more.py").write_text("def test_five(): assert False\n", "utf-8")
    done = learner.tito("test", "--all")
    assert "left out, not exported yet: beta" in done.stdout
    assert "1 tests passed" in done.stdout and done.returncode == 0
    command = [sys.executable, "-m", "pytest", "tests", "-k", "of_five", "-q"]
    assert subprocess.run(command, cwd=learner.root, capture_output=True).returncode == 0


def test_a_module_that_is_not_exported_has_nothing_to_test_yet(learner) -> None:
    for names in (["beta"], ["alpha", "beta"]):
        done = learner.tito("test", *names)
        assert done.returncode == 1
        assert "nothing to test yet: beta not exported\n  `tito module start 02`" in done.stdout
    learner.edit(learner.beta, 'raise NotImplementedError("exercise 2.1: quadruple")', "return 4*x")
    assert "  `tito module complete 02`" in learner.tito("test", "beta").stdout
    learner.export.unlink()
    assert "nothing to test yet: alpha, beta" in learner.tito("test", "--all").stdout


def test_in_the_clone_no_test_is_left_out(course) -> None:
    course.tito("export", "alpha")
    done = course.tito("test", "--all")
    assert done.returncode == 1
    assert "No module named 'tinytorch.core.beta'" in done.stdout


def test_pytest_takes_the_learners_package_first(learner) -> None:
    settings = (learner.root / "pyproject.toml").read_text("utf-8")
    assert 'pythonpath = ["."]' in settings
    assert "filterwarnings" in settings


def test_a_folder_that_is_not_empty_is_refused(course, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    assert course.tito("init", str(tmp_path / "mine")).returncode == 0
    before = sorted(tmp_path.rglob("*"))
    done = course.tito("init", str(tmp_path / "mine"))
    assert done.returncode == 2
    assert "not empty" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("absolute", [False, True])
def test_the_folder_where_one_stands_is_refused_with_what_to_type(
    tmp_path, monkeypatch, capfd, absolute
) -> None:
    empty = tmp_path / "my tinytorch"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert cli.run(["init", str(empty) if absolute else "."]) == 2
    told = capfd.readouterr().out
    assert "where you stand" in told and "`cd ..`, then name it from there: my tinytorch" in told
    assert Path.cwd() == empty and not any(empty.iterdir())


def test_a_broken_module_leaves_no_half_made_folder(course, tmp_path) -> None:
    course.edit(course.beta, "### END SOLUTION", "")
    done = course.tito("init", str(tmp_path / "mine"))
    assert done.returncode == 1
    assert {path.name for path in tmp_path.iterdir()} == {"course"}


def test_init_inside_a_learners_folder_is_refused(learner) -> None:
    assert learner.tito("init", "again").returncode == 2


def test_start_shows_where_to_begin(learner) -> None:
    done = learner.tito("module", "start", "2")
    assert done.returncode == 0
    assert "modules/02_beta/beta_dev.ipynb" in done.stdout
    assert "begin with exercise 2.1: quadruple (cell 5)" in done.stdout


def test_start_says_what_the_module_builds_on_and_is_not_there(learner) -> None:
    assert "builds on" not in learner.tito("module", "start", "2").stdout
    learner.export.unlink()
    said = learner.tito("module", "start", "2").stdout
    assert "it builds on alpha\n  `tito module start 01` first" in said


def test_start_in_the_clone_says_what_it_is_and_what_to_type(course) -> None:
    done = course.tito("module", "start", "beta")
    assert done.returncode == 0
    assert "answers included" in done.stdout
    assert "tito init DIR --from 02" in done.stdout


def test_view_lists_files_and_exercises_and_opens_nothing_off_a_terminal(learner) -> None:
    done = learner.tito("module", "view", "beta")
    assert "tinytorch/core/beta.py (not yet)" in done.stdout
    assert "2.1 quadruple: to write" in done.stdout


def test_the_way_of_a_learner_from_stub_to_complete(learner, monkeypatch, capfd) -> None:
    def status() -> str:
        return say(learner, monkeypatch, capfd, "status")

    assert "01 alpha            borrowed" in status()
    assert status().endswith("next: tito module start 02\n")
    notebook = learner.beta.with_suffix(".ipynb")
    learner.edit(
        notebook,
        'raise NotImplementedError(\\"exercise 2.1: quadruple\\")',
        "return double(double(x))",
    )
    assert "02 beta             written" in status()
    done = learner.tito("module", "complete", "2")
    assert done.returncode == 0, done.stdout
    assert "02 beta             exported" in status()
    learner.edit(learner.beta, "double(double(x))", "4 * x")
    assert "02 beta             stale" in status()
    assert status().endswith("next: tito module complete 02\n")


def test_a_half_written_module_counts_its_exercises(course, monkeypatch, capfd) -> None:
    stub = strip_answers(course.alpha.read_text("utf-8"), {"1.2"})
    course.alpha.write_text(stub, "utf-8")
    said = say(course, monkeypatch, capfd, "status", "alpha")
    assert "started 1/2" in said
    assert "1.2 next_one: to write" in said
    assert said.endswith("next: tito watch 01\n")


def test_a_module_that_cannot_be_read_does_not_hide_the_others(course, monkeypatch, capfd) -> None:
    course.edit(course.alpha, "### END SOLUTION", "")
    said = say(course, monkeypatch, capfd, "status")
    assert "without END" in said or "BEGIN inside BEGIN" in said
    assert "02 beta" in said


def test_doctor_finds_what_is_out_of_date_and_says_how_to_mend_it(learner) -> None:
    assert learner.tito("doctor").returncode == 0
    learner.edit(learner.beta, "What it does", "What it does not")
    done = learner.tito("doctor")
    assert done.returncode == 1
    assert "02_beta: .py and .ipynb differ\n  `tito sync`" in done.stdout


def test_doctor_in_the_clone_says_which_package_is_installed(course) -> None:
    said = course.tito("doctor").stdout
    assert "(the course's clone, 2 modules)" in said
    assert "tinytorch is installed from" in said


@pytest.mark.parametrize("args", [["--from", "9"], ["--from", "betta"]])
def test_init_from_an_unknown_module_is_misuse(course, tmp_path, args) -> None:
    assert course.tito("init", str(tmp_path / "mine"), *args).returncode == 2
    assert not (tmp_path / "mine").exists()
