"""Activations: what holds for any numbers."""

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.core.activations import log_softmax, relu, sigmoid, softmax
from tinytorch.core.tensor import Tensor

hypothesis = pytest.importorskip("hypothesis")
npst = pytest.importorskip("hypothesis.extra.numpy")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=30, deadline=None, derandomize=True)

NUMBERS = st.floats(-1e6, 1e6, width=32)
ROWS = npst.arrays(np.float64, npst.array_shapes(min_dims=1, max_dims=3), elements=NUMBERS)


@bounded
@hypothesis.given(ROWS, st.data())
def test_softmax_weights_are_positive_and_sum_to_1(x, data) -> None:
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    weights = softmax(Tensor(x, dtype=np.float64), dim=dim).numpy()
    assert ((weights >= 0) & (weights <= 1)).all()
    assert_close(weights.sum(axis=dim), np.ones(weights.sum(axis=dim).shape), 1e-12)


@bounded
@hypothesis.given(ROWS)
def test_softmax_keeps_the_order_of_the_scores(x) -> None:
    weights = softmax(Tensor(x, dtype=np.float64)).numpy()
    order = np.argsort(x, axis=-1, kind="stable")
    assert (np.diff(np.take_along_axis(weights, order, axis=-1), axis=-1) >= 0).all()


@bounded
@hypothesis.given(ROWS)
def test_exp_of_log_softmax_is_softmax(x) -> None:
    scores = Tensor(x, dtype=np.float64)
    assert_close(np.exp(log_softmax(scores).numpy()), softmax(scores), 1e-9)


@bounded
@hypothesis.given(ROWS)
def test_sigmoid_of_x_and_of_minus_x_sum_to_1(x) -> None:
    there, back = (sigmoid(Tensor(v, dtype=np.float64)).numpy() for v in (x, -x))
    assert_close(there + back, np.ones(x.shape), 1e-15)


@bounded
@hypothesis.given(ROWS)
def test_relu_of_x_minus_relu_of_minus_x_is_x(x) -> None:
    there, back = (relu(Tensor(v, dtype=np.float64)).numpy() for v in (x, -x))
    assert_close(there - back, x, 0)
