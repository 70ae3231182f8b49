# %% [markdown]
# # 11. Embeddings
#
# Attention works on vectors; a sentence is words. An embedding is the table in between: one row of numbers for each word,
# learned like any weight. A second table says where in the sentence a word stands.
#
# **You will** write the lookup and its gradient, the layer `Embedding`, and two ways to give a word its position.
#
# **Before you start:** modules 01, 02, 03 and 05. **Time:** 2 hours.

# %% nbgrader={"grade": false, "grade_id": "export-target", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| default_exp core.embeddings

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path.insert(0, str(root))  # this folder's own tinytorch, whatever else is installed

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
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

# %% nbgrader={"grade": false, "grade_id": "sentence", "locked": true, "schema_version": 3, "solution": false, "task": false}
sentence = ["the", "cat", "sat", "on", "the", "mat"]
vocabulary = {"the": 0, "cat": 1, "sat": 2, "on": 3, "mat": 4, "dog": 5, "moon": 6}
ids = np.array([vocabulary[word] for word in sentence])  # (seq_len,)
table = 10 * np.arange(7.0)[:, None] + np.arange(3.0)  # (vocab_size, embed_dim)

if __name__ == "__main__":
    print("ids:", ids.tolist())
    print("table:", table.tolist())

# %% nbgrader={"grade": false, "grade_id": "explain-errors", "locked": true, "schema_version": 3, "solution": false, "task": false}
import traceback
from functools import wraps


def explain_errors(test):
    """Turn an error that your code raises in a test into a message: which, where, in which call."""

    @wraps(test)
    def explained():
        try:
            test()
        except (AssertionError, NotImplementedError):
            raise
        except Exception as error:
            trace, what = error.__traceback__, str(error)
            steps = zip(traceback.walk_tb(trace), traceback.extract_tb(trace), strict=True)
            own = [step for (frame, _), step in steps if frame.f_globals is test.__globals__]
            hint = ": is a return missing?" if "NoneType" in what or "dtype object" in what else ""
            message = f"{type(error).__name__} in {own[-1].name}: {what}{hint}\nThe test ran: {own[1].line}"
            raise AssertionError(message).with_traceback(trace) from None

    return explained


# %% nbgrader={"grade": false, "grade_id": "more-imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.core.autograd import check_gradient


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

# %% nbgrader={"grade": false, "grade_id": "11.1-embedding-lookup", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@op
def embedding_lookup(weight: Array, *, ids: Array) -> Any:
    """Pick a row for each id. weight: (vocab_size, embed_dim), ids: (...) -> (..., embed_dim)."""
    ### BEGIN SOLUTION 11.1
    return weight[ids]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-11.1", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_embedding_lookup():
    print("🔬 Unit Test: embedding_lookup...")
    result = embedding_lookup.forward(table, ids=ids)
    assert result is not None, "embedding_lookup gives None: is a return missing?"
    result = np.asarray(result)
    assert result.shape == (6, 3), f"six ids, rows of three: expected (6, 3), got {result.shape}"
    assert result[:, 0].tolist() == [0.0, 10.0, 20.0, 30.0, 0.0, 40.0], f"an id is the number of a row, counted from 0; got first column {result[:, 0]}"
    assert result[1].tolist() == [10.0, 11.0, 12.0], "not one number, a whole row is picked: cat is 10, 11, 12"
    batch = embedding_lookup.forward(table, ids=np.array([[1, 2], [3, 4], [5, 6], [0, 0], [1, 1]]))
    assert batch.shape == (5, 2, 3) and batch[1, 1, 0] == 40.0, "ids of shape (5, 2) give (5, 2, 3)"
    assert embedding_lookup.forward(table, ids=np.array(5)).tolist() == [50.0, 51.0, 52.0], "a single id gives one row"
    print("✅ embedding_lookup: rows, in any arrangement of ids")


if __name__ == "__main__":
    test_embedding_lookup()


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

