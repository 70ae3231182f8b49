"""What looks alike is found through new names and layout, and what everybody writes is not."""

from __future__ import annotations

import pytest

from tests.course.conftest import COURSE
from tests.grader.graded import graded
from tests.grader.grading import add_checks, hand_in, safe_level, submission
from tests.grader.test_grade import grade, rows
from tito.exercises import strip_answers
from tito.grader.alike import alike, prints
from tito.grader.batch import own_answers
from tito.grader.intake.extract import Cells
from tito.grader.judge import own_cells

pytestmark = pytest.mark.slow

LOOPS = '''
def scores(Q, K):
    """Each query with each key."""
    out = np.zeros((len(Q), len(K)))
    for i in range(len(Q)):
        for j in range(len(K)):
            out[i, j] = sum(Q[i, d] * K[j, d] for d in range(Q.shape[1]))  # one product
    return out
'''
RENAMED = """
def scores(queries, keys):
    result = np.zeros((len(queries),
                       len(keys)))
    for a in range(len(queries)):
        for b in range(len(keys)):
            result[a, b] = sum(queries[a, n] * keys[b, n] for n in range(queries.shape[1]))
    return result
"""


def digest(code: str) -> str:
    return dict(prints([["cell", code]])).get("cell", "")


def test_new_names_layout_and_comments_do_not_hide_an_answer() -> None:
    assert digest(LOOPS) == digest(RENAMED) != ""


@pytest.mark.parametrize(
    ("old", "new"),
    [("sum(", "max("), ("len(K)", "len(Q)"), ("zeros", "ones"), ("* K", "+ K"), ("out[i", "out[j")],
)
def test_another_computation_is_another_answer(old, new) -> None:
    assert digest(LOOPS.replace(old, new, 1)) != digest(LOOPS)


@pytest.mark.parametrize("code", ["x = 1", "def f(:", "\0", "(" * 5000, "x = 1\n" * 20_000])
def test_what_is_small_long_or_no_python_has_no_hash(code) -> None:
    assert digest(code) == ""


def works(*answers: str):
    """Submissions with three cells each; a letter is an answer."""
    return [
        graded(f"{n}.py", answers=tuple((f"cell {k}", one) for k, one in enumerate(letters)))
        for n, letters in enumerate(answers)
    ]


def test_groups_are_those_who_share_nearly_all() -> None:
    found = alike(works("abc", "abc", "xyz", "xyz", "klm", "kno"))
    assert [one.names for one in found] == [["0.py", "1.py"], ["2.py", "3.py"]]
    assert found[0].cells == ["cell 0", "cell 1", "cell 2"]


def test_one_answer_in_common_or_one_that_many_write_is_nothing() -> None:
    assert alike(works("abc", "ade", "fgh")) == []
    many = works(*["ab" + chr(ord("c") + n) for n in range(20)])  # all share two of three
    assert alike(many) == []


def test_the_courses_own_text_is_nobodys() -> None:
    for number in ("05", "12"):
        module = COURSE.module(number)
        cells: Cells = tuple((name, code) for name, code in own_cells(module))
        stubs = tuple((name, strip_answers(code)) for name, code in cells)
        assert len(prints(cells)) > 5
        assert own_answers(cells, module) == own_answers(stubs, module) == ()


def test_two_who_handed_in_one_work_stand_in_alike_csv(course, tmp_path) -> None:
    safe_level(add_checks(course))
    body = "\n    ".join(f"x = x * {n} + x * {n} - x / {n}" for n in range(2, 12))
    same = submission(course, double=f"{body}\n    return x", next_one=f"{body}\n    return -x")
    renamed = same.replace("x = x", "x = x").replace("# ", "#  ")
    hand_in(tmp_path / "in", ada=same, bob=renamed, cy=submission(course))
    grade(course, tmp_path / "in", "--module", 1, "--to", tmp_path / "out")
    assert [row["student"] for row in rows(tmp_path / "out", "alike.csv")] == ["ada", "bob"]
    assert "look yourself" in (tmp_path / "out" / "batch.html").read_text("utf-8")
