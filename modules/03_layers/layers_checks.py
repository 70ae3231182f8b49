"""What the test cells of module 03 call. `Layer` is being built: the checks get it as an argument."""

import functools
import itertools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
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


def shown_type(x: Any) -> str:
    """`a list`, `a tuple (Tensor, str)`; what it holds may lead back to itself."""
    items = f" ({', '.join(type(item).__name__ for item in x)})" if isinstance(x, tuple) else ""
    return "None: is a return missing?" if x is None else f"{with_article(type(x).__name__)}{items}"


def pairs_of(function: Function, *arguments: Any, what: str) -> list[tuple[str, Any]]:
    """The pairs that an iterator yields; one that runs in circles is refused."""
    must, circles = "it must yield pairs of a name and a part", "it runs in circles, without an end"
    try:
        found = function(*arguments)
        check.that(hasattr(found, "__iter__"), f"{must}; it gives {shown_type(found)}", what=what)
        pairs = [*itertools.islice(found, 100)]
    except RecursionError:
        check.fail(what, circles, "circles")
    check.that(len(pairs) < 100, circles, "circles", what)
    for pair in pairs:
        fits = isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
        check.that(fits, f"{must}; it yields {shown_type(pair)}", type(pair).__name__, what)
    return pairs


def names_of(function: Function, *arguments: Any, what: str, right: list[str]) -> None:
    names = [name for name, _ in pairs_of(function, *arguments, what=what)]
    check.same(names, right, what)


@check.exercise
def walk(function: Function, layer: Any) -> None:
    stairs = classes(layer)[1]()
    names_of(function, stairs, what="the names of a tree", right=PARTS)
    parts = dict(function(stairs))
    for name, part in (("", stairs), ("first.level", stairs.first.level), ("rest", stairs.rest)):
        text = f"it must be the part itself; it is {shown_type(parts[name])}"
        check.that(parts[name] is part, text, what=f"the part named {name!r}")
    names_of(function, stairs, what="a second walk", right=PARTS)
    lists = ["x", "x.0", "x.0.0", "x.1"]
    names_of(function, [[1], 2], "x", what="lists in lists, with the name x", right=lists)
    stairs.home = stairs.first.house = stairs
    names_of(function, stairs, what="parts that lead back to the root", right=PARTS)


def tensors_of(stairs: Any) -> list[Tensor]:
    return [stairs.first.level, stairs.rest[0].level, stairs.rest[1][0].level]


@check.exercise
def parameters(layer: Any) -> None:
    dimmer, stairs = classes(layer)[0], classes(layer)[1]()
    for what in ("named_parameters", "named_parameters, called again"):
        names_of(stairs.named_parameters, what=what, right=NAMES)
    for (name, found), own in zip(stairs.named_parameters(), tensors_of(stairs), strict=True):
        text = f"{name} must be the tensor itself, which learning changes; it is another object"
        check.that(found is own, f"{text}, {shown_type(found)}", what="named_parameters")
    listed = stairs.parameters()
    text = f"it must be a list; it is {shown_type(listed)}"
    check.that(isinstance(listed, list), text, type(listed).__name__, "parameters()")
    kinds = [type(found).__name__ for found in listed]
    text = f"it must list three tensors; it holds {', '.join(kinds) or 'nothing'}"
    check.that(kinds == ["Tensor"] * 3, text, kinds, "parameters()")
    same = [*map(id, listed)] == [*map(id, tensors_of(stairs))]
    text = "it must list the tensors of named_parameters themselves, in the same order"
    check.that(same, text, what="parameters()")
    twins = layer()
    twins.a, twins.b = dimmer(2.0), dimmer(2.0)
    names = ["a.level", "b.level"]
    names_of(twins.named_parameters, what="two parameters with equal numbers", right=names)
    stairs.first.level.requires_grad = False
    frozen = "a frozen parameter, with requires_grad = False"
    names_of(stairs.named_parameters, what=frozen, right=NAMES)


