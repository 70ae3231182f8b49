"""Hidden checks of module 05: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_autograd import differences, differentiate


@pytest.mark.exercise("5.1")
class TestNumericGradient:
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
    def test_more_axes(self, submission, rng):
        def probe(autograd, grad, shapes):
            none = autograd.unbroadcast(grad[:0], (1, *grad.shape[1:]))
            return [[autograd.unbroadcast(grad, shape) for shape in shapes], none, grad]

        shapes = [(), (7,), (1,), (5, 1), (5, 7), (3, 1, 7), (1, 1, 1), (2, 1, 5, 1), (2, 3, 5, 7)]
        submission.check(probe, grad=rng.normal(size=(2, 3, 5, 7)), shapes=shapes)


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
    def test_stretched_inputs_of_sums_and_differences(self, submission, rng):
        shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((5, 1, 3), (2, 1)), ((), (2,))]
        names = ("add", "subtract")
        cases = [drawn(rng, name, *pair) for pair in shapes for name in names]
        cases += [[name, [rng.normal(size=(2, 3)), 1.5], {}] for name in names]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))

    @pytest.mark.points(1)
    def test_stretched_inputs_of_products_and_quotients(self, submission, rng):
        shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((5, 1, 3), (2, 1)), ((), (2,))]
        names = ("multiply", "divide")
        cases = [drawn(rng, name, *pair) for pair in shapes for name in names]
        cases += [[name, [rng.normal(size=(2, 3)), -1.5], {}] for name in names]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))

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
    def test_stacks_of_matrices(self, submission, rng):
        shapes = [((2, 3), (3, 5)), ((7, 2, 3), (7, 3, 5)), ((7, 2, 3), (3, 5))]
        shapes += [((2, 3), (7, 3, 5)), ((7, 1, 2, 3), (5, 3, 2)), ((1, 2, 3), (7, 3, 5))]
        cases = [drawn(rng, "matmul", *pair) for pair in shapes]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=150))

    @pytest.mark.points(0.5)
    def test_vectors_on_every_side(self, submission, rng):
        shapes = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 5))]
        shapes += [((7, 2, 3), (3,)), ((3,), (7, 3, 5))]
        cases = [drawn(rng, "matmul", *pair) for pair in shapes]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=100))


DIMS = [None, 0, 1, -1, (0, 2), (-1, 1), (-2, -1)]


@pytest.mark.exercise("5.5")
class TestReductionRules:
    @pytest.mark.points(0.5)
    def test_sums_over_other_axes(self, submission, rng):
        options = [{"dim": dim, "keepdims": kept} for dim in DIMS for kept in (False, True)]
        cases = [drawn(rng, "reduce_sum", (2, 3, 5), **option) for option in [{}, *options]]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))

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
    def test_other_moves(self, submission, rng):
        pairs, shapes = [(0, 1), (0, -1), (-2, 2), (1, 1)], [(30,), (5, 6), (-1, 2, 3), (3, 2, 5)]
        cases = [drawn(rng, "transpose", (2, 3, 5), dim0=i, dim1=j) for i, j in pairs]
        cases += [drawn(rng, "reshape", (2, 3, 5), shape=shape) for shape in shapes]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))

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

    @pytest.mark.points(0.5)
    def test_other_masks_and_values(self, submission, rng):
        wheres = [rng.random(shape) < 0.5 for shape in [(2, 3, 5), (5,), (3, 1), (2, 1, 5), ()]]
        options = [{"where": where, "value": value} for where in wheres for value in (0.0, -1e9)]
        cases = [drawn(rng, "masked_fill", (2, 3, 5), **option) for option in options]
        x = rng.normal(size=(2, 3, 5))
        cases.append(["masked_fill", [x], {"where": x > 0, "value": float(x.min())}])
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=30))


@pytest.mark.exercise("5.7")
class TestCurveRules:
    @pytest.mark.points(0.5)
    def test_exp_and_log_of_other_numbers(self, submission, rng):
        cases = [["exp", [rng.normal(size=(2, 3))], {}], drawn(rng, "log", (2, 3))]
        cases.append(["log", [rng.uniform(1e-12, 1e-11, size=(2, 3))], {}])
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=6))

    @pytest.mark.points(0.5)
    def test_tanh_and_erf_of_other_numbers(self, submission, rng):
        x = rng.normal(size=(2, 3))
        cases = [[name, [inputs], {}] for name in ("tanh", "erf") for inputs in (x, 10 * x)]
        submission.check(many_rules, cases=cases, numbers=rng.normal(size=6))


@pytest.mark.exercise("5.8")
class TestTopologicalOrder:
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


@pytest.mark.exercise("5.9")
class TestBackward:
    @pytest.mark.points(1)
    def test_other_graphs(self, submission, rng):
        expression = "x * y + z"
        for n in range(4):
            first, second = rng.choice(list("xyz"), size=2)
            expression = f"((t{n} := {expression}) + {first}) * ({second} + t{n}) + t{n} * 0.5"
        leaves = {name: rng.uniform(-0.5, 0.5, size=(2, 3)) for name in "xyz"}
        grad = rng.normal(size=(2, 3))
        submission.check(differentiate, expression=expression, leaves=leaves, grad=grad, times=2)

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
                        raise error

            x, seen = Tensor(x, requires_grad=True), []
            for error in (KeyError, KeyboardInterrupt, KeyError):
                try:
                    enter(depth)
                except error:
                    seen.append("the error came through")
                tell()
            return seen

        depth = int(rng.integers(2, 9))
        fails = int(rng.integers(depth))
        submission.check(probe, x=rng.normal(size=3), depth=depth, fails=fails)


def expect_difference(difference, right):
    if right:
        assert difference < 1e-6, "a right gradient is reported"
    else:
        assert difference > 0.01, "a wrong gradient passes"


@pytest.mark.exercise("5.11")
class TestCheckGradient:
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

    @pytest.mark.points(0.5)
    def test_inputs_stay_as_they_are(self, submission, rng):
        def probe(autograd, x, eps, errors):
            import numpy as np

            from tinytorch.core.tensor import Op, Tensor

            leaf, before = Tensor(x, requires_grad=True, dtype=x.dtype), x.copy()
            orders, shared = [], []

            def cubes(a, b):
                orders.append([a.data.flags.c_contiguous, b.data.flags.c_contiguous])
                shared.append(np.shares_memory(a.data, x))
                return a * a * a + b

            fine = autograd.check_gradient(cubes, leaf, x.T.copy().T)
            coarse = autograd.check_gradient(cubes, x, x, eps=eps)
            same = np.array_equal(x, before)
            wrong = Op(lambda a: a * 2)
            wrong.gradient(lambda grad, output, a: (2 * grad + errors,))
            largest = round(autograd.check_gradient(wrong, x), 4)  # of all differences
            told = [fine < 1e-6, coarse > 0.001, same, any(shared), orders[0], largest]
            return [told, leaf.grad, leaf.data, x]

        inputs = {"x": rng.normal(size=(5, 7)), "errors": rng.uniform(-1, 1, size=(5, 7))}
        submission.check(probe, eps=rng.uniform(0.2, 0.4), **inputs)
