# %% [markdown]
# # 18. Acceleration
#
# Attention in matrix form stores every score: $n^2$ numbers. This module computes the same output from small tiles of scores, which
# are forgotten at once. Memory grows with $n$, and the tiles stay in the processor's cache.
#
# **You will** write tiled attention, forward and backward, spread its heads over threads, and trade memory for time in training.
#
# **Before you start:** modules 01 to 05, 07, 12 and 13. **Time:** 4 hours.

# %% export-target
#| default_exp core.acceleration

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import acceleration_checks as checks

# %% imports
#| export
import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from tinytorch.attention_inputs import align_mask, check_inputs
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, require_size
from tinytorch.core.tensor import Array, Op, Tensor, op, unwrap
from tinytorch.core.training import generators, linear_algebra

Part = tuple[Array, Array, Array]  # largest (n_q, 1), total (n_q, 1), weighted (n_q, d_v)

# %% [markdown]
# ## One example for the whole module
#
# One head: 6 queries, 8 keys. Two tiles of 4 keys each are enough to see everything.

# %% example
rng = np.random.default_rng(18)
q, k, v = (rng.normal(size=(n, 4)).astype(np.float32) for n in (6, 8, 8))

if __name__ == "__main__":
    scores = q @ k.T / 2  # √4
    print("all scores:", scores.shape, "  two tiles:", scores[:, :4].shape, scores[:, 4:].shape)


# %% [markdown]
# ## A softmax in pieces
#
# Softmax needs the largest score and the sum of a whole row. A tile knows only its own. So it hands on three things:
#
# $$m = \max_j s_{ij} \qquad t = \sum_j e^{s_{ij} - m} \qquad w = \sum_j e^{s_{ij} - m}\, v_j$$
#
# The output is $w / t$, as soon as every key has been counted.
#
# ### Exercise 18.1: tile_part
#
# **Plan.** 1. The largest of each row, kept as a column. 2. Exponentials. 3. Their sum, and their sum weighted by the values. A blocked
# score is $-\infty$: its exponential must be 0. A row may hold nothing else: then $m$ is $-\infty$, $t$ and $w$ are 0.
#
# <details><summary>Hint</summary>
#
# $-\infty - (-\infty)$ is no number. Subtract `np.where(np.isneginf(largest), 0, largest)` instead.
#
# </details>

# %% 18.1-tile-part
#| export
def tile_part(scores: Array, v: Array) -> Part:
    """What one tile knows of a softmax: the largest score, a sum, a weighted sum.

    Args:
        scores: (n_q, keys of the tile); blocked ones are -infinity.
        v: values of these keys, (keys of the tile, d_v).

    Returns:
        largest (n_q, 1), total (n_q, 1) and weighted (n_q, d_v), relative to `largest`.

    Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax", section 3.
    """
    ### BEGIN SOLUTION 18.1
    largest = scores.max(axis=-1, keepdims=True)
    shares = np.exp(scores - np.where(np.isneginf(largest), 0, largest))
    return largest, shares.sum(axis=-1, keepdims=True), shares @ v
    ### END SOLUTION


# %% test-18.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: tile_part...")
    checks.tile_part(tile_part)
    print("✅ tile_part: largest, total, weighted, rows with nothing to see")


# %% [markdown]
# ### Exercise 18.2: merge_parts
#
# Two tiles with different largest scores are put on the larger one:
#
# $$m = \max(m_1, m_2) \qquad t = t_1 e^{m_1 - m} + t_2 e^{m_2 - m} \qquad w = w_1 e^{m_1 - m} + w_2 e^{m_2 - m}$$
#
# On paper: $m_1 = 0, t_1 = 2$ and $m_2 = \ln 2, t_2 = 3$ give $m = \ln 2$ and $t = 4$.
#
# **Plan.** The equations. Where both are $-\infty$, nothing was seen: $m$ stays $-\infty$, the sums 0.
#
# <details><summary>Hint</summary>
#
# The same `np.where` as before, for the largest of both.
#
# </details>

# %% 18.2-merge-parts
#| export
def merge_parts(one: Part, other: Part) -> Part:
    """Put what two tiles know together: as if they were one.

    Args:
        one, other: largest (n_q, 1), total (n_q, 1), weighted (n_q, d_v).

    Returns:
        The same of both.

    Source: Milakov & Gimelshein 2018, section 3.1.
    """
    ### BEGIN SOLUTION 18.2
    largest = np.maximum(one[0], other[0])
    base = np.where(np.isneginf(largest), 0, largest)
    first, second = np.exp(one[0] - base), np.exp(other[0] - base)
    total = first * one[1] + second * other[1]
    return largest, total, first * one[2] + second * other[2]
    ### END SOLUTION


# %% test-18.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: merge_parts...")
    checks.merge_parts(merge_parts)
    print("✅ merge_parts: any order, nothing seen, large scores")

# %% merged
if __name__ == "__main__":
    left, right = tile_part(scores[:, :4], v[:4]), tile_part(scores[:, 4:], v[4:])
    _, total, weighted = merge_parts(left, right)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    print(
        "largest difference to the whole row at once:", np.abs(weighted / total - shares @ v).max()
    )


