"""Public checks of module 18: each says what it expects, and runs without the reference."""

import numpy as np
import pytest

LARGEST = float(np.finfo(np.float64).max)


def parts_of(acceleration, cases):
    """What came, its dtypes, and the arguments as they are afterwards."""

    def answer(scores, v):
        found = acceleration.tile_part(scores, v)
        return [*found, [str(x.dtype) for x in found], scores, v]

    return [answer(*case) for case in cases]


@pytest.mark.exercise("18.1")
class TestTilePart:
    @pytest.mark.points(1)
    def test_two_keys_of_which_the_second_query_sees_none(self, submission):
        scores = np.array([[0.0, np.log(2)], [-np.inf, -np.inf]])
        v = np.array([[2.0, 4.0, 6.0], [1, 1, 1]])
        [found] = submission.run(parts_of, cases=[(scores, v)])
        submission.expect(found[0], [[np.log(2)], [-np.inf]])
        submission.expect(found[1], [[1.5], [0]])
        submission.expect(found[2], [[2, 3, 4], [0, 0, 0]])


def merged(acceleration, cases):
    def answer(one, other):
        found = acceleration.merge_parts(one, other)
        return [*found, [str(x.dtype) for x in found], one, other]

    return [answer(*case) for case in cases]


@pytest.mark.exercise("18.2")
class TestMergeParts:
    @pytest.mark.points(1)
    def test_the_case_on_paper_and_nothing_seen(self, submission):
        one = (np.array([[0.0], [-np.inf]]), np.array([[1.0], [0]]), np.array([[2.0, 4], [0, 0]]))
        other = (np.array([[np.log(2)], [-np.inf]]), *one[1:])
        [found] = submission.run(merged, cases=[(one, other)])
        submission.expect(found[0], [[np.log(2)], [-np.inf]])
        submission.expect(found[1], [[1.5], [0]])
        submission.expect(found[2], [[3, 6], [0, 0]])


def sighted(acceleration, cases):
    return [[int(x) for x in acceleration.keys_in_sight(*case)] for case in cases]


def is_sighted(found, cases):
    """As one looks at each pair of a query and a key."""
    for (first, past), (start, stop, count, causal, window) in zip(found, cases, strict=True):
        seen = [
            j
            for i in range(start, stop)
            for j in range(count)
            if (not causal or j <= i) and (window is None or abs(i - j) < window)
        ]
        what = f"queries {start} to {stop - 1} of {count} keys, causal {causal}, window {window}"
        wanted = [min(seen), max(seen) + 1] if seen else [first, first]
        assert [first, past] == wanted, f"{what}: {[first, past]}"


@pytest.mark.exercise("18.3")
class TestKeysInSight:
    @pytest.mark.points(1)
    def test_the_cases_on_paper_and_none_in_sight(self, submission):
        cases = [(4, 6, 10, True, None), (4, 6, 10, True, 3), (4, 6, 10, False, 3)]
        cases += [(7, 9, 5, False, 2), (4, 6, 10, False, None)]
        is_sighted(submission.run(sighted, cases=cases), cases)


def attended(acceleration, name, cases):
    """Output, log-sum-exp, dtypes and arguments; each case: q, k, v, options and perhaps rows."""

    def answer(q, k, v, options, *rows):
        sight = acceleration.Sight(**options)
        rows = [slice(*pair) for pair in rows]
        output, lse = getattr(acceleration, name)(q, k, v, sight, *rows)
        return [output, lse, str(output.dtype), str(lse.dtype), q, k, v]

    return [answer(*case) for case in cases]


TWO_KEYS = (np.zeros((3, 2)), np.ones((2, 2)), np.array([[2.0], [4.0]]))
MASK = np.array([[True, True], [True, False], [False, False]])


def is_of_two_keys(submission, found, rows=slice(0, 3)):
    submission.expect(found[0], np.array([[3.0], [2], [0]])[rows])
    submission.expect(found[1], np.array([np.log(2), 0, LARGEST])[rows])


