"""int8: steps and scales, products of whole numbers; on paper, as properties, beside integers."""

import numpy as np
import pytest

from tinytorch.core.quantization import (
    EXACT_TERMS,
    absmax_scale,
    dequantize_int8,
    int8_blocks,
    int8_matmul,
    quantize_int8,
)


def test_on_paper_three_numbers_and_a_scale_of_a_fiftieth():
    x = np.array([-2.54, 0.513, 1.28])
    scale = absmax_scale(x)
    steps = quantize_int8(x, scale)
    assert scale.item() == pytest.approx(0.02)
    assert steps.tolist() == [-127, 26, 64] and steps.dtype == np.int8
    np.testing.assert_allclose(dequantize_int8(steps, scale), [-2.54, 0.52, 1.28], rtol=1e-6)


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


def test_a_product_of_no_terms_has_its_shape() -> None:
    product = int8_matmul(np.zeros((2, 0), np.int8), np.zeros((0, 3), np.int8))
    assert product.dtype == np.int64 and product.tolist() == [[0, 0, 0], [0, 0, 0]]
