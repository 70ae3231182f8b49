"""What the test cells of module 15 call: cases, and oracles that go number by number."""

import copy
import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, Linear, walk
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]
STEPS = ("the steps", "the scale")


def of_dtype(got: Any, right: Any, what: str) -> None:
    """Ask for a dtype; the numbers were compared before."""
    came = getattr(got, "dtype", type(got).__name__)
    check.that(came == right, f"{came} came, expected {np.dtype(right)}", str(came), what)


def largest(numbers: Iterable[float]) -> float:
    """What 127 steps are: the scale of these numbers, in Python's own."""
    found = float(np.float32(max(abs(float(x)) for x in numbers) / 127))
    return found or 1.0


def steps_of(numbers: Iterable[float], scale: float) -> list[int]:
    """Whole steps, one by one, cut at ±127."""
    rounded = [math.copysign(math.floor(abs(float(x) / scale) + 0.5), x) for x in numbers]
    return [max(-127, min(127, int(step))) for step in rounded]


def scales_along(x: Array, axis: int | None = None) -> Array:
    if axis is None:
        return np.full((1,) * x.ndim, largest(x.ravel()), np.float32)
    rest = np.moveaxis(x, axis, -1)
    found = [largest(row) for row in rest.reshape(-1, rest.shape[-1])]
    return np.expand_dims(np.array(found, np.float32).reshape(rest.shape[:-1]), axis)


@check.exercise
def absmax_scale(function: Function) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 7))
    x[2, 3] = -6.5  # the largest is negative
    for axis in (None, 0, 1):
        what = f"x (5, 7), axis={axis}"
        check.agree(function, scales_along, x, axis=axis, what=what, kind=np.ndarray)
    x = rng.normal(size=(2, 5, 3)) * [1, 100, 0.01]
    check.agree(function, scales_along, x, axis=1, what="x (2, 5, 3), axis=1")
    x = np.where(np.arange(3) == 1, 0, rng.normal(size=(5, 3)))
    check.agree(function, scales_along, x, axis=0, what="a column of zeros", once=True)
    check.agree(function, scales_along, np.zeros(5), what="zeros", once=True)
    check.agree(function, scales_along, np.full(3, 1e-6), what="small numbers")
    tiny, what = np.full(3, 1e-44), "three numbers of 1e-44"
    got = check.call(function, tiny, what=what)
    text = f"a 127th of it is 0 in float32, so the scale must be 1; it is {shown(got)}"
    check.that(np.array_equal(got, scales_along(tiny)), text, got, what)


def rounded(x: Array, scale: Array) -> Array:
    x, scale = np.broadcast_arrays(x, scale)
    pairs = zip(x.ravel(), scale.ravel(), strict=True)
    return np.array([steps_of([a], float(b))[0] for a, b in pairs], np.int8).reshape(x.shape)


def between_halves(rng: np.random.Generator, shape: tuple[int, ...], most: int) -> Array:
    """Numbers of steps with a rest that rounds the same way, whoever divides."""
    return rng.integers(-most, most + 1, shape) + rng.uniform(-0.4, 0.4, shape)


@check.exercise
def quantize_int8(function: Function) -> None:
    rng = np.random.default_rng(2)
    for what, shape, scale_shape in (
        ("one scale", (5, 7), (1, 1)),
        ("a scale for each column", (5, 7), (1, 7)),
        ("a scale for each block", (3, 5, 2), (3, 1, 2)),
    ):
        scale = rng.uniform(0.01, 2, scale_shape).astype(np.float32)
        x = between_halves(rng, shape, 126) * scale
        got = check.agree(function, rounded, x, scale, what=what, kind=np.ndarray)
        of_dtype(got, np.int8, f"{what}: dtype")
    far = np.array([127.3, 127.6, 128, 129, 200, 300, 1e4, -127.6, -128, -129, -300])
    one = np.ones(1, np.float32)
    check.agree(function, rounded, far, one, what="numbers beyond 127 steps", once=True)
    tiny = np.array([0, 1e-37, -5e-38], np.float32)
    check.agree(function, rounded, tiny, tiny[1:2] / 127, what="numbers near 1e-37", once=True)
    turns_round(function)


