"""A wrong answer planted in the package fails a gate of a milestone, or its own test."""

import random
import subprocess
import sys

import pytest

from tests.course.answers import verdicts
from tests.course.conftest import COURSE, ROOT
from tito.course import Module
from tito.grader.other_answers import OtherAnswer, planted_text, read
from tito.render import render

GATES = sorted((ROOT / "tests" / "core").glob("*/test_milestone.py"))
TRIES = 1  # wrong answers of a module, drawn by its name


def passes_the_gates(wrong: OtherAnswer, module: Module, with_text) -> bool:
    """Run the gates on a copy of the package in which one exercise has a wrong answer."""
    copy = with_text(module, planted_text(wrong, module))
    copy.export.write_text(render(copy), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", *map(str, GATES)]
    paths = f"pythonpath={copy.root} {ROOT}"
    done = subprocess.run([*command, "-o", paths], cwd=ROOT, capture_output=True, timeout=120)
    return done.returncode == 0


def drawn() -> list:
    """A few wrong answers of each module."""
    return [
        pytest.param(module, wrong, id=str(wrong))
        for module in COURSE.modules
        for wrong in random.Random(module.name).sample(read(module), TRIES)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "wrong"), drawn())
def test_a_wrong_answer_fails_its_gate_or_its_own_test(owner, wrong, with_text) -> None:
    assert not passes_the_gates(wrong, owner, with_text) or verdicts(owner)[wrong] is not None
