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


def attend(words: list[str], heads: int, causal: bool, seed: int, colour: bool) -> dict[str, Any]:
    """Return a picture of the weights, and whether every row shares out all or nothing.

    Without heads, scaled_dot_product_attention gets the words as queries, keys and values; with
    them, a MultiHeadAttention does, with random weights. The mask is the learner's own, too.
    """
    np, n = import_module("numpy"), len(words)
    own = import_module("tinytorch.core.attention")
    x = import_module("tinytorch.core.tensor").Tensor([embed(words, heads or 1).tolist()])
    mask = own.create_causal_mask(n) if causal else None
    look = own.scaled_dot_product_attention
    if heads:
        look = own.MultiHeadAttention(x.shape[-1], heads, rng=np.random.default_rng(seed)).attend
    weights = weights_in(look(x, x, x, mask), heads, n)
    allowed = np.ones((n, n), bool) if mask is None else mask.data.reshape(n, n) != 0
    sums = weights.sum(axis=-1)
    whole = (abs(sums - 1) < 0.01) | (sums == 0)
    return {"picture": picture(weights, words, allowed, colour), "whole": bool(whole.all())}


def embed(words: list[str], heads: int) -> Any:
    """A row a word: its letters, its place (Vaswani et al. 2017, 3.5), zeros until heads divide."""
    np = import_module("numpy")
    rows = np.zeros((len(words), math.ceil((LETTERS + PLACE) / heads) * heads))
    for row, word in zip(rows, map(str.casefold, words), strict=True):
        marked = f"^{word}$"
        for piece in [*word, *(marked[i : i + 2] for i in range(len(marked) - 1))]:
            code = crc32(piece.encode())
            row[code % LETTERS] += 1 if code & 0x1000000 else -1
        row *= math.sqrt(LIKE) / (np.linalg.norm(row) or 1)
    angles = np.arange(len(words))[:, None] / 10000 ** (np.arange(0, PLACE, 2) / PLACE)
    waves = np.hstack([np.sin(angles), np.cos(angles)])
    rows[:, LETTERS : LETTERS + PLACE] = math.sqrt(NEAR / (PLACE / 2)) * waves
    return rows


def picture(weights: Any, words: list[str], allowed: Any, colour: bool) -> str:
    """All maps on one scale, which ends at the largest weight of a word that has a choice."""
    choices = weights[:, allowed.sum(axis=-1) > 1]
    top = max(filter(math.isfinite, choices.flat), default=0) or 1
    draw, parts = import_module("tinytorch.pictures").text_heatmap, []
    for head, one in enumerate(weights):
        seen = allowed | (one != 0)  # a weight that leaks through a mask is not crossed out
        title = f"head {head}\n" if len(weights) > 1 else ""
        parts.append(title + draw(one, words, mask=seen, top=top, percent=True, colour=colour))
    return "\n\n".join(parts)


def weights_in(result: Any, heads: int, n: int) -> Any:
    """The weights as an array (heads, n, n), or an error that says what came instead."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"expected (output, weights), got {type(result).__name__}")
    expected = (1, heads, n, n) if heads else (1, n, n)
    data: Any = getattr(result[1], "data", None)
    if getattr(data, "shape", None) != expected:
        raise ValueError(f"weights have shape {getattr(data, 'shape', None)}, not {expected}")
    return data.reshape(-1, n, n)
