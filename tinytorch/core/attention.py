# 12. Attention
# Made from modules/12_attention/attention_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: a321bcc16001ef0a44c33a771a97ce6e8251a890f608a6656025b4b66bae7db8


# cell: imports
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

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
        Scores (..., n_q, n_k), not yet scaled, in the wider dtype of the two.

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


# cell: align-mask
def align_mask(mask: Any, scores_shape: Sequence[int]) -> Array:
    """Check a mask and give it axes that line up with the scores.

    Args:
        mask: tensor or array; nonzero means the query may look at that key. Shape (n_q, n_k),
            (batch, n_q, n_k) or (batch, 1 or heads, 1 or n_q, n_k).
        scores_shape: (batch, n_q, n_k) or (batch, heads, n_q, n_k).

    Returns:
        A boolean array that broadcasts to `scores_shape`: True where looking is allowed.

    Raises:
        TypeError: the mask holds no numbers.
        ValueError: the mask has other axes, or would enlarge the scores; names both shapes. Or it
            holds a negative number or NaN: a mask made to be added to scores means the opposite.
    """
    values = np.asarray(mask)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"mask must hold bools or numbers, got dtype {values.dtype}")
    wrong = values[~((values >= 0) & np.isfinite(values))]
    if wrong.size:
        raise ValueError(
            f"mask holds {wrong[0]}; here nonzero means the query may look. If this mask was made "
            "to be added to scores, where 0 means that, pass mask == 0"
        )
    allowed: Array = values != 0
    given, shape = allowed.shape, tuple(scores_shape)
    if len(given) == 3 and len(shape) == 4:
        allowed = allowed[:, None]  # (batch, n_q, n_k) -> (batch, 1, n_q, n_k)
    elif len(given) == 4 and len(shape) == 3 and given[1] == 1:
        allowed = allowed[:, 0]  # (batch, 1, n_q, n_k) -> (batch, n_q, n_k)
    sizes = zip(allowed.shape[::-1], shape[::-1], strict=False)
    if not 2 <= allowed.ndim <= len(shape) or any(m not in (1, n) for m, n in sizes):
        raise ValueError(
            f"mask has shape {given}, which does not fit scores of shape {shape}; "
            "use (n_q, n_k), (batch, n_q, n_k), (batch, 1, 1, n_k), (batch, 1, n_q, n_k) "
            "or (batch, heads, n_q, n_k)"
        )
    return allowed


# cell: largest-allowed
def largest_allowed(scores: Array, allowed: Array) -> Array:
    """Largest allowed score of each row, (..., n_q, 1); 0 where nothing is allowed."""
    hidden = np.where(allowed, scores, -np.inf)
    largest: Array = hidden.max(axis=-1, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, 0)


def require_wide(**tensors: Tensor) -> None:
    """Refuse float16: scores beyond 65,504 are infinite in it, and a row may not sum to 1."""
    for name, x in tensors.items():
        if x.dtype == np.float16:
            raise TypeError(f"{name} is float16, too narrow for attention: use float32 or float64")


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
        Output (..., n_q, d_v), in the wider dtype of the two.

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


# cell: check-inputs
def check_inputs(Q: Tensor, K: Tensor, V: Tensor) -> None:
    """Check the arguments of an attention function.

    Raises:
        TypeError: an argument is not a Tensor of floats, or is one of float16.
        ValueError: an argument has too few or too many axes, or sizes that do not belong together.
    """
    for name, x in (("Q", Q), ("K", K), ("V", V)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}: Tensor({name})?")
        if x.dtype.kind != "f":
            raise TypeError(f"{name} must hold floats, got {x.dtype}; embed token ids first")
        if x.ndim not in (3, 4):
            raise ValueError(
                f"{name} has shape {x.shape}; attention takes (batch, seq_len, d) "
                "or (batch, heads, seq_len, d)"
            )
    require_wide(Q=Q, K=K, V=V)
    shapes = f"Q {Q.shape}, K {K.shape}, V {V.shape}"
    if not Q.shape[:-2] == K.shape[:-2] == V.shape[:-2]:
        raise ValueError(f"batch (and heads) must agree: {shapes}")
    if Q.shape[-1] != K.shape[-1] or Q.shape[-1] == 0:
        raise ValueError(f"queries and keys must share d_k, the last size, at least 1: {shapes}")
    if K.shape[-2] != V.shape[-2]:
        raise ValueError(f"every key needs one value: n_k of K and V must agree: {shapes}")


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
    if not isinstance(seq_len, int | np.integer) or seq_len < 1:
        raise ValueError(f"seq_len must be a positive integer, got {seq_len!r}")
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
        self.check_words(query=query, key=key, value=value)
        Q = split_heads(self.q_proj(query), self.num_heads)  # (batch, heads, n_q, head_dim)
        K = split_heads(self.k_proj(key), self.num_heads)
        V = split_heads(self.v_proj(value), self.num_heads)
        output, weights = self.attention(Q, K, V, mask)
        return self.out_proj(merge_heads(output)), weights

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """Self-attention. x: (batch, n, embed_dim) -> (batch, n, embed_dim)."""
        return self.attend(x, x, x, mask)[0]

    def check_words(self, **arguments: Tensor) -> None:
        """Refuse arguments that are not Tensors (batch, n, embed_dim) or do not belong together."""
        for name, x in arguments.items():
            if not isinstance(x, Tensor):
                raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}: Tensor(...)?")
            if x.ndim != 3 or x.shape[-1] != self.embed_dim:
                raise ValueError(
                    f"{name} has shape {x.shape}, expected (batch, seq_len, {self.embed_dim})"
                )
        query, key, value = (x.shape for x in arguments.values())
        if key != value or query[0] != key[0]:
            raise ValueError(
                f"query {query} and key {key} must share the batch, key and value {value} the shape"
            )


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
    "align_mask",
    "attention_scores",
    "attention_scores_rule",
    "attention_weights",
    "check_inputs",
    "create_causal_mask",
    "create_padding_mask",
    "largest_allowed",
    "merge_heads",
    "require_wide",
    "scaled_dot_product_attention",
    "split_heads",
    "vectorized_attention",
    "weighted_sum",
    "weighted_sum_rule",
]
