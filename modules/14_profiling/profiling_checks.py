"""What the test cells of module 14 call: nodes whose cost is known, a clock that tells what we say."""

import contextlib
import statistics
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinytorch.fused import attention_weights as fused_weights
from tinytorch.checking import Checker, shown
from tinytorch.core.activations import exp, relu, tanh
from tinytorch.core.attention import attention_scores, weighted_sum
from tinytorch.core.embeddings import Embedding
from tinytorch.core.losses import cross_entropy
from tinytorch.core.tensor import Array, Node, Tensor, concatenate, op
from tinytorch.core.transformers import layer_norm, rms_norm

check = Checker(__file__)
Function = Callable[..., Any]
Case = tuple[str, Node, int, int, int, int]  # what, node, products, others, backward, bytes
MB = 1 << 20


class Counting:
    """A number that counts the multiplications it takes part in."""

    total = 0

    def __mul__(self, other: Any) -> "Counting":
        Counting.total += 1
        return self

    def __add__(self, other: Any) -> "Counting":
        return self


def counted(a: Sequence[int], b: Sequence[int]) -> int:
    """Multiply matrices of counting numbers; to each multiplication belongs an addition."""
    Counting.total = 0
    _ = np.full(a, Counting(), object) @ np.full(b, Counting(), object)
    return 2 * Counting.total


def count_is(got: Any, right: int, what: str) -> None:
    """Compare a count, and say how far it is off in whole numbers where it is."""
    if isinstance(got, bool) or not isinstance(got, int | np.integer):
        after = ": is a return missing?" if got is None else ""
        check.that(False, f"{shown(got)} came, expected the int {right}{after}", got, what)
    text = f"{got} came, expected {right}"
    for times in (2, 3, 4):
        text += f": {times} times as many" if got == times * right != 0 else ""
        text += f": one in {times}" if times * got == right != 0 else ""
    check.that(got == right, text, int(got), what)


@check.exercise
def matmul_flops(function: Function) -> None:
    for a, b in (
        ((2, 3), (3, 5)), ((7, 2, 3), (7, 3, 5)), ((7, 2, 3), (3, 5)), ((2, 3), (7, 3, 5)),
        ((5, 1, 2, 3), (7, 3, 11)), ((7, 11, 2, 3), (7, 11, 3, 5)), ((3,), (3, 5)), ((2, 3), (3,)),
        ((3,), (3,)), ((7, 2, 3), (3,)), ((3,), (7, 3, 5)), ((1, 13), (13, 1)), ((0, 3), (3, 5)),
    ):  # fmt: skip
        what = f"{a} @ {b}"
        count_is(check.call(function, a, b, what=what, names=("a", "b")), counted(a, b), what)
    large = (100003, 50021), (50021, 70001)
    what = f"{large[0]} @ {large[1]}"
    count_is(
        check.call(function, *large, what=what, names=("a", "b")), 2 * 100003 * 50021 * 70001, what
    )


def leaf(*shape: int, dtype: Any = np.float32, learns: bool = True) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=learns, dtype=dtype)


def node_of(tensor: Any) -> Node:
    node: Node = tensor.node
    return node


def a_product() -> list[Case]:
    """(2, 3) @ (3, 5): 30 multiply-adds; float32 has 4 bytes."""
    made = leaf(2, 3) @ leaf(3, 5)
    return [("(2, 3) @ (3, 5)", node_of(made), 60, 0, 120, 4 * (6 + 15 + 10))]


