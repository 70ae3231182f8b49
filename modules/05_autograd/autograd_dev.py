# %% [markdown]
# # 05. Autograd
#
# Module 01 taught tensors to remember how they were made. Now you use that memory: walk it backwards, and every number
# that went in learns how much it moves the result.
#
# **You will** write a gradient rule for each op of modules 01 and 02, the pass that chains them, and the check that finds
# a wrong one.
#
# **Before you start:** modules 01 and 02; the chain rule. **Time:** 4 to 5 hours.

# %% export-target
#| default_exp core.autograd

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import autograd_checks as checks

# %% imports
#| export
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

# %% [markdown]
# ## One example for the whole module
#
# A model with one weight predicts $y = w x$. The data say $y = 2x$, the weight starts at 1. The loss is the mean squared
# error:
#
# $$L = \tfrac{1}{3}\sum_i (w x_i - y_i)^2 \qquad \frac{dL}{dw} = \tfrac{2}{3}\sum_i x_i (w x_i - y_i)$$
#
# On paper, at $w = 1$: $L = (1 + 4 + 9)/3 = 14/3$ and $dL/dw = \tfrac23(-1-4-9) = -28/3$.

# %% example
x_data = np.array([1.0, 2.0, 3.0])
y_data = np.array([2.0, 4.0, 6.0])


def loss_of(w: Tensor) -> Tensor:
    """Mean squared error of the model y = w x on the three points."""
    return ((w * x_data - y_data) ** 2).mean()


# %% [markdown]
# ### Exercise 5.1: numeric_gradient
#
# Before you write gradients, build what will catch the wrong ones. Nudge one number up and down, and see how the result
# moves:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + \epsilon e_i) - f(x - \epsilon e_i)}{2\epsilon}$$
#
# Two-sided: its error shrinks with $\epsilon^2$, the one-sided difference's only with $\epsilon$.
#
# **Plan.** For every position: nudge, call, nudge the other way, call, **put the number back**.
#
# <details><summary>Hint</summary>
#
# `for i in np.ndindex(x.shape)` visits every position, for any number of axes; `x[i]` reads and writes it.
#
# </details>

# %% 5.1-numeric-gradient
#| export
def numeric_gradient(function: Callable[[Array], float], x: Array, eps: float = 1e-6) -> Array:
    """Estimate the gradient of a number-valued function by central differences.

    Args:
        function: takes an array of the shape of `x`, returns one number.
        x: float64 array of any shape; it is nudged and restored.
        eps: the size of the nudge.

    Returns:
        An array of the shape of `x`.
    """
    ### BEGIN SOLUTION 5.1
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
    ### END SOLUTION


# %% test-5.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: numeric_gradient...")
    checks.numeric_gradient(numeric_gradient)
    cube, at = (lambda x: float((x**3).sum())), np.ones(1)  # the slope of x³ at 1 is 3
    one = abs((cube(at + 0.001) - cube(at)) / 0.001 - 3)
    both = abs(numeric_gradient(cube, at, eps=0.001)[0] - 3)
    print(f"✅ central differences; at eps = 0.001 one side errs by {one:.0e}, both by {both:.0e}")


# %% [markdown]
# ### Exercise 5.2: unbroadcast
#
# In `prices + fee` one fee served three fruits. Its gradient is the **sum** over the three places it went. Broadcasting
# copies; the gradient of a copy adds up.
#
# $$g_{\text{fee},i} = \sum_j g_{ij} \qquad (2, 3) \to (2, 1)$$
#
# **Plan.** 1. Sum away the axes that broadcasting put in front. 2. Sum, keeping a 1, the axes that were stretched from
# size 1.
#
# <details><summary>Hint</summary>
#
# In front stand `grad.ndim - len(shape)` new axes. `np.sum` takes a tuple of axes, and `keepdims=True`.
#
# </details>

# %% 5.2-unbroadcast
#| export
def unbroadcast(grad: Array, shape: Sequence[int]) -> Array:
    """Sum a gradient over everything that broadcasting copied.

    Args:
        grad: the gradient of a broadcast result.
        shape: the shape that one input had.

    Returns:
        The gradient of that input, of shape `shape`.
    """
    ### BEGIN SOLUTION 5.2
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and grad.shape[i] != 1)
    return grad.sum(axis=stretched, keepdims=True) if stretched else grad
    ### END SOLUTION


