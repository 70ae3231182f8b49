"""Oracles: slow, plain answers to compare the library with.

They import NumPy and the standard library, share no code with the library, and compute in float64.
In every mask, nonzero means the query may look at that key.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def softmax(x: Array, axis: int = -1) -> Array:
    """e^x over its sum along `axis`."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """x minus log-sum-exp along `axis`; NumPy's own logaddexp does the adding."""
    return x - np.expand_dims(np.logaddexp.reduce(x, axis=axis), axis)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), from the side that cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def gelu(x: Array) -> Array:
    """x times the normal distribution function, number by number."""
    return np.reshape([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.flat], x.shape)


def gelu_tanh(x: Array) -> Array:
    """The tanh form of gelu, number by number."""
    root = math.sqrt(2 / math.pi)
    inner = [0.5 * v * (1 + math.tanh(root * (v + 0.044715 * v**3))) for v in x.flat]
    return np.reshape(inner, x.shape)


def linear(x: Array, weight: Array, bias: Array | float = 0.0) -> Array:
    """Sum over the last axis of x: (..., i), weight: (i, o) -> (..., o)."""
    return np.einsum("...i,io->...o", x, weight) + bias


def positions(seq_len: int, embed_dim: int) -> Array:
    """Sines and cosines of Vaswani et al. 2017, section 3.5, number by number."""
    rows = np.zeros((seq_len, embed_dim))
    for t in range(seq_len):
        for c in range(embed_dim):
            angle = t / 10000 ** ((c - c % 2) / embed_dim)
            rows[t, c] = math.cos(angle) if c % 2 else math.sin(angle)
    return rows


def causal_mask(n: int) -> Array:
    """1 where key j is not after query i."""
    return np.array([[float(j <= i) for j in range(n)] for i in range(n)])


def padding_mask(lengths: list[int], max_length: int) -> Array:
    """1 for each real token, (batch, 1, 1, max_length)."""
    return np.array([[[[float(j < length) for j in range(max_length)]]] for length in lengths])


def full_mask(mask: Array, shape: tuple[int, ...]) -> Array:
    """Look up for each score whether it is allowed; shape: (b, n, m) or (b, h, n, m)."""
    full = np.zeros(shape, bool)
    for place in np.ndindex(*shape):
        b, h, i, j = place if len(shape) == 4 else (place[0], 0, place[1], place[2])
        wanted = {2: (i, j), 3: (b, i, j), 4: (b, h, i, j)}[mask.ndim]
        full[place] = mask[tuple(at % size for at, size in zip(wanted, mask.shape, strict=True))]
    return full


def attention(Q: Array, K: Array, V: Array, mask: Array | None = None) -> tuple[Array, Array]:
    """softmax(QKᵀ / √d_k) V and the weights; a row without an allowed key is zero."""
    scores = np.einsum("...ic,...jc->...ij", Q, K) / math.sqrt(Q.shape[-1])
    if mask is not None:
        scores = np.where(full_mask(mask, scores.shape), scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total > 0, total, 1)
    return np.einsum("...ij,...jc->...ic", weights, V), weights


def multi_head(
    query: Array,
    key: Array,
    value: Array,
    state: Mapping[str, Array],
    num_heads: int,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """Heads one by one: head h owns columns h·w to (h+1)·w of the three projections."""
    parts = {"q": query, "k": key, "v": value}
    Q, K, V = (
        linear(x, state[f"{n}_proj.weight"], state[f"{n}_proj.bias"]) for n, x in parts.items()
    )
    shape, width = (len(Q), num_heads, Q.shape[1], K.shape[1]), Q.shape[-1] // num_heads
    full = np.ones(shape, bool) if mask is None else full_mask(mask, shape)
    outputs, weights = [], []
    for h in range(num_heads):
        own = slice(h * width, (h + 1) * width)
        output, weight = attention(Q[..., own], K[..., own], V[..., own], full[:, h])
        outputs.append(output)
        weights.append(weight)
    joined = np.concatenate(outputs, axis=-1)
    return (
        linear(joined, state["out_proj.weight"], state["out_proj.bias"]),
        np.stack(weights, axis=1),
    )


def layer_norm(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> Array:
    """Each token to mean 0 and variance 1, then scaled and shifted."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(x.var(axis=-1, keepdims=True) + eps) * weight + bias


def below(state: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The part of a state under a name, as float64."""
    found = {key: value for key, value in state.items() if key.startswith(f"{name}.")}
    return {key[len(name) + 1 :]: value.astype(float) for key, value in found.items()}


def gpt_logits(state: Mapping[str, Array], ids: Array, num_heads: int) -> Array:
    """A pre-norm GPT with learned positions and a tied head. ids: (b, n) -> (b, n, vocab)."""
    table = state["tokens.weight"].astype(float)
    x = table[ids] + state["positions.weight"][: ids.shape[1]]
    for number in range(len({name.split(".")[1] for name in state if name.startswith("blocks.")})):
        block = f"blocks.{number}"
        h = layer_norm(x, **below(state, f"{block}.norm1"))
        heads = below(state, f"{block}.attention")
        x = x + multi_head(h, h, h, heads, num_heads, causal_mask(ids.shape[1]))[0]
        h = layer_norm(x, **below(state, f"{block}.norm2"))
        up, down = (below(state, f"{block}.feed_forward.{name}_proj") for name in ("up", "down"))
        x = x + linear(gelu_tanh(linear(h, **up)), **down)
    return layer_norm(x, **below(state, "norm")) @ table.T


def cross_entropy(logits: Array, labels: Array) -> float:
    """Mean of minus the logarithm of each label's share, label by label."""
    logs = log_softmax(logits.reshape(-1, logits.shape[-1]))
    return -float(np.mean([row[label] for row, label in zip(logs, labels.ravel(), strict=True)]))


def numeric_gradient(function: Callable[[], float], x: Array, eps: float = 1e-6) -> Array:
    """Nudge each number of x in place and see how far function() moves."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        kept, ends = x[place], []
        for nudge in (eps, -eps):
            x[place] = kept + nudge
            ends.append(function())
        x[place], gradient[place] = kept, (ends[0] - ends[1]) / (2 * eps)
    return gradient
