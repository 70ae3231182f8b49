# %% [markdown]
# # 13. Transformers
#
# Attention lets words look at each other. A Transformer adds what makes it trainable in many layers: it normalises, it adds
# instead of replacing, and it thinks about each word by itself in between.
#
# **You will** write the normalisations, rotary positions, three kinds of block, GPT, and the sampling of its text.
#
# **Before you start:** modules 01 to 06, 11 and 12. **Time:** 4 hours.

# %% export-target
#| default_exp core.transformers

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import transformers_checks as checks

# %% imports
#| export
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

# %% [markdown]
# ## One example for the whole module
#
# A text of a few words, letter by letter. Each letter gets an id; a table gives it a row of numbers. At the end a small GPT
# has learned to continue the text.

# %% example
text = "the cat sat on the mat. the dog sat on the cat. "
letters = sorted({*text})
ids = np.array([letters.index(letter) for letter in text])  # (seq_len,)
rows = np.random.default_rng(13).normal(2, 3, size=(len(letters), 8))
words = rows[ids][None, :6]  # (batch, seq_len, embed_dim): "the ca"

if __name__ == "__main__":
    print("letters:", "".join(letters))
    print("ids of 'the cat':", ids[:7].tolist())


# %% [markdown]
# ## Keeping numbers in range
#
# Each layer scales its input a little. After many layers that is a factor without limit. So each token is brought back to a
# standard size first.
#
# The given `mean_product` averages $a \cdot b$ over the last axis in one pass. Two equal arguments give the mean square.

# %% mean-product
#| export
def mean_product(a: Array, b: Array) -> Array:
    """Average of a·b over the last axis, which is kept with size 1; nothing else is stored."""
    mean: Array = np.einsum("...i,...i->...", a, b)[..., None] / a.shape[-1]
    return mean


# %% [markdown]
# ### Exercise 13.1: layer_norm
#
# Over the last axis, for each token by itself:
#
# $$y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \cdot w + b \qquad x: (\dots, dim),\; w, b: (dim)$$
#
# $\mu$ is the mean, $\sigma^2$ the mean square of $x - \mu$.
#
# **Plan.** 1. Subtract the mean. 2. Divide by the root. 3. Times `weight`, plus `bias`. `x` itself stays as it is.
#
# <details><summary>Hint</summary>
#
# `x.mean(axis=-1, keepdims=True)` keeps an axis of size 1, so that it broadcasts against `x`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# After step 1 the variance is `mean_product(output, output)`.
#
# </details>

# %% 13.1-layer-norm
#| export
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
    ### BEGIN SOLUTION 13.1
    output: Array = x - x.mean(axis=-1, keepdims=True)
    output /= np.sqrt(mean_product(output, output) + eps)
    output *= weight
    output += bias
    return output
    ### END SOLUTION


# %% test-13.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: layer_norm...")
    checks.layer_norm(layer_norm)
    print("✅ layer_norm: each token by itself, weight and bias, eps")


# %% [markdown]
# ### Exercise 13.2: the gradient rule of layer_norm
#
# Write $n = (x - \mu)/\sqrt{\sigma^2 + \epsilon}$ and $h = g \cdot w$, where $g$ is `grad`. Bars are means over the last axis:
#
# $$\frac{\partial L}{\partial x} = \frac{h - \bar h - n \cdot \overline{h n}}{\sqrt{\sigma^2 + \epsilon}}
# \qquad \frac{\partial L}{\partial w} = \sum_{tokens} g\, n \qquad \frac{\partial L}{\partial b} = \sum_{tokens} g$$
#
# Two directions are taken out of the gradient: all numbers up together, and all away from the mean. Neither changes $n$.
#
# **Plan.** 1. `n` and the root again. 2. The sums over every axis but the last. 3. The formula for `x`. 4. Three gradients.
#
# <details><summary>Hint</summary>
#
# `array.reshape(-1, dim)` makes one row a token; a sum over its axis 0 adds up the tokens.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `mean_product(h, n)` is the mean in the last term.
#
# </details>

