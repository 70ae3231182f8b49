"""The backward pass: what holds for any shapes and any graph."""

import numpy as np
import pytest

from tests.core.draw import assert_close, tensors
from tinytorch.core.autograd import topological_order, unbroadcast

hypothesis = pytest.importorskip("hypothesis")
npst = pytest.importorskip("hypothesis.extra.numpy")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=30, deadline=None, derandomize=True)

SEEDS = st.integers(0, 2**32 - 1)


@bounded
@hypothesis.given(npst.mutually_broadcastable_shapes(num_shapes=1, max_dims=4, max_side=5), SEEDS)
def test_unbroadcast_is_the_transpose_of_broadcasting(shapes, seed) -> None:
    (small,), large = shapes.input_shapes, shapes.result_shape
    rng = np.random.default_rng(seed)
    x, grad = rng.normal(size=small), rng.normal(size=(2, *large))
    back = unbroadcast(grad, small)
    assert back.shape == small
    assert_close((back * x).sum(), (grad * x).sum(), 1e-9)


@bounded
@hypothesis.given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
def test_the_gradient_of_a_sum_is_the_sum_of_the_gradients(seed, a, b) -> None:
    rng = np.random.default_rng(seed)
    array = rng.uniform(0.5, 2, (3, 5))
    gradients = []
    for f in (lambda x: x**3, lambda x: 1 / x, lambda x: a * x**3 + b * (1 / x)):
        (x,) = tensors([array])
        f(x).sum().backward()
        gradients.append(x.grad)
    assert_close(gradients[2], a * gradients[0] + b * gradients[1], 1e-9)


@bounded
@hypothesis.given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=30))
def test_any_graph_is_ordered_inputs_first_and_differentiated(edges) -> None:
    made = tensors([np.array(1.0)])
    slopes = [1.0]  # d made[i] / d made[0]
    for left, right in edges:
        i, j = left % len(made), right % len(made)
        made.append(0.5 * made[i] + made[j])
        slopes.append(0.5 * slopes[i] + slopes[j])
    order = [id(t) for t in topological_order(made[-1])]
    assert len(order) == len(set(order))
    for tensor in (t for t in made if id(t) in order and t.node):
        inputs = [id(x) for x in tensor.node.inputs if id(x) in order]
        assert all(order.index(x) < order.index(id(tensor)) for x in inputs)
    made[-1].backward()
    assert_close(made[0].grad, slopes[-1], 1e-9 * max(slopes))
