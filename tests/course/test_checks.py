"""No points for nothing: what a check with drawn inputs asks can only be answered by computing."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.course.conftest import COURSE
from tito.course import Module

pytestmark = pytest.mark.slow  # every module is graded, twice, for the first of them

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="checks run in forks")


Outcomes = dict[str, tuple[str, float, bool, bool]]


def outcomes(seed: int, file: Path) -> Outcomes:
    """Exercise, points, whether inputs are drawn, and whether it passed, of every check."""
    files = [str(path) for module in COURSE.modules for path in module.check_files]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-p", "tests.course.replay", f"--seed={seed}", *files]
    environment = {**os.environ, "REPLAY": str(file)}
    subprocess.run(command, cwd=COURSE.root, env=environment, capture_output=True, check=False)
    return pickle.loads(file.with_suffix(".outcomes").read_bytes())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcomes, Outcomes]:
    """What came of the reference's answers, and of the same answers to other inputs."""
    file = tmp_path_factory.mktemp("replay") / "answers"
    return outcomes(1, file), outcomes(2, file)


def of_module(module: Module, every: Outcomes) -> Outcomes:
    number = int(module.number)
    return {name: one for name, one in every.items() if int(one[0].partition(".")[0]) == number}


@needs_fork
def test_answers_to_other_inputs_are_wrong_and_each_exercise_draws_some(module, both):
    first, second = (of_module(module, every) for every in both)
    assert first and first.keys() == second.keys()
    assert all(passed for *_, passed in first.values()), "the reference passes"
    drawn = {name: exercise for name, (exercise, _, is_drawn, _) in first.items() if is_drawn}
    assert {exercise for exercise, *_ in first.values()} == set(drawn.values())
    always_the_same = [name for name in drawn if second[name][-1]]
    assert not always_the_same
    assert all(passed for name, (*_, passed) in second.items() if name not in drawn)
