# %% [markdown]
# # 03. Layers
#
# A layer is a function that owns numbers which learning will change: its parameters. A model is a tree of layers. Finding
# every parameter in that tree, saving them and loading them is half the work of a deep-learning library.
#
# **You will** write the base class `Layer`, then `Linear`, `Dropout` and `Sequential` on top of it.
#
# **Before you start:** modules 01 and 02. **Time:** 3 hours.

# %% nbgrader={"grade": false, "grade_id": "export-target", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| default_exp core.layers

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path.insert(0, str(root))  # this folder's own tinytorch, whatever else is installed

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set, ValuesView
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinytorch.core.tensor import Array, Tensor, unwrap

# %% [markdown]
# ## One example for the whole module
#
# A lamp on the stairs has a switch above and one below. It is on when exactly one of the two is up. At the end of the
# module a small model knows this rule, with weights you can check on paper.

# %% nbgrader={"grade": false, "grade_id": "stairs", "locked": true, "schema_version": 3, "solution": false, "task": false}
switches = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (cases, switches)
lamp = np.array([[0.0], [1.0], [1.0], [0.0]])  # (cases, 1)

# %% nbgrader={"grade": false, "grade_id": "explain-errors", "locked": true, "schema_version": 3, "solution": false, "task": false}
import traceback
from functools import wraps


def explain_errors(test):
    """Turn an error that your code raises in a test into a message: which, where, in which call."""

    @wraps(test)
    def explained():
        try:
            test()
        except (AssertionError, NotImplementedError):
            raise
        except Exception as error:
            trace, what = error.__traceback__, str(error)
            steps = zip(traceback.walk_tb(trace), traceback.extract_tb(trace), strict=True)
            own = [step for (frame, _), step in steps if frame.f_globals is test.__globals__]
            hint = ": is a return missing?" if "NoneType" in what or "dtype object" in what else ""
            message = f"{type(error).__name__} in {own[-1].name}: {what}{hint}\nThe test ran: {own[1].line}"
            raise AssertionError(message).with_traceback(trace) from None

    return explained


# %% nbgrader={"grade": false, "grade_id": "more-imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.core.activations import ReLU, relu


# %% [markdown]
# ## What is a parameter?
#
# A tensor that requires a gradient when it comes into a layer, and was not computed. It stays one while it is **frozen**:
# `requires_grad = False` stops its gradient, but it is still saved, loaded and converted. A constant, such as a table of
# positions, never is one. So a layer notes at the assignment what learns. Given:

# %% nbgrader={"grade": false, "grade_id": "is-parameter", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def is_parameter(part: Any) -> bool:
    """Whether a part is a tensor that learns, or did when a layer first saw it.

    A tensor that was computed is none: its `node` is not None.
    """
    if not isinstance(part, Tensor) or part.node is not None:
        return False
    notes = vars(part)  # the note stands on the tensor, so that copies and pickles keep it
    notes["learns"] = part.requires_grad or notes.get("learns", False)
    return bool(notes["learns"])


# %% [markdown]
# ## The class Layer
#
# A layer keeps its parts as attributes: tensors, other layers, lists or dicts of layers. Together they form a tree, and
# every part has a name: the path to it, as in `rest.1.weight`. PyTorch names parameters the same way, so weights can move
# between the two. The direct parts of a layer, list, tuple or dict are given by `children`. Where parts would have no
# name, as in a set, it refuses them.

# %% nbgrader={"grade": false, "grade_id": "children", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def children(whole: Any) -> list[tuple[str, Any]]:
    """Name the direct parts: of a layer its attributes, of a list, tuple or dict its items.

    Raises:
        TypeError: a layer or parameter has no name of its own: it stands in a set, a deque, the
            values of a dict or an array of objects; or its key in a dict is no text without a dot.
    """
    if isinstance(whole, Layer):
        return whole.named_children()
    for item in nameless(whole):
        if learns(item):
            where = f"a {type(item).__name__} stands in a {type(whole).__name__}"
            raise TypeError(f"{where}; keep it in a list, a tuple or a dict")
    if isinstance(whole, Mapping):
        for key, item in whole.items():
            if learns(item) and not (isinstance(key, str) and key and "." not in key):
                kind = type(item).__name__
                raise TypeError(f"a {kind} has the key {key!r} in a dict; use text without a dot")
        return [(str(key), item) for key, item in whole.items()]
    items = whole if isinstance(whole, list | tuple) else ()
    return [(str(position), item) for position, item in enumerate(items)]


def nameless(whole: Any) -> Iterable[Any]:
    """Return the items of a collection in which they have no lasting name or place."""
    if isinstance(whole, np.ndarray):
        return whole.flat if whole.dtype == object else ()
    return whole if isinstance(whole, Set | ValuesView | deque) else ()


def note_parameters(value: Any) -> None:
    """Note what learns in a value: a tensor, or tensors in lists, tuples and dicts."""
    parts, seen = [value], set()
    while parts:
        part = parts.pop()
        if id(part) not in seen and not is_parameter(part) and not isinstance(part, Layer):
            seen.add(id(part))
            parts += [child for _, child in children(part)]


