# 15. Quantization
# Made from modules/15_quantization/quantization_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 8510724a98d4804349048508c2cc2b8459dddba93b2db9dd66aadbe05d093381


# cell: imports
import numpy as np

from tinytorch.core.tensor import Array


# cell: blocks
Q8_0 = np.dtype([("scale", "<f2"), ("steps", "i1", 32)])
Q4_1 = np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("pairs", "u1", 16)])


def dequantize_q8_0(blocks: Array) -> Array:
    """Decode blocks of Q8_0. blocks: uint8 (..., bytes) -> float32 (..., numbers)."""
    stored = np.ascontiguousarray(blocks).view(Q8_0)
    x = stored["steps"].astype(np.float32)
    x *= stored["scale"].astype(np.float32)[..., None]
    return x.reshape(*blocks.shape[:-1], -1)


def dequantize_q4_1(blocks: Array) -> Array:
    """Decode blocks of Q4_1. blocks: uint8 (..., bytes) -> float32 (..., numbers)."""
    stored = np.ascontiguousarray(blocks).view(Q4_1)
    low, high = stored["pairs"] & 15, stored["pairs"] >> 4
    x = np.concatenate([low, high], axis=-1).astype(np.float32)
    x *= stored["scale"].astype(np.float32)[..., None]
    x += stored["minimum"].astype(np.float32)[..., None]
    return x.reshape(*blocks.shape[:-1], -1)


__all__ = [
    "Q4_1",
    "Q8_0",
    "dequantize_q4_1",
    "dequantize_q8_0",
]
