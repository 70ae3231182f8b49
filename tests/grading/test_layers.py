"""Public checks of module 03: each says what it expects, and runs without the reference."""

import math

import numpy as np
import pytest


def expect(what, got, values):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=1e-5), f"{what} gives {np.asarray(got).tolist()}"


def parts_found(layers, tree, home, name=""):
    """What walk finds in a tree: a dict is a layer, a number a tensor; `home` leads back."""
    from tinytorch.core.tensor import Tensor

    class Part(layers.Layer):
        def __init__(self, parts):
            vars(self).update(parts)

    def build(one):
        if isinstance(one, dict):
            return Part({key: build(part) for key, part in one.items()})
        return type(one)(map(build, one)) if isinstance(one, list | tuple) else Tensor(one)

    whole = build(tree)
    if home:
        first = next(iter(vars(whole).values()))
        whole.home, whole.same, first.house = whole, first, whole
    found = [list(layers.walk(whole, name)) for _ in range(2)]  # a second walk finds the same
    return [[[name, type(part).__name__] for name, part in one] for one in found]


@pytest.mark.exercise("3.1")
class TestWalk:
    @pytest.mark.points(1)
    def test_each_part_once_with_its_path(self, submission):
        tree = {"first": {"level": 2.0}, "rest": [{"level": 7.0}, ({"level": 7.0},)]}
        expected = [
            ["", "Part"],
            ["first", "Part"],
            ["first.level", "Tensor"],
            ["rest", "list"],
            ["rest.0", "Part"],
            ["rest.0.level", "Tensor"],
            ["rest.1", "tuple"],
            ["rest.1.0", "Part"],
            ["rest.1.0.level", "Tensor"],
            ["same", "Part"],
            ["same.level", "Tensor"],
        ]
        once, again = submission.run(parts_found, tree=tree, home=True)
        assert once == expected, f"walk finds {once}"
        assert again == expected, f"a second walk finds {again}"


def stairs_after(layers, steps, arrays, state=None):
    """What each step gives for a tree of layers with the parameters `arrays`.

    The tree has a list, a tuple in it, one layer under two names, a tensor that does not learn,
    and one that was computed. Steps are expressions of `stairs`, as "stairs.parameters()".
    """
    import numpy as np

    from tinytorch.core.tensor import Tensor

    class Dimmer(layers.Layer):
        def __init__(self, level):
            self.level = Tensor(level, requires_grad=True)

    def told(value):
        """A value as it can be returned: a tensor by its number among the parameters."""
        if id(value) in numbers:
            return f"parameter {numbers[id(value)]}"
        if isinstance(value, layers.Layer):
            return "stairs" if value is stairs else "another layer"
        if isinstance(value, Tensor):
            return "another tensor"
        if isinstance(value, dict):
            return {key: told(one) for key, one in value.items()}
        if isinstance(value, np.ndarray):
            return [value.copy(), str(value.dtype)]
        return [told(one) for one in value] if isinstance(value, list | tuple) else value

    def outcome(step):
        try:
            return told(eval(step, scope))
        except (TypeError, ValueError) as error:
            return [type(error).__name__, str(error)]

    dimmers = [Dimmer(array) for array in arrays]
    own = [dimmer.level for dimmer in dimmers]
    numbers = {id(one): number for number, one in enumerate(own)}
    stairs = layers.Layer()
    stairs.first, stairs.rest = dimmers[0], [dimmers[1], (dimmers[2], len)]
    stairs.same, stairs.house_number = dimmers[0], Tensor([17.0])
    stairs.last_output = own[0] * 2
    scope = {**vars(layers), "stairs": stairs, "own": own, "dimmers": dimmers, "state": state}
    return [outcome(step) for step in steps]


NAMES = ["first.level", "rest.0.level", "rest.1.0.level"]
SAVED = [*NAMES, "same.level"]  # another name of the first
LEVELS = [np.array([2.0, 3.0, 5.0]), np.array([7.0, 11.0]), np.array([13.0])]


@pytest.mark.exercise("3.2")
class TestParameters:
    @pytest.mark.points(1)
    def test_what_is_learned_by_name(self, submission):
        steps = ["list(stairs.named_parameters())", "stairs.parameters()"]
        named, listed = submission.run(stairs_after, steps=steps, arrays=LEVELS)
        expected = ["parameter 0", "parameter 1", "parameter 2"]
        pairs = [list(pair) for pair in zip(NAMES, expected, strict=True)]
        assert named == pairs, f"named_parameters() gives {named}"
        assert listed == expected, f"parameters() is {listed}"


