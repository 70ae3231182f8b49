"""Planted mistakes are each seen to fail, by the same judges that the library passes."""

import pytest

from tests.core.attention import head_judges, mask_judges
from tests.core.attention import judges as attention_judges
from tests.course import gradient_mistakes, head_mistakes, mistakes
from tinytorch.core.attention import (
    MultiHeadAttention,
    scaled_dot_product_attention,
    vectorized_attention,
)


def name(part) -> str:
    return part.__name__


@pytest.mark.parametrize("attention", [scaled_dot_product_attention, vectorized_attention])
@pytest.mark.parametrize("judge", attention_judges.JUDGES + mask_judges.JUDGES, ids=name)
def test_the_library_passes(judge, attention) -> None:
    judge(attention)


@pytest.mark.parametrize(("planted", "judge"), mistakes.MISTAKES, ids=name)
def test_a_mistake_is_rejected_for_its_values(planted, judge) -> None:
    with pytest.raises(AssertionError):
        judge(planted)


@pytest.mark.parametrize("planted", gradient_mistakes.MISTAKES, ids=name)
def test_a_mistake_in_the_gradients_is_rejected_for_its_values(planted) -> None:
    attention_judges.agrees_with_the_oracle(planted)
    with pytest.raises(AssertionError):
        attention_judges.gradients_agree_with_the_oracle(planted)


@pytest.mark.parametrize("judge", head_judges.JUDGES, ids=name)
@pytest.mark.parametrize("cls", [MultiHeadAttention, head_mistakes.Steps], ids=name)
def test_the_layer_and_its_copy_in_steps_pass(cls, judge) -> None:
    judge(cls)


@pytest.mark.parametrize(("planted", "judge"), head_mistakes.MISTAKES, ids=name)
def test_a_mistake_in_the_heads_is_rejected_for_its_values(planted, judge) -> None:
    with pytest.raises(AssertionError):
        judge(planted)


def test_every_judge_rejects_some_mistake() -> None:
    rejecting = {judge for _, judge in mistakes.MISTAKES + head_mistakes.MISTAKES}
    rejecting.add(attention_judges.gradients_agree_with_the_oracle)
    judges = attention_judges.JUDGES + mask_judges.JUDGES + head_judges.JUDGES
    assert rejecting == set(judges)