def products() -> list[Case]:
    constant = leaf(2, 3, learns=False) @ leaf(3, 5)
    other = leaf(2, 3) @ leaf(3, 5, learns=False)
    stacked = leaf(7, 2, 3, dtype=np.float64) @ leaf(3, 5, dtype=np.float64)
    row, column = leaf(3) @ leaf(3, 5), leaf(2, 3) @ leaf(3)
    made = (leaf(2, 3) + 1) @ leaf(3, 5)  # its first input was computed
    scores = attention_scores(leaf(2, 5, 3), leaf(2, 7, 3))
    output = weighted_sum(leaf(2, 5, 7), leaf(2, 7, 3))
    weights = fused_weights(leaf(2, 5, 3), leaf(2, 7, 3))
    return [
        ("(2, 3) @ (3, 5), the first a constant", node_of(constant), 60, 0, 60, 4 * 31),
        ("(2, 3) @ (3, 5), the second a constant", node_of(other), 60, 0, 60, 4 * 31),
        ("(7, 2, 3) @ (3, 5)", node_of(stacked), 420, 0, 840, 8 * (42 + 15 + 70)),
        ("(3,) @ (3, 5)", node_of(row), 30, 0, 60, 4 * (3 + 15 + 5)),
        ("(2, 3) + 1, @ (3, 5)", node_of(made), 60, 0, 120, 4 * 31),
        ("(2, 3) @ (3,)", node_of(column), 12, 0, 24, 4 * (6 + 3 + 2)),
        ("attention_scores (2, 5, 3), (2, 7, 3)", node_of(scores), 420, 0, 840, 4 * (30 + 42 + 70)),
        ("weighted_sum (2, 5, 7), (2, 7, 3)", node_of(output), 420, 0, 840, 4 * (70 + 42 + 30)),
        ("fused weights (2, 5, 3), (2, 7, 3)", node_of(weights), 420, 350, 840, 4 * 142),
    ]


def elementwise() -> list[Case]:
    x, wide = leaf(2, 3), leaf(2, 3, dtype=np.float64)
    return [
        ("(2, 3) + (3,)", node_of(x + leaf(3)), 0, 6, 0, 4 * (6 + 3 + 6)),
        ("(2, 1) * (3,)", node_of(leaf(2, 1) * leaf(3)), 0, 6, 0, 4 * (2 + 3 + 6)),
        ("(2, 3) / 7", node_of(x / 7), 0, 6, 0, 4 * 12),
        ("1 - (2, 3)", node_of(1 - x), 0, 6, 0, 4 * 12),
        ("exp of (2, 3), float64", node_of(exp(wide)), 0, 6, 0, 8 * 12),
        ("tanh of (2, 3)", node_of(tanh(x)), 0, 6, 0, 4 * 12),
        ("the sum of (2, 3)", node_of(x.sum()), 0, 6, 0, 4 * (6 + 1)),
        ("the sum of (0, 3) over dim 0", node_of(leaf(0, 3).sum(dim=0)), 0, 0, 0, 4 * 3),
        ("the sum of (2, 3) over dim 1", node_of(x.sum(dim=1)), 0, 6, 0, 4 * (6 + 2)),
        ("the maximum of (2, 3) over dim 0", node_of(x.max(dim=0)), 0, 6, 0, 4 * (6 + 3)),
        ("layer_norm of (2, 3)", node_of(layer_norm(x, leaf(3), leaf(3))), 0, 42, 0, 4 * 18),
        ("rms_norm of (2, 3)", node_of(rms_norm(x, leaf(3))), 0, 24, 0, 4 * 15),
        ("cross_entropy of (2, 3)", node_of(cross_entropy(x, [0, 2])), 0, 24, 0, 4 * 7),
    ]


def moving() -> list[Case]:
    x, rows = leaf(2, 3), Embedding(11, 3)([1, 5, 1, 2, 7])
    return [
        ("(2, 3) transposed, a view", node_of(x.T), 0, 0, 0, 0),
        ("a transposed view, transposed again", node_of(x.T.T), 0, 0, 0, 0),
        ("(2, 3) in the shape (6,), a view", node_of(x.reshape(6)), 0, 0, 0, 0),
        ("a transposed view in the shape (6,), a copy", node_of(x.T.reshape(6)), 0, 0, 0, 4 * 12),
        ("rows 0 to 0 of (2, 3), a view", node_of(x[:1]), 0, 0, 0, 0),
        ("rows [1, 1, 0] of (2, 3), a copy", node_of(x[[1, 1, 0]]), 0, 0, 0, 4 * 18),
        ("5 rows of an Embedding (11, 3)", node_of(rows), 0, 0, 0, 4 * 30),
        ("(2, 3) beside (5, 3)", node_of(concatenate([x, leaf(5, 3)])), 0, 0, 0, 4 * (6 + 15 + 21)),
        ("relu of (2, 3)", node_of(relu(x)), 0, 0, 0, 4 * 12),
        ("(2, 3) to float64", node_of(x.to(np.float64)), 0, 0, 0, 24 + 48),
    ]


