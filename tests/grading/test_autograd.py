"""Checks of module 05 for grading, public and hidden ones side by side.

A public check says what it expects; a hidden one draws its inputs anew for each batch. The rules
that sum over copies are asked with a right `unbroadcast`, since exercise 5.2 has checks of its own.
"""

import numpy as np
import pytest


@pytest.mark.exercise("5.1")
class TestNumericGradient:
    @pytest.mark.points(1)
    def test_cubes_nudged_by_a_half(self, submission):
        def probe(autograd, x, eps):
            gradient = autograd.numeric_gradient(lambda x: float((x**3).sum()), x, eps)
            return [gradient, x]

        x = np.array([[1.0, 2.0], [3.0, 4.0]])
        gradient, after = submission.run(probe, x=x, eps=0.5)
        assert np.allclose(gradient, [[3.25, 12.25], [27.25, 48.25]])  # 3x² + eps², from both sides
        assert np.array_equal(after, x)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_functions_shapes_and_nudges(self, submission, rng):
        def probe(autograd, arrays, eps):
            answers = []
            for x in arrays:
                x = x.swapaxes(0, -1) if x.ndim else x
                before = x.tobytes()

                def function(x):
                    return float((x**3).sum() + x.sum() ** 2)

                for nudge in ({}, {"eps": eps}):
                    gradient = autograd.numeric_gradient(function, x, **nudge)
                    answers.append([gradient, x.tobytes() == before])
            return answers

        arrays = [rng.normal(size=shape) for shape in [(), (5,), (3, 2), (2, 3, 5)]]
        submission.check(probe, arrays=arrays, eps=rng.uniform(0.2, 0.4))


@pytest.mark.exercise("5.2")
class TestUnbroadcast:
    @pytest.mark.points(1)
    def test_copies_are_summed(self, submission):
        def probe(autograd, grad, shapes):
            return [autograd.unbroadcast(grad, shape) for shape in shapes]

        grad = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        expected = [grad, [[6], [15]], [[5, 7, 9]], [5, 7, 9], 21]
        found = submission.run(probe, grad=grad, shapes=[(2, 3), (2, 1), (1, 3), (3,), ()])
        assert [np.shape(one) for one in found] == [(2, 3), (2, 1), (1, 3), (3,), ()]
        assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_more_axes(self, submission, rng):
        def probe(autograd, grad, shapes):
            return [[autograd.unbroadcast(grad, shape) for shape in shapes], grad]

        shapes = [(), (7,), (1,), (5, 1), (5, 7), (3, 1, 7), (1, 1, 1), (2, 1, 5, 1), (2, 3, 5, 7)]
        submission.check(probe, grad=rng.normal(size=(2, 3, 5, 7)), shapes=shapes)


def one_rule(autograd, name, grad, inputs, options):
    import numpy as np

    operation = getattr(autograd, name)
    output = np.asarray(operation.forward(*inputs, **options))
    return operation.rule(grad, output, *inputs, **options)


def many_rules(autograd, cases, numbers):
    import numpy as np

    def summed(grad, shape):
        grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
        ones = tuple(axis for axis, size in enumerate(shape) if size == 1)
        return grad.sum(axis=ones, keepdims=True)

    autograd.unbroadcast = summed  # exercise 5.2 has checks of its own
    answers = []
    for name, inputs, options in cases:
        operation = getattr(autograd, name)
        for order in "CF":  # how an input lies in memory must not matter
            inputs = [np.array(x, order=order) if np.ndim(x) else x for x in inputs]
            output = np.asarray(operation.forward(*inputs, **options))
            grad = np.array(numbers[: output.size].reshape(output.shape), order=order)
            gradients = operation.rule(grad, output, *inputs, **options)
            answers.append([gradients, grad, inputs])
    return answers


def drawn(rng, name, *shapes, **options):
    """A case for `many_rules`, of positive inputs."""
    return [name, [rng.uniform(0.5, 2.0, size=shape) for shape in shapes], options]


