"""Hidden checks of module 07: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_training import (
    accumulated,
    are_copied,
    are_stepped,
    copied,
    cut,
    fitted,
    is_accumulated,
    is_cut,
    is_fitted,
    is_resumed,
    is_trained,
    judged,
    loaded,
    replaced,
    saved,
    stepped,
    taken,
    trained,
)


def data(rng, count):
    return {"x": rng.normal(size=(count, 3)), "y": rng.normal(size=count)}


@pytest.mark.exercise("7.1")
class TestOverfitOneBatch:
    @pytest.mark.points(1)
    def test_more_steps(self, submission, rng):
        given = {**data(rng, 7), "weight": rng.normal(size=3), "steps": int(rng.integers(4, 9))}
        is_fitted(submission.run(fitted, **given), **given)


@pytest.mark.exercise("7.2")
class TestEvaluate:
    @pytest.mark.points(1.5)
    def test_batches_of_many_sizes_an_error_and_no_sample(self, submission, rng):
        sizes = [int(size) for size in rng.permutation([1, 2, 5, 7, 11])]
        losses = [float(loss) for loss in rng.uniform(1, 9, size=5)]
        given = {"sizes": sizes, "losses": losses, "modes": [True, False, True]}
        mean, kind, modes, wrong, passes, left = submission.run(judged, fails=False, **given)
        submission.expect(mean, float(np.average(losses, weights=sizes)))
        assert (kind, passes) == ("float", 5), "a plain float of five passes is wanted"
        assert modes == [True, True, False, True] and left, "something was changed"
        assert not wrong, "a layer was in training, or the pass was recorded"
        given = {"sizes": [3], "losses": [float(rng.uniform(1, 9))], "modes": [False, True, False]}
        _, kind, modes, *_ = submission.run(judged, fails=True, **given)
        assert kind == "ZeroDivisionError", "the error does not reach the caller"
        assert modes == [True, False, True, False], "after an error the modes are others"
        given |= {"sizes": [], "losses": []}
        assert submission.run(judged, fails=False, **given)[1] == "ValueError", "no sample"


@pytest.mark.exercise("7.3")
class TestSplitBatch:
    @pytest.mark.points(1)
    def test_many_sizes(self, submission, rng):
        for parts in (1, 2, 3, 5, 23):
            count = int(rng.integers(1, 20))
            arrays = [rng.normal(size=(count, 2)), rng.normal(size=count), np.arange(count)]
            is_cut(submission.run(cut, arrays=arrays, parts=parts), arrays, parts)
        for wrong in ([np.ones((0, 2)), np.ones(0)], [np.ones(5), np.ones(5), np.ones(6)]):
            assert submission.run(cut, arrays=wrong, parts=2) == "ValueError", "it is taken"


@pytest.mark.exercise("7.4")
class TestAccumulateGradients:
    @pytest.mark.points(1)
    def test_many_parts(self, submission, rng):
        for parts in (1, 2, 3, 5, 13):
            count = int(rng.integers(parts if parts < 13 else 4, 12))
            given = {**data(rng, count), "weight": rng.normal(size=3), "parts": parts}
            given["before"] = rng.normal(size=3) if parts % 2 else None
            is_accumulated(submission.run(accumulated, **given), **given)


@pytest.mark.exercise("7.5")
class TestReplicas:
    @pytest.mark.points(1)
    def test_other_seeds(self, submission, rng):
        seeds, count = [int(seed) for seed in rng.integers(9, 999, size=3)], int(rng.integers(2, 5))
        are_copied(submission.run(copied, seeds=seeds, count=count), seeds, count)


@pytest.mark.exercise("7.6")
class TestDataParallel:
    @pytest.mark.points(1)
    def test_more_threads(self, submission, rng):
        for parts in (1, 2, 3):
            given = {**data(rng, int(rng.integers(4, 12))), "weight": rng.normal(size=3)}
            given |= {"parts": parts, "before": rng.normal(size=3) if parts > 1 else None}
            found = submission.run(accumulated, threads=True, **given)
            is_accumulated(found, threads=True, **given)

    @pytest.mark.points(0.5)
    def test_gather(self, submission, rng):
        def gathered(training, grads, before):
            import numpy as np

            from tinytorch.core.layers import Layer
            from tinytorch.core.tensor import Tensor

            class Plain(Layer):
                def __init__(self):
                    for name in ("a", "b", "c"):
                        weight = Tensor(np.ones(2), requires_grad=True, dtype=np.float64)
                        setattr(self, name, weight)

            model, copies = Plain(), [Plain() for _ in grads]
            for one, row in zip([model, *copies], [before, *grads], strict=True):
                for parameter, grad in zip(one.parameters(), row, strict=True):
                    parameter.grad = None if grad is None else np.array(grad)
            training.DataParallel(len(grads)).gather(model, copies)
            return [None if p.grad is None else np.array(p.grad) for p in model.parameters()]

        grads = [[*rng.normal(size=(2, 2)), None] for _ in range(3)]
        grads[1][0] = None
        submission.check(gathered, grads=grads, before=[None, rng.normal(size=2), None])
        submission.check(gathered, grads=grads, before=[None, None, rng.normal(size=2)])


@pytest.mark.exercise("7.7")
class TestReplacing:
    @pytest.mark.points(1)
    def test_what_fails_leaves_the_old_file(self, submission, rng):
        old, new = (f"text {number}" for number in rng.integers(1000, 9999, size=2))
        errors = {
            "block": "ZeroDivisionError", "interrupt": "KeyboardInterrupt",
            "replace": "PermissionError",
        }  # fmt: skip
        for before in (old, None):
            for fails, name in errors.items():
                given = {"before": before, "text": new, "fails": fails}
                *_, during, error, after, others, _ = submission.run(replaced, **given)
                assert (during, after, others) == (before, before, 0), (
                    "the old file is not as it was"
                )
                assert error == name, "the error does not reach the caller"
            given["fails"] = ""
            *_, during, error, after, others, order = submission.run(replaced, **given)
            assert (during, error, after, others) == (before, "", new, 0), "not the new file"
            assert order.index("fsync") < order.index("replace"), "renamed before the disk has it"


@pytest.mark.exercise("7.8")
class TestLoadCheckpoint:
    @pytest.mark.points(1.5)
    def test_what_was_saved_and_what_became_of_it(self, submission, rng):
        arrays = {"wide": rng.normal(size=(2, 3)), "narrow": rng.normal(size=5).astype("f4")}
        arrays |= {"ids": rng.integers(0, 9, size=4), "none": np.zeros((0, 2)), "one": np.array(7)}
        notes = {"step": int(rng.integers(99)), "list": [1, None, {"x": "Größe"}]}
        submission.check(loaded, arrays=arrays, notes=notes, change="")
        given = {"arrays": {"a": rng.normal(size=(30, 10))}, "notes": {"name": "moons"}}
        cuts = [float(share) for share in rng.uniform(0.2, 0.9, size=2)]
        bits = [-int(place) for place in rng.integers(1, 2000, size=3)]
        for change in ["foreign", "notes", *cuts, *bits]:
            found = submission.run(loaded, change=change, **given)
            assert found[0] == "ValueError", "a damaged or foreign file is taken"
            assert found[1] is True, "the message does not name the file"
        assert submission.run(loaded, change="gone", **given)[0] == "FileNotFoundError"


@pytest.mark.exercise("7.9")
class TestNextBatch:
    @pytest.mark.points(1)
    def test_passes_and_sources_that_end(self, submission, rng):
        count = int(rng.integers(3, 7))
        calls = 3 * count + 1
        found = submission.run(taken, count=count, calls=calls, once=False)
        assert found == [[k % count, k + 1, k + 1] for k in range(calls)], "not pass after pass"
        found = submission.run(taken, count=count, calls=count + 1, once=True)
        right = [[k, k + 1, k + 1] for k in range(count)] + [["ValueError", count, count]]
        assert found == right, "a source that ends is not told"
        assert submission.run(taken, count=0, calls=1, once=False) == [["ValueError", 0, 0]]


@pytest.mark.exercise("7.10")
class TestTrainStep:
    @pytest.mark.points(1)
    def test_with_and_without_limit_and_schedule(self, submission, rng):
        for max_norm in (None, float(rng.uniform(0.2, 1))):
            for rates in ([], [float(rate) for rate in rng.uniform(0.1, 0.9, size=4)]):
                given = {"weight": rng.normal(size=3), "slopes": rng.normal(size=(4, 3)).tolist()}
                given |= {"losses": rng.uniform(1, 5, size=4).tolist(), "max_norm": max_norm}
                given |= {"rates": rates, "begin": int(rng.integers(0, 50))}
                are_stepped(submission.run(stepped, **given), **given)

    @pytest.mark.points(0.5)
    def test_what_is_not_finite(self, submission, rng):
        begin, weight = int(rng.integers(11, 50)), rng.normal(size=2)
        for loss, slope in (
            (np.nan, 1.0),
            (np.inf, 1.0),
            (-np.inf, 1.0),
            (1.0, np.nan),
            (1.0, np.inf),
        ):
            given = {"weight": weight, "slopes": [[1.0, slope]], "losses": [float(loss)]}
            given |= {"max_norm": None, "rates": [], "begin": begin}
            [[row, after, step]], _ = submission.run(stepped, **given)
            assert row[0] == "ValueError", "it goes through"
            assert str(begin + 1) in row[1], "the message does not name the step"
            submission.expect(after, weight.tolist())
            assert step == begin, "the step is counted"


@pytest.mark.exercise("7.11")
class TestTrain:
    @pytest.mark.points(1)
    def test_from_any_step_to_any(self, submission, rng):
        for evaluated in (True, True, False):
            begin, every = int(rng.integers(1, 9)), int(rng.integers(2, 5))
            given = {"until": begin + int(rng.integers(9, 15)), "every": every, "begin": begin}
            is_trained(submission.run(trained, evaluated=evaluated, **given), evaluated=evaluated,
                       **given)  # fmt: skip


@pytest.mark.exercise("7.12")
class TestSaveAndResume:
    @pytest.mark.points(1.5)
    def test_longer_runs_and_batches_that_end(self, submission, rng):
        for step in (0, *rng.integers(3, 9, size=2).tolist()):
            given = {"weight": rng.normal(size=3), "grads": rng.normal(size=(step, 3)).tolist()}
            given |= {"lr": float(rng.uniform(0.1, 0.9)), "seed": int(rng.integers(999))}
            is_resumed(submission.run(saved, step=step, lost=int(rng.integers(1, 4)), **given))
        # batches that end change nothing
        given = {"weight": rng.normal(size=3), "grads": rng.normal(size=(4, 3)).tolist()}
        seed = int(rng.integers(999))
        (_, other), *_ = submission.run(saved, step=4, lr=0.5, seed=seed, ends=True, **given)
        weight, _, lr, step, _, history, drawn = other
        submission.expect(weight, [0.0, 0.0, 0.0])
        assert (lr, step, history) == (1e-3, 0, []), "rate, step or history were changed"
        submission.expect(drawn, np.random.default_rng(seed + 1).random(3).tolist())
