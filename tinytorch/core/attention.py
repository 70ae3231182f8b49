# 12. Attention
# Made from modules/12_attention/attention_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: f00ebff0ad91a39e13a59c9beeb606ffd3302cbaafb71943825aada1dd8e175b


# cell: imports
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch.attention_inputs import (
    align_mask,
    check_inputs,
    check_words,
    largest_allowed,
    require_wide,
)
from tinytorch.core.activations import softmax
from tinytorch.core.layers import Layer, Linear, require_size
from tinytorch.core.tensor import Array, Tensor, op


# cell: 12.1-attention-scores
@op
def attention_scores(Q: Array, K: Array) -> Array:
    """Dot product of every query with every key, pair by pair.

    Args:
        Q: queries (..., n_q, d_k).
        K: keys (..., n_k, d_k), with the same leading axes.

    Returns:
        Scores (..., n_q, n_k), not yet scaled, in the dtype of Q and K.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1.
    """
    scores = np.empty((*Q.shape[:-1], K.shape[-2]), np.result_type(Q.dtype, K.dtype))
    for b in np.ndindex(Q.shape[:-2]):  # batch, and head
        q, k, s = Q[b], K[b], scores[b]
        for i in range(len(q)):  # every query ...
            for j in range(len(k)):  # ... meets every key
                s[i, j] = q[i] @ k[j]
    return scores


# cell: 12.2-attention-scores-rule
@attention_scores.gradient
def attention_scores_rule(grad: Array, output: Array, Q: Array, K: Array) -> tuple[Array, Array]:
    """Gradient of the scores. grad: (..., n_q, n_k) -> shapes of Q and of K."""
    grad_Q, grad_K = np.zeros(Q.shape, Q.dtype), np.zeros(K.shape, K.dtype)
    for b in np.ndindex(Q.shape[:-2]):
        q, k, g, gq, gk = Q[b], K[b], grad[b], grad_Q[b], grad_K[b]
        for i in range(len(q)):
            for j in range(len(k)):
                gq[i] += g[i, j] * k[j]
                gk[j] += g[i, j] * q[i]
    return grad_Q, grad_K


# cell: 12.3-attention-weights
@np.errstate(over="ignore")  # a distance too large for the dtype is infinite: a share of 0
def attention_weights(scores: Tensor, mask: Any = None) -> Tensor:
    """Softmax over the keys that a query may look at.

    Args:
        scores: (batch, n_q, n_k) or (batch, heads, n_q, n_k).
        mask: nonzero means the query may look at that key; shapes as in `align_mask`. None: all.

    Returns:
        Weights of the shape of `scores`. Blocked ones are exactly 0. A row sums to 1, or to 0
        where it has nothing to look at, for any finite scores.

    Raises:
        ValueError: the mask does not fit the scores.
        TypeError: the scores are float16.
    """
    require_wide(scores=scores)
    if scores.shape[-1] == 0:
        return scores  # no keys: nothing to share out
    if mask is None:
        return softmax(scores, dim=-1)
    blocked = ~align_mask(mask, scores.shape)
    shifted = scores - largest_allowed(scores.data, ~blocked)
    weights = softmax(shifted.masked_fill(blocked, -1e9), dim=-1)
    return weights.masked_fill(blocked, 0.0)  # changes only rows that may look at nothing


# cell: 12.4-weighted-sum
@op
def weighted_sum(weights: Array, V: Array) -> Array:
    """Sum of all values for each query, weighted, pair by pair.

    Args:
        weights: (..., n_q, n_k).
        V: values (..., n_k, d_v), with the same leading axes.

    Returns:
        Output (..., n_q, d_v), in the dtype of weights and V.

    Source: Vaswani et al. 2017, section 3.2.1.
    """
    shape = (*weights.shape[:-1], V.shape[-1])
    output = np.zeros(shape, np.result_type(weights.dtype, V.dtype))
    for b in np.ndindex(V.shape[:-2]):  # batch, and head
        w, v, o = weights[b], V[b], output[b]
        for i in range(len(w)):  # every query ...
            for j in range(len(v)):  # ... takes a share of every value
                o[i] += w[i, j] * v[j]
    return output


