"""Public checks of module 02: each says what it expects, and runs without the reference."""

import math
from statistics import NormalDist

import numpy as np
import pytest


def expect(what, got, values):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=1e-9), f"{what} gives {np.asarray(got).tolist()}"


def computed(activations, name, arrays):
    """What an op makes of arrays and of tensors; a warning of NumPy's is an error."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    op = getattr(activations, name)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        plain = [np.asarray(op.forward(x)) for x in arrays]
        results = [op(Tensor(x, x.dtype.kind == "f", x.dtype)) for x in arrays]
    made_by = [x.node and x.node.op.__name__ for x in results]
    dtypes = [str(x.dtype) for x in [*plain, *results]]
    return [plain, [x.numpy() for x in results], dtypes, made_by, arrays]


@pytest.mark.exercise("2.1")
class TestExpLogTanh:
    @pytest.mark.points(0.5)
    def test_values_on_paper(self, submission):
        halves = np.array([-math.log(2), 0, math.log(2), math.log(3), 1000])
        expected = {
            "exp": ([0, 1, math.log(7)], [1, math.e, 7]),
            "log": ([1, math.e, 8], [0, 1, 3 * math.log(2)]),
            "tanh": (halves, [-0.6, 0, 0.6, 0.8, 1]),
        }
        for name, (x, values) in expected.items():
            (got,), *_ = submission.run(computed, name=name, arrays=[np.array(x)])
            expect(name, got, values)


@pytest.mark.exercise("2.2")
class TestErf:
    @pytest.mark.points(0.5)
    def test_an_area_for_each_number(self, submission):
        x = np.array([[3.0, 1.0, -2.0], [-1.0, 0.0, 0.5]])
        arrays = [x, x.astype(np.float32)]
        (got, _), _, dtypes, *_ = submission.run(computed, name="erf", arrays=arrays)
        expected = [[2 * NormalDist().cdf(one * math.sqrt(2)) - 1 for one in row] for row in x]
        expect("erf", got, expected)
        assert dtypes[:2] == ["float64", "float32"], "the dtype of floats stays"


def applied(activations, calls, x, other, dtype="float64"):
    """What functions or layers make of x, and what their memory makes of other numbers.

    A warning of NumPy's is an error. Each call is an expression, as "softmax(x, dim=0)".
    """
    import numpy as np

    from tinytorch.core.tensor import Tensor, unwrap

    def replay(part):
        if part is given:
            return other
        if not isinstance(part, Tensor) or part.node is None:
            return unwrap(part)
        remembered.add(part.node.op.__name__)
        return part.node.op.forward(*map(replay, part.node.inputs), **part.node.options)

    given, remembered, answers = Tensor(x.copy(), requires_grad=True, dtype=dtype), set(), []
    for call in calls:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            result = eval(call, {**vars(activations), "x": given})
        answers.append([result.numpy(), str(result.dtype), replay(result)])
    return [answers, given.numpy(), "reduce_max" in remembered]


@pytest.mark.exercise("2.3")
class TestRelu:
    @pytest.mark.points(0.5)
    def test_what_is_positive_stays(self, submission):
        x = np.array([[3.0, 1.0, -2.0], [-1.0, 0.0, 4.0]])
        [[got, *_]], after, _ = submission.run(applied, calls=["relu(x)"], x=x, other=x)
        expect("relu", got, [[3, 1, 0], [0, 0, 4]])
        assert np.array_equal(after, x), "the input was changed in place"


@pytest.mark.exercise("2.4")
class TestSigmoid:
    @pytest.mark.points(0.5)
    def test_a_quarter_a_half_and_three_quarters(self, submission):
        x = np.array([-math.log(3), 0, math.log(3)])
        [[got, *_]], *_ = submission.run(applied, calls=["sigmoid(x)"], x=x, other=x)
        expect("sigmoid", got, [0.25, 0.5, 0.75])


@pytest.mark.exercise("2.5")
class TestGelu:
    @pytest.mark.points(0.5)
    def test_each_number_times_the_area_left_of_it(self, submission):
        x = np.array([[3.0, 1.0, -2.0], [-1.0, 0.0, 4.0]])
        [[got, *_]], *_ = submission.run(applied, calls=["gelu(x)"], x=x, other=x)
        expected = [[number * NormalDist().cdf(number) for number in row] for row in x]
        expect("gelu", got, expected)


@pytest.mark.exercise("2.6")
class TestGeluTanh:
    @pytest.mark.points(0.5)
    def test_one_and_two(self, submission):
        x = np.array([1.0, 2.0, -2.0, 0.0])
        [[got, *_]], *_ = submission.run(applied, calls=["gelu_tanh(x)"], x=x, other=x)
        one, two = (math.tanh(math.sqrt(2 / math.pi) * inner) for inner in (1.044715, 2.35772))
        expect("gelu_tanh", got, [(1 + one) / 2, 1 + two, two - 1, 0])


EIGHTHS = np.array([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]])
COLUMNS = np.array([[1 / 7, 2 / 3, 5 / 6], [6 / 7, 1 / 3, 1 / 6]])


@pytest.mark.exercise("2.7")
class TestSoftmax:
    @pytest.mark.points(1)
    def test_eighths_along_rows_and_columns(self, submission):
        calls, x = ["softmax(x)", "softmax(x, dim=0)"], np.log(EIGHTHS)
        [[rows, *_], [columns, *_]], after, _ = submission.run(applied, calls=calls, x=x, other=x)
        expect("softmax of rows", rows, EIGHTHS / 8)
        expect("softmax of columns", columns, COLUMNS)
        assert np.allclose(after, x), "the scores were changed in place"

    @pytest.mark.points(0.5)
    def test_a_thousand_more_changes_nothing(self, submission):
        x = np.array([[1000, 1000 + math.log(3)], [0, math.log(3)]])
        [[got, *_]], *_ = submission.run(applied, calls=["softmax(x)"], x=x, other=x)
        expect("softmax", got, [[0.25, 0.75]] * 2)


@pytest.mark.exercise("2.8")
class TestLogSoftmax:
    @pytest.mark.points(0.5)
    def test_the_logarithms_of_eighths(self, submission):
        calls, x = ["log_softmax(x)", "log_softmax(x, dim=0)"], np.log(EIGHTHS)
        [[rows, *_], [columns, *_]], *_ = submission.run(applied, calls=calls, x=x, other=x)
        expect("log_softmax of rows", rows, np.log(EIGHTHS / 8))
        expect("log_softmax of columns", columns, np.log(COLUMNS))

    @pytest.mark.points(0.5)
    def test_zero_and_a_thousand(self, submission):
        x = np.array([0.0, 1000.0])
        [[got, *_]], *_ = submission.run(applied, calls=["log_softmax(x)"], x=x, other=x)
        expect("log_softmax", got, [-1000, 0])


@pytest.mark.exercise("2.9")
class TestActivationLayers:
    @pytest.mark.points(0.5)
    def test_each_layer_is_its_function(self, submission):
        x = np.log([[1.0, 2.0], [3.0, 2.0]])
        area = [[NormalDist().cdf(number) for number in row] for row in x]
        expected = {
            "ReLU()(x)": x,
            "Sigmoid()(x)": [[1 / 2, 2 / 3], [3 / 4, 2 / 3]],
            "Tanh()(x)": [[0, 0.6], [0.8, 0.6]],
            "GELU()(x)": x * area,
            "Softmax()(x)": [[1 / 3, 2 / 3], [3 / 5, 2 / 5]],
            "Softmax(dim=0)(x)": [[1 / 4, 1 / 2], [3 / 4, 1 / 2]],
            "LogSoftmax(dim=0)(x)": np.log([[1 / 4, 1 / 2], [3 / 4, 1 / 2]]),
        }
        answers, *_ = submission.run(applied, calls=list(expected), x=x, other=x)
        for call, (got, *_) in zip(expected, answers, strict=True):
            expect(call, got, expected[call])


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
