"""Losses: what holds for any numbers."""

import numpy as np
import pytest

from tests import oracles
from tests.core.draw import assert_close
from tinytorch.core.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from tinytorch.core.tensor import Tensor

hypothesis = pytest.importorskip("hypothesis")
npst = pytest.importorskip("hypothesis.extra.numpy")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=50, deadline=None, derandomize=True)

ONE = np.array(1.0)
SHAPES = npst.array_shapes(min_dims=1, max_dims=3, max_side=5)
ROWS = npst.arrays(np.float64, SHAPES, elements=st.floats(-1e4, 1e4))
NEAR = npst.arrays(np.float64, SHAPES, elements=st.floats(-4, 4))
SMOOTHING = st.sampled_from([0.0, 0.1, 0.9])


def double(x) -> Tensor:
    return Tensor(x, dtype=np.float64)


@st.composite
def rows_and_labels(draw, rows=ROWS):
    """Logits, labels of which at least one counts, and options."""
    x = draw(rows)
    classes = st.sampled_from([-100, *range(x.shape[-1])])
    labels = draw(npst.arrays(np.int64, x.shape[:-1], elements=classes))
    labels.flat[0] = draw(st.integers(0, x.shape[-1] - 1))
    return x, labels, {"label_smoothing": draw(SMOOTHING)}


@bounded
@hypothesis.given(rows_and_labels())
def test_cross_entropy_is_the_mean_of_minus_log_softmax(drawn) -> None:
    x, labels, options = drawn
    logs, smoothing = oracles.log_softmax(x), options["label_smoothing"]
    losses = []
    for place in np.ndindex(labels.shape):
        if labels[place] != -100:
            mean, own = logs[place].mean(), logs[place][labels[place]]
            losses.append(-smoothing * mean - (1 - smoothing) * own)
    assert cross_entropy(double(x), labels, **options).item() == pytest.approx(
        np.mean(losses), rel=1e-9, abs=1e-9
    )


@bounded
@hypothesis.given(rows_and_labels(), st.floats(-100, 100))
def test_a_number_added_to_all_logits_changes_nothing(drawn, number) -> None:
    x, labels, options = drawn
    there = cross_entropy(double(x), labels, **options).item()
    assert there >= 0
    moved = cross_entropy(double(x + number), labels, **options).item()
    assert moved == pytest.approx(there, rel=1e-9, abs=1e-9)


@bounded
@hypothesis.given(rows_and_labels(NEAR), st.floats(-3, 3))
def test_the_rule_is_the_slope_of_the_loss(drawn, grad) -> None:
    x, labels, options = drawn
    (found,) = softmax_cross_entropy.rule(np.array(grad), None, x, labels=labels, **options)

    def loss() -> float:
        return grad * float(softmax_cross_entropy.forward(x, labels=labels, **options))

    assert_close(found, oracles.numeric_gradient(loss, x), 1e-8)


@bounded
@hypothesis.given(rows_and_labels())
def test_the_gradient_of_a_row_sums_to_0_and_is_0_where_ignored(drawn) -> None:
    x, labels, options = drawn
    (slope,) = softmax_cross_entropy.rule(ONE, None, x, labels=labels, **options)
    assert_close(slope.sum(axis=-1), np.zeros(labels.shape), 1e-14)
    assert not slope[labels == -100].any()


@bounded
@hypothesis.given(NEAR, st.data())
def test_the_rule_of_yes_or_no_is_the_slope_of_the_loss(x, data) -> None:
    targets = data.draw(npst.arrays(np.float64, x.shape, elements=st.floats(0, 1)))
    (found,) = sigmoid_cross_entropy.rule(ONE, None, x, targets=targets)

    def loss() -> float:
        return float(sigmoid_cross_entropy.forward(x, targets=targets))

    assert_close(found, oracles.numeric_gradient(loss, x), 1e-8)


@bounded
@hypothesis.given(ROWS, st.data())
def test_yes_or_no_is_a_softmax_over_two_classes(x, data) -> None:
    yes = data.draw(npst.arrays(np.int64, x.shape, elements=st.integers(0, 1)))
    pairs = np.stack([np.zeros(x.shape), x], axis=-1)
    one = binary_cross_entropy_with_logits(double(x), yes).item()
    assert one == pytest.approx(cross_entropy(double(pairs), yes).item(), rel=1e-12, abs=1e-15)
    (slope,) = sigmoid_cross_entropy.rule(ONE, None, x, targets=yes)
    (slopes,) = softmax_cross_entropy.rule(ONE, None, pairs, labels=yes)
    assert_close(slope, slopes[..., 1], 1e-15)
