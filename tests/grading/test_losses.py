"""Public checks of module 04: each says what it expects, and runs without the reference."""

import math
import re

import numpy as np
import pytest

EIGHTHS = np.log([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]])  # their softmax: 1/8, 2/8, ...


def expect(what, got, values, rtol=1e-6):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=rtol), f"{what} gives {np.asarray(got).tolist()}"


def op_values(losses, name, cases):
    """What an op makes of arrays; a warning of NumPy's is an error."""
    import numpy as np

    operation, answers = getattr(losses, name), []
    for x, options in cases:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            answers.append(np.asarray(operation.forward(x, **options)).astype(float))
    return [answers, cases]


def op_slopes(losses, name, cases, grads):
    """What a rule makes of arrays; a warning of NumPy's is an error."""
    import numpy as np

    operation, answers = getattr(losses, name), []
    for (x, options), grad in zip(cases, grads, strict=True):
        try:
            output = np.asarray(operation.forward(x, **options))
        except Exception:  # the loss has checks of its own
            output = np.asarray(2.5)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            gradients = operation.rule(np.asarray(grad), output, x, **options)
        answers.append([type(gradients).__name__, len(gradients), np.asarray(gradients[0])])
    return [answers, cases]


def called(losses, name, cases, other=0.0):
    """What a loss of tensors gives, its dtype, and what its memory makes of logits plus `other`.

    An error comes as its kind and message.
    """
    import numpy as np

    from tinytorch.core.tensor import Tensor, unwrap

    def replay(part):
        if part is given:
            return part.data + other
        if not isinstance(part, Tensor) or part.node is None:
            return unwrap(part)
        return part.node.op.forward(*map(replay, part.node.inputs), **part.node.options)

    answers = []
    for x, y, options in cases:
        learns = np.asarray(x).dtype.kind == "f"
        given = Tensor(x, requires_grad=learns, dtype=np.asarray(x).dtype)
        theirs = np.array(y) if isinstance(y, np.ndarray) else y
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                loss = getattr(losses, name)(given, theirs, **options)
        except (TypeError, ValueError) as error:
            answers.append([type(error).__name__, str(error)])
            continue
        if isinstance(theirs, np.ndarray) and name != "mse_loss":
            theirs[...] = 1  # what a loss remembers is not the caller's array
        kind = [type(loss).__name__, str(loss.dtype), list(loss.shape)]
        answers.append([*kind, loss.item(), float(replay(loss))])
    return answers


@pytest.mark.exercise("4.1")
class TestMseLoss:
    @pytest.mark.points(0.5)
    def test_four_numbers(self, submission):
        x, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 0.0], [6.0, 5.0]])
        [[*kind, loss, again]] = submission.run(called, name="mse_loss", cases=[[x, y, {}]])
        assert kind == ["Tensor", "float64", []]
        expect("mse_loss", [loss, again], [3.25, 3.25])


@pytest.mark.exercise("4.2")
class TestSoftmaxCrossEntropy:
    @pytest.mark.points(0.5)
    def test_eighths(self, submission):
        cases = [[EIGHTHS, {"labels": np.array([2, 1])}]]
        [loss], _ = submission.run(op_values, name="softmax_cross_entropy", cases=cases)
        expect("softmax_cross_entropy", loss, -(math.log(5 / 8) + math.log(1 / 8)) / 2)

    @pytest.mark.points(0.5)
    def test_a_thousand_apart_and_an_ignored_row(self, submission):
        x = np.array([[0.0, 1000.0], [0.0, math.log(3)], [5.0, 6.0]])
        cases = [[x, {"labels": np.array([0, 1, -100])}]]
        [loss], _ = submission.run(op_values, name="softmax_cross_entropy", cases=cases)
        expect("softmax_cross_entropy", loss, (1000 - math.log(3 / 4)) / 2)


@pytest.mark.exercise("4.3")
class TestSoftmaxCrossEntropyRule:
    @pytest.mark.points(1)
    def test_eighths(self, submission):
        cases = [[EIGHTHS, {"labels": np.array([2, 1])}]]
        given = {"name": "softmax_cross_entropy", "cases": cases, "grads": [16.0]}
        [[kind, count, slope]], _ = submission.run(op_slopes, **given)
        assert (kind, count) == ("tuple", 1), "a rule returns a tuple of one gradient"
        expect("the rule", slope, [[1, 2, 5 - 8], [6, 1 - 8, 1]])


def labels_or_error(losses, cases):
    def answer(labels, logits, options):
        try:
            found = losses.as_labels(labels, logits, **options)
        except (TypeError, ValueError) as error:
            return [type(error).__name__, str(error)]
        return ["taken", found]

    return [answer(*case) for case in cases]


def is_told(message, *numbers):
    """The message speaks of labels and says these numbers."""
    return "label" in message and {*numbers} <= {int(one) for one in re.findall(r"-?\d+", message)}


@pytest.mark.exercise("4.4")
class TestAsLabels:
    @pytest.mark.points(0.5)
    def test_labels_and_what_are_none(self, submission):
        logits = np.zeros((2, 3))
        kinds = [[0, 2], [0, -100], [0, 3], [-1, 0], [0, 1, 2], [0.0, 1.0], [True, False]]
        cases = [[kind, logits, {}] for kind in [*kinds, [-100, -100]]]
        found = submission.run(labels_or_error, cases=cases)
        assert [one[0] for one in found] == [
            *["taken"] * 2, *["ValueError"] * 3, *["TypeError"] * 2, "ValueError",
        ]  # fmt: skip
        assert np.array_equal(found[1][1], [0, -100])
        assert is_told(found[2][1], 3, 1, 0, 2), "a message names label, position and range"


