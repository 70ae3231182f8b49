"""Public checks of module 05: each says what it expects, and runs without the reference."""

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


def one_rule(autograd, name, grad, inputs, options):
    import numpy as np

    operation = getattr(autograd, name)
    output = np.asarray(operation.forward(*inputs, **options))
    return operation.rule(grad, output, *inputs, **options)


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


def differences(autograd, functions, inputs, **options):
    named = vars(autograd)
    return [autograd.check_gradient(eval(one, named), *inputs, **options) for one in functions]


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


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
