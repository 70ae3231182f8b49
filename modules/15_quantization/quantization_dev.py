# %% [markdown]
# # 15. Quantization
#
# What this module is for.

# %% export-target
#| default_exp core.quantization

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

# %% imports
#| export
import numpy as np

from tinytorch.core.tensor import Array

# %% [markdown]
# Draft: the decoders of Q8_0 and Q4_1.

# %% blocks
#| export
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
