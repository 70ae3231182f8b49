"""The oracle of attention in tiles: every score at once, in float64, and gradients by hand.

It shares no code with the library. Shapes and options as in `flash_attention`, arrays for tensors.
"""

import math
from typing import Any

import numpy as np

from tests import oracles
from tests.core.draw import Array

B, H, N, M, D, DV = 2, 3, 5, 7, 11, 13
HEADS = ((B, H, N, D), (B, H, M, D), (B, H, M, DV))
FLAT = ((B, N, D), (B, M, D), (B, M, DV))
GROUPED = ((B, 6, N, D), (B, 2, M, D), (B, 2, M, DV))
SHAPES = {"heads": HEADS, "no heads": FLAT, "grouped": GROUPED}


def seen_by(shape: tuple[int, ...], mask: Any, causal: bool, window: int | None) -> Array:
    """Whether a query may look at a key, for each score."""
    seen = np.ones(shape, bool) if mask is None else oracles.full_mask(np.asarray(mask), shape)
    distance = np.subtract.outer(np.arange(shape[-2]), np.arange(shape[-1]))
    seen &= (distance >= 0) | (not causal)
    return seen & (np.abs(distance) < (math.inf if window is None else window))


def dense(
    q: Array,
    k: Array,
    v: Array,
    mask: Any = None,
    *,
    grad: Array | None = None,
    causal: bool = False,
    scale: float | None = None,
    bias: Any = None,
    softcap: float | None = None,
    window: int | None = None,
) -> list[Array]:
    """The output; with `grad`, the gradients of q, k, v, and of a bias in the shape of scores."""
    q, k, v = (np.asarray(x, float) for x in (q, k, v))
    groups = q.shape[1] // k.shape[1] if q.ndim == 4 else 1
    many_k, many_v = (np.repeat(x, groups, axis=1) if q.ndim == 4 else x for x in (k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = np.einsum("...ic,...jc->...ij", q, many_k) * scale
    slope = np.ones_like(scores)
    if softcap is not None:
        slope = 1 / np.cosh(scores / softcap) ** 2
        scores = softcap * np.tanh(scores / softcap)
    scores = scores if bias is None else scores + np.asarray(bias, float)
    scores = np.where(seen_by(scores.shape, mask, causal, window), scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True, initial=-1e300)
    powers = np.exp(scores - top)
    total = powers.sum(axis=-1, keepdims=True)
    shares = powers / np.where(total > 0, total, 1)
    output = np.einsum("...ij,...jc->...ic", shares, many_v)
    if grad is None:
        return [output]
    towards = np.einsum("...ic,...jc->...ij", grad, many_v)
    of_bias = shares * (towards - (shares * towards).sum(axis=-1, keepdims=True))
    change = of_bias * slope * scale
    of_k = np.einsum("...ij,...ic->...jc", change, q)
    of_v = np.einsum("...ij,...ic->...jc", shares, grad)
    if groups > 1:
        of_k, of_v = (
            x.reshape(*k.shape[:2], groups, *x.shape[2:]).sum(axis=2) for x in (of_k, of_v)
        )
    return [output, np.einsum("...ij,...jc->...ic", change, many_k), of_k, of_v, of_bias]


def summed_to(x: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of something that was broadcast to the shape of x."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and x.shape[axis] > 1)
    return x.sum(axis=axes, keepdims=True) if axes else x
