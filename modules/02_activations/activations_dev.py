# %% [markdown]
# # 02. Activations
#
# An activation bends a number. Without one, any stack of layers is a single matrix product; module 03 shows that. One of
# them, softmax, turns scores into weights, and attention is built on it.
#
# **You will** write four operations on arrays, derive six functions from them, and make each one a callable layer. Two
# things need care: large numbers, and what will be remembered for the gradient.
#
# **Before you start:** module 01. **Time:** 2 to 3 hours.

# %% export-target
#| default_exp core.activations

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import activations_checks as checks

# %% imports
#| export
import math
from typing import Any

import numpy as np

from tinytorch.core.tensor import Array, Tensor, op
from tinytorch.error_function import error_function
from tinytorch.tensor_base import for_all_rows, in_float32

# %% [markdown]
# ## One example for the whole module
#
# A language model has read "the cat sat on the" and "the rocket flew to the". It gives a score to each of three next
# words: *mat*, *roof*, *moon*. A score is any number; higher means likelier. At the end of the module they will be
# probabilities.

# %% scores
words = ["mat", "roof", "moon"]
scores = np.array([[3.0, 1.0, -2.0], [-1.0, 0.0, 4.0]])  # (sentences, words)


# %% [markdown]
# The tests below take NumPy's warnings about overflow for failures: a warning in the forward pass is usually a NaN in the
# gradient.

# %% [markdown]
# ## Four operations
#
# ### Exercise 2.1: exp, log, tanh
#
# Each works number by number on an array; `@op` makes it work on tensors and remember. Their gradients come in module 05.
#
# $$\exp(x) = e^x \qquad \log(e^x) = x \qquad \tanh(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}}$$
#
# **Plan.** One line each. Do not type the fraction for tanh: $e^{1000}$ is larger than any float.
#
# <details><summary>Hint</summary>
#
# NumPy has all three under these names.
#
# </details>

# %% 2.1-exp
#| export
@op
def exp(a: Array) -> Any:
    """Raise e to each number; above 88.7 a float32 overflows to infinity."""
    ### BEGIN SOLUTION 2.1
    return np.exp(a)
    ### END SOLUTION


@op
def log(a: Array) -> Any:
    """Natural logarithm of each number; of 0 it is minus infinity, with a warning."""
    ### BEGIN SOLUTION 2.1
    return np.log(a)
    ### END SOLUTION


@op
def tanh(a: Array) -> Any:
    """Hyperbolic tangent of each number, between -1 and 1."""
    ### BEGIN SOLUTION 2.1
    return np.tanh(a)
    ### END SOLUTION


# %% test-2.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: exp, log, tanh...")
    checks.exp_log_tanh(exp, log, tanh)
    print("✅ exp, log, tanh: values, large numbers, remembered")


# %% [markdown]
# ### Exercise 2.2: erf
#
# The error function is an area under the bell curve. gelu needs it.
#
# $$\operatorname{erf}(x) = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2}\, dt$$
#
# NumPy has no erf (SciPy has), and Python's `math.erf` takes one number. For arrays of floats, `error_function` is given: it
# goes from the nearest point of a table by Taylor's series (`tinytorch/error_function.py`).
#
# **Plan.** 1. Floats keep their dtype; make integers float64. 2. Call `error_function`.
#
# <details><summary>Hint</summary>
#
# `a.dtype.kind` is `"f"` for floats; `a.astype(np.float64)` converts.
#
# </details>

# %% 2.2-erf
#| export
@op
def erf(a: Array) -> Any:
    """Error function of each number, between -1 and 1."""
    ### BEGIN SOLUTION 2.2
    values = np.asarray(a)
    return error_function(values if values.dtype.kind == "f" else values.astype(np.float64))
    ### END SOLUTION


# %% test-2.2 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: erf...")
    checks.erf(erf)
    print("✅ erf: values, shape, dtype")


# %% [markdown]
# ## Functions derived from operations
#
# From here on nothing is an op. Each function calls ops on tensors, so module 05 will differentiate it without a new
# rule. Fewer rules, fewer mistakes.
#
# The one thing never to do is `Tensor(np.something(x.data))`: it computes the right numbers and loses the memory.

# %% [markdown]
# ### Exercise 2.3: relu
#
# The rectified linear unit keeps what is positive.
#
# $$\text{relu}(x) = \begin{cases} x & x > 0 \\ 0 & x \le 0 \end{cases}$$
#
# At exactly 0 there is no slope. By convention it is 0 there, as in PyTorch, so 0 belongs to the filled part.
#
# <details><summary>Hint</summary>
#
# `masked_fill` of module 01, with a comparison as its mask.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Fill *where* `x <= 0`. A NaN is not `<= 0`, so it stays NaN and you see that something broke.
#
# </details>