# %% [markdown]
# ## Tiles that nobody sees
#
# With a causal mask half of all tiles are blocked. They need not be computed at all: that saves half of the time.
#
# ### Exercise 18.3: keys_in_sight
#
# Queries `start` to `stop - 1` form a tile. Which keys does any of them see? Query $i$ sees key $j$ where
#
# $$j \le i \;\text{ (causal)} \qquad |i - j| < window \;\text{ (window)}$$
#
# On paper, of 10 keys: queries 4 to 5 see 0 to 5 when causal, 2 to 5 with a window of 3 as well, 2 to 7 with that window alone.
#
# **Plan.** The first key and one past the last. If none is in sight, both are equal.
#
# <details><summary>Hint</summary>
#
# The first query looks farthest back, the last one farthest ahead.
#
# </details>

# %% 18.3-keys-in-sight
#| export
def keys_in_sight(
    start: int, stop: int, num_keys: int, causal: bool, window: int | None
) -> tuple[int, int]:
    """The keys that at least one of the queries `start` to `stop - 1` may see.

    Args:
        start, stop: the queries, one past the last; at least one.
        num_keys: how many keys there are.
        causal: whether query i sees no key after i.
        window: how many keys it sees in a direction, its own included; None: all.

    Returns:
        first and one past the last key; equal where there is none.

    Source: Dao 2023, "FlashAttention-2", section 3.1 (causal masking).
    """
    ### BEGIN SOLUTION 18.3
    first, last = 0, num_keys
    if window is not None:
        first = max(0, start - window + 1)
        last = min(last, stop - 1 + window)
    if causal:
        last = min(last, stop)
    return min(first, num_keys), max(last, min(first, num_keys))
    ### END SOLUTION


# %% test-18.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: keys_in_sight...")
    checks.keys_in_sight(keys_in_sight)
    print("✅ keys_in_sight: causal, window, both, none")

# %% [markdown]
# Given: `Sight` knows who may look where. It cuts the keys into tiles, leaves out those that nobody sees, and computes the scores of
# one tile.

# %% sight
#| export
ROWS, COLUMNS = 256, 512  # of a tile: half a megabyte of float32, for a core's own cache


def cut(start: int, stop: int, size: int) -> Iterator[slice]:
    """Slices of at most `size`, one after the other."""
    return (slice(at, min(at + size, stop)) for at in range(start, stop, size))


@functools.lru_cache(maxsize=64)
def band(rows: int, columns: int, ahead: int, causal: bool, window: int | None) -> Array:
    """Who may look in a tile whose first query is `ahead` places after its first key."""
    distance = ahead + np.arange(rows)[:, None] - np.arange(columns)
    allowed = np.ones((rows, columns), bool) if window is None else np.abs(distance) < window
    return allowed & (distance >= 0) if causal else allowed


