"""What the test cells of module 13 call: oracles number by number, and parts that stand in."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.tensor import Array, Op, Tensor

check = Checker(__file__)
Function = Callable[..., Any]


def drawn(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(1, 2, size=shape)


# ---- 13.1 to 13.3: norms ----


def normed(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> Array:
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        mean = math.fsum(row) / len(row)
        variance = math.fsum((number - mean) ** 2 for number in row) / len(row)
        rows.append((row - mean) / math.sqrt(variance + eps) * weight + bias)
    return np.array(rows).reshape(x.shape)


def normed_gradients(
    grad: Array, x: Array, weight: Array, bias: Array, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """By the whole matrix of derivatives of each token."""
    dim = x.shape[-1]
    grad_x, grad_weight, grad_bias = np.zeros((0, dim)), np.zeros(dim), np.zeros(dim)
    for row, slope in zip(x.reshape(-1, dim), grad.reshape(-1, dim), strict=True):
        centred = row - row.mean()
        root = math.sqrt((centred**2).mean() + eps)
        outer = np.outer(centred, centred) / (dim * root**2)
        matrix = (np.eye(dim) - 1 / dim - outer) / root
        grad_x = np.vstack([grad_x, matrix @ (slope * weight)])
        grad_weight += slope * centred / root
        grad_bias += slope
    return grad_x.reshape(x.shape), grad_weight, grad_bias


def rms_normed(x: Array, weight: Array, eps: float = 1e-5) -> Array:
    rows = [
        row / math.sqrt(math.fsum(row * row) / len(row) + eps) * weight
        for row in x.reshape(-1, x.shape[-1])
    ]
    return np.array(rows).reshape(x.shape)


def rms_gradients(
    grad: Array, x: Array, weight: Array, eps: float = 1e-5
) -> tuple[Array, Array]:  # fmt: skip
    dim = x.shape[-1]
    grad_x, grad_weight = np.zeros((0, dim)), np.zeros(dim)
    for row, slope in zip(x.reshape(-1, dim), grad.reshape(-1, dim), strict=True):
        root = math.sqrt((row**2).mean() + eps)
        matrix = (np.eye(dim) - np.outer(row, row) / (dim * root**2)) / root
        grad_x = np.vstack([grad_x, matrix @ (slope * weight)])
        grad_weight += slope * row / root
    return grad_x.reshape(x.shape), grad_weight


SHAPES = ((7,), (3, 5), (2, 3, 5))


@check.exercise
def layer_norm(op: Any) -> None:
    for shape in SHAPES:
        given = (drawn(*shape), drawn(shape[-1], seed=2), drawn(shape[-1], seed=3))
        check.agree(op, normed, *given, what=f"x of shape {shape}")
    given = (drawn(2, 5), np.ones(5), np.zeros(5))
    check.agree(op, normed, *given, what="weight 1, bias 0")
    check.agree(op, normed, *given, what="eps=0.5", eps=0.5)
    flat = np.full((2, 3), 4.0)
    check.agree(op, normed, flat, np.ones(3), np.full(3, 0.5), what="equal numbers", quiet=True)
    check.agree(op, normed, *far_from_0(), what=FAR, rtol=1e-5, dtypes=False, once=True)


FAR = "numbers near 10,000,000"  # there, the mean square less the square of the mean is noise


def far_from_0() -> tuple[Array, Array, Array]:
    return drawn(2, 5) + 1e7, np.ones(5), np.zeros(5)


@check.exercise
def layer_norm_rule(op: Any) -> None:
    for shape in SHAPES:
        given = (drawn(*shape), drawn(shape[-1], seed=2), drawn(shape[-1], seed=3))
        grad = drawn(*shape, seed=4)
        check.rule(op, normed, normed_gradients, grad, *given, what=f"x of shape {shape}")
    given = (0.1 * drawn(2, 5), drawn(5, seed=2), np.zeros(5))
    grad = drawn(2, 5, seed=4)
    some = (drawn(2, 5), np.array([0.0, 2, 0, -1, 1]), drawn(5, seed=3))
    check.rule(op, normed, normed_gradients, grad, *some, what="some weights are 0")
    what = "eps=0.5"
    check.rule(op, normed, normed_gradients, grad, *given, what=what, eps=0.5)
    options: dict[str, Any] = {"rtol": 1e-5, "once": True}
    check.rule(op, normed, normed_gradients, grad, *far_from_0(), what=FAR, **options)


@check.exercise
def rms_norm(op: Any) -> None:
    for shape in SHAPES:
        given = (drawn(*shape), drawn(shape[-1], seed=2))
        what = f"x of shape {shape}"
        check.agree(op, rms_normed, *given, what=what)
        grad = drawn(*shape, seed=4)
        check.rule(op, rms_normed, rms_gradients, grad, *given, what=f"the rule, {what}")
    given = (0.1 * drawn(2, 5), drawn(5, seed=2))
    check.agree(op, rms_normed, *given, what="eps=0.5", eps=0.5)
    what, grad = "the rule, eps=0.5", drawn(2, 5, seed=4)
    check.rule(op, rms_normed, rms_gradients, grad, *given, what=what, eps=0.5)
    nothing = (np.zeros((2, 3)), np.ones(3))
    check.agree(op, rms_normed, *nothing, what="zeros", quiet=True)


# ---- 13.4 and 13.5: rotary positions ----


def angles_of(seq_len: int, head_dim: int, base: float = 1e4, start: int = 0) -> Array:
    table = np.zeros((seq_len, head_dim // 2))
    for t, k in itertools.product(range(seq_len), range(head_dim // 2)):
        table[t, k] = (start + t) / base ** (2 * k / head_dim)
    return table


@check.exercise
def rotary_angles(function: Function) -> None:
    for given in ((5, 6), (1, 2), (7, 10)):
        check.agree(function, angles_of, *given, what=f"seq_len, head_dim = {given}")
    check.agree(function, angles_of, 5, 6, 100.0, what="base=100")
    check.agree(function, angles_of, 3, 6, what="start=7", start=7)
    what = "head_dim=5"
    check.raises(function, 4, 5, error=ValueError, says=["head_dim", "5"], what=what)


def spun(x: Array, angles: Array) -> Array:
    """As complex numbers: a turn is a product with e to the i angle."""
    half = x.shape[-1] // 2
    turned = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    result = np.concatenate([turned.real, turned.imag], axis=-1)
    return result.astype(x.dtype)


@check.exercise
def rotary(op: Any) -> None:
    for shape in ((5, 6), (3, 5, 6), (2, 3, 5, 2)):
        angles = drawn(5, shape[-1] // 2, seed=2)
        what = f"x of shape {shape}"
        check.agree(op, spun, drawn(*shape), what=what, angles=angles)

        def back(grad: Array, x: Array, angles: Array) -> tuple[Array]:
            return (spun(grad, -angles),)

        grad = drawn(*shape, seed=3)
        check.rule(op, spun, back, grad, drawn(*shape), what=f"the rule, {what}", angles=angles)
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    check.agree(op, spun, x, what="angles of 0", angles=np.zeros((1, 2)))
    rule_gives_a_tuple(op)


def rule_gives_a_tuple(op: Any) -> None:
    grad = drawn(5, 6)
    found = op.rule(grad, grad, grad, angles=drawn(5, 3))
    text = f"a rule returns a tuple of one gradient; it is {shown(found)}"
    check.that(isinstance(found, tuple) and len(found) == 1, text, type(found).__name__, "the rule")


# ---- 13.6 and 13.7: feed-forward ----


def through(x: Array, layer: Any) -> Array:
    """A Linear layer by its own numbers."""
    output: Array = np.einsum("...i,io->...o", x, layer.weight.data.astype(float))
    return output if layer.bias is None else output + layer.bias.data


def has_parts(layer: Any, what: str, sizes: dict[str, tuple[int, int]], bias: bool) -> None:
    """Linear parts with these names, and the numbers that the generator gives in this order."""
    right: dict[str, Array] = {}
    rng = np.random.default_rng(5)
    for name, (size_in, size_out) in sizes.items():
        part = Linear(size_in, size_out, bias, rng=rng)
        right |= {f"{name}.{key}": array for key, array in part.state_dict().items()}
    state = layer.state_dict()
    check.same(sorted(state), sorted(right), f"{what}: the names of its parameters")
    for name, array in right.items():
        check.same(state[name].shape, array.shape, f"{what}: the shape of {name}")
    other = [name for name, array in right.items() if not np.array_equal(state[name], array)]
    text = f"not drawn from rng in this order: {', '.join(sizes)}"
    check.that(not other, text, other, what)


def learning(*shape: int) -> Tensor:
    return Tensor(drawn(*shape), requires_grad=True, dtype=np.float64)


@check.exercise
def feed_forward(kind: Any) -> None:
    for bias in (True, False):
        what = f"bias={bias}"
        layer = check.call(
            lambda b=bias: kind(3, 5, lambda x: x * x, bias=b, rng=np.random.default_rng(5)),
            what=what,
        )
        has_parts(layer, what, {"up_proj": (3, 5), "down_proj": (5, 3)}, bias)

        def right(x: Array, layer: Any = layer) -> Array:
            return through(through(x, layer.up_proj) ** 2, layer.down_proj)

        def answer(x: Tensor, layer: Any = layer) -> Any:
            return layer(x)

        for shape in ((2, 7, 3), (3,)):
            told = f"{what}, the square as activation, x of shape {shape}"
            check.agree(
                answer, right, learning(*shape), what=told, once=True, dtypes=False, rtol=1e-5
            )
        check.learns(answer, right, learning(2, 3), what=what)
    layer = kind(3, 5, rng=np.random.default_rng(5))
    x = learning(2, 3)
    inner = through(x.data, layer.up_proj)
    gelu = inner * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
    what = "without an activation given: gelu_tanh"
    check.agree(
        lambda x: layer(x), lambda x: through(gelu, layer.down_proj), x,
        what=what, once=True, dtypes=False, rtol=1e-5,
    )  # fmt: skip


def opened(x: Array) -> Array:
    numbers = [v / (1 + math.exp(-v)) if v > -700 else 0.0 for v in x.flat]
    return np.reshape(numbers, x.shape).astype(x.dtype)


@check.exercise
def swiglu(kind: Any, silu: Function) -> None:
    for what, x in (("silu of (2, 3)", drawn(2, 3)), ("silu of ±1000", np.array([-1e3, 0, 1e3]))):
        check.agree(silu, opened, Tensor(x, dtype=np.float64), what=what, quiet=True)
    check.learns(silu, opened, learning(2, 3), what="silu")
    for bias in (False, True):
        what = f"bias={bias}"
        layer = check.call(
            lambda b=bias: kind(3, 5, bias=b, rng=np.random.default_rng(5)), what=what
        )
        sizes = {"gate_proj": (3, 5), "up_proj": (3, 5), "down_proj": (5, 3)}
        has_parts(layer, what, sizes, bias)

        def right(x: Array, layer: Any = layer) -> Array:
            wide = opened(through(x, layer.gate_proj)) * through(x, layer.up_proj)
            return through(wide, layer.down_proj)

        def answer(x: Tensor, layer: Any = layer) -> Any:
            return layer(x)

        told = f"{what}, x of shape (2, 7, 3)"
        check.agree(answer, right, learning(2, 7, 3), what=told, once=True, dtypes=False, rtol=1e-5)
        check.learns(answer, right, learning(2, 3), what=what)


# ---- 13.8 to 13.10: blocks whose parts stand in for the real ones ----


class Line(Layer):
    """x · factor + shift, in the place of a norm, of dropout, of a block."""

    def __init__(self, factor: float, shift: float = 0.0) -> None:
        self.factor, self.shift = factor, shift
        self.masks: list[Any] = []

    def forward(self, x: Any, mask: Any = None) -> Any:
        self.masks.append(mask)
        return x * self.factor + self.shift


class Square(Layer):
    def forward(self, x: Any) -> Any:
        return x * x


class Looks(Layer):
    """In the place of attention: what comes of query, key and value can be told apart."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.masks: list[Any] = []

    def attend(self, query: Any, key: Any, value: Any, mask: Any = None) -> tuple[Any, None]:
        self.masks.append(mask)
        keys, values = (each.mean(dim=1, keepdims=True) for each in (key, value))
        return query * self.factor + keys * values, None

    def forward(self, x: Any, mask: Any = None) -> Any:
        return self.attend(x, x, x, mask)[0]


