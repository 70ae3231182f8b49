"""Data sets: which sample, many at once, and what is refused."""

import numpy as np
import pytest

from tinytorch.core.dataloader import (
    ArrayDataset,
    Dataset,
    TextWindows,
    as_index,
    collate,
    split_by_position,
)
from tinytorch.core.tensor import Tensor

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=60, deadline=None, derandomize=True)


# ---- which sample ----


@bounded
@hypothesis.given(st.integers(1, 300), st.data())
def test_an_index_finds_what_a_list_finds(length, data) -> None:
    places = [*range(length)]
    indices = data.draw(st.lists(st.integers(-length, length - 1), min_size=1))
    assert as_index(indices, length).tolist() == [places[i] for i in indices]
    one = as_index(indices[0], length)
    assert type(one) is int and one == places[indices[0]]


@bounded
@hypothesis.given(st.integers(0, 300), st.integers(-1000, 1000))
def test_an_index_is_refused_where_a_list_refuses_it(length, index) -> None:
    if -length <= index < length:
        assert as_index([index], length) == as_index(index, length)
        return
    for form in (index, [0, index] if length else [index], np.array([[index]])):
        with pytest.raises(IndexError, match=str(index)):
            as_index(form, length)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint64"])
def test_small_and_unsigned_dtypes_hold_any_place(dtype) -> None:
    ids = np.array([3, 100], dtype)
    assert as_index(ids, 40_000).tolist() == [3, 100]
    if ids.dtype.kind == "i":
        assert as_index(-ids, 40_000).tolist() == [39_997, 39_900]
    assert ids.tolist() == [3, 100]


@pytest.mark.parametrize("index", [1.0, "1", None, True, np.bool_(True), [0.5], slice(2), [None]])
def test_what_is_no_int_is_no_index(index) -> None:
    with pytest.raises(TypeError, match="index"):
        as_index(index, 7)


def test_a_message_shows_what_would_be_valid() -> None:
    with pytest.raises(IndexError, match=r"index 7 is out of range for 7 samples; valid: -7 to 6"):
        as_index(7, 7)
    with pytest.raises(IndexError, match="0 samples; valid: none"):
        as_index(0, 0)


# ---- arrays ----


def test_a_sample_is_a_row_of_each_array() -> None:
    x, y = np.arange(33.0).reshape(11, 3), np.arange(11) * 10
    dataset = ArrayDataset(x, y)
    assert len(dataset) == 11
    for index in (0, 7, -1, -11, np.int8(4)):
        row, label = dataset[index]
        assert (row == x[index]).all() and label == y[index]
    rows, labels = dataset.batch([10, 0, 10])
    assert (rows == x[[10, 0, 10]]).all() and labels.tolist() == [100, 0, 100]
    assert not np.shares_memory(dataset.batch([4, 5, 6])[0], x)


def test_arrays_are_not_copied_and_keep_their_dtypes() -> None:
    x = np.zeros((5, 2), np.float16)
    dataset = ArrayDataset(x, [1, 2, 3, 4, 5], Tensor(np.ones(5), dtype=np.float64))
    x[3] = 7
    assert [part.dtype for part in dataset[3]] == ["float16", "int64", "float64"]
    assert dataset[3][0].tolist() == [7, 7]


def test_a_loop_over_a_data_set_ends_by_itself() -> None:
    assert [int(x) for (x,) in ArrayDataset([5, 3, 8])] == [5, 3, 8]
    assert len([*TextWindows(np.arange(9), 4)]) == 5


def test_a_data_set_may_be_empty_or_hold_one_sample() -> None:
    assert len(ArrayDataset(np.zeros((0, 3)))) == 0
    assert [*ArrayDataset(np.zeros((0, 3)))] == []
    assert ArrayDataset(np.zeros((1, 3))).batch([0, -1])[0].shape == (2, 3)
    assert ArrayDataset(np.zeros((7, 3))).batch(np.zeros(0, int))[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ((), "at least one"),
        ((3.0,), "axis of samples"),
        ((np.zeros(3), np.array(1)), "axis of samples"),
        ((np.zeros(3), np.zeros(4)), r"\[3, 4\]"),
        ((np.zeros(3), np.zeros((1, 3))), r"\[3, 1\]"),
    ],
)
def test_arrays_that_do_not_stand_side_by_side_are_refused(arrays, says) -> None:
    with pytest.raises(ValueError, match=says):
        ArrayDataset(*arrays)


@pytest.mark.parametrize("dataset", [ArrayDataset(np.arange(7)), TextWindows(np.arange(10), 3)])
def test_a_data_set_refuses_what_is_no_index_of_it(dataset) -> None:
    for ask in (dataset.__getitem__, lambda index: dataset.batch([0, index])):
        for index in (7, -8):
            with pytest.raises(IndexError, match=f"index {index} is out of range for 7 samples"):
                ask(index)
        with pytest.raises(TypeError, match="index must be an int"):
            ask(1.5)