@check.exercise
def state(layer: Any) -> None:
    stairs = classes(layer)[1]()
    saved = stairs.state_dict()
    text = f"it must be a dict; it is {shown_type(saved)}"
    check.that(isinstance(saved, dict), text, type(saved).__name__, "state_dict()")
    check.same(sorted(saved), sorted(ALL_NAMES), "the names of state_dict()")
    kinds = {type(array).__name__ for array in saved.values()}
    check.same(kinds, {"ndarray"}, "the types of its values")
    numbers = [array.tolist() for array in saved.values()]
    for parameter in tensors_of(stairs):
        parameter.data[0] = -1.0
    after = [array.tolist() for array in saved.values()]
    check.same(after, numbers, "a saved state after further training")
    stairs.first.level.data = np.array([0.1, 0.2, 0.3])
    kept = stairs.state_dict()["first.level"].tolist()
    check.same(kept, [0.1, 0.2, 0.3], "the state of a parameter of float64")
    stairs.first.level.data = np.ones(3, np.float32)
    load_state(stairs, saved)
    refused_states(layer)
    frozen_state(classes(layer)[1]())


def load_state(stairs: Any, saved: dict[str, Any]) -> None:
    own = stairs.rest[0].level
    saved["rest.0.level"] = np.array([19.0, 23.0])  # float64
    stairs.load_state_dict(saved)
    text = "keep the tensor and replace its data: an optimiser holds on to the tensor"
    check.that(stairs.rest[0].level is own and own.requires_grad, text, what="the tensor")
    check.same(own.data, np.array([19, 23]), "a loaded parameter")
    check.same(stairs.first.level.data, np.array([2, 3, 5]), "another loaded parameter")
    check.same(own.data.dtype.name, "float32", "the dtype after loading float64")
    for array in saved.values():
        array[0] = -1.0
    numbers = [parameter.data.tolist() for parameter in tensors_of(stairs)]
    right = [[2.0, 3.0, 5.0], [19.0, 23.0], [13.0]]
    check.same(numbers, right, "a layer after its state is changed")
    as_lists = {name: array.tolist() for name, array in saved.items()}
    stairs.load_state_dict({**as_lists, "rest.0.level": Tensor([29.0, 31.0])})
    loaded = [own.data.tolist(), stairs.first.level.data.tolist()]
    check.same(loaded, [[29.0, 31.0], [-1.0, 3.0, 5.0]], "a state of lists and a tensor")


def refused_states(layer: Any) -> None:
    """Whatever is wrong, nothing may be loaded; the last state has all faults in one."""
    right = dict.fromkeys(("first.level", "same.first.level"), np.zeros(3))
    right |= {"rest.0.level": np.zeros(2), "rest.1.0.level": np.zeros(1)}
    missing = {name: array for name, array in right.items() if name != "rest.1.0.level"}
    for what, wrong, says in (
        ("rest.1.0.level missing", missing, ["rest.1.0.level"]),
        ("extra unexpected", {**right, "extra": np.zeros(1)}, ["extra"]),
        ("rest.0.level of shape (1,)", {**right, "rest.0.level": np.zeros(1)}, ["(1,)", "(2,)"]),
        ("rest.0.level of shape (1, 2)", {**right, "rest.0.level": np.zeros((1, 2))}, ["(1, 2)"]),
        (
            "three faults in one state",
            {**missing, "extra": np.zeros(1), "rest.0.level": np.zeros(1)},
            ["rest.1.0.level", "extra", "rest.0.level", "(1,)", "(2,)"],
        ),
    ):
        stairs = classes(layer)[1]()
        check.raises(stairs.load_state_dict, wrong, says=says, what=what)
        numbers = [parameter.data.tolist() for parameter in tensors_of(stairs)]
        unchanged = [[2.0, 3.0, 5.0], [7.0, 11.0], [13.0]]
        check.same(numbers, unchanged, f"a layer after a refused state, {what}")


