"""What the test cells of module 05 call: cases, and gradients worked out number by number."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.checking.checker import after_none
from tinytorch.core.activations import tanh
from tinytorch.core.tensor import Array, Op, Tensor

check = Checker(__file__)
Function = Callable[..., Any]


def learning(*numbers: Any) -> list[Any]:
    return [Tensor(x, requires_grad=True) for x in numbers]


@check.exercise
def numeric_gradient(function: Function) -> None:
    seen: list[float] = []

    def note(x: Array) -> float:
        seen.append(float(x[0]))
        return 0.0

    function(note, np.ones(1), eps=0.25)
    text = f"at x = 1 and eps = 0.25 it must call at 1.25 and at 0.75; it calls at {seen}"
    check.that({0.75, 1.25} <= {*seen}, text)
    normal = np.random.default_rng(1).normal
    for name, f, slope, x, what in (
        ("x³", lambda x: x**3, lambda x: 3 * x**2, normal(size=(2, 3)), "shape (2, 3)"),
        ("sin x", np.sin, np.cos, normal(size=()), "shape ()"),
        ("sin x", np.sin, np.cos, normal(size=5), "shape (5,)"),
        ("sin x", np.sin, np.cos, np.array([0.0, 1.0]), "0 and 1"),
        ("sin x", np.sin, np.cos, normal(size=(2, 3, 2)), "shape (2, 3, 2)"),
        ("sin x", np.sin, np.cos, normal(size=(5, 2, 3)).T, "shape (3, 2, 5), a transposed view"),
    ):

        def answer(x: Array, f: Function = f) -> Any:
            return function(lambda x: float(f(x).sum()), x)

        what = f"the sum of {name} for x of {what}"
        check.agree(answer, lambda x, slope=slope: slope(x), x, what=what, once=True, rtol=1e-6)


def summed(grad: Array, shape: Sequence[int]) -> Array:
    """Add each number of a gradient to the place that it was copied from."""
    total = np.zeros(tuple(shape))
    for place, part in np.ndenumerate(grad):
        own = place[grad.ndim - len(shape) :]
        total[tuple(i % size for i, size in zip(own, shape, strict=True))] += part
    return total


@check.exercise
def unbroadcast(function: Function) -> None:
    grad = np.random.default_rng(3).normal(size=(2, 3))
    cube = np.random.default_rng(4).normal(size=(5, 2, 3))
    square = cube[:3, 0]
    for given, shape in (
        (grad, (2, 3)), (grad, (2, 1)), (grad, (3,)), (grad, (1, 3)), (grad, ()), (grad, (1, 1)),
        (cube, (2, 1)), (cube, (5, 1, 3)), (cube, (1, 2, 1)), (cube, (1,)), (cube, (1, 2, 3)),
        (grad[:0], (1, 3)), (cube[:2, :, :2], (1, 1, 2)), (square, (3, 1)), (square, (3,)), (square, (1, 3)),
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


def beside_a_number(op: Any, place: int, grad: Array, *pair: Any) -> None:
    """Ask for the gradient of one input where the other is a plain number."""
    forward, gradients = ELEMENTWISE[op.__name__]
    what = f"{op.__name__}, a plain number as {'ba'[place]}, the gradient of {'ab'[place]}"
    check.agree(
        lambda: op.rule(grad, forward(*pair), *pair)[place],
        lambda: gradients(grad, *pair)[place],
        what=what, once=True,
    )  # fmt: skip


def power_gradient(grad: Array, a: Array, exponent: Any) -> tuple[Array]:
    slopes = [exponent * x ** (exponent - 1) if exponent else 0.0 for x in a.ravel().tolist()]
    return (grad * np.reshape(slopes, a.shape),)


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
        "a row and a column": (row, column),
    }
    for op in ops:
        forward, gradients = ELEMENTWISE[op.__name__]
        for what, pair in cases.items():
            what = f"{op.__name__}, {what}"
            check.rule(op, forward, stretched(gradients), grad, *pair, what=what)
        zeros = a * (a > a.mean()), b * (b > b.mean()) if op.__name__ == "multiply" else b
        what = f"{op.__name__}, some numbers are 0"
        check.rule(op, forward, stretched(gradients), grad, *zeros, what=what)
        beside_a_number(op, 0, grad, a, 2.0)
        beside_a_number(op, 1, grad, 2.0, a)
    power_rules(power, grad, a)


def power_rules(op: Any, grad: Array, positive: Array) -> None:
    signed = np.array([[-1.5, 0.0, 2.5], [0.5, -2.0, 1.0]])
    for x, exponents in ((signed, (3, 2, 1, 0)), (positive, (0.5, -1))):
        for exponent in exponents:
            check.rule(
                op, lambda a, exponent: a**exponent, power_gradient, grad, x,
                exponent=exponent, what=f"power {exponent}",
            )  # fmt: skip
    column, what = positive[:, :1], "power (1, 2, 3) of a column"
    check.rule(
        op, lambda a, exponent: a**exponent,
        lambda g, a, exponent: (summed(g * exponent * a ** (exponent - 1), a.shape),),
        grad, column, exponent=np.array([1.0, 2.0, 3.0]), what=what,
    )  # fmt: skip


def matmul_gradients(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Each product a[i, k] b[k, j] gives its share to both; a vector is a row or a column."""
    rows, columns = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    grad = grad[..., None] if b.ndim == 1 else grad
    grad = grad[..., None, :] if a.ndim == 1 else grad
    for_a = np.einsum("...ij,...kj->...ik", grad, columns)
    for_b = np.einsum("...ij,...ik->...kj", grad, rows)
    return summed(for_a, rows.shape).reshape(a.shape), summed(for_b, columns.shape).reshape(b.shape)


