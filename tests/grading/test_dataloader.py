"""Public checks of module 08: each says what it expects, and runs without the reference."""

import itertools

import numpy as np
import pytest


def told(dataloader, steps, own, **given):
    """What each expression gives, in a form that can be handed over; an error is its kind.

    `own` are the answers under test. Others are stood in for: they have checks of their own.
    """
    import numpy as np

    from tinytorch.core.tensor import Tensor

    def places(index, length):
        return np.arange(length)[index] if np.ndim(index) else range(length)[index]

    def collate(samples):
        rows = [one if isinstance(one, tuple) else (one,) for one in samples]
        return tuple(np.array(part) for part in zip(*rows, strict=True))

    def order(num_samples, rng=None):
        keys = range(num_samples) if rng is None else rng.random(num_samples)
        return np.argsort(np.asarray(keys, float))

    def ceiling(self):
        count, size = len(self.dataset), self.batch_size
        return sum(1 for i in range(0, count, size) if i + size <= count or not self.drop_last)

    stand_ins = {
        "as_index": lambda index, length: places(np.asarray(index), length),
        "collate": collate,
        "epoch_order": order,
        "TextWindows.__len__": lambda self: max(0, self.tokens.size - self.seq_len),
        "DataLoader.__len__": ceiling,
    }
    for name, other in stand_ins.items():
        whole, _, part = name.rpartition(".")
        home = getattr(dataloader, whole, None) if whole else dataloader
        if home is not None and name not in own:
            setattr(home, part, other)

    class Counted:
        """Samples (i, 10 i), one by one."""

        def __init__(self, length):
            self.length, self.asked = length, 0

        def __len__(self):
            return self.length

        def __getitem__(self, index):
            self.asked += 1
            return (index, 10 * index)

    class Fast(Counted):
        def batch(self, indices):
            self.asked += len(indices)
            return np.array(indices), 10 * np.array(indices)

    class Epochs:
        """Gives these batches, epoch by epoch, and stops who begins for ever."""

        def __init__(self, *epochs):
            self.epochs, self.begun, self.asked = epochs, 0, 0

        def __iter__(self):
            self.begun += 1
            if self.begun > 60:
                raise RuntimeError("it begins one empty epoch after another, without an end")
            for batch in self.epochs[min(self.begun, len(self.epochs)) - 1]:
                self.asked += 1
                yield batch

    def plain(value):
        if isinstance(value, np.ndarray | np.generic):
            return [np.array(value), np.asarray(value).dtype.kind + str(value.dtype.itemsize)]
        if isinstance(value, tuple | list):
            return [type(value).__name__, *map(plain, value)]
        return value

    def outcome(step):
        try:
            return plain(eval(step, scope))
        except (TypeError, ValueError, IndexError, RuntimeError) as error:
            return [type(error).__name__, str(error)]

    scope = {**vars(dataloader), "np": np, "Counted": Counted, "Fast": Fast, "Epochs": Epochs}
    scope.update(given, Tensor=Tensor)
    return [outcome(step) for step in steps]


def expect_parts(what, got, *parts):
    """A tuple of arrays or numbers, with their dtypes."""
    assert isinstance(got, list) and got and got[0] == "tuple", f"{what} gives {got}, not a tuple"
    assert len(got) == 1 + len(parts), f"{what} has {len(got) - 1} parts, expected {len(parts)}"
    for number, (part, values) in enumerate(zip(got[1:], parts, strict=True)):
        values = np.asarray(values)
        came, dtype = part if isinstance(part, list) else (part, type(part).__name__)
        right = values.dtype.kind + str(values.dtype.itemsize)
        told = f"{what}, part {number}, is {np.asarray(came).tolist()}"
        assert np.shape(came) == values.shape, f"{told} of shape {np.shape(came)}"
        assert np.array_equal(came, values), f"{told}, expected {values.tolist()}"
        assert dtype in (right, "int", "float"), f"{what}, part {number}, has dtype {dtype}"


def is_error(got, kind, *says):
    fits = isinstance(got, list) and got[0] == kind
    return fits and all(str(part) in got[1] for part in says)


