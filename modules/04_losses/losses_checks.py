"""What the test cells of module 04 call: cases, and oracles from Python's own `math`."""

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]
PAPER = np.log([[1.0, 2.0, 5.0], [6.0, 1.0, 1.0]])  # the softmax is eighths


def mean_square(prediction: Any, target: Any) -> Array:
    pairs = [*zip(np.ravel(prediction).tolist(), np.ravel(target).tolist(), strict=True)]
    return np.array(math.fsum((x - y) ** 2 for x, y in pairs) / len(pairs), np.float64)


def replay(x: Any, other: dict[int, Array]) -> Any:
    """Make a result once more by its memory, from other numbers of some leaves, by their ids."""
    if id(x) in other or not isinstance(x, Tensor):
        return other.get(id(x), x)
    if x.node is None:
        return x.data
    inputs = [replay(one, other) for one in x.node.inputs]
    return np.asarray(x.node.op.forward(*inputs, **x.node.options))


def remembers(what: str, result: Any, x: Tensor, oracle: Function) -> None:
    """The memory of a result leads to x, and gives what is right for other numbers of it."""
    memory = f"{what}, memory"
    recorded = isinstance(result, Tensor) and result.node is not None
    text = "the result does not remember how it was made: take ops on tensors, not their arrays"
    check.that(recorded, text, what=memory)
    other = np.roll(x.data, 1) - 0.25
    got, right = float(replay(result, {id(x): other})), float(oracle(other))
    text = "what the result remembers does not give the right loss for other numbers"
    told = f"{text}: it gives {got:.6g}, expected {right:.6g}"
    check.that(math.isclose(got, right, rel_tol=1e-6), told, got, memory)


def made_with(result: Any, name: str) -> None:
    """The op, with its rule, made the result."""
    made = result.node.op.__name__ if result.node else "nothing"
    text = f"make it with the op {name}, which has a rule; the result was made by {made}"
    check.that(made == name, text, made, "the op")


def learning(numbers: Array) -> Tensor:
    return Tensor(np.array(numbers), requires_grad=True, dtype=np.float64)


@check.exercise
def mse_loss(function: Function) -> None:
    rng = np.random.default_rng(1)
    for what, shape in (
        ("5 numbers", (5,)), ("2 rows of 3", (2, 3)), ("3 axes", (2, 3, 5)), ("one number", ()),
    ):  # fmt: skip
        prediction, target = rng.normal(size=(2, *shape))
        x, y = learning(prediction), Tensor(np.asarray(target), dtype=np.float64)
        check.agree(function, mean_square, x, y, what=what, kind=Tensor, dtypes=False)
        remembers(what, function(x, y), x, lambda other, y=y: mean_square(other, y.data))
    ones, rows = Tensor(np.ones((2, 2))), [[1.0, 2.0], [3.0, 5.0]]
    check.same(function(ones, rows), mean_square(ones.data, rows), "the target as a list")
    x = Tensor(np.array([0.5, 2.0], np.float32))
    check.same(str(function(x, np.array([1.0, 3.0])).dtype), "float32", "the dtype for float32")
    for one, other in (((5, 1), (5,)), ((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 3), (3, 2)),
                       ((6,), (2, 3)), ((1,), ())):  # fmt: skip
        what = f"prediction {one}, target {other}"
        given = Tensor(np.ones(one)), Tensor(np.ones(other))
        check.raises(function, *given, says=[str(one), str(other)], what=what)
    check.raises(function, Tensor(np.ones((0, 3))), Tensor(np.ones((0, 3))), what="no numbers")


def log_shares(row: list[float]) -> list[float]:
    """Logarithms of a softmax; what lies far below the largest adds nothing."""
    total = math.fsum(math.exp(max(x - max(row), -745.0)) for x in row)
    return [x - max(row) - math.log(total) for x in row]


def wanted(label: int, size: int, smoothing: float) -> list[float]:
    """What the softmax should be: its label's row, smoothed."""
    return [smoothing / size + (1 - smoothing) * (j == label) for j in range(size)]


