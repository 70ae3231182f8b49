"""Hidden checks of module 18: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_acceleration import (
    attended,
    bounds,
    folded,
    gradients,
    is_recomputed,
    is_sighted,
    is_worked,
    merged,
    parts_of,
    recomputed,
    sighted,
    worked,
)

FLOATS = (np.float64, np.float32)
SIZES = {(5, 7): np.float64, (20, 530): np.float32, (270, 13): np.float64}


def some_scores(rng, dtype):
    """Blocked keys, rows that see nothing, and numbers far from 0."""
    scores = rng.normal(size=(7, 5)) + rng.choice([-3000, 0, 0, 3000], size=(7, 1))
    scores[rng.random((7, 5)) < 0.3] = -np.inf
    scores[rng.integers(0, 7)] = -np.inf
    return scores.astype(dtype)


@pytest.mark.exercise("18.1")
class TestTilePart:
    @pytest.mark.points(1)
    def test_other_scores_and_dtypes(self, submission, rng):
        values = [rng.normal(size=(5, 3)).astype(dtype) for dtype in FLOATS]
        cases = [(some_scores(rng, v.dtype), v) for v in values]
        submission.check(parts_of, atol=1e-4, cases=cases)


@pytest.mark.exercise("18.2")
class TestMergeParts:
    @pytest.mark.points(1)
    def test_other_parts_in_both_orders(self, submission, rng):
        cases = []
        for dtype in FLOATS:
            tops = [some_scores(rng, dtype)[:, :1] for _ in range(2)]
            tops[0][0], tops[1][0] = rng.normal(), rng.normal() + 2000
            parts = [
                (
                    top,
                    *((rng.uniform(1, 9, (7, n)) * (top > -np.inf)).astype(dtype) for n in (1, 3)),
                )
                for top in tops
            ]
            cases += [parts, parts[::-1]]
        submission.check(merged, atol=1e-4, cases=cases)


@pytest.mark.exercise("18.3")
class TestKeysInSight:
    @pytest.mark.points(1)
    def test_other_tiles_windows_and_numbers_of_keys(self, submission, rng):
        starts = [int(x) for x in rng.integers(0, 12, size=40)]
        cases = [(x, x + int(rng.integers(1, 6)), int(rng.integers(1, 15))) for x in starts]
        windows = [None, 1, 2, 3, 5, 100]
        kinds = [(bool(i % 2), windows[i % 6] if i < 36 else None) for i in range(40)]
        cases = [(*case, *kind) for case, kind in zip(cases, kinds, strict=True)]
        is_sighted(submission.run(sighted, cases=cases), cases)


def heads(rng, n_q, n_k, dtype=np.float64, wide=1.0):
    q, k, v = (rng.normal(size=shape) for shape in ((n_q, 3), (n_k, 3), (n_k, 2)))
    return [(wide * q).astype(dtype), k.astype(dtype), v.astype(dtype)]


def options_of(rng, n_q, n_k):
    """A mask under which two queries see nothing, and others only a few keys; limits, scales."""
    mask = rng.random((n_q, n_k)) < 0.5
    mask[n_q // 2 :, n_k // 3 :] = False
    mask[[0, n_q - 1]] = False
    scale = float(rng.uniform(0.3, 0.7))
    return [
        {"scale": -scale},
        {"scale": scale, "causal": True, "mask": mask},
        {"scale": scale, "window": int(rng.integers(20, 60))},
    ]


def capped(rng, n_q, n_k):
    bias = rng.normal(size=(n_q, n_k))
    return {"scale": 0.5, "causal": True, "softcap": float(rng.uniform(1, 3)), "bias": bias}


def tiles_of(acceleration, arrays, every):
    """The output, and which tiles of keys were asked for, for some queries."""
    asked = []

    class Noting(acceleration.Sight):
        def scores(self, q, k, rows, columns):
            asked.append([columns.start, columns.stop])
            return acceleration.Sight.scores(self, q, k, rows, columns)

    sight = Noting(0.5, causal=True)
    outputs = [acceleration.attend_running(*arrays, sight, slice(*rows))[0] for rows in every]
    return [outputs, asked]


@pytest.mark.exercise("18.4")
class TestAttendRunning:
    @pytest.mark.points(1)
    def test_masks_limits_caps_and_dtypes(self, submission, rng):
        for dtype in FLOATS:
            cases = [
                (*heads(rng, 40, 530, dtype), options, rows)
                for options in [*options_of(rng, 40, 530), capped(rng, 40, 530)]
                for rows in ((0, 40), (11, 29))
            ]
            submission.check(attended, atol=1e-4, name="attend_running", cases=cases)

    @pytest.mark.points(1)
    def test_scores_far_from_zero_and_the_tiles_that_are_asked_for(self, submission, rng):
        low = {"scale": 0.5, "bias": np.full((7, 11), -float(rng.integers(2000, 4000)))}
        cases = [
            (*heads(rng, 7, 11, np.float32, wide), options, (0, 7))
            for wide, options in ((1.0, low), (1000.0, {"scale": 0.5}))
        ]
        submission.check(attended, rtol=1e-3, atol=1e-3, name="attend_running", cases=cases)
        submission.check(tiles_of, arrays=heads(rng, 560, 560), every=[(0, 5), (530, 560)])


@pytest.mark.exercise("18.5")
class TestRowBound:
    @pytest.mark.points(0.5)
    def test_other_sizes_and_dtypes(self, submission, rng):
        scales = (float(rng.uniform(0.2, 3)), -float(rng.uniform(0.2, 3)))
        pairs = [heads(rng, 7, 11, dtype)[:2] for dtype in FLOATS]
        keys = [(q, some) for q, k in pairs for some in (k, k[:1], k[:0])]
        submission.check(bounds, cases=[(*pair, scale) for pair in keys for scale in scales])


@pytest.mark.exercise("18.6")
class TestFold:
    @pytest.mark.points(0.5)
    def test_other_sizes_shifts_and_dtypes(self, submission, rng):
        cases = []
        for dtype in FLOATS:
            q, k, _ = heads(rng, 7, 11, dtype)
            shifts = (rng.normal(size=7).astype(dtype), 0)
            cases += [(q, k, float(rng.uniform(0.2, 3)), shift) for shift in shifts]
        submission.check(folded, atol=1e-4, cases=cases)


def memory_of(acceleration, name, arrays, options):
    """One column of what it gives, bytes at most, and whether a tile nobody sees was computed."""
    import tracemalloc

    unseen = []

    class Noting(acceleration.Sight):
        def allowed(self, rows, columns):
            unseen.append(self.causal and columns.start >= rows.stop)
            return acceleration.Sight.allowed(self, rows, columns)

    tracemalloc.start()
    found = getattr(acceleration, name)(*arrays, Noting(**options))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [[x.reshape(len(x), -1)[:, -1] for x in found], peak, any(unseen)]


def check_memory(submission, name, arrays, options, right):
    [found, peak, unseen] = submission.run(memory_of, name=name, arrays=arrays, options=options)
    for got, expected in zip(found, right, strict=True):
        submission.expect(got, expected, rtol=1e-3, atol=1e-4)
    assert peak < len(arrays[0]) ** 2, f"{peak:,} bytes: all scores at once are kept"
    assert not unseen, "a tile of keys that no query sees is computed"


def causal_softmax(q, k, v, scale):
    """Shares, output and log-sum-exp of a head, in float64."""
    scores = np.where(np.tri(len(q), dtype=bool), q.astype(float) @ k.T * scale, -np.inf)
    lse = np.logaddexp.reduce(scores, axis=1)
    shares = np.exp(scores - lse[:, None])
    return shares, shares @ v, lse


@pytest.mark.exercise("18.7")
class TestAttendFolded:
    @pytest.mark.points(1)
    def test_masks_limits_and_dtypes(self, submission, rng):
        cases = [
            (*heads(rng, *sizes, dtype), options)
            for sizes, dtype in SIZES.items()
            for options in options_of(rng, *sizes)
        ]
        submission.check(attended, rtol=1e-3, atol=1e-4, name="attend_folded", cases=cases)

    @pytest.mark.points(1)
    def test_bounds_far_too_large(self, submission, rng):
        far = np.outer(np.linspace(0.9, 1.08, 16), [1, 0])
        across = np.column_stack([rng.uniform(size=7), np.full(7, 95)])
        nothing, long = np.array([[0, 0], [1e-20, 0]]), np.eye(2) * 1e20
        pairs = [(far, across), (nothing, long), heads(rng, 9, 7, wide=1000.0)[:2]]
        cases = [(q, k, rng.normal(size=(len(k), 2)), {"scale": 1.0}) for q, k in pairs]
        cases = [(*(x.astype(np.float32) for x in case[:3]), case[3]) for case in cases]
        submission.check(attended, rtol=1e-3, atol=1e-4, name="attend_folded", cases=cases)

    @pytest.mark.points(1)
    def test_memory_and_tiles(self, submission, rng):
        q, k, v = heads(rng, 2000, 2000, np.float32)
        _, output, lse = causal_softmax(q, k, v, 0.5)
        options = {"scale": 0.5, "causal": True}
        right = [output[:, -1], lse]
        check_memory(submission, "attend_folded", [q, k, v], options, right)


def backward_of(rng, n_q, n_k, dtype, options):
    """Its arguments; the output and log-sum-exp are those of no mask: the rule needs no others."""
    q, k, v = heads(rng, n_q, n_k, dtype)
    grad, output = rng.normal(size=(2, n_q, 2)).astype(dtype)
    lse = rng.uniform(1, 4, size=n_q).astype(dtype)
    if "mask" in options:
        lse[[0, -1]] = np.finfo(dtype).max
    return [grad, q, k, v, output, lse], options


@pytest.mark.exercise("18.8")
class TestAttendBackward:
    @pytest.mark.points(1)
    def test_masks_limits_and_dtypes(self, submission, rng):
        cases = [
            backward_of(rng, *sizes, dtype, options)
            for sizes, dtype in SIZES.items()
            for options in options_of(rng, *sizes)
        ]
        submission.check(gradients, rtol=1e-3, atol=1e-3, cases=cases)

    @pytest.mark.points(1)
    def test_a_cap_a_bias_and_its_gradient(self, submission, rng):
        cases = [
            backward_of(rng, *sizes, np.float64, capped(rng, *sizes))
            for sizes in ((5, 7), (270, 13))
        ]
        submission.check(gradients, atol=1e-4, with_scores=True, cases=cases)

    @pytest.mark.points(1)
    def test_memory_and_tiles(self, submission, rng):
        q, k, v = heads(rng, 2000, 2000, np.float32)
        grad = rng.normal(size=v.shape).astype(np.float32)
        shares, output, lse = causal_softmax(q, k, v, 0.5)
        change = shares * (grad @ v.T - (grad * output).sum(axis=1)[:, None]) * 0.5
        right = [(change @ k)[:, -1], (change.T @ q)[:, -1], (shares.T @ grad)[:, -1]]
        arrays = [grad, q, k, v, *(x.astype(np.float32) for x in (output, lse))]
        options = {"scale": 0.5, "causal": True}
        check_memory(submission, "attend_backward", arrays, options, right)


@pytest.mark.exercise("18.9")
class TestForEachHead:
    @pytest.mark.points(1)
    def test_other_numbers_of_heads_and_threads(self, submission, rng):
        count = int(rng.integers(4, 40))
        cases = [(count, 2), (count, 1), (2, 5), (1, 3), (0, 2)]
        for found, case in zip(submission.run(worked, cases=cases), cases, strict=True):
            is_worked(found, *case)

    @pytest.mark.points(1)
    def test_an_error_comes_through(self, submission, rng):
        count = int(rng.integers(4, 40))
        fails, wanted = int(rng.integers(0, count)), {*range(count)}
        every = submission.run(worked, cases=[(count, 1), (count, 2)], fails=fails)
        for done, *_, after, error in every:
            assert error == "ZeroDivisionError", "the error does not reach the caller"
            assert {*range(fails)} <= {*done} <= wanted - {fails}, f"heads {done} were done"
            assert after == 2, "BLAS has other threads afterwards"


def checkpointed(acceleration, x, grad, seed, ids, times):
    """Gradients with a checkpoint: dropout, two inputs and an option, ids."""
    import numpy as np

    from tinytorch.core.embeddings import Embedding
    from tinytorch.core.layers import Dropout, Layer, Linear, Sequential

    Tensor = acceleration.Tensor

    class Two(Layer):
        def __init__(self):
            self.inner = Linear(3, 3, rng=np.random.default_rng(seed))

        def forward(self, x, y, times=1.0):
            return self.inner(x * y) * times

    rng = np.random.default_rng(seed)
    net = Sequential(Linear(3, 5, rng=rng), Dropout(0.5, rng=rng), Linear(5, 3, rng=rng))
    found = []
    first, second = (Tensor(part, requires_grad=True, dtype=part.dtype) for part in (x, x[::-1]))
    for layer, inputs, options in (
        (net, [first], {}),
        (Two(), [first, second], {"times": times}),
        (Embedding(7, 3, rng=rng), [Tensor(ids)], {}),
    ):
        for parameter in layer.parameters():
            parameter.grad = np.ones_like(parameter.numpy())
        output = acceleration.checkpoint(layer, *inputs, **options)
        output.backward(grad)
        found += [output.numpy(), *(part.grad for part in (*inputs, *layer.parameters()))]
        found.append(float(rng.random()))
    return found


@pytest.mark.exercise("18.10")
class TestRecomputed:
    @pytest.mark.points(1)
    def test_a_linear_layer(self, submission, rng):
        for before in (None, float(rng.uniform(1, 9))):
            shapes = {"x": (7, 3), "weight": (3, 5), "grad": (7, 5)}
            given = {name: rng.normal(size=shape) for name, shape in shapes.items()}
            found = submission.run(recomputed, **given, before=before)
            is_recomputed(submission, found, **given, before=before)

    @pytest.mark.points(1)
    def test_dropout_two_inputs_options_and_ids(self, submission, rng):
        given = {"x": rng.normal(size=(7, 3)), "grad": rng.normal(size=(7, 3))}
        given |= {"seed": int(rng.integers(1, 10_000)), "times": float(rng.uniform(2, 9))}
        submission.check(checkpointed, atol=1e-4, ids=rng.integers(0, 7, size=7), **given)
