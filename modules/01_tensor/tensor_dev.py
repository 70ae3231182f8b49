# %% [markdown]
# # 01. Tensor
#
# A tensor is a grid of numbers that can remember how it was made. In this module you build the grid and the memory.
# Module 05 uses the memory to compute gradients.
#
# **You will** write the dtype rule, the broadcasting rule, seven kinds of operation, and the class `Tensor` that
# everything later stands on.
#
# **Before you start:** Python, and NumPy arrays. **Time:** 3 to 4 hours.

# %% export-target
#| default_exp core.tensor

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import tensor_checks as checks

# %% imports
#| export
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

# %% [markdown]
# ## One example for the whole module
#
# Two shops sell three kinds of fruit. `prices` has one row a shop, one column a fruit. You will add a delivery fee,
# multiply by what you buy, and sum. Every number is small enough to check on paper.

# %% fruit
prices = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 1.0]])  # (shops, fruits)
fee = np.array([[0.5], [1.0]])  # (shops, 1)
bought = np.array([4.0, 1.0, 2.0])  # (fruits,)


# %% [markdown]
# ### Exercise 1.1: as_array
#
# NumPy makes floats 64 bits wide. Deep learning uses 32: half the memory, and enough digits. Our rule: **floats become
# float32 unless `dtype` says otherwise; integers and booleans stay what they are** (token ids, masks).
#
# **Plan.** 1. Make an array. 2. Refuse what is not a grid of numbers: its `dtype.kind` must be one of `"biuf"`.
# 3. If no dtype was asked for and the array holds floats, make it float32.
#
# <details><summary>Hint</summary>
#
# `np.asarray(data, dtype=dtype)` keeps an array that already fits. `array.dtype.kind` is `"f"` for floats.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# A ragged list makes `np.asarray` raise a `ValueError`. Catch it and say what a tensor needs.
# `array.astype(np.float32, copy=False)` converts.
#
# </details>

# %% 1.1-as-array
#| export
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
    ### BEGIN SOLUTION 1.1
    try:
        array = np.asarray(data, dtype=dtype)
    except ValueError as error:
        raise ValueError(f"data must be a regular grid of numbers; {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"data must be bools, ints or real floats; got dtype {array.dtype}")
    if dtype is None and array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    return array
    ### END SOLUTION


# %% test-1.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: as_array...")
    checks.as_array(as_array)
    print("✅ floats are float32; ints and bools stay; anything else is refused")


# %% [markdown]
# ### Exercise 1.2: broadcast_shape
#
# `prices + fee` adds a (2, 1) grid to a (2, 3) grid. The rule that makes this work is **broadcasting**. Line up the
# shapes at the right; in each place the sizes must be equal, or one of them 1 (or missing). The result takes the larger.
#
# $$(2, 3) \text{ and } (2, 1) \to (2, 3) \qquad (2, 3) \text{ and } (3) \to (2, 3) \qquad (2, 3) \text{ and } (2) \to \text{error}$$
#
# **Plan.** 1. Pad the shorter shape with ones on the left. 2. Compare place by place. 3. A misfit raises a `ValueError`
# that names **both** shapes.
#
# <details><summary>Hint</summary>
#
# `(1,) * (length - len(a)) + tuple(a)` pads. Then `zip` the two.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# A place fits when `m == n or m == 1 or n == 1`. It becomes `n if m == 1 else m`: the larger would be wrong for size 0.
#
# </details>

# %% 1.2-broadcast-shape
#| export
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
    ### BEGIN SOLUTION 1.2
    length = max(len(a), len(b))
    left = (1,) * (length - len(a)) + tuple(a)
    right = (1,) * (length - len(b)) + tuple(b)
    if any(m != n and m != 1 and n != 1 for m, n in zip(left, right, strict=True)):
        raise ValueError(
            f"shapes {tuple(a)} and {tuple(b)} do not fit together: counted from the right, "
            "sizes must be equal or 1"
        )
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))
    ### END SOLUTION


# %% test-1.2 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: broadcast_shape...")
    checks.broadcast_shape(broadcast_shape)
    print("✅ shapes line up at the right; a misfit names both shapes")


# %% [markdown]
# ## Operations that can be remembered
#
# `prices * bought` gives numbers. To differentiate it later we must also know *how* they came about. So every operation
# is an `Op`: it runs a plain function of arrays and, where a gradient will be wanted, attaches a `Node` to the result:
# this op, these inputs, these options.
#
# Nodes point backwards only, from a result to its inputs. When you drop the result, the whole memory goes with it.
#
# The next two cells are given. Read them; you will meet every line again in module 05. `widened` and `narrowed` let
# float16 be computed in float32; `seen` keeps the arrays that the op saw.

