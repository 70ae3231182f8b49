"""What holds for any attention in tiles, whatever is drawn."""

import itertools

import numpy as np
import pytest

from tests.core.acceleration.dense import dense
from tests.core.draw import assert_close, normal, tensors
from tinytorch.core import acceleration
from tinytorch.core.acceleration import (
    Sight,
    flash_attention,
    keys_in_sight,
    merge_parts,
    tile_part,
)

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies
settings = hypothesis.settings

SIZE = st.integers(1, 9)
WINDOW = st.none() | st.integers(1, 12)
DRAWN = settings(deadline=None, max_examples=40)


@DRAWN
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), SIZE, SIZE, st.integers(1, 5), SIZE),
    groups=st.integers(1, 3),
    causal=st.booleans(),
    window=WINDOW,
    softcap=st.none() | st.floats(0.5, 20),
    scale=st.none() | st.floats(-3, 3),
    masked=st.booleans(),
    biased=st.booleans(),
    tile=st.tuples(SIZE, SIZE),
    seed=st.integers(0, 1000),
)
def test_any_options_in_any_tiles_agree_with_the_oracle(
    sizes, groups, causal, window, softcap, scale, masked, biased, tile, seed
):
    b, kv, n, m, d, dv = sizes
    score_shape = (b, kv * groups, n, m)
    shapes = ((b, kv * groups, n, d), (b, kv, m, d), (b, kv, m, dv), (b, kv * groups, n, dv))
    *arrays, grad, bias = normal(seed, *shapes, score_shape)
    mask = np.random.default_rng(seed).random(score_shape) < 0.5 if masked else None
    options = {"causal": causal, "window": window, "softcap": softcap, "scale": scale}
    options["bias"] = bias if biased else None
    kept = acceleration.ROWS, acceleration.COLUMNS
    acceleration.ROWS, acceleration.COLUMNS = tile
    try:
        leaves = tensors(arrays)
        output, _ = flash_attention(*leaves, mask, **options)
        output.backward(grad)
    finally:
        acceleration.ROWS, acceleration.COLUMNS = kept
    right = dense(*arrays, mask, grad=grad, **options)
    for got, expected in zip((output, *(x.grad for x in leaves)), right[:4], strict=True):
        assert_close(got, expected, 1e-11)


@DRAWN
@given(cuts=st.lists(st.integers(1, 12), min_size=2, max_size=4), seed=st.integers(0, 1000))
def test_parts_merge_in_any_order_to_the_part_of_all_keys(cuts, seed):
    scores, v = normal(seed, (3, sum(cuts)), (sum(cuts), 2))
    scores *= 200
    scores[np.random.default_rng(seed).random(scores.shape) < 0.5] = -np.inf
    ends = np.cumsum([0, *cuts])
    parts = [tile_part(scores[:, a:b], v[a:b]) for a, b in itertools.pairwise(ends)]
    whole = tile_part(scores, v)
    for order in (parts, parts[::-1]):
        merged = order[0]
        for part in order[1:]:
            merged = merge_parts(merged, part)
        for got, right in zip(merged, whole, strict=True):
            assert_close(got, right, 1e-12)


@DRAWN
@given(start=st.integers(0, 20), height=SIZE, num_keys=SIZE, causal=st.booleans(), window=WINDOW)
def test_tiles_hold_every_pair_in_sight_and_no_empty_row_of_tiles(
    start, height, num_keys, causal, window
):
    seen = [
        j
        for j in range(num_keys)
        for i in range(start, start + height)
        if (not causal or j <= i) and (window is None or abs(i - j) < window)
    ]
    first, past = keys_in_sight(start, start + height, num_keys, causal, window)
    assert (first, past) == (min(seen), max(seen) + 1) if seen else first == past
    rows = slice(start, start + height)
    found = [
        j for x in Sight(1.0, causal, window).tiles(rows, num_keys) for j in range(num_keys)[x]
    ]
    assert found == [*range(first, past)]


@DRAWN
@given(seed=st.integers(0, 1000), shift=st.floats(-1000, 1000), causal=st.booleans())
def test_a_bias_that_is_the_same_for_all_keys_changes_nothing(seed, shift, causal):
    leaves = tensors(normal(seed, (1, 2, 5, 3), (1, 2, 7, 3), (1, 2, 7, 2)))
    plain, _ = flash_attention(*leaves, causal=causal)
    shifted, _ = flash_attention(*leaves, bias=np.full((5, 1), shift), causal=causal)
    assert_close(shifted, plain.data, 1e-11)


@DRAWN
@given(seed=st.integers(0, 1000))
def test_keys_in_another_order_give_the_same(seed):
    q, k, v = normal(seed, (1, 2, 5, 3), (1, 2, 7, 3), (1, 2, 7, 2))
    order = np.random.default_rng(seed).permutation(7)
    one, other = flash_attention(*tensors([q, k, v])), flash_attention(
        *tensors([q, k[:, :, order], v[:, :, order]])
    )  # fmt: skip
    assert_close(other[0], one[0].data, 1e-12)
