"""What the test cells of module 17 call: cases, and oracles that share no code with the answers."""

import itertools
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Array, Op, Tensor
from tinytorch.core.transformers import GPT

check = Checker(__file__)
Function = Callable[..., Any]
PIECES = {  # how a text of 7 tokens comes in
    "all 7 at once": [7],
    "token by token": [1] * 7,
    "3 tokens, then one by one": [3, 1, 1, 1, 1],
    "one token, then 4, then 2": [1, 4, 2],
}


def parts_of(x: Any, sizes: list[int], axis: int = 1) -> list[Any]:
    """An array cut along an axis."""
    return np.split(x, np.cumsum(sizes)[:-1], axis=axis)


# ---- 17.1 and 17.9: counts ----


def read_again(prompt_len: int, num_tokens: int, cached: bool) -> int:
    passed, text = 0, prompt_len
    for number in range(num_tokens):
        passed += 1 if cached and number > 0 else text
        text += 1
    return passed


@check.exercise
def tokens_processed(function: Function) -> None:
    for prompt, new in ((7, 13), (1, 3), (1, 100), (5, 1), (1000, 37), (4, 0)):
        for cached in (False, True):
            what = f"prompt_len={prompt}, num_tokens={new}, cached={cached}"
            check.agree(function, read_again, prompt, new, cached, what=what, once=True)


def bytes_by_row(
    num_layers: int, num_kv_heads: int, head_dim: int, seq_len: int, **options: Any
) -> int:
    rows = len(range(seq_len)[-(options.get("window") or seq_len) :])
    number = options.get("bytes_per_number", 2)
    return sum(number * head_dim * 2 for _ in range(num_layers * num_kv_heads * rows))


@check.exercise
def cache_bytes(function: Function) -> None:
    sizes = (3, 2, 5, 11)
    cases: list[dict[str, Any]] = [
        {}, {"window": 7}, {"window": 13}, {"bytes_per_number": 4},
        {"window": 1, "bytes_per_number": 1},
    ]  # fmt: skip
    for options in cases:
        told = "".join(f", {name}={value}" for name, value in options.items())
        what = f"3 layers, 2 heads of width 5, 11 tokens{told}"
        check.agree(function, bytes_by_row, *sizes, what=what, once=True, **options)


# ---- 17.2 and 17.6: caches ----


def rows(n: int, dtype: Any = np.float32, width: int = 5) -> Array:
    """Keys of n tokens: (batch 2, heads 3, n, width)."""
    return np.random.default_rng(n).normal(size=(2, 3, n, width)).astype(dtype)


def fed(cache: Any, sizes: list[int], dtype: Any = np.float32) -> Iterator[tuple[Any, ...]]:
    """Append pieces; yields where we are, the piece, what came back, and all rows so far."""
    K, V, seen = rows(sum(sizes), dtype), rows(sum(sizes), dtype, 2), 0
    for k, v in zip(parts_of(K, sizes, 2), parts_of(V, sizes, 2), strict=True):
        start, seen = seen, seen + k.shape[2]
        piece = Tensor(k.copy(), dtype=dtype), Tensor(v.copy(), dtype=dtype)
        what = f"tokens {start} to {seen - 1}" if seen - start > 1 else f"token {start}"
        got = check.call(lambda c=cache, p=piece: c.append(*p), what=what)
        come_as_two(got, "append returns keys and values", what)
        for x, name in zip(got, ("keys", "values"), strict=True):
            text = f"the {name} must be a Tensor; they are of type {type(x).__name__}"
            check.that(isinstance(x, Tensor), text, type(x).__name__, what)
        yield what, piece, got, (K[:, :, :seen], V[:, :, :seen])


def come_as_two(got: Any, text: str, what: str) -> None:
    if not isinstance(got, tuple | list) or len(got) != 2:
        check.that(False, f"{text}; it gives {shown(got)}", "two", what)