@pytest.mark.exercise("5.3")
class TestElementwiseRules:
    @pytest.mark.points(0.5)
    def test_sums_and_differences(self, submission):
        inputs, grad = [np.array([5.0, 7.0]), np.array([2.0, 3.0])], np.array([1.0, 10.0])
        for name, expected in (("add", [1, 10]), ("subtract", [-1, -10])):
            found = submission.run(one_rule, name=name, grad=grad, inputs=inputs, options={})
            assert np.array_equal(found, [grad, expected])

    @pytest.mark.points(0.5)
    def test_products_and_quotients(self, submission):
        inputs, grad = [np.array([6.0, 8.0]), np.array([2.0, 4.0])], np.array([1.0, 10.0])
        expected = {"multiply": [[2, 40], [6, 80]], "divide": [[0.5, 2.5], [-1.5, -5]]}
        for name, gradients in expected.items():
            found = submission.run(one_rule, name=name, grad=grad, inputs=inputs, options={})
            assert np.allclose(found, gradients)

    @pytest.mark.points(0.5)
    def test_powers(self, submission):
        inputs, grad = [np.array([2.0, 3.0])], np.array([1.0, 10.0])
        for exponent, expected in ((3, [12, 270]), (-1, [-1 / 4, -10 / 9]), (0, [0, 0])):
            given = {"grad": grad, "inputs": inputs, "options": {"exponent": exponent}}
            found = submission.run(one_rule, name="power", **given)
            assert isinstance(found, tuple), "a rule returns a tuple"
            assert np.allclose(found, [expected])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_stretched_inputs_of_sums_and_differences(self, submission, rng):
        shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((5, 1, 3), (2, 1)), ((), (2,))]
        names = ("add", "subtract")
        cases = [drawn(rng, name, *pair) for pair in shapes for name in names]
        cases += [[name, [rng.normal(size=(2, 3)), 1.5], {}] for name in names]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_stretched_inputs_of_products_and_quotients(self, submission, rng):
        shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((5, 1, 3), (2, 1)), ((), (2,))]
        names = ("multiply", "divide")
        cases = [drawn(rng, name, *pair) for pair in shapes for name in names]
        cases += [[name, [rng.normal(size=(2, 3)), -1.5], {}] for name in names]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_exponents_also_of_zero(self, submission, rng):
        exponents = [1, 2, 0.5, -1.5, float(rng.uniform(3, 4)), np.array([0.0, 1.5, -2.0])]
        cases = [drawn(rng, "power", (2, 3), exponent=exponent) for exponent in exponents]
        cases.append(drawn(rng, "power", (2, 1), exponent=np.array([3.0, 0.0, -1.0])))
        cases += [["power", [np.array([0.0, 2.0])], {"exponent": exponent}] for exponent in (0, 2)]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))


@pytest.mark.exercise("5.4")
class TestMatmulRule:
    @pytest.mark.points(1)
    def test_two_matrices(self, submission):
        inputs = [np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]]), np.array([[1.0], [2.0], [4.0]])]
        given = {"grad": np.array([[1.0], [10.0]]), "inputs": inputs, "options": {}}
        grad_a, grad_b = submission.run(one_rule, name="matmul", **given)
        assert np.array_equal(grad_a, [[1, 2, 4], [10, 20, 40]])
        assert np.array_equal(grad_b, [[1], [12], [30]])

    @pytest.mark.points(0.5)
    def test_a_matrix_and_a_vector(self, submission):
        inputs = [np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]]), np.array([1.0, 2.0, 4.0])]
        given = {"grad": np.array([1.0, 10.0]), "inputs": inputs, "options": {}}
        grad_a, grad_b = submission.run(one_rule, name="matmul", **given)
        assert np.array_equal(grad_a, [[1, 2, 4], [10, 20, 40]])
        assert np.array_equal(grad_b, [1, 12, 30])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_stacks_of_matrices(self, submission, rng):
        shapes = [((2, 3), (3, 5)), ((7, 2, 3), (7, 3, 5)), ((7, 2, 3), (3, 5))]
        shapes += [((2, 3), (7, 3, 5)), ((7, 1, 2, 3), (5, 3, 2)), ((1, 2, 3), (7, 3, 5))]
        cases = [drawn(rng, "matmul", *pair) for pair in shapes]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=150))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_vectors_on_every_side(self, submission, rng):
        shapes = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 5))]
        shapes += [((7, 2, 3), (3,)), ((3,), (7, 3, 5))]
        cases = [drawn(rng, "matmul", *pair) for pair in shapes]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))


