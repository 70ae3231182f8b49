# 18. Acceleration
# Made from modules/18_acceleration/acceleration_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 24a74de822f32f8f647238df71c56ef14c6d829fb918e29bb6b07824896a1c87


# cell: imports
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


# cell: 18.1-tile-part
def tile_part(scores: Array, v: Array) -> Part:
    """What one tile knows of a softmax: the largest score, a sum, a weighted sum.

    Args:
        scores: (n_q, keys of the tile); blocked ones are -infinity.
        v: values of these keys, (keys of the tile, d_v).

    Returns:
        largest (n_q, 1), total (n_q, 1) and weighted (n_q, d_v), relative to `largest`.

    Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax", section 3.
    """
    largest = scores.max(axis=-1, keepdims=True)
    shares = np.exp(scores - np.where(np.isneginf(largest), 0, largest))
    return largest, shares.sum(axis=-1, keepdims=True), shares @ v


# cell: 18.2-merge-parts
def merge_parts(one: Part, other: Part) -> Part:
    """Put what two tiles know together: as if they were one.

    Args:
        one, other: largest (n_q, 1), total (n_q, 1), weighted (n_q, d_v).

    Returns:
        The same of both.

    Source: Milakov & Gimelshein 2018, section 3.1.
    """
    largest = np.maximum(one[0], other[0])
    base = np.where(np.isneginf(largest), 0, largest)
    first, second = np.exp(one[0] - base), np.exp(other[0] - base)
    total = first * one[1] + second * other[1]
    return largest, total, first * one[2] + second * other[2]


# cell: 18.3-keys-in-sight
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
    first, last = 0, num_keys
    if window is not None:
        first = max(0, start - window + 1)
        last = min(last, stop - 1 + window)
    if causal:
        last = min(last, stop)
    return min(first, num_keys), max(last, min(first, num_keys))


# cell: sight
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


# cell: 18.4-attend-running
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


# cell: 18.5-row-bound
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
    lengths = np.sqrt(np.einsum("ij,ij->i", q, q))
    longest = np.sqrt(np.einsum("ij,ij->i", k, k).max(initial=0))
    bound: Array = lengths * (abs(scale) * longest)
    return bound


# cell: 18.6-fold
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
    return with_column(q * scale, -shift), with_column(k, 1).T


# cell: 18.7-attend-folded
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


# cell: 18.8-attend-backward
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


# cell: 18.9-for-each-head
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
    threads = min(threads, count)
    if threads <= 1:
        for number in range(count):
            work(number)
        return
    one_each = libraries().limit(limits=1, user_api="blas")
    with one_each, ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(count)))


# cell: flash
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


# cell: 18.10-recomputed
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


__all__ = [
    "Sight",
    "attend_backward",
    "attend_folded",
    "attend_head",
    "attend_running",
    "band",
    "blas_threads",
    "check_bias",
    "check_heads",
    "check_options",
    "checkpoint",
    "cut",
    "flash",
    "flash_attention",
    "flash_rule",
    "fold",
    "for_each_head",
    "four_axes",
    "keys_in_sight",
    "libraries",
    "merge_parts",
    "of_head",
    "once_more",
    "recomputed",
    "recomputed_rule",
    "row_bound",
    "smallest_safe",
    "threads_worth",
    "tile_of",
    "tile_part",
    "unseen",
    "with_column",
]