def frozen_state(stairs: Any) -> None:
    stairs.first.level.requires_grad = False
    saved = stairs.state_dict()
    check.same(sorted(saved), sorted(ALL_NAMES), "the names with a frozen parameter")
    ones = {"first.level": np.ones(3), "same.first.level": np.ones(3)}
    stairs.load_state_dict({**saved, **ones})
    check.same(stairs.first.level.data, np.ones(3), "a frozen parameter, loaded")
    still = stairs.first.level.requires_grad
    check.same(still, False, "requires_grad of a frozen parameter, loaded")


@check.exercise
def train_eval(layer: Any) -> None:
    stairs = classes(layer)[1]()
    for method in ("eval", "train"):
        returns_self(stairs, getattr(stairs, method)(), f"{method}()")
    parts = {"the layer": stairs, "a layer below": stairs.first, "one in a list": stairs.rest[0],
             "one in a tuple in a list": stairs.rest[1][0]}  # fmt: skip
    for method, mode, right in (("eval", (), False), ("eval", (), False), ("train", (), True),
                                ("train", (False,), False)):  # fmt: skip
        getattr(stairs, method)(*mode)
        for what, part in parts.items():
            call = f"{method}({'False' if mode else ''})"
            check.same(part.training, right, f"training of {what} after {call}")
    check.same(classes(layer)[1]().training, True, "training of a new layer after another's eval()")
    stairs.settings = SimpleNamespace(training="none")
    stairs.eval()
    check.same(stairs.settings.training, "none", "training of an attribute that is no layer")
    text = "set training on layers only, not on functions"
    check.that(not hasattr(relu, "training"), text, what="relu")


def returns_self(layer: Any, back: Any, call: str) -> None:
    text = "it returns None" if back is None else f"it returns another object, {shown_type(back)}"
    check.that(back is layer, f"it must return self; {text}", type(back).__name__, call)


@check.exercise
def to(layer: Any) -> None:
    dimmer, stairs = classes(layer)[0], classes(layer)[1]()
    before = tensors_of(stairs)
    before[0].grad = np.ones(3, dtype=np.float32)
    returns_self(stairs, stairs.to(np.float64), "to(np.float64)")
    after = tensors_of(stairs)
    same = all(new is old for new, old in zip(after, before, strict=True))
    check.that(same, "the tensors must stay the same objects: replace their data", what="objects")
    dtypes = [p.data.dtype.name for p in after]
    check.same(dtypes, ["float64"] * 3, "the dtypes after to(np.float64)")
    check.same(after[0].data, np.array([2, 3, 5]), "the numbers after to(np.float64)")
    dtype = str(getattr(after[0].grad, "dtype", "no gradient"))
    check.same(dtype, "float64", "the dtype of a gradient")
    check.same(dimmer(1.0).to(np.float16).level.data.dtype.name, "float16", "to(np.float16)")
    frozen = dimmer(2.0)
    frozen.level.requires_grad = False
    check.same(frozen.to(np.float64).level.data.dtype.name, "float64", "a frozen parameter")
    for wrong in (np.int64, bool, complex):
        what = f"to({wrong.__name__})"
        check.raises(stairs.to, wrong, error=TypeError, says=["float"], what=what)
        check.same(after[0].data.dtype.name, "float64", f"the dtype after {what}")