def learns(part: Any) -> bool:
    """Whether a part is a layer or a parameter."""
    return isinstance(part, Layer) or is_parameter(part)


# %% [markdown]
# ### Exercise 3.1: walk
#
# **Plan.** 1. Return if this object is among those `above` it: the path runs in a circle. 2. Yield its name and itself.
# 3. Walk through its children; a child's name is the parent's, a dot, its own. The root's name is empty and gets no dot.
#
# A part with two names is found twice, once under each: a saved state shall hold both.
#
# <details><summary>Hint</summary>
#
# `yield from walk(child, name_of_the_child, those_above_the_child)` hands on everything from the recursion.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `id(whole)` identifies an object. Above a child stand those above its parent, and the parent: `above | {id(whole)}`.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "3.1-walk", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def walk(
    whole: Any, name: str = "", above: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Yield (name, part) for an object and everything below it, under every name.

    Args:
        whole: a layer, a list, tuple or dict of parts, or a single part.
        name: the path to `whole`; the names of its parts begin with it.
        above: the ids of the objects on this path, from the root on.

    Returns:
        An iterator; `whole` itself comes first. A path ends where it would lead back.
    """
    ### BEGIN SOLUTION 3.1
    if id(whole) in above:
        return
    yield name, whole
    for child_name, child in children(whole):
        path = f"{name}.{child_name}" if name else child_name
        yield from walk(child, path, above | {id(whole)})
    ### END SOLUTION


# %% [markdown]
# The class uses `walk` for everything else. Its cell is long because a class is one statement. Four groups of lines are
# yours. The tests stand after it.
#
# ### Exercise 3.2: named_parameters, parameters
#
# Each parameter **once**, under its first name, even where two parts share it: learning must not change it twice.
#
# <details><summary>Hint</summary>
#
# Filter `walk(self)` by `is_parameter`, and keep a set of the ids that were yielded. `parameters` is the same without the
# names, as a list.
#
# </details>

# %% [markdown]
# ### Exercise 3.3: state_dict, load_state_dict
#
# The state of a layer is a dict from names to arrays. It holds **copies**: training on must not change what was saved. A
# parameter with two names stands under both, as in PyTorch.
#
# **Plan** for loading. 1. Collect all problems: names that are missing, names that are unexpected, shapes that differ.
# 2. If there are any, raise one `ValueError` that lists them; nothing has been loaded then. 3. Copy each array into its
# parameter, in the parameter's dtype.
#
# <details><summary>Hint</summary>
#
# `named_parameters` leaves second names out: filter `walk(self)` by `is_parameter` again. `np.array(values, dtype=...)`
# copies.
#
# </details>

# %% [markdown]
# ### Exercise 3.4: train, eval
#
# Some layers behave differently while training. `train(mode)` sets `training` on this layer and on every layer below it,
# and returns `self`. `eval()` is `train(False)`.
#
# <details><summary>Hint</summary>
#
# `walk(self)` yields this layer, too. Set `part.training` where `isinstance(part, Layer)`.
#
# </details>

# %% [markdown]
# ### Exercise 3.5: to
#
# Changes the float type of all parameters, for example to float64 to check gradients. The tensors stay the same objects,
# because an optimiser holds on to them; only their `data` is replaced. A gradient, where there is one, changes too.
#
# <details><summary>Hint</summary>
#
# `np.dtype(dtype).kind` is `"f"` for floats; anything else is a `TypeError`. `array.astype(dtype)` converts.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "3.2-layer", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
AnyLayer = TypeVar("AnyLayer", bound="Layer")


class Layer:
    """A function that owns parameters; subclasses write `forward`."""

    training: bool = True  # train() and eval() set it on the object

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; each subclass says how."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.forward(*inputs, **options)

    def named_children(self) -> list[tuple[str, Any]]:
        """Name the direct parts: every attribute."""
        return list(vars(self).items())

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a part, and note what learns.

        Raises:
            TypeError: a tensor that does not learn would take the place of a parameter.
        """
        note_parameters(value)
        constant = isinstance(value, Tensor) and not is_parameter(value)
        if constant and is_parameter(vars(self).get(name)):
            raise TypeError(
                f"{name} is a parameter of {type(self).__name__}: assign "
                f"Tensor(..., requires_grad=True), or an array to {name}.data"
            )
        super().__setattr__(name, value)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, tensor) for each parameter here and below, frozen ones too, once each."""
        ### BEGIN SOLUTION 3.2
        seen: set[int] = set()
        for name, part in walk(self):
            if is_parameter(part) and id(part) not in seen:
                seen.add(id(part))
                yield name, part
        ### END SOLUTION

    def parameters(self) -> list[Tensor]:
        """List each parameter in this layer and below, once each."""
        ### BEGIN SOLUTION 3.2
        return [parameter for _, parameter in self.named_parameters()]
        ### END SOLUTION

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of every parameter's array, under every name."""
        ### BEGIN SOLUTION 3.3
        return {name: part.data.copy() for name, part in walk(self) if is_parameter(part)}
        ### END SOLUTION

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters; each keeps its own dtype.

        Args:
            state: arrays, tensors or lists, each of its parameter's shape, under every name.

        Raises:
            ValueError: names are missing or unexpected, or shapes differ; nothing was loaded.
        """
        state = {name: unwrap(values) for name, values in state.items()}
        ### BEGIN SOLUTION 3.3
        own = {name: part for name, part in walk(self) if is_parameter(part)}
        problems = [f"{name} is missing" for name in own if name not in state]
        problems += [f"{name} is unexpected" for name in state if name not in own]
        for name in own.keys() & state.keys():
            if np.shape(state[name]) != own[name].shape:
                problems.append(f"{name} is {np.shape(state[name])}, must be {own[name].shape}")
        if problems:
            raise ValueError(f"{type(self).__name__}: {'; '.join(sorted(problems))}")
        arrays = {name: np.array(state[name], dtype=own[name].dtype) for name in own}
        for name, array in arrays.items():
            own[name].data = array
        ### END SOLUTION

    def train(self: AnyLayer, mode: bool = True) -> AnyLayer:
        """Set `training` here and on every layer below; return this layer."""
        ### BEGIN SOLUTION 3.4
        for _, part in walk(self):
            if isinstance(part, Layer):
                part.training = mode
        return self
        ### END SOLUTION

    def eval(self: AnyLayer) -> AnyLayer:
        """Switch to evaluation, here and on every layer below; return this layer."""
        ### BEGIN SOLUTION 3.4
        return self.train(False)
        ### END SOLUTION

    def to(self: AnyLayer, dtype: npt.DTypeLike) -> AnyLayer:
        """Convert all parameters to a float dtype, in place; return this layer.

        Raises:
            TypeError: `dtype` is not a float type.
        """
        ### BEGIN SOLUTION 3.5
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"dtype must be a float type, as np.float64 is; got {np.dtype(dtype)}")
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None if parameter.grad is None else parameter.grad.astype(dtype)
        return self
        ### END SOLUTION

    def __repr__(self) -> str:
        parts = []
        for name, part in self.named_children():
            if part is not None and name not in ("training", "rng"):
                text = part.shape if isinstance(part, Tensor) else getattr(part, "__name__", part)
                parts.append(f"{name}={text}")
        return f"{type(self).__name__}({', '.join(parts)})"


# %% [markdown]
# Two layers for the tests. `Dimmer` scales; `Stairs` is a tree with a list, a tuple inside it, a dict, one layer under two
# names, and two tensors that are no parameters.

# %% nbgrader={"grade": false, "grade_id": "dimmer", "locked": true, "schema_version": 3, "solution": false, "task": false}
class Dimmer(Layer):
    def __init__(self, *levels):
        self.level = Tensor(np.array(levels), requires_grad=True)

    def forward(self, x):
        return x * self.level


class Stairs(Layer):
    def __init__(self):
        self.first = Dimmer(2.0, 3.0, 5.0)
        self.rest = [Dimmer(7.0, 11.0), (Dimmer(13.0), relu)]
        self.same = {"first": self.first}
        self.house_number = Tensor([17.0])
        self.last_output = self.first(Tensor([1.0, 1.0, 1.0]))


NAMES = ["first.level", "rest.0.level", "rest.1.0.level"]  # a second name of the first is same.first.level


# %% nbgrader={"grade": true, "grade_id": "test-3.1", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_walk():
    print("🔬 Unit Test: walk...")
    stairs = Stairs()
    stairs.home = stairs.first.house = stairs  # parts that lead back
    try:
        pairs = list(walk(stairs))
        assert all(isinstance(pair, tuple) for pair in pairs), "what walk finds below is handed on with yield from, not yield"
    except RecursionError:
        raise AssertionError("walk runs in circles: return at once when id(whole) is in `above`, and hand `above` on, with it") from None
    assert pairs and pairs[0] == ("", stairs), "the object itself comes first, with the empty name"
    names = [name for name, _ in pairs]
    assert "first" in names, f"a child of the root has no dot before its name; got {names}"
    assert "level" in names or "first.level" in names, f"walk stops at the direct parts: go on into each child; got {names}"
    assert "first.level" in names, f"names are joined by a dot, as in first.level; got {names}"
    assert "rest.1.0.level" in names, f"a list inside a list is walked too, with positions as names; got {names}"
    assert "home" not in names, "home leads back to the root: a path ends where it would run in a circle, and yields nothing there"
    assert len(list(walk(stairs))) == len(pairs), "a second walk must find the same: keep nothing from walk to walk"
    assert "same.first.level" in names, "an object with two names is found under both: only those above it on the same path count"
    print("✅ walk: names, lists, dicts, no circles")


if __name__ == "__main__":
    test_walk()


# %% nbgrader={"grade": true, "grade_id": "test-3.2", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_parameters():
    print("🔬 Unit Test: named_parameters, parameters...")
    stairs = Stairs()
    found = stairs.named_parameters()
    assert not isinstance(found, tuple) and found is not None, "named_parameters yields pairs; is a return missing, or where a yield should be?"
    found = dict(found)
    assert found, "no parameter was found: parts of parts count, too; walk(self) goes through all of them"
    assert "house_number" not in found, "a tensor that never required a gradient is no parameter"
    assert "last_output" not in found, "a tensor with a node was computed: it is no parameter"
    assert "same.first.level" not in found, "a parameter with two names is yielded once, under the first: remember its id"
    assert stairs.parameters() is not None, "parameters() gives None: is a return missing?"
    assert list(found) == NAMES, f"expected {NAMES}, got {list(found)}"
    assert found["first.level"] is stairs.first.level, "yield the tensor itself, not a copy: learning will change it"
    assert isinstance(stairs.parameters(), list), "parameters() is a list: an iterator would be empty the second time"
    assert [id(p) for p in stairs.parameters()] == [id(p) for p in found.values()], "parameters() is named_parameters() without names"
    stairs.first.level.requires_grad = False
    assert list(dict(stairs.named_parameters())) == NAMES, "a frozen parameter, with requires_grad = False, stays one: ask is_parameter"
    print("✅ parameters: only those, frozen or not, once each, by name")


if __name__ == "__main__":
    test_parameters()


# %% nbgrader={"grade": true, "grade_id": "test-3.3", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_state():
    print("🔬 Unit Test: state_dict, load_state_dict...")
    stairs = Stairs()
    own, state = stairs.rest[0].level, stairs.state_dict()
    assert state is not None, "state_dict gives None: is a return missing?"
    assert type(state) is dict and type(state.get("first.level")) is np.ndarray, "the state is a dict from names to arrays"
    assert "same.first.level" in state, "the state holds a parameter under each of its names, as walk finds them"
    assert list(state) == [*NAMES, "same.first.level"], f"the state holds parameters and nothing else; got {list(state)}"
    stairs.first.level.data[0] = -1.0
    assert state["first.level"][0] == 2.0, "training on changed the saved state: copy the arrays"
    state["rest.0.level"] = np.array([19.0, 23.0])  # float64
    stairs.load_state_dict(state)
    assert stairs.rest[0].level is own and own.requires_grad, "keep the tensor and replace its data: an optimiser holds on to the tensor"
    assert stairs.first.level.data.tolist() == [2.0, 3.0, 5.0] and own.data.tolist() == [19.0, 23.0], "the values did not arrive"
    assert own.dtype == np.float32, "loading float64 must not change the dtype of the layer"
    state["first.level"][0] = state["same.first.level"][0] = -1.0
    assert stairs.first.level.data[0] == 2.0, "changing the dict afterwards changed the layer: copy the arrays"
    wrong = {"first.level": np.zeros(3), "rest.0.level": np.zeros(1), "extra": np.zeros(1)}
    try:
        stairs.load_state_dict(wrong)
    except (ValueError, KeyError) as error:
        for problem in ("rest.1.0.level", "extra", "rest.0.level", "(1,)", "(2,)"):
            assert isinstance(error, ValueError) and problem in str(error), f"one ValueError shall list every problem; {problem} is not in: {error}"
    else:
        raise AssertionError("one name missing, one unexpected, one shape that would broadcast: raise a ValueError")
    assert stairs.first.level.data[0] == 2.0, "something was loaded in spite of the error: check everything first"
    stairs.first.level.requires_grad = False
    assert "first.level" in stairs.state_dict(), "a frozen parameter is saved, too"
    stairs.load_state_dict({**stairs.state_dict(), "first.level": np.ones(3), "same.first.level": np.ones(3)})
    assert stairs.first.level.data.tolist() == [1.0] * 3, "a frozen parameter is loaded, too"
    assert not stairs.first.level.requires_grad, "loading must not thaw a frozen parameter"
    print("✅ state_dict, load_state_dict: copies, names, dtype, all problems at once")


if __name__ == "__main__":
    test_state()


# %% nbgrader={"grade": true, "grade_id": "test-3.4", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_train_eval():
    print("🔬 Unit Test: train, eval...")
    stairs = Stairs()
    assert stairs.training, "a new layer is training"
    assert stairs.eval() is stairs and stairs.train() is stairs, "return self, so that calls can follow each other"
    stairs.eval()
    assert stairs.training is False, "eval() must set training to False"
    assert stairs.first.training is False, "the layers below must change, too"
    assert stairs.rest[1][0].training is False, "layers in lists must change, too: use walk"
    assert Stairs().training is True, "eval() changed the class: set training on the object"
    assert stairs.train().rest[0].training is True, "train() must switch everything back"
    assert not hasattr(relu, "training"), "set training on layers only"
    print("✅ train, eval: every layer below, and nothing else")


if __name__ == "__main__":
    test_train_eval()


# %% nbgrader={"grade": true, "grade_id": "test-3.5", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_to():
    print("🔬 Unit Test: to...")
    stairs = Stairs()
    before = stairs.parameters()
    before[0].grad = np.ones(3, dtype=np.float32)
    assert stairs.to(np.float64) is stairs, "return self"
    after = stairs.parameters()
    assert all(new is old for new, old in zip(after, before, strict=True)), "the tensors must stay the same objects: replace their data"
    assert {p.dtype.name for p in after} != {"float32"}, "nothing has changed: astype returns a new array"
    assert {p.dtype.name for p in after} == {"float64"}, "every parameter changes, also those in lists"
    frozen = Dimmer(2.0)
    frozen.level.requires_grad = False
    assert frozen.to(np.float64).level.dtype == np.float64, "a frozen parameter changes, too"
    assert after[0].grad.dtype == np.float64, "a gradient changes with its parameter"
    assert after[0].data.tolist() == [2.0, 3.0, 5.0], "the values must stay"
    assert Dimmer(1.0).to(np.float16).level.dtype == np.float16, "to(np.float16) must give float16: use dtype"
    for wrong in (np.int64, bool, complex):
        try:
            stairs.to(wrong)
        except TypeError as error:
            assert "float" in str(error), "say in the message that a float type is expected"
        else:
            raise AssertionError(f"parameters cannot be {np.dtype(wrong)}: raise a TypeError")
    assert after[0].dtype == np.float64, "a refused dtype must change nothing"
    print("✅ to: float types, in place")


if __name__ == "__main__":
    test_to()


# %% [markdown]
# ## Linear
#
# ### Exercise 3.6: glorot_uniform
#
# How large should the first weights be? An output adds up *in* products; a gradient on its way back adds up *out* of
# them. Too large, and numbers grow from layer to layer; too small, and they die out. Glorot and Bengio settle between the
# two:
#
# $$W_{ij} \sim U\left[-\sqrt{\tfrac{6}{in + out}},\; +\sqrt{\tfrac{6}{in + out}}\right] \qquad \operatorname{Var}(W_{ij}) = \frac{2}{in + out}$$
#
# <details><summary>Hint</summary>
#
# `rng.uniform(low, high, size)`. Draw from `rng`, not from `np.random`: a run shall be repeatable.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "3.6-glorot-uniform", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def glorot_uniform(in_features: int, out_features: int, rng: np.random.Generator) -> Array:
    """Draw first weights whose size suits the number of inputs and outputs.

    Args:
        in_features: how many numbers go in.
        out_features: how many come out.
        rng: where the random numbers come from.

    Returns:
        Weights, shape (in_features, out_features).

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", equation 16.
    """
    ### BEGIN SOLUTION 3.6
    limit = math.sqrt(6 / (in_features + out_features))
    return rng.uniform(-limit, limit, (in_features, out_features))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-3.6", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_glorot_uniform():
    print("🔬 Unit Test: glorot_uniform...")
    weights = glorot_uniform(199, 307, np.random.default_rng(0))
    assert weights is not None, "glorot_uniform gives None: is a return missing?"
    assert weights.shape == (199, 307), "the shape is (in_features, out_features)"
    assert weights.min() < 0 < weights.max(), "weights of one sign only: the interval reaches from -limit to +limit"
    limit, largest = 0.1089, np.abs(weights).max()  # 6 / 506 = 0.01186, its root 0.1089
    for wrong, mistake in (((6 / 199) ** 0.5, "only in_features counts: both sizes are in the sum"), (6 / 506, "the root is missing"),
                           ((2 / 506) ** 0.5, "2 / (in + out) is the variance, not the limit: 6 is asked for"), ((6 / 307) ** 0.5, "only out_features counts")):
        assert abs(largest / wrong - 1) > 0.01, f"the largest weight is {largest:.4f}, the limit {limit}: {mistake}"
    assert largest <= limit or abs(weights.var() / (2 / 506) - 1) > 0.05, "the variance is right, and some weights are too large: draw uniformly"
    assert len(np.unique(weights)) > 307, "the same numbers come again: each weight is drawn on its own"
    assert largest <= limit, f"a weight of {largest:.4f} beyond ±{limit}: uniform? both sizes in the sum? the root taken?"
    assert largest > 0.99 * limit, f"the largest weight is {largest:.4f}, the limit {limit}: is the 6 there? the root taken?"
    assert abs(weights.var() / (2 / 506) - 1) < 0.05, "the variance must be 2 / (in + out): draw uniformly"
    assert np.array_equal(weights, glorot_uniform(199, 307, np.random.default_rng(0))), "same seed, same weights: draw from rng"
    print("✅ glorot_uniform: limits, variance, repeatable")


if __name__ == "__main__":
    test_glorot_uniform()

# %% [markdown]
# What does a size do? A thousand random inputs pass through five square weight matrices; the table shows the variance
# after each. Below it, matrices that are not square: the variance changes by 2·in/(in + out).

# %% nbgrader={"grade": false, "grade_id": "variance", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 256))
    draws = {
        "±0.01": lambda: rng.uniform(-0.01, 0.01, (256, 256)),
        "Glorot": lambda: glorot_uniform(256, 256, rng),
        "±1": lambda: rng.uniform(-1, 1, (256, 256)),
    }
    for name, draw in draws.items():
        output, variances = x, []
        for _ in range(5):
            output = output @ draw()
            variances.append(f"{output.var():9.2g}")
        print(f"{name:>6}: variance after layers 1 to 5:", *variances)
    for shape in ((256, 64), (64, 256)):
        print(f"{shape[0]} -> {shape[1]}: {(x[:, : shape[0]] @ glorot_uniform(*shape, rng)).var():.2f}, formula {2 * shape[0] / sum(shape):.2f}")


# %% [markdown]
# ### Exercise 3.7: Linear
#
# $$y = x W + b \qquad x: (\dots, in),\; W: (in, out),\; b: (out) \to (\dots, out)$$
#
# PyTorch stores $W$ the other way round, (out, in), and computes $x W^T + b$. Ours reads like the formula.
#
# **Plan.** `__init__`: `weight` from `glorot_uniform`, `bias` of zeros, or None; both require a gradient. `forward`: refuse
# an `x` whose last axis does not fit, naming both sizes; then compute. Sizes are checked by the given `require_size`.
#
# <details><summary>Hint</summary>
#
# `Tensor(array, requires_grad=True)`. The expected size is `self.weight.shape[0]`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `x.shape[-1:]` also works for a tensor without axes; compare it with a tuple of one size.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "require-size", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def require_size(name: str, size: Any) -> None:
    """Refuse a size that is not a positive whole number; `name` goes into the message."""
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"{name} must be a positive int; got {size!r}")


# %% nbgrader={"grade": false, "grade_id": "3.7-linear", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
class Linear(Layer):
    """Matrix product plus bias: y = x W + b.

    Args:
        in_features: size of the last axis of the input.
        out_features: size of the last axis of the output.
        bias: whether to add b.
        rng: where the first weights come from; None means a new generator.

    Raises:
        ValueError: a size is not a positive int.

    Source: weights by Glorot & Bengio 2010, equation 16; the bias starts at 0.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        require_size("in_features", in_features)
        require_size("out_features", out_features)
        rng = np.random.default_rng() if rng is None else rng
        ### BEGIN SOLUTION 3.7
        self.weight = Tensor(glorot_uniform(in_features, out_features, rng), requires_grad=True)
        self.bias = Tensor(np.zeros(out_features), requires_grad=True) if bias else None
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Compute x W + b. x: (..., in_features) -> (..., out_features)."""
        ### BEGIN SOLUTION 3.7
        in_features = self.weight.shape[0]
        if x.shape[-1:] != (in_features,):
            raise ValueError(f"x is {x.shape}, but its last axis must be in_features={in_features}")
        product = x @ self.weight
        return product if self.bias is None else product + self.bias
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-3.7", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_linear():
    print("🔬 Unit Test: Linear...")
    layer = Linear(3, 2, rng=np.random.default_rng(0))
    assert layer.weight.shape == (3, 2), f"weight is (in_features, out_features) = (3, 2), not PyTorch's order; got {layer.weight.shape}"
    assert {name for name, _ in layer.named_parameters()} == {"weight", "bias"}, "weight and bias must both require a gradient"
    assert layer.bias.data.tolist() == [0.0, 0.0], "the bias starts at 0, one number for each output"
    assert np.array_equal(layer.weight.data, np.float32(glorot_uniform(3, 2, np.random.default_rng(0)))), "draw the weight with glorot_uniform and rng"
    layer.load_state_dict({"weight": [[1, 2], [3, 4], [5, 6]], "bias": [1000, 2000]})
    hint = "1·1 + 10·3 + 100·5 + 1000 = 1531: is it x W + b?"
    try:
        result = layer(Tensor([1.0, 10.0, 100.0]))
    except ValueError as error:
        raise AssertionError(f"{hint} ({error})") from None
    assert result is not None, "forward gives None: is a return missing?"
    result = result.data.tolist()
    assert result != [531.0, 642.0], "the bias is not added"
    assert result == [1531.0, 2642.0], f"{hint} got {result}"
    batch = layer(Tensor(np.ones((5, 7, 3))))
    assert batch.shape == (5, 7, 2) and batch.data[4, 6].tolist() == [1009.0, 2012.0], "leading axes stay: 1 + 3 + 5 + 1000 = 1009"
    assert batch.node is not None, "the result is not remembered: use the operators of Tensor, not x.data"
    plain = Linear(3, 2, bias=False)
    assert plain.bias is None and len(plain.parameters()) == 1, "bias=False: one parameter only"
    try:
        assert plain(Tensor([0.0, 0.0, 0.0])).shape == (2,)
    except (TypeError, AttributeError) as error:
        raise AssertionError(f"bias=False: there is nothing to add then ({error})") from None
    for wrong in (np.ones((3, 2)), np.array(1.0)):
        try:
            layer(Tensor(wrong))
        except ValueError as error:
            for part in ("in_features", "3", str(wrong.shape)):
                assert part in str(error), f"name in_features, its size 3, and the shape of x; {part} is not in: {error}"
        else:
            raise AssertionError(f"x of shape {wrong.shape} does not fit in_features=3: raise a ValueError")
    print("✅ Linear: values, bias, leading axes, first weights, errors")


if __name__ == "__main__":
    test_linear()


# %% [markdown]
# ## Dropout
#
# ### Exercise 3.8: Dropout
#
# While training, put each number to 0 with chance $p$, afresh at every call. What is left is scaled up, so that the
# expected value stays:
#
# $$y_i = \frac{m_i\, x_i}{1 - p} \qquad m_i = \begin{cases} 0 & \text{with chance } p \\ 1 & \text{otherwise} \end{cases}$$
#
# In evaluation, $y = x$.
#
# **Plan.** `__init__`: refuse a `p` outside $0 \le p < 1$; keep `p` and `rng`. `forward`: the mask, scaled, is a constant
# array; multiply.
#
# <details><summary>Hint</summary>
#
# `rng.random(shape)` is uniform between 0 and 1: it is `>= p` with chance $1 - p$.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "3.8-dropout", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
class Dropout(Layer):
    """Put random numbers to 0 while training, and scale the others up.

    Args:
        p: the chance of each number to be put to 0; at least 0, below 1.
        rng: where the random numbers come from; None means a new generator.

    Raises:
        ValueError: `p` is out of range.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
    overfitting"; scaled while training, as in PyTorch.
    """

    def __init__(self, p: float, *, rng: np.random.Generator | None = None) -> None:
        ### BEGIN SOLUTION 3.8
        if not 0 <= p < 1:
            raise ValueError(f"p must be at least 0 and below 1; got {p}")
        self.p = p
        self.rng = np.random.default_rng() if rng is None else rng
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Drop and scale while training; return x itself in evaluation. x: any shape."""
        ### BEGIN SOLUTION 3.8
        if not self.training:
            return x
        kept = self.rng.random(x.shape) >= self.p
        return x * (kept / (1 - self.p))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-3.8", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_dropout():
    print("🔬 Unit Test: Dropout...")
    dropout = Dropout(0.2, rng=np.random.default_rng(0))
    x = Tensor(np.ones((199, 307)), requires_grad=True)
    result = dropout(x)
    assert result is not None, "forward gives None: is a return missing?"
    values, dropped = np.unique(result.data), (result.data == 0).mean()
    assert not np.array_equal(values, [0.0, 1.0]), "what is left must be scaled up by 1 / (1 - p)"
    assert not np.allclose(values, [0.0, 5.0]), "scale by 1 / (1 - p), not by 1 / p: the chance to stay is 1 - p"
    assert abs(dropped - 0.2) < 0.02 or abs(dropped - 0.8) < 0.02, f"p is the chance to be dropped: expected 0.2 zeros, got {dropped:.2f}"
    assert np.allclose(values, [0.0, 1.25]) or abs(dropped - 0.8) < 0.02, f"with p = 0.2 every result is 0 or 1 / 0.8 = 1.25; got {values[:5]}"
    assert abs(dropped - 0.2) < 0.02, f"p is the chance to be dropped: expected 0.2 zeros, got {dropped:.2f}"
    assert abs(result.data.mean() - 1) < 0.02, "the mean must stay: 0.8 times 1.25 is 1"
    assert (result.data.std(axis=0) > 0).all() and (result.data.std(axis=1) > 0).all(), "each number is dropped on its own, not whole rows"
    assert not np.array_equal(result.data, dropout(x).data), "draw a new mask at each call"
    assert result.node is not None, "multiply tensors, so that it is remembered: x.data has no memory"
    assert result.dtype == np.float32 and (x.data == 1).all(), "keep the dtype, and leave x as it is"
    assert dropout.eval()(x) is x, "in evaluation nothing is dropped or scaled: return x"
    again = Dropout(0.2, rng=np.random.default_rng(0))
    assert np.array_equal(again(x).data, result.data), "same seed, same mask: draw from self.rng"
    assert np.array_equal(Dropout(0.0)(x).data, x.data), "p = 0 drops nothing"
    for p in (-0.1, 1.0, float("nan")):
        try:
            Dropout(p)
        except ValueError as error:
            assert "p " in str(error) and str(p) in str(error), "the message names p and shows what came"
        else:
            raise AssertionError(f"p = {p} must raise a ValueError: p = 1 would divide by 0")
    print("✅ Dropout: chance, scale, evaluation, errors")


