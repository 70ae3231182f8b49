"""Tensors without numbers: results and gradients without numbers, as in NumPy and PyTorch."""

import numpy as np
import pytest

from tests.core.autograd import test_ops as ops
from tinytorch.core import activations
from tinytorch.core.autograd import check_gradient
from tinytorch.core.tensor import Tensor, concatenate, stack, where

FUNCTIONS = {
    "add": lambda x: x + np.ones((1, 1)),
    "multiply by a row": lambda x: x * x[:1],
    "power": lambda x: x**3,
    "matmul, no rows": lambda x: x @ np.ones((x.shape[1], 5)),
    "matmul, nothing to sum": lambda x: x.T @ np.ones((x.shape[0], 5)),
    "matmul of stacks": lambda x: x[None] @ np.ones((2, x.shape[1], 5)),
    "matmul of a stack and a matrix": lambda x: np.ones((2, 5, x.shape[0])) @ x,
    "sum": lambda x: x.sum(dim=0),
    "sum of all": lambda x: x.sum(),
    "mean along what is there": lambda x: x.mean(dim=int(x.shape[0] == 0)),
    "max along what is there": lambda x: x.max(dim=int(x.shape[0] == 0)),
    "transpose": lambda x: x.T,
    "reshape": lambda x: x.reshape(0, 2, 7),
    "index": lambda x: x[:, :1][[]],
    "masked_fill": lambda x: x.masked_fill(x > 0, 1.0),
    "concatenate": lambda x: concatenate([x, x, np.ones(x.shape)], dim=1),
    "stack": lambda x: stack([x, x]),
    "where": lambda x: where(x > 0, x, 1.0),
    "exponential": lambda x: 2**x,
    "abs": abs,
}
CURVES = [
    "exp",
    "log",
    "tanh",
    "erf",
    "relu",
    "sigmoid",
    "gelu",
    "gelu_tanh",
    "softmax",
    "log_softmax",
]
MODULES = ("core.tensor", "core.activations")
ALL = {**FUNCTIONS, **{name: getattr(activations, name) for name in CURVES}}


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("name", ALL)
def test_an_empty_tensor_goes_through_every_op_and_back(name, shape) -> None:
    if shape == (0, 0) and name in ("mean along what is there", "max along what is there"):
        pytest.skip("no axis is there")
    x = Tensor(np.zeros(shape), requires_grad=True)
    y = ALL[name](x)
    assert y.dtype == np.float32
    y.backward(np.ones(y.shape))
    assert x.grad.shape == shape
    assert check_gradient(ALL[name], np.zeros(shape)) == 0


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_an_empty_softmax_still_needs_an_axis_that_is_there(name) -> None:
    for dim, shape in ((0, (0, 3)), (1, (0, 3)), (-1, (2, 0)), (0, (2, 0))):
        assert getattr(activations, name)(Tensor(np.zeros(shape)), dim=dim).shape == shape
    with pytest.raises(ValueError, match="axis 2"):
        getattr(activations, name)(Tensor(np.zeros((0, 3))), dim=2)


def test_reductions_of_nothing_are_those_of_numpy() -> None:
    x = Tensor(np.zeros((0, 3)))
    assert (x.sum().item(), x.sum(dim=0).numpy().tolist()) == (0, [0, 0, 0])
    with np.errstate(invalid="ignore"):
        assert np.isnan(x.mean().item()) and np.isnan(x.mean(dim=0).numpy()).all()
    with pytest.raises(ValueError, match="zero-size"):
        x.max()


def test_every_op_of_01_and_02_is_met_above() -> None:
    made = set()
    for call in ALL.values():
        waiting = [call(Tensor(np.zeros((0, 3)), requires_grad=True))]
        while waiting:
            tensor = waiting.pop()
            if isinstance(tensor, Tensor) and tensor.node:
                made.add(tensor.node.op.__name__)
                waiting.extend(tensor.node.inputs)
    own = {op.__name__ for op in ops.every_op().values() if op.__module__.endswith(MODULES)}
    assert own - made <= {"cast"}
