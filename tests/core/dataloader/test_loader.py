"""The loader: each sample once an epoch, in a seeded order, from any object with a length."""

import itertools

import numpy as np
import pytest

from tinytorch.core.dataloader import (
    ArrayDataset,
    DataLoader,
    TextWindows,
    endless,
    epoch_order,
)

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=80, deadline=None, derandomize=True)


class Plain:
    """No subclass of anything: a length, and indexing."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int):
        assert type(index) is int and 0 <= index < self.length
        return index, np.array([index, -index])


def numbers(epoch) -> list[list[int]]:
    """The first parts, batch by batch; the second parts must belong to them."""
    found = []
    for first, second in epoch:
        assert (second == np.stack([first, -first], axis=1)).all()
        found.append(first.tolist())
    return found


def of(length: int, fast: bool):
    ids = np.arange(length)
    return ArrayDataset(ids, np.stack([ids, -ids], axis=1)) if fast else Plain(length)


SETTINGS = (st.integers(0, 60), st.integers(1, 20), st.booleans(), st.booleans(), st.booleans())


@bounded
@hypothesis.given(*SETTINGS, st.integers(0, 5))
def test_an_epoch_holds_each_sample_once(length, size, shuffle, drop_last, fast, seed) -> None:
    loader = DataLoader(of(length, fast), size, shuffle=shuffle, drop_last=drop_last, seed=seed)
    for _ in range(2):
        epoch = numbers(loader)
        assert len(epoch) == len(loader)
        seen = [*itertools.chain(*epoch)]
        assert all(len(batch) == size for batch in epoch[:-1])
        if drop_last:
            assert all(len(batch) == size for batch in epoch)
            assert len(seen) == length - length % size and len({*seen}) == len(seen)
        else:
            assert sorted(seen) == [*range(length)]
        assert shuffle or seen == [*range(len(seen))]


@bounded
@hypothesis.given(st.integers(0, 2**32), st.integers(20, 60), st.integers(1, 20))
def test_the_order_is_seeded_and_another_each_epoch(seed, length, size) -> None:
    def epochs(seed, fast):
        loader = DataLoader(of(length, fast), size, shuffle=True, seed=seed)
        return [numbers(loader) for _ in range(3)]

    first = epochs(seed, True)
    assert first == epochs(seed, False), "fetched one by one, or many at once"
    assert first[0] != first[1] != first[2] != first[0]
    assert first[0] != epochs(seed + 1, True)[0]


def test_all_orders_are_equally_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = [tuple(epoch_order(4, rng).tolist()) for _ in range(24_000)]
    counts = [drawn.count(order) for order in itertools.permutations(range(4))]
    assert np.sum((np.array(counts) - 1000) ** 2 / 1000) < 49.7  # chi2, 23 degrees, 1 in 1000


def test_without_a_seed_two_loaders_differ() -> None:
    one, other = (DataLoader(of(200, True), 200, shuffle=True) for _ in range(2))
    assert numbers(one) != numbers(other)


def test_the_state_of_rng_brings_an_epoch_back() -> None:
    loader = DataLoader(of(50, True), 7, shuffle=True, seed=1)
    numbers(loader)
    state = loader.rng.bit_generator.state
    second = numbers(loader)
    other = DataLoader(of(50, True), 7, shuffle=True, seed=99)
    other.rng.bit_generator.state = state
    assert numbers(other) == second


def test_the_order_is_drawn_when_the_loop_begins() -> None:
    loader, twin = (DataLoader(of(50, True), 7, shuffle=True, seed=1) for _ in range(2))
    first, second = iter(loader), iter(loader)  # the second is taken from first
    later = numbers(second)
    assert [numbers(first), later] == [numbers(twin), numbers(twin)]


def test_a_loader_without_shuffle_draws_nothing() -> None:
    loader = DataLoader(of(50, True), 7, seed=1)
    before = loader.rng.bit_generator.state
    numbers(loader)
    assert loader.rng.bit_generator.state == before


def test_batches_are_made_when_asked_for() -> None:
    class Counted(Plain):
        asked = 0

        def __getitem__(self, index):
            self.asked += 1
            return super().__getitem__(index)

    data = Counted(1000)
    batches = iter(DataLoader(data, 10, shuffle=True, seed=1))
    assert data.asked == 0
    next(batches), next(batches)
    assert data.asked == 20


@pytest.mark.parametrize("dataset", [[5, 3, 8], (5, 3, 8), np.array([5, 3, 8]), range(5, 8)])
def test_anything_with_a_length_and_indexing_is_a_data_set(dataset) -> None:
    batches = [*DataLoader(dataset, 2)]
    assert [len(batch) for batch in batches] == [1, 1]
    assert [batch[0].tolist() for batch in batches] == [list(dataset[:2]), [dataset[2]]]


def test_a_batch_that_is_no_tuple_is_one_part() -> None:
    class Bare(Plain):
        def batch(self, indices):
            return indices * 10

    [(first,), (second,)] = DataLoader(Bare(3), 2)
    assert first.tolist() == [0, 10] and second.tolist() == [20]


def test_windows_come_as_batches() -> None:
    loader = DataLoader(TextWindows(np.arange(100, dtype=np.uint16), 8), 16, shuffle=True, seed=1)
    shapes = [x.shape for x, y in loader if (y == x + 1).all() and x.dtype == y.dtype == np.uint16]
    assert shapes == [(16, 8)] * 5 + [(12, 8)]


def test_a_batch_may_be_changed() -> None:
    x = np.zeros((9, 2))
    for (batch,) in DataLoader(ArrayDataset(x), 3):
        batch += 1
    assert not x.any()


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None])
def test_a_batch_size_is_a_positive_int(size) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        DataLoader([1, 2], size)


@pytest.mark.parametrize("dataset", [iter([1]), {1}, 5, None])
def test_what_has_no_length_or_no_indexing_is_no_data_set(dataset) -> None:
    with pytest.raises(TypeError, match=f"dataset needs .* {type(dataset).__name__}"):
        DataLoader(dataset, 2)


# ---- endless ----


def test_endless_goes_on_with_the_next_epoch() -> None:
    loader, twin = (DataLoader(of(11, True), 4, shuffle=True, seed=1) for _ in range(2))
    got = numbers(itertools.islice(endless(loader), 9))
    assert got == [*numbers(twin), *numbers(twin), *numbers(twin)]
    assert sum(1 for _ in itertools.islice(endless([1]), 5000)) == 5000


@pytest.mark.parametrize(
    "loader", [[], DataLoader([], 4), DataLoader([1, 2, 3], 4, drop_last=True), iter([1])]
)
def test_an_epoch_without_a_batch_is_an_error(loader) -> None:
    with pytest.raises(ValueError, match="loader"):
        list(endless(loader))


# ---- PyTorch ----


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("length", "size"), [(0, 3), (1, 3), (11, 4), (12, 4), (7, 7), (3, 8)])
def test_pytorch_gives_the_same_batches(length, size, drop_last) -> None:
    torch = pytest.importorskip("torch")
    x, y = np.random.default_rng(1).normal(size=(length, 2, 3)), np.arange(length)
    mine = DataLoader(ArrayDataset(x, y), size, drop_last=drop_last)
    given = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    theirs = torch.utils.data.DataLoader(given, size, drop_last=drop_last)
    assert len(mine) == len(theirs)
    for ours, other in zip(mine, theirs, strict=True):
        for part, tensor in zip(ours, other, strict=True):
            assert part.dtype == tensor.numpy().dtype
            assert np.array_equal(part, tensor.numpy())


def test_pytorch_loads_from_these_data_sets() -> None:
    torch = pytest.importorskip("torch")
    dataset = TextWindows(np.arange(20), 4)
    mine, theirs = DataLoader(dataset, 5), torch.utils.data.DataLoader(dataset, 5)
    for (x, y), (a, b) in zip(mine, theirs, strict=True):
        assert np.array_equal(x, a.numpy()) and np.array_equal(y, b.numpy())