@dataclass(frozen=True)
class Sight:
    """Who may look where in one head, and what is done to a score.

    `mask` is a view (n_q, n_k) of booleans, `bias` one of numbers; None: there is none.
    """

    scale: float
    causal: bool = False
    window: int | None = None
    softcap: float | None = None
    mask: Array | None = None
    bias: Array | None = None

    def tiles(self, rows: slice, num_keys: int) -> Iterator[slice]:
        """The tiles of keys in which some query of `rows` sees something."""
        first, last = keys_in_sight(rows.start, rows.stop, num_keys, self.causal, self.window)
        for columns in cut(first, last, COLUMNS):
            if self.mask is None or self.mask[rows, columns].any():
                yield columns

    def allowed(self, rows: slice, columns: slice) -> Array | None:
        """Booleans for one tile; None: all of it may be seen."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        ahead, limits = rows.start - columns.start, []
        near, far = ahead - width + 1, ahead + height - 1
        window = math.inf if self.window is None else self.window
        if (self.causal and near < 0) or far >= window or -near >= window:
            limits.append(band(height, width, ahead, self.causal, self.window))
        if self.mask is not None and not (part := self.mask[rows, columns]).all():
            limits.append(part)
        return functools.reduce(np.logical_and, limits) if limits else None

    def scores(self, q: Array, k: Array, rows: slice, columns: slice) -> Array:
        """Scores of one tile, scaled, capped, with the bias; blocked ones are -infinity."""
        scores: Array = (q[rows] * self.scale) @ k[columns].T
        if self.softcap is not None:
            scores = self.softcap * np.tanh(scores / self.softcap)
        if self.bias is not None:
            scores += self.bias[rows, columns]
        allowed = self.allowed(rows, columns)
        return scores if allowed is None else np.where(allowed, scores, -np.inf)

    def shares_of(
        self, product: Array, lse: Array, rows: slice, columns: slice
    ) -> tuple[Array, Array | None]:
        """Turn a tile's product, shifted by `lse` but where there is a cap, into shares, in place.

        The second result is the slope of the cap at each score; None: there is no cap.
        """
        slope = None
        if self.softcap is not None:
            product /= self.softcap
            np.tanh(product, out=product)
            slope = 1 - product**2
            product *= self.softcap
            product -= lse[rows, None]
        if self.bias is not None:
            product += self.bias[rows, columns]
        allowed = self.allowed(rows, columns)
        if allowed is not None:
            np.copyto(product, -np.inf, where=~allowed)
        return np.exp(product, out=product), slope


# %% tiles-seen
if __name__ == "__main__":
    for name, options in {
        "all": {},
        "causal": {"causal": True},
        "window 512": {"window": 512},
    }.items():
        sight = Sight(1.0, **options)
        seen = sum(len([*sight.tiles(rows, 8192)]) for rows in cut(0, 8192, ROWS))
        print(f"8,192 queries and keys, {name:>10}: {seen} tiles of {ROWS} × {COLUMNS}")


# %% [markdown]
# ### Exercise 18.4: attend_running
#
# Tile after tile of keys for one tile of queries. Only what `merge_parts` hands on is kept.
#
# $$output = w / t \qquad lse = m + \ln t$$
#
# `lse`, the logarithm of the sum of exponentials, is all that the backward pass will need: a share is $e^{s - lse}$.
#
# **Plan.** 1. Begin with nothing seen: $-\infty$, 0, 0. 2. Merge the part of each tile of `sight.tiles(rows, len(k))`. 3. Divide. A query
# that sees nothing has the output 0, and `lse` is `unseen(q.dtype)`, the largest number: then every share of it is 0.
#
# <details><summary>Hint</summary>
#
# `sight.scores(q, k, rows, columns)` gives the scores of a tile; its values are `v[columns]`.
#
# </details>

# %% 18.4-attend-running
#| export
def unseen(dtype: Any) -> float:
    """The log-sum-exp of a query that sees nothing: so large that e^(s - lse) is 0."""
    return float(np.finfo(dtype).max)


def attend_running(q: Array, k: Array, v: Array, sight: Sight, rows: slice) -> tuple[Array, Array]:
    """Attention of some queries of one head, tile by tile, with a running largest score.

    Args:
        q: all queries of the head, (n_q, d_k).
        k: keys (n_k, d_k).
        v: values (n_k, d_v).
        sight: who may look where.
        rows: which queries.

    Returns:
        output (queries in rows, d_v), and the log-sum-exp of their scores (queries in rows,).

    Source: Dao et al. 2022, "FlashAttention", algorithm 1.
    """
    ### BEGIN SOLUTION 18.4
    n = rows.stop - rows.start
    nothing = np.full((n, 1), -np.inf, q.dtype), np.zeros((n, 1), q.dtype)
    part: Part = (*nothing, np.zeros((n, v.shape[1]), q.dtype))
    for columns in sight.tiles(rows, len(k)):
        scores = sight.scores(q, k, rows, columns)
        part = merge_parts(part, tile_part(scores, v[columns]))
    largest, total, weighted = part
    seen = total > 0
    total = np.where(seen, total, 1)
    lse = np.where(seen, largest + np.log(total), unseen(q.dtype))
    return weighted / total, lse[:, 0]
    ### END SOLUTION


# %% test-18.4 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: attend_running...")
    checks.attend_running(attend_running, Sight)
    print("✅ attend_running: exact, whatever the tiles")


# %% [markdown]
# ## Without a running maximum
#
# Why subtract the largest score at all? So that no exponential overflows. Any number that is surely not smaller does the same. By
# Cauchy and Schwarz no dot product is larger than the product of the lengths:
#
# $$s_{ij} \;\le\; b_i = scale \cdot |q_i| \cdot \max_j |k_j|$$
#
# One number a query, known before the first tile: nothing is rescaled any more.
#
# ### Exercise 18.5: row_bound
#
# **Plan.** Lengths of the queries, the longest key, the product. `scale` may be negative; without keys the bound is 0.
#
# <details><summary>Hint</summary>
#
# `np.einsum("ij,ij->i", x, x)` is the square of each length, in one pass.
#
# </details>

# %% 18.5-row-bound
#| export
def row_bound(q: Array, k: Array, scale: float) -> Array:
    """A number for each query that none of its scores exceeds.

    Args:
        q: queries (n_q, d_k).
        k: keys (n_k, d_k).
        scale: what products are multiplied by.

    Returns:
        (n_q,), in the dtype of q.

    Source: the inequality of Cauchy and Schwarz.
    """
    ### BEGIN SOLUTION 18.5
    lengths = np.sqrt(np.einsum("ij,ij->i", q, q))
    longest = np.sqrt(np.einsum("ij,ij->i", k, k).max(initial=0))
    bound: Array = lengths * (abs(scale) * longest)
    return bound
    ### END SOLUTION


# %% test-18.5 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: row_bound...")
    checks.row_bound(row_bound)
    print("✅ row_bound: no score is above it")


# %% [markdown]
# ### Exercise 18.6: fold
#
# The subtraction can be part of the product, as one more column:
#
# $$[\,scale \cdot q_i,\; -shift_i\,] \cdot [\,k_j,\; 1\,] = scale \cdot q_i \cdot k_j - shift_i$$
#
# **Plan.** Queries with the column, and keys with a column of ones, on their side: $(n_q, d + 1)$ and $(d + 1, n_k)$.
#
# <details><summary>Hint</summary>
#
# `with_column(x, column)` is given. `x.T` is a view: nothing is copied, and a product reads it as fast.
#
# </details>

# %% 18.6-fold
#| export
def with_column(x: Array, column: Array | float) -> Array:
    """x with one more column: (n, d) -> (n, d + 1)."""
    wider = np.empty((x.shape[0], x.shape[1] + 1), x.dtype)
    wider[:, :-1], wider[:, -1] = x, column
    return wider


def fold(q: Array, k: Array, scale: float, shift: Array | float) -> tuple[Array, Array]:
    """Two matrices whose product is every score minus its query's shift.

    Args:
        q: queries (n_q, d_k).
        k: keys (n_k, d_k).
        scale: what products are multiplied by.
        shift: (n_q,), or one number for all.

    Returns:
        asked (n_q, d_k + 1) and given (d_k + 1, n_k).
    """
    ### BEGIN SOLUTION 18.6
    return with_column(q * scale, -shift), with_column(k, 1).T
    ### END SOLUTION


# %% test-18.6 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: fold...")
    checks.fold(fold)
    print("✅ fold: one product, scaled and shifted")


# %% [markdown]
# ### Exercise 18.7: attend_folded
#
# What is left for each score is one exponential. Blocked ones are multiplied by 0.
#
# If $b_i$ is far too large, all exponentials of a row are tiny and lose digits. Then the sum is below `smallest_safe`, and that tile of
# queries is done again by `attend_running`: exact in every case.
#
# **Plan.** 1. Fold in the bound. 2. For each tile of queries: sum exponentials, and exponentials times values, over its tiles of keys.
# 3. Divide, and $lse = b + \ln t$. Or do it again.
#
# <details><summary>Hint</summary>
#
# `np.matmul(a, b, out=tile)` and `np.exp(tile, out=tile)` write where they are told; `tile_of(room, rows, columns)` is such a place.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `tile @ ones` adds up rows faster than `sum`. Ask `if totals.min() >= smallest_safe(q.dtype)`: for NaN that is not so.
#
# </details>

# %% 18.7-attend-folded
#| export
def smallest_safe(dtype: Any) -> float:
    """A sum of exponentials from here on has lost no digit: 1e10 times the smallest number."""
    return float(np.finfo(dtype).tiny) * 1e10


def tile_of(room: Array, rows: slice, columns: slice) -> Array:
    """A piece of `room` in the shape of a tile."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return room[: height * width].reshape(height, width)


