"""What the test cells of module 11 call: cases, and oracles that pick row by row."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]
IDS = {
    "ids (6,), one of them twice": np.array([0, 1, 2, 3, 0, 4]),
    "ids (5, 2)": np.array([[1, 2], [3, 4], [5, 6], [0, 0], [1, 1]]),
    "ids (2, 2), id 1 three times": np.array([[0, 1], [1, 1]]),
    "a single id": np.array(5),
}


def rows_of(weight: Array, ids: Array) -> Array:
    rows = [weight.tolist()[number] for number in ids.ravel().tolist()]
    return np.array(rows, weight.dtype).reshape(*ids.shape, weight.shape[1])


def lookup_gradient(grad: Array, weight: Array, ids: Array) -> tuple[Array]:
    """Each row of `grad` goes where its id says; a product with one-hot rows."""
    one_hot = (ids.ravel()[:, None] == np.arange(len(weight))).astype(float)
    return (one_hot.T @ grad.reshape(-1, weight.shape[1]),)


@check.exercise
def embedding_lookup(op: Any) -> None:
    weight = np.random.default_rng(1).normal(size=(7, 3))
    for what, ids in IDS.items():
        check.agree(op, rows_of, weight, ids=ids, what=what)
    weight[6, 1] = np.inf
    what = "a table with an infinite number in row 6"
    check.agree(op, rows_of, weight, ids=IDS["ids (5, 2)"], what=what)


@check.exercise
def embedding_lookup_rule(op: Any) -> None:
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(7, 3))
    for what, ids in IDS.items():
        grad = rng.normal(size=(*ids.shape, 3))
        check.rule(op, rows_of, lookup_gradient, grad, weight, ids=ids, what=what)


def array_of(ids: Any, vocab_size: int) -> Array:
    return np.array(ids)


@check.exercise
def as_ids(function: Function) -> None:
    ids = [[0, 6], [5, 4]]
    for form, given in (
        ("a list", ids),
        ("an array", np.array(ids)),
        ("a tensor", Tensor(ids)),
        ("a single int", 5),
        ("an array of uint8", np.array(ids, np.uint8)),
        ("a list of lists of lists", [[[1], [2], [3]]]),
        ("an array without any", np.zeros((2, 0), int)),
    ):
        check.agree(function, array_of, given, 7, what=f"ids as {form}", kind=np.ndarray)
    for wrong, says in (
        ([[1, 2], [3, 7]], ["7", "(1, 1)"]),
        ([0, 1, -1], ["-1", "(2,)"]),
        ([0, 9, -1, 8], ["9", "(1,)"]),
        (np.array([0, 9], np.uint8), ["9", "(1,)"]),
        ([0, 2**32], [str(2**32), "(1,)"]),
    ):
        check.raises(function, wrong, 7, says=[*says, "0 to 6"], what=f"as_ids({wrong}, 7)")
    for kind in ([0.0, 1.0], ["the", "cat"], [True, False], Tensor([1.0])):
        check.raises(function, kind, 7, error=TypeError, says=["ids"])
    for form, theirs in (("an array", np.array([3, 4])), ("a tensor", Tensor([3, 4]))):
        found = function(theirs, 7)
        theirs[0] = 0
        text = "it changes with the caller's; the gradient needs the ids as they were: copy"
        check.that(found[0] == 3, text, what=f"the result for {form}")


def standard_normal(what: str, numbers: Array) -> None:
    mean, variance = float(numbers.mean()), float(numbers.var())
    text = f"it must come from N(0, 1); yours has mean {mean:.2g} and variance {variance:.2g}"
    fits = abs(mean) < 0.02 and abs(variance - 1) < 0.02
    check.that(fits, text, np.round([mean, variance], 2), what)
    largest = float(np.abs(numbers).max())
    text = f"it must come from N(0, 1); of 61093 numbers none of yours is beyond ±{largest:.2f}"
    check.that(largest > 3, text, what=what)


def learned_table(cls: Any) -> None:
    """What both layers have in common: a table of standard normal numbers that learns."""
    layer, again, other = (cls(7, 3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    weight: Any = getattr(layer, "weight", None)
    what = f"self.weight of {cls.__name__}(7, 3)"
    text = f"it must be a tensor; it is {shown(weight)}"
    check.that(isinstance(weight, Tensor), text, type(weight).__name__, what)
    text = f"its shape must be (7, 3); it is {weight.shape}"
    check.that(weight.shape == (7, 3), text, [*weight.shape], what)
    check.that(weight.requires_grad, "it must require a gradient, or it will not learn", what=what)
    standard_normal("the table", cls(199, 307, rng=np.random.default_rng(1)).weight.data)
    same = np.array_equal(weight.data, again.weight.data)
    check.that(same, "it must give the same table: draw from rng", what="the same seed")
    fresh = not np.array_equal(weight.data, other.weight.data)
    check.that(fresh, "it must give another table: draw from rng", what="another seed")


@check.exercise
def embedding(cls: Any) -> None:
    learned_table(cls)
    layer, table = cls(7, 3), np.random.default_rng(4).normal(size=(7, 3)).astype(np.float32)
    layer.weight.data = table.copy()
    ids = np.array([[0, 1, 6], [3, 0, 4]])

    def rows_of_table(given: Any) -> Array:
        return rows_of(table, np.asarray(given))

    for form, given in (("an array", ids), ("a list", ids.tolist()), ("a tensor", Tensor(ids))):
        what = f"ids as {form}"
        check.agree(layer.forward, rows_of_table, given, what=what, kind=Tensor)
    table += 1
    layer.weight.data += 1
    what = "the same ids, after the weight was changed"
    check.agree(layer.forward, rows_of_table, ids, what=what, kind=Tensor, once=True)
    for wrong in ([0, -1], [7]):
        check.raises(layer.forward, wrong, what=f"Embedding(7, 3) of {wrong}")
    output = layer(ids)
    ids[...] = 2  # the gradient is that of the ids as they were
    made = output.node.op.__name__ if output.node else "nothing"
    text = f"look up with the op embedding_lookup; the result was made by {made}"
    check.that(made == "embedding_lookup", text, made, "the op")
    output.sum().backward()
    right = np.array([[2.0, 1, 0, 1, 1, 0, 1]] * 3).T
    gradient_is(layer.weight, right, "the gradient of the weight, for ids changed after the call")


def gradient_is(x: Tensor, right: Array, what: str) -> None:
    check.that(x.grad is not None, "none arrived", what=what)
    check.same(x.grad, right, what)


@check.exercise
def positional_embedding(cls: Any) -> None:
    learned_table(cls)
    rng = np.random.default_rng(5)
    layer, table = cls(11, 3), rng.normal(size=(11, 3)).astype(np.float32)
    layer.weight.data = table.copy()

    def oracle(x: Array) -> Array:
        return x + np.stack([table[: x.shape[1]]] * len(x))

    for shape in ((2, 6, 3), (2, 1, 3), (5, 11, 3)):
        x = Tensor(rng.normal(size=shape), requires_grad=True)
        check.agree(layer.forward, oracle, x, what=f"x of shape {shape}", kind=Tensor)
    x = Tensor(rng.normal(size=(2, 6, 3)), requires_grad=True)
    layer(x).sum().backward()
    gradient_is(x, np.ones((2, 6, 3)), "the gradient of x")
    right = np.array([[2.0] * 6 + [0.0] * 5] * 3).T
    gradient_is(layer.weight, right, "the gradient of the weight, for 2 sentences of 6")
    for wrong, says in (
        ((2, 13, 3), ["13", "max_len=11"]),
        ((2, 6, 1), ["(2, 6, 1)", "embed_dim=3"]),
        ((2, 6, 5), ["(2, 6, 5)", "embed_dim=3"]),
    ):
        check.raises(layer.forward, Tensor(np.ones(wrong)), says=says, what=f"x of shape {wrong}")


def sines(seq_len: int, embed_dim: int) -> Array:
    """As printed in Vaswani et al. 2017, section 3.5, number by number."""
    rows = np.empty((seq_len, embed_dim), np.float32)
    for t, column in np.ndindex(rows.shape):
        angle = t / 10000 ** (2 * (column // 2) / embed_dim)
        rows[t, column] = math.cos(angle) if column % 2 else math.sin(angle)
    return rows


@check.exercise
def sinusoidal_positions(function: Function) -> None:
    for sizes in ((101, 4), (7, 10), (1, 2)):
        check.agree(function, sines, *sizes, what=f"seq_len, embed_dim = {sizes}", kind=Tensor)
    learns = function(5, 4).requires_grad
    check.same(learns, False, "requires_grad of the rows, which are constants")
    for wrong, says in (((5, 3), "embed_dim"), ((0, 4), "seq_len")):
        check.raises(function, *wrong, says=[says])