def cases() -> list[Case]:
    return a_product() + products() + elementwise() + moving()


@op
def cube_root(a: Array) -> Any:
    return np.cbrt(a)


@check.exercise
def op_flops(function: Function) -> None:
    for what, node, product, others, _, _ in cases():
        got = check.call(partial(function, node), what=what)
        pair = isinstance(got, tuple | list) and len(got) == 2
        after = ": is a return missing?" if got is None else ""
        text = f"{shown(got)} came, expected two counts, products and others{after}"
        check.that(pair, text, got, what)
        count_is(got[0], product, f"{what}, products")
        count_is(got[1], others, f"{what}, others")
    unknown = node_of(cube_root(leaf(2, 3)))
    check.raises(function, unknown, says=["cube_root"], what="an op named cube_root")


@check.exercise
def backward_flops(function: Function) -> None:
    square = leaf(3, 3)
    same: Case = ("(3, 3) @ itself", node_of(square @ square), 54, 0, 108, 0)
    for what, node, _, _, backward, _ in [*cases(), same]:
        count_is(check.call(partial(function, node), what=what), backward, what)


@check.exercise
def op_bytes(function: Function) -> None:
    for what, node, _, _, _, moved in cases():
        count_is(check.call(partial(function, node), what=what), moved, what)


FIELDS = ("op", "calls", "products", "others", "backward", "bytes")


def expected_rows(chosen: list[Case]) -> list[tuple[Any, ...]]:
    """One row a name; the sums of each column, in the order that the text asks for."""
    names = list(dict.fromkeys(node.op.__name__ for _, node, *_ in chosen))
    rows: list[tuple[Any, ...]] = []
    for name in names:
        counts = [numbers for _, node, *numbers in chosen if node.op.__name__ == name]
        rows.append((name, len(counts), *(sum(column) for column in zip(*counts, strict=True))))
    rows.sort(key=lambda row: row[3], reverse=True)
    rows.sort(key=lambda row: row[2], reverse=True)
    return rows


@check.exercise
def count_ops(function: Function, row: Any) -> None:
    every = cases()
    by_op = {case[1].op.__name__: case for case in every}
    a_sum, an_exp, a_tanh = (by_op[name] for name in ("add", "exp", "tanh"))
    for what, chosen in (
        ("one product", every[:1]),
        ("two products of one op", every[:2]),
        ("a sum, then a product", [a_sum, every[0]]),
        ("a product, a sum, another product", [every[0], a_sum, every[1]]),
        ("two equal costs: exp, then tanh", [an_exp, a_tanh]),
        ("two equal costs: tanh, then exp", [a_tanh, an_exp]),
        ("many nodes", every),
        ("many nodes, backwards", every[::-1]),
        ("no node", []),
    ):
        for form in (list, iter):
            where = what if form is list else f"{what}, as an iterator"
            nodes = [node for _, node, *_ in chosen]
            got = check.call(partial(function, form(nodes)), what=where)
            compare_rows(got, expected_rows(chosen), row, where)


def compare_rows(got: Any, right: list[tuple[Any, ...]], row: Any, what: str) -> None:
    after = ": is a return missing?" if got is None else ""
    text = f"{shown(got)} came, expected a list of rows{after}"
    check.that(isinstance(got, list), text, type(got).__name__, what)
    kinds = sorted({type(one).__name__ for one in got})
    text = f"each must be a Row; there are {', '.join(kinds)}"
    check.that(all(isinstance(one, row) for one in got), text, kinds, what)
    names, expected = [one.op for one in got], [one[0] for one in right]
    text = f"expected a row each for {', '.join(expected)}; there are {', '.join(names) or 'none'}"
    check.that(sorted(names) == sorted(expected), text, names, what)
    for values in right:
        mine = next(one for one in got if one.op == values[0])
        for field, value in zip(FIELDS[1:], values[1:], strict=True):
            count_is(getattr(mine, field), value, f"{what}, {field} of {mine.op}")
    text = f"the order must be {', '.join(expected)}; it is {', '.join(names)}"
    check.that(names == expected, text, names, what)


