"""What the test cells of module 08 call: cases, and oracles that pick with Python's own lists."""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]


def place_in_list(index: Any, length: int) -> Any:
    """Where Python's own list finds it."""
    places, given = [*range(length)], np.asarray(index)
    return np.array([places[i] for i in given.ravel().tolist()], int).reshape(given.shape)[()]


@check.exercise
def as_index(function: Function) -> None:
    for index in (0, 3, 6, -1, -7, np.int64(-2), np.uint8(5)):
        what = f"index {index} of 7 samples"
        got = check.agree(function, place_in_list, index, 7, what=what)
        text = f"it must be an int, with which a list can be indexed; it is {got!r}"
        check.that(isinstance(got, int | np.integer), text, type(got).__name__, what)
    for what, given, length in (
        ("an array of indices", np.array([0, -1, 3, -7, 6]), 7),
        ("an array (2, 3)", np.array([[5, -5, 1], [0, 4, -1]]), 7),
        ("a list", [2, -1, 2], 3),
        ("a tensor", Tensor([2, -3]), 3),
        ("an array of int8, 300 samples", np.array([-1, 5], np.int8), 300),
        ("an array of uint8, 300 samples", np.array([255, 5], np.uint8), 300),
        ("an array of no indices", np.zeros(0, int), 7),
        ("an array (1,), one sample", np.array([-1]), 1),
    ):
        check.agree(function, place_in_list, given, length, what=what, kind=np.ndarray)
    for wrong, length, number in (
        (7, 7, "7"),
        (-8, 7, "-8"),
        (0, 0, "0"),
        ([0, 9], 7, "9"),
        (np.array([[1, -3], [2, -13]]), 7, "-13"),
        (np.array([0, 23, -1, 19]), 7, "23"),
        ([9, 12], 7, "9"),
        ([-8, 23], 7, "-8"),
    ):
        what = f"as_index({shown(wrong)}, {length})"
        check.raises(function, wrong, length, error=IndexError, says=[number], what=what)
    for kind in (1.0, "1", True, None, slice(0, 2), [0.0, 1.0], np.array([True, False])):
        what = f"as_index({shown(kind)}, 7)"
        check.raises(function, kind, 7, error=TypeError, says=["index"], what=what)


def arrays_of_11() -> tuple[Array, ...]:
    rng = np.random.default_rng(2)
    return (
        rng.normal(size=(11, 3)),
        np.arange(11) * 10,
        rng.normal(size=(11, 2, 5)).astype(np.float32),
    )


def rows_of(array: Array, indices: Any) -> Array:
    """Row by row, by a list."""
    rows, places = [*array], np.asarray(indices).ravel().tolist()
    return np.array([rows[i] for i in places], array.dtype).reshape(-1, *array.shape[1:])


def parts_are(got: Any, right: tuple[Array, ...], what: str) -> None:
    """A tuple of arrays with these numbers, in these dtypes."""
    text = f"it must be a tuple, with a part for each array; it is {shown(got)}"
    check.that(isinstance(got, tuple), text, type(got).__name__, what)
    text = f"it must have {len(right)} part(s), one for each array; it has {len(got)}"
    check.that(len(got) == len(right), text, len(got), what)
    for number, (part, values) in enumerate(zip(got, right, strict=True)):
        text = f"it must be an array, or a number; it is {with_article(type(part).__name__)}"
        plain = isinstance(part, np.ndarray | np.generic | int | float)
        check.that(plain, text, type(part).__name__, f"{what}, part {number}")
        check.same(part, values, f"{what}, part {number}")
        dtype = np.asarray(part).dtype
        text = f"its dtype must stay {values.dtype}; it is {dtype}"
        check.that(dtype == values.dtype, text, str(dtype), f"{what}, part {number}")


def own_memory(parts: Any, data: Any, what: str) -> None:
    text = "it shares memory with the data: a change of the batch would change the data"
    shares = any(np.shares_memory(part, array) for part in parts for array in data)
    check.that(not shares, text, "shared", what)


