"""Public checks of module 06: each says what it expects, and runs without the reference."""

import math

import numpy as np
import pytest


def expect(what, got, values, rtol=1e-6):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=rtol, atol=1e-12), f"{what}: {np.asarray(got).tolist()}"


def listed(optimizers, before):
    """What comes back for lists of tensors, and what is said of faults behind `before` others."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    def leaf(size=3, dtype="float32"):
        return Tensor(np.ones(size), requires_grad=True, dtype=np.dtype(dtype))

    good, one = [*(leaf() for _ in range(before)), Tensor(np.ones(2))][-before:], leaf()
    right = [good, tuple(good), (tensor for tensor in good), [leaf(1, "float64"), leaf((2, 0))]]
    wrong = {
        "an array": [*good, np.ones(3)],
        "a pair": [*good, ("weight", one)],
        "integers": [*good, Tensor([1, 2])],
        "float16": [*good, leaf(3, "float16")],
        "one tensor": one,
        "one tensor, which does not learn": Tensor(np.ones(3)),
        "a result": [*good, one * 2],
        "one twice": [*good, one, leaf(), one],
        "none": [],
        "none, of a generator": iter(()),
    }
    answers = []
    for given in right:
        kept = good if hasattr(given, "send") else list(given)
        found = optimizers.as_parameters(given)
        same = len(found) == len(kept) and all(x is y for x, y in zip(found, kept, strict=True))
        answers.append([type(found).__name__, same, found is not given])
    for what, given in wrong.items():
        try:
            optimizers.as_parameters(given)
            answers.append([what, "taken", ""])
        except (TypeError, ValueError) as error:
            answers.append([what, type(error).__name__, str(error)])
    return answers


KINDS_OF_ERROR = {
    **dict.fromkeys(("an array", "a pair", "integers", "float16", "one tensor"), "TypeError"),
    "one tensor, which does not learn": "TypeError",
    **dict.fromkeys(("a result", "one twice", "none", "none, of a generator"), "ValueError"),
}


def are_listed(found, before):
    """Whether lists are taken as they should, and faults refused at their place."""
    assert found[:4] == [["list", True, True]] * 4, "not the same tensors, in a new list"
    for what, kind, text in found[4:]:
        assert kind == KINDS_OF_ERROR[what], f"{what}: {kind}"
        assert "parameter" in text, f"{what}: the message speaks of no parameter: {text}"
        if not what.startswith(("one tensor", "none")):
            assert str(before) in text, f"{what}: the message names no position: {text}"


@pytest.mark.exercise("6.1")
class TestAsParameters:
    @pytest.mark.points(0.5)
    def test_lists_and_what_is_refused(self, submission):
        are_listed(submission.run(listed, before=2), 2)


def steps(optimizers, rows):
    """Whom each step changes, what is kept then, the count; what is left by zero_grad.

    A row says of each parameter: "frozen", "none" (no gradient), "zeros" or "ones".
    """
    import numpy as np

    from tinytorch.core.tensor import Tensor

    optimizers.as_parameters = list  # exercise 6.1 has checks of its own
    tensors = [Tensor(np.ones(size + 1), requires_grad=True) for size in range(len(rows[0]))]
    begun, updated, told = [], [], []

    def place(parameter):
        return next(i for i, tensor in enumerate(tensors) if tensor is parameter)

    class Clerk(optimizers.Optimizer):
        def begin(self, parameter):
            begun.append(place(parameter))
            return {"size": np.array(parameter.data.size), "count": np.array(0)}

        def update(self, parameter, state):
            updated.append(place(parameter))
            state["count"] += 1
            assert int(state["size"]) == parameter.data.size, "the state of another parameter"

    optimizer = Clerk(tensors, 0.1)
    for row in rows:
        begun.clear(), updated.clear()
        for tensor, kind in zip(tensors, row, strict=True):
            tensor.requires_grad = kind != "frozen"
            filled = np.full(tensor.shape, kind != "zeros", np.float32)
            tensor.grad = None if kind == "none" else filled
        optimizer.step()
        kept = [int(state["count"]) if state else 0 for state in optimizer.states]
        still = [tensor.grad is None for tensor in tensors]
        told.append([list(begun), list(updated), kept, int(optimizer.num_steps), still])
    optimizer.zero_grad()
    gone = [tensor.grad is None for tensor in tensors]
    return [told, gone, [bool(state) for state in optimizer.states]]


def are_stepped(found, rows):
    told, gone, kept_after = found
    counts = [0] * len(rows[0])
    for number, (row, (begun, updated, kept, num_steps, none)) in enumerate(
        zip(rows, told, strict=True), 1
    ):
        right = [i for i, kind in enumerate(row) if kind in ("zeros", "ones")]
        new = [i for i in right if counts[i] == 0]
        counts = [count + (i in right) for i, count in enumerate(counts)]
        assert updated == right, f"step {number} of {row} updates {updated}"
        assert begun == new, f"step {number} of {row} begins {begun}"
        assert kept == counts, f"after step {number} the states have counted {kept}"
        assert num_steps == number, f"num_steps is {num_steps} after {number}"
        assert none == [kind == "none" for kind in row], "a step changes which gradients there are"
    assert all(gone), "zero_grad leaves a gradient"
    assert kept_after == [count > 0 for count in counts], "zero_grad changes the states"


@pytest.mark.exercise("6.2")
class TestStepAndZeroGrad:
    @pytest.mark.points(0.5)
    def test_three_parameters(self, submission):
        rows = [["ones", "none", "frozen"], ["zeros", "ones", "frozen"]]
        are_stepped(submission.run(steps, rows=rows), rows)


def kept(optimizers, states, num_steps):
    """What state_dict gives, whether it holds copies, and what another optimizer loads of it.

    `states`: for each parameter its "total", or None where there is no state.
    """
    import numpy as np

    from tinytorch.core.tensor import Tensor

    optimizers.as_parameters = list  # exercise 6.1 has checks of its own

    class Keeper(optimizers.Optimizer):
        def begin(self, parameter):
            return {"total": np.zeros(parameter.shape, "f4"), "count": np.array(0)}

    def keeper(filled):
        shapes = [(2,) if total is None else np.shape(total) for total in states]
        made = Keeper([Tensor(np.ones(shape), requires_grad=True) for shape in shapes], 0.1)
        for i, total in enumerate(states):
            if filled and total is not None:
                made.states[i] = {"total": np.array(total), "count": np.array(i + 5)}
        made.num_steps = num_steps if filled else 0
        return made

    def inside(optimizer):
        return [
            {name: np.array(x) for name, x in state.items()} if state else None
            for state in optimizer.states
        ]

    first, other = keeper(True), keeper(False)
    other.states[0] = {"total": np.ones(np.shape(other.parameters[0].data), "f4"),
                       "count": np.array(77)}  # fmt: skip
    saved = first.state_dict()
    flat = {name: np.array(x) for name, x in saved.items()}
    plain = all(isinstance(x, np.ndarray) for x in saved.values())
    given = {name: np.array(x) for name, x in flat.items()}
    other.load_state_dict(given)
    loaded = [inside(other), int(other.num_steps), isinstance(other.num_steps, int)]
    for x in [*saved.values(), *given.values()]:
        x[...] = 99
    apart = [inside(first), inside(other)]
    types = [str(s["total"].dtype) if s else "" for s in other.states]
    return {"flat": flat, "plain": plain, "loaded": loaded, "apart": apart, "types": types}


def are_kept(found, states, num_steps):
    right = {"step": num_steps}
    for i, total in enumerate(states):
        if total is not None:
            right |= {f"{i}.total": total, f"{i}.count": i + 5}
    assert sorted(found["flat"]) == sorted(right), f"the names are {sorted(found['flat'])}"
    assert found["plain"], "something else than arrays is saved"
    for name, values in right.items():
        expect(name, found["flat"][name], values)
    inside, count, plain = found["loaded"]
    assert (count, plain) == (num_steps, True), f"num_steps is {count} after loading"
    for i, total in enumerate(states):
        for what, one in (("loaded", inside[i]), *zip(("saved", "loaded"), (
            found["apart"][0][i], found["apart"][1][i]), strict=True)):  # fmt: skip
            if total is None:
                assert one is None, f"parameter {i} has a state that was never saved"
                continue
            assert one is not None, f"parameter {i} has no state after it was {what}"
            expect(f"{what} total of parameter {i}", one["total"], total)
            expect(f"{what} count of parameter {i}", one["count"], i + 5)


@pytest.mark.exercise("6.3")
class TestStateDict:
    @pytest.mark.points(0.5)
    def test_saved_and_loaded(self, submission):
        states = [None, np.array([1.0, 2.0], "f4"), np.array([[3.0, 4.0, 5.0]], "f4")]
        are_kept(submission.run(kept, states=states, num_steps=12), states, 12)


def updates(optimizers, name, options, x, grads):
    """Where an optimizer's updates lead from x, in whose array, and what it keeps."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    optimizers.as_parameters = list  # exercise 6.1 has checks of its own
    parameter = Tensor(x, requires_grad=True, dtype=x.dtype)
    array = parameter.data
    optimizer = getattr(optimizers, name)([parameter], **options)
    state = optimizer.begin(parameter)
    names = {}
    for key in sorted(state):
        dtype = np.asarray(state[key]).dtype
        names[key] = [dtype.str if dtype.kind == "f" else dtype.kind, list(np.shape(state[key]))]
    ways = []
    for grad in grads:
        parameter.grad = np.array(grad, x.dtype)
        optimizer.update(parameter, state)
        assert np.array_equal(parameter.grad, grad), "the gradient itself was changed"
        ways.append(np.array(parameter.data))
    kept = {key: np.array(state[key]) for key in sorted(state)}
    same = bool(np.shares_memory(array, parameter.data)) or array.size == 0
    return {"ways": ways, "in place": same, "begun": names, "kept": kept,
            "dtype": str(parameter.dtype)}  # fmt: skip


