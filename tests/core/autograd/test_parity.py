"""Parity with PyTorch in float64, to 1e-10: values and gradients of every op of 01 and 02.

`pytest -v` sums the worst differences up.
"""

import numpy as np
import pytest

from tests.core.draw import tensors
from tinytorch.core import activations, tensor
from tinytorch.core.activations import (
    erf,
    exp,
    gelu,
    gelu_tanh,
    log,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from tinytorch.core.tensor import Op, cast, concatenate, stack, where

torch = pytest.importorskip("torch")
F = torch.nn.functional

A, B, ROW = (2, 3, 5), (2, 3, 5), (3, 1)
MASK = np.random.default_rng(0).random(A) < 0.5


def in_steps(x):
    """What `+=` and its kin make of a recorded tensor."""
    y = x
    y = y * 2
    y += x
    y -= 0.5
    y *= x
    y /= x + 1
    return y


# name: (shapes, ours, torch's)
PAIRS = {
    "add": ((A, ROW), lambda a, b: a + b, lambda a, b: a + b),
    "subtract": ((ROW, A), lambda a, b: a - b, lambda a, b: a - b),
    "multiply": ((A, ROW), lambda a, b: a * b, lambda a, b: a * b),
    "divide": ((A, ROW), lambda a, b: a / b, lambda a, b: a / b),
    "power": ((A,), lambda a: a**2.5, lambda a: a**2.5),
    "matmul": ((A, (5, 7)), lambda a, b: a @ b, lambda a, b: a @ b),
    "matmul of batches": ((A, (2, 5, 7)), lambda a, b: a @ b, lambda a, b: a @ b),
    "matmul with a vector": ((A, (5,)), lambda a, b: a @ b, lambda a, b: a @ b),
    "reduce_sum": ((A,), lambda a: a.sum(dim=(0, 2)), lambda a: a.sum(dim=(0, 2))),
    "mean": ((A,), lambda a: a.mean(dim=1), lambda a: a.mean(dim=1)),
    "reduce_max": ((A,), lambda a: a.max(dim=-1), lambda a: a.amax(dim=-1)),
    "reduce_max with ties": ((A,), lambda a: (a - a.detach()).max(dim=1),
                             lambda a: (a - a.detach()).amax(dim=1)),
    "transpose": ((A,), lambda a: a.transpose(0, -1), lambda a: a.transpose(0, -1)),
    "reshape": ((A,), lambda a: a.transpose(0, 2).reshape(6, -1),
                lambda a: a.transpose(0, 2).reshape(6, -1)),
    "index": ((A,), lambda a: a[[0, 1, 1], :, 2], lambda a: a[[0, 1, 1], :, 2]),
    "masked_fill": ((A,), lambda a: a.masked_fill(MASK, -2.0),
                    lambda a: a.masked_fill(torch.tensor(MASK), -2.0)),
    "concatenate": ((A, (2, 1, 5)), lambda a, b: concatenate([a, b, a], dim=1),
                    lambda a, b: torch.concatenate([a, b, a], dim=1)),
    "stack": ((A, B), lambda a, b: stack([a, b], dim=-1), lambda a, b: torch.stack([a, b], dim=-1)),
    "where": ((A, ROW), lambda a, b: where(MASK, a, b),
              lambda a, b: torch.where(torch.tensor(MASK), a, b)),
    "cast": ((A,), lambda a: cast(a, dtype=np.float32) * 3, lambda a: a.to(torch.float32) * 3),
    "exponential": ((A,), lambda a: 3**a, lambda a: 3**a),
    "exponential of 0": ((A,), lambda a: 0**a, lambda a: 0**a),
    "abs": ((A,), lambda a: abs(a - 1), lambda a: abs(a - 1)),
    "abs at 0": ((A,), lambda a: abs(a - a.detach()), lambda a: abs(a - a.detach())),
    "in place": ((A,), lambda a: in_steps(a + 1), lambda a: in_steps(a + 1)),
    "exp": ((A,), exp, torch.exp),
    "log": ((A,), log, torch.log),
    "tanh": ((A,), tanh, torch.tanh),
    "erf": ((A,), erf, torch.erf),
    "relu": ((A,), lambda a: relu(a - 1), lambda a: F.relu(a - 1)),
    "sigmoid": ((A,), lambda a: sigmoid(9 * a - 9), lambda a: torch.sigmoid(9 * a - 9)),
    "gelu": ((A,), lambda a: gelu(5 * a - 5), lambda a: F.gelu(5 * a - 5)),
    "gelu_tanh": ((A,), lambda a: gelu_tanh(5 * a - 5),
                  lambda a: F.gelu(5 * a - 5, approximate="tanh")),
    "softmax": ((A,), softmax, lambda a: torch.softmax(a, dim=-1)),
    "softmax on axis 1": ((A,), lambda a: softmax(a, dim=1), lambda a: torch.softmax(a, dim=1)),
    "log_softmax": ((A,), log_softmax, lambda a: torch.log_softmax(a, dim=-1)),
    "log_softmax on axis 0": ((A,), lambda a: log_softmax(a, dim=0),
                              lambda a: torch.log_softmax(a, dim=0)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_agree_with_torch(name, record_worst) -> None:
    shapes, ours, theirs = PAIRS[name]
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(0.5, 1.5, shape) for shape in shapes]
    leaves = tensors(arrays)
    twins = [torch.tensor(x, requires_grad=True) for x in arrays]
    got, expected = ours(*leaves), theirs(*twins)
    start = rng.normal(size=got.shape)
    got.backward(start)
    expected.backward(torch.tensor(start))
    pairs = [(got.numpy(), expected.detach().numpy())]
    pairs += [(x.grad, y.grad.numpy()) for x, y in zip(leaves, twins, strict=True)]
    assert all(x.shape == y.shape for x, y in pairs)
    worst = max(float(np.abs(x - y).max()) for x, y in pairs)
    record_worst("ops and torch, float64", worst)
    assert worst < 1e-10


def test_every_op_of_01_and_02_stands_in_the_table() -> None:
    found = {
        x.__name__ for m in (tensor, activations) for x in vars(m).values() if isinstance(x, Op)
    }
    assert found <= PAIRS.keys()
