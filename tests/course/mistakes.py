"""Planted mistakes: implementations of attention that people really write, each wrong in one place.

Each comes with the judge that has to reject it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.core.attention import judges, mask_judges
from tests.core.attention.judges import Attention
from tinytorch.core.activations import softmax
from tinytorch.core.attention import align_mask, attention_weights
from tinytorch.core.tensor import Tensor

Judge = Callable[[Attention], None]
MISTAKES: list[tuple[Attention, Judge]] = []


def mistake(*rejected_by: Judge) -> Callable[[Attention], Attention]:
    """File an implementation as a mistake that each of these judges has to reject."""

    def file(attention: Attention) -> Attention:
        MISTAKES.extend((attention, judge) for judge in rejected_by)
        return attention

    return file


def scaled_scores(Q: Tensor, K: Tensor) -> Tensor:
    return Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])


def finish(scores: Tensor, V: Tensor, mask: Any) -> tuple[Tensor, Tensor]:
    weights = attention_weights(scores, mask)
    return weights @ V, weights


@mistake(judges.worked_example, judges.is_not_saturated)
def no_scale(Q, K, V, mask=None):
    return finish(Q @ K.transpose(-2, -1), V, mask)


@mistake(judges.worked_example, judges.is_not_saturated)
def scale_by_d_k(Q, K, V, mask=None):
    return finish(Q @ K.transpose(-2, -1) / Q.shape[-1], V, mask)


@mistake(judges.agrees_with_the_oracle)
def scale_by_the_values_width(Q, K, V, mask=None):
    return finish(Q @ K.transpose(-2, -1) / math.sqrt(V.shape[-1]), V, mask)


@mistake(judges.is_finite_for_huge_scores)
def no_maximum_subtracted(Q, K, V, mask=None):
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(scaled_scores(Q, K).numpy())
        weights = Tensor(e / e.sum(axis=-1, keepdims=True), dtype=np.float64)
    return weights @ V, weights


@mistake(mask_judges.is_causal, mask_judges.masks_agree_with_the_oracle)
def mask_inverted(Q, K, V, mask=None):
    return finish(scaled_scores(Q, K), V, None if mask is None else np.asarray(mask) == 0)


@mistake(*mask_judges.JUDGES)
def mask_dropped(Q, K, V, mask=None):
    return finish(scaled_scores(Q, K), V, None)


@mistake(mask_judges.masks_agree_with_the_oracle)
def mask_after_the_softmax(Q, K, V, mask=None):
    weights = softmax(scaled_scores(Q, K))
    if mask is not None:
        weights = weights * align_mask(mask, weights.shape)
    return weights @ V, weights


@mistake(mask_judges.masks_agree_with_the_oracle)
def mask_fills_scores_with_0(Q, K, V, mask=None):
    scores = scaled_scores(Q, K)
    if mask is not None:
        scores = scores.masked_fill(~align_mask(mask, scores.shape), 0.0)
    return finish(scores, V, None)


@mistake(mask_judges.masks_agree_with_the_oracle)
def mask_added_to_the_scores(Q, K, V, mask=None):
    scores = scaled_scores(Q, K)
    return finish(scores if mask is None else scores + align_mask(mask, scores.shape), V, None)


@mistake(mask_judges.blocked_keys_have_no_effect)
def blocked_scores_too_weak(Q, K, V, mask=None):
    scores = scaled_scores(Q, K)
    if mask is not None:
        scores = scores.masked_fill(~align_mask(mask, scores.shape), -10.0)
    return finish(scores, V, None)


@mistake(mask_judges.masks_agree_with_the_oracle)
def three_axes_taken_as_heads(Q, K, V, mask=None):
    mask = None if mask is None else np.asarray(mask)
    if mask is not None and mask.ndim == 3 and Q.ndim == 4:
        mask = np.repeat(mask[:1], Q.shape[1], axis=0)[None]  # (1, h, n, m)
    return finish(scaled_scores(Q, K), V, mask)


@mistake(mask_judges.masks_agree_with_the_oracle)
def mask_of_the_first_sentence_for_all(Q, K, V, mask=None):
    mask = None if mask is None else np.asarray(mask)
    if mask is not None and mask.ndim > 2:
        mask = np.broadcast_to(mask[:1], mask.shape)
    return finish(scaled_scores(Q, K), V, mask)


@mistake(mask_judges.is_causal)
def causal_off_by_one_sees_the_next_token(Q, K, V, mask=None):
    n = Q.shape[-2]
    return finish(scaled_scores(Q, K), V, np.tril(np.ones((n, n)), 1))


@mistake(mask_judges.is_causal)
def causal_off_by_one_misses_itself(Q, K, V, mask=None):
    n = Q.shape[-2]
    return finish(scaled_scores(Q, K), V, np.tril(np.ones((n, n)), -1))


@mistake(mask_judges.is_causal)
def causal_mask_transposed(Q, K, V, mask=None):
    return finish(scaled_scores(Q, K), V, np.asarray(mask).T)


@mistake(mask_judges.an_empty_row_is_zero)
def empty_row_is_uniform(Q, K, V, mask=None):
    scores = scaled_scores(Q, K).masked_fill(~align_mask(mask, (*Q.shape[:-1], K.shape[-2])), -1e9)
    return finish(scores, V, None)


@mistake(mask_judges.an_empty_row_is_zero)
def empty_row_is_nan(Q, K, V, mask=None):
    scores = scaled_scores(Q, K)
    with np.errstate(invalid="ignore"):
        return finish(scores.masked_fill(~align_mask(mask, scores.shape), -np.inf), V, None)


@mistake(judges.worked_example)
def weights_times_keys(Q, K, V, mask=None):
    output, weights = finish(scaled_scores(Q, K), K, mask)
    return output[..., : V.shape[-1]], weights


@mistake(judges.rows_sum_to_1)
def softmax_over_the_queries(Q, K, V, mask=None):
    weights = softmax(scaled_scores(Q, K), dim=-2)
    return weights @ V, weights


@mistake(judges.rows_sum_to_1)
def softmax_over_everything(Q, K, V, mask=None):
    scores = scaled_scores(Q, K)
    weights = softmax(scores.reshape(scores.shape[0], -1)).reshape(scores.shape)
    return weights @ V, weights


@mistake(judges.rows_sum_to_1)
def no_softmax(Q, K, V, mask=None):
    weights = scaled_scores(Q, K)
    return weights @ V, weights


@mistake(judges.order_of_keys_is_free)
def values_in_another_order_than_the_keys(Q, K, V, mask=None):
    _, weights = finish(scaled_scores(Q, K), V, mask)
    return weights @ V[..., ::-1, :], weights


@mistake(judges.each_query_stands_alone)
def average_of_all_queries(Q, K, V, mask=None):
    return finish(scaled_scores(Q - Q.mean(dim=-2, keepdims=True), K), V, mask)


@mistake(judges.outputs_follow_the_queries)
def first_query_for_all(Q, K, V, mask=None):
    return finish(scaled_scores(Q * 0 + Q[..., :1, :], K), V, mask)


@mistake(judges.agrees_with_the_oracle)
def weights_returned_before_the_softmax(Q, K, V, mask=None):
    scores = scaled_scores(Q, K)
    return finish(scores, V, mask)[0], scores


@mistake(judges.agrees_with_the_oracle)
def first_sentence_for_the_whole_batch(Q, K, V, mask=None):
    return finish(scaled_scores(Q, K * 0 + K[:1]), V, mask)