def surprise(
    logits: Array, labels: Array, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Array:
    """Row by row, number by number."""
    losses = []
    for place in np.ndindex(np.shape(labels)):
        label = int(labels[place])
        if label != ignore_index:
            logs = log_shares(logits[place].tolist())
            goal = wanted(label, len(logs), label_smoothing)
            losses.append(-math.fsum(t * log for t, log in zip(goal, logs, strict=True) if t))
    return np.array(math.fsum(losses) / len(losses), logits.dtype)


def surprise_gradient(
    grad: Array, logits: Array, labels: Array, ignore_index: int = -100, label_smoothing: float = 0
) -> tuple[Array]:
    slope = np.zeros(logits.shape, logits.dtype)
    count = sum(int(label) != ignore_index for label in np.ravel(labels))
    for place in np.ndindex(np.shape(labels)):
        label = int(labels[place])
        if label != ignore_index:
            shares = [math.exp(max(x, -745.0)) for x in log_shares(logits[place].tolist())]
            goal = wanted(label, len(shares), label_smoothing)
            parts = [float(grad) * (p - t) / count for p, t in zip(shares, goal, strict=True)]
            slope[place] = parts
    return (slope,)


def label_cases() -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """From the plainest to the oddest: what, logits, options."""
    rng = np.random.default_rng(4)
    rows, cube = rng.normal(size=(7, 3)) * 2, rng.normal(size=(2, 11, 3)) * 2
    labels, drawn = np.array([0, 2, 1, 1, 0, 2, 0]), rng.integers(0, 3, size=(2, 11))
    some = drawn.copy()
    some[0, 1:5] = some[1, 6] = -100
    yield "2 rows", PAPER, {"labels": np.array([2, 1])}
    yield "1 row", PAPER[:1], {"labels": np.array([1])}
    yield "7 rows", rows, {"labels": labels}
    yield "3 axes", cube, {"labels": drawn}
    yield "no leading axis", rows[0], {"labels": np.array(2)}
    yield "2 of 7 rows ignored", rows, {"labels": np.array([-100, 2, 1, -100, 0, 2, 0])}
    yield "3 axes, 5 of 22 rows ignored", cube, {"labels": some}
    yield "ignore_index=1", rows, {"labels": labels, "ignore_index": 1}
    yield "ignore_index=-1", rows, {"labels": np.where(labels == 1, -1, labels), "ignore_index": -1}
    yield "smoothing", rows, {"labels": labels, "label_smoothing": 0.3}
    yield "smoothing, and ignored rows", cube, {"labels": some, "label_smoothing": 0.3}


def far_cases() -> Iterator[tuple[str, Array, dict[str, Any]]]:
    far, spread = np.array([[1000.0, 1001.0, 999.0], [-1000.0, -1002.0, -1001.0]]), 1000 * PAPER
    yield "scores that are 1000 apart", spread, {"labels": np.array([0, 2])}
    yield "scores near 1000 and near -1000", far, {"labels": np.array([0, 2])}


@check.exercise
def softmax_cross_entropy(op: Any) -> None:
    for what, logits, options in (*label_cases(), *far_cases()):
        check.agree(op, surprise, logits, what=what, quiet=True, dtypes=False, **options)
    hidden = np.array([[0.0, 1.0, 2.0], [np.nan, np.nan, np.nan]])
    options = {"labels": np.array([0, -100])}
    check.agree(op, surprise, hidden, what="NaN in an ignored row", dtypes=False, **options)
    logits, labels = PAPER.copy(), np.array([2, 1])
    remembers("2 rows", op(x := learning(logits), labels=labels), x, of_labels(labels))


def of_labels(labels: Any, **options: Any) -> Function:
    """The right loss of logits alone."""
    kept = np.array(labels)
    return lambda logits: surprise(np.asarray(logits), kept, **options)


@check.exercise
def softmax_cross_entropy_rule(op: Any) -> None:
    for what, logits, options in (*label_cases(), *far_cases()):
        check.rule(op, surprise, surprise_gradient, np.array(1.0), logits, what=what, **options)
        grad, told = np.array(-1.7), f"{what}, grad -1.7"
        check.rule(op, surprise, surprise_gradient, grad, logits, what=told, **options)
    hidden = np.array([[0.0, 1.0, 2.0], [np.nan, np.nan, np.nan]])
    options = {"labels": np.array([0, -100])}
    what = "NaN in an ignored row"
    check.rule(op, surprise, surprise_gradient, np.array(1.0), hidden, what=what, **options)


def of_any_labels(logits: Array, labels: Any) -> Array:
    return surprise(logits, np.array(labels))


def array_of(labels: Any, logits: Any, ignore_index: int = -100) -> Array:
    return np.array(labels)


@check.exercise
def as_labels(function: Function) -> None:
    logits, labels = np.zeros((2, 2, 7)), [[0, 6], [5, 4]]
    for form, given in (
        ("a list", labels),
        ("an array", np.array(labels)),
        ("a tensor", Tensor(labels)),
        ("an array of uint8", np.array(labels, np.uint8)),
        ("a list with an ignored label", [[0, -100], [-100, 6]]),
    ):
        what = f"labels as {form}"
        check.agree(function, array_of, given, logits, what=what, kind=np.ndarray)
    what = "ignore_index=-1"
    check.agree(function, array_of, [3, -1], np.zeros((2, 7)), what=what, ignore_index=-1)
    what = "logits as a tensor that learns"
    check.agree(function, array_of, [3, 1], learning(np.zeros((2, 7))), what=what)
    check.agree(function, array_of, 3, np.zeros(7), what="a single label")
    wrong_labels: list[tuple[Any, list[str], dict[str, Any]]] = [
        ([0, 2, -1], ["-1", "(2,)"], {}),
        ([0, 9, -1], ["9", "(1,)"], {}),
        ([7, 0, 1], ["7", "(0,)"], {}),
        ([[0, 1], [2, 3], [4, -2]], ["-2", "(2, 1)"], {}),
        ([0, -100, 3], ["-100", "(1,)"], {"ignore_index": -1}),
        (np.array([0, 9, 1], np.uint8), ["9", "(1,)"], {}),
    ]
    for wrong, says, options in wrong_labels:
        what = f"labels {np.asarray(wrong).tolist()} for 7 classes"
        what += "".join(f", {key}={value}" for key, value in options.items())
        scores = np.zeros((*np.shape(wrong), 7))
        check.raises(function, wrong, scores, says=[*says, "0 to 6"], what=what, **options)
    for shape, other in (((3,), (2, 7)), ((2, 3), (3, 2, 7)), ((2, 1), (2, 7)), ((6,), (2, 3, 7)),
                         ((2, 7), (2, 7)), ((1,), (7,)), ((), (2, 7))):  # fmt: skip
        what = f"labels {shape}, logits {other}"
        zeros, scores = np.zeros(shape, int), np.zeros(other)
        check.raises(function, zeros, scores, says=[str(shape), str(other[:-1])], what=what)
    for kind in ([0.0, 1.0], ["mat", "moon"], [True, False], Tensor([1.0, 2.0])):
        check.raises(function, kind, np.zeros((2, 7)), error=TypeError, says=["labels"])
    check.raises(function, [-100, -100], np.zeros((2, 7)), what="no label that counts")
    check.raises(function, np.zeros(0, int), np.zeros((0, 7)), what="no labels at all")
    for form, theirs in (("an array", np.array([3, 4])), ("a tensor", Tensor([3, 4]))):
        found = function(theirs, np.zeros((2, 7)))
        theirs[0] = 0
        text = "it changes with the caller's; the gradient needs the labels as they were: copy"
        check.that(found[0] == 3, text, what=f"the result for {form}")


@check.exercise
def cross_entropy(function: Function) -> None:
    x, array = learning(PAPER), np.array([2, 1])
    result = check.call(function, x, array, what="2 rows", names=["logits", "labels"])
    check.that(
        isinstance(result, Tensor), f"{shown(result)} came, expected a Tensor", what="2 rows"
    )
    check.same(result, surprise(PAPER, array), "2 rows")
    result = function(x, array, label_smoothing=0.3)
    remembers("2 rows, label_smoothing=0.3", result, x, of_labels(array, label_smoothing=0.3))
    made_with(result, "softmax_cross_entropy")
    for form, labels in (("a list", [2, 1]), ("an array", array), ("a tensor", Tensor(array))):
        what = f"labels as {form}"
        check.agree(function, of_any_labels, x, labels, what=what, kind=Tensor)
    for what, logits, options in (*label_cases(), *far_cases()):
        labels, rest = options["labels"], {k: v for k, v in options.items() if k != "labels"}
        leaf = learning(logits)
        check.agree(function, surprise, leaf, labels, what=what, quiet=True, kind=Tensor, **rest)
    result = function(x := learning(PAPER), array)
    array[...] = 0
    text = "the gradient needs the labels as they were: copy them"
    kept = math.isclose(replay(result, {}), float(surprise(PAPER, np.array([2, 1]))), rel_tol=1e-6)
    check.that(kept, text, what="the caller's labels change after the call")
    for smoothing in (-0.1, 1.0, 1.5, float("nan")):
        says, what = ["label_smoothing"], f"label_smoothing={smoothing}"
        check.raises(function, x, [2, 1], says=says, what=what, label_smoothing=smoothing)
    what, integers = "logits that are integers", Tensor([[1, 2], [3, 4]])
    check.raises(function, integers, [0, 1], error=TypeError, says=["logits"], what=what)
    for wrong in ([2, 3], [2, -1], [2], [[2, 1]], [-100, -100]):
        what = f"cross_entropy of logits (2, 3) and labels {wrong}"
        check.raises(function, x, wrong, what=what)
    check.raises(function, x, [0.0, 1.0], error=TypeError, what="labels that are floats")


def log_chance(x: float) -> float:
    """The logarithm of σ(x)."""
    return -math.log1p(math.exp(-x)) if x > -700 else x


def doubt(logits: Array, targets: Array) -> Array:
    pairs = [*zip(np.ravel(logits).tolist(), np.ravel(targets).tolist(), strict=True)]
    terms = (y * log_chance(x) if y else 0.0 for x, y in pairs)
    others = ((1 - y) * log_chance(-x) if y != 1 else 0.0 for x, y in pairs)
    return np.array(-(math.fsum(terms) + math.fsum(others)) / len(pairs), logits.dtype)


def doubt_gradient(grad: Array, logits: Array, targets: Array) -> tuple[Array]:
    slope = np.empty(logits.shape, logits.dtype)
    for place in np.ndindex(logits.shape):
        slope[place] = math.exp(log_chance(float(logits[place]))) - targets[place]
    return (slope * float(grad) / logits.size,)


def target_cases() -> Iterator[tuple[str, Array, Array]]:
    rng = np.random.default_rng(6)
    yield "5 answers", np.array([1.5, -0.5, 2.0, 0.25, -1.0]), np.array([1.0, 1.0, 0, 1, 0])
    yield "a yes", np.array([1.5]), np.array([1.0])
    yield "a no", np.array([1.5]), np.array([0.0])
    yield "2 rows of 3", rng.normal(size=(2, 3)) * 2, np.array([[0.0, 1, 1], [1, 0, 1]])
    yield "chances between 0 and 1", rng.normal(size=(2, 3)) * 2, rng.random((2, 3))
    yield "3 axes", rng.normal(size=(2, 3, 5)) * 2, rng.random((2, 3, 5))
    far = np.array([1000.0, -1000.0, 1000.0, -1000.0, 0.0])
    yield "logits 1000 and -1000", far, np.array([1.0, 0.0, 0.0, 1.0, 0.5])
    tiny = np.array([-12.0, 12.0, 40.0, -40.0])
    yield "right and sure", tiny, np.array([0.0, 1.0, 1.0, 0.0])


@check.exercise
def sigmoid_cross_entropy(op: Any) -> None:
    for what, logits, targets in target_cases():
        check.agree(op, doubt, logits, targets=targets, what=what, quiet=True, dtypes=False)
    x, targets = learning(np.array([[0.5, -2.0]])), np.array([[1.0, 0.25]])
    result = op(x, targets=targets)
    remembers("2 answers", result, x, lambda logits: doubt(logits, targets))


@check.exercise
def sigmoid_cross_entropy_rule(op: Any) -> None:
    for what, logits, targets in target_cases():
        for grad in (1.0, -1.7):
            told = what if grad == 1 else f"{what}, grad -1.7"
            given = np.array(grad), logits
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                check.rule(op, doubt, doubt_gradient, *given, what=told, targets=targets)


@check.exercise
def binary_cross_entropy_with_logits(function: Function) -> None:
    x, array = learning(np.array([[0.5, -2.0, 1.0]])), np.array([[1.0, 0.0, 0.25]])
    right, names = doubt(x.data, before := array.copy()), ["logits", "targets"]
    for form, targets in (
        ("an array", array), ("a list", array.tolist()), ("a tensor", Tensor(array)),
    ):  # fmt: skip
        what = f"targets as {form}"
        got = check.call(function, x, targets, what=what, names=names)
        check.that(isinstance(got, Tensor), f"{shown(got)} came, expected a Tensor", what=what)
        check.same(got, right, what)
        remembers(what, function(x, targets), x, lambda logits: doubt(logits, before))
        made_with(got, "sigmoid_cross_entropy")
    integers = np.array([[1, 0, 1]])
    check.same(function(x, integers), doubt(x.data, integers), "targets that are integers")
    for what, logits, targets in target_cases():
        given = learning(logits), targets
        check.agree(function, doubt, *given, what=what, quiet=True, kind=Tensor)
    result = function(x, array)
    array[...] = 1
    kept = math.isclose(replay(result, {}), float(right), rel_tol=1e-6)
    text = "the gradient needs the targets as they were: copy them"
    check.that(kept, text, what="the caller's targets change after the call")
    for one, other in (((5, 1), (5,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((2, 3), (1, 3))):
        what, given = f"logits {one}, targets {other}", (Tensor(np.ones(one)), np.ones(other))
        check.raises(function, *given, says=[str(one), str(other)], what=what)
    for wrong, says in (
        ([0.0, 1.5, 2.0], ["1.5", "(1,)"]),
        ([1.0, 0.5, -0.25], ["-0.25", "(2,)"]),
        ([float("nan"), 0.0, 1.0], ["nan", "(0,)"]),
        ([[0.0, 1.0], [1.0, 7.0]], ["7", "(1, 1)"]),
    ):
        zeros = Tensor(np.zeros(np.shape(wrong)))
        check.raises(function, zeros, wrong, says=["targets", *says], what=f"targets {wrong}")
    what = "logits that are integers"
    check.raises(function, Tensor([1, 2]), [0, 1], error=TypeError, says=["logits"], what=what)
    check.raises(function, Tensor(np.ones((0, 3))), np.ones((0, 3)), what="no numbers")


@check.exercise
def perplexity(perplexity: Function, bits_per_byte: Function) -> None:
    for what, loss in (
        ("perplexity of ln 7", math.log(7)),
        ("perplexity of 0", 0.0),
        ("perplexity of a tensor of 100", Tensor(100.0)),  # e^100 is beyond float32
        ("perplexity of a tensor", Tensor(2.0)),
        ("perplexity of 709.77, nearly the largest", math.log(sys.float_info.max) - 0.01),
        ("perplexity of a tensor of shape (1, 1)", Tensor([[0.5]])),
        ("perplexity of a tensor that learns", learning(np.array(3.0))),
        ("perplexity of an int", 4),
    ):
        right = math.exp(float(np.asarray(loss.data if isinstance(loss, Tensor) else loss).item()))
        got = check.call(perplexity, loss, what=what, names=["loss"])
        plain(got, right, what)
    what = "perplexity of 710"
    with np.errstate(over="raise"):
        got = check.call(perplexity, 710.0, what=what, names=["loss"])
        kept = np.geterr()["over"]
    text = "it changes NumPy's settings for all that comes after: take `with np.errstate(...)`"
    check.that(kept == "raise", text, kept, what)
    check.that(got == math.inf, f"it must be infinity; it is {shown(got)}", got, what)
    check.raises(perplexity, Tensor([1.0, 2.0]), what="perplexity of two losses")
    check.raises(bits_per_byte, Tensor([1.0, 2.0]), 3, 7, what="bits_per_byte of two losses")
    counts = ((5, 13), (8, 8), (300, 70), (3, 7))
    losses: tuple[Any, ...] = (1.5, math.log(2), Tensor([0.75]), 1000.0)
    for loss, (tokens, size) in zip(losses, counts, strict=True):
        number = float(loss.data[0]) if isinstance(loss, Tensor) else loss
        what = f"bits_per_byte of loss {number:.4g}, {tokens} tokens, {size} bytes"
        got = check.call(bits_per_byte, loss, tokens, size, what=what)
        plain(got, number * math.log2(math.e) * tokens / size, what)


def plain(got: Any, right: float, what: str) -> None:
    """A plain float of this value."""
    check.same(got, np.array(right), what)
    text = f"it must be a plain float; {with_article(type(got).__name__)} came"
    check.that(isinstance(got, float), text, type(got).__name__, f"{what}, type")


def share(logits: Array, labels: Array, ignore_index: int = -100) -> Array:
    hits = []
    for place in np.ndindex(np.shape(labels)):
        label, row = int(labels[place]), logits[place].tolist()
        if label != ignore_index:
            hits.append(row.index(max(row)) == label)
    return np.array(sum(hits) / len(hits), np.float64)


def ranked_cases() -> Iterator[tuple[str, Array, Array, dict[str, Any]]]:
    """Scores, and labels of which some are right: what, logits, labels, options."""
    rng = np.random.default_rng(10)
    rows, cube = rng.normal(size=(101, 3)), rng.normal(size=(2, 11, 5))
    best, more = rows.argmax(axis=-1), cube.argmax(axis=-1)
    labels = np.where(np.arange(101) % 5 < 2, best, (best + 1 + np.arange(101) % 2) % 3)
    many = np.where(rng.random((2, 11)) < 0.6, more, (more + 2) % 5)
    some = many.copy()
    some[0, 1:5] = some[1, 6:8] = -100
    yield "101 rows, 41 of them right", rows, labels, {}
    yield "3 axes", cube, many, {}
    yield "3 axes, 6 of 22 rows ignored", cube, some, {}
    yield "ignore_index=0", rows, labels, {"ignore_index": 0}
    yield "ignore_index=-1", cube, np.where(many == 0, -1, many), {"ignore_index": -1}
    ties = np.array([[1.0, 1, 0], [0, 2, 2], [3, 3, 3], [1, 1, 0], [0, 2, 2], [5, 0, 0], [0, 0, 4]])
    yield "equal scores", ties, np.array([0, 2, 2, 1, 1, 0, 0]), {}
    yield "no leading axis", np.array([1.0, 3.0, 2.0]), np.array(1), {}


@check.exercise
def accuracy(function: Function) -> None:
    for what, logits, labels, options in ranked_cases():
        check.agree(function, share, logits, labels, what=what, kind=float, **options)
    what = "logits as a tensor, labels as a list"
    plain(check.call(function, learning(PAPER), [2, 1], what=what), 0.5, what)
    for wrong in ([2, 3], [2, -1], [2], [[2, 1]], [-100, -100]):
        what = f"accuracy of logits (2, 3) and labels {wrong}"
        check.raises(function, PAPER, wrong, what=what)
