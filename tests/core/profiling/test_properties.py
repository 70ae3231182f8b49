"""Properties of counts and of measurements, for drawn numbers."""

import numpy as np
import pytest

from tinytorch.core.profiling import fit_exponent, matmul_flops, measure
from tinytorch.counting import count_multiply_adds

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies


@given(st.lists(st.integers(1, 4), min_size=5, max_size=5))
def test_a_product_has_two_operations_for_each_multiply_add_that_is_made(sizes) -> None:
    g, h, n, k, m = sizes
    a, b = np.ones((g, 1, n, k)), np.ones((h, k, m))
    made = count_multiply_adds(lambda a, b: a @ b, a, b)
    assert matmul_flops(a.shape, b.shape) == 2 * made


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12))
def test_the_quartiles_lie_in_order_between_the_extremes(durations) -> None:
    readings = iter([float(x) for each in durations for x in (0, each)])
    found = measure(lambda: None, len(durations), 0, clock=lambda: next(readings))
    assert min(durations) <= found.low <= found.median <= found.high <= max(durations)


@given(st.floats(-3, 3), st.floats(0.1, 10))
def test_a_power_is_found_again(power, factor) -> None:
    sizes = np.array([2.0, 3, 5, 7])
    assert fit_exponent(sizes, factor * sizes**power) == pytest.approx(power, abs=1e-9)
