"""Judges of attention: each takes an implementation and raises AssertionError on wrong values.

The area tests hand them the library's functions; tests/course/test_judges.py hands them right and
wrong answers. Both go through the same code. Every axis has a different prime.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests import oracles
from tests.core.draw import Array, assert_close, normal, tensors
from tinytorch.core.tensor import Tensor

Attention = Callable[..., tuple[Tensor, Tensor]]

B, H, N, M, D, DV = 2, 3, 5, 7, 11, 13
THREE_AXES = ((B, N, D), (B, M, D), (B, M, DV))
FOUR_AXES = ((B, H, N, D), (B, H, M, D), (B, H, M, DV))


def run(attention: Attention, arrays: list[Array], mask: Any = None) -> list[Array]:
    """Output and weights as arrays, from float64 arrays."""
    return [x.numpy() for x in attention(*tensors(arrays), mask)]


def random_mask(seed: int, shape: tuple[int, ...]) -> Array:
    """0 or 1; key 0 is always allowed, so that no row is empty."""
    mask = (np.random.default_rng(seed).random(shape) < 0.5).astype(float)
    mask[..., 0] = 1
    return mask


def worked_example(attention: Attention) -> None:
    """Scores log 3 and 0 are shares 3/4 and 1/4: 3/4 · (4, 0) + 1/4 · (8, 4) = (5, 1)."""
    Q = np.array([[[2 * math.log(3), 0, 0, 0]]])  # divided by √4, the first score is log 3
    K = np.array([[[1.0, 0, 0, 0], [0, 1.0, 0, 0]]])
    V = np.array([[[4.0, 0], [8.0, 4.0]]])
    output, weights = run(attention, [Q, K, V])
    assert_close(weights, [[[3 / 4, 1 / 4]]], 1e-14)
    assert_close(output, [[[5, 1]]], 1e-14)


def agrees_with_the_oracle(attention: Attention) -> None:
    """Three and four axes, n_q ≠ n_k, d_v ≠ d_k, weights of a millionth as of a half."""
    for shapes, size in ((THREE_AXES, 1), (FOUR_AXES, 1), (FOUR_AXES, 9)):
        arrays = normal(0, *shapes)
        arrays[0] *= size
        for got, expected in zip(run(attention, arrays), oracles.attention(*arrays), strict=True):
            assert_close(got, expected, 1e-13)


def rows_sum_to_1(attention: Attention) -> None:
    """Weights are a probability distribution over the keys, and no output leaves V's range."""
    for shapes in (THREE_AXES, FOUR_AXES):
        arrays = normal(1, *shapes)
        output, weights = run(attention, arrays)
        assert (weights >= 0).all(), "negative weight"
        assert_close(weights.sum(axis=-1), np.ones(weights.shape[:-1]), 1e-14)
        low, high = (f(arrays[2], axis=-2, keepdims=True) for f in (np.min, np.max))
        assert ((output >= low) & (output <= high)).all(), "output outside the range of V"


def is_not_saturated(attention: Attention) -> None:
    """With unit-variance inputs, log-weights keep variance about 1 however large d_k is."""
    for d_k in (13, 503):
        Q, K, V = normal(2, (3, 41, d_k), (3, 43, d_k), (3, 43, 2))
        _, weights = run(attention, [Q, K, V])
        variance = np.log(np.maximum(weights, 1e-300)).var(axis=-1).mean()
        assert 0.7 < variance < 1.3, f"variance of the log-weights is {variance:.2f} at d_k={d_k}"


def is_finite_for_huge_scores(attention: Attention) -> None:
    """Scores of ±10⁶ choose one key exactly, without a NaN and without a warning."""
    Q, K, V = np.array([[[1e3]], [[-1e3]]]), np.array([[[-1e3], [1e3]]] * 2), np.ones((2, 2, 3))
    output, weights = run(attention, [Q, K, V])
    assert weights.tolist() == [[[0, 1]], [[1, 0]]]
    assert output.tolist() == [[[1, 1, 1]], [[1, 1, 1]]]


def depends_on_q_k_and_v(attention: Attention) -> None:
    """Changing one number of Q, K or V changes its own sentence, and no other."""
    for position in range(3):
        arrays = normal(3, *THREE_AXES)
        before, _ = run(attention, arrays)
        arrays[position][1, 2, 3] += 1
        after, _ = run(attention, arrays)
        assert (before[0] == after[0]).all(), "another sentence changed"
        assert np.abs(before[1] - after[1]).max() > 1e-3, "nothing changed"


def each_query_stands_alone(attention: Attention) -> None:
    """Changing one query changes its own row of output and weights, and no other row."""
    arrays = normal(4, *THREE_AXES)
    before = run(attention, arrays)
    arrays[0][:, 2] += 1
    after = run(attention, arrays)
    for x, y in zip(before, after, strict=True):
        moved = np.abs(x - y).max(axis=-1) > 1e-6
        assert moved.tolist() == [[i == 2 for i in range(N)]] * B, "a row that should not move did"


def order_of_keys_is_free(attention: Attention) -> None:
    """Keys and values shuffled together give the same outputs, and shuffled weights."""
    Q, K, V = normal(5, *THREE_AXES)
    order = np.random.default_rng(5).permutation(M)
    output, weights = run(attention, [Q, K, V])
    shuffled_output, shuffled_weights = run(attention, [Q, K[:, order], V[:, order]])
    assert_close(shuffled_output, output, 1e-13)
    assert_close(shuffled_weights, weights[..., order], 1e-13)


def outputs_follow_the_queries(attention: Attention) -> None:
    """Shuffled queries give outputs and weights shuffled in the same way."""
    Q, K, V = normal(6, *THREE_AXES)
    order = np.random.default_rng(6).permutation(N)
    for x, y in zip(
        run(attention, [Q[:, order], K, V]), run(attention, [Q, K, V]), strict=True
    ):  # fmt: skip
        assert_close(x, y[:, order], 1e-13)


def gradients_agree_with_the_oracle(attention: Attention) -> None:
    """Gradients of Q, K and V, of output and weights, are those of central differences."""
    for m, masked in ((3, False), (5, False), (5, True)):  # where n == m, a swap fits the shapes
        arrays = normal(11, (2, 3, 2), (2, m, 2), (2, m, 7))
        up_output, up_weights = normal(12, (2, 3, 7), (2, 3, m))
        mask = random_mask(11, (2, 3, m)) if masked else None

        def value(attend: Any, *inputs: Any) -> Any:
            output, weights = attend(*inputs)
            return (output * up_output).sum() + (weights * up_weights).sum()  # noqa: B023

        leaves = tensors(arrays)
        value(attention, *leaves, mask).backward()
        for name, x, array in zip("QKV", leaves, arrays, strict=True):
            assert x.grad is not None, f"{name} got no gradient"
            moved = partial(value, oracles.attention, *arrays, mask)
            assert_close(x.grad, oracles.numeric_gradient(moved, array), 1e-7)


JUDGES: list[Callable[[Attention], None]] = [
    worked_example,
    agrees_with_the_oracle,
    rows_sum_to_1,
    is_not_saturated,
    is_finite_for_huge_scores,
    depends_on_q_k_and_v,
    each_query_stands_alone,
    order_of_keys_is_free,
    outputs_follow_the_queries,
    gradients_agree_with_the_oracle,
]
