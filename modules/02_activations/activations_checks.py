"""What the test cells of module 02 call: cases, and oracles from Python's own `math`."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from tinytorch.checking import Checker
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]
FAR = np.array([[-1000.0, 0.0, 1000.0]])


def each(function: Callable[[float], float]) -> Function:
    """A function of one number, for every number of an array; the dtype stays."""

    def oracle(x: Array) -> Array:
        dtype = x.dtype if x.dtype.kind == "f" else np.float64
        return np.array([function(float(number)) for number in x.flat], dtype).reshape(x.shape)

    return oracle


def area(x: float) -> float:
    """The chance that a standard normal number is smaller."""
    return NormalDist().cdf(x)


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def gelu_of(x: float) -> float:
    return x * area(x)


def gelu_tanh_of(x: float) -> float:
    """As printed in Hendrycks & Gimpel 2016, section 2."""
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def shares(row: list[float]) -> list[float]:
    """A softmax of one row; what lies far below the largest is 0."""
    parts = [math.exp(max(x - max(row), -745.0)) if x > -math.inf else 0.0 for x in row]
    return [part / sum(parts) for part in parts]


def log_shares(row: list[float]) -> list[float]:
    total = sum(math.exp(max(x - max(row), -745.0)) for x in row)
    return [x - max(row) - math.log(total) for x in row]


def along(function: Callable[[list[float]], list[float]]) -> Function:
    """A function of a row, along an axis."""

    def oracle(x: Array, dim: int = -1) -> Array:
        rows = np.moveaxis(x, dim, -1)
        flat = [function(row.tolist()) for row in rows.reshape(-1, rows.shape[-1])]
        return np.moveaxis(np.array(flat, x.dtype).reshape(rows.shape), -1, dim)

    return oracle


def made_by(tensor: Any) -> set[str]:
    """The names of all ops that a tensor was made with."""
    if not isinstance(tensor, Tensor) or tensor.node is None:
        return set()
    return {tensor.node.op.__name__}.union(*map(made_by, tensor.node.inputs))


def learning(*shape: int, seed: int = 2) -> Tensor:
    """A tensor of float64 that requires a gradient; one of its numbers is 0."""
    numbers = np.random.default_rng(seed).normal(size=shape) * 2
    numbers.flat[1] = 0
    return Tensor(numbers, requires_grad=True, dtype=np.float64)


def remembers(what: str, result: Any, *ops: str) -> None:
    """A result must be made of these ops."""
    made = made_by(result)
    text = f"it must be made of {' and '.join(ops)}, and remember it; it was made of {sorted(made)}"
    check.that(made >= {*ops}, text, what=f"{what}, memory", came=sorted(made))


@check.exercise
def exp_log_tanh(exp: Any, log: Any, tanh: Any) -> None:
    rng = np.random.default_rng(1)
    x, positive = rng.normal(size=(2, 3)) * 2, rng.uniform(0.1, 5, size=(2, 3))
    for op, function, numbers in (
        (exp, math.exp, x), (log, math.log, positive), (tanh, math.tanh, x),
    ):  # fmt: skip
        check.agree(op, each(function), numbers, what=op.__name__)
        remembers(op.__name__, op(Tensor(numbers, requires_grad=True)), op.__name__)
    check.agree(tanh, each(math.tanh), FAR, what="tanh of ±1000", quiet=True)
    for op, function, number in ((exp, math.exp, 600.0), (log, math.log, 1e-300)):
        what = f"{op.__name__} of {number:g} in float64"
        check.agree(op, each(function), np.array([number]), what=what, once=True)


@check.exercise
def erf(op: Any) -> None:
    x = np.random.default_rng(2).normal(size=(2, 3))
    check.agree(op, each(math.erf), x, what="numbers of both signs")
    check.agree(op, each(math.erf), FAR, what="±1000", quiet=True)
    check.agree(op, each(math.erf), np.zeros((0, 3)), what="an empty array")
    check.agree(op, each(math.erf), np.array([0, 1, 2]), what="integers")


@check.exercise
def relu(function: Function) -> None:
    x = learning(2, 3)
    check.agree(
        function, lambda x: np.where(x > 0, x, 0), x, what="numbers of both signs", kind=Tensor
    )
    result = function(x)
    remembers("relu", result, "masked_fill")
    slope = "at exactly 0 the slope shall be 0: fill there as well (<=, not <)"
    check.that(result.node.options["where"].flat[1], slope, what="0")
    odd = Tensor([np.nan, -np.inf, np.inf, -0.5])
    right = np.array([np.nan, 0, np.inf, 0], np.float32)
    check.agree(function, lambda x: right, odd, what="NaN, -inf, inf, -0.5", once=True)


@check.exercise
def sigmoid(function: Function) -> None:
    x = learning(2, 3)
    check.agree(function, each(logistic), x, what="numbers of both signs", kind=Tensor)
    remembered = made_by(function(x)) & {"tanh", "exp"}
    check.that(remembered, "it must be made of ops, and remember them", what="memory")
    check.agree(function, each(logistic), Tensor(FAR), what="±1000", quiet=True)
    small = Tensor([-20.0, 20.0], dtype=np.float64)
    check.agree(function, each(logistic), small, what="±20 in float64", once=True)


@check.exercise
def gelu(function: Function) -> None:
    x = learning(2, 3)
    check.agree(function, each(gelu_of), x, what="numbers of both signs", kind=Tensor)
    remembers("gelu", function(x), "erf")


@check.exercise
def gelu_tanh(function: Function) -> None:
    x = learning(2, 3)
    check.agree(function, each(gelu_tanh_of), x, what="numbers of both signs", kind=Tensor)
    remembers("gelu_tanh", function(x), "tanh")


def row_function(function: Function, oracle: Function, *ops: str) -> None:
    """What softmax and its logarithm have in common."""
    x, name = learning(2, 3), function.__name__
    check.agree(function, oracle, x, what="rows of 3", kind=Tensor)
    check.agree(function, oracle, x, what="dim=0", dim=0)
    cube = learning(2, 3, 5)
    check.agree(function, oracle, cube, what="3 axes, dim=1", dim=1)
    far = Tensor([[1000.0, 1001.0], [0.0, 1.0]])
    check.agree(function, oracle, far, what="one row near 1000, one near 0", quiet=True)
    result = function(x)
    remembers(name, result, *ops)
    text = "the maximum is remembered: take it from x.detach(), it is a constant"
    check.that("reduce_max" not in made_by(result), text, what="the maximum")


@check.exercise
def softmax(function: Function) -> None:
    row_function(function, along(shares), "exp")
    hidden = Tensor([[0.0, -np.inf, 1.0]])
    check.agree(function, along(shares), hidden, what="-inf beside finite scores", quiet=True)
    with np.errstate(invalid="ignore"):
        none = Tensor([[-np.inf, -np.inf], [0.0, 0.0]])
        right = np.array([[np.nan, np.nan], [0.5, 0.5]], np.float32)
        check.agree(function, lambda x: right, none, what="a row of -inf alone", once=True)


@check.exercise
def log_softmax(function: Function) -> None:
    row_function(function, along(log_shares), "exp", "log")
    far = Tensor([0.0, 1000.0])
    check.agree(function, along(log_shares), far, what="scores 0 and 1000", quiet=True)


@check.exercise
def layers(classes: dict[Any, Any]) -> None:
    """Each class, and the function that it is."""
    x = learning(2, 3)
    for cls, function in classes.items():
        for options in ({}, {"dim": 0}) if "Softmax" in cls.__name__ else ({},):
            layer, what = cls(**options), repr(cls(**options))
            right = np.asarray(function(x.detach(), **options))
            check.agree(layer, lambda x, right=right: right, x, what=what, names="x", once=True)
            text = "the result is not remembered: hand x itself on"
            check.that(layer(x).node is not None, text, what=f"{what}, memory")
            text = "a layer keeps its settings, and nothing of a call; shown now"
            check.that(repr(layer) == what, f"{text}: {repr(layer)[:60]}", what=f"{what}, called")
