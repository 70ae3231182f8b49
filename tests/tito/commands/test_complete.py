"""`tito module complete`: the last good export stands until tests and export both succeeded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

BODY = "return SCALE * x"


@pytest.fixture(scope="module")
def completed(tmp_path_factory, make):
    """A course in which alpha is complete, made once."""
    course = make(tmp_path_factory.mktemp("toy") / "course")
    result = course.tito("module", "complete", "01_alpha")
    assert result.returncode == 0, result.stdout + result.stderr
    return course


@pytest.fixture
def done(completed, tmp_path):
    shutil.copytree(completed.root, tmp_path / "course")
    return type(completed)(tmp_path / "course")


def complete(course, name: str = "1"):
    before = course.export.read_bytes()
    result = course.tito("module", "complete", name)
    return result, course.export.read_bytes() == before


def test_complete_syncs_exports_and_then_the_tests_pass(done) -> None:
    assert done.alpha_notebook.exists()
    assert "def double" in done.export.read_text("utf-8")
    assert done.tito("test", "alpha").returncode == 0


def test_a_failing_inline_test_keeps_the_export_and_names_the_exercise(done) -> None:
    done.edit(done.alpha, BODY, "return x")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True)
    assert "exercise 1.1: double: AssertionError: wrong" in result.stdout
    assert "tito module test 01" in result.stdout
    assert result.stderr == ""


def test_a_failing_pytest_keeps_the_export_and_names_the_exercise(done) -> None:
    done.edit(done.alpha, BODY, "return 6  # right for three only")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True)
    assert "the last good export stands: exercise 1.1: double" in result.stdout
    assert "test_double_of_five" in result.stdout


def test_an_error_in_the_package_is_shown_as_cell_and_line(done) -> None:
    done.edit(done.alpha, BODY, "return 6 if x == 3 else 1 / 0")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True)
    own = (
        "  modules/01_alpha/alpha_dev.py:27 (in the notebook: cell 5, line 5)\n      return 6 if x"
    )
    assert own in result.stdout


def test_a_failing_export_keeps_the_export(done) -> None:
    done.edit(done.alpha, "SCALE = 2\n", "SCALE = 2\nif __name__ != '__main__': raise OSError\n")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True)
    assert "the import of tinytorch.core.alpha: OSError" in result.stdout


def test_pytest_that_cannot_collect_keeps_the_export(done) -> None:
    done.edit(done.alpha, BODY, "return x + x")
    done.edit(done.root / "tests/core/alpha/test_alpha.py", "import double", "import nothing")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True)
    assert "cannot import name 'nothing'" in result.stdout


def test_tests_see_the_new_export_not_the_old_one(done) -> None:
    done.edit(done.root / "tests/core/alpha/test_alpha.py", "double(5) == 10", "double(5) == 15")
    done.edit(done.alpha, "SCALE = 2", "SCALE = 3")
    done.edit(done.alpha, '"double": 6', '"double": 9')
    result, same = complete(done)
    assert (result.returncode, same) == (0, False), result.stdout


REWRITTEN = "import pytest\n\npytest.register_assert_rewrite('tinytorch')\n"
ELSEWHERE = """\
import sys

import pytest


@pytest.fixture(autouse=True)
def another_copy():
    import tinytorch.core.alpha as alpha

    alpha.__file__ = "elsewhere.py"
