"""Tensor: properties that hold for any shapes and numbers, against NumPy on the same arrays."""

import operator

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.core.tensor import Tensor, broadcast_shape

hypothesis = pytest.importorskip("hypothesis")
npst = pytest.importorskip("hypothesis.extra.numpy")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=30, deadline=None, derandomize=True)

SHAPES = npst.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=5)
PAIRS = npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=5)
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed, *shapes):
    """Float64 arrays of numbers from 0.5 to 2: safe to divide by and to raise to a power."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.5, 2, shape) for shape in shapes]


@bounded
@hypothesis.given(PAIRS, SEEDS)
@pytest.mark.parametrize("apply", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_an_operator_broadcasts_as_numpy_does(apply, pair, seed) -> None:
    a, b = draw(seed, *pair.input_shapes)
    expected = apply(a, b)
    for right in (Tensor(b, dtype=np.float64), b):
        assert_close(apply(Tensor(a, dtype=np.float64), right), expected, 0)
    assert_close(apply(a, Tensor(b, dtype=np.float64)), expected, 0)


@bounded
@hypothesis.given(PAIRS, SEEDS)
@pytest.mark.parametrize("apply", [operator.eq, operator.ne, operator.lt, operator.ge])
def test_a_comparison_broadcasts_as_numpy_does(apply, pair, seed) -> None:
    a, b = (x.round() for x in draw(seed, *pair.input_shapes))
    assert_close(apply(Tensor(a), Tensor(b)), apply(a, b), 0)


@bounded
@hypothesis.given(SHAPES, SHAPES)
def test_broadcast_shape_agrees_with_numpy_or_both_refuse(a, b) -> None:
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ValueError):
            broadcast_shape(a, b)
    else:
        assert broadcast_shape(a, b) == expected


@bounded
@hypothesis.given(st.data(), SHAPES, SEEDS, st.booleans())
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_a_reduction_agrees_with_numpy_over_any_axes(name, data, shape, seed, keepdims) -> None:
    axes = st.lists(st.integers(-len(shape), len(shape) - 1), unique_by=lambda i: i % len(shape))
    dim = data.draw(st.none() | axes.map(tuple)) if shape else None
    (x,) = draw(seed, shape)
    got = getattr(Tensor(x, dtype=np.float64), name)(dim=dim, keepdims=keepdims)
    assert_close(got, getattr(np, name)(x, axis=dim, keepdims=keepdims), 1e-12)


@bounded
@hypothesis.given(st.data(), npst.array_shapes(min_dims=1, max_dims=4, max_side=5), SEEDS)
def test_an_index_agrees_with_numpy(data, shape, seed) -> None:
    key = data.draw(npst.basic_indices(shape) | npst.integer_array_indices(shape))
    (x,) = draw(seed, shape)
    assert_close(Tensor(x, dtype=np.float64)[key], x[key], 0)


@bounded
@hypothesis.given(st.data(), npst.array_shapes(min_dims=2, max_dims=4, max_side=5), SEEDS)
def test_two_transposes_of_the_same_axes_undo_each_other(data, shape, seed) -> None:
    axis = st.integers(-len(shape), len(shape) - 1)
    dim0, dim1 = data.draw(axis), data.draw(axis)
    (x,) = draw(seed, shape)
    once = Tensor(x, dtype=np.float64).transpose(dim0, dim1)
    assert_close(once, np.swapaxes(x, dim0, dim1), 0)
    assert_close(once.transpose(dim0, dim1), x, 0)