def attend_folded(q: Array, k: Array, v: Array, sight: Sight) -> tuple[Array, Array]:
    """Attention of one head, tile by tile, with a bound in place of the largest score.

    Args:
        q: queries (n_q, d_k).
        k: keys (n_k, d_k).
        v: values (n_k, d_v).
        sight: who may look where; without bias and softcap.

    Returns:
        output (n_q, d_v), and the log-sum-exp of the scores (n_q,); `unseen` where a query
        sees nothing.

    Source: tiles as in Dao 2023, "FlashAttention-2", algorithm 1.
    """
    output, lse = np.empty((len(q), v.shape[1]), q.dtype), np.empty(len(q), q.dtype)
    room, ones = np.empty(ROWS * COLUMNS, q.dtype), np.ones(COLUMNS, q.dtype)
    ### BEGIN SOLUTION 18.7
    bound = row_bound(q, k, sight.scale)
    asked, given = fold(q, k, sight.scale, bound)
    for rows in cut(0, len(q), ROWS):
        totals, weighted = np.zeros_like(lse[rows]), np.zeros_like(output[rows])
        for columns in sight.tiles(rows, len(k)):
            tile = np.matmul(asked[rows], given[:, columns], out=tile_of(room, rows, columns))
            np.exp(tile, out=tile)
            allowed = sight.allowed(rows, columns)
            if allowed is not None:
                tile *= allowed
            totals += tile @ ones[: tile.shape[1]]
            weighted += tile @ v[columns]
        if totals.min() >= smallest_safe(q.dtype):
            np.divide(weighted, totals[:, None], out=output[rows])
            lse[rows] = bound[rows] + np.log(totals)
        else:
            output[rows], lse[rows] = attend_running(q, k, v, sight, rows)
    return output, lse
    ### END SOLUTION


# %% test-18.7 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: attend_folded...")
    checks.attend_folded(attend_folded, Sight)
    print("✅ attend_folded: equal to the softmax, where the bound is loose, too")


# %% [markdown]
# ## The way back
#
# The backward pass computes each tile of shares again: $p_{ij} = e^{s_{ij} - lse_i}$. With $D_i = g_i \cdot output_i$:
#
# $$c_{ij} = \frac{\partial L}{\partial s_{ij}} = p_{ij}\,(g_i \cdot v_j - D_i) \qquad
# \frac{\partial L}{\partial v_j} = \sum_i p_{ij}\, g_i$$
# $$\frac{\partial L}{\partial q_i} = scale \sum_j c_{ij}\, k_j \qquad
# \frac{\partial L}{\partial k_j} = scale \sum_i c_{ij}\, q_i$$
#
# ### Exercise 18.8: attend_backward
#
# **Plan.** 1. Fold `lse` into the scores; with a `softcap` shift by 0, it is subtracted later. Fold $D$ into `grad` times values.
# 2. For each tile: `sight.shares_of` makes shares of the product; then $c$; add to the three gradients. 3. `scale`, once at the end.
# A `slope` that is not None multiplies $c$. Before that, $c$ is added to `grad_scores`, if there is one.
#
# <details><summary>Hint</summary>
#
# `fold(grad, v, 1, D)` gives two matrices whose product is $g_i \cdot v_j - D_i$.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `grad_k[columns] += change.T @ q[rows]`, with `change` the tile of $c$.
#
# </details>

