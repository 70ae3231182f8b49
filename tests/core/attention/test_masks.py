"""Causal masking, padding and the other masks: every accepted shape, kind and combination."""

import numpy as np
import pytest

from tests import oracles
from tests.core.attention import mask_judges as judges
from tests.core.attention.judges import random_mask, run
from tests.core.draw import assert_close, normal
from tinytorch.core.attention import (
    MultiHeadAttention,
    align_mask,
    attention_weights,
    create_causal_mask,
    create_padding_mask,
)
from tinytorch.core.tensor import Tensor


class TestCausalMasking:
    """Position i looks at positions up to i."""

    def test_equal_scores_are_shared_among_the_present_and_the_past(self) -> None:
        weights = attention_weights(Tensor(np.zeros((1, 4, 4))), create_causal_mask(4)).numpy()
        expected = [[1, 0, 0, 0], [1 / 2, 1 / 2, 0, 0], [1 / 3] * 3 + [0], [1 / 4] * 4]
        assert_close(weights, [[row if len(row) == 4 else [*row, 0] for row in expected]], 1e-7)

    def test_changing_a_token_changes_no_output_before_it(self, attention) -> None:
        judges.is_causal(attention)

    @pytest.mark.parametrize("n", [0, -1, 2.5, "3", None])
    def test_a_length_that_is_no_positive_integer_is_refused(self, n) -> None:
        with pytest.raises(ValueError, match="seq_len"):
            create_causal_mask(n)


class TestPadding:
    """Words are seen, padding is not."""

    @pytest.mark.parametrize("lengths", [[3, 6], [-1, 2], [[1, 2]], 3, [1.5], ["a"]])
    def test_lengths_that_do_not_fit_are_refused(self, lengths) -> None:
        with pytest.raises(ValueError, match="lengths"):
            create_padding_mask(lengths, 5)

    def test_what_stands_behind_a_mask_has_no_effect(self, attention) -> None:
        judges.blocked_keys_have_no_effect(attention)

    def test_a_row_with_no_allowed_key_is_all_zeros(self, attention) -> None:
        judges.an_empty_row_is_zero(attention)

    def test_a_sentence_of_padding_alone_is_zero_and_finite(self, attention) -> None:
        arrays = normal(0, (2, 5, 3), (2, 7, 3), (2, 7, 11))
        output, weights = run(attention, arrays, create_padding_mask([7, 0], 7))
        assert not output[1].any() and not weights[1].any() and output[0].all()


KINDS = {
    "bool": lambda mask: mask > 0,
    "int": lambda mask: mask.astype(int),
    "any positive float": lambda mask: 2.5 * mask,
    "list": lambda mask: mask.tolist(),
    "Tensor": lambda mask: Tensor(mask),
    "bool Tensor": lambda mask: Tensor(mask > 0),
}


