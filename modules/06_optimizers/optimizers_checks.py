"""What the test cells of module 06 call: optimizers that write down their calls, and oracles that
compute one number at a time, in Python's own floats.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]


def leaf(shape: tuple[int, ...], seed: int = 1, dtype: Any = np.float32) -> Tensor:
    numbers = np.random.default_rng(seed).normal(size=shape)
    return Tensor(numbers.astype(dtype), requires_grad=True, dtype=dtype)


@check.exercise
def as_parameters(function: Function) -> None:
    frozen, wide = leaf((5,)), leaf((), dtype=np.float64)
    frozen.requires_grad = False
    tensors = [leaf((2, 3)), leaf((2, 3)), frozen, wide, leaf((0, 7)), leaf((11,))]
    for form, given in (
        ("a list, with a frozen one and two of equal numbers", tensors),
        ("a tuple", tuple(tensors)),
        ("a generator", (tensor for tensor in tensors)),
        ("a list of one", tensors[:1]),
    ):
        found = check.call(lambda given=given: function(given), what=form)
        text = f"it must be a list; it is {shown_kind(found)}"
        check.that(isinstance(found, list), text, type(found).__name__, form)
        right = tensors[:1] if form == "a list of one" else tensors
        check.same(len(found), len(right), f"{form}: how many tensors come back")
        same = all(one is other for one, other in zip(found, right, strict=True))
        check.that(same, "they must be the same tensors, in the same order", what=form)
        text = "it must be a new list: the caller may change the old one"
        check.that(found is not given, text, what=form)
    refused(function, tensors[:5])


def refused(function: Function, good: list[Tensor]) -> None:
    """Five good tensors come first, so the position of what is wrong is 5."""
    leaves, constant = leaf((3,)), Tensor(np.ones(3))
    weight = leaf((2, 3))
    for what, given, error, says in (
        ("one tensor, no list", leaves, TypeError, []),
        ("one tensor without a gradient, no list", constant, TypeError, []),
        ("a list with an array in it", [*good, np.ones(3)], TypeError, ["5"]),
        ("a list with None in it", [*good, None], TypeError, ["5"]),
        ("a list of names and tensors", [("weight", weight)], TypeError, ["0"]),
        ("a list with integers in it", [*good, Tensor([1, 2])], TypeError, ["5"]),
        ("a list with a float16 in it", [*good, leaf((3,), 1, np.float16)], TypeError, ["5"]),
        ("a list with a result in it", [*good, weight * 2], ValueError, ["5"]),
        ("a tensor twice", [*good, weight, leaf((3,)), weight], ValueError, ["5", "7"]),
        ("a tensor twice, side by side", [*good, weight, weight], ValueError, ["5", "6"]),
        ("an empty list", [], ValueError, []),
        ("an empty generator", iter(()), ValueError, []),
    ):
        says = ["parameter", *says]
        check.raises(lambda given=given: function(given), error=error, says=says, what=what)


def shown_kind(x: Any) -> str:
    return "None: is a return missing?" if x is None else with_article(type(x).__name__)


def clerk(base: Any) -> Any:
    """An optimizer that changes nothing, and writes down whom it would."""

    class Clerk(base):  # type: ignore[misc]
        def __init__(self, parameters: Sequence[Tensor]) -> None:
            super().__init__(parameters, lr=0.1)
            self.begun: list[Tensor] = []
            self.updated: list[Tensor] = []

        def begin(self, parameter: Tensor) -> dict[str, Array]:
            self.begun.append(parameter)
            return {"updates": np.zeros(parameter.shape, int)}

        def update(self, parameter: Tensor, state: dict[str, Array]) -> None:
            self.updated.append(parameter)
            state["updates"] += 1  # an error where it has not begun, or has another's shape

    return Clerk


@check.exercise
def step(base: Any) -> None:
    names = ["weight", "without a gradient", "frozen, with a gradient", "a gradient of zeros",
             "bias"]  # fmt: skip
    shapes: list[tuple[int, ...]] = [(2, 3), (5,), (7,), (11,), ()]
    tensors = [leaf(shape) for shape in shapes]
    for tensor in tensors:
        tensor.grad = np.ones(tensor.shape, np.float32)
    tensors[1].grad, tensors[3].grad = None, np.zeros(11, np.float32)
    tensors[2].requires_grad = False
    before = [(tensor.data.copy(), tensor.grad) for tensor in tensors]
    optimizer = clerk(base)(tensors)

    def named(found: list[Tensor]) -> list[str]:
        places = {id(tensor): name for tensor, name in zip(tensors, names, strict=True)}
        kinds = [with_article(type(one).__name__) for one in found]
        pairs = zip(found, kinds, strict=True)
        return [places.get(id(one), f"another object, {kind}") for one, kind in pairs]

    def counts() -> dict[str, int]:
        states = zip(names, optimizer.states, strict=True)
        return {name: int(state["updates"].max()) for name, state in states if state}

    changed = ["weight", "a gradient of zeros", "bias"]
    take_step(optimizer)
    check.same(named(optimizer.updated), changed, "the parameters updated by one step")
    check.same(named(optimizer.begun), changed, "the parameters for which begin was called")
    unchanged(tensors, names, before)
    check.same(optimizer.num_steps, 1, "num_steps after one step")
    kept = "updates counted in each state of self.states"
    check.same(counts(), dict.fromkeys(changed, 1), f"{kept}, after one step")
    tensors[1].grad = np.ones(5, np.float32)
    optimizer.updated.clear()
    take_step(optimizer)
    later = [name for name in names if not name.startswith("frozen")]
    what = "the parameters updated after the second got its first gradient"
    check.same(named(optimizer.updated), later, what)
    begun = [*changed, "without a gradient"]
    what = "the parameters for which begin was called, in two steps"
    check.same(named(optimizer.begun), begun, what)
    right = {name: 2 if name in changed else 1 for name in later}
    check.same(counts(), right, f"{kept}, after two steps and a gradient that came late")
    check.same(optimizer.num_steps, 2, "num_steps after two steps")
    forget(optimizer, names)
    nothing_kept(base)
    own_states(base)


def own_states(base: Any) -> None:
    twins = clerk(base)([leaf((2, 3)), leaf((2, 3))])
    for twin in twins.parameters:
        twin.grad = np.ones((2, 3), np.float32)
    take_step(twins)
    text = "they share one state: each parameter's is what `begin` gave for it"
    check.that(twins.states[0] is not twins.states[1], text, what="two parameters of one shape")


def unchanged(tensors: list[Tensor], names: list[str], before: list[Any]) -> None:
    for name, tensor, (numbers, grad) in zip(names, tensors, before, strict=True):
        same = np.array_equal(tensor.data, numbers)
        check.that(same, "step changed its numbers: only update does that", what=name)
        text = "its gradient is another one after the step: leave it to zero_grad"
        check.that(tensor.grad is grad, text, what=name)


def take_step(optimizer: Any) -> None:
    try:
        optimizer.step()
    except (KeyError, ValueError) as error:
        text = f"update got a state that begin did not make for it: {type(error).__name__}: {error}"
        check.fail("step()", text, str(error), error=error)


def forget(optimizer: Any, names: list[str]) -> None:
    optimizer.zero_grad()
    for name, tensor in zip(names, optimizer.parameters, strict=True):
        text = f"its gradient must be None after zero_grad; it is {shown(tensor.grad)}"
        check.that(tensor.grad is None, text, what=name)
    check.same(optimizer.num_steps, 2, "num_steps after zero_grad")
    optimizer.updated.clear()
    optimizer.step()
    check.same(optimizer.updated, [], "the parameters updated by a step after zero_grad")
    check.same(optimizer.num_steps, 3, "num_steps after a step without any gradient")
    check.same(all(optimizer.states[:1]), True, "the first state is still kept after zero_grad")


def nothing_kept(base: Any) -> None:
    """Of two optimizers without state, neither knows of the other."""

    class Plain(base):  # type: ignore[misc]
        def update(self, parameter: Tensor, state: dict[str, Array]) -> None:
            parameter.data += 1
            check.same(state, {}, "the state, where begin gives {}")

    one, other = leaf((2,)), leaf((3,))
    one.data[:], other.data[:] = 0, 0
    for tensor in (one, other):
        tensor.grad = np.ones(tensor.shape, np.float32)
    first, _ = Plain([one], 0.1), Plain([other], 0.1)
    first.step()
    first.step()
    numbers = [one.data[0].item(), other.data[0].item()]
    check.same(numbers, [2.0, 0.0], "updates of one optimizer's and of another's parameter")


def keeper(base: Any) -> Any:
    """An optimizer with two kinds of state: a sum of gradients, and a number."""

    class Keeper(base):  # type: ignore[misc]
        def begin(self, parameter: Tensor) -> dict[str, Array]:
            return {"total": np.zeros(parameter.shape, parameter.dtype), "count": np.array(0)}

        def update(self, parameter: Tensor, state: dict[str, Array]) -> None:
            state["total"] += parameter.grad
            state["count"] += 1
            parameter.data -= self.lr * state["total"]

    return Keeper


SHAPES: list[tuple[int, ...]] = [(2, 3), (5,), (7,), *[(1,)] * 8, (3, 1)]  # 12: two-digit positions
UNUSED = {1, 3, 4, 5, 6, 7, 8, 9, 10}
KEPT = ["0.count", "0.total", "11.count", "11.total", "2.count", "2.total", "step"]


def trained(base: Any, num_steps: int) -> Any:
    dtypes = [np.float64 if place == 2 else np.float32 for place in range(12)]
    tensors = [leaf(shape, 3, dtype) for shape, dtype in zip(SHAPES, dtypes, strict=True)]
    optimizer = keeper(base)(tensors, 0.5)
    train(optimizer, num_steps)
    return optimizer


def train(optimizer: Any, num_steps: int) -> None:
    """The gradient is 1, 2, 3, ...; nine of the twelve parameters get none."""
    for _ in range(num_steps):
        for place, tensor in enumerate(optimizer.parameters):
            if place not in UNUSED:
                tensor.grad = np.arange(1.0, tensor.data.size + 1).reshape(tensor.shape)
        optimizer.step()


def told(state: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(state[name]).tolist() for name in sorted(state)}


def right_state(num_steps: int) -> dict[str, Any]:
    right: dict[str, Any] = {"step": num_steps}
    for place in (0, 2, 11):
        size = math.prod(SHAPES[place])
        total = (num_steps * np.arange(1.0, size + 1)).reshape(SHAPES[place])
        right |= {f"{place}.count": num_steps, f"{place}.total": total.tolist()}
    return dict(sorted(right.items()))


@check.exercise
def state(base: Any) -> None:
    optimizer = trained(base, 2)
    saved = optimizer.state_dict()
    text = f"it must be a dict; it is {shown_kind(saved)}"
    check.that(isinstance(saved, dict), text, type(saved).__name__, "state_dict()")
    check.same(sorted(saved), KEPT, "the names of state_dict()")
    kinds = {type(array).__name__ for array in saved.values()}
    check.same(kinds, {"ndarray"}, "the types of its values")
    check.same(told(saved), right_state(2), "the values of state_dict() after two steps")
    check.same(saved["2.total"].dtype.name, "float64", "the dtype of a state of float64")
    check.same(saved["0.total"].dtype.name, "float32", "the dtype of a state of float32")
    fresh = told(trained(base, 0).state_dict())
    check.same(fresh, {"step": 0}, "state_dict() before the first step")
    train(optimizer, 1)
    check.same(told(saved), right_state(2), "a saved state after a further step")
    for array in saved.values():
        array[...] = 97
    check.same(
        told(optimizer.state_dict()), right_state(3), "the state after a change of the saved"
    )
    loaded(base)
    refused_states(base)


def loaded(base: Any) -> None:
    for what, num_steps in (("a new optimizer", 0), ("one that was used", 5)):
        source, target = trained(base, 2), trained(base, num_steps)
        target.parameters[1].grad = np.ones(5)
        if num_steps:
            target.step()  # the second parameter has a state now, which what is loaded has not
        saved = source.state_dict()
        target.load_state_dict(saved)
        check.same(told(target.state_dict()), right_state(2), f"a state loaded into {what}")
        check.same(type(target.num_steps), int, f"the type of num_steps, loaded into {what}")
        target.parameters[1].grad = None
        train(target, 1)
        check.same(told(target.state_dict()), right_state(3), f"one step after loading into {what}")
        check.same(told(saved), right_state(2), "what was loaded, after a further step")
        for array in saved.values():
            array[...] = 97
        text = "after a change of what was loaded"
        check.same(told(target.state_dict()), right_state(3), f"the optimizer's state, {text}")
    optimizer = trained(base, 0)
    forms: dict[str, Any] = {
        name: array.tolist() for name, array in trained(base, 2).state_dict().items()
    }
    forms["0.total"], forms["2.total"] = Tensor(forms["0.total"]), np.array(forms["2.total"], int)
    optimizer.load_state_dict(forms)
    found = optimizer.state_dict()
    check.same(told(found), right_state(2), "a state of lists, numbers and a tensor, loaded")
    kinds = [found[name].dtype.name for name in ("0.total", "2.total")]
    check.same(kinds, ["float32", "float64"], "the dtypes of the state, after loading others")


def refused_states(base: Any) -> None:
    """Whatever is wrong, nothing may be loaded."""
    right = trained(base, 2).state_dict()

    def without(*names: str) -> dict[str, Any]:
        return {name: array for name, array in right.items() if name not in names}

    turned = right["0.total"].T
    for what, wrong, says in (
        ("step missing", without("step"), ["step"]),
        ("2.count missing", without("2.count"), ["2.count"]),
        ("11.total missing", without("11.total"), ["11.total"]),
        ("2.other unexpected", {**right, "2.other": np.ones(7)}, ["2.other"]),
        ("12.total of no parameter", {**right, "12.total": np.ones(7)}, ["12.total"]),
        ("extra unexpected", {**right, "extra": np.ones(7)}, ["extra"]),
        ("0.total of shape (3, 2)", {**right, "0.total": turned}, ["0.total", "(3, 2)", "(2, 3)"]),
        ("0.total of shape (1, 3)", {**right, "0.total": np.ones((1, 3))}, ["(1, 3)", "(2, 3)"]),
        ("0.total of shape ()", {**right, "0.total": np.ones(())}, ["0.total", "()", "(2, 3)"]),
        ("step of shape (1,)", {**right, "step": np.ones(1, int)}, ["step", "(1,)"]),
        (
            "four faults in one state",
            {**without("2.count", "step"), "0.total": turned, "1.other": np.ones(5)},
            ["2.count", "step", "0.total", "(3, 2)", "1.other"],
        ),
    ):
        for num_steps, which in ((0, "a new optimizer"), (3, "one that was used")):
            optimizer = trained(base, num_steps)
            before = told(optimizer.state_dict())
            check.raises(optimizer.load_state_dict, wrong, says=says, what=f"{what}, into {which}")
            check.same(
                told(optimizer.state_dict()), before, f"the state of {which}, refused: {what}"
            )


def path(cls: Any, lrs: Sequence[float] = (), **options: Any) -> Function:
    """Where a parameter is after each step, for gradients (num_steps, ...)."""

    def positions(start: Array, gradients: Array) -> Array:
        parameter = Tensor(np.array(start, order="K"), requires_grad=True, dtype=start.dtype)
        optimizer, found = cls([parameter], **options), []
        for number, gradient in enumerate(gradients):
            parameter.grad = np.asarray(gradient)
            if lrs:
                optimizer.lr = lrs[number]
            optimizer.step()
            found.append(parameter.data.copy())
        return np.stack(found)

    return positions


def path_of(one_number: Function) -> Function:
    """The oracle of `path`: one number at a time, in Python's floats."""

    def positions(start: Array, gradients: Array) -> Array:
        found = np.empty(gradients.shape, start.dtype)
        for place in np.ndindex(start.shape):
            slopes = [float(gradient[place]) for gradient in gradients]
            for number, value in enumerate(one_number(float(start[place]), slopes)):
                found[(number, *place)] = value
        return found

    return positions


