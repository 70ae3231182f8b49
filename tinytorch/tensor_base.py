"""What a tensor does besides arithmetic: given, on NumPy alone; module 01 builds `Tensor` on it.

Attributes that check what they are set to, changes in place, NumPy's functions, masks, comparisons,
conversions and pickles. Where nothing else is said, PyTorch does the same.
"""

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinytorch.recording import Recorder, note_change, restore, unroll

Array = npt.NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])

NUMBERS = (int, float, list, tuple, np.ndarray, np.generic)  # what a tensor compares itself with
WITHOUT_NUMBERS = {  # functions of NumPy that look at shape and dtype only
    np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like,
    np.shares_memory, np.may_share_memory,
}  # fmt: skip
CUT = (
    "NumPy would compute with the numbers of a Tensor that requires a gradient, and lose the "
    "gradient: use its operators and the ops (concatenate, stack, where, exp, ...), or say "
    "x.detach() where no gradient is wanted"
)


def widened(x: Any) -> Any:
    """Return a float16 array as float32, to compute in: sums and squares leave float16 early."""
    return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype.char == "e" else x


def narrowed(array: Array, dtype: npt.DTypeLike | None, name: str) -> Array:
    """Make floats no wider than `dtype` (None: float32).

    Raises:
        ValueError: a finite number is too large for that dtype; the message names it and `name`.
    """
    if array.dtype is dtype:
        return array
    limit = np.dtype(np.float32 if dtype is None else dtype)
    if array.dtype.kind != "f" or array.dtype.itemsize <= limit.itemsize:
        return array
    try:
        with np.errstate(over="raise"):
            return array.astype(limit)
    except FloatingPointError:
        largest = f"a number is too large for {limit}, which ends at {np.finfo(limit).max}"
        raise ValueError(f"{name}: {largest}; x.to(a wider dtype) first") from None


def in_float32(function: Function) -> Function:
    """Let a function of a tensor compute float16 in float32 and round only its result."""

    @functools.wraps(function)
    def computed(x: Any, *arguments: Any, **options: Any) -> Any:
        if x.dtype != np.float16:
            return function(x, *arguments, **options)
        return function(x.to(np.float32), *arguments, **options).to(np.float16)

    return computed  # type: ignore[return-value]


def for_all_rows(function: Function) -> Function:
    """Extend a softmax to float16, computed in float32, and to tensors without numbers."""

    @functools.wraps(function)
    def extended(x: Any, dim: int = -1) -> Any:
        if x.data.size == 0:  # there is no maximum to subtract
            return x - x.sum(dim=dim, keepdims=True)
        return function(x, dim=dim)

    return in_float32(extended)  # type: ignore[return-value]


def bare(x: Any) -> Any:
    """Return the array of a tensor, and anything else as it is."""
    return x.data if isinstance(x, TensorBase) else x


def without_gradient(x: Any) -> Any:
    """Turn the tensors of an argument into arrays; refused where a gradient is wanted."""
    if isinstance(x, list | tuple):
        items = map(without_gradient, x)
        return list(items) if isinstance(x, list) else tuple(items)
    return np.asarray(x) if isinstance(x, TensorBase) else x


