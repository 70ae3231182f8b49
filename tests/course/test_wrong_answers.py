"""Point 5: every wrong answer is caught by the test of its own exercise, and named."""

import json
import os
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from tests.course.answers import told_of, verdicts
from tests.course.conftest import COURSE, marks
from tests.course.mistake_table import table_file
from tinytorch.checking.values import Evidence, same_evidence
from tito.course import Module
from tito.exercises import find_exercises
from tito.grader.other_answers import FOLDER, RIGHT, OtherAnswer, planted_text, read
from tito.run import trial
from tito.run.failure import Failure

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="many at a time need fork")


def every(folder: Path) -> list:
    answers = [(module, answer) for module in COURSE.modules for answer in read(module, folder)]
    return [
        pytest.param(module, answer, id=str(answer), marks=marks(module))
        for module, answer in answers
    ]


def assert_named(wrong: OtherAnswer, failure: Failure | None) -> None:
    assert failure is not None, "no inline test notices"
    assert failure.exercise.startswith(f"{wrong.number}: "), f"another exercise: {failure}"
    kind, _, message = failure.error.partition(": ")
    assert kind == "AssertionError", f"a raw error, not a message: {failure.error}"
    assert wrong.says.lower() in message.lower(), f"the mistake is not named: {message}"


@needs_fork
@pytest.mark.parametrize(("owner", "wrong"), every(FOLDER))
def test_a_wrong_answer_is_caught_by_name(owner: Module, wrong: OtherAnswer):
    assert_named(wrong, verdicts(owner)[wrong])


@needs_fork
@pytest.mark.parametrize(("owner", "other"), every(RIGHT))
def test_another_right_answer_passes(owner: Module, other: OtherAnswer):
    assert verdicts(owner, RIGHT)[other] is None


def test_tito_itself_reports_the_same(module: Module, with_text):
    """One answer of each module in the ordinary way: a copy of the course, a child, a verdict."""
    wrong = read(module)[-1]
    copy = with_text(module, planted_text(wrong, module))
    failure = trial.run(copy, trial.TIME_LIMIT, trial.everything).failure
    assert_named(wrong, failure)
    if hasattr(os, "fork"):
        quick = verdicts(module)[wrong]
        assert (failure.error, failure.exercise) == (quick.error, quick.exercise)


def test_every_exercise_has_its_share_of_mistakes(module: Module):
    counts = Counter(wrong.number for wrong in read(module))
    for exercise in find_exercises(module.cells):
        assert counts[exercise.number] >= 5, f"{exercise.number} has {counts[exercise.number]}"
    assert module.number != "12" or sum(counts.values()) >= 40


def test_every_mistake_is_listed_once_says_something_and_compiles(module: Module):
    answers = read(module)
    assert len({(wrong.number, wrong.target, wrong.code) for wrong in answers}) == len(answers)
    assert len({str(wrong) for wrong in answers}) == len(answers)
    for wrong in answers:
        assert wrong.says, f"{wrong}: `Says:` is missing"
        function = "def answer(self):\n" + textwrap.indent(wrong.code, "    ")
        compile(function, str(wrong), "exec")


def is_made_by(row: tuple[str, Evidence, str], made: tuple[str, Evidence, str]) -> bool:
    """As the checks compare: another processor rounds the last digits in another way."""
    return (row[0], row[2]) == (made[0], made[2]) and same_evidence(row[1], made[1])


@needs_fork
def test_every_row_of_the_table_of_mistakes_is_made_by_an_entry_of_the_bank(module: Module):
    """That no row is missing, the entries show: each would not be named."""
    seen = [(told.get("evidence"), wrong.says) for wrong, told in told_of(module, FOLDER).items()]
    made = [(*evidence, name) for evidence, name in seen if evidence]
    table = json.loads(table_file(module).read_text(encoding="utf-8"))
    rows = [(key, came, name) for key, found in table.items() for came, name in found]
    stale = [row for row in rows if not any(is_made_by(row, one) for one in made)]
    assert not stale, "python -m tests.course.mistake_table makes the table anew"
