"""Time by a clock that the test winds, memory by arrays of known size, fits against NumPy's."""

import itertools
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from tests.core.draw import normal
from tinytorch.core.profiling import (
    Row,
    Timing,
    fit_exponent,
    measure,
    measure_machine,
    peak_memory,
    recorded_nodes,
    roofline,
    time_ops,
)
from tinytorch.core.tensor import Tensor, op
from tinytorch.profile_view import draw_roofline, text_table


def ticking(step: float = 1.0):
    """A clock that is `step` seconds on at each reading."""
    readings = itertools.count()
    return lambda: step * next(readings)


def test_three_quartiles_of_known_times() -> None:
    now = SimpleNamespace(time=5.0)
    durations = iter([1000.0, 1.0, 9.0, 3.0, 7.0, 5.0])

    def work() -> None:
        now.time += next(durations)

    assert measure(work, 5, 1, clock=lambda: now.time) == Timing(3.0, 5.0, 7.0)


@pytest.mark.parametrize("repeats", [0, -1, 2.0])
def test_repeats_must_be_a_positive_int(repeats) -> None:
    with pytest.raises(ValueError, match="repeats must be a positive int"):
        measure(lambda: None, repeats)


def test_the_peak_is_the_most_at_once_and_what_was_there_before_is_none_of_it() -> None:
    tracemalloc.start()
    try:
        kept = np.ones(500_000)
        found = peak_memory(lambda: np.ones(250_000).sum() + np.ones(125_000).sum())
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert found == pytest.approx(2_000_000, abs=20_000) and kept.size


def test_tracing_stops_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError):
        peak_memory(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()


def test_a_machine_is_measured_by_a_product_and_a_copy() -> None:
    """Each takes a second on this clock: what is left are their operations and their bytes."""
    machine = measure_machine(size=3, copied_bytes=400, clock=ticking())
    assert machine.peak_flops == 2 * 3**3
    assert machine.bandwidth == 2 * 400


def test_the_ops_of_a_graph_are_timed_by_name() -> None:
    nodes = recorded_nodes(lambda x: (x @ x.T + 1) * (x @ x.T), Tensor(np.ones((2, 3))))
    seconds = time_ops(nodes, repeats=3, clock=ticking(0.5))
    assert seconds == {"transpose": 1.0, "matmul": 1.0, "add": 0.5, "multiply": 0.5}


def test_half_precision_is_timed_in_the_precision_that_the_op_computes_in() -> None:
    seen = []

    @op
    def noted(a):
        seen.append(str(a.dtype))
        return a + 1

    time_ops(recorded_nodes(noted, Tensor(np.ones(3), dtype=np.float16)), 1, clock=ticking())
    assert {*seen} == {"float32"}


def test_both_limits_meet_at_the_ridge() -> None:
    found = roofline(np.array([0.0, 1.5, 3.0, 3.5]), 60.0, 20.0)
    assert found.tolist() == [0, 30, 60, 60]


def test_the_fit_agrees_with_numpy() -> None:
    sizes, counts = np.exp(normal(3, (11,), (11,)))
    expected = np.polyfit(np.log(sizes), np.log(counts), 1)[0]
    assert fit_exponent(sizes, counts) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("sizes", "counts", "named"),
    [
        ([2, 2], [1, 2], "sizes"),
        ([0, 2], [1, 2], "sizes"),
        ([2, 3], [1, 0], "counts"),
        ([2, 3], [1], "counts"),
        ([], [], "counts"),
    ],
)
def test_what_has_no_exponent_is_refused_by_name(sizes, counts, named) -> None:
    with pytest.raises(ValueError, match=f"{named} must be positive"):
        fit_exponent(sizes, counts)


ROWS = [Row("matmul", 2, 1200, 0, 2400, 100), Row("transpose", 1, 0, 0, 0, 0)]


def test_the_table_has_a_line_for_each_op_and_the_sums() -> None:
    heads, *lines = [line.split() for line in text_table(ROWS, {"matmul": 0.002}).splitlines()]
    assert heads == ["op", "calls", "products", "others", "backward", "bytes", "a", "byte", "ms"]
    assert lines == [
        ["matmul", "2", "1,200", "0", "2,400", "100", "12.00", "2.000"],
        ["transpose", "1", "0", "0", "0", "0", "0.00", "0.000"],
        ["total", "3", "1,200", "0", "2,400", "100", "12.00", "2.000"],
    ]
    assert len({len(line) for line in text_table(ROWS).splitlines()}) == 1


def test_the_picture_shows_what_was_reached_below_the_two_limits(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "roofline.png"
    axes = draw_roofline(ROWS, 600.0, 60.0, {"matmul": 4.0, "transpose": 1.0}, path).axes[0]
    limit, *points = axes.get_lines()
    assert np.interp([0.1, 10, 100], *limit.get_data()) == pytest.approx([6, 600, 600])
    assert [point.get_label() for point in points] == ["matmul"]
    assert np.ravel(points[0].get_data()).tolist() == [12, 300]
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_fit_of_counts_beyond_64_bits() -> None:
    assert fit_exponent([10, 100, 1000], [10**20, 10**22, 10**24]) == pytest.approx(2)