@pytest.mark.exercise("3.3")
class TestState:
    @pytest.mark.points(0.5)
    def test_the_state_is_a_copy_by_name(self, submission):
        steps = ["(saved := stairs.state_dict())", "own[0].data.fill(-1)", "saved"]
        _, _, saved = submission.run(stairs_after, steps=steps, arrays=LEVELS)
        assert isinstance(saved, dict), f"state_dict() is {saved}"
        assert list(saved) == SAVED, f"its names are {list(saved)}"
        for (name, told), values in zip(saved.items(), [*LEVELS, LEVELS[0]], strict=True):
            assert isinstance(told, list), f"{name} is {told}, not an array"
            expect(name, told[0], values)

    @pytest.mark.points(0.5)
    def test_what_is_loaded_is_there(self, submission):
        state = {name: 2 * array for name, array in zip(NAMES, LEVELS, strict=True)}
        state["same.level"] = state["first.level"]
        steps = ["stairs.load_state_dict(state)", "[one.data for one in own]"]
        _, loaded = submission.run(stairs_after, steps=steps, arrays=LEVELS, state=state)
        for name, (array, dtype) in zip(NAMES, loaded, strict=True):
            expect(name, array, state[name])
            assert dtype == "float32", f"{name} became {dtype}"

    @pytest.mark.points(0.5)
    def test_one_error_lists_all_problems(self, submission):
        state = {"first.level": np.zeros(3), "rest.0.level": np.zeros(1), "extra": np.zeros(1)}
        steps = ["stairs.load_state_dict(state)", "own[0].data"]
        error, first = submission.run(stairs_after, steps=steps, arrays=LEVELS, state=state)
        assert error and error[0] == "ValueError", f"that is no ValueError: {error}"
        for problem in ("rest.1.0.level", "extra", "rest.0.level", "(1,)", "(2,)"):
            assert problem in error[1], f"{problem} is not in the message: {error[1]}"
        expect("first.level, after an error,", first[0], LEVELS[0])


@pytest.mark.exercise("3.4")
class TestTrainEval:
    @pytest.mark.points(0.5)
    def test_every_layer_is_switched(self, submission):
        steps = ["stairs.eval()", "[one.training for one in (stairs, *dimmers)]"]
        steps += ["stairs.train()", "[one.training for one in (stairs, *dimmers)]"]
        off, evaluating, on, training = submission.run(stairs_after, steps=steps, arrays=LEVELS)
        assert off == on == "stairs", "train() and eval() return the layer itself"
        assert evaluating == [False] * 4, f"after eval(), training is {evaluating}"
        assert training == [True] * 4, f"after train(), training is {training}"


@pytest.mark.exercise("3.5")
class TestTo:
    @pytest.mark.points(0.5)
    def test_parameters_become_float64(self, submission):
        steps = ["stairs.to(np.float64)", "[one.data for one in own]", "stairs.to(np.int64)"]
        same, converted, error = submission.run(stairs_after, steps=steps, arrays=LEVELS)
        assert same == "stairs", "to() returns the layer itself"
        for (array, dtype), values in zip(converted, LEVELS, strict=True):
            assert dtype == "float64", f"a parameter is {dtype}"
            expect("a parameter", array, values)
        assert isinstance(error, list) and error[0] == "TypeError", "int64 must be refused"


def first_weights(layers, in_features, out_features, seeds):
    import numpy as np

    generators = map(np.random.default_rng, seeds)
    return [layers.glorot_uniform(in_features, out_features, one) for one in generators]


def expect_glorot(weights, in_features, out_features):
    limit = math.sqrt(6 / (in_features + out_features))
    assert weights.shape == (in_features, out_features), f"the shape is {weights.shape}"
    assert 0.99 * limit < weights.max() <= limit, f"the largest is {weights.max():.4f}"
    assert -limit <= weights.min() < -0.99 * limit, f"the smallest is {weights.min():.4f}"
    spread = weights.var() / (limit**2 / 3)
    assert 0.95 < spread < 1.05, f"the variance is {spread:.2f} of what it must be"
    assert len(np.unique(weights)) > weights.size / 2, "each weight is drawn on its own"


@pytest.mark.exercise("3.6")
class TestGlorotUniform:
    @pytest.mark.points(0.5)
    def test_limits_and_variance(self, submission):
        sizes = {"in_features": 101, "out_features": 211}
        (weights,) = submission.run(first_weights, **sizes, seeds=[0])
        expect_glorot(weights, 101, 211)


