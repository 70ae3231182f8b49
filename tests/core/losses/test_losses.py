"""Losses: values on paper, dtypes, what is refused, one element, nothing at all."""

import math

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core.losses import (
    accuracy,
    as_labels,
    binary_cross_entropy_with_logits,
    bits_per_byte,
    cross_entropy,
    mse_loss,
    perplexity,
    softmax_cross_entropy,
)
from tinytorch.core.tensor import Tensor

EIGHTHS = np.log([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]])


def double(x, learns=False) -> Tensor:
    return Tensor(np.asarray(x), learns, np.float64)


def test_mse_of_four_numbers() -> None:
    assert mse_loss(Tensor([[1.0, 2.0], [3.0, 5.0]]), [[1, 0], [6, 5]]).item() == 3.25


def test_cross_entropy_of_eighths() -> None:
    assert_close(cross_entropy(double(EIGHTHS), [2, 1]), -math.log(5 / 64) / 2)


def test_an_untrained_model_loses_ln_of_the_classes() -> None:
    assert_close(cross_entropy(double(np.zeros((5, 7))), [0, 1, 2, 3, 6]), math.log(7))


def test_a_smoothed_label_is_an_average_over_all_labels() -> None:
    (x,) = normal(1, (1, 5))
    each = [cross_entropy(double(x), [label]).item() for label in range(5)]
    smoothed = cross_entropy(double(x), [3], label_smoothing=0.3)
    assert_close(smoothed, 0.7 * each[3] + 0.3 * np.mean(each))


def test_binary_cross_entropy_of_quarters() -> None:
    x = double([math.log(3), -math.log(3), 0])
    expected = -math.log(3 / 4 * 1 / 4 * 1 / 2) / 3
    assert_close(binary_cross_entropy_with_logits(x, [1, 1, 0.5]), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_of_the_logits_is_that_of_the_loss(dtype) -> None:
    x = Tensor(EIGHTHS, True, dtype)
    for loss in (
        mse_loss(x, EIGHTHS.tolist()),
        mse_loss(x, EIGHTHS),
        cross_entropy(x, [2, 1], label_smoothing=np.float64(0.1)),
        binary_cross_entropy_with_logits(x, np.zeros((2, 3))),
    ):
        assert (loss.dtype, loss.shape, loss.requires_grad) == (dtype, (), True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rules_give_the_dtype_of_the_logits(dtype) -> None:
    x, labels = EIGHTHS.astype(dtype), np.array([2, -100])
    options = {"labels": labels, "label_smoothing": 0.1}
    (slope,) = softmax_cross_entropy.rule(np.array(1, dtype), None, x, **options)
    assert slope.dtype == dtype


def test_scores_as_far_apart_as_float32_allows_stay_finite() -> None:
    x = Tensor([[1e38, 0.0, -1e38]])
    assert cross_entropy(x, [0]).item() == 0
    assert cross_entropy(x, [1]).item() == pytest.approx(1e38)
    y = Tensor([1e38, -1e38])
    assert binary_cross_entropy_with_logits(y, [1.0, 0.0]).item() == 0
    assert binary_cross_entropy_with_logits(y, [0.0, 1.0]).item() == pytest.approx(1e38)


def test_a_class_with_the_score_minus_infinity_is_impossible() -> None:
    x = np.array([[0.0, -np.inf, 0.0]])
    assert_close(cross_entropy(double(x), [0]), math.log(2))
    (slope,) = softmax_cross_entropy.rule(np.array(1.0), None, x, labels=np.array([0]))
    assert slope.tolist() == [[-0.5, 0.0, 0.5]]


def test_what_stands_in_an_ignored_row_never_matters() -> None:
    x = np.array([[1.0, 2.0], [np.nan, np.inf]])
    labels = np.array([0, -100])
    loss = cross_entropy(double(x), labels)
    assert_close(loss, cross_entropy(double(x[:1]), [0]))


def test_a_single_row_and_blocks_of_rows() -> None:
    (x,) = normal(2, (2, 3, 5))
    labels = np.random.default_rng(3).integers(0, 5, (2, 3))
    rows = [cross_entropy(double(x[at]), labels[at]).item() for at in np.ndindex(2, 3)]
    assert_close(cross_entropy(double(x), labels), np.mean(rows))
    assert_close(cross_entropy(double(x.T.copy().T), Tensor(labels)), np.mean(rows))


def test_one_class_leaves_no_doubt() -> None:
    assert cross_entropy(Tensor([[3.0], [-2.0]]), [0, 0]).item() == 0
    assert accuracy([[3.0], [-2.0]], [0, 0]) == 1


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([0, 3], r"3 at position \(1,\) is no class; valid labels are 0 to 2"),
        ([-1, 0], r"-1 at position \(0,\)"),
        ([0, 1, 2], r"labels are \(3,\), expected \(2,\)"),
        ([[0, 1]], r"labels are \(1, 2\), expected \(2,\)"),
        (np.zeros((2, 3), int), r"labels are \(2, 3\), expected \(2,\)"),
        ([-100, -100], "none of 2 counts"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, says) -> None:
    for function in (cross_entropy, accuracy):
        with pytest.raises(ValueError, match=says):
            function(Tensor(EIGHTHS), labels)


@pytest.mark.parametrize("labels", [[0.0, 1.0], [True, False], ["mat", "roof"], Tensor([1.0, 2.0])])
def test_labels_that_are_no_integers_are_refused(labels) -> None:
    with pytest.raises(TypeError, match="labels must be integers; got dtype"):
        cross_entropy(Tensor(EIGHTHS), labels)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2, math.nan])