def turns_round(function: Function) -> None:
    """Halves may go to either side, but -x to the other."""
    what, halves, one = "halves, a scale of 1", np.arange(-126, 127) + 0.5, np.ones(1, np.float32)
    there, back = (check.call(function, x, one, what=what) for x in (halves, -halves))
    found = [*zip(halves, there, back, strict=True)]
    other = [f"{x} gives {a}, {-x} gives {b}" for x, a, b in found if int(a) != -int(b)]
    check.that(not other, f"-x must give -q; {'; '.join(other[:1])}", there, what)


@check.exercise
def dequantize_int8(function: Function) -> None:
    rng = np.random.default_rng(3)

    def multiplied(numbers: Array, scale: Array) -> Array:
        return np.asarray(numbers.astype(float) * scale.astype(float), np.float32)

    for what, shape, scale_shape in (
        ("one scale", (5, 7), (1, 1)),
        ("a scale for each column", (5, 7), (1, 7)),
        ("a scale for each block", (3, 5, 2), (3, 1, 2)),
    ):
        numbers = rng.integers(-127, 128, shape, np.int8)
        scale = rng.uniform(0.01, 2, scale_shape).astype(np.float32)
        check.agree(function, multiplied, numbers, scale, what=what, kind=np.ndarray)


def with_steps(weight: Array, scale: Array) -> tuple[Array, Array]:
    return rounded(weight, scale), scale


def tensor_steps(weight: Array) -> tuple[Array, Array]:
    return with_steps(weight, scales_along(weight))


def channel_steps(weight: Array) -> tuple[Array, Array]:
    return with_steps(weight, scales_along(weight, 0))


def block_steps(weight: Array) -> tuple[Array, Array]:
    parts = np.stack([weight[at : at + 32] for at in range(0, len(weight), 32)])
    return with_steps(parts, scales_along(parts, 1))