def linear_layer(layers, sizes, weight, bias, inputs):
    """A layer with these parameters, its first ones, and what it makes of inputs."""
    import math

    import numpy as np

    from tinytorch.core.tensor import Tensor

    def glorot(m, n, rng):  # exercise 3.6 has checks of its own
        return rng.uniform(-math.sqrt(6 / (m + n)), math.sqrt(6 / (m + n)), (m, n))

    def answer(x):
        try:
            result = made(Tensor(x, dtype=x.dtype))
        except ValueError as error:
            return ["in_features" in str(error), str(x.shape) in str(error)]
        return [result.data, str(result.dtype), result.node is not None]

    layers.glorot_uniform = glorot
    made = layers.Linear(*sizes, bias is not None, rng=np.random.default_rng(7))
    parameters = [made.weight] if made.bias is None else [made.weight, made.bias]
    first = [[x.data.copy(), str(x.dtype), x.requires_grad] for x in parameters]
    for parameter, array in zip(parameters, (weight, bias), strict=bias is not None):
        parameter.data = array
    return [first, [answer(x) for x in inputs], inputs]


@pytest.mark.exercise("3.7")
class TestLinear:
    @pytest.mark.points(1)
    def test_a_product_and_a_bias(self, submission):
        weight, bias = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([1000.0, 2000])
        inputs = [np.array([1.0, 10, 100]), np.ones((5, 7, 3))]
        asked = {"sizes": [3, 2], "weight": weight, "bias": bias, "inputs": inputs}
        parameters, ((one, *_), (many, *_)), _ = submission.run(linear_layer, **asked)
        assert [x.shape for x, *_ in parameters] == [(3, 2), (2,)], "weight is (3, 2), bias (2,)"
        assert all(learns for *_, learns in parameters), "weight and bias require a gradient"
        expect("bias", parameters[1][0], [0, 0])
        expect("x W + b", one, [1531, 2642])
        expect("x W + b of many rows", many, np.full((5, 7, 2), [1009, 2012]))

    @pytest.mark.points(0.5)
    def test_a_misfit_names_both_sizes(self, submission):
        asked = {"sizes": [3, 2], "weight": np.ones((3, 2)), "bias": np.zeros(2)}
        inputs = [np.ones((3, 2)), np.array(1.0)]
        _, answers, _ = submission.run(linear_layer, **asked, inputs=inputs)
        assert answers == [[True, True]] * 2, "a ValueError must name in_features and the shape"


def dropped(layers, p, seeds, x, other, training=True):
    """What Dropout makes of x, twice for each seed, and its memory of other numbers."""
    import numpy as np

    from tinytorch.core.tensor import Tensor, unwrap

    def replay(part):
        if part is given:
            return other
        if not isinstance(part, Tensor) or part.node is None:
            return unwrap(part)
        return part.node.op.forward(*map(replay, part.node.inputs), **part.node.options)

    given, answers = Tensor(x, requires_grad=True, dtype=x.dtype), []
    for seed in seeds:
        layer = layers.Dropout(p, rng=np.random.default_rng(seed))
        layer.training = training
        results = [layer(given) for _ in range(2)]
        answers += [[one.data, replay(one), one is given] for one in results]
    return [answers, given.data]


@pytest.mark.exercise("3.8")
class TestDropout:
    @pytest.mark.points(0.5)
    def test_a_fifth_is_dropped_and_the_rest_scaled_up(self, submission):
        x = np.ones((101, 211), np.float32)
        [(got, *_), _], after = submission.run(dropped, p=0.2, seeds=[0], x=x, other=x)
        share = (got == 0).mean()
        assert np.allclose(np.unique(got), [0, 1.25]), "with p = 0.2 every number is 0 or 1.25"
        assert abs(share - 0.2) < 0.02, f"{share:.2f} of the numbers are 0"
        assert got.dtype == np.float32, f"the result is {got.dtype}"
        assert np.array_equal(after, x), "the input was changed in place"

    @pytest.mark.points(0.5)
    def test_nothing_is_dropped_in_evaluation(self, submission):
        x = np.arange(1.0, 100)
        asked = {"p": 0.5, "seeds": [0], "x": x, "other": x}
        answers, _ = submission.run(dropped, **asked, training=False)
        assert all(same for *_, same in answers), "in evaluation x itself is returned"
        ((got, *_), _), _ = submission.run(dropped, **asked)
        assert (got == 0).any(), "nothing is dropped while training"


@pytest.mark.exercise("3.9")
class TestSequential:
    @pytest.mark.points(0.5)
    def test_one_after_the_other(self, submission):
        def probe(layers, x):
            from tinytorch.core.tensor import Tensor

            model = layers.Sequential(lambda x: x * 2.0, lambda x: x + 1.0, lambda x: x * x)
            return [model(Tensor(x)).data, layers.Sequential()(7)]

        squares, alone = submission.run(probe, x=np.array([-5.0, 7.0]))
        expect("(2 x + 1) squared", squares, [81, 225])
        assert alone == 7, "with no layers the input comes back"


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