def looked(query: Array, key: Array, value: Array, factor: float) -> Array:
    return query * factor + key.mean(axis=1, keepdims=True) * value.mean(axis=1, keepdims=True)


def with_parts(kind: Any) -> Any:
    block = kind(4, 2, Square(), attention=vectorized_attention, rng=np.random.default_rng(1))
    block.norm1, block.norm2, block.dropout = Line(0.5, 1.0), Line(0.3, -1.0), Line(0.25)
    block.attention = Looks(0.7)
    return block


def first(x: Array) -> Array:
    return 0.5 * x + 1


def second(x: Array) -> Array:
    return 0.3 * x - 1


def mask_is_handed_on(block: Any, part: Looks, mask: Any, what: str) -> None:
    text = f"attention must get the mask as it is; it gets {shown(part.masks[-1])}"
    check.that(part.masks[-1] is mask, text, type(part.masks[-1]).__name__, what)


def block_agrees(kind: Any, right: Callable[[Array], Array]) -> None:
    for mask in (None, np.tri(3)):
        what = "without a mask" if mask is None else "with a mask"
        block = with_parts(kind)

        def answer(x: Tensor, block: Any = block, mask: Any = mask) -> Any:
            return block(x) if mask is None else block(x, mask)

        check.agree(answer, right, learning(2, 3, 4), what=what, once=True, dtypes=False, rtol=1e-5)
        mask_is_handed_on(block, block.attention, mask, what)
    check.learns(lambda x: with_parts(kind)(x), right, learning(1, 2, 4), what="its gradient")
    real = kind(4, 2, Square(), dropout=0.5, rng=np.random.default_rng(2)).eval()
    x = learning(2, 3, 4)
    found = check.call(lambda: real(x), what="with its real parts")
    check.same(found.shape, (2, 3, 4), "with its real parts: the shape")


