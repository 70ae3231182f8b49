"""What the test cells of module 12 call: cases, and oracles that share no code with the answers."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown
from tinytorch.checking.values import bare
from tinytorch.core.tensor import Array, Tensor
from tinytorch.counting import python_steps

check = Checker(__file__)
Function = Callable[..., Any]
TWO = ("the output", "the weights")


def scores_of(Q: Array, K: Array) -> Array:
    return np.einsum("...ic,...jc->...ij", Q, K)


def scores_gradients(grad: Array, Q: Array, K: Array) -> tuple[Array, Array]:
    return np.einsum("...ij,...jc->...ic", grad, K), np.einsum("...ij,...ic->...jc", grad, Q)


def weights_of(scores: Array, mask: Any = None) -> Array:
    """Shares over the allowed keys by plain exponentials; rows without any are zeros."""
    allowed = np.ones(1, bool) if mask is None else np.asarray(mask) != 0
    if allowed.ndim == 3 and scores.ndim == 4:
        allowed = allowed[:, None]
    allowed = np.broadcast_to(allowed, scores.shape)
    with np.errstate(over="ignore"):
        smallest = np.finfo(scores.dtype).min
        largest = np.max(scores, axis=-1, keepdims=True, where=allowed, initial=smallest)
        shares = np.exp(np.where(allowed, scores - largest, -np.inf))
    return shares / np.maximum(shares.sum(axis=-1, keepdims=True), np.finfo(scores.dtype).tiny)


def sum_of(weights: Array, V: Array) -> Array:
    return np.einsum("...ij,...jc->...ic", weights, V)


def sum_gradients(grad: Array, weights: Array, V: Array) -> tuple[Array, Array]:
    return np.einsum("...ic,...jc->...ij", grad, V), np.einsum("...ij,...ic->...jc", weights, grad)


def attention_of(Q: Array, K: Array, V: Array, mask: Any = None) -> tuple[Array, Array]:
    weights = weights_of(scores_of(Q, K) / np.sqrt(Q.shape[-1], dtype=Q.dtype), mask)
    return sum_of(weights, V), weights


def wide(*arrays: Array) -> list[Tensor]:
    """Tensors of float64 that learn."""
    return [Tensor(x, requires_grad=True, dtype=np.float64) for x in arrays]


def complaint(function: Function) -> str:
    """The message of the error that a call raises, or what it returned."""
    try:
        return f"no error, shape {function().shape}"
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@check.exercise
def attention_scores(op: Any) -> None:
    rng = np.random.default_rng(1)
    for what, shape_Q, shape_K in (
        ("5 queries and 5 keys", (2, 5, 3), (2, 5, 3)),
        ("5 queries and 7 keys", (2, 5, 3), (2, 7, 3)),
        ("7 queries and 5 keys, with heads", (2, 3, 7, 2), (2, 3, 5, 2)),
    ):
        check.agree(op, scores_of, rng.normal(size=shape_Q), rng.normal(size=shape_K), what=what)
    Q, K = rng.normal(size=(2, 1, 5, 3))
    Q[0, 1, 2] = np.nan
    check.agree(op, scores_of, Q, K, what="a NaN in query 1, in all of whose scores it must be")
    if python_steps(op.forward, np.ones((1, 9, 2)), np.ones((1, 9, 2))) < 81:
        print("💬 Right, and fast. Two loops, over i and over j, would show the n² pairs.")


@check.exercise
def attention_scores_rule(op: Any) -> None:
    rng = np.random.default_rng(2)
    for what, shape_Q, shape_K in (
        ("5 queries and 5 keys, with heads", (2, 3, 5, 7), (2, 3, 5, 7)),
        ("5 queries and 7 keys", (2, 5, 3), (2, 7, 3)),
    ):
        Q, K = rng.normal(size=shape_Q), rng.normal(size=shape_K)
        grad = rng.normal(size=(*shape_Q[:-1], shape_K[-2]))
        check.rule(op, scores_of, scores_gradients, grad, Q, K, what=what)
    words = rng.normal(size=(2, 5, 3))
    grad, what = rng.normal(size=(2, 5, 5)), "one array as queries and keys"
    check.rule(op, scores_of, scores_gradients, grad, words, words, what=what, once=True)


@check.exercise
def attention_weights(function: Function) -> None:
    rng = np.random.default_rng(3)
    s, allowed = rng.normal(size=(2, 3, 5, 7)), rng.random((2, 5, 7)) < 0.5
    allowed[:, :, 3] = True
    three, four = wide(s[:, 0], s)
    cases: dict[str, tuple[Tensor, tuple[Any, ...]]] = {
        "no mask": (three, ()),
        "mask=None": (three, (None,)),
        "a bool mask": (three, (allowed,)),
        "a 0/1 mask": (three, (allowed.astype(float),)),
        "a tensor as mask": (three, (Tensor(allowed),)),
        "a mask of 0 and 2": (three, (allowed * 2,)),
        "a mask of 0, 0.5 and 256": (three, (allowed * rng.choice([0.5, 256], (2, 5, 7)),)),
        "heads and a (2, 5, 7) mask": (four, (allowed,)),
    }
    for what, (scores, mask) in cases.items():
        check.agree(function, weights_of, scores, *mask, what=what, kind=Tensor)
    blocked = function(three, allowed).data[~allowed]
    check.that(not blocked.any(), "a blocked weight must be exactly 0", blocked)
    check.agree(function, weights_of, Tensor(1000 * s), what="scores of ±1000")
    allowed[1, 2] = False
    what = "a row with nothing to look at"
    check.agree(function, weights_of, three, allowed, what=what)
    check.learns(function, weights_of, *wide(s[:, 0]), allowed, what="a mask and an empty row")
    what = "a mask of ones for 4 and 4 words, where there are 5 and 7"
    check.raises(function, three, np.ones((4, 4)), error=ValueError, what=what)
    for dtype, size in ((np.float32, 1e12), (np.float32, 3e37), (np.float64, 1e300)):
        huge = Tensor(s * size, dtype=dtype)
        check.agree(function, weights_of, huge, allowed, what=f"scores of ±{size:g}", once=True)


@check.exercise
def weighted_sum(op: Any) -> None:
    rng = np.random.default_rng(4)
    for what, shape_W, shape_V in (
        ("5 queries and 5 values, with heads", (2, 3, 5, 5), (2, 3, 5, 7)),
        ("5 queries and 7 values", (2, 5, 7), (2, 7, 3)),
        ("7 queries and 5 values", (2, 7, 5), (2, 5, 3)),
    ):
        check.agree(op, sum_of, rng.random(shape_W), rng.normal(size=shape_V), what=what)
    some = np.array([[[1.0, -2, 0], [1e-9, 0, 0]]])
    what = "weights below 0, of 0 and of 1e-9"
    check.agree(op, sum_of, some, rng.normal(size=(1, 3, 2)), what=what)
    none = np.ones((1, 2, 0)), np.ones((1, 0, 3))
    check.agree(op, sum_of, *none, what="no keys, whose sum is 0", once=True)


@check.exercise
def weighted_sum_rule(op: Any) -> None:
    rng = np.random.default_rng(5)
    for what, shape_W, shape_V in (
        ("5 queries and 5 values, with heads", (2, 3, 5, 5), (2, 3, 5, 7)),
        ("5 queries and 7 values", (2, 5, 7), (2, 7, 3)),
    ):
        W, V = rng.random(shape_W), rng.normal(size=shape_V)
        grad = rng.normal(size=(*shape_W[:-1], shape_V[-1]))
        check.rule(op, sum_of, sum_gradients, grad, W, V, what=what)
    W[W < 0.5] = 0
    check.rule(op, sum_of, sum_gradients, grad, W, V, what="some weights are 0, as blocked ones")


@check.exercise
def scaled_dot_product_attention(function: Function) -> None:
    rng = np.random.default_rng(6)
    Q, K, V = wide(*(rng.normal(size=(2, 5, 3)) for _ in "QKV"))
    check.agree(function, attention_of, Q, K, V, what="5 words of width 3", results=TWO)
    causal = np.tril(np.ones((5, 5)))
    check.agree(function, attention_of, Q, K, V, causal, what="a causal mask", results=TWO)
    sizes = {"Q": (2, 3, 5, 2), "K": (2, 3, 7, 2), "V": (2, 3, 7, 11)}
    heads = wide(*(rng.normal(size=size) for size in sizes.values()))
    allowed = rng.random((2, 1, 5, 7)) < 0.5
    what = "heads, 5 queries, 7 keys, values of width 11"
    check.agree(function, attention_of, *heads, what=what, results=TWO)
    check.agree(function, attention_of, *heads, allowed, what=f"{what}, a mask", results=TWO)
    one = [Tensor(x.data[:, :1], dtype=np.float64) for x in heads]
    check.agree(function, attention_of, *one, what="one head", results=TWO)
    check.learns(function, attention_of, Q, K, V, causal, what="a causal mask")
    check.learns(
        lambda Q, K: function(Q, K, V)[1], lambda Q, K: attention_of(Q, K, V.data)[1],
        *wide(Q.data, K.data), what="the weights that come back",
    )  # fmt: skip
    one_axis_less = (Tensor(Q.data[0]), K, V)
    check.raises(function, *one_axis_less, says=["Q has shape (5, 3)"], what="Q of shape (5, 3)")
    whole, what = Tensor(np.ones((2, 5, 3), int)), "Q of integers"
    check.raises(function, whole, K, V, error=TypeError, says=["Q"], what=what)


@check.exercise
def vectorized_attention(function: Function) -> None:
    rng = np.random.default_rng(7)
    for lead, what in (((2,), "without heads"), ((2, 3), "with heads")):
        Q, K, V = wide(*(rng.normal(size=(*lead, *size)) for size in ((5, 3), (7, 3), (7, 4))))
        allowed = rng.random((2, 5, 7)) < 0.5
        check.agree(function, attention_of, Q, K, V, what=what, results=TWO)
        check.agree(function, attention_of, Q, K, V, allowed, what=f"{what}, a mask", results=TWO)
        check.learns(function, attention_of, Q, K, V, allowed, what=f"{what}, a mask")
    words = [[Tensor(rng.normal(size=(2, n, 3)))] * 3 for n in (4, 64)]
    few, many = (python_steps(function, *QKV) for QKV in words)
    message = f"4 words take {few} lines of Python, 64 words {many}: no loop over words"
    check.that(many < few + 60, message, what="a loop over words")


def lower_triangle(n: int) -> Array:
    return np.tril(np.ones((n, n)))


@check.exercise
def create_causal_mask(function: Function) -> None:
    for n in (4, 7, 1, 300):
        what = f"{n} positions"
        check.agree(function, lower_triangle, n, what=what, kind=Tensor, dtypes=False)
    for wrong in (0, -1, 2.5):
        check.raises(function, wrong, says=["seq_len"])


def padding_of(lengths: Any, max_length: int) -> Array:
    rows = [[float(j < length) for j in range(max_length)] for length in np.asarray(lengths)]
    return np.array(rows, np.float32)[:, None, None, :]


@check.exercise
def create_padding_mask(function: Function) -> None:
    for kind, lengths in (
        ("a list", [3, 1, 0]),
        ("an array", np.array([3, 1, 0])),
        ("a tensor", Tensor([3, 1, 0])),
    ):
        what = f"lengths 3, 1, 0 as {kind}"
        check.agree(function, padding_of, lengths, 4, what=what, kind=Tensor, dtypes=False)
    check.agree(
        function, padding_of, np.array([200, 3], np.uint8), 300, what="lengths as uint8, 300 words",
        kind=Tensor, dtypes=False,
    )  # fmt: skip
    none = np.zeros(0, int)
    check.agree(
        function, lambda *_: np.zeros((0, 1, 1, 4)), none, 4, what="no lengths", kind=Tensor,
        dtypes=False,
    )  # fmt: skip
    for wrong in ([5], [-1], [1.5], 3):
        check.raises(function, wrong, 4, says=["lengths"])


def heads_of(x: Array, num_heads: int) -> Array:
    return np.stack(np.split(x, num_heads, axis=-1), axis=1)


def merged_of(x: Array) -> Array:
    return np.concatenate([x[:, head] for head in range(x.shape[1])], axis=-1)


@check.exercise
def split_heads(function: Function) -> None:
    for what, shape, num_heads in (
        ("3 heads of width 2", (2, 5, 6), 3),
        ("2 heads of width 5", (3, 7, 10), 2),
        ("3 heads and 3 words", (2, 3, 6), 3),
    ):
        (x,) = wide(np.random.default_rng(10).normal(size=shape))
        check.agree(function, heads_of, x, num_heads, what=what, kind=Tensor)
    (x,) = wide(np.random.default_rng(10).normal(size=(1, 3, 4)))
    check.learns(lambda x: function(x, 2), lambda x: heads_of(x, 2), x, what="2 heads of width 2")


@check.exercise
def merge_heads(function: Function) -> None:
    for what, shape in (
        ("3 heads of width 2", (2, 3, 5, 2)),
        ("2 heads of width 5", (3, 2, 7, 5)),
        ("5 heads and 3 words", (2, 5, 3, 2)),
        ("3 heads and 3 words", (2, 3, 3, 2)),
    ):
        (x,) = wide(np.random.default_rng(11).normal(size=shape))
        check.agree(function, merged_of, x, what=what, kind=Tensor)
    (x,) = wide(np.random.default_rng(11).normal(size=(1, 2, 3, 2)))
    check.learns(function, merged_of, x, what="2 heads of width 2")


PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


@check.exercise
def multi_head_init(cls: Any) -> None:
    def stand_in(*_: Any) -> None:
        """Is never called."""

    mha, again = (cls(6, 3, stand_in, rng=np.random.default_rng(12)) for _ in range(2))
    names = [name for name, _ in mha.named_parameters()]
    for layer in PROJECTIONS:
        missing = f"{layer} must be a Linear with a weight and a bias; the parameters are {names}"
        check.that({f"{layer}.weight", f"{layer}.bias"} <= {*names}, missing, what=layer)
        shape = getattr(mha, layer).weight.shape
        check.that(shape == (6, 6), f"{layer}.weight must have the shape (6, 6); it has {shape}")
        one, other = (getattr(x, layer).weight.data for x in (mha, again))
        message = f"{layer}: the same seed must give the same weights: hand rng on"
        check.that(np.array_equal(one, other), message)
    check.that(len(names) == 8, f"four layers have 8 parameters, yours are {names}", what="8")
    for one, other in itertools.pairwise(PROJECTIONS):
        alike = np.allclose(getattr(mha, one).weight.data, getattr(mha, other).weight.data)
        check.that(not alike, f"{one} and {other} must differ: one generator for all four layers")
    fresh = [cls(6, 3, stand_in).q_proj.weight.data for _ in range(2)]
    text = "without rng each layer must draw anew; two of yours begin with the same weights"
    check.that(not np.array_equal(*fresh), text)
    for name, value in (("embed_dim", 6), ("num_heads", 3), ("attention", stand_in)):
        found = getattr(mha, name, None)
        message = f"self.{name} must be what was passed in; it is {shown(found)}"
        check.that(found is value, message, what=name)
    check.raises(cls, 512, 7, says=["512", "7"])
    for sizes in ((6, 0), (0, 2), (6, -3)):
        check.raises(cls, *sizes)


def linear_of(layer: Any, x: Array) -> Any:
    return x @ layer.weight.data + layer.bias.data


def attend_of(mha: Any) -> Function:
    """`attend` in NumPy, with the layers of `mha`."""

    def attend(query: Array, key: Array, value: Array, mask: Any = None) -> tuple[Array, Array]:
        layers, inputs = (mha.q_proj, mha.k_proj, mha.v_proj), (query, key, value)
        Q, K, V = (
            heads_of(linear_of(*pair), mha.num_heads) for pair in zip(layers, inputs, strict=True)
        )
        output, weights = attention_of(Q, K, V, mask)
        return linear_of(mha.out_proj, merged_of(output)), weights

    return attend


@check.exercise
def multi_head_attention(cls: Any, attention: Function) -> None:
    rng = np.random.default_rng(13)
    mha = cls(6, 3, attention, rng=rng).to(np.float64)
    for name in PROJECTIONS:
        getattr(mha, name).bias.data = rng.normal(size=6)
    query, key, value = wide(*(rng.normal(size=(2, n, 6)) for n in (5, 7, 7)))
    check.agree(
        mha.attend, attend_of(mha), query, key, value, what="5 queries, 7 keys", results=TWO
    )
    causal = np.tril(np.ones((5, 5)))
    check.agree(
        mha.attend, attend_of(mha), query, query, query, causal, what="a causal mask", results=TWO
    )
    seen = rng.random((2, 1, 5, 7)) < 0.5
    what = "5 queries, 7 keys, a mask"
    check.agree(mha.attend, attend_of(mha), query, key, value, seen, what=what, results=TWO)
    what = "a mask for 9 queries and 9 keys, where there are 5 and 7"
    check.raises(mha.attend, query, key, value, np.ones((9, 9)), what=what)
    projects_anew(mha, query, key, value)
    three, four, others = wide(*(rng.normal(size=(2, n, 6)) for n in (3, 4, 4)))
    check.learns(mha.attend, attend_of(mha), three, four, others, what="3 queries, 4 keys")
    for name, parameter in mha.named_parameters():
        check.that(parameter.grad is not None, f"no gradient reaches {name}")
    large = cls(512, 8, attention, rng=rng)
    check.that(
        large(Tensor(np.ones((2, 3, 512)))).shape == (2, 3, 512), "shape in must be shape out"
    )
    one_call_for_all_heads(cls, attention)


def projects_anew(mha: Any, *words: Tensor) -> None:
    """The layers may have learned since the last call."""
    mha.attend(*words)
    mha.k_proj.weight.data *= 2
    check.agree(
        lambda: mha.attend(*words), lambda: attend_of(mha)(*map(bare, words)),
        what="the same words, after k_proj was changed", results=TWO, once=True,
    )  # fmt: skip


def one_call_for_all_heads(cls: Any, attention: Function) -> None:
    calls = []

    def spy(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> Any:
        calls.append(Q.shape)
        return attention(Q, K, V, mask)

    cls(6, 3, attention=spy)(Tensor(np.ones((1, 2, 6))))
    message = f"attend must call self.attention once, with all heads; the calls: {calls}"
    check.that(calls == [(1, 3, 2, 2)], message, what="calls")