# %% node
#| export
@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """How a tensor was made: the op, what went in, and its options."""

    op: "Op"
    inputs: "tuple[Tensor | float, ...]"
    options: dict[str, Any]
    seen: Seen


# %% op
#| export
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


# %% [markdown]
# ### Exercise 1.3: elementwise arithmetic
#
# Five ops; a square root is a power, and $-a$ is $(-1) \cdot a$. Each works number by number, with broadcasting:
#
# $$(a \pm b)_{ij} = a_{ij} \pm b_{ij} \qquad (a \cdot b)_{ij} = a_{ij}\, b_{ij} \qquad (a/b)_{ij} = a_{ij}/b_{ij} \qquad (a^p)_{ij} = a_{ij}^{\,p}$$
#
# **Plan.** In each: check the shapes with `broadcast_shape`, so that a misfit gets your message; then let NumPy compute.
#
# **Never change what you were given**: an array that comes in is the caller's. `a += b` writes into it; `a + b` makes a new
# one. This holds for every function of the course, and every test looks.
#
# <details><summary>Hint</summary>
#
# `broadcast_shape(np.shape(a), np.shape(b))` works for plain numbers too; its result is not needed.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.shape` knows plain numbers, too; `a.shape` does not.
#
# </details>

# %% 1.3-elementwise
#| export
@op
def add(a: Array, b: Array) -> Any:
    """Add two tensors elementwise, with broadcasting."""
    ### BEGIN SOLUTION 1.3
    broadcast_shape(np.shape(a), np.shape(b))
    return a + b
    ### END SOLUTION


@op
def subtract(a: Array, b: Array) -> Any:
    """Subtract `b` from `a` elementwise, with broadcasting."""
    ### BEGIN SOLUTION 1.3
    broadcast_shape(np.shape(a), np.shape(b))
    return a - b
    ### END SOLUTION


@op
def multiply(a: Array, b: Array) -> Any:
    """Multiply two tensors elementwise, with broadcasting."""
    ### BEGIN SOLUTION 1.3
    broadcast_shape(np.shape(a), np.shape(b))
    return a * b
    ### END SOLUTION


@op
def divide(a: Array, b: Array) -> Any:
    """Divide two tensors elementwise, with broadcasting."""
    ### BEGIN SOLUTION 1.3
    broadcast_shape(np.shape(a), np.shape(b))
    return a / b
    ### END SOLUTION


@op
def power(a: Array, *, exponent: Any) -> Any:
    """Raise a tensor to a constant exponent: a number or an array, with broadcasting."""
    ### BEGIN SOLUTION 1.3
    broadcast_shape(np.shape(a), np.shape(exponent))
    return a**exponent
    ### END SOLUTION


# %% test-1.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: elementwise arithmetic...")
    checks.elementwise(add, subtract, multiply, divide, power)
    print("✅ add, subtract, multiply, divide, power: values, broadcasting, inputs untouched")


# %% [markdown]
# ### Exercise 1.4: matmul
#
# One number of a matrix product is a row of `a` times a column of `b`:
#
# $$(ab)_{ij} = \sum_k a_{ik}\, b_{kj} \qquad a: (\dots, n, k),\; b: (\dots, k, m) \to (\dots, n, m)$$
#
# `prices @ bought` is the bill of each shop. `np.matmul` computes it, with any number of leading axes.
#
# **Plan.** 1. Refuse a single number: it has no axes. 2. Check that the inner sizes agree; the error names both shapes
# and says which two sizes must be equal. 3. Check the leading axes with `broadcast_shape`. 4. Compute.
#
# <details><summary>Hint</summary>
#
# The inner size of `a` is `a.shape[-1]`; of `b` it is `b.shape[-2]`, or `b.shape[0]` where `b` is a vector.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `b.shape[-2:][0]` is right in both cases.
#
# </details>

# %% 1.4-matmul
#| export
@op
def matmul(a: Array, b: Array) -> Any:
    """Matrix product. a: (..., n, k), b: (..., k, m) -> (..., n, m).

    A vector counts as one row (left) or one column (right), and that axis is dropped again.

    Raises:
        ValueError: a scalar, inner sizes that differ, or leading axes that do not broadcast.
    """
    ### BEGIN SOLUTION 1.4
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise ValueError(f"matmul needs axes: {np.shape(a)} @ {np.shape(b)}; for a number use *")
    if a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(
            f"matmul: {a.shape} @ {b.shape}: the last size of the first ({a.shape[-1]}) must equal "
            f"the second-to-last of the second ({b.shape[-2:][0]}); is a transpose missing?"
        )
    broadcast_shape(a.shape[:-2], b.shape[:-2])
    return np.matmul(a, b)
    ### END SOLUTION


