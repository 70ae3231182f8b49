# %% [markdown]
# # 15. Quantization
#
# A weight of float32 takes four bytes. Most of them say little: rounded to one byte, or to half a byte, the model says almost
# the same. Here the bytes are really stored, and what the rounding costs is measured in the loss.
#
# **You will** round to int8 with one scale a tensor, a channel or a block, write the blocks Q8_0 and Q4_1 of llama.cpp's files
# byte for byte, multiply int8 exactly, and quantize a whole GPT.
#
# **Before you start:** modules 01, 03 and 13. **Time:** 3 hours.

# %% export-target
#| default_exp core.quantization

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import quantization_checks as checks

# %% imports
#| export
import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.core.layers import Layer, Linear, walk
from tinytorch.core.tensor import Array, Op, Tensor

# %% [markdown]
# ## One example for the whole module
#
# The weight of a Linear, (in, out) = (64, 3), in float32. Its three columns, one for each output, differ in size.

# %% example
weight = np.random.default_rng(15).normal(size=(64, 3)).astype(np.float32)
weight *= np.array([1.0, 0.1, 0.01], np.float32)

if __name__ == "__main__":
    print("largest of each column:", np.abs(weight).max(axis=0).round(3))
    print("bytes:", weight.nbytes)


# %% [markdown]
# ## Steps and a scale
#
# An int8 is a whole number from -128 to 127. So `x` becomes a number of steps, and the **scale** says how long a step is.
#
# ### Exercise 15.1: absmax_scale
#
# The largest number shall be 127 steps from zero:
#
# $$s = \frac{\max |x|}{127}$$
#
# Where all numbers are zero, any scale would do, but 0 divides badly: take 1.
#
# On paper: of -2.54, 0.513 and 1.28 the scale is 0.02.
#
# **Plan.** 1. The largest $|x|$, over all numbers or along `axis`; keep the axes, so that the scale broadcasts. 2. Divide. 3. As
# float32, 1 for 0.
#
# <details><summary>Hint</summary>
#
# `np.max(..., axis=axis, keepdims=True)` takes `axis=None`, too. `np.where` chooses.
#
# </details>

# %% 15.1-absmax-scale
#| export
def require_finite(name: str, x: Array) -> None:
    """Refuse NaN and infinity, which no scale fits; `name` goes into the message."""
    if not np.isfinite(x).all():
        place = tuple(np.argwhere(~np.isfinite(x))[0].tolist())
        raise ValueError(f"{name} must be finite; got {x[place]} at {place}")


def absmax_scale(x: Array, axis: int | None = None) -> Array:
    """Find the length of a step: the largest `|x|` is 127 steps.

    Args:
        x: floats, any shape.
        axis: the axis along which numbers share a scale; None: all share one.

    Returns:
        The scales, float32, never 0; the shape of `x` with 1 in place of what shares.

    Raises:
        ValueError: `x` holds NaN or infinity.
    """
    require_finite("x", x)
    ### BEGIN SOLUTION 15.1
    largest = np.max(np.abs(x), axis=axis, keepdims=True)
    scale = (largest / 127).astype(np.float32)
    return np.where(scale == 0, np.float32(1), scale)
    ### END SOLUTION


# %% test-15.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: absmax_scale...")
    checks.absmax_scale(absmax_scale, [-2.54, 0.513, 1.28], gives=[0.02])
    print("✅ absmax_scale: the largest is 127 steps, along any axis, never 0")


# %% [markdown]
# ### Exercise 15.2: quantize_int8 and dequantize_int8
#
# $$q = \text{clip}\left(\text{round}\left(\frac{x}{s}\right), -127, 127\right) \qquad \hat x = q \cdot s$$
#
# -128 stays unused: so $-x$ gives $-q$, and exercise 15.7 needs it. On paper, with a step of 0.02: -2.54 gives -127, 0.513
# gives 26, and 26 steps are 0.52.
#
# **Plan.** There: divide, round, clip, then to int8. Back: float32, times the scale.
#
# <details><summary>Hint</summary>
#
# `astype(np.int8)` cuts the decimals off and lets 128 become -128: round with `np.rint` and clip before.
#
# </details>

# %% 15.2-int8
#| export
def quantize_int8(x: Array, scale: Array) -> Array:
    """Round to whole steps, -127 to 127.

    Args:
        x: floats, any shape.
        scale: the length of a step, positive; broadcasts to the shape of `x`.

    Returns:
        The steps, int8, the shape of `x`.
    """
    ### BEGIN SOLUTION 15.2
    return np.clip(np.rint(x / scale), -127, 127).astype(np.int8)
    ### END SOLUTION


