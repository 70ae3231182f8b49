"""Multi-head configuration, and shape preservation."""

import numpy as np
import pytest

from tests.core.attention import head_judges as judges
from tests.core.draw import assert_close, normal
from tinytorch.core.attention import (
    MultiHeadAttention,
    MultiheadAttention,
    scaled_dot_product_attention,
    vectorized_attention,
)
from tinytorch.core.tensor import Tensor

CLASSES = [MultiHeadAttention, MultiheadAttention]


@pytest.mark.parametrize("judge", judges.JUDGES[:1] + judges.JUDGES[2:], ids=lambda j: j.__name__)
def test_the_layer_passes(judge) -> None:
    judge(MultiHeadAttention)


def test_the_layer_is_causal_by_values() -> None:
    judges.heads_are_causal(MultiHeadAttention)


def test_a_seed_fixes_the_class_of_either_spelling() -> None:
    x = Tensor(normal(1, (2, 5, 6))[0])
    spec, torch_like = (cls(6, 3, rng=np.random.default_rng(2)) for cls in CLASSES)
    output, weights = torch_like(x, x, x)
    assert (spec(x).numpy() == output.numpy()).all() and weights.shape == (2, 3, 5, 5)


def test_each_head_attends_by_itself() -> None:
    """With projections that copy, head h computes attention of its own columns alone."""
    layer = MultiHeadAttention(6, 3).to(np.float64)
    eye = {name: np.eye(6) if p.ndim == 2 else np.zeros(6) for name, p in layer.named_parameters()}
    layer.load_state_dict(eye)
    x = Tensor(normal(2, (2, 5, 6))[0], dtype=np.float64)
    output, weights = layer.attend(x, x, x)
    for h in range(3):
        own = x[:, :, 2 * h : 2 * h + 2]
        alone, alone_weights = scaled_dot_product_attention(own, own, own)
        assert_close(output[:, :, 2 * h : 2 * h + 2], alone, 1e-14)
        assert_close(weights[:, h], alone_weights, 1e-14)


def test_the_attention_that_is_passed_is_the_one_that_runs() -> None:
    seen = []

    def recorder(Q, K, V, mask):
        seen.append((Q.shape, K.shape, V.shape, mask))
        return vectorized_attention(Q, K, V, mask)

    x, mask = Tensor(np.ones((2, 5, 6))), np.ones((5, 5))
    for layer in (MultiHeadAttention(6, 3, recorder), MultiHeadAttention(6, 3, attention=recorder)):
        layer(x, mask)
    assert seen == [((2, 3, 5, 2),) * 3 + (mask,)] * 2
    assert MultiHeadAttention(6, 3).attention is scaled_dot_product_attention


def test_loops_and_matrices_give_the_same_layer() -> None:
    x = Tensor(normal(3, (2, 5, 6))[0], dtype=np.float64)
    layer, state = judges.make(MultiHeadAttention)
    other = MultiHeadAttention(6, 3, vectorized_attention).to(np.float64)
    other.load_state_dict(state)
    assert_close(layer(x), other(x), 1e-13)


@pytest.mark.parametrize("size", [0, -3, 2.0, "2", None])
def test_a_size_that_is_no_positive_int_is_shown(size) -> None:
    for sizes in ((size, 1), (6, size)):
        with pytest.raises(ValueError, match=f"{size}"):
            MultiHeadAttention(*sizes)


class TestShapePreservation:
    """The layer keeps its input's shape; the functions take n_q ≠ n_k and d_v ≠ d_k."""

    @pytest.mark.parametrize("shape", [(1, 1, 6), (2, 5, 6), (7, 3, 6)])
    @pytest.mark.parametrize("heads", [1, 2, 3, 6])
    def test_the_layer_keeps_its_inputs_shape_and_dtype(self, shape, heads) -> None:
        output = MultiHeadAttention(6, heads)(Tensor(np.ones(shape)))
        assert (output.shape, output.dtype) == (shape, np.float32)

    @pytest.mark.parametrize("lead", [(2,), (2, 3)])
    def test_output_has_the_queries_rows_and_the_values_columns(self, attention, lead) -> None:
        Q, K, V = (np.ones((*lead, *last)) for last in ((5, 11), (7, 11), (7, 13)))
        output, weights = attention(Tensor(Q), Tensor(K), Tensor(V))
        assert (output.shape, weights.shape) == ((*lead, 5, 13), (*lead, 5, 7))
        assert (output.dtype, weights.dtype) == (np.float32, np.float32)

    def test_cross_attention_has_the_length_of_the_query(self) -> None:
        query, key = Tensor(np.ones((2, 5, 6))), Tensor(np.ones((2, 7, 6)))
        output, weights = MultiheadAttention(6, 3)(query, key, key)
        assert (output.shape, weights.shape) == ((2, 5, 6), (2, 3, 5, 7))

    def test_the_inputs_are_not_changed(self, attention) -> None:
        arrays = normal(4, (2, 5, 3), (2, 7, 3), (2, 7, 11))
        inputs = [Tensor(x, requires_grad=True, dtype=np.float64) for x in arrays]
        mask = Tensor(np.ones((5, 7)))
        for x in (*inputs, mask):
            x.data.setflags(write=False)
        attention(*inputs, mask)[0].sum().backward()
        assert all(x.grad is not None for x in inputs)
