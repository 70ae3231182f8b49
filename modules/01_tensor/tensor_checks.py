"""What the test cells of module 01 call: cases, and oracles that share no code with the answers.

`Tensor` is being built: the checks get it, and its ops, as arguments.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinytorch.checking import Checker, shown

check = Checker(__file__)
Array = npt.NDArray[Any]
Function = Callable[..., Any]
PRICES = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 1.0]])


@check.exercise
def as_array(function: Function) -> None:
    whole, masks = [[1, 2], [3, 4]], [True, False]
    cases = (
        ("a list of floats", [1.0, 2.5], None, np.float32),
        ("an array of float64", PRICES, None, np.float32),
        ("an array of float16", np.ones(3, np.float16), None, np.float32),
        ("integers, as token ids are", whole, None, np.array(whole).dtype),
        ("booleans, as masks are", masks, None, np.bool_),
        ("unsigned bytes, as pictures are", np.array([0, 255], np.uint8), None, np.uint8),
        ("floats and dtype=float64", [1.0, 0.1], np.float64, np.float64),
        ("integers and dtype=float32", [1, 2], np.float32, np.float32),
        ("a single number", 2.5, None, np.float32),
        ("float32 already", np.ones((2, 3), np.float32), None, np.float32),
    )
    for what, data, dtype, expected in cases:
        array = check.agree(
            function, lambda data, dtype: np.array(data), data, dtype, what=what, dtypes=False,
            once=True, kind=np.ndarray,
        )  # fmt: skip
        text = f"the dtype is {array.dtype}, expected {np.dtype(expected)}"
        check.that(array.dtype == expected, text, array.dtype.name, what=what)
    for wrong in ("text", None, [1j]):
        check.raises(function, wrong, error=TypeError)
    check.raises(function, [[1.0, 2.0], [3.0]], says=["grid"], what="a ragged list")
    check.same(function([0.1], np.float64).tolist(), [0.1], "[0.1] with dtype=np.float64")
    narrow = np.ones((2, 3), np.float32)
    shared = np.shares_memory(function(narrow, None), narrow)
    text = "nothing needs to be converted, so it must share the array's memory; it is a copy"
    check.that(shared, text, what="float32 already, its memory")


@check.exercise
def broadcast_shape(function: Function) -> None:
    named = [
        ((2, 3), (2, 3)),
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((3,), (2, 3)),
        ((5, 1, 3), (7, 1)),
    ]
    shapes = [(), (3,), (1,), (2, 3), (2, 1), (1, 3), (5, 1, 3), (7, 1), (0, 3), (5, 2, 3)]
    misfits = [((2, 3), (2,)), ((2, 3), (2, 6)), ((3,), (2,))]
    for a, b in (*named, *misfits, *itertools.product(shapes, repeat=2)):
        try:
            right = np.broadcast(np.empty(a), np.empty(b)).shape
        except ValueError:
            check.raises(function, a, b, says=[str(a), str(b)])
        else:
            check.agree(
                function, lambda a, b, right=right: right, a, b, what=f"{a} and {b}", once=True
            )
    lists = [2, 1], [3]
    check.agree(function, lambda a, b: (2, 3), *lists, what="shapes as lists", once=True)


@check.exercise
def elementwise(add: Any, subtract: Any, multiply: Any, divide: Any, power: Any) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 3)), rng.uniform(0.5, 2, size=(2, 3))
    oracles: dict[Any, Function] = {
        add: lambda a, b: a - (-b),
        subtract: lambda a, b: a + (-b),
        multiply: lambda a, b: np.sign(b) * a / (1 / np.abs(b)),
        divide: lambda a, b: a * b**-1.0,
    }
    fee, row = b[:, :1], b[0]
    for op, oracle in oracles.items():
        name = op.__name__
        for what, other in (("equal shapes", b), ("a column", fee), ("a row", row)):
            check.agree(op, oracle, a, other, what=f"{name}, {what}", names="ab")
        check.agree(op, oracle, 2.0, b, what=f"{name}, a number first", names="ab", dtypes=False)
        check.agree(op, oracle, a, 2.0, what=f"{name}, a number second", names="ab", dtypes=False)
        check.raises(op, a, np.ones(2), says=["(2, 3)", "(2,)"], what=f"{name} of (2, 3) and (2,)")
    whole = np.array([1, 2, 3]), np.array([2, 4, 8])
    check.agree(divide, oracles[divide], *whole, what="divide, integers", names="ab", once=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_0 = np.array([1.0, -1.0, 0.0]), np.zeros(3)
        right = np.array([np.inf, -np.inf, np.nan])
        check.agree(divide, lambda a, b: right, *by_0, what="1, -1 and 0 divided by 0", once=True)
    for exponent in (2, 0.5, -1.0, np.array([1.0, 2.0, 3.0])):
        what = f"power {shown(exponent)}"
        check.agree(power, by_logarithm, b, exponent=exponent, what=what, dtypes=False)
    shapes = "power of (2, 3) and an exponent (2,)"
    check.raises(power, b, exponent=np.ones(2), says=["(2, 3)", "(2,)"], what=shapes)


def by_logarithm(a: Array, exponent: Any) -> Array:
    """Powers of positive numbers; float32 stays."""
    return np.exp(np.log(a) * exponent).astype(a.dtype)


def product_of(a: Array, b: Array) -> Array:
    """A matrix product as a sum over the inner index; a vector is a row or a column."""
    rows = a[None] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b
    sums = sum(rows[..., :, k, None] * columns[..., None, k, :] for k in range(rows.shape[-1]))
    product = np.asarray(sums)
    product = product[..., 0] if b.ndim == 1 else product
    return (
        product[..., 0, :] if a.ndim == 1 and b.ndim > 1 else product[0] if a.ndim == 1 else product
    )


@check.exercise
def matmul(op: Any) -> None:
    rng = np.random.default_rng(4)
    for one, other in (
        ((3, 3), (3, 3)), ((2, 3), (3, 7)), ((2, 3), (3,)), ((3,), (3, 7)), ((3,), (3,)),
        ((5, 2, 3), (3, 7)), ((5, 2, 3), (5, 3, 7)), ((2, 3), (5, 3, 7)), ((5, 1, 2, 3), (11, 3, 7)),
    ):  # fmt: skip
        a, b = rng.normal(size=one), rng.normal(size=other)
        check.agree(op, product_of, a, b, what=f"{one} @ {other}")
    wrong: tuple[tuple[Any, Any], ...] = (((2, 3), (2, 3)), ((2, 3), (2,)), ((2, 3), ()))
    for one, other in wrong:
        a, b = np.ones(one), np.ones(other)
        check.raises(op, a, b, says=[str(one), str(other)], what=f"{one} @ {other}")
    a, b = np.ones((5, 2, 3)), np.ones((4, 3, 7))
    check.raises(op, a, b, what="leading axes 5 and 4")
    try:
        op.forward(a, b)
    except ValueError as error:
        own = "remapped" not in str(error) or "(5, 2, 3)" in str(error)
        check.that(
            own, f"the message is NumPy's, and names no shape as it came: {error}", what="5, 4"
        )


def reduced(how: Function) -> Function:
    """An oracle: every group of numbers goes through a function of Python's own."""

    def reduce(a: Array, dim: Any = None, keepdims: bool = False) -> Array:
        axes = range(a.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
        gone = sorted(axis % a.ndim for axis in axes)
        kept = [axis for axis in range(a.ndim) if axis not in gone]
        sizes = [a.shape[axis] for axis in kept]
        groups = a.transpose([*kept, *gone]).reshape(int(np.prod(sizes)), -1)
        result = np.array([how(group.tolist()) for group in groups], a.dtype).reshape(sizes)
        return np.expand_dims(result, gone) if keepdims else result

    return reduce


@check.exercise
def reductions(reduce_sum: Any, reduce_max: Any) -> None:
    a = np.random.default_rng(5).normal(size=(2, 3, 5))
    for op, how in ((reduce_sum, sum), (reduce_max, max)):
        dims = (0, 1, -1, (0, 2), (-2, -1), None)
        for dim, keepdims in itertools.product(dims, (False, True)):
            what = f"{op.__name__}, dim={dim}, keepdims={keepdims}"
            check.agree(op, reduced(how), a, dim=dim, keepdims=keepdims, what=what)
    what = "reduce_sum without dim and keepdims"
    check.agree(reduce_sum, reduced(sum), a, what=what)
    lost = np.array([1.0, np.nan])
    check.agree(reduce_sum, reduced(sum), lost, what="reduce_sum of 1 and NaN, which is NaN")
    whole = reduce_sum.forward(np.array([[1, 2], [3, 4]]), dim=0)
    check.same(whole.tolist(), [4, 6], "reduce_sum of integers")


def swapped(a: Array, dim0: int, dim1: int) -> Array:
    """Put each number in its new place by hand."""
    sizes = list(a.shape)
    sizes[dim0], sizes[dim1] = sizes[dim1], sizes[dim0]
    result = np.empty(sizes, a.dtype)
    for place in np.ndindex(a.shape):
        new = list(place)
        new[dim0], new[dim1] = new[dim1], new[dim0]
        result[tuple(new)] = a[place]
    return result


def refilled(a: Array, shape: Sequence[int]) -> Array:
    """Take the numbers in row-major order and lay them out anew."""
    known = int(np.prod([size for size in shape if size != -1]))
    result = np.empty([a.size // known if size == -1 else size for size in shape], a.dtype)
    for place, number in zip(np.ndindex(result.shape), a.flat, strict=True):
        result[place] = number
    return result


@check.exercise
def moving(transpose: Any, reshape: Any, index: Any) -> None:
    a = np.random.default_rng(6).normal(size=(2, 3, 5))
    for x, dim0, dim1 in ((PRICES, 0, 1), (a, 0, 1), (a, -2, -1), (a, 0, 2), (a, 1, 1)):
        what = f"transpose of {x.shape}, dim0={dim0}, dim1={dim1}"
        check.agree(transpose, swapped, x, dim0=dim0, dim1=dim1, what=what)
    for shape in ((5, 3, 2), (6, 5), (-1,), (10, -1)):
        check.agree(reshape, refilled, a, shape=shape, what=f"reshape of (2, 3, 5) to {shape}")
    for shape in ((4, 7), (4, -1)):
        what, says = f"reshape of (2, 3, 5) to {shape}", ["(2, 3, 5)", str(shape)]
        check.raises(reshape, a, shape=shape, says=says, what=what)
    keys: dict[str, Any] = {
        "1": 1, "(:, 1)": (slice(None), 1), "(1, 2, 3)": (1, 2, 3), "1:": slice(1, None),
        "[1, 0, 1]": np.array([1, 0, 1]), "[1, 0], a list": [1, 0], "a mask": a > 0,
        "...": (Ellipsis, -1),
    }  # fmt: skip
    for text, key in keys.items():
        check.agree(index, lambda a, key: np.array(a[key]), a, key=key, what=f"index, key {text}")


def filled(a: Array, where: Array, value: float) -> Array:
    chosen = np.broadcast_to(where, a.shape)
    numbers = [value if yes else x for x, yes in zip(a.flat, chosen.flat, strict=True)]
    return np.array(numbers, a.dtype).reshape(a.shape)


@check.exercise
def masked_fill(op: Any) -> None:
    a = np.random.default_rng(8).normal(size=(2, 3))
    for what, where in (
        ("a mask of the same shape", a > 0),
        ("a row as mask", np.array([True, False, False])),
        ("a column as mask", np.array([[True], [False]])),
    ):
        check.agree(op, filled, a, where=where, value=-9.0, what=what)
    what = "-inf, as scores are hidden"
    check.agree(op, filled, a, where=a > 0, value=-np.inf, what=what)
    whole = np.array([[1, 2], [3, 4]])
    check.agree(op, filled, whole, where=whole > 2, value=0, what="integers")
    dtype = op.forward(whole, where=whole > 2, value=0).dtype
    check.that(
        dtype == whole.dtype, f"integers must stay integers; they became {dtype}", what="ints"
    )
    for x, shape in ((a, (5, 2, 3)), (a, (2, 2)), (a, (5, 1, 3)), (a[:1], (2, 3))):
        what, says = f"masked_fill of {x.shape} with a mask {shape}", [str(x.shape), str(shape)]
        check.raises(op, x, where=np.ones(shape, bool), value=0.0, says=says, what=what)


@check.exercise
def tensor_init(cls: Any) -> None:
    x = cls([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    check.that(isinstance(x.data, np.ndarray), "data must be an array", type(x.data).__name__)
    check.same(x.data.tolist(), [[1.0, 2.0], [3.0, 4.0]], "the numbers")
    check.same(x.data.dtype.name, "float32", "the dtype of floats")
    check.same(cls([1.0], dtype=np.float64).data.dtype.name, "float64", "dtype=np.float64")
    check.same(cls([0.1], dtype=np.float64).data.tolist(), [0.1], "0.1 with dtype=np.float64")
    check.same(cls([1, 2]).data.dtype.kind, "i", "the kind of integers")
    for name, right in (("requires_grad", True), ("grad", None), ("node", None)):
        check.same(getattr(x, name), right, f"{name} of a new tensor with requires_grad=True")
    for data in ([1, 2], [1.0]):
        check.same(cls(data).requires_grad, False, f"requires_grad of Tensor({data})")
    narrow = np.ones(3, np.float32)
    text = "where as_array shares the memory of an array, so must the tensor; it is a copy"
    check.that(np.shares_memory(cls(narrow).data, narrow), text, what="the memory of float32")
    check.raises(cls, x, error=TypeError, what="Tensor(x) of a tensor x")
    check.raises(
        cls, [1, 2], requires_grad=True, error=TypeError, what="integers that require grad"
    )


OPERATORS: dict[str, tuple[str, Function]] = {
    "a + b": ("add", lambda a, b: a + b),
    "a - b": ("subtract", lambda a, b: a - b),
    "a * b": ("multiply", lambda a, b: a * b),
    "a / b": ("divide", lambda a, b: a / b),
    "a @ b": ("matmul", lambda a, b: a @ b),
    "-a": ("multiply", lambda a, b: -a),
    "10 - a": ("subtract", lambda a, b: 10 - a),
    "24 / a": ("divide", lambda a, b: 24 / a),
    "10 + a": ("add", lambda a, b: 10 + a),
    "2 * a": ("multiply", lambda a, b: 2 * a),
    "a ** 2": ("power", lambda a, b: a**2),
    "a + 0": ("add", lambda a, b: a + 0),
    "a * 1": ("multiply", lambda a, b: a * 1),
    "a ** 1": ("power", lambda a, b: a**1),
}


@check.exercise
def tensor_operators(cls: Any) -> None:
    a, b = cls([6.0, 8.0, 5.0], requires_grad=True), cls([2.0, 4.0, 3.0])
    for text, (op, operator) in OPERATORS.items():
        got = check.agree(operator, operator, a, b, what=text, kind=cls)
        remembered(operator(a, b), text, op)
    for text in ("a + b", "a - b", "a * b", "a / b", "a @ b"):
        result = OPERATORS[text][1](b, a)
        must = "the second tensor requires a gradient, so the result must, too"
        check.that(result.requires_grad, must, what=f"{text}, where b requires a gradient")
    node = (b + b).node
    check.that(
        node is None, "where nothing requires a gradient, nothing is remembered", what="b + b"
    )
    wide = cls([1.0, 2.0], dtype=np.float64) + 1
    check.same(wide.data.dtype.name, "float64", "the dtype of a float64 tensor + 1")
    del got


def remembered(result: Any, what: str, op: str) -> None:
    """A result must be one node, of this op."""
    if result.node is None:
        check.fail(what, "the result is not remembered: call the op", "", "node")
    name = result.node.op.__name__
    check.that(name == op, f"it must be one call of {op}; it is one of {name}", name, what=what)


@check.exercise
def tensor_shapes(cls: Any) -> None:
    x = cls(PRICES, requires_grad=True)
    cube = cls(np.arange(30.0).reshape(2, 3, 5), requires_grad=True)
    row, key = np.array([True, False, False]), cls([1, 1])
    calls: dict[str, tuple[Any, Function, Array, str]] = {
        "x.T": (x, lambda x: x.T, PRICES.T, "transpose"),
        "x.transpose(-2, -1)": (
            cube, lambda x: x.transpose(-2, -1), np.swapaxes(cube.data, 1, 2), "transpose"),
        "x.transpose(0, 2)": (
            cube, lambda x: x.transpose(0, 2), np.swapaxes(cube.data, 0, 2), "transpose"),
        "x.reshape(3, 2)": (x, lambda x: x.reshape(3, 2), refilled(PRICES, (3, 2)), "reshape"),
        "x.reshape((3, 2))": (x, lambda x: x.reshape((3, 2)), refilled(PRICES, (3, 2)), "reshape"),
        "x.reshape(-1)": (x, lambda x: x.reshape(-1), PRICES.ravel(), "reshape"),
        "x[1, 2]": (x, lambda x: x[1, 2], PRICES[1, 2], "index"),
        "x[:, 1]": (x, lambda x: x[:, 1], PRICES[:, 1], "index"),
        "x[Tensor([1, 1])]": (x, lambda x: x[key], PRICES[[1, 1]], "index"),
        "x.masked_fill(a mask of booleans, -1)": (
            x, lambda x: x.masked_fill(row, -1.0), filled(PRICES, row, -1.0), "masked_fill"),
        "x.masked_fill(Tensor([2, 0, 0]), -1)": (
            x, lambda x: x.masked_fill(cls([2, 0, 0]), -1.0), filled(PRICES, row, -1.0),
            "masked_fill"),
        "x.masked_fill(an array of -2, 0 and 0, -1)": (
            x, lambda x: x.masked_fill(np.array([-2, 0, 0]), -1.0), filled(PRICES, row, -1.0),
            "masked_fill"),
    }  # fmt: skip
    for what, (tensor, call, right, op) in calls.items():
        check.agree(
            call, lambda x, right=right: np.float32(right), tensor, what=what, kind=cls, once=True
        )
        remembered(call(tensor), what, op)


def average(group: list[float]) -> float:
    return sum(group) / len(group)


@check.exercise
def tensor_reductions(cls: Any) -> None:
    x = cls(np.random.default_rng(11).normal(size=(2, 3, 5)), requires_grad=True)
    oracles: dict[str, Function] = {"sum": sum, "mean": average, "max": max}
    for (name, how), dim in itertools.product(oracles.items(), (0, 1, -1, (0, 2), None)):
        for keepdims in (False, True):

            def call(x: Any, dim: Any, keepdims: bool, name: str = name) -> Any:
                return getattr(x, name)(dim=dim, keepdims=keepdims)

            what = f"x.{name}(dim={dim}, keepdims={keepdims})"
            check.agree(call, reduced(how), x, dim=dim, keepdims=keepdims, what=what, kind=cls)
            if call(x, dim, keepdims).node is None:
                check.fail(what, "the result is not remembered: call the op", "", "node")
    for name, how in oracles.items():
        check.agree(lambda x, name=name: getattr(x, name)(), reduced(how), x, what=f"x.{name}()")
    check.same(cls([1, 2]).mean().data.item(), 1.5, "the mean of the integers 1 and 2")
    none, what = cls(np.ones((0, 3))), "x.mean(dim=1) of a tensor (0, 3)"
    check.agree(lambda x: x.mean(dim=1), lambda x: x[:, 0], none, what=what, kind=cls, once=True)