def length_of(one: Any, what: str) -> Any:
    return check.call(lambda: len(one), what=f"the length, {what}")


def refuses_indices(dataset: Any, length: int) -> None:
    """Beyond either end, and what is no index."""
    for wrong in (length, -length - 1):
        what = f"sample {wrong} of {length}"
        check.raises(dataset.__getitem__, wrong, error=IndexError, says=[str(wrong)], what=what)
    check.raises(dataset.__getitem__, 1.0, error=TypeError, what="sample 1.0")


@check.exercise
def array_dataset(cls: Any) -> None:
    arrays = arrays_of_11()
    dataset, other = cls(*arrays), cls(np.arange(5))
    for one, length, shapes in ((dataset, 11, "(11, 3), (11,) and (11, 2, 5)"), (other, 5, "(5,)")):
        check.same(length_of(one, shapes), length, f"the length, for arrays {shapes}")
    for index in (0, 3, 10, -1, np.int64(-11)):
        what = f"sample {index}"
        got = check.call(dataset.__getitem__, index, what=what, names=["index"])
        parts_are(got, tuple(rows_of(array, index)[0] for array in arrays), what)
    parts_are(check.call(other.__getitem__, 3, what="one array"), (np.array(3),), "one array")
    for indices in ([3, 0, 7, 3, 10], [4, 5, 6], [2], [], [-1, 0]):
        for form, ask in (("batch", dataset.batch), ("dataset[...]", dataset.__getitem__)):
            what = f"{form} of {indices}"
            got = check.call(ask, np.array(indices, int), what=what, names=["indices"])
            parts_are(got, tuple(rows_of(array, indices) for array in arrays), what)
            own_memory(got, arrays, what)
            for part in got:
                part[...] = 0
            what = f"{what}, after an earlier one was changed"
            got = check.call(ask, np.array(indices, int), what=what, names=["indices"])
            parts_are(got, tuple(rows_of(array, indices) for array in arrays), what)
    kinds, float32 = cls([1.5, 2.5], Tensor([[3.0], [4.0]])), np.float32
    what = "sample 1 of a list and a tensor"
    got = check.call(lambda: kinds[1], what=what)
    parts_are(got, (np.array(2.5), np.array([4], float32)), what)
    what = "a batch of a list and a tensor"
    got = check.call(lambda: kinds.batch(np.array([1, 1])), what=what)
    parts_are(got, (np.array([2.5, 2.5]), np.array([[4], [4]], float32)), what)
    arrays[1][3] = -5
    text = "it does not follow its array, which must not be copied"
    check.that(dataset[3][1] == -5, text, what="a number changed in the array")
    refuses_indices(dataset, 11)
    for what, says, wrong in (
        ("lengths 11 and 7", ["11", "7"], (np.zeros((11, 3)), np.zeros(7))),
        ("lengths 3, 4 and 5", ["3", "4", "5"], (np.zeros(3), np.zeros(4), np.zeros(5))),
        ("lengths 7, 7 and 1", ["7", "1"], (np.zeros(7), np.zeros(7), np.zeros(1))),
        ("no array", [], ()),
        ("an array without an axis", [], (np.array(3.0),)),
    ):
        check.raises(cls, *wrong, says=says, what=what)


def window(tokens: Array, seq_len: int, start: int) -> tuple[Array, Array]:
    """Token by token."""
    ids = tokens.tolist()
    pairs = [(ids[start + j], ids[start + j + 1]) for j in range(seq_len)]
    return np.array(pairs, tokens.dtype)[:, 0], np.array(pairs, tokens.dtype)[:, 1]


def texts() -> list[tuple[Array, int]]:
    ids = np.random.default_rng(3).permutation(97)
    return [(ids[:13], 5), (ids[:13].astype(np.uint16), 1), (ids[:7], 6), (ids[:31:2], 3)]


