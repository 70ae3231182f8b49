# %% [markdown]
# # 11. Embeddings
#
# Attention works on vectors; a sentence is words. An embedding is the table in between: one row of numbers for each word,
# learned like any weight. A second table says where in the sentence a word stands.
#
# **You will** write the lookup and its gradient, the layer `Embedding`, and two ways to give a word its position.
#
# **Before you start:** modules 01, 02, 03 and 05. **Time:** 2 hours.

# %% export-target
#| default_exp core.embeddings

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import embeddings_checks as checks

# %% imports
#| export
from typing import Any

import numpy as np

from tinytorch.core.layers import Layer, require_size
from tinytorch.core.tensor import Array, Tensor, op, unwrap

# %% [markdown]
# ## One example for the whole module
#
# "the cat sat on the mat". Each word gets a number, its **id**: its row in the table. "the" comes twice, with the same id.
# The vocabulary has two words, "dog" and "moon", that the sentence does not use.
#
# `table` gives each word a row that you can recognise: "sat" is word 2, its row begins with 20.

# %% sentence
sentence = ["the", "cat", "sat", "on", "the", "mat"]
vocabulary = {"the": 0, "cat": 1, "sat": 2, "on": 3, "mat": 4, "dog": 5, "moon": 6}
ids = np.array([vocabulary[word] for word in sentence])  # (seq_len,)
table = 10 * np.arange(7.0)[:, None] + np.arange(3.0)  # (vocab_size, embed_dim)

if __name__ == "__main__":
    print("ids:", ids.tolist())
    print("table:", table.tolist())


# %% [markdown]
# ## From ids to rows
#
# ### Exercise 11.1: embedding_lookup
#
# Each id picks a row of the weight:
#
# $$y_{i} = W_{\text{id}_i} \qquad W: (vocab, dim),\; \text{ids}: (\dots) \to (\dots, dim)$$
#
# The same as multiplying by a matrix of zeros with a 1 in each row, without the multiplications by zero.
#
# The ids are constants: no gradient goes to them. So they are an option of the op, not an input.
#
# <details><summary>Hint</summary>
#
# NumPy picks rows when it is indexed with an array of integers.
#
# </details>

# %% 11.1-embedding-lookup
#| export
@op
def embedding_lookup(weight: Array, *, ids: Array) -> Any:
    """Pick a row for each id. weight: (vocab_size, embed_dim), ids: (...) -> (..., embed_dim)."""
    ### BEGIN SOLUTION 11.1
    return weight[ids]
    ### END SOLUTION


# %% test-11.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: embedding_lookup...")
    checks.embedding_lookup(embedding_lookup)
    print("✅ embedding_lookup: rows, in any arrangement of ids")


# %% [markdown]
# ### Exercise 11.2: the gradient rule
#
# A row that was picked twice influences two outputs, so it gets both gradients, **added**:
#
# $$\left(\frac{\partial L}{\partial W}\right)_{v} = \sum_{i:\, \text{id}_i = v} \frac{\partial L}{\partial y_i}$$
#
# A row that was not picked gets zeros.
#
# **Plan.** 1. Zeros of the shape of the weight. 2. Add each row of `grad` at its id. 3. Return a tuple of one gradient.
#
# <details><summary>Hint</summary>
#
# `total[ids] += grad` looks right, and keeps only one of several gradients for the same id. NumPy has a function for this:
# `np.add.at`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.add.at(total, ids, grad)` changes `total`; it returns nothing.
#
# </details>

# %% 11.2-embedding-lookup-rule
#| export
@embedding_lookup.gradient
def embedding_lookup_rule(grad: Array, output: Array, weight: Array, *, ids: Array) -> tuple[Array]:
    """Gradient of the lookup: each row of `grad` is added to the row it came from."""
    ### BEGIN SOLUTION 11.2
    total = np.zeros(weight.shape, weight.dtype)
    np.add.at(total, ids, grad)
    return (total,)
    ### END SOLUTION


# %% test-11.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: the gradient rule of embedding_lookup...")
    checks.embedding_lookup_rule(embedding_lookup)
    print("✅ the rule: repeated words add up, unused words get zero")


