# 13. Transformers
# Made from modules/13_transformers/transformers_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 169122fcdf6059877c75303d5d5d892caf2aa1b879179f1ee8d0aef67ed295aa


# cell: imports
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.core.activations import gelu_tanh, sigmoid
from tinytorch.core.attention import (
    Attention,
    MultiHeadAttention,
    create_causal_mask,
    scaled_dot_product_attention,
)
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding, PositionalEmbedding, sinusoidal_positions
from tinytorch.core.layers import Dropout, Layer, Linear, require_size, walk
from tinytorch.core.tensor import Array, Tensor, op, unwrap


# cell: mean-product
def mean_product(a: Array, b: Array) -> Array:
    """Average of a·b over the last axis, which is kept with size 1; nothing else is stored."""
    mean: Array = np.einsum("...i,...i->...", a, b)[..., None] / a.shape[-1]
    return mean


# cell: 13.1-layer-norm
@op
def layer_norm(x: Array, weight: Array, bias: Array, *, eps: float = 1e-5) -> Array:
    """Shift and scale each token to mean 0 and variance 1, then by learned amounts.

    Args:
        x: (..., dim).
        weight, bias: (dim,).
        eps: is added to the variance, so that a token of equal numbers divides by no zero.

    Returns:
        (..., dim).

    Source: Ba, Kiros & Hinton 2016, "Layer normalization", equation 3.
    """
    output: Array = x - x.mean(axis=-1, keepdims=True)
    output /= np.sqrt(mean_product(output, output) + eps)
    output *= weight
    output += bias
    return output