def of_windows(got: Any, right: tuple[Array, ...], what: str) -> None:
    text = f"it must be a tuple of input and target; it is {shown(got)}"
    fits = isinstance(got, tuple) and len(got) == 2
    check.that(fits, text, type(got).__name__, what)
    for name, part, values in zip(("the input", "the target"), got, right, strict=True):
        check.same(part, values, f"{what}, {name}")
        kind = np.asarray(part).dtype.kind
        text = f"tokens must stay integers; the dtype is {np.asarray(part).dtype}"
        check.that(kind in "iu", text, kind, f"{what}, {name}")


@check.exercise
def text_windows(cls: Any) -> None:
    for tokens, seq_len in texts():
        dataset, told = cls(tokens, seq_len), f"{len(tokens)} tokens, seq_len {seq_len}"
        count = sum(start + seq_len < len(tokens) for start in range(len(tokens)))
        check.same(length_of(dataset, told), count, f"the length, {told}")
        for start in range(count):
            what = f"window {start}, {told}"
            got = check.call(dataset.__getitem__, start, what=what, names=["index"])
            of_windows(got, window(tokens, seq_len, start), what)
        last = window(tokens, seq_len, count - 1)
        of_windows(dataset[-1], last, f"window -1, {told}")
        refuses_indices(dataset, count)


@check.exercise
def windows_batch(cls: Any) -> None:
    for tokens, seq_len in texts():
        dataset, told = cls(tokens, seq_len), f"{len(tokens)} tokens, seq_len {seq_len}"
        count = len(tokens) - seq_len
        for starts in ([count - 1, 0], [0], [], [*range(count)], [-1, 0, 0]):
            what = f"windows {starts}, {told}"
            pairs = [window(tokens, seq_len, start % count) for start in starts]
            right = [np.array(rows, tokens.dtype) for rows in zip(*pairs, strict=True)]
            right = right or [np.zeros((0, seq_len), tokens.dtype)] * 2
            got = check.call(dataset.batch, np.array(starts, int), what=what, names=["indices"])
            of_windows(got, (right[0], right[1]), what)
            own_memory(got, [tokens], what)
            text = "input and target share memory: a change of one shows in the other"
            check.that(not np.shares_memory(*got), text, "shared", what)
        of_windows(dataset[np.array([0])], (right[0][-1:], right[1][-1:]), f"an array, {told}")
        check.raises(dataset.batch, [0, count], error=IndexError, what=f"window {count}, {told}")


@check.exercise
def split_by_position(function: Function) -> None:
    rng = np.random.default_rng(5)
    for length, fractions in (
        (10, (0.5, 0.5)),
        (100, (0.9, 0.1)),
        (100, (0.29, 0.71)),
        (101, (0.8, 0.1, 0.1)),
        (97, (1 / 3, 1 / 3, 1 / 3)),
        (7, (0.9, 0.1)),
        (13, (1.0,)),
        (1004, (0.1,) * 10),
        (0, (0.9, 0.1)),
    ):
        parts_of(function, rng.permutation(length), fractions)
    table = rng.permutation(26).reshape(13, 2)
    parts_of(function, table, (0.4, 0.6))
    for form, given in (("a list", [5, 3, 8, 1]), ("a tensor", Tensor([5, 3, 8, 1]))):
        parts = check.call(function, given, (0.5, 0.5), what=form)
        parts_are(parts, (np.array([5, 3]), np.array([8, 1])), f"{form} [5, 3, 8, 1] in halves")
    default = [len(part) for part in function(np.arange(100))]
    check.same(default, [90, 10], "the lengths of 100 tokens, without fractions")
    wrong: Any
    for wrong in ((0.9, 0.2), (0.5, 0.4), (1.2, -0.2), (1.0, 0.0), (float("nan"), 1.0), ()):
        what = f"fractions {wrong}"
        check.raises(function, np.arange(100), wrong, says=["fractions"], what=what)