DIMS = [None, 0, 1, -1, (0, 2), (-1, 1)]


@pytest.mark.exercise("5.5")
class TestReductionRules:
    @pytest.mark.points(0.5)
    def test_a_sum_hands_its_gradient_to_every_place(self, submission):
        given = {"name": "reduce_sum", "inputs": [np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])]}
        rows, columns = np.array([1.0, 10.0]), np.array([[1.0, 2.0, 3.0]])
        found = submission.run(one_rule, grad=rows, options={"dim": 1}, **given)
        assert np.array_equal(found, [[[1, 1, 1], [10, 10, 10]]])
        kept = {"dim": 0, "keepdims": True}
        found = submission.run(one_rule, grad=columns, options=kept, **given)
        assert np.array_equal(found, [[[1, 2, 3], [1, 2, 3]]])

    @pytest.mark.points(0.5)
    def test_a_maximum_hands_its_gradient_to_the_winners(self, submission):
        given = {"name": "reduce_max", "inputs": [np.array([[9.0, 2.0, 9.0], [4.0, 5.0, 6.0]])]}
        rows = np.array([1.0, 10.0])
        found = submission.run(one_rule, grad=rows, options={"dim": 1}, **given)
        assert isinstance(found, tuple), "a rule returns a tuple"
        assert np.allclose(found, [[[0.5, 0, 0.5], [0, 0, 10]]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_sums_over_other_axes(self, submission, rng):
        options = [{"dim": dim, "keepdims": kept} for dim in DIMS for kept in (False, True)]
        cases = [drawn(rng, "reduce_sum", (2, 3, 5), **option) for option in [{}, *options]]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_maxima_over_other_axes_and_ties(self, submission, rng):
        x = rng.integers(0, 3, size=(2, 3, 5)).astype(float)
        x[0, 0, :2] = x[0, :2, 1] = x[:, 1, 1] = 3  # a tie along every axis
        options = [{"dim": dim, "keepdims": kept} for dim in DIMS for kept in (False, True)]
        cases = [["reduce_max", [x], option] for option in [{}, *options]]
        cases += [drawn(rng, "reduce_max", (2, 3, 5), **option) for option in options]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))


