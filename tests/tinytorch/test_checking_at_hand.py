"""Values that are compared without a call, and calls that are compared with nothing."""

import numpy as np
import pytest

from tinytorch.checking import Checker
from tinytorch.checking.values import close


def test_of_a_number_at_hand_it_is_not_said_that_calls_differ() -> None:
    with pytest.raises(AssertionError, match=r"^the slope: it is 6, expected 120$"):
        Checker("none_checks.py").same(np.float32(6), 120.0, "the slope")


def test_an_error_of_one_call_tells_the_case() -> None:
    with pytest.raises(AssertionError, match=r"^halving: ZeroDivisionError"):
        Checker("none_checks.py").call(lambda x: x / 0, 1, what="halving")


def test_one_call_sees_a_change_in_place() -> None:
    with pytest.raises(AssertionError, match=r"^sorting: you changed x"):
        Checker("none_checks.py").call(np.ndarray.sort, np.array([2, 1]), what="sorting", names="x")


@pytest.mark.parametrize("right", [1.0, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("came", [1.0, np.inf, -np.inf, np.nan])
def test_no_finite_number_is_close_to_one_that_is_not(came, right):
    pair = np.array([2.0, came]), np.array([2.0, right])
    assert close(*pair) == np.allclose(*pair, equal_nan=True)
