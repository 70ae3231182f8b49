"""Checks of module 01 for grading, public and hidden ones side by side.

A public check says what it expects, so that a learner can run it without the reference; a hidden
one compares with the reference on inputs that are drawn anew for each batch of submissions.
"""

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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_numbers_of_every_kind_and_width(self, submission, rng):
        numbers = 100 * rng.normal(size=(3, 5))
        kinds = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool")
        arrays = [numbers.astype("int64").astype(kind) for kind in kinds]
        data = [*arrays, numbers, numbers.tolist(), float(numbers[0, 0]), int(numbers[0, 1]), []]
        cases = [[one, dtype] for one in data for dtype in (None, "float64", "float32", "int64")]
        submission.check(arrays_of, cases=cases)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_nothing_is_copied_without_need_and_nothing_odd_is_taken(self, submission, rng):
        def probe(tensor, x, cases):
            import numpy as np

            def answer(data):
                try:
                    return str(tensor.as_array(data).dtype)
                except (TypeError, ValueError) as error:
                    return "TypeError" if isinstance(error, TypeError) else "ValueError"

            asked = [(x, None), (x.astype("d"), "float64"), (x.astype(int), None), (x > 0, None)]
            shared = [np.shares_memory(tensor.as_array(*one), one[0]) for one in asked]
            odd = [np.array([None, 1.0]), np.array(["1", "2"]), x + 2j, slice(2)]
            taken = [tensor.as_array(*one) for one in asked]
            return [shared, taken, [answer(data) for data in [*odd, *cases]]]

        x = rng.normal(size=(3, 5)).astype(np.float32)
        row = x[0].tolist()
        cases = [["a", "b"], [[None, None]], {"a": 1}, [row, row[1:]], [row, 1.0]]
        submission.check(probe, x=x, cases=cases)


def shapes_together(tensor, pairs):
    """The common shape of each pair, or whether a ValueError names both."""

    def answer(a, b):
        try:
            return tensor.broadcast_shape(a, b)
        except ValueError as error:
            return [str(tuple(shape)) in str(error) for shape in (a, b)]

    return [answer(a, b) for a, b in pairs]