def has_its_own(piece: Any, got: Any, what: str) -> None:
    for x in piece:  # the caller goes on with its arrays
        x.data[...] = np.nan
    text = "the cache keeps the arrays of K and V themselves: it must write their rows into its own"
    check.that(not any(np.isnan(x.data).any() for x in got), text, "shared", what)


def same_rows(what: str, got: Any, seen: Any, dtype: Any, count: int | None = None) -> None:
    """The rows of the last `count` tokens of those seen, all of them for None."""
    for x, y, name in zip(got, seen, ("keys", "values"), strict=True):
        check.same(str(x.dtype), str(np.dtype(dtype)), f"{what}: the dtype of the {name}")
        right = y[:, :, max(0, y.shape[2] - count) :] if count else y
        if x.shape == right.shape and not np.array_equal(x.data, right):
            places = [*range(y.shape[2])][-right.shape[2] :]
            text = f"they belong to tokens {tokens_of(x.data, y)}, expected {places}"
            check.fail(f"{what}: the {name}", text, text)
        check.same(x.data, right, f"{what}: the {name}")


def tokens_of(x: Array, seen: Array) -> str:
    """Which token each row belongs to."""
    found = [[np.array_equal(row, given) for given in np.moveaxis(seen, 2, 0)]
             for row in np.moveaxis(x, 2, 0)]  # fmt: skip
    return f"[{', '.join(str(row.index(True)) if any(row) else 'none' for row in found)}]"


@check.exercise
def kv_cache(kind: Any) -> None:
    for (name, sizes), dtype in zip(PIECES.items(), ("f4", "f4", "f8", "f8"), strict=True):
        cache = kind(9)
        before: Any = None
        for what, piece, got, seen in fed(cache, sizes, np.dtype(dtype)):
            told = f"{name}, {what}"
            before = before or (cache.keys, cache.values, got)
            text = "later calls must write into the arrays of the first one"
            kept = cache.keys is before[0] and cache.values is before[1]
            check.that(kept, text, "arrays", told)
            same_rows(told, got, seen, dtype)
            check.same(cache.length, seen[0].shape[2], f"{told}: length")
            has_its_own(piece, got, told)
        first = [x[:, :, : sizes[0]] for x in (rows(7, dtype), rows(7, dtype, 2))]
        same_rows(f"{name}, what the first call returned, later", before[2], first, dtype)
        text = f"room for capacity=9 tokens is asked for once; the array is {shown(cache.keys)}"
        check.that(cache.keys.shape == (2, 3, 9, 5), text, cache.keys.shape, name)
    no_room(kind)


def no_room(kind: Any) -> None:
    cache = kind(8)
    _, _, kept, _ = next(fed(cache, [7]))
    for n in (2, 5):
        more = Tensor(rows(n)), Tensor(rows(n, width=2))
        what = f"{n} more tokens, 7 of capacity=8 kept"
        check.raises(lambda m=more: cache.append(*m), says=["capacity"], what=what)
        check.same(cache.length, 7, f"{what}: length after the error")
    last = Tensor(rows(1)), Tensor(rows(1, width=2))
    got = check.call(lambda: cache.append(*last), what="the token that fills the cache")
    right = [np.concatenate([a.data, b.data], 2) for a, b in zip(kept, last, strict=True)]
    same_rows("the token that fills the cache", got, right, np.float32)
    no_room_at_first(kind)


def no_room_at_first(kind: Any) -> None:
    cache, more = kind(4), (Tensor(rows(7)), Tensor(rows(7, width=2)))
    what = "7 tokens at once, capacity=4, nothing kept"
    check.raises(lambda: cache.append(*more), says=["capacity"], what=what)
    check.same(cache.length, 0, f"{what}: length after the error")
    text = "after the error keys and values must be None, as before"
    check.that(cache.keys is None and cache.values is None, text, "arrays", what)