def dequantize_int8(numbers: Array, scale: Array) -> Array:
    """Turn steps back into float32. numbers: int8 (...), scale broadcasts to it -> (...)."""
    ### BEGIN SOLUTION 15.2
    return numbers.astype(np.float32) * scale
    ### END SOLUTION


# %% test-15.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: quantize_int8 and dequantize_int8...")
    scale = np.float32([0.02])
    checks.quantize_int8(quantize_int8, [-2.54, 0.513, 1.28], scale, gives=[-127, 26, 64])
    checks.dequantize_int8(dequantize_int8, [-127, 26, 64], scale, gives=[-2.54, 0.52, 1.28])
    print("✅ int8 there and back: rounded, clipped, one byte each")

# %% [markdown]
# ## Half a step
#
# Rounding moves a number by half a step at most: $|\hat x - x| \le s / 2$. Below, with one scale for the whole weight. The
# bound is the same for all three columns; in the third it is as large as the numbers.

# %% half-a-step
if __name__ == "__main__":
    scale = absmax_scale(weight)
    error = np.abs(dequantize_int8(quantize_int8(weight, scale), scale) - weight)
    print(f"half a step: {scale.item() / 2:.4f}")
    print("worst error of each column:   ", error.max(axis=0).round(4))
    print("largest number of each column:", np.abs(weight).max(axis=0).round(4))


# %% [markdown]
# ### Exercise 15.3: one scale a tensor, one scale a channel
#
# An output is a sum over the inputs:
#
# $$y_o = \sum_i x_i W_{io} = \sum_i x_i\, q_{io} s_o = s_o \sum_i x_i\, q_{io}$$
#
# A scale for each output can be taken out of the sum; one for each input cannot. Such a **channel** is a column here: a
# Linear of ours keeps (in, out).
#
# **Plan.** Find the scale along the right axis, quantize, return both.
#
# <details><summary>Hint</summary>
#
# The axis to give is the one that goes away: numbers along it share a scale. The scale of channels is (1, out).
#
# </details>

# %% 15.3-channels
#| export
def quantize_per_tensor(weight: Array) -> tuple[Array, Array]:
    """Round a weight with one scale. (in, out) -> int8 (in, out), scale (1, 1)."""
    ### BEGIN SOLUTION 15.3
    scale = absmax_scale(weight)
    return quantize_int8(weight, scale), scale
    ### END SOLUTION


def quantize_per_channel(weight: Array) -> tuple[Array, Array]:
    """Round a weight with a scale for each output. (in, out) -> int8 (in, out), scale (1, out)."""
    ### BEGIN SOLUTION 15.3
    scale = absmax_scale(weight, axis=0)
    return quantize_int8(weight, scale), scale
    ### END SOLUTION


# %% test-15.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: quantize_per_tensor and quantize_per_channel...")
    checks.quantize_per_tensor(quantize_per_tensor)
    checks.quantize_per_channel(quantize_per_channel)
    print("✅ per tensor, per channel: a large column no longer spoils the others")

# %% [markdown]
# ### Exercise 15.4: blocks of 32
#
# One large number makes the steps of its whole column long. So cut each column into blocks of 32 inputs, each with its own
# scale: the sum over the inputs becomes a sum over blocks.
#
# $$y_o = \sum_b s_{bo} \sum_{i \in b} x_i\, q_{io}$$
#
# **Plan.** 1. A `ValueError` that shows the shape where `in` is no multiple of 32. 2. Cut (in, out) into (in / 32, 32, out). 3. A
# scale for each block and output.
#
# <details><summary>Hint</summary>
#
# `reshape(-1, BLOCK, out)` keeps the order: block 0 holds inputs 0 to 31. The numbers of a block lie along axis 1.
#
# </details>

# %% 15.4-blocks
#| export
BLOCK = 32  # numbers that share a scale, as in llama.cpp


def quantize_per_block(weight: Array) -> tuple[Array, Array]:
    """Round a weight with a scale for each output and block of 32 inputs.

    Args:
        weight: floats (in, out); `in` is a multiple of 32.

    Returns:
        int8 (in / 32, 32, out), and the scales (in / 32, 1, out).

    Raises:
        ValueError: `in` is no multiple of 32.
    """
    ### BEGIN SOLUTION 15.4
    if len(weight) % BLOCK:
        raise ValueError(f"weight is {weight.shape}; `in` must be a multiple of {BLOCK}")
    parts = weight.reshape(-1, BLOCK, weight.shape[1])  # (in / 32, 32, out)
    scale = absmax_scale(parts, axis=1)
    return quantize_int8(parts, scale), scale
    ### END SOLUTION