# %% nbgrader={"grade": false, "grade_id": "11.2-embedding-lookup-rule", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@embedding_lookup.gradient
def embedding_lookup_rule(
    grad: Array, output: Array, weight: Array, *, ids: Array
) -> tuple[Array]:
    """Gradient of the lookup: each row of `grad` is added to the row it came from."""
    ### BEGIN SOLUTION 11.2
    total = np.zeros(weight.shape, weight.dtype)
    np.add.at(total, ids, grad)
    return (total,)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-11.2", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_embedding_lookup_rule():
    print("🔬 Unit Test: the gradient rule of embedding_lookup...")
    grad = np.array([[1.0, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0], [50, 0, 0], [6, 0, 0]])
    result = embedding_lookup_rule(grad, table[ids], table, ids=ids)
    assert isinstance(result, tuple) and len(result) == 1, "a rule returns a tuple, one gradient for each input: here (total,)"
    assert result[0] is not None, "the gradient is None: np.add.at returns nothing, it changes its first argument"
    found = np.asarray(result[0])
    assert found.shape == (7, 3), f"the gradient has the shape of the weight, (7, 3); got {found.shape}"
    assert found[0, 0] != 50.0, "'the' comes twice, and only the last gradient was kept: indexing with = or += loses the others"
    assert found[0, 0] != 25.5, "the gradients of a repeated word are added, not averaged"
    assert found[3, 0] != 34.0, "begin with zeros, not from the weight"
    assert found[3, 0] != 120.0, "grad itself is added, not grad times the row"
    assert found[3, 0] != 1.0, "grad itself is added: 'on' must get 4, not a count of words"
    assert found[:, 0].tolist() == [51.0, 2.0, 3.0, 4.0, 6.0, 0.0, 0.0], f"'the' must get 1 + 50, an unused word 0; got {found[:, 0].tolist()}"
    grid = np.array([[0, 1], [1, 1]])
    try:
        found = embedding_lookup_rule(np.ones((2, 2, 3)), table[grid], table, ids=grid)[0]
    except ValueError as error:
        raise AssertionError(f"ids may have several axes: here they are (2, 2) ({error})") from None
    assert found[:2].tolist() == [[1.0] * 3, [3.0] * 3], "ids may have several axes: id 1 is there three times"
    error = check_gradient(lambda weight: embedding_lookup(weight, ids=ids), table)
    assert error < 1e-6, f"the rule differs from a numeric gradient by {error:.2g}"
    print("✅ the rule: repeated words add up, unused words get zero")


if __name__ == "__main__":
    test_embedding_lookup_rule()


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

# %% nbgrader={"grade": false, "grade_id": "11.3-as-ids", "locked": false, "schema_version": 3, "solution": true, "task": false}
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


# %% nbgrader={"grade": true, "grade_id": "test-11.3", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_as_ids():
    print("🔬 Unit Test: as_ids...")
    for good in (ids, ids.tolist(), Tensor(ids), tuple(ids)):
        found = as_ids(good, 7)
        assert found is not None, "as_ids gives None: is a return missing?"
        assert isinstance(found, np.ndarray) and found.tolist() == ids.tolist(), f"{type(good).__name__}: the ids must come back as an array"
    assert as_ids([[0, 6], [5, 4]], 7).shape == (2, 2), "the shape stays, and the last id, 6 of 7, is valid"
    try:
        as_ids([8, 9], 7)
    except ValueError as error:
        assert "9" not in str(error), f"8 and 9 are both no rows: name the first wrong id, 8; got: {error}"
    for wrong, position in (([[1, 2], [3, 7]], "(1, 1)"), ([0, 1, -1], "(2,)")):
        number = "7" if "1, 1" in position else "-1"
        try:
            as_ids(wrong, 7)
        except ValueError as error:
            for part in (number, position, "0 to 6"):
                assert part in str(error), f"name the id, its position and the valid range: {part} is not in: {error}"
        else:
            raise AssertionError(f"id {number} is no row of a table with 7 rows: raise a ValueError")
    for wrong in ([0.0, 1.0], ["the", "cat"], [True, False], Tensor([1.0])):
        try:
            as_ids(wrong, 7)
        except TypeError as error:
            assert "ids" in str(error), "the message names the argument, ids"
        else:
            raise AssertionError(f"{wrong!r} are no integers: raise a TypeError")
    given = ids.copy()
    found, given[1] = as_ids(given, 7), 0
    assert found[1] == 1, "the caller's array was changed later, and with it the ids: the gradient needs them as they were, so copy"
    print("✅ as_ids: integers in range, or an error that says which and where")


if __name__ == "__main__":
    test_as_ids()


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

# %% nbgrader={"grade": false, "grade_id": "11.4-embedding", "locked": false, "schema_version": 3, "solution": true, "task": false}
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


