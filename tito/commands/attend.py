"""What `tito show attention` runs in a child process: the learner's own attention on some words.

Its vectors are computed, not learned. A word's letters and pairs of letters are hashed into one
part, so words that share letters are similar; the sinusoids of its position fill the other part.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any
from zlib import crc32

LETTERS, PLACE = 48, 16  # widths of the two parts
LIKE, NEAR = 16.0, 8.0  # q · k of equal letters, and of equal places: scores of 2 and 1


def attend(words: list[str], heads: int, causal: bool, seed: int) -> dict[str, Any]:
    """Return one map of weights a head, and where the learner's mask blocks.

    Args:
        words: at least one.
        heads: 0 calls scaled_dot_product_attention with the words as queries, keys and values;
            more call a MultiHeadAttention with the random weights of `seed`.
        causal: whether to pass the learner's own create_causal_mask.
        seed: of the generator handed to MultiHeadAttention.
    """
    own = import_module("tinytorch.core.attention")
    tensor = import_module("tinytorch.core.tensor").Tensor
    padding = -(LETTERS + PLACE) % (heads or 1)
    x = tensor([[embed(word, i, padding) for i, word in enumerate(words)]])  # (1, n, width)
    n = len(words)
    mask: Any = own.create_causal_mask(n) if causal else None
    look = own.scaled_dot_product_attention
    if heads:
        rng = import_module("numpy").random.default_rng(seed)
        look = own.MultiHeadAttention(x.shape[-1], heads, rng=rng).attend
    weights = weights_in(look(x, x, x, mask), heads, n)
    blocked = (mask.data == 0).reshape(n, n).tolist() if causal else None
    return {"maps": weights.tolist(), "blocked": blocked}


def embed(word: str, position: int, padding: int) -> list[float]:
    """A word's vector: its letters, its place, and zeros up to a width that the heads divide."""
    zeros = [0.0] * padding
    letters, place = letter_part(word.casefold()), place_part(position)
    return [math.sqrt(LIKE) * v for v in letters] + [math.sqrt(NEAR) * v for v in place] + zeros


def letter_part(word: str) -> list[float]:
    """Letters, and pairs with the word's ends, hashed into a vector of length 1."""
    marked, vector = f"^{word}$", [0.0] * LETTERS
    for piece in [*word, *(marked[i : i + 2] for i in range(len(marked) - 1))]:
        code = crc32(piece.encode())
        vector[code % LETTERS] += 1 if code & 0x1000000 else -1
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def place_part(position: int) -> list[float]:
    """Sinusoids of a position as in Vaswani et al. 2017, section 3.5, scaled to length 1."""
    angles = [position / 10000 ** (2 * k / PLACE) for k in range(PLACE // 2)]
    waves = [wave(angle) for angle in angles for wave in (math.sin, math.cos)]
    return [value / math.sqrt(PLACE // 2) for value in waves]


def weights_in(result: Any, heads: int, n: int) -> Any:
    """The weights as an array (heads, n, n), or an error that says what came instead."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"expected (output, weights), got {type(result).__name__}")
    expected = (1, heads, n, n) if heads else (1, n, n)
    data: Any = getattr(result[1], "data", None)
    if getattr(data, "shape", None) != expected:
        raise ValueError(f"weights have shape {getattr(data, 'shape', None)}, not {expected}")
    return data.reshape(-1, n, n)
