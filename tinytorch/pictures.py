"""Pictures of attention weights: for the terminal, and with Matplotlib.

Given, not an exercise. `tinytorch/head_view.py` has the one for the browser.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import category, east_asian_width

import numpy as np
import numpy.typing as npt

from tinytorch.tensor_base import bare

Array = npt.NDArray[Any]
RAMP = " .:-=+*#%@"
GROUNDS = (17, 18, 24, 60, 102, 144, 179, 185, 221, 227)  # near cividis, each lighter than the last


def blocked_cells(mask: Any, shape: Sequence[int]) -> Array:
    """Return where a map of weights (n_q, n_k) is blocked; nowhere if there is no mask.

    Raises:
        ValueError: a negative number or NaN: the mask was made to be added, and means the opposite.
    """
    values: Array = np.ones(tuple(shape)) if mask is None else np.asarray(mask)
    if not (values >= 0).all():
        raise ValueError("mask holds a negative number or NaN; if 0 means may look, pass mask == 0")
    return np.equal(values, 0)


def text_heatmap(
    weights: Any,
    row_words: Sequence[str],
    column_words: Sequence[str] | None = None,
    mask: Any = None,
    *,
    top: float = 1.0,
    percent: bool = False,
    colour: bool = False,
) -> str:
    """Draw weights (n_q, n_k) with characters: one row a query, one column a key.

    Args:
        weights: (n_q, n_k), from 0 to 1.
        row_words: the n_q query words.
        column_words: the n_k key words; None means the same words.
        mask: (n_q, n_k), nonzero means the query may look at that key; blocked cells show as x.
        top: the weight at which the scale ends.
        percent: with the number, before one character.
        colour: with the number, on a colour of a terminal that has 256.

    Returns:
        The picture, in ASCII but for the words.
    """
    shares = np.asarray(bare(weights))
    columns = list(row_words if column_words is None else column_words)
    blocked = blocked_cells(mask, shares.shape)
    cell, label = 4 if percent or colour else 3, max(map(width, row_words))
    heads = (f" {j:2}".ljust(cell) for j in range(len(columns)))
    lines = [f"{' ' * label} {''.join(heads)}"]
    for i, word in enumerate(row_words):
        drawn = [
            "  x".ljust(cell) if hidden else _cell(share, top, percent, colour)
            for hidden, share in zip(blocked[i], shares[i], strict=True)
        ]
        lines.append(f"{' ' * (label - width(word))}{word} {''.join(drawn)}")
    legend = ", ".join(f"{j} {word}" for j, word in enumerate(columns))
    ramp = "".join(_on_ground(" ", level) for level in range(10)) if colour else f"[{RAMP}]"
    end = f"{100 * top:.0f} percent" if cell > 3 else f"{top:g}"
    return "\n".join([*lines, f"columns: {legend}", f"scale: 0 {ramp} {end}, x = blocked"])


def _cell(share: float, top: float, percent: bool, colour: bool) -> str:
    """One weight: two characters of the ramp, or a number before one or on its colour."""
    level = int(10 * min(max(0.0, share / top), 0.99))  # 0 for NaN
    number = f"{100 * share:.0f}"
    if colour:
        return _on_ground(f" {number:>2}".ljust(4), level)
    return " " + (f"{number:>2}{RAMP[level]}"[:3] if percent else 2 * RAMP[level])


def _on_ground(text: str, level: int) -> str:
    return f"\x1b[48;5;{GROUNDS[level]};38;5;{16 if level > 3 else 231}m{text}\x1b[0m"


def width(text: str) -> int:
    """How many columns of a terminal a text takes: an accent none, a Chinese character two."""
    none = sum(category(char) in ("Mn", "Me", "Cf") for char in text)
    return len(text) - none + sum(east_asian_width(char) in "WF" for char in text)


def draw_map(
    axes: Any,
    numbers: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    blocked: Array,
    **scale: Any,
) -> Any:
    """Draw numbers (n_q, n_k) with word labels into Matplotlib axes; × marks `blocked`."""
    image = axes.imshow(numbers, cmap="cividis", **scale)
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    for i, j in np.argwhere(blocked):
        axes.text(j, i, "×", ha="center", va="center", color="white")
    return image


def draw_heads(
    weights: Any,
    row_words: Sequence[str],
    column_words: Sequence[str] | None = None,
    mask: Any = None,
) -> Any:
    """Draw the weights of all heads, (heads, n_q, n_k), as a grid of maps on one 0 to 1 scale.

    Args:
        weights: (heads, n_q, n_k).
        row_words, column_words: the query words and the key words (None: the same).
        mask: (n_q, n_k), nonzero means the query may look at that key; blocked cells bear an ×.

    Returns:
        A Matplotlib figure.
    """
    import matplotlib.pyplot as plt

    shares = np.asarray(bare(weights))
    columns = row_words if column_words is None else column_words
    across = min(len(shares), 4)
    down = math.ceil(len(shares) / across)
    size = (3.2 * across, 3.2 * down)
    figure, grid = plt.subplots(down, across, figsize=size, squeeze=False, layout="constrained")
    blocked = blocked_cells(mask, shares.shape[1:])
    for head, axes in enumerate(grid.flat):
        axes.set_visible(head < len(shares))
        if head < len(shares):
            image = draw_map(axes, shares[head], row_words, columns, blocked, vmin=0, vmax=1)
            axes.set_title(f"head {head}")
    figure.colorbar(image, ax=grid, label="weight", shrink=0.8)
    return figure


def draw_steps(
    scores: Any, scaled: Any, weights: Any, words: Sequence[str], mask: Any = None
) -> Any:
    """Draw scores, scaled and masked scores, and weights of one head.

    Args:
        scores, scaled, weights: (n, n) each.
        words: the n words.
        mask: (n, n), nonzero means the query may look at that key; blocked cells bear an ×.

    Returns:
        A Matplotlib figure; both score maps share one scale, the weights have 0 to 1.
    """
    import matplotlib.pyplot as plt

    steps = [np.asarray(bare(step)) for step in (scores, scaled, weights)]
    low, high = steps[0].min(), steps[0].max()
    none, blocked = blocked_cells(None, steps[0].shape), blocked_cells(mask, steps[0].shape)
    hidden = np.ma.masked_array(steps[1], blocked)
    figure, grid = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    first = draw_map(grid[0], steps[0], words, words, none, vmin=low, vmax=high)
    draw_map(grid[1], hidden, words, words, blocked, vmin=low, vmax=high)
    grid[1].set_facecolor("0.35")
    last = draw_map(grid[2], steps[2], words, words, blocked, vmin=0, vmax=1)
    for axes, title in zip(grid, ("scores", "scaled and masked", "weights"), strict=True):
        axes.set_title(title)
    figure.colorbar(first, ax=grid[:2], label="score", shrink=0.8)
    figure.colorbar(last, ax=grid[2], label="weight", shrink=0.8)
    return figure


def in_pictures(draw: Callable[..., Any], *arguments: Any) -> None:
    """Draw where Matplotlib is there; say what to type where it is not."""
    try:
        draw(*arguments)
    except ModuleNotFoundError:
        print("No picture: it needs Matplotlib. Type: pip install matplotlib")
