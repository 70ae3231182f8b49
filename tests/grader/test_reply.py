"""How answers differ, in words a learner can use."""

import numpy as np
import pytest

from tito.grader.inside import wire
from tito.grader.reply import Reply, compare, read_reply
from tito.grader.sandbox import Ended


@pytest.mark.parametrize(
    ("got", "expected", "category", "reason"),
    [
        (2.0, 3.0, "wrong value", "the result is 2, not 3"),
        (
            np.array([[1, 2], [3, 4]]),
            np.array([[1, 2], [3, 5]]),
            "wrong value",
            "is 4 at (1, 1), not 5",
        ),
        (np.zeros((2, 3)), np.zeros((3, 2)), "wrong shape", "has shape (2, 3), not (3, 2)"),
        (None, np.zeros(2), "wrong type", "the result is None, not numbers"),
        ((1, 2), (1, 2, 3), "wrong shape", "the result has 2 parts, not 3"),
        ((1, 2), (1, 3), "wrong value", "part 2 of the result is 2, not 3"),
        ([1], (1,), "wrong type", "the result is a list, not a tuple"),
        ("ab", "b", "wrong value", "the result is 'ab', not 'b'"),
        (np.nan, 1.0, "wrong value", "is nan, not 1"),
        (np.array([np.inf]), np.array([1.0]), "wrong value", "is inf at (0,), not 1"),
        ({"a": 1}, {"a": 2}, "wrong value", "is 1, not 2"),
        ({"a": 1}, {"b": 1}, "wrong value", "is 'a', not 'b'"),
        (True, "yes", "wrong type", "is a bool, not text"),
    ],
)
def test_a_difference_is_named(got, expected, category, reason):
    found = compare(got, expected)
    assert found.category == category
    assert reason in found.reason


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 1.0),
        (np.float32(1), 1.0),
        (np.nan, np.nan),
        ((1, [2]), (1.0, [2.0])),
        ("a", "a"),
        (None, None),
        (np.array(1.00001), 1.0),
    ],
)
def test_what_is_alike_is_alike(got, expected):
    assert compare(got.item() if isinstance(got, np.generic) else got, expected) is None


def test_tolerances_are_the_authors():
    assert compare(1.001, 1.0)
    assert compare(1.001, 1.0, rtol=1e-2) is None
    assert compare(1e-7, 0.0, atol=0)


def lines(*values):
    return [wire.encode(value) for value in values]


@pytest.mark.parametrize(
    ("ended", "category", "told"),
    [
        (
            Ended("time", lines({"at": "cell 3 (one)"})),
            "time limit",
            "it did not finish in time (cell 3 (one))",
        ),
        (Ended("time", []), "time limit", "it did not finish in time"),
        (Ended("signal 11", []), "crash", "it crashed Python (SIGSEGV)"),
        (Ended("signal 250", []), "crash", "it crashed Python (signal 250)"),
        (Ended("exit 0", []), "ended Python", "it ended Python (exit code 0)"),
        (Ended("memory", []), "memory limit", "it took too much memory"),
        (Ended("processes", []), "process limit", "it started too many processes"),
        (Ended("output", []), "strange value", "it returned too much"),
        (Ended("value", [b"garbage"]), "strange value", "it returned something that is no value"),
        (
            Ended("value", lines({"value": 3})),
            "strange value",
            "it returned something that is no value",
        ),
        (
            Ended("value", lines(["value"])),
            "strange value",
            "it returned something that is no value",
        ),
    ],
)
def test_an_ending_without_a_value_has_a_reason(ended, category, told):
    answer = read_reply(ended)
    assert (answer.category, answer.told) == (category, told)


def test_an_error_says_type_message_and_place_but_no_address():
    told = {
        "type": "ValueError",
        "message": "bad <object at 0x7f12ab34cd56>",
        "where": "cell 2, line 3",
    }
    answer = read_reply(Ended("value", lines({"value": {"error": told}})))
    assert answer.told == "ValueError: bad <object at 0x…> (cell 2, line 3)"
    stub = {
        "type": "NotImplementedError",
        "message": "exercise 12.1: attention_scores",
        "where": "",
    }
    answer = read_reply(Ended("value", lines({"value": {"error": stub}})))
    assert answer.category == "not written"


def test_the_same_error_is_the_same_answer_wherever_it_was_raised():
    here = Reply(category="error", reason="ValueError: no", where="cell 1, line 2")
    there = Reply(category="error", reason="ValueError: no", where="cell 9, line 9")
    assert here.same(there)
    assert not here.same(Reply(value=1))
