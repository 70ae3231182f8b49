"""What the course's own answers do beyond what its exercises ask for."""

import numpy as np
import pytest

from tests.course.conftest import COURSE
from tinytorch.core.attention import (
    attention_weights,
    scaled_dot_product_attention,
    vectorized_attention,
)
from tinytorch.core.autograd import topological_order
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.tensor import Tensor

both = pytest.mark.parametrize("attention", [scaled_dot_product_attention, vectorized_attention])


@both
def test_a_product_that_would_overflow_before_it_is_scaled_is_right(attention) -> None:
    Q = Tensor(np.full((1, 2, 16), 6e18))  # 16 · 3.6e37 is no float32, a quarter of it is
    K, V = Tensor([[[6e18] * 16, [-6e18] * 16]]), Tensor([[[1.0], [2.0]]])
    output, weights = attention(Q, K, V)
    assert weights.numpy().tolist() == [[[1, 0]] * 2] and output.numpy().tolist() == [[[1], [1]]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_and_smallest_numbers_of_a_dtype_are_scores_as_others(dtype) -> None:
    low, high = np.finfo(dtype).min, np.finfo(dtype).max
    for mask, expected in (([1, 1, 0], [1, 0, 0]), ([0, 1, 1], [0, 0.5, 0.5]), (None, [1, 0, 0])):
        given = Tensor([[[high, low, low]]], requires_grad=True, dtype=dtype)
        weights = attention_weights(given, None if mask is None else [mask])
        assert weights.numpy().tolist() == [[expected]]
        weights.sum().backward()
        assert np.isfinite(given.grad).all()


@pytest.mark.parametrize(("mask", "nodes"), [(None, "seven"), (np.ones((5, 5)), "ten")])
def test_the_graph_has_as_many_nodes_as_the_readme_says(mask, nodes) -> None:
    leaves = [Tensor(np.ones((2, 5, 3)), requires_grad=True) for _ in "QKV"]
    output, _ = scaled_dot_product_attention(*leaves, mask)
    count = sum(tensor.node is not None for tensor in topological_order(output))
    assert count == {"seven": 7, "ten": 10}[nodes]
    readme = " ".join((COURSE.root / "README.md").read_text("utf-8").split())
    assert "one attention has seven nodes, ten with a mask," in readme


def test_a_value_that_is_no_number_loads_nothing() -> None:
    layer = Sequential(Linear(2, 3), Linear(3, 5))
    before = layer.state_dict()
    with pytest.raises(ValueError):
        layer.load_state_dict({**before, "0.weight": np.zeros((2, 3)), "1.bias": ["a"] * 5})
    assert all((array == before[name]).all() for name, array in layer.state_dict().items())
