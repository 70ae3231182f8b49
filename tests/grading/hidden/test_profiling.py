"""Hidden checks of module 14: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_profiling import (
    costs,
    exponents,
    limits,
    peaks,
    product_flops,
    table_of,
    timed,
)


def drawn_sizes(rng):
    return [int(size) for size in rng.permutation(np.arange(2, 14))[:3]]


@pytest.mark.exercise("14.1")
class TestMatmulFlops:
    @pytest.mark.points(0.5)
    def test_other_shapes(self, submission, rng):
        n, k, m, g, h = (int(size) for size in rng.permutation(np.arange(2, 30))[:5])
        large = int(rng.integers(100_000, 200_000))
        cases = [
            [[n, k], [k, m]], [[g, n, k], [k, m]], [[n, k], [g, k, m]], [[g, 1, n, k], [h, k, m]],
            [[k], [k, m]], [[n, k], [k]], [[k], [k]], [[g, n, k], [k]], [[k], [g, k, m]],
            [[g, h, n, k], [g, h, k, m]], [[large, k * 1000], [k * 1000, large]],
        ]  # fmt: skip
        submission.check(product_flops, rtol=0, atol=0, cases=cases)


@pytest.mark.exercise("14.2")
class TestOpFlops:
    @pytest.mark.points(0.5)
    def test_other_sizes(self, submission, rng):
        submission.check(costs, rtol=0, atol=0, function="op_flops", sizes=drawn_sizes(rng))

    @pytest.mark.points(0.5)
    def test_products_with_others_and_an_unknown_op(self, submission, rng):
        def probe(profiling, sizes):
            import numpy as np

            from tinytorch import fused
            from tinytorch.core.losses import cross_entropy
            from tinytorch.core.tensor import Tensor, op
            from tinytorch.core.transformers import layer_norm

            n, k, m = sizes
            q, key = (Tensor(np.ones((2, size, k)), requires_grad=True) for size in (n, m))
            made = [
                fused.attention_weights(q, key), fused.gelu_tanh(q),
                layer_norm(q, np.ones(k), np.zeros(k)),
                cross_entropy(q, np.zeros((2, n), int)), q @ np.ones(k), np.ones(n) @ q,
            ]  # fmt: skip
            found = [profiling.op_flops(tensor.node) for tensor in made]

            @op
            def own_op(a):
                return a * 2

            try:
                found.append(profiling.op_flops(own_op(q).node))
            except ValueError as error:
                found.append("own_op" in str(error))
            return found

        submission.check(probe, rtol=0, atol=0, sizes=drawn_sizes(rng))


@pytest.mark.exercise("14.3")
class TestBackwardFlops:
    @pytest.mark.points(0.5)
    def test_other_sizes(self, submission, rng):
        def probe(profiling, sizes):
            import numpy as np

            from tinytorch import fused
            from tinytorch.core.tensor import Tensor

            n, k, m = sizes
            q, key = (Tensor(np.ones((2, size, k)), requires_grad=True) for size in (n, m))
            square, wide = Tensor(np.ones((n, n)), requires_grad=True), np.ones((m, n))
            made = [fused.attention_weights(q, key), square @ square, wide @ square, square / 3]
            return [profiling.backward_flops(tensor.node) for tensor in made]

        sizes = drawn_sizes(rng)
        submission.check(costs, rtol=0, atol=0, function="backward_flops", sizes=sizes)
        submission.check(probe, rtol=0, atol=0, sizes=sizes)


@pytest.mark.exercise("14.4")
class TestOpBytes:
    @pytest.mark.points(1)
    def test_other_sizes(self, submission, rng):
        submission.check(costs, rtol=0, atol=0, function="op_bytes", sizes=drawn_sizes(rng))


@pytest.mark.exercise("14.5")
class TestCountOps:
    @pytest.mark.points(0.5)
    def test_other_sizes(self, submission, rng):
        submission.check(table_of, rtol=0, atol=0, sizes=drawn_sizes(rng))

    @pytest.mark.points(0.5)
    def test_equal_rows_stay_in_order_and_nodes_come_once(self, submission, rng):
        def probe(profiling, size, turned):
            import numpy as np

            from tinytorch.core.activations import exp, log, tanh
            from tinytorch.core.tensor import Tensor

            x = Tensor(np.ones(size), requires_grad=True)
            made = [tanh(x), exp(x), x + 1, log(x), x[:1], x * x]
            nodes = [made[number].node for number in turned]
            rows = profiling.count_ops(node for node in nodes)
            return [[row.op, row.calls, row.others, row.bytes] for row in rows]

        turned = [int(number) for number in rng.integers(0, 6, 9)]
        size = int(rng.integers(2, 50))
        submission.check(probe, rtol=0, atol=0, size=size, turned=turned)
        submission.check(probe, rtol=0, atol=0, size=size, turned=turned[::-1])


@pytest.mark.exercise("14.6")
class TestMeasure:
    @pytest.mark.points(1)
    def test_other_times(self, submission, rng):
        cases = []
        for repeats in (1, 2, 3, 4, 6, 9, 10, 11):
            warm_up = int(rng.integers(0, 4))
            times = rng.exponential(size=repeats + warm_up)
            times[:warm_up] += 100
            cases.append([times.tolist(), repeats, warm_up])
        submission.check(timed, rtol=1e-6, atol=1e-9, cases=cases)


@pytest.mark.exercise("14.7")
class TestPeakMemory:
    @pytest.mark.points(1)
    def test_other_sizes(self, submission, rng):
        def after_an_error(profiling, size):
            import tracemalloc

            import numpy as np

            def fails():
                np.ones(size)
                raise KeyError(size)

            try:
                profiling.peak_memory(fails)
            except KeyError as error:
                return [error.args[0], tracemalloc.is_tracing()]

        def calls(profiling, size):
            import numpy as np

            seen = []
            profiling.peak_memory(lambda: seen.append(np.ones(size + len(seen))))
            return [array.size for array in seen]

        sizes = [int(size) for size in rng.integers(500, 4000, 7)]
        cases = [[sizes[:1], True], [sizes[1:3], True], [[*sizes[3:], 400], False]]
        found, off, on, _ = submission.run(peaks, cases=cases)
        right = [sizes[0], sum(sizes[1:3]), max(sizes[3:]), sizes[0]]
        assert np.allclose(found, right, atol=30), "the peak differs"
        assert [off, on] == [False, True], "tracing is not as it was"
        submission.check(after_an_error, size=sizes[0])
        submission.check(calls, size=sizes[0])


@pytest.mark.exercise("14.8")
class TestRoofline:
    @pytest.mark.points(0.5)
    def test_other_machines(self, submission, rng):
        for shape in ((2, 3), (11,)):
            peak_flops, bandwidth = rng.uniform(1, 9, 2).tolist()
            intensity = rng.uniform(0, 2 * peak_flops / bandwidth, shape)
            given = {"peak_flops": peak_flops, "bandwidth": bandwidth}
            submission.check(limits, intensity=intensity, **given)


@pytest.mark.exercise("14.9")
class TestFitExponent:
    @pytest.mark.points(1)
    def test_other_measurements(self, submission, rng):
        sizes = rng.permutation(np.cumsum(rng.uniform(1, 9, 7)))
        powers = [3 * sizes ** float(power) for power in rng.uniform(-1, 3, 3)]
        noisy = [one * np.exp(rng.normal(size=7)) for one in powers]
        submission.check(exponents, rtol=1e-6, sizes=sizes, counts=[*powers, *noisy])

        def arrays(profiling, sizes, counts):
            return [profiling.fit_exponent(sizes, counts), sizes, counts]

        submission.check(arrays, rtol=1e-6, sizes=sizes, counts=noisy[0])