@check.exercise
def matmul_rule(op: Any) -> None:
    rng = np.random.default_rng(4)
    for one, other in (
        ((3, 3), (3, 3)), ((2, 3), (3, 5)), ((7, 2, 3), (7, 3, 5)), ((7, 2, 3), (3, 5)),
        ((7, 1, 2, 3), (5, 3, 2)), ((2, 3), (7, 3, 5)), ((7, 2, 3), (1, 3, 5)), ((3,), (3,)),
        ((2, 3), (3,)), ((3,), (3, 5)), ((7, 2, 3), (3,)), ((3,), (7, 3, 5)), ((5, 1), (1,)),
    ):  # fmt: skip
        a, b = rng.normal(size=one), rng.normal(size=other)
        grad = rng.normal(size=np.shape(a @ b))
        check.rule(op, lambda a, b: a @ b, matmul_gradients, grad, a, b, what=f"{one} @ {other}")


def spread(numbers: Array, a: Array, dim: Any, keepdims: bool) -> Array:
    """For each place of `a` the number of the group that it went into."""
    axes = range(a.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    gone = {axis % a.ndim for axis in axes}
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


REDUCTIONS: dict[str, tuple[Function, Function]] = {
    "reduce_sum": (
        lambda a, dim=None, keepdims=False: a.sum(axis=dim, keepdims=keepdims),
        sum_gradient,
    ),
    "reduce_max": (
        lambda a, dim=None, keepdims=False: a.max(axis=dim, keepdims=keepdims),
        max_gradient,
    ),
}


@check.exercise
def reduction_rules(*ops: Any) -> None:
    rng = np.random.default_rng(5)
    x = rng.permutation(30.0 * np.arange(30)).reshape(2, 3, 5) / 30
    ties = np.array([[7.0, 1.0, 7.0], [2.0, 5.0, 3.0], [7.0, 5.0, 4.0]])
    dims = (0, 1, -1, (0, 2), (0, -1), (-2, -1), (1, 0), None)
    cases = [(f"dim={d}, keepdims={k}", x, d, k) for d in dims for k in (False, True)]
    tied = [(f"numbers that tie, dim={d}", ties, d, False) for d in (1, 0, None, (0, 1))]
    tied.append(("1 and 1 + 1e-9, which do not tie", np.array([1, 1 + 1e-9]), 0, False))
    for op in ops:
        forward, oracle = REDUCTIONS[op.__name__]
        for what, a, dim, keepdims in cases + (tied if op.__name__ == "reduce_max" else []):
            grad = rng.normal(size=np.shape(forward(a, dim, keepdims)))
            what = f"{op.__name__}, {what}"
            check.rule(op, forward, oracle, grad, a, dim=dim, keepdims=keepdims, what=what)


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


def reshape_gradient(grad: Array, a: Array, shape: Any) -> tuple[Array]:
    return (np.array([*grad.flat]).reshape(a.shape),)


def fill_gradient(grad: Array, a: Array, where: Array, value: float) -> tuple[Array]:
    left = grad.copy()
    left[np.broadcast_to(where, grad.shape)] = 0
    return (left,)


MOVES: dict[str, tuple[Function, Function]] = {
    "transpose": (lambda a, dim0, dim1: np.swapaxes(a, dim0, dim1), transpose_gradient),
    "reshape": (lambda a, shape: np.reshape(a, shape), reshape_gradient),
    "index": (lambda a, key: a[key], index_gradient),
    "masked_fill": (lambda a, where, value: np.where(where, value, a), fill_gradient),
}


def moves(x: Array) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The cases of each op: its options, and a name where they would be long."""
    some = np.array([True, False, False, True, False])
    keys = [(1,), (slice(None), 2), (..., slice(None, None, 2)), (None, 0)]
    return {
        "transpose": [("", {"dim0": i, "dim1": j}) for i, j in ((0, 1), (0, -1), (-2, -1))],
        "reshape": [("", {"shape": shape}) for shape in ((5, 6), (30,), (-1, 2))],
        "index": [
            *(("", {"key": key}) for key in keys),
            ("row 1 picked three times", {"key": np.array([1, 0, 1, 1])}),
            ("x[[0, 0, 1], [2, -1, 2]], where -1 is 2", {"key": ([0, 0, 1], [2, -1, 2])}),
            ("a mask", {"key": x > 0}),
        ],
        "masked_fill": [
            ("a mask of the same shape", {"where": x > 0, "value": -7.0}),
            ("a mask of shape (5,)", {"where": some, "value": -7.0}),
            ("a mask of shape (3, 1)", {"where": some[:3, None], "value": 0.0}),
            ("a value that x holds elsewhere", {"where": x > 0, "value": float(x.min())}),
        ],
    }


@check.exercise
def move_rules(*ops: Any) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 3, 5))
    for op in ops:
        forward, oracle = MOVES[op.__name__]
        for what, options in moves(x)[op.__name__]:
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
    positive = np.random.default_rng(7).uniform(0.2, 2.0, size=(2, 3))
    signed = positive * [[1, -1, 1], [-1, 1, 0]]
    grad = np.random.default_rng(8).normal(size=(2, 3))
    for op in ops:
        forward, slope = (np.vectorize(f, otypes=[float]) for f in CURVES[op.__name__])
        name, oracle = op.__name__, lambda g, x, slope=slope: (g * slope(x),)
        x = positive if name == "log" else signed
        check.rule(op, forward, oracle, grad, x, what=name)
        if name == "log":
            check.rule(op, forward, oracle, grad, x * 1e-12, what="log, numbers near 1e-12")


def order_of(function: Function, output: Tensor, what: str) -> list[Any]:
    """The order that an answer gives: a list of tensors."""
    order = check.call(lambda: function(output), what=what)
    text = f"{shown(order)} came, expected a list of tensors{after_none(order)}"
    check.that(isinstance(order, list), text, type(order).__name__, what)
    odd = [type(x).__name__ for x in order if not isinstance(x, Tensor)]
    text = f"it must list the tensors themselves; one of yours is of type {odd[0]}" if odd else ""
    check.that(not odd, text, odd[:1], what)
    return order


def in_order(order: list[Any], belong: str, names: dict[int, str], what: str) -> None:
    """Ask that the tensors of an order belong to it, each after what it was made from."""
    listed = [names.get(id(tensor), "another") for tensor in order]
    yours = f"yours: {', '.join(listed) or 'none'}"
    text = f"these belong to it, each once: {belong}; {yours}"
    check.that(sorted(listed) == sorted(belong.split(", ")), text, text, what)
    for place, tensor in enumerate(order):
        for name in [names[id(x)] for x in made_from(tensor)]:
            text = f"{listed[place]} is made from {name} and must come after it; {yours}"
            check.that(name in listed[:place], text, text, what)


def made_from(tensor: Tensor) -> list[Tensor]:
    inputs = tensor.node.inputs if tensor.node else ()
    return [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]


@check.exercise
def topological_order(function: Function) -> None:
    x, twin = learning(3.0, 3.0)
    a, b = x + 1, x * x
    made = {"x": x, "twin": twin, "a": a, "b": b, "c": a * b, "late": x * a, "sum": x + twin}
    made["constant"] = Tensor(1.0)
    made["more"] = made["c"] + made["constant"]
    names = {id(tensor): name for name, tensor in made.items()}
    for output, how, belong in (
        ("c", "a * b", "x, a, b, c"),
        ("late", "x * a", "x, a, late"),
        ("sum", "x + twin, and twin is 3, as x is", "x, twin, sum"),
        ("more", "c + constant, which does not learn", "x, a, b, c, more"),
        ("x", "3", "x"),
    ):
        what = f"the order of {output}, where a = x + 1, b = x * x, {output} = {how}"
        in_order(order_of(function, made[output], what), belong, names, what)
    for _ in range(10_000):
        x = x + 1
    chain = "how many tensors a chain of 10,000 ops has"
    check.agree(lambda: len(function(x)), lambda: 10_001, what=chain, once=True)


@check.exercise
def backward(loss_of: Function) -> None:
    w, x, leaf = learning(1.0, 3.0, 2.0)
    loss = loss_of(w)
    gives(loss, w, -28 / 3, "dL/dw at w = 1")
    gives(loss, w, -56 / 3, "dL/dw after a second backward, which adds to the first")
    gives((x + 1) * (x * x), x, 33.0, "d/dx (x + 1)·x² at 3, which is 3x² + 2x")
    x.zero_grad()
    y = x * x
    what = "d/dx (y + 1)·y + y at 3, where y = x², which is (2y + 2)·2x"
    gives((y + 1) * y + y, x, 120.0, what)
    text = "only leaves keep their gradient in .grad; y has a node"
    check.that(y.grad is None, text, what="y.grad")
    x.zero_grad()
    what = "backward(grad) of y·(2, 5) with grad (1, 10), which is (1·2 + 10·5)·2x"
    gives(y * Tensor([2.0, 5.0]), x, 6 * 52.0, what, np.array([1.0, 10.0]))
    gives(leaf, leaf, 1.0, "backward of a leaf itself")
    shared_gradients()
    once_each()


def gives(output: Any, leaf: Any, right: float, what: str, *grad: Array) -> None:
    """Ask for the gradient that a leaf has after `output.backward(*grad)`."""
    check.call(output.backward, *grad, what=what, names=["grad"])
    if leaf.grad is None:
        check.fail(what, "no gradient arrives in .grad of the leaf", "none")
    text = f"grad must be a NumPy array; it is {with_article(type(leaf.grad).__name__)}"
    check.that(isinstance(leaf.grad, np.ndarray | np.generic), text, what=f"{what}, its type")
    check.same(np.float32(leaf.grad), right, what)


def shared_gradients() -> None:
    """A rule may return one array for two inputs; neither may change the other's."""
    plus = Op(lambda a, b: a + b)
    plus.gradient(lambda grad, output, a, b: (grad, grad))
    a, b = learning([2.0], [3.0])
    plus(a, b).backward()
    a.grad += 1
    what = "the rule of plus(a, b) returns one array twice"
    text = f"b's gradient changes when a's is changed by hand: it was 1, it is {b.grad[0]:g}"
    check.that(b.grad[0] == 1, text, b.grad, what)
    a.zero_grad()
    b.zero_grad()
    (plus(a, b) + a * b).backward()
    found = np.concatenate([a.grad, b.grad])
    what += "; the gradients of plus(a, b) + a·b, which are 1 + b and 1 + a"
    check.same(found, np.array([4.0, 3.0]), what)
    half = Op(lambda a, b: a + b)
    half.gradient(lambda grad, output, a, b: (None, grad))
    b.zero_grad()
    half(a, b).backward()
    check.same(b.grad, np.ones(1), "the second gradient of a rule that gives none for the first")
    check.raises(Tensor(1.0).backward, what="backward() where nothing requires a gradient")
    two = a + Tensor([1.0, 2.0])
    check.raises(two.backward, what="backward() of two numbers without grad")


def once_each() -> None:
    """A rule runs once for each op, however many ways lead there, and however long they are."""
    calls = []
    plus = Op(lambda a, b: a + b)

    def rule(grad: Array, *_: Array) -> tuple[Array, Array]:
        calls.append(grad)
        return grad, grad

    plus.gradient(rule)
    (x,) = learning(1.0)
    doubled = x
    for _ in range(8):
        doubled = plus(doubled, doubled)
    gives(doubled, x, 256.0, "x doubled eight times, as x = plus(x, x)")
    text = f"plus is used 8 times, so its rule runs 8 times; with you it runs {len(calls)} times"
    check.that(len(calls) == 8, text, len(calls), "how often rules run")
    x.zero_grad()
    chain = x
    for _ in range(10_000):
        chain = chain + 1
    gives(chain, x, 1.0, "a chain of 10,000 ops")


@check.exercise
def no_grad(function: Function) -> None:
    before = Op.recording
    try:
        what_is_recorded(function)
    finally:
        Op.recording = before  # a wrong answer shall not switch the notebook off


def what_is_recorded(function: Function) -> None:
    (x,) = learning(1.0)
    block = function()
    text = "no_grad has no yield: the block runs where the yield stands"
    check.that(getattr(block, "gen", block) is not None, text)
    with block:
        inside = x + 1
        with function():
            deeper = x + 1
        nested = x + 1
    recorded = "inside no_grad nothing is recorded; yours records"
    check.that(inside.node is None and not inside.requires_grad, recorded)
    check.that(deeper.node is None, "in a block inside a block nothing is recorded; yours records")
    recorded = "a nested block switched recording on again: put back what it was"
    check.that(nested.node is None and not nested.requires_grad, recorded)
    check.that((x + 1).node is not None, "after the block nothing is recorded any more")
    for error, told in ((ZeroDivisionError, "that failed"), (KeyboardInterrupt, "left by Ctrl-C")):
        try:
            with function():
                raise error
        except error:
            text = f"after a block {told} nothing is recorded any more: use try/finally"
            check.that((x + 1).node is not None, text)
        else:
            text = f"the error of a block {told} is swallowed: use try and finally, without except"
            check.fail("", text, "")


def halves(lost: int) -> Function:
    """a + b, through which one of the two gradients does not flow."""

    def half(a: Tensor, b: Tensor) -> Tensor:
        first, second = (a, b) if lost == 0 else (b, a)
        return Tensor(first.data * 2, dtype=np.float64) + second

    return half


def off_by(*slips: Array) -> Op:
    """A sum of two, the rule of which is wrong by known numbers."""
    op = Op(lambda a, b: a + b)
    op.gradient(lambda grad, output, a, b: tuple(grad + slip for slip in slips))
    return op


@check.exercise
def check_gradient(function: Function) -> None:
    rng = np.random.default_rng(11)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 5))
    small(function, "tanh(a @ b)·2 + 1, which is right", lambda a, b: tanh(a @ b) * 2 + 1, a, b)
    constants, tensor = np.array([[1.0], [-1.0]]), Tensor(a)
    small(function, "a·constants - a·a, which is right", lambda a: a * constants - a * a, tensor)

    def cut(a: Tensor) -> Tensor:
        return a * Tensor(a.data, dtype=np.float64)  # the second factor lost its memory

    large(function, "a·a, one factor cut off, for positive a", cut, np.abs(a))
    large(function, "a·a, one factor cut off, for negative a", cut, -np.abs(a))
    for lost, name in enumerate("ab"):
        large(function, f"2a + b, where no gradient reaches {name}", halves(lost), a, a + 1)
    turn = Op(lambda x: x[::-1])
    turn.gradient(lambda grad, output, x: (grad,))  # wrong: it must be turned back
    what = "x[::-1] with the rule (grad,), whose errors cancel in a plain sum"
    large(function, what, turn, np.ones(14))
    slip = np.array([[0.1, -0.7, 0.2], [0.3, 0.0, 0.1]])
    for name, slips in (("a", (slip, slip / 7)), ("b", (slip / 7, slip))):
        what = f"a + b, the rule of which is wrong by at most 0.7, for {name}"
        error = reported(function, what, off_by(*slips), a, a + 1)
        check.that(abs(error - 0.7) < 1e-3, f"it reports {error:.4g}", np.float32(error), what)
    nudges(function)
    copies(function)


