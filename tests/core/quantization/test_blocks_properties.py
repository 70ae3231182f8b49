"""Q8_0 and Q4_1: half a step, and the bytes of gguf-py (pip install gguf), for drawn numbers."""

import numpy as np
import pytest

from tests.core.quantization.test_blocks import KINDS, QUANTIZE, SIZE
from tinytorch.core.quantization import (
    decode,
)

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies
settings = hypothesis.settings
hnp = pytest.importorskip("hypothesis.extra.numpy")
SHAPES = st.sampled_from([(32,), (3, 32), (2, 1, 64)])


ROWS = hnp.arrays(np.float32, SHAPES, elements=st.floats(-65504, 65504, width=32))


EIGHTHS = hnp.arrays(np.int16, SHAPES, elements=st.integers(-508, 508))  # halves of steps, too


@pytest.mark.parametrize("kind", KINDS)
@given(x=st.one_of(ROWS, EIGHTHS.map(lambda x: x / np.float32(8))))
def test_the_bytes_are_those_of_gguf_py(peer, kind, x):
    blocks = QUANTIZE[kind](x)
    theirs = peer.quantize(x, kind)
    assert blocks.dtype == np.uint8 and blocks.shape == theirs.shape
    assert blocks.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_bytes_of_many_usual_numbers_are_those_of_gguf_py(peer, kind, seed):
    x = np.random.default_rng(seed).normal(size=(64, 1024)).astype(np.float32)
    assert np.array_equal(QUANTIZE[kind](x), peer.quantize(x, kind))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_bytes_are_the_numbers_of_gguf_py(peer, kind, data):
    shape = data.draw(st.sampled_from([(1,), (3, 2), (2, 5, 3)]))
    blocks = data.draw(hnp.arrays(np.uint8, (*shape[:-1], shape[-1] * SIZE[kind])))
    with np.errstate(all="ignore"):  # a scale may be NaN
        ours = decode(kind, blocks)
    theirs = peer.dequantize(blocks, kind)
    assert ours.dtype == theirs.dtype == np.float32 and ours.shape == theirs.shape
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
@given(x=ROWS)
def test_a_number_moves_by_half_a_step_and_the_rounding_of_float16(kind, x):
    parts = x.reshape(-1, 32).astype(float)
    low, high = parts.min(axis=-1), parts.max(axis=-1)
    step = (high - low) / 15 if kind == "Q4_1" else np.abs(parts).max(axis=-1) / 127
    largest = np.abs(parts).max(axis=-1)
    allowed = 0.501 * step + largest * 2.0**-9 + 1e-5  # float16: 11 bits; below 6e-5 fewer
    error = np.abs(decode(kind, QUANTIZE[kind](x)).reshape(-1, 32) - parts).max(axis=-1)
    assert (error <= allowed).all()
