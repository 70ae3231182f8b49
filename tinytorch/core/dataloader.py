# 08. Data loader
# Made from modules/08_dataloader/dataloader_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 365d6f7d7b33b8ce39caadf1dc8da6549c991436181ecf31d5d8a37692387a0d


# cell: imports
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch.core.layers import require_size
from tinytorch.core.tensor import Array, unwrap


# cell: dataset
class Dataset:
    """What a loader draws from: it has a length, and a sample for each index below it.

    A subclass may have `batch(indices)` as well, which takes many samples at once; a loader then
    calls it in place of asking for one sample after another.
    """

    def __len__(self) -> int:
        """Count the samples."""
        raise NotImplementedError(f"{type(self).__name__} has no __len__")

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        """Give one sample: an array for each part, such as an input and its label."""
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")


# cell: 8.1-as-index
def as_index(index: Any, length: int) -> Any:
    """Turn an index, or many, into numbers from 0 to length - 1.

    Args:
        index: an int, or a list, array or tensor of ints; negative ones count from the end.
        length: how many samples there are.

    Returns:
        An int for an int; otherwise an array of ints, of the shape of `index`.

    Raises:
        TypeError: the index is no int, nor ints.
        IndexError: an index is below -length or above length - 1.
    """
    array = np.array(unwrap(index))
    if array.dtype.kind not in "iu":
        raise TypeError(f"index must be an int or an array of ints; got {index!r:.60}")
    wrong = array[(array < -length) | (array >= length)]
    if wrong.size:
        valid = f"-{length} to {length - 1}" if length else "none"
        raise IndexError(f"index {wrong[0]} is out of range for {length} samples; valid: {valid}")
    array = array.astype(np.int64)
    array[array < 0] += length
    return array if array.ndim else int(array)


# cell: 8.2-array-dataset
class ArrayDataset(Dataset):
    """Arrays side by side: sample i is row i of each.

    Args:
        arrays: one or more arrays, tensors or lists, all of one length; they are not copied.

    Raises:
        ValueError: there is no array, one has no axis, or lengths differ.
    """

    def __init__(self, *arrays: Any) -> None:
        self.arrays = tuple(np.asarray(unwrap(array)) for array in arrays)
        if not self.arrays or not all(array.ndim for array in self.arrays):
            raise ValueError("arrays: at least one is needed, and each needs an axis of samples")
        lengths = [len(array) for array in self.arrays]
        if len({*lengths}) > 1:
            raise ValueError(f"arrays must have equal lengths; got {lengths}")

    def __len__(self) -> int:
        """Count the samples: the length of each array."""
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        """Give row `index` of each array; for many indices, as in `as_index`, a batch."""
        place = as_index(index, len(self))
        return tuple(array[place] for array in self.arrays)

    def batch(self, indices: Any) -> tuple[Array, ...]:
        """Give the samples of many indices (batch,): a new array (batch, ...) for each part."""
        return self[np.asarray(indices)]


# cell: 8.3-text-windows
class TextWindows(Dataset):
    """Every piece of a text, and beside it the same piece one token later.

    Args:
        tokens: ids (num_tokens,), integers; an array is not copied, so it may be a file on disk.
        seq_len: how many tokens a piece has.

    Raises:
        TypeError: the tokens are not integers.
        ValueError: the tokens have more than one axis, or there are no more than `seq_len`.
    """

    def __init__(self, tokens: Any, seq_len: int) -> None:
        require_size("seq_len", seq_len)
        self.tokens, self.seq_len = np.asarray(unwrap(tokens)), seq_len
        if self.tokens.dtype.kind not in "iu":
            raise TypeError(f"tokens must be integers; got dtype {self.tokens.dtype}")
        if self.tokens.ndim != 1 or len(self.tokens) <= seq_len:
            shape = self.tokens.shape
            raise ValueError(
                f"tokens is {shape}, expected one axis of more than seq_len={seq_len} tokens"
            )

    def __len__(self) -> int:
        """Count the samples: the places where an input and its target fit into the text."""
        return len(self.tokens) - self.seq_len

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        """Give input and target (seq_len,) that begin at `index`; for many indices, a batch."""
        start = as_index(index, len(self))
        if np.ndim(start):
            return self.batch(start)
        stop = start + self.seq_len
        return self.tokens[start:stop], self.tokens[start + 1 : stop + 1]

    def batch(self, indices: Any) -> tuple[Array, ...]:
        """Give the inputs and targets (batch, seq_len) that begin at many indices (batch,)."""
        starts = as_index(indices, len(self))
        places = starts[..., None] + np.arange(self.seq_len)  # (batch, seq_len)
        return self.tokens[places], self.tokens[places + 1]


