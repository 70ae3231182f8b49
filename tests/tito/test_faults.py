"""Faults in the way of `complete`: nothing is recorded as done, the last good export stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import ToyCourse, make_course

pytestmark = pytest.mark.slow

BODY = "return SCALE * x"
NEXT_CELL = "\n\n\n# %% test-1.1"


def code(new: str):
    """The answer becomes something else."""
    return lambda course: course.edit(course.alpha, BODY, new)


def drop(name: str):
    return lambda course: course.alpha.write_text(
        course.alpha.read_text("utf-8").split(f"# %% {name}")[0], "utf-8"
    )


def notebook(text: str):
    return lambda course: course.alpha_notebook.write_text(text, "utf-8")


def read_only(course: ToyCourse) -> None:
    course.edit(course.alpha, BODY, "return x * SCALE")
    course.export.parent.chmod(0o500)


def unreadable_tests(course: ToyCourse) -> None:
    course.edit(course.alpha, BODY, "return x * SCALE")
    (course.root / "tests/core/alpha/test_alpha.py").write_text("import nothing_like_it\n", "utf-8")


def other_side(course: ToyCourse) -> None:
    course.edit(course.alpha, BODY, "return x * SCALE")
    course.edit(course.alpha_notebook, BODY, "return x + x")


def truncated_common(course: ToyCourse) -> None:
    common = course.module().common
    common.write_bytes(common.read_bytes()[: common.stat().st_size // 2])
    course.edit(course.alpha, BODY, "return x")


def clock_back(course: ToyCourse) -> None:
    course.edit(course.alpha, BODY, "return x")
    os.utime(course.alpha, (1, 1))


FAULTS = {
    "syntax error": code("return ("),
    "failing inline test": code("return x"),
    "failing pytest": code("return 6"),
    "tests that cannot be read": unreadable_tests,
    "stub": code('raise NotImplementedError("exercise 1.1: double")'),
    "missing package": code("import nothing_like_it"),
    "magic in an exported cell": lambda course: course.edit(
        course.alpha, "import math", "import math\n# %timeit 1"
    ),
    "sys.exit(0)": code("raise SystemExit(0)"),
    "os._exit(0)": code("import os; os._exit(0)"),
    "recursion": code("return double(x)"),
    "memory": code("return [0] * 10**15"),
    "works in the notebook only": lambda course: course.edit(
        course.alpha, "#| export\ndef double", "def double"
    ),
    "unbalanced markers": lambda course: course.edit(
        course.alpha, "    ### END SOLUTION" + NEXT_CELL, NEXT_CELL
    ),
    "most cells deleted": drop("target"),
    "emptied script": lambda course: course.alpha.write_bytes(b""),
    "notebook that is no JSON": notebook("{"),
    "notebook with conflict markers": notebook("<<<<<<< ours\n{}\n"),
    "the same cell edited on both sides": other_side,
    "truncated state": truncated_common,
    "clock going back": clock_back,
    "no export target": lambda course: course.edit(course.alpha, "#| default_exp core.alpha", ""),
    "not UTF-8": lambda course: course.alpha.write_bytes(b"\xff" + course.alpha.read_bytes()),
}
if sys.platform != "win32" and os.geteuid() != 0:
    FAULTS["read-only package"] = read_only  # root may write anywhere


@pytest.fixture(scope="module")
def completed(tmp_path_factory) -> Path:
    course = make_course(tmp_path_factory.mktemp("faults") / "course")
    assert course.tito("module", "complete", "1").returncode == 0
    return course.root


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_is_a_message_and_the_next_run_finishes(completed, tmp_path) -> None:
    shutil.copytree(completed, tmp_path / "course")
    course = ToyCourse(tmp_path / "course")
    course.edit(course.alpha, BODY, "return x * SCALE")
    before = course.alpha.read_bytes(), course.export.read_bytes()
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); "
    run = f"sys.path.insert(0, {str(course.repository)!r}); from tito import cli; cli.main()"
    command = [sys.executable, "-c", limited + run, "module", "complete", "1"]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "")
    assert "File too large" in done.stdout and "run again" in done.stdout
    assert (course.alpha.read_bytes(), course.export.read_bytes()) == before
    assert course.tito("module", "complete", "1").returncode == 0
    assert b"x * SCALE" in course.export.read_bytes()


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_records_nothing_and_keeps_the_good_export(completed, fault, tmp_path) -> None:
    shutil.copytree(completed, tmp_path / "course")
    course = ToyCourse(tmp_path / "course")
    FAULTS[fault](course)
    files = {p: p.read_bytes() for p in (course.alpha, course.alpha_notebook, course.export)}
    done = course.tito("module", "complete", "1", "--limit", "20")
    assert done.returncode in (1, 2), done.stdout
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert "✗" in done.stdout
    assert course.export.read_bytes() == files[course.export]
    kept = {path.read_bytes() for path in course.root.rglob("*") if path.is_file()}
    assert set(files.values()) <= kept, "bytes of the learner's are gone"
    assert "exported" not in course.tito("status", "alpha").stdout.splitlines()[0]