# cell: 12.5-weighted-sum-rule
@weighted_sum.gradient
def weighted_sum_rule(grad: Array, output: Array, weights: Array, V: Array) -> tuple[Array, Array]:
    """Gradient of the weighted sum. grad: (..., n_q, d_v) -> shapes of weights and of V."""
    grad_weights, grad_V = np.zeros(weights.shape, weights.dtype), np.zeros(V.shape, V.dtype)
    for b in np.ndindex(V.shape[:-2]):
        w, v, g, gw, gv = weights[b], V[b], grad[b], grad_weights[b], grad_V[b]
        for i in range(len(w)):
            for j in range(len(v)):
                gw[i, j] = g[i] @ v[j]
                gv[j] += w[i, j] * g[i]
    return grad_weights, grad_V


# cell: 12.6-scaled-dot-product-attention
def scaled_dot_product_attention(
    Q: Tensor, K: Tensor, V: Tensor, mask: Any = None
) -> tuple[Tensor, Tensor]:
    """softmax(QKᵀ / √d_k) V, with explicit loops over all pairs.

    Args:
        Q: queries (batch, n_q, d_k) or (batch, heads, n_q, d_k).
        K: keys (batch, n_k, d_k), with heads where Q has them.
        V: values (batch, n_k, d_v), with heads where Q has them.
        mask: nonzero means the query may look at that key; tensor or array, 0/1 or bool, of shape
            (n_q, n_k), (batch, n_q, n_k), (batch, 1, 1, n_k), (batch, 1, n_q, n_k) or
            (batch, heads, n_q, n_k). None: every query looks at every key.

    Returns:
        output (..., n_q, d_v) and weights (..., n_q, n_k). A query that may look at nothing gets
        zeros in both.

    Raises:
        TypeError: an argument is not a Tensor of floats, or is one of float16.
        ValueError: shapes that do not belong together, or a mask that does not fit.

    Source: Vaswani et al. 2017, equation 1.
    """
    check_inputs(Q, K, V)
    scores = attention_scores(Q / math.sqrt(Q.shape[-1]), K)  # (..., n_q, n_k)
    weights = attention_weights(scores, mask)
    return weighted_sum(weights, V), weights


# cell: 12.7-vectorized-attention
def vectorized_attention(
    Q: Tensor, K: Tensor, V: Tensor, mask: Any = None
) -> tuple[Tensor, Tensor]:
    """The same function as `scaled_dot_product_attention`, by matrix products.

    Args:
        Q, K, V, mask: as there; nonzero means the query may look at that key.

    Returns:
        output (..., n_q, d_v) and weights (..., n_q, n_k), as there.

    Raises:
        TypeError, ValueError: as there.

    Source: Vaswani et al. 2017, equation 1.
    """
    check_inputs(Q, K, V)
    scores = (Q / math.sqrt(Q.shape[-1])) @ K.transpose(-2, -1)
    weights = attention_weights(scores, mask)
    return weights @ V, weights


# cell: 12.8-causal-mask
def create_causal_mask(seq_len: int) -> Tensor:
    """Mask for next-word prediction: position i may look at positions up to i.

    Args:
        seq_len: number of positions n, at least 1.

    Returns:
        (n, n), 1 where the query (row) may look at the key (column), else 0.

    Raises:
        ValueError: `seq_len` is not a positive integer; the message names it.
    """
    require_size("seq_len", seq_len)
    return Tensor(np.tril(np.ones((seq_len, seq_len))))


