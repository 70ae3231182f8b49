"""Points 3 and 4: stripped of answers a module still exports, and a missing answer is named."""

import re

import pytest

from tests.course.conftest import COURSE, marks
from tito.course import Module
from tito.exercises import find_exercises, strip_answers
from tito.export import render
from tito.run import trial
from tito.run.package import try_import


def every_exercise() -> list:
    return [
        pytest.param(
            module, exercise.number, id=f"{module.name}-{exercise.number}", marks=marks(module)
        )
        for module in COURSE.modules
        for exercise in find_exercises(module.cells)
    ]


@pytest.mark.parametrize(("stripped", "number"), every_exercise())
def test_a_missing_answer_fails_and_is_named(stripped: Module, number: str, with_text):
    text = stripped.script.read_text(encoding="utf-8")
    copy = with_text(stripped, strip_answers(text, only={number}))
    failure = trial.run(copy, trial.TIME_LIMIT, trial.everything).failure
    assert failure is not None, f"nothing in the module notices that {number} is missing"
    assert failure.exercise.startswith(f"{number}: "), failure


def test_a_module_without_answers_still_exports(module: Module, with_text, tmp_path):
    copy = with_text(module, strip_answers(module.script.read_text(encoding="utf-8")))
    candidate = tmp_path / "candidate.py"
    candidate.write_text(render(copy), encoding="utf-8")
    assert try_import(copy, candidate) is None


def test_a_stub_keeps_signatures_docstrings_and_tests(module: Module):
    text = module.script.read_text(encoding="utf-8")
    stub = strip_answers(text)
    for what in (r"^ *def .*", r'^ *"""\w.*', r"^class .*", r"^def test_\w+.*"):
        kept = re.findall(what, stub, re.MULTILINE)
        outside = re.sub(r"(?ms)^\s*### BEGIN SOLUTION.*?### END SOLUTION", "", text)
        assert kept == re.findall(what, outside, re.MULTILINE)
