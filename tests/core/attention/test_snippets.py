"""Every Python snippet of Module 12's specification runs, and does what is said of it.

Where a snippet is wrong or pseudo-code, the test runs what was meant and shows what goes wrong.
"""

import inspect
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core.activations import softmax
from tinytorch.core.attention import (
    MultiHeadAttention,
    MultiheadAttention,
    create_causal_mask,
    create_padding_mask,
    scaled_dot_product_attention,
)
from tinytorch.core.tensor import Tensor

ROOT = Path(__file__).resolve().parents[3]


def draw(seed: int, *shape: int) -> Tensor:
    return Tensor(normal(seed, shape)[0])


class TestCoreComponents:
    def test_the_function_has_the_specified_signature_and_results(self) -> None:
        assert str(inspect.signature(scaled_dot_product_attention)).startswith("(Q")
        names = inspect.signature(scaled_dot_product_attention).parameters
        assert list(names) == ["Q", "K", "V", "mask"] and names["mask"].default is None
        Q, K, V = draw(0, 2, 5, 7), draw(1, 2, 5, 7), draw(2, 2, 5, 7)
        output, attention_weights = scaled_dot_product_attention(
            Q, K, V, Tensor(np.ones((2, 5, 5)))
        )
        assert (output.shape, attention_weights.shape) == ((2, 5, 7), (2, 5, 5))

    def test_the_class_has_the_specified_signature_and_64_numbers_a_head(self) -> None:
        assert list(inspect.signature(MultiHeadAttention.forward).parameters) == [
            "self",
            "x",
            "mask",
        ]
        mha = MultiHeadAttention(512, 8)
        assert mha.q_proj.weight.shape == (512, 512)
        assert mha(draw(3, 1, 2, 512)).shape == (1, 2, 512)

    def test_the_masking_utilities_do_what_their_text_shows(self) -> None:
        expected = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
        assert create_causal_mask(4).data.tolist() == expected
        assert create_padding_mask([1, 3], 3).data.tolist() == [[[[1, 0, 0]]], [[[1, 1, 1]]]]


class TestPitfalls:
    def test_forgetting_to_transpose_k_is_an_error_unless_n_equals_d_k(self) -> None:
        Q, K = draw(4, 2, 5, 3), draw(5, 2, 5, 3)
        with pytest.raises(ValueError, match="is a transpose missing"):
            Q @ K
        assert (Q @ K.transpose(-2, -1)).shape == (2, 5, 5)
        square_q, square_k = draw(6, 2, 3, 3), draw(7, 2, 3, 3)
        wrong, right = square_q @ square_k, square_q @ square_k.transpose(-2, -1)
        assert wrong.shape == right.shape and np.abs(wrong.data - right.data).max() > 0.1

    def test_forgetting_the_scale_saturates_the_softmax(self) -> None:
        d_k = 512
        Q, K = draw(8, 1, 16, d_k), draw(9, 1, 16, d_k)
        unscaled = softmax(Q @ K.transpose(-2, -1))
        scale = np.sqrt(d_k)
        attention_weights = softmax((Q @ K.transpose(-2, -1)) / scale)
        assert unscaled.data.max(axis=-1).mean() > 0.8
        assert attention_weights.data.max(axis=-1).mean() < 0.4

    def test_a_mask_after_the_softmax_leaves_rows_that_do_not_sum_to_1(self) -> None:
        scores, mask = draw(10, 1, 4, 4), create_causal_mask(4)
        attention_weights = softmax(scores) * mask
        assert (attention_weights.data.sum(axis=-1)[0, :-1] < 0.999).all()

    def test_a_mask_before_the_softmax_gives_weights_that_do(self) -> None:
        scores, mask = draw(10, 1, 4, 4), create_causal_mask(4)
        scores = scores.masked_fill(mask == 0, float("-inf"))
        attention_weights = softmax(scores)
        assert_close(attention_weights.data.sum(axis=-1), np.ones((1, 4)), 1e-6)
        assert not np.triu(attention_weights.data[0], 1).any()

    def test_heads_that_do_not_divide_the_width_are_an_error_with_the_specified_text(self) -> None:
        embed_dim, num_heads = 512, 7
        assert embed_dim // num_heads * num_heads == 511  # one column would be lost
        with pytest.raises(ValueError) as caught:
            MultiHeadAttention(embed_dim, num_heads)
        expected = f"embed_dim ({embed_dim}) must be divisible by num_heads ({num_heads})"
        assert str(caught.value) == expected

    def test_the_weights_of_all_heads_are_stored_before_the_sum(self) -> None:
        batch, heads, seq, d_k = 2, 3, 5, 7
        Q, K, V = (
            draw(11, batch, heads, seq, d_k),
            draw(12, batch, heads, seq, d_k),
            draw(13, 2, 3, 5, 7),
        )
        attention_weights = softmax(Q @ K.transpose(-2, -1) / math.sqrt(d_k))
        output = attention_weights @ V
        assert attention_weights.shape == (batch, heads, seq, seq)
        assert_close(output.data, scaled_dot_product_attention(Q, K, V)[0].data, 1e-5)

    def test_the_explosion_at_4096_tokens_is_192_gib_and_at_2048_it_is_48(self) -> None:
        one = Tensor(np.zeros(1)).data.nbytes
        assert [n * n * 96 * 32 * one / 2**30 for n in (4096, 2048)] == [192, 48]