@pytest.mark.exercise("6.4")
class TestSGD:
    @pytest.mark.points(0.5)
    def test_with_and_without_momentum(self, submission):
        given = {"name": "SGD", "x": np.array([1.0, 2.0]), "grads": [np.array([1.0, -2.0])] * 2}
        plain = submission.run(updates, options={"lr": 0.5}, **given)
        expect("without momentum", plain["ways"], [[0.5, 3], [0, 4]])
        assert plain["begun"] == {}, "something is kept without momentum"
        moved = submission.run(updates, options={"lr": 0.5, "momentum": 0.5}, **given)
        expect("with momentum", moved["ways"], [[0.5, 3], [-0.25, 4.5]])
        assert moved["in place"], "the numbers stand in a new array"


@pytest.mark.exercise("6.5")
class TestAdam:
    @pytest.mark.points(0.5)
    def test_two_steps(self, submission):
        options = {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.0}
        found = submission.run(
            updates, name="Adam", options=options, x=np.array([1.0]),
            grads=[np.array([2.0]), np.array([-6.0])],
        )  # fmt: skip
        second = 0.9 + 0.1 * (2.5 / 0.75) / math.sqrt(9.75 / 0.4375)
        expect("Adam", found["ways"], [[0.9], [second]])
        assert found["in place"], "the numbers stand in a new array"
        assert sorted(found["begun"]) == ["first", "second", "step"]