@check.exercise
def block(kind: Any) -> None:
    def right(x: Array) -> Array:
        seen = first(x)
        x = x + 0.25 * looked(seen, seen, seen, 0.7)
        return x + 0.25 * second(x) ** 2

    block_agrees(kind, right)


@check.exercise
def encoder_block(kind: Any) -> None:
    def right(x: Array) -> Array:
        x = first(x + 0.25 * looked(x, x, x, 0.7))
        return second(x + 0.25 * x**2)

    block_agrees(kind, right)


@check.exercise
def cross_attention_block(kind: Any) -> None:
    def right(x: Array, memory: Array) -> Array:
        seen = first(x)
        x = x + 0.25 * looked(seen, seen, seen, 0.7)
        x = x + 0.25 * looked(second(x), memory, memory, 0.9)
        return x + 0.25 * (0.2 * x + 2) ** 2

    def made() -> Any:
        block = with_parts(kind)
        block.cross_attention, block.norm3 = Looks(0.9), Line(0.2, 2.0)
        return block

    own, others = np.tri(3), np.ones((3, 5))
    for what, (length, *masks) in {
        "without masks": (5, None, None), "with two masks": (5, own, others),
        "with a mask for x alone": (3, own, None),
        "with a mask for memory alone": (5, None, others),
    }.items():  # fmt: skip
        block = made()

        def answer(x: Tensor, memory: Tensor, block: Any = block, masks: Any = masks) -> Any:
            return block(x, memory, *masks)

        given = (learning(2, 3, 4), learning(2, length, 4))
        check.agree(answer, right, *given, what=what, once=True, dtypes=False, rtol=1e-5)
        mask_is_handed_on(block, block.attention, masks[0], f"{what}, self-attention")
        mask_is_handed_on(block, block.cross_attention, masks[1], f"{what}, cross-attention")
    given = (learning(1, 2, 4), learning(1, 3, 4))
    check.learns(lambda x, memory: made()(x, memory), right, *given, what="its gradients")


