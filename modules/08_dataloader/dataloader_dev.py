# %% [markdown]
# # 08. Data loader
#
# A model learns from batches: a few samples at a time, in another order each epoch. A data set says what sample number 3
# is; a loader decides which samples come together. Neither knows anything of the model.
#
# **You will** write two data sets, one of arrays and one of windows over a text, and the class `DataLoader`.
#
# **Before you start:** modules 01 and 03. **Time:** 2 hours.

# %% export-target
#| default_exp core.dataloader

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import dataloader_checks as checks

# %% imports
#| export
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch.core.layers import require_size
from tinytorch.core.tensor import Array, unwrap

# %% [markdown]
# ## One example for the whole module
#
# A sentence of 13 words, each with a number, its **id**. Beside it, how many letters each word has: a label that you can
# check. Samples come from these two arrays.

# %% sentence
sentence = [
    "the",
    "black",
    "cat",
    "sat",
    "on",
    "the",
    "mat",
    "and",
    "the",
    "small",
    "dog",
    "slept",
    "soundly",
]
vocabulary = {word: number for number, word in enumerate(dict.fromkeys(sentence))}
words = [*vocabulary]
ids = np.array([vocabulary[word] for word in sentence])  # (num_tokens,)
letters = np.array([len(word) for word in sentence])  # (num_tokens,)

if __name__ == "__main__":
    print("ids:    ", ids.tolist())
    print("letters:", letters.tolist())


# %% [markdown]
# ## What a data set is
#
# Two questions are all that a loader asks: how many samples are there, and what is sample number `index`? A list answers
# both, an array too, so a loader takes them as well. The class says it in words. Given:

# %% dataset
#| export
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


# %% [markdown]
# ## Which sample?
#
# ### Exercise 8.1: as_index
#
# Every data set needs the same care. -1 means the last sample, as in a list. Beyond the ends is an `IndexError`: with that a
# `for` loop over a data set ends. `1.0`, `True` and a slice are a `TypeError`.
#
# $$\text{place}(i) = \begin{cases} i & 0 \le i < n \\ i + n & -n \le i < 0 \end{cases}$$
#
# **Plan.** 1. An array, from an int, list, array or tensor. 2. Refuse what is no integer. 3. Refuse what is out of range: name
# the first wrong index. 4. Move the negative ones up. The index belongs to the caller: leave it as it is.
#
# <details><summary>Hint</summary>
#
# The given `unwrap` takes the array out of a tensor. Integers have the dtype kinds `"i"` and `"u"`. `np.array(3)` has no axis.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# An id in one byte, `np.int8`, cannot hold a large place. Change the dtype, `.astype(np.int64)`, before you add.
#
# </details>

# %% 8.1-as-index
#| export
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
    ### BEGIN SOLUTION 8.1
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
    ### END SOLUTION


# %% test-8.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: as_index...")
    checks.as_index(as_index)
    print("✅ as_index: from either end, one or many, or an error that names it")


# %% [markdown]
# ## Arrays side by side
#
# ### Exercise 8.2: ArrayDataset
#
# Inputs in one array, labels in another, row by row:
#
# $$\text{sample}_i = (x_i,\; y_i, \dots)$$
#
# A sample is a **tuple**, also where there is one array. `batch` takes many rows at once, as arrays of their own: whoever
# changes a batch must not change the data.
#
# **Plan.** `__init__`: keep each array, without a copy; a `ValueError` shows all lengths where they differ, and comes for no
# array and for one without an axis. `__getitem__`: `as_index`, then the row of each.
#
# <details><summary>Hint</summary>
#
# NumPy picks many rows when it is indexed with an array of ints, and then it copies. A slice would be a view.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.asarray(unwrap(x))` makes an array of a list or tensor, and copies no array. `batch` may call `self[...]`.
#
# </details>