# %% 2.3-relu
#| export
def relu(x: Tensor) -> Tensor:
    """Keep positive numbers and put 0 for the others; NaN stays NaN.

    Args:
        x: any shape.

    Returns:
        The same shape.

    Source: Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
    """
    ### BEGIN SOLUTION 2.3
    return x.masked_fill(x <= 0, 0.0)
    ### END SOLUTION


# %% test-2.3 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: relu...")
    checks.relu(relu, Tensor(scores), gives=[[3, 1, 0], [0, 0, 4]])
    print("✅ relu: values, 0, NaN, remembered")


# %% [markdown]
# ### Exercise 2.4: sigmoid
#
# Sigmoid squeezes any number between 0 and 1. The first form is the usual one; the second is the same function.
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}} = \tfrac12\left(1 + \tanh\frac{x}{2}\right)$$
#
# The first overflows: at $x = -1000$ it asks for $e^{1000}$. `tanh` stays between -1 and 1, so the second cannot.
#
# <details><summary>Hint</summary>
#
# Write the second form with the op `tanh`, not with `np.tanh`.
#
# </details>

# %% 2.4-sigmoid
#| export
def sigmoid(x: Tensor) -> Tensor:
    """Squeeze each number between 0 and 1, without overflow.

    Args:
        x: any shape.

    Returns:
        The same shape.
    """
    ### BEGIN SOLUTION 2.4
    return 0.5 * (1 + tanh(x / 2))
    ### END SOLUTION


# %% test-2.4 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: sigmoid...")
    checks.sigmoid(sigmoid, Tensor([0.0, math.log(3)]), gives=[1 / 2, 3 / 4])
    print("✅ sigmoid: values, ±1000, remembered")


# %% [markdown]
# ### Exercise 2.5: gelu
#
# relu decides by the sign of $x$. gelu weighs $x$ by the chance that a standard normal number is smaller: $\Phi(x)$, the
# area under the bell curve left of $x$.
#
# $$\text{gelu}(x) = x \cdot \Phi(x) \qquad \Phi(x) = \tfrac12\left(1 + \operatorname{erf}\frac{x}{\sqrt2}\right)$$
#
# It is smooth, and slightly negative below 0. BERT and GPT-2 use it.
#
# <details><summary>Hint</summary>
#
# `math.sqrt(2)` is a plain number, so it does not widen a float32 tensor.
#
# </details>

# %% 2.5-gelu
#| export
def gelu(x: Tensor) -> Tensor:
    """Weigh each number by the chance that a standard normal number is smaller.

    Args:
        x: any shape.

    Returns:
        The same shape.

    Source: Hendrycks & Gimpel 2016, "Gaussian error linear units", section 2.
    """
    ### BEGIN SOLUTION 2.5
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))
    ### END SOLUTION


# %% test-2.5 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: gelu...")
    checks.gelu(gelu)
    print("✅ gelu: x times the area left of x")


# %% [markdown]
# ### Exercise 2.6: gelu_tanh
#
# Without an erf at hand, tanh comes close. The same paper gives this form:
#
# $$\text{gelu\_tanh}(x) = \tfrac12\, x \left(1 + \tanh\left(\sqrt{2/\pi}\,\left(x + 0.044715\, x^3\right)\right)\right)$$
#
# It is another function, close to gelu. A model trained with one should run with the same one, so we keep both and name
# them apart. GPT-2 was trained with this one.
#
# <details><summary>Hint</summary>
#
# Name the inner bracket first; then the line is short. `x * x * x` is several times as fast as `x**3`: a power takes a
# logarithm and an exponential.
#
# </details>

# %% 2.6-gelu-tanh
#| export
@in_float32  # given: there the cube of 41 is too large for float16
def gelu_tanh(x: Tensor) -> Tensor:
    """Approximate `gelu` with tanh in place of the error function.

    Args:
        x: any shape.

    Returns:
        The same shape.

    Source: Hendrycks & Gimpel 2016, "Gaussian error linear units", section 2.
    """
    ### BEGIN SOLUTION 2.6
    inner = x + 0.044715 * x * x * x
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * inner))
    ### END SOLUTION


# %% test-2.6 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: gelu_tanh...")
    checks.gelu_tanh(gelu_tanh)
    print("✅ gelu_tanh: close to gelu, and named apart")

# %% [markdown]
# How far are the two apart?

# %% gelu-difference
if __name__ == "__main__":
    x = Tensor(np.linspace(-6, 6, 120_001), dtype=np.float64)
    apart = np.abs(gelu(x).data - gelu_tanh(x).data)
    print(f"largest difference: {apart.max():.6f}, at x = ±{abs(x.data[apart.argmax()]):.2f}")


