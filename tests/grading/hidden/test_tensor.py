"""Hidden checks of module 01: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_tensor import (
    arrays_of,
    products,
    reduced,
    remembered,
    shapes_together,
    transposed,
)


@pytest.mark.exercise("1.1")
class TestAsArray:
    @pytest.mark.points(0.5)
    def test_numbers_of_every_kind_and_width(self, submission, rng):
        numbers = 100 * rng.normal(size=(3, 5))
        kinds = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool")
        arrays = [numbers.astype("int64").astype(kind) for kind in kinds]
        data = [*arrays, numbers, numbers.tolist(), float(numbers[0, 0]), int(numbers[0, 1]), []]
        cases = [[one, dtype] for one in data for dtype in (None, "float64", "float32", "int64")]
        submission.check(arrays_of, cases=cases)

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


def stretched(rng, shape):
    """A shape that fits: some sizes are 1, and some axes at the left are missing."""
    kept = [1 if rng.random() < 0.3 else size for size in shape]
    return tuple(kept[int(rng.integers(len(shape) + 1)) :])


@pytest.mark.exercise("1.2")
class TestBroadcastShape:
    @pytest.mark.points(1)
    def test_other_shapes_that_fit(self, submission, rng):
        shapes = [tuple(rng.choice([0, 2, 3, 5, 7], size=4).tolist()) for _ in range(40)]
        pairs = [[stretched(rng, shape), stretched(rng, shape)] for shape in shapes]
        m, n = rng.choice([2, 3, 5, 7], size=2, replace=False).tolist()
        pairs += [[(n,), (m, n)], [(m, 1), (n,)], [(1, 0), (n, 1)], [[m, n], [n]], [(), ()]]
        submission.check(shapes_together, pairs=pairs)

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


@pytest.mark.exercise("1.4")
class TestMatmul:
    @pytest.mark.points(0.5)
    def test_vectors_and_stacks_of_matrices(self, submission, rng):
        shapes = [[(5, 2, 3), (3, 7)], [(5, 2, 3), (5, 3, 7)], [(5, 1, 2, 3), (7, 3, 11)]]
        shapes += [[(2, 3), (5, 3, 7)], [(3,), (3,)], [(3,), (3, 7)], [(2, 3), (3,)]]
        shapes += [[(5, 2, 3), (3,)], [(3,), (5, 3, 2)], [(2, 3), (3, 0)]]
        pairs = [[rng.normal(size=shape) for shape in pair] for pair in shapes]
        pairs += [[x.astype("f") for x in pairs[0]], [(10 * x).astype(int) for x in pairs[1]]]
        submission.check(products, atol=1e-5, pairs=pairs)

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


@pytest.mark.exercise("1.5")
class TestReductions:
    @pytest.mark.points(0.5)
    def test_other_axes_several_at_once_and_dtypes(self, submission, rng):
        dims = (None, 0, 1, -1, -2, (0, 2), (1, -1), (0, 1, 2))
        cases = [{"dim": dim, "keepdims": kept} for dim in dims for kept in (True, False)]
        x = rng.normal(size=(2, 3, 5)) - 2
        arrays = [x, x.astype("f"), (10 * x).astype(np.int64)]
        submission.check(reduced, atol=1e-5, arrays=arrays, cases=cases)


@pytest.mark.exercise("1.6")
class TestMoving:
    @pytest.mark.points(0.5)
    def test_any_two_axes_swap(self, submission, rng):
        arrays = [rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5, 7)).astype("f")]
        axes = [(0, 1), (0, 2), (2, 0), (1, 2), (-2, -1), (-1, 0), (1, -3), (1, 1)]
        submission.check(transposed, arrays=arrays, axes=axes)

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
    @pytest.mark.points(0.5)
    def test_data_of_every_kind(self, submission, rng):
        def probe(tensor, data, dtypes):
            made = [tensor.Tensor(x, dtype=dtype) for x in data for dtype in dtypes]
            made += [tensor.Tensor(x, True, "float64") for x in data]
            return [[x.data, str(x.data.dtype), x.requires_grad, x.grad, x.node] for x in made]

        x = 10 * rng.normal(size=(2, 3))
        data = [x, x.tolist(), x.astype("f"), x.astype(int), x > 0, float(x[0, 0]), 3]
        dtypes = [None, "float32", "float64", "int64"]
        submission.check(probe, rtol=1e-9, atol=1e-12, data=data, dtypes=dtypes)

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


def drawn(rng, **shapes):
    """Two sets of numbers that are not near 0."""
    sets = [{name: rng.random(shape) + 0.5 for name, shape in shapes.items()} for _ in range(2)]
    return dict(zip(("leaves", "others"), sets, strict=True))


@pytest.mark.exercise("1.9")
class TestOperators:
    @pytest.mark.points(1)
    def test_other_shapes_and_what_is_remembered_of_both_sides(self, submission, rng):
        pairs = ("a", "b"), ("b", "a"), ("a", "a"), ("c", "b"), ("b", "c")
        expressions = [f"{x} {sign} {y}" for sign in "+-*/" for x, y in pairs]
        expressions += ["m @ a", "a @ k", "c @ b", "-a", "-(a - b)", "a - b - c", "-m @ a"]
        inputs = drawn(rng, a=(2, 3), b=(1, 3), c=(2, 1), m=(5, 2), k=(3, 7))
        submission.check(remembered, expressions=expressions, **inputs)

    @pytest.mark.points(0.5)
    def test_plain_numbers_arrays_and_dtypes_on_either_side(self, submission, rng):
        number = round(float(rng.random() + 1), 3)
        others = (number, 3, "np.full((5, 1, 1), 0.3)", "n")
        expressions = [f"{x} {sign} a" for sign in "+-*/" for x in others]
        expressions += [f"a {sign} {x}" for sign in "+-*/" for x in others]
        expressions += ["-n", "n + n", "n - 2", "n / 2", "2 - n", "2 / n"]
        expressions += ["a + 0", "0 + a", "a - 0", "a * 1", "a / 1"]
        inputs = drawn(rng, a=(2, 3))
        inputs["leaves"] = {"a": inputs["leaves"]["a"].astype("f"), "n": rng.integers(1, 9, size=3)}
        submission.check(remembered, expressions=expressions, **inputs)


@pytest.mark.exercise("1.10")
class TestShapeMethods:
    @pytest.mark.points(0.5)
    def test_other_shapes_and_what_is_remembered(self, submission, rng):
        ways = ["transpose(0, 1)", "transpose(-1, 0)", "transpose(1, 2)", "transpose(-3, -2)"]
        ways += ["reshape(6, 5)", "reshape((5, -1))", "reshape(-1)", "reshape(2, 3, 1, 5)"]
        ways += ["transpose(0, 2).reshape((15, 2)).T"]
        expressions = [f"x.{way}" for way in ways]
        submission.check(remembered, expressions=expressions, **drawn(rng, x=(2, 3, 5)))

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
    def test_other_axes_dtypes_and_what_is_remembered(self, submission, rng):
        dims = ["", "0", "-1", "dim=1", "1, True", "dim=(0, 2)", "dim=(1, 2), keepdims=True"]
        ways = [f"{name}({dim})" for name in ("sum", "mean", "max") for dim in dims]
        expressions = [f"{x}.{way}" for x in ("x", "n", "h") for way in ways]
        expressions += ["x[:0].mean(dim=-1)"]
        inputs = drawn(rng, x=(2, 3, 5))
        inputs["leaves"]["n"] = rng.integers(1, 9, size=(2, 3, 5))
        inputs["leaves"]["h"] = inputs["leaves"]["x"].astype("f")
        submission.check(remembered, expressions=expressions, **inputs)
