"""Properties of optimizers, for drawn numbers."""

import itertools

import numpy as np
import pytest

from tinytorch.core.optimizers import Adam, clip_grad_norm, warmup_cosine
from tinytorch.core.tensor import Tensor

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
settings = hypothesis.settings(deadline=None, derandomize=True, max_examples=60)


def leaf(grad):
    x = Tensor(np.ones(len(grad)), requires_grad=True, dtype=np.float64)
    x.grad = np.array(grad, float)
    return x


numbers = st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=9)


@settings
@hypothesis.given(st.lists(numbers, min_size=1, max_size=4), st.floats(1e-3, 1e3))
def test_no_norm_is_above_the_limit_and_no_direction_changes(grads, max_norm):
    parameters = [leaf(grad) for grad in grads]
    before = np.concatenate([x.grad for x in parameters])
    norm = clip_grad_norm(parameters, max_norm)
    after = np.concatenate([x.grad for x in parameters])
    assert norm == pytest.approx(np.linalg.norm(before / (peak := abs(before).max() or 1)) * peak)
    assert np.linalg.norm(after) <= max(max_norm, 0) * (1 + 1e-9)
    if norm < max_norm:
        assert (after == before).all()
    np.testing.assert_allclose(after * norm, before * np.linalg.norm(after), rtol=1e-6, atol=1e-9)


@settings
@hypothesis.given(st.floats(1e-3, 1e3), st.floats(0.1, 1e6), st.sampled_from([-1, 1]))
def test_the_first_step_of_adam_is_as_long_as_its_rate(lr, slope, sign):
    x = leaf([sign * slope])
    Adam([x], lr, eps=0.0).step()
    assert x.data[0] == pytest.approx(1 - sign * lr)


@settings
@hypothesis.given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.floats(0, 1))
def test_a_schedule_rises_then_falls_between_its_limits(warm, rest, one, other):
    low, high = sorted((one, other))
    rates = [
        warmup_cosine(
            step, warmup_steps=warm, total_steps=warm + rest, max_lr=high, min_lr=low
        )
        for step in range(warm + rest + 3)
    ]  # fmt: skip
    up, down = rates[: warm + 1], rates[warm:]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(up[:-1]))
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(down))
    assert all(rate <= high + 1e-12 for rate in rates)
    assert rates[-1] == low