# %% [markdown]
# ### Exercise 11.3: as_ids
#
# NumPy takes -1 as "the last row", and `True` as a mask. For ids both are mistakes that no error would reveal.
#
# **Plan.** 1. A new array, from a tensor, array or list: the gradient needs the ids as they are now. 2. A `TypeError` unless
# it holds integers. 3. A `ValueError` for the first id out of range: name the id, its position as a tuple, and the valid
# range, as in `0 to 6`.
#
# <details><summary>Hint</summary>
#
# The given `unwrap` takes the array out of a tensor. Integers have the dtype kinds `"i"` and `"u"`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.argwhere(wrong)[0]` is the position of the first true element, one number for each axis.
#
# </details>

# %% 11.3-as-ids
#| export
def as_ids(ids: Any, vocab_size: int) -> Array:
    """Turn ids into an array of integers and check that each is a row of the table.

    Args:
        ids: a tensor, array, (nested) list or int, any shape.
        vocab_size: the number of rows.

    Returns:
        The ids in a new array, the same shape.

    Raises:
        TypeError: the ids are not integers.
        ValueError: an id is negative or too large.
    """
    ### BEGIN SOLUTION 11.3
    array = np.array(unwrap(ids))  # a copy: the gradient needs the ids as they are now
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers; got dtype {array.dtype}")
    wrong = np.argwhere((array < 0) | (array >= vocab_size))
    if len(wrong):
        position = tuple(wrong[0].tolist())
        raise ValueError(
            f"ids: {array[position]} at position {position} is no row of the table; "
            f"valid ids are 0 to {vocab_size - 1}"
        )
    return array
    ### END SOLUTION


# %% test-11.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: as_ids...")
    checks.as_ids(as_ids)
    print("✅ as_ids: integers in range, or an error that says which and where")


# %% [markdown]
# ### Exercise 11.4: Embedding
#
# The layer owns the table. Its first numbers are standard normal, as in PyTorch: mean 0, variance 1.
#
# $$W_{vj} \sim N(0, 1)$$
#
# **Plan.** `__init__`: `weight`, (vocab_size, embed_dim), requires a gradient. `forward`: check the ids, then look up.
#
# <details><summary>Hint</summary>
#
# `rng.standard_normal((rows, columns))`. The lookup takes its ids by name: `ids=`.
#
# </details>

# %% 11.4-embedding
#| export
class Embedding(Layer):
    """A table with one learned row for each id.

    Args:
        vocab_size: the number of rows.
        embed_dim: the length of a row.
        rng: where the first numbers come from; None means a new generator.

    Raises:
        ValueError: a size is not a positive int.

    Source: first numbers from N(0, 1), as documented for torch.nn.Embedding.
    """

    def __init__(
        self, vocab_size: int, embed_dim: int, *, rng: np.random.Generator | None = None
    ) -> None:
        require_size("vocab_size", vocab_size)
        require_size("embed_dim", embed_dim)
        rng = np.random.default_rng() if rng is None else rng
        ### BEGIN SOLUTION 11.4
        self.weight = Tensor(rng.standard_normal((vocab_size, embed_dim)), requires_grad=True)
        ### END SOLUTION

    def forward(self, ids: Any) -> Tensor:
        """Look up each id. ids: integers (...) -> (..., embed_dim); errors as in `as_ids`."""
        ### BEGIN SOLUTION 11.4
        return embedding_lookup(self.weight, ids=as_ids(ids, self.weight.shape[0]))
        ### END SOLUTION


# %% test-11.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: Embedding...")
    checks.embedding(Embedding)
    print("✅ Embedding: first numbers, lookup, gradient")

# %% [markdown]
# ## The repeated word
#
# The gradient of the sum of all outputs counts how often each row was used. Beside it, what `total[ids] += grad` would
# have given: half the gradient for "the", without an error.

