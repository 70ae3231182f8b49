"""int8: steps and scales, products of whole numbers; on paper, as properties, beside integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinytorch.core.quantization import (
    EXACT_TERMS,
    Int8Weight,
    absmax_scale,
    dequantize_int8,
    int8_blocks,
    int8_channels,
    int8_matmul,
    int8_tensor,
    quantize_int8,
    quantize_per_block,
    quantize_per_channel,
    quantize_per_tensor,
)

WEIGHTS = hnp.arrays(
    np.float32,
    st.tuples(st.sampled_from([32, 64, 96]), st.integers(1, 5)),
    elements=st.floats(-(2.0**30), 2.0**30, width=32),
)


def test_on_paper_three_numbers_and_a_scale_of_a_fiftieth():
    x = np.array([-2.54, 0.513, 1.28])
    scale = absmax_scale(x)
    steps = quantize_int8(x, scale)
    assert scale.item() == pytest.approx(0.02)
    assert steps.tolist() == [-127, 26, 64] and steps.dtype == np.int8
    np.testing.assert_allclose(dequantize_int8(steps, scale), [-2.54, 0.52, 1.28], rtol=1e-6)


@pytest.mark.parametrize("way", [quantize_per_tensor, quantize_per_channel, quantize_per_block])
@given(weight=WEIGHTS)
def test_a_number_moves_by_half_a_step_at_most(way, weight):
    numbers, scale = way(weight)
    assert numbers.dtype == np.int8 and scale.dtype == np.float32
    assert np.abs(numbers.astype(int)).max() <= 127
    error = np.abs(dequantize_int8(numbers, scale).astype(float) - weight.reshape(numbers.shape))
    assert (error <= scale * 0.5001 + 1e-42).all()  # a scale so small that it rounds itself


@given(weight=WEIGHTS)
def test_more_scales_never_have_longer_steps(weight):
    one, channels, blocks = (store(weight) for store in (int8_tensor, int8_channels, int8_blocks))
    zero = one.scale == 1  # of zeros, whose scale is 1
    assert zero.any() or (channels.scale[channels.scale != 1] <= one.scale.item()).all()
    shorter = (blocks.scale <= channels.scale) | (blocks.numbers == 0).all(axis=1, keepdims=True)
    assert shorter.all()
    assert one.nbytes < channels.nbytes or weight.shape[1] == 1
    assert channels.nbytes < blocks.nbytes or len(weight) == 32


@given(weight=WEIGHTS)
def test_a_sign_turns_round_with_the_number(weight):
    for way in (quantize_per_tensor, quantize_per_channel, quantize_per_block):
        there, scale = way(weight)
        back, same = way(-weight)
        assert np.array_equal(there, -back) and np.array_equal(scale, same)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_no_scale_fits_is_refused_and_named(wrong):
    x = np.ones((3, 5))
    x[2, 1] = wrong
    with pytest.raises(ValueError, match=rf"x must be finite; got {wrong} at \(2, 1\)"):
        absmax_scale(x)


def test_a_weight_that_fills_no_blocks_is_refused():
    with pytest.raises(ValueError, match=r"\(33, 5\).*multiple of 32"):
        int8_blocks(np.ones((33, 5)))


# ---- products ----


def whole(a, b):
    """Python's own integers, term by term."""
    rows, columns = a.tolist(), b.T.tolist()
    return [[sum(map(int.__mul__, row, column)) for column in columns] for row in rows]


@given(data=st.data(), k=st.integers(1, 2600))
def test_a_product_is_that_of_integers(data, k):
    seed = data.draw(st.integers(0, 2**32 - 1))
    low = data.draw(st.sampled_from([-127, 0, 120]))  # those of one sign grow largest
    rng = np.random.default_rng(seed)
    a, b = rng.integers(low, 128, (2, k), np.int8), rng.integers(low, 128, (k, 3), np.int8)
    product = int8_matmul(a, b)
    assert product.dtype == np.int64 and product.tolist() == whole(a, b)


def test_1040_terms_are_the_most_that_float32_holds():
    assert 127 * 127 * EXACT_TERMS < 2**24 < 127 * 127 * (EXACT_TERMS + 1)
    row = np.full(EXACT_TERMS + 1, 127, np.float32)
    assert row[1:] @ row[1:] == 127 * 127 * EXACT_TERMS
    assert int(row @ row) != 127 * 127 * (EXACT_TERMS + 1)


@pytest.mark.parametrize("k", [1039, 1040, 1041, 2080, 2081, 133_145, 140_003])
def test_a_long_sum_of_the_largest_is_exact(k):
    row = np.full((1, k), 127, np.int8)
    assert int8_matmul(row, row.T).tolist() == [[127 * 127 * k]]
    assert int8_matmul(-row, row.T).tolist() == [[-127 * 127 * k]]


def test_leading_axes_broadcast_and_views_are_taken():
    rng = np.random.default_rng(0)
    a, b = (
        rng.integers(-127, 128, (2, 1, 3, 5), np.int8),
        rng.integers(-127, 128, (7, 11, 5), np.int8),
    )
    expected = np.einsum("...nk,...mk->...nm", a.astype(int), b.astype(int))
    assert np.array_equal(int8_matmul(a, b.swapaxes(-1, -2)), expected)


@pytest.mark.parametrize(
    ("a", "says"),
    [
        (np.full((3, 5), -128, np.int8), "a holds -128"),
        (np.ones((3, 5)), "a must be int8 .* got float64"),
        (np.ones(5, np.int8), r"a must be int8 with two axes or more; got int8 \(5,\)"),
        (np.ones((3, 7), np.int8), r"\(3, 7\) and b is \(5, 2\)"),
    ],
)
def test_what_would_not_be_exact_is_refused(a, says):
    with pytest.raises(ValueError, match=says):
        int8_matmul(a, np.ones((5, 2), np.int8))


@given(weight=WEIGHTS.filter(lambda weight: np.abs(weight).max() > 1e-20), seed=st.integers(0, 999))
def test_a_product_in_int8_is_off_by_what_its_roundings_allow(weight, seed):
    x = np.random.default_rng(seed).normal(size=(7, len(weight)))
    for store in (int8_tensor, int8_channels, int8_blocks):
        stored: Int8Weight = store(weight)
        meant = stored.numpy().astype(float)
        parts = x.reshape(7, -1, stored.numbers.shape[1])
        steps = np.abs(parts).max(axis=-1, keepdims=True) / 127
        allowed = (np.ones_like(parts) * steps * 0.501).reshape(x.shape) @ np.abs(meant)
        size = np.abs(x) @ np.abs(meant)
        assert (np.abs(stored.product(x) - x @ meant) <= allowed + 1e-5 * size).all()