def test_a_smoothing_that_is_no_share_is_refused(smoothing) -> None:
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to less than 1"):
        cross_entropy(Tensor(EIGHTHS), [0, 1], label_smoothing=smoothing)


def test_logits_that_are_no_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="logits must be floats"):
        cross_entropy(Tensor([[1, 2]]), [0])
    with pytest.raises(TypeError, match="logits must be floats"):
        binary_cross_entropy_with_logits(Tensor([1, 2]), [0, 1])


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ([0.0, 1.5], r"1.5 at position \(1,\)"),
        ([-0.25, 2.0], r"-0.25 at position \(0,\)"),
        ([0.0, math.nan], r"nan at position \(1,\)"),
        ([[0.0, 1.0]], r"logits is \(2,\), targets is \(1, 2\)"),
    ],
)
def test_targets_that_are_no_chances_are_refused(targets, says) -> None:
    with pytest.raises(ValueError, match=says):
        binary_cross_entropy_with_logits(Tensor([0.0, 1.0]), targets)


def test_targets_that_learn_are_refused() -> None:
    with pytest.raises(TypeError, match=r"x\.detach"):
        binary_cross_entropy_with_logits(Tensor([0.0]), Tensor([0.5], requires_grad=True))


@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((2, 3), (3,)), ((1,), ()), ((2, 3), (3, 2))])
def test_nothing_is_broadcast(shapes) -> None:
    one, other = (np.full(shape, 0.5) for shape in shapes)
    for function in (mse_loss, binary_cross_entropy_with_logits):
        with pytest.raises(ValueError, match="the shapes must be equal"):
            function(Tensor(one), other)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_nothing_has_no_mean(shape) -> None:
    nothing = Tensor(np.zeros(shape))
    for function in (mse_loss, binary_cross_entropy_with_logits):
        with pytest.raises(ValueError, match="no number to average"):
            function(nothing, np.zeros(shape))
    if len(shape) == 2:
        with pytest.raises(ValueError, match="labels"):
            cross_entropy(nothing, np.zeros(shape[:1], int))


def test_labels_come_back_in_an_array_of_their_own() -> None:
    labels = np.array([2, 1], np.uint8)
    found = as_labels(labels, EIGHTHS)
    labels[...] = 0
    assert found.tolist() == [2, 1]


def test_numbers_to_quote() -> None:
    assert perplexity(math.log(7)) == pytest.approx(7)
    assert perplexity(Tensor([[2.0]], requires_grad=True)) == pytest.approx(math.e**2)
    assert perplexity(1e6) == math.inf
    assert bits_per_byte(math.log(256), 22, 22) == pytest.approx(8)
    assert bits_per_byte(Tensor(math.log(2)), 3, 12) == pytest.approx(0.25)
    with pytest.raises(ValueError):
        perplexity(Tensor([1.0, 2.0]))
    for counts in ((0, 1), (1, 0), (1.5, 2)):
        with pytest.raises(ValueError, match="must be a positive int"):
            bits_per_byte(1.0, *counts)


def test_accuracy_counts_rows_that_count_and_takes_the_first_of_equals() -> None:
    x = [[1.0, 3.0, 2.0], [2.0, 2.0, 0.0], [0.0, 1.0, 1.0], [5.0, 0.0, 0.0]]
    assert accuracy(Tensor(x, requires_grad=True), [1, 1, 1, -100]) == pytest.approx(2 / 3)
    assert accuracy(x, Tensor([1, 0, 2, 7]), ignore_index=7) == pytest.approx(2 / 3)