# %% repeated-word
if __name__ == "__main__":
    embedding = Embedding(7, 3, rng=np.random.default_rng(11))
    embedding(ids).sum().backward()
    lossy = np.zeros((7, 3))
    lossy[ids] += np.ones((6, 3))
    for word, row in vocabulary.items():
        gradient = embedding.weight.grad[row]
        print(
            f"{word:>5}: {sentence.count(word)} times   gradient {gradient}   with += {lossy[row]}"
        )


# %% [markdown]
# ## Positions
#
# A lookup does not know where a word stands: the two rows of "the" are equal, and attention, which has no order of its
# own, could not tell them apart. So each position gets a row as well, and the two are added.

# %% [markdown]
# ### Exercise 11.5: PositionalEmbedding
#
# The simplest way: learn a row for each position.
#
# $$y_{bt} = x_{bt} + P_t \qquad x: (batch, seq\_len, dim),\; P: (max\_len, dim)$$
#
# **Plan.** `__init__`: `weight`, standard normal. `forward`: a `ValueError` where the last axis is not `embed_dim`, and one
# where the sentence is longer than the table; each shows what came and the limit, as in `embed_dim=3` or `max_len=11`. Then
# add the first rows.
#
# <details><summary>Hint</summary>
#
# The positions are 0, 1, 2, ...: a slice of the weight is enough. Broadcasting adds it to every sentence of the batch.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Slice the tensor, `self.weight[:seq_len]`, not its `data`: the op `index` is remembered.
#
# </details>

