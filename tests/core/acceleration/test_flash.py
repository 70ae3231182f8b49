"""`flash_attention` beside an oracle that forms every score: outputs and gradients."""

import numpy as np
import pytest

from tests.core.acceleration.dense import FLAT, GROUPED, HEADS, SHAPES, B, H, M, N, dense, summed_to
from tests.core.draw import assert_close, normal, tensors
from tinytorch.core.acceleration import flash_attention
from tinytorch.core.tensor import Tensor

LIMITS = {"float64": 1e-12, "float32": 1e-5}
MASK_SHAPES = [(N, M), (1, M), (B, N, M), (B, 1, M), (B, 1, 1, M), (B, 1, N, M), (B, H, N, M)]
OPTIONS = [
    {},
    {"causal": True},
    {"window": 2},
    {"causal": True, "window": 3},
    {"window": 100},
    {"scale": 0.7},
    {"scale": -0.7},
    {"scale": 0.0},
    {"softcap": 1.5},
    {"softcap": 1.5, "causal": True, "scale": 2.0},
]


def random_mask(shape, seed=3):
    return np.random.default_rng(seed).random(shape) < 0.5


def agrees(arrays, mask=None, dtype="float64", atol=None, **options):
    """Output and gradients are the oracle's, from arrays as the dtype holds them."""
    atol = LIMITS[dtype] if atol is None else atol
    leaves = tensors(arrays, dtype)
    output, weights = flash_attention(*leaves, mask, **options)
    assert weights is None
    assert output.dtype == dtype
    [grad] = normal(9, output.shape)
    output.backward(grad.astype(dtype))
    right = dense(*(x.data for x in leaves), mask, grad=grad.astype(dtype), **options)
    for got, expected in zip((output, *(x.grad for x in leaves)), right[:4], strict=True):
        assert_close(got, expected, atol)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("axes", SHAPES)
def test_every_option_agrees_with_the_oracle(axes, options, dtype, tiles):
    agrees(normal(0, *SHAPES[axes]), dtype=dtype, **options)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("shape", MASK_SHAPES, ids=str)
def test_every_shape_of_a_mask_agrees_with_the_oracle(shape, dtype, tiles):
    mask = random_mask(shape)
    agrees(normal(0, *HEADS), mask, dtype=dtype)
    agrees(normal(0, *HEADS), mask * 3.0, dtype=dtype, causal=True)
    if shape[1:2] != (H,):
        agrees(normal(0, *FLAT), Tensor(mask.astype(int)), dtype=dtype, window=3)


@pytest.mark.parametrize("options", [{}, {"softcap": 1.5}], ids=str)
def test_a_query_that_sees_nothing_has_an_output_of_zeros_and_sends_no_gradient(options, tiles):
    mask = random_mask((B, H, N, M))
    mask[:, 1] = mask[:, :, 2] = False
    agrees(normal(0, *HEADS), mask, **options)
    leaves = tensors(normal(0, *HEADS))
    output, _ = flash_attention(*leaves, mask, **options)
    output.sum().backward()
    for found in (output.data, leaves[0].grad):
        assert not found[:, 1].any()
        assert not found[:, :, 2].any()
    assert not leaves[1].grad[:, 1].any()


BIASES = [(N, M), (1, M), (N, 1), (H, 1, M), (1, H, N, M), (B, H, N, M)]


@pytest.mark.parametrize("learns", [False, True], ids=["constant", "learning"])
@pytest.mark.parametrize("shape", BIASES, ids=str)
@pytest.mark.parametrize("dtype", LIMITS)
def test_a_bias_that_broadcasts_agrees_with_the_oracle(dtype, shape, learns, tiles):
    *arrays, grad, bias = normal(1, *HEADS, (B, H, N, HEADS[2][-1]), shape)
    leaves, bias = tensors(arrays, dtype), bias.astype(dtype)
    given = Tensor(bias, requires_grad=learns, dtype=dtype)
    options = {"softcap": 2.0, "causal": True}
    output, _ = flash_attention(*leaves, bias=given, **options)
    output.backward(grad.astype(dtype))
    right = dense(*(x.data for x in leaves), grad=grad.astype(dtype), bias=bias, **options)
    for got, expected in zip((output, *(x.grad for x in leaves)), right[:4], strict=True):
        assert_close(got, expected, LIMITS[dtype])
    if learns:
        assert_close(given.grad, summed_to(right[4], shape), 10 * LIMITS[dtype])
    else:
        assert given.grad is None