def parts_of(function: Function, tokens: Array, fractions: tuple[float, ...]) -> None:
    """Together the tokens again; each end within one token of its share."""
    shares = ", ".join(f"{part:.3g}" for part in fractions)
    shares = f"{len(fractions)} parts of 0.1" if len(fractions) == 10 else shares
    what = f"{len(tokens)} tokens in {shares}"
    parts = check.call(function, tokens, fractions, what=what)
    fits = isinstance(parts, tuple) and all(isinstance(part, np.ndarray) for part in parts)
    check.that(fits, f"it must be a tuple of arrays; it is {shown(parts)}", "kind", what)
    text = f"{len(parts)} part(s) came, expected {len(fractions)}"
    check.that(len(parts) == len(fractions), text, len(parts), what)
    came, total = sum(map(len, parts)), 0.0
    text = f"the parts hold {came} of {len(tokens)} tokens together"
    check.that(came == len(tokens), text, came, what)
    joined = np.concatenate(parts)
    text = "together the parts hold the tokens in another order"
    check.that(joined.shape == tokens.shape and (joined == tokens).all(), text, "order", what)
    ends = itertools.accumulate(len(part) for part in parts)
    for number, (end, fraction) in enumerate(zip(ends, fractions, strict=True)):
        total += fraction
        right = total * len(tokens)
        text = f"part {number} ends at token {end}; {total:.3g} of {len(tokens)} is {right:.4g}"
        check.that(abs(end - right) < 0.999, text, end, what)


def stacked(samples: list[Any]) -> tuple[Array, ...]:
    """Part by part, by lists of lists."""
    rows = [sample if isinstance(sample, tuple) else (sample,) for sample in samples]
    bare = [[getattr(part, "data", part) if isinstance(part, Tensor) else part for part in row]
            for row in rows]  # fmt: skip
    firsts = map(np.asarray, bare[0])
    return tuple(
        np.array([np.asarray(row[k]).tolist() for row in bare], first.dtype).reshape(
            len(bare), *first.shape
        )
        for k, first in enumerate(firsts)
    )


@check.exercise
def collate(function: Function) -> None:
    x = np.random.default_rng(6).normal(size=(5, 2, 3))
    cases: dict[str, list[Any]] = {
        "5 samples of (2, 3) and a number": [(x[i], 10 * i) for i in range(5)],
        "2 samples of three parts": [(x[i], x[i, 0], i / 2) for i in range(2)],
        "samples of two numbers": [(1, 2.5), (3, 4.5), (5, 6.5)],
        "samples in float32": [(np.float32(row), np.float32(7)) for row in x],
        "one sample": [(x[0], 3)],
        "samples that are one array": [*x],
        "samples that are one number": [5, 3, 8],
        "samples that are one list": [[1, 2, 3], [4, 5, 6]],
        "samples of one part": [(x[0],), (x[1],)],
        "samples of tensors": [(Tensor(row), Tensor(4)) for row in x],
        "samples of no numbers": [(np.zeros((0, 3)), 1), (np.zeros((0, 3)), 2)],
    }
    for what, samples in cases.items():
        got = check.call(function, samples, what=what)
        parts_are(got, stacked(samples), what)
        parts = [part for one in samples for part in (one if isinstance(one, tuple) else (one,))]
        own_memory(
            function(samples), [part for part in parts if isinstance(part, np.ndarray)], what
        )
    first = function(cases["one sample"])
    function([(x[1], 4)])
    parts_are(first, stacked(cases["one sample"]), "a batch after another was made")
    misfits: tuple[tuple[str, list[Any], list[str]], ...] = (
        ("no samples", [], []),
        ("samples of 2 parts and of 1", [(x[0], 1), (x[1],)], ["2", "1"]),
        ("samples of 1 part and of 2", [(x[1],), (x[0], 1)], ["2", "1"]),
        ("part 1 of (3,) and (2,)", [(1, x[0, 0]), (2, x[0, :, 0])], ["(3,)", "(2,)"]),
        ("arrays (2, 3) and (1, 3)", [x[0], x[0, :1]], ["(2, 3)", "(1, 3)"]),
    )
    for what, wrong, says in misfits:
        check.raises(function, wrong, says=says, what=what)


