# 02. Activations
# Made from modules/02_activations/activations_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: b1ad4eb4f8a22e6834e77e0fff1fa1cd1828fbee92f45a257f6ed6f1ca5e4c01


# cell: imports
import math
from typing import Any

import numpy as np

from tinytorch.core.tensor import Array, Tensor, op
from tinytorch.error_function import error_function
from tinytorch.tensor_base import for_all_rows, in_float32


# cell: 2.1-exp
@op
def exp(a: Array) -> Any:
    """Raise e to each number; above 88.7 a float32 overflows to infinity."""
    return np.exp(a)


@op
def log(a: Array) -> Any:
    """Natural logarithm of each number; of 0 it is minus infinity, with a warning."""
    return np.log(a)


@op
def tanh(a: Array) -> Any:
    """Hyperbolic tangent of each number, between -1 and 1."""
    return np.tanh(a)


# cell: 2.2-erf
@op
def erf(a: Array) -> Any:
    """Error function of each number, between -1 and 1."""
    values = np.asarray(a)
    return error_function(values if values.dtype.kind == "f" else values.astype(np.float64))


# cell: 2.3-relu
def relu(x: Tensor) -> Tensor:
    """Keep positive numbers and put 0 for the others; NaN stays NaN.

    Args:
        x: any shape.

    Returns:
        The same shape.

    Source: Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
    """
    return x.masked_fill(x <= 0, 0.0)


# cell: 2.4-sigmoid
def sigmoid(x: Tensor) -> Tensor:
    """Squeeze each number between 0 and 1, without overflow.

    Args:
        x: any shape.

    Returns:
        The same shape.
    """
    return 0.5 * (1 + tanh(x / 2))


# cell: 2.5-gelu
def gelu(x: Tensor) -> Tensor:
    """Weigh each number by the chance that a standard normal number is smaller.

    Args:
        x: any shape.

    Returns:
        The same shape.

    Source: Hendrycks & Gimpel 2016, "Gaussian error linear units", section 2.
    """
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


# cell: 2.6-gelu-tanh
@in_float32  # given: there the cube of 41 is too large for float16
def gelu_tanh(x: Tensor) -> Tensor:
    """Approximate `gelu` with tanh in place of the error function.

    Args:
        x: any shape.

    Returns:
        The same shape.

    Source: Hendrycks & Gimpel 2016, "Gaussian error linear units", section 2.
    """
    inner = x + 0.044715 * x * x * x
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * inner))


# cell: 2.7-softmax
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
    shifted = x - x.detach().max(dim=dim, keepdims=True)
    weights = exp(shifted)
    return weights / weights.sum(dim=dim, keepdims=True)


# cell: 2.8-log-softmax
@for_all_rows
def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Logarithm of softmax, finite where softmax itself would round to 0.

    Args:
        x: scores, any shape with at least one axis.
        dim: the axis along which the weights sum to 1.

    Returns:
        The logarithms of the weights, the same shape.
    """
    shifted = x - x.detach().max(dim=dim, keepdims=True)
    return shifted - log(exp(shifted).sum(dim=dim, keepdims=True))


# cell: activation-class
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


# cell: 2.9-layers
class ReLU(Activation):
    """`relu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


class Sigmoid(Activation):
    """`sigmoid` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)


class Tanh(Activation):
    """`tanh` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return tanh(x)


class GELU(Activation):
    """`gelu`, the exact form, as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return gelu(x)


class GELUTanh(Activation):
    """`gelu_tanh`, the approximate form, as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return gelu_tanh(x)


class Softmax(Activation):
    """`softmax` along `dim` as a layer."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return softmax(x, dim=self.dim)


class LogSoftmax(Activation):
    """`log_softmax` along `dim` as a layer."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return log_softmax(x, dim=self.dim)


__all__ = [
    "GELU",
    "Activation",
    "GELUTanh",
    "LogSoftmax",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "erf",
    "exp",
    "gelu",
    "gelu_tanh",
    "log",
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