# %% nbgrader={"grade": true, "grade_id": "test-11.4", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_embedding():
    print("🔬 Unit Test: Embedding...")
    embedding = Embedding(7, 3, rng=np.random.default_rng(0))
    assert embedding.weight.shape == (7, 3), f"weight is (vocab_size, embed_dim) = (7, 3); got {embedding.weight.shape}"
    assert len(embedding.parameters()) == 1, "the weight must require a gradient, or it will not learn"
    assert np.array_equal(embedding.weight.data, Embedding(7, 3, rng=np.random.default_rng(0)).weight.data), "same seed, same table: draw from rng"
    large = Embedding(199, 307, rng=np.random.default_rng(0)).weight.data
    assert abs(large.mean()) < 0.02 and abs(large.var() - 1) < 0.02, f"N(0, 1): mean 0, variance 1; got {large.mean():.2f}, {large.var():.2f}"
    embedding.load_state_dict({"weight": table})
    try:
        assert embedding([6]) is not None, "forward gives None: is a return missing?"
    except ValueError as error:
        raise AssertionError(f"id 6 is in the vocabulary of 7: compare ids with the number of rows ({error})") from None
    for given in (ids.reshape(2, 3), ids.reshape(2, 3).tolist(), Tensor(ids.reshape(2, 3))):
        assert embedding(given).data[..., 0].tolist() == [[0.0, 10.0, 20.0], [30.0, 0.0, 40.0]], "array, list or tensor: each id gives its row"
    try:
        embedding([0, -1])
    except ValueError:
        pass
    else:
        raise AssertionError("id -1 gave the last row: check the ids with as_ids")
    output = embedding(ids)
    assert output.node is not None and output.node.op is embedding_lookup, "look up with the op, or no gradient reaches the weight"
    output.sum().backward()
    assert embedding.weight.grad[:, 0].tolist() == [2.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0], "'the' twice, 'dog' and 'moon' never"
    print("✅ Embedding: first numbers, lookup, gradient")


if __name__ == "__main__":
    test_embedding()

# %% [markdown]
# ## The repeated word
#
# The gradient of the sum of all outputs counts how often each row was used. Beside it, what `total[ids] += grad` would
# have given: half the gradient for "the", without an error.

# %% nbgrader={"grade": false, "grade_id": "repeated-word", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    embedding = Embedding(7, 3, rng=np.random.default_rng(11))
    embedding(ids).sum().backward()
    lossy = np.zeros((7, 3))
    lossy[ids] += np.ones((6, 3))
    for word, row in vocabulary.items():
        print(f"{word:>5}: {sentence.count(word)} times   gradient {embedding.weight.grad[row]}   with += {lossy[row]}")


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

# %% nbgrader={"grade": false, "grade_id": "11.5-positional-embedding", "locked": false, "schema_version": 3, "solution": true, "task": false}
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


# %% nbgrader={"grade": true, "grade_id": "test-11.5", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_positional_embedding():
    print("🔬 Unit Test: PositionalEmbedding...")
    positions = PositionalEmbedding(11, 3, rng=np.random.default_rng(0))
    assert positions.weight.shape == (11, 3) and len(positions.parameters()) == 1, "weight is (max_len, embed_dim) and learns"
    large = PositionalEmbedding(199, 307, rng=np.random.default_rng(0)).weight.data
    assert abs(large.mean()) < 0.02 and abs(large.var() - 1) < 0.02, "the first numbers are standard normal"
    positions.load_state_dict({"weight": 100 * np.arange(1.0, 12.0)[:, None] + np.zeros(3)})
    x = Tensor(np.stack([table[ids], table[ids] + 1]))  # (batch, seq_len, embed_dim) = (2, 6, 3)
    result = positions(x)
    assert result is not None, "forward gives None: is a return missing?"
    for start, mistake in (([100, 200, 300], "only the positions are left, x itself is lost: add"), ([100, 110, 120], "every token got the first position"),
                           ([600, 710, 820], "the last rows of the table were added; position 0 has row 0")):
        assert result.data[0, :3, 0].tolist() != start, f"{mistake}; token t gets row t, added to it"
    assert result.data[0, :, 0].tolist() == [100.0, 210.0, 320.0, 430.0, 500.0, 640.0], f"token t gets row t, added to it; got {result.data[0, :, 0]}"
    assert result.data[1, 4].tolist() == [501.0, 502.0, 503.0], "every sentence of the batch gets the same rows"
    assert positions(x[:, :1]).shape == (2, 1, 3), "a sentence of one token gets only the first row"
    assert result.requires_grad, "no gradient will reach the positions: slice the tensor, not its data"
    result.sum().backward()
    assert positions.weight.grad[:, 0].tolist() == [2.0] * 6 + [0.0] * 5, "each used row gets the gradients of both sentences"
    for wrong, part in ((np.ones((2, 13, 3)), "13"), (np.ones((2, 6, 1)), "(2, 6, 1)")):
        try:
            positions(Tensor(wrong))
        except ValueError as error:
            assert part in str(error) and ("max_len=11" in str(error) or "embed_dim=3" in str(error)), f"name {part} and the limit; got: {error}"
        else:
            raise AssertionError(f"x of shape {wrong.shape} does not fit max_len=11, embed_dim=3: raise a ValueError")
    print("✅ PositionalEmbedding: row t for token t, gradient, errors")


