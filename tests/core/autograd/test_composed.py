"""Gradients through activations and layers, checked in float64 against central differences."""

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core import activations
from tinytorch.core.autograd import check_gradient
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.tensor import Tensor

FUNCTIONS = ["relu", "sigmoid", "gelu", "gelu_tanh", "softmax", "log_softmax", "tanh"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_of_an_activation_is_right(name) -> None:
    function = getattr(activations, name)
    x = 2 * normal(0, (2, 3, 5))[0]
    assert np.abs(x).min() > 1e-3  # clear of the corner of relu
    assert check_gradient(function, x) < 1e-6
    assert check_gradient(lambda x: function(x.transpose(0, 2)), x) < 1e-6


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_gradient_of_a_softmax_is_right_along_any_axis(name) -> None:
    function, (x,) = getattr(activations, name), normal(1, (2, 3, 5))
    for dim in (0, 1, -1):
        assert check_gradient(lambda x, dim=dim: function(x, dim=dim), x) < 1e-6


def test_the_gradient_of_relu_at_0_is_0() -> None:
    x = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    activations.relu(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "gelu_tanh", "softmax", "log_softmax"])
def test_far_out_gradients_are_finite(name) -> None:
    x = Tensor([-1e4, 0.0, 1e4], requires_grad=True)
    getattr(activations, name)(x).sum().backward()
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("shape", [(3,), (2, 3), (5, 2, 3)])
def test_linear_has_the_right_gradients_for_input_weight_and_bias(shape) -> None:
    x, weight, bias = normal(2, shape, (3, 7), (7,))
    layer = Linear(3, 7)

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        layer.weight, layer.bias = weight, bias
        return layer(x)

    assert check_gradient(call, x, weight, bias) < 1e-6


def test_dropout_hands_its_gradient_to_what_it_kept() -> None:
    x = Tensor(np.full((5, 7), 3.0), requires_grad=True)
    output = Dropout(0.5, rng=np.random.default_rng(0))(x)
    output.sum().backward()
    assert x.grad.tolist() == (output.numpy() / 3).tolist()
    assert set(x.grad.flat) == {0, 2}


def test_dropout_with_one_draw_passes_the_check() -> None:
    (x,) = normal(3, (5, 7))
    assert check_gradient(lambda x: Dropout(0.3, rng=np.random.default_rng(1))(x), x) < 1e-6


def test_every_parameter_of_a_small_network_has_the_right_gradient() -> None:
    rng = np.random.default_rng(4)
    model = Sequential(Linear(3, 5, rng=rng), activations.GELU(), Linear(5, 2, rng=rng))
    names = list(model.state_dict())
    x = Tensor(normal(5, (7, 3))[0], dtype=np.float64)

    def call(*parameters: Tensor) -> Tensor:
        for name, parameter in zip(names, parameters, strict=True):
            position, attribute = name.split(".")
            setattr(model[int(position)], attribute, parameter)
        return activations.log_softmax(model(x))

    assert check_gradient(call, *model.state_dict().values()) < 1e-6


def test_a_few_steps_downhill_fit_a_line() -> None:
    x = np.linspace(-1, 1, 11)[:, None]
    layer = Linear(1, 1, rng=np.random.default_rng(6)).to(np.float64)
    for _ in range(200):
        loss = ((layer(Tensor(x, dtype=np.float64)) - (3 * x - 2)) ** 2).mean()
        loss.backward()
        for parameter in layer.parameters():
            parameter.data = parameter.data - 0.3 * parameter.grad
            parameter.zero_grad()
    assert_close(layer.weight, [[3]], 1e-6)
    assert_close(layer.bias, [-2], 1e-6)
