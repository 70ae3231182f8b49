"""Public checks of module 14: each says what it expects, and runs without the reference."""

import numpy as np
import pytest


def product_flops(profiling, cases):
    import numpy as np

    found = [profiling.matmul_flops(tuple(a), tuple(b)) for a, b in cases]
    return [found, all(isinstance(one, int | np.integer) for one in found)]


@pytest.mark.exercise("14.1")
class TestMatmulFlops:
    @pytest.mark.points(0.5)
    def test_two_operations_for_each_multiply_add(self, submission):
        cases = [[[2, 3], [3, 5]], [[7, 2, 3], [3, 5]], [[3], [3, 5]], [[2, 3], [3]]]
        found, whole = submission.run(product_flops, cases=cases)
        assert found == [60, 420, 30, 12]
        assert whole, "a count is an int"


def costs(profiling, function, sizes):
    """Counts of the ops of a small graph, by a function of the submission."""
    import numpy as np

    from tinytorch.core import activations, attention, embeddings, transformers
    from tinytorch.core.tensor import Tensor

    n, k, m = sizes
    a, b, c = (
        Tensor(np.ones(shape), requires_grad=learns, dtype=dtype)
        for shape, learns, dtype in (
            ((n, k), True, np.float32), ((k, m), True, np.float32), ((n, k), False, np.float64),
        )
    )  # fmt: skip
    rows = embeddings.Embedding(n + 2, m)(np.zeros(k, int))
    tensors = [
        a @ b, c @ b, a @ a.T, a + c, 1 - a, activations.exp(b), a.sum(dim=0), b.max(), a.T,
        a.T.reshape(-1), a.reshape(-1), a[:1], a[[0, 0]], rows,
        attention.attention_scores(a, c), attention.weighted_sum(a, b),
        transformers.rms_norm(a, np.ones(k)), activations.relu(b),
    ]  # fmt: skip
    return [getattr(profiling, function)(tensor.node) for tensor in tensors]


@pytest.mark.exercise("14.2")
class TestOpFlops:
    @pytest.mark.points(1)
    def test_products_and_others(self, submission):
        found = submission.run(costs, function="op_flops", sizes=[2, 3, 5])
        assert [first for first, _ in found[:3]] == [60, 60, 24]
        assert [list(pair) for pair in found[3:8]] == [[0, 6], [0, 6], [0, 15], [0, 6], [0, 15]]
        assert [first for first, _ in found[14:16]] == [24, 60]


@pytest.mark.exercise("14.3")
class TestBackwardFlops:
    @pytest.mark.points(0.5)
    def test_a_product_for_each_input_that_learns(self, submission):
        found = submission.run(costs, function="backward_flops", sizes=[2, 3, 5])
        assert found[:4] == [120, 60, 48, 0]


@pytest.mark.exercise("14.4")
class TestOpBytes:
    @pytest.mark.points(0.5)
    def test_inputs_and_output(self, submission):
        found = submission.run(costs, function="op_bytes", sizes=[2, 3, 5])
        assert found[0] == 4 * (6 + 15 + 10)
        assert found[4] == 4 * (6 + 6)

    @pytest.mark.points(0.5)
    def test_views_are_free_and_copies_are_not(self, submission):
        found = submission.run(costs, function="op_bytes", sizes=[2, 3, 5])
        assert found[8:14] == [0, 48, 0, 0, 48, 2 * 4 * 15]


def table_of(profiling, sizes):
    """The rows of a layer, then a product, as plain lists."""
    import numpy as np

    from tinytorch.core.activations import exp, tanh
    from tinytorch.core.tensor import Tensor

    n, k, m = sizes
    x, w = (Tensor(np.ones(shape), requires_grad=True) for shape in ((n, k), (k, m)))
    h = x @ w
    tensors = [x + 1, h, tanh(h), exp(h), h * h, h + h, h.T, h.T @ h]
    rows = profiling.count_ops([tensor.node for tensor in tensors])
    names = ("op", "calls", "products", "others", "backward", "bytes")
    return [[getattr(row, name) for name in names] for row in rows]


@pytest.mark.exercise("14.5")
class TestCountOps:
    @pytest.mark.points(1)
    def test_a_row_for_each_op(self, submission):
        rows = submission.run(table_of, sizes=[2, 3, 5])
        assert rows == [
            ["matmul", 2, 160, 0, 320, 4 * 31 + 4 * 45],
            ["add", 2, 0, 16, 0, 4 * 12 + 4 * 30],
            ["tanh", 1, 0, 10, 0, 80],
            ["exp", 1, 0, 10, 0, 80],
            ["multiply", 1, 0, 10, 0, 120],
            ["transpose", 1, 0, 0, 0, 0],
        ]