def stretched(rng, shape):
    """A shape that fits: some sizes are 1, and some axes at the left are missing."""
    kept = [1 if rng.random() < 0.3 else size for size in shape]
    return tuple(kept[int(rng.integers(len(shape) + 1)) :])


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

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_shapes_that_fit(self, submission, rng):
        shapes = [tuple(rng.choice([0, 2, 3, 5, 7], size=4).tolist()) for _ in range(40)]
        pairs = [[stretched(rng, shape), stretched(rng, shape)] for shape in shapes]
        m, n = rng.choice([2, 3, 5, 7], size=2, replace=False).tolist()
        pairs += [[(n,), (m, n)], [(m, 1), (n,)], [(1, 0), (n, 1)], [[m, n], [n]], [(), ()]]
        submission.check(shapes_together, pairs=pairs)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_shapes_that_do_not_fit(self, submission, rng):
        m, n, k = rng.choice([2, 3, 5, 7, 11], size=3, replace=False).tolist()
        pairs = [[(m, n), (m,)], [(m,), (m, n)], [(m, n), (m, 2 * n)], [(m, n), (n, m)]]
        pairs += [[(k, m, n), (m, m, n)], [(m, 0), (m, n)], [(k, m, 1), (n, 1)], [(m,), (n, 1, k)]]
        pairs += [[(m, 1), (1, n)], [(k, 1, n), (m, n)]]  # these fit
        submission.check(shapes_together, pairs=[pairs[i] for i in rng.permutation(len(pairs))])


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_shapes_plain_numbers_and_dtypes(self, submission, rng):
        def probe(tensor, a, b, number):
            import numpy as np

            tensor.broadcast_shape = np.broadcast_shapes  # exercise 1.2 has checks of its own
            a = a.swapaxes(0, 1)
            pairs = [(a, b), (b, a), (a, a), (number, a), (a, number), (number, 3)]
            pairs += [(a.astype("f"), b.astype("f")), (a.astype("f"), 3), (a.astype(int), 7)]
            ops = (tensor.add, tensor.subtract, tensor.multiply, tensor.divide)
            answers = [op.forward(*pair) for op in ops for pair in pairs]
            for exponent in (number, 3, b, -1):
                answers += [tensor.power.forward(base, exponent=exponent) for base in (a, b)]
            answers += [tensor.power.forward(a.astype("f"), exponent=2)]
            return [[[x, str(np.asarray(x).dtype)] for x in answers], a, b]

        a, b = rng.random((5, 2, 3)) + 0.5, rng.random((7, 2, 1, 1)) + 0.5
        submission.check(probe, a=a, b=b, number=float(rng.random() + 1))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_a_misfit_gets_the_message_of_broadcast_shape(self, submission, rng):
        def probe(tensor, a, b):
            import numpy as np

            def answer(function, *arrays, **options):
                try:
                    return list(function.forward(*arrays, **options).shape)
                except ValueError as error:
                    return [str(x.shape) in str(error) for x in (a, b)]

            tensor.broadcast_shape = np.broadcast_shapes  # names the shapes as (2, 3)
            ops = (tensor.add, tensor.subtract, tensor.multiply, tensor.divide)
            misfits = [*(answer(op, a, b) for op in ops), answer(tensor.power, a, exponent=b)]
            return [misfits, [op.forward(a, a) for op in ops]]

        m, n = rng.choice([2, 3, 5, 7], size=2, replace=False)
        submission.check(probe, a=rng.random((m, n)), b=rng.random((2 * m, m)))


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_vectors_and_stacks_of_matrices(self, submission, rng):
        shapes = [[(5, 2, 3), (3, 7)], [(5, 2, 3), (5, 3, 7)], [(5, 1, 2, 3), (7, 3, 11)]]
        shapes += [[(2, 3), (5, 3, 7)], [(3,), (3,)], [(3,), (3, 7)], [(2, 3), (3,)]]
        shapes += [[(5, 2, 3), (3,)], [(3,), (5, 3, 2)], [(2, 3), (3, 0)]]
        pairs = [[rng.normal(size=shape) for shape in pair] for pair in shapes]
        pairs += [[x.astype("f") for x in pairs[0]], [(10 * x).astype(int) for x in pairs[1]]]
        submission.check(products, atol=1e-5, pairs=pairs)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_leading_axes_and_inner_sizes_that_do_not_fit(self, submission, rng):
        def probe(tensor, pairs):
            import numpy as np

            def answer(a, b):
                try:
                    return list(tensor.matmul.forward(a, b).shape)
                except ValueError as error:
                    left_to_numpy = "remapped" in str(error) and str(a.shape) not in str(error)
                    return "NumPy's message" if left_to_numpy else "a message"

            tensor.broadcast_shape = np.broadcast_shapes
            return [answer(a, b) for a, b in pairs]

        k, m, n = rng.choice([2, 3, 5, 7], size=3, replace=False)
        shapes = [[(k, m, n), (m, n, m)], [(k, m, n), (m, 1, n, k)], [(n, m, m), (k, 1, m, m)]]
        shapes += [[(m, n), (m,)], [(m,), (n,)], [(k, m, n), (k, m, n)], [(), (m, n)], [(m,), ()]]
        submission.check(probe, pairs=[[rng.normal(size=one) for one in pair] for pair in shapes])


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_axes_several_at_once_and_dtypes(self, submission, rng):
        dims = (None, 0, 1, -1, -2, (0, 2), (1, -1), (0, 1, 2))
        cases = [{"dim": dim, "keepdims": kept} for dim in dims for kept in (True, False)]
        x = rng.normal(size=(2, 3, 5)) - 2
        arrays = [x, x.astype("f"), (10 * x).astype(np.int64)]
        submission.check(reduced, atol=1e-5, arrays=arrays, cases=cases)


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_any_two_axes_swap(self, submission, rng):
        arrays = [rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5, 7)).astype("f")]
        axes = [(0, 1), (0, 2), (2, 0), (1, 2), (-2, -1), (-1, 0), (1, -3), (1, 1)]
        submission.check(transposed, arrays=arrays, axes=axes)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_shapes_and_keys(self, submission, rng):
        def probe(tensor, x, positions):
            import numpy as np

            def cut(shape):
                try:
                    return tensor.reshape.forward(x, shape=shape)
                except ValueError as error:
                    return [str(one) in str(error) for one in (x.shape, shape)]

            x = x.swapaxes(0, 1)
            shapes = [(6, 5), (5, -1), (-1, 2, 3), (30,), (3, 2, 5, 1), (4, 7), (31,), (4, -1)]
            keys = [1, -1, (0, 1, 2), slice(None, None, 2), (slice(None), 0, slice(1, 3))]
            keys += [positions, (positions, positions % 2), x[:, 0, 0] > 0, x > 0, None]
            keys += [(..., 1), positions.tolist(), (slice(None), None, 1)]
            answers = [tensor.index.forward(x, key=key) for key in keys]
            return [*map(cut, shapes), *map(np.asarray, answers), x]

        submission.check(probe, x=rng.normal(size=(2, 3, 5)), positions=rng.integers(0, 3, size=7))


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_masks_of_other_shapes_and_what_is_kept(self, submission, rng):
        def probe(tensor, arrays, masks, value):
            import numpy as np

            def answer(x, mask):
                try:
                    filled = tensor.masked_fill.forward(x, where=mask, value=value)
                    return [filled, str(filled.dtype)]
                except ValueError as error:
                    return [str(one.shape) in str(error) for one in (x, mask)]

            tensor.broadcast_shape = np.broadcast_shapes  # exercise 1.2 has checks of its own
            return [[answer(x, mask) for x in arrays for mask in masks], arrays, masks]

        shapes = [(2, 3, 5), (3, 5), (5,), (1, 3, 1), (2, 1, 5), (), (7, 2, 3, 5), (3, 1, 1)]
        masks = [rng.random(shape) < 0.5 for shape in shapes]
        x = rng.normal(size=(2, 3, 5))
        x[0, 0, 0], x[1, 1, 1] = np.inf, np.nan
        arrays = [x, x.astype("f"), rng.integers(0, 9, size=(2, 3, 5)), np.ones((1, 3, 5))]
        submission.check(probe, arrays=arrays, masks=masks, value=int(rng.integers(10, 90)))


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_data_of_every_kind(self, submission, rng):
        def probe(tensor, data, dtypes):
            made = [tensor.Tensor(x, dtype=dtype) for x in data for dtype in dtypes]
            made += [tensor.Tensor(x, True, "float64") for x in data]
            return [[x.data, str(x.data.dtype), x.requires_grad, x.grad, x.node] for x in made]

        x = 10 * rng.normal(size=(2, 3))
        data = [x, x.tolist(), x.astype("f"), x.astype(int), x > 0, float(x[0, 0]), 3]
        submission.check(probe, data=data, dtypes=[None, "float32", "float64", "int64"])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_cannot_be_a_tensor_is_refused(self, submission, rng):
        def probe(tensor, x):
            def answer(data, *asked):
                try:
                    return [tensor.Tensor(data, *asked).data, *asked]
                except TypeError:
                    return "TypeError"

            floats, numbers, mask = tensor.Tensor(x), x.astype(int), x > 0
            cases = [(floats,), (floats, True), (numbers, True), (mask, True), (x, True, "int64")]
            cases += [("text",), (numbers,), (mask,), (numbers, True, "float32")]
            return [answer(*case) for case in cases]

        submission.check(probe, x=10 * rng.normal(size=(2, 3)))


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


