"""Activations: whole numbers first, then the oracles, then the far ends where naive forms break."""

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
    exp,
    gelu,
    gelu_tanh,
    log,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from tinytorch.core.tensor import Tensor


def double(x) -> Tensor:
    return Tensor(x, dtype=np.float64)


def test_relu_keeps_positive_numbers_only() -> None:
    assert relu(Tensor([-2, 0, 3])).numpy().tolist() == [0, 0, 3]
    assert np.isnan(relu(Tensor([np.nan])).numpy()).all()


def test_sigmoid_of_log_3_is_three_quarters() -> None:
    assert_close(sigmoid(double([0, math.log(3), -math.log(3)])), [1 / 2, 3 / 4, 1 / 4], 1e-15)


def test_tanh_of_log_2_is_three_fifths() -> None:
    assert_close(tanh(double([0, math.log(2), -math.log(2)])), [0, 3 / 5, -3 / 5], 1e-15)


def test_exp_and_log_undo_each_other() -> None:
    assert_close(exp(double([0, math.log(5)])), [1, 5], 1e-15)
    assert_close(log(exp(double([[-3, 0, 7]]))), [[-3, 0, 7]], 1e-15)


def test_softmax_of_logs_is_the_share_of_each_number() -> None:
    x = np.log([[1, 2, 5], [3, 3, 2]])
    assert_close(softmax(double(x)), [[1 / 8, 2 / 8, 5 / 8], [3 / 8, 3 / 8, 2 / 8]], 1e-15)
    assert_close(log_softmax(double(x)), np.log([[1, 2, 5], [3, 3, 2]]) - math.log(8), 1e-15)


def test_softmax_works_along_the_axis_it_is_given() -> None:
    x = np.log([[1, 2], [3, 6]])
    assert_close(softmax(double(x), dim=0), [[1 / 4, 1 / 4], [3 / 4, 3 / 4]], 1e-15)
    assert_close(softmax(double(x), dim=-1), [[1 / 3, 2 / 3], [1 / 3, 2 / 3]], 1e-15)


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


def test_a_score_of_minus_infinity_gets_weight_0() -> None:
    assert softmax(Tensor([0.0, -np.inf, 0.0])).numpy().tolist() == [0.5, 0, 0.5]


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


def test_the_softmax_layers_use_the_last_axis_by_default() -> None:
    assert (Softmax().dim, LogSoftmax().dim) == (-1, -1)


def test_an_activation_without_a_forward_names_itself() -> None:
    class Swish(Activation):
        pass

    with pytest.raises(NotImplementedError, match="Swish has no forward"):
        Swish()(Tensor(1.0))


@pytest.mark.parametrize("function", [relu, sigmoid, gelu, softmax, log_softmax])
def test_an_activation_does_not_change_its_input(function) -> None:
    x = Tensor([[-1.0, 2.0]])
    x.data.setflags(write=False)
    function(x)
    assert x.numpy().tolist() == [[-1, 2]]