def test_a_bias_for_grouped_heads_and_for_inputs_without_heads(tiles):
    for shapes, shape in ((GROUPED, (6, 1, M)), (FLAT, (B, N, M))):
        *arrays, bias = normal(2, *shapes, shape)
        agrees(arrays, bias=bias)
        learning = Tensor(bias, requires_grad=True, dtype=float)
        output, _ = flash_attention(*tensors(arrays), bias=learning)
        output.sum().backward()
        right = dense(*arrays, grad=np.ones(output.shape), bias=bias)[4]
        assert_close(learning.grad, summed_to(right, shape), 1e-12)


def test_a_bias_of_minus_infinity_blocks_like_a_mask(tiles):
    arrays, mask = normal(0, *HEADS), random_mask((N, M))
    mask[2] = False
    bias = np.where(mask, 0, -np.inf)
    one, other = (tensors(arrays) for _ in range(2))
    outputs = [flash_attention(*one, mask)[0], flash_attention(*other, bias=bias)[0]]
    for output in outputs:
        output.sum().backward()
    assert_close(outputs[1], outputs[0].data, 1e-14)
    for x, y in zip(one, other, strict=True):
        assert_close(y.grad, x.grad, 1e-13)


@pytest.mark.parametrize(("n_q", "n_k"), [(600, 1100), (1100, 40), (257, 513), (1, 1)])
def test_more_than_one_of_the_own_tiles_agrees_with_the_oracle(n_q, n_k):
    mask = random_mask((n_q, n_k))
    mask[:, n_k // 2 :] &= np.arange(n_q)[:, None] % 3 > 0
    arrays = normal(4, (1, 1, n_q, 3), (1, 1, n_k, 3), (1, 1, n_k, 2))
    agrees(arrays, mask[None, None] if n_q < 600 else None, window=300 if n_k > 600 else None)
    agrees(arrays, dtype="float32", causal=True, atol=1e-4)


@pytest.mark.parametrize("wide", [50.0, 300.0, 3000.0])
@pytest.mark.parametrize("causal", [False, True])
def test_scores_in_the_thousands_stay_exact_in_float32(wide, causal, tiles):
    q, k, v = (x.astype(np.float32) for x in normal(5, *HEADS))
    q *= np.float32(wide)
    output, _ = flash_attention(Tensor(q), Tensor(k), Tensor(v), causal=causal)
    [right] = dense(q, k, v, causal=causal)
    error = np.abs(q).max() * np.abs(k).max() * 11 * 6e-8  # of a score, in float32
    assert_close(output, right, 1e-5 + error)


def test_bounds_that_overflow_or_are_no_number_stay_exact(tiles):
    q = np.array([[0, 0], [1e-20, 0], [1e10, 0]], np.float32)[None, None]
    k, v = np.eye(2, dtype=np.float32)[None, None] * 1e20, np.array([[[[1.0], [3.0]]]], np.float32)
    output, _ = flash_attention(Tensor(q), Tensor(k), Tensor(v), scale=1.0)
    e = np.e
    assert_close(output, [[[[2], [(e + 3) / (e + 1)], [1]]]], 1e-6)


def test_causal_counts_from_the_first_query_and_the_first_key():
    v = np.arange(1.0, 6)[None, :, None]  # keys 1 to 5, alike: the output is a mean
    output, _ = flash_attention(Tensor(np.zeros((1, 3, 2))), Tensor(np.zeros((1, 5, 2))), Tensor(v),
                                causal=True)  # fmt: skip
    assert_close(output, [[[1], [1.5], [2]]], 1e-6)


def test_no_key_no_query_and_no_head():
    for n_q, n_k, heads in ((5, 0, 3), (0, 7, 3), (5, 7, 0)):
        leaves = tensors(normal(0, (2, heads, n_q, 4), (2, heads, n_k, 4), (2, heads, n_k, 3)))
        output, _ = flash_attention(*leaves, causal=True)
        output.sum().backward()
        assert output.shape == (2, heads, n_q, 3)
        assert not output.data.any()
        assert [x.grad.shape for x in leaves] == [x.shape for x in leaves]


def test_float32_and_float64_together_are_computed_in_float64():
    q, k, v = normal(0, *HEADS)
    k = k.astype(np.float32)
    leaves = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in (q, k, v)]
    output, _ = flash_attention(*leaves)
    output.sum().backward()
    assert output.dtype == np.float64
    for got, right in zip(leaves, dense(q, k, v, grad=np.ones(output.shape))[1:4], strict=True):
        assert_close(got.grad, right, 1e-5 if got.dtype == np.float32 else 1e-12)
