"""Layers: Linear by value, sizes that are refused, Sequential and how layers print."""

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close, normal
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Tensor


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (5, 2, 3), (7, 5, 2, 3)])
def test_linear_agrees_with_the_oracle_for_any_leading_axes(shape) -> None:
    x, bias = normal(1, shape, (11,))
    layer = Linear(3, 11, rng=rng()).to(np.float64)
    layer.bias.data = bias
    got = layer(Tensor(x, dtype=np.float64))
    assert_close(got, oracles.linear(x, layer.weight.data, bias), 1e-13)


def test_the_same_generator_seed_gives_the_same_layer() -> None:
    same, other = Linear(3, 5, rng=rng(1)), Linear(3, 5, rng=rng(2))
    assert (Linear(3, 5, rng=rng(1)).weight.data == same.weight.data).all()
    assert (other.weight.data != same.weight.data).all()
    assert (Linear(3, 5).weight.data != Linear(3, 5).weight.data).any()


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, True, np.True_])
def test_linear_refuses_a_size_that_is_no_positive_int(size) -> None:
    for name, make in (("in", lambda: Linear(size, 3)), ("out", lambda: Linear(3, size))):
        with pytest.raises(ValueError, match=f"{name}_features must be a positive int; got"):
            make()


def test_sequential_calls_its_layers_in_order() -> None:
    whole = Sequential(lambda x: x + 1, lambda x: x * 10)
    assert whole(Tensor([1, 2])).numpy().tolist() == [20, 30]
    assert len(whole) == 2
    assert whole[1](3) == 30
    assert isinstance(whole[:1], Sequential) and whole[:1](3) == 4


def test_sequential_names_the_position_of_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="layer 1 must be callable; got 7"):
        Sequential(ReLU(), 7)


def test_a_layer_without_a_forward_names_itself() -> None:
    class Empty(Layer):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        Empty()(Tensor(1.0))


def test_a_layer_prints_its_parts() -> None:
    assert "weight=(2, 3)" in repr(Linear(2, 3)) and "bias=(3,)" in repr(Linear(2, 3))
    assert repr(Sequential(ReLU(), Dropout(0.5))) == "Sequential(0=ReLU(), 1=Dropout(p=0.5))"