@pytest.mark.exercise("5.6")
class TestMoveRules:
    @pytest.mark.points(0.5)
    def test_what_moved_there_moves_back(self, submission):
        x, grad = np.zeros((2, 1, 3)), np.arange(6.0)
        given = {"grad": grad.reshape(3, 1, 2), "options": {"dim0": 0, "dim1": 2}}
        found = submission.run(one_rule, name="transpose", inputs=[x], **given)
        assert np.array_equal(found, [[[[0, 2, 4]], [[1, 3, 5]]]])
        given = {"grad": grad.reshape(3, 2), "options": {"shape": (3, 2)}}
        found = submission.run(one_rule, name="reshape", inputs=[x], **given)
        assert np.array_equal(found, [[[[0, 1, 2]], [[3, 4, 5]]]])

    @pytest.mark.points(0.5)
    def test_a_row_that_was_picked_twice_gets_both_gradients(self, submission):
        given = {"inputs": [np.ones((3, 2))], "options": {"key": np.array([1, 0, 1])}}
        grad = np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]])
        found = submission.run(one_rule, name="index", grad=grad, **given)
        assert np.array_equal(found, [[[3, 4], [11, 22], [0, 0]]])

    @pytest.mark.points(0.5)
    def test_a_filled_place_gets_nothing(self, submission):
        options = {"where": np.array([True, False, True]), "value": 7.0}
        given = {"inputs": [np.ones((2, 3))], "options": options}
        grad = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        found = submission.run(one_rule, name="masked_fill", grad=grad, **given)
        assert np.array_equal(found, [[[0, 2, 0], [0, 5, 0]]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_moves(self, submission, rng):
        pairs, shapes = [(0, 1), (0, -1), (-2, 2), (1, 1)], [(30,), (5, 6), (-1, 2, 3), (3, 2, 5)]
        cases = [drawn(rng, "transpose", (2, 3, 5), dim0=i, dim1=j) for i, j in pairs]
        cases += [drawn(rng, "reshape", (2, 3, 5), shape=shape) for shape in shapes]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_places_that_are_picked(self, submission, rng):
        def probe(autograd, x, rows, columns, chosen, numbers):
            keys = [1, (slice(None), -1), (..., slice(None, None, 2)), (None, 0), (0, 1, 2), chosen]
            keys += [rows, rows.reshape(-1, 1), (rows, columns), (slice(None), columns, rows)]
            answers = []
            for key in keys:
                for view in (x, x.swapaxes(0, 1)):
                    output = autograd.index.forward(view, key=key)
                    grad = numbers[: output.size].reshape(output.shape)
                    answers.append([autograd.index.rule(grad, output, view, key=key), grad])
            return answers

        rows, columns = rng.integers(-3, 3, size=(2, 11))  # more than there are places
        arrays = {"x": rng.normal(size=(3, 3, 5)), "numbers": rng.normal(size=200)}
        chosen = rng.random((3, 3, 5)) < 0.5
        submission.check(probe, rows=rows, columns=columns, chosen=chosen, **arrays)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_masks_and_values(self, submission, rng):
        wheres = [rng.random(shape) < 0.5 for shape in [(2, 3, 5), (5,), (3, 1), (2, 1, 5), ()]]
        options = [{"where": where, "value": value} for where in wheres for value in (0.0, -1e9)]
        cases = [drawn(rng, "masked_fill", (2, 3, 5), **option) for option in options]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))


@pytest.mark.exercise("5.7")
class TestCurveRules:
    @pytest.mark.points(0.5)
    def test_exp_and_log(self, submission):
        given = {"grad": np.array([1.0, 10.0]), "options": {}}
        found = submission.run(one_rule, name="exp", inputs=[np.log([1.0, 3.0])], **given)
        assert np.allclose(found, [[1, 30]])
        found = submission.run(one_rule, name="log", inputs=[np.array([2.0, 4.0])], **given)
        assert np.allclose(found, [[0.5, 2.5]])

    @pytest.mark.points(0.5)
    def test_tanh_and_erf(self, submission):
        given = {"grad": np.array([1.0, 10.0]), "options": {}}
        found = submission.run(one_rule, name="tanh", inputs=[np.arctanh([0, 0.5])], **given)
        assert np.allclose(found, [[1, 7.5]])
        found = submission.run(one_rule, name="erf", inputs=[np.array([0, 2.0])], **given)
        assert np.allclose(found, np.array([[1, 10 / np.e**4]]) * 2 / np.sqrt(np.pi))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_exp_and_log_of_other_numbers(self, submission, rng):
        cases = [["exp", [rng.normal(size=(2, 3))], {}], drawn(rng, "log", (2, 3))]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=6))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_tanh_and_erf_of_other_numbers(self, submission, rng):
        x = rng.normal(size=(2, 3))
        cases = [[name, [inputs], {}] for name in ("tanh", "erf") for inputs in (x, 10 * x)]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=6))