# %% test-5.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: unbroadcast...")
    checks.unbroadcast(unbroadcast, [[1, 2, 3], [4, 5, 6]], (2, 1), gives=[[6], [15]])
    print("✅ copies add up; the shape is the input's again")


# %% [markdown]
# ## What a rule is
#
# A rule answers one question: if the loss moves by `grad` for each unit of the *output*, how much does it move for each
# unit of each *input*?
#
# `rule(grad, output, *inputs, **options)` returns a tuple: one gradient an input, of that input's shape. Everything is a
# plain array. `@add.gradient` files it.
#
# The next cell is given: it compares a rule with central differences, for a random `grad`.

# %% [markdown]
# ### Exercise 5.3: rules of the elementwise ops
#
# $$c = a + b:\; g, g \qquad c = a - b:\; g, -g \qquad c = ab:\; g b,\; g a$$
# $$c = a / b:\; \frac{g}{b},\; -\frac{g\, a}{b^2} \qquad c = a^p:\; g\, p\, a^{p-1}$$
#
# **Plan.** Write each formula, then `unbroadcast` to the shape of its input. `np.shape` also works for plain numbers.
#
# <details><summary>Hint</summary>
#
# `output` saves work: $a/b^2$ is `output / b`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# At exponent 0 the formula asks for $0 \cdot 0^{-1}$. Where the exponent is 0, any other power will do, since it is
# multiplied by 0: `np.where(exponent == 0, 1, exponent - 1)`.
#
# </details>

# %% 5.3-elementwise-rules
#| export
@add.gradient
def add_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a + b."""
    ### BEGIN SOLUTION 5.3
    return unbroadcast(grad, np.shape(a)), unbroadcast(grad, np.shape(b))
    ### END SOLUTION


@subtract.gradient
def subtract_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a - b."""
    ### BEGIN SOLUTION 5.3
    return unbroadcast(grad, np.shape(a)), unbroadcast(-grad, np.shape(b))
    ### END SOLUTION


@multiply.gradient
def multiply_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a * b."""
    ### BEGIN SOLUTION 5.3
    return unbroadcast(grad * b, np.shape(a)), unbroadcast(grad * a, np.shape(b))
    ### END SOLUTION


@divide.gradient
def divide_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a / b."""
    ### BEGIN SOLUTION 5.3
    return unbroadcast(grad / b, np.shape(a)), unbroadcast(-grad * output / b, np.shape(b))
    ### END SOLUTION


@power.gradient
def power_rule(grad: Array, output: Array, a: Array, *, exponent: Any) -> tuple[Array]:
    """Gradient of a ** exponent; the exponent is a constant."""
    ### BEGIN SOLUTION 5.3
    less = np.where(np.equal(exponent, 0), 1, exponent - 1)
    less = less if less.ndim else less.item()  # NumPy squares fast for a plain 2, not for an array
    return (unbroadcast(grad * exponent * a**less, a.shape),)
    ### END SOLUTION


# %% test-5.3 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: rules of the elementwise ops...")
    checks.elementwise_rules([add, subtract, multiply, divide], power)
    print("✅ add, subtract, multiply, divide, power")


# %% [markdown]
# ### Exercise 5.4: the rule of matmul
#
# $$C = AB: \qquad g_A = g_C\, B^T \qquad g_B = A^T g_C$$
#
# Shapes alone nearly force this: $g_C$ is (n, m), and only $g_C B^T$ comes out as (n, k). The transposes are of the last
# two axes; leading axes may have been broadcast.
#
# **Plan.** 1. Make a vector a matrix: one row on the left, one column on the right. 2. Give `grad` the same missing
# axes. 3. The two products, each unbroadcast. 4. Back to the shapes of the inputs.
#
# <details><summary>Hint</summary>
#
# `np.swapaxes(b, -2, -1)` transposes the last two axes of a stack of matrices; `.T` would turn all axes round.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# With one matrix `b` for a stack of `a`, `np.tensordot` over all leading axes is one product instead of many and their sum.
# With `b` a vector, `grad[..., None]` puts its lost axis back; with `a` a vector, `grad[..., None, :]`, after that.
#
# </details>