# %% test-15.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: quantize_per_block...")
    checks.quantize_per_block(quantize_per_block)
    print("✅ quantize_per_block: 32 inputs of one output share a scale")

# %% [markdown]
# ## What the scales cost
#
# Error is the root of the mean square, divided by that of the column. More scales are more bytes, and less error.

# %% three-ways
if __name__ == "__main__":
    for way in (quantize_per_tensor, quantize_per_channel, quantize_per_block):
        numbers, scale = way(weight)
        error = dequantize_int8(numbers, scale).reshape(weight.shape) - weight
        relative = np.sqrt((error**2).mean(axis=0) / (weight**2).mean(axis=0))
        kinds = ", ".join(f"{value:.3%}" for value in relative)
        print(f"{way.__name__:20} {numbers.nbytes + scale.nbytes:4} bytes   errors {kinds}")

# %% [markdown]
# ## The bytes of a file
#
# llama.cpp runs models from GGUF files. Their blocks lie along the last axis, each with its own scale in float16 (two bytes),
# right before its numbers. A structured dtype says which byte is what; viewing bytes with it copies nothing.
#
# Given: `in_blocks` cuts rows, `as_stored` and `as_bytes` go between bytes and blocks. `inverse` is $1/s$, and 0 for 0.
# `round_half_away` is C's `roundf`: 2.5 becomes 3, where `np.rint` gives 2.

