"""Parity with PyTorch over a hundred steps: the same numbers, frozen and unused parameters too."""

import math

import numpy as np
import pytest

from tinytorch.core.optimizers import SGD, Adam, AdamW, clip_grad_norm, warmup_cosine
from tinytorch.core.tensor import Tensor

torch = pytest.importorskip("torch")

LIMITS = {"float64": 1e-12, "float32": 1e-6}
SHAPES = [(3, 5), (7,), (), (2, 3, 2)]
UNUSED, LATE = 1, 2  # never a gradient; none before step 30
KINDS = {
    "sgd": (SGD, torch.optim.SGD, {"lr": 0.05}),
    "momentum": (SGD, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    "adam": (Adam, torch.optim.Adam, {"lr": 0.02}),
    "adam, other betas": (Adam, torch.optim.Adam, {"lr": 0.02, "betas": (0.6, 0.95), "eps": 0.1}),
    "adamw": (AdamW, torch.optim.AdamW, {"lr": 0.02, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_steps_agree(kind, dtype):
    ours, theirs, options = KINDS[kind]
    rng = np.random.default_rng(0)
    starts = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
    own = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in starts]
    other = [torch.tensor(x, requires_grad=True) for x in starts]
    frozen = Tensor(np.ones(3))
    optimizer, right = ours([*own, frozen], **options), theirs(other, **options)
    for step in range(100):
        optimizer.zero_grad()
        right.zero_grad()
        for number, (x, y) in enumerate(zip(own, other, strict=True)):
            grad = np.asarray(rng.normal(size=x.shape), dtype)
            if number != UNUSED and (number != LATE or step >= 30):
                x.grad, y.grad = grad, torch.tensor(grad)
        optimizer.step()
        right.step()
    for x, y in zip(own, other, strict=True):
        assert x.dtype == dtype
        np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=0, atol=LIMITS[dtype])
    assert (own[UNUSED].data == starts[UNUSED]).all() and (frozen.data == 1).all()


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1e3])
def test_clipping_agrees(max_norm, dtype):
    rng = np.random.default_rng(1)
    grads = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
    own = [Tensor(np.ones(x.shape), requires_grad=True, dtype=x.dtype) for x in grads]
    other = [torch.ones(x.shape, dtype=getattr(torch, dtype), requires_grad=True) for x in grads]
    for x, y, grad in zip(own, other, grads, strict=True):
        x.grad, y.grad = grad.copy(), torch.tensor(grad)
    norm = clip_grad_norm(own, max_norm)
    right = torch.nn.utils.clip_grad_norm_(other, max_norm)
    limit = LIMITS[dtype]
    assert norm == pytest.approx(right.item(), rel=limit)
    for x, y in zip(own, other, strict=True):
        np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=limit, atol=limit)


def test_the_schedule_is_that_of_nanogpt():
    def get_lr(it):  # as its train.py computes it
        if it < 100:
            return 1e-3 * (it + 1) / (100 + 1)
        if it > 2000:
            return 1e-4
        ratio = (it - 100) / (2000 - 100)
        return 1e-4 + 0.5 * (1.0 + math.cos(math.pi * ratio)) * (1e-3 - 1e-4)

    options = {"warmup_steps": 100, "total_steps": 2000, "max_lr": 1e-3, "min_lr": 1e-4}
    for step in (0, 1, 99, 100, 101, 1000, 1999, 2000, 2001, 5000):
        assert warmup_cosine(step, **options) == pytest.approx(get_lr(step), rel=1e-12)
