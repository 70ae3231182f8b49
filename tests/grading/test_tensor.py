"""Public checks of module 01: each says what it expects, and runs without the reference."""

import numpy as np
import pytest

PRICES = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 1.0]])
FEE = np.array([[0.5], [1.0]])
BOUGHT = np.array([4.0, 1.0, 2.0])


def expect(what, got, values):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=1e-9), f"{what} gives {np.asarray(got).tolist()}"


def arrays_of(tensor, cases):
    arrays = [tensor.as_array(data, dtype) for data, dtype in cases]
    return [[array, str(array.dtype)] for array in arrays]


def refused_by_as_array(tensor, cases):
    def answer(data):
        try:
            return str(tensor.as_array(data).dtype)
        except TypeError:
            return "TypeError"
        except ValueError as error:
            return ["ValueError", "grid" in str(error)]

    return [answer(data) for data in [*cases, [1j]]]


@pytest.mark.exercise("1.1")
class TestAsArray:
    @pytest.mark.points(0.5)
    def test_floats_are_narrowed_unless_a_dtype_is_asked_for(self, submission):
        expected = {
            "float32": [[[0.5, 1.0], None], [PRICES, None], [[1, 2], "float32"]],
            "float64": [[[0.5, 1.0], "float64"]],
            "int64": [[np.array([1, 2], np.int64), None]],
            "bool": [[[True, False], None]],
        }
        for dtype, cases in expected.items():
            answers = submission.run(arrays_of, cases=cases)
            for (data, _), (array, got) in zip(cases, answers, strict=True):
                assert got == dtype, f"{data} becomes {got}, not {dtype}"
                expect(f"as_array of {data}", array, data)

    @pytest.mark.points(0.5)
    def test_what_is_no_grid_of_numbers_is_refused(self, submission):
        cases = ["text", None, [[1.0, 2.0], [3.0]]]
        *wrong, ragged, imaginary = submission.run(refused_by_as_array, cases=cases)
        assert [*wrong, imaginary] == ["TypeError"] * 3, "text, None or 1j is not a TypeError"
        assert ragged == ["ValueError", True], "a ragged list: a ValueError that speaks of a grid"


def shapes_together(tensor, pairs):
    """The common shape of each pair, or whether a ValueError names both."""

    def answer(a, b):
        try:
            return tensor.broadcast_shape(a, b)
        except ValueError as error:
            return [str(tuple(shape)) in str(error) for shape in (a, b)]

    return [answer(a, b) for a, b in pairs]


@pytest.mark.exercise("1.2")
class TestBroadcastShape:
    @pytest.mark.points(1)
    def test_shapes_line_up_at_the_right(self, submission):
        expected = {
            ((2, 3), (2, 3)): (2, 3),
            ((2, 3), (2, 1)): (2, 3),
            ((2, 3), (3,)): (2, 3),
            ((3,), (2, 3)): (2, 3),
            ((5, 1, 3), (7, 1)): (5, 7, 3),
            ((), (2, 3)): (2, 3),
            ((0, 3), (1, 3)): (0, 3),
        }
        found = submission.run(shapes_together, pairs=list(expected))
        for (a, b), got in zip(expected, found, strict=True):
            assert got == expected[a, b], f"{a} and {b} give {got}"

    @pytest.mark.points(0.5)
    def test_a_misfit_names_both_shapes(self, submission):
        pairs = [[(2, 3), (2,)], [(2, 3), (2, 6)]]
        for (a, b), got in zip(pairs, submission.run(shapes_together, pairs=pairs), strict=True):
            assert got == [True, True], f"{a} and {b} do not fit; the ValueError names both"


@pytest.mark.exercise("1.3")
class TestElementwise:
    @pytest.mark.points(0.5)
    def test_prices_with_fee_and_count(self, submission):
        def probe(tensor, prices, fee, bought):
            answers = {
                "add": tensor.add.forward(prices, fee),
                "subtract": tensor.subtract.forward(prices, fee),
                "multiply": tensor.multiply.forward(prices, bought),
                "divide": tensor.divide.forward(prices, 2),
            }
            return [answers, prices]

        answers, prices = submission.run(probe, prices=PRICES, fee=FEE, bought=BOUGHT)
        expected = {
            "add": [[1.5, 2.5, 3.5], [3, 3, 2]],
            "subtract": [[0.5, 1.5, 2.5], [1, 1, 0]],
            "multiply": [[4, 2, 6], [8, 2, 2]],
            "divide": [[0.5, 1, 1.5], [1, 1, 0.5]],
        }
        for name, values in expected.items():
            expect(name, answers[name], values)
        assert np.array_equal(prices, PRICES), "an op changed its input in place"

    @pytest.mark.points(0.5)
    def test_squares_and_roots(self, submission):
        def probe(tensor, a, exponents):
            return [tensor.power.forward(a, exponent=exponent) for exponent in exponents]

        exponents = [2, 0.5, np.array([1, 2])]
        answers = submission.run(probe, a=np.array([4.0, 9.0]), exponents=exponents)
        expect("power 2, 1/2 and [1, 2] of 4 and 9", answers, [[16, 81], [2, 3], [4, 81]])