# cell: 12.9-padding-mask
def create_padding_mask(lengths: Any, max_length: int) -> Tensor:
    """Mask that hides the padding behind each sentence of a batch.

    Args:
        lengths: real tokens in each sentence, (batch,); list, array or tensor of integers.
        max_length: the padded length.

    Returns:
        (batch, 1, 1, max_length), 1 for a real token, 0 for padding.

    Raises:
        ValueError: `lengths` is not one row of integers from 0 to `max_length`; the message names
            it.
    """
    counts = np.asarray(lengths)
    if counts.ndim != 1 or counts.dtype.kind not in "iu":
        raise ValueError(f"lengths must be one row of integers, got {counts.tolist()}")
    if counts.size and not 0 <= counts.min() <= counts.max() <= max_length:
        raise ValueError(
            f"lengths must lie between 0 and max_length ({max_length}), got {counts.tolist()}"
        )
    real = np.arange(max_length) < counts[:, None]
    return Tensor(real[:, None, None, :], dtype=np.float32)


# cell: 12.10-split-heads
def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the width into heads: (batch, n, embed_dim) -> (batch, num_heads, n, head_dim)."""
    batch, n, embed_dim = x.shape
    return x.reshape(batch, n, num_heads, embed_dim // num_heads).transpose(1, 2)


# cell: 12.11-merge-heads
def merge_heads(x: Tensor) -> Tensor:
    """Put the heads side by side: (batch, num_heads, n, head_dim) -> (batch, n, embed_dim)."""
    batch, num_heads, n, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, n, num_heads * head_dim)


# cell: 12.12-multi-head-attention
Attention = Callable[..., tuple[Tensor, Tensor]]


class MultiHeadAttention(Layer):
    """Several attentions side by side, each on its own piece of the width.

    Args:
        embed_dim: width of the input and of the output.
        num_heads: how many heads; it must divide `embed_dim`.
        attention: any function (Q, K, V, mask) -> (output, weights).
        rng: generator for the initial weights; None draws a fresh one.

    Raises:
        ValueError: the sizes are not positive integers, or `num_heads` does not divide `embed_dim`.

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        attention: Attention = scaled_dot_product_attention,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        require_size("embed_dim", embed_dim)
        require_size("num_heads", num_heads)
        if embed_dim % num_heads != 0:
            raise ValueError(
                f"embed_dim ({embed_dim}) must be divisible by num_heads ({num_heads})"
            )
        rng = np.random.default_rng() if rng is None else rng
        self.embed_dim, self.num_heads, self.attention = embed_dim, num_heads, attention
        self.q_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.k_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.v_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.out_proj = Linear(embed_dim, embed_dim, rng=rng)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Let `query` look at `key` and take from `value`.

        Args:
            query: (batch, n_q, embed_dim).
            key, value: (batch, n_k, embed_dim).
            mask: nonzero means the query may look at that key; shapes as in `align_mask`.

        Returns:
            output (batch, n_q, embed_dim) and weights (batch, num_heads, n_q, n_k).

        Raises:
            TypeError, ValueError: an argument of another type or shape; the message names it.
        """
        check_words(self.embed_dim, query=query, key=key, value=value)
        Q = split_heads(self.q_proj(query), self.num_heads)  # (batch, heads, n_q, head_dim)
        K = split_heads(self.k_proj(key), self.num_heads)
        V = split_heads(self.v_proj(value), self.num_heads)
        output, weights = self.attention(Q, K, V, mask)
        return self.out_proj(merge_heads(output)), weights

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """Self-attention. x: (batch, n, embed_dim) -> (batch, n, embed_dim)."""
        return self.attend(x, x, x, mask)[0]


# cell: pytorch-spelling
class MultiheadAttention(MultiHeadAttention):
    """Multi-head attention, spelled and called as in PyTorch (but not its mask meaning)."""

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Return (output, weights); see `MultiHeadAttention.attend`."""
        return self.attend(query, key, value, mask)


__all__ = [
    "MultiHeadAttention",
    "MultiheadAttention",
    "attention_scores",
    "attention_scores_rule",
    "attention_weights",
    "create_causal_mask",
    "create_padding_mask",
    "merge_heads",
    "scaled_dot_product_attention",
    "split_heads",
    "vectorized_attention",
    "weighted_sum",
    "weighted_sum_rule",
]
