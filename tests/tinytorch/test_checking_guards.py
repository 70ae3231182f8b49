"""What the checks of every module guard an answer against, and how they show what came."""

from pathlib import Path

import numpy as np
import pytest

from tinytorch.checking import Checker, shown
from tinytorch.checking.values import copies
from tinytorch.core.tensor import Op, Tensor, multiply

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


def product(a, b):
    return a * b


def asked(answer, message):
    """Ask an answer for products; `message` is a part of what must be told."""
    a, b = np.arange(1.0, 4.0), np.arange(2.0, 5.0)
    check.agree(product, product, a, b, what="products")
    with pytest.raises(AssertionError, match=message):
        check.agree(answer, product, a, b, what="products")


def test_what_is_remembered_by_one_argument_is_told():
    kept = {}

    def by_the_first(a, b):
        return kept.setdefault(a.tobytes(), a * b).copy()

    asked(by_the_first, "the numbers of b alone in other places")


def test_what_is_remembered_by_an_array_that_holds_other_numbers_now_is_told():
    kept = {}

    def by_identity(a, b):
        key, product = (id(a), id(b)), (a, b, a * b)  # which keeps them alive
        return kept.setdefault(key, product)[2].copy()

    asked(by_identity, "the numbers in other places")


def test_an_array_in_two_places_is_one_array_and_a_view_is_a_view():
    x = np.zeros((2, 3))
    one, other, turned = copies([x, x, x.T])
    assert one is other and one is not x
    assert one.base is None and turned.base is not None


def test_a_gradient_narrower_than_its_input_is_told():
    op = Op(lambda a: a * 2)
    op.gradient(lambda grad, output, a: (np.float32(2) * grad.astype(np.float32),))
    given = np.ones(3), np.ones(3)
    with pytest.raises(AssertionError, match="the gradient of a is float32, a is float64"):
        check.rule(op, lambda a: a * 2, lambda grad, a: (2 * grad,), *given, what="twos")


def test_a_gradient_that_is_lost_where_one_input_alone_learns_is_told():
    def half(a, b):
        return multiply(a, b) if a.requires_grad else Tensor(a.data * b.data, dtype=a.dtype)

    def two():
        return [Tensor([1.0, 2.0], requires_grad=True, dtype=np.float64) for _ in "ab"]

    check.learns(multiply, product, *two(), what="both")
    with pytest.raises(AssertionError, match="both, where b alone learns: the result requires no"):
        check.learns(half, product, *two(), what="both")
