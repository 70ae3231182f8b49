"""Attention for any finite scores, and for empty inputs: no NaN, blocked is 0, rows sum to 1."""

import copy
import pickle

import numpy as np
import pytest

from tests import oracles
from tests.core.attention.judges import random_mask
from tests.core.draw import assert_close, normal, tensors
from tinytorch.core.attention import (
    MultiHeadAttention,
    MultiheadAttention,
    attention_weights,
    create_causal_mask,
    merge_heads,
    split_heads,
    vectorized_attention,
)
from tinytorch.core.tensor import Tensor

SIZES = {"float32": [1e-30, 1.0, 1e4, 1e9, 1e30, 1e38], "float64": [1e-300, 1e9, 1e100, 1e307]}
CASES = [(dtype, size) for dtype, sizes in SIZES.items() for size in sizes]


def scores_of(seed: int, dtype: str, size: float) -> np.ndarray:
    """Scores (2, 5, 7) up to ±3·size."""
    drawn = np.random.default_rng(seed).uniform(-3, 3, size=(2, 5, 7))
    return (drawn * size).astype(dtype)


def oracle_weights(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """In long double, whose range no float64 leaves."""
    allowed = oracles.full_mask(mask, scores.shape)
    wide = np.where(allowed, scores.astype(np.longdouble), -np.inf)
    top = wide.max(axis=-1, keepdims=True)
    shares = np.exp(wide - np.where(np.isfinite(top), top, 0))
    total = shares.sum(axis=-1, keepdims=True)
    return shares / np.where(total > 0, total, 1)


@pytest.mark.parametrize(("dtype", "size"), CASES)
@pytest.mark.parametrize("kind", ["random", "causal", "lowest allowed", "some rows empty"])
def test_weights_and_gradients_of_scores_of_any_size(dtype, size, kind) -> None:
    scores = scores_of(0, dtype, size)
    mask = random_mask(1, (2, 5, 7))
    if kind == "causal":
        mask = np.tri(5, 7)
    if kind == "lowest allowed":  # every blocked score is above every allowed one
        mask = (scores <= np.sort(scores)[..., 2:3]).astype(float)
    if kind == "some rows empty":
        mask[:, 1::2] = 0
    given = Tensor(scores, requires_grad=True, dtype=dtype)
    weights = attention_weights(given, mask)
    expected = oracle_weights(scores, mask)
    assert_close(weights, expected, 1e-6)
    assert not weights.numpy()[~oracles.full_mask(mask, scores.shape)].any()
    (start,) = normal(2, scores.shape)
    weights.backward(start.astype(dtype))
    slope = (start * expected).sum(axis=-1, keepdims=True)
    assert_close(given.grad, expected * (start - slope), 1e-5)


def test_minus_a_billion_loses_to_no_allowed_score() -> None:
    scores = Tensor([[[-3e9, 5.0, -4e9]]])
    assert attention_weights(scores, [[1, 0, 1]]).numpy().tolist() == [[[1, 0, 0]]]


def test_equal_huge_scores_share_equally() -> None:
    for size in (1e38, -1e38):
        scores = Tensor([[[size, -size, size]]])
        assert attention_weights(scores, [[1, 0, 1]]).numpy().tolist() == [[[0.5, 0, 0.5]]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_forms_agree_with_the_oracle_where_scores_are_far_apart(attention, dtype) -> None:
    Q, K, V = (x.astype(dtype) for x in normal(3, (2, 5, 3), (2, 7, 3), (2, 7, 11)))
    Q, K = Q * dtype_size(dtype), K * dtype_size(dtype)
    mask = random_mask(4, (2, 5, 7))
    leaves = tensors([Q, K, V], dtype)
    output, weights = attention(*leaves, mask)
    expected = oracles.attention(*(x.astype(np.longdouble) for x in (Q, K, V)), mask)
    assert_close(weights, expected[1], 1e-3)
    assert_close(output, expected[0], 1e-2)
    output.sum().backward()
    assert all(np.isfinite(leaf.grad).all() for leaf in leaves)


def dtype_size(dtype: str) -> float:
    return 1e15 if dtype == "float32" else 1e120


@pytest.mark.parametrize("cls", [MultiHeadAttention, MultiheadAttention])
def test_the_layers_rows_sum_to_1_for_huge_words(attention, cls) -> None:
    layer = cls(6, 3, attention, rng=np.random.default_rng(5))
    x = Tensor(normal(6, (2, 5, 6))[0] * 1e15)
    _, weights = layer.attend(x, x, x, create_causal_mask(5))
    assert_close(weights.numpy().sum(axis=-1), np.ones((2, 3, 5)), 1e-5)
    assert not np.triu(weights.numpy(), 1).any()


def test_any_finite_scores() -> None:
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    floats = st.floats(-(2.0**127), 2.0**127, width=32)

    @hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
    @hypothesis.given(st.lists(st.tuples(floats, st.booleans()), min_size=1, max_size=8))
    def holds(row) -> None:
        scores, mask = (np.array([[part]]) for part in zip(*row, strict=True))
        given = Tensor(scores, requires_grad=True)
        weights = attention_weights(given, mask)
        weights.backward(np.ones(scores.shape, np.float32))
        assert_close(weights, oracle_weights(given.numpy(), mask), 1e-5)
        assert abs(weights.numpy().sum() - mask.any()) < 1e-5
        assert not weights.numpy()[~mask].any() and np.isfinite(given.grad).all()

    holds()


@pytest.mark.parametrize("size", [1.0, 1e9, 1e37])
def test_torch_gives_the_same(attention, size) -> None:
    torch = pytest.importorskip("torch")
    arrays = [x.astype(np.float32) for x in normal(7, (2, 5, 3), (2, 7, 3), (2, 7, 11))]
    arrays[0] *= np.float32(size)
    mask = random_mask(8, (2, 5, 7))
    ours = tensors(arrays, "float32")
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    output, _ = attention(*ours, mask)
    expected = torch.nn.functional.scaled_dot_product_attention(
        *theirs, attn_mask=torch.tensor(mask > 0)
    )
    assert_close(output, expected.detach(), 1e-5)
    output.sum().backward()
    expected.sum().backward()
    assert_close(ours[2].grad, theirs[2].grad, 1e-5)


SHAPES = [((0, 5), (0, 7)), ((2, 0), (2, 7)), ((2, 5), (2, 0)), ((2, 0), (2, 0))]


class TestEmpty:
    """As in PyTorch: nothing in, nothing out; and no keys are nothing to look at."""

    @pytest.mark.parametrize(("queries", "keys"), SHAPES)
    @pytest.mark.parametrize("heads", [(), (3,)])
    @pytest.mark.parametrize("masked", [False, True])
    def test_the_functions(self, attention, queries, keys, heads, masked) -> None:
        shapes = [(one[0], *heads, one[1]) for one in (queries, keys, keys)]
        leaves = tensors([np.ones((*s, d)) for s, d in zip(shapes, (3, 3, 11), strict=True)])
        mask = np.ones((queries[1], keys[1])) if masked else None
        output, weights = attention(*leaves, mask)
        assert output.shape == (*shapes[0], 11) and not output.numpy().any()
        assert weights.shape == (*shapes[0], keys[1])
        output.sum().backward()
        assert all(leaf.grad is None or not leaf.grad.any() for leaf in leaves)

    @pytest.mark.parametrize(("queries", "keys"), SHAPES)
    def test_the_layer_as_torchs(self, attention, queries, keys) -> None:
        layer = MultiheadAttention(6, 3, attention)
        words = [np.ones((*one, 6), np.float32) for one in (queries, keys, keys)]
        output, weights = layer(*map(Tensor, words))
        assert output.shape == (*queries, 6) and weights.shape == (
            queries[0],
            3,
            *queries[1:],
            keys[1],
        )
        torch = pytest.importorskip("torch")
        theirs = torch.nn.MultiheadAttention(6, 3, batch_first=True)
        expected, each = theirs(*map(torch.tensor, words), average_attn_weights=False)
        assert (output.shape, weights.shape) == (tuple(expected.shape), tuple(each.shape))

    def test_heads_of_nothing_split_and_merge(self) -> None:
        for shape in ((0, 5, 6), (2, 0, 6)):
            heads = split_heads(Tensor(np.ones(shape)), 3)
            assert heads.shape == (shape[0], 3, shape[1], 2) and merge_heads(heads).shape == shape


@pytest.mark.parametrize("way", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copied_layer_computes_the_same_and_is_independent(way) -> None:
    layer = MultiHeadAttention(6, 3, vectorized_attention, rng=np.random.default_rng(9))
    layer.k_proj.weight = layer.q_proj.weight  # tied
    layer.v_proj.weight.requires_grad = False
    twin = way(layer)
    assert twin.k_proj.weight is twin.q_proj.weight and twin.attention is vectorized_attention
    assert list(twin.state_dict()) == list(layer.state_dict())
    x = Tensor(normal(10, (2, 5, 6))[0])
    before = layer(x).numpy()
    assert (twin(x).numpy() == before).all()
    twin.q_proj.weight.data[:] = 0
    assert (layer(x).numpy() == before).all()
