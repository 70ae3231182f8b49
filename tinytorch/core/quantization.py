# 15. Quantization
# Made from modules/15_quantization/quantization_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 5b3dd77f4fa4048f211e611c683ec3afeb14ddabf18d4b45a8a2c5d8415f9c8d


# cell: imports
import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.core.layers import Layer, Linear, walk
from tinytorch.core.tensor import Array, Op, Tensor


# cell: 15.1-absmax-scale
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
    largest = np.max(np.abs(x), axis=axis, keepdims=True)
    scale = (largest / 127).astype(np.float32)
    return np.where(scale == 0, np.float32(1), scale)


# cell: 15.2-int8
def quantize_int8(x: Array, scale: Array) -> Array:
    """Round to whole steps, -127 to 127.

    Args:
        x: floats, any shape.
        scale: the length of a step, positive; broadcasts to the shape of `x`.

    Returns:
        The steps, int8, the shape of `x`.
    """
    return np.clip(np.rint(x / scale), -127, 127).astype(np.int8)


def dequantize_int8(numbers: Array, scale: Array) -> Array:
    """Turn steps back into float32. numbers: int8 (...), scale broadcasts to it -> (...)."""
    return numbers.astype(np.float32) * scale


# cell: 15.3-channels
def quantize_per_tensor(weight: Array) -> tuple[Array, Array]:
    """Round a weight with one scale. (in, out) -> int8 (in, out), scale (1, 1)."""
    scale = absmax_scale(weight)
    return quantize_int8(weight, scale), scale


def quantize_per_channel(weight: Array) -> tuple[Array, Array]:
    """Round a weight with a scale for each output. (in, out) -> int8 (in, out), scale (1, out)."""
    scale = absmax_scale(weight, axis=0)
    return quantize_int8(weight, scale), scale


# cell: 15.4-blocks
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
    if len(weight) % BLOCK:
        raise ValueError(f"weight is {weight.shape}; `in` must be a multiple of {BLOCK}")
    parts = weight.reshape(-1, BLOCK, weight.shape[1])  # (in / 32, 32, out)
    scale = absmax_scale(parts, axis=1)
    return quantize_int8(parts, scale), scale


# cell: block-bytes
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


# cell: 15.5-q8-0
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
    scale = np.max(np.abs(parts), axis=-1, keepdims=True) / np.float32(127)
    stored = np.empty(parts.shape[:-1], Q8_0)
    stored["scale"] = scale[..., 0]
    stored["steps"] = round_half_away(parts * inverse(scale))
    return as_bytes(stored)


def dequantize_q8_0(blocks: Array) -> Array:
    """Turn blocks of Q8_0 into numbers. uint8 (..., bytes) -> float32 (..., numbers)."""
    stored = as_stored(blocks, Q8_0)
    x = stored["steps"].astype(np.float32)  # (..., blocks, 32)
    x *= stored["scale"].astype(np.float32)[..., None]
    return x.reshape(*blocks.shape[:-1], -1)


# cell: 15.6-q4-1
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
    low, high = (side(parts, axis=-1, keepdims=True) for side in (np.min, np.max))
    scale = (high - low) / np.float32(15)
    steps = (parts - low) * inverse(scale) + np.float32(0.5)
    steps = np.minimum(steps, 15).astype(np.uint8)
    stored = np.empty(parts.shape[:-1], Q4_1)
    stored["scale"], stored["minimum"] = scale[..., 0], low[..., 0]
    stored["pairs"] = steps[..., :16] | (steps[..., 16:] << 4)
    return as_bytes(stored)


def dequantize_q4_1(blocks: Array) -> Array:
    """Turn blocks of Q4_1 into numbers. uint8 (..., bytes) -> float32 (..., numbers)."""
    stored = as_stored(blocks, Q4_1)
    low, high = stored["pairs"] & 15, stored["pairs"] >> 4
    x = np.concatenate([low, high], axis=-1).astype(np.float32)  # (..., blocks, 32)
    x *= stored["scale"].astype(np.float32)[..., None]
    x += stored["minimum"].astype(np.float32)[..., None]
    return x.reshape(*blocks.shape[:-1], -1)