# %% 5.4-matmul-rule
#| export
@matmul.gradient
def matmul_rule(grad: Array, output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Gradient of a @ b. grad: (..., n, m), a: (..., n, k), b: (..., k, m)."""
    ### BEGIN SOLUTION 5.4
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
    ### END SOLUTION


# %% test-5.4 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: the rule of matmul...")
    checks.matmul_rule(matmul)
    print("✅ matrices, stacks, broadcast stacks, vectors, transposed views")


# %% [markdown]
# ### Exercise 5.5: rules of the reductions
#
# Every summand moves the sum by the same amount, so the gradient of a sum is a copy of `grad` in every place:
#
# $$s_i = \sum_j x_{ij}: \quad g_{x,ij} = g_i$$
#
# Only the largest element moves a maximum. Elements that tie share the gradient equally.
#
# **Plan.** Put the lost axis back into `grad`, then broadcast to the shape of the input. For `max` multiply by each
# element's share.
#
# <details><summary>Hint</summary>
#
# `np.expand_dims(grad, dim)` puts axes back; it is not needed when `keepdims` is True or `dim` is None.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# The winners: `a == restored(output)`. A share: winners divided by how many there are along `dim`.
#
# </details>

# %% 5.5-reduction-rules
#| export
def restore_dim(reduced: Array, shape: Sequence[int], dim: Dim, keepdims: bool) -> Array:
    """Copy a reduced array back over the axes that were reduced; the result has shape `shape`."""
    ### BEGIN SOLUTION 5.5
    if dim is not None and not keepdims:
        reduced = np.expand_dims(reduced, dim)
    return np.broadcast_to(reduced, tuple(shape))
    ### END SOLUTION


@reduce_sum.gradient
def sum_rule(
    grad: Array, output: Array, a: Array, *, dim: Dim = None, keepdims: bool = False
) -> tuple[Array]:
    """Gradient of a sum over `dim`."""
    ### BEGIN SOLUTION 5.5
    return (restore_dim(grad, a.shape, dim, keepdims),)
    ### END SOLUTION


@reduce_max.gradient
def max_rule(
    grad: Array, output: Array, a: Array, *, dim: Dim = None, keepdims: bool = False
) -> tuple[Array]:
    """Gradient of a maximum over `dim`; ties share it equally, as in PyTorch's amax."""
    ### BEGIN SOLUTION 5.5
    winners = a == restore_dim(output, a.shape, dim, keepdims)
    share = winners / winners.sum(axis=dim, keepdims=True)
    return (restore_dim(grad, a.shape, dim, keepdims) * share,)
    ### END SOLUTION


# %% test-5.5 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: rules of the reductions...")
    checks.reduction_rules(reduce_sum, reduce_max)
    print("✅ sum copies, max picks, ties share")


# %% [markdown]
# ### Exercise 5.6: rules of the moves
#
# What moved there must move back.
#
# - `transpose`: swap the same two axes again.
# - `reshape`: reshape to the shape of the input.
# - `index`: zeros, with `grad` *added* at the picked places. A place that was picked twice gets both.
# - `masked_fill`: a filled place no longer depends on the input, so its gradient is 0.
#
# <details><summary>Hint</summary>
#
# `total[key] += grad` loses repeats: NumPy reads once and writes once. `np.add.at(total, key, grad)` adds each.
#
# </details>

# %% 5.6-move-rules
#| export
@transpose.gradient
def transpose_rule(grad: Array, output: Array, a: Array, *, dim0: int, dim1: int) -> tuple[Array]:
    """Gradient of swapping two axes."""
    ### BEGIN SOLUTION 5.6
    return (np.swapaxes(grad, dim0, dim1),)
    ### END SOLUTION


@reshape.gradient
def reshape_rule(grad: Array, output: Array, a: Array, *, shape: Any) -> tuple[Array]:
    """Gradient of a reshape."""
    ### BEGIN SOLUTION 5.6
    return (grad.reshape(a.shape),)
    ### END SOLUTION


@index.gradient
def index_rule(grad: Array, output: Array, a: Array, *, key: Any) -> tuple[Array]:
    """Gradient of a[key]; what was picked twice gets both gradients."""
    ### BEGIN SOLUTION 5.6
    total = np.zeros(a.shape, a.dtype)
    np.add.at(total, key, grad)
    return (total,)
    ### END SOLUTION


@masked_fill.gradient
def masked_fill_rule(
    grad: Array, output: Array, a: Array, *, where: Array, value: float
) -> tuple[Array]:
    """Gradient of a fill: nothing flows through a filled place."""
    ### BEGIN SOLUTION 5.6
    return (np.where(where, 0, grad),)
    ### END SOLUTION


# %% test-5.6 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: rules of the moves...")
    checks.move_rules(transpose, reshape, index, masked_fill)
    print("✅ transpose, reshape, index with repeats, masked_fill")


# %% [markdown]
# ### Exercise 5.7: rules of the curves
#
# $$e^x:\; g\, e^x \qquad \ln x:\; \frac{g}{x} \qquad \tanh x:\; g\,(1 - \tanh^2 x) \qquad \operatorname{erf} x:\; g\, \frac{2}{\sqrt\pi} e^{-x^2}$$
#
# Two of them hold their own result: use `output` and compute nothing twice.
#
# <details><summary>Hint</summary>
#
# For `exp`, `output` *is* $e^x$.
#
# </details>

# %% 5.7-curve-rules
#| export
@exp.gradient
def exp_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of e^x."""
    ### BEGIN SOLUTION 5.7
    return (grad * output,)
    ### END SOLUTION


@log.gradient
def log_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of the natural logarithm."""
    ### BEGIN SOLUTION 5.7
    return (grad / x,)
    ### END SOLUTION


@tanh.gradient
def tanh_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of tanh."""
    ### BEGIN SOLUTION 5.7
    return (grad * (1 - output**2),)
    ### END SOLUTION


@erf.gradient
def erf_rule(grad: Array, output: Array, x: Array) -> tuple[Array]:
    """Gradient of the error function."""
    ### BEGIN SOLUTION 5.7
    return (grad * (2 / math.sqrt(math.pi)) * np.exp(-(x**2)),)
    ### END SOLUTION


# %% test-5.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: rules of the curves...")
    checks.curve_rules(exp, log, tanh, erf)
    print("✅ exp, log, tanh, erf")


# %% [markdown]
# ## Rules of the given ops
#
# Given, since each is one you know: what was joined is cut apart again, what `where` did not take gets 0, and
# $b^x = e^{x \ln b}$.

# %% given-rules
#| export
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


# %% [markdown]
# ## From one rule to all
#
# The loss was made from the mean, the mean from squares, the squares from differences... Walking back, a tensor may be
# met **before** all its gradients have arrived:
#
# ```
#        ┌── a ──┐
#   x ───┤       ├── c        c = a·b,  a = x + 1,  b = x·x
#        └── b ──┘
# ```
#
# `x` gets one gradient through `a`, one through `b`. It may pass on only when both are in. So: an order in which every
# tensor comes after its inputs; then walk it backwards.

# %% [markdown]
# ### Exercise 5.8: topological_order
#
# **Plan.** Depth first, without recursion: Python gives up after 1,000 nested calls, and graphs are longer. Keep a stack
# of (tensor, whether its inputs are done).
#
# 1. Pop. Inputs done: append it to the order. 2. Seen before: skip. 3. Otherwise push it back as done, and push its inputs
# above it.
#
# <details><summary>Hint</summary>
#
# "Seen" must compare *which* tensor, not its numbers: keep `id(tensor)` in a set.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Only tensors with `requires_grad` matter; among a node's inputs there may be plain numbers.
#
# </details>

# %% 5.8-topological-order
#| export
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
    ### BEGIN SOLUTION 5.8
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
    ### END SOLUTION


# %% test-5.8 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: topological_order...")
    checks.topological_order(topological_order)
    print("✅ inputs first, each once, 10,000 deep without recursion")


# %% [markdown]
# ### Exercise 5.9: backward
#
# $$g_x = \sum_{\text{each use of } x} \text{rule}(g_{\text{output of that use}})$$
#
# **Plan.** 1. Start with `{id(output): ones}`. 2. Walk the order backwards. 3. A tensor with a node hands its gradient to
# the rule, and *adds* what comes back to each input's entry. 4. A tensor without a node is a leaf: **add** the gradient
# to its `.grad`.
#
# `input_gradients` below is given: it calls the rule and checks what it returns.
#
# <details><summary>Hint</summary>
#
# `gradients.pop(id(tensor), None)` reads an entry and frees it; None means that no gradient came this way.
# `gradients.get(id(x), 0) + gradient` adds to one.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# A rule may hand on its own `grad`, or a view of it. A leaf that stored it uncopied would share its gradient with
# another: `np.array(...)` copies.
#
# </details>

# %% 5.9-backward
#| export
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
    ### BEGIN SOLUTION 5.9
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
    ### END SOLUTION


Op.backward_pass = backward  # the slot that Tensor.backward calls

# %% test-5.9 points=5
if __name__ == "__main__":
    print("🔬 Unit Test: backward...")
    checks.backward(loss_of)
    print("✅ the example of the module, diamonds, reuse, accumulation")

# %% [markdown]
# ## Use it: learn the weight
#
# Step against the gradient, a few times. The data were made with $w = 2$.

# %% learn
if __name__ == "__main__":
    w = Tensor(1.0, requires_grad=True)
    for step in range(6):
        w.zero_grad()
        loss = loss_of(w)
        loss.backward()
        print(f"step {step}: w = {w.item():.4f}  loss = {loss.item():.4f}  gradient = {w.grad:.4f}")
        w.data = w.data - 0.1 * w.grad


# %% [markdown]
# ### Exercise 5.10: no_grad
#
# Evaluating a model needs no memory of it. Inside `with no_grad():` nothing is recorded. Outside, all is as before, even
# when the block failed, and even when blocks are nested. (`Op.recording` is a switch of each thread's own.)
#
# **Plan.** Remember `Op.recording`, set it to False, `yield`, and put back what it *was*.
#
# <details><summary>Hint</summary>
#
# `try: yield` and `finally:` put it back in every case.
#
# </details>

# %% 5.10-no-grad
#| export
@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the block."""
    ### BEGIN SOLUTION 5.10
    before = Op.recording
    Op.recording = False
    try:
        yield
    finally:
        Op.recording = before
    ### END SOLUTION


# %% test-5.10 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: no_grad...")
    checks.no_grad(no_grad)
    print("✅ off inside, as before outside")


# %% [markdown]
# ### Exercise 5.11: check_gradient
#
# The check for whole functions of tensors, and the tool you will use in every later module. A function that returns many
# numbers is checked through one random weighted sum of them: a plain sum can hide errors that cancel.
#
# **Plan.** 1. Make float64 leaves of the inputs. 2. Run the function; draw weights of the output's shape; `backward` with
# the weights as `grad`. 3. Compare each leaf's `.grad` with `numeric_gradient`. 4. Return the largest difference, NaN if
# there is one: `np.max` keeps it; Python's `max(0.0, nan)` is 0, and a broken rule would pass.
#
# <details><summary>Hint</summary>
#
# For leaf `k`, the function of one array is: put the array into leaf `k`'s place, run, multiply by the weights, sum.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Let the function put its argument into `leaf.data` and run on the leaves, inside `no_grad`. A leaf no gradient reached has
# `.grad` None: count it as zeros.
#
# </details>

# %% 5.11-check-gradient
#| export
def check_gradient(function: Callable[..., Tensor], *inputs: Any, eps: float = 1e-6) -> float:
    """Compare the gradients of a function of tensors with central differences, in float64.

    Args:
        function: takes one tensor for each input, returns a tensor of any shape.
        inputs: arrays or tensors of floats; they are copied, in the memory order they have.
        eps: the size of the nudge.

    Returns:
        The largest absolute difference over all inputs; NaN, if a gradient holds one.
    """
    ### BEGIN SOLUTION 5.11
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
    ### END SOLUTION


# %% test-5.11 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: check_gradient...")
    checks.check_gradient(check_gradient)
    print("✅ right gradients pass, wrong and lost ones are reported")


# %% [markdown]
# ## Every op, checked
#
# Each op of modules 01 and 02 in float64: on a plain input, on a transposed view, and on an input that broadcasts. The ops
# are read from the modules; only what an op wants besides one array or two of a shape stands in the list.

# %% every-op
def worst_difference(call, arrays):
    """Check a call on arrays as they are, on views of transposed ones, and on broadcast ones."""
    flat = [np.ascontiguousarray(x.T) for x in arrays]
    thin = [x[..., :1] for x in arrays]
    plain = check_gradient(call, *arrays)
    viewed = check_gradient(lambda *leaves: call(*(x.transpose(0, 1) for x in leaves)), *flat)
    stretched = check_gradient(lambda *leaves: call(*(x + np.zeros((2, 3)) for x in leaves)), *thin)
    return max(plain, viewed, stretched)


if __name__ == "__main__":
    a, b = np.random.default_rng(1).uniform(1, 2, (2, 2, 3))
    ways = {
        "matmul": lambda a, b: matmul(a, b.T),
        "power": lambda a: a**3,
        "exponential": lambda a: 2**a,
        "transpose": lambda a: a.transpose(0, 1),
        "reshape": lambda a: a.reshape(3, 2),
        "index": lambda a: a[[1, 0, 1]],
        "masked_fill": lambda a: a.masked_fill([1, 0, 0], 0.0),
        "cast": lambda a: cast(a, dtype=np.float64),
        "where": lambda a, b: where([True, False, True], a, b),
        "concatenate": lambda a, b: concatenate([a, b], dim=1),
        "stack": lambda a, b: stack([a, b], dim=1),
    }
    modules = [sys.modules[op.__module__] for op in (add, exp)]
    ops = [x for module in modules for x in vars(module).values() if isinstance(x, Op)]
    for name, operation in {op.__name__: op for op in ops}.items():
        call = ways.get(name, operation)
        inputs = (call if name in ways else operation.forward).__code__.co_argcount
        print(f"{name:12} largest difference {worst_difference(call, [a, b][:inputs]):.0e}")

# %% [markdown]
# ## Memory goes with the tensor
#
# Nodes point backwards only. There is no circle, so Python frees a graph the moment its last tensor is dropped; the
# garbage collector has nothing to do.

# %% freed
if __name__ == "__main__":
    import gc
    import weakref

    gc.disable()
    x = Tensor(1.0, requires_grad=True)
    middle = x * 2
    alive = weakref.ref(middle)
    result = middle + 1
    del middle
    print("the middle of the graph lives while the result does:", alive() is not None)
    del result
    print("and is freed with it:", alive() is None)
    gc.enable()

# %% [markdown]
# ## The silent mistake
#
# `Tensor(x.data * 2)` computes the right number and forgets where it came from. Nothing warns. Later modules therefore
# never wrap a raw array inside a forward, and `check_gradient` finds it where somebody did.

# %% silent-mistake
if __name__ == "__main__":
    print("2x, remembered:", check_gradient(lambda x: x * 2, np.ones(3)))
    cut = lambda x: Tensor(x.data * 2, dtype=np.float64) + 0 * x  # noqa: E731
    print("2x, memory cut:", check_gradient(cut, np.ones(3)))

# %% [markdown]
# ## What is left out, and why
#
# - **Gradients of gradients.** Rules are plain array functions, so backward itself is not recorded. PyTorch can
#   (`create_graph=True`).
# - **Changes in place.** A tensor that a rule needs and that was changed in place since is an error in `backward`, as in
#   PyTorch. Writing into `x.data[...]` goes unnoticed, in both.
# - **Freeing during backward.** PyTorch drops each node once used; here the graph lives until its result does, so
#   `backward` can run twice.
#
# ## Report

# %% report
if __name__ == "__main__":
    ops = {value for value in list(globals().values()) if isinstance(value, Op)}
    ruled = [each for each in ops if each.rule is not None]
    print(f"📈 Progress: Autograd ✓  ({len(ruled)} of {len(ops)} ops have a gradient rule)")
    print("💡 Next: tito module complete 05, then module 11 (embeddings)")
