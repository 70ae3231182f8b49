"""The autograder for Gradescope: its two scripts at the top, and a result for a submission."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.grader.grading import add_checks, safe_level, submission


@pytest.fixture
def toy(course):
    safe_level(add_checks(course))
    return course


def run_autograder(toy, made: Path, autograder: Path) -> subprocess.CompletedProcess[str]:
    """As Gradescope does, but with this Python and this tito."""
    autograder.mkdir(exist_ok=True)
    made.rename(autograder / "source")
    (autograder / "env" / "bin").mkdir(parents=True)
    python = autograder / "env" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    work = autograder / "submission" / "alpha_dev.py"
    work.parent.mkdir()
    work.write_text(submission(toy, double="return x / 2"), "utf-8")
    env = {**os.environ, "AUTOGRADER": str(autograder)}
    script = autograder / "source" / "run_autograder"
    return subprocess.run([script], env=env, cwd=autograder, capture_output=True, encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="Gradescope's machines are Linux")
def test_a_submission_gets_its_results(toy, tmp_path) -> None:
    made = toy.tito("release", "1", "--gradescope", str(tmp_path / "auto"))
    assert made.returncode == 0 and "it holds the answers" in made.stdout, made.stdout
    with zipfile.ZipFile(tmp_path / "auto.zip") as packed:
        modes = {one.filename: one.external_attr >> 16 for one in packed.infolist()}
    assert all(modes[name] & stat.S_IXUSR for name in ("setup.sh", "run_autograder"))
    assert "tests/grading/hidden/test_alpha.py" in modes
    assert "numpy==" in (tmp_path / "auto" / "requirements.txt").read_text()
    done = run_autograder(toy, tmp_path / "auto", tmp_path / "autograder")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "autograder" / "results" / "results.json").read_text())
    assert told["score"] == 1
    assert sum(test["max_score"] for test in told["tests"]) == 4


@pytest.mark.parametrize("names", [[], ["1", "2"]])
def test_an_autograder_is_for_one_module(toy, tmp_path, names) -> None:
    said = toy.tito("release", *names, "--gradescope", str(tmp_path / "auto"))
    assert said.returncode == 2
    assert not (tmp_path / "auto").exists()