# ---- 13.11: GPT ----


@check.exercise
def gpt(kind: Any, config_of: Any) -> None:
    ids = np.random.default_rng(3).integers(0, 7, (2, 4))
    for positions in ("learned", "sinusoidal", "rotary"):
        model = stood_in(kind, config_of, positions)
        table = model.tokens.weight.data.astype(float)
        x = table[ids]
        if positions == "learned":
            x = x + model.positions.weight.data[:4]
        elif positions == "sinusoidal":
            x = x + waves(4, 6)
        x = x * 0.25
        for factor, shift in ((0.5, 1.0), (0.3, -1.0)):
            x = x * factor + shift
        right = (0.7 * x + 0.1) @ table.T
        what = f"positions={positions!r}"
        check.call(lambda m=model: m(ids[:, :2]), what=f"{what}, 2 ids")
        found = check.call(lambda m=model: m(ids), what=f"{what}, 4 ids after 2")
        check.that(isinstance(found, Tensor), f"it must be a tensor; it is {shown(found)}",
                   type(found).__name__, what)  # fmt: skip
        check.same(found.shape, (2, 4, 7), f"{what}: the shape of the logits")
        check.agree(lambda m=model: m(ids), lambda r=right: r, what=what, once=True, dtypes=False,
                    rtol=1e-4)  # fmt: skip
        masks(model, what)
        told = f"{what}, 6 ids where context_len is 5"
        long = np.zeros((1, 6), int)
        check.raises(model.forward, long, error=ValueError, says=["context_len"], what=told)
        told = f"{what}, ids of floats"
        check.raises(model.forward, np.array([[0.0, 1.7]]), error=TypeError, what=told)
    looks_back_only(kind, config_of)