# %% 13.2-layer-norm-rule
#| export
@layer_norm.gradient
def layer_norm_rule(
    grad: Array, output: Array, x: Array, weight: Array, bias: Array, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Gradient of `layer_norm`. grad: (..., dim) -> shapes of x, of weight and of bias."""
    ### BEGIN SOLUTION 13.2
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
    ### END SOLUTION


# %% test-13.2 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: the gradient rule of layer_norm...")
    checks.layer_norm_rule(layer_norm)
    print("✅ the rule: x, weight and bias")


# %% [markdown]
# ### Exercise 13.3: rms_norm and its rule
#
# Llama leaves out the mean and the bias:
#
# $$y = \frac{x}{\sqrt{\overline{x^2} + \epsilon}} \cdot w \qquad
# \frac{\partial L}{\partial x} = \frac{h - n \cdot \overline{h n}}{\sqrt{\overline{x^2} + \epsilon}}$$
#
# with $n = x / \sqrt{\overline{x^2} + \epsilon}$ and $h = g \cdot w$. The gradient of $w$ is as before.
#
# **Plan.** The steps of the two exercises before, without the mean and the bias. The rule returns two gradients.
#
# <details><summary>Hint</summary>
#
# `mean_product(x, x)` is the mean square.
#
# </details>

# %% 13.3-rms-norm
#| export
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
    ### BEGIN SOLUTION 13.3
    output = x / np.sqrt(mean_product(x, x) + eps)
    output *= weight
    return output
    ### END SOLUTION


@rms_norm.gradient
def rms_norm_rule(
    grad: Array, output: Array, x: Array, weight: Array, *, eps: float = 1e-5
) -> tuple[Array, Array]:
    """Gradient of `rms_norm`. grad: (..., dim) -> shapes of x and of weight."""
    ### BEGIN SOLUTION 13.3
    scale = 1 / np.sqrt(mean_product(x, x) + eps)  # (..., 1)
    normal = x * scale
    rows, normal_rows = grad.reshape(-1, x.shape[-1]), normal.reshape(-1, x.shape[-1])
    grad_weight = np.einsum("ni,ni->i", rows, normal_rows)
    inner = grad * weight
    normal *= mean_product(inner, normal)
    inner -= normal
    inner *= scale
    return inner, grad_weight
    ### END SOLUTION


# %% test-13.3 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: rms_norm and its rule...")
    checks.rms_norm(rms_norm)
    print("✅ rms_norm: values, and the gradients of x and weight")


# %% [markdown]
# Both as layers, given: they own what is learned. A weight of ones and a bias of zeros change nothing at first.

# %% norm-layers
#| export
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


# %% norms-shown
if __name__ == "__main__":
    for name, layer in (
        ("as given", lambda x: x),
        ("layer_norm", LayerNorm(8)),
        ("rms", RMSNorm(8)),
    ):
        numbers = layer(Tensor(words)).data[0, 0]
        mean, square = numbers.mean(), (numbers**2).mean()
        print(f"{name:>10}: mean {mean:6.2f}   mean square {square:6.2f}")


# %% [markdown]
# ## Positions that turn
#
# Module 11 adds a row for each position. Rotary positions turn queries and keys instead: pair by pair of numbers, each pair at
# its own speed, like hands of a clock. The product of a turned query and a turned key depends on their distance only.

# %% [markdown]
# ### Exercise 13.4: rotary_angles
#
# The angle of pair $k$ at position $t$, in radians:
#
# $$\theta_{t,k} = (start + t) \cdot base^{-2k/head\_dim} \qquad (seq\_len,\; head\_dim/2)$$
#
# **Plan.** 1. A `ValueError` that names `head_dim` when it is odd. 2. One speed a pair. 3. One row a position.
#
# <details><summary>Hint</summary>
#
# `np.arange(0, head_dim, 2)` is $2k$. A column of positions times a row of speeds broadcasts to a table.
#
# </details>

# %% 13.4-rotary-angles
#| export
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
    ### BEGIN SOLUTION 13.4
    if head_dim % 2:
        raise ValueError(f"head_dim must be even, its numbers turn in pairs; got {head_dim}")
    speeds = base ** (-np.arange(0, head_dim, 2) / head_dim)
    return (start + np.arange(seq_len))[:, None] * speeds
    ### END SOLUTION


# %% test-13.4 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: rotary_angles...")
    checks.rotary_angles(rotary_angles)
    print("✅ rotary_angles: a speed for each pair, any start")


# %% [markdown]
# ### Exercise 13.5: rotary and its rule
#
# The pairs are made of the two halves of a head: number $k$ and number $k + head\_dim/2$, as in Llama's weights:
#
# $$a' = a \cos\theta - b \sin\theta \qquad b' = b \cos\theta + a \sin\theta$$
#
# The gradient of a turn is the turn back: the same with $-\theta$.
#
# **Plan.** 1. `turned`: cosine and sine in the dtype of `x`, the two halves, the formula, the halves side by side again.
# 2. `rotary` and its rule call it. The rule returns a tuple of one.
#
# <details><summary>Hint</summary>
#
# `np.split(x, 2, axis=-1)` gives the halves, `np.concatenate([...], axis=-1)` puts them together.
#
# </details>

# %% 13.5-rotary
#| export
def turned(x: Array, angles: Array) -> Array:
    """Turn the pairs (x[k], x[k + head_dim/2]) by their angles, in the dtype of x."""
    ### BEGIN SOLUTION 13.5
    cos, sin = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    ### END SOLUTION


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
    ### BEGIN SOLUTION 13.5
    return turned(x, angles)
    ### END SOLUTION


@rotary.gradient
def rotary_rule(grad: Array, output: Array, x: Array, *, angles: Array) -> tuple[Array]:
    """Gradient of `rotary`. grad: (..., n, head_dim) -> the same shape."""
    ### BEGIN SOLUTION 13.5
    return (turned(grad, -angles),)
    ### END SOLUTION


# %% test-13.5 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: rotary and its rule...")
    checks.rotary(rotary)
    print("✅ rotary: each pair turned, lengths kept, the gradient turned back")


# %% [markdown]
# `with_rotary` is given: it takes an attention function and returns one that turns queries and keys first. Shown below: the
# score of one query and one key at four pairs of places.

# %% with-rotary
#| export
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


# %% distance
if __name__ == "__main__":
    query, key = np.random.default_rng(1).normal(size=(2, 8))
    angles = rotary_angles(100, 8)
    for at, other in ((5, 2), (93, 90), (5, 4), (93, 92)):
        one = rotary(Tensor([query]), angles=angles[[at]])
        two = rotary(Tensor([key]), angles=angles[[other]])
        score = (one @ two.T).item()
        print(f"query at {at:2}, key at {other:2}, distance {at - other}: score {score:6.3f}")


# %% [markdown]
# ## Each token by itself
#
# ### Exercise 13.6: FeedForward
#
# Between two attentions each token passes two Linear layers, with a wider middle:
#
# $$y = \text{down}(f(\text{up}(x))) \qquad (\dots, embed\_dim) \to (\dots, hidden\_dim) \to (\dots, embed\_dim)$$
#
# **Plan.** `__init__`: `up_proj`, `down_proj`, drawn from `rng`, both with or without bias; keep `activation`. `forward`: the
# equation.
#
# <details><summary>Hint</summary>
#
# `Linear(in_features, out_features, bias, rng=rng)`.
#
# </details>

# %% 13.6-feed-forward
#| export
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
        ### BEGIN SOLUTION 13.6
        self.activation = activation
        self.up_proj = Linear(embed_dim, hidden_dim, bias, rng=rng)
        self.down_proj = Linear(hidden_dim, embed_dim, bias, rng=rng)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., embed_dim) -> the same shape."""
        ### BEGIN SOLUTION 13.6
        output: Tensor = self.down_proj(self.activation(self.up_proj(x)))
        return output
        ### END SOLUTION


# %% test-13.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: FeedForward...")
    checks.feed_forward(FeedForward)
    print("✅ FeedForward: up, activation, down")


# %% [markdown]
# ### Exercise 13.7: SwiGLU
#
# Llama multiplies two wide layers, so that one opens or closes the other like a gate:
#
# $$\text{silu}(x) = x\,\sigma(x) \qquad y = \text{down}(\text{silu}(\text{gate}(x)) \cdot \text{up}(x))$$
#
# **Plan.** 1. `silu`. 2. `gate_proj`, `up_proj` and `down_proj`, in this order. 3. The equation.
#
# <details><summary>Hint</summary>
#
# `sigmoid` is imported from module 02. `*` multiplies element by element.
#
# </details>

# %% 13.7-swiglu
#| export
def silu(x: Tensor) -> Tensor:
    """x · σ(x). x: any shape -> the same shape.

    Source: Elfwing, Uchibe & Doya 2018, "Sigmoid-weighted linear units", equation 5.
    """
    ### BEGIN SOLUTION 13.7
    return x * sigmoid(x)
    ### END SOLUTION


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
        ### BEGIN SOLUTION 13.7
        self.gate_proj = Linear(embed_dim, hidden_dim, bias, rng=rng)
        self.up_proj = Linear(embed_dim, hidden_dim, bias, rng=rng)
        self.down_proj = Linear(hidden_dim, embed_dim, bias, rng=rng)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., embed_dim) -> the same shape."""
        ### BEGIN SOLUTION 13.7
        output: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return output
        ### END SOLUTION


# %% test-13.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: SwiGLU...")
    checks.swiglu(SwiGLU, silu)
    print("✅ SwiGLU: silu, gate, up and down")


# %% [markdown]
# ## Blocks
#
# ### Exercise 13.8: Block
#
# A block adds to its input what attention and feed-forward find; each sees the input normalised. $D$ is dropout:
#
# $$x \leftarrow x + D(\text{attention}(\text{norm}_1(x), mask)) \qquad
# x \leftarrow x + D(\text{feed\_forward}(\text{norm}_2(x)))$$
#
# The input itself goes through untouched, and so does its gradient. With a causal mask this is the block of GPT, without a
# mask the encoder of ViT.
#
# **Plan.** The parts are given. `forward`: the two steps.
#
# <details><summary>Hint</summary>
#
# Nonzero in the mask means the query may look at that key: hand it on as it is.
#
# </details>

# %% 13.8-block
#| export
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
        ### BEGIN SOLUTION 13.8
        x = x + self.dropout(self.attention(self.norm1(x), mask))
        output: Tensor = x + self.dropout(self.feed_forward(self.norm2(x)))
        return output
        ### END SOLUTION


# %% test-13.8 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: Block...")
    checks.block(Block)
    print("✅ Block: norms first, two additions, mask, dropout")


# %% [markdown]
# ### Exercise 13.9: EncoderBlock
#
# The first Transformer, and BERT, normalise the sum instead:
#
# $$x \leftarrow \text{norm}_1(x + D(\text{attention}(x, mask))) \qquad
# x \leftarrow \text{norm}_2(x + D(\text{feed\_forward}(x)))$$
#
# The parts are those of `Block`.
#
# **Plan.** `forward`: the two steps, again with dropout before each addition.
#
# <details><summary>Hint</summary>
#
# The norm stands outside the sum; nothing is normalised before attention.
#
# </details>

# %% 13.9-encoder-block
#| export
class EncoderBlock(Block):
    """A Transformer block, norms last, as in BERT: norm(x + attention(x)), and so on.

    Arguments and errors are those of `Block`.

    Source: Vaswani et al. 2017, section 3.1; Devlin et al. 2019.
    """

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """x: (batch, n, embed_dim) -> the same shape; nonzero in `mask`: may look."""
        ### BEGIN SOLUTION 13.9
        x = self.norm1(x + self.dropout(self.attention(x, mask)))
        output: Tensor = self.norm2(x + self.dropout(self.feed_forward(x)))
        return output
        ### END SOLUTION


# %% test-13.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: EncoderBlock...")
    checks.encoder_block(EncoderBlock)
    print("✅ EncoderBlock: norms last, padding hidden")


# %% [markdown]
# ### Exercise 13.10: CrossAttentionBlock
#
# A translator looks at its own words, then at another text, `memory`. Three steps, each added, norms first:
#
# $$\text{attention}(\text{norm}_1(x), mask) \qquad \text{cross\_attention}(\text{norm}_2(x), memory, memory\_mask) \qquad
# \text{feed\_forward}(\text{norm}_3(x))$$
#
# `memory` comes ready from an encoder: it is not normalised here.
#
# **Plan.** `forward`: as in `Block`, with the step in the middle. Dropout on all three.
#
# <details><summary>Hint</summary>
#
# `self.cross_attention.attend(query, key, value, mask)` returns output and weights. Queries come from `x`, keys and values from
# `memory`.
#
# </details>

# %% 13.10-cross-attention-block
#| export
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
        ### BEGIN SOLUTION 13.10
        x = x + self.dropout(self.attention(self.norm1(x), mask))
        looked, _ = self.cross_attention.attend(self.norm2(x), memory, memory, memory_mask)
        x = x + self.dropout(looked)
        output: Tensor = x + self.dropout(self.feed_forward(self.norm3(x)))
        return output
        ### END SOLUTION


# %% test-13.10 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: CrossAttentionBlock...")
    checks.cross_attention_block(CrossAttentionBlock)
    print("✅ CrossAttentionBlock: own words, other words, feed-forward")


# %% [markdown]
# ## GPT
#
# The sizes stand in a config, in plain values: a checkpoint can hold it as text.

# %% gpt-config
#| export
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


# %% [markdown]
# ### Exercise 13.11: GPT
#
# From ids to a score for each possible next token, at every place at once:
#
# $$x = \text{tokens}[ids] + \text{positions} \qquad x \leftarrow \text{block}(x, causal) \;\; \text{for each block} \qquad
# \text{logits} = \text{norm}(x)\, T^\top$$
#
# The head $T$ is the table of tokens again. First weights are small, those that end a branch smaller by
# $\sqrt{2 \cdot num\_layers}$: so the sum of all branches starts small, too.
#
# **Plan.** `forward`: 1. Rows of the ids. 2. A `ValueError` that names `context_len` when there are more. 3. `learned`: the layer
# `positions`; `sinusoidal`: add the rows of module 11; `rotary`: nothing, attention turns. 4. Dropout. 5. Blocks, norm, head.
#
# <details><summary>Hint</summary>
#
# `sinusoidal_positions(n, embed_dim)` and `create_causal_mask(n)` are imported. `self.tokens.weight.T` is the table on its side.
#
# </details>

# %% 13.11-gpt
#| export
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
        ### BEGIN SOLUTION 13.11
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
        ### END SOLUTION


# %% test-13.11 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: GPT...")
    checks.gpt(GPT, GPTConfig)
    print("✅ GPT: logits, no look ahead, three kinds of positions")

# %% [markdown]
# ## What a block costs
#
# Counted from the parameters: attention has 4 square matrices, feed-forward 8 squares' worth. The share of the token table
# shrinks as a model grows. Below, the change of one letter: earlier logits do not move.

# %% cost
if __name__ == "__main__":
    from tinytorch.core.attention import vectorized_attention

    config = GPTConfig(len(letters), context_len=24, num_layers=2, num_heads=2, embed_dim=32)
    model = GPT(config, vectorized_attention, rng=np.random.default_rng(13))
    counts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        part = ".".join(name.split(".")[:3]) if name.startswith("blocks.0") else name.split(".")[0]
        counts[part] = counts.get(part, 0) + parameter.data.size
    print("parameters:", counts)
    changed = ids.copy()
    changed[10] = (ids[10] + 1) % len(letters)
    apart = np.abs(model(ids[None, :24]).data - model(changed[None, :24]).data)[0].max(axis=-1)
    print("letter 10 changed; places whose logits move:", np.flatnonzero(apart).tolist())


# %% [markdown]
# ## Writing text
#
# ### Exercise 13.12: sample_token
#
# Logits divided by a **temperature** and put through a softmax are shares. `top_k` keeps the k largest; `top_p` keeps the
# largest that together first reach p. From what is kept, one is drawn.
#
# $$p_i \propto e^{z_i / temperature}$$
#
# **Plan.** Checks are given. 1. Temperature 0: the largest. 2. Order of the logits, largest first, cut to `top_k`. 3. Shares,
# stable. 4. `top_p`: cut, shares to sum 1 again. 5. Draw.
#
# <details><summary>Hint</summary>
#
# `np.argsort(-logits, kind="stable")` is the order. `np.cumsum(shares)` says what the first ones reach together.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `rng.choice(order, p=shares)` draws one. `np.searchsorted(sums, top_p)` is how many stay below `top_p`; one more reaches it.
#
# </details>

# %% 13.12-sample-token
#| export
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
    ### BEGIN SOLUTION 13.12
    if temperature == 0:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")[:top_k]
    shares = np.exp((logits[order] - logits[order[0]]) / temperature)
    shares /= shares.sum()
    if top_p is not None:
        kept = int(np.searchsorted(np.cumsum(shares), top_p)) + 1
        order, shares = order[:kept], shares[:kept] / shares[:kept].sum()
    return int(rng.choice(order, p=shares))
    ### END SOLUTION


# %% test-13.12 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: sample_token...")
    checks.sample_token(sample_token)
    print("✅ sample_token: shares, temperature, top_k, top_p")


# %% [markdown]
# ### Exercise 13.13: generate
#
# One token after the other: each drawn token becomes part of what the model sees next.
#
# **Plan.** 1. Evaluation mode: no dropout. 2. `num_tokens` times: the last `context_len` ids, without recording; a token from the
# logits of the last place; append it; yield it. What the caller gave stays as it is.
#
# <details><summary>Hint</summary>
#
# `with no_grad():` around the call of the model. Its ids have a batch axis: `np.array([ids])`.
#
# </details>

# %% 13.13-generate
#| export
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
    ### BEGIN SOLUTION 13.13
    model.eval()
    for _ in range(num_tokens):
        with no_grad():
            logits = model(np.array([ids[-model.config.context_len :]])).data[0, -1]
        token = sample_token(logits, temperature=temperature, top_k=top_k, top_p=top_p, rng=rng)
        ids.append(token)
        yield token
    ### END SOLUTION


# %% test-13.13 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: generate...")
    checks.generate(generate)
    print("✅ generate: goes on from its own tokens, within the context")

# %% [markdown]
# ## A GPT learns the text
#
# Each place is asked for the next letter. At first all letters are about equally likely: the loss is about $\ln$ of their
# number.

# %% learns
if __name__ == "__main__":
    from tinytorch.core.losses import cross_entropy
    from tinytorch.core.optimizers import AdamW

    optimizer = AdamW(model.parameters(), lr=0.01)
    windows = np.array([ids[start : start + 25] for start in range(len(ids) - 24)])
    model.train()
    print(f"ln({len(letters)}) = {math.log(len(letters)):.2f}")
    for step in range(61):
        optimizer.zero_grad()
        loss = cross_entropy(model(windows[:, :-1]), windows[:, 1:])
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step:2}: loss {loss.item():.2f}")
    for temperature in (0, 1, 3):
        rng = np.random.default_rng(13)
        new = generate(model, ids[:8], 32, temperature=temperature, rng=rng)
        print(f"temperature {temperature}: {text[:8]}|" + "".join(letters[token] for token in new))


# %% [markdown]
# ## Weights of others
#
# Given: published weights have the names and the layout of PyTorch. There a Linear keeps (out, in): its weight is turned.
# Nothing is loaded unless all of it fits.

# %% load-weights
#| export
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


# %% there-and-back
if __name__ == "__main__":
    published = pytorch_state(model)
    name = "blocks.0.feed_forward.up_proj.weight"
    print("here:", model.state_dict()[name].shape, "  published:", published[name].shape)
    other = GPT(config, vectorized_attention)
    load_weights(other, published)
    same = np.array_equal(other(ids[None, :24]).data, model(ids[None, :24]).data)
    print("the same logits from loaded weights:", same)

# %% [markdown]
# ## What is left out, and why
#
# - **A cache of keys and values.** `generate` computes the whole context again for each token. A cache saves that, and costs
#   bookkeeping that hides the idea.
# - **Grouped heads.** Newer models share keys and values among heads, to save memory in such a cache.
# - **Padding in GPT.** Its texts are cut to one length; a causal mask is all it needs.
# - **Real size.** The same classes hold larger models; NumPy on a laptop is what limits them.
#
# ## Report

# %% report
if __name__ == "__main__":
    print(
        "📈 Progress: Transformers ✓  (norms, rotary, Block, EncoderBlock, CrossAttentionBlock, GPT)"
    )
    print("💡 Next: tito module complete 13, then the examples")
