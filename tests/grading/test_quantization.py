"""Public checks of module 15: each says what it expects, and runs without the reference."""

import numpy as np
import pytest


def scales(quantization, cases):
    """The scale of each x along an axis, with its dtype, and x afterwards."""
    found = [quantization.absmax_scale(x, axis) for x, axis in cases]
    return [[scale, str(scale.dtype), x] for scale, (x, _) in zip(found, cases, strict=True)]


@pytest.mark.exercise("15.1")
class TestAbsmaxScale:
    @pytest.mark.points(0.5)
    def test_the_largest_is_127_steps(self, submission):
        x = np.array([[-254.0, 1.0, 0.0], [25.4, 12.7, 0.0]])
        found = submission.run(scales, cases=[[x, None], [x, 0], [x, 1]])
        for (scale, dtype, _), right in zip(
            found, ([[2]], [[2, 0.1, 1]], [[2], [0.2]]), strict=True
        ):
            assert np.shape(scale) == np.shape(right), f"the scales have the shape {scale.shape}"
            assert np.allclose(scale, right), f"the scales are {scale.tolist()}"
            assert dtype == "float32"


def there(quantization, x, scale):
    steps = quantization.quantize_int8(x, scale)
    return [steps, str(steps.dtype), x]


def back(quantization, numbers, scale):
    x = quantization.dequantize_int8(numbers, scale)
    return [x, str(x.dtype), numbers]


@pytest.mark.exercise("15.2")
class TestInt8:
    @pytest.mark.points(0.5)
    def test_there(self, submission):
        x = np.array([[1.1, -4.6, 0.0], [70.0, 4.9, -900.0]])
        scale = np.array([[0.5, 2.0, 3.0]], np.float32)
        steps, dtype, _ = submission.run(there, x=x, scale=scale)
        assert np.array_equal(steps, [[2, -2, 0], [127, 2, -127]]), f"the steps are {steps}"
        assert dtype == "int8"

    @pytest.mark.points(0.5)
    def test_back(self, submission):
        numbers = np.array([[2, -2, 0], [127, 2, -127]], np.int8)
        scale = np.array([[0.5, 2.0, 3.0]], np.float32)
        x, dtype, _ = submission.run(back, numbers=numbers, scale=scale)
        assert np.array_equal(x, [[1, -4, 0], [63.5, 4, -381]]), f"the numbers are {x}"
        assert dtype == "float32"


def both(quantization, name, weights):
    """Steps and scales of a function, with their dtypes."""
    found = [getattr(quantization, name)(weight) for weight in weights]
    return [[*one, *(str(part.dtype) for part in one)] for one in found]


def are_steps(found, steps, scale):
    numbers, scales, *dtypes = found
    assert np.array_equal(numbers, steps), f"the steps are {numbers.tolist()}"
    assert np.shape(scales) == np.shape(scale), f"the scales have the shape {scales.shape}"
    assert np.allclose(scales, scale), f"the scales are {scales.tolist()}"
    assert dtypes == ["int8", "float32"], f"the dtypes are {dtypes}"


WEIGHT = np.array([[254.0, 6.2], [2.1, -12.7], [-8.2, 0.0]])


@pytest.mark.exercise("15.3")
class TestScales:
    @pytest.mark.points(0.5)
    def test_one_scale(self, submission):
        [found] = submission.run(both, name="quantize_per_tensor", weights=[WEIGHT])
        are_steps(found, [[127, 3], [1, -6], [-4, 0]], [[2]])

    @pytest.mark.points(0.5)
    def test_one_scale_for_each_output(self, submission):
        [found] = submission.run(both, name="quantize_per_channel", weights=[WEIGHT])
        are_steps(found, [[127, 62], [1, -127], [-4, 0]], [[2, 0.1]])


@pytest.mark.exercise("15.4")
class TestBlocks:
    @pytest.mark.points(0.5)
    def test_two_blocks(self, submission):
        weight = np.zeros((64, 2))
        weight[0], weight[31], weight[32], weight[63] = [254, 1], [6, 127], [12.7, 0], [1, 0]
        [found] = submission.run(both, name="quantize_per_block", weights=[weight])
        steps = np.zeros((2, 32, 2))
        steps[0, 0], steps[0, 31], steps[1, 0], steps[1, 31] = [127, 1], [3, 127], [127, 0], [10, 0]
        are_steps(found, steps, [[[2, 1]], [[0.1, 1]]])

    @pytest.mark.points(0.5)
    def test_other_sizes_are_refused(self, submission):
        refused = submission.run(answers, name="quantize_per_block", cases=[np.ones((33, 64))])
        assert refused[0][0] == "ValueError", "33 inputs are taken"
        assert "33" in refused[0][1], "the message does not show them"


