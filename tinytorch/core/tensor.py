# 01. Tensor
# Made from modules/01_tensor/tensor_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: a2b97a214329f8e1e14a65470a1dd7eb8a0186fc8758a965c14ab2ed73c0fe6d


# cell: imports
import contextlib
import functools
import importlib
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


# cell: 1.1-as-array
def as_array(data: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """Turn numbers, lists or arrays into an array that follows the dtype rule.

    Args:
        data: a number, a (nested) list of numbers, or an array of any shape.
        dtype: the dtype to use; None means float32 for floats, and no change for ints and bools.

    Returns:
        The array. It shares memory with `data` where no conversion was needed.

    Raises:
        TypeError: `data` does not hold booleans, integers or real floats.
        ValueError: `data` is a ragged list.
    """
    try:
        array = np.asarray(data, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"data must be a regular grid of numbers; {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"data must be bools, ints or real floats; got dtype {array.dtype}")
    if dtype is None and array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    return array


# cell: 1.2-broadcast-shape
def broadcast_shape(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of an elementwise operation between shapes `a` and `b`.

    Args:
        a, b: two shapes.

    Returns:
        The common shape.

    Raises:
        ValueError: the shapes do not fit; the message names both.

    Source: NumPy user guide, "Broadcasting", general rules.
    """
    length = max(len(a), len(b))
    left = (1,) * (length - len(a)) + tuple(a)
    right = (1,) * (length - len(b)) + tuple(b)
    if any(m != n and m != 1 and n != 1 for m, n in zip(left, right, strict=True)):
        raise ValueError(
            f"shapes {tuple(a)} and {tuple(b)} do not fit together: counted from the right, "
            "sizes must be equal or 1"
        )
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


# cell: node
@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """How a tensor was made: the op, what went in, and its options."""

    op: "Op"
    inputs: "tuple[Tensor | float, ...]"
    options: dict[str, Any]


# cell: op
class Op:
    """A function of arrays, made into an operation on tensors.

    `forward` is the plain function. `rule` is its gradient; module 05 files it with
    `@name.gradient`.
    """

    recording: ClassVar[bool] = True  # module 05 switches it off inside no_grad
    __name__: str
    backward: "ClassVar[Callable[[Tensor, Any], None] | None]" = None  # module 05 fills it

    def __init__(self, forward: Callable[..., Any]) -> None:
        functools.update_wrapper(self, forward)
        self.forward = forward
        self.rule: Callable[..., tuple[Any, ...]] | None = None

    def gradient(self, rule: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
        """File `rule(grad, output, *inputs, **options) -> one gradient an input` for this op."""
        self.rule = rule
        return rule

    def __call__(self, *inputs: Any, **options: Any) -> "Tensor":
        dtype = widest_float(inputs)
        operands = tuple(as_operand(x, dtype) for x in inputs)
        try:
            array = np.asarray(self.forward(*map(unwrap, operands), **options))
        except np.exceptions.AxisError as error:
            shapes = [np.shape(unwrap(x)) for x in operands]
            raise ValueError(f"{self.__name__}: {error}; shape is {shapes[0]}") from None
        # NumPy widens int * 0.5 to float64; a result is float64 only if a float64 tensor went in.
        narrow = array.dtype == np.float64 and dtype != np.float64
        output = Tensor(array, dtype=np.float32 if narrow else array.dtype)
        if Op.recording and any(isinstance(x, Tensor) and x.requires_grad for x in operands):
            output.requires_grad = True
            output.node = Node(self, operands, options)
        return output


def op(forward: Callable[..., Any]) -> Op:
    """Turn a function of arrays into an operation on tensors (a decorator)."""
    return Op(forward)


def unwrap(x: Any) -> Any:
    """Return the array of a tensor, and anything else as it is."""
    return x.data if isinstance(x, Tensor) else x


def widest_float(inputs: Sequence[Any]) -> "np.dtype[Any] | None":
    """Return the widest float dtype among the tensors of `inputs`, or None."""
    floats = [x.dtype for x in inputs if isinstance(x, Tensor) and x.dtype.kind == "f"]
    return np.result_type(*floats) if floats else None


def as_operand(x: Any, dtype: "np.dtype[Any] | None") -> "Tensor | float":
    """Let an op take plain numbers and arrays: floats among them follow the tensors' `dtype`."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, int | float):
        return x
    array = copied(x)
    return Tensor(array, dtype=dtype if array.dtype.kind == "f" else None)


def copied(x: Any) -> Any:
    """Copy an array, tensor or list, so that changing it later cannot change a gradient."""
    return np.array(unwrap(x)) if isinstance(x, Tensor | np.ndarray | list) else x


# cell: 1.3-elementwise
@op
def add(a: Array, b: Array) -> Any:
    """Add two tensors elementwise, with broadcasting."""
    broadcast_shape(np.shape(a), np.shape(b))
    return a + b


@op
def subtract(a: Array, b: Array) -> Any:
    """Subtract `b` from `a` elementwise, with broadcasting."""
    broadcast_shape(np.shape(a), np.shape(b))
    return a - b


@op
def multiply(a: Array, b: Array) -> Any:
    """Multiply two tensors elementwise, with broadcasting."""
    broadcast_shape(np.shape(a), np.shape(b))
    return a * b


@op
def divide(a: Array, b: Array) -> Any:
    """Divide two tensors elementwise, with broadcasting."""
    broadcast_shape(np.shape(a), np.shape(b))
    return a / b


@op
def power(a: Array, *, exponent: Any) -> Any:
    """Raise a tensor to a constant exponent: a number or an array, with broadcasting."""
    broadcast_shape(np.shape(a), np.shape(exponent))
    return a**exponent


# cell: 1.4-matmul
@op
def matmul(a: Array, b: Array) -> Any:
    """Matrix product. a: (..., n, k), b: (..., k, m) -> (..., n, m).

    A vector counts as one row (left) or one column (right), and that axis is dropped again.

    Raises:
        ValueError: a scalar, inner sizes that differ, or leading axes that do not broadcast.
    """
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise ValueError(f"matmul needs axes: {np.shape(a)} @ {np.shape(b)}; for a number use *")
    if a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(
            f"matmul: {a.shape} @ {b.shape}: the last size of the first ({a.shape[-1]}) must equal "
            f"the second-to-last of the second ({b.shape[-2:][0]}); is a transpose missing?"
        )
    broadcast_shape(a.shape[:-2], b.shape[:-2])
    return np.matmul(a, b)


# cell: 1.5-reductions
Dim = int | tuple[int, ...] | None


@op
def reduce_sum(a: Array, *, dim: Dim = None, keepdims: bool = False) -> Any:
    """Sum over `dim` (an axis, several, or None for all)."""
    return np.sum(a, axis=dim, keepdims=keepdims)


@op
def reduce_max(a: Array, *, dim: Dim = None, keepdims: bool = False) -> Any:
    """Largest element over `dim` (an axis, several, or None for all)."""
    return np.max(a, axis=dim, keepdims=keepdims)


# cell: 1.6-moving
@op
def transpose(a: Array, *, dim0: int, dim1: int) -> Any:
    """Swap two axes."""
    return np.swapaxes(a, dim0, dim1)


@op
def reshape(a: Array, *, shape: tuple[int, ...]) -> Any:
    """Cut the numbers, in row-major order, into another shape; one size may be -1.

    Raises:
        ValueError: the sizes do not multiply to the same count; the message names both shapes.
    """
    try:
        return np.reshape(a, shape)
    except ValueError:
        raise ValueError(f"reshape: {a.shape}, {a.size} numbers, do not fit {shape}") from None


@op
def index(a: Array, *, key: Any) -> Any:
    """Pick elements: `key` is anything NumPy takes between square brackets."""
    return a[key]


# cell: 1.7-masked-fill
@op
def masked_fill(a: Array, *, where: Array, value: float) -> Any:
    """Put `value` where `where` is true; `where` broadcasts to the shape of `a`.

    Raises:
        ValueError: `where` would enlarge `a`; the message names both shapes.
    """
    if broadcast_shape(a.shape, where.shape) != a.shape:
        raise ValueError(f"masked_fill: a mask {where.shape} would enlarge {a.shape}")
    return np.where(where, np.asarray(value, dtype=a.dtype), a)


# cell: 1.8-tensor
class Tensor:
    """A grid of numbers that remembers how it was made.

    Args:
        data: numbers, lists or an array, of any shape; floats become float32 (see `as_array`).
        requires_grad: whether `backward` shall compute a gradient for it; floats only.
        dtype: overrides the dtype rule.

    Raises:
        TypeError: `data` is a Tensor or no grid of numbers, or a non-float requires a gradient.
    """

    __array_ufunc__ = None  # np.exp(tensor) would lose the memory: make NumPy refuse
    __hash__ = object.__hash__  # == compares numbers; a tensor is still itself as a key

    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: npt.DTypeLike | None = None
    ) -> None:
        if isinstance(data, Tensor):
            raise TypeError("data is a Tensor already; x.detach() gives one without memory")
        self.data = as_array(data, dtype)
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(f"only floats can require a gradient; data has dtype {self.data.dtype}")
        self.requires_grad = requires_grad
        self.grad: Array | None = None
        self.node: Node | None = None

    def __add__(self, other: Any) -> "Tensor":
        return add(self, other)

    def __mul__(self, other: Any) -> "Tensor":
        return multiply(self, other)

    def __truediv__(self, other: Any) -> "Tensor":
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return divide(other, self)

    def __matmul__(self, other: Any) -> "Tensor":
        return matmul(self, other)

    def __neg__(self) -> "Tensor":
        return multiply(self, -1)

    def __sub__(self, other: Any) -> "Tensor":
        return subtract(self, other)

    def __rsub__(self, other: Any) -> "Tensor":
        return subtract(other, self)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rmatmul__(self, other: Any) -> "Tensor":
        return matmul(other, self)

    def __pow__(self, exponent: Any) -> "Tensor":
        if isinstance(exponent, Tensor) and exponent.requires_grad:
            raise TypeError("** takes a constant exponent; for a learned one use exp(log(a) * b)")
        return power(self, exponent=copied(exponent))

    @property
    def T(self) -> "Tensor":  # noqa: N802, the field's name
        """The transpose of a tensor with two axes."""
        if self.ndim != 2:
            raise ValueError(f".T needs two axes, got {self.shape}; use .transpose(-2, -1)")
        return self.transpose(0, 1)

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Swap the axes `dim0` and `dim1`."""
        return transpose(self, dim0=dim0, dim1=dim1)

    def reshape(self, *shape: Any) -> "Tensor":
        """Return the same numbers, in the same order, in another shape; one size may be -1."""
        one_tuple = len(shape) == 1 and isinstance(shape[0], Sequence)
        return reshape(self, shape=shape[0] if one_tuple else shape)

    def __getitem__(self, key: Any) -> "Tensor":
        return index(self, key=tuple(map(copied, key)) if isinstance(key, tuple) else copied(key))

    def masked_fill(self, where: Any, value: float) -> "Tensor":
        """Put `value` where `where` (a tensor or array) is nonzero."""
        return masked_fill(self, where=np.asarray(where) != 0, value=value)

    def sum(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Sum over `dim`."""
        return reduce_sum(self, dim=dim, keepdims=keepdims)

    def mean(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Average over `dim`."""
        total = self.sum(dim, keepdims)
        return total / (self.data.size / total.data.size)

    def max(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Largest element over `dim`; only the values, not their positions."""
        return reduce_max(self, dim=dim, keepdims=keepdims)

    def __eq__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return Tensor(operator.eq(self.data, unwrap(other)))

    def __ne__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return Tensor(operator.ne(self.data, unwrap(other)))

    def __lt__(self, other: Any) -> "Tensor":
        return Tensor(operator.lt(self.data, unwrap(other)))

    def __le__(self, other: Any) -> "Tensor":
        return Tensor(operator.le(self.data, unwrap(other)))

    def __gt__(self, other: Any) -> "Tensor":
        return Tensor(operator.gt(self.data, unwrap(other)))

    def __ge__(self, other: Any) -> "Tensor":
        return Tensor(operator.ge(self.data, unwrap(other)))

    def __and__(self, other: Any) -> "Tensor":
        """Combine two masks: true where both are nonzero."""
        return Tensor(np.logical_and(self.data, unwrap(other)))

    __rand__ = __and__

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self.data.ndim

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type of the numbers."""
        return self.data.dtype

    def item(self) -> Any:
        """Return the only element as a plain number."""
        if self.data.size != 1:
            raise ValueError(f"item() needs exactly one element; shape is {self.shape}")
        return self.data.item()

    def numpy(self) -> Array:
        """Return the array itself; it shares memory and carries no gradient."""
        return self.data

    def detach(self) -> "Tensor":
        """Return a tensor of the same numbers (shared memory) without memory of its making."""
        return Tensor(self.data, dtype=self.dtype)

    def backward(self, grad: Any = None) -> None:
        """Compute the gradient of this tensor with respect to everything it was made from.

        Args:
            grad: the gradient to start from, of this shape; may be left out for one element.
        """
        if Op.backward is None:
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module("tinytorch.core.autograd")
        if Op.backward is None:
            raise NotImplementedError("backward() arrives with module 05 (autograd)")
        Op.backward(self, grad)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.data, dtype=dtype) if copy else np.asarray(self.data, dtype=dtype)

    def __repr__(self) -> str:
        numbers = np.array2string(self.data, separator=", ", precision=4, prefix="Tensor(")
        return f"Tensor({numbers}{', requires_grad=True' if self.requires_grad else ''})"


__all__ = [
    "Node",
    "Op",
    "Tensor",
    "add",
    "as_array",
    "as_operand",
    "broadcast_shape",
    "copied",
    "divide",
    "index",
    "masked_fill",
    "matmul",
    "multiply",
    "op",
    "power",
    "reduce_max",
    "reduce_sum",
    "reshape",
    "subtract",
    "transpose",
    "unwrap",
    "widest_float",
]
