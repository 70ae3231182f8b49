# 03. Layers
# Made from modules/03_layers/layers_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: db0d5d2e62b31f24d5e805c447b6659d667ce9b8e67cc2b10c60109fc82061a2


# cell: imports
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set, ValuesView
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinytorch.core.tensor import Array, Tensor, unwrap


# cell: is-parameter
def is_parameter(part: Any) -> bool:
    """Whether a part is a tensor that learns, or did when a layer first saw it.

    A tensor that was computed is none: its `node` is not None.
    """
    if not isinstance(part, Tensor) or part.node is not None:
        return False
    notes = vars(part)  # the note stands on the tensor, so that copies and pickles keep it
    notes["learns"] = part.requires_grad or notes.get("learns", False)
    return bool(notes["learns"])


# cell: children
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


# cell: 3.1-walk
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
    if id(whole) in above:
        return
    yield name, whole
    for child_name, child in children(whole):
        path = f"{name}.{child_name}" if name else child_name
        yield from walk(child, path, above | {id(whole)})


# cell: 3.2-layer
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
        seen: set[int] = set()
        for name, part in walk(self):
            if is_parameter(part) and id(part) not in seen:
                seen.add(id(part))
                yield name, part

    def parameters(self) -> list[Tensor]:
        """List each parameter in this layer and below, once each."""
        return [parameter for _, parameter in self.named_parameters()]

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of every parameter's array, under every name."""
        return {name: part.data.copy() for name, part in walk(self) if is_parameter(part)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters; each keeps its own dtype.

        Args:
            state: arrays, tensors or lists, each of its parameter's shape, under every name.

        Raises:
            ValueError: names are missing or unexpected, or shapes differ; nothing was loaded.
        """
        state = {name: unwrap(values) for name, values in state.items()}
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

    def train(self: AnyLayer, mode: bool = True) -> AnyLayer:
        """Set `training` here and on every layer below; return this layer."""
        for _, part in walk(self):
            if isinstance(part, Layer):
                part.training = mode
        return self

    def eval(self: AnyLayer) -> AnyLayer:
        """Switch to evaluation, here and on every layer below; return this layer."""
        return self.train(False)

    def to(self: AnyLayer, dtype: npt.DTypeLike) -> AnyLayer:
        """Convert all parameters to a float dtype, in place; return this layer.

        Raises:
            TypeError: `dtype` is not a float type.
        """
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"dtype must be a float type, as np.float64 is; got {np.dtype(dtype)}")
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None if parameter.grad is None else parameter.grad.astype(dtype)
        return self

    def __repr__(self) -> str:
        parts = []
        for name, part in self.named_children():
            if part is not None and name not in ("training", "rng"):
                text = part.shape if isinstance(part, Tensor) else getattr(part, "__name__", part)
                parts.append(f"{name}={text}")
        return f"{type(self).__name__}({', '.join(parts)})"


# cell: 3.6-glorot-uniform
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
    limit = math.sqrt(6 / (in_features + out_features))
    return rng.uniform(-limit, limit, (in_features, out_features))


# cell: require-size
def require_size(name: str, size: Any) -> None:
    """Refuse a size that is not a positive whole number; `name` goes into the message."""
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or size < 1:
        raise ValueError(f"{name} must be a positive int; got {size!r}")


# cell: 3.7-linear
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
        self.weight = Tensor(glorot_uniform(in_features, out_features, rng), requires_grad=True)
        self.bias = Tensor(np.zeros(out_features), requires_grad=True) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Compute x W + b. x: (..., in_features) -> (..., out_features)."""
        in_features = self.weight.shape[0]
        if x.shape[-1:] != (in_features,):
            raise ValueError(f"x is {x.shape}, but its last axis must be in_features={in_features}")
        product = x @ self.weight
        return product if self.bias is None else product + self.bias


# cell: 3.8-dropout
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
        if not 0 <= p < 1:
            raise ValueError(f"p must be at least 0 and below 1; got {p}")
        self.p = p
        self.rng = np.random.default_rng() if rng is None else rng

    def forward(self, x: Tensor) -> Tensor:
        """Drop and scale while training; return x itself in evaluation. x: any shape."""
        if not self.training:
            return x
        kept = self.rng.random(x.shape) >= self.p
        return x * (kept / (1 - self.p))


# cell: 3.9-sequential
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
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: int | slice) -> Any:
        return Sequential(*self.layers[key]) if isinstance(key, slice) else self.layers[key]


__all__ = [
    "Dropout",
    "Layer",
    "Linear",
    "Sequential",
    "children",
    "glorot_uniform",
    "is_parameter",
    "learns",
    "nameless",
    "note_parameters",
    "require_size",
    "walk",
]