# %% 8.2-array-dataset
#| export
class ArrayDataset(Dataset):
    """Arrays side by side: sample i is row i of each.

    Args:
        arrays: one or more arrays, tensors or lists, all of one length; they are not copied.

    Raises:
        ValueError: there is no array, one has no axis, or lengths differ.
    """

    def __init__(self, *arrays: Any) -> None:
        ### BEGIN SOLUTION 8.2
        self.arrays = tuple(np.asarray(unwrap(array)) for array in arrays)
        if not self.arrays or not all(array.ndim for array in self.arrays):
            raise ValueError("arrays: at least one is needed, and each needs an axis of samples")
        lengths = [len(array) for array in self.arrays]
        if len({*lengths}) > 1:
            raise ValueError(f"arrays must have equal lengths; got {lengths}")
        ### END SOLUTION

    def __len__(self) -> int:
        """Count the samples: the length of each array."""
        ### BEGIN SOLUTION 8.2
        return len(self.arrays[0])
        ### END SOLUTION

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        """Give row `index` of each array; for many indices, as in `as_index`, a batch."""
        ### BEGIN SOLUTION 8.2
        place = as_index(index, len(self))
        return tuple(array[place] for array in self.arrays)
        ### END SOLUTION

    def batch(self, indices: Any) -> tuple[Array, ...]:
        """Give the samples of many indices (batch,): a new array (batch, ...) for each part."""
        ### BEGIN SOLUTION 8.2
        return self[np.asarray(indices)]
        ### END SOLUTION


# %% test-8.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: ArrayDataset...")
    checks.array_dataset(ArrayDataset)
    print("✅ ArrayDataset: length, one row, many rows, errors")

# %% word-samples
if __name__ == "__main__":
    lengths = ArrayDataset(ids, letters)
    for index in (0, 1, -1):
        word, label = lengths[index]
        print(f"sample {index:2}: id {word} ({words[word]}), {label} letters")
    print("a batch: ", *lengths.batch([5, 6, 7]))
    print("a loop ends by itself:", sum(1 for sample in lengths), "samples")


# %% [markdown]
# ## Windows over a text
#
# A language model learns to guess the next token. Its input is a piece of the text, its **target** the same piece one token
# later: so a piece of `seq_len` tokens holds that many questions with their answers.

# %% [markdown]
# ### Exercise 8.3: TextWindows
#
# $$x_i = (t_i, \dots, t_{i+n-1}) \qquad y_i = (t_{i+1}, \dots, t_{i+n}) \qquad n = seq\_len$$
#
# Every place where both fit into the text begins a sample.
#
# **Plan.** `__len__`: the target of the last sample ends with the last token. `__getitem__`: `start` is a place, checked
# already; two slices.
#
# <details><summary>Hint</summary>
#
# Count on paper: 4 tokens, `seq_len` 3. Only place 0 has a whole target.
#
# </details>

# %% [markdown]
# ### Exercise 8.4: a batch of windows
#
# Windows that begin at many places, without a loop:
#
# $$X_{bj} = t_{s_b + j} \qquad Y_{bj} = t_{s_b + j + 1} \qquad X, Y: (batch, seq\_len)$$
#
# **Plan.** 1. A table of places, (batch, seq_len). 2. Index the tokens with it, twice. `X` and `Y` are arrays of their own: no
# change of one may show in the other.
#
# <details><summary>Hint</summary>
#
# `starts` has one axis. A second one, `starts[:, None]`, and a row of steps broadcast to the table.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# The steps are `np.arange(self.seq_len)`. The second table is the first, one further.
#
# </details>

# %% 8.3-text-windows
#| export
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
        ### BEGIN SOLUTION 8.3
        return len(self.tokens) - self.seq_len
        ### END SOLUTION

    def __getitem__(self, index: Any) -> tuple[Array, ...]:
        """Give input and target (seq_len,) that begin at `index`; for many indices, a batch."""
        start = as_index(index, len(self))
        if np.ndim(start):
            return self.batch(start)
        ### BEGIN SOLUTION 8.3
        stop = start + self.seq_len
        return self.tokens[start:stop], self.tokens[start + 1 : stop + 1]
        ### END SOLUTION

    def batch(self, indices: Any) -> tuple[Array, ...]:
        """Give the inputs and targets (batch, seq_len) that begin at many indices (batch,)."""
        starts = as_index(indices, len(self))
        ### BEGIN SOLUTION 8.4
        places = starts[..., None] + np.arange(self.seq_len)  # (batch, seq_len)
        return self.tokens[places], self.tokens[places + 1]
        ### END SOLUTION


# %% test-8.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: TextWindows...")
    checks.text_windows(TextWindows)
    print("✅ TextWindows: how many, and each input with its target")

# %% test-8.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: a batch of windows...")
    checks.windows_batch(TextWindows)
    print("✅ batch: the same windows, many at once")

