"""Module 05's messages, and how check_gradient sees rules that are wrong."""

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close, normal, tensors
from tinytorch.core.autograd import check_gradient
from tinytorch.core.tensor import Op, Tensor, add, multiply, op


def leaf(data) -> Tensor:
    return Tensor(data, requires_grad=True, dtype=np.float64)


def test_a_missing_rule_is_named_with_what_to_write() -> None:
    @op
    def cube(x):
        return x**3

    with pytest.raises(RuntimeError, match=r"cube has no gradient rule.*@cube\.gradient"):
        cube(leaf(2)).backward()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda grad, output, a, b: (grad, grad[0]), r"of pair returned shape \(\).*1 of shape"),
        (lambda grad, output, a, b: (grad,), "of pair returned 1 gradients for 2 inputs"),
    ],
)
def test_a_rule_of_the_wrong_shape_or_number_is_named(rule, message) -> None:
    pair = Op(lambda a, b: a + b)
    pair.__name__ = "pair"
    pair.gradient(rule)
    with pytest.raises(ValueError, match=message):
        pair(leaf([1, 2]), leaf([3, 4])).backward([1, 1])


@pytest.mark.parametrize(
    ("tensor", "grad", "message"),
    [
        (Tensor([1.0]), None, "requires_grad=True"),
        (leaf([1, 2]), None, r"shape is \(2,\): sum it first"),
        (leaf([1, 2]), [1, 2, 3], r"grad has shape \(3,\), the tensor has \(2,\)"),
    ],
)
def test_a_pass_that_cannot_start_says_why(tensor, grad, message) -> None:
    with pytest.raises(ValueError, match=message):
        tensor.backward(grad)


@pytest.mark.parametrize("factor", [1.001, -1, 0])
def test_check_gradient_sees_a_rule_that_is_wrong(factor) -> None:
    product = Op(multiply.forward)
    product.gradient(lambda grad, output, a, b: (grad * b, factor * grad * a))
    a, b = normal(0, (3, 5), (3, 5))
    assert check_gradient(multiply, a, b) < 1e-8
    assert check_gradient(product, a, b) > 1e-4


def test_check_gradient_agrees_with_a_numeric_gradient_of_its_own_kind() -> None:
    arrays = normal(1, (2, 3), (3,))
    a, b = tensors(arrays)
    (add(a, b) * a / (b * b + 1)).sum().backward()
    for x, array in zip((a, b), arrays, strict=True):
        numeric = oracles.numeric_gradient(
            lambda: float(((arrays[0] + arrays[1]) * arrays[0] / (arrays[1] ** 2 + 1)).sum()), array
        )
        assert_close(x.grad, numeric, 1e-8)


def test_check_gradient_of_a_rule_that_gives_nan_is_nan() -> None:
    """Were it 0, a broken rule would pass: `max(0.0, nan)` is 0."""
    lost = Op(lambda a, b: a + b)
    lost.gradient(lambda grad, output, a, b: (grad, grad * np.nan))
    assert np.isnan(check_gradient(lost, np.ones(2), np.ones(2)))
    assert np.isnan(check_gradient(lambda a, b: lost(b, a), np.ones(2), np.ones(2)))
