"""Hidden checks of module 06: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_optimizers import (
    are_kept,
    are_listed,
    are_stepped,
    clipped,
    decayed,
    kept,
    listed,
    rates,
    steps,
    updates,
)


@pytest.mark.exercise("6.1")
class TestAsParameters:
    @pytest.mark.points(1)
    def test_a_fault_further_on(self, submission, rng):
        before = int(rng.integers(11, 40))
        are_listed(submission.run(listed, before=before), before)

    @pytest.mark.points(0.5)
    def test_both_places_of_one_that_comes_twice(self, submission, rng):
        before = int(rng.integers(11, 40))
        found = submission.run(listed, before=before)
        [text] = [text for what, _, text in found[4:] if what == "one twice"]
        assert str(before + 2) in text, "the message does not name the second place"

        def equal(optimizers, count):
            from tinytorch.core.tensor import Tensor

            return len(optimizers.as_parameters([Tensor([1.0]) for _ in range(count)]))

        assert submission.run(equal, count=before) == before, "equal numbers are the same tensor"


@pytest.mark.exercise("6.2")
class TestStepAndZeroGrad:
    @pytest.mark.points(1)
    def test_many_parameters_over_many_steps(self, submission, rng):
        count = int(rng.integers(5, 9))
        rows = rng.choice(["ones", "none", "frozen", "zeros"], size=(6, count)).tolist()
        rows[0][:3], rows[1][:3] = ["none", "zeros", "frozen"], ["ones", "none", "zeros"]
        are_stepped(submission.run(steps, rows=rows), rows)


def refused(optimizers, states, problems):
    """What is said of a state with faults, and whether anything was loaded."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    optimizers.as_parameters = list

    class Keeper(optimizers.Optimizer):
        def begin(self, parameter):
            return {"total": np.zeros(parameter.shape), "count": np.array(0)}

    given = {"step": np.array(9)}
    for i, total in enumerate(states):
        given |= {f"{i}.total": np.array(total), f"{i}.count": np.array(3)}
    for name, value in problems.items():
        if value is None:
            del given[name]
        else:
            given[name] = value
    tensors = [Tensor(np.ones(np.shape(total)), requires_grad=True) for total in states]
    optimizer = Keeper(tensors, 0.1)
    try:
        optimizer.load_state_dict(given)
        told = ["taken", ""]
    except ValueError as error:
        told = ["ValueError", str(error)]
    return [*told, int(optimizer.num_steps), any(map(bool, optimizer.states))]


@pytest.mark.exercise("6.3")
class TestStateDict:
    @pytest.mark.points(1)
    def test_more_states_and_fewer(self, submission, rng):
        sizes = rng.permutation([2, 3, 5])
        states = [rng.normal(size=tuple(sizes[:n])).astype("f4") for n in (1, 2, 3, 0)]
        states = [states[0], None, *states[1:3], None, states[3]]
        num_steps = int(rng.integers(20, 90))
        are_kept(submission.run(kept, states=states, num_steps=num_steps), states, num_steps)
        rest = [None, *states[2:]]
        are_kept(submission.run(kept, states=rest, num_steps=num_steps), rest, num_steps)

    @pytest.mark.points(1)
    def test_all_problems_at_once(self, submission, rng):
        size, place = int(rng.integers(4, 90)), int(rng.integers(11, 90))
        states = [rng.normal(size=(3, size)), rng.normal(size=(1,)), rng.normal(size=(2,))]
        faults = {
            "0.total": np.ones((1, size)), "1.count": None, "2.total": np.ones(1),
            "step": None, f"{place}.total": np.ones(2), "2.other": np.ones(2),
        }  # fmt: skip
        kind, text, num_steps, kept_some = submission.run(refused, states=states, problems=faults)
        assert kind == "ValueError", "a state with six faults is taken"
        for name in faults:
            assert name in text, f"{name} is not named"
        for shape in (f"(1, {size})", f"(3, {size})", "(1,)", "(2,)"):
            assert shape in text, f"the shape {shape} is not named"
        assert (num_steps, kept_some) == (0, False), "something was loaded"
        for name, value in faults.items():
            kind, _, num_steps, kept_some = submission.run(
                refused, states=states, problems={name: value}
            )
            assert kind == "ValueError", "a fault alone is taken"
            assert (num_steps, kept_some) == (0, False), "something was loaded"


def ways(submission, rng, name, options):
    """Over several steps, for shapes and both dtypes; an array that shares no memory fails."""
    for shape, dtype in (((2, 3), "f8"), ((7,), "f4"), ((), "f8"), ((0, 5), "f4")):
        x = np.asarray(rng.normal(size=shape), dtype)
        grads = [np.asarray(rng.normal(size=shape), dtype) for _ in range(5)]
        submission.check(updates, name=name, options=options, x=x, grads=grads)