# %% windows
if __name__ == "__main__":
    windows = TextWindows(ids, seq_len=3)
    print(len(windows), "windows in", len(ids), "words")
    for x, y in [windows[0], windows[1], windows[-1]]:
        print(" ".join(words[i] for i in x), " -> ", " ".join(words[i] for i in y))
    x, y = windows.batch([4, 0])
    print("a batch:", x.tolist(), "->", y.tolist())


# %% [markdown]
# ## What to learn from, and what to judge with
#
# A model is judged with text that it never saw. So the text is cut before any window is made.
#
# ### Exercise 8.5: split_by_position
#
# Part $k$ ends where the shares up to it end:
#
# $$\text{end}_k = \text{round}\left(n\,(f_1 + \dots + f_k)\right)$$
#
# The next part begins there: nothing is lost, nothing stands in two parts. The last one ends with the text.
#
# **Plan.** 1. A `ValueError` that names `fractions` unless all are above 0 and sum to 1, as near as floats can. 2. The ends. 3.
# A tuple of slices.
#
# <details><summary>Hint</summary>
#
# `0.1 + 0.2 + 0.7` is not quite 1: `math.isclose`. `int(100 * 0.29)` is 28: round.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.cumsum` sums up; `np.split` cuts at given places.
#
# </details>

# %% 8.5-split-by-position
#| export
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
    ### BEGIN SOLUTION 8.5
    if not all(part > 0 for part in fractions) or not math.isclose(sum(fractions), 1):
        raise ValueError(
            f"fractions must be above 0 and sum to 1; got {fractions}, the sum is {sum(fractions)}"
        )
    ends = np.round(len(array) * np.cumsum(fractions)).astype(int)
    return tuple(np.split(array, ends[:-1]))
    ### END SOLUTION


# %% test-8.5 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: split_by_position...")
    checks.split_by_position(split_by_position)
    print("✅ split_by_position: consecutive, whole, in the right shares")

# %% [markdown]
# ## Why not at random?
#
# Windows overlap. Put a tenth of them aside at random, and their tokens stand in other windows, which the model learns from.
# Here that is counted for a text of 1,000 tokens.

# %% leak
if __name__ == "__main__":
    text, seq_len = np.arange(1000), 8  # the token is its own position
    everything = TextWindows(text, seq_len)
    order = np.random.default_rng(8).permutation(len(everything))
    aside, rest = everything.batch(order[:100])[0], everything.batch(order[100:])[0]
    known = np.isin(aside, rest)  # (100, seq_len)
    print(f"at random:   {known.mean():.1%} of the tokens to judge with were learned from")
    learn, judge = (TextWindows(part, seq_len) for part in split_by_position(text))
    known = np.isin(judge.batch(np.arange(len(judge)))[0], learn.batch(np.arange(len(learn)))[0])
    print(f"by position: {known.mean():.1%}")


# %% [markdown]
# ## From samples to a batch
#
# ### Exercise 8.6: collate
#
# A data set without `batch` gives one sample at a time. They are put on top of each other, part by part:
#
# $$(x_1, y_1), \dots, (x_b, y_b) \;\to\; X: (b, \dots),\; Y: (b, \dots)$$
#
# A sample that is no tuple is one part.
#
# **Plan.** 1. Make each sample a tuple. 2. A `ValueError` for no samples, for samples with different numbers of parts, and for a
# part with different shapes: show the shapes. 3. One new array a part.
#
# <details><summary>Hint</summary>
#
# `zip(*rows)` turns a list of samples into one tuple for each part. `np.stack` adds the axis in front.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.stack` takes numbers, too, and keeps the dtype. `unwrap` each part first. `zip` stops at the shortest without a word.
#
# </details>

# %% 8.6-collate
#| export
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
    ### BEGIN SOLUTION 8.6
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
    ### END SOLUTION


# %% test-8.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: collate...")
    checks.collate(collate)
    print("✅ collate: a new array for each part, or what does not fit")


# %% [markdown]
# ## The order of an epoch
#
# One pass over all samples is an **epoch**. In a fixed order neighbours always come together: where the labels are sorted, a
# batch holds one label only.
#
# ### Exercise 8.7: epoch_order
#
# $$\text{order} = (\pi(0), \dots, \pi(n-1)) \qquad \pi \text{ any of the } n! \text{ orders, all equally likely}$$
#
# Each index comes once: drawing $n$ indices one by one would miss more than a third of them.
#
# **Plan.** Without `rng` the indices in order; with one, an order that it draws.
#
# <details><summary>Hint</summary>
#
# A generator has a method for exactly this.
#
# </details>