def in_place(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make `a += b` of `a + b`: where nothing is recorded, `a` itself changes.

    Where the result is recorded it is a new tensor, as for `a = a + b`: rules need the old numbers.
    """

    def update(self: "TensorBase", other: Any) -> Any:
        result = operate(self, other)
        if not result.requires_grad:
            self.write(..., result.data, shape=result.shape)
            return self
        if self.requires_grad and self.node is None:
            raise RuntimeError(
                "a tensor that requires a gradient cannot be changed in place while recording: "
                "change it inside `with no_grad():`, or give the result a name, as in b = a + 1"
            )
        return result

    return update


def compared(how: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make a comparison that gives a tensor of booleans; with what is no number it has no say."""

    def compare(self: "TensorBase", other: Any) -> Any:
        if not isinstance(other, (TensorBase, *NUMBERS)):
            return NotImplemented
        return self.plain(how(self.data, bare(other)))

    return compare


class TensorBase:
    """The given part of `Tensor`."""

    __array_priority__ = 1000  # array + tensor is for the tensor to compute
    __hash__ = object.__hash__  # == compares numbers; a tensor is still itself as a key
    plain: "type[Any]"  # Tensor, also for a subclass that is made from other arguments
    node: Any

    def __init_subclass__(cls) -> None:
        if TensorBase in cls.__bases__:
            cls.plain = cls

    @classmethod
    def made(cls, array: Array) -> Any:
        """A tensor around an array that an op has made, whose attributes need no check."""
        if array.dtype.kind not in "biuf":
            raise TypeError(f"data must be bools, ints or real floats; got dtype {array.dtype}")
        tensor = cls.__new__(cls)
        tensor._data, tensor._requires_grad, tensor._grad, tensor.node = array, False, None, None
        return tensor

    @property
    def data(self) -> Array:
        """The array of numbers."""
        return self._data

    @data.setter
    def data(self, array: Any) -> None:
        if not isinstance(array, np.ndarray | np.generic):
            raise TypeError(f"data must be a NumPy array; got {type(array).__name__}")
        array = np.asarray(array)  # the same object, but for a single number
        if array.dtype.kind not in "biuf":
            raise TypeError(f"data must be bools, ints or real floats; got dtype {array.dtype}")
        self._check_float(array, getattr(self, "_requires_grad", False))
        if "_data" in vars(self):
            self._check_replacement(array)
        self._data: Array = array

    def _check_replacement(self, array: Array) -> None:
        if array.shape != self.shape:
            raise ValueError(f"data is {array.shape}, the tensor {self.shape}: make a new tensor")
        if array is self._data:
            note_change(array)  # as after x.data -= 1
        elif getattr(self, "node", None) is not None:
            raise ValueError("this tensor is a result, and its data cannot be replaced: x.detach()")

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` shall compute a gradient for it; floats only."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not isinstance(wanted, bool | np.bool_):
            raise TypeError(f"requires_grad must be True or False; got {wanted!r}")
        if not wanted and getattr(self, "node", None) is not None:
            raise ValueError("a result requires a gradient since its inputs do: use x.detach()")
        self._check_float(getattr(self, "_data", None), wanted)
        self._requires_grad = bool(wanted)

    def _check_float(self, array: Any, wanted: bool) -> None:
        if wanted and array is not None and array.dtype.kind != "f":
            raise TypeError(f"only floats can require a gradient; data has dtype {array.dtype}")

    @property
    def grad(self) -> Array | None:
        """The gradient, an array of the tensor's shape and dtype; None before `backward`."""
        return self._grad

    @grad.setter
    def grad(self, array: Any) -> None:
        if array is None:
            self._grad: Array | None = None
            return
        if not isinstance(array, np.ndarray | np.generic) or array.dtype.kind not in "biuf":
            raise TypeError(f"grad must be a NumPy array of numbers; got {type(array).__name__}")
        if array.shape != self.shape or self.dtype.kind != "f":
            raise ValueError(f"grad has shape {array.shape}, the tensor {self.shape}, {self.dtype}")
        self._grad = np.asarray(array, dtype=self.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self._data.ndim

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type of the numbers."""
        return self._data.dtype

    def item(self) -> Any:
        """Return the only element as a plain number."""
        if self.data.size != 1:
            raise ValueError(f"item() needs exactly one element; shape is {self.shape}")
        return self.data.item()

    def write(self, key: Any, values: Any, shape: tuple[int, ...] | None = None) -> None:
        """Change numbers of the array itself, seen by all that share it: `a += b`, `a[i] = b`."""
        array = narrowed(np.asarray(values), self.dtype, "in place")
        if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and self.dtype.kind != "f"):
            raise TypeError(f"{array.dtype} does not go into a tensor of {self.dtype} in place")
        if shape not in (None, self.shape):
            raise ValueError(f"in place {self.shape} cannot become {shape}: write a = a + b")
        self.data[key] = array
        note_change(self.data)

    def __setitem__(self, key: Any, value: Any) -> None:
        if Recorder.on() and (self.requires_grad or getattr(value, "requires_grad", False)):
            raise RuntimeError(
                "x[...] = ... is not recorded and would lose a gradient: use where, masked_fill or "
                "concatenate; or change x inside `with no_grad():`"
            )
        self.write(tuple(map(bare, key)) if isinstance(key, tuple) else bare(key), bare(value))

    __iadd__ = in_place(operator.add)
    __isub__ = in_place(operator.sub)
    __imul__ = in_place(operator.mul)
    __itruediv__ = in_place(operator.truediv)
    __ipow__ = in_place(operator.pow)
    __imatmul__ = in_place(operator.matmul)
    __iand__ = in_place(operator.and_)
    __ior__ = in_place(operator.or_)
    __ixor__ = in_place(operator.xor)

    __eq__ = compared(operator.eq)
    __ne__ = compared(operator.ne)
    __lt__ = compared(operator.lt)
    __le__ = compared(operator.le)
    __gt__ = compared(operator.gt)
    __ge__ = compared(operator.ge)

    # Masks are true where they are nonzero, whatever their dtype; the result holds booleans.
    __and__ = __rand__ = compared(np.logical_and)
    __or__ = __ror__ = compared(np.logical_or)
    __xor__ = __rxor__ = compared(np.logical_xor)

    def __invert__(self) -> Any:
        return self.plain(self.data == 0)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self * np.sign(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> "Iterator[Any]":
        return (self[i] for i in range(len(self)))  # type: ignore[index]

    def __contains__(self, number: Any) -> bool:
        return bool(np.any(self.data == bare(number)))

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(f"whether {self.shape} is true is ambiguous: (x > 0).data.all()?")
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.data.size != 1 or self.dtype.kind == "f":
            raise TypeError(f"an index is one int; got a tensor {self.shape} of {self.dtype}")
        return operator.index(self.data.astype(np.int64).item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else super().__format__(spec)

    def __repr__(self) -> str:
        numbers = np.array2string(self.data, separator=", ", precision=4, prefix="Tensor(")
        return f"Tensor({numbers}{', requires_grad=True' if self.requires_grad else ''})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.requires_grad and Recorder.on():
            raise TypeError(CUT)
        return np.array(self.data, dtype=dtype) if copy else np.asarray(self.data, dtype=dtype)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        convert = bare if function in WITHOUT_NUMBERS else without_gradient
        named = {name: convert(x) for name, x in options.items()}
        return function(*map(convert, inputs), **named)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if getattr(self, "node", None) is None:
            return super().__reduce_ex__(protocol)
        return restore, (unroll(self),)