class Stage:
    """A clock and a function that takes as long as it was told; notes who was called."""

    def __init__(self, durations: Sequence[float]) -> None:
        self.now, self.left, self.log = 1000.0, [*durations], ""

    def clock(self) -> float:
        self.log += "t"
        return self.now

    def function(self) -> str:
        self.log += "f"
        self.now += self.left.pop(0) if self.left else 0.0
        return "a result"


def quartiles(seconds: Sequence[float]) -> list[float]:
    if len(seconds) == 1:
        return [*seconds] * 3
    return statistics.quantiles(seconds, n=4, method="inclusive")


@check.exercise
def measure(function: Function) -> None:
    drawn = np.random.default_rng(6).integers(1, 90, 30) / 8  # exact in floats
    for repeats, warm_up in ((5, 0), (9, 2), (4, 1), (1, 3), (2, 0), (10, 1)):
        what = f"repeats={repeats}, warm_up={warm_up}"
        stage = Stage([*np.full(warm_up, 500.0), *drawn[:repeats].tolist()])
        timed(function, stage, quartiles(drawn[:repeats].tolist()), what, repeats, warm_up)
    stage = Stage([500.0, *drawn[:11]])
    timed(function, stage, quartiles(drawn[:11].tolist()), "repeats and warm_up not given")
    calls: list[int] = []
    got = check.call(lambda: function(lambda: calls.append(1), 3), what="the clock not given")
    check.same(len(calls), 4, "the clock not given: how many calls")
    text = f"times of nearly nothing must be small and in order; {shown(got)} came"
    check.that(0 <= got.low <= got.median <= got.high < 1, text, what="the clock not given")


def timed(function: Function, stage: Stage, right: list[float], what: str, *counts: int) -> None:
    got = check.call(partial(function, stage.function, *counts, clock=stage.clock), what=what)
    repeats, warm_up = counts or (11, 1)
    calls = stage.log.count("f")
    text = f"{calls} calls came, expected {repeats + warm_up}: warm_up and repeats"
    check.that(calls == repeats + warm_up, text, calls, f"{what}, calls")
    names = ("low", "median", "high")
    after = ": is a return missing?" if got is None else ""
    text = f"{shown(got)} came, expected a Timing{after}"
    check.that(all(hasattr(got, name) for name in names), text, type(got).__name__, what)
    numbers = [float(getattr(got, name)) for name in names]
    text = f"low, median and high are {numbers}, expected {right}"
    check.that(np.allclose(numbers, right), text, np.array(numbers), what)


def peak_is(function: Function, work: Function, right: float, what: str) -> None:
    """Compare a peak in MB, with a tenth of it for what Python itself takes."""
    calls: list[int] = []

    def once() -> Any:
        calls.append(1)
        return work()

    got = check.call(lambda: function(once), what=what)
    after = ": is a return missing?" if got is None else ""
    number = isinstance(got, int | float | np.number)
    check.that(number, f"{shown(got)} came, expected bytes{after}", type(got).__name__, what)
    came = round(float(got) / MB, 1)
    text = f"{came:.1f} MB came, expected {right:.1f} MB ({MB:,} bytes each)"
    check.that(abs(came - right) <= 0.1, text, came, what)
    check.same(len(calls), 1, f"{what}: how many calls")