def answers(quantization, name, cases):
    """What a function of one array gives: dtype and result, or an error's name and text."""

    def answer(x):
        try:
            found = getattr(quantization, name)(x)
        except ValueError as error:
            return [type(error).__name__, str(error)]
        return [str(getattr(found, "dtype", "")), found]

    return [answer(x) for x in cases]


def is_block(found, right, dtype):
    came, values = found
    assert came == dtype, f"{came} comes back"
    assert np.array_equal(values, right), f"it gives {np.asarray(values).tolist()}"


BLOCK = np.array([127.0, -2.5, 2.5, 0.3] + [0.0] * 28)
BYTES = np.array([0, 60, 127, 253, 3, 0] + [0] * 28, np.uint8)  # 60 * 256 is 1 in float16


@pytest.mark.exercise("15.5")
class TestQ8:
    @pytest.mark.points(0.5)
    def test_there(self, submission):
        [found] = submission.run(answers, name="quantize_q8_0", cases=[BLOCK])
        is_block(found, BYTES, "uint8")

    @pytest.mark.points(0.5)
    def test_back(self, submission):
        [found] = submission.run(answers, name="dequantize_q8_0", cases=[BYTES])
        is_block(found, [127, -3, 3] + [0] * 29, "float32")


NIBBLES = np.array([-2.0, 13.0, 0.5] + [-2.0] * 13 + [3.0] * 15 + [12.9])
PACKED = np.array([0, 60, 0, 192, 80, 95, 83] + [80] * 12 + [240], np.uint8)


@pytest.mark.exercise("15.6")
class TestQ4:
    @pytest.mark.points(0.5)
    def test_there(self, submission):
        [found] = submission.run(answers, name="quantize_q4_1", cases=[NIBBLES])
        is_block(found, PACKED, "uint8")

    @pytest.mark.points(0.5)
    def test_back(self, submission):
        [found] = submission.run(answers, name="dequantize_q4_1", cases=[PACKED])
        is_block(found, [-2, 13, 1] + [-2] * 13 + [3] * 15 + [13], "float32")


def products(quantization, cases):
    found = [quantization.int8_matmul(a, b) for a, b in cases]
    return [[one, str(one.dtype)] for one in found]


@pytest.mark.exercise("15.7")
class TestInt8Matmul:
    @pytest.mark.points(1)
    def test_a_small_one_and_a_long_sum(self, submission):
        small = [np.array([[1, 2], [-3, 127]], np.int8), np.array([[5], [-127]], np.int8)]
        long = np.full((1, 2081), 127, np.int8)
        found = submission.run(products, cases=[small, [long, long.T]])
        assert found[0] == [found[0][0], "int64"]
        assert np.array_equal(found[0][0], [[-249], [-16144]])
        assert np.array_equal(found[1][0], [[127 * 127 * 2081]]), "a long sum is not exact"


def weighed(quantization, numbers, scale, inputs):
    """Products of a stored weight, with their dtypes."""
    weight = quantization.Int8Weight(numbers, scale)
    found = [weight.product(x) for x in inputs]
    return [[y, str(y.dtype)] for y in found]


@pytest.mark.exercise("15.8")
class TestProduct:
    @pytest.mark.points(1)
    def test_two_blocks_of_two(self, submission):
        numbers = np.array([[[1], [2]], [[-3], [4]]], np.int8)
        scale = np.array([[[10.0]], [[0.5]]], np.float32)
        x = np.array([[127.0, 3.4, 12.7, 0.52]])  # steps 127, 3 of 1; 127, 5 of 0.1
        [[y, dtype]] = submission.run(weighed, numbers=numbers, scale=scale, inputs=[x])
        assert np.allclose(y, [[10 * (127 + 6) + 0.05 * (-3 * 127 + 4 * 5)]]), f"it gives {y}"
        assert dtype == "float32"