class TestShapes:
    """(n, m), (b, n, m), (b, 1, 1, m), (b, 1, n, m), (b, h, n, m); three axes mean (b, n, m)."""

    def test_every_accepted_shape_agrees_with_the_oracle(self, attention) -> None:
        judges.masks_agree_with_the_oracle(attention)

    @pytest.mark.parametrize("shape", [(5, 1), (1, 7), (1, 5, 7), (2, 1, 7), (1, 1, 1, 1)])
    def test_axes_of_size_1_are_stretched(self, attention, shape) -> None:
        for shapes in (((2, 5, 3), (2, 7, 3)), ((2, 3, 5, 2), (2, 3, 7, 2))):
            Q, K = normal(1, *shapes)
            mask = np.random.default_rng(1).integers(0, 2, shape)
            expected = oracles.attention(Q, K, K, mask)
            for x, y in zip(run(attention, [Q, K, K], mask), expected, strict=True):
                assert_close(x, y, 1e-13)

    def test_three_axes_mean_the_batch_even_where_batch_equals_heads(self, attention) -> None:
        arrays = normal(2, *[(3, 3, 5, 2)] * 3)  # b == h
        mask = random_mask(2, (3, 5, 5))
        _, weights = run(attention, arrays, mask)
        for b in range(3):
            for h in range(3):
                assert ((weights[b, h] > 0) == (mask[b] > 0)).all()

    def test_rows_are_queries_even_where_all_sizes_are_equal(self, attention) -> None:
        arrays = normal(3, *[(3, 3, 3, 3)] * 3)
        for shape in [(3, 3), (3, 3, 3), (3, 1, 3, 3), (3, 3, 3, 3), (3, 1, 1, 3)]:
            mask = random_mask(4, shape)
            _, weights = run(attention, arrays, mask)
            assert ((weights > 0) == oracles.full_mask(mask, weights.shape)).all()

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_mask_may_be_of_any_kind(self, attention, kind) -> None:
        arrays, mask = normal(4, (2, 5, 3), (2, 7, 3), (2, 7, 3)), random_mask(4, (2, 5, 7))
        expected = run(attention, arrays, mask)
        for x, y in zip(run(attention, arrays, KINDS[kind](mask)), expected, strict=True):
            assert (x == y).all()

    @pytest.mark.parametrize("scores", [(2, 5, 7), (2, 3, 5, 7)])
    @pytest.mark.parametrize(
        "mask",
        [(), (7,), (7, 5), (5, 5), (2, 7), (3, 5, 7), (5, 2, 7), (2, 5, 11), (2, 2, 5, 7),
         (2, 5, 1, 7), (3, 1, 1, 7), (2, 1, 1, 5), (2, 3, 7, 5), (1, 2, 3, 5, 7), (2, 0, 5, 7)],
    )  # fmt: skip
    def test_a_mask_that_does_not_fit_is_refused_with_both_shapes(self, mask, scores) -> None:
        with pytest.raises(ValueError) as caught:
            align_mask(np.ones(mask), scores)
        assert f"shape {mask}," in str(caught.value) and f"shape {scores};" in str(caught.value)

    def test_a_mask_with_heads_is_refused_for_scores_without(self, attention) -> None:
        arrays = normal(5, (2, 5, 3), (2, 7, 3), (2, 7, 3))
        with pytest.raises(ValueError, match=r"\(2, 3, 5, 7\).*\(2, 5, 7\)"):
            run(attention, arrays, np.ones((2, 3, 5, 7)))

    def test_the_trap_of_plain_broadcasting_is_refused(self, attention) -> None:
        """NumPy makes (b, b, n, m) from (b, n, m) · (b, 1, 1, m), silently."""
        mask = np.ones((2, 5, 5)) * oracles.padding_mask([5, 3], 5)
        assert mask.shape == (2, 2, 5, 5)
        with pytest.raises(ValueError, match=r"\(2, 2, 5, 5\).*\(2, 5, 5\)"):
            run(attention, normal(6, *[(2, 5, 3)] * 3), mask)


class TestCombination:
    """Masks combine with * and with &."""

    def test_causal_and_padding_combine_to_both(self, attention) -> None:
        causal, padding = create_causal_mask(5), create_padding_mask([5, 3], 5)
        both = oracles.causal_mask(5) * oracles.padding_mask([5, 3], 5)
        arrays = normal(7, *[(2, 3, 5, 7)] * 3)
        expected = oracles.attention(*arrays, both)
        for mask in (causal * padding, padding * causal, causal & padding, causal & both):
            assert mask.shape == (2, 1, 5, 5)
            for x, y in zip(run(attention, arrays, mask), expected, strict=True):
                assert_close(x, y, 1e-13)

    def test_a_combined_mask_works_in_the_layer(self) -> None:
        mask = create_causal_mask(5) * create_padding_mask([5, 3], 5)
        x = Tensor(normal(8, (2, 5, 6))[0])
        weights = MultiHeadAttention(6, 3).attend(x, x, x, mask)[1].numpy()
        assert ((weights > 0) == oracles.full_mask(mask.numpy(), (2, 3, 5, 5))).all()