# %% 18.8-attend-backward
#| export
def attend_backward(
    grad: Array,
    q: Array,
    k: Array,
    v: Array,
    output: Array,
    lse: Array,
    sight: Sight,
    grad_scores: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Gradients of one head's attention, by computing its shares again, tile by tile.

    Args:
        grad: the gradient of the output, (n_q, d_v).
        q, k, v: queries (n_q, d_k), keys (n_k, d_k), values (n_k, d_v).
        output: (n_q, d_v).
        lse: the log-sum-exp of the scores, (n_q,).
        sight: who may look where.
        grad_scores: (n_q, n_k), zeros; filled with the gradient of what is added to scores.

    Returns:
        The gradients of q, k and v.

    Source: Dao et al. 2022, "FlashAttention", algorithm 4.
    """
    grad_q, grad_k, grad_v = (np.zeros(x.shape, x.dtype) for x in (q, k, v))
    room, other_room = np.empty((2, ROWS * COLUMNS), q.dtype)
    ### BEGIN SOLUTION 18.8
    asked, given = fold(q, k, sight.scale, lse if sight.softcap is None else 0)
    asked_back, given_back = fold(grad, v, 1, np.einsum("ij,ij->i", grad, output))
    for rows in cut(0, len(q), ROWS):
        for columns in sight.tiles(rows, len(k)):
            product = np.matmul(asked[rows], given[:, columns], out=tile_of(room, rows, columns))
            shares, slope = sight.shares_of(product, lse, rows, columns)
            grad_v[columns] += shares.T @ grad[rows]
            change = tile_of(other_room, rows, columns)
            np.matmul(asked_back[rows], given_back[:, columns], out=change)
            change *= shares
            if grad_scores is not None:
                grad_scores[rows, columns] = change
            if slope is not None:
                change *= slope
            grad_q[rows] += change @ k[columns]
            grad_k[columns] += change.T @ q[rows]
    grad_q *= sight.scale
    grad_k *= sight.scale
    return grad_q, grad_k, grad_v
    ### END SOLUTION


# %% test-18.8 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: attend_backward...")
    checks.attend_backward(attend_backward, Sight)
    print("✅ attend_backward: three gradients, masks, window, cap")


# %% [markdown]
# ## Heads at once
#
# Heads do not wait for each other. NumPy lets go of Python's lock while it computes, so threads help. BLAS would start threads of its
# own in each of them: it gets one.
#
# ### Exercise 18.9: for_each_head
#
# **Plan.** No more threads than heads. One thread: a plain loop. More: a `ThreadPoolExecutor`, with BLAS limited to one thread as in
# module 07. An error in a thread must come through.
#
# <details><summary>Hint</summary>
#
# `libraries().limit(limits=1, user_api="blas")` is a context manager. `pool.map` raises an error only when its result is asked for:
# `list(pool.map(...))`.
#
# </details>

# %% 18.9-for-each-head
#| export
@functools.cache
def libraries() -> Any:
    """The libraries of linear algebra, looked for once."""
    return linear_algebra()


def blas_threads() -> int:
    """How many threads the library of linear algebra would use now."""
    found = libraries().lib_controllers
    return max((each.num_threads for each in found if each.user_api == "blas"), default=1)


def for_each_head(work: Callable[[int], None], count: int, threads: int) -> None:
    """Call work(0) to work(count - 1), in threads, with BLAS at one thread meanwhile.

    Args:
        work: does what belongs to one head; it writes to no place of another's.
        count: how many heads.
        threads: how many threads at most; one: no thread is started.

    Raises:
        Exception: what a `work` raised.
    """
    ### BEGIN SOLUTION 18.9
    threads = min(threads, count)
    if threads <= 1:
        for number in range(count):
            work(number)
        return
    one_each = libraries().limit(limits=1, user_api="blas")
    with one_each, ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(count)))
    ### END SOLUTION


# %% test-18.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: for_each_head...")
    checks.for_each_head(for_each_head)
    print("✅ for_each_head: each head once, threads, errors")


# %% [markdown]
# Given: all of it as one op with its rule, and `flash_attention` around it. The op fills in `lse`, the log-sum-exp, so that the rule
# need not compute it again. No weights are formed: their place in the result is `None`.

# %% flash
#| export
def of_head(sight: Sight, bias: Array | None, b: int, h: int) -> Sight:
    """The sight of one head, of masks and biases (batch, heads, n_q, n_k)."""
    mask = None if sight.mask is None else sight.mask[b, h]
    return replace(sight, mask=mask, bias=None if bias is None else bias[b, h])


def threads_worth(num_scores: int) -> int:
    """How many threads so many scores are worth: starting them takes most of a millisecond."""
    return blas_threads() if num_scores >= 1 << 20 else 1


def attend_head(q: Array, k: Array, v: Array, sight: Sight) -> tuple[Array, Array]:
    """Output (n_q, d_v) and log-sum-exp (n_q,) of one head."""
    if sight.bias is None and sight.softcap is None:
        with np.errstate(over="ignore", invalid="ignore"):  # of a bound: it is done again
            return attend_folded(q, k, v, sight)
    output, lse = np.empty((len(q), v.shape[1]), q.dtype), np.empty(len(q), q.dtype)
    for rows in cut(0, len(q), ROWS):
        output[rows], lse[rows] = attend_running(q, k, v, sight, rows)
    return output, lse


@op
def flash(q: Array, k: Array, v: Array, *bias: Array, sight: Sight, lse: Array) -> Array:
    """Attention in tiles.

    Args:
        q: (batch, heads, n_q, d_k).
        k: (batch, kv_heads, n_k, d_k).
        v: (batch, kv_heads, n_k, d_v).
        bias: one that learns, (batch, heads, n_q, n_k), or none.
        sight: its mask and its bias have these four axes, too.
        lse: filled in with the log-sum-exp of each query's scores, (batch, heads, n_q).

    Returns:
        (batch, heads, n_q, d_v).
    """
    q, k, v = (x.astype(lse.dtype, copy=False) for x in (q, k, v))
    batch, heads, n_q, _ = q.shape
    group = heads // max(1, k.shape[1])
    output = np.empty((batch, heads, n_q, v.shape[-1]), q.dtype)

    def work(number: int) -> None:
        b, h = divmod(number, heads)
        own = of_head(sight, bias[0] if bias else sight.bias, b, h)
        keys, values = k[b, h // group], v[b, h // group]
        output[b, h], lse[b, h] = attend_head(q[b, h], keys, values, own)

    for_each_head(work, batch * heads, threads_worth(batch * heads * n_q * k.shape[2]))
    return output


@flash.gradient
def flash_rule(
    grad: Array, output: Array, q: Array, k: Array, v: Array, *bias: Array, sight: Sight, lse: Array
) -> tuple[Array, ...]:
    """Gradient of `flash`. grad: as its output -> shapes of q, k, v, and of a bias."""
    q, k, v = (x.astype(output.dtype, copy=False) for x in (q, k, v))
    batch, heads, n_q, _ = q.shape
    _, kv_heads, n_k, _ = k.shape
    group = heads // max(1, kv_heads)
    grad_q = np.empty(q.shape, q.dtype)
    grad_k, grad_v = (np.empty((batch, heads, n_k, x.shape[-1]), q.dtype) for x in (k, v))
    grad_bias = np.zeros((batch, heads, n_q, n_k), q.dtype) if bias else None

    def work(number: int) -> None:
        b, h = divmod(number, heads)
        own = of_head(sight, bias[0] if bias else sight.bias, b, h)
        scores = None if grad_bias is None else grad_bias[b, h]
        head = q[b, h], k[b, h // group], v[b, h // group], output[b, h], lse[b, h]
        grad_q[b, h], grad_k[b, h], grad_v[b, h] = attend_backward(grad[b, h], *head, own, scores)

    for_each_head(work, batch * heads, threads_worth(batch * heads * n_q * n_k))
    if heads > kv_heads:  # a group's gradients arrive at the keys that it shares
        apart = (x.reshape(batch, kv_heads, group, *x.shape[2:]) for x in (grad_k, grad_v))
        grad_k, grad_v = (x.sum(axis=2) for x in apart)
    return (grad_q, grad_k, grad_v, *([] if grad_bias is None else [grad_bias]))


def check_options(scale: float | None, softcap: float | None, window: int | None) -> None:
    """Refuse options that mean nothing; the message names them."""
    for name, value in {"scale": scale, "softcap": softcap}.items():
        if not isinstance(value, Real | None):
            raise TypeError(f"{name} must be a number; got {value!r}")
    if scale is not None and not math.isfinite(scale):
        raise ValueError(f"scale must be a finite number; got {scale}")
    if softcap is not None and not 0 < softcap < math.inf:
        raise ValueError(f"softcap must be above 0 and finite; got {softcap}")
    if window is not None:
        require_size("window", window)


def check_bias(bias: Any, shape: tuple[int, ...]) -> None:
    """Refuse a bias that holds no floats, or does not fit scores of `shape`."""
    array = np.asarray(unwrap(bias))
    if array.dtype.kind != "f":
        raise TypeError(f"bias must hold floats; got {array.dtype}")
    sizes = zip(array.shape[::-1], shape[::-1], strict=False)
    if array.ndim > len(shape) or any(one not in (1, n) for one, n in sizes):
        raise ValueError(f"bias has shape {array.shape}; it must broadcast to {shape}")


def check_heads(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Check queries, keys and values, whose heads may be fewer."""
    shapes = [x.shape for x in (q, k, v) if isinstance(x, Tensor) and x.ndim == 4]
    batches, counts = {x[0] for x in shapes}, [x[1] for x in shapes]
    if len(shapes) == 3 and len(batches) == 1 and counts[0] != counts[1] == counts[2]:
        heads, kv_heads = counts[:2]
        if not kv_heads or heads % kv_heads:
            raise ValueError(f"k has {kv_heads} heads; they must divide the {heads} heads of q")
        q = q.detach()[:, :kv_heads]  # so many stand for all
    check_inputs(q, k, v)


def four_axes(x: Array, shape: tuple[int, ...], scores: tuple[int, ...]) -> Array:
    """A mask or bias that fits scores of `shape`, spread without memory to (b, h, n_q, n_k)."""
    fits = np.broadcast_to(x, shape)
    return fits if len(shape) == 4 else fits.reshape(scores)


def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Any = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    bias: Any = None,
    softcap: float | None = None,
    window: int | None = None,
) -> tuple[Tensor, None]:
    """Attention in tiles: exact, memory O(n); a drop-in for `attention=`.

    Args:
        q: queries (batch, heads, n_q, d_k), or all three without heads, (batch, n, d).
        k: keys (batch, kv_heads, n_k, d_k); kv_heads divides heads: a group shares its keys.
        v: values (batch, kv_heads, n_k, d_v).
        mask: nonzero means the query may look at that key; shapes as in `align_mask`.
        causal: query i sees keys 0 to i, counted from the first, as PyTorch's `is_causal`.
        scale: what products are multiplied by; None: 1/√d_k.
        bias: floats added to the scaled scores; broadcasts to (batch, heads, n_q, n_k). One that
            learns costs memory O(n²) in the backward pass.
        softcap: a score s becomes softcap · tanh(s / softcap), before the bias.
        window: query i sees keys j with `|i - j| < window` only.

    Returns:
        output (batch, heads, n_q, d_v), and None where others return weights. A query that sees
        nothing has an output of zeros.

    Raises:
        TypeError, ValueError: an argument of another type or shape; the message names it.

    Source: Dao 2023, "FlashAttention-2"; the cap: Gemma Team 2024, "Gemma 2", section 2.
    """
    check_heads(q, k, v)
    check_options(scale, softcap, window)
    shape = (*q.shape[:-1], k.shape[-2])
    if bias is not None:
        check_bias(bias, shape)
    scores = shape if len(shape) == 4 else (shape[0], 1, *shape[1:])
    allowed = None if mask is None else four_axes(align_mask(mask, shape), shape, scores)
    inputs = [x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:]) for x in (q, k, v)]
    constant = None
    if isinstance(bias, Tensor) and bias.requires_grad:
        inputs.append((bias + np.zeros(shape, bias.dtype)).reshape(*scores))
    elif bias is not None:
        constant = four_axes(np.array(unwrap(bias), q.dtype), shape, scores)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
    cap = None if softcap is None else float(softcap)
    sight = Sight(scale, causal, window, cap, allowed, constant)
    lse = np.empty(scores[:-1], np.result_type(*(x.dtype for x in inputs[:3])))
    output = flash(*inputs, sight=sight, lse=lse)
    return (output if q.ndim == 4 else output.reshape(*q.shape[:-1], v.shape[-1])), None