def stood_in(kind: Any, config_of: Any, positions: str) -> Any:
    """A GPT in which straight lines stand for dropout, blocks and the last norm."""
    sizes = {"context_len": 5, "num_layers": 2, "num_heads": 1, "embed_dim": 6}
    config = config_of(7, positions=positions, **sizes)
    model = kind(config, vectorized_attention, rng=np.random.default_rng(2))
    model.tokens.weight.data = np.random.default_rng(4).normal(size=(7, 6)).astype("f4")
    model.dropout, model.norm = Line(0.25), Line(0.7, 0.1)
    model.blocks = [Line(0.5, 1.0), Line(0.3, -1.0)]
    return model


def masks(model: Any, what: str) -> None:
    for block in model.blocks:
        mask = block.masks[-1]
        text = "each block must get a causal mask: token i may look at tokens 0 to i"
        numbers = None if mask is None else np.asarray(getattr(mask, "data", mask))
        right = numbers is not None and numbers.shape[-2:] == (4, 4) and all(
            np.array_equal(one != 0, np.tri(4) != 0) for one in numbers.reshape(-1, 4, 4)
        )  # fmt: skip
        check.that(right, f"{text}; it gets {shown(mask)}", "mask", what)


def waves(seq_len: int, dim: int) -> Array:
    rows = np.zeros((seq_len, dim))
    for t, c in itertools.product(range(seq_len), range(dim)):
        angle = t / 10000 ** ((c - c % 2) / dim)
        rows[t, c] = math.cos(angle) if c % 2 else math.sin(angle)
    return rows


def looks_back_only(kind: Any, config_of: Any) -> None:
    for positions in ("learned", "sinusoidal", "rotary"):
        sizes = {"context_len": 6, "num_layers": 2, "num_heads": 2, "embed_dim": 8}
        config = config_of(7, positions=positions, **sizes)
        model = kind(config, vectorized_attention, rng=np.random.default_rng(2)).eval()
        ids = np.array([[1, 5, 2, 0, 6, 3]])
        before, what = model(ids).data[0], f"positions={positions!r}, token 3 of 6 changed"
        ids[0, 3] = 4
        moved = np.abs(model(ids).data[0] - before).max(axis=-1) > 0
        check.that(not moved[:3].any(), "logits of earlier places change", "earlier", what)
        check.that(moved[3:].all(), "its own logits, or later ones, do not change", "later", what)
    model(ids).sum().backward()  # token 0 is not among them
    text = "the table learns nothing as the head: a gradient is cut"
    learns = model.tokens.weight.grad is not None and model.tokens.weight.grad[0].any()
    check.that(learns, text, text, "the sum of all logits, backward")
    none = [name for name, p in model.named_parameters() if p.grad is None]
    text = f"no gradient arrives at {', '.join(none)}"
    check.that(not none, text, none, "the sum of all logits, backward")


# ---- 13.12 and 13.13: writing ----

DRAWS = 3000
LOGITS = np.array([0.5, 2.0, -1.0, 1.5, 1.0])


def shares_of(
    logits: Array, temperature: float = 1, top_k: int | None = None, top_p: float | None = None
) -> Array:
    """The share of each token, by the definition, token by token."""
    shares = np.exp((logits - logits.max()) / temperature)
    order = sorted(range(len(logits)), key=lambda i: -logits[i])[:top_k]
    shares[[i for i in range(len(logits)) if i not in order]] = 0
    shares /= shares.sum()
    if top_p is not None:
        kept, reached = [], 0.0
        for i in order:
            if reached < top_p:
                kept.append(i)
            reached += shares[i]
        shares[[i for i in range(len(logits)) if i not in kept]] = 0
        shares /= shares.sum()
    return shares