# %% block-bytes
#| export
Q8_0 = np.dtype([("scale", "<f2"), ("steps", "i1", BLOCK)])  # 34 bytes
Q4_1 = np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("pairs", "u1", BLOCK // 2)])  # 20 bytes
LARGEST = 65504.0  # of float16


def in_blocks(x: Array) -> Array:
    """Cut rows into blocks. x: (..., n) -> float32 (..., n / 32, 32).

    Raises:
        ValueError: n is no multiple of 32, or a number is beyond ±65504 or NaN.
    """
    if x.ndim == 0 or x.shape[-1] % BLOCK:
        raise ValueError(f"x is {x.shape}; its last axis must be a multiple of {BLOCK}")
    beyond = np.argwhere(~(np.abs(x) <= LARGEST))  # NaN is beyond, too
    if len(beyond):
        place = tuple(beyond[0].tolist())
        raise ValueError(f"x must lie within ±{LARGEST:.0f}; got {x[place]} at {place}")
    return x.astype(np.float32).reshape(*x.shape[:-1], -1, BLOCK)


def as_stored(blocks: Array, kind: "np.dtype[Any]") -> Array:
    """View bytes as blocks. blocks: uint8 (..., bytes) -> (..., blocks), of dtype `kind`.

    Raises:
        ValueError: these are no bytes, or not those of whole blocks.
    """
    if blocks.dtype != np.uint8 or blocks.ndim == 0 or blocks.shape[-1] % kind.itemsize:
        came = f"{blocks.dtype} of shape {blocks.shape}"
        raise ValueError(f"blocks must be uint8, {kind.itemsize} bytes each; got {came}")
    return np.ascontiguousarray(blocks).view(kind)


def as_bytes(stored: Array) -> Array:
    """View blocks as bytes. (..., blocks) -> uint8 (..., bytes)."""
    return stored.view(np.uint8)


def inverse(scale: Array) -> Array:
    """Divide 1 by float32 scales; 0 where a scale is 0, or so small that 1 / scale is infinite."""
    with np.errstate(divide="ignore", over="ignore"):
        found = np.float32(1) / scale
    return np.where(np.isfinite(found), found, np.float32(0))


def round_half_away(x: Array) -> Array:
    """Round to whole numbers, halves away from zero."""
    size = np.abs(x)
    whole = np.floor(size)
    rounded: Array = np.copysign(whole + (size - whole >= 0.5), x)
    return rounded


# %% [markdown]
# ### Exercise 15.5: Q8_0
#
# A block of 32 numbers is 34 bytes: `scale`, then 32 `steps` in int8.
#
# $$d = \frac{\max |x|}{127} \qquad q = \text{round}(x \cdot \tfrac{1}{d}) \qquad \hat x = q \cdot d_{16}$$
#
# Steps come from $d$ in float32; stored is $d_{16}$, rounded to float16. The product with $\tfrac{1}{d}$ is meant: $x / d$ can
# round to another step.
#
# **Plan.** There: `np.empty(parts.shape[:-1], Q8_0)`, fill both fields, return its bytes. Back: `as_stored`, steps in float32
# times scales in float32, in rows again.
#
# <details><summary>Hint</summary>
#
# `stored["scale"] = ...` rounds to float16 by itself. A scale is one number a block: (..., blocks), without the last axis.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Back: `stored["steps"]` is (..., blocks, 32), `stored["scale"][..., None]` broadcasts to it; float16 first becomes float32.
#
# </details>

# %% 15.5-q8-0
#| export
def quantize_q8_0(x: Array) -> Array:
    """Round rows to blocks of Q8_0, byte for byte as llama.cpp's files hold them.

    Args:
        x: floats (..., n); n is a multiple of 32.

    Returns:
        Bytes, uint8 (..., n / 32 * 34).

    Raises:
        ValueError: n is no multiple of 32, or a number is beyond ±65504 or NaN.

    Source: ggml, quantize_row_q8_0_ref; gguf-py 0.19.0, gguf.quants.
    """
    parts = in_blocks(x)  # (..., blocks, 32)
    ### BEGIN SOLUTION 15.5
    scale = np.max(np.abs(parts), axis=-1, keepdims=True) / np.float32(127)
    stored = np.empty(parts.shape[:-1], Q8_0)
    stored["scale"] = scale[..., 0]
    stored["steps"] = round_half_away(parts * inverse(scale))
    return as_bytes(stored)
    ### END SOLUTION


def dequantize_q8_0(blocks: Array) -> Array:
    """Turn blocks of Q8_0 into numbers. uint8 (..., bytes) -> float32 (..., numbers)."""
    ### BEGIN SOLUTION 15.5
    stored = as_stored(blocks, Q8_0)
    x = stored["steps"].astype(np.float32)  # (..., blocks, 32)
    x *= stored["scale"].astype(np.float32)[..., None]
    return x.reshape(*blocks.shape[:-1], -1)
    ### END SOLUTION


# %% test-15.5 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: quantize_q8_0 and dequantize_q8_0...")
    checks.quantize_q8_0(quantize_q8_0)
    checks.dequantize_q8_0(dequantize_q8_0)
    print("✅ Q8_0: the bytes of llama.cpp, there and back")


# %% [markdown]
# ### Exercise 15.6: Q4_1
#
# Half a byte, a **nibble**, counts 0 to 15. So a block stores its minimum, too, and counts steps from there. 20 bytes:
# `scale`, `minimum`, 16 `pairs`.
#
# $$d = \frac{\max x - \min x}{15} \qquad q = \lfloor (x - \min x) \cdot \tfrac{1}{d} + 0.5 \rfloor \qquad \hat x = q \cdot d_{16} + m_{16}$$
#
# Byte $j$ holds number $j$ in its low nibble and number $j + 16$ in its high one.
#
# **Plan.** There: steps as uint8, at most 15; pack; fill three fields. Back: unpack, scale, add the minimum, all in float32.
#
# <details><summary>Hint</summary>
#
# `low | (high << 4)` packs two uint8 arrays. `pairs & 15` and `pairs >> 4` take them apart.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `steps[..., :16]` are the low nibbles, `steps[..., 16:]` the high ones; `np.concatenate([low, high], axis=-1)` joins them again.
#
# </details>

# %% 15.6-q4-1
#| export
def quantize_q4_1(x: Array) -> Array:
    """Round rows to blocks of Q4_1, byte for byte as llama.cpp's files hold them.

    Args:
        x: floats (..., n); n is a multiple of 32.

    Returns:
        Bytes, uint8 (..., n / 32 * 20).

    Raises:
        ValueError: n is no multiple of 32, or a number is beyond ±65504 or NaN.

    Source: ggml, quantize_row_q4_1_ref; gguf-py 0.19.0, gguf.quants.
    """
    parts = in_blocks(x)  # (..., blocks, 32)
    ### BEGIN SOLUTION 15.6
    low, high = (side(parts, axis=-1, keepdims=True) for side in (np.min, np.max))
    scale = (high - low) / np.float32(15)
    steps = (parts - low) * inverse(scale) + np.float32(0.5)
    steps = np.minimum(steps, 15).astype(np.uint8)
    stored = np.empty(parts.shape[:-1], Q4_1)
    stored["scale"], stored["minimum"] = scale[..., 0], low[..., 0]
    stored["pairs"] = steps[..., :16] | (steps[..., 16:] << 4)
    return as_bytes(stored)
    ### END SOLUTION


def dequantize_q4_1(blocks: Array) -> Array:
    """Turn blocks of Q4_1 into numbers. uint8 (..., bytes) -> float32 (..., numbers)."""
    ### BEGIN SOLUTION 15.6
    stored = as_stored(blocks, Q4_1)
    low, high = stored["pairs"] & 15, stored["pairs"] >> 4
    x = np.concatenate([low, high], axis=-1).astype(np.float32)  # (..., blocks, 32)
    x *= stored["scale"].astype(np.float32)[..., None]
    x += stored["minimum"].astype(np.float32)[..., None]
    return x.reshape(*blocks.shape[:-1], -1)
    ### END SOLUTION


# %% test-15.6 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: quantize_q4_1 and dequantize_q4_1...")
    checks.quantize_q4_1(quantize_q4_1)
    checks.dequantize_q4_1(dequantize_q4_1)
    print("✅ Q4_1: two numbers a byte, there and back")

# %% [markdown]
# ## Bits for a number
#
# A row of a file is what a column is here: the inputs of one output. So the weight is turned. `decode` (given) reads a tensor
# of any kind that `tinytorch.gguf_file` opens.

# %% decode
#| export
DECODERS: dict[str, Callable[[Array], Array]] = {
    "F32": lambda data: data.view("<f4"),
    "F16": lambda data: data.view("<f2").astype(np.float32),
    "Q8_0": dequantize_q8_0,
    "Q4_1": dequantize_q4_1,
}


def decode(kind: str, data: Array) -> Array:
    """Turn bytes of a GGUF tensor into numbers. uint8 (..., bytes) -> float32 (..., numbers).

    Raises:
        ValueError: `kind` is none of F32, F16, Q8_0 and Q4_1.
    """
    if kind not in DECODERS:
        raise ValueError(f"kind must be one of {', '.join(DECODERS)}; got {kind!r}")
    return DECODERS[kind](data)


# %% bits
if __name__ == "__main__":
    for kind, quantize in (("Q8_0", quantize_q8_0), ("Q4_1", quantize_q4_1)):
        blocks = quantize(weight.T)  # (out, bytes)
        error = decode(kind, blocks).T - weight
        relative = np.sqrt((error**2).mean(axis=0) / (weight**2).mean(axis=0))
        bits = 8 * blocks.nbytes / weight.size
        kinds = ", ".join(f"{value:.3%}" for value in relative)
        print(f"{kind}: {blocks.nbytes} bytes, {bits} bits a number   errors {kinds}")

# %% [markdown]
# ## A product of int8
#
# Chips for int8 add the products in int32, exactly. NumPy multiplies ints without BLAS, slowly. But a float32 holds every
# whole number up to $2^{24}$, so BLAS is exact, in whichever order it adds, as long as no sum can be larger:
#
# $$127 \cdot 127 \cdot 1{,}040 < 2^{24} < 127 \cdot 127 \cdot 1{,}041$$

# %% exact
if __name__ == "__main__":
    print(f"127 * 127 * 1040 = {127 * 127 * 1040:,}, 2**24 = {2**24:,}")
    for terms in (1040, 1041):
        a = np.full((1, terms), 127, np.float32)
        print(f"{terms:,} terms: {(a @ a.T).item():,.0f}, exactly {127 * 127 * terms:,}")

# %% [markdown]
# ### Exercise 15.7: int8_matmul
#
# Longer sums are cut; the parts are added as integers:
#
# $$\sum_{i} a_i b_i = \sum_{c}\; \sum_{i \in c} a_i b_i \qquad |c| \le 1{,}040$$
#
# **Plan.** 1. For each chunk of the inner axis: both sides as float32, their product, to int64. 2. Add.
#
# <details><summary>Hint</summary>
#
# `range(0, a.shape[-1], EXACT_TERMS)` gives the beginnings. A slice may reach over the end.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# The inner axis is the last of `a` and the one before the last of `b`: `a[..., part]`, `b[..., part, :]`.
#
# </details>

# %% 15.7-int8-matmul
#| export
EXACT_TERMS = 1040  # 127 * 127 * 1040 < 2**24: float32 holds each sum exactly


def require_int8(name: str, x: Array) -> None:
    """Refuse what is not int8, or holds -128; `name` goes into the message."""
    if x.dtype != np.int8 or x.ndim < 2:
        raise ValueError(f"{name} must be int8 with two axes or more; got {x.dtype} {x.shape}")
    if (x == -128).any():
        raise ValueError(f"{name} holds -128; steps must be -127 to 127, or sums are not exact")


def int8_matmul(a: Array, b: Array) -> Array:
    """Multiply matrices of steps exactly, through float32.

    Args:
        a: int8 (..., n, k), -127 to 127.
        b: int8 (..., k, m), -127 to 127.

    Returns:
        The product, int64 (..., n, m).

    Raises:
        ValueError: a side is not int8, holds -128, or k differs.
    """
    require_int8("a", a)
    require_int8("b", b)
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"a is {a.shape} and b is {b.shape}; the inner sizes differ")
    ### BEGIN SOLUTION 15.7
    total: Array = np.zeros((), np.int64)
    for start in range(0, max(1, a.shape[-1]), EXACT_TERMS):
        part = slice(start, start + EXACT_TERMS)
        sums = a[..., part].astype(np.float32) @ b[..., part, :].astype(np.float32)
        total = total + sums.astype(np.int64)
    return total
    ### END SOLUTION


