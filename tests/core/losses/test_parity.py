"""Parity with PyTorch: losses and gradients, 1e-12 in float64 and 1e-6 in float32."""

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.core.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from tinytorch.core.tensor import Tensor

torch = pytest.importorskip("torch")
F = torch.nn.functional

ATOL = {np.float32: 1e-6, np.float64: 1e-12}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def theirs(x, function):
    """PyTorch's loss and the gradient of three times it."""
    leaf = torch.tensor(x, requires_grad=True)
    loss = function(leaf)
    (3 * loss).backward()
    return loss.item(), leaf.grad.numpy()


@dtypes
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("ignore_index", [-100, -1, 2])
@pytest.mark.parametrize("shape", [(5, 7), (1, 3), (2, 3, 5), (2, 3, 5, 7), (13, 307)])
def test_cross_entropy(dtype, smoothing, ignore_index, shape) -> None:
    rng = np.random.default_rng(7)
    x = (4 * rng.normal(size=shape)).astype(dtype)
    labels = rng.integers(0, shape[-1], shape[:-1])
    labels.flat[1:4] = ignore_index
    labels.flat[0] = 0
    options = {"ignore_index": ignore_index, "label_smoothing": smoothing}
    rows = torch.tensor(labels.ravel())
    loss, slope = theirs(x, lambda leaf: F.cross_entropy(leaf.flatten(0, -2), rows, **options))
    assert_close(cross_entropy(Tensor(x, dtype=dtype), labels, **options), loss, 10 * ATOL[dtype])
    options["labels"] = labels
    (found,) = softmax_cross_entropy.rule(np.array(3, dtype), None, x, **options)
    assert found.dtype == dtype
    assert_close(found, slope, ATOL[dtype])


@dtypes
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (2, 3, 5)])
def test_binary_cross_entropy(dtype, shape) -> None:
    rng = np.random.default_rng(8)
    x = np.asarray(6 * rng.normal(size=shape), dtype)
    targets = np.asarray(rng.random(shape), dtype)
    own = torch.tensor(targets)
    loss, slope = theirs(x, lambda leaf: F.binary_cross_entropy_with_logits(leaf, own))
    found = binary_cross_entropy_with_logits(Tensor(x, dtype=dtype), targets)
    assert_close(found, loss, 10 * ATOL[dtype])
    (found,) = sigmoid_cross_entropy.rule(np.array(3, dtype), None, x, targets=targets)
    assert_close(found, slope, ATOL[dtype])


@dtypes
def test_mse(dtype) -> None:
    x, y = np.random.default_rng(9).normal(size=(2, 3, 5)).astype(dtype)
    loss, _ = theirs(x, lambda leaf: F.mse_loss(leaf, torch.tensor(y)))
    assert_close(mse_loss(Tensor(x, dtype=dtype), y), loss, 10 * ATOL[dtype])


@dtypes
def test_gradients_come_through_a_tensor_that_was_computed(dtype) -> None:
    """Where module 05 is written: the losses in a graph, on a view."""
    pytest.importorskip("tinytorch.core.autograd")
    rng = np.random.default_rng(10)
    x, y = (rng.normal(size=(3, 5)).astype(dtype) for _ in range(2))
    labels, chances = np.array([0, 2, -100, 1, 2]), rng.random((5, 3)).astype(dtype)
    ours = {
        "mse": lambda x: mse_loss(x, y.T),
        "softmax": lambda x: cross_entropy(x, labels, label_smoothing=0.1),
        "sigmoid": lambda x: binary_cross_entropy_with_logits(x, chances),
    }
    others = {
        "mse": lambda x: F.mse_loss(x, torch.tensor(y.T.copy())),
        "softmax": lambda x: F.cross_entropy(x, torch.tensor(labels), label_smoothing=0.1),
        "sigmoid": lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor(chances)),
    }
    for name in ours:
        leaf = Tensor(x, requires_grad=True, dtype=dtype)
        (3 * ours[name]((leaf * leaf).transpose(0, 1))).backward()
        _, slope = theirs(x, lambda leaf, other=others[name]: other((leaf * leaf).T))
        assert_close(leaf.grad, slope, 10 * ATOL[dtype])


def test_a_target_that_learns_gets_a_gradient_from_mse() -> None:
    pytest.importorskip("tinytorch.core.autograd")
    x, y = (Tensor(row, requires_grad=True) for row in ([1.0, 5.0], [2.0, 1.0]))
    mse_loss(x, y).backward()
    assert x.grad.tolist() == [-1, 4] and y.grad.tolist() == [1, -4]


def test_labels_changed_after_the_call_change_no_gradient() -> None:
    pytest.importorskip("tinytorch.core.autograd")
    x, labels = Tensor([[0.0, 0.0]], requires_grad=True), np.array([1])
    loss = cross_entropy(x, labels)
    labels[0] = 0
    loss.backward()
    assert x.grad.tolist() == [[0.5, -0.5]]