def array_of(megabytes: float) -> Array:
    return np.ones(int(megabytes * MB) // 8)


def large_then_small() -> Array:
    array_of(5)
    return array_of(2)


def fails() -> None:
    array_of(1)
    raise KeyError("as wanted")


@check.exercise
def peak_memory(function: Function) -> None:
    tracing_is(False, "before")
    try:
        peak_is(function, lambda: array_of(3), 3, "an array of 3 MB")
        tracing_is(False, "after a call, where it was off before")
        peak_is(function, large_then_small, 5, "5 MB given back, then 2 MB")
        peak_is(function, lambda: [array_of(1), array_of(3)], 4, "1 MB and 3 MB at once")
        check.raises(function, fails, error=KeyError, what="a function that raises a KeyError")
        tracing_is(False, "after an error, where it was off before")
        tracemalloc.start()
        kept = array_of(4)
        array_of(6)
        peak_is(function, lambda: array_of(1), 1, "1 MB, after 6 MB given back, beside 4 MB kept")
        tracing_is(True, "after a call, where it was on before")
        text = "what was traced before must be known still: `stop` forgets it"
        known = tracemalloc.get_traced_memory()[0] > 3e6
        check.that(known, text, what="4 MB kept, where tracing was on before")
        with contextlib.suppress(KeyError):
            function(fails)
        tracing_is(True, "after an error, where it was on before")
        del kept
    finally:
        tracemalloc.stop()


def tracing_is(right: bool, when: str) -> None:
    state = tracemalloc.is_tracing()
    text = f"tracing is {'on' if state else 'off'}, expected {'on' if right else 'off'}"
    check.that(state == right, text, state, f"tracing {when}")


def lower(intensity: Array, peak_flops: float, bandwidth: float) -> Array:
    limits = [
        peak_flops if one * bandwidth > peak_flops else one * bandwidth for one in intensity.flat
    ]
    return np.array(limits).reshape(intensity.shape)


@check.exercise
def roofline(function: Function) -> None:
    drawn = np.random.default_rng(8).uniform(0, 9, (2, 3))
    for what, intensity, peak, bandwidth in (
        ("memory is the limit", np.float64(0.5), 60.0, 20.0),
        ("arithmetic is the limit", np.float64(8.0), 60.0, 20.0),
        ("both limits are equal", np.float64(3.0), 60.0, 20.0),
        ("no operation at all", np.float64(0.0), 60.0, 20.0),
        ("an array (2, 3)", drawn, 60.0, 20.0),
        ("an array (2, 3), another machine", drawn, 7.0, 2.0),
    ):
        check.agree(function, lower, intensity, peak, bandwidth, what=what, dtypes=False)
    plain = check.call(partial(function, 2, 60, 20), what="whole numbers")
    check.that(np.ndim(plain) == 0 and plain == 40, f"{shown(plain)} came, expected 40", plain)


def best_line(sizes: Array, counts: Array) -> float:
    """The slope by the normal equations, solved by NumPy."""
    x = np.stack([np.log(sizes), np.ones(len(sizes))], axis=1)
    return float(np.linalg.lstsq(x, np.log(counts), rcond=None)[0][0])


@check.exercise
def fit_exponent(function: Function) -> None:
    sizes = np.array([8.0, 2, 32, 16, 4])
    noise = np.exp(np.random.default_rng(9).normal(size=5))
    for what, counts in (
        ("counts = 3 n²", 3 * sizes**2),
        ("counts = 5 n", 5 * sizes),
        ("counts = 7 / n", 7 / sizes),
        ("counts that stay", np.full(5, 11.0)),
        ("counts = n with noise", sizes * noise),
        ("counts = n³ with noise", sizes**3 * noise),
    ):
        check.agree(function, best_line, sizes, counts, what=what, dtypes=False, rtol=1e-6)
    got = check.call(function, [2, 4, 16], (40, 160, 2560), what="lists of whole numbers")
    text = f"{shown(got)} came, expected the float 2.0"
    check.that(isinstance(got, float), text, type(got).__name__, "lists of whole numbers")
    check.same(got, 2.0, "lists of whole numbers")
    twice, counts = np.array([1.0, 2, 2]), np.array([1.0, 2, 8])
    check.agree(function, best_line, twice, counts, what="a size that was counted twice")
    for wrong in ([5, 5, 5], [4], [0, 1], [-1, 2]):
        check.raises(function, wrong, [3] * len(wrong), says=["sizes"], what=f"sizes {wrong}")
