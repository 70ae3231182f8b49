"""Hidden checks of module 04: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_losses import (
    called,
    is_told,
    labels_or_error,
    numbers_to_quote,
    op_slopes,
    op_values,
    shares,
)


@pytest.mark.exercise("4.1")
class TestMseLoss:
    @pytest.mark.points(0.5)
    def test_other_shapes_memory_and_what_is_refused(self, submission, rng):
        shapes = [(7,), (2, 3, 5), (), (1,), (5, 1)]
        cases = [[*rng.normal(size=(2, *shape)), {}] for shape in shapes]
        cases += [[np.float32(x), np.float32(y), {}] for x, y, _ in cases[:2]]
        cases += [[rng.normal(size=(2, 3)), rng.normal(size=(2, 3)).tolist(), {}]]
        given = {"name": "mse_loss", "cases": cases, "other": float(rng.uniform(0.5, 2))}
        for (x, y, _), found in zip(cases, submission.run(called, **given), strict=True):
            dtype, right = str(x.dtype), np.mean((np.asarray(x) - y) ** 2)
            again = np.mean((np.asarray(x) + given["other"] - y) ** 2)
            assert found[:3] == ["Tensor", dtype, []]
            submission.expect(found[3], float(right))
            submission.expect(found[4], float(again))
        wrong = [((5, 1), (5,)), ((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 3), (3, 2)), ((0,), (0,))]
        cases = [[np.ones(one), np.ones(other), {}] for one, other in wrong]
        found = submission.run(called, name="mse_loss", cases=cases)
        assert [one[0] for one in found] == ["ValueError"] * 5, "unequal shapes are taken"


def label_cases(rng):
    """Rows and blocks of rows, some of them ignored, some smoothed."""
    cases = []
    for shape in [(1,), (7,), (2, 3), (), (2, 3, 5)]:
        num_classes = int(rng.integers(4, 12))
        x, labels = 3 * rng.normal(size=(*shape, num_classes)), rng.integers(0, num_classes, shape)
        labels, some = np.asarray(labels), np.array(labels)
        cases.append([x, {"labels": labels}])
        cases.append([x, {"labels": labels, "label_smoothing": float(rng.uniform(0.1, 0.5))}])
        if labels.size > 5:
            some.flat[1:4] = -100
            smoothed = {"label_smoothing": float(rng.uniform(0.1, 0.5))}
            cases += [[x, {"labels": some}], [x, {"labels": some, **smoothed}]]
            one = int(labels.flat[2])
            if (labels != one).any():
                cases.append([x, {"labels": labels, "ignore_index": one}])
    return cases


def far_cases(rng):
    x, labels = 2000 * rng.normal(size=(5, 7)), rng.integers(0, 7, size=5)
    row = rng.normal(size=(3, 7)) + np.array([[3000.0], [-3000.0], [0.0]])
    return [[x, {"labels": labels}], [row, {"labels": labels[:3]}]]


@pytest.mark.exercise("4.2")
class TestSoftmaxCrossEntropy:
    @pytest.mark.points(1)
    def test_rows_ignored_and_smoothed(self, submission, rng):
        cases = label_cases(rng)
        cases += [[np.float32(x), options] for x, options in cases[:4]]
        cases += [[np.array(x, order="F"), options] for x, options in cases[6:12]]
        submission.check(op_values, name="softmax_cross_entropy", cases=cases)

    @pytest.mark.points(1)
    def test_far_scores(self, submission, rng):
        submission.check(op_values, name="softmax_cross_entropy", cases=far_cases(rng))


@pytest.mark.exercise("4.3")
class TestSoftmaxCrossEntropyRule:
    @pytest.mark.points(1)
    def test_rows_ignored_and_smoothed(self, submission, rng):
        cases = label_cases(rng)
        cases += [[np.array(x, order="F"), options] for x, options in cases[6:12]]
        grads = [float(one) for one in rng.normal(size=len(cases))]
        submission.check(op_slopes, name="softmax_cross_entropy", cases=cases, grads=grads)

    @pytest.mark.points(1)
    def test_far_scores_and_float32(self, submission, rng):
        cases = far_cases(rng) + [[np.float32(x), options] for x, options in label_cases(rng)]
        grads = [float(one) for one in rng.normal(size=len(cases))]
        submission.check(op_slopes, name="softmax_cross_entropy", cases=cases, grads=grads)


@pytest.mark.exercise("4.4")
class TestAsLabels:
    @pytest.mark.points(0.5)
    def test_labels_of_every_kind(self, submission, rng):
        size = int(rng.integers(50, 100))
        labels = rng.integers(0, size, size=(2, 3, 5))
        labels[0, 0, 0], labels[1, 2, 4] = 0, size - 1
        logits, some = np.zeros((2, 3, 5, size), "f"), labels.copy()
        some[1, 0, :3] = -100
        cases = [[labels, logits, {}], [labels.tolist(), logits, {}], [some, logits, {}]]
        cases += [[labels.astype(np.uint8), logits, {}], [labels.astype("i4"), logits, {}]]
        cases += [[np.where(labels == 0, -7, labels), logits, {"ignore_index": -7}]]
        cases += [[size - 1, np.zeros(size), {}]]
        for case, (how, found) in zip(
            cases, submission.run(labels_or_error, cases=cases), strict=True
        ):
            assert how == "taken", f"right labels are refused: {found}"
            assert isinstance(found, np.ndarray), "the labels do not come back as an array"
            assert found.dtype.kind in "iu", "the labels do not come back as integers"
            assert np.array_equal(found, case[0]), "the labels come back changed"

        def kept(losses, labels, size):
            import numpy as np

            from tinytorch.core.tensor import Tensor

            kinds = [labels, Tensor(labels)]
            found = [losses.as_labels(one, np.zeros((*labels.shape, size))) for one in kinds]
            labels[...] = 0
            return found

        submission.check(kept, labels=labels, size=size)

    @pytest.mark.points(1)
    def test_the_first_wrong_label_its_place_the_range_and_misfits(self, submission, rng):
        size = int(rng.integers(50, 100))
        labels, logits = rng.integers(10, 50, size=(7, 5, 3)), np.zeros((7, 5, 3, size), "f")
        i, j, k = rng.integers(3, 5), rng.integers(1, 5), rng.integers(0, 3)
        for wrong in (size, size + 13, -1, -29):
            given = labels.copy()
            given[i, j, k], given[5, 0, 0], given[6, 4, 2] = wrong, 907, -908
            [[how, text]] = submission.run(labels_or_error, cases=[[given, logits, {}]])
            assert how == "ValueError", "a wrong label is no ValueError"
            assert is_told(text, wrong, i, j, k), "the label, or where it stands, is not named"
            assert str(size - 1) in text or str(size) in text, "the range is not named"
            others = [number for number in ("907", "908") if number in text]
            assert not others, "another label than the first wrong one is named"
        shapes = [((3,), (2, 7)), ((2, 3), (3, 2, 7)), ((2, 1), (2, 7)), ((6,), (2, 3, 7))]
        shapes += [((2, 7), (2, 7)), ((), (2, 7)), ((0,), (0, 7))]
        cases = [[np.zeros(one, int), np.zeros(other), {}] for one, other in shapes]
        cases += [[np.full(3, -100), np.zeros((3, size)), {}]]
        found = submission.run(labels_or_error, cases=cases)
        assert [one[0] for one in found] == ["ValueError"] * len(cases), "a misfit is taken"
        cases = [[rng.normal(size=3), np.zeros((3, 7)), {}], [np.ones(3) > 0, np.zeros((3, 7)), {}]]
        found = submission.run(labels_or_error, cases=cases)
        assert [one[0] for one in found] == ["TypeError"] * 2, "what are no integers is taken"


def public(losses, name, cases, other):
    """A public loss, with right parts from other exercises; kinds of errors without their words."""
    import numpy as np

    from tinytorch.core.tensor import Tensor, unwrap

    def softmax_loss(logits, *, labels, ignore_index=-100, label_smoothing=0.0):
        kept, size = labels != ignore_index, logits.shape[-1]
        logs = logits - np.logaddexp.reduce(logits, axis=-1)[..., None]
        wanted = (labels[..., None] == np.arange(size)) * (1 - label_smoothing)
        losses = -((wanted + label_smoothing / size) * logs).sum(axis=-1)
        return losses[kept].mean()

    def sigmoid_loss(logits, *, targets):
        return (np.logaddexp(0, logits) - logits * targets).mean()

    def labels_of(labels, logits, ignore_index=-100):
        array, size = np.array(unwrap(labels)), np.shape(logits)[-1]
        kept = array[array != ignore_index] if array.dtype.kind in "iu" else None
        if kept is None:
            raise TypeError("labels")
        if array.shape != np.shape(logits)[:-1] or not kept.size:
            raise ValueError("labels")
        if kept.min() < 0 or kept.max() >= size:
            raise ValueError("labels")
        return array

    losses.softmax_cross_entropy.forward = softmax_loss  # they have checks of their own
    losses.sigmoid_cross_entropy.forward = sigmoid_loss
    losses.as_labels = labels_of

    def replay(part):
        if part is given:
            return part.data + other
        if not isinstance(part, Tensor) or part.node is None:
            return unwrap(part)
        return part.node.op.forward(*map(replay, part.node.inputs), **part.node.options)

    answers = []
    for x, y, options in cases:
        given = Tensor(x, requires_grad=x.dtype.kind == "f", dtype=x.dtype)
        theirs = np.array(y) if isinstance(y, np.ndarray) else y
        try:
            loss = getattr(losses, name)(given, theirs, **options)
        except (TypeError, ValueError) as error:
            answers.append(type(error).__name__)
            continue
        if isinstance(theirs, np.ndarray):
            theirs[...] = 1
        kind = [type(loss).__name__, str(loss.dtype), list(loss.shape), loss.requires_grad]
        answers.append([*kind, loss.item(), float(replay(loss)), loss.node.op.__name__])
    return answers


@pytest.mark.exercise("4.5")
class TestCrossEntropy:
    @pytest.mark.points(0.5)
    def test_other_labels_options_and_memory(self, submission, rng):
        cases = []
        for x, options in label_cases(rng):
            labels = options.pop("labels")
            cases += [[x, labels, options], [np.float32(x), labels.tolist(), options]]
        x, labels = rng.normal(size=(7, 5)), rng.integers(0, 5, size=7)
        cases += [[x, np.where(labels == labels[0], -1, labels), {"ignore_index": -1}]]
        given = {"cases": cases, "other": float(rng.normal())}
        submission.check(public, name="cross_entropy", **given)

    @pytest.mark.points(1)
    def test_what_is_refused(self, submission, rng):
        n, size = int(rng.integers(3, 9)), int(rng.integers(4, 9))
        x, labels = rng.normal(size=(n, size)), rng.integers(0, size, size=n)
        cases = [[x, labels, {"label_smoothing": one}] for one in (-0.1, 1.0, 1.5, np.nan, 0.0)]
        cases += [[x, labels, {"label_smoothing": 0.99}], [x.astype(int), labels, {}]]
        cases += [[x, labels + size, {}], [x, labels - size, {}], [x, labels[:-1], {}]]
        cases += [[x, labels.astype(float), {}], [x, np.full(n, -100), {}], [x, labels[None], {}]]
        submission.check(public, name="cross_entropy", cases=cases, other=1.0)


def target_cases(rng):
    cases = []
    for shape in [(1,), (7,), (2, 3), (), (2, 3, 5), (5, 1)]:
        x, chances = 3 * rng.normal(size=shape), rng.random(size=shape)
        cases += [[np.asarray(x), {"targets": np.asarray(chances)}]]
        cases += [[np.asarray(x), {"targets": np.round(chances)}]]
    far = 2000 * rng.normal(size=11)
    return [*cases, [far, {"targets": np.round(rng.random(size=11))}]]


@pytest.mark.exercise("4.6")
class TestSigmoidCrossEntropy:
    @pytest.mark.points(1.5)
    def test_other_answers_and_far_scores(self, submission, rng):
        cases = target_cases(rng)
        cases += [[np.float32(x), options] for x, options in cases]
        submission.check(op_values, name="sigmoid_cross_entropy", cases=cases)


@pytest.mark.exercise("4.7")
class TestSigmoidCrossEntropyRule:
    @pytest.mark.points(1.5)
    def test_other_answers_and_far_scores(self, submission, rng):
        cases = target_cases(rng)
        cases += [[np.array(x, order="F"), options] for x, options in cases[:10]]
        grads = [float(one) for one in rng.normal(size=len(cases))]
        submission.check(op_slopes, name="sigmoid_cross_entropy", cases=cases, grads=grads)


@pytest.mark.exercise("4.8")
class TestBinaryCrossEntropyWithLogits:
    @pytest.mark.points(1)
    def test_other_targets_and_memory(self, submission, rng):
        cases = [[x, options["targets"], {}] for x, options in target_cases(rng)]
        cases += [[np.float32(x), y.tolist(), {}] for x, y, _ in cases]
        given = {"cases": cases, "other": float(rng.normal())}
        submission.check(public, name="binary_cross_entropy_with_logits", **given)

    @pytest.mark.points(0.5)
    def test_what_is_refused(self, submission, rng):
        n = int(rng.integers(3, 9))
        x, good = rng.normal(size=n), rng.random(size=n)
        cases = [[x, good, {}], [x.astype(int), np.round(good), {}], [x[:, None], good, {}]]
        cases += [[x[None], good, {}], [x[:0], good[:0], {}]]
        for wrong in (1.01, -0.01, np.nan, 5.0):
            bad = good.copy()
            bad[rng.integers(0, n)] = wrong
            cases.append([x, bad, {}])
        given = {"cases": cases, "other": 1.0}
        submission.check(public, name="binary_cross_entropy_with_logits", **given)
        at, number = int(rng.integers(1, n)), float(rng.integers(11, 100))
        bad = good.copy()
        bad[at:] = [number, *[number + 100] * (n - at - 1)]
        given = {"name": "binary_cross_entropy_with_logits", "cases": [[x, bad, {}]]}
        [[how, text]] = submission.run(called, **given)
        assert how == "ValueError", "a target that is no chance is taken"
        assert f"{number:g}" in text and str(at) in text, "target and position are not named"
        assert f"{number + 100:g}" not in text, "another target than the first wrong one is named"


@pytest.mark.exercise("4.9")
class TestPerplexity:
    @pytest.mark.points(1)
    def test_other_numbers(self, submission, rng):
        drawn = rng.uniform([0, 0, 0, 90, 701, 720], [9, 9, 9, 700, 709, 999])
        given = [float(one) for one in drawn]
        counts = [int(one) for one in rng.integers(3, 99, size=2)]
        submission.check(numbers_to_quote, losses_given=given, counts=counts)

        def of_two_losses(losses):
            from tinytorch.core.tensor import Tensor

            answers = []
            for quote, more in ((losses.perplexity, []), (losses.bits_per_byte, [3, 7])):
                try:
                    answers.append(float(quote(Tensor([1.0, 2.0]), *more)))
                except ValueError:
                    answers.append("ValueError")
            return answers

        assert submission.run(of_two_losses) == ["ValueError"] * 2, "one loss is wanted, two came"


@pytest.mark.exercise("4.10")
class TestAccuracy:
    @pytest.mark.points(0.5)
    def test_other_shares(self, submission, rng):
        cases = []
        for shape in [(101,), (2, 3, 5), (), (7, 11)]:
            x = rng.integers(0, 9, size=(*shape, 5)).astype(float)  # with equal scores
            labels = np.asarray(np.where(rng.random(shape) < 0.5, x.argmax(axis=-1), 2))
            some = np.where(rng.random(shape) < 0.3, -100, labels)
            marked = np.where(some == -100, -1, labels)
            cases += [[x, labels, {}]]
            cases += [[x, marked, {"ignore_index": -1}]] if (marked >= 0).any() else []
            cases += [[x, some, {}]] if (some >= 0).any() else []
        cases += [[x, labels, {"ignore_index": 2}]]
        submission.check(shares, cases=cases)

        def refused(losses, x, labels):
            answers = []
            for wrong in (labels + 5, labels[:-1], labels.astype(float), labels * 0 - 100):
                try:
                    answers.append(losses.accuracy(x, wrong))
                except (TypeError, ValueError) as error:
                    answers.append(type(error).__name__)
            return answers

        submission.check(refused, x=x, labels=labels)
