"""state_dict and load_state_dict: a copy out, a copy in, and all or nothing."""

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.tensor import Tensor


def model(seed: int) -> Sequential:
    rng = np.random.default_rng(seed)
    return Sequential(Linear(2, 3, rng=rng), ReLU(), Linear(3, 5, rng=rng))


def test_a_loaded_layer_computes_what_the_saved_one_did() -> None:
    saved, loaded = model(0), model(1)
    x = Tensor([[1.0, -2.0]])
    assert (saved(x).numpy() != loaded(x).numpy()).any()
    loaded.load_state_dict(saved.state_dict())
    assert np.allclose(saved(x).data, loaded(x).data, rtol=0, atol=1e-6)


def test_the_state_is_a_copy_both_ways() -> None:
    whole = model(0)
    state = whole.state_dict()
    state["0.bias"][:] = 7
    assert whole[0].bias.data.tolist() == [0, 0, 0]
    whole.load_state_dict(state)
    state["0.bias"][:] = 9
    assert whole[0].bias.data.tolist() == [7, 7, 7]


def test_the_parameters_of_another_layer_are_a_state() -> None:
    whole, other = model(0), model(1)
    whole.load_state_dict(dict(other.named_parameters()))
    for own, given in zip(whole.parameters(), other.parameters(), strict=True):
        assert own is not given and (own.data == given.data).all()
        assert not np.shares_memory(own.data, given.data)


def test_loading_keeps_the_tensor_and_its_dtype() -> None:
    layer = Linear(1, 1)
    weight = layer.weight
    layer.load_state_dict({"weight": Tensor([[2]]), "bias": np.array([3.0])})
    assert layer.weight is weight and weight.requires_grad
    assert (weight.dtype, weight.data.tolist(), layer.bias.dtype) == (np.float32, [[2]], np.float32)


def wrong_state(layer: Sequential) -> dict:
    """One name missing, one unexpected, one of a wrong shape, one that would fit."""
    state = layer.state_dict()
    del state["0.bias"]
    state["1.weight"] = np.zeros(2)
    state["2.weight"] = np.zeros((5, 3))
    state["2.bias"] = np.full(5, 7.0)
    return state


def test_one_message_names_everything_that_does_not_fit() -> None:
    layer = model(0)
    with pytest.raises(ValueError) as caught:
        layer.load_state_dict(wrong_state(layer))
    for part in ("0.bias", "1.weight", "2.weight", "(5, 3)", "(3, 5)"):
        assert part in str(caught.value)


def test_a_state_that_does_not_fit_loads_nothing() -> None:
    layer = model(0)
    before = layer.state_dict()
    with pytest.raises(ValueError):
        layer.load_state_dict(wrong_state(layer))
    assert all((array == before[name]).all() for name, array in layer.state_dict().items())


def test_a_value_that_is_no_number_is_refused() -> None:
    layer = model(0)
    with pytest.raises(ValueError):
        layer.load_state_dict({**layer.state_dict(), "2.bias": ["a"] * 5})