# cell: decode
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


# cell: 15.7-int8-matmul
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
    total: Array = np.zeros((), np.int64)
    for start in range(0, max(1, a.shape[-1]), EXACT_TERMS):
        part = slice(start, start + EXACT_TERMS)
        sums = a[..., part].astype(np.float32) @ b[..., part, :].astype(np.float32)
        total = total + sums.astype(np.int64)
    return total


# cell: 15.8-int8-weight
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
        blocks, length, out = self.numbers.shape
        parts = x.reshape(-1, blocks, length).swapaxes(0, 1)  # (blocks, rows, length)
        scale = absmax_scale(parts, axis=-1)
        sums = int8_matmul(quantize_int8(parts, scale), self.numbers)  # (blocks, rows, out)
        total: Array = (sums * scale * self.scale).sum(axis=0)
        return total.reshape(*x.shape[:-1], out).astype(np.float32)

    def __repr__(self) -> str:
        return f"Int8Weight({self.shape}, {self.nbytes} bytes)"


# cell: ways-to-store
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


# cell: 15.9-quantized-linear
class QuantizedLinear(Layer):
    """A Linear whose weight is stored in few bits; it does not learn.

    Args:
        weight: what is stored, as `int8_channels(linear.weight.data)`.
        bias: the Linear's own, (out,), copied; None: there is none.
    """

    def __init__(self, weight: Stored, bias: Tensor | None = None) -> None:
        self.weight = weight
        self.bias = None if bias is None else Tensor(bias.data.copy())

    def forward(self, x: Tensor) -> Tensor:
        """Compute x W + b with the stored W. x: (..., in) -> (..., out).

        Raises:
            ValueError: `x` does not fit, or requires a gradient while operations are recorded.
        """
        in_features, _ = self.weight.shape
        if x.shape[-1:] != (in_features,):
            raise ValueError(f"x is {x.shape}, but its last axis must be in_features={in_features}")
        if x.requires_grad and Op.recording:
            raise ValueError("x requires a gradient, and rounding has none: call it in no_grad()")
        product = Tensor(self.weight.product(x.data))
        return product if self.bias is None else product + self.bias


# cell: 15.10-quantize-model
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
    linears = {id(part): part for _, part in walk(model) if type(part) is Linear}
    memo: dict[int, Any] = {
        key: QuantizedLinear(store(linear.weight.data), linear.bias)
        for key, linear in linears.items()
    }
    return copy.deepcopy(model, memo)


# cell: model-nbytes
def model_nbytes(model: Layer) -> int:
    """Count the bytes of all tensors and stored weights below a layer, once each."""
    parts = {id(part): part for _, part in walk(model)}
    tensors = sum(part.data.nbytes for part in parts.values() if isinstance(part, Tensor))
    return tensors + sum(part.nbytes for part in parts.values() if isinstance(part, Stored))


__all__ = [
    "BLOCK",
    "DECODERS",
    "EXACT_TERMS",
    "LARGEST",
    "Q4_1",
    "Q8_0",
    "BlockWeight",
    "Int8Weight",
    "QuantizedLinear",
    "absmax_scale",
    "as_bytes",
    "as_stored",
    "decode",
    "dequantize_int8",
    "dequantize_q4_1",
    "dequantize_q8_0",
    "in_blocks",
    "int8_blocks",
    "int8_channels",
    "int8_matmul",
    "int8_tensor",
    "inverse",
    "model_nbytes",
    "q4_1",
    "q8_0",
    "quantize_int8",
    "quantize_model",
    "quantize_per_block",
    "quantize_per_channel",
    "quantize_per_tensor",
    "quantize_q4_1",
    "quantize_q8_0",
    "require_finite",
    "require_int8",
    "round_half_away",
]