@pytest.mark.exercise("5.8")
class TestTopologicalOrder:
    @pytest.mark.points(1)
    def test_inputs_come_first_and_each_once(self, submission):
        def probe(autograd):
            from tinytorch.core.tensor import Tensor

            x = Tensor(3.0, requires_grad=True)
            a, b = x + 1, x * x
            outputs = {"c": a * b, "d": x * a, "e": a * x}
            names = {id(x): "x", id(a): "a", id(b): "b"}
            names |= {id(output): name for name, output in outputs.items()}
            orders = [autograd.topological_order(output) for output in outputs.values()]
            return ["".join(names.get(id(tensor), "?") for tensor in order) for order in orders]

        c, d, e = submission.run(probe)
        assert c in ("xabc", "xbac")
        assert [d, e] == ["xad", "xae"]

    @pytest.mark.points(0.5)
    def test_twins_are_two_and_a_constant_does_not_count(self, submission):
        def probe(autograd):
            from tinytorch.core.tensor import Tensor

            x, twin = (Tensor([3.0, 3.0], requires_grad=True) for _ in range(2))
            total, constant = x + twin, Tensor([1.0, 2.0])
            output = total * constant
            names = {id(x): "x", id(twin): "t", id(total): "+", id(constant): "c", id(output): "*"}
            order = autograd.topological_order(output)
            return "".join(names.get(id(tensor), "?") for tensor in order)

        assert submission.run(probe) in ("xt+*", "tx+*")

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_graphs(self, submission, rng):
        def probe(autograd, pairs):
            from tinytorch.core.tensor import Tensor

            tensors = [Tensor(1.0, requires_grad=True)]
            for first, second in pairs:
                tensors.append(tensors[first] * tensors[second])
            numbers = {id(tensor): number for number, tensor in enumerate(tensors)}
            order = autograd.topological_order(tensors[-1])
            return [numbers.get(id(tensor), -1) for tensor in order]

        pairs = [rng.integers(0, n, size=2).tolist() for n in range(1, 20)] + [[0, 19], [20, 0]]
        order = submission.run(probe, pairs=pairs)
        needed = {21}
        for number in range(21, 0, -1):
            needed |= set(pairs[number - 1]) if number in needed else set()
        assert sorted(order) == sorted(needed), "each tensor that is needed belongs in it, once"
        place = {number: index for index, number in enumerate(order)}
        for number in needed - {0}:
            before = [place[one] < place[number] for one in pairs[number - 1]]
            assert all(before), "a tensor stands before one that it was made from"

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_a_long_chain(self, submission, rng):
        def probe(autograd, length):
            from tinytorch.core.tensor import Tensor

            chain = [Tensor(1.0, requires_grad=True)]
            for _ in range(length):
                chain.append(chain[-1] + 1)
            order = autograd.topological_order(chain[-1])
            return [len(order), all(a is b for a, b in zip(order, chain, strict=True))]

        submission.check(probe, length=int(rng.integers(1500, 2000)))


def differentiate(autograd, expression, leaves, grad=None, times=1):
    from tinytorch.core.tensor import Tensor

    tensors = {name: Tensor(x, requires_grad=True, dtype=x.dtype) for name, x in leaves.items()}
    for _ in range(times):
        eval(expression, dict(tensors)).backward(grad)
    return [tensor.grad for tensor in tensors.values()]