def products(tensor, pairs):
    """The product of each pair, or whether a ValueError names both shapes."""
    import numpy as np

    def answer(a, b):
        try:
            return tensor.matmul.forward(a, b)
        except ValueError as error:
            return [str(x.shape) in str(error) for x in (a, b)]

    tensor.broadcast_shape = np.broadcast_shapes  # exercise 1.2 has checks of its own
    answers = [answer(a, b) for a, b in pairs]
    return [answers, [str(getattr(x, "dtype", "")) for x in answers], pairs]


@pytest.mark.exercise("1.4")
class TestMatmul:
    @pytest.mark.points(0.5)
    def test_a_row_times_a_column(self, submission):
        turned = np.array([[1.0, 0, 1], [0, 2, 0]]).T
        (bill, product), *_ = submission.run(products, pairs=[[PRICES, BOUGHT], [PRICES, turned]])
        expect("the bill", bill, [12, 12])
        expect("a product of two matrices", product, [[4, 4], [3, 4]])

    @pytest.mark.points(0.5)
    def test_a_misfit_names_both_shapes(self, submission):
        pairs = [[PRICES, PRICES], [PRICES, np.array(2.0)]]
        answers, *_ = submission.run(products, pairs=pairs)
        assert answers == [[True, True], [True, True]], "a ValueError must name both shapes"


def reduced(tensor, arrays, cases):
    """The sum and the maximum of each array, for each way to reduce."""
    import numpy as np

    ops = (tensor.reduce_sum, tensor.reduce_max)
    answers = [op.forward(x, **options) for x in arrays for op in ops for options in cases]
    return [[[np.asarray(x), str(x.dtype)] for x in answers], arrays]


@pytest.mark.exercise("1.5")
class TestReductions:
    @pytest.mark.points(0.5)
    def test_over_the_shops_the_fruits_and_everything(self, submission):
        cases = [{"dim": 0}, {"dim": 1, "keepdims": True}, {}]
        answers, _ = submission.run(reduced, arrays=[PRICES], cases=cases)
        expected = {
            "sum over the shops": [3, 4, 4],
            "sum over the fruits, with keepdims,": [[6], [5]],
            "sum": 11,
            "max over the shops": [2, 2, 3],
            "max over the fruits, with keepdims,": [[3], [2]],
            "max": 3,
        }
        for (what, values), (got, _) in zip(expected.items(), answers, strict=True):
            expect(what, got, values)


def transposed(tensor, arrays, axes):
    pairs = [dict(zip(("dim0", "dim1"), pair, strict=True)) for pair in axes]
    return [[tensor.transpose.forward(x, **pair) for x in arrays for pair in pairs], arrays]


@pytest.mark.exercise("1.6")
class TestMoving:
    @pytest.mark.points(0.5)
    def test_rows_become_columns(self, submission):
        (turned,), _ = submission.run(transposed, arrays=[PRICES], axes=[(0, 1)])
        expect("transpose", turned, [[1, 2], [2, 2], [3, 1]])

    @pytest.mark.points(0.5)
    def test_cut_into_another_shape_and_picked(self, submission):
        def probe(tensor, prices):
            cut = [tensor.reshape.forward(prices, shape=shape) for shape in ((3, 2), (-1,))]
            column = tensor.index.forward(prices, key=(slice(None), 1))
            return [*cut, column, tensor.index.forward(prices, key=0), list(prices.shape)]

        *answers, shape = submission.run(probe, prices=PRICES)
        expected = {
            "reshape to (3, 2)": [[1, 2], [3, 2], [2, 1]],
            "reshape to (-1,)": [1, 2, 3, 2, 2, 1],
            "index (:, 1)": [2, 2],
            "index 0": [1, 2, 3],
        }
        for (what, values), got in zip(expected.items(), answers, strict=True):
            expect(what, got, values)
        assert shape == [2, 3], "the shape of the input was changed in place"


@pytest.mark.exercise("1.7")
class TestMaskedFill:
    @pytest.mark.points(0.5)
    def test_what_is_dear_is_hidden(self, submission):
        def probe(tensor, prices, masks):
            answers = [tensor.masked_fill.forward(prices, where=x, value=9.0) for x in masks]
            return [*answers, prices]

        masks = [PRICES > 2.5, np.array([True, False, False])]
        one, column, prices = submission.run(probe, prices=PRICES, masks=masks)
        expect("what is above 2.5, filled with 9,", one, [[1, 2, 9], [2, 2, 1]])
        expect("a mask of one row", column, [[9, 2, 3], [9, 2, 1]])
        assert np.array_equal(prices, PRICES), "the input was changed in place"