# %% test-1.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: matmul...")
    checks.matmul(matmul, prices, bought, gives=[12, 12])  # on paper: 1·4 + 2·1 + 3·2 = 12
    print("✅ matmul: values, leading axes, and an error that names both shapes")

# %% [markdown]
# ### Exercise 1.5: reductions
#
# A reduction removes an axis. `dim` says which: for `prices`, `dim=0` runs down the shops and leaves one number a fruit.
#
# $$\text{sum over dim 1:}\quad s_i = \sum_j x_{ij} \qquad\qquad \text{max over dim 1:}\quad m_i = \max_j x_{ij}$$
#
# `dim=None` reduces everything; a tuple reduces several axes. `keepdims=True` leaves a 1 behind, so that the result
# still broadcasts against `x`.
#
# <details><summary>Hint</summary>
#
# NumPy's word for `dim` is `axis`: `np.sum(a, axis=dim, keepdims=keepdims)`.
#
# </details>

# %% 1.5-reductions
#| export
Dim = int | tuple[int, ...] | None


@op
def reduce_sum(a: Array, *, dim: Dim = None, keepdims: bool = False) -> Any:
    """Sum over `dim` (an axis, several, or None for all)."""
    ### BEGIN SOLUTION 1.5
    return np.sum(a, axis=dim, keepdims=keepdims)
    ### END SOLUTION


@op
def reduce_max(a: Array, *, dim: Dim = None, keepdims: bool = False) -> Any:
    """Largest element over `dim` (an axis, several, or None for all)."""
    ### BEGIN SOLUTION 1.5
    return np.max(a, axis=dim, keepdims=keepdims)
    ### END SOLUTION


# %% test-1.5 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: reductions...")
    checks.reductions(reduce_sum, reduce_max)
    print("✅ sum and max: which axis, keepdims, everything at once")


# %% [markdown]
# ### Exercise 1.6: moving numbers about
#
# Three ops change no number, only where it stands.
#
# - `transpose` swaps two axes: $(x^T)_{ji} = x_{ij}$.
# - `reshape` keeps the order of the numbers, row by row, and cuts it into another shape.
# - `index` picks: a row, a slice, a list of positions.
#
# Transposing is *not* reshaping: (2, 3) transposed and (2, 3) reshaped to (3, 2) hold different numbers. Attention heads
# are split by one of each, and mixing them up is the classic mistake of module 12.
#
# <details><summary>Hint</summary>
#
# `np.swapaxes` swaps two axes; negative axes count from the right. Indexing an array is `a[key]`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# NumPy's message for a bad reshape leaves out the old shape's name. Catch the `ValueError` and raise one that names both.
#
# </details>

# %% 1.6-moving
#| export
@op
def transpose(a: Array, *, dim0: int, dim1: int) -> Any:
    """Swap two axes."""
    ### BEGIN SOLUTION 1.6
    return np.swapaxes(a, dim0, dim1)
    ### END SOLUTION


@op
def reshape(a: Array, *, shape: tuple[int, ...]) -> Any:
    """Cut the numbers, in row-major order, into another shape; one size may be -1.

    Raises:
        ValueError: the sizes do not multiply to the same count; the message names both shapes.
    """
    ### BEGIN SOLUTION 1.6
    try:
        return np.reshape(a, shape)
    except ValueError:
        raise ValueError(f"reshape: {a.shape}, {a.size} numbers, do not fit {shape}") from None
    ### END SOLUTION


@op
def index(a: Array, *, key: Any) -> Any:
    """Pick elements: `key` is anything NumPy takes between square brackets."""
    ### BEGIN SOLUTION 1.6
    return a[key]
    ### END SOLUTION


# %% test-1.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: moving numbers about...")
    checks.moving(transpose, reshape, index)
    print("✅ transpose, reshape, index: and transpose is not reshape")


# %% [markdown]
# ### Exercise 1.7: masked_fill
#
# Where a mask is true, put a constant; elsewhere keep the number. Attention hides words this way, and relu is one line
# with it.
#
# $$\text{masked\_fill}(x, w, v)_{ij} = \begin{cases} v & \text{where } w_{ij} \\ x_{ij} & \text{elsewhere} \end{cases}$$
#
# The mask may be smaller than `x` and stretch. It may not be larger: that would enlarge `x` without a word.
#
# <details><summary>Hint</summary>
#
# `np.where(condition, value_if_true, value_if_false)`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `broadcast_shape(a.shape, where.shape)` must give `a.shape` again. `np.where` may widen the dtype: convert `value` to
# `a.dtype` first.
#
# </details>

