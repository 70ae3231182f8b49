"""The fused functions are drop-ins; attention goes through every other test of this folder, too."""

import numpy as np
import pytest

from tests.core.draw import assert_close, normal, tensors
from tinytorch import fused
from tinytorch.core import activations
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import check_gradient
from tinytorch.core.tensor import Tensor

SHAPES = [(), (1,), (0, 3), (7, 5), (3, fused.PIECE // 2 + 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_gelu_and_its_gradient_are_those_of_the_composed_one(shape) -> None:
    array, grad = normal(1, shape, shape)
    outputs, gradients = [], []
    for gelu in (fused.gelu_tanh, activations.gelu_tanh):
        (x,) = tensors([3 * array])
        output = gelu(x)
        output.backward(grad)
        outputs.append(output)
        gradients.append(x.grad)
    assert_close(*outputs, 1e-14)
    assert_close(*gradients, 1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gelu_keeps_the_dtype(dtype) -> None:
    x = Tensor(np.linspace(-9, 9, 23).astype(dtype), requires_grad=True, dtype=dtype)
    output = fused.gelu_tanh(x)
    output.sum().backward()
    assert output.dtype == x.grad.dtype == dtype


def test_gelu_of_a_view_of_a_transposed_array() -> None:
    (array,) = normal(2, (5, 7))
    assert check_gradient(fused.gelu_tanh, array.T) < 1e-8
    assert_close(fused.gelu_tanh(Tensor(array.T)), fused.gelu_tanh(Tensor(array)).data.T, 0)


def test_gelu_changes_nothing_it_was_given() -> None:
    array, grad = normal(3, (7, 5), (7, 5))
    before = array.copy(), grad.copy()
    output = fused.gelu_tanh.forward(array)
    kept = output.copy()
    fused.gelu_tanh.rule(grad, output, array)
    assert_close(array, before[0], 0)
    assert_close(grad, before[1], 0)
    assert_close(output, kept, 0)


def test_float32_agrees_with_the_matrix_form_as_far_as_float32_goes(record_worst) -> None:
    arrays = normal(4, (2, 3, 61, 32), (2, 3, 61, 32), (2, 3, 61, 32))
    mask = np.tril(np.ones((61, 61)))
    results = []
    for attention in (fused.attention, vectorized_attention):
        leaves = tensors(arrays, np.float32)
        output, weights = attention(*leaves, mask)
        output.backward(arrays[0].astype(np.float32))
        results.append([output.data, weights.data, *(x.grad for x in leaves)])
    worst = max(float(abs(a - b).max()) for a, b in zip(*results, strict=True))
    record_worst("fused and matrix attention, float32", worst)
    assert worst < 1e-5