@pytest.mark.exercise("6.4")
class TestSGD:
    @pytest.mark.points(0.5)
    def test_without_momentum(self, submission, rng):
        ways(submission, rng, "SGD", {"lr": float(rng.uniform(0.1, 0.9))})

    @pytest.mark.points(0.5)
    def test_with_momentum(self, submission, rng):
        lr, momentum = map(float, rng.uniform(0.1, 0.9, size=2))
        ways(submission, rng, "SGD", {"lr": lr, "momentum": momentum})


@pytest.mark.exercise("6.5")
class TestAdam:
    @pytest.mark.points(1)
    def test_over_several_steps(self, submission, rng):
        lr, *betas = map(float, rng.uniform(0.2, 0.9, size=3))
        ways(submission, rng, "Adam", {"lr": lr, "betas": (betas[0], betas[1])})

    @pytest.mark.points(0.5)
    def test_a_large_eps_and_an_optimizer_that_has_counted_on(self, submission, rng):
        options = {"lr": 0.5, "betas": (0.3, 0.8), "eps": float(rng.uniform(0.5, 2))}
        ways(submission, rng, "Adam", options)

        def late(optimizers, x, grad, num_steps):
            import numpy as np

            from tinytorch.core.tensor import Tensor

            optimizers.as_parameters = list
            parameter = Tensor(x, requires_grad=True, dtype=x.dtype)
            optimizer = optimizers.Adam([parameter], 0.5)
            optimizer.num_steps = num_steps  # the first gradient of this one comes late
            parameter.grad = np.array(grad)
            optimizer.update(parameter, optimizer.begin(parameter))
            return np.array(parameter.data)

        x, grad = rng.normal(size=(2, 5))
        submission.check(late, x=x, grad=grad, num_steps=int(rng.integers(5, 50)))


@pytest.mark.exercise("6.6")
class TestAdamW:
    @pytest.mark.points(1)
    def test_who_decays(self, submission, rng):
        for which in ("all", "matrices", "none"):
            x, grad = 10 * rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
            lr, decay = map(float, rng.uniform(0.1, 0.9, size=2))
            given = {"options": {"lr": lr, "weight_decay": decay}, "which": which}
            submission.check(decayed, x=x, grad=grad, **given)


@pytest.mark.exercise("6.7")
class TestClipGradNorm:
    @pytest.mark.points(1)
    def test_above_below_and_nothing(self, submission, rng):
        for scale, max_norm in ((1.0, 0.5), (1.0, 50.0), (0.1, 3.0), (30.0, 3.0)):
            shapes = [(2, 3), (), (7,), (0, 5)]
            grads = [scale * np.asarray(rng.normal(size=shape)) for shape in shapes]
            grads.insert(1, None)
            submission.check(clipped, grads=grads, max_norm=max_norm)
        told, _, _, _ = submission.run(clipped, grads=[None, None], max_norm=1.0)
        assert told == [True, 0.0], "without a gradient the norm is not 0.0"

    @pytest.mark.points(0.5)
    def test_large_and_what_is_no_number(self, submission, rng):
        large = [np.float32(1e20) * rng.normal(size=3).astype("f4"), np.ones(2, "f4")]
        [plain, norm], after, same, _ = submission.run(clipped, grads=large, max_norm=1.0)
        right = float(np.linalg.norm(large[0].astype(float)))
        assert plain, "the norm is no plain float"
        submission.expect(norm / right, 1.0)
        assert all(same), "the gradients stand in new arrays"
        submission.expect(after[0], (large[0] / right).tolist())
        for bad in (np.nan, np.inf, -np.inf):
            grads = [rng.normal(size=3) * 9, np.array([1.0, bad])]
            [kind, text], after, _, _ = submission.run(clipped, grads=grads, max_norm=1.0)
            assert kind == "ValueError", "a norm that is no number is taken"
            assert ("nan" if np.isnan(bad) else "inf") in text.lower(), "it is not shown"
            submission.expect(after[0], grads[0].tolist())


@pytest.mark.exercise("6.8")
class TestWarmupCosine:
    @pytest.mark.points(1)
    def test_over_a_whole_training(self, submission, rng):
        warm, rest = int(rng.integers(3, 9)), int(rng.integers(10, 20))
        low, high = sorted(map(float, rng.uniform(0.1, 0.9, size=2)))
        at = [*range(warm + rest + 5)]
        options = {"warmup_steps": warm, "total_steps": warm + rest, "max_lr": high}
        cases = [[at, options], [at, options | {"min_lr": low}]]
        cases += [[at, options | {"warmup_steps": 0}]]
        cases += [[at, options | {"total_steps": warm, "min_lr": low}]]
        submission.check(rates, cases=cases)