@check.exercise
def glorot_uniform(function: Function) -> None:
    """Counted on 61,093 numbers: smallest and largest, variance, how many are different."""
    weights = function(199, 307, np.random.default_rng(1))
    text = f"they must be an array; it gives {shown_type(weights)}"
    check.that(isinstance(weights, np.ndarray), text, type(weights).__name__, "the weights")
    text = f"it must be (199, 307); it is {weights.shape}"
    check.that(weights.shape == (199, 307), text, [*weights.shape], "the shape of 199 to 307")
    count = len(np.unique(weights))
    text = f"each weight is drawn on its own; of 61093 numbers only {count} differ"
    check.that(count > 60_000, text, count, "how many differ")
    limit, variance = math.sqrt(6 / 506), 2 / 506
    smallest, largest = float(weights.min()), float(weights.max())
    between = f"weights must lie between ±{limit:.4f} and come close to both ends"
    text = f"{between}; they go from {smallest:.4f} to {largest:.4f}"
    fits = 0.99 * limit < largest <= limit and 0.99 * limit < -smallest <= limit
    check.that(fits, text, np.array([smallest, largest]), "the limits of 199 to 307")
    share = float(weights.var()) / variance
    text = f"it must be 2 / (in + out); it is {share:.2f} times that"
    check.that(abs(share - 1) < 0.05, text, np.array([share]), "the variance")
    again, other = (function(199, 307, np.random.default_rng(seed)) for seed in (1, 2))
    text = "it must give the same weights: draw from rng"
    check.that(np.array_equal(weights, again), text, what="the same seed")
    text = "it must give other weights: draw from rng"
    check.that(not np.array_equal(weights, other), text, what="another seed")


@check.exercise
def linear(cls: Any, glorot_uniform: Function) -> None:
    layer = cls(3, 2, rng=np.random.default_rng(7))
    for name, shape in (("weight", (3, 2)), ("bias", (2,))):
        own_tensor(layer, name, shape)
    drawn = np.float32(glorot_uniform(3, 2, np.random.default_rng(7)))
    text = "they must be those that glorot_uniform draws from rng"
    check.that(np.array_equal(layer.weight.data, drawn), text, what="the first weights")
    check.same(layer.bias.data, np.zeros(2), "the first bias")
    layer.weight.data = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    layer.bias.data = np.array([1000, 2000], np.float32)
    for leading in ((), (7,), (5, 7)):
        x = Tensor(np.random.default_rng(7).normal(size=(*leading, 3)))
        check.agree(layer.forward, linear_of, x, what=f"x of shape {x.shape}", kind=Tensor)
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    remembered(layer(x), x=x, weight=layer.weight, bias=layer.bias)
    plain = cls(3, 2, bias=False)
    text = f"it must be None; it is {shown(plain.bias)}"
    check.that(plain.bias is None, text, what="self.bias, with bias=False")
    zeros = Tensor(np.zeros(3))
    check.agree(plain.forward, lambda x: np.zeros(2, np.float32), zeros, what="without a bias")
    for wrong in ((3, 2), ()):
        says = ["in_features", "3", str(wrong)]
        check.raises(layer.forward, Tensor(np.ones(wrong)), says=says, what=f"x of shape {wrong}")


def own_tensor(layer: Any, name: str, shape: tuple[int, ...]) -> None:
    """A parameter under its name, of its shape."""
    part: Any = getattr(layer, name, None)
    what = f"self.{name} of Linear(3, 2)"
    text = f"it must be a tensor; it is {shown(part)}"
    check.that(isinstance(part, Tensor), text, type(part).__name__, what)
    text = f"its shape must be {shape}; it is {part.shape}"
    check.that(part.shape == shape, text, [*part.shape], what)
    check.that(part.requires_grad, "it must require a gradient, or it will not learn", what=what)


def linear_of(x: Array) -> Array:
    weight, bias = ([1, 2], [3, 4], [5, 6]), (1000, 2000)
    columns = [sum(x[..., i] * weight[i][j] for i in range(3)) + bias[j] for j in range(2)]
    return np.stack(columns, axis=-1).astype(np.float32)


def remembered(result: Any, **inputs: Tensor) -> None:
    """There are no gradients yet; but a result remembers what it was made from, and so on."""
    parts, found = [result], set()
    while parts:
        part = parts.pop()
        found.add(id(part))
        parts += part.node.inputs if getattr(part, "node", None) else ()
    for name, x in inputs.items():
        text = f"{name} is not among it: compute with tensors, not with their data"
        check.that(id(x) in found, text, name, "what the result was made from")