if __name__ == "__main__":
    test_positional_embedding()


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

# %% nbgrader={"grade": false, "grade_id": "11.6-sinusoidal-positions", "locked": false, "schema_version": 3, "solution": true, "task": false}
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


# %% nbgrader={"grade": true, "grade_id": "test-11.6", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_sinusoidal_positions():
    print("🔬 Unit Test: sinusoidal_positions...")
    rows = sinusoidal_positions(101, 4)
    assert rows is not None, "sinusoidal_positions gives None: is a return missing?"
    assert isinstance(rows, Tensor) and rows.shape == (101, 4) and not rows.requires_grad, "a constant tensor (seq_len, embed_dim)"
    rows = rows.data
    assert rows[0].tolist() != [1.0, 0.0, 1.0, 0.0], "sine and cosine are swapped: even columns hold sines"
    assert rows[0].tolist() != [0.0, 0.0, 1.0, 1.0], "sines and cosines alternate, they do not stand in two halves"
    assert rows[0].tolist() != [0.0] * 4, "the cosines are missing: they stand in the odd columns, and cos 0 = 1"
    assert not np.allclose(rows[0, :2], [np.sin(1), np.cos(1)]), "the first row has angle 1: positions begin at 0"
    assert rows[0].tolist() == [0.0, 1.0, 0.0, 1.0], f"position 0 has angle 0: sin 0 = 0, cos 0 = 1, in turn; got {rows[0].tolist()}"
    assert np.allclose(rows[1, :2], [np.sin(1), np.cos(1)]), "the first pair turns by 1 radian a token"
    speed = np.arctan2(rows[1, 2], rows[1, 3])
    assert not np.isclose(speed, 0.1), "the second pair is too fast: the exponent is 2k / dim, and arange(0, dim, 2) is 2k already"
    assert not np.isclose(speed, 1e-4), "the second pair is too slow: the exponent is 2k / dim, divided by embed_dim"
    assert not np.isclose(rows[1, 2], np.sin(100)), "the second pair turns by 100 a token: the exponent has a minus sign"
    assert np.isclose(speed, 0.01), f"with dim 4 the second pair turns by 10000^(-2/4) = 0.01 a token; got {speed:.4g}"
    assert np.allclose(rows[100, 2:], [np.sin(1), np.cos(1)]), "after 100 tokens the second pair has turned by 1 radian: position times speed"
    for wrong in ((5, 3), (0, 4)):
        try:
            sinusoidal_positions(*wrong)
        except ValueError as error:
            assert "embed_dim" in str(error) or "seq_len" in str(error), "the message names the argument"
        else:
            raise AssertionError(f"sinusoidal_positions{wrong}: an odd embed_dim leaves a sine without its cosine: raise a ValueError")
    print("✅ sinusoidal_positions: speeds, sine and cosine in turn")


if __name__ == "__main__":
    test_sinusoidal_positions()

# %% [markdown]
# ## Distance, not place
#
# The dot product of two rows is
#
# $$P_s \cdot P_t = \sum_k \sin(s w_k)\sin(t w_k) + \cos(s w_k)\cos(t w_k) = \sum_k \cos\left((s - t)\, w_k\right)$$
#
# Only the distance is left. Attention takes dot products, so it can learn "two words back". The table starts at three
# places and measures; each column is a distance.

# %% nbgrader={"grade": false, "grade_id": "distance", "locked": true, "schema_version": 3, "solution": false, "task": false}
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

# %% nbgrader={"grade": false, "grade_id": "ready", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    rng = np.random.default_rng(11)
    tokens, positions = Embedding(7, 4, rng=rng), PositionalEmbedding(16, 4, rng=rng)
    plain = tokens(ids[None, :])  # (batch, seq_len, embed_dim)
    for name, x in (("token", plain), ("+ learned", positions(plain)), ("+ sinusoidal", plain + sinusoidal_positions(6, 4))):
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

# %% nbgrader={"grade": false, "grade_id": "report", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    layers = [each.__name__ for each in Layer.__subclasses__() if each.__module__ == __name__]
    print(f"📈 Progress: Embeddings ✓  ({', '.join(layers)}, sinusoidal_positions)")
    print("💡 Next: tito module complete 11, then module 12 (attention)")
