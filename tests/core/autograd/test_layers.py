"""What gradients reach in a layer: nothing that is frozen, and zeros from empty inputs."""

import numpy as np
import pytest

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.tensor import Tensor


def test_no_gradient_reaches_what_is_frozen_and_thawing_brings_it_back() -> None:
    layer = Linear(1, 1)
    for parameter in layer.parameters():
        parameter.requires_grad = False
    assert not layer(Tensor([3.0])).requires_grad
    layer.weight.requires_grad = True
    with no_grad():
        assert not layer(Tensor([3.0])).requires_grad
    layer(Tensor([3.0])).backward()
    assert layer.weight.grad.tolist() == [[3]] and layer.bias.grad is None


@pytest.mark.parametrize("shape", [(0, 2), (3, 0, 2), (0, 3, 2)])
def test_empty_inputs_give_empty_results_and_gradients_of_zero(shape) -> None:
    model = Sequential(Linear(2, 3), Dropout(0.5), Linear(3, 5))
    output = model(Tensor(np.zeros(shape)))
    assert output.shape == (*shape[:-1], 5)
    output.sum().backward()
    assert all(not parameter.grad.any() for parameter in model.parameters())
