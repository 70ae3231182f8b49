"""Attention: what holds for any sizes, any mask and any numbers."""

import numpy as np
import pytest

from tests import oracles
from tests.core.attention.judges import run
from tests.core.draw import assert_close, normal
from tinytorch import fused
from tinytorch.core.attention import (
    create_causal_mask,
    create_padding_mask,
    merge_heads,
    scaled_dot_product_attention,
    split_heads,
    vectorized_attention,
)
from tinytorch.core.tensor import Tensor

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=30, deadline=None, derandomize=True)
every = pytest.mark.parametrize(
    "function", [scaled_dot_product_attention, vectorized_attention, fused.attention]
)

SIZES = st.integers(1, 5)
LEADS = st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def problems(draw):
    """Q, K, V of any sizes, and a mask of any accepted shape; whole rows may be blocked."""
    lead, n, m, d, d_v = draw(LEADS), *(draw(SIZES) for _ in range(4))
    b, h = (lead[0], lead[-1] if len(lead) == 2 else 1)
    shape = draw(st.sampled_from([(n, m), (b, n, m), (b, 1, 1, m), (b, 1, n, m), (b, h, n, m)]))
    seed, share = draw(SEEDS), draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    mask = np.random.default_rng(seed).random(shape) < share
    return normal(seed, (*lead, n, d), (*lead, m, d), (*lead, m, d_v)), mask


@every
@bounded
@hypothesis.given(problems())
def test_output_and_weights_agree_with_the_oracle(function, problem) -> None:
    arrays, mask = problem
    for got, expected in zip(
        run(function, arrays, mask), oracles.attention(*arrays, mask), strict=True
    ):
        assert_close(got, expected, 1e-13)


@every
@bounded
@hypothesis.given(problems())
def test_a_row_of_weights_sums_to_1_or_to_exactly_0(function, problem) -> None:
    arrays, mask = problem
    _, weights = run(function, arrays, mask)
    allowed = oracles.full_mask(mask, weights.shape)
    sums = weights.sum(axis=-1)
    assert not weights[~allowed].any()
    assert_close(sums, allowed.any(axis=-1), 1e-14)
    assert (sums[~allowed.any(axis=-1)] == 0).all()


@every
@bounded
@hypothesis.given(problems(), st.floats(-1e3, 1e3))
def test_a_constant_added_to_every_value_is_added_to_every_output(function, problem, c) -> None:
    (Q, K, V), _ = problem
    before, _ = run(function, [Q, K, V])
    after, _ = run(function, [Q, K, V + c])
    assert_close(after, before + c, 1e-11)


@bounded
@hypothesis.given(st.integers(2, 6), st.data(), SEEDS)
def test_no_token_reaches_an_output_before_it(n, data, seed) -> None:
    t = data.draw(st.integers(1, n - 1))
    arrays = normal(seed, *[(2, n, 3)] * 3)
    before, _ = run(scaled_dot_product_attention, arrays, create_causal_mask(n))
    for x in arrays:
        x[:, t] = -x[:, t] * 1e3
    after, _ = run(scaled_dot_product_attention, arrays, create_causal_mask(n))
    assert (before[:, :t] == after[:, :t]).all() and (before[:, t] != after[:, t]).any()


@bounded
@hypothesis.given(st.lists(st.integers(0, 7), min_size=1, max_size=5), st.integers(7, 9))
def test_a_padding_mask_counts_the_words_of_each_sentence(lengths, max_length) -> None:
    mask = create_padding_mask(lengths, max_length).numpy()
    assert_close(mask, oracles.padding_mask(lengths, max_length), 0)
    assert mask.sum(axis=(1, 2, 3)).tolist() == lengths


@bounded
@hypothesis.given(SIZES, SIZES, SIZES, SIZES, SEEDS)
def test_merging_undoes_splitting_for_any_sizes(batch, n, heads, width, seed) -> None:
    (x,) = normal(seed, (batch, n, heads * width))
    split = split_heads(Tensor(x, dtype=np.float64), heads)
    for h in range(heads):
        assert_close(split.numpy()[:, h], x[..., h * width : (h + 1) * width], 0)
    assert_close(merge_heads(split), x, 0)