def agree_on_paths(cls: Any, one_number: Function, what: str, **options: Any) -> None:
    """Compare with the oracle on several shapes; the options are for both."""
    rng = np.random.default_rng(5)
    for shape in ((7,), (2, 3), (3, 1, 5), ()):
        start, gradients = rng.normal(size=shape), rng.normal(size=(5, *shape))
        check.agree(
            path(cls, **options), path_of(lambda *given: one_number(*given, **options)),
            start, gradients, what=f"5 steps, {what}, shape {shape}",
            names=("start", "the gradients"),
        )  # fmt: skip


def kept_at_first(cls: Any, names: Sequence[str], what: str, **options: Any) -> None:
    """`begin` gives these names: arrays of zeros, of the parameter's shape and dtype."""
    for dtype in (np.float32, np.float64):
        parameter = leaf((2, 3), 1, dtype)
        begun = cls([parameter], **options).begin(parameter)
        where = f"begin of {what}"
        text = f"it must give a dict; it gives {shown_kind(begun)}"
        check.that(isinstance(begun, dict), text, type(begun).__name__, where)
        check.same(sorted(begun), sorted(names), f"the names in {where}")
        arrays = [each for each in begun.values() if isinstance(each, np.ndarray)]
        for one, other in itertools.combinations(arrays, 2):
            text = "two of its names hold the same array: each needs its own"
            check.that(not np.shares_memory(one, other), text, what=where)
        for name, array in begun.items():
            text = f"it must be an array; it is {shown_kind(array)}"
            check.that(isinstance(array, np.ndarray), text, type(array).__name__, f"{name!r}")
            shape = () if name == "step" else (2, 3)
            check.same(array, np.zeros(shape), f"{name!r} in {where}")
            if name != "step":
                dtype_name = np.dtype(dtype).name
                check.same(array.dtype.name, dtype_name, f"the dtype of {name!r} for {dtype_name}")


