"""state_dict and load_state_dict: from layer to layer."""

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


def test_the_parameters_of_another_layer_are_a_state() -> None:
    whole, other = model(0), model(1)
    whole.load_state_dict(dict(other.named_parameters()))
    for own, given in zip(whole.parameters(), other.parameters(), strict=True):
        assert own is not given and (own.data == given.data).all()
        assert not np.shares_memory(own.data, given.data)


def test_a_value_that_is_no_number_is_refused() -> None:
    layer = model(0)
    with pytest.raises(ValueError):
        layer.load_state_dict({**layer.state_dict(), "2.bias": ["a"] * 5})