@pytest.fixture(scope="module")
def manual() -> str:
    """What the specification's manual tests print, run as a learner runs them."""
    code = """
from attention_dev import scaled_dot_product_attention, MultiHeadAttention
from tinytorch.core.tensor import Tensor
import numpy as np
np.random.seed(0)

batch, seq_len, d_model = 2, 10, 64
Q = Tensor(np.random.randn(batch, seq_len, d_model))
K = Tensor(np.random.randn(batch, seq_len, d_model))
V = Tensor(np.random.randn(batch, seq_len, d_model))
output, weights = scaled_dot_product_attention(Q, K, V)
print(f"Output shape: {output.shape}")
print(f"Weights shape: {weights.shape}")
print(f"Weights sum: {weights.data.sum(axis=2)}")
assert np.allclose(weights.data.sum(axis=2), 1, atol=1e-6)

mha = MultiHeadAttention(embed_dim=128, num_heads=8)
x = Tensor(np.random.randn(2, 10, 128))
attended = mha.forward(x)
print(f"Multi-head output: {attended.shape}")

causal_mask = Tensor(np.tril(np.ones((batch, seq_len, seq_len))))
causal_output, causal_weights = scaled_dot_product_attention(Q, K, V, causal_mask)
print("Future attention blocked:", np.allclose(causal_weights.data[0, 3, 4:], 0))
assert not np.triu(causal_weights.data, 1).any()

print("Attention pattern:", weights.data[0, :5, :5].round(3).shape)
"""
    command = [sys.executable, "-W", "error", "-c", code]
    folder = ROOT / "modules" / "12_attention"  # -c puts the current folder on the path
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    return run.stdout


class TestManualTests:
    def test_1_basic_attention_has_the_printed_shapes(self, manual) -> None:
        assert "Output shape: (2, 10, 64)\n" in manual
        assert "Weights shape: (2, 10, 10)\n" in manual
        assert "Weights sum: [[" in manual

    def test_2_multi_head_attention_keeps_the_shape(self, manual) -> None:
        assert "Multi-head output: (2, 10, 128)\n" in manual

    def test_3_the_causal_mask_blocks_the_future(self, manual) -> None:
        assert "Future attention blocked: True\n" in manual

    def test_4_a_corner_of_the_pattern_can_be_printed(self, manual) -> None:
        assert "Attention pattern: (5, 5)\n" in manual


class TestSideBySide:
    def test_our_layer_runs_as_shown(self) -> None:
        mha = MultiHeadAttention(embed_dim=512, num_heads=8)
        x = Tensor(np.random.default_rng(0).normal(size=(2, 10, 512)))
        output = mha.forward(x)
        assert output.shape == (2, 10, 512) and np.isfinite(output.data).all()

    def test_our_layer_runs_in_pytorchs_calling_convention(self) -> None:
        mha = MultiheadAttention(embed_dim=512, num_heads=8)
        query, key, value = draw(14, 2, 5, 512), draw(15, 2, 5, 512), draw(16, 2, 5, 512)
        output, attn_weights = mha(query, key, value, mask=create_causal_mask(5))
        assert (output.shape, attn_weights.shape) == ((2, 5, 512), (2, 8, 5, 5))
        assert not np.triu(attn_weights.data, 1).any()