# cell: 8.5-split-by-position
def split_by_position(tokens: Any, fractions: Sequence[float] = (0.9, 0.1)) -> tuple[Array, ...]:
    """Cut an array into consecutive parts, such as one to learn from and one to judge with.

    Args:
        tokens: an array, tensor or list (num_tokens, ...).
        fractions: the share of each part, all above 0, together 1.

    Returns:
        The parts in order: nothing is lost, nothing stands in two.

    Raises:
        ValueError: a fraction is not above 0, or they do not sum to 1.
    """
    array = np.asarray(unwrap(tokens))
    if not all(part > 0 for part in fractions) or not math.isclose(sum(fractions), 1):
        raise ValueError(
            f"fractions must be above 0 and sum to 1; got {fractions}, the sum is {sum(fractions)}"
        )
    ends = np.round(len(array) * np.cumsum(fractions)).astype(int)
    return tuple(np.split(array, ends[:-1]))


# cell: 8.6-collate
def collate(samples: Sequence[Any]) -> tuple[Array, ...]:
    """Put samples on top of each other, part by part.

    Args:
        samples: one or more samples; each is a tuple of parts (arrays, tensors or numbers), or one
            part alone, as a list is.

    Returns:
        One new array (batch, ...) for each part.

    Raises:
        ValueError: there is no sample, their numbers of parts differ, or the shapes of a part.
    """
    if not samples:
        raise ValueError("samples: there is none, so there is nothing to put into a batch")
    rows = [sample if isinstance(sample, tuple) else (sample,) for sample in samples]
    counts = {len(row): None for row in rows}
    if len(counts) > 1:
        raise ValueError(f"samples must have equally many parts; got {[*counts]}")
    batch = []
    for number, parts in enumerate(zip(*rows, strict=True)):
        arrays = [np.asarray(unwrap(part)) for part in parts]
        shapes = {array.shape: None for array in arrays}
        if len(shapes) > 1:
            raise ValueError(f"part {number} of the samples has different shapes: {[*shapes]}")
        batch.append(np.stack(arrays))
    return tuple(batch)


# cell: 8.7-epoch-order
def epoch_order(num_samples: int, rng: np.random.Generator | None = None) -> Array:
    """Say in which order the samples of one epoch come: each index once.

    Args:
        num_samples: how many samples there are.
        rng: where the order comes from; None means 0, 1, 2, ...

    Returns:
        The indices, shape (num_samples,).
    """
    return np.arange(num_samples) if rng is None else rng.permutation(num_samples)


# cell: 8.8-data-loader
class DataLoader:
    """Batches of a data set; each `for` loop over it is one epoch.

    Args:
        dataset: anything with a length and indexing; where it has `batch(indices)`, that is used.
        batch_size: how many samples come together; the last batch of an epoch may have fewer.
        shuffle: whether each epoch has an order of its own, drawn when its loop begins.
        drop_last: whether a smaller last batch is left out.
        seed: of the orders; the same seed gives the same batches in every run.

    Attributes:
        rng: the generator of the orders; a checkpoint can save its state.

    Raises:
        TypeError: the data set has no length or no indexing.
        ValueError: `batch_size` is not a positive int.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | None = None,
    ) -> None:
        for needed in ("__len__", "__getitem__"):
            if not hasattr(dataset, needed):
                raise TypeError(f"dataset needs {needed}; a {type(dataset).__name__} has none")
        require_size("batch_size", batch_size)
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def fetch(self, indices: Array) -> tuple[Array, ...]:
        """Give the batch of these samples: an array (batch, ...) for each part."""
        if hasattr(self.dataset, "batch"):
            batch = self.dataset.batch(indices)
            return batch if isinstance(batch, tuple) else (batch,)
        return collate([self.dataset[index] for index in indices.tolist()])

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        """Begin an epoch: an order of its own, then batch after batch, each made when asked for."""
        order = epoch_order(len(self.dataset), self.rng if self.shuffle else None)
        starts = range(0, len(self) * self.batch_size, self.batch_size)
        return (self.fetch(order[start : start + self.batch_size]) for start in starts)


# cell: 8.10-endless
def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Give the batches of one epoch after another, for ever.

    Args:
        loader: a `DataLoader`, or anything that a `for` loop can begin anew.

    Raises:
        ValueError: an epoch has no batch.
    """
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("loader: an epoch had no batch, so there is nothing to repeat")


__all__ = [
    "ArrayDataset",
    "DataLoader",
    "Dataset",
    "TextWindows",
    "as_index",
    "collate",
    "endless",
    "epoch_order",
    "split_by_position",
]