# %% 11.5-positional-embedding
#| export
class PositionalEmbedding(Layer):
    """Add a learned row for each position.

    Args:
        max_len: the longest sentence, in tokens.
        embed_dim: the length of a row.
        rng: where the first numbers come from; None means a new generator.

    Raises:
        ValueError: a size is not a positive int.

    Source: Gehring et al. 2017, "Convolutional sequence to sequence learning", section 3.1.
    """

    def __init__(
        self, max_len: int, embed_dim: int, *, rng: np.random.Generator | None = None
    ) -> None:
        require_size("max_len", max_len)
        require_size("embed_dim", embed_dim)
        rng = np.random.default_rng() if rng is None else rng
        ### BEGIN SOLUTION 11.5
        self.weight = Tensor(rng.standard_normal((max_len, embed_dim)), requires_grad=True)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Add row t to token t. x: (batch, seq_len, embed_dim) -> the same shape.

        Raises:
            ValueError: `x` does not fit, or its sentences are longer than `max_len`.
        """
        ### BEGIN SOLUTION 11.5
        max_len, embed_dim = self.weight.shape
        if x.ndim < 2 or x.shape[-1] != embed_dim:
            raise ValueError(f"x is {x.shape}, expected (batch, seq_len, embed_dim={embed_dim})")
        if x.shape[-2] > max_len:
            raise ValueError(f"x has seq_len {x.shape[-2]}, longer than max_len={max_len}")
        return x + self.weight[: x.shape[-2]]
        ### END SOLUTION


# %% test-11.5 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: PositionalEmbedding...")
    checks.positional_embedding(PositionalEmbedding)
    print("✅ PositionalEmbedding: row t for token t, gradient, errors")


# %% [markdown]
# ## Positions without learning
#
# A learned table ends at `max_len`. The Transformer paper computes the rows instead. Each pair of columns is a clock hand
# that turns at its own speed, from 1 radian a token down to almost 1/10000.

# %% [markdown]
# ### Exercise 11.6: sinusoidal_positions
#
# Position $t$ and speed $w_k$ give an angle; its sine and cosine stand side by side:
#
# $$P_{t,\,2k} = \sin(t \cdot w_k) \qquad P_{t,\,2k+1} = \cos(t \cdot w_k) \qquad w_k = 10000^{-2k/dim}$$
#
# **Plan.** 1. Refuse an odd `embed_dim`: a hand needs two columns. 2. The speeds. 3. The angles, one row a position. 4. Sines
# into the even columns, cosines into the odd ones.
#
# <details><summary>Hint</summary>
#
# `np.arange(0, embed_dim, 2)` is $2k$. `table[:, 0::2]` are the even columns.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Angles: `np.arange(seq_len)[:, None] * speeds`, a broadcast to (seq_len, embed_dim / 2).
#
# </details>

# %% 11.6-sinusoidal-positions
#| export
def sinusoidal_positions(seq_len: int, embed_dim: int) -> Tensor:
    """Compute a row for each position from sines and cosines.

    Args:
        seq_len: how many positions.
        embed_dim: the length of a row; even.

    Returns:
        The rows, shape (seq_len, embed_dim); constants, without a gradient.

    Raises:
        ValueError: a size is not a positive int, or `embed_dim` is odd.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.5.
    """
    require_size("seq_len", seq_len)
    require_size("embed_dim", embed_dim)
    ### BEGIN SOLUTION 11.6
    if embed_dim % 2:
        raise ValueError(f"embed_dim must be even, one sine and one cosine each; got {embed_dim}")
    speeds = 10000.0 ** (-np.arange(0, embed_dim, 2) / embed_dim)
    angles = np.arange(seq_len)[:, None] * speeds  # (seq_len, embed_dim / 2)
    rows = np.empty((seq_len, embed_dim))
    rows[:, 0::2] = np.sin(angles)
    rows[:, 1::2] = np.cos(angles)
    return Tensor(rows)
    ### END SOLUTION


# %% test-11.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: sinusoidal_positions...")
    checks.sinusoidal_positions(sinusoidal_positions)
    print("✅ sinusoidal_positions: speeds, sine and cosine in turn")

# %% [markdown]
# ## Distance, not place
#
# The dot product of two rows is
#
# $$P_s \cdot P_t = \sum_k \sin(s w_k)\sin(t w_k) + \cos(s w_k)\cos(t w_k) = \sum_k \cos\left((s - t)\, w_k\right)$$
#
# Only the distance is left. Attention takes dot products, so it can learn "two words back". The table starts at three
# places and measures; each column is a distance.

# %% distance
if __name__ == "__main__":
    rows = sinusoidal_positions(200, 64).data
    distances = np.array([0, 1, 2, 5, 10, 50])
    print("distance          " + " ".join(f"{distance:7}" for distance in distances))
    for start in (0, 7, 100):
        products = rows[start + distances] @ rows[start]
        print(f"from position {start:3}:", " ".join(f"{product:7.3f}" for product in products))
    products = rows @ rows.T  # (200, 200); each diagonal is one distance
    spread = max(np.ptp(np.diagonal(products, distance)) for distance in range(200))
    print(f"largest spread within one distance: {spread:.1e}, rounding of float32")

# %% [markdown]
# ## Ready for attention
#
# Token plus position. The two "the" of the sentence are equal before and different after; this (batch, seq_len, embed_dim)
# tensor is what module 12 takes. Sinusoidal rows are added in the same way, as a constant.

# %% ready
if __name__ == "__main__":
    rng = np.random.default_rng(11)
    tokens, positions = Embedding(7, 4, rng=rng), PositionalEmbedding(16, 4, rng=rng)
    plain = tokens(ids[None, :])  # (batch, seq_len, embed_dim)
    for name, x in (
        ("token", plain),
        ("+ learned", positions(plain)),
        ("+ sinusoidal", plain + sinusoidal_positions(6, 4)),
    ):
        print(f"{name:>12} {x.shape}   the: {x.data[0, 0].round(2)}   the: {x.data[0, 4].round(2)}")

# %% [markdown]
# ## What is left out, and why
#
# - **Splitting text into tokens.** A dict is enough for one sentence. Real models split words into pieces.
# - **Padding ids.** PyTorch's `padding_idx` keeps one row at zero. Here the mask of module 12 hides padding.
# - **Sparse gradients.** The gradient is as large as the table, zeros included. For a large vocabulary that is waste.
# - **Rotary positions.** They turn queries and keys instead of adding rows, so they belong beside attention.
#
# ## Report

# %% report
if __name__ == "__main__":
    layers = [each.__name__ for each in Layer.__subclasses__() if each.__module__ == __name__]
    print(f"📈 Progress: Embeddings ✓  ({', '.join(layers)}, sinusoidal_positions)")
    print("💡 Next: tito module complete 11, then module 12 (attention)")
