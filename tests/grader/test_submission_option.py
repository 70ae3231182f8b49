"""`pytest --submission PATH`: one submission, in the author's own pytest."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.grader.grading import add_checks, hand_in, safe_level, stub, submission

pytestmark = pytest.mark.slow


@pytest.fixture
def toy(course):
    safe_level(add_checks(course))
    return course


def run(course, *args, cwd=None):
    """As `pytest` does in the course's folder: its settings name the plugin."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, args)]
    settings = {"PYTHONPATH": str(course.repository), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command,
        cwd=cwd or course.root,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_only_the_checks_of_its_module_are_run(toy, tmp_path) -> None:
    hand_in(tmp_path, good=submission(toy))
    path = tmp_path / "good.py"
    for words in (
        [f"--submission={path}"],
        ["-k", "_", f"--submission={path}"],
    ):
        done = run(toy, "-W", "ignore::UserWarning", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "3 passed in" in done.stdout


def test_a_failed_check_is_one_line_with_the_mistake(toy, tmp_path) -> None:
    hand_in(tmp_path, squared=submission(toy, double="return x * x"))
    done = run(toy, f"--submission={tmp_path / 'squared.py'}")
    assert done.returncode == 1
    assert "wrong value: double(3) is 6 (known mistake: squared)" in done.stdout
    assert "2 failed, 1 passed" in done.stdout


def test_ordinary_options_and_a_choice_of_checks_still_count(toy, tmp_path) -> None:
    hand_in(tmp_path, empty=stub(toy))
    done = run(toy, f"--submission={tmp_path / 'empty.py'}", "-k", "one_more", "-q")
    assert "1 failed, 2 deselected" in done.stdout
    assert "not written: exercise 1.2: next_one is not written" in done.stdout
    named = "tests/grading/test_alpha.py::test_one_more"
    assert "1 failed" in run(toy, named, f"--submission={tmp_path / 'empty.py'}").stdout


def test_without_the_option_the_folders_own_module_is_graded(toy) -> None:
    assert "3 passed" in run(toy, "tests/grading").stdout
    toy.edit(toy.alpha, "return SCALE * x", "return x")
    assert "1 failed, 2 passed" in run(toy, "tests/grading").stdout


def test_it_can_be_a_folder_a_notebook_or_a_zip(toy, tmp_path) -> None:
    assert toy.tito("init", str(tmp_path / "mine")).returncode == 0
    (tmp_path / "mine/modules/01_alpha/alpha_dev.py").write_text(submission(toy), "utf-8")
    assert "3 passed" in run(toy, f"--submission={tmp_path / 'mine'}").stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [("nobody.py", "no such file"), ("picture.py", "NUL")],
)
def test_what_cannot_be_read_is_said_once(toy, tmp_path, name, said) -> None:
    (tmp_path / "picture.py").write_bytes(b"\x89PNG\0\0")
    done = run(toy, f"--submission={tmp_path / name}")
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_a_check_without_an_exercise_is_its_authors_error(toy) -> None:
    toy.edit(toy.root / "tests/grading/test_alpha.py", '@pytest.mark.exercise("1.2")\n', "")
    done = run(toy, "tests/grading")
    assert "no exercise; write @pytest.mark.exercise('12.3')" in done.stdout + done.stderr


def test_a_module_without_tests_of_its_own_is_its_authors_error(toy) -> None:
    with (toy.root / "tests/grading/test_alpha.py").open("a") as file:
        file.write("\n\ndef test_own(submission, exercise):\n    submission.pass_own_test()\n")
    done = run(toy, "tests/grading")
    assert done.returncode != 0
    assert "modules/01_alpha/alpha_checks.py of 01_alpha" in done.stdout + done.stderr


def test_a_lambda_is_refused_with_what_to_write(toy) -> None:
    toy.edit(
        toy.root / "tests/grading/test_alpha.py",
        "submission.check(probe, x=int(rng.integers(100)))",
        "submission.run(lambda alpha: 1)",
    )
    assert "not a lambda" in run(toy, "tests/grading").stdout


def test_expected_values_are_recorded_for_public_checks(toy, tmp_path) -> None:
    record = tmp_path / "expected.json"
    run(toy, "tests/grading", "--record-expected", record)
    assert len(record.read_text("utf-8").splitlines()) == 4  # two comparisons
