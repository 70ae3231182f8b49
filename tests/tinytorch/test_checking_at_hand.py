"""Values that are compared without a call: nothing is said of calls."""

import numpy as np
import pytest

from tinytorch.checking import Checker


def test_of_a_number_at_hand_it_is_not_said_that_calls_differ() -> None:
    with pytest.raises(AssertionError, match="^the slope: it is 6, expected 120$"):
        Checker("none_checks.py").same(np.float32(6), 120.0, "the slope")
