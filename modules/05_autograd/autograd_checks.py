"""What the test cells of module 05 call: cases, and gradients worked out number by number."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch.checking import Checker
from tinytorch.core.activations import tanh
from tinytorch.core.tensor import Array, Op, Tensor

check = Checker(__file__)
Function = Callable[..., Any]


@check.exercise
def numeric_gradient(function: Function) -> None:
    seen: list[float] = []

    def note(x: Array) -> float:
        seen.append(float(x[0]))
        return 0.0

    function(note, np.ones(1), eps=0.25)
    text = f"at x = 1 and eps = 0.25 it must call at 1.25 and at 0.75; it calls at {seen}"
    check.that({0.75, 1.25} <= {*seen}, text, seen, "where it calls")
    x = np.random.default_rng(1).normal(size=(2, 3))
    check.agree(
        lambda x: function(lambda x: float((x**3).sum()), x), lambda x: 3 * x**2, x,
        what="the sum of x³ for x of shape (2, 3)", names="x", once=True, rtol=1e-6,
    )  # fmt: skip
    for shape in ((), (5,), (2, 3, 2)):
        x = np.random.default_rng(2).normal(size=shape)
        what = f"the sum of sin x for x of shape {shape}"
        check.agree(
            lambda x: function(lambda x: float(np.sin(x).sum()), x), lambda x: np.asarray(np.cos(x)),
            x, what=what, names="x", once=True, rtol=1e-6,
        )  # fmt: skip


def summed(grad: Array, shape: Sequence[int]) -> Array:
    """Add each number of a gradient to the place that it was copied from."""
    total = np.zeros(tuple(shape))
    for place in np.ndindex(grad.shape):
        own = place[len(place) - len(shape) :]
        total[tuple(0 if size == 1 else i for i, size in zip(own, shape, strict=True))] += grad[
            place
        ]
    return total


@check.exercise
def unbroadcast(function: Function) -> None:
    grad = np.random.default_rng(3).normal(size=(2, 3))
    cube = np.random.default_rng(4).normal(size=(5, 2, 3))
    for given, shape in (
        (grad, (2, 3)), (grad, (2, 1)), (grad, (3,)), (grad, (1, 3)), (grad, ()), (grad, (1, 1)),
        (cube, (2, 1)), (cube, (5, 1, 3)), (cube, (1, 2, 1)), (cube, (1,)),
    ):  # fmt: skip
        check.agree(function, summed, given, shape, what=f"{given.shape} to {shape}", dtypes=False)


ELEMENTWISE: dict[str, tuple[Function, Function]] = {
    "add": (lambda a, b: a + b, lambda g, a, b: (g, g)),
    "subtract": (lambda a, b: a - b, lambda g, a, b: (g, -g)),
    "multiply": (lambda a, b: a * b, lambda g, a, b: (g * b, g * a)),
    "divide": (lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / (b * b))),
}


def stretched(gradients: Function) -> Function:
    """An oracle of gradients, each summed to its input's shape."""

    def oracle(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
        for_a, for_b = (np.broadcast_to(g, grad.shape) for g in gradients(grad, a, b))
        return summed(for_a, np.shape(a)), summed(for_b, np.shape(b))

    return oracle


def power_gradient(grad: Array, a: Array, exponent: Any) -> tuple[Array]:
    """By logarithms, for positive numbers."""
    return (grad * exponent * np.exp((exponent - 1) * np.log(a)),)


@check.exercise
def elementwise_rules(ops: Sequence[Any], power: Any) -> None:
    rng = np.random.default_rng(3)
    a, b, row, column = (rng.uniform(1, 2, size=s) for s in ((2, 3), (2, 3), (3,), (2, 1)))
    grad = rng.normal(size=(2, 3))
    cases = {
        "equal shapes": (a, b),
        "a row as b": (a, row),
        "a row as a": (row, a),
        "a column as b": (a, column),
    }
    for op, (what, pair) in itertools.product(ops, cases.items()):
        forward, gradients = ELEMENTWISE[op.__name__]
        what = f"{op.__name__}, {what}"
        check.rule(op, forward, stretched(gradients), grad, *pair, what=what)
    for op in ops:
        op.rule(grad, ELEMENTWISE[op.__name__][0](a, 2.0), a, 2.0)  # a plain number has no shape
    for exponent in (3, 2, 1, 0.5, -1, 0):
        what = f"power {exponent}"
        forward = lambda a, exponent: a**exponent  # noqa: E731
        check.rule(power, forward, power_gradient, grad, a, exponent=exponent, what=what)
    zero = np.zeros((2, 3))
    flat = lambda grad, a, exponent: (0 * grad,)  # noqa: E731
    check.rule(
        power, lambda a, exponent: a**0.0, flat, grad, zero, exponent=0, what="power 0 at x = 0"
    )


def matmul_gradients(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Each product a[i, k] b[k, j] gives its share to both; a vector is a row or a column."""
    rows, columns = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    grad = grad[..., None] if b.ndim == 1 else grad
    grad = grad[..., None, :] if a.ndim == 1 else grad
    for_a = np.einsum(
        "...ij,...kj->...ik",
        grad,
        np.broadcast_to(columns, (*grad.shape[:-2], *columns.shape[-2:])),
    )
    for_b = np.einsum(
        "...ij,...ik->...kj", grad, np.broadcast_to(rows, (*grad.shape[:-2], *rows.shape[-2:]))
    )
    return summed(for_a, rows.shape).reshape(a.shape), summed(for_b, columns.shape).reshape(b.shape)


@check.exercise
def matmul_rule(op: Any) -> None:
    rng = np.random.default_rng(4)
    for one, other in (
        ((3, 3), (3, 3)), ((2, 3), (3, 5)), ((7, 2, 3), (7, 3, 5)), ((7, 2, 3), (3, 5)),
        ((7, 1, 2, 3), (5, 3, 2)), ((2, 3), (7, 3, 5)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 5)),
        ((7, 2, 3), (3,)), ((3,), (7, 3, 5)),
    ):  # fmt: skip
        a, b = rng.normal(size=one), rng.normal(size=other)
        grad = rng.normal(size=np.shape(a @ b))
        check.rule(op, lambda a, b: a @ b, matmul_gradients, grad, a, b, what=f"{one} @ {other}")


def reduced_axes(ndim: int, dim: Any) -> set[int]:
    axes = range(ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    return {axis % ndim for axis in axes}


def spread(numbers: Array, a: Array, dim: Any, keepdims: bool) -> Array:
    """For each place of `a` the number of the group that it went into."""
    gone = reduced_axes(a.ndim, dim)
    result = np.empty(a.shape)
    for place in np.ndindex(a.shape):
        kept = [i for axis, i in enumerate(place) if axis not in gone]
        whole = [0 if axis in gone else i for axis, i in enumerate(place)]
        result[place] = numbers[tuple(whole if keepdims else kept)]
    return result


def sum_gradient(grad: Array, a: Array, dim: Any = None, keepdims: bool = False) -> tuple[Array]:
    return (spread(grad, a, dim, keepdims),)


def max_gradient(grad: Array, a: Array, dim: Any = None, keepdims: bool = False) -> tuple[Array]:
    """The winners of a group share its gradient."""
    tops = spread(np.max(a, axis=dim, keepdims=keepdims), a, dim, keepdims)
    wins = (a == tops).astype(float)
    count = spread(np.sum(wins, axis=dim, keepdims=keepdims), a, dim, keepdims)
    return (spread(grad, a, dim, keepdims) * wins / count,)


@check.exercise
def reduction_rules(reduce_sum: Any, reduce_max: Any) -> None:
    rng = np.random.default_rng(5)
    x = rng.permutation(30.0 * np.arange(30)).reshape(2, 3, 5) / 30
    for op, forward, oracle in (
        (reduce_sum, np.sum, sum_gradient),
        (reduce_max, np.max, max_gradient),
    ):
        for dim, keepdims in itertools.product((0, 1, -1, (0, 2), None), (False, True)):

            def reduce(a: Array, dim: Any, keepdims: bool, how: Function = forward) -> Any:
                return how(a, axis=dim, keepdims=keepdims)

            grad = rng.normal(size=np.shape(reduce(x, dim, keepdims)))
            what = f"{op.__name__}, dim={dim}, keepdims={keepdims}"
            check.rule(op, reduce, oracle, grad, x, dim=dim, keepdims=keepdims, what=what)
    tie = np.array([[7.0, 1.0, 7.0], [2.0, 5.0, 3.0]])
    grad = rng.normal(size=2)
    what = "reduce_max, two numbers tie in row 0"
    check.rule(
        reduce_max, lambda a, dim: a.max(axis=dim), max_gradient, grad, tie, dim=1, what=what
    )


def transpose_gradient(grad: Array, a: Array, dim0: int, dim1: int) -> tuple[Array]:
    axes = list(range(a.ndim))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return (np.transpose(grad, axes),)


def index_gradient(grad: Array, a: Array, key: Any) -> tuple[Array]:
    """Number the places, pick among the numbers, and add each gradient where it came from."""
    total = np.zeros(a.size)
    picked = np.arange(a.size).reshape(a.shape)[key]
    for place, part in zip(np.ravel(picked), np.ravel(grad), strict=True):
        total[place] += part
    return (total.reshape(a.shape),)


def turned_back(grad: Array, a: Array, shape: Any) -> tuple[Array]:
    return (np.array(grad.tolist()).reshape(a.shape),)


def kept(grad: Array, a: Array, where: Array, value: float) -> tuple[Array]:
    return (np.where(where, 0 * grad, grad),)


@check.exercise
def move_rules(transpose: Any, reshape: Any, index: Any, masked_fill: Any) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 3, 5))
    some = np.array([True, False, False, True, False])
    cases: list[tuple[Any, Function, Function, str, dict[str, Any]]] = []
    for dim0, dim1 in ((0, 1), (0, -1), (-2, -1)):
        swap = lambda a, dim0, dim1: np.swapaxes(a, dim0, dim1)  # noqa: E731
        cases.append((transpose, swap, transpose_gradient, "", {"dim0": dim0, "dim1": dim1}))
    for shape in ((5, 6), (30,), (-1, 2)):
        cut = lambda a, shape: np.reshape(a, shape)  # noqa: E731
        cases.append((reshape, cut, turned_back, "", {"shape": shape}))
    pick = lambda a, key: a[key]  # noqa: E731
    for key in ((1,), (slice(None), 2), (..., slice(None, None, 2)), (None, 0)):
        cases.append((index, pick, index_gradient, "", {"key": key}))
    cases.append(
        (index, pick, index_gradient, "row 1 picked three times", {"key": np.array([1, 0, 1, 1])})
    )
    cases.append((index, pick, index_gradient, "a mask", {"key": x > 0}))
    for where, what in ((x > 0, "a mask of the same shape"), (some, "a mask of 5")):
        fill = lambda a, where, value: np.where(where, value, a)  # noqa: E731
        cases.append((masked_fill, fill, kept, what, {"where": where, "value": -7.0}))
    for op, forward, oracle, what, options in cases:
        told = what or ", ".join(f"{name}={value}" for name, value in options.items())
        grad = rng.normal(size=np.shape(forward(x, **options)))
        check.rule(op, forward, oracle, grad, x, what=f"{op.__name__}, {told}", **options)


CURVES: dict[str, tuple[Function, Function]] = {
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "tanh": (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    "erf": (math.erf, lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x)),
}


@check.exercise
def curve_rules(*ops: Any) -> None:
    x = np.random.default_rng(7).uniform(0.2, 2.0, size=(2, 3))
    grad = np.random.default_rng(8).normal(size=(2, 3))
    for op in ops:
        forward, slope = CURVES[op.__name__]

        def curve(x: Array, function: Function = forward) -> Array:
            return np.vectorize(function, otypes=[x.dtype])(x)

        def oracle(grad: Array, x: Array, slope: Function = slope) -> tuple[Array]:
            return (grad * np.vectorize(slope, otypes=[float])(x),)

        check.rule(op, curve, oracle, grad, x, what=op.__name__)


def places_in(order: Any, what: str) -> dict[int, int]:
    """Where each tensor stands in an order."""
    if not isinstance(order, list):
        check.same(order, ["tensors"], what)
    odd = [type(x).__name__ for x in order if not isinstance(x, Tensor)]
    check.that(not odd, f"it must list tensors; it lists {odd[:1]}", odd[:1], what)
    return {id(tensor): place for place, tensor in enumerate(order)}


@check.exercise
def topological_order(function: Function) -> None:
    x, twin = (Tensor(3.0, requires_grad=True) for _ in range(2))
    a, b = x + 1, x * x
    c, late = a * b, x * a
    names = {id(x): "x", id(a): "a", id(b): "b", id(c): "c", id(late): "late"}
    for output, pairs in (
        (c, ((a, x), (b, x), (c, a), (c, b))),
        (late, ((a, x), (late, a), (late, x))),
    ):
        made = "a = x + 1, b = x * x, c = a * b, late = x * a"
        what = f"the order of {names[id(output)]}, where {made}"
        found = function(output)
        place = places_in(found, what)
        count = 4 if output is c else 3
        listed = [names.get(id(tensor), "?") for tensor in found]
        text = f"{count} tensors belong to it, each once; yours: {listed}"
        check.that(len(found) == len(place) == count, text, len(found), what)
        for later, earlier in pairs:
            text = f"{names[id(later)]} is made from {names[id(earlier)]} and must come after it"
            check.that(place.get(id(earlier), 9) < place.get(id(later), -1), text, text, what)
    twins = function(x + twin)
    check.same(len(twins), 3, "how many tensors x + twin has, where both hold 3.0")
    check.same(len(function(c + Tensor(1.0))), 5, "how many tensors c + a constant has that learn")
    for _ in range(10_000):
        x = x + 1
    chain = "how many tensors a chain of 10,000 ops has"
    check.agree(lambda: len(function(x)), lambda: 10_001, what=chain, once=True)


@check.exercise
def backward(loss_of: Function) -> None:
    w = Tensor(1.0, requires_grad=True)
    loss_of(w).backward()
    gradient_is(w, -28 / 3, "dL/dw at w = 1")
    loss_of(w).backward()
    gradient_is(w, -56 / 3, "dL/dw after a second backward, which adds to the first")
    x = Tensor(3.0, requires_grad=True)
    ((x + 1) * (x * x)).backward()
    gradient_is(x, 33.0, "d/dx (x + 1)·x² at 3, which is 3x² + 2x")
    x.zero_grad()
    y = x * x
    ((y + 1) * y + y).backward()
    gradient_is(x, 120.0, "d/dx (y + 1)·y + y at 3, where y = x², which is (2y + 2)·2x")
    check.that(
        y.grad is None, "only leaves keep their gradient in .grad; y has a node", what="y.grad"
    )
    x.zero_grad()
    (y * Tensor([2.0, 5.0])).backward(np.array([1.0, 10.0]))
    gradient_is(
        x, 6 * 52.0, "backward(grad) of y·(2, 5) with grad (1, 10), which is (1·2 + 10·5)·2x"
    )
    shared_gradients()


def gradient_is(x: Any, right: float, what: str) -> None:
    if x.grad is None:
        check.fail(what, "no gradient arrives in .grad of the leaf", "none")
    text = f"grad must be a NumPy array; it is a {type(x.grad).__name__}"
    check.that(isinstance(x.grad, np.ndarray | np.generic), text, what=f"{what}, its type")
    check.same(np.float32(x.grad), right, what)


def shared_gradients() -> None:
    """A rule may return one array for two inputs; neither may change the other's."""
    plus = Op(lambda a, b: a + b)
    plus.gradient(lambda grad, output, a, b: (grad, grad))
    a: Any = Tensor([2.0], requires_grad=True)
    b: Any = Tensor([3.0], requires_grad=True)
    plus(a, b).backward()
    a.grad += 1
    check.same(b.grad.tolist(), [1.0], "b's gradient, after a's was changed by hand")
    a.zero_grad()
    b.zero_grad()
    (plus(a, b) + a * b).backward()
    check.same(
        a.grad.tolist() + b.grad.tolist(),
        [4.0, 3.0],
        "the gradients 1 + b and 1 + a of a + b + a·b",
    )
    check.raises(Tensor(1.0).backward, what="backward() where nothing requires a gradient")
    two = a + Tensor([1.0, 2.0])
    check.raises(two.backward, what="backward() of two numbers without grad")


@check.exercise
def no_grad(function: Function) -> None:
    x = Tensor(1.0, requires_grad=True)
    with function():
        inside = x + 1
        with function():
            pass
        nested = x + 1
    after = x + 1
    for what, result, recorded in (
        ("inside no_grad", inside, False),
        ("inside, after a nested block", nested, False),
        ("after the block", after, True),
    ):
        check.same(result.node is not None, recorded, f"whether an op is recorded {what}")
        check.same(result.requires_grad, recorded, f"whether a result requires a gradient {what}")
    try:
        with function():
            raise ZeroDivisionError
    except ZeroDivisionError:
        check.same(
            (x + 1).node is not None, True, "whether an op is recorded after a block that failed"
        )
    else:
        check.fail(
            "a block that fails", "its error is swallowed: use try and finally, without except", ""
        )


def halves(lost: int) -> Function:
    """a + b, through which one of the two gradients does not flow."""

    def half(a: Tensor, b: Tensor) -> Tensor:
        first, second = (a, b) if lost == 0 else (b, a)
        return Tensor(first.data * 2, dtype=np.float64) + second

    return half


@check.exercise
def check_gradient(function: Function) -> None:
    rng = np.random.default_rng(11)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 5))
    small(function, "tanh(a @ b)·2 + 1, which is right", lambda a, b: tanh(a @ b) * 2 + 1, a, b)
    constants = np.array([[1.0], [-1.0]])
    small(function, "a·constants - a·a, which is right", lambda a: a * constants - a * a, a)

    def cut(a: Tensor) -> Tensor:
        return a * Tensor(a.data, dtype=np.float64)  # the second factor lost its memory

    large(function, "a·a, one factor cut off, for positive a", cut, np.abs(a))
    large(function, "a·a, one factor cut off, for negative a", cut, -np.abs(a))
    for lost, name in enumerate("ab"):
        large(function, f"2a + b, where no gradient reaches {name}", halves(lost), a, a + 1)
    turn = Op(lambda x: x[::-1])
    turn.gradient(lambda grad, output, x: (grad,))  # wrong: it must be turned back
    large(
        function,
        "x[::-1] with the rule (grad,), whose errors cancel in a plain sum",
        turn,
        np.ones(14),
    )


def reported(function: Function, what: str, call: Function, *inputs: Array) -> float:
    given = [x.copy() for x in inputs]
    error = function(call, *given)
    if not isinstance(error, float | int | np.floating):
        check.same(error, 0.0, what)
    same = all(np.array_equal(x, y) for x, y in zip(given, inputs, strict=True))
    check.that(same, "the inputs must stay as they were", what=what)
    return float(error)


def small(function: Function, what: str, call: Function, *inputs: Array) -> None:
    error = reported(function, what, call, *inputs)
    check.that(
        error < 1e-6, f"it reports a difference of {error:.2g}; it must be below 1e-6", what=what
    )


def large(function: Function, what: str, call: Function, *inputs: Array) -> None:
    error = reported(function, what, call, *inputs)
    check.that(error > 1e-3, f"it reports {error:.2g}, and so misses a wrong gradient", what=what)