@check.exercise
def dropout(cls: Any) -> None:
    for shape in ((199, 307), (5, 101, 127)):
        numbers = np.random.default_rng(8).uniform(1, 2, shape).astype(np.float32)
        x = Tensor(numbers.copy(), requires_grad=True)
        layer = cls(0.2, rng=np.random.default_rng(7))
        result = layer(x)
        text = f"it must be a tensor; it is {shown_type(result)}"
        check.that(isinstance(result, Tensor), text, type(result).__name__, "the result")
        text = "it belongs to the caller, and you changed it: make a copy first"
        check.that(np.array_equal(x.data, numbers), text, what="x")
        dropped_at_random(result, numbers)
        check.same(result.data.dtype.name, "float32", "the dtype")
        remembered(result, x=x)
        fresh = not np.array_equal(result.data, layer(x).data)
        check.that(fresh, "the mask is the same again: draw a new one", what="a second call")
        same, other = (cls(0.2, rng=np.random.default_rng(seed))(x).data for seed in (7, 9))
        text = "it must drop the same numbers: draw from rng"
        check.that(np.array_equal(same, result.data), text, what="the same seed")
        text = "it must drop other numbers: draw from rng"
        check.that(not np.array_equal(other, result.data), text, what="another seed")
    one, other = (cls(0.2)(x).data for _ in "12")
    text = "two layers drop the same numbers: each needs a new generator"
    check.that(not np.array_equal(one, other), text, what="without rng")
    in_evaluation(layer, x)
    check.same(cls(0.0)(x).data, numbers, "Dropout(0.0)")
    for p in (-0.1, 1.0, math.nan):
        check.raises(cls, p, says=[str(p)], what=f"Dropout({p})")


def in_evaluation(layer: Any, x: Tensor) -> None:
    layer.training = False
    check.that(layer(x) is x, "nothing is dropped or scaled: return x", what="in evaluation")
    layer.training = True
    check.that(not layer(x).data.all(), "no number was dropped", what="training again")


def dropped_at_random(result: Tensor, numbers: Array) -> None:
    """Each number is 0 with chance 0.2, or else 1.25 times what it was."""
    text = f"its shape must be {numbers.shape}; it is {result.shape}"
    check.that(result.shape == numbers.shape, text, [*result.shape], "the result")
    factors = (result.data.astype(float) / numbers).round(3)
    dropped = float((factors == 0).mean())
    text = f"p is the chance to be dropped: with p = 0.2, {dropped:.2f} of the numbers are 0"
    check.that(abs(dropped - 0.2) < 0.02, text, round(dropped, 1), "while training")
    scales = np.unique(factors[factors != 0])
    text = f"the others must be 1 / (1 - p) = 1.25 times x; they are {scales[:3].tolist()} times x"
    check.that(np.allclose(scales, 1.25), text, scales[:3], "the scale")
    for axis in range(factors.ndim):
        one, other = (factors.take(place, axis) for place in (0, 1))
        text = f"each number is dropped on its own; along axis {axis}, the first two drop the same"
        check.that(not np.array_equal(one, other), text, axis, "the mask")


@check.exercise
def sequential(cls: Any, layer: Any) -> None:
    dimmer = classes(layer)[0]
    model = cls(dimmer(2.0, 3.0), relu, lambda x: x + 1.0)
    x = Tensor([-5.0, 7.0])
    what = "a dimmer of 2 and 3, relu, then + 1"
    check.agree(model.forward, steps_of, x, what=what, kind=Tensor)
    check.agree(model.eval(), steps_of, x, what="the same after eval()", kind=Tensor, once=True)
    check.same(cls()(7), 7, "no layers at all")
    inner = cls(model, dimmer(1.0, 1.0))
    check.same([*inner.state_dict()], ["0.0.level", "1.level"], "the names of parts are positions")
    check.same((len(model), len(model[1:])), (3, 2), "len(model) and len(model[1:])")


def steps_of(x: Array) -> Array:
    return np.maximum(x * [2, 3], 0).astype(x.dtype) + 1