@pytest.mark.exercise("18.4")
class TestAttendRunning:
    @pytest.mark.points(1)
    def test_queries_that_see_two_keys_one_and_none(self, submission):
        every = ((0, 3), (1, 3), (0, 1))
        cases = [(*TWO_KEYS, {"scale": 1.0, "mask": MASK}, rows) for rows in every]
        found = submission.run(attended, name="attend_running", cases=cases)
        for rows, one in zip(every, found, strict=True):
            is_of_two_keys(submission, one, slice(*rows))


def bounds(acceleration, cases):
    def answer(q, k, scale):
        found = acceleration.row_bound(q, k, scale)
        return [found, str(found.dtype), q, k]

    return [answer(*case) for case in cases]


@pytest.mark.exercise("18.5")
class TestRowBound:
    @pytest.mark.points(0.5)
    def test_lengths_five_and_ten_a_negative_scale_and_no_keys(self, submission):
        q, k = np.array([[3.0, 4.0], [0, 0], [0, 2]]), np.array([[0.0, 1.0], [6, 8], [0, 0]])
        one, other = submission.run(bounds, cases=[(q, k, -0.5), (q, k[:0], 1.0)])
        submission.expect(one[0], [25, 0, 10])
        submission.expect(other[0], [0, 0, 0])


def folded(acceleration, cases):
    """The product, two shapes, two dtypes and the arguments."""

    def answer(q, k, scale, shift):
        asked, given = acceleration.fold(q, k, scale, shift)
        sizes, dtypes = [*asked.shape, *given.shape], [str(asked.dtype), str(given.dtype)]
        return [asked @ given, sizes, dtypes, q, k]

    return [answer(*case) for case in cases]


@pytest.mark.exercise("18.6")
class TestFold:
    @pytest.mark.points(0.5)
    def test_one_product_scaled_and_shifted(self, submission):
        q, k = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        [found] = submission.run(folded, cases=[(q, k, 2.0, np.array([1.0, 5.0]))])
        submission.expect(found[0], [[1, 3, 5], [1, 3, 9]])
        assert found[1] == [2, 3, 3, 3], "asked is (2, 3), given is (3, 3)"


@pytest.mark.exercise("18.7")
class TestAttendFolded:
    @pytest.mark.points(1)
    def test_queries_that_see_two_keys_one_and_none(self, submission):
        every = [{"scale": 1.0, "mask": MASK}, {"scale": 1.0}]
        cases = [(*TWO_KEYS, options) for options in every]
        blocked, seeing = submission.run(attended, name="attend_folded", cases=cases)
        is_of_two_keys(submission, blocked)
        submission.expect(seeing[0], [[3], [3], [3]])
        submission.expect(seeing[1], [np.log(2)] * 3)


def gradients(acceleration, cases, with_scores=False):
    """The three gradients, that of the scores where it is asked for, and the arguments."""
    import numpy as np

    def answer(arrays, options):
        scores = np.zeros((len(arrays[1]), len(arrays[2]))) if with_scores else None
        sight = acceleration.Sight(**options)
        return [*acceleration.attend_backward(*arrays, sight, scores), scores, arrays]

    return [answer(*case) for case in cases]


@pytest.mark.exercise("18.8")
class TestAttendBackward:
    @pytest.mark.points(1)
    def test_one_query_and_two_keys_with_half_a_share_each(self, submission):
        """Shares 1/2; grad · v is 4 and 0, D is 2: so the scores' gradient is 1 and -1."""
        lists = [[[2.0]], [[0.0]], [[3.0], [5.0]], [[2.0], [0.0]], [[1.0]], [np.log(2)]]
        [found] = submission.run(gradients, cases=[([*map(np.array, lists)], {"scale": 0.5})])
        submission.expect(found[0], [[-1]])
        submission.expect(found[1], [[0], [0]])
        submission.expect(found[2], [[1], [1]])


