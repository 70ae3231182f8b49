"""What the checks of every module guard an answer against, and how they show what came."""

from pathlib import Path

import numpy as np
import pytest

from tinytorch.checking import Checker, shown

check = Checker(str(Path(__file__).with_name("no_checks.py")))


def pick(x, *, ids):
    return x[ids]


def pick_and_change(x, *, ids):
    picked = x[ids]
    ids -= ids
    return picked


def test_an_option_that_was_changed_is_told():
    options = {"ids": np.array([2, 1])}
    check.agree(pick, pick, np.arange(3.0), what="ids", **options)
    with pytest.raises(AssertionError, match="you changed ids, which belongs to the caller"):
        check.agree(pick_and_change, pick, np.arange(3.0), what="ids", **options)


def test_an_array_of_anything_is_shown_where_an_error_was_asked_for():
    assert shown(np.array([True, False])) == "[True, False] of shape (2,)"
    for came in (np.array([True]), np.array(["the"]), np.array([{}, None])):
        with pytest.raises(AssertionError, match="it must raise a ValueError; it gives"):
            check.raises(lambda came=came: came, what="a call")