def each_once(order: list[int], length: int, what: str) -> None:
    """Every index from 0 to length - 1 stands there once."""
    counts = Counter(order)
    twice = [f"{i} {n} times" for i, n in counts.items() if n > 1]
    missing = [str(i) for i in range(length) if i not in counts]
    told = [
        *(f"it holds {one}" for one in twice[:1]),
        *(f"{one} is missing" for one in missing[:1]),
    ]
    told += [f"it holds {i}" for i in counts if not 0 <= i < length][:1]
    text = f"each of 0 to {length - 1} must come once; {' and '.join(told)}"
    check.that(not told, text, [len(twice), len(missing)], what)


@check.exercise
def epoch_order(function: Function) -> None:
    for length in (7, 0, 1, 101):
        plain, drawn = (f"num_samples={length}, {how}" for how in ("no rng", "with rng"))
        got = check.call(function, length, what=plain)
        text = f"it must be an array; it is {shown(got)}"
        check.that(isinstance(got, np.ndarray), text, type(got).__name__, plain)
        check.same(got, np.array([*range(length)], int), plain)
        for seed in (1, 2, 3):
            rng = np.random.default_rng(seed)
            order = check.call(functools.partial(function, length, rng), what=drawn)
            fits = isinstance(order, np.ndarray) and order.dtype.kind == "i"
            text = f"it must be an array of ints; it is {shown(order)}"
            check.that(fits, text, type(order).__name__, drawn)
            each_once(order.tolist(), length, drawn)
    rng = np.random.default_rng(4)
    first, second = (function(101, rng).tolist() for _ in range(2))
    text = "the order must be drawn from rng; it is 0, 1, 2, ..."
    check.that(first != [*range(101)], text, what="num_samples=101, with rng")
    text = "it must give another order each time; it gives the same"
    check.that(first != second, text, what="the same rng, twice")
    again = function(101, np.random.default_rng(4)).tolist()
    text = "it must give the same order: draw from rng"
    check.that(first == again, text, what="a new rng of the same seed")
    orders = Counter(tuple(function(3, rng).tolist()) for _ in range(18_000))
    counts = [orders[order] for order in itertools.permutations(range(3))]
    text = f"of 18000 draws each of the 6 orders must come about 3000 times; they come {counts}"
    check.that(all(abs(count - 3000) < 270 for count in counts), text, "uneven", "num_samples=3")


@check.exercise
def loader_len(cls: Any) -> None:
    for length, size, drop in itertools.product((11, 12, 6, 7, 1, 0), (3, 4, 1, 12, 17), (0, 1)):
        loader = cls([0] * length, size, drop_last=bool(drop))
        starts = [*range(0, length, size)]
        whole = [start for start in starts if start + size <= length]
        what = f"{length} samples, batch_size={size}, drop_last={bool(drop)}"
        got = check.call(functools.partial(len, loader), what=what)
        check.same(got, len(whole if drop else starts), what)


class Recorded:
    """Samples (i, 10 i); it notes which were asked for."""

    def __init__(self, length: int) -> None:
        self.length, self.asked = length, 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[int, int]:
        self.asked += 1
        if not 0 <= index < self.length:
            raise IndexError(f"sample {index} of {self.length} was asked for")
        return index, 10 * index


class Fast(Recorded):
    """The same, many at once."""

    def batch(self, indices: Array) -> tuple[Array, Array]:
        self.asked += len(indices)
        return np.array(indices), 10 * np.array(indices)


def epoch_of(loader: Any, what: str) -> list[list[int]]:
    """The samples of each batch of an epoch; every batch is a tuple of parts that belong together."""
    found = []
    for batch in check.call(lambda: [*itertools.islice(loader, 200)], what=what):
        fits = isinstance(batch, tuple) and len(batch) == 2
        text = f"a batch must be a tuple of two arrays, as fetch gives it; it is {shown(batch)}"
        check.that(fits, text, type(batch).__name__, what)
        check.same(batch[1], 10 * np.asarray(batch[0]), f"{what}, the second part of a batch")
        found.append(np.asarray(batch[0]).tolist())
    check.that(len(found) < 200, "the epoch has no end", what=what)
    return found