@pytest.mark.exercise("5.9")
class TestBackward:
    @pytest.mark.points(1)
    def test_gradients_of_all_uses_are_added(self, submission):
        leaves = {"x": np.array(3.0)}
        for expression, slope in {
            "(x + 1) * (x * x)": 33,  # 3x² + 2x
            "((y := x * x) + 1) * y + y": 120,  # (2y + 2)·2x
        }.items():
            found = submission.run(differentiate, expression=expression, leaves=leaves)
            assert np.allclose(found, [slope])

    @pytest.mark.points(1)
    def test_a_second_pass_adds_to_the_first(self, submission):
        leaves = {"x": np.array([3.0]), "y": np.array([5.0])}
        found = submission.run(differentiate, expression="x * y + y", leaves=leaves, times=2)
        assert np.allclose(found, [[10], [8]])

    @pytest.mark.points(0.5)
    def test_it_starts_from_grad_and_only_leaves_keep_theirs(self, submission):
        def probe(autograd, grad):
            from tinytorch.core.tensor import Tensor

            x = Tensor([2.0, 3.0], requires_grad=True)
            y = x * x
            z = y + 1
            z.backward(grad)
            return [x.grad, y.grad, z.grad]

        x_grad, y_grad, z_grad = submission.run(probe, grad=np.array([1.0, 10.0]))
        assert np.allclose(x_grad, [4, 60])
        assert y_grad is None
        assert z_grad is None

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_graphs(self, submission, rng):
        expression = "x * y + z"
        for n in range(4):
            first, second = rng.choice(list("xyz"), size=2)
            expression = f"((t{n} := {expression}) + {first}) * ({second} + t{n}) + t{n} * 0.5"
        leaves = {name: rng.uniform(-0.5, 0.5, size=(2, 3)) for name in "xyz"}
        grad = rng.normal(size=(2, 3))
        submission.check(differentiate, expression=expression, leaves=leaves, grad=grad, times=2)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_no_array_is_shared_or_changed(self, submission, rng):
        def probe(autograd, values, grad):
            from tinytorch.core.tensor import Op, Tensor

            plus = Op(lambda a, b: a + b)
            plus.gradient(lambda grad, output, a, b: (grad, grad))
            start, found = grad.copy(), []
            for function in (plus, lambda a, b: plus(plus(a, b), a), lambda a, b: plus(a, a * b)):
                a, b = (Tensor(x, requires_grad=True, dtype=x.dtype) for x in values)
                function(a, b).backward(grad)
                found += [a.grad.copy(), b.grad.copy()]
                a.grad += 1
                found += [b.grad, grad - start]
            a.backward(grad)
            a.grad += 1
            calls = []
            plus.gradient(lambda grad, output, a, b: calls.append(1) or (grad, grad))
            for _ in range(8):  # each tensor passes its gradient on once: 8 rules, not 255
                a = plus(a, a)
            a.backward(grad)
            return [*found, grad - start, len(calls)]

        submission.check(probe, values=rng.normal(size=(2, 3, 5)), grad=rng.normal(size=(3, 5)))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_ways_without_a_gradient(self, submission, rng):
        def probe(autograd, x, constant, grad):
            from tinytorch.core.tensor import Op, Tensor

            first = Op(lambda a, b: a + b)
            first.gradient(lambda grad, output, a, b: (2 * grad, None))
            x, y, unused = (Tensor(x, requires_grad=True, dtype=x.dtype) for _ in range(3))
            first(x * Tensor(constant, dtype=x.dtype), y * y).backward(grad)
            return [x.grad, y.grad, unused.grad]

        x, constant, grad = rng.normal(size=(3, 7))
        submission.check(probe, x=x, constant=constant, grad=grad)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_cannot_be_differentiated_is_refused(self, submission):
        def probe(autograd):
            import numpy as np

            from tinytorch.core.tensor import Op, Tensor

            def answer(output, grad=None):
                try:
                    output.backward(grad)
                except (ValueError, RuntimeError) as error:
                    return type(error).__name__
                return "taken"

            x, three = Tensor([1.0, 2.0, 3.0], requires_grad=True), np.ones(3)
            faulty = Op(lambda a, b: a + b)
            answers = [answer(faulty(x, x), three)]  # no rule
            faulty.gradient(lambda grad, output, a, b: (grad,))
            answers += [answer(faulty(x, x), three), answer(x.detach(), three), answer(x)]
            answers += [answer(x, np.ones(shape)) for shape in [(), (1,), (1, 3), (2,)]]
            return [*answers, answer(x, three), answer(Tensor(1.0, requires_grad=True))]

        submission.check(probe)


@pytest.mark.exercise("5.10")
class TestNoGrad:
    @pytest.mark.points(0.5)
    def test_off_inside_and_on_again_after(self, submission):
        def probe(autograd):
            from tinytorch.core.tensor import Tensor

            x = Tensor([1.0], requires_grad=True)
            with autograd.no_grad():
                inside = x + 1
            return [inside.requires_grad, inside.node is None, (x + 1).requires_grad]

        assert submission.run(probe) == [False, True, True]

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_blocks_in_blocks_and_errors(self, submission, rng):
        def probe(autograd, x, depth, fails):
            from tinytorch.core.tensor import Tensor

            def tell():
                result = x * len(seen)
                seen.append([result.data, result.requires_grad, result.node is None])

            def enter(left):
                with autograd.no_grad():
                    tell()
                    if left:
                        enter(left - 1)
                    tell()
                    if left == fails:
                        raise KeyError("of the block")

            x, seen = Tensor(x, requires_grad=True), []
            for _ in range(2):
                try:
                    enter(depth)
                except KeyError:
                    seen.append("the error came through")
                tell()
            return seen

        depth = int(rng.integers(2, 9))
        fails = int(rng.integers(depth))
        submission.check(probe, x=rng.normal(size=3), depth=depth, fails=fails)


