"""Attention refuses what does not fit: the message names the argument and every shape."""

import numpy as np
import pytest

from tinytorch.core.attention import (
    MultiHeadAttention,
    MultiheadAttention,
    attention_weights,
    create_causal_mask,
    create_padding_mask,
)
from tinytorch.core.tensor import Tensor
from tinytorch.pictures import text_heatmap


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape))


GOOD = {"Q": zeros(2, 5, 3), "K": zeros(2, 7, 3), "V": zeros(2, 7, 11)}

WRONG = {
    "d_k": ({"K": zeros(2, 7, 5)}, r"share d_k.*Q \(2, 5, 3\), K \(2, 7, 5\)"),
    "n_k": ({"V": zeros(2, 5, 11)}, r"n_k of K and V.*K \(2, 7, 3\), V \(2, 5, 11\)"),
    "batch of Q": ({"Q": zeros(3, 5, 3)}, r"batch .* must agree: Q \(3, 5, 3\), K \(2, 7, 3\)"),
    "batch of V": ({"V": zeros(1, 7, 11)}, r"batch .* must agree.*V \(1, 7, 11\)"),
    "heads": ({"K": zeros(2, 1, 7, 3)}, r"heads.* must agree.*K \(2, 1, 7, 3\)"),
    "two axes": ({"Q": zeros(5, 3)}, r"Q has shape \(5, 3\); attention takes \(batch"),
    "five axes": ({"V": zeros(1, 1, 2, 7, 11)}, r"V has shape \(1, 1, 2, 7, 11\); attention takes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_shapes_that_do_not_belong_together_are_all_named(attention, name) -> None:
    changed, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        attention(**(GOOD | changed))


@pytest.mark.parametrize("name", "QKV")
@pytest.mark.parametrize("value", [np.zeros((2, 5, 3)), [[[0.0]]], None])
def test_what_is_no_tensor_is_named_with_its_type(attention, name, value) -> None:
    message = rf"{name} must be a Tensor, got {type(value).__name__}: Tensor\({name}\)\?"
    with pytest.raises(TypeError, match=message):
        attention(**(GOOD | {name: value}))


@pytest.mark.parametrize("name", "QKV")
def test_integers_are_refused_since_they_are_token_ids(attention, name) -> None:
    ids = Tensor(np.zeros(GOOD[name].shape, np.int64))
    with pytest.raises(TypeError, match=f"{name} must hold floats, got int64; embed"):
        attention(**(GOOD | {name: ids}))


def test_the_layer_names_an_argument_of_the_wrong_shape_or_type() -> None:
    layer, good = MultiheadAttention(6, 3), zeros(2, 5, 6)
    for position, name in enumerate(("query", "key", "value")):
        for wrong in (zeros(2, 5, 7), zeros(5, 6), zeros(1, 2, 5, 6)):
            arguments = [good, good, good]
            arguments[position] = wrong
            with pytest.raises(ValueError) as caught:
                layer(*arguments)
            message = f"{name} has shape {wrong.shape}, expected (batch, seq_len, 6)"
            assert message in str(caught.value)
        arguments[position] = good.numpy()
        with pytest.raises(TypeError, match=f"{name} must be a Tensor, got ndarray"):
            layer(*arguments)


def test_the_layer_refuses_keys_and_values_of_different_length_or_batch() -> None:
    layer = MultiheadAttention(6, 3)
    with pytest.raises(ValueError, match=r"key and value .* the shape"):
        layer(zeros(2, 5, 6), zeros(2, 7, 6), zeros(2, 5, 6))
    with pytest.raises(ValueError, match="batch"):
        layer(zeros(2, 5, 6), zeros(3, 7, 6), zeros(3, 7, 6))


def test_the_layer_refuses_a_mask_of_another_length_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"mask has shape \(7, 7\).*\(2, 3, 5, 5\)"):
        MultiHeadAttention(6, 3)(zeros(2, 5, 6), np.ones((7, 7)))


def test_queries_without_numbers_are_refused(attention) -> None:
    with pytest.raises(ValueError, match=r"d_k, the last size, at least 1: Q \(2, 5, 0\)"):
        attention(zeros(2, 5, 0), zeros(2, 5, 0), zeros(2, 5, 3))


LOW = [-np.inf, np.nan, -1e9, -10000, -1, np.finfo(np.float32).min, -1e-30, np.float16(-65504)]


@pytest.mark.parametrize("low", LOW)
def test_a_mask_made_to_be_added_is_refused_instead_of_read_upside_down(attention, low) -> None:
    """Alone, as a tensor, combined with a mask of ours, in the layer, and in a picture."""
    added = np.where(np.tri(5), 0.0, low).astype(np.float32)
    both = create_causal_mask(5) * added if np.isnan(low) else create_padding_mask([5], 5) * added
    three = (zeros(1, 5, 3),) * 3
    for mask in (added, Tensor(added), both, added[None]):
        with pytest.raises(ValueError, match=r"mask holds .* pass mask == 0"):
            attention(*three, mask)
    with pytest.raises(ValueError, match="pass mask == 0"):
        MultiHeadAttention(6, 3, attention)(zeros(1, 5, 6), added)
    with pytest.raises(ValueError, match="pass mask == 0"):
        text_heatmap(np.ones((5, 5)), "abcde", mask=added)
    _, weights = attention(*three, added == 0)
    assert not np.triu(weights.numpy(), 1).any() and weights.numpy()[0, 0, 0] == 1


@pytest.mark.parametrize("mask", [[["a"] * 5] * 5, np.full((5, 5), None), np.ones((5, 5)) * 1j])
def test_a_mask_that_holds_no_numbers_is_refused(attention, mask) -> None:
    with pytest.raises(TypeError, match="mask must hold bools or numbers, got dtype"):
        attention(*(zeros(2, 5, 3),) * 3, mask)


@pytest.mark.parametrize("mask", [None, np.tri(5)])
def test_float16_is_refused_by_name(attention, mask) -> None:
    half = Tensor(np.ones((2, 5, 3)), dtype=np.float16)
    for position, name in enumerate("QKV"):
        arguments = [zeros(2, 5, 3)] * 3
        arguments[position] = half
        with pytest.raises(TypeError, match=f"{name} is float16, .* use float32"):
            attention(*arguments, mask)
    with pytest.raises(TypeError, match="scores is float16"):
        attention_weights(Tensor(np.ones((2, 5, 5)), dtype=np.float16), mask)


def test_mixed_dtypes_give_the_wider_one(attention) -> None:
    narrow, wide = Tensor(np.ones((2, 5, 3))), Tensor(np.ones((2, 5, 3)), dtype=np.float64)
    for arguments in ((narrow, wide, wide), (wide, narrow, narrow), (narrow, narrow, wide)):
        output, _ = attention(*arguments)
        assert output.dtype == np.float64
