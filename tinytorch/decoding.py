"""A faster twin of `CachedGPT` for writing: given, held to it by tests.

One new token of one text goes through as plain arrays: no record, no check, half of the calls.
Anything else is handed to the model itself. Both fill the same caches.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinytorch.core.activations import gelu_tanh
from tinytorch.core.embeddings import as_ids, sinusoidal_positions
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.memoization import CachedBlock, CachedGPT, GroupedQueryAttention, KVCache
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.transformers import LayerNorm, RMSNorm, SwiGLU, rotary_angles
from tinytorch.fused import gelu_tanh as fused_gelu_tanh

Step = Callable[[Array], Array]


def linear(layer: Linear) -> Step:
    """x W + b of one token, (in,) -> (out,)."""
    weight, bias = layer.weight.data, None if layer.bias is None else layer.bias.data
    return (lambda x: x @ weight) if bias is None else (lambda x: x @ weight + bias)


def rms(x: Array, weight: Array, eps: float) -> Array:
    normal: Array = x * (weight * (1 / np.sqrt(x @ x / len(x) + eps)))
    return normal


def norm(layer: Layer) -> Step:
    """`LayerNorm` or `RMSNorm` of one token."""
    if isinstance(layer, RMSNorm):
        return partial(rms, weight=layer.weight.data, eps=layer.eps)
    assert isinstance(layer, LayerNorm)
    weight, eps = layer.weight.data, layer.eps
    bias = np.float32(0) if layer.bias is None else layer.bias.data
    return lambda x: rms(x - x.sum() / len(x), weight, eps) + bias


def feed_forward(layer: Any) -> Step:
    """`FeedForward` or `SwiGLU` of one token."""
    up, down = linear(layer.up_proj), linear(layer.down_proj)
    if isinstance(layer, SwiGLU):
        gate = linear(layer.gate_proj)

        def gated(x: Array) -> Array:
            opened = gate(x)
            opened /= 1 + np.exp(-opened)
            return down(opened * up(x))

        return gated
    activation: Step = lambda x: layer.activation(Tensor(x, dtype=x.dtype)).data  # noqa: E731
    if layer.activation in (gelu_tanh, fused_gelu_tanh):
        activation = fused_gelu_tanh.forward
    return lambda x: down(activation(up(x)))


class Attention:
    """`GroupedQueryAttention.attend` of one token that looks back."""

    def __init__(self, layer: GroupedQueryAttention) -> None:
        self.q, self.k, self.v, self.out = map(
            linear, (layer.q_proj, layer.k_proj, layer.v_proj, layer.out_proj)
        )
        self.kv_heads, self.head_dim = layer.num_kv_heads, layer.embed_dim // layer.num_heads
        self.scale = 1 / self.head_dim**0.5
        self.turns, self.window = layer.rotary_base is not None, layer.window

    def __call__(self, x: Array, cache: KVCache, turn: tuple[Array, Array]) -> Array:
        q = (self.q(x) * self.scale).reshape(self.kv_heads, -1, self.head_dim)
        k, v = (part(x).reshape(1, self.kv_heads, 1, -1) for part in (self.k, self.v))
        if self.turns:
            q, k = turned(q, *turn), turned(k, *turn)
        K, V = (kept.data[0] for kept in cache.append(Tensor.made(k), Tensor.made(v)))
        if self.window is not None:
            K, V = K[:, -self.window :], V[:, -self.window :]
        shares = q @ K.swapaxes(-1, -2)  # (kv_heads, group, tokens)
        shares -= shares.max(axis=-1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=-1, keepdims=True)
        return self.out((shares @ V).reshape(-1))


def turned(x: Array, cos: Array, sin: Array) -> Array:
    """Rotary positions: the halves of each head."""
    half = x.shape[-1] // 2
    first, second, output = x[..., :half], x[..., half:], np.empty_like(x)
    output[..., :half] = first * cos - second * sin
    output[..., half:] = second * cos + first * sin
    return output


class Decoder:
    """A drop-in for a `CachedGPT` in `generate_cached`; it sees the weights that there are now.

    Args:
        model: a `CachedGPT` in evaluation mode; its arrays are used, not copied.
    """

    def __init__(self, model: CachedGPT) -> None:
        self.model, self.config, self.new_caches = model, model.config, model.new_caches
        self.table, self.norm = model.tokens.weight.data, norm(model.norm)
        self.blocks = [self.parts(each) for each in model.blocks if isinstance(each, CachedBlock)]

    def parts(self, block: CachedBlock) -> tuple[Step, Attention, Step, Step]:
        """What one token goes through in a block."""
        inner = feed_forward(block.feed_forward)
        return norm(block.norm1), Attention(block.attention), norm(block.norm2), inner

    def eval(self) -> "Decoder":
        """Put the model into evaluation mode: nothing is dropped here."""
        self.model.eval()
        return self

    def next_logits(self, ids: Any, caches: Sequence[KVCache]) -> Tensor:
        """As `CachedGPT.next_logits`: (batch, n) -> (batch, vocab_size)."""
        if np.shape(ids) != (1, 1) or caches[0].length >= self.config.context_len:
            return self.model.next_logits(ids, caches)  # which refuses what is too long
        [token] = as_ids(ids, self.config.vocab_size)[0]
        place, config = caches[0].length, self.config
        x = self.table[token]
        if config.positions == "learned":
            x = x + self.model.positions.weight.data[place]
        elif config.positions == "sinusoidal":
            x = x + sinusoidal_positions(place + 1, config.embed_dim).data[place]
        turn = self.turn(place, x.dtype) if config.positions == "rotary" else (x, x)
        for (norm1, attention, norm2, inner), cache in zip(self.blocks, caches, strict=True):
            x = x + attention(norm1(x), cache, turn)
            x = x + inner(norm2(x))
        logits: Tensor = Tensor.made((self.table @ self.norm(x))[None])
        return logits

    def turn(self, place: int, dtype: Any) -> tuple[Array, Array]:
        """Cosines and sines of a position, the same in every layer."""
        head_dim = self.config.embed_dim // self.config.num_heads
        [angles] = rotary_angles(1, head_dim, self.config.rotary_base, place)
        return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)