# %% [markdown]
# ## The shapes of four functions
#
# Each strip shows one function from low (left) to high (right); read downwards for growing $x$. relu has a corner; gelu
# dips below 0 and is smooth. sigmoid and tanh flatten at both ends, and where a curve is flat no gradient passes.

# %% curves
def draw(functions, low=-4.0, high=4.0, rows=17, width=17):
    """Print each function as a strip of text, one line for each x."""
    points = Tensor(np.linspace(low, high, rows))
    columns = [function(points).data for function in functions]
    print("    x " + " ".join(f"{function.__name__:^{width}}" for function in functions))
    for row, x in enumerate(points.data):
        strips = []
        for column in columns:
            place = (column[row] - column.min()) / (column.max() - column.min())
            strips.append("|" + ("." * round(place * (width - 3)) + "*").ljust(width - 2) + "|")
        print(f"{x:5.1f} " + " ".join(strips))


if __name__ == "__main__":
    draw([relu, gelu, sigmoid, tanh])

# %% [markdown]
# ## Softmax
#
# Softmax makes scores into positive numbers that sum to 1. Exponentials make them positive; the sum divides.
#
# Written as it stands, it breaks: a float32 holds $e^{88}$ but not $e^{89}$. Scores of 1000 give infinity divided by
# infinity.

# %% overflow
import warnings

if __name__ == "__main__":
    for shift in (0, 1000):
        row = np.float32(scores[0] + shift)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            weights = np.exp(row) / np.exp(row).sum()
        told = sorted({str(warning.message) for warning in caught})
        print(f"the first row + {shift}: {weights.round(3).tolist()} {'; '.join(told)}")


# %% [markdown]
# ### Exercise 2.7: softmax
#
# Subtract one number $m$ from all scores of a row. It cancels:
#
# $$\text{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}} = \frac{e^{x_i - m}}{\sum_j e^{x_j - m}}$$
#
# Take $m = \max_j x_j$: every exponent is at most 0, so nothing overflows, and the sum is at least 1.
#
# Because $m$ cancels, no gradient runs through it. So take it from `x.detach()`, as a constant: `max` then needs no rule.
#
# (`@for_all_rows` is given: it lets float16 be computed in float32, and gives an empty tensor an empty result.)
#
# <details><summary>Hint</summary>
#
# Three lines: subtract the maximum, `exp`, divide by the sum. Both reductions run along `dim`, with `keepdims=True`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# The maximum is `x.detach().max(dim=dim, keepdims=True)`. One maximum for the whole tensor is not enough: a row far below
# it would be 0 divided by 0.
#
# </details>

# %% 2.7-softmax
#| export
@for_all_rows
def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Turn scores into positive weights that sum to 1 along `dim`.

    A score of -infinity gets weight 0. A row of nothing but -infinity has no softmax: NaN.

    Args:
        x: scores, any shape with at least one axis.
        dim: the axis along which the weights sum to 1.

    Returns:
        The weights, the same shape.

    Source: Goodfellow, Bengio & Courville 2016, "Deep Learning", section 4.1 (the maximum).
    """
    ### BEGIN SOLUTION 2.7
    shifted = x - x.detach().max(dim=dim, keepdims=True)
    weights = exp(shifted)
    return weights / weights.sum(dim=dim, keepdims=True)
    ### END SOLUTION


# %% test-2.7 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: softmax...")
    x = Tensor(np.log([[1.0, 2.0, 5.0]]))  # on paper: eighths
    checks.softmax(softmax, x, gives=[[1 / 8, 2 / 8, 5 / 8]])
    print("✅ softmax: which axis, large scores, -infinity, the maximum a constant")


# %% [markdown]
# ### Exercise 2.8: log_softmax
#
# Losses need the logarithm of a probability. `log(softmax(x))` fails where a weight rounds to 0. Take the logarithm on
# paper instead, with $m$ the maximum of the row:
#
# $$\log \text{softmax}(x)_i = (x_i - m) - \log \sum_j e^{x_j - m}$$
#
# The sum is at least 1, so its logarithm is safe.
#
# <details><summary>Hint</summary>
#
# `shifted` as in softmax; then `shifted` minus the logarithm of a sum of exponentials.
#
# </details>

# %% 2.8-log-softmax
#| export
@for_all_rows
def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Logarithm of softmax, finite where softmax itself would round to 0.

    Args:
        x: scores, any shape with at least one axis.
        dim: the axis along which the weights sum to 1.

    Returns:
        The logarithms of the weights, the same shape.
    """
    ### BEGIN SOLUTION 2.8
    shifted = x - x.detach().max(dim=dim, keepdims=True)
    return shifted - log(exp(shifted).sum(dim=dim, keepdims=True))
    ### END SOLUTION