def cut(length: int, size: int, drop: bool) -> list[list[int]]:
    pieces = [[*range(start, min(start + size, length))] for start in range(0, length, size)]
    return [piece for piece in pieces if len(piece) == size or not drop]


@check.exercise
def loader_iter(cls: Any) -> None:
    for length, size, drop in itertools.product((11, 12), (4, 1, 11, 17), (False, True)):
        for kind, dataset in (("fetched one by one", Recorded), ("with batch", Fast)):
            what = f"{length} samples {kind}, not shuffled, batch_size={size}, drop_last={drop}"
            loader = cls(dataset(length), size, drop_last=drop)
            for again in ("", ", a second epoch"):
                got = epoch_of(loader, f"{what}{again}")
                check.same(got, cut(length, size, drop), f"{what}{again}")
    check.same(epoch_of(cls([], 4), "no samples"), [], "no samples")
    made_when_asked(cls)
    shuffled_epochs(cls)
    independent_loops(cls)


def first_of(batches: Any) -> Any:
    return next(iter(batches))


def made_when_asked(cls: Any) -> None:
    for shuffle in (False, True):
        data = Recorded(101)
        loader = cls(data, 4, shuffle=shuffle)
        check.call(functools.partial(first_of, loader), what="the first batch")
        text = f"{data.asked} of 101 samples were fetched, expected the 4 of the first batch"
        check.that(data.asked <= 4, text, data.asked, "after the first batch")


def shuffled_epochs(cls: Any) -> None:
    for length, drop in ((100, True), (101, False), (101, True)):
        loader = cls(Fast(length), 10, shuffle=True, drop_last=drop, seed=1)
        what = f"{length} samples shuffled, batch_size=10, drop_last={drop}"
        epochs = [epoch_of(loader, what) for _ in range(3)]
        for epoch in epochs:
            sizes = [len(batch) for batch in epoch]
            check.same(sizes, [len(piece) for piece in cut(length, 10, drop)], f"{what}, sizes")
            seen = [*itertools.chain(*epoch)]
            if not drop or length == 100:
                each_once(seen, length, what)
            text = "a sample comes twice in an epoch"
            check.that(len({*seen}) == len(seen), text, what=what)
            rows = [batch for batch in epoch if np.ptp(batch) + 1 == len(batch)]
            text = "samples that are neighbours in the data stay together in a batch"
            check.that(len(rows) < 3, text, what=what)
            text = "the samples of each batch are sorted: cut the order into pieces, as it is"
            check.that(any(batch != sorted(batch) for batch in epoch), text, what=what)
        text = "the second epoch comes in the order of the first"
        check.that(epochs[0] != epochs[1] != epochs[2], text, what=what)
    seeds(cls)


def seeds(cls: Any) -> None:
    def first_two(seed: int | None) -> list[Any]:
        loader = cls(Fast(101), 10, shuffle=True, seed=seed)
        return [epoch_of(loader, f"seed {seed}") for _ in range(2)]

    text = "they must give the same epochs: draw the order from self.rng"
    check.that(first_two(1) == first_two(1), text, what="two loaders of the same seed")
    for seed in (2, None):
        text = f"they give the same epochs as seed=1; it is seed={seed}"
        check.that(first_two(1) != first_two(seed), text, what="two loaders of different seeds")
    loader = cls(Fast(101), 10, shuffle=True, seed=1)
    epoch_of(loader, "the first epoch")
    saved = loader.rng.bit_generator.state
    second = epoch_of(loader, "the second epoch")
    loader.rng.bit_generator.state = saved
    text = "after the state of loader.rng is put back, the same epoch must come again"
    again = epoch_of(loader, "the second epoch once more")
    check.that(second == again, text, what="the state of rng")