def worked(acceleration, cases, fails=None):
    """Which heads, by how many threads, with how many threads of BLAS within and afterwards.

    The limit of BLAS is one of paper, so that it can be looked at on every machine: at first 2.
    """
    import threading

    import threadpoolctl

    blas = [2]

    class Limit:
        def __init__(self, limits=None, user_api=None):
            self.before = blas[0]
            if user_api in ("blas", None):
                blas[0] = limits["blas"] if isinstance(limits, dict) else limits

        def __enter__(self):
            return self

        def __exit__(self, *_):
            blas[0] = self.before

        unregister = restore_original_limits = __exit__

    def answer(count, threads):
        done, workers, within, met = [], set(), set(), threading.Event()

        def work(number):
            workers.add(threading.current_thread())
            if len(workers) > 1 or min(count, threads) == 1:
                met.set()
            met.wait(timeout=1)  # for another thread, if there is to be one
            met.set()
            within.add(blas[0])
            if number == fails:
                raise ZeroDivisionError
            done.append(number)

        blas[0], error = 2, ""
        try:
            acceleration.for_each_head(work, count, threads)
        except ZeroDivisionError:
            error = "ZeroDivisionError"
        own = threading.current_thread() in workers
        return [sorted(done), len(workers), own, sorted(within), blas[0], error]

    threadpoolctl.threadpool_limits = Limit
    threadpoolctl.ThreadpoolController.limit = lambda _, **options: Limit(**options)
    return [answer(*case) for case in cases]


def is_worked(found, count, threads):
    done, workers, own, within, after, error = found
    most = min(count, threads)
    assert done == [*range(count)], f"heads {done} of {count} were done"
    assert min(2, most) <= workers <= most, f"{workers} threads"
    assert own == (most == 1), "more than one thread is started, and for one none"
    assert within == [[], [2], [1]][min(2, most)], f"threads of BLAS: {within}"
    assert after == 2, "BLAS has other threads afterwards"
    assert not error


@pytest.mark.exercise("18.9")
class TestForEachHead:
    @pytest.mark.points(1)
    def test_three_heads_in_two_threads_and_in_one(self, submission):
        cases = [(3, 2), (3, 1)]
        for found, case in zip(submission.run(worked, cases=cases), cases, strict=True):
            is_worked(found, *case)


def recomputed(acceleration, x, weight, grad, before):
    """What the rule of a checkpoint gives, and what is in the parameters' `grad` afterwards."""
    from tinytorch.core.layers import Linear

    layer = Linear(*weight.shape)
    layer.load_state_dict({"weight": weight, "bias": weight[0]})
    for parameter in layer.parameters():
        parameter.grad = None if before is None else before + parameter.numpy() * 0
    output = acceleration.checkpoint(layer, acceleration.Tensor(x, dtype=x.dtype))
    arrays = [each.data for each in output.node.inputs]
    found = acceleration.recomputed.rule(grad, output.numpy(), *arrays, **output.node.options)
    return [output.numpy(), *found, [parameter.grad for parameter in layer.parameters()]]


def is_recomputed(submission, found, x, weight, grad, before):
    submission.expect(found[0], x @ weight + weight[0], rtol=1e-3, atol=1e-4)
    wanted = [grad @ weight.T, x.T @ grad, grad.sum(axis=0)]
    for got, right in zip(found[1:4], wanted, strict=True):
        submission.expect(got, right, rtol=1e-3, atol=1e-4)
    for left, right in zip(found[4], (weight, weight[0]), strict=True):
        submission.expect(left, before if before is None else before + right * 0)


@pytest.mark.exercise("18.10")
class TestRecomputed:
    @pytest.mark.points(1)
    def test_gradients_of_an_input_a_weight_and_a_bias(self, submission):
        x, weight = np.array([[1.0, 2.0], [3.0, 4.0], [0, 1]]), np.array([[1.0], [2.0]])
        given = {"x": x, "weight": weight, "grad": np.array([[1.0], [10.0], [-2]])}
        for before in (None, 7.0):
            found = submission.run(recomputed, **given, before=before)
            is_recomputed(submission, found, **given, before=before)


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
