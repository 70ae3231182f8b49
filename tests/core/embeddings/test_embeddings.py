"""Embeddings: lookup, ids that do not fit, learned and sinusoidal positions."""

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close, normal
from tinytorch.core.embeddings import Embedding, PositionalEmbedding, sinusoidal_positions
from tinytorch.core.tensor import Tensor

TABLE = [[0, 1], [10, 11], [20, 21]]


def table() -> Embedding:
    layer = Embedding(3, 2)
    layer.load_state_dict({"weight": TABLE})
    return layer


@pytest.mark.parametrize(
    "ids", [[[2, 0], [0, 1]], np.array([[2, 0], [0, 1]], np.uint8), Tensor([[2, 0], [0, 1]])]
)
def test_each_id_picks_its_row(ids) -> None:
    assert table()(ids).numpy().tolist() == [[[20, 21], [0, 1]], [[0, 1], [10, 11]]]


def test_a_single_id_picks_one_row() -> None:
    assert table()(1).numpy().tolist() == [10, 11]


def test_ids_of_any_shape_get_one_more_axis() -> None:
    for shape in [(), (5,), (2, 3), (7, 2, 3)]:
        assert table()(np.zeros(shape, int)).shape == (*shape, 2)


def test_a_repeated_token_adds_its_gradients() -> None:
    layer = table()
    (layer([2, 0, 2, 2]) * np.array([[1, 2], [3, 4], [10, 20], [100, 200]])).sum().backward()
    assert layer.weight.grad.tolist() == [[3, 4], [0, 0], [111, 222]]


@pytest.mark.parametrize(
    ("ids", "wrong", "place"),
    [([0, 3], 3, "(1,)"), ([[0, 1], [-1, 0]], -1, "(1, 0)"), (7, 7, "()")],
)
def test_an_id_out_of_range_is_named_with_its_place_and_the_range(ids, wrong, place) -> None:
    with pytest.raises(ValueError) as caught:
        table()(ids)
    for part in (str(wrong), place, "0 to 2"):
        assert part in str(caught.value)


@pytest.mark.parametrize("ids", [[0.0, 1.0], Tensor([1.0]), [True, False], ["a"]])
def test_ids_that_are_not_integers_are_refused(ids) -> None:
    with pytest.raises(TypeError, match="ids"):
        table()(ids)


def test_the_table_starts_standard_normal_and_repeats_with_the_seed() -> None:
    weight = Embedding(70, 110, rng=np.random.default_rng(0)).weight
    again = Embedding(70, 110, rng=np.random.default_rng(0)).weight
    assert abs(weight.data.mean()) < 0.05 and abs(weight.data.std() - 1) < 0.03
    assert (weight.data == again.data).all() and weight.requires_grad
    assert (Embedding(2, 3).weight.data != Embedding(2, 3).weight.data).any()


@pytest.mark.parametrize("make", [Embedding, PositionalEmbedding, sinusoidal_positions])
@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (2.0, 2), (2, -2)])
def test_sizes_must_be_positive_ints(make, sizes) -> None:
    with pytest.raises(ValueError, match="must be a positive int; got"):
        make(*sizes)


def test_learned_positions_are_added_to_each_sentence() -> None:
    layer = PositionalEmbedding(3, 2)
    layer.load_state_dict({"weight": TABLE})
    x = Tensor([[[1, 1], [2, 2]], [[3, 3], [4, 4]]])
    assert layer(x).numpy().tolist() == [[[1, 2], [12, 13]], [[3, 4], [14, 15]]]


def test_a_position_adds_the_gradients_of_all_sentences() -> None:
    layer = PositionalEmbedding(3, 2)
    layer(Tensor(np.zeros((5, 2, 2)))).sum().backward()
    assert layer.weight.grad.tolist() == [[5, 5], [5, 5], [0, 0]]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 4, 2), "max_len=3"),
        ((2, 3, 5), "embed_dim=2"),
        ((5,), "embed_dim=2"),
    ],
)
def test_positions_refuse_what_does_not_fit(shape, expected) -> None:
    with pytest.raises(ValueError, match=expected):
        PositionalEmbedding(3, 2)(Tensor(np.zeros(shape)))


def test_sinusoidal_position_0_is_sine_0_and_cosine_1() -> None:
    assert sinusoidal_positions(1, 6).numpy().tolist() == [[0, 1, 0, 1, 0, 1]]


def test_sinusoidal_positions_agree_with_the_oracle() -> None:
    rows = sinusoidal_positions(13, 22)
    assert not rows.requires_grad
    assert_close(rows, oracles.positions(13, 22), 1e-6)


def test_sinusoidal_positions_of_a_given_distance_have_one_dot_product() -> None:
    rows = sinusoidal_positions(17, 10).numpy().astype(np.float64)
    near = [rows[t] @ rows[t + 3] for t in range(14)]
    assert_close(near, np.full(14, near[0]), 1e-5)


def test_sinusoidal_positions_need_an_even_width() -> None:
    with pytest.raises(ValueError, match="embed_dim"):
        sinusoidal_positions(3, 7)


def test_looking_up_is_multiplying_by_one_hot_rows() -> None:
    (weight,) = normal(5, (7, 3))
    layer = Embedding(7, 3).to(np.float64)
    layer.weight.data = weight
    ids = np.random.default_rng(6).integers(0, 7, (2, 5))
    assert_close(layer(ids), np.eye(7)[ids] @ weight, 0)


def test_changing_the_ids_after_the_forward_does_not_change_the_gradient() -> None:
    layer, ids = Embedding(3, 2), np.array([0, 0])
    y = layer(ids)
    ids[:] = 2
    y.sum().backward()
    assert layer.weight.grad.tolist() == [[2, 2], [0, 0], [0, 0]]


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