"""


def test_pytests_own_import_hook_does_not_find_the_old_export(done) -> None:
    (done.root / "tests/core/conftest.py").write_text(REWRITTEN, "utf-8")
    done.edit(done.alpha, BODY, "return 6  # right for three only")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True), result.stdout


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("tests/core/conftest.py", ELSEWHERE, "1 of 1 tests did not run on the new export"),
        ("pyproject.toml", "-n 2 --import", "1 of 1 tests did not run on the new export"),
        ("pyproject.toml", "--collect-only --import", "no test of alpha ran"),
        ("pyproject.toml", "-k nothing --import", "pytest stopped (5)"),
    ],
)
def test_tests_that_did_not_judge_the_new_export_are_no_verdict(done, file, text, said) -> None:
    if file == "pyproject.toml":
        pytest.importorskip("xdist")
        done.edit(done.root / file, "--import", text)
    else:
        (done.root / file).write_text(text, "utf-8")
    done.edit(done.alpha, BODY, "return x + x")
    result, same = complete(done)
    assert (result.returncode, same) == (1, True), result.stdout
    assert f"{said}; the last good export stands" in result.stdout


@pytest.mark.parametrize(
    "hostile",
    [
        {
            "PYTHONOPTIMIZE": "2",
            "PYTEST_ADDOPTS": "--collect-only",
            "PYTEST_PLUGINS": "nothing_like_it",
            "PYTHONSTARTUP": "/nowhere",
            "PYTHONWARNINGS": "error",
            "PYTHONSAFEPATH": "1",
        },
        {"PYTEST_ADDOPTS": "-p no:assertion -k nothing", "PYTHONPATH": "planted"},
    ],
    ids=["many", "path"],
)
def test_what_a_caller_has_set_does_not_reach_a_verdict(done, hostile) -> None:
    (done.root / "planted").mkdir()
    (done.root / "planted/sitecustomize.py").write_text(
        "import os, sys\nif 'child.py' in ''.join(sys.orig_argv): os._exit(0)\n"
    )
    if "PYTHONPATH" in hostile:
        hostile = {**hostile, "PYTHONPATH": f"{done.root / 'planted'}{os.pathsep}{done.repository}"}
    good, wrong = BODY, "return 6  # right for three only"
    done.edit(done.alpha, good, wrong)
    for command in (("module", "complete", "1"), ("test", "1")):
        result = done.tito(*command, **hostile)
        assert result.returncode == (command[0] == "module"), result.stdout + result.stderr
    done.edit(done.alpha, wrong, good)
    assert done.tito("module", "complete", "1", **hostile).returncode == 0


def test_a_stub_cannot_be_completed(learner) -> None:
    result = learner.tito("module", "complete", "beta")
    assert result.returncode == 1
    assert "exercise 2.1: quadruple: not written yet" in result.stdout
    assert not (learner.root / "tinytorch/core/beta.py").exists()


def test_an_unknown_module_is_misuse(done) -> None:
    result, same = complete(done, "alpa")
    assert (result.returncode, same) == (2, True)
    assert "did you mean alpha" in result.stdout


def test_a_module_without_tests_says_so_and_is_exported(done) -> None:
    (done.root / "tests/core/alpha/test_alpha.py").unlink()
    done.edit(done.alpha, BODY, "return x + x")
    result, same = complete(done)
    assert (result.returncode, same) == (0, False)
    assert "only the inline tests ran" in result.stdout


def test_a_time_limit_ends_an_endless_inline_test(done) -> None:
    done.edit(done.alpha, BODY, "while True: pass")
    result = done.tito("module", "complete", "1", "--limit", "2")
    assert result.returncode == 1
    assert "exercise 1.1: double: did not finish within 2 s" in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_kill_in_the_middle_leaves_the_good_export(done) -> None:
    reached = done.root / "reached"
    test = done.root / "tests/core/alpha/test_alpha.py"
    test.write_text(
        f"import time, pathlib\n\ndef test_slow():\n    pathlib.Path({str(reached)!r}).touch()\n"
        "    time.sleep(2)\n"
    )
    done.edit(done.alpha, BODY, "return 3 + 3")
    before = done.export.read_bytes()
    command = [sys.executable, "-m", "tito", "module", "complete", "1"]
    environment = {**os.environ, "PYTHONPATH": os.fspath(done.repository)}
    running = subprocess.Popen(command, cwd=done.root, env=environment, stdout=subprocess.DEVNULL)
    while not reached.exists():
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert done.export.read_bytes() == before
    test.unlink()
    assert done.tito("module", "complete", "1").returncode == 0


def test_a_module_that_stands_on_an_export_that_is_not_there_names_the_way(done) -> None:
    done.export.unlink()
    result = done.tito("module", "complete", "2")
    assert result.returncode == 1
    assert "alpha, which is not exported: `tito module complete 01` first" in result.stdout