@check.exercise
def sliding_cache(kind: Any, attention: Any) -> None:
    for window, (name, sizes) in itertools.product((1, 3, 4, 9), PIECES.items()):
        cache = kind(window)
        for what, piece, got, seen in fed(cache, sizes, np.float64):
            told = f"window={window}, {name}, {what}"
            same_rows(told, got, seen, np.float64, window - 1 + piece[0].shape[2])
            check.same(cache.length, seen[0].shape[2], f"{told}: length")
    cache = kind(3)
    for what, *_ in fed(cache, [1] * 40):
        held = max(x.base.nbytes if x.base is not None else x.nbytes for x in
                   (cache.keys, cache.values))  # fmt: skip
        text = "the arrays of the cache must not grow with the text"
        check.that(held <= rows(8).nbytes, text, "grows", f"window=3, {what}")
    for base in (None, 100):
        agrees_with_full(lambda: kind(3), attention, window=3, rotary_base=base)


# ---- 17.3: the mask ----


def looks_back(num_queries: int, num_keys: int, window: int | None = None) -> Array:
    mask = np.zeros((num_queries, num_keys))
    for i, j in np.ndindex(mask.shape):
        distance = num_keys - num_queries + i - j
        mask[i, j] = distance >= 0 and (window is None or distance < window)
    return mask


@check.exercise
def look_back_mask(function: Function) -> None:
    def may_look(num_queries: int, num_keys: int, window: int | None) -> Array:
        return np.array(function(num_queries, num_keys, window).data != 0, float)

    for sizes in ((2, 5), (1, 7), (7, 7), (3, 11), (1, 1)):
        for window in (None, 1, 2, 4, 50):
            what = f"{sizes[0]} queries, {sizes[1]} keys, window={window}"
            got = check.call(lambda s=sizes, w=window: function(*s, w), what=what)
            text = f"it must be a tensor; it is {shown(got)}"
            check.that(isinstance(got, Tensor), text, type(got).__name__, what)
            check.agree(may_look, looks_back, *sizes, what=what, once=True, window=window)


# ---- 17.4: shared heads ----