@pytest.mark.exercise("4.5")
class TestCrossEntropy:
    @pytest.mark.points(0.5)
    def test_eighths_and_options(self, submission):
        cases = [[EIGHTHS, np.array([2, 1]), {}], [EIGHTHS, [2, 7], {"ignore_index": 7}]]
        cases += [[EIGHTHS[:1], [2], {"label_smoothing": 0.5}]]
        found = submission.run(called, name="cross_entropy", cases=cases)
        assert all(kind == ["Tensor", "float64", []] for *kind, _, _ in found)
        smooth = -math.log(5 / 8) / 2 - math.log(10 / 512) / 6
        values = [-math.log(5 / 64) / 2, -math.log(5 / 8), smooth]
        expect("cross_entropy", [loss for *_, loss, _ in found], values)
        expect("what it remembers", [again for *_, again in found], values)


@pytest.mark.exercise("4.6")
class TestSigmoidCrossEntropy:
    @pytest.mark.points(0.5)
    def test_quarters(self, submission):
        x, targets = np.array([math.log(3), -math.log(3), 0.0]), np.array([1.0, 1.0, 0.5])
        cases = [[x, {"targets": targets}]]
        [loss], _ = submission.run(op_values, name="sigmoid_cross_entropy", cases=cases)
        expect("sigmoid_cross_entropy", loss, -math.log(3 / 4 * 1 / 4 * 1 / 2) / 3)


@pytest.mark.exercise("4.7")
class TestSigmoidCrossEntropyRule:
    @pytest.mark.points(0.5)
    def test_quarters(self, submission):
        x, targets = np.array([math.log(3), -math.log(3), 0.0]), np.array([1.0, 1.0, 0.5])
        given = {"cases": [[x, {"targets": targets}]], "grads": [12.0]}
        answers, _ = submission.run(op_slopes, name="sigmoid_cross_entropy", **given)
        [[kind, count, slope]] = answers
        assert (kind, count) == ("tuple", 1), "a rule returns a tuple of one gradient"
        expect("the rule", slope, [-1, -3, 0])


@pytest.mark.exercise("4.8")
class TestBinaryCrossEntropyWithLogits:
    @pytest.mark.points(0.5)
    def test_quarters_and_what_is_no_chance(self, submission):
        x = np.array([math.log(3), -math.log(3)])
        wrong = [[0.0, 1.5], [-0.5, 0.0], [math.nan, 0.0], [[1.0, 0.0]]]
        cases = [[x, one, {}] for one in (np.array([1.0, 0.0]), [0, 1], *wrong)]
        found = submission.run(called, name="binary_cross_entropy_with_logits", cases=cases)
        expect("the loss", [one[3] for one in found[:2]], [-math.log(3 / 4), -math.log(1 / 4)])
        assert [one[0] for one in found[2:]] == ["ValueError"] * 4
        assert "1.5" in found[2][1] and "1" in found[2][1], "a message names target and position"


def numbers_to_quote(losses, losses_given, counts):
    """Of numbers and of tensors; a warning of NumPy's is an error."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    given = [*losses_given, *[Tensor([[one]], requires_grad=True) for one in losses_given]]
    with np.errstate(over="raise"):
        found = [losses.perplexity(loss) for loss in [*given, 2000.0]]
        kept = np.geterr()["over"] == "raise"
    found += [losses.bits_per_byte(loss, *counts) for loss in given]
    return [list(map(float, found)), all(isinstance(one, float) for one in found), kept]


@pytest.mark.exercise("4.9")
class TestPerplexity:
    @pytest.mark.points(1)
    def test_seven_words_and_two_bits(self, submission):
        given = {"losses_given": [math.log(7), 2 * math.log(2)], "counts": [3, 12]}
        found, plain, kept = submission.run(numbers_to_quote, **given)
        expect("perplexity", found[:5], [7, 4, 7, 4, math.inf], 1e-5)
        expect("bits_per_byte", found[5:], [math.log2(7) / 4, 0.5] * 2, 1e-5)
        assert plain, "the results are plain floats"
        assert kept, "NumPy's settings must be as they were"


def shares(losses, cases):
    import numpy as np

    def labels_of(labels, logits, ignore_index=-100):
        array = np.array(labels)
        kept = array[array != ignore_index]
        if kept.min() < 0 or kept.max() >= np.shape(logits)[-1]:
            raise ValueError("labels")
        return array

    losses.as_labels = labels_of  # exercise 4.4 has checks of its own
    found = [losses.accuracy(logits, labels, **options) for logits, labels, options in cases]
    return [list(map(float, found)), all(isinstance(one, float) for one in found), cases]


@pytest.mark.exercise("4.10")
class TestAccuracy:
    @pytest.mark.points(0.5)
    def test_two_of_three(self, submission):
        x = np.array([[1.0, 3.0, 2.0], [5.0, 4.0, 3.0], [0.0, 0.0, 1.0], [2.0, 2.0, 2.0]])
        cases = [[x, np.array([1, 0, 1, 0]), {}], [x, np.array([1, -100, 1, 0]), {}]]
        found, plain, _ = submission.run(shares, cases=cases)
        expect("accuracy", found, [0.75, 2 / 3])
        assert plain, "the results are plain floats"


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