# %% 8.7-epoch-order
#| export
def epoch_order(num_samples: int, rng: np.random.Generator | None = None) -> Array:
    """Say in which order the samples of one epoch come: each index once.

    Args:
        num_samples: how many samples there are.
        rng: where the order comes from; None means 0, 1, 2, ...

    Returns:
        The indices, shape (num_samples,).
    """
    ### BEGIN SOLUTION 8.7
    return np.arange(num_samples) if rng is None else rng.permutation(num_samples)
    ### END SOLUTION


# %% test-8.7 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: epoch_order...")
    checks.epoch_order(epoch_order)
    print("✅ epoch_order: each index once, all orders alike")

# %% with-replacement
if __name__ == "__main__":
    drawn = np.random.default_rng(8).integers(0, 10_000, 10_000)
    missed = 1 - len(np.unique(drawn)) / 10_000
    print(f"10,000 indices drawn one by one: {missed:.1%} are missed; 1/e is {math.exp(-1):.1%}")


# %% [markdown]
# ## The loader
#
# `DataLoader` puts it together. `__init__` and `fetch` are given: `fetch` takes the fast way where the data set has one.
#
# ### Exercise 8.8: how many batches
#
# $$\text{batches} = \lceil n / b \rceil \qquad \text{or, with } drop\_last, \qquad \lfloor n / b \rfloor$$
#
# **Plan.** Whole batches, and one more if something is left and it is not dropped.
#
# <details><summary>Hint</summary>
#
# `divmod` gives both. The result must be an int.
#
# </details>

# %% [markdown]
# ### Exercise 8.9: an epoch
#
# A `for` loop calls `__iter__` and takes batches from what it returns.
#
# **Plan.** 1. Draw the order of this epoch from `self.rng`, if `shuffle`. 2. Cut it into pieces of `batch_size`. 3. Give
# `self.fetch(piece)` for each, made only when it is asked for. The data may be larger than memory.
#
# Two loops at a time must not disturb each other: what an epoch knows stands in local variables.
#
# <details><summary>Hint</summary>
#
# A function with `yield`, or a generator expression, makes each batch when it is asked for.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `len(self)` knows how many pieces there are, also with `drop_last`. A slice beyond the end is shorter, without an error.
#
# </details>

# %% 8.8-data-loader
#| export
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
        ### BEGIN SOLUTION 8.8
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)
        ### END SOLUTION

    def fetch(self, indices: Array) -> tuple[Array, ...]:
        """Give the batch of these samples: an array (batch, ...) for each part."""
        if hasattr(self.dataset, "batch"):
            batch = self.dataset.batch(indices)
            return batch if isinstance(batch, tuple) else (batch,)
        return collate([self.dataset[index] for index in indices.tolist()])

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        """Begin an epoch: an order of its own, then batch after batch, each made when asked for."""
        ### BEGIN SOLUTION 8.9
        order = epoch_order(len(self.dataset), self.rng if self.shuffle else None)
        starts = range(0, len(self) * self.batch_size, self.batch_size)
        return (self.fetch(order[start : start + self.batch_size]) for start in starts)
        ### END SOLUTION


# %% test-8.8 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: how many batches...")
    checks.loader_len(DataLoader)
    print("✅ len: with and without a smaller last batch")

# %% test-8.9 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: an epoch...")
    checks.loader_iter(DataLoader)
    print("✅ DataLoader: each sample once, another order each epoch")

# %% two-epochs
if __name__ == "__main__":
    loader = DataLoader(TextWindows(ids, seq_len=3), batch_size=4, shuffle=True, seed=8)
    for epoch in (1, 2):
        for x, _ in loader:
            print(f"epoch {epoch}:", " | ".join(" ".join(words[i] for i in row) for row in x))

# %% [markdown]
# ## The smaller last batch
#
# Losses are means over a batch. The mean of these means is not the mean over the samples: the last batch is smaller, and
# its samples weigh more. Either weigh each batch by its samples, or drop the last one.