# %% 1.7-masked-fill
#| export
@op
def masked_fill(a: Array, *, where: Array, value: float) -> Any:
    """Put `value` where `where` is true; `where` broadcasts to the shape of `a`.

    Raises:
        ValueError: `where` would enlarge `a`; the message names both shapes.
    """
    ### BEGIN SOLUTION 1.7
    if broadcast_shape(a.shape, where.shape) != a.shape:
        raise ValueError(f"masked_fill: a mask {where.shape} would enlarge {a.shape}")
    return np.where(where, np.asarray(value, dtype=a.dtype), a)
    ### END SOLUTION


# %% test-1.7 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: masked_fill...")
    checks.masked_fill(masked_fill)
    print("✅ masked_fill: fills, stretches, never enlarges")


# %% [markdown]
# ## Five ops that are given
#
# `where` takes from one of two tensors, `concatenate` and `stack` join several. `cast` changes the dtype; `exponential` is
# $b^x$, where the learned number stands above.

# %% given-ops
#| export
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


# %% [markdown]
# ## The class Tensor
#
# A tensor holds four things: `data`, the array; `requires_grad`, whether a gradient will be wanted; `grad`, that
# gradient (an array) once `backward` has run; `node`, its memory, or None.
#
# The next cell is long because a Python class is one statement. Four groups of lines are yours; the rest is given. What a
# tensor does besides arithmetic (`x == y`, `~mask`, `float(x)`, `x += 1`, ...) comes from `TensorBase`, in
# `tinytorch/tensor_base.py`. It also checks what the attributes are set to: only floats can require a gradient.
#
# ### Exercise 1.8: Tensor.__init__
#
# **Plan.** 1. A `Tensor` as `data` is refused: copying it would cut its memory without a word. 2. `data` follows the dtype
# rule. 3. Keep `requires_grad`. 4. Start with `grad = None`, `node = None`.
#
# <details><summary>Hint</summary>
#
# You wrote the dtype rule: `as_array(data, dtype)`.
#
# </details>

# %% [markdown]
# ### Exercise 1.9: operators
#
# Each operator is **one line that calls an op**, so that it is remembered: `add(self, other)`, never
# `Tensor(self.data + other.data)`. $-a$ is $(-1) \cdot a$.
#
# `__radd__` and its kin serve `2 + x`, where the number stands on the left.
#
# <details><summary>Hint</summary>
#
# `2 - x` calls `x.__rsub__(2)`. Here `other` is the 2, and it stands on the left: `subtract(other, self)`.
#
# </details>
#
# ### Exercise 1.10: shape methods
#
# One line each. `T` is only for two axes. `reshape(3, 2)` and `reshape((3, 2))` both work.
#
# <details><summary>Hint</summary>
#
# `masked_fill(self, where=np.asarray(where) != 0, value=value)`: any nonzero counts as true.
#
# </details>
#
# ### Exercise 1.11: reductions
#
# `sum` and `max` call their op. `mean` is the sum divided by how many numbers were summed.
#
# <details><summary>Hint</summary>
#
# How many: `self.data.size / max(total.data.size, 1)`. Without the `max`, a mean of no rows at all would divide by 0.
#
# </details>

