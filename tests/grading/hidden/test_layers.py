"""Hidden checks of module 03: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_layers import (
    NAMES,
    dropped,
    expect_glorot,
    first_weights,
    linear_layer,
    parts_found,
    stairs_after,
)


@pytest.mark.exercise("3.1")
class TestWalk:
    @pytest.mark.points(1)
    def test_another_tree(self, submission, rng):
        letters = [str(letter) for letter in rng.permutation([*"abcdefgh"])]
        leaf = {letters[0]: 1.0, letters[1]: [1.0] * int(rng.integers(2, 5)), letters[2]: (2.0,)}
        deep = {letters[3]: ([leaf, leaf], {letters[4]: {letters[5]: [[leaf], 3.0]}})}
        tree = {letters[6]: deep, letters[7]: [deep[letters[3]]], letters[0]: 1.0}
        submission.check(parts_found, tree=tree, home=True)
        submission.check(parts_found, tree=tree, home=False, name=letters[1] + letters[2])
        submission.check(parts_found, tree=[leaf, (deep, 2.0)], home=False)


def drawn_levels(rng):
    return [rng.normal(size=shape) for shape in ((3, 5), (7,), (2, 1, 3))]


@pytest.mark.exercise("3.2")
class TestParameters:
    @pytest.mark.points(1)
    def test_what_else_may_stand_in_a_layer(self, submission, rng):
        steps = ["list(stairs.named_parameters())", "type(stairs.parameters()).__name__"]
        steps += ["setattr(own[1], 'requires_grad', False)", "setattr(own[0], 'node', 'a node')"]
        steps += ["stairs.parameters()", "list(dimmers[2].named_parameters())"]
        steps += ["vars(stairs).update(text='text', more=[None, 3.0, own[2], [own[0]]])"]
        steps += ["setattr(own[0], 'node', None)", "list(stairs.named_parameters())"]
        steps += ["[one.data for one in stairs.parameters()]"]
        submission.check(stairs_after, steps=steps, arrays=drawn_levels(rng))


@pytest.mark.exercise("3.3")
class TestState:
    @pytest.mark.points(1)
    def test_copies_both_ways_in_the_same_tensors(self, submission, rng):
        arrays = drawn_levels(rng)
        state = dict(zip(NAMES, drawn_levels(rng), strict=True))
        state[NAMES[0]] = state["same.level"] = state[NAMES[0]].astype(np.float32)
        state[NAMES[2]] = (10 * state[NAMES[2]]).astype(int)
        steps = [
            "stairs.load_state_dict(state) and None",
            "stairs.parameters()",
            "stairs.state_dict()",
        ]
        steps += ["[one.fill(0) for one in state.values()] and None", "[one.data for one in own]"]
        steps += ["setattr(own[0], 'data', own[0].data.astype('d'))"]
        steps += [
            "state.update({'first.level': own[0] * 3, 'same.level': own[0] * 3})",
            "stairs.load_state_dict(state) and None",
        ]
        steps += ["stairs.state_dict()", "[one.requires_grad for one in own]"]
        steps += ["setattr(own[2], 'requires_grad', False)", "stairs.state_dict()"]
        submission.check(stairs_after, steps=steps, arrays=arrays, state=state)

    @pytest.mark.points(0.5)
    def test_nothing_is_loaded_where_one_part_does_not_fit(self, submission, rng):
        def probe(layers, weights, states):
            from tinytorch.core.tensor import Tensor

            whole = layers.Layer()
            vars(whole).update({name: Tensor(x, True) for name, x in weights.items()})
            answers = []
            for state in states:
                try:
                    whole.load_state_dict(state)
                    answers.append("loaded")
                except ValueError as error:
                    answers.append([name in str(error) for name in ("alpha", "beta", "gamma")])
                answers.append([whole.alpha.data.copy(), whole.beta.data.copy()])
            return answers

        def drawn():
            return {"alpha": rng.normal(size=(3, 5)), "beta": rng.normal(size=5)}

        row, number, turned = (
            rng.normal(size=(1, 5)),
            np.array(rng.normal()),
            rng.normal(size=(5, 3)),
        )
        wrong = [{"gamma": number}, {"beta": row}, {"alpha": turned}, {"alpha": row, "gamma": row}]
        wrong += [{"beta": number, "alpha": number}, {}]
        states = [drawn() | one for one in wrong]
        states += [{"alpha": row[0]}, {"beta": row[0]}, {}, {"gamma": row}, drawn()]
        submission.check(probe, weights=drawn(), states=states)


@pytest.mark.exercise("3.4")
class TestTrainEval:
    @pytest.mark.points(0.5)
    def test_layers_only_and_not_their_class(self, submission, rng):
        state = "[getattr(one, 'training', None) for one in (stairs, *dimmers, *own, Layer)]"
        modes = [bool(mode) for mode in rng.random(5) < 0.5]
        steps = ["stairs.eval()", state, "Layer().training", "dimmers[1].train()", state]
        for mode in [*modes, True, False, True]:
            steps += [f"stairs.train({mode})", state]
        steps += ["dimmers[2].eval() is dimmers[2]", state, "stairs.parameters()"]
        submission.check(stairs_after, steps=steps, arrays=drawn_levels(rng))


@pytest.mark.exercise("3.5")
class TestTo:
    @pytest.mark.points(0.5)
    def test_gradients_other_types_and_the_same_tensors(self, submission, rng):
        def probe(layers, arrays, grad, dtypes):
            from tinytorch.core.tensor import Tensor

            def answer(dtype):
                try:
                    return whole.to(dtype) is whole
                except TypeError:
                    return "TypeError"

            first, second, fixed = (Tensor(x, number < 2) for number, x in enumerate(arrays))
            first.grad, whole, inner = grad, layers.Layer(), layers.Layer()
            inner.parts, whole.first, whole.rest = (second, fixed), first, [inner]
            answers = []
            for dtype in [*dtypes, float, int, bool, complex]:
                answers.append([answer(dtype), whole.first is first, inner.parts[0] is second])
                parts = [first.data, second.data, first.grad]
                answers.append([[part, str(part.dtype)] for part in parts])
            return [answers, second.grad is None, fixed.data, first.requires_grad]

        grad = rng.normal(size=(3, 5)).astype(np.float32)
        dtypes = ["float64", "int32", "float16", "uint8", "float32"]
        submission.check(probe, arrays=drawn_levels(rng), grad=grad, dtypes=dtypes)


@pytest.mark.exercise("3.6")
class TestGlorotUniform:
    @pytest.mark.points(0.5)
    def test_other_sizes_and_the_generator(self, submission, rng):
        m, n = rng.choice([97, 151, 199, 241], size=2, replace=False).tolist()
        seed = int(rng.integers(1, 1000))
        seeds = [seed, seed, seed + 1, seed + 2]
        asked = {"in_features": m, "out_features": n, "seeds": seeds}
        weights, again, *others = submission.run(first_weights, **asked)
        assert np.array_equal(weights, again), "the same seed gives other weights"
        for one in (weights, *others):
            expect_glorot(one, m, n)
        assert not any(np.array_equal(weights, one) for one in others), "the seed changes nothing"
        narrow = submission.run(first_weights, in_features=3, out_features=2, seeds=[seed])[0]
        assert narrow.shape == (3, 2)


@pytest.mark.exercise("3.7")
class TestLinear:
    @pytest.mark.points(1)
    def test_other_sizes_with_and_without_bias(self, submission, rng):
        m, n = rng.choice([3, 5, 7, 11], size=2, replace=False).tolist()
        shapes = [(m,), (2, m), (2, 13, m), (0, m), (2, 3, 5, m)]
        inputs = [rng.normal(size=shape) for shape in shapes]
        asked = {"sizes": [m, n], "weight": rng.normal(size=(m, n)), "inputs": inputs}
        for bias in (rng.normal(size=n), None):
            submission.check(linear_layer, bias=bias, **asked)
        narrow = [x.astype("f") for x in inputs]
        asked |= {"weight": asked["weight"].astype("f"), "inputs": narrow}
        submission.check(linear_layer, atol=1e-5, bias=np.ones(n, "f"), **asked)

    @pytest.mark.points(0.5)
    def test_its_memory_reaches_input_weight_and_bias(self, submission, rng):
        def probe(layers, given, others):
            from tinytorch.core.tensor import Tensor, unwrap

            def replay(part):
                if id(part) in swapped:
                    return swapped[id(part)]
                if not isinstance(part, Tensor) or part.node is None:
                    return unwrap(part)
                return part.node.op.forward(*map(replay, part.node.inputs), **part.node.options)

            layers.glorot_uniform = lambda m, n, rng: given[1]
            made = layers.Linear(*given[1].shape)
            made.weight.data, made.bias.data = given[1:]
            leaves = [Tensor(given[0], requires_grad=True), made.weight, made.bias]
            swapped = {id(leaf): other for leaf, other in zip(leaves, others, strict=True)}
            output = made(leaves[0])
            return [output.data, replay(output)]

        given, others = ([rng.normal(size=s) for s in ((5, 3), (3, 7), (7,))] for _ in range(2))
        submission.check(probe, given=given, others=others)


@pytest.mark.exercise("3.8")
class TestDropout:
    @pytest.mark.points(0.5)
    def test_each_number_on_its_own_and_remembered(self, submission, rng):
        p, seed = float(rng.uniform(0.1, 0.4)), int(rng.integers(1, 1000))
        x, other = rng.normal(size=(2, 2, 59, 97))
        asked = {"seeds": [seed, seed, seed + 1], "x": x, "other": other}
        answers, after = submission.run(dropped, p=p, **asked)
        masks = [got != 0 for got, *_ in answers]
        for mask, (got, remembered, _) in zip(masks, answers, strict=True):
            assert np.allclose(got, mask * x / (1 - p), rtol=1e-4), "some are not x / (1 - p)"
            assert np.allclose(remembered, mask * other / (1 - p), rtol=1e-4), "memory is lost"
            assert abs(mask.mean() - (1 - p)) < 0.03, f"{1 - mask.mean():.2f} are 0, p is {p:.2f}"
            alike = [(mask.all(axis) | ~mask.any(axis)).mean() for axis in (1, 2)]
            assert max(alike) < 0.5, "whole rows are dropped or kept"
        same = [np.array_equal(masks[0], mask) for mask in masks[1:]]
        assert same == [False, True, False, False, False], "masks come from rng, anew at each call"
        assert np.array_equal(after, x), "the input was changed in place"

    @pytest.mark.points(0.5)
    def test_chances_at_the_edge(self, submission, rng):
        def probe(layers, chances, x):
            from tinytorch.core.tensor import Tensor

            def answer(p):
                try:
                    made = layers.Dropout(p)
                except ValueError:
                    return "refused"
                return [made.p, made(Tensor(x)).data if p == 0 else p]

            return [answer(p) for p in chances]

        drawn = [-float(rng.random()), 1 + float(rng.random()), float(rng.random())]
        chances = [*drawn, 1.0, 1, 0, 0.0, float("nan"), float("inf"), 0.999]
        submission.check(probe, chances=chances, x=rng.normal(size=(3, 5)))


@pytest.mark.exercise("3.9")
class TestSequential:
    @pytest.mark.points(0.5)
    def test_layers_functions_and_models_in_models(self, submission, rng):
        def probe(layers, x, numbers):
            from tinytorch.core.tensor import Tensor

            class Scale(layers.Layer):
                def __init__(self, factor):
                    self.factor = Tensor(factor, requires_grad=True)

                def forward(self, x):
                    seen.append(x.data)
                    return x * self.factor

            seen, (a, b, c) = [], numbers
            inner = layers.Sequential(Scale(a), lambda x: x + b)
            model = layers.Sequential(inner, Scale(c), lambda x: x - a, inner)
            given = Tensor(x, requires_grad=True)
            result, part = model(given), model[1:](given)
            ops, one = [], result
            while one.node is not None:
                ops.append(one.node.op.__name__)
                one = one.node.inputs[0]
            return [result.data, part.data, seen, ops, one is given]

        numbers = [float(one) for one in rng.normal(size=3)]
        submission.check(probe, x=rng.normal(size=(3, 5)), numbers=numbers)
