"""The page of a batch: numbers that were counted by hand, and nobody's name."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.grader.graded import BATCH, CHECKS, HOSTILE, MISTAKE, NAMES, everywhere, graded, learners
from tests.grader.test_feedback import Page
from tito.grader.adjustments import Adjustment
from tito.grader.page import batch_page
from tito.grader.roster import Person
from tito.grader.statistics import numbers
from tito.grader.verdict import PASSED, Verdict


def verdicts(*categories: str, mistake: str = "") -> tuple[Verdict, ...]:
    pairs = zip(CHECKS, categories, strict=True)
    return tuple(
        Verdict(check.name, check.points * (one == PASSED), one, "", mistake * (one != PASSED))
        for check, one in pairs
    )


ALL = graded("all.py", verdicts=verdicts(*[PASSED] * 4))
FIRST = graded("first.py", verdicts=verdicts(PASSED, PASSED, "not written", "not written"))
PUBLIC = graded("public.py", late_days=2, verdicts=verdicts(PASSED, "error", PASSED, "time limit"))
WRONG = [
    graded(
        f"w{k}.py", verdicts=verdicts("wrong value", "wrong value", PASSED, PASSED, mistake=MISTAKE)
    )
    for k in range(2)
]
NONE = graded("none.py", verdicts=(), note="not valid JSON")
ROWS = [ALL, FIRST, PUBLIC, *WRONG, NONE]


def test_each_number_is_what_can_be_counted() -> None:
    cy = Person("Cy", canvas="9"), Person("Di", canvas="10")
    found = numbers(
        BATCH,
        learners(*ROWS, roster=cy, adjustments=(Adjustment("Di", excused=True),)),
        NAMES,
    )
    assert (found.graded, found.unreadable, found.missing, found.excused) == (5, 1, 1, 1)
    assert (found.mean, found.median) == (pytest.approx((6.5 + 3.5 + 3 + 3 + 3) / 5), 3)
    assert found.bins == [0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 1]
    assert found.late == [(2, 1)]
    first, second = found.exercises
    assert (first.full, first.none, first.unwritten, first.only_public) == (2, 2, 0, 1)
    assert first.mistakes == [(MISTAKE, 2)] and first.failures == [("error", 1)]
    assert (second.full, second.none, second.unwritten, second.only_public) == (3, 1, 1, 1)
    assert second.failures == [("not written", 1), ("time limit", 1)]
    assert (second.mean, second.median) == (pytest.approx((3 * 3 + 0 + 2) / 5), 3)


def test_what_to_talk_about_is_said_with_its_number() -> None:
    assert numbers(BATCH, learners(*ROWS), NAMES).talk == [
        "Exercise 12.1 attention_scores cost most: 1.9 of 3.5 points on average.",
        f"2 of 5 made one mistake in 12.1 attention_scores: {MISTAKE}.",
        "1 of 5 wrote nothing for 12.10 MultiHeadAttention.__init__.",
        "1 of 5 pass every public check of 12.1 attention_scores and fail a hidden one.",
    ]


def test_where_all_is_right_nothing_is_left_to_explain() -> None:
    found = numbers(BATCH, learners(ALL, replace(ALL, name="b.py")), NAMES)
    assert found.talk == ["All 2 have all points: nothing is left to explain."]


def test_a_batch_of_nobody_is_a_page_without_a_sentence() -> None:
    for rows in ([], [NONE]):
        found = numbers(BATCH, learners(*rows), NAMES)
        assert found.talk == []
        assert "What to talk about" not in batch_page(BATCH.module, found)


def test_the_page_names_nobody_and_holds_only_text() -> None:
    rows = [everywhere(text) for text in HOSTILE] + [graded("jane.py", student="Jane Doe")]
    content = batch_page(BATCH.module, numbers(BATCH, learners(*rows), NAMES))
    assert "jane" not in content.lower()
    assert {"script", "img", "a", "link", "form"} & set(Page(content).tags) == set()
    assert "http:" not in content and "url(" not in content


def test_the_order_of_learners_changes_no_byte() -> None:
    once = batch_page(BATCH.module, numbers(BATCH, learners(*ROWS), NAMES))
    mixed = random.Random(1).sample(ROWS, len(ROWS))
    assert batch_page(BATCH.module, numbers(BATCH, learners(*mixed), NAMES)) == once
