"""examples/mnist1d.py: what the paper says a linear model and a small network can do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mnist1d.py"


def run(*arguments: str) -> str:
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments],
        env={**os.environ, **one_thread},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_both_models_reach_what_the_paper_reports() -> None:
    shares = {name: float(share) for name, share in re.findall(r"(\w+) .* ([\d.]+)% right", run())}
    assert shares == {"linear": pytest.approx(32, abs=3), "MLP": pytest.approx(68, abs=3)}


def test_a_short_run_gives_the_same_numbers_twice_and_others_with_another_seed() -> None:
    def short(seed: str) -> list[str]:
        return re.findall(r"[\d.]+% right", run("--steps", "20", "--seed", seed))

    assert short("1") == short("1") != short("2")
