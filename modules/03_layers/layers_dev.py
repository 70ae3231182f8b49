# %% [markdown]
# # 03. Layers
#
# A layer is a function that owns numbers which learning will change: its parameters. A model is a tree of layers. Finding
# every parameter in that tree, saving them and loading them is half the work of a deep-learning library.
#
# **You will** write the base class `Layer`, then `Linear`, `Dropout` and `Sequential` on top of it.
#
# **Before you start:** modules 01 and 02. **Time:** 3 hours.

# %% export-target
#| default_exp core.layers

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import layers_checks as checks

# %% imports
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

# %% stairs
switches = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (cases, switches)
lamp = np.array([[0.0], [1.0], [1.0], [0.0]])  # (cases, 1)


# %% [markdown]
# ## What is a parameter?
#
# A tensor that requires a gradient when it comes into a layer, and was not computed. It stays one while it is **frozen**:
# `requires_grad = False` stops its gradient, but it is still saved, loaded and converted. A constant, such as a table of
# positions, never is one. So a layer notes at the assignment what learns. Given:

# %% is-parameter
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

# %% children
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

# %% 3.1-walk
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
# **Plan** for loading. 1. Collect all problems: names that are missing, names that are unexpected, shapes that differ (both
# shapes, as in `(1,)` and `(2,)`). 2. If there are any, raise one `ValueError` that lists them; nothing has been loaded
# then. 3. Copy each array into its parameter, in the parameter's dtype.
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
# because an optimiser holds on to them; only their `data` is replaced. A gradient, where there is one, changes too. Any
# other dtype is a `TypeError` that asks for a float type.
#
# <details><summary>Hint</summary>
#
# `np.dtype(dtype).kind` is `"f"` for floats. `array.astype(dtype)` converts.
#
# </details>

# %% 3.2-layer
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
# The tests build a tree, `stairs`: with a list, a tuple inside it, a dict, one layer under two names, and two tensors that
# are no parameters.

# %% test-3.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: walk...")
    checks.walk(walk, Layer)
    print("✅ walk: names, lists, dicts, no circles")

# %% test-3.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: named_parameters, parameters...")
    checks.parameters(Layer)
    print("✅ parameters: only those, frozen or not, once each, by name")

# %% test-3.3 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: state_dict, load_state_dict...")
    checks.state(Layer)
    print("✅ state_dict, load_state_dict: copies, names, dtype, all problems at once")

# %% test-3.4 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: train, eval...")
    checks.train_eval(Layer)
    print("✅ train, eval: every layer below, and nothing else")

# %% test-3.5 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: to...")
    checks.to(Layer)
    print("✅ to: float types, in place")


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

# %% 3.6-glorot-uniform
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


# %% test-3.6 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: glorot_uniform...")
    checks.glorot_uniform(glorot_uniform)
    print("✅ glorot_uniform: limits, variance, repeatable")

# %% [markdown]
# What does a size do? A thousand random inputs pass through five square weight matrices; the table shows the variance
# after each. Below it, matrices that are not square: the variance changes by 2·in/(in + out).

# %% variance
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
        variance = (x[:, : shape[0]] @ glorot_uniform(*shape, rng)).var()
        formula = 2 * shape[0] / sum(shape)
        print(f"{shape[0]} -> {shape[1]}: {variance:.2f}, formula {formula:.2f}")


# %% [markdown]
# ### Exercise 3.7: Linear
#
# $$y = x W + b \qquad x: (\dots, in),\; W: (in, out),\; b: (out) \to (\dots, out)$$
#
# PyTorch stores $W$ the other way round, (out, in), and computes $x W^T + b$. Ours reads like the formula.
#
# **Plan.** `__init__`: `weight` from `glorot_uniform`, `bias` of zeros, or None; both require a gradient. `forward`: a
# `ValueError` for an `x` whose last axis does not fit, with its shape and the size, as in `in_features=3`; then compute,
# with tensors. Sizes are checked by the given `require_size`.
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

# %% require-size
#| export
def require_size(name: str, size: Any) -> None:
    """Refuse a size that is not a positive whole number; `name` goes into the message."""
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or size < 1:
        raise ValueError(f"{name} must be a positive int; got {size!r}")


# %% 3.7-linear
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


# %% test-3.7 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: Linear...")
    checks.linear(Linear, glorot_uniform)
    print("✅ Linear: values, bias, leading axes, first weights, errors")


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
# **Plan.** `__init__`: a `ValueError` that shows `p`, where it is outside $0 \le p < 1$; keep `p` and `rng`. `forward`: the
# mask, scaled, is a constant array; multiply the tensor by it.
#
# <details><summary>Hint</summary>
#
# `rng.random(shape)` is uniform between 0 and 1: it is `>= p` with chance $1 - p$.
#
# </details>

# %% 3.8-dropout
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


# %% test-3.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: Dropout...")
    checks.dropout(Dropout)
    print("✅ Dropout: chance, scale, evaluation, errors")


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

# %% 3.9-sequential
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


# %% test-3.9 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: Sequential...")
    checks.sequential(Sequential, Layer)
    print("✅ Sequential: order, names, len, indexing")

# %% [markdown]
# ## Use it
#
# The lamp rule with two hidden numbers. The first counts switches that are up; the second is 1 only if both are. The lamp
# is the first minus twice the second. (Weights: Goodfellow, Bengio & Courville 2016, section 6.1.)

# %% use-it
from tinytorch.core.activations import ReLU

LAMP_RULE = {
    "0.weight": [[1, 1], [1, 1]],
    "0.bias": [0, -1],
    "2.weight": [[1], [-2]],
    "2.bias": [0],
}

if __name__ == "__main__":
    model = Sequential(Linear(2, 2), ReLU(), Linear(2, 1))
    model.load_state_dict(LAMP_RULE)
    hidden, output = model[:2](Tensor(switches)).data, model(Tensor(switches)).data
    for case, inner, answer, truth in zip(switches, hidden, output, lamp, strict=True):
        print(f"switches {case}  hidden {inner}  model {answer}  lamp {truth}")
    print(model)
    try:
        wrong = {"0.weight": np.zeros((2, 3)), "2.wieght": np.zeros((2, 1)), "2.bias": [0]}
        model.load_state_dict(wrong)
    except ValueError as error:
        print("ValueError:", error)

# %% [markdown]
# ## Why the activation
#
# Leave the ReLU out, and two Linear layers are one: $(x W_1 + b_1) W_2 + b_2 = x (W_1 W_2) + (b_1 W_2 + b_2)$. And one
# Linear layer cannot know the lamp rule: the best it can do, by least squares, is to say 0.5 to every case.

# %% collapse
if __name__ == "__main__":
    first, second = model[0], model[2]
    two = second(first(Tensor(switches)))
    weight, bias = first.weight @ second.weight, first.bias @ second.weight + second.bias
    one = Tensor(switches) @ weight + bias
    print(f"two layers against one: largest difference {np.abs((two - one).data).max()}")
    columns = np.column_stack([switches, np.ones(4)])  # a last column of ones, for the bias
    best = columns @ np.linalg.lstsq(columns, lamp, rcond=None)[0]
    print(
        "the best single layer says", best.ravel().round(6).tolist(), "for", lamp.ravel().tolist()
    )

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

# %% report
if __name__ == "__main__":
    made = [each.__name__ for each in (Layer, Linear, Dropout, Sequential)]
    count = sum(parameter.data.size for parameter in model.parameters())
    print(
        f"📈 Progress: Layers ✓  ({', '.join(made)}; the lamp model has {count} numbers to learn)"
    )
    print("💡 Next: tito module complete 03, then module 05 (autograd)")