def differences(autograd, functions, inputs, **options):
    named = vars(autograd)
    return [autograd.check_gradient(eval(one, named), *inputs, **options) for one in functions]


def expect_difference(difference, right):
    if right:
        assert difference < 1e-6, "a right gradient is reported"
    else:
        assert difference > 0.01, "a wrong gradient passes"


@pytest.mark.exercise("5.11")
class TestCheckGradient:
    @pytest.mark.points(1)
    def test_right_gradients_pass(self, submission):
        functions = ["lambda a, b: tanh(a * b) * 2 + 1", "lambda a, b: (a / b).sum()"]
        inputs = [np.array([[1.0, 2.0, 3.0], [-3.0, 0.5, 4.0]]), np.array([1.0, 2.0, -1.0])]
        found = submission.run(differences, functions=functions, inputs=inputs)
        assert np.max(found) < 1e-6

    @pytest.mark.points(0.5)
    def test_a_lost_half_is_reported(self, submission):
        functions = ["lambda a: a * Tensor(a.data, dtype=a.dtype)"]  # the second factor is cut off
        inputs = [np.arange(1.0, 8.0)]
        [found] = submission.run(differences, functions=functions, inputs=inputs)
        assert found > 0.01

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_errors_of_either_sign_at_any_input(self, submission, rng):
        functions = {
            "lambda a, b: a * Tensor(b.data, dtype=b.dtype)": False,
            "lambda a, b: Tensor(a.data, dtype=a.dtype) * b": False,
            "lambda a, b: -a * Tensor(a.data, dtype=a.dtype) + b": False,
            "lambda a, b: a * Tensor(a.data, dtype=a.dtype) + b": False,
            "lambda a, b: a * b - a / b": True,
            "lambda a, b: a * a + b": True,
            "lambda a, b: -a * a / b": True,
        }
        order = [list(functions)[i] for i in rng.permutation(len(functions))]
        inputs = [rng.uniform(0.5, 2, size=(5, 7)), rng.uniform(0.5, 2, size=(5, 7))]
        found = submission.run(differences, functions=order, inputs=inputs)
        for function, difference in zip(order, found, strict=True):
            expect_difference(difference, functions[function])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_errors_that_a_sum_would_hide(self, submission, rng):
        def probe(autograd, x, order):
            from tinytorch.core.tensor import Op

            turn, found = Op(lambda a: a[::-1]), []
            rules = {False: lambda grad, *_: (grad,), True: lambda grad, *_: (grad[::-1],)}
            for right in order:
                turn.gradient(rules[right])
                found.append(autograd.check_gradient(turn, x))
            return found

        order = [bool(right) for right in rng.permutation([True] * 4 + [False] * 4)]
        found = submission.run(probe, x=rng.normal(size=(14, 3)), order=order)
        for difference, right in zip(found, order, strict=True):
            expect_difference(difference, right)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_inputs_stay_as_they_are(self, submission, rng):
        def probe(autograd, x, eps, errors):
            import numpy as np

            from tinytorch.core.tensor import Op, Tensor

            leaf, before = Tensor(x, requires_grad=True, dtype=x.dtype), x.copy()
            orders = []

            def cubes(a, b):
                orders.append([a.data.flags.c_contiguous, b.data.flags.c_contiguous])
                return a * a * a + b

            fine = autograd.check_gradient(cubes, leaf, x.T.copy().T)
            coarse = autograd.check_gradient(cubes, x, x, eps=eps)
            same = np.array_equal(x, before)
            wrong = Op(lambda a: a * 2)
            wrong.gradient(lambda grad, output, a: (2 * grad + errors,))
            largest = round(autograd.check_gradient(wrong, x), 4)  # of all differences
            return [fine < 1e-6, coarse > 0.001, same, leaf.grad, orders[0], leaf.data, x, largest]

        inputs = {"x": rng.normal(size=(5, 7)), "errors": rng.uniform(-1, 1, size=(5, 7))}
        submission.check(probe, eps=rng.uniform(0.2, 0.4), **inputs)
