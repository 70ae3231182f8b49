"""Activations: the oracles, the far ends where naive forms break, and the layers."""

import math

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close, normal
from tinytorch.core import activations
from tinytorch.core.activations import (
    GELU,
    Activation,
    GELUTanh,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    erf,
    gelu,
    gelu_tanh,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from tinytorch.core.tensor import Tensor


def double(x) -> Tensor:
    return Tensor(x, dtype=np.float64)


def test_gelu_is_0_at_0_and_leaves_large_numbers_alone() -> None:
    for function in (gelu, gelu_tanh):
        assert_close(function(double([0, 40, -40])), [0, 40, 0], 1e-15)


def test_the_two_forms_of_gelu_are_near_but_not_equal() -> None:
    x = double(np.linspace(-4, 4, 81))
    distance = np.abs(gelu(x).numpy() - gelu_tanh(x).numpy()).max()
    assert 1e-5 < distance < 1e-3


ORACLES = {
    "relu": (relu, lambda x: np.maximum(x, 0)),
    "sigmoid": (sigmoid, oracles.sigmoid),
    "tanh": (tanh, lambda x: 2 * oracles.sigmoid(2 * x) - 1),
    "erf": (erf, lambda x: np.reshape([math.erf(v) for v in x.flat], x.shape)),
    "gelu": (gelu, oracles.gelu),
    "gelu_tanh": (gelu_tanh, oracles.gelu_tanh),
    "softmax": (softmax, oracles.softmax),
    "log_softmax": (log_softmax, oracles.log_softmax),
}
ON_AXIS_1 = {
    "softmax": (lambda x: softmax(x, dim=1), lambda x: oracles.softmax(x, 1)),
    "log_softmax": (lambda x: log_softmax(x, dim=1), lambda x: oracles.log_softmax(x, 1)),
}


@pytest.mark.parametrize("name", ORACLES)
def test_an_activation_agrees_with_its_oracle(name) -> None:
    ours, oracle = ORACLES[name]
    x = 3 * normal(1, (2, 3, 5))[0]
    assert_close(ours(double(x)), oracle(x), 1e-14)
    assert_close(ours(double(x.T)), oracle(x.T), 1e-14)
    single = ours(Tensor(x))
    assert single.dtype == np.float32
    assert_close(single, oracle(x), 2e-6)


@pytest.mark.parametrize("name", ON_AXIS_1)
def test_the_softmaxes_agree_with_their_oracles_along_another_axis(name) -> None:
    ours, oracle = ON_AXIS_1[name]
    (x,) = normal(2, (2, 3, 5))
    assert_close(ours(double(x)), oracle(x), 1e-14)


@pytest.mark.parametrize("function", [relu, sigmoid, tanh, gelu, softmax, log_softmax])
def test_huge_numbers_give_finite_results_without_a_warning(function) -> None:
    assert np.isfinite(function(Tensor([[-1e4, 0, 1e4], [1e4, 1e4, -1e4]])).numpy()).all()


def test_sigmoid_and_softmax_reach_their_limits_exactly() -> None:
    assert sigmoid(Tensor([-1e4, 1e4])).numpy().tolist() == [0, 1]
    assert softmax(Tensor([-1e4, 1e4])).numpy().tolist() == [0, 1]
    assert log_softmax(Tensor([-1e4, 1e4])).numpy().tolist() == [-2e4, 0]


def test_a_constant_added_to_a_row_does_not_change_its_softmax() -> None:
    (x,) = normal(3, (5, 7))
    assert_close(softmax(double(x + 100)), softmax(double(x)), 1e-13)


LAYERS = {
    "ReLU()": (ReLU(), relu),
    "Sigmoid()": (Sigmoid(), sigmoid),
    "Tanh()": (Tanh(), tanh),
    "GELU()": (GELU(), gelu),
    "GELUTanh()": (GELUTanh(), gelu_tanh),
    "Softmax(dim=1)": (Softmax(dim=1), lambda x: softmax(x, dim=1)),
    "LogSoftmax(dim=0)": (LogSoftmax(dim=0), lambda x: log_softmax(x, dim=0)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_applies_its_function_and_prints_its_settings(name) -> None:
    layer, function = LAYERS[name]
    x = double(normal(4, (2, 3, 5))[0])
    assert_close(layer(x), function(x), 0)
    assert repr(layer) == name


def test_every_activation_layer_is_checked_above() -> None:
    found = {c for c in vars(activations).values() if isinstance(c, type)} & {
        *Activation.__subclasses__()
    }
    assert found == {type(layer) for layer, _ in LAYERS.values()}


def test_an_activation_without_a_forward_names_itself() -> None:
    class Swish(Activation):
        pass

    with pytest.raises(NotImplementedError, match="Swish has no forward"):
        Swish()(Tensor(1.0))
