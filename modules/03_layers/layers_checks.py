"""What the test cells of module 03 call. `Layer` is being built: the checks get it as an argument."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch.checking import Checker
from tinytorch.core.activations import relu
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]
NAMES = ["first.level", "rest.0.level", "rest.1.0.level"]
ALL_NAMES = [*NAMES, "same.first.level"]
PARTS = ["", "first", "first.level", "rest", "rest.0", "rest.0.level", "rest.1", "rest.1.0",
         "rest.1.0.level", "rest.1.1", "same", "same.first", "same.first.level", "house_number",
         "last_output"]  # fmt: skip


@functools.cache
def classes(layer: Any) -> tuple[Any, Any]:
    """A layer with one parameter, and a layer of layers: in a list, a tuple and a dict."""

    class Dimmer(layer):  # type: ignore[misc]
        def __init__(self, *levels: float) -> None:
            self.level = Tensor(np.array(levels), requires_grad=True)

        def forward(self, x: Any) -> Any:
            return x * self.level

    class Stairs(layer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.first = Dimmer(2.0, 3.0, 5.0)
            self.rest = [Dimmer(7.0, 11.0), (Dimmer(13.0), relu)]
            self.same = {"first": self.first}
            self.house_number = Tensor([17.0])
            self.last_output = self.first(Tensor([1.0, 1.0, 1.0]))

    return Dimmer, Stairs


def listed_once(answer: Iterator[Any], what: str) -> list[Any]:
    """The pairs of an iterator; an endless one is refused."""
    if not hasattr(answer, "__iter__"):
        check.same(answer, ["pairs of a name and a part"], what)
    pairs = [*itertools.islice(answer, 100)]
    check.that(len(pairs) < 100, "it yields more than 100 parts of a tree of 15", what=what)
    odd = [pair for pair in pairs if not (isinstance(pair, tuple) and len(pair) == 2)]
    check.that(not odd, "it must yield pairs of a name and a part", type(odd), what=what)
    return pairs


@check.exercise
def walk(function: Function, layer: Any) -> None:
    stairs = classes(layer)[1]()
    pairs = listed_once(function(stairs), "stairs of 15 parts")
    check.same([name for name, _ in pairs], PARTS, "the names of a tree")
    check.that(pairs[0][1] is stairs, "the first part must be the object itself", what="itself")
    check.that(
        dict(pairs)["first.level"] is stairs.first.level, "yield the parts themselves", what="part"
    )
    again = [name for name, _ in function(stairs)]
    check.same(again, PARTS, "a second walk")
    stairs.home = stairs.first.house = stairs
    circles = [name for name, _ in listed_once(function(stairs), "parts that lead back")]
    check.same(circles, PARTS, "parts that lead back to the root")
    check.same(
        [name for name, _ in function([[1], 2], "x")],
        ["x", "x.0", "x.0.0", "x.1"],
        "lists in lists",
    )


@check.exercise
def parameters(layer: Any) -> None:
    dimmer, stairs = classes(layer)[0], classes(layer)[1]()
    pairs = listed_once(stairs.named_parameters(), "named_parameters")
    check.same([name for name, _ in pairs], NAMES, "the names of named_parameters")
    tensors = [stairs.first.level, stairs.rest[0].level, stairs.rest[1][0].level]
    same = all(found is own for (_, found), own in zip(pairs, tensors, strict=True))
    check.that(
        same,
        "yield the tensors themselves, not copies or arrays: learning changes them",
        what="itself",
    )
    found = stairs.parameters()
    if not isinstance(found, list):
        check.same(found, tensors, "parameters()")
    same = [*map(id, found)] == [*map(id, tensors)]
    check.that(
        same, "parameters() must list the tensors of named_parameters()", what="parameters()"
    )
    stairs.first.level.requires_grad = False
    frozen = [name for name, _ in stairs.named_parameters()]
    check.same(frozen, NAMES, "a frozen parameter, with requires_grad = False")
    twins = layer()
    twins.a, twins.b = dimmer(2.0), dimmer(2.0)
    names = [name for name, _ in twins.named_parameters()]
    check.same(names, ["a.level", "b.level"], "two parameters with equal numbers")


@check.exercise
def state(layer: Any) -> None:
    stairs = classes(layer)[1]()
    saved = stairs.state_dict()
    if not isinstance(saved, dict):
        check.same(saved, {}, "state_dict()")
    check.same([*saved], ALL_NAMES, "the names of state_dict()")
    kinds = {type(array).__name__ for array in saved.values()}
    check.same(kinds, {"ndarray"}, "the types of its values")
    stairs.first.level.data[0] = -1.0
    check.same(
        saved["first.level"].tolist(), [2.0, 3.0, 5.0], "a saved state after further training"
    )
    load_state(stairs, saved)
    refused_states(classes(layer)[1]())
    frozen_state(classes(layer)[1]())


def load_state(stairs: Any, saved: dict[str, Array]) -> None:
    own = stairs.rest[0].level
    saved["rest.0.level"] = np.array([19.0, 23.0])  # float64
    stairs.load_state_dict(saved)
    text = "keep the tensor and replace its data: an optimiser holds on to the tensor"
    check.that(stairs.rest[0].level is own and own.requires_grad, text, what="the tensor")
    check.same(own.data.tolist(), [19.0, 23.0], "a loaded parameter")
    check.same(stairs.first.level.data.tolist(), [2.0, 3.0, 5.0], "another loaded parameter")
    check.same(own.data.dtype.name, "float32", "the dtype after loading float64")
    saved["rest.0.level"][0] = saved["first.level"][0] = saved["same.first.level"][0] = -1.0
    check.same(
        stairs.first.level.data.tolist(), [2.0, 3.0, 5.0], "a layer after its state is changed"
    )


def refused_states(stairs: Any) -> None:
    """One name missing, one unexpected, one shape that would broadcast: one error for all."""
    wrong = {"first.level": np.zeros(3), "rest.0.level": np.zeros(1), "extra": np.zeros(1)}
    says = ["rest.1.0.level", "extra", "rest.0.level", "(1,)", "(2,)"]
    what = "a state with one name missing, one unexpected, one wrong shape"
    check.raises(stairs.load_state_dict, wrong, says=says, what=what)
    check.same(stairs.first.level.data.tolist(), [2.0, 3.0, 5.0], "a layer after a refused state")
    wide = {**stairs.state_dict(), "rest.0.level": np.zeros((2, 2))}
    check.raises(
        stairs.load_state_dict, wide, says=["rest.0.level", "(2, 2)"], what="a wrong shape"
    )


def frozen_state(stairs: Any) -> None:
    stairs.first.level.requires_grad = False
    saved = stairs.state_dict()
    check.same([*saved], ALL_NAMES, "the names with a frozen parameter")
    ones = {"first.level": np.ones(3), "same.first.level": np.ones(3)}
    stairs.load_state_dict({**saved, **ones})
    check.same(stairs.first.level.data.tolist(), [1.0] * 3, "a frozen parameter, loaded")
    check.same(
        stairs.first.level.requires_grad, False, "requires_grad of a frozen parameter, loaded"
    )


@check.exercise
def train_eval(layer: Any) -> None:
    stairs = classes(layer)[1]()
    for method in ("eval", "train"):
        back = getattr(stairs, method)()
        check.that(
            back is stairs, f"{method}() must return self; it returns {back}", str(back), method
        )
    parts = {"the layer": stairs, "a layer below": stairs.first, "one in a list": stairs.rest[0],
             "one in a tuple in a list": stairs.rest[1][0]}  # fmt: skip
    for method, right in (("eval", False), ("train", True)):
        getattr(stairs, method)()
        for what, part in parts.items():
            check.same(part.training, right, f"training of {what} after {method}()")
    stairs.eval()
    check.same(stairs.train(False).training, False, "training after train(False)")
    check.same(classes(layer)[1]().training, True, "training of a new layer after another's eval()")
    check.that(
        not hasattr(relu, "training"), "set training on layers only, not on functions", what="relu"
    )


@check.exercise
def to(layer: Any) -> None:
    dimmer, stairs = classes(layer)[0], classes(layer)[1]()
    before = stairs.parameters()
    before[0].grad = np.ones(3, dtype=np.float32)
    back = stairs.to(np.float64)
    check.that(back is stairs, f"to() must return self; it returns {back}", str(back), "self")
    after = stairs.parameters()
    same = all(new is old for new, old in zip(after, before, strict=True))
    check.that(same, "the tensors must stay the same objects: replace their data", what="objects")
    check.same(
        [p.data.dtype.name for p in after], ["float64"] * 3, "the dtypes after to(np.float64)"
    )
    check.same(after[0].data.tolist(), [2.0, 3.0, 5.0], "the numbers")
    check.same(after[0].grad.dtype.name, "float64", "the dtype of a gradient")
    check.same(dimmer(1.0).to(np.float16).level.data.dtype.name, "float16", "to(np.float16)")
    frozen = dimmer(2.0)
    frozen.level.requires_grad = False
    check.same(frozen.to(np.float64).level.data.dtype.name, "float64", "a frozen parameter")
    for wrong in (np.int64, bool, complex):
        check.raises(
            stairs.to, wrong, error=TypeError, says=["float"], what=f"to({wrong.__name__})"
        )
    check.same(after[0].data.dtype.name, "float64", "the dtype after a refused one")


@check.exercise
def glorot_uniform(function: Function) -> None:
    """Counted on 61,093 numbers: largest, variance, how many are different."""
    weights = function(199, 307, np.random.default_rng(0))
    check.agree(np.shape, lambda w: (199, 307), weights, what="the shape of 199 to 307", once=True)
    limit, variance = math.sqrt(6 / 506), 2 / 506
    largest, smallest = float(weights.max()), float(weights.min())
    between = f"all weights must lie between ±{limit:.4f} and reach both ends"
    text = f"{between}; yours go from {smallest:.4f} to {largest:.4f}"
    inside = largest <= limit and smallest >= -limit
    reaching = min(largest, -smallest) > 0.99 * limit
    check.that(inside and reaching, text, np.array([smallest, largest]), "the limits of 199 to 307")
    share = float(weights.var()) / variance
    text = f"the variance must be 2 / (in + out); yours is {share:.2f} times that"
    check.that(abs(share - 1) < 0.05, text, what="the variance")
    count = len(np.unique(weights))
    check.that(
        count > 60_000, f"each weight is drawn on its own; only {count} differ", what="count"
    )
    again = function(199, 307, np.random.default_rng(0))
    check.that(
        np.array_equal(weights, again), "the same seed must give the same weights", what="rng"
    )


@check.exercise
def linear(cls: Any, glorot_uniform: Function) -> None:
    layer = cls(3, 2, rng=np.random.default_rng(0))
    shapes = {name: p.shape for name, p in layer.named_parameters()}
    check.same(shapes, {"weight": (3, 2), "bias": (2,)}, "the parameters of Linear(3, 2)")
    check.same(layer.bias.data.tolist(), [0.0, 0.0], "the first bias")
    drawn = np.float32(glorot_uniform(3, 2, np.random.default_rng(0)))
    first = np.array_equal(layer.weight.data, drawn)
    check.that(
        first, "the first weights must be those that glorot_uniform draws from rng", what="weights"
    )
    layer.load_state_dict({"weight": [[1, 2], [3, 4], [5, 6]], "bias": [1000, 2000]})

    def oracle(x: Array) -> Array:
        weight, bias = ([1, 2], [3, 4], [5, 6]), (1000, 2000)
        columns = [sum(x[..., i] * weight[i][j] for i in range(3)) + bias[j] for j in range(2)]
        return np.stack(columns, axis=-1).astype(np.float32)

    for shape in ((3,), (7, 3), (5, 7, 3)):
        x = Tensor(np.random.default_rng(7).normal(size=shape))
        check.agree(layer.forward, oracle, x, what=f"x of shape {shape}", kind=Tensor)
    remembered(layer(Tensor(np.ones((2, 3)))))
    plain = cls(3, 2, bias=False)
    check.same(
        [name for name, _ in plain.named_parameters()], ["weight"], "the parameters with bias=False"
    )
    check.agree(
        plain.forward, lambda x: np.zeros(2, np.float32), Tensor(np.zeros(3)), what="bias=False"
    )
    for wrong in ((3, 2), ()):
        says = ["in_features", "3", str(wrong)]
        check.raises(layer.forward, Tensor(np.ones(wrong)), says=says, what=f"x of shape {wrong}")


def remembered(result: Any) -> None:
    text = "the result is not remembered: compute with tensors, not with x.data"
    check.that(result.node is not None, text, what="memory")


@check.exercise
def dropout(cls: Any) -> None:
    layer, ones = cls(0.2, rng=np.random.default_rng(0)), np.ones((199, 307))
    x = Tensor(ones, requires_grad=True)
    result = layer(x)
    if not isinstance(result, Tensor):
        check.same(result, x, "the result")
    values = np.unique(result.data.round(4)).tolist()[:3]
    dropped = float((result.data == 0).mean())
    text = f"p is the chance to be dropped: with p = 0.2, {dropped:.2f} of the numbers are 0"
    check.that(abs(dropped - 0.2) < 0.02, text, round(dropped, 1), "how many are dropped")
    text = f"what is left must be scaled by 1 / (1 - p) = 1.25; the results are {values}"
    check.that(np.allclose(values, [0.0, 1.25]), text, values, "the scale")
    spread = (result.data.std(axis=0) > 0).all() and (result.data.std(axis=1) > 0).all()
    check.that(spread, "each number is dropped on its own, not whole rows or columns", what="rows")
    check.that(
        not np.array_equal(result.data, layer(x).data), "draw a new mask at each call", what="new"
    )
    remembered(result)
    check.same(result.data.dtype.name, "float32", "the dtype")
    check.that(np.array_equal(x.data, ones), "you changed x, which belongs to the caller", what="x")
    again = cls(0.2, rng=np.random.default_rng(0))(x)
    check.that(
        np.array_equal(again.data, result.data),
        "the same seed must drop the same: use rng",
        what="rng",
    )
    check.that(
        layer.eval()(x) is x, "in evaluation nothing is dropped or scaled: return x", what="eval"
    )
    check.same(cls(0.0)(x).data.tolist() == ones.tolist(), True, "p = 0 drops nothing")
    for p in (-0.1, 1.0, math.nan):
        check.raises(cls, p, says=["p ", str(p)], what=f"Dropout({p})")


@check.exercise
def sequential(cls: Any, layer: Any) -> None:
    dimmer = classes(layer)[0]
    model = cls(dimmer(2.0, 3.0), relu, lambda x: x + 1.0)
    x = Tensor([-5.0, 7.0])
    right = np.array([1.0, 22.0], np.float32)
    check.agree(model.forward, lambda x: np.maximum(x * [2, 3], 0).astype(x.dtype) + 1, x, kind=Tensor,
                what="a dimmer of 2 and 3, relu, then + 1")  # fmt: skip
    check.same(model(x).data.tolist(), right.tolist(), "the same model, called")
    check.same(cls()(7), 7, "no layers at all")
    inner = cls(model, dimmer(1.0, 1.0))
    check.same([*inner.state_dict()], ["0.0.level", "1.level"], "the names of parts are positions")
    check.same((len(model), len(model[1:])), (3, 2), "len(model) and len(model[1:])")
