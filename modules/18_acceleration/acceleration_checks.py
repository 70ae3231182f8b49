"""What the test cells of module 18 call: cases, and oracles that form every score at once."""

import functools
import itertools
import math
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.training import linear_algebra

check = Checker(__file__)
Function = Callable[..., Any]
PART = ("largest", "total", "weighted")
BOTH = ("the output", "the log-sum-exp")


def draw(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


# ---- 18.1 and 18.2: parts of a softmax ----


def part_of(scores: Array, v: Array) -> tuple[Array, ...]:
    """Row by row; a row that sees nothing has largest -infinity and sums of 0."""
    rows = []
    for row in scores:
        seen = np.flatnonzero(row > -np.inf)
        largest = max((float(row[j]) for j in seen), default=-np.inf)
        shares = [np.exp(float(row[j]) - largest) for j in seen]
        weighted = sum((s * v[j].astype(float) for s, j in zip(shares, seen, strict=True)),
                       np.zeros(v.shape[1]))  # fmt: skip
        rows.append((np.array([largest]), np.array([sum(shares, 0.0)]), weighted))
    return tuple(np.array([*column], scores.dtype) for column in zip(*rows, strict=True))


def some_scores() -> dict[str, Array]:
    [scores] = draw(1, (5, 7))
    blocked = scores.copy()
    blocked[1, 2:] = blocked[3, :4] = -np.inf
    nothing = blocked.copy()
    nothing[[0, 3]] = -np.inf
    return {
        "5 queries, 7 keys": scores, "some keys blocked": blocked,
        "rows with nothing to see": nothing, "scores near 3000": scores + 3000,
        "scores near -3000": scores - 3000, "one key": scores[:, :1],
    }  # fmt: skip


@check.exercise
def tile_part(function: Function) -> None:
    for what, scores in some_scores().items():
        [v] = draw(2, (scores.shape[1], 3))
        check.agree(function, part_of, scores, v, what=what, results=PART, quiet=True)


def merged(one: tuple[Array, ...], other: tuple[Array, ...]) -> tuple[Array, ...]:
    """Row by row, in Python's own numbers."""
    rows = []
    for (m1,), (t1,), w1, (m2,), (t2,), w2 in zip(*one, *other, strict=True):
        largest = max(float(m1), float(m2))
        first, second = (math.exp(m - largest) if m > -np.inf else 0.0 for m in (m1, m2))
        weighted = [first * float(x) + second * float(y) for x, y in zip(w1, w2, strict=True)]
        rows.append(([largest], [first * float(t1) + second * float(t2)], weighted))
    return tuple(np.array(column, one[0].dtype) for column in zip(*rows, strict=True))


def single(m: float, t: float, w: float) -> tuple[Array, ...]:
    return tuple(np.array([[x]]) for x in (m, t, w))


@check.exercise
def merge_parts(function: Function) -> None:
    """The six arrays of both parts are looked after one by one."""
    pairs = {}
    for what, scores in some_scores().items():
        [v] = draw(2, (scores.shape[1], 3))
        for at in (1, 3):
            left, right = part_of(scores[:, :at], v[:at]), part_of(scores[:, at:], v[at:])
            if at < scores.shape[1]:
                pairs[f"{what}: {at} and {scores.shape[1] - at}"] = left, right
    pairs["largest scores 2000 apart"] = single(0, 3, 5), single(2000, 7, 11)
    for (what, parts), order in itertools.product(pairs.items(), (1, -1)):
        one, other = parts[::order]
        check.agree(
            lambda *six: function(six[:3], six[3:]),
            lambda *six: merged(six[:3], six[3:]),
            *one, *other,
            what=what if order == 1 else f"{what}, in the other order",
            names=[f"{name} of {part}" for part in ("one", "other") for name in PART],
            results=PART, quiet=True,
        )  # fmt: skip


# ---- 18.3: what is in sight ----


@check.exercise
def keys_in_sight(function: Function) -> None:
    for (start, stop, count), causal, window in itertools.product(
        ((4, 6, 10), (0, 3, 10), (0, 1, 1), (8, 10, 5), (5, 10, 7), (2, 5, 3)),
        (False, True), (None, 1, 3, 100),
    ):  # fmt: skip
        what = f"queries {start} to {stop - 1} of {count} keys, causal={causal}, window={window}"
        seen = [
            j
            for j in range(count)
            if any(
                (not causal or j <= i) and (window is None or abs(i - j) < window)
                for i in range(start, stop)
            )
        ]
        got = check.call(lambda a=(start, stop, count, causal, window): function(*a), what=what)
        fit = isinstance(got, tuple | list) and len(got) == 2
        check.that(fit, f"it returns first and last; it gives {shown(got)}", "two", what)
        first, past = int(got[0]), int(got[1])
        if seen:
            right = (seen[0], seen[-1] + 1)
            text = f"first and one past the last are {right}; it gives {first, past}"
            check.that((first, past) == right, text, [first, past], what)
        else:
            text = f"no key is in sight, so both must be equal; it gives {first, past}"
            check.that(first == past, text, [first, past], what)


# ---- 18.4 to 18.8: tiles of one head ----


def who_sees(sight: Any, n_q: int, n_k: int) -> Array:
    distance = np.arange(n_q)[:, None] - np.arange(n_k)
    seen = np.ones((n_q, n_k), bool)
    if sight.causal:
        seen &= distance >= 0
    if sight.window is not None:
        seen &= abs(distance) < sight.window
    return seen if sight.mask is None else seen & sight.mask


def scores_of(q: Array, k: Array, sight: Any) -> tuple[Array, Array]:
    """Every score in float64, -infinity where blocked, and the slope of the cap."""
    scores = np.einsum("ic,jc->ij", q.astype(float), k.astype(float)) * sight.scale
    slope = np.ones(scores.shape)
    if sight.softcap is not None:
        slope = 1 / np.cosh(scores / sight.softcap) ** 2
        scores = sight.softcap * np.tanh(scores / sight.softcap)
    if sight.bias is not None:
        scores = scores + sight.bias
    return np.where(who_sees(sight, len(q), len(k)), scores, -np.inf), slope


def whole(q: Array, k: Array, v: Array, sight: Any) -> tuple[Array, Array]:
    """Output and log-sum-exp with all scores at once."""
    scores, _ = scores_of(q, k, sight)
    lse = np.full(len(q), float(np.finfo(q.dtype).max))
    output = np.zeros((len(q), v.shape[1]))
    seeing = (scores > -np.inf).any(axis=1)
    top = scores[seeing].max(axis=1, keepdims=True, initial=-1e300)
    powers = np.exp(scores[seeing] - top)
    lse[seeing] = np.log(powers.sum(axis=1)) + top[:, 0]
    output[seeing] = powers / powers.sum(axis=1, keepdims=True) @ v.astype(float)
    return output.astype(q.dtype), lse.astype(q.dtype)


def sights(kind: Any, n_q: int, n_k: int) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    mask = rng.random((n_q, n_k)) < 0.5
    mask[n_q // 2 :, n_k // 3 :] = False
    mask[[0, n_q - 1]] = False
    padding = np.broadcast_to(np.arange(n_k) < n_k // 2, (n_q, n_k))
    return {
        "all keys": kind(0.5), "causal": kind(0.5, True), "a window of 37": kind(0.5, False, 37),
        "causal, a window of 300": kind(0.5, True, 300), "a mask": kind(0.5, mask=mask),
        "padding": kind(0.5, mask=padding), "causal, a mask": kind(0.5, True, mask=mask),
        "a negative scale": kind(-0.3),
    }  # fmt: skip


def capped(kind: Any, n_q: int, n_k: int) -> dict[str, Any]:
    [bias] = draw(6, (n_q, n_k))
    return {
        "softcap=2": kind(0.5, softcap=2.0), "a bias": kind(0.5, bias=bias),
        "softcap, bias, causal": kind(0.5, True, softcap=2.0, bias=bias),
    }  # fmt: skip


SHAPES = {
    "5 queries, 7 keys": ((5, 7), np.float64), "5 queries, 7 keys, float32": ((5, 7), np.float32),
    "600 queries, 40 keys, float32": ((600, 40), np.float32),
    "260 queries, 520 keys": ((260, 520), np.float64),
}  # fmt: skip


def heads(shape: tuple[int, int], dtype: Any = np.float64, wide: float = 1.0) -> list[Array]:
    n_q, n_k = shape
    q, k, v = draw(n_q, (n_q, 3), (n_k, 3), (n_k, 2))
    return [(q * wide).astype(dtype), k.astype(dtype), v.astype(dtype)]


OF_A_HEAD = ("q", "k", "v", "sight", "rows")
BACKWARD = ("grad", "q", "k", "v", "output", "lse", "sight")


def near(got: Any, right: Any, what: str, dtype: Any) -> None:
    """Numbers equal to a few digits less than the dtype has, and of that dtype."""
    if not (isinstance(got, tuple | list) and len(got) == len(right)):
        text = f"{len(right)} results are expected; it gives {shown(got)}"
        check.that(False, text, "count", what)
    names = BOTH if len(right) == 2 else tuple(f"the gradient of {x}" for x in "qkv")
    for x, y, name in zip(got, right, names, strict=True):
        text = f"{what}: {name}"
        told = f"shape {np.shape(x)} came, expected {np.shape(y)}"
        check.that(np.shape(x) == np.shape(y), told, [*np.shape(x)], text)
        tolerance = 1e-4 if dtype == np.float32 else 1e-9
        if not np.allclose(
            x, y, rtol=tolerance, atol=tolerance * (1 + np.median(np.abs(np.minimum(y, 9))))
        ):
            check.same(x, y, text)
            check.that(False, "it differs from the oracle", "differs", text)
        told = f"{x.dtype} came, expected {np.dtype(dtype)}"
        check.that(x.dtype == dtype, told, str(x.dtype), text)


@check.exercise
def attend_running(function: Function, kind: Any) -> None:
    for what, (shape, dtype) in SHAPES.items():
        for name, sight in (sights(kind, *shape) | capped(kind, *shape)).items():
            q, k, v = heads(shape, dtype)
            right = whole(q, k, v, sight)
            stops = sorted({min(256, shape[0]), shape[0], 3})
            for rows in map(slice, [0, *stops], stops):
                if rows.start < rows.stop:
                    told = f"{what}, {name}, queries {rows.start} to {rows.stop - 1}"
                    with np.errstate(invalid="raise", divide="raise"):
                        got = check.call(function, q, k, v, sight, rows, what=told, names=OF_A_HEAD)
                    near(got, [x[rows] for x in right], told, dtype)
    q, k, v = heads((5, 7), np.float32, 1000.0)
    low = np.full((5, 7), -3000, np.float32)
    for what, sight in {"scores in the thousands": kind(0.5), "scores below -3000": kind(
            0.0, bias=low)}.items():  # fmt: skip
        got = check.call(function, q, k, v, sight, slice(0, 5), what=what, names=OF_A_HEAD)
        near(got, whole(q, k, v, sight), f"{what}, float32", np.float32)
    tile_by_tile(function, kind)


def tile_by_tile(function: Function, kind: Any) -> None:
    """Each tile's scores are asked for once, and no more than a tile's."""
    asked: list[tuple[int, int]] = []

    class Noting(kind):  # type: ignore[misc]
        def scores(self, q: Array, k: Array, rows: slice, columns: slice) -> Array:
            asked.append((columns.start, columns.stop))
            found: Array = kind.scores(self, q, k, rows, columns)
            return found

    q, k, v = heads((260, 520))
    check.call(function, q, k, v, Noting(0.5, True), slice(256, 260), what="causal, the last tile")
    right = [(x.start, x.stop) for x in kind(0.5, True).tiles(slice(256, 260), 520)]
    check.same(asked, right, "the keys whose scores are asked for, queries 256 to 259, causal")


def longest_product(q: Array, k: Array, scale: float) -> Array:
    lengths = [np.linalg.norm(x.astype(float)) for x in k]
    return np.array(
        [np.linalg.norm(x.astype(float)) * max(lengths, default=0.0) * abs(scale) for x in q],
        q.dtype,
    )


@check.exercise
def row_bound(function: Function) -> None:
    q, k = draw(7, (5, 3), (7, 3))
    for scale in (0.5, 1.0, -0.25):
        for what, keys in {"7 keys": k, "one key": k[:1], "no keys": k[:0]}.items():
            told = f"5 queries, {what}, scale={scale}"
            once = len(keys) == 0
            check.agree(function, longest_product, q, keys, scale, what=told, once=once)


@check.exercise
def fold(function: Function) -> None:
    q, k, shift = draw(8, (5, 3), (7, 3), (5,))
    for what, scale, moved in (("a shift for each query", 0.5, shift), ("no shift", 0.5, 0),
                               ("scale=1", 1, shift)):  # fmt: skip
        for dtype in (np.float64, np.float32):
            arrays = [np.asarray(x, dtype) if np.ndim(x) else x for x in (q, k, scale, moved)]
            told = f"{what}, {np.dtype(dtype)}"
            got = check.call(function, *arrays, what=told, names=("q", "k", "scale", "shift"))
            fit = isinstance(got, tuple | list) and len(got) == 2
            check.that(fit, f"it returns asked and given; it gives {shown(got)}", "two", told)
            for x, name, shape in zip(got, ("asked", "given"), ((5, 4), (4, 7)), strict=True):
                text = f"shape {np.shape(x)} came, expected {shape}"
                check.that(np.shape(x) == shape, text, [*np.shape(x)], f"{told}: {name}")
                text = f"{x.dtype} came, expected {np.dtype(dtype)}"
                check.that(x.dtype == dtype, text, str(x.dtype), f"{told}: {name}")
            column = np.reshape(moved, (-1, 1)) if np.ndim(moved) else moved
            right = np.einsum("ic,jc->ij", q, k) * scale - column
            near_enough = np.allclose(got[0] @ got[1], right, rtol=1e-5, atol=1e-5)
            if not near_enough:
                check.same(got[0] @ got[1], right, f"{told}: the product")
    function(q, k, 1, 0)
    k += 1
    what = "the same array of keys, after its numbers were changed: the product"
    check.same(np.matmul(*function(q, k, 1, 0)), np.einsum("ic,jc->ij", q, k), what)


@check.exercise
def attend_folded(function: Function, kind: Any) -> None:
    for what, (shape, dtype) in SHAPES.items():
        for name, sight in sights(kind, *shape).items():
            q, k, v = heads(shape, dtype)
            told = f"{what}, {name}"
            with np.errstate(invalid="raise", divide="raise", over="raise"):
                got = check.call(function, q, k, v, sight, what=told, names=OF_A_HEAD)
            near(got, whole(q, k, v, sight), told, dtype)
    loose = {"scores in the thousands": 1000.0, "bounds of some hundreds": 100.0}
    for (what, wide), name in itertools.product(loose.items(), ("all keys", "causal", "a mask")):
        q, k, v = heads((260, 520), np.float32, wide)
        told, sight = f"{what}, {name}", sights(kind, 260, 520)[name]
        got = check.call(function, q, k, v, sight, what=told, names=OF_A_HEAD)
        near(got, whole(q, k, v, sight), told, np.float32)
    for what, (q, k, v) in hard_to_bound().items():
        with np.errstate(all="ignore"):
            got = check.call(function, q, k, v, kind(1.0), what=what, names=OF_A_HEAD)
        near(got, whole(q, k, v, kind(1.0)), what, np.float32)
    in_tiles(function, kind)


def hard_to_bound() -> dict[str, list[Array]]:
    """Queries, keys and values of float32."""
    far = np.outer(np.linspace(0.9, 1.08, 16), [1, 0])
    across = np.column_stack([np.linspace(0, 1, 7), np.full(7, 95)])
    nothing, long = np.array([[0, 0], [1e-20, 0]]), np.eye(2) * 1e20
    cases = {
        "sums of exponentials from 1e-38 to 1e-44": (far, across),
        "keys so long that the bound of a query of zeros is no number": (nothing, long),
    }
    return {
        what: [x.astype(np.float32) for x in (q, k, np.arange(len(k))[:, None])]
        for what, (q, k) in cases.items()
    }


def in_tiles(run: Function, kind: Any) -> None:
    """No array of all scores is formed, and no tile that nobody sees."""
    q, k, v = heads((2000, 2000), np.float32)
    tracemalloc.start()
    run(q, k, v, kind(0.5))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    text = f"it takes {peak:,} bytes at most; all scores at once are {4 * len(q) * len(k):,}"
    check.that(peak < len(q) * len(k), f"{text}: work tile by tile", "memory", "2000 queries")
    asked: list[tuple[slice, slice]] = []

    class Noting(kind):  # type: ignore[misc]
        def allowed(self, rows: slice, columns: slice) -> Any:
            asked.append((rows, columns))
            return kind.allowed(self, rows, columns)

    run(*(x[:1100] for x in (q, k, v)), Noting(0.5, True))
    for rows, columns in asked:
        text = (f"no query from {rows.start} to {rows.stop - 1} sees a key from {columns.start} to "
                f"{columns.stop - 1}; a tile of them is computed")  # fmt: skip
        check.that(columns.start < rows.stop, text, "unseen", "1100 queries and keys, causal")


def gradients_of(
    grad: Array, q: Array, k: Array, v: Array, sight: Any
) -> tuple[list[Array], Array]:
    """By the softmax's own Jacobian, all scores at once; and the gradient of a bias."""
    scores, slope = scores_of(q, k, sight)
    _, lse = whole(q.astype(float), k.astype(float), v, sight)
    shares = np.exp(scores - lse[:, None])
    towards = np.einsum("ic,jc->ij", grad, v)
    of_bias = shares * towards - shares * np.einsum("ij,ij->i", shares, towards)[:, None]
    change = of_bias * slope * sight.scale
    found = [np.einsum("ij,jc->ic", change, k), np.einsum("ij,ic->jc", change, q)]
    return [*found, np.einsum("ij,ic->jc", shares, grad)], of_bias


@check.exercise
def attend_backward(function: Function, kind: Any) -> None:
    for what, (shape, dtype) in SHAPES.items():
        for name, sight in (sights(kind, *shape) | capped(kind, *shape)).items():
            q, k, v = heads(shape, dtype)
            grad = draw(9, (shape[0], 2))[0].astype(dtype)
            output, lse = whole(q, k, v, sight)
            right, of_bias = gradients_of(grad.astype(float), q, k, v, sight)
            told = f"{what}, {name}"
            with np.errstate(invalid="raise", divide="raise", over="raise"):
                arrays = (grad, q, k, v, output, lse, sight)
                got = check.call(function, *arrays, what=told, names=BACKWARD)
            near(got, right, told, dtype)
            if sight.bias is not None:
                found = np.zeros(shape, dtype)
                function(grad, q, k, v, output, lse, sight, found)
                text = f"{told}: grad_scores"
                if not np.allclose(found, of_bias, rtol=1e-4, atol=1e-4):
                    check.same(found, of_bias, text)
    in_tiles(lambda q, k, v, sight: function(v, q, k, v, v, 9 + v[:, 0] ** 2, sight), kind)


# ---- 18.9: threads ----


@functools.cache
def libraries() -> Any:
    return linear_algebra()


def blas_threads() -> list[int]:
    found = libraries().lib_controllers
    return [each.num_threads for each in found if each.user_api == "blas"]


@check.exercise
def for_each_head(function: Function) -> None:
    with libraries().limit(limits=2, user_api="blas"):  # so that it shows whether it gets one
        for count, threads in ((7, 2), (7, 1), (2, 5), (1, 3), (0, 2)):
            each_once(function, count, threads)

    def failing(number: int) -> None:
        if number == 3:
            raise ValueError("head 3")

    for threads in (1, 2):
        what = f"an error in head 3, {threads} threads"
        check.raises(lambda t=threads: function(failing, 7, t), says=["head 3"], what=what)


def each_once(function: Function, count: int, threads: int) -> None:
    what, most = f"{count} heads, {threads} threads", min(threads, count)
    done: list[int] = []
    workers: set[threading.Thread] = set()
    limits: list[int] = []
    met = threading.Event()

    def work(number: int) -> None:
        workers.add(threading.current_thread())
        if len(workers) > 1 or most == 1:
            met.set()
        met.wait(timeout=3)  # for another thread, if there is to be one
        met.set()
        limits.extend(blas_threads())
        done.append(number)

    before = blas_threads()
    check.call(lambda: function(work, count, threads), what=what)
    check.same(sorted(done), [*range(count)], f"{what}: the heads that were done")
    check.same(blas_threads(), before, f"{what}: threads of BLAS afterwards")
    if most > 1:
        text = f"{len(workers)} threads worked, expected at most {most}"
        check.that(len(workers) <= most, text, "threads", what)
        check.that(len(workers) > 1, "one thread did it all", "one", what)
        text = f"BLAS may use {max(limits, default=0)} threads meanwhile, expected 1"
        check.that({*limits} <= {1}, text, "blas", what)
    else:
        text = "another thread was started, where one is enough"
        check.that(workers <= {threading.current_thread()}, text, "started", what)
        text = f"BLAS may use {max(limits, default=0)} threads meanwhile, expected {max(before, default=0)}"
        check.that({*limits} <= {*before}, text, "blas", what)


# ---- 18.10: checkpoints ----


class Sum(Layer):
    """Two inputs and an option, to see that all are handed on."""

    def __init__(self) -> None:
        self.inner = Linear(3, 3, rng=np.random.default_rng(1))

    def forward(self, x: Tensor, y: Tensor, times: float = 1.0) -> Tensor:
        output: Tensor = self.inner(x * y) * times
        return output


@check.exercise
def checkpoint(function: Function, op: Any) -> None:
    rng = np.random.default_rng(2)
    layer = Sequential(Linear(3, 5, rng=rng), Dropout(0.5, rng=rng), Linear(5, 2, rng=rng))
    [x] = draw(3, (7, 3))
    for what, learns in {"an input that learns": True, "an input that does not": False}.items():
        same_gradients(function, layer, [Tensor(x, requires_grad=learns)], what)
    for dtype in (np.float32, np.float64):
        two = [Tensor(each, requires_grad=True, dtype=dtype) for each in draw(4, (5, 3), (5, 3))]
        what = f"two inputs of {np.dtype(dtype)} and an option"
        same_gradients(function, Sum(), two, what, times=2.5)
    ids = Tensor(np.array([[1, 2, 2], [0, 6, 1]]))
    same_gradients(function, Embedding(7, 3, rng=rng), [ids], "an input of ids")
    once(function, layer, Tensor(x, requires_grad=True))


def same_gradients(function: Function, layer: Any, inputs: list[Tensor], what: str,
                   **options: Any) -> None:  # fmt: skip
    """With a checkpoint and without, from the same random numbers."""
    found: list[Any] = []
    rng = next((part.rng for part in getattr(layer, "layers", ()) if hasattr(part, "rng")), None)
    state = rng.bit_generator.state if rng else None
    for run in (lambda *a, **o: layer(*a, **o), lambda *a, **o: function(layer, *a, **o)):
        if rng:
            rng.bit_generator.state = state
        for part in (*inputs, *layer.parameters()):
            if part.requires_grad:
                part.grad = np.ones(part.shape, part.dtype)  # what was there before is added to
        output = check.call(lambda r=run: r(*inputs, **options), what=what)
        upstream = np.cos(np.arange(output.data.size)).reshape(output.shape)
        check.call(lambda o=output, u=upstream: o.backward(u), what=f"{what}, backward")
        later = rng.random() if rng else 0
        found.append(([part.grad for part in (*inputs, *layer.parameters())], later))
    names = [f"input {number}" for number in range(len(inputs))]
    names += [f"parameter {name}" for name, _ in layer.named_parameters()]
    for name, right, got in zip(names, found[0][0], found[1][0], strict=True):
        text = f"{what}: the gradient of {name}, beside the layer without a checkpoint"
        check.that((got is None) == (right is None), f"{shown(got)} is there", "none", text)
        if right is not None and not np.allclose(got, right, rtol=1e-4, atol=1e-5):
            check.same(got, right, text)
        if right is not None and right.dtype == float:
            largest = np.abs(got - right).max(initial=0)
            told = f"it is off by {largest:.1g}: float64 must be computed as float64"
            check.that(largest < 1e-12, told, what=text)
    check.same(found[1][1], found[0][1], f"{what}: the next random number")


def once(function: Function, layer: Any, x: Tensor) -> None:
    for part in layer.parameters():
        part.grad = None
    before = [part.grad for part in layer.parameters()]
    output = function(layer, x)
    rule_gave = output.node.op.rule(
        np.ones(output.shape, output.dtype), output.data,
        *(each.data for each in output.node.inputs), **output.node.options,
    )  # fmt: skip
    text = "the rule leaves a gradient in the layer's parameters: put the old one back"
    kept = all(part.grad is old for part, old in zip(layer.parameters(), before, strict=True))
    check.that(kept, text, "left", "the rule alone")
    check.same(len(rule_gave), 1 + len(before), "the rule alone: how many gradients")
