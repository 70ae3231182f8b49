# 05. Autograd
# Made from modules/05_autograd/autograd_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 097380d74e521fa9a9cfc6ffb0f919d1281a483395b2d003de2f50b9dfe55061


# cell: imports
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch.core.activations import erf, exp, log, tanh
from tinytorch.core.tensor import (
    Array,
    Dim,
    Node,
    Op,
    Tensor,
    add,
    cast,
    concatenate,
    divide,
    exponential,
    index,
    masked_fill,
    matmul,
    multiply,
    power,
    reduce_max,
    reduce_sum,
    reshape,
    stack,
    subtract,
    transpose,
    unwrap,
    where,
)
from tinytorch.tensor_base import widened


# cell: 5.1-numeric-gradient
def numeric_gradient(function: Callable[[Array], float], x: Array, eps: float = 1e-6) -> Array:
    """Estimate the gradient of a number-valued function by central differences.

    Args:
        function: takes an array of the shape of `x`, returns one number.
        x: float64 array of any shape; it is nudged and restored.
        eps: the size of the nudge.

    Returns:
        An array of the shape of `x`.
    """
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + eps
        above = function(x)
        x[i] = kept - eps
        below = function(x)
        x[i] = kept
        gradient[i] = (above - below) / (2 * eps)
    return gradient


# cell: 5.2-unbroadcast
def unbroadcast(grad: Array, shape: Sequence[int]) -> Array:
    """Sum a gradient over everything that broadcasting copied.

    Args:
        grad: the gradient of a broadcast result.
        shape: the shape that one input had.

    Returns:
        The gradient of that input, of shape `shape`.
    """
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and grad.shape[i] != 1)
    return grad.sum(axis=stretched, keepdims=True) if stretched else grad


# cell: 5.3-elementwise-rules
@add.gradient
def add_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a + b."""
    return unbroadcast(grad, np.shape(a)), unbroadcast(grad, np.shape(b))


@subtract.gradient
def subtract_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a - b."""
    return unbroadcast(grad, np.shape(a)), unbroadcast(-grad, np.shape(b))


@multiply.gradient
def multiply_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a * b."""
    return unbroadcast(grad * b, np.shape(a)), unbroadcast(grad * a, np.shape(b))


@divide.gradient
def divide_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a / b."""
    return unbroadcast(grad / b, np.shape(a)), unbroadcast(-grad * output / b, np.shape(b))


@power.gradient
def power_rule(grad: Array, output: Array, a: Array, *, exponent: Any) -> tuple[Array]:
    """Gradient of a ** exponent; the exponent is a constant."""
    less = np.where(np.equal(exponent, 0), 1, exponent - 1)
    less = less if less.ndim else less.item()  # NumPy squares fast for a plain 2, not for an array
    return (unbroadcast(grad * exponent * a**less, a.shape),)


# cell: 5.4-matmul-rule
@matmul.gradient
def matmul_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a @ b. grad: (..., n, m), a: (..., n, k), b: (..., k, m)."""
    rows = a[None, :] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b
    grad = grad[..., None] if b.ndim == 1 else grad
    grad = grad[..., None, :] if a.ndim == 1 else grad
    grad_a = unbroadcast(grad @ np.swapaxes(columns, -2, -1), rows.shape)
    if columns.ndim == 2:  # one product of all rows, not one a stack and then their sum
        leading = list(range(rows.ndim - 1))
        grad_b = np.tensordot(rows, grad, (leading, leading))
    else:
        grad_b = unbroadcast(np.swapaxes(rows, -2, -1) @ grad, columns.shape)
    return grad_a.reshape(a.shape), grad_b.reshape(b.shape)


# cell: 5.5-reduction-rules
def restore_dim(reduced: Array, shape: Sequence[int], dim: Dim, keepdims: bool) -> Array:
    """Copy a reduced array back over the axes that were reduced; the result has shape `shape`."""
    if dim is not None and not keepdims:
        reduced = np.expand_dims(reduced, dim)
    return np.broadcast_to(reduced, tuple(shape))


@reduce_sum.gradient
def sum_rule(
    grad: Array, output: Array, a: Array, *, dim: Dim = None, keepdims: bool = False
) -> tuple[Array]:
    """Gradient of a sum over `dim`."""
    return (restore_dim(grad, a.shape, dim, keepdims),)


@reduce_max.gradient
def max_rule(
    grad: Array, output: Array, a: Array, *, dim: Dim = None, keepdims: bool = False
) -> tuple[Array]:
    """Gradient of a maximum over `dim`; ties share it equally, as in PyTorch's amax."""
    winners = a == restore_dim(output, a.shape, dim, keepdims)
    share = winners / winners.sum(axis=dim, keepdims=True)
    return (restore_dim(grad, a.shape, dim, keepdims) * share,)