def through_layer(quantization, weight, bias, inputs):
    """Outputs of a layer whose weight rounds to tenths, and what else is promised of it."""
    import numpy as np

    from tinytorch.core.autograd import no_grad
    from tinytorch.core.tensor import Tensor

    class Held:
        shape = weight.shape

        def product(self, x):
            return np.asarray(np.round(x, 1) @ weight, np.float32)

    def answer(x, learns=False):
        try:
            return layer(Tensor(x, requires_grad=learns)).numpy()
        except ValueError as error:
            told = [str(x.shape), f"in_features={len(weight)}", "no_grad"]
            return ["ValueError", *[part in str(error) for part in told]]

    held = Held()
    own = None if bias is None else Tensor(bias, requires_grad=True)
    layer = quantization.QuantizedLinear(held, own)
    promised = [layer.weight is held, len(layer.parameters()), len(layer.state_dict())]
    if own is not None:
        promised.append(own.requires_grad)
        own.data[...] = 7.0
    outputs, learning = [answer(x) for x in inputs], answer(inputs[0], True)
    with no_grad():
        return [outputs, promised, learning, answer(inputs[0], True)]


@pytest.mark.exercise("15.9")
class TestQuantizedLinear:
    @pytest.mark.points(1)
    def test_a_row_and_what_is_refused(self, submission):
        arrays = {"weight": np.array([[2.0], [3.0]]), "bias": np.array([10.0])}
        inputs = [np.array([[1.04, -2.0]]), np.ones((4, 3))]
        [y, wrong], promised, learning, quiet = submission.run(
            through_layer, inputs=inputs, **arrays
        )
        assert np.allclose(y, [[6.0]]), f"it gives {y}"
        assert np.allclose(quiet, [[6.0]]), "in no_grad it is another output"
        assert promised == [True, 0, 0, True], "what is stored, parameters, state, the bias"
        assert wrong[0] == "ValueError", "a wrong last axis is taken"
        assert wrong[1:3] == [True, True], "its message does not show x's shape and in_features="
        assert learning[0] == "ValueError", "a gradient gets lost"
        assert learning[3], "its message does not name no_grad"


def replaced(quantization, sizes, seed, x):
    """Types of all parts before and after, the model's output, and that of its copy."""
    import numpy as np

    from tinytorch.core.autograd import no_grad
    from tinytorch.core.layers import Layer, Linear, walk
    from tinytorch.core.tensor import Tensor

    class Held:
        def __init__(self, weight):
            self.weight, self.shape = weight.copy(), weight.shape

        def product(self, x):
            return np.asarray(np.round(x, 1) @ self.weight, np.float32)

    class Other(Linear):
        pass

    class Model(Layer):
        def __init__(self, rng):
            self.first = Linear(*sizes, rng=rng)
            self.rest = [Linear(*sizes[::-1], bias=False, rng=rng), {"again": self.first}]
            self.other = Other(*sizes[::-1], rng=rng)
            self.level = Tensor(rng.normal(size=sizes[0]), requires_grad=True)
            self.first.bias.data = rng.normal(size=sizes[1]).astype(np.float32)

        def forward(self, x):
            x = self.rest[0](self.first(x * self.level))
            return self.other(self.rest[1]["again"](x))

    def types(one):
        return {name: type(part).__name__ for name, part in walk(one) if isinstance(part, Layer)}

    model = Model(np.random.default_rng(seed))
    small = quantization.quantize_model(model, Held)
    apart = small is not model and not np.shares_memory(small.level.data, model.level.data)
    one = small.first is small.rest[1]["again"]
    with no_grad():
        outputs = [layer(Tensor(x)).numpy() for layer in (model, small)]
    learning = [model.level.requires_grad, small.level.requires_grad]
    return [types(model), types(small), apart, one, learning, outputs]


@pytest.mark.exercise("15.10")
class TestQuantizeModel:
    @pytest.mark.points(1)
    def test_each_linear_is_replaced_in_a_copy(self, submission):
        x = np.array([[0.26, -0.52, 1.0]])
        before, after, apart, one, learning, _ = submission.run(
            replaced, sizes=[3, 2], seed=15, x=x
        )
        places = ["first", "rest.0", "rest.1.again"]
        assert {before[place] for place in places} == {"Linear"}, "the model itself is changed"
        assert {after[place] for place in places} == {"QuantizedLinear"}, f"it holds {after}"
        assert after["other"] == "Other", "a subclass is replaced"
        assert apart, "the copy shares memory with the model"
        assert one, "one layer in two places became two"
        assert learning == [True, True], "what is no Linear no longer learns"


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
