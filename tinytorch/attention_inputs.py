"""What attention asks of its arguments: given, so that module 12 can be about attention.

Shapes are checked before they can go wrong deep inside. A mask's sentence everywhere: nonzero means
the query may look at that key.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinytorch.tensor_base import TensorBase

Array = npt.NDArray[Any]


def check_inputs(Q: TensorBase, K: TensorBase, V: TensorBase) -> None:
    """Check the arguments of an attention function.

    Raises:
        TypeError: an argument is not a Tensor of floats, or is one of float16.
        ValueError: an argument has too few or too many axes, or sizes that do not belong together.
    """
    for name, x in (("Q", Q), ("K", K), ("V", V)):
        if not isinstance(x, TensorBase):
            raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}: Tensor({name})?")
        if x.data.dtype.kind != "f":
            raise TypeError(f"{name} must hold floats, got {x.data.dtype}; embed token ids first")
        if x.data.ndim not in (3, 4):
            raise ValueError(
                f"{name} has shape {x.data.shape}; attention takes (batch, seq_len, d) "
                "or (batch, heads, seq_len, d)"
            )
    require_wide(Q=Q, K=K, V=V)
    check_sizes(Q.data.shape, K.data.shape, V.data.shape)


def check_sizes(Q: Sequence[int], K: Sequence[int], V: Sequence[int]) -> None:
    """Check that the shapes of queries, keys and values belong together."""
    shapes = f"Q {Q}, K {K}, V {V}"
    if not Q[:-2] == K[:-2] == V[:-2]:
        raise ValueError(f"batch (and heads) must agree: {shapes}")
    if Q[-1] != K[-1] or Q[-1] == 0:
        raise ValueError(f"queries and keys must share d_k, the last size, at least 1: {shapes}")
    if K[-2] != V[-2]:
        raise ValueError(f"every key needs one value: n_k of K and V must agree: {shapes}")


def check_words(embed_dim: int, **arguments: TensorBase) -> None:
    """Check the query, key and value of multi-head attention, each (batch, n, embed_dim).

    Raises:
        TypeError: one is no Tensor; the message names it.
        ValueError: one has another shape, or they do not belong together.
    """
    for name, x in arguments.items():
        if not isinstance(x, TensorBase):
            raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}: Tensor(...)?")
        if x.data.ndim != 3 or x.data.shape[-1] != embed_dim:
            raise ValueError(
                f"{name} has shape {x.data.shape}, expected (batch, seq_len, {embed_dim})"
            )
    query, key, value = (x.data.shape for x in arguments.values())
    if key != value or query[0] != key[0]:
        raise ValueError(
            f"query {query} and key {key} must share the batch, key and value {value} the shape"
        )


def require_wide(**tensors: TensorBase) -> None:
    """Refuse float16: scores beyond 65,504 are infinite in it, and a row may not sum to 1."""
    for name, x in tensors.items():
        if x.data.dtype == np.float16:
            raise TypeError(f"{name} is float16, too narrow for attention: use float32 or float64")


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
    allowed = may_look(mask)
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


def may_look(mask: Any) -> Array:
    """A mask as booleans; refused where it holds what a mask of this meaning cannot hold."""
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
    return allowed


def largest_allowed(scores: Array, allowed: Array) -> Array:
    """Largest allowed score of each row, (..., n_q, 1); 0 where nothing is allowed."""
    hidden = np.where(allowed, scores, -np.inf)
    largest: Array = hidden.max(axis=-1, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, 0)