if __name__ == "__main__":
    test_dropout()


# %% [markdown]
# ## Sequential
#
# ### Exercise 3.9: Sequential
#
# One layer after the other: the output of each goes into the next.
#
# $$y = f_n(\dots f_2(f_1(x)))$$
#
# Anything that can be called may stand in it: layers, activations, plain functions. Its parts are named by position, as in
# `0.weight`, so `named_children` is written anew here. That, and the check, is given; `forward` is yours.
#
# <details><summary>Hint</summary>
#
# Keep one variable `x` and replace it in a loop.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "3.9-sequential", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
class Sequential(Layer):
    """Layers one after the other.

    Args:
        layers: anything that can be called with one tensor.

    Raises:
        TypeError: one of them cannot be called; the message names its position.
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for position, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"layer {position} must be callable; got {layer!r}")
        self.layers = layers

    def named_children(self) -> list[tuple[str, Any]]:
        """Name the layers by position, as PyTorch does; then what a subclass adds."""
        others = [part for part in super().named_children() if part[0] != "layers"]
        return [(str(position), layer) for position, layer in enumerate(self.layers)] + others

    def forward(self, x: Any) -> Any:
        """Call the first layer with x, and each next one with the result."""
        ### BEGIN SOLUTION 3.9
        for layer in self.layers:
            x = layer(x)
        return x
        ### END SOLUTION

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: int | slice) -> Any:
        return Sequential(*self.layers[key]) if isinstance(key, slice) else self.layers[key]


# %% nbgrader={"grade": true, "grade_id": "test-3.9", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_sequential():
    print("🔬 Unit Test: Sequential...")
    model = Sequential(Dimmer(2.0, 3.0), ReLU(), lambda x: x + 1.0)
    result = model(Tensor([-5.0, 7.0]))
    assert result is not None, "forward gives None: is a return missing?"
    result = result.data.tolist()
    assert result != [-10.0, 21.0], "only the first layer ran: perhaps the return stands inside the loop"
    assert result != [-5.0, 7.0], "x came back as it was: the result of a layer is thrown away"
    assert result != [0.0, 21.0], "the last layer is left out: nothing was added at the end"
    assert result != [-14.0, 36.0], "each layer gets the result of the one before; the output is not the sum of all layers"
    assert result != [-4.0, 8.0], "every layer must get the result of the one before, not x again"
    assert result == [1.0, 22.0], f"-5 · 2 -> relu -> + 1 is 1, and 7 · 3 + 1 is 22: first layer first; got {result}"
    assert Sequential()(7) == 7, "with no layers the input comes back"
    inner = Sequential(model, Dimmer(1.0, 1.0))
    assert list(inner.state_dict()) == ["0.0.level", "1.level"], "names are positions"
    assert len(model) == 3 and model[0] is model.layers[0] and len(model[1:]) == 2, "len and indexing reach the layers"
    print("✅ Sequential: order, names, len, indexing")


if __name__ == "__main__":
    test_sequential()

# %% [markdown]
# ## Use it
#
# The lamp rule with two hidden numbers. The first counts switches that are up; the second is 1 only if both are. The lamp
# is the first minus twice the second. (Weights: Goodfellow, Bengio & Courville 2016, section 6.1.)

# %% nbgrader={"grade": false, "grade_id": "use-it", "locked": true, "schema_version": 3, "solution": false, "task": false}
LAMP_RULE = {"0.weight": [[1, 1], [1, 1]], "0.bias": [0, -1], "2.weight": [[1], [-2]], "2.bias": [0]}

if __name__ == "__main__":
    model = Sequential(Linear(2, 2), ReLU(), Linear(2, 1))
    model.load_state_dict(LAMP_RULE)
    output = model(Tensor(switches))
    for case, hidden, answer, truth in zip(switches, model[:2](Tensor(switches)).data, output.data, lamp, strict=True):
        print(f"switches {case}  hidden {hidden}  model {answer}  lamp {truth}")
    print(model)
    try:
        model.load_state_dict({"0.weight": np.zeros((2, 3)), "2.wieght": np.zeros((2, 1)), "2.bias": [0]})
    except ValueError as error:
        print("ValueError:", error)

# %% [markdown]
# ## Why the activation
#
# Leave the ReLU out, and two Linear layers are one: $(x W_1 + b_1) W_2 + b_2 = x (W_1 W_2) + (b_1 W_2 + b_2)$. And one
# Linear layer cannot know the lamp rule: the best it can do, by least squares, is to say 0.5 to every case.

# %% nbgrader={"grade": false, "grade_id": "collapse", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    first, second = model[0], model[2]
    two = second(first(Tensor(switches)))
    one = Tensor(switches) @ (first.weight @ second.weight) + (first.bias @ second.weight + second.bias)
    print(f"two layers against one: largest difference {np.abs((two - one).data).max()}")
    columns = np.column_stack([switches, np.ones(4)])  # a last column of ones, for the bias
    best = columns @ np.linalg.lstsq(columns, lamp, rcond=None)[0]
    print("the best single layer says", best.ravel().round(6).tolist(), "for", lamp.ravel().tolist())

# %% [markdown]
# ## What is left out, and why
#
# - **State that is not learned.** PyTorch's "buffers" are saved with the parameters. Here a constant, such as a table of
#   positions, is neither saved nor converted by `to`: whoever makes the layer anew makes it anew.
# - **Objects that are no layers.** What they hold is not looked into.
# - **Other first weights.** He et al. 2015 derive larger ones for relu. `load_state_dict` sets any.
# - **Devices.** `to` changes only the dtype.
#
# ## Report

# %% nbgrader={"grade": false, "grade_id": "report", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    made = [each.__name__ for each in (Layer, Linear, Dropout, Sequential)]
    print(f"📈 Progress: Layers ✓  ({', '.join(made)}; the lamp model has {sum(p.data.size for p in model.parameters())} numbers to learn)")
    print("💡 Next: tito module complete 03, then module 05 (autograd)")