def quantizes(function: Function, oracle: Function, sizes: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(4)
    for size in sizes:
        weight = rng.normal(size=size) * 10.0 ** -np.arange(size[1])
        what = f"weight {size}"
        steps, scale = check.agree(function, oracle, weight, what=what, results=STEPS)
        of_dtype(steps, np.int8, f"{what}, the steps: dtype")
        of_dtype(scale, np.float32, f"{what}, the scale: dtype")


@check.exercise
def quantize_per_tensor(function: Function) -> None:
    quantizes(function, tensor_steps, [(5, 3), (7, 2)])


@check.exercise
def quantize_per_channel(function: Function) -> None:
    quantizes(function, channel_steps, [(5, 3), (2, 7), (3, 3)])


@check.exercise
def quantize_per_block(function: Function) -> None:
    quantizes(function, block_steps, [(64, 3), (32, 5), (96, 2)])
    for size in ((33, 3), (48, 32), (16, 2)):
        check.raises(function, np.ones(size), says=[str(size[0])], what=f"weight {size}")


def blocks_of(x: Array) -> list[Array]:
    return [*np.asarray(x, np.float32).reshape(-1, 32)]


def packed(x: Array, pack: Callable[[Array], bytes]) -> Array:
    """The bytes of rows, block by block."""
    content = b"".join(map(pack, blocks_of(x)))
    return np.frombuffer(content, np.uint8).reshape(*x.shape[:-1], -1)


def flipped(step: np.float32) -> np.float32:
    """1 / step in float32; 0 for 0."""
    return np.float32(1) / step if step else np.float32(0)


def q8_0_block(block: Array) -> bytes:
    """`struct` rounds to float16 by itself; Python's floats hold each product of float32."""
    step = np.float32(np.abs(block).max()) / np.float32(127)
    scaled = [float(x * flipped(step)) for x in block]
    whole = [int(math.copysign(math.floor(abs(x) + 0.5), x)) for x in scaled]
    return struct.pack("<e32b", step, *whole)


def q4_1_block(block: Array) -> bytes:
    low, high = block.min(), block.max()
    step = (high - low) / np.float32(15)
    whole = [min(15, int((x - low) * flipped(step) + np.float32(0.5))) for x in block]
    pairs = [one + 16 * other for one, other in zip(whole[:16], whole[16:], strict=True)]
    return struct.pack("<ee16B", step, low, *pairs)


def unpacked(blocks: Array, size: int, read: Callable[[bytes], list[float]]) -> Array:
    content = np.ascontiguousarray(blocks).tobytes()
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    numbers = np.array([read(part) for part in parts], np.float32)
    return numbers.reshape(*blocks.shape[:-1], -1)


def q8_0_numbers(part: bytes) -> list[float]:
    scale, *steps = struct.unpack("<e32b", part)
    return [scale * step for step in steps]


def q4_1_numbers(part: bytes) -> list[float]:
    scale, low, *pairs = struct.unpack("<ee16B", part)
    steps = [pair % 16 for pair in pairs] + [pair // 16 for pair in pairs]
    return [scale * step + low for step in steps]


def row(*first: float) -> Array:
    """A block that begins with these numbers; the others are 0."""
    return np.array([*first, *[0.0] * (32 - len(first))])


def makes_bytes(function: Function, pack: Callable[[Array], bytes], ties: Array) -> None:
    rng = np.random.default_rng(5)

    def oracle(x: Array) -> Array:
        return packed(x, pack)

    for shape in ((3, 64), (32,), (2, 5, 96)):
        x = rng.normal(size=shape) + 0.3
        what = f"x {shape}"
        got = check.agree(function, oracle, x, what=what, kind=np.ndarray)
        of_dtype(got, np.uint8, f"{what}: dtype")
    for what, x in (
        ("a block of zeros", row()),
        ("32 equal numbers", np.full(32, 0.75)),
        ("small numbers", 1e-7 * rng.normal(size=32)),
        ("large numbers", 1e4 * rng.uniform(-1, 1, size=(2, 32))),
        ("halves of a step", ties),
        ("half of the largest number, 2.25", row(2.25, 1.125, 1.875)),
        ("half of the largest number, 4.75", row(4.75, 2.375, -2.375)),
    ):
        check.agree(function, oracle, x, what=what, once=True)


def takes_bytes(function: Function, pack: Callable[[Array], bytes], oracle: Function) -> None:
    rng = np.random.default_rng(6)
    for shape in ((3, 64), (32,), (2, 5, 96)):
        blocks = packed(rng.normal(size=shape), pack)
        what = f"blocks {blocks.shape}"
        check.agree(function, oracle, blocks, what=what, kind=np.ndarray)


@check.exercise
def quantize_q8_0(function: Function) -> None:
    makes_bytes(function, q8_0_block, row(127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5))


@check.exercise
def dequantize_q8_0(function: Function) -> None:
    takes_bytes(function, q8_0_block, lambda blocks: unpacked(blocks, 34, q8_0_numbers))


@check.exercise
def quantize_q4_1(function: Function) -> None:
    makes_bytes(function, q4_1_block, row(15, 0.5, 1.5, 2.5, 3.5, 12.5))
    near, what = row(15, 0.49999997), "0.49999997 + 0.5, which is 1 in float32"
    check.agree(function, lambda x: packed(x, q4_1_block), near, what=what, once=True)


@check.exercise
def dequantize_q4_1(function: Function) -> None:
    takes_bytes(function, q4_1_block, lambda blocks: unpacked(blocks, 20, q4_1_numbers))


def integers(a: Array, b: Array) -> Array:
    wide = a.astype(np.int64), b.astype(np.int64)
    return np.asarray(np.einsum("...nk,...km->...nm", *wide))


@check.exercise
def int8_matmul(function: Function) -> None:
    rng = np.random.default_rng(7)

    def drawn(*shape: int) -> Array:
        return rng.integers(-127, 128, shape, np.int8)

    for a, b in (((3, 5), (5, 2)), ((2, 3, 5), (2, 5, 7)), ((2, 3, 5), (5, 7)), ((1, 1), (1, 1))):
        check.agree(function, integers, drawn(*a), drawn(*b), what=f"{a} @ {b}", kind=np.ndarray)
    for k in (1040, 1041, 2081, 3121, 5203):
        full = np.full((2, k), 127, np.int8)
        exactly(function, full, full.T[:, :1], f"{k} terms of 127 * 127")
        exactly(function, full, -full.T[:, :1], f"{k} terms of -127 * 127")
        exactly(function, drawn(3, k), drawn(k, 2), f"(3, {k}) @ ({k}, 2)")
        exactly(function, drawn(2, 3, k), drawn(2, k, 5), f"(2, 3, {k}) @ (2, {k}, 5)")
    full = np.full((1, 140_003), 127, np.int8)
    exactly(function, full, full.T, "140003 terms of 127 * 127")


def exactly(function: Function, a: Array, b: Array, what: str) -> None:
    """Compare every whole number; a tolerance would hide the last ones."""
    got, right = check.call(function, a, b, what=what), integers(a, b)
    shape = np.shape(got)
    check.that(shape == right.shape, f"shape {shape} came, expected {right.shape}", got, what)
    apart = np.argwhere(np.asarray(got) != right)
    if len(apart):
        place = tuple(apart[0].tolist())
        text = f"{got[place]} came at {place}, exactly it is {right[place]}"
        check.that(False, text, got, what)
    kind = np.asarray(got).dtype
    text = f"{kind} came, expected int64: each sum is a whole number"
    check.that(kind == np.int64, text, str(kind), f"{what}: dtype")


@check.exercise
def int8_weight(cls: Any) -> None:
    rng = np.random.default_rng(8)
    for shape, per_output in (((1, 13, 5), False), ((1, 13, 5), True), ((3, 7, 2), True)):
        numbers = rng.integers(-127, 128, shape, np.int8)
        scale = rng.uniform(0.01, 1, (shape[0], 1, shape[2] if per_output else 1))
        weight = cls(numbers, scale.astype(np.float32))
        size = shape[0] * shape[1]

        def oracle(x: Array, numbers: Array = numbers, scale: Array = weight.scale) -> Array:
            return in_int8(x, numbers, scale)

        for front in ((11,), (2, 3), ()):
            x = rng.normal(size=(*front, size)) * rng.uniform(0.01, 9, (*front, 1))
            what = f"x {x.shape}, numbers {shape}, scale {scale.shape}"
            check.agree(weight.product, oracle, x, what=what, names=["x"], kind=np.ndarray)
        x = np.zeros((2, size))
        x[1] = rng.normal(size=size)
        what = f"a row of zeros, numbers {shape}"
        check.agree(weight.product, oracle, x, what=what, names=["x"], once=True)


def in_int8(x: Array, numbers: Array, scale: Array) -> Array:
    """Each row and block by itself: steps of the inputs, a sum of integers, two scales."""
    blocks, length, out = numbers.shape
    rows = x.reshape(-1, blocks * length)
    y = np.zeros((len(rows), out))
    for (n, given), b in ((one, b) for one in enumerate(rows) for b in range(blocks)):
        part = given[b * length : (b + 1) * length]
        own = largest(part)
        steps = np.array(steps_of(part, own))
        y[n] += own * scale[b, 0].astype(float) * (steps @ numbers[b].astype(int))
    return y.reshape(*x.shape[:-1], out).astype(np.float32)


class Held:
    """Stands for a stored weight; a product rounds to tenths, so it is no one else's."""

    def __init__(self, weight: Array) -> None:
        text = f"it takes an array (in, out), not {with_article(type(weight).__name__)}"
        check.that(isinstance(weight, np.ndarray), text, type(weight).__name__, "store")
        self.weight = weight.copy()
        self.shape = weight.shape

    def product(self, x: Array) -> Array:
        kind = type(x).__name__
        text = f"it takes an array, not {with_article(kind)}"
        check.that(isinstance(x, np.ndarray), text, kind, "product")
        return np.asarray(np.round(x, 1) @ self.weight, np.float32)

    def numpy(self) -> Array:
        return self.weight


@check.exercise
def quantized_linear(cls: Any) -> None:
    rng = np.random.default_rng(9)
    weight, numbers = Held(rng.normal(size=(7, 3))), rng.normal(size=3).astype(np.float32)
    bias = Tensor(numbers.copy(), requires_grad=True)
    layer, without = cls(weight, bias), cls(weight)
    check.that(getattr(layer, "weight", None) is weight, "it must be what was given", "", "weight")
    check.that(bias.requires_grad, "the Linear's own bias must stay as it is", "", "bias")
    names = [name for name, _ in layer.named_parameters()]
    check.that(not names, f"it must have none; it has {names}", names, "parameters()")
    bias.data[...] = 5.0
    for shape in ((5, 7), (2, 5, 7), (7,)):
        x = Tensor(rng.normal(size=shape))
        for which, made, plus in (("with bias", layer, numbers), ("without bias", without, 0)):

            def oracle(x: Array, plus: Any = plus) -> Array:
                return np.asarray(weight.product(x) + plus)

            what = f"x {shape}, {which}; the Linear's own bias changed"
            check.agree(made.forward, oracle, x, what=what, kind=Tensor, dtypes=False)
    for wrong in (np.ones((5, 3)), np.ones((5, 1)), np.ones((7, 5)), np.ones(())):
        says, what = [str(wrong.shape), "in_features=7"], f"x {wrong.shape}, in_features 7"
        check.raises(layer.forward, Tensor(wrong), says=says, what=what)
    learning = Tensor(np.ones((5, 7)), requires_grad=True)
    what = "x that requires a gradient"
    check.raises(layer.forward, learning, says=["no_grad"], what=what)
    with no_grad():
        check.call(layer.forward, learning, what=f"{what}, in no_grad")


class Other(Linear):
    """A subclass, which may compute something else."""


class Parts(Layer):
    """A model with Linears in every kind of place, one of them twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.first = Linear(7, 5, rng=rng)
        self.steps = [Linear(5, 3, bias=False, rng=rng), self.first]
        self.pair = (Linear(3, 2, rng=rng), abs)
        self.by_name = {"last": Linear(2, 11, rng=rng)}
        self.other = Other(2, 3, rng=rng)
        self.table = Tensor(rng.normal(size=(5, 7)), requires_grad=True)

    def forward(self, ids: Array) -> Tensor:
        x = self.steps[0](self.first(self.table[ids]))
        output: Tensor = self.by_name["last"](self.pair[0](x))
        return output


PLACES = ("first", "steps.0", "steps.1", "pair.0", "by_name.last")


@check.exercise
def quantize_model(function: Function) -> None:
    rng = np.random.default_rng(10)
    model = Parts(rng)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # which begins as zeros
            parameter.data = rng.normal(size=parameter.shape).astype(np.float32)
    before = copy.deepcopy(model)
    small = function(model, Held)
    kind = type(small).__name__
    check.that(kind == "Parts", f"{kind} came, expected a copy of the model", kind, "the result")
    now = dict(walk(model))
    for name, part in walk(before):
        kind = type(now[name]).__name__
        text = f"it is {with_article(kind)} now: the model that was given is changed"
        check.that(type(now[name]) is type(part), text, kind, f"{name} of the model itself")
        if isinstance(part, Tensor):
            check.same(now[name].data, part.data, f"{name} of the model itself")
            learns = now[name].requires_grad
            check.same(learns, part.requires_grad, f"requires_grad of {name} of the model itself")
    check.that(small is not model, "it is the model itself: make a copy", "", "the result")
    theirs, own = dict(walk(small)), dict(walk(model))
    for name in PLACES:
        kind = type(theirs.get(name)).__name__
        text = f"it is {with_article(kind)}, expected a QuantizedLinear"
        check.that(kind == "QuantizedLinear", text, kind, f"{name} of the copy")
        stored = theirs[name].weight
        kind = type(stored).__name__
        text = f"it is {with_article(kind)}, expected what `store` gives"
        check.that(isinstance(stored, Held), text, kind, f"{name}, what is stored")
        check.same(stored.weight, own[name].weight.data, f"{name}, what is stored")
    one = small.first is small.steps[1]
    check.that(one, "one Linear in two places must become one layer", "", "first and steps.1")
    kind = type(small.other).__name__
    text = f"it is {with_article(kind)}; a subclass must stay"
    check.that(kind == "Other", text, kind, "a subclass")
    own_copy = small.table is not model.table and small.table.requires_grad
    text = "it must be a copy of its own that still learns"
    own_copy = own_copy and not np.shares_memory(small.table.data, model.table.data)
    check.that(own_copy, text, "", "a table beside the Linears")
    ids = np.array([[0, 3, 4], [2, 2, 1]])
    with no_grad():
        right = by_hand(model, ids)
        check.same(small(ids).data, right, "the output of the copy")
    alone = type(function(model.first, Held)).__name__
    text = f"it gives {with_article(alone)}, expected a QuantizedLinear"
    check.that(alone == "QuantizedLinear", text, alone, "a model that is a Linear")


def by_hand(model: Parts, ids: Array) -> Array:
    """What the copy must compute, with the stand-in's rounding."""
    x = model.table.data[ids]
    for linear in (model.first, model.steps[0], model.pair[0], model.by_name["last"]):
        x = Held(linear.weight.data).product(x)
        x = x if linear.bias is None else x + linear.bias.data
    return x