# %% test-15.7 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: int8_matmul...")
    checks.int8_matmul(int8_matmul)
    print("✅ int8_matmul: equal to the product of integers, however long")


# %% [markdown]
# ## Inputs in int8
#
# ### Exercise 15.8: Int8Weight.product
#
# For a product in int8 the inputs need steps as well. They change with each call, so their scale is found then: one for each
# row and block.
#
# $$y_{no} = \sum_b r_{nb}\, s_{bo} \sum_{i \in b} p_{ni}\, q_{io} \qquad x_{ni} \approx r_{nb}\, p_{ni}$$
#
# Weights are kept as (blocks, length, out). One scale a tensor or channel is the case of a single block.
#
# **Plan.** 1. Cut `x` into (blocks, rows, length). 2. Scale and steps. 3. `int8_matmul`. 4. Times both scales, summed over blocks;
# float32, with the axes of `x` in front.
#
# <details><summary>Hint</summary>
#
# `x.reshape(-1, blocks, length)` is (rows, blocks, length): swap the first two axes.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# The scale of the inputs is (blocks, rows, 1), that of the weight (blocks, 1, out): both broadcast to the sums.
#
# </details>

# %% 15.8-int8-weight
#| export
@dataclass(frozen=True, eq=False, repr=False)
class Int8Weight:
    """The weight of a Linear as int8 and scales.

    Args:
        numbers: int8 (blocks, length, out); blocks · length is `in`.
        scale: float32 (blocks, 1, out), or 1 in place of `out`.
    """

    numbers: Array
    scale: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(in, out)."""
        blocks, length, out = self.numbers.shape
        return blocks * length, out

    @property
    def nbytes(self) -> int:
        """How many bytes are stored."""
        return self.numbers.nbytes + self.scale.nbytes

    def numpy(self) -> Array:
        """The numbers that are meant, float32 (in, out)."""
        return dequantize_int8(self.numbers, self.scale).reshape(self.shape)

    def product(self, x: Array) -> Array:
        """Multiply in int8, with inputs rounded to it. x: (..., in) -> float32 (..., out)."""
        ### BEGIN SOLUTION 15.8
        blocks, length, out = self.numbers.shape
        parts = x.reshape(-1, blocks, length).swapaxes(0, 1)  # (blocks, rows, length)
        scale = absmax_scale(parts, axis=-1)
        sums = int8_matmul(quantize_int8(parts, scale), self.numbers)  # (blocks, rows, out)
        total: Array = (sums * scale * self.scale).sum(axis=0)
        return total.reshape(*x.shape[:-1], out).astype(np.float32)
        ### END SOLUTION

    def __repr__(self) -> str:
        return f"Int8Weight({self.shape}, {self.nbytes} bytes)"


# %% test-15.8 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: Int8Weight.product...")
    checks.int8_weight(Int8Weight)
    print("✅ Int8Weight.product: whole steps inside, scales outside")


# %% [markdown]
# ## Ways to store
#
# Given: blocks of bytes are decoded for each product, so they save memory, not arithmetic. Each function below takes a weight
# (in, out) and returns what is stored.

# %% ways-to-store
#| export
@dataclass(frozen=True, eq=False, repr=False)
class BlockWeight:
    """The weight of a Linear as rows of a GGUF file, one row for each output.

    Args:
        kind: as a GGUFTensor says it: "Q8_0", "Q4_1", "F32" or "F16".
        blocks: uint8 (out, bytes of a row).
    """

    kind: str
    blocks: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(in, out)."""
        return decode(self.kind, self.blocks[:1]).shape[1], len(self.blocks)

    @property
    def nbytes(self) -> int:
        """How many bytes are stored."""
        return self.blocks.nbytes

    def numpy(self) -> Array:
        """The numbers that are meant, float32 (in, out)."""
        return decode(self.kind, self.blocks).T

    def product(self, x: Array) -> Array:
        """Multiply in float32. x: (..., in) -> (..., out)."""
        return x @ self.numpy()

    def __repr__(self) -> str:
        return f"BlockWeight({self.kind}, {self.shape}, {self.nbytes} bytes)"


