"""No points for nothing: what a check with drawn inputs asks can only be answered by computing."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.course.conftest import COURSE
from tito.course import Module

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="checks run in forks")


def outcomes(module: Module, seed: int, file: Path) -> dict[str, tuple[str, float, bool, bool]]:
    """Exercise, points, whether inputs are drawn, and whether it passed, of each check."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-p", "tests.course.replay", f"--seed={seed}", *map(str, module.check_files)]
    environment = {**os.environ, "REPLAY": str(file)}
    subprocess.run(command, cwd=COURSE.root, env=environment, capture_output=True, check=False)
    return pickle.loads(file.with_suffix(".outcomes").read_bytes())


@needs_fork
def test_answers_to_other_inputs_are_wrong_and_each_exercise_draws_some(module, tmp_path):
    first = outcomes(module, 1, tmp_path / "answers")
    assert all(passed for *_, passed in first.values()), "the reference passes"
    drawn = {name: exercise for name, (exercise, _, is_drawn, _) in first.items() if is_drawn}
    assert {exercise for exercise, *_ in first.values()} == set(drawn.values())
    second = outcomes(module, 2, tmp_path / "answers")
    always_the_same = [name for name in drawn if second[name][-1]]
    assert not always_the_same
    assert all(passed for name, (*_, passed) in second.items() if name not in drawn)
