"""int8: half a step, scales and products, for drawn numbers."""

import numpy as np
import pytest

from tests.core.quantization.test_int8 import whole
from tinytorch.core.quantization import (
    Int8Weight,
    dequantize_int8,
    int8_blocks,
    int8_channels,
    int8_matmul,
    int8_tensor,
    quantize_per_block,
    quantize_per_channel,
    quantize_per_tensor,
)

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies
hnp = pytest.importorskip("hypothesis.extra.numpy")
WEIGHTS = hnp.arrays(
    np.float32,
    st.tuples(st.sampled_from([32, 64, 96]), st.integers(1, 5)),
    elements=st.floats(-(2.0**30), 2.0**30, width=32),
)


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


@given(data=st.data(), k=st.integers(1, 2600))
def test_a_product_is_that_of_integers(data, k):
    seed = data.draw(st.integers(0, 2**32 - 1))
    low = data.draw(st.sampled_from([-127, 0, 120]))  # those of one sign grow largest
    rng = np.random.default_rng(seed)
    a, b = rng.integers(low, 128, (2, k), np.int8), rng.integers(low, 128, (k, 3), np.int8)
    product = int8_matmul(a, b)
    assert product.dtype == np.int64 and product.tolist() == whole(a, b)


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
