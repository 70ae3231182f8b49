"""Which cells are an exercise's, whatever they were handed in as."""

from __future__ import annotations

import pytest

from tests.grader.grading import add_checks, hand_in, submission
from tito.grader.intake.find import find_submissions
from tito.grader.review.code import read_answers
from tito.grader.review.mask import Mask


def shown(course, folder, text: str) -> dict[str, list[str]]:
    module = add_checks(course).modules[0]
    (found,) = find_submissions(hand_in(folder / "in", ada=text))
    answers = read_answers(found, module, Mask())
    assert not answers.problem
    return {
        name: ["\n".join("".join(word for _, word in row) for row in one.rows) for one in every]
        for name, every in answers.by_exercise.items()
    }


def test_an_answer_is_shown_as_it_was_written(course, tmp_path) -> None:
    text = submission(course, double="if x:\n\treturn 'é'  # ümlaut\n\n    return x")
    found = shown(course, tmp_path, text)
    assert found.keys() == {"1.1", "1.2"}  # the course's other cells are not shown
    (cell,) = found["1.1"]
    assert (
        cell in text.expandtabs(8) and "### BEGIN SOLUTION 1.1\n    if x:\n        return" in cell
    )


def test_a_cell_without_its_name_is_found_by_its_markers(course, tmp_path) -> None:
    found = shown(course, tmp_path, submission(course).replace("# %% 1.1-double", "# %%"))
    assert "return SCALE * x" in found["1.1"][0] and "SCALE" not in found["1.2"][0]


def test_a_cell_of_the_learners_own_is_shown_apart(course, tmp_path) -> None:
    own = "\n# %%\n#| export\ndef helper():\n    pass\n\n# %%\nprint('tried')\n"
    found = shown(course, tmp_path, submission(course) + own)
    assert ["def helper" in one for one in found[""]] == [True, False]
    assert "tried" in found[""][1]


@pytest.mark.parametrize("text", ["", "x = 1", "\n\n", "'''", "\t\t#\f\x0b", "é" * 2000, "\\\r\nx"])
def test_no_character_is_lost_between_the_words(text) -> None:
    from tito.grader.review.code import _coloured

    rows, cut = _coloured(text, Mask())
    joined = "\n".join("".join(word for _, word in row) for row in rows)
    whole = text.replace("\r\n", "\n").strip("\n").expandtabs(8)
    assert joined.rstrip("\n") == (whole if len(whole) <= 1000 else whole[:1000] + "…")
    assert bool(cut) == (len(whole) > 1000)