def its_own_array(cls: Any, what: str, **options: Any) -> None:
    """Numbers change in the parameter's own array; two parameters have a state each."""
    options = {"lr": 0.1, **options}
    weights = [leaf((2, 3), seed) for seed in (1, 2)]
    alone = [leaf((2, 3), seed) for seed in (1, 2)]
    arrays = [weight.data for weight in weights]
    together, each = cls(weights, **options), [cls([weight], **options) for weight in alone]
    for number in range(3):
        for place, pair in enumerate(zip(weights, alone, strict=True)):
            for tensor in pair:
                tensor.grad = np.full((2, 3), 1.0 + number - 3 * place, np.float32)
        for optimizer in (together, *each):
            optimizer.step()
    for weight, array in zip(weights, arrays, strict=True):
        text = "its numbers must change in its own array; its data is another array now"
        check.that(weight.data is array, text, what=f"a parameter after 3 steps, {what}")
    for place, name in enumerate(("first", "second")):
        where = f"the {name} of two parameters, against that parameter alone, {what}"
        check.same(weights[place].data, alone[place].data, where)


def down(start: float, slopes: list[float], lr: float = 0, momentum: float = 0.0,
         lrs: Sequence[float] = ()) -> Iterator[float]:  # fmt: skip
    """SGD of one number: each step as a sum over all gradients so far."""
    w = start
    for t in range(len(slopes)):
        u = sum(momentum ** (t - s) * slopes[s] for s in range(t + 1))
        w -= (lrs[t] if lrs else lr) * u
        yield w