def timed(profiling, cases):
    """Quartiles and number of calls of a function that takes as long as it is told."""

    def timing(durations, repeats, warm_up):
        now, left, calls = [100.0], list(durations), [0]

        def function():
            calls[0] += 1
            now[0] += left.pop(0) if left else 0.0

        found = profiling.measure(function, repeats, warm_up, clock=lambda: now[0])
        return [float(found.low), float(found.median), float(found.high), calls[0]]

    return [timing(*case) for case in cases]


@pytest.mark.exercise("14.6")
class TestMeasure:
    @pytest.mark.points(1)
    def test_quartiles_without_the_warm_up(self, submission):
        cases = [[[50.0, 3, 1, 2, 5, 4], 5, 1], [[7.0, 1.0], 2, 0], [[9.0, 9.0, 2.0], 1, 2]]
        found = submission.run(timed, cases=cases)
        assert np.allclose(found, [[2, 3, 4, 6], [2.5, 4, 5.5, 2], [2, 2, 2, 3]])


def peaks(profiling, cases):
    """Peak memory of functions that allocate the given numbers of kB, one after the other."""
    import tracemalloc

    import numpy as np

    def peak(sizes, kept):
        def function():
            held = []
            for size in sizes:
                held = [*held, np.ones(size * 128)] if kept else [np.ones(size * 128)][:0]
            return held

        return round(profiling.peak_memory(function) / 1024 / 10) * 10

    found = [peak(*case) for case in cases]
    off = tracemalloc.is_tracing()
    tracemalloc.start()
    mine = np.ones(100 * 128)
    np.ones(9000 * 128)
    found += [peak(*cases[0])]
    on = tracemalloc.is_tracing()
    tracemalloc.stop()
    return [found, off, on, mine.size]


@pytest.mark.exercise("14.7")
class TestPeakMemory:
    @pytest.mark.points(0.5)
    def test_the_most_at_once(self, submission):
        cases = [[[3000], True], [[1000, 2000], True], [[1000, 5000, 2000], False]]
        found, *_ = submission.run(peaks, cases=cases)
        assert np.allclose(found, [3000, 3000, 5000, 3000], atol=30)

    @pytest.mark.points(0.5)
    def test_tracing_is_left_as_it_was(self, submission):
        _, off, on, _ = submission.run(peaks, cases=[[[1000], True]])
        assert not off, "tracing was off before the call, and is on after it"
        assert on, "tracing was on before the call, and is off after it"


def limits(profiling, intensity, peak_flops, bandwidth):
    one = profiling.roofline(float(intensity.flat[0]), peak_flops, bandwidth)
    return [float(one), profiling.roofline(intensity, peak_flops, bandwidth)]


@pytest.mark.exercise("14.8")
class TestRoofline:
    @pytest.mark.points(0.5)
    def test_the_lower_limit(self, submission):
        given = {"intensity": np.array([[1.0, 3.0, 8.0]]), "peak_flops": 60.0, "bandwidth": 20.0}
        one, found = submission.run(limits, **given)
        assert one == 20
        assert np.array_equal(found, [[20, 60, 60]])


def exponents(profiling, sizes, counts):
    def answer(counts, sizes=sizes):
        try:
            return profiling.fit_exponent(list(sizes), list(counts))
        except ValueError as error:
            return "sizes" in str(error)

    refused = [answer(counts[0], [3.0] * len(sizes)), answer([1.0], [2.0])]
    return [*map(answer, counts), *refused, answer([1.0, 2.0], [0.0, 1.0])]


@pytest.mark.exercise("14.9")
class TestFitExponent:
    @pytest.mark.points(0.5)
    def test_powers(self, submission):
        sizes = np.array([2.0, 8.0, 4.0])
        found = submission.run(exponents, sizes=sizes, counts=[5 * sizes**2, 3 / sizes])
        assert np.allclose(found[:2], [2, -1])

    @pytest.mark.points(0.5)
    def test_one_size_has_no_exponent(self, submission):
        sizes = np.array([2.0, 8.0, 4.0])
        found = submission.run(exponents, sizes=sizes, counts=[sizes])
        assert found[1:3] == [True, True], "a ValueError that names sizes"

    @pytest.mark.points(0.5)
    def test_a_size_of_0_has_no_logarithm(self, submission):
        sizes = np.array([2.0, 8.0, 4.0])
        found = submission.run(exponents, sizes=sizes, counts=[sizes])
        assert found[3] is True, "a ValueError that names sizes"


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
