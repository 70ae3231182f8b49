"""Layers: Linear, Dropout and Sequential by value; parameters, modes and dtypes."""

import math

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close, normal
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Tensor


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_linear_computes_x_w_plus_b_in_whole_numbers() -> None:
    layer = Linear(2, 3)
    layer.load_state_dict({"weight": [[1, 2, 3], [4, 5, 6]], "bias": [10, 20, 30]})
    assert layer(Tensor([[1, 1], [0, 2]])).numpy().tolist() == [[15, 27, 39], [18, 30, 42]]
    assert layer(Tensor([1, 0])).numpy().tolist() == [11, 22, 33]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (5, 2, 3), (7, 5, 2, 3)])
def test_linear_agrees_with_the_oracle_for_any_leading_axes(shape) -> None:
    x, bias = normal(1, shape, (11,))
    layer = Linear(3, 11, rng=rng()).to(np.float64)
    layer.bias.data = bias
    got = layer(Tensor(x, dtype=np.float64))
    assert_close(got, oracles.linear(x, layer.weight.data, bias), 1e-13)


def test_linear_starts_inside_glorots_range_with_bias_0() -> None:
    layer, limit = Linear(30, 70, rng=rng()), math.sqrt(6 / 100)
    weight = layer.weight.data
    assert (weight.shape, weight.dtype) == ((30, 70), np.float32)
    assert 0.98 * limit < np.abs(weight).max() <= limit  # uniform, up to the limit
    assert abs(weight.mean()) < 0.05 * limit
    assert abs(weight.std() - limit / math.sqrt(3)) < 0.02 * limit
    assert layer.bias.data.tolist() == [0] * 70


def test_the_same_generator_seed_gives_the_same_layer() -> None:
    same, other = Linear(3, 5, rng=rng(1)), Linear(3, 5, rng=rng(2))
    assert (Linear(3, 5, rng=rng(1)).weight.data == same.weight.data).all()
    assert (other.weight.data != same.weight.data).all()
    assert (Linear(3, 5).weight.data != Linear(3, 5).weight.data).any()


def test_linear_without_bias_has_one_parameter() -> None:
    layer = Linear(2, 3, bias=False, rng=rng())
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer(Tensor([0.0, 0.0])).numpy().tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None])
def test_linear_refuses_a_size_that_is_no_positive_int(size) -> None:
    for name, make in (("in", lambda: Linear(size, 3)), ("out", lambda: Linear(3, size))):
        with pytest.raises(ValueError, match=f"{name}_features must be a positive int; got"):
            make()


@pytest.mark.parametrize("shape", [(2,), (3, 5), ()])
def test_linear_names_the_shape_it_got_and_the_size_it_wants(shape) -> None:
    with pytest.raises(ValueError) as caught:
        Linear(3, 5)(Tensor(np.ones(shape)))
    for part in (str(shape), "in_features", "3"):
        assert part in str(caught.value)


def test_dropout_zeroes_a_share_p_and_scales_the_rest() -> None:
    dropped = Dropout(0.25, rng=rng())(Tensor(np.full((100, 200), 3.0))).numpy()
    assert np.unique(dropped).tolist() == [0, 4]  # 3 / (1 - 0.25)
    assert abs((dropped == 0).mean() - 0.25) < 0.01  # three standard deviations
    assert abs(dropped.mean() - 3) < 0.04


def test_dropout_draws_anew_at_every_call_and_repeats_with_the_seed() -> None:
    x, layer = Tensor(np.ones((5, 7))), Dropout(0.5, rng=rng(3))
    first, second = layer(x).numpy(), layer(x).numpy()
    assert (first != second).any()
    assert (Dropout(0.5, rng=rng(3))(x).numpy() == first).all()


def test_dropout_returns_x_itself_in_evaluation() -> None:
    x = Tensor(np.ones((5, 7)))
    assert Dropout(0.5, rng=rng()).eval()(x) is x


def test_dropout_of_nothing_changes_nothing() -> None:
    assert Dropout(0)(Tensor([1.0, 2.0])).numpy().tolist() == [1, 2]


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_dropout_refuses_a_chance_out_of_range(p) -> None:
    with pytest.raises(ValueError, match=f"p .*{p}"):
        Dropout(p)


def model() -> Sequential:
    return Sequential(Linear(2, 3, rng=rng(1)), ReLU(), Dropout(0.5), Linear(3, 5, rng=rng(2)))


def test_sequential_calls_its_layers_in_order() -> None:
    whole = Sequential(lambda x: x + 1, lambda x: x * 10)
    assert whole(Tensor([1, 2])).numpy().tolist() == [20, 30]
    assert len(whole) == 2
    assert whole[1](3) == 30
    assert isinstance(whole[:1], Sequential) and whole[:1](3) == 4


def test_sequential_names_the_position_of_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="layer 1 must be callable; got 7"):
        Sequential(ReLU(), 7)


def test_parameters_are_named_by_their_path() -> None:
    names = ["0.bias", "0.weight", "3.bias", "3.weight"]
    whole = model()
    assert sorted(name for name, _ in whole.named_parameters()) == names
    assert sorted(whole.state_dict()) == names
    assert any(parameter is whole[3].weight for parameter in whole.parameters()[2:])


def test_a_shared_layer_counts_once_and_lists_are_searched() -> None:
    class Twice(Layer):
        def __init__(self) -> None:
            inner = Linear(2, 2)
            self.layers, self.again, self.constant = [inner, (inner,)], inner, Tensor([1.0])

    assert {name for name, _ in Twice().named_parameters()} == {"layers.0.weight", "layers.0.bias"}


def test_train_and_eval_reach_every_layer_and_return_the_layer() -> None:
    whole = model()
    assert whole.eval() is whole
    assert [layer.training for layer in (whole, whole[0], whole[2])] == [False] * 3
    assert whole.train() is whole
    assert [layer.training for layer in (whole, whole[0], whole[2])] == [True] * 3


def test_to_converts_every_parameter_and_its_gradient() -> None:
    whole = model()
    whole[0].weight.grad = np.ones((2, 3), np.float32)
    assert whole.to(np.float64) is whole
    assert {p.dtype for p in whole.parameters()} == {np.dtype(np.float64)}
    assert whole[0].weight.grad.dtype == np.float64
    assert whole.eval()(Tensor([1.0, 2.0], dtype=np.float64)).dtype == np.float64


def test_to_refuses_a_dtype_that_cannot_learn() -> None:
    with pytest.raises(TypeError, match="float"):
        model().to(np.int32)


def test_a_layer_without_a_forward_names_itself() -> None:
    class Empty(Layer):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        Empty()(Tensor(1.0))


def test_a_layer_prints_its_parts() -> None:
    assert "weight=(2, 3)" in repr(Linear(2, 3)) and "bias=(3,)" in repr(Linear(2, 3))
    assert repr(Sequential(ReLU(), Dropout(0.5))) == "Sequential(0=ReLU(), 1=Dropout(p=0.5))"
