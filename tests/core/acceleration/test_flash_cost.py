"""What attention in tiles costs: memory that grows with n, tiles that are left out, threads."""

import tracemalloc

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from tests.core.draw import normal
from tinytorch.core import acceleration
from tinytorch.core.acceleration import COLUMNS, ROWS, Sight, cut, flash_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor

HEADS, WIDTH = 2, 4


def words(n):
    return [Tensor(x, requires_grad=True) for x in normal(n, *[(1, HEADS, n, WIDTH)] * 3)]


def peak_bytes(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def forward(leaves):
    with no_grad():
        flash_attention(*leaves)


def both_ways(leaves):
    flash_attention(*leaves)[0].sum().backward()


@pytest.mark.parametrize("run", [forward, both_ways])
def test_memory_is_under_a_twentieth_of_the_scores_alone(run):
    leaves = words(4096)
    with threadpool_limits(1):
        peak = peak_bytes(lambda: run(leaves))
    assert peak < HEADS * 4096 * 4096 * 4 / 20


def test_memory_grows_with_the_number_of_words():
    small, large = (peak_bytes(lambda n=n: both_ways(words(n))) for n in (1024, 4096))
    assert large < 4 * small  # room for tiles is the same; all scores would take 16 times as much


def test_a_causal_half_and_a_narrow_window_leave_tiles_out():
    def count(n, **options):
        sight = Sight(1.0, **options)
        return sum(len([*sight.tiles(rows, n)]) for rows in cut(0, n, ROWS))

    n = 8 * COLUMNS
    every = (n // ROWS) * (n // COLUMNS)
    assert count(n) == every
    assert count(n, causal=True) <= every * 0.57
    assert count(n, window=COLUMNS) <= 4 * n // ROWS
    assert count(2 * n, window=COLUMNS) <= 4 * 2 * n // ROWS


def test_a_block_of_a_mask_that_nobody_sees_is_left_out():
    mask = np.ones((ROWS, 2 * COLUMNS), bool)
    mask[:, COLUMNS:] = False
    assert [*Sight(1.0, mask=mask).tiles(slice(0, ROWS), 2 * COLUMNS)] == [slice(0, COLUMNS)]


OPTIONS = [{}, {"causal": True}, {"softcap": 2.0}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_two_threads_give_the_same_bytes_as_one(options, monkeypatch):
    def run(threads):
        workers = set()
        real = acceleration.for_each_head

        def noting(work, count, asked):
            workers.add(asked)
            real(work, count, asked)

        leaves = [Tensor(x, requires_grad=True) for x in normal(7, *[(2, 3, 420, 8)] * 3)]
        with threadpool_limits(threads, "blas"), monkeypatch.context() as patched:
            patched.setattr(acceleration, "for_each_head", noting)
            output, _ = flash_attention(*leaves, **options)
            output.backward(np.cos(np.arange(output.data.size)).reshape(output.shape))
        assert workers == {threads}
        return [output.data, *(x.grad for x in leaves)]

    if not any(x.user_api == "blas" for x in ThreadpoolController().lib_controllers):
        pytest.skip("this NumPy's linear algebra has no threads that can be limited")
    one, two = run(1), run(2)
    assert [x.tobytes() for x in one] == [x.tobytes() for x in two]


def test_few_scores_start_no_thread() -> None:
    with threadpool_limits(2, "blas"):
        assert acceleration.threads_worth(1000) == 1
        assert acceleration.threads_worth(10_000_000) == acceleration.blas_threads()


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("of a head")

    monkeypatch.setattr(acceleration, "attend_head", broken)
    for threads in (1, 2):
        with (
            threadpool_limits(threads, "blas"),
            pytest.raises(ZeroDivisionError, match="of a head"),
        ):
            flash_attention(*words(5))