@check.exercise
def sgd(cls: Any) -> None:
    kept_at_first(cls, [], "SGD(lr=0.1)", lr=0.1)
    kept_at_first(cls, ["momentum"], "SGD(lr=0.1, momentum=0.9)", lr=0.1, momentum=0.9)
    agree_on_paths(cls, down, "lr 0.3", lr=0.3)
    agree_on_paths(cls, down, "lr 0.3, momentum 0.7", lr=0.3, momentum=0.7)
    lrs = (0.1, 0.5, 0.0, 0.2, 0.9)
    agree_on_paths(cls, down, "another lr at each step", lr=0.3, lrs=lrs)
    agree_on_paths(cls, down, "momentum 0.7, another lr each", lr=0.3, momentum=0.7, lrs=lrs)
    for momentum in (0.0, 0.7):
        its_own_array(cls, f"momentum {momentum}", momentum=momentum)


def adam_of(start: float, slopes: list[float], lr: float = 1e-3, betas: Any = (0.9, 0.999),
            eps: float = 1e-8, weight_decay: float = 0.0, lrs: Sequence[float] = (),
            decays: Any = None) -> Iterator[float]:  # fmt: skip
    """Adam of one number: both averages as sums over all gradients so far."""
    w = start
    for t in range(1, len(slopes) + 1):
        rate = lrs[t - 1] if lrs else lr
        weights = [[(1 - beta) * beta ** (t - s) for s in range(1, t + 1)] for beta in betas]
        first, second = weights
        mean = sum(a * g for a, g in zip(first, slopes, strict=False)) / sum(first)
        square = sum(a * g * g for a, g in zip(second, slopes, strict=False)) / sum(second)
        if decays is None or decays(Tensor(start)):
            w -= rate * weight_decay * w
        w -= rate * mean / (math.sqrt(square) + eps)
        yield w