# cell: 13.2-layer-norm-rule
@layer_norm.gradient
def layer_norm_rule(
    grad: Array, output: Array, x: Array, weight: Array, bias: Array, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Gradient of `layer_norm`. grad: (..., dim) -> shapes of x, of weight and of bias."""
    normal = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt(mean_product(normal, normal) + eps)  # (..., 1)
    normal *= scale
    rows, normal_rows = grad.reshape(-1, x.shape[-1]), normal.reshape(-1, x.shape[-1])
    grad_weight = np.einsum("ni,ni->i", rows, normal_rows)
    inner = grad * weight
    along = mean_product(inner, normal)
    inner -= inner.mean(axis=-1, keepdims=True)
    normal *= along
    inner -= normal
    inner *= scale
    return inner, grad_weight, rows.sum(axis=0)


# cell: 13.3-rms-norm
@op
def rms_norm(x: Array, weight: Array, *, eps: float = 1e-5) -> Array:
    """Scale each token to a mean square of 1, then by learned amounts.

    Args:
        x: (..., dim).
        weight: (dim,).
        eps: is added to the mean square.

    Returns:
        (..., dim).

    Source: Zhang & Sennrich 2019, "Root mean square layer normalization", equation 4.
    """
    output = x / np.sqrt(mean_product(x, x) + eps)
    output *= weight
    return output


@rms_norm.gradient
def rms_norm_rule(
    grad: Array, output: Array, x: Array, weight: Array, *, eps: float = 1e-5
) -> tuple[Array, Array]:
    """Gradient of `rms_norm`. grad: (..., dim) -> shapes of x and of weight."""
    scale = 1 / np.sqrt(mean_product(x, x) + eps)  # (..., 1)
    normal = x * scale
    rows, normal_rows = grad.reshape(-1, x.shape[-1]), normal.reshape(-1, x.shape[-1])
    grad_weight = np.einsum("ni,ni->i", rows, normal_rows)
    inner = grad * weight
    normal *= mean_product(inner, normal)
    inner -= normal
    inner *= scale
    return inner, grad_weight


# cell: norm-layers
def require_last_axis(x: Tensor, dim: int) -> None:
    """Refuse a tensor whose last axis is not `dim` wide."""
    if x.shape[-1:] != (dim,):
        raise ValueError(f"x is {x.shape}, but its last axis must be dim={dim}")


class LayerNorm(Layer):
    """`layer_norm` with amounts that are learned. x: (..., dim) -> (..., dim).

    Args:
        dim: the size of the last axis.
        eps: is added to the variance.
        bias: whether to shift as well.

    Raises:
        ValueError: `dim` is no positive int, or not the size of the last axis.
    """

    def __init__(self, dim: int, eps: float = 1e-5, bias: bool = True) -> None:
        require_size("dim", dim)
        self.weight = Tensor(np.ones(dim), requires_grad=True)
        self.bias = Tensor(np.zeros(dim), requires_grad=True) if bias else None
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        require_last_axis(x, len(self.weight))
        bias = np.zeros(self.weight.shape) if self.bias is None else self.bias
        return layer_norm(x, self.weight, bias, eps=self.eps)


class RMSNorm(Layer):
    """`rms_norm` with a weight that is learned. x: (..., dim) -> (..., dim).

    Args:
        dim: the size of the last axis.
        eps: is added to the mean square.

    Raises:
        ValueError: `dim` is no positive int, or not the size of the last axis.
    """

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        require_size("dim", dim)
        self.weight = Tensor(np.ones(dim), requires_grad=True)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        require_last_axis(x, len(self.weight))
        return rms_norm(x, self.weight, eps=self.eps)


# cell: 13.4-rotary-angles
def rotary_angles(seq_len: int, head_dim: int, base: float = 10000.0, start: int = 0) -> Array:
    """The angle by which each pair of numbers turns at each position.

    Args:
        seq_len: how many positions.
        head_dim: the width of a head; even.
        base: the slowest pair turns a little faster than 1/base radian a token.
        start: the first position.

    Returns:
        Angles in radians, (seq_len, head_dim / 2).

    Raises:
        ValueError: a size is no positive int, or `head_dim` is odd.

    Source: Su et al. 2021, "RoFormer", equation 15.
    """
    require_size("seq_len", seq_len)
    require_size("head_dim", head_dim)
    if head_dim % 2:
        raise ValueError(f"head_dim must be even, its numbers turn in pairs; got {head_dim}")
    speeds = base ** (-np.arange(0, head_dim, 2) / head_dim)
    return (start + np.arange(seq_len))[:, None] * speeds


# cell: 13.5-rotary
def turned(x: Array, angles: Array) -> Array:
    """Turn the pairs (x[k], x[k + head_dim/2]) by their angles, in the dtype of x."""
    cos, sin = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


@op
def rotary(x: Array, *, angles: Array) -> Array:
    """Turn each pair of numbers by the angle of its position.

    Args:
        x: (..., n, head_dim).
        angles: radians, (n, head_dim / 2); a constant.

    Returns:
        (..., n, head_dim). The pairs are (k, k + head_dim/2), as in Llama's published weights.

    Source: Su et al. 2021, "RoFormer", section 3.2.2.
    """
    return turned(x, angles)


@rotary.gradient
def rotary_rule(grad: Array, output: Array, x: Array, *, angles: Array) -> tuple[Array]:
    """Gradient of `rotary`. grad: (..., n, head_dim) -> the same shape."""
    return (turned(grad, -angles),)


# cell: with-rotary
def with_rotary(attention: Attention, base: float = 10000.0) -> Attention:
    """Make an attention function that turns queries and keys by their positions first.

    Args:
        attention: any function (Q, K, V, mask) -> (output, weights).
        base: as in `rotary_angles`.

    Returns:
        A function of the same arguments; heads must have an even width.
    """

    def rotated(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> tuple[Tensor, Tensor]:
        Q, K = (rotary(x, angles=rotary_angles(x.shape[-2], x.shape[-1], base)) for x in (Q, K))
        return attention(Q, K, V, mask)

    return rotated


# cell: 13.6-feed-forward
class FeedForward(Layer):
    """Two Linear layers with an activation between: each token by itself.

    Args:
        embed_dim: width of the input and of the output.
        hidden_dim: width between.
        activation: a function of a tensor.
        bias: whether the Linear layers add one.
        rng: generator for the initial weights; None draws a fresh one.

    Raises:
        ValueError: a size is no positive int.

    Source: Vaswani et al. 2017, section 3.3.
    """

    def __init__(
        self,
        embed_dim: int,
        hidden_dim: int,
        activation: Callable[[Tensor], Tensor] = gelu_tanh,
        *,
        bias: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        require_size("embed_dim", embed_dim)
        require_size("hidden_dim", hidden_dim)
        rng = np.random.default_rng() if rng is None else rng
        self.activation = activation
        self.up_proj = Linear(embed_dim, hidden_dim, bias, rng=rng)
        self.down_proj = Linear(hidden_dim, embed_dim, bias, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., embed_dim) -> the same shape."""
        output: Tensor = self.down_proj(self.activation(self.up_proj(x)))
        return output


# cell: 13.7-swiglu
def silu(x: Tensor) -> Tensor:
    """x · σ(x). x: any shape -> the same shape.

    Source: Elfwing, Uchibe & Doya 2018, "Sigmoid-weighted linear units", equation 5.
    """
    return x * sigmoid(x)


class SwiGLU(Layer):
    """down(silu(gate(x)) · up(x)): a feed-forward layer whose numbers are let through by others.

    Args:
        embed_dim: width of the input and of the output.
        hidden_dim: width between.
        bias: whether the Linear layers add one.
        rng: generator for the initial weights; None draws a fresh one.

    Raises:
        ValueError: a size is no positive int.

    Source: Shazeer 2020, "GLU variants improve Transformer", equation 6.
    """

    def __init__(
        self,
        embed_dim: int,
        hidden_dim: int,
        *,
        bias: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        require_size("embed_dim", embed_dim)
        require_size("hidden_dim", hidden_dim)
        rng = np.random.default_rng() if rng is None else rng
        self.gate_proj = Linear(embed_dim, hidden_dim, bias, rng=rng)
        self.up_proj = Linear(embed_dim, hidden_dim, bias, rng=rng)
        self.down_proj = Linear(hidden_dim, embed_dim, bias, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., embed_dim) -> the same shape."""
        output: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return output


# cell: 13.8-block
class Block(Layer):
    """A Transformer block, norms first: x + attention(norm(x)), then x + feed_forward(norm(x)).

    Without a mask it is the encoder block of ViT, with a causal one the decoder block of GPT.

    Args:
        embed_dim: width of the tokens.
        num_heads: how many heads; it must divide `embed_dim`.
        feed_forward: a layer (..., embed_dim) -> (..., embed_dim), used as it is.
        attention: any function (Q, K, V, mask) -> (output, weights).
        norm: makes a normalising layer of a width.
        dropout: the chance of a number to be dropped, on both branches.
        rng: generator for the initial weights and for dropout; None draws a fresh one.

    Raises:
        ValueError: a size or `dropout` is out of range.

    Source: Xiong et al. 2020, "On layer normalization in the Transformer architecture".
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        feed_forward: Layer,
        *,
        attention: Attention = scaled_dot_product_attention,
        norm: Callable[[int], Layer] = LayerNorm,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        rng = np.random.default_rng() if rng is None else rng
        self.norm1 = norm(embed_dim)
        self.attention = MultiHeadAttention(embed_dim, num_heads, attention, rng=rng)
        self.norm2 = norm(embed_dim)
        self.feed_forward = feed_forward
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """x: (batch, n, embed_dim) -> the same shape; nonzero in `mask`: may look."""
        x = x + self.dropout(self.attention(self.norm1(x), mask))
        output: Tensor = x + self.dropout(self.feed_forward(self.norm2(x)))
        return output


# cell: 13.9-encoder-block
class EncoderBlock(Block):
    """A Transformer block, norms last, as in BERT: norm(x + attention(x)), and so on.

    Arguments and errors are those of `Block`.

    Source: Vaswani et al. 2017, section 3.1; Devlin et al. 2019.
    """

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """x: (batch, n, embed_dim) -> the same shape; nonzero in `mask`: may look."""
        x = self.norm1(x + self.dropout(self.attention(x, mask)))
        output: Tensor = self.norm2(x + self.dropout(self.feed_forward(x)))
        return output


# cell: 13.10-cross-attention-block
class CrossAttentionBlock(Block):
    """A decoder block for translation: it looks at its own words, then at another text's.

    Arguments and errors are those of `Block`. To draw an alignment,
    `cross_attention.attend(norm2(x), memory, memory, memory_mask)` gives the weights.

    Source: Vaswani et al. 2017, section 3.1, norms first.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        feed_forward: Layer,
        *,
        attention: Attention = scaled_dot_product_attention,
        norm: Callable[[int], Layer] = LayerNorm,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        rng = np.random.default_rng() if rng is None else rng
        super().__init__(
            embed_dim, num_heads, feed_forward,
            attention=attention, norm=norm, dropout=dropout, rng=rng,
        )  # fmt: skip
        self.cross_attention = MultiHeadAttention(embed_dim, num_heads, attention, rng=rng)
        self.norm3 = norm(embed_dim)

    def forward(  # type: ignore[override]
        self, x: Tensor, memory: Tensor, mask: Any = None, memory_mask: Any = None
    ) -> Tensor:
        """Nonzero in a mask means the query may look at that key.

        Args:
            x: (batch, n, embed_dim).
            memory: (batch, m, embed_dim).
            mask: for the words of `x` among themselves.
            memory_mask: for the words of `x` that look at `memory`.

        Returns:
            (batch, n, embed_dim).
        """
        x = x + self.dropout(self.attention(self.norm1(x), mask))
        looked, _ = self.cross_attention.attend(self.norm2(x), memory, memory, memory_mask)
        x = x + self.dropout(looked)
        output: Tensor = x + self.dropout(self.feed_forward(self.norm3(x)))
        return output


# cell: gpt-config
@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT, plain values only: a checkpoint holds them as text.

    Raises:
        ValueError: a size is no positive int, sizes do not fit, or a name is unknown; the message
            says which.
    """

    vocab_size: int
    context_len: int = 64  # the longest text it sees at once, in tokens: a line or two
    num_layers: int = 4  # a few minutes on a laptop
    num_heads: int = 4  # 32 numbers a head
    embed_dim: int = 128  # a tenth of GPT-2's, or less
    hidden_dim: int | None = None  # None: 4 · embed_dim, as in GPT-2
    dropout: float = 0.0  # a small model forgets by itself
    positions: str = "learned"  # as GPT-2; or "sinusoidal", "rotary" (Llama)
    norm: str = "layer"  # as GPT-2; or "rms" (Llama)
    feed_forward: str = "gelu"  # as GPT-2; or "swiglu" (Llama)
    bias: bool = True  # of the feed-forward layers; Llama has none

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context_len", "num_layers", "num_heads", "embed_dim"):
            require_size(name, getattr(self, name))
        if self.hidden_dim is not None:
            require_size("hidden_dim", self.hidden_dim)
        known = {
            "positions": ("learned", "sinusoidal", "rotary"),
            "norm": ("layer", "rms"),
            "feed_forward": ("gelu", "swiglu"),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {values}; got {getattr(self, name)!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1; got {self.dropout}")
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f"embed_dim ({self.embed_dim}) must be divisible by num_heads ({self.num_heads})"
            )
        if self.positions == "rotary" and self.embed_dim // self.num_heads % 2:
            head_dim = self.embed_dim // self.num_heads
            raise ValueError(f"positions='rotary' needs an even head_dim; got {head_dim}")
        if self.positions == "sinusoidal" and self.embed_dim % 2:
            dim = self.embed_dim
            raise ValueError(f"positions='sinusoidal' needs an even embed_dim; got {dim}")


# cell: 13.11-gpt
class GPT(Layer):
    """A decoder-only language model; its head is the table of token embeddings.

    Args:
        config: the sizes.
        attention: any function (Q, K, V, mask) -> (output, weights).
        activation: of the feed-forward layers, where they have one.
        rng: generator for the initial weights and for dropout; None draws a fresh one.

    Source: Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3.
    """

    def __init__(
        self,
        config: GPTConfig,
        attention: Attention = scaled_dot_product_attention,
        *,
        activation: Callable[[Tensor], Tensor] = gelu_tanh,
        rng: np.random.Generator | None = None,
    ) -> None:
        rng = np.random.default_rng() if rng is None else rng
        self.config, dim = config, config.embed_dim
        hidden = config.hidden_dim or 4 * dim
        norm: Callable[[int], Layer] = LayerNorm if config.norm == "layer" else RMSNorm

        def feed_forward() -> Layer:
            if config.feed_forward == "swiglu":
                return SwiGLU(dim, hidden, bias=config.bias, rng=rng)
            return FeedForward(dim, hidden, activation, bias=config.bias, rng=rng)

        self.tokens = Embedding(config.vocab_size, dim, rng=rng)
        if config.positions == "learned":
            self.positions = PositionalEmbedding(config.context_len, dim, rng=rng)
        self.blocks = [
            self.make_block(feed_forward(), attention=attention, norm=norm, rng=rng)
            for _ in range(config.num_layers)
        ]
        self.norm = norm(dim)
        self.dropout = Dropout(config.dropout, rng=rng)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                last = name.endswith(("out_proj.weight", "down_proj.weight"))
                std = 0.02 / math.sqrt(2 * config.num_layers) if last else 0.02
                parameter.data = rng.normal(0, std, parameter.shape).astype(np.float32)

    def make_block(self, feed_forward: Layer, *, attention: Attention, **options: Any) -> Block:
        """Make one of the blocks; rotary positions turn queries and keys within attention."""
        sizes = self.config
        if sizes.positions == "rotary":
            attention = with_rotary(attention)
        options |= {"attention": attention, "dropout": sizes.dropout}
        return Block(sizes.embed_dim, sizes.num_heads, feed_forward, **options)

    def forward(self, ids: Any) -> Tensor:
        """Score every possible next token at every place.

        Args:
            ids: integers (batch, n); n is at most `context_len`.

        Returns:
            Logits (batch, n, vocab_size); those of a place depend on no later token.

        Raises:
            TypeError: the ids are not integers.
            ValueError: they have not two axes, are too many, or one is no token.
        """
        if np.ndim(unwrap(ids)) != 2:
            raise ValueError(f"ids must be (batch, n); got shape {np.shape(unwrap(ids))}")
        x = self.tokens(ids)
        n = x.shape[1]
        if n > self.config.context_len:
            raise ValueError(f"ids have {n} tokens; context_len is {self.config.context_len}")
        if self.config.positions == "learned":
            x = self.positions(x)
        elif self.config.positions == "sinusoidal":
            x = x + sinusoidal_positions(n, self.config.embed_dim)
        x, mask = self.dropout(x), create_causal_mask(n)
        for block in self.blocks:
            x = block(x, mask)
        logits: Tensor = self.norm(x) @ self.tokens.weight.T
        return logits


# cell: 13.12-sample-token
def require_sampling(logits: Array, temperature: float, top_k: Any, top_p: Any) -> None:
    """Refuse what nothing can be drawn from; the message names the argument."""
    if logits.ndim != 1 or logits.size == 0:
        raise ValueError(f"logits must be (vocab_size,); got shape {logits.shape}")
    if not np.isfinite(logits.max()):  # minus infinity is a token that is never drawn
        raise ValueError(f"the largest of the logits must be finite; it is {logits.max()}")
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be at least 0 and finite; got {temperature}")
    if top_k is not None:
        require_size("top_k", top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1; got {top_p}")


def sample_token(
    logits: Any,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator,
) -> int:
    """Draw the next token.

    Args:
        logits: (vocab_size,).
        temperature: below 1 likely tokens become likelier; 0 takes the largest.
        top_k: how many of the largest are kept; None: all.
        top_p: the largest that together first reach this share are kept; None: all.
        rng: where the random number comes from.

    Returns:
        The id.

    Raises:
        ValueError: an argument is out of range; the message names it.

    Source: Holtzman et al. 2020, "The curious case of neural text degeneration" (top_p).
    """
    logits = np.asarray(unwrap(logits), np.float64)
    require_sampling(logits, temperature, top_k, top_p)
    if temperature == 0:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")[:top_k]
    shares = np.exp((logits[order] - logits[order[0]]) / temperature)
    shares /= shares.sum()
    if top_p is not None:
        kept = int(np.searchsorted(np.cumsum(shares), top_p)) + 1
        order, shares = order[:kept], shares[:kept] / shares[:kept].sum()
    return int(rng.choice(order, p=shares))


# cell: 13.13-generate
def generate(
    model: GPT,
    ids: Any,
    num_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator,
) -> Iterator[int]:
    """Go on from `ids`: yields `num_tokens` new ids, one by one.

    Args:
        model: stays in evaluation mode afterwards; it sees the last `context_len` ids.
        ids: integers, a list or array (n,), at least one.
        num_tokens: how many to add.
        temperature, top_k, top_p, rng: as in `sample_token`.

    Returns:
        An iterator over the new ids.

    Raises:
        ValueError: there is no id to begin with, or as in `sample_token`; when the first is asked.
    """
    ids = np.asarray(unwrap(ids)).tolist()
    if not isinstance(ids, list) or not ids:
        raise ValueError(f"ids must be (n,), at least one to begin with; got {ids}")
    model.eval()
    for _ in range(num_tokens):
        with no_grad():
            logits = model(np.array([ids[-model.config.context_len :]])).data[0, -1]
        token = sample_token(logits, temperature=temperature, top_k=top_k, top_p=top_p, rng=rng)
        ids.append(token)
        yield token


# cell: load-weights
def linear_weights(model: Layer) -> set[str]:
    """The names of the parameters that PyTorch stores the other way round, (out, in)."""
    return {
        f"{name}.weight" if name else "weight"
        for name, part in walk(model)
        if isinstance(part, Linear)
    }


def load_weights(
    model: Layer, weights: Mapping[str, Any], names: Callable[[str], str] | None = None
) -> None:
    """Load published arrays in PyTorch's layout; what the model does not name is left over.

    Args:
        model: whose parameters are filled; each keeps its own dtype.
        weights: arrays by their published names.
        names: turns a name of the model into the published one; None: they are equal.

    Raises:
        ValueError: names are missing or shapes differ; all are told, and nothing was loaded.
    """
    other_way, state, problems = linear_weights(model), {}, []
    for own, present in model.state_dict().items():
        theirs = own if names is None else names(own)
        if theirs not in weights:
            problems.append(f"{theirs} is missing")
            continue
        array = np.asarray(unwrap(weights[theirs]))
        shape = present.shape[::-1] if own in other_way else present.shape
        if array.shape != shape:
            problems.append(f"{theirs} is {array.shape}, must be {shape}")
        state[own] = np.ascontiguousarray(array.T) if own in other_way else array
    if problems:
        raise ValueError(f"{type(model).__name__}: {'; '.join(problems)}")
    model.load_state_dict(state)


def pytorch_state(model: Layer) -> dict[str, Array]:
    """Copies of the parameters as PyTorch stores them: a Linear's weight is (out, in)."""
    other_way = linear_weights(model)
    return {
        name: np.ascontiguousarray(array.T) if name in other_way else array
        for name, array in model.state_dict().items()
    }


__all__ = [
    "GPT",
    "Block",
    "CrossAttentionBlock",
    "EncoderBlock",
    "FeedForward",
    "GPTConfig",
    "LayerNorm",
    "RMSNorm",
    "SwiGLU",
    "generate",
    "layer_norm",
    "layer_norm_rule",
    "linear_weights",
    "load_weights",
    "mean_product",
    "pytorch_state",
    "require_last_axis",
    "require_sampling",
    "rms_norm",
    "rms_norm_rule",
    "rotary",
    "rotary_angles",
    "rotary_rule",
    "sample_token",
    "silu",
    "turned",
    "with_rotary",
]
