"""Results and what they were made from, pickled and copied: they differentiate as before."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch.core.activations import tanh
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.tensor import Tensor, concatenate, op

WAYS = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "old pickle": lambda x: pickle.loads(pickle.dumps(x, protocol=2)),
    "deepcopy": copy.deepcopy,
}
twice = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@twice
def test_a_leaf_comes_back_with_its_gradient(way) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float64)
    (x * x).sum().backward()
    y = way(x)
    assert (y.dtype, y.requires_grad, y.node) == (np.float64, True, None)
    assert (y.numpy().tolist(), y.grad.tolist()) == ([1, 2], [2, 4])
    assert not np.shares_memory(x.data, y.data) and not np.shares_memory(x.grad, y.grad)


@twice
def test_a_result_comes_back_with_its_history(way) -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    middle = x[:, [0, 0]] @ x
    y, w = way((concatenate([middle, middle * middle]).sum(), x))
    y.backward()
    concatenate([middle, middle * middle]).sum().backward()
    assert w.grad.tolist() == x.grad.tolist()


@twice
def test_a_layer_that_holds_an_op_and_its_last_output_comes_back(way) -> None:
    model = Sequential(Linear(2, 3), tanh)
    model.last = model(Tensor([[1.0, 2.0]]))
    twin = way(model)
    assert twin[1] is tanh and twin[0].weight is not model[0].weight
    twin.last.sum().backward()
    assert twin[0].weight.grad is not None and model[0].weight.grad is None


@twice
def test_a_history_10_000_long_comes_back(way) -> None:
    x = y = Tensor(1.0, requires_grad=True)
    for _ in range(10_000):
        y = y + 1
    x, y = way((x, y))
    y.backward()
    assert (y.item(), x.grad) == (10_001, 1)


@twice
def test_a_diamond_is_not_doubled(way) -> None:
    y = Tensor(1.0, requires_grad=True)
    for _ in range(100):
        y = y * 0.5 + y * 0.5
    assert way(y).item() == 1


def test_a_rule_filed_after_the_copy_serves_the_copy() -> None:
    @op
    def double(x):
        return 2 * x

    x, y = copy.deepcopy((x := Tensor(1.0, requires_grad=True), double(x)))
    double.gradient(lambda grad, output, x: (2 * grad,))
    y.backward()
    assert x.grad == 2


def test_a_changed_history_is_not_copied_as_if_it_were_right() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x * x
    with no_grad():
        x += 1
    for call in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match="changed in place"):
            call(y)