# cell: 5.6-move-rules
@transpose.gradient
def transpose_rule(grad: Array, output: Array, a: Array, *, dim0: int, dim1: int) -> tuple[Array]:
    """Gradient of swapping two axes."""
    return (np.swapaxes(grad, dim0, dim1),)


@reshape.gradient
def reshape_rule(grad: Array, output: Array, a: Array, *, shape: Any) -> tuple[Array]:
    """Gradient of a reshape."""
    return (grad.reshape(a.shape),)


@index.gradient
def index_rule(grad: Array, output: Array, a: Array, *, key: Any) -> tuple[Array]:
    """Gradient of a[key]; what was picked twice gets both gradients."""
    total = np.zeros(a.shape, a.dtype)
    np.add.at(total, key, grad)
    return (total,)


@masked_fill.gradient
def masked_fill_rule(
    grad: Array, output: Array, a: Array, *, where: Array, value: float
) -> tuple[Array]:
    """Gradient of a fill: nothing flows through a filled place."""
    return (np.where(where, 0, grad),)


# cell: 5.7-curve-rules
@exp.gradient
def exp_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of e^x."""
    return (grad * output,)


@log.gradient
def log_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of the natural logarithm."""
    return (grad / x,)


@tanh.gradient
def tanh_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of tanh."""
    return (grad * (1 - output**2),)


@erf.gradient
def erf_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of the error function."""
    return (grad * (2 / math.sqrt(math.pi)) * np.exp(-(x**2)),)


# cell: given-rules
@concatenate.gradient
def concatenate_rule(grad: Array, output: Array, *arrays: Array, dim: int = 0) -> tuple[Array, ...]:
    """Gradient of a join: each input gets its own piece."""
    ends = np.cumsum([x.shape[dim] for x in arrays])[:-1]
    return tuple(np.split(grad, ends, axis=dim))


@stack.gradient
def stack_rule(grad: Array, output: Array, *arrays: Array, dim: int = 0) -> tuple[Array, ...]:
    """Gradient of a stack: each input gets its own layer."""
    return tuple(np.moveaxis(grad, dim, 0))


@where.gradient
def where_rule(
    grad: Array, output: Array, condition: Array, a: Array, b: Array
) -> tuple[None, Array, Array]:
    """Gradient of a choice: it goes to the one that was taken, and none to the condition."""
    pieces = (np.where(condition, grad, 0), a), (np.where(condition, 0, grad), b)
    taken, left = (unbroadcast(piece, np.shape(x)) for piece, x in pieces)
    return None, taken, left


@cast.gradient
def cast_rule(grad: Array, output: Array, a: Array, *, dtype: Any) -> tuple[Array]:
    """Gradient of another dtype: `backward` gives it the dtype of the input again."""
    return (grad,)


@exponential.gradient
def exponential_rule(grad: Array, output: Array, a: Array, *, base: Any) -> tuple[Array]:
    """Gradient of base ** a; 0 to any positive exponent stays 0."""
    slope = output * np.log(np.where(np.equal(base, 0), 1, base))
    return (unbroadcast(grad * slope, a.shape),)


# cell: 5.8-topological-order
def parents(tensor: Tensor) -> list[Tensor]:
    """Return the inputs of a tensor that a gradient flows to."""
    inputs = tensor.node.inputs if tensor.node else ()
    return [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]


def topological_order(output: Tensor) -> list[Tensor]:
    """List everything `output` was made from and that requires a gradient, inputs first.

    Args:
        output: the tensor to start from; it comes last.

    Returns:
        Each tensor once, after all tensors it was made from.
    """
    order: list[Tensor] = []
    seen: set[int] = set()
    stack = [(output, False)]
    while stack:
        tensor, inputs_done = stack.pop()
        if inputs_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((x, False) for x in parents(tensor))
    return order