# %% test-2.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: log_softmax...")
    checks.log_softmax(log_softmax)
    print("✅ log_softmax: values, which axis, no log of 0")

# %% [markdown]
# ## Use it
#
# The scores become probabilities, with or without 1000 added.

# %% use-it
if __name__ == "__main__":
    for shift in (0, 1000):
        rows = softmax(Tensor(scores + shift)).data
        for sentence, row in zip(
            ("the cat sat on the", "the rocket flew to the"), rows, strict=True
        ):
            pairs = zip(words, row, strict=True)
            weights = "  ".join(f"{word} {weight:.3f}" for word, weight in pairs)
            print(f"scores + {shift:<4} {sentence:>22}: {weights}")

# %% [markdown]
# ## Saturation
#
# Multiply the scores by a factor. The largest weight runs to 1, and then stops answering: the last column nudges the
# largest score up and down and measures how fast its weight follows. Where that is 0, no gradient gets through.
#
# Subtracting the maximum does not help: it cures overflow, and the weights stay the same. Module 12 cures saturation, by
# dividing the scores.

# %% saturation
if __name__ == "__main__":
    row, nudge = Tensor(scores[0], dtype=np.float64), np.array([0.5e-4, 0.0, 0.0])
    print("factor  weights                   slope of the largest")
    for factor in (0.1, 1.0, 2.0, 4.0, 8.0):
        x = factor * row
        slope = (softmax(x + nudge).data - softmax(x - nudge).data)[0] / 1e-4
        weights = " ".join(f"{weight:.5f}" for weight in softmax(x).data)
        print(f"{factor:6}  {weights:25} {slope:.1e}")


# %% [markdown]
# ## As layers
#
# A model is a list of things to call. `Softmax(dim=0)` is such a thing: it holds the setting, and calling it calls
# `softmax`. The base class is given: it makes an object callable and gives it a readable name.

# %% activation-class
#| export
class Activation:
    """A function of one tensor as an object, so that it can stand in a list of layers."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function; each subclass says which."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


# %% [markdown]
# ### Exercise 2.9: activation layers
#
# Seven `forward` methods, one line each. `GELU` is the exact form, `GELUTanh` the other.
#
# <details><summary>Hint</summary>
#
# `Softmax` and `LogSoftmax` hand on `self.dim`.
#
# </details>

# %% 2.9-layers
#| export
class ReLU(Activation):
    """`relu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return relu(x)
        ### END SOLUTION


class Sigmoid(Activation):
    """`sigmoid` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return sigmoid(x)
        ### END SOLUTION


class Tanh(Activation):
    """`tanh` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return tanh(x)
        ### END SOLUTION


class GELU(Activation):
    """`gelu`, the exact form, as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return gelu(x)
        ### END SOLUTION


class GELUTanh(Activation):
    """`gelu_tanh`, the approximate form, as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return gelu_tanh(x)
        ### END SOLUTION


class Softmax(Activation):
    """`softmax` along `dim` as a layer."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return softmax(x, dim=self.dim)
        ### END SOLUTION


class LogSoftmax(Activation):
    """`log_softmax` along `dim` as a layer."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION 2.9
        return log_softmax(x, dim=self.dim)
        ### END SOLUTION


# %% test-2.9 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: activation layers...")
    classes = {ReLU: relu, Sigmoid: sigmoid, Tanh: tanh, GELU: gelu, GELUTanh: gelu_tanh}
    checks.layers(classes | {Softmax: softmax, LogSoftmax: log_softmax})

# %% [markdown]
# ## What is left out, and why
#
# - **Small sigmoids.** In float32, $1 + \tanh$ loses digits as $\sigma(x)$ gets small, and is 0 at $x = -20$ (printed
#   below). A loss that needs $\log \sigma(x)$ should be written for it, as log_softmax is for softmax.
# - **A row of nothing but -infinity.** It has no softmax. Module 12 hides scores with -1e9 and sets such rows to 0.
# - **Swish, leaky relu and others.** Each is one line of the ops you have.

# %% small-sigmoids
if __name__ == "__main__":
    for x in (-10.0, -15.0, -20.0):
        ours, exact = sigmoid(Tensor(x)).item(), 1 / (1 + math.exp(-x))
        print(f"sigmoid({x:.0f}) in float32: {ours:.3e}   exact: {exact:.3e}")

# %% [markdown]
# ## Report

# %% report
if __name__ == "__main__":
    layers = [each.__name__ for each in Activation.__subclasses__()]
    print(f"📈 Progress: Activations ✓  (4 ops; {len(layers)} layers: {', '.join(layers)})")
    print("💡 Next: tito module complete 02, then module 03 (layers)")
