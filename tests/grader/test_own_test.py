"""The notebook's own tests are graded: what a learner sees fail at home costs a point."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.course.conftest import COURSE
from tests.grader.grading import safe_level
from tito.grader.judge import Failed, Session, own_cells
from tito.grader.other_answers import OtherAnswer, planted_cells
from tito.grader.own_test import inputs_of
from tito.grader.verdict import Check

MODULE = COURSE.module("12")
REMEMBERS = """\
global remembered
if "remembered" not in globals():
    remembered = {}
if id(weights) not in remembered:
    remembered[id(weights)] = np.asarray(weights) @ np.asarray(V)
return remembered[id(weights)]
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session(COURSE, MODULE, 0, safe_level(COURSE))
    yield opened
    opened.close()


def test_what_no_drawn_check_asks_is_found_and_told_as_at_home(session: Session) -> None:
    answer = OtherAnswer("12.4", "weighted_sum", "remembers by id", "", REMEMBERS)
    session.open(planted_cells(answer, own_cells(MODULE)))
    with pytest.raises(Failed, match="the numbers in other places"):
        session.submission("12.4").pass_own_test()
    session.submission("12.10").pass_own_test()


def test_the_course_answers_lie_in_no_other_probe(session: Session) -> None:
    def probe(attention):
        import glob
        import sys

        beside = [name for name in sys.modules if name.endswith("_checks")]
        return beside + glob.glob(sys.path[0] + "/**/*_checks*", recursive=True)

    session.open(own_cells(MODULE))
    session.submission("12.1").pass_own_test()
    assert session.submission("12.1").run(probe) == []


def test_a_test_brings_the_given_cells_that_it_rests_on_and_no_others() -> None:
    given = inputs_of(MODULE, "12.1")["given"]
    assert ["sentence" in cell for cell in given] == [False, True]  # where things are, the words
    assert len(inputs_of(MODULE, "12.9")["given"]) == 1


def test_its_title_does_not_say_the_exercise_again() -> None:
    title = Check("test_passes_in_the_notebook[12.1]", "12.1", 1, hidden=False).title
    assert title == "passes in the notebook"
