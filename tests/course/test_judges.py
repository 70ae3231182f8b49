"""Judges x bank: what tests/core asks of attention passes right answers and rejects wrong ones.

The judges are those that the library passes there. Each answer is planted into what is exported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.attention import head_judges, judges, mask_judges
from tests.course.conftest import COURSE
from tito.grader.other_answers import FOLDER, RIGHT, OtherAnswer, plant, read
from tito.places import exported_cells

pytestmark = pytest.mark.slow

MODULE = COURSE.module("attention")
ATTENTION = judges.JUDGES + mask_judges.JUDGES
JUDGES = dict.fromkeys((f"12.{n}" for n in range(1, 8)), ATTENTION)
JUDGES |= dict.fromkeys(("12.10", "12.11", "12.13"), head_judges.JUDGES)
BEYOND = {  # right where judges look; wrong in dtype, memory, range, speed or what is called
    "always float64",
    "sums in float32",
    "pairs of weight 0 skipped",  # the softmax's gradient is 0 there as well
    "zeros_like and a reshape that copies",
    "-1e9 without the largest allowed score taken away",
    "-1e9 added, which huge scores swallow",
    "filled first, then shifted",
    "-100 is not low enough",
    "the scores changed in place",
    "only 1 counts as allowed",
    "the inputs are not checked",
    "the loops called once more",
    "scores by the loops",
    "the sum by the loops",
    "loops of its own, in an op of its own",
    "one attention named, not the one passed in",
    "attention called twice",
}
SEEN = {  # for each judge an entry that it rejects
    judges.worked_example: "12.6 no scale",
    judges.agrees_with_the_oracle: "12.6 divided by the root of d_v",
    judges.rows_sum_to_1: "12.3 softmax over queries and keys together",
    judges.is_not_saturated: "12.6 divided by d_k",
    judges.is_finite_for_huge_scores: "12.3 exponentials without the maximum",
    judges.depends_on_q_k_and_v: "12.1 the first query for all",
    judges.each_query_stands_alone: "12.6 the queries' mean taken away",
    judges.order_of_keys_is_free: "12.4 the values in the opposite order",
    judges.outputs_follow_the_queries: "12.4 the query's own value, again and again",
    judges.gradients_agree_with_the_oracle: "12.2 the sign turned round",
    mask_judges.is_causal: "12.8 one word of the future seen",
    mask_judges.masks_agree_with_the_oracle: "12.3 the mask of the first sentence for all",
    mask_judges.blocked_keys_have_no_effect: "12.3 -10 is not low enough",
    mask_judges.an_empty_row_is_zero: "12.3 an empty row looks everywhere",
    head_judges.heads_agree_with_the_oracle: "12.13 weights averaged over the heads",
    head_judges.heads_are_causal: "12.13 the mask not handed on",
    head_judges.a_padded_sentence_computes_what_it_does_alone: "12.13 the mask not handed on",
    head_judges.all_gradients_agree_with_the_oracle: "12.13 the queries detached",
}


def judged(folder: Path) -> list[OtherAnswer]:
    return [answer for answer in read(MODULE, folder) if answer.number in JUDGES]


def subject(answer: OtherAnswer) -> Callable[..., Any]:
    """What judges are handed: the attention, or the layer, of an export with this answer."""
    lines = [line for cell in exported_cells(MODULE.cells) for line in cell.lines]
    planted = plant(answer, lines)
    assert planted, "no such exercise and function"
    names: dict[str, Any] = {"__name__": "planted"}
    exec(compile("\n".join(planted), str(answer), "exec"), names)
    if JUDGES.get(answer.number) is head_judges.JUDGES:
        return names["MultiHeadAttention"]
    loops, matrices = names["scaled_dot_product_attention"], names["vectorized_attention"]
    if answer.number == "12.8":
        return lambda Q, K, V, mask: matrices(Q, K, V, names["create_causal_mask"](len(mask)))
    return matrices if answer.number == "12.7" else loops


def rejects(judge: Callable[[Any], None], candidate: Any) -> bool:
    try:
        judge(candidate)
    except Exception:
        return True
    return False


@pytest.mark.parametrize("answer", judged(RIGHT), ids=str)
def test_a_right_answer_passes_every_judge(answer: OtherAnswer) -> None:
    candidate = subject(answer)
    for judge in JUDGES[answer.number]:
        judge(candidate)


@pytest.mark.parametrize("answer", judged(FOLDER), ids=str)
def test_a_wrong_answer_is_rejected_by_some_judge(answer: OtherAnswer) -> None:
    candidate = subject(answer)
    rejected = any(rejects(judge, candidate) for judge in JUDGES[answer.number])
    assert rejected == (answer.what not in BEYOND)


@pytest.mark.parametrize("judge", SEEN, ids=lambda judge: judge.__name__)
def test_a_judge_rejects_a_wrong_answer_for_its_values(judge) -> None:
    (wrong,) = (w for w in read(MODULE) if f"{w.number} {w.what}" == SEEN[judge])
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        judge(subject(wrong))


def test_both_lists_are_whole() -> None:
    assert SEEN.keys() == {*ATTENTION, *head_judges.JUDGES}
    assert {wrong.what for wrong in judged(FOLDER)} >= BEYOND