# %% last-batch
if __name__ == "__main__":
    batches = [y for _, y in DataLoader(ArrayDataset(ids, letters), batch_size=4)]
    sizes, means = [len(y) for y in batches], [float(y.mean()) for y in batches]
    print("letters:", *batches, "  means:", means)
    print(f"mean of the means:      {np.mean(means):.4f}")
    print(f"weighed by their sizes: {np.average(means, weights=sizes):.4f}")
    print(f"mean of all samples:    {letters.mean():.4f}")


# %% [markdown]
# ### Exercise 8.10: endless
#
# Large models count steps, not epochs. This gives batches for ever, epoch after epoch, each in its own order.
#
# **Plan.** Loop over the loader again and again. A `ValueError` that names `loader` where an epoch has no batch: else the loop
# would search for one for ever.
#
# <details><summary>Hint</summary>
#
# `itertools.cycle` keeps the batches of the first epoch and repeats them: the order never changes again.
#
# </details>

# %% 8.10-endless
#| export
def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Give the batches of one epoch after another, for ever.

    Args:
        loader: a `DataLoader`, or anything that a `for` loop can begin anew.

    Raises:
        ValueError: an epoch has no batch.
    """
    ### BEGIN SOLUTION 8.10
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("loader: an epoch had no batch, so there is nothing to repeat")
    ### END SOLUTION


# %% test-8.10 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: endless...")
    checks.endless(endless, DataLoader)
    print("✅ endless: a new order each epoch, and no search without an end")

# %% [markdown]
# ## Two ways to a batch
#
# What `batch` saves is counted here: calls of the data set in one epoch of 4,000 samples. Each call costs Python some steps,
# however little the sample needs.

# %% calls
if __name__ == "__main__":

    class Counted(ArrayDataset):
        calls = 0

        def __getitem__(self, index):
            self.calls += 1
            return super().__getitem__(index)

    counted = Counted(np.zeros((4000, 40)), np.zeros(4000))
    one_by_one = [counted[index] for index in range(64)]
    print(
        "64 samples one by one:",
        counted.calls,
        "calls, then collate:",
        collate(one_by_one)[0].shape,
    )
    counted.calls = 0
    epoch = [*DataLoader(counted, batch_size=64)]
    print("an epoch with batch:  ", counted.calls, "calls for", len(counted), "samples")

# %% [markdown]
# ## Real data: MNIST-1D
#
# Ten digits as curves of 40 numbers, stretched, shifted and hidden in noise; made in a second by the given
# `tinytorch/mnist1d.py`. Small enough for a laptop, and yet a linear model cannot do it: 32% against 68% for a small network
# (Greydanus & Kobak 2020). Here are some samples, and how much the mean of a batch varies.

# %% mnist1d
if __name__ == "__main__":
    from tinytorch.mnist1d import mnist1d

    data = mnist1d()
    train = ArrayDataset(data.x_train, data.y_train)
    print(len(train), "samples to learn from,", len(data.x_test), "to test with")
    rows, labels = train.batch([0, 1, 2])
    for row, label in zip(rows, labels, strict=True):
        levels = np.clip((row + 3) / 6 * 8, 0, 7).astype(int)
        print(f"  {label}  {''.join('▁▂▃▄▅▆▇█'[level] for level in levels)}")
    for batch_size in (4, 16, 64, 256):
        loader = DataLoader(train, batch_size, shuffle=True, drop_last=True, seed=8)
        means = [x[:, 20].mean() for x, _ in loader]
        print(f"batch_size {batch_size:3}: {len(loader):4} steps, deviation {np.std(means):.3f}")

# %% [markdown]
# A batch four times as large gives half the noise, for a quarter of the steps. That is the choice behind `batch_size`.
#
# ## What is left out, and why
#
# - **Workers.** PyTorch loads in other processes, while the model computes. Here the data lies in memory.
# - **Padding in `collate`.** Samples of different lengths need a padded batch and a mask (module 12). Windows are all alike.
# - **Sampling with weights**, for rare classes. Another order is all it takes.
# - **Going on in the middle of an epoch.** A seeded loader begins anew in the same way, so module 07 skips the batches it had.
# - **Files larger than memory.** `np.memmap` is an array: `TextWindows` takes it, and reads only the windows that are asked for.
#
# ## Report

# %% report
if __name__ == "__main__":
    sets = [each.__name__ for each in Dataset.__subclasses__() if each.__module__ == __name__]
    print(f"📈 Progress: Data loader ✓  ({', '.join(sets)}, DataLoader)")
    print("💡 Next: tito module complete 08, then train with it: module 07")