# %% kept
if __name__ == "__main__":
    from tinytorch.core.attention import create_causal_mask, vectorized_attention
    from tinytorch.core.autograd import topological_order

    def kept_bytes(output: Tensor) -> int:
        """What the graph of a tensor holds on to, each array once."""
        graph = topological_order(output)
        options = [x for tensor in graph if tensor.node for x in tensor.node.options.values()]
        found = [*(tensor.data for tensor in graph), *options]
        arrays = {id(x): x for x in found if isinstance(x, np.ndarray) and x.base is None}
        return sum(x.nbytes for x in arrays.values())

    for n in (128, 256, 512):
        words = [Tensor(x, requires_grad=True) for x in rng.normal(size=(3, 1, 2, n, 16))]
        mask = create_causal_mask(n)
        one, other = (each(*words, mask)[0] for each in (vectorized_attention, flash_attention))
        apart = np.abs(one.data - other.data).max()
        print(f"n = {n}: kept by matrix form {kept_bytes(one):9,} bytes, "
              f"by tiles {kept_bytes(other):7,}; apart {apart:.0e}")  # fmt: skip


# %% [markdown]
# ## Time for memory
#
# A backward pass needs what the forward pass computed. **Checkpointing** forgets it, and computes a layer once more when its gradient is
# asked for. Each layer then runs forward twice.
#
# ### Exercise 18.10: the rule of recomputed
#
# Its inputs are those of the layer, then the layer's parameters: so gradients come back to both.
#
# **Plan.** 1. Tensors of the first `count` arrays; those of floats require a gradient. 2. The parameters' `grad` put aside. 3. Within
# `once_more`: the layer again, and `backward(grad)`. 4. Collect the gradients of inputs and parameters. 5. The old `grad` back.
#
# <details><summary>Hint</summary>
#
# `backward` adds to the `grad` of a parameter. Without step 2 and 5 the same gradient would arrive twice.
#
# </details>