def averages(cls: Any) -> None:
    """What Adam and AdamW have in common."""
    name = cls.__name__
    kept_at_first(cls, ["step", "first", "second"], name)
    zero = {"weight_decay": 0.0} if name == "AdamW" else {}
    agree_on_paths(
        cls, adam_of, "betas (0.5, 0.7), eps 0.3", lr=0.1, betas=(0.5, 0.7), eps=0.3, **zero
    )
    agree_on_paths(cls, adam_of, "lr 0.1", lr=0.1, **zero)
    lrs = (0.1, 0.5, 0.0, 0.2, 0.9)
    agree_on_paths(cls, adam_of, "another lr at each step", lrs=lrs, betas=(0.3, 0.8), **zero)


@check.exercise
def adam(cls: Any) -> None:
    averages(cls)
    numbers = path(cls, lr=0.1)(np.ones(3), np.zeros((2, 3)))
    check.same(numbers, np.ones((2, 3)), "two steps with a gradient of zeros")
    late_first_gradient(cls)
    its_own_array(cls, "Adam")
    text = "an update must count in state['step'] and keep its averages in the state"
    parameter = leaf((3,))
    optimizer = cls([parameter])
    parameter.grad = np.ones(3, np.float32)
    for _ in range(4):
        optimizer.step()
    counted = optimizer.states[0].get("step")
    check.that(counted == 4, f"{text}; after 4 updates 'step' is {counted}", str(counted), "state")


