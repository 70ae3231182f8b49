"""Q8_0 and Q4_1: on paper, half a step, and the bytes of gguf-py (pip install gguf)."""

import numpy as np
import pytest

from tinytorch.core.quantization import (
    decode,
    dequantize_q4_1,
    dequantize_q8_0,
    quantize_q4_1,
    quantize_q8_0,
)

KINDS = ["Q8_0", "Q4_1"]
QUANTIZE = {"Q8_0": quantize_q8_0, "Q4_1": quantize_q4_1}
SIZE = {"Q8_0": 34, "Q4_1": 20}


def test_a_block_of_q8_0_on_paper():
    x = np.array([127.0, -2.5, 2.5, 0.3] + [0.0] * 28)
    blocks = quantize_q8_0(x)
    assert blocks[:2].tobytes() == np.float16(1).tobytes()
    assert blocks[2:6].view(np.int8).tolist() == [127, -3, 3, 0]
    assert dequantize_q8_0(blocks)[:4].tolist() == [127, -3, 3, 0]


def test_a_block_of_q4_1_on_paper():
    x = np.array([-2.0, 13.0, 0.5] + [-2.0] * 13 + [3.0] * 15 + [12.9])
    blocks = quantize_q4_1(x)
    assert blocks[:4].tobytes() == np.float16([1, -2]).tobytes()
    assert [*blocks[4:].tobytes()] == [0x50, 0x5F, 0x53] + [0x50] * 12 + [0xF0]
    assert dequantize_q4_1(blocks).tolist() == [-2, 13, 1] + [-2] * 13 + [3] * 15 + [13]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_in_another_order_of_memory_are_taken(kind):
    x = np.random.default_rng(0).normal(size=(7, 96))
    turned = np.array(x.T, order="C").T
    blocks = QUANTIZE[kind](turned)
    assert np.array_equal(blocks, QUANTIZE[kind](x))
    view = np.array(blocks.T, order="C").T
    assert np.array_equal(decode(kind, view), decode(kind, blocks))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -65536.0, 1e38, 1e300])
def test_numbers_that_float16_cannot_hold_are_refused_and_named(kind, wrong):
    x = np.zeros((3, 64))
    x[2, 5] = wrong
    with pytest.raises(ValueError, match=r"within ±65504; got .* at \(2, 5\)"):
        QUANTIZE[kind](x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(31,), (3, 33), ()])
def test_rows_that_fill_no_blocks_are_refused(kind, shape):
    with pytest.raises(ValueError, match="multiple of 32"):
        QUANTIZE[kind](np.ones(shape))


@pytest.mark.parametrize("kind", KINDS)
def test_what_are_no_bytes_of_blocks_is_refused(kind):
    size = SIZE[kind]
    for wrong in (np.zeros(size - 1, np.uint8), np.zeros(size), np.zeros((), np.uint8)):
        with pytest.raises(ValueError, match=f"blocks must be uint8, {size} bytes each"):
            decode(kind, wrong)


def test_floats_of_a_file_are_taken_as_they_are():
    x = np.random.default_rng(0).normal(size=(3, 5))
    for kind, dtype in (("F32", np.float32), ("F16", np.float16)):
        rows = x.astype(dtype)
        found = decode(kind, rows.view(np.uint8))
        assert found.dtype == np.float32 and np.array_equal(found, rows)
    with pytest.raises(ValueError, match="one of F32, F16, Q8_0, Q4_1; got 'Q6_K'"):
        decode("Q6_K", np.zeros(34, np.uint8))
