"""Tensor refuses what it cannot do, and names the shapes or types that came."""

import numpy as np
import pytest

from tinytorch.core.tensor import Tensor

A, B = Tensor(np.ones((2, 3))), Tensor(np.ones((5, 7)))


SHAPE_ERRORS = {
    "add": lambda: A + B,
    "subtract": lambda: A - B,
    "reflected subtract": lambda: np.ones((5, 7)) - A,
    "multiply": lambda: A * B,
    "divide": lambda: A / B,
    "power": lambda: A ** np.ones((5, 7)),
    "matmul": lambda: A @ B,
    "masked_fill": lambda: A.masked_fill(B, 0.0),
    "reshape": lambda: A.reshape(5, 7),
    "equal": lambda: A == B,
    "less": lambda: A < B,
    "and": lambda: A & B,
}


def named(message: str) -> str:
    """The message without the spaces inside its tuples; NumPy writes shapes without them."""
    return message.replace(", ", ",")


@pytest.mark.parametrize("name", SHAPE_ERRORS)
def test_a_shape_error_names_both_shapes(name) -> None:
    with pytest.raises(ValueError) as caught:
        SHAPE_ERRORS[name]()
    assert "(2,3)" in named(str(caught.value)) and "(5,7)" in named(str(caught.value))


def test_matmul_with_a_number_names_both_shapes() -> None:
    for call in (lambda: A @ 2.0, lambda: 2.0 @ A):
        with pytest.raises(ValueError, match=r"(?=.*\(2, 3\)).*\(\)"):
            call()


@pytest.mark.parametrize("data", ["text", 1j, [None], {"a": 1}, [b"x"]])
def test_data_that_is_no_real_number_is_refused(data) -> None:
    with pytest.raises(TypeError):
        Tensor(data)


def test_item_needs_exactly_one_element() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        A.item()


def test_capital_t_needs_two_axes_and_names_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 5\); use .transpose\(-2, -1\)"):
        _ = Tensor(np.ones((2, 3, 5))).T


def test_a_learned_exponent_is_refused() -> None:
    with pytest.raises(TypeError, match="constant exponent"):
        A ** Tensor(2.0, requires_grad=True)


def test_a_tensor_of_several_numbers_has_no_truth_value() -> None:
    with pytest.raises(ValueError, match="ambiguous"):
        bool(A)


def test_an_axis_that_is_not_there_names_the_op_and_the_shape() -> None:
    x = Tensor(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"reduce_sum: axis 5 .*shape is \(2, 3\)"):
        x.sum(dim=5)
    with pytest.raises(ValueError, match=r"transpose: .*axis 2 .*shape is \(2, 3\)"):
        x.transpose(0, 2)


def test_a_reshape_to_nothing_names_the_shape() -> None:
    with pytest.raises(ValueError, match=r"(?=.*\(2,\)).*\(\)"):
        Tensor([1.0, 2.0]).reshape()


def test_an_array_may_stand_on_the_left_of_a_mask() -> None:
    both = np.array([True, True]) & Tensor([True, False])
    assert both.data.tolist() == [True, False]