def test_the_base_class_says_what_a_subclass_must_have() -> None:
    class Mine(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Mine has no __len__"):
        len(Mine())
    with pytest.raises(NotImplementedError, match="Mine has no __getitem__"):
        Mine()[0]


# ---- windows ----


@bounded
@hypothesis.given(st.integers(1, 12), st.integers(1, 30), st.data())
def test_a_window_and_its_target_are_pieces_of_the_text(seq_len, more, data) -> None:
    tokens = np.random.default_rng(more).integers(0, 1000, seq_len + more)
    windows = TextWindows(tokens, seq_len)
    assert len(windows) == more
    starts = data.draw(st.lists(st.integers(-more, more - 1), max_size=9))
    inputs, targets = windows.batch(np.array(starts, int))
    assert inputs.shape == targets.shape == (len(starts), seq_len)
    for start, x, y in zip(starts, inputs, targets, strict=True):
        one, other = windows[start]
        first = start % more
        assert one.dtype == other.dtype == x.dtype == y.dtype == tokens.dtype
        assert x.tolist() == one.tolist() == tokens.tolist()[first : first + seq_len]
        assert y.tolist() == other.tolist() == tokens.tolist()[first + 1 : first + seq_len + 1]
    assert not np.shares_memory(inputs, targets)


def test_a_text_may_be_a_file_on_disk(tmp_path) -> None:
    np.arange(1000, dtype=np.uint16).tofile(tmp_path / "tokens")
    on_disk = np.memmap(tmp_path / "tokens", np.uint16, "r")
    windows = TextWindows(on_disk, 3)
    x, y = windows.batch([996, 0])
    assert x.tolist() == [[996, 997, 998], [0, 1, 2]] and y[0].tolist() == [997, 998, 999]
    assert x.dtype == np.uint16 and x.flags.writeable
    assert np.shares_memory(windows.tokens, on_disk), "the text was read into memory"


@pytest.mark.parametrize(
    ("tokens", "seq_len", "error", "says"),
    [
        (np.arange(5), 5, ValueError, "seq_len=5"),
        (np.arange(5), 0, ValueError, "seq_len"),
        (np.arange(5), 2.0, ValueError, "seq_len"),
        (np.zeros(5), 2, TypeError, "float64"),
        (np.zeros(5, bool), 2, TypeError, "bool"),
        (np.zeros((5, 2), int), 2, ValueError, r"\(5, 2\)"),
        ([], 1, TypeError, "integers"),
    ],
)
def test_what_is_no_text_is_refused(tokens, seq_len, error, says) -> None:
    with pytest.raises(error, match=says):
        TextWindows(tokens, seq_len)


# ---- parts of a text ----


@bounded
@hypothesis.given(st.integers(0, 2000), st.lists(st.integers(1, 100), min_size=1, max_size=9))
def test_the_parts_are_the_whole_in_order_and_end_where_they_should(length, weights) -> None:
    fractions = [weight / sum(weights) for weight in weights]
    tokens = np.random.default_rng(length).integers(0, 99, length)
    parts = split_by_position(tokens, fractions)
    assert isinstance(parts, tuple) and len(parts) == len(fractions)
    assert np.concatenate(parts).tolist() == tokens.tolist()
    ends, total = np.cumsum([len(part) for part in parts]), 0
    for end, weight in zip(ends, weights, strict=True):
        total += weight
        assert abs(end - length * total / sum(weights)) <= 0.5 + 1e-9


def test_nine_tenths_unless_told_otherwise() -> None:
    learn, judge = split_by_position(np.arange(100))
    assert [learn[-1], judge[0], judge[-1]] == [89, 90, 99]


@pytest.mark.parametrize(
    "fractions", [(), (0.5,), (0.5, 0.6), (1.5, -0.5), (1.0, 0.0), (float("nan"), 0.5)]
)
def test_shares_that_are_no_shares_are_refused(fractions) -> None:
    with pytest.raises(ValueError, match="fractions must be above 0 and sum to 1"):
        split_by_position(np.arange(10), fractions)


# ---- collate ----


def test_samples_are_stacked_part_by_part() -> None:
    samples = [(np.full((2, 3), i, np.float32), i, Tensor([i / 2, -i])) for i in range(5)]
    x, y, z = collate(samples)
    assert [x.shape, y.shape, z.shape] == [(5, 2, 3), (5,), (5, 2)]
    assert [x.dtype, y.dtype.kind, z.dtype] == ["float32", "i", "float32"]
    assert (x[:, 0, 0] == y).all() and (z[:, 0] == y / 2).all()


def test_a_sample_that_is_no_tuple_is_one_part() -> None:
    (numbers,), (rows,) = collate([3, 5]), collate([np.zeros(2), np.ones(2)])
    assert numbers.tolist() == [3, 5] and rows.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([], "none"),
        ([(1, 2), (1,)], r"equally many parts; got \[2, 1\]"),
        ([(1, [1, 2]), (1, [1, 2, 3])], r"part 1 .* \[\(2,\), \(3,\)\]"),
        ([np.zeros(3), np.zeros((1, 3))], r"part 0 .* \[\(3,\), \(1, 3\)\]"),
    ],
)
def test_samples_that_do_not_fit_together_are_refused(samples, says) -> None:
    with pytest.raises(ValueError, match=says):
        collate(samples)