def late_first_gradient(cls: Any) -> None:
    """A parameter whose first gradient comes at the fourth step moves as at a first step."""
    early, late = leaf((2, 3)), leaf((5,), dtype=np.float64)
    optimizer = cls([early, late], lr=0.1)
    rng = np.random.default_rng(9)
    before, gradients = late.data.copy(), rng.normal(size=(3, 5))
    for number in range(6):
        early.grad = rng.normal(size=(2, 3))
        late.grad = None if number < 3 else gradients[number - 3].copy()
        optimizer.step()
    right = path_of(lambda *given: adam_of(given[0], given[1], lr=0.1))(before, gradients)[-1]
    check.same(late.data, right, "3 updates of a parameter whose first gradient comes at step 4")


@check.exercise
def adamw(cls: Any) -> None:
    averages(cls)
    for rate in (0.5, 0.01):
        what = f"lr 0.1, weight_decay {rate}"
        agree_on_paths(cls, adam_of, what, lr=0.1, weight_decay=rate)
    lrs = (0.1, 0.5, 0.0, 0.2, 0.9)
    what = "weight_decay 0.5, another lr at each step"
    agree_on_paths(cls, adam_of, what, weight_decay=0.5, lrs=lrs)
    what = "weight_decay 0.5, a decays that says no"
    agree_on_paths(cls, adam_of, what, lr=0.1, weight_decay=0.5, decays=lambda _: False)
    what = "weight_decay 0.5, a decays that says yes"
    agree_on_paths(cls, adam_of, what, lr=0.1, weight_decay=0.5, decays=lambda _: True)
    who_decays(cls)
    its_own_array(cls, "AdamW", weight_decay=0.3)
    its_own_array(cls, "AdamW where decays says no", weight_decay=0.3, decays=lambda _: False)