@pytest.mark.exercise("8.1")
class TestAsIndex:
    @pytest.mark.points(0.5)
    def test_from_either_end(self, submission):
        steps = ["int(as_index(3, 7))", "int(as_index(-1, 7))", "as_index([0, -7, 6], 7) + 0"]
        one, last, many = submission.run(told, steps=steps, own=["as_index"])
        assert (one, last) == (3, 6), f"as_index(3, 7) and as_index(-1, 7) are {one} and {last}"
        assert np.array_equal(many[0], [0, 0, 6]), f"as_index([0, -7, 6], 7) is {many}"

    @pytest.mark.points(0.5)
    def test_what_is_no_index(self, submission):
        steps = ["as_index(7, 7)", "as_index([0, -8], 7)", "as_index(1.0, 7)", "as_index(True, 7)"]
        high, low, *kinds = submission.run(told, steps=steps, own=["as_index"])
        assert is_error(high, "IndexError", 7), f"as_index(7, 7): {high}"
        assert is_error(low, "IndexError", -8), f"as_index([0, -8], 7): {low}"
        assert all(is_error(one, "TypeError") for one in kinds), f"1.0 and True: {kinds}"


TABLE, LABELS = np.array([[1.5, 2], [3, 4], [5, 6]]), np.array([7, 8, 9])


@pytest.mark.exercise("8.2")
class TestArrayDataset:
    @pytest.mark.points(1)
    def test_rows_and_batches(self, submission):
        steps = ["len(ArrayDataset(x, y))", "ArrayDataset(x, y)[1]", "ArrayDataset(x, y)[-1]"]
        steps += ["ArrayDataset(x, y).batch(np.array([2, 0]))", "ArrayDataset(x, y[:2])"]
        own = ["ArrayDataset"]
        found = submission.run(told, steps=steps, own=own, x=TABLE, y=LABELS)
        length, middle, last, batch, unequal = found
        assert length == 3, f"the length of 3 rows is {length}"
        expect_parts("sample 1", middle, TABLE[1], np.int64(8))
        expect_parts("sample -1", last, TABLE[2], np.int64(9))
        expect_parts("the batch of 2 and 0", batch, [[5.0, 6], [1.5, 2]], [9, 7])
        assert is_error(unequal, "ValueError", 3, 2), f"lengths 3 and 2: {unequal}"


@pytest.mark.exercise("8.3")
class TestTextWindows:
    @pytest.mark.points(1)
    def test_five_tokens(self, submission):
        steps = ["len(TextWindows(t, 3))", "TextWindows(t, 3)[0]", "TextWindows(t, 3)[1]"]
        own = ["TextWindows.__len__"]
        tokens = np.array([4, 9, 2, 7, 5])
        length, first, last = submission.run(told, steps=steps, own=own, t=tokens)
        assert length == 2, f"5 tokens with seq_len 3 have 2 windows, not {length}"
        expect_parts("window 0", first, [4, 9, 2], [9, 2, 7])
        expect_parts("window 1", last, [9, 2, 7], [2, 7, 5])


@pytest.mark.exercise("8.4")
class TestWindowsBatch:
    @pytest.mark.points(1)
    def test_two_windows(self, submission):
        given = {"t": np.array([4, 9, 2, 7, 5]), "own": []}
        [batch] = submission.run(told, steps=["TextWindows(t, 3).batch([1, 0])"], **given)
        expect_parts("the batch", batch, [[9, 2, 7], [4, 9, 2]], [[2, 7, 5], [9, 2, 7]])


@pytest.mark.exercise("8.5")
class TestSplitByPosition:
    @pytest.mark.points(1)
    def test_shares_and_wrong_shares(self, submission):
        steps = ["split_by_position(np.arange(10), (0.5, 0.3, 0.2))"]
        steps += ["split_by_position(np.arange(100), (0.29, 0.71))"]
        steps += ["split_by_position(np.arange(10), (0.5, 0.6))"]
        three, two, wrong = submission.run(told, steps=steps, own=[])
        expect_parts("10 tokens", three, np.arange(5), np.arange(5, 8), np.arange(8, 10))
        expect_parts("100 tokens", two, np.arange(29), np.arange(29, 100))
        assert is_error(wrong, "ValueError", "fractions"), f"fractions (0.5, 0.6): {wrong}"