@check.exercise
def sample_token(function: Function) -> None:
    near = np.array([0.0, 1e-7, 2e-7, 1e-7])
    for logits in (LOGITS, np.array([1.0, 4.0, 4.0]), np.array([-5.0, -3.0]), near, near[::-1]):
        what = f"temperature=0, logits {logits.tolist()}"
        rng = np.random.default_rng(1)
        given = (logits.copy(), rng)
        token = check.call(lambda g=given: function(g[0], temperature=0, rng=g[1]), what=what)
        text = f"it must be an int; it is {shown(token)}, {with_article(type(token).__name__)}"
        check.that(isinstance(token, int), text, type(token).__name__, what)
        check.same(logits[token], logits.max(), f"{what}: the logit of what comes")
    for options in (
        {}, {"temperature": 0.5}, {"temperature": 3.0}, {"top_k": 2}, {"top_k": 1}, {"top_k": 9},
        {"top_p": 0.7}, {"top_p": 0.3}, {"top_p": 1.0}, {"top_k": 3, "top_p": 0.6},
        {"temperature": 3.0, "top_p": 0.6}, {"temperature": 0.5, "top_k": 3, "top_p": 0.9},
    ):  # fmt: skip
        told = [f"{name}={value:g}" for name, value in options.items()]
        shared(function, LOGITS, ", ".join(told) or "no options", **options)
    shared(function, LOGITS + 2000, "logits near 2000")
    never = np.array([0.0, -np.inf, 1.0])
    shared(function, never, "a logit of minus infinity")
    shared(function, never, "a logit of minus infinity, temperature=100", temperature=100.0)
    shared(function, LOGITS / 500, "temperature=0.002, logits as near", temperature=0.002)
    of_equals(function)
    same_seed(function)


def of_equals(function: Function) -> None:
    """Of equal logits as many are kept as were asked for; which ones is open."""
    for what, logits, options in (
        ("top_k=2, four equal logits", [1.0, 1, 1, 1], {"top_k": 2}),
        ("top_k=2, one logit and three smaller equal ones", [1.0, 1, 2, 1], {"top_k": 2}),
        ("top_p=0.6, four equal logits", [1.0, 1, 1, 1], {"top_p": 0.6}),
        ("top_p=0.5, four equal logits, of which two reach it", [1.0, 1, 1, 1], {"top_p": 0.5}),
    ):
        given, rng = np.array(logits), np.random.default_rng(7)
        right = np.count_nonzero(shares_of(given, **options))
        one = partial(function, given, rng=rng, **options)
        came = {check.call(one, what=what) for _ in range(100)}
        text = f"{right} tokens are to be kept; {len(came)} came in 100 draws"
        check.that(len(came) == right, text, len(came), what)


def shared(function: Function, logits: Array, what: str, **options: Any) -> None:
    rng, given = np.random.default_rng(7), logits.copy()
    first = check.call(lambda: function(given, rng=rng, **options), what=what)
    text = f"it must be an int; it is {shown(first)}, {with_article(type(first).__name__)}"
    check.that(isinstance(first, int), text, type(first).__name__, what)
    with np.errstate(over="raise", invalid="raise"):
        counts = Counter(function(given, rng=rng, **options) for _ in range(DRAWS))
    check.that(
        np.array_equal(given, logits), "you changed logits: make a copy first", "changed", what
    )
    right = shares_of(logits, **options)
    for token, share in enumerate(right):
        came = counts[token] / DRAWS
        text = f"token {token} comes in {came:.0%} of {DRAWS} draws, expected {share:.0%}"
        near = came == 0 if share == 0 else abs(came - share) < 0.05
        check.that(near, text, (token, round(came, 1)), what)
    check.same(sum(counts[token] for token in range(len(logits))), DRAWS, f"{what}: tokens drawn")


def same_seed(function: Function) -> None:
    what = "two generators with one seed"
    one, other = (np.random.default_rng(3) for _ in range(2))
    texts = [[function(LOGITS, rng=rng) for _ in range(20)] for rng in (one, other)]
    check.that(texts[0] == texts[1], "they must give the same tokens", "seed", what)