def independent_loops(cls: Any) -> None:
    loader = cls(Fast(11), 4)
    next(iter(loader))
    check.same(
        epoch_of(loader, "a loop"), cut(11, 4, False), "a loop after one that was left early"
    )
    pairs = [
        (one[0].tolist(), other[0].tolist()) for one, other in zip(loader, loader, strict=True)
    ]
    right = [(piece, piece) for piece in cut(11, 4, False)]
    check.same(pairs, right, "two loops at a time over one loader")
    nested_loops(cls(Fast(101), 10, shuffle=True, seed=1))


def nested_loops(loader: Any) -> None:
    """A whole epoch while another is going on: neither loses a sample."""
    outer, what = iter(loader), "two loops at a time over one shuffled loader"
    begun = next_batches(outer, 3, what)
    for which, batches in (("inner", loader), ("outer", itertools.chain(begun, outer))):
        samples = [*itertools.chain(*epoch_of(batches, f"{what}, the {which} one"))]
        each_once(samples, 101, f"{what}, the {which} one")


class WithoutEndError(BaseException):
    """Ends a search that has none; no answer takes it for an error of its own."""


class Begun:
    """Gives these batches, epoch by epoch."""

    def __init__(self, *epochs: list[Any]) -> None:
        self.epochs, self.begun, self.given = epochs, 0, 0

    def __iter__(self) -> Iterator[Any]:
        self.begun += 1
        if self.begun > 50:
            raise WithoutEndError
        for item in self.epochs[min(self.begun, len(self.epochs)) - 1]:
            self.given += 1
            yield item


def next_batches(batches: Any, count: int, what: str) -> list[Any]:
    """So many of them; an end, or an error, becomes a message about the case."""
    got: list[Any] = check.call(lambda: [*itertools.islice(batches, count)], what=what)
    text = f"{len(got)} came, and then an end; {count} were asked for"
    check.that(len(got) == count, text, len(got), what)
    return got


@check.exercise
def endless(function: Function, loader_class: Any) -> None:
    loader, twin = (loader_class(Fast(11), 4, shuffle=True, seed=1) for _ in range(2))
    batches = check.call(function, loader, what="a shuffled loader")
    text = f"it must be an iterator; it is {shown(batches)}"
    check.that(hasattr(batches, "__next__"), text, type(batches).__name__, "endless(loader)")
    before: Any = None
    for epoch, right in enumerate([[*twin] for _ in range(3)], 1):
        what = f"a shuffled loader, epoch {epoch}"
        got = next_batches(batches, len(right), what)
        odd = [one for one in got if not isinstance(one, tuple)]
        text = f"batches of the loader must come; {shown((odd or [0])[0])} came"
        check.that(not odd, text, "no batch", what)
        told = [one[0].tolist() for one in got]
        text = "the batches of the epoch before come again; the loader draws another order"
        check.that(told != before, text, "again", what)
        check.same(told, [one[0].tolist() for one in right], what)
        before = told
    for items in ([5, 3], [0], [np.zeros(3), np.ones(2)]):
        what, count = f"a list {shown(items)}", 2 * len(items) + 1
        got = next_batches(function(items), count, what)
        check.that(all(map(np.array_equal, got, items * 3)), "other batches came", what=what)
    got = next_batches(function(Begun([1, 2], [3], [4, 5, 6])), 6, "epochs of other lengths")
    check.same(got, [1, 2, 3, 4, 5, 6], "epochs [1, 2], [3], [4, 5, 6]")
    asked = Begun([*range(100)])
    check.call(lambda: next(function(asked)), what="the first batch of 100")
    text = f"{asked.given} batches were taken from the loader, expected 1"
    check.that(asked.given <= 1, text, asked.given, "after the first batch")
    next_batches(function([1]), 3000, "3000 epochs of one batch")
    for what, epochs in (("no batch", [[]]), ("no batch from epoch 2 on", [[1], []])):
        refuses_empty(function, Begun(*epochs), what)


def refuses_empty(function: Function, empty: Begun, what: str) -> None:
    try:
        check.raises(lambda: [*function(empty)], says=["loader"], what=what)
    except WithoutEndError:
        text = "one empty epoch after another is begun, without an end; it must raise a ValueError"
        check.that(False, text, "endless", what)