# %% 1.8-tensor
#| export
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
        ### BEGIN SOLUTION 1.8
        if isinstance(data, Tensor):
            raise TypeError("data is a Tensor already; x.detach() gives one without memory")
        self.data = as_array(data, dtype)
        self.requires_grad = requires_grad
        self.grad = None
        self.node: Node | None = None
        ### END SOLUTION

    def __add__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return add(self, other)
        ### END SOLUTION

    def __mul__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return multiply(self, other)
        ### END SOLUTION

    def __truediv__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return divide(self, other)
        ### END SOLUTION

    def __rtruediv__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return divide(other, self)
        ### END SOLUTION

    def __matmul__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return matmul(self, other)
        ### END SOLUTION

    def __neg__(self) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return multiply(self, -1)
        ### END SOLUTION

    def __sub__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return subtract(self, other)
        ### END SOLUTION

    def __rsub__(self, other: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.9
        return subtract(other, self)
        ### END SOLUTION

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
        ### BEGIN SOLUTION 1.10
        return transpose(self, dim0=dim0, dim1=dim1)
        ### END SOLUTION

    def reshape(self, *shape: Any) -> "Tensor":
        """Return the same numbers, in the same order, in another shape; one size may be -1."""
        ### BEGIN SOLUTION 1.10
        one_tuple = len(shape) == 1 and isinstance(shape[0], Sequence)
        return reshape(self, shape=shape[0] if one_tuple else shape)
        ### END SOLUTION

    def __getitem__(self, key: Any) -> "Tensor":
        ### BEGIN SOLUTION 1.10
        return index(self, key=tuple(map(copied, key)) if isinstance(key, tuple) else copied(key))
        ### END SOLUTION

    def masked_fill(self, where: Any, value: float) -> "Tensor":
        """Put `value` where `where` (a tensor or array) is nonzero."""
        ### BEGIN SOLUTION 1.10
        return masked_fill(self, where=np.asarray(where) != 0, value=value)
        ### END SOLUTION

    def sum(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Sum over `dim`."""
        ### BEGIN SOLUTION 1.11
        return reduce_sum(self, dim=dim, keepdims=keepdims)
        ### END SOLUTION

    @in_float32
    def mean(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Average over `dim`."""
        ### BEGIN SOLUTION 1.11
        total = self.sum(dim, keepdims)
        return total / (self.data.size / max(total.data.size, 1))
        ### END SOLUTION

    def max(self, dim: Dim = None, keepdims: bool = False) -> "Tensor":
        """Largest element over `dim`; only the values, not their positions."""
        ### BEGIN SOLUTION 1.11
        return reduce_max(self, dim=dim, keepdims=keepdims)
        ### END SOLUTION

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


# %% test-1.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: Tensor.__init__...")
    checks.tensor_init(Tensor)
    print("✅ data, dtype, requires_grad; a tensor of a tensor is refused")

# %% test-1.9 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: Tensor operators...")
    checks.tensor_operators(Tensor)
    print("✅ every operator computes, and is remembered")

# %% test-1.10 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: Tensor shape methods...")
    checks.tensor_shapes(Tensor)
    print("✅ T, transpose, reshape, indexing, masked_fill")

# %% test-1.11 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: Tensor reductions...")
    checks.tensor_reductions(Tensor)
    print("✅ sum, mean, max")


# %% [markdown]
# ## Use it
#
# What does each shop charge for four of the first fruit, one of the second and two of the third, with its fee on every
# piece? The result knows how it was made: walk its nodes back to the prices.

# %% use-it
def history(tensor: Tensor):
    """Name the ops that made a tensor, last one first."""
    while tensor.node is not None:
        yield tensor.node.op.__name__
        tensor = tensor.node.inputs[0]


if __name__ == "__main__":
    bill = (Tensor(prices, requires_grad=True) + fee) @ bought
    print("bill:", bill.data, " made by:", " <- ".join(history(bill)))

# %% [markdown]
# ## Why float32
#
# Half the bytes, and about seven digits. Seven digits run out: to 16,777,216, a float32 cannot add 1.

# %% float32
if __name__ == "__main__":
    for dtype in (np.float32, np.float64):
        x = Tensor(2.0**24, dtype=dtype)
        name, larger = np.dtype(dtype).name, (x + 1 - x).item()
        print(f"{name}: {x.data.nbytes} bytes; {x.item():,.0f} + 1 comes out {larger:.0f} larger")

# %% [markdown]
# ## A mistake's message
#
# Most errors in deep learning are shapes. Yours name both.

# %% shape-errors
if __name__ == "__main__":
    x = Tensor(prices)
    for mistake in (lambda: x + Tensor([1.0, 2.0]), lambda: x @ x, lambda: x.reshape(4, 2)):
        try:
            mistake()
        except ValueError as error:
            print("ValueError:", error)

# %% [markdown]
# ## What is left out, and why
#
# - **Remembering a change in place** (`x[0] = 1`, `x += 1`). A changed input makes its remembered ops wrong, so a change is
#   not remembered: `x += 1` gives a new tensor, `x[0] = 1` is an error. Where nothing is remembered both change `x` itself.
# - **`max` with positions.** PyTorch's `max(dim)` also returns where; ours returns values, like its `amax`.
# - **Other devices.** `data` is a NumPy array.
#
# ## Report

# %% report
if __name__ == "__main__":
    ops = [value for value in list(globals().values()) if isinstance(value, Op)]
    print(f"📈 Progress: Tensor ✓  ({len(ops)} ops: {', '.join(each.__name__ for each in ops)})")
    print("💡 Next: tito module complete 01, then module 02 (activations)")