@pytest.mark.exercise("8.6")
class TestCollate:
    @pytest.mark.points(1)
    def test_three_samples(self, submission):
        steps = ["collate([(x[0], 7), (x[1], 8), (x[2], 9)])", "collate([x[1], x[0]])"]
        steps += ["collate([(x[0], 7), (x[1],)])", "collate([x[0], x[1, :1]])"]
        found = submission.run(told, steps=steps, own=["collate"], x=TABLE)
        three, bare, uneven, unlike = found
        expect_parts("3 samples", three, TABLE, LABELS)
        expect_parts("2 samples of one array", bare, TABLE[1::-1])
        assert is_error(uneven, "ValueError", 2, 1), f"samples of 2 parts and of 1: {uneven}"
        assert is_error(unlike, "ValueError", (2,), (1,)), f"shapes (2,) and (1,): {unlike}"


@pytest.mark.exercise("8.7")
class TestEpochOrder:
    @pytest.mark.points(0.5)
    def test_each_index_once(self, submission):
        steps = ["epoch_order(5)", "epoch_order(50, np.random.default_rng(1))"]
        plain, drawn = submission.run(told, steps=steps, own=["epoch_order"])
        assert np.array_equal(plain[0], range(5)), f"epoch_order(5) is {plain}"
        order = np.asarray(drawn[0]).tolist()
        assert sorted(order) == [*range(50)], f"not each of 0 to 49 once: {order}"
        assert order != [*range(50)], "with rng the order is 0, 1, 2, ..."


@pytest.mark.exercise("8.8")
class TestLoaderLen:
    @pytest.mark.points(0.5)
    def test_seven_samples(self, submission):
        steps = [
            f"len(DataLoader([0] * 7, {size}, drop_last={drop}))"
            for size in (1, 3, 7, 8)
            for drop in (False, True)
        ]
        found = submission.run(told, steps=steps, own=["DataLoader.__len__"])
        assert found == [7, 7, 3, 2, 1, 1, 1, 0], f"the lengths are {found}"


def batches(epoch):
    """The first parts of the batches of an epoch; the second must be ten times as large."""
    assert isinstance(epoch, list) and epoch and epoch[0] == "list", f"no list of batches: {epoch}"
    found = []
    for batch in epoch[1:]:
        fits = isinstance(batch, list) and batch[0] == "tuple" and len(batch) == 3
        assert fits, f"a batch must be a tuple of two arrays; it is {batch}"
        first, second = (np.asarray(part[0]) for part in batch[1:])
        assert np.array_equal(second, 10 * first), "the parts of a batch do not belong together"
        found.append(first.tolist())
    return found


@pytest.mark.exercise("8.9")
class TestLoaderIter:
    @pytest.mark.points(0.5)
    def test_in_order(self, submission):
        steps = [f"[*DataLoader({kind}(7), 3)]" for kind in ("Counted", "Fast")]
        steps += ["[*DataLoader(Fast(7), 3, drop_last=True)]"]
        one, fast, dropped = submission.run(told, steps=steps, own=["DataLoader.__iter__"])
        whole = [[0, 1, 2], [3, 4, 5]]
        assert batches(one) == batches(fast) == [*whole, [6]], f"7 samples: {batches(one)}"
        assert batches(dropped) == whole, f"with drop_last: {batches(dropped)}"

    @pytest.mark.points(0.5)
    def test_shuffled(self, submission):
        make = "DataLoader(Fast(50), 7, shuffle=True, seed=3)"
        steps = [f"[list(epoch) for epoch in [{make}] * 2]", f"[*{make}]"]
        two, again = submission.run(told, steps=steps, own=["DataLoader.__iter__"])
        assert two[0] == "list", f"two epochs: {two}"
        first, second = map(batches, two[1:])
        for epoch in (first, second):
            assert sorted(itertools.chain(*epoch)) == [*range(50)], f"not each sample once: {epoch}"
        assert first != second, "the second epoch comes in the order of the first"
        assert first == batches(again), "the same seed gives another order"


@pytest.mark.exercise("8.10")
class TestEndless:
    @pytest.mark.points(0.5)
    def test_epoch_after_epoch(self, submission):
        steps = ["[b for b, _ in zip(endless(Epochs([1, 2], [3], [4, 5])), range(7))]"]
        steps += ["[*endless(Epochs([]))]"]
        found, empty = submission.run(told, steps=steps, own=[])
        assert found == ["list", 1, 2, 3, 4, 5, 4, 5], f"epochs [1, 2], [3], [4, 5]: {found}"
        assert is_error(empty, "ValueError", "loader"), f"an epoch without a batch: {empty}"


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