@pytest.mark.exercise("1.8")
class TestTensorInit:
    @pytest.mark.points(1)
    def test_a_new_tensor(self, submission):
        def probe(tensor, data):
            x, plain = tensor.Tensor(data, requires_grad=True), tensor.Tensor(data)
            wide = tensor.Tensor(data, dtype="float64")
            empty = [x.grad is None, x.node is None, plain.grad is None, plain.node is None]
            return [x.data, wide.data, x.requires_grad, plain.requires_grad, empty]

        data = [[1.0, 2.0], [3.0, 4.0]]
        values, wide, asked, unasked, empty = submission.run(probe, data=data)
        expect("data", values, data)
        assert values.dtype == np.float32, f"data is {values.dtype}: as_array makes it float32"
        assert wide.dtype == np.float64, "dtype= is not handed on"
        assert (asked, unasked) == (True, False), "requires_grad is what was asked for, else False"
        assert all(empty), "grad and node start as None"


def remembered(tensor, expressions, leaves, others):
    """The values and dtype of each expression, and what its memory makes of other numbers."""
    import numpy as np

    def replay(part):
        if id(part) in swapped:
            return swapped[id(part)]
        if not isinstance(part, tensor.Tensor) or part.node is None:
            return tensor.unwrap(part)
        inputs = map(replay, part.node.inputs)
        return np.asarray(part.node.op.forward(*inputs, **part.node.options))

    for name in ("add", "subtract", "multiply", "divide", "matmul"):
        getattr(tensor, name).forward = getattr(np, name)  # 1.3 and 1.4 have checks of their own
    names = {name: tensor.Tensor(x, x.dtype.kind == "f", x.dtype) for name, x in leaves.items()}
    swapped = {id(names[name]): other for name, other in others.items()}
    scope = {"Tensor": tensor.Tensor, "np": np, **names}
    results = [eval(expression, scope) for expression in expressions]
    answers = [[x.numpy(), str(x.dtype), replay(x)] for x in results]
    return [answers, [x.numpy() for x in names.values()]]


@pytest.mark.exercise("1.9")
class TestOperators:
    @pytest.mark.points(1)
    def test_each_operator_computes(self, submission):
        expected = {
            "a + b": [8, 12],
            "a - b": [4, 4],
            "a * b": [12, 32],
            "a / b": [3, 2],
            "a @ b": 44,
            "-a": [-6, -8],
            "10 - a": [4, 2],
            "24 / a": [4, 3],
            "10 + a": [16, 18],
            "2 * a": [12, 16],
        }
        leaves = {"a": np.array([6.0, 8.0]), "b": np.array([2.0, 4.0])}
        answers, (a, _) = submission.run(
            remembered, expressions=list(expected), leaves=leaves, others={}
        )
        for text, (values, *_) in zip(expected, answers, strict=True):
            expect(text, values, expected[text])
        assert np.array_equal(a, [6, 8]), "an operator changed its tensor in place"

    @pytest.mark.points(0.5)
    def test_each_operator_is_one_op(self, submission):
        def probe(tensor):
            a, b = tensor.Tensor([6.0, 8.0], requires_grad=True), tensor.Tensor([2.0, 4.0])
            results = [a + b, a - b, a * b, a / b, a @ b, -a, 2 - a, 2 / a]
            return [x.node and x.node.op.__name__ for x in results]

        names = ["add", "subtract", "multiply", "divide", "matmul", "multiply", "subtract"]
        made_by = submission.run(probe)
        assert made_by == [*names, "divide"], f"they were made by {made_by}"


@pytest.mark.exercise("1.10")
class TestShapeMethods:
    @pytest.mark.points(1)
    def test_the_prices_moved_about(self, submission):
        expected = {
            "x.T": [[1, 2], [2, 2], [3, 1]],
            "x.transpose(-2, -1)": [[1, 2], [2, 2], [3, 1]],
            "x.reshape(3, 2)": [[1, 2], [3, 2], [2, 1]],
            "x.reshape((3, 2))": [[1, 2], [3, 2], [2, 1]],
            "x.reshape(-1)": [1, 2, 3, 2, 2, 1],
            "x[1, 2]": 1,
            "x[:, 1]": [2, 2],
            "x[Tensor([1, 1])]": [[2, 2, 1], [2, 2, 1]],
            "x.masked_fill(Tensor([2, 0, 0]), -1.0)": [[-1, 2, 3], [-1, 2, 1]],
        }
        asked = {"expressions": list(expected), "leaves": {"x": PRICES}, "others": {}}
        answers, _ = submission.run(remembered, **asked)
        for text, (values, *_) in zip(expected, answers, strict=True):
            expect(text, values, expected[text])


@pytest.mark.exercise("1.11")
class TestTensorReductions:
    @pytest.mark.points(1)
    def test_the_prices_summed_up(self, submission):
        expected = {
            "x.sum()": 11,
            "x.sum(dim=1)": [6, 5],
            "x.sum(dim=1, keepdims=True)": [[6], [5]],
            "x.mean()": 11 / 6,
            "x.mean(dim=0)": [1.5, 2, 2],
            "x.mean(dim=1, keepdims=True)": [[2], [5 / 3]],
            "x.max()": 3,
            "x.max(dim=-1, keepdims=True)": [[3], [2]],
            "Tensor([1, 2]).mean()": 1.5,
        }
        asked = {"expressions": list(expected), "leaves": {"x": PRICES}, "others": {}}
        answers, _ = submission.run(remembered, **asked)
        for text, (values, *_) in zip(expected, answers, strict=True):
            expect(text, values, expected[text])


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
