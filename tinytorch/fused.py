"""Faster twins of two composed functions, for training: given, each an op with its rule.

Each takes, gives and refuses what the learner's own function does; a test compares the two. What
they save is passes over memory: a piece of the numbers stays in the processor's cache while all
steps are done to it, in place.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinytorch.attention_inputs import align_mask, check_inputs
from tinytorch.core.tensor import Array, Tensor, op

PIECE = 1 << 15  # numbers; a few arrays of that many floats fit into a core's own cache
SLOPE = math.sqrt(2 / math.pi)
CUBE = 0.044715


def pieces(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Cut contiguous arrays of one size into pieces, as flat views."""
    flat = [x.reshape(-1) for x in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield tuple(x[start : start + PIECE] for x in flat)


@op
def gelu_tanh(x: Array) -> Array:
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): the twin of `activations.gelu_tanh`.

    Args:
        x: any shape.

    Returns:
        The same shape.
    """
    x = np.asarray(x, order="C")
    output = np.empty(x.shape, x.dtype)
    slope, cube, half = map(x.dtype.type, (SLOPE, SLOPE * CUBE, 0.5))
    for part, out in pieces(x, output):
        np.multiply(part, part, out=out)
        out *= cube
        out += slope
        out *= part
        np.tanh(out, out=out)
        out += 1
        out *= part
        out *= half
    return output


@gelu_tanh.gradient
def gelu_tanh_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of `gelu_tanh`: 0.5 (1 + t + x (1 - t²) s), with t the tanh and s its slope."""
    x, grad = np.asarray(x, order="C"), np.asarray(grad, order="C")
    total = np.empty(x.shape, x.dtype)
    room = np.empty((2, min(PIECE, x.size)), x.dtype)
    slope, cube, three_cubes, half = map(x.dtype.type, (SLOPE, SLOPE * CUBE, 3 * SLOPE * CUBE, 0.5))
    for part, g, out in pieces(x, grad, total):
        t, s = room[:, : part.size]
        np.multiply(part, part, out=s)
        np.multiply(s, cube, out=t)
        t += slope
        t *= part
        np.tanh(t, out=t)
        s *= three_cubes
        s += slope
        s *= part
        np.multiply(t, t, out=out)
        np.subtract(1, out, out=out)
        out *= s
        out += t
        out += 1
        out *= g
        out *= half
    return (total,)


def bias_of(mask: Any, scores_shape: tuple[int, ...], dtype: Any) -> Array | None:
    """A mask as numbers to add to scores: 0 where a query may look, else minus infinity."""
    if mask is None:
        return None
    allowed = align_mask(mask, scores_shape)
    bias = np.where(allowed, 0, -np.inf).astype(dtype)
    return np.broadcast_to(bias, (*scores_shape[:-2], *bias.shape[-2:]))


@op
@np.errstate(over="ignore")  # a distance too large for the dtype is infinite: a share of 0
def attention_weights(Q: Array, K: Array, *, mask: Any = None) -> Array:
    """softmax(QKᵀ / √d_k) over the keys that a query may look at, one sentence after the other.

    Args:
        Q: queries (batch, n_q, d_k) or (batch, heads, n_q, d_k).
        K: keys (batch, n_k, d_k), with heads where Q has them.
        mask: nonzero means the query may look at that key; shapes as in `align_mask`. None: all.

    Returns:
        Weights (..., n_q, n_k); a row that may look at nothing holds zeros.
    """
    shape = (*Q.shape[:-1], K.shape[-2])
    weights = np.empty(shape, np.result_type(Q, K))
    bias = bias_of(mask, shape, weights.dtype)
    scale = weights.dtype.type(1 / math.sqrt(Q.shape[-1]))
    for b in range(len(Q)):
        scores = np.matmul(Q[b] * scale, K[b].swapaxes(-1, -2), out=weights[b])
        if bias is not None:
            scores += bias[b]
        largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
        largest[np.isneginf(largest)] = 0  # a row that may look at nothing
        scores -= largest
        np.exp(scores, out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        total[total == 0] = 1
        scores *= 1 / total
    return weights


@attention_weights.gradient
def attention_weights_rule(
    grad: Array, output: Array, Q: Array, K: Array, *, mask: Any = None
) -> tuple[Array, Array]:
    """Gradient of `attention_weights`: a score gets its weight times (g minus the row's mean g).

    grad: (..., n_q, n_k) -> shapes of Q and of K.
    """
    grad_Q, grad_K = np.empty(Q.shape, Q.dtype), np.empty(K.shape, K.dtype)
    scale = output.dtype.type(1 / math.sqrt(Q.shape[-1]))
    for b in range(len(Q)):
        mean = np.einsum("...ij,...ij->...i", grad[b], output[b])[..., None]  # by weight
        scores = grad[b] - mean
        scores *= output[b]
        np.matmul(scores, K[b] * scale, out=grad_Q[b])
        np.matmul(scores.swapaxes(-1, -2), Q[b] * scale, out=grad_K[b])
    return grad_Q, grad_K


def attention(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> tuple[Tensor, Tensor]:
    """The twin of `vectorized_attention`: the same arguments, results and errors.

    Args:
        Q, K, V, mask: as there; nonzero means the query may look at that key.

    Returns:
        output (..., n_q, d_v) and weights (..., n_q, n_k), as there.
    """
    check_inputs(Q, K, V)
    weights = attention_weights(Q, K, mask=mask)
    return weights @ V, weights