def nudges(function: Function) -> None:
    """Ask for nudges of the size eps."""
    seen: list[float] = []

    def note(x: Tensor) -> Tensor:
        seen.append(float(x.data[0]))
        return x * 1

    function(note, np.ones(1), eps=0.25)
    text = f"at x = 1 and eps = 0.25 it must call at 1.25 and at 0.75; it calls at {seen}"
    check.that({0.75, 1.25} <= {*seen}, text)


def copies(function: Function) -> None:
    """Ask for copies that lie in memory as what was handed in."""
    mine = np.asfortranarray(np.ones((2, 3)))

    def look(x: Tensor) -> Tensor:
        text = "the function gets your input itself, nudged in place; it must get a copy"
        check.that(not np.shares_memory(x.data, mine), text, what="an array of float64")
        text = "the copy lies in another memory order; a rule may be wrong in the one it came in"
        check.that(x.data.flags.f_contiguous, text, what="an array in column-major order")
        return x * 1

    function(look, mine)


def reported(function: Function, what: str, call: Function, *inputs: Any) -> float:
    error = check.call(function, call, *inputs, what=what, names=("function", "a", "b"))
    if not isinstance(error, float | int | np.floating):
        check.same(error, 0.0, what)
    return float(error)


def small(function: Function, what: str, call: Function, *inputs: Any) -> None:
    error = reported(function, what, call, *inputs)
    text = f"it reports a difference of {error:.2g}; it must be below 1e-6"
    check.that(error < 1e-6, text, what=what)


def large(function: Function, what: str, call: Function, *inputs: Any) -> None:
    error = reported(function, what, call, *inputs)
    check.that(error > 1e-3, f"it reports {error:.2g}, and so misses a wrong gradient", what=what)