def who_decays(cls: Any) -> None:
    """Gradients of zeros: what changes, changes by the decay alone."""
    shapes = {"weight": (2, 3), "bias": (5,), "without a gradient": (3, 7)}
    tensors = {name: Tensor(np.ones(shape), requires_grad=True) for name, shape in shapes.items()}
    asked: list[Any] = []

    def decays(parameter: Any) -> bool:
        asked.append(parameter)
        return bool(parameter.ndim > 1)

    optimizer = cls(tensors.values(), lr=0.1, weight_decay=0.5, decays=decays)
    for name in ("weight", "bias"):
        tensors[name].grad = np.zeros(shapes[name], np.float32)
    optimizer.step()
    own = {id(tensor) for tensor in tensors.values()}
    strange = [type(one).__name__ for one in asked if id(one) not in own]
    text = f"it must be asked about the parameters themselves; it was asked about a {strange[:1]}"
    check.that(not strange, text, strange, "decays")
    right = {"weight": 0.95, "bias": 1.0, "without a gradient": 1.0}
    for name, tensor in tensors.items():
        what = f"1.0 after one step with lr 0.1, weight_decay 0.5: {name}, decays p.ndim > 1"
        check.same(tensor.data, np.full(shapes[name], right[name]), what)


def clipped(function: Function, max_norm: float) -> Function:
    """The norm and the gradients after clipping, for gradients of several parameters."""

    def norm_and_gradients(*gradients: Array) -> tuple[Any, ...]:
        tensors = [Tensor(np.ones(g.shape), True, g.dtype) for g in gradients]
        own = [np.array(gradient, order="K") for gradient in gradients]
        for tensor, gradient in zip(tensors, own, strict=True):
            tensor.grad = gradient
        norm = function(tensors, max_norm)
        for number, (tensor, gradient) in enumerate(zip(tensors, own, strict=True), 1):
            text = "it must change in its own array; it is another array now"
            check.that(tensor.grad is gradient, text, what=f"gradient {number}")
            check.same(tensor.data, np.ones(tensor.shape), f"the numbers of parameter {number}")
        return (norm, *own)

    return norm_and_gradients


def clipped_of(max_norm: float) -> Function:
    def norm_and_gradients(*gradients: Array) -> tuple[Any, ...]:
        norm = math.hypot(*itertools.chain(*(g.ravel().tolist() for g in gradients)))
        return (norm, *(g * min(1.0, max_norm / norm if norm else 1.0) for g in gradients))

    return norm_and_gradients


