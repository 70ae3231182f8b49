# 01. Tensor
# Made from modules/01_tensor/tensor_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 9bfe85ce3cd8505bbb6027859d647bcf3c331ffeb291b210a177cb5a9e0a8dfe


# cell: imports
import contextlib
import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinytorch.recording import Recorder, Seen
from tinytorch.tensor_base import TensorBase, in_float32, narrowed, widened

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
    seen: Seen


# cell: op
class Op(metaclass=Recorder):
    """A function of arrays, made into an operation on tensors.

    `forward` is the plain function. `rule` is its gradient; module 05 files it with
    `@name.gradient`. `Op.recording` is a switch of each thread; module 05 turns it off in no_grad.
    """

    __name__: str
    __qualname__: str
    backward_pass: "ClassVar[Callable[[Tensor, Any], None] | None]" = None  # module 05 fills it

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
        operands = tuple(x if isinstance(x, Tensor) else self.operand(x, dtype) for x in inputs)
        arrays = tuple(map(unwrap, operands))
        try:
            array = np.asarray(self.forward(*map(widened, arrays), **options))
        except np.exceptions.AxisError as error:
            raise ValueError(f"{self.__name__}: {error}; shape is {np.shape(arrays[0])}") from None
        # NumPy widens int * 0.5 to float64; a result is float64 only if a float64 tensor went in.
        array = narrowed(array, options.get("dtype", dtype), self.__name__)
        output: Tensor = Tensor.made(array)
        recorded = Op.recording and array.dtype.kind == "f"
        if recorded and any(isinstance(x, Tensor) and x.requires_grad for x in operands):
            output.requires_grad = True
            output.node = Node(self, operands, options, Seen((array, *arrays)))
        return output

    def operand(self, x: Any, dtype: "np.dtype[Any] | None") -> "Tensor | float":
        """Take plain numbers and arrays, too: floats among them follow the tensors' `dtype`."""
        x = x.item() if isinstance(x, np.generic) else x
        if isinstance(x, (int, float)):
            return x
        if not isinstance(x, np.ndarray | list | tuple):
            raise TypeError(f"{self.__name__} takes tensors, arrays and numbers; got {x!r}")
        array = np.array(x)
        wide = None if dtype is None else np.result_type(dtype, np.float32)
        return Tensor(array, dtype=wide if array.dtype.kind == "f" else None)

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled by name, as a function is; a copy is the op itself


def op(forward: Callable[..., Any]) -> Op:
    """Turn a function of arrays into an operation on tensors (a decorator)."""
    return Op(forward)


def unwrap(x: Any) -> Any:
    """Return the array of a tensor, and anything else as it is."""
    return x.data if isinstance(x, Tensor) else x


def widest_float(inputs: Sequence[Any]) -> "np.dtype[Any] | None":
    """Return the widest float dtype among the tensors of `inputs`, or None."""
    floats = {x.dtype for x in inputs if isinstance(x, Tensor) and x.dtype.kind == "f"}
    return np.result_type(*floats) if len(floats) > 1 else next(iter(floats), None)


def copied(x: Any) -> Any:
    """Copy an array, tensor or list, so that changing it later cannot change a gradient."""
    if isinstance(x, slice):
        return slice(*map(copied, (x.start, x.stop, x.step)))
    if isinstance(x, list) and not x:
        return np.zeros(0, int)  # x[[]] picks nothing; NumPy would make floats of []
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


# cell: given-ops
class ListOp(Op):
    """An op on a list of tensors, as `concatenate([a, b], dim=1)`."""

    def __call__(self, tensors: Any, dim: int = 0) -> "Tensor":
        if not isinstance(tensors, list | tuple) or not tensors:
            raise TypeError(f"{self.__name__} takes a list of at least one tensor; got {tensors!r}")
        shapes = list(map(np.shape, tensors))
        try:
            return super().__call__(*tensors, dim=dim)
        except ValueError as error:
            raise ValueError(f"{self.__name__} of {shapes} along dim={dim}: {error}") from None


@ListOp
def concatenate(*arrays: Array, dim: int = 0) -> Any:
    """Join tensors along an axis that they have; their other sizes are equal."""
    return np.concatenate(arrays, axis=dim)


@ListOp
def stack(*arrays: Array, dim: int = 0) -> Any:
    """Join tensors of one shape along a new axis."""
    return np.stack(arrays, axis=dim)


@op
def where(condition: Array, a: Array, b: Array) -> Any:
    """Take `a` where `condition` is nonzero and `b` elsewhere, with broadcasting."""
    broadcast_shape(broadcast_shape(np.shape(condition), np.shape(a)), np.shape(b))
    return np.where(condition, a, b)


@op
def cast(a: Array, *, dtype: Any) -> Any:
    """Convert to another dtype; a float that is too large for it is an error."""
    return narrowed(a, dtype, "to").astype(dtype)


@op
def exponential(a: Array, *, base: Any) -> Any:
    """Raise a constant base, a number or an array, to each exponent."""
    broadcast_shape(np.shape(a), np.shape(base))
    return base**a


# cell: 1.8-tensor
class Tensor(TensorBase):
    """A grid of numbers that remembers how it was made.

    Args:
        data: numbers, lists or an array, of any shape; floats become float32 (see `as_array`).
        requires_grad: whether `backward` shall compute a gradient for it; floats only.
        dtype: overrides the dtype rule.

    Raises:
        TypeError: `data` is a Tensor or no grid of numbers, or a non-float requires a gradient.
    """

    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: npt.DTypeLike | None = None
    ) -> None:
        if isinstance(data, Tensor):
            raise TypeError("data is a Tensor already; x.detach() gives one without memory")
        self.data = as_array(data, dtype)
        self.requires_grad = requires_grad
        self.grad = None
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

    def __rpow__(self, base: Any) -> "Tensor":
        return exponential(self, base=copied(base))

    def to(self, dtype: npt.DTypeLike) -> "Tensor":
        """Return the same numbers as another dtype; a gradient comes back in this tensor's own."""
        return self if self.dtype == dtype else cast(self, dtype=np.dtype(dtype))

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

    @in_float32
    def mean(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Average over `dim`."""
        total = self.sum(dim, keepdims)
        return total / (self.data.size / max(total.data.size, 1))

    def max(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Largest element over `dim`; only the values, not their positions."""
        return reduce_max(self, dim=dim, keepdims=keepdims)

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
        if Op.backward_pass is None:
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module("tinytorch.core.autograd")
        if Op.backward_pass is None:
            raise NotImplementedError("backward() arrives with module 05 (autograd)")
        Op.backward_pass(self, grad)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None


__all__ = [
    "ListOp",
    "Node",
    "Op",
    "Tensor",
    "add",
    "as_array",
    "broadcast_shape",
    "cast",
    "concatenate",
    "copied",
    "divide",
    "exponential",
    "index",
    "masked_fill",
    "matmul",
    "multiply",
    "op",
    "power",
    "reduce_max",
    "reduce_sum",
    "reshape",
    "stack",
    "subtract",
    "transpose",
    "unwrap",
    "where",
    "widest_float",
]
