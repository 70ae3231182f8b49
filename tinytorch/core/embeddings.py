# 11. Embeddings
# Made from modules/11_embeddings/embeddings_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: a7c024ea10452692945306e7b6720d9f86207c5c7450a50dafbdc270870e48bc


# cell: imports
from typing import Any

import numpy as np

from tinytorch.core.layers import Layer, require_size
from tinytorch.core.tensor import Array, Tensor, op, unwrap


# cell: 11.1-embedding-lookup
@op
def embedding_lookup(weight: Array, *, ids: Array) -> Any:
    """Pick a row for each id. weight: (vocab_size, embed_dim), ids: (...) -> (..., embed_dim)."""
    return weight[ids]


# cell: 11.2-embedding-lookup-rule
@embedding_lookup.gradient
def embedding_lookup_rule(grad: Array, output: Array, weight: Array, *, ids: Array) -> tuple[Array]:
    """Gradient of the lookup: each row of `grad` is added to the row it came from."""
    total = np.zeros(weight.shape, weight.dtype)
    np.add.at(total, ids, grad)
    return (total,)


# cell: 11.3-as-ids
def as_ids(ids: Any, vocab_size: int) -> Array:
    """Turn ids into an array of integers and check that each is a row of the table.

    Args:
        ids: a tensor, array, (nested) list or int, any shape.
        vocab_size: the number of rows.

    Returns:
        The ids in a new array, the same shape.

    Raises:
        TypeError: the ids are not integers.
        ValueError: an id is negative or too large.
    """
    array = np.array(unwrap(ids))  # a copy: the gradient needs the ids as they are now
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers; got dtype {array.dtype}")
    wrong = np.argwhere((array < 0) | (array >= vocab_size))
    if len(wrong):
        position = tuple(wrong[0].tolist())
        raise ValueError(
            f"ids: {array[position]} at position {position} is no row of the table; "
            f"valid ids are 0 to {vocab_size - 1}"
        )
    return array


# cell: 11.4-embedding
class Embedding(Layer):
    """A table with one learned row for each id.

    Args:
        vocab_size: the number of rows.
        embed_dim: the length of a row.
        rng: where the first numbers come from; None means a new generator.

    Raises:
        ValueError: a size is not a positive int.

    Source: first numbers from N(0, 1), as documented for torch.nn.Embedding.
    """

    def __init__(
        self, vocab_size: int, embed_dim: int, *, rng: np.random.Generator | None = None
    ) -> None:
        require_size("vocab_size", vocab_size)
        require_size("embed_dim", embed_dim)
        rng = np.random.default_rng() if rng is None else rng
        self.weight = Tensor(rng.standard_normal((vocab_size, embed_dim)), requires_grad=True)

    def forward(self, ids: Any) -> Tensor:
        """Look up each id. ids: integers (...) -> (..., embed_dim); errors as in `as_ids`."""
        return embedding_lookup(self.weight, ids=as_ids(ids, self.weight.shape[0]))


# cell: 11.5-positional-embedding
class PositionalEmbedding(Layer):
    """Add a learned row for each position.

    Args:
        max_len: the longest sentence, in tokens.
        embed_dim: the length of a row.
        rng: where the first numbers come from; None means a new generator.

    Raises:
        ValueError: a size is not a positive int.

    Source: Gehring et al. 2017, "Convolutional sequence to sequence learning", section 3.1.
    """

    def __init__(
        self, max_len: int, embed_dim: int, *, rng: np.random.Generator | None = None
    ) -> None:
        require_size("max_len", max_len)
        require_size("embed_dim", embed_dim)
        rng = np.random.default_rng() if rng is None else rng
        self.weight = Tensor(rng.standard_normal((max_len, embed_dim)), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        """Add row t to token t. x: (batch, seq_len, embed_dim) -> the same shape.

        Raises:
            ValueError: `x` does not fit, or its sentences are longer than `max_len`.
        """
        max_len, embed_dim = self.weight.shape
        if x.ndim < 2 or x.shape[-1] != embed_dim:
            raise ValueError(f"x is {x.shape}, expected (batch, seq_len, embed_dim={embed_dim})")
        if x.shape[-2] > max_len:
            raise ValueError(f"x has seq_len {x.shape[-2]}, longer than max_len={max_len}")
        return x + self.weight[: x.shape[-2]]


# cell: 11.6-sinusoidal-positions
def sinusoidal_positions(seq_len: int, embed_dim: int) -> Tensor:
    """Compute a row for each position from sines and cosines.

    Args:
        seq_len: how many positions.
        embed_dim: the length of a row; even.

    Returns:
        The rows, shape (seq_len, embed_dim); constants, without a gradient.

    Raises:
        ValueError: a size is not a positive int, or `embed_dim` is odd.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.5.
    """
    require_size("seq_len", seq_len)
    require_size("embed_dim", embed_dim)
    if embed_dim % 2:
        raise ValueError(f"embed_dim must be even, one sine and one cosine each; got {embed_dim}")
    speeds = 10000.0 ** (-np.arange(0, embed_dim, 2) / embed_dim)
    angles = np.arange(seq_len)[:, None] * speeds  # (seq_len, embed_dim / 2)
    rows = np.empty((seq_len, embed_dim))
    rows[:, 0::2] = np.sin(angles)
    rows[:, 1::2] = np.cos(angles)
    return Tensor(rows)


__all__ = [
    "Embedding",
    "PositionalEmbedding",
    "as_ids",
    "embedding_lookup",
    "embedding_lookup_rule",
    "sinusoidal_positions",
]