Stored = Int8Weight | BlockWeight


def int8_tensor(weight: Array) -> Int8Weight:
    """Store a weight (in, out) as int8 with one scale."""
    numbers, scale = quantize_per_tensor(weight)
    return Int8Weight(numbers[None], scale[None])


def int8_channels(weight: Array) -> Int8Weight:
    """Store a weight (in, out) as int8 with a scale for each output."""
    numbers, scale = quantize_per_channel(weight)
    return Int8Weight(numbers[None], scale[None])


def int8_blocks(weight: Array) -> Int8Weight:
    """Store a weight (in, out) as int8 with a scale for each output and block of 32 inputs."""
    return Int8Weight(*quantize_per_block(weight))


def q8_0(weight: Array) -> BlockWeight:
    """Store a weight (in, out) as blocks of Q8_0."""
    return BlockWeight("Q8_0", quantize_q8_0(weight.T))


def q4_1(weight: Array) -> BlockWeight:
    """Store a weight (in, out) as blocks of Q4_1."""
    return BlockWeight("Q4_1", quantize_q4_1(weight.T))


# %% [markdown]
# ### Exercise 15.9: QuantizedLinear
#
# $$y = x \hat W + b$$
#
# The layer holds what is stored, and the bias as a constant: rounding has no useful gradient, so it does not learn, and its
# `state_dict` is empty. A model is loaded first and quantized then; a pickle keeps all of it.
#
# **Plan.** `__init__`: keep the weight, and a copy of the bias that requires no gradient. `forward`: 1. A `ValueError` that shows
# `in_features=` where the last axis does not fit. 2. A `ValueError` that names `no_grad` where `x` requires a gradient while
# `Op.recording`. 3. The product, plus the bias where there is one.
#
# <details><summary>Hint</summary>
#
# `self.weight.product` takes and gives arrays: `x.data` in, `Tensor(...)` around what comes out.
#
# </details>

