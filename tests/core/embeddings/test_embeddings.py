"""Embeddings: gradients of repeated tokens, sizes, sinusoidal positions, nothing at all."""

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close, normal
from tinytorch.core.embeddings import Embedding, PositionalEmbedding, sinusoidal_positions
from tinytorch.core.tensor import Tensor


def test_a_repeated_token_adds_its_gradients() -> None:
    layer = Embedding(3, 2)
    (layer([2, 0, 2, 2]) * np.array([[1, 2], [3, 4], [10, 20], [100, 200]])).sum().backward()
    assert layer.weight.grad.tolist() == [[3, 4], [0, 0], [111, 222]]


def test_without_a_generator_each_table_is_another() -> None:
    assert (Embedding(2, 3).weight.data != Embedding(2, 3).weight.data).any()


@pytest.mark.parametrize("make", [Embedding, PositionalEmbedding, sinusoidal_positions])
@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (2.0, 2), (2, -2)])
def test_sizes_must_be_positive_ints(make, sizes) -> None:
    with pytest.raises(ValueError, match="must be a positive int; got"):
        make(*sizes)


def test_positions_refuse_a_row_without_words() -> None:
    with pytest.raises(ValueError, match="embed_dim=2"):
        PositionalEmbedding(3, 2)(Tensor(np.zeros(5)))


def test_sinusoidal_positions_agree_with_the_oracle() -> None:
    rows = sinusoidal_positions(13, 22)
    assert not rows.requires_grad
    assert_close(rows, oracles.positions(13, 22), 1e-6)


def test_sinusoidal_positions_of_a_given_distance_have_one_dot_product() -> None:
    rows = sinusoidal_positions(17, 10).numpy().astype(np.float64)
    near = [rows[t] @ rows[t + 3] for t in range(14)]
    assert_close(near, np.full(14, near[0]), 1e-5)


def test_looking_up_is_multiplying_by_one_hot_rows() -> None:
    (weight,) = normal(5, (7, 3))
    layer = Embedding(7, 3).to(np.float64)
    layer.weight.data = weight
    ids = np.random.default_rng(6).integers(0, 7, (2, 5))
    assert_close(layer(ids), np.eye(7)[ids] @ weight, 0)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 5)])
def test_no_ids_give_no_rows_and_gradients_of_zero(shape) -> None:
    layer, positions = Embedding(3, 2), PositionalEmbedding(7, 2)
    output = layer(np.zeros(shape, int))
    assert output.shape == (*shape, 2)
    if len(shape) == 2:
        output = positions(output)
        assert output.shape == (*shape, 2)
    output.sum().backward()
    assert not layer.weight.grad.any()