# cell: 5.9-backward
def input_gradients(node: Node, grad: Array, output: Array) -> Iterator[tuple[Tensor, Array]]:
    """Run a node's rule and yield (input, gradient) for the inputs that require one."""
    name = node.op.__name__
    if node.op.rule is None:
        raise RuntimeError(f"op {name} has no gradient rule yet; write one with @{name}.gradient")
    _, *arrays = node.seen.read(name)  # as they were: refused if changed in place since
    gradients = node.op.rule(*map(widened, (grad, output, *arrays)), **node.options)
    if len(gradients) != len(node.inputs):
        raise ValueError(
            f"the rule of {name} returned {len(gradients)} gradients for {len(node.inputs)} inputs"
        )
    for position, (x, gradient) in enumerate(zip(node.inputs, gradients, strict=True)):
        if not isinstance(x, Tensor) or not x.requires_grad or gradient is None:
            continue
        if np.shape(gradient) != x.shape:
            raise ValueError(
                f"the rule of {name} returned shape {np.shape(gradient)} for input {position} "
                f"of shape {x.shape}; is an unbroadcast missing?"
            )
        yield x, np.asarray(gradient, dtype=x.dtype)


def start_gradient(output: Tensor, grad: Any) -> Array:
    """Check the gradient that `backward` starts from; None means 1, for one element."""
    if not output.requires_grad:
        raise ValueError("backward() needs a tensor made from one with requires_grad=True")
    if grad is None and output.data.size != 1:
        raise ValueError(
            f"backward() starts from one number; shape is {output.shape}: "
            "sum it first, or pass grad= of that shape"
        )
    start = np.ones(output.shape) if grad is None else np.asarray(unwrap(grad))
    if start.shape != output.shape:
        raise ValueError(f"grad has shape {start.shape}, the tensor has {output.shape}")
    return start.astype(output.dtype)


def backward(output: Tensor, grad: Any = None) -> None:
    """Add the gradient of `output` to the `.grad` of every leaf it was made from.

    Args:
        output: the tensor to differentiate.
        grad: the gradient to start from, of its shape; None means 1, for a single element.

    Raises:
        ValueError: nothing to differentiate, a start of the wrong shape, or a faulty rule.
        RuntimeError: an op on the way has no rule; the message names it.

    Source: reverse-mode accumulation; Griewank and Walther 2008, chapter 3.
    """
    gradients = {id(output): start_gradient(output, grad)}
    for tensor in reversed(topological_order(output)):
        gradient = gradients.pop(id(tensor), None)
        if gradient is None:
            continue  # every rule on the way here returned None for it
        if tensor.node is None:
            tensor.grad = np.array(gradient if tensor.grad is None else tensor.grad + gradient)
            continue
        for x, part in input_gradients(tensor.node, gradient, tensor.data):
            gradients[id(x)] = gradients[id(x)] + part if id(x) in gradients else part


Op.backward_pass = backward  # the slot that Tensor.backward calls


# cell: 5.10-no-grad
@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the block."""
    before = Op.recording
    Op.recording = False
    try:
        yield
    finally:
        Op.recording = before


# cell: 5.11-check-gradient
def check_gradient(function: Callable[..., Tensor], *inputs: Any, eps: float = 1e-6) -> float:
    """Compare the gradients of a function of tensors with central differences, in float64.

    Args:
        function: takes one tensor for each input, returns a tensor of any shape.
        inputs: arrays or tensors of floats; they are copied, in the memory order they have.
        eps: the size of the nudge.

    Returns:
        The largest absolute difference over all inputs; NaN, if a gradient holds one.
    """
    leaves = [Tensor(np.array(unwrap(x), np.float64), True, np.float64) for x in inputs]
    output = function(*leaves)
    weights = np.random.default_rng(0).normal(size=output.shape)
    output.backward(weights)

    differences = []
    for leaf in leaves:

        def weighted_sum(values: Array, leaf: Tensor = leaf) -> float:
            leaf.data = values
            with no_grad():
                return float((function(*leaves).data * weights).sum())

        values = leaf.data
        found = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad
        expected = numeric_gradient(weighted_sum, values, eps)
        leaf.data = values
        differences.append(np.abs(found - expected).max(initial=0.0))
    return float(np.max(differences, initial=0.0))


__all__ = [
    "add_rule",
    "backward",
    "cast_rule",
    "check_gradient",
    "concatenate_rule",
    "divide_rule",
    "erf_rule",
    "exp_rule",
    "exponential_rule",
    "index_rule",
    "input_gradients",
    "log_rule",
    "masked_fill_rule",
    "matmul_rule",
    "max_rule",
    "multiply_rule",
    "no_grad",
    "numeric_gradient",
    "parents",
    "power_rule",
    "reshape_rule",
    "restore_dim",
    "stack_rule",
    "start_gradient",
    "subtract_rule",
    "sum_rule",
    "tanh_rule",
    "topological_order",
    "transpose_rule",
    "unbroadcast",
    "where_rule",
]