# %% 18.10-recomputed
#| export
@contextlib.contextmanager
def once_more(layer: Layer, states: dict[str, Any]) -> Iterator[None]:
    """Record in this block, and draw what `states` would draw; afterwards all is as before.

    Args:
        layer: whose random generators are set.
        states: their states, by name.
    """
    own, recording = generators(layer), Op.recording
    later = {name: rng.bit_generator.state for name, rng in own.items()}
    try:
        Op.recording = True
        for name, rng in own.items():
            rng.bit_generator.state = states[name]
        yield
    finally:
        Op.recording = recording
        for name, rng in own.items():
            rng.bit_generator.state = later[name]


@op
def recomputed(
    *arrays: Array, layer: Layer, count: int, states: dict[str, Any], options: dict[str, Any]
) -> Array:
    """Run a layer without a record. arrays: `count` inputs, then the layer's parameters."""
    with no_grad():
        inputs = [Tensor(x, dtype=x.dtype) for x in arrays[:count]]
        output: Array = layer(*inputs, **options).data
    return output


@recomputed.gradient
def recomputed_rule(
    grad: Array,
    output: Array,
    *arrays: Array,
    layer: Layer,
    count: int,
    states: dict[str, Any],
    options: dict[str, Any],
) -> tuple[Any, ...]:
    """Gradient of `recomputed`: the layer runs again. Of each input, then of each parameter."""
    ### BEGIN SOLUTION 18.10
    inputs = [Tensor(x, x.dtype.kind == "f", x.dtype) for x in arrays[:count]]
    parameters = layer.parameters()
    before = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    with once_more(layer, states):
        layer(*inputs, **options).backward(grad)
    found = tuple(x.grad for x in (*inputs, *parameters))
    for parameter, kept in zip(parameters, before, strict=True):
        parameter.grad = kept
    return found
    ### END SOLUTION