class Fake(Layer):
    """A model whose likeliest next token follows from all the ids that it sees."""

    def __init__(self, context_len: int = 4, flat: bool = False) -> None:
        self.config, self.flat = SimpleNamespace(context_len=context_len), flat
        self.weight = Tensor(1.0, requires_grad=True)
        self.seen: list[tuple[Any, bool, bool]] = []

    def forward(self, ids: Any) -> Tensor:
        ids = np.asarray(getattr(ids, "data", ids))
        logits = np.zeros((1, ids.shape[-1], 11))
        if not self.flat:
            logits[0, :, 10] = 9  # what another place than the last would say
            logits[0, -1] = 0
            logits[0, -1, following(ids[0].tolist())] = 9
        output = self.weight * Tensor(logits)
        self.seen.append((ids.copy(), self.training, output.node is not None))
        return output


def following(ids: list[int]) -> int:
    return (3 * sum(ids) + len(ids)) % 10


def going_on(ids: list[int], count: int, context_len: int = 4) -> list[int]:
    ids = [*ids]
    for _ in range(count):
        ids.append(following(ids[-context_len:]))
    return ids[-count:]


@check.exercise
def generate(function: Function) -> None:
    for what, given in (
        ("a list of 3", [1, 2, 3]),
        ("an array of 6", np.array([3, 1, 4, 1, 5, 9])),
    ):
        model, kept = Fake(), list(given)
        rng = np.random.default_rng(1)
        stream = check.call(
            lambda m=model, g=given, r=rng: function(m, g, 7, temperature=0, rng=r), what=what
        )
        text = f"it must yield the ids one by one; it is {shown(stream)}"
        check.that(isinstance(stream, Iterator), text, type(stream).__name__, what)
        start = check.call(lambda s=stream: next(s), what=what)
        told = f"{what}: how often the model is called for the first id"
        check.same(len(model.seen), 1, told)
        new = [start, *check.call(lambda s=stream: [*s], what=what)]
        for ids, training, recorded in model.seen:
            text = f"the model must get ids of shape (1, n); it gets {ids.shape}"
            check.that(ids.ndim == 2 and len(ids) == 1, text, ids.ndim, what)
            text = f"the model sees {ids.shape[1]} ids, context_len is 4"
            check.that(ids.shape[1] <= 4, text, "context", what)
            check.that(not training, "the model is in training: dropout is on", "training", what)
            check.that(not recorded, "the pass is recorded: use no_grad", "recorded", what)
        check.same(len(new), 7, f"{what}: how many new ids")
        check.same([int(each) for each in new], going_on(kept, 7), f"{what}: the new ids")
        kinds = {type(each).__name__ for each in new}
        check.that(kinds == {"int"}, f"the ids must be ints; they are {kinds}", "kinds", what)
        check.that(list(given) == kept, "you changed ids: make a copy first", "changed", what)
        text = "the model must stay in evaluation mode afterwards; it is in training"
        check.that(not model.training, text, "mode", what)
    lets_the_caller_record(function)
    options(function)


def lets_the_caller_record(function: Function) -> None:
    """Between two ids the caller goes on with its own work."""
    stream = function(Fake(), [1, 2, 3], 7, temperature=0, rng=np.random.default_rng(1))
    next(stream)
    recording = Op.recording
    stream.close()  # which ends its blocks: what was switched off is on again
    text = "the caller's own calculations are not recorded: end no_grad before you yield"
    check.that(recording, text, recording, "between two ids")


def options(function: Function) -> None:
    """They are handed on to sample_token."""

    def text(seed: int, **options: Any) -> list[int]:
        model, rng = Fake(flat=True), np.random.default_rng(seed)
        return [*function(model, [1], 30, rng=rng, **options)]

    check.that(text(1) == text(1), "the same seed must give the same ids", "seed", "rng")
    check.that(text(1) != text(2), "another seed gives the same ids", "other seed", "rng")
    for what, options in (("top_k=1", {"top_k": 1}), ("top_p=0.01", {"top_p": 0.01})):
        found = {*text(1, **options)}
        check.that(len(found) == 1, f"of equal logits one is kept; {len(found)} came", "kept", what)

    def sharp(temperature: float) -> int:
        model, rng = Fake(), np.random.default_rng(1)
        new = [*function(model, [1, 2, 3], 40, temperature=temperature, rng=rng)]
        return sum(each == 10 for each in new)

    what = "temperature=1000"
    check.that(sharp(1000.0) > 0, "an unlikely id never comes in 40", "temperature", what)