def drawn(rng, **shapes):
    """Two sets of numbers that are not near 0."""
    sets = [{name: rng.random(shape) + 0.5 for name, shape in shapes.items()} for _ in range(2)]
    return dict(zip(("leaves", "others"), sets, strict=True))


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

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_shapes_and_what_is_remembered_of_both_sides(self, submission, rng):
        pairs = ("a", "b"), ("b", "a"), ("a", "a"), ("c", "b"), ("b", "c")
        expressions = [f"{x} {sign} {y}" for sign in "+-*/" for x, y in pairs]
        expressions += ["m @ a", "a @ k", "c @ b", "-a", "-(a - b)", "a - b - c", "-m @ a"]
        inputs = drawn(rng, a=(2, 3), b=(1, 3), c=(2, 1), m=(5, 2), k=(3, 7))
        submission.check(remembered, expressions=expressions, **inputs)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_plain_numbers_arrays_and_dtypes_on_either_side(self, submission, rng):
        number = round(float(rng.random() + 1), 3)
        others = (number, 3, "np.full((5, 1, 1), 0.3)", "n")
        expressions = [f"{x} {sign} a" for sign in "+-*/" for x in others]
        expressions += [f"a {sign} {x}" for sign in "+-*/" for x in others]
        expressions += ["-n", "n + n", "n - 2", "n / 2", "2 - n", "2 / n"]
        inputs = drawn(rng, a=(2, 3))
        inputs["leaves"] = {"a": inputs["leaves"]["a"].astype("f"), "n": rng.integers(1, 9, size=3)}
        submission.check(remembered, expressions=expressions, **inputs)


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

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_shapes_and_what_is_remembered(self, submission, rng):
        ways = ["transpose(0, 1)", "transpose(-1, 0)", "transpose(1, 2)", "transpose(-3, -2)"]
        ways += ["reshape(6, 5)", "reshape((5, -1))", "reshape(-1)", "reshape(2, 3, 1, 5)"]
        ways += ["transpose(0, 2).reshape((15, 2)).T"]
        expressions = [f"x.{way}" for way in ways]
        submission.check(remembered, expressions=expressions, **drawn(rng, x=(2, 3, 5)))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_is_picked_and_filled_is_remembered(self, submission, rng):
        positions, row = rng.integers(0, 2, size=7).tolist(), int(rng.integers(0, 3))
        keys = [f"1, {row}", f":, {row}, 1:4", "-1", "..., ::2", "..., None", f"{positions}"]
        keys += [f"Tensor({positions})", f"np.array({positions})", f"0, :, np.array({positions})"]
        mask = rng.integers(-2, 3, size=(3, 5)).tolist()
        masks = [f"Tensor({mask})", f"np.array({mask})", f"Tensor({mask}, dtype='d')", "x > 1"]
        masks += [f"np.array({mask}) > 0"]
        expressions = [f"x[{key}]" for key in keys]
        expressions += [f"x.masked_fill({mask}, {rng.normal():.3f})" for mask in masks]
        submission.check(remembered, expressions=expressions, **drawn(rng, x=(2, 3, 5)))


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

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_axes_dtypes_and_what_is_remembered(self, submission, rng):
        dims = ["", "0", "-1", "dim=1", "1, True", "dim=(0, 2)", "dim=(1, 2), keepdims=True"]
        ways = [f"{name}({dim})" for name in ("sum", "mean", "max") for dim in dims]
        expressions = [f"{x}.{way}" for x in ("x", "n", "h") for way in ways]
        inputs = drawn(rng, x=(2, 3, 5))
        inputs["leaves"]["n"] = rng.integers(1, 9, size=(2, 3, 5))
        inputs["leaves"]["h"] = inputs["leaves"]["x"].astype("f")
        submission.check(remembered, expressions=expressions, **inputs)
