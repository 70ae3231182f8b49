"""Judges of masks: causality by values, every mask shape, blocked keys, empty rows."""

from collections.abc import Callable

import numpy as np

from tests import oracles
from tests.core.attention.judges import (
    DV,
    FOUR_AXES,
    THREE_AXES,
    Attention,
    B,
    D,
    H,
    M,
    N,
    random_mask,
    run,
)
from tests.core.draw import assert_close, normal, tensors


def is_causal(attention: Attention) -> None:
    """Changing token t changes no output before t, and every output from t on."""
    arrays = normal(7, *[(B, N, D)] * 3)
    mask = oracles.causal_mask(N)
    before, weights = run(attention, arrays, mask)
    assert not np.triu(weights, 1).any(), "a weight on the future is not 0"
    assert (np.tril(weights) > 0).sum() == B * N * (N + 1) // 2, "the present or past is blocked"
    for t in range(N):
        changed = [x.copy() for x in arrays]
        for x in changed:
            x[:, t] += 1
        after, _ = run(attention, changed, mask)
        assert (before[:, :t] == after[:, :t]).all(), f"token {t} reached an output before it"
        assert (np.abs(before - after)[:, t:].max(axis=-1) > 1e-6).all(), f"token {t} has no effect"


MASK_SHAPES = {
    "(n, m)": (N, M),
    "(b, n, m)": (B, N, M),
    "(b, 1, 1, m)": (B, 1, 1, M),
    "(b, 1, n, m)": (B, 1, N, M),
    "(b, h, n, m)": (B, H, N, M),
}


def masks_agree_with_the_oracle(attention: Attention) -> None:
    """Every accepted mask shape, for scores of three and of four axes; blocked is exactly 0."""
    for seed, shape in enumerate(MASK_SHAPES.values()):
        for shapes in (THREE_AXES, FOUR_AXES)[shape == (B, H, N, M) :]:
            arrays, mask = normal(8, *shapes), random_mask(seed, shape)
            output, weights = run(attention, arrays, mask)
            expected_output, expected_weights = oracles.attention(*arrays, mask)
            assert_close(weights, expected_weights, 1e-13)
            assert_close(output, expected_output, 1e-13)
            assert not weights[expected_weights == 0].any(), "a blocked weight is not exactly 0"


def blocked_keys_have_no_effect(attention: Attention) -> None:
    """Other keys and values in blocked places, however wild, change not one bit."""
    Q, K, V = normal(9, *THREE_AXES)
    mask = oracles.padding_mask([4, 6], M)
    before = run(attention, [Q, K, V], mask)
    K[0, 4:], K[1, 6:], V[0, 4:], V[1, 6:] = 50, -50, 1e6, -1e6
    for x, y in zip(before, run(attention, [Q, K, V], mask), strict=True):
        assert (x == y).all(), "a blocked key or value has an effect"


def an_empty_row_is_zero(attention: Attention) -> None:
    """A query that may look at nothing has zero weights, output and gradients, and no NaN."""
    arrays, mask = normal(10, *FOUR_AXES), random_mask(10, (B, H, N, M))
    mask[1, 2, 3] = 0
    Q, K, V = leaves = tensors(arrays)
    output, weights = attention(*leaves, mask)
    assert weights.numpy()[1, 2, 3].tolist() == [0] * M, "weights of an empty row"
    assert output.numpy()[1, 2, 3].tolist() == [0] * DV, "output of an empty row"
    start = np.zeros(output.shape)
    start[1, 2, 3] = 1
    output.backward(start)
    for x in (Q, K, V):
        assert x.grad is None or not x.grad.any(), "an empty row sent a gradient back"
    output.backward(np.ones(output.shape))
    assert Q.grad is not None and np.isfinite(Q.grad).all()
    assert not Q.grad[1, 2, 3].any() and (Q.grad[1, 2, 4] != 0).any()


JUDGES: list[Callable[[Attention], None]] = [
    is_causal,
    masks_agree_with_the_oracle,
    blocked_keys_have_no_effect,
    an_empty_row_is_zero,
]
