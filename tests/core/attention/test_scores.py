"""Attention scores, numerical stability and probability normalization."""

import math

import numpy as np

from tests.core.attention import judges
from tests.core.draw import assert_close, normal, tensors
from tinytorch.core.activations import softmax
from tinytorch.core.attention import attention_scores, attention_weights
from tinytorch.core.tensor import Tensor


def test_the_worked_example_comes_out_in_whole_numbers(attention) -> None:
    judges.worked_example(attention)


def test_output_and_weights_agree_with_the_oracle(attention) -> None:
    judges.agrees_with_the_oracle(attention)


def test_the_output_depends_on_each_of_q_k_and_v(attention) -> None:
    judges.depends_on_q_k_and_v(attention)


def test_each_query_stands_alone(attention) -> None:
    judges.each_query_stands_alone(attention)


def test_keys_may_come_in_any_order(attention) -> None:
    judges.order_of_keys_is_free(attention)


def test_outputs_follow_the_order_of_the_queries(attention) -> None:
    judges.outputs_follow_the_queries(attention)


def test_transposed_views_give_what_copies_give(attention) -> None:
    arrays = normal(1, *judges.FOUR_AXES)
    stored = tensors([np.ascontiguousarray(x.swapaxes(1, 2)) for x in arrays])
    views = [x.transpose(1, 2) for x in stored]
    assert not any(x.data.flags.c_contiguous for x in views)
    copies = tensors(arrays)
    for inputs in (views, copies):
        output, _ = attention(*inputs)
        (output * output).sum().backward()
    for view, copy in zip(stored, copies, strict=True):
        assert_close(view.grad, copy.grad.swapaxes(1, 2), 1e-13)


class TestStability:
    """1/√d_k prevents saturation; subtracting the row's maximum prevents overflow."""

    def test_scaling_keeps_the_softmax_unsaturated_at_any_width(self, attention) -> None:
        judges.is_not_saturated(attention)

    def test_huge_scores_stay_finite(self, attention) -> None:
        judges.is_finite_for_huge_scores(attention)

    def test_float32_scores_that_would_overflow_exp_stay_finite(self, attention) -> None:
        Q = Tensor([[[300.0]]], requires_grad=True)  # e^300 is no float32
        output, weights = attention(Q, Tensor([[[1.0], [1.0]]]), Tensor([[[2.0], [4.0]]]))
        output.backward()
        assert (output.item(), weights.numpy().tolist()) == (3, [[[0.5, 0.5]]])
        assert Q.grad.tolist() == [[[0]]]

    def test_without_the_scale_the_softmax_saturates(self) -> None:
        q, k = normal(2, (1, 41, 509), (1, 43, 509))
        scores = attention_scores(*tensors([q, k]))
        raw, scaled = (softmax(s).numpy() for s in (scores, scores / math.sqrt(509)))
        slopes = [(w * (1 - w)).sum(axis=-1).mean() for w in (raw, scaled)]
        assert slopes[0] < 0.25 and slopes[1] > 0.9

    def test_a_constant_added_to_a_row_of_scores_changes_no_weight(self) -> None:
        (scores,) = tensors(normal(3, (2, 5, 7)))
        assert_close(attention_weights(scores + 1e4), attention_weights(scores), 1e-11)


class TestNormalization:
    """Each row of weights is a probability distribution over the keys."""

    def test_rows_sum_to_1_and_outputs_stay_inside_the_range_of_v(self, attention) -> None:
        judges.rows_sum_to_1(attention)

    def test_equal_keys_get_equal_weights(self, attention) -> None:
        Q, K = Tensor(normal(4, (1, 2, 3))[0]), Tensor(np.ones((1, 8, 3)))
        V = Tensor(np.arange(8.0).reshape(1, 8, 1))
        output, weights = attention(Q, K, V)
        assert weights.numpy().tolist() == [[[1 / 8] * 8] * 2]
        assert output.numpy().tolist() == [[[3.5]] * 2]

    def test_a_single_key_gets_weight_1(self, attention) -> None:
        Q, K, V = tensors(normal(5, (2, 5, 3), (2, 1, 3), (2, 1, 7)))
        output, weights = attention(Q, K, V)
        assert (weights.numpy() == 1).all()
        assert_close(output, np.broadcast_to(V.numpy(), (2, 5, 7)), 0)