# %% 15.9-quantized-linear
#| export
class QuantizedLinear(Layer):
    """A Linear whose weight is stored in few bits; it does not learn.

    Args:
        weight: what is stored, as `int8_channels(linear.weight.data)`.
        bias: the Linear's own, (out,), copied; None: there is none.
    """

    def __init__(self, weight: Stored, bias: Tensor | None = None) -> None:
        ### BEGIN SOLUTION 15.9
        self.weight = weight
        self.bias = None if bias is None else Tensor(bias.data.copy())
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Compute x W + b with the stored W. x: (..., in) -> (..., out).

        Raises:
            ValueError: `x` does not fit, or requires a gradient while operations are recorded.
        """
        ### BEGIN SOLUTION 15.9
        in_features, _ = self.weight.shape
        if x.shape[-1:] != (in_features,):
            raise ValueError(f"x is {x.shape}, but its last axis must be in_features={in_features}")
        if x.requires_grad and Op.recording:
            raise ValueError("x requires a gradient, and rounding has none: call it in no_grad()")
        product = Tensor(self.weight.product(x.data))
        return product if self.bias is None else product + self.bias
        ### END SOLUTION


# %% test-15.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: QuantizedLinear...")
    checks.quantized_linear(QuantizedLinear)
    print("✅ QuantizedLinear: stored bits, the Linear's output but for rounding")


# %% [markdown]
# ### Exercise 15.10: quantize_model
#
# Each Linear of a model is replaced, wherever it stands: in an attribute, a list, a dict. The model itself stays as it is;
# embeddings and norms are copied as float32.
#
# `copy.deepcopy(model, memo)` takes as its second argument what is "copied already": a dict from `id(part)` to its copy. Put
# there, a new layer takes the place of the old one, everywhere, and once where the same layer stands in two places.
#
# **Plan.** 1. Walk over the model. 2. For each part whose type is Linear, a QuantizedLinear under its id. 3. Copy.
#
# <details><summary>Hint</summary>
#
# `walk(model)` of module 03 gives (name, part). `type(part) is Linear`: a subclass may compute something else.
#
# </details>

# %% 15.10-quantize-model
#| export
def quantize_model(model: Layer, store: Callable[[Array], Stored]) -> Any:
    """Copy a model, with a QuantizedLinear in place of each Linear.

    Args:
        model: any layer; it is not changed. Subclasses of Linear stay as they are.
        store: turns a weight (in, out) into what is stored, as `int8_channels` or `q4_1`.

    Returns:
        The copy.

    Raises:
        ValueError: `store` does not take a weight's shape or numbers.
    """
    ### BEGIN SOLUTION 15.10
    linears = {id(part): part for _, part in walk(model) if type(part) is Linear}
    memo: dict[int, Any] = {
        key: QuantizedLinear(store(linear.weight.data), linear.bias)
        for key, linear in linears.items()
    }
    return copy.deepcopy(model, memo)
    ### END SOLUTION


# %% test-15.10 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: quantize_model...")
    checks.quantize_model(quantize_model)
    print("✅ quantize_model: each Linear replaced in a copy, the rest as it was")


# %% [markdown]
# ## What it costs a GPT
#
# A small GPT learns a text. Then its Linears are stored in each way. The error of a weight says little; what counts is the
# loss. `model_nbytes` (given) counts what is really stored, tables and norms included.

# %% model-nbytes
#| export
def model_nbytes(model: Layer) -> int:
    """Count the bytes of all tensors and stored weights below a layer, once each."""
    parts = {id(part): part for _, part in walk(model)}
    tensors = sum(part.data.nbytes for part in parts.values() if isinstance(part, Tensor))
    return tensors + sum(part.nbytes for part in parts.values() if isinstance(part, Stored))


# %% train
if __name__ == "__main__":
    from tinytorch.core.attention import vectorized_attention
    from tinytorch.core.autograd import no_grad
    from tinytorch.core.losses import cross_entropy
    from tinytorch.core.optimizers import AdamW
    from tinytorch.core.transformers import GPT, GPTConfig

    text = "a quick brown fox jumps over the lazy dog while seven wizards mix black ink. "
    letters = sorted({*text})
    ids = np.array([letters.index(letter) for letter in 2 * text])
    windows = np.stack([ids[at : at + 33] for at in range(0, len(text), 7)])
    config = GPTConfig(len(letters), context_len=32, num_layers=2, num_heads=2, embed_dim=64)
    model = GPT(config, vectorized_attention, rng=np.random.default_rng(15))
    optimizer = AdamW(model.parameters(), lr=0.003)
    for _ in range(120):
        optimizer.zero_grad()
        loss = cross_entropy(model(windows[:, :-1]), windows[:, 1:])
        loss.backward()
        optimizer.step()

# %% loss
if __name__ == "__main__":

    def loss_of(model: Layer) -> float:
        """The loss on the text that was learned."""
        with no_grad():
            return cross_entropy(model(windows[:, :-1]), windows[:, 1:]).item()

    print(f"{'float32':14} {model_nbytes(model):7,} bytes   loss {loss_of(model):.5f}")
    for store in (int8_tensor, int8_channels, int8_blocks, q8_0, q4_1):
        small = quantize_model(model, store)
        more = loss_of(small) - loss_of(model)
        print(f"{store.__name__:14} {model_nbytes(small):7,} bytes   loss {more:+.5f}")

# %% [markdown]
# ## One large channel
#
# In this model int8 costs next to nothing. In large ones, a few channels are far larger than the others (Dettmers et al. 2022,
# "LLM.int8()", section 4). Below, one such channel is made: in each block a value is 1,000 times as large, and the row that
# reads it is divided by as much. The function is the same, the loss of float32 too.
#
# Now the ways differ. `q8_0` rounds no inputs. `q4_1` has no step that is exactly 0, for the small row.

# %% large-channel
if __name__ == "__main__":
    large = copy.deepcopy(model)
    for block in large.blocks:
        values, reader = block.attention.v_proj, block.attention.out_proj
        values.weight.data[:, 0] *= 1000
        values.bias.data[0] *= 1000
        reader.weight.data[0] /= 1000
    print(f"{'float32':14} loss {loss_of(large):.5f}, before {loss_of(model):.5f}")
    for store in (int8_tensor, int8_channels, int8_blocks, q8_0, q4_1):
        more = loss_of(quantize_model(large, store)) - loss_of(large)
        print(f"{store.__name__:14} loss {more:+.5f}")

# %% [markdown]
# ## What is left out, and why
#
# - **Speed.** Here int8 goes through float32, to be exact. A processor with int8 instructions is faster; NumPy has none.
# - **The other kinds of GGUF.** Q4_K and its kin quantize the scales, too. The idea stays the same.
# - **Calibration.** GPTQ and AWQ look at inputs to choose the rounding. They need data for that.
# - **Training with rounding.** It needs a gradient that ignores the rounding.
#
# ## Report

# %% report
if __name__ == "__main__":
    print("📈 Progress: Quantization ✓  (int8, Q8_0, Q4_1, int8_matmul, QuantizedLinear)")
    print("💡 Next: tito module complete 15, then the examples")