def shared_attention(Q: Array, K: Array, V: Array, mask: Any = None) -> tuple[Array, Array]:
    """Head by head, with the keys of its group."""
    batch, heads, n_q, _ = Q.shape
    group = heads // K.shape[1]
    output = np.zeros((batch, heads, n_q, V.shape[-1]), Q.dtype)
    weights = np.zeros((batch, heads, n_q, K.shape[2]), Q.dtype)
    allowed = np.ones(weights.shape, bool)
    if mask is not None:
        mask = np.asarray(mask) != 0
        allowed = np.broadcast_to(mask[:, None] if mask.ndim == 3 else mask, weights.shape)
    for b, h, i in np.ndindex(batch, heads, n_q):
        keys, values = K[b, h // group], V[b, h // group]
        powers = np.where(allowed[b, h, i], np.exp(keys @ Q[b, h, i] / math.sqrt(Q.shape[-1])), 0)
        weights[b, h, i] = powers / max(powers.sum(), 1e-300)
        output[b, h, i] = weights[b, h, i] @ values
    return output, weights


def draw(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


@check.exercise
def grouped_attention(function: Function) -> None:
    rng = np.random.default_rng(4)

    def answer(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> Any:
        return function(vectorized_attention, Q, K, V, mask)

    results = ("the output", "the weights")
    for heads, kv_heads in ((6, 2), (6, 1), (4, 2), (3, 3)):
        arrays = draw(heads, (2, heads, 5, 4), (2, kv_heads, 7, 4), (2, kv_heads, 7, 3))
        tensors = [Tensor(x, dtype=x.dtype) for x in arrays]
        for name, shape in {
            "no mask": None, "a mask (5, 7)": (5, 7), "a mask (2, 5, 7)": (2, 5, 7),
            "a mask (2, 1, 1, 7)": (2, 1, 1, 7), "a mask for each head": (2, heads, 5, 7),
        }.items():  # fmt: skip
            mask = None if shape is None else rng.random(shape) < 0.6
            what = f"{heads} heads, {kv_heads} of keys, {name}"
            check.agree(answer, shared_attention, *tensors, mask, what=what, results=results,
                        once=True)  # fmt: skip
    arrays = draw(1, (2, 4, 3, 5), (2, 2, 4, 5), (2, 2, 4, 2))
    wide = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in arrays]
    check.learns(answer, shared_attention, *wide, what="4 heads, 2 of keys")
    copies_no_key(function)


def copies_no_key(function: Function) -> None:
    """The attention function is called once, with the keys as they are."""
    Q, K, V = (Tensor(x) for x in draw(2, (2, 6, 3, 4), (2, 2, 5, 4), (2, 2, 5, 3)))
    calls: list[Any] = []

    def seen(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> tuple[Tensor, None]:
        calls.append((Q, K, V))
        return vectorized_attention(Q, K, V, mask)[0], None

    what = "6 heads, 2 of keys, an attention that forms no weights"
    got = check.call(lambda: function(seen, Q, K, V), what=what)
    right = shared_attention(Q.data, K.data, V.data)[0]
    check.same(len(calls), 1, f"{what}: how often attention is called")
    same_memory = np.shares_memory(calls[0][1].data, K.data)
    text = f"attention must get K as it is; it gets keys of shape {calls[0][1].shape}"
    check.that(same_memory and calls[0][1].shape == K.shape, text, "keys", what)
    check.same(got[0].data, right, f"{what}: the output")
    check.same(got[1], None, f"{what}: the weights")


# ---- 17.5: attention with a cache ----


def turned_by_hand(x: Array, base: float, start: int = 0) -> Array:
    """Pair (k, k + half) as a complex number, times e^(i angle). x: (b, h, n, d)."""
    half = x.shape[-1] // 2
    places = (start + np.arange(x.shape[2]))[:, None]
    angles = places * np.power(base, -np.arange(half) / half)
    pairs = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([pairs.real, pairs.imag], axis=-1)


def projected(part: Any, words: Array, heads: int) -> Array:
    out = words @ part.weight.data.astype(float)
    out = out if part.bias is None else out + part.bias.data
    return np.stack(np.split(out, heads, axis=-1), axis=1)


def by_hand(
    layer: Any, query: Array, key: Array, value: Array, mask: Any, base: float | None
) -> tuple[Array, Array]:
    """The layer's full pass in plain NumPy."""
    Q = projected(layer.q_proj, query, layer.num_heads)
    K, V = (
        projected(part, words, layer.num_kv_heads)
        for part, words in ((layer.k_proj, key), (layer.v_proj, value))
    )
    if base is not None:
        Q, K = (turned_by_hand(part, base) for part in (Q, K))
    output, weights = shared_attention(Q, K, V, mask)
    merged = np.concatenate([output[:, h] for h in range(output.shape[1])], axis=-1)
    return projected(layer.out_proj, merged, 1)[:, 0], weights


def lively(kind: Any, **options: Any) -> Any:
    """A layer in float64, width 24 and 6 heads, with biases that are not zero."""
    rng = np.random.default_rng(8)
    layer = kind(24, 6, **options).to(np.float64)
    for _, part in layer.named_parameters():
        part.data = rng.normal(0, 0.4, part.shape)
        part.requires_grad = False
    return layer


def agrees_with_full(make_cache: Any, kind: Any, mask: Any = None, **options: Any) -> None:
    """Whatever the pieces, each position's output is that of the full pass."""
    [x] = draw(5, (2, 7, 24))

    def in_pieces(x: Array, mask: Any, **options: Any) -> Array:
        layer, cache, end, outputs = lively(kind, num_kv_heads=2, **options), make_cache(), 0, []
        for piece in parts_of(x, PIECES[name]):
            start, end = end, end + piece.shape[1]
            words = Tensor(piece, dtype=piece.dtype)
            part = None if mask is None else mask[start:end, :end]
            got = layer.attend(words, words, words, part, cache=cache)
            come_as_two(got, "attend returns output and weights", what)
            outputs.append(got[0].data)
        return np.concatenate(outputs, axis=1)

    def at_once(x: Array, mask: Any, window: int | None, rotary_base: Any) -> Array:
        layer, seen = lively(kind, num_kv_heads=2), looks_back(7, 7, window)
        return by_hand(layer, x, x, x, seen if mask is None else seen * mask, rotary_base)[0]

    options = {"window": None, "rotary_base": None} | options
    told = [f"{name}={value}" for name, value in options.items() if value is not None]
    told += ["a mask as well"] if mask is not None else []
    for name in PIECES:
        what = ", ".join([name, *told])
        check.agree(in_pieces, at_once, x, mask, what=f"{what}: the outputs beside the full pass",
                    names=("x", "mask"), once=True, **options)  # fmt: skip


@check.exercise
def grouped_query_attention(kind: Any, cache_kind: Any) -> None:
    without_cache(kind)
    for base, window in ((None, None), (None, 1), (100, None), (100, 3)):
        agrees_with_full(lambda: cache_kind(9), kind, rotary_base=base, window=window)
    hidden = np.random.default_rng(7).random((7, 7)) < 0.7
    agrees_with_full(lambda: cache_kind(9), kind, hidden | np.eye(7, dtype=bool))
    keeps_turned_keys(kind, cache_kind)
    learning(kind)


def without_cache(kind: Any) -> None:
    few, key, value, many = draw(3, (2, 5, 24), *[(2, 7, 24)] * 3)
    chosen = np.random.default_rng(6).random((5, 7)) < 0.7

    def answer(
        query: Array, key: Array, value: Array, mask: Any, kv_heads: int, rotary_base: Any
    ) -> Any:
        layer = lively(kind, num_kv_heads=kv_heads, rotary_base=rotary_base)
        tensors = [Tensor(part, dtype=part.dtype) for part in (query, key, value)]
        return layer.attend(*tensors, mask)

    def right(
        query: Array, key: Array, value: Array, mask: Any, kv_heads: int, rotary_base: Any
    ) -> Any:
        layer = lively(kind, num_kv_heads=kv_heads)
        return by_hand(layer, query, key, value, mask, rotary_base)

    for kv_heads, base in ((1, None), (2, None), (2, 100), (6, 100)):
        for name, asked, mask in (
            ("no cache", many, None),
            ("no cache, 5 queries and 7 keys", few, None),
            ("no cache, a mask", few, chosen),
        ):
            what = f"{kv_heads} of 6 heads of keys, rotary_base={base}, {name}"
            given = (asked, key, value, mask)
            check.agree(answer, right, *given, what=what, results=("output", "weights"),
                        once=True, kv_heads=kv_heads, rotary_base=base)  # fmt: skip


def keeps_turned_keys(kind: Any, cache_kind: Any) -> None:
    def kept(x: Array, rotary_base: Any) -> Array:
        layer, cache = lively(kind, num_kv_heads=2, rotary_base=rotary_base), cache_kind(7)
        for piece in parts_of(x, [3, 4]):
            words = Tensor(piece, dtype=piece.dtype)
            layer.attend(words, words, words, cache=cache)
        return np.array(cache.keys)

    def right(x: Array, rotary_base: Any) -> Array:
        layer = lively(kind, num_kv_heads=2)
        K = projected(layer.k_proj, x, 2)
        return K if rotary_base is None else turned_by_hand(K, rotary_base)

    what = "3 tokens, then 4, rotary_base=100: the keys in the cache"
    check.agree(kept, right, draw(5, (2, 7, 24))[0], what=what, once=True, rotary_base=100)


def learning(kind: Any) -> None:
    layer = kind(12, 6, num_kv_heads=2, rotary_base=100.0, rng=np.random.default_rng(1))
    words = Tensor(draw(3, (2, 5, 12))[0], requires_grad=True)
    layer.attend(words, words, words)[0].sum().backward()
    parts = [("query, key and value", words), *layer.named_parameters()]
    none = [name for name, part in parts if part.grad is None]
    check.that(not none, f"no gradient arrives at {', '.join(none)}", none, "without a cache")


# ---- 17.7: the model ----


class Line(Layer):
    """x · factor + shift, in place of a part."""

    def __init__(self, factor: float, shift: float = 0.0) -> None:
        self.factor, self.shift = factor, shift

    def forward(self, x: Tensor, *_: Any, **options: Any) -> Tensor:
        return x * self.factor + self.shift


SIZES: dict[str, Any] = {
    "context_len": 7, "num_layers": 2, "num_heads": 4, "embed_dim": 8, "num_kv_heads": 2,
}  # fmt: skip


@check.exercise
def cached_gpt(kind: Any, config_of: Any) -> None:
    ids = np.random.default_rng(3).integers(0, 11, (2, 7))
    for positions in ("learned", "sinusoidal", "rotary"):
        in_its_order(kind, config_of, positions, ids)
        sizes = SIZES | {"num_kv_heads": 4}
        config = config_of(11, positions=positions, **sizes)
        model = loud(kind(config, vectorized_attention, rng=np.random.default_rng(2)))
        full = GPT(config, vectorized_attention)
        full.load_state_dict(model.state_dict())
        what = f"positions={positions!r}, all tokens, no caches, beside GPT"
        got = check.call(lambda m=model: m(ids), what=what)
        check.agree(lambda g=got: g, lambda f=full: f(ids), what=what, once=True, rtol=1e-3)
    for positions, window in (
        ("learned", None), ("sinusoidal", 3), ("rotary", None), ("rotary", 3),
    ):  # fmt: skip
        piece_by_piece(kind, config_of, ids, positions=positions, window=window)
    too_long(kind, config_of)


def loud(model: Any) -> Any:
    """Weights large enough that every part shows in the logits."""
    rng = np.random.default_rng(9)
    for _, part in model.named_parameters():
        part.data = rng.normal(0, 0.5, part.shape).astype(np.float32)
    return model.eval()


def in_its_order(kind: Any, config_of: Any, positions: str, ids: Array) -> None:
    """Straight lines stand for dropout, blocks and norm; the second piece begins at token 3."""
    table, places = draw(4, (11, 8), (7, 8))
    config = config_of(11, positions=positions, **SIZES)

    def answer(ids: Array, start: int, dropout: bool, norm: bool) -> Tensor:
        model = kind(config, vectorized_attention, rng=np.random.default_rng(2))
        model.tokens.weight.data = table.astype("f4")
        if positions == "learned":
            model.positions.weight.data = places.astype("f4")
        model.dropout, model.norm = Line(0.25), Line(0.7, 0.1)
        model.blocks = [Line(0.5, 1.0), Line(0.3, -1.0)]
        output: Tensor = model.hidden(ids, [SimpleNamespace(length=start) for _ in model.blocks])
        return output

    def right(ids: Array, start: int, dropout: bool, norm: bool) -> Array:
        rows = {"learned": places, "sinusoidal": waves(7, 8), "rotary": np.zeros((7, 8))}
        x = table[ids] + rows[positions][start : start + ids.shape[1]]
        x = ((x * 0.25 if dropout else x) * 0.5 + 1) * 0.3 - 1
        return np.array(0.7 * x + 0.1 if norm else x)

    check.agree(answer, right, ids[:, 3:], what=f"positions={positions!r}, tokens 3 to 6",
                once=True, dtypes=False, rtol=1e-4, start=3, dropout=True, norm=True)  # fmt: skip


def waves(seq_len: int, dim: int) -> Array:
    table = np.zeros((seq_len, dim))
    for t, c in np.ndindex(table.shape):
        angle = t / 10000 ** ((c - c % 2) / dim)
        table[t, c] = math.cos(angle) if c % 2 else math.sin(angle)
    return table


def piece_by_piece(kind: Any, config_of: Any, ids: Array, **options: Any) -> None:
    told = ", ".join(f"{name}={value!r}" for name, value in options.items() if value)
    one_layer_sees(kind, config_of, ids, told, **options)
    config = config_of(11, **SIZES, **options)
    model = loud(kind(config, vectorized_attention, rng=np.random.default_rng(2)))
    full = check.call(lambda: model(ids).data, what=f"{told}, no caches")
    for part in model.parameters():  # writing records nothing
        part.requires_grad = False
    for name, sizes in PIECES.items():
        caches, end = model.new_caches(), 0
        for piece in parts_of(ids, sizes):
            start, end = end, end + piece.shape[1]
            what = f"{told}, {name}, tokens {start} to {end - 1}"
            got = check.call(lambda p=piece, c=caches: model(p, c).data, what=what)
            for place in range(start, end):
                text = f"{what}: the logits of position {place}, beside the full pass"
                near = np.allclose(got[:, place - start], full[:, place], rtol=1e-3, atol=1e-4)
                apart = float(np.abs(got[:, place - start] - full[:, place]).max())
                check.that(near, f"they are up to {apart:.2g} apart", f"{apart:.2g}", text)


def one_layer_sees(kind: Any, config_of: Any, ids: Array, told: str, **options: Any) -> None:
    """With a window a token is seen from its own place and the next ones in it."""
    config = config_of(11, **(SIZES | {"num_layers": 1}), **options)
    model = loud(kind(config, vectorized_attention, rng=np.random.default_rng(2)))
    changed = ids.copy()
    changed[:, 2] = (ids[:, 2] + 1) % 11
    got = [check.call(lambda i=i: model(i).data, what=f"{told}, no caches") for i in (ids, changed)]
    moved = np.flatnonzero(np.abs(got[0] - got[1]).max(axis=(0, 2)) > 1e-6).tolist()
    seen = [*range(2, 2 + (options["window"] or 5))]
    text = f"when token 2 changes, the logits at {moved} move; it must be those at {seen}"
    check.that(moved == seen, text, str(moved), f"{told}, one block, no caches")


def too_long(kind: Any, config_of: Any) -> None:
    model = kind(config_of(11, **SIZES), vectorized_attention, rng=np.random.default_rng(2))
    for part in model.parameters():
        part.requires_grad = False
    what = "8 ids where context_len is 7"
    check.raises(model.hidden, np.zeros((1, 8), int), says=["context_len"], what=what)
    caches = model.new_caches()
    check.call(lambda: model.hidden(np.zeros((1, 6), int), caches), what="6 ids with caches")
    what = "2 more ids where context_len is 7 and 6 are kept"
    check.raises(lambda: model.hidden(np.zeros((1, 2), int), caches), says=["context_len"],
                 what=what)  # fmt: skip
    check.same([c.length for c in caches], [6, 6], f"{what}: the lengths of the caches afterwards")


# ---- 17.8: writing ----


class Fake(Layer):
    """A model whose likeliest next token follows from all the ids that its cache has seen."""

    def __init__(self, context_len: int, flat: bool = False) -> None:
        self.config, self.flat = SimpleNamespace(context_len=context_len), flat
        self.weight = Tensor(1.0, requires_grad=True)
        self.pieces: list[list[int]] = []
        self.problems: list[str] = []

    def new_caches(self) -> list[Any]:
        return [SimpleNamespace(length=0, ids=[])]

    def next_logits(self, ids: Any, caches: Any = None) -> Tensor:
        ids = np.asarray(getattr(ids, "data", ids))
        text = f"the model must get ids of shape (1, n); it gets {ids.shape}"
        check.that(ids.ndim == 2 and len(ids) == 1, text, ids.ndim, "ids")
        text = "the model must get the caches that it made"
        check.that(isinstance(caches, list) and len(caches) == 1, text, "caches", "caches")
        [cache] = caches
        cache.ids += ids[0].tolist()
        cache.length = len(cache.ids)
        text = f"the caches hold {cache.length} tokens, context_len is {self.config.context_len}"
        check.that(cache.length <= self.config.context_len, text, "too long", "caches")
        self.pieces.append(ids[0].tolist())
        logits = np.zeros((1, 11))
        if not self.flat:
            logits[0, following(cache.ids)] = 9
        output = self.weight * Tensor(logits)
        check.that(not self.training, "the model is in training: dropout is on", "mode", "mode")
        check.that(output.node is None, "the pass is recorded: use no_grad", "recorded", "pass")
        return output

    def forward(self, ids: Any, caches: Any = None) -> Tensor:
        logits = self.next_logits(ids, caches)
        return logits.reshape(1, 1, 11)

    def hidden(self, ids: Any, caches: Any = None) -> Tensor:
        return self.forward(ids, caches)


def following(ids: list[int]) -> int:
    return (3 * sum(ids) + len(ids)) % 10


def written(ids: list[int], count: int, context_len: int) -> tuple[list[int], list[list[int]]]:
    """The new ids, and what is read for each."""
    text, kept, pieces = [*ids], 0, []
    for number in range(count):
        piece = text[-1:] if number else text[max(0, len(text) - context_len) :]
        if kept + len(piece) > context_len:
            kept, piece = 0, text[len(text) - context_len // 2 :]
        kept += len(piece)
        pieces.append(piece)
        text.append(following(text[len(text) - kept :]))
    return text[len(ids) :], pieces


@check.exercise
def generate_cached(function: Function) -> None:
    for what, given, context_len in (
        ("a prompt of 3, room for 20", [1, 2, 3], 20),
        ("a prompt of 1, room for 8", np.array([7]), 8),
        ("a prompt of 9, room for 7", [3, 1, 4, 1, 5, 9, 2, 6, 5], 7),
    ):
        model, kept = Fake(context_len), list(given)
        rng = np.random.default_rng(1)
        stream = check.call(
            lambda m=model, g=given, r=rng: function(m, g, 12, temperature=0, rng=r), what=what
        )
        text = f"it must yield the ids one by one; it is {shown(stream)}"
        check.that(isinstance(stream, Iterator), text, type(stream).__name__, what)
        start = check.call(lambda s=stream: next(s), what=what)
        check.same(len(model.pieces), 1, f"{what}: how often the model is called for the first id")
        new = [start, *check.call(lambda s=stream: [*s], what=what)]
        right, pieces = written([int(x) for x in kept], 12, context_len)
        check.same(len(new), 12, f"{what}: how many new ids")
        for number, (got, expected) in enumerate(zip(model.pieces, pieces, strict=False)):
            text = f"the model reads {got}, expected {expected}"
            check.that(got == expected, text, str(got), f"{what}, new id {number}")
        new = [int(x) for x in new]
        check.that(new == right, f"the new ids are {new}, expected {right}", str(new), what)
        check.that(list(given) == kept, "you changed ids: make a copy first", "changed", what)
        text = "the model must stay in evaluation mode afterwards; it is in training"
        check.that(not model.training, text, "mode", what)
    lets_the_caller_record(function)
    options(function)


def lets_the_caller_record(function: Function) -> None:
    """Between two ids the caller goes on with its own work."""
    stream = function(Fake(20), [1, 2, 3], 7, temperature=0, rng=np.random.default_rng(1))
    next(stream)
    recording = Op.recording
    stream.close()  # which ends its blocks: what was switched off is on again
    text = "the caller's own calculations are not recorded: end no_grad before you yield"
    check.that(recording, text, recording, "between two ids")


def options(function: Function) -> None:
    """They are handed on to sample_token."""

    def text(seed: int, **options: Any) -> list[int]:
        rng = np.random.default_rng(seed)
        return [*function(Fake(64, flat=True), [1], 30, rng=rng, **options)]

    check.that(text(1) == text(1), "the same seed must give the same ids", "seed", "rng")
    check.that(text(1) != text(2), "another seed gives the same ids", "other seed", "rng")
    for what, chosen in (("top_k=1", {"top_k": 1}), ("top_p=0.01", {"top_p": 0.01})):
        found = {*text(1, **chosen)}
        check.that(len(found) == 1, f"of equal logits one is kept; {len(found)} came", "kept", what)
    model, rng = Fake(64), np.random.default_rng(1)
    new = [*function(model, [1, 2, 3], 40, temperature=1000.0, rng=rng)]
    rare = sum(token == 10 for token in new)
    check.that(rare > 0, "an unlikely id never comes in 40", "temperature", "temperature=1000")