@check.exercise
def clip_grad_norm(function: Function) -> None:
    rng = np.random.default_rng(7)
    shapes: list[tuple[int, ...]] = [(2, 3), (5,), (), (7, 1, 3)]
    gradients = [rng.normal(size=shape) for shape in shapes]
    for what, given, max_norm in (
        ("one gradient, max_norm 0.5", gradients[:1], 0.5),
        ("one gradient far below max_norm 50", gradients[:1], 50.0),
        ("four gradients, max_norm 2", gradients, 2.0),
        ("four gradients, max_norm 0.01", gradients, 0.01),
        ("four gradients far below max_norm 50", gradients, 50.0),
        ("gradients of zeros, max_norm 1", [np.zeros((2, 3)), np.zeros(5)], 1.0),
        ("two gradients of 1e25, max_norm 2", [np.full((2, 3), 1e25), np.full(5, -1e25)], 2.0),
        ("a gradient without numbers among three", [*gradients[:2], np.ones((0, 3))], 1.0),
    ):
        results = ["the norm", *(f"gradient {number + 1}" for number in range(len(given)))]
        check.agree(
            clipped(function, max_norm), clipped_of(max_norm), *given,
            what=what, results=results, dtypes=False, rtol=1e-5,
        )  # fmt: skip
    tensors = [leaf(shape) for shape in shapes]
    for what, parameters in (("no parameters", []), ("no gradient at all", tensors)):
        number(lambda given=parameters: function(given, 1.0), 0.0, what)
    tensors[1].grad = np.full(5, 2.0)
    number(lambda: function(tensors, 50.0), math.sqrt(20), "one of four has a gradient")
    number(lambda: function((t for t in tensors), 1.0), math.sqrt(20), "a generator of parameters")
    right = np.full(5, 2.0 / math.sqrt(20))
    check.same(tensors[1].grad, right, "the gradient of a parameter, given by a generator")
    without = [tensor.grad is None for tensor in tensors]
    check.same(without, [True, False, True, True], "which of four still have no gradient")
    not_finite(function)


def number(norm: Function, right: float, what: str) -> None:
    got = check.call(norm, what=what)
    text = f"the norm must be a float; it is {shown_kind(got)}"
    check.that(isinstance(got, float), text, type(got).__name__, what)
    text = f"the norm must be {right:.6g}; it is {got:.6g}"
    check.that(abs(got - right) < 1e-5, text, round(got, 4), what)


def not_finite(function: Function) -> None:
    for wrong in (math.inf, -math.inf, math.nan):
        tensors = [leaf((2, 3)), leaf((5,))]
        for tensor in tensors:
            tensor.grad = np.full(tensor.shape, 3.0)
        assert tensors[1].grad is not None
        tensors[1].grad[2] = wrong
        says = ["nan" if math.isnan(wrong) else "inf"]
        what = f"a gradient with {wrong} in it"
        check.raises(lambda given=tensors: function(given, 1.0), says=says, what=what)
        check.same(tensors[0].grad, np.full((2, 3), 3.0), f"another gradient, refused: {what}")


def rate_of(step: int, warmup_steps: int, total_steps: int, max_lr: float, min_lr: float) -> float:
    """The way up between two points, the way down as a squared cosine of half the angle."""
    if step < warmup_steps:
        return float(np.interp(step, [-1, warmup_steps], [0.0, max_lr]))
    rest = max(total_steps - warmup_steps, 1)
    half_angle = math.pi / 2 * min((step - warmup_steps) / rest, 1.0)
    fraction = math.cos(half_angle) ** 2 if step < total_steps else 0.0
    return fraction * max_lr + (1 - fraction) * min_lr


@check.exercise
def warmup_cosine(function: Function) -> None:
    def rates(steps: Array, **options: float) -> Array:
        return np.array([function(step, **options) for step in steps.tolist()])

    def rates_of(steps: Array, **options: Any) -> Array:
        return np.array([rate_of(step, **options) for step in steps.tolist()])

    for warmup_steps, total_steps, max_lr, min_lr in (
        (4, 11, 0.3, 0.0), (5, 18, 2.0, 0.7), (0, 7, 0.3, 0.1), (3, 3, 0.3, 0.1), (0, 0, 0.3, 0.1),
        (1, 2, 0.3, 0.3),
    ):  # fmt: skip
        check.agree(
            rates, rates_of, np.arange(total_steps + 3), warmup_steps=warmup_steps,
            total_steps=total_steps, max_lr=max_lr, min_lr=min_lr, once=True,
            what=f"the rates of {total_steps + 3} steps, warmup_steps {warmup_steps}, "
            f"total_steps {total_steps}, lr {max_lr} to {min_lr}",
        )  # fmt: skip
    for step in (2, 4, 11):
        rate = function(step, warmup_steps=4, total_steps=11, max_lr=0.3)
        text = f"it must be a float; it is {shown_kind(rate)}"
        check.that(isinstance(rate, float), text, type(rate).__name__, f"the rate of step {step}")
    check.same(rate, 0.0, "the last rate, where min_lr is left out")