def checkpoint(layer: Layer, *inputs: Tensor, **options: Any) -> Tensor:
    """Run a layer and keep nothing but its inputs; its backward pass runs it again.

    Args:
        layer: any layer with one output; dropout draws the same numbers the second time.
        inputs: tensors.
        options: handed to the layer by name.

    Returns:
        The layer's output.

    Source: Chen et al. 2016, "Training deep nets with sublinear memory cost", section 3.
    """
    states = {name: rng.bit_generator.state for name, rng in generators(layer).items()}
    arguments: dict[str, Any] = {"count": len(inputs), "states": states, "options": options}
    return recomputed(*inputs, *layer.parameters(), layer=layer, **arguments)


# %% test-18.10 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: checkpoint...")
    checks.checkpoint(checkpoint, recomputed)
    print("✅ checkpoint: the same gradients, arriving once, dropout included")

# %% checkpoint-cost
if __name__ == "__main__":
    from tinytorch.core.transformers import Block, FeedForward

    class CountingBlock(Block):
        """Counts how often it runs."""

        runs = 0

        def forward(self, x: Tensor, mask: Any = None) -> Tensor:
            CountingBlock.runs += 1
            return super().forward(x, mask)

    draws = np.random.default_rng(18)
    blocks = [
        CountingBlock(32, 4, FeedForward(32, 128, rng=draws), attention=flash_attention, rng=draws)
        for _ in range(4)
    ]
    start = Tensor(draws.normal(size=(2, 64, 32)))
    for name, run in {"as it is": lambda block, x: block(x), "checkpoint": checkpoint}.items():
        CountingBlock.runs, x = 0, start
        for block in blocks:
            x = run(block, x)
        kept = kept_bytes(x)
        x.sum().backward()
        print(f"{name:>10}: {kept:9,} bytes kept, {CountingBlock.runs} runs of a block")

# %% [markdown]
# ## An outlook: not all pairs
#
# Tiles make $n^2$ cheaper, not smaller. Two ways do less, and compute something else. A **window** sees the nearest keys only.
# **Linear attention** replaces $e^{q \cdot k}$ by $f(q) \cdot f(k)$: the sum over keys is then one small matrix, whatever $n$ is
# (Katharopoulos et al. 2020). Multiply-adds of one head, $d = 64$, and how far each is from exact attention on random words:

# %% outlook
if __name__ == "__main__":

    def linear_attention(q: Any, k: Any, v: Any) -> Any:
        """f(q) (f(k)ᵀ v), normalised; f(x) = elu(x) + 1."""
        q, k = (np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))) for x in (q, k))
        return q @ (k.T @ v) / (q @ k.sum(axis=0))[:, None]

    for n in (1024, 8192):
        pairs = {"exact": n * n, "window 256": n * 511 - 255 * 256}
        costs = {name: 2 * count * 64 for name, count in pairs.items()}
        costs["linear"] = 2 * n * 64 * 64
        told = ", ".join(f"{name} {cost / 1e6:8,.0f} M" for name, cost in costs.items())
        print(f"n = {n:5,}: {told}")
    words = rng.normal(size=(3, 1024, 64)).astype(np.float32)
    exact, _ = attend_folded(*words, Sight(1 / 8))
    near, _ = attend_folded(*words, Sight(1 / 8, window=256))
    for name, found in {"window 256": near, "linear": linear_attention(*words)}.items():
        apart = np.linalg.norm(found - exact) / np.linalg.norm(exact)
        print(f"{name:>10}: {apart:.0%} away from exact attention")

# %% [markdown]
# ## What is left out, and why
#
# - **Fusion in training.** `tinytorch.fused` does all steps of gelu, and of attention on short texts, to a piece in the cache;
#   `tinytorch.memory` keeps freed arrays for the next step. Both are given, and `examples/shakespeare.py` trains with them.
# - **Kernels.** PyTorch fuses a tile's steps in compiled code. NumPy makes one pass for each step, over a tile in the cache.
# - **Dropout of weights.** It would need the same random tile again in the backward pass.
# - **Narrow numbers.** On a graphics processor products run in 16 bits; on this one float32 is the fastest.
# - **Time.** Counts are printed here, since they are the same everywhere. `benchmarks/attention.py` measures beside PyTorch.
#
# ## Report

# %% report
if __name__ == "__main__":
    print("📈 Progress: Acceleration ✓  (tiles, backward by recomputation, threads, checkpoint)")
    print("💡 Next: tito module complete 18")