def decayed(optimizers, options, x, grad, which):
    """First updates of parameters of one and of two axes; `which` says who decays."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    def begin(self, parameter):
        return {name: 0 * parameter.data.sum() if name == "step" else 0 * parameter.data
                for name in ("step", "first", "second")}  # fmt: skip

    def update(self, parameter, state):  # what Adam's first update is: 6.5 has its own checks
        state["step"] += 1
        parameter.data -= self.lr * np.sign(parameter.grad)

    optimizers.as_parameters = list
    optimizers.Adam.begin, optimizers.Adam.update = begin, update
    chosen = {"all": None, "matrices": lambda p: p.ndim > 1, "none": lambda p: False}[which]
    tensors = [Tensor(np.array(a), requires_grad=True, dtype=x.dtype) for a in (x, x[0])]
    arrays = [tensor.data for tensor in tensors]
    optimizer = optimizers.AdamW(tensors, eps=0.0, decays=chosen, **options)
    ways = []
    for tensor, slope in zip(tensors, (grad, grad[0]), strict=True):
        tensor.grad = np.array(slope, x.dtype)
        optimizer.update(tensor, optimizer.begin(tensor))
        assert np.array_equal(tensor.grad, slope), "the gradient itself was changed"
        ways.append([np.array(each.data) for each in tensors])
    same = [bool(np.shares_memory(a, t.data)) for a, t in zip(arrays, tensors, strict=True)]
    return {"ways": ways, "in place": same}


@pytest.mark.exercise("6.6")
class TestAdamW:
    @pytest.mark.points(0.5)
    def test_a_matrix_decays_and_a_bias_does_not(self, submission):
        x, grad = np.array([[10.0, -20.0]]), np.array([[3.0, -5.0]])
        given = {"options": {"lr": 0.1, "weight_decay": 0.5}, "x": x, "grad": grad}
        found = submission.run(decayed, which="matrices", **given)
        expect("the matrix", found["ways"][1][0], [[9.5 - 0.1, -19 + 0.1]])
        expect("the bias", found["ways"][1][1], [10 - 0.1, -20 + 0.1])
        assert all(found["in place"]), "the numbers stand in a new array"


def clipped(optimizers, grads, max_norm):
    """The norm, and the gradients after it: the same arrays or not; or the error's message."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    tensors = []
    for grad in grads:
        shape = (2,) if grad is None else grad.shape
        dtype = np.dtype("f4") if grad is None else grad.dtype
        tensors.append(Tensor(np.full(shape, 7.0), requires_grad=True, dtype=dtype))
        tensors[-1].grad = None if grad is None else np.array(grad)
    before = [tensor.grad for tensor in tensors]
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            norm = optimizers.clip_grad_norm((tensor for tensor in tensors), max_norm)
        told = [isinstance(norm, float), float(norm)]
    except ValueError as error:
        told = ["ValueError", str(error)]
    after = [tensor.grad for tensor in tensors]
    same = [x is y for x, y in zip(before, after, strict=True)]
    left = all((tensor.data == 7).all() for tensor in tensors)
    return [told, [None if x is None else np.array(x) for x in after], same, left]


@pytest.mark.exercise("6.7")
class TestClipGradNorm:
    @pytest.mark.points(0.5)
    def test_above_and_below(self, submission):
        grads = [np.array([2.0, 3.0]), None, np.array([6.0])]
        told, after, same, _ = submission.run(clipped, grads=grads, max_norm=3.5)
        expect("the norm", told[1], 7.0)
        expect("a gradient", after[0], [1.0, 1.5], 1e-5)
        assert all(same), "the gradients stand in new arrays"
        told, after, *_ = submission.run(clipped, grads=grads, max_norm=8.0)
        expect("a gradient below the limit", after[0], [2.0, 3.0])


def rates(optimizers, cases):
    return [[float(optimizers.warmup_cosine(i, **options)) for i in at] for at, options in cases]


@pytest.mark.exercise("6.8")
class TestWarmupCosine:
    @pytest.mark.points(0.5)
    def test_up_and_down(self, submission):
        options = {"warmup_steps": 3, "total_steps": 7, "max_lr": 1.0, "min_lr": 0.5}
        [found] = submission.run(rates, cases=[[[0, 2, 3, 5, 7, 9], options]])
        expect("the rates", found, [0.25, 0.75, 1, 0.75, 0.5, 0.5])


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
