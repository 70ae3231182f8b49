# %% [markdown]
# # 12. Attention
#
# A word means little alone. Attention lets each word look at the others and take what it needs. It is a lookup that can
# be differentiated, and the core of every transformer.
#
# **You will** write it with explicit loops, so that its n² pairs stand in plain sight, with gradients that pass through
# the loops; then masks, heads, cost and pictures.
#
# **Before you start:** modules 01, 02, 03, 05 and 11. **Time:** 5 to 6 hours.

# %% nbgrader={"grade": false, "grade_id": "export-target", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| default_exp core.attention

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path.insert(0, str(root))  # this folder's own tinytorch, whatever else is installed

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch.core.activations import softmax
from tinytorch.core.layers import Layer, Linear, require_size
from tinytorch.core.tensor import Array, Tensor, op

# %% [markdown]
# ## Part 1. Build
#
# ### One sentence for the whole module
#
# *my dog barked because it dreamed.* Who dreamed? To know what "it" means, a reader looks back at "dog".
#
# Attention gives each word three vectors. Its **query** says what it looks for, its **key** what it offers, its **value**
# what it hands over. In a trained model they are learned. Here they are set by hand, so that you can check every number
# on paper. The four query and key columns stand for: a thing, an action, a pronoun, a small word.

# %% nbgrader={"grade": false, "grade_id": "sentence", "locked": true, "schema_version": 3, "solution": false, "task": false}
words = ["my", "dog", "barked", "because", "it", "dreamed"]
#                  thing action pronoun small
queries = np.array([[2, 0, 0, 0],   # my: whose? looks for a thing
                    [0, 2, 0, 0],   # dog: does what?
                    [2, 0, 0, 0],   # barked: who?
                    [0, 2, 0, 0],   # because: joins actions
                    [2, 0, 0, 0],   # it: which thing?
                    [2, 0, 1, 0]])  # dreamed: who? or a pronoun for it
keys = np.array([[0, 0, 0, 1], [2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0], [0, 2, 0, 0]])
values = np.array([[0, 0], [1, 0], [0, 1], [0, 0], [0, 0], [0, 1]])  # (living, doing)

# (1, 6, 4), (1, 6, 4), (1, 6, 2): one sentence, six words, and their widths
Q_words, K_words, V_words = (Tensor(x[None], dtype=np.float32) for x in (queries, keys, values))

# %% [markdown]
# The helper below is given. It compares a result with the right one, and where it is wrong, with the results of known
# mistakes, so that a message can name yours.

# %% nbgrader={"grade": false, "grade_id": "check-values", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.tensor_base import bare


def check_values(got: Any, expected: Any, what: str, mistakes: dict[str, Any] | None = None, atol: float = 1e-6) -> None:
    """Assert that `got` is `expected`; if it is the result of a known mistake, say which."""
    assert got is not None, f"{what}: None came back: is a return missing?"
    got, expected = np.asarray(bare(got)), np.asarray(bare(expected))
    if np.shape(got) == expected.shape and np.allclose(got, expected, rtol=1e-4, atol=atol):
        return
    for mistake, wrong in ((mistake, bare(wrong)) for mistake, wrong in (mistakes or {}).items()):
        if np.shape(wrong) == got.shape and np.allclose(got, wrong, rtol=1e-4, atol=atol):
            raise AssertionError(f"{what}: {mistake}")
    assert got.shape == expected.shape, f"{what} has shape {got.shape}, expected {expected.shape}"
    place = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(got - expected)), got.shape))
    raise AssertionError(f"{what} at {place} is {got[place]:.6g}, expected {expected[place]:.6g}")


def check_two(results: Any, first: str, second: str) -> tuple[Any, Any]:
    """Assert that a call returned two results, and return them."""
    assert results is not None, f"None came back instead of {first} and {second}: is a return missing?"
    assert isinstance(results, tuple) and len(results) == 2, f"return two results, a tuple of two: {first}, {second}"
    return results


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


# %% nbgrader={"grade": false, "grade_id": "error-of", "locked": true, "schema_version": 3, "solution": false, "task": false}
def error_of(function, *arguments, kind=ValueError):
    """Return the message of the error that a call must raise."""
    call = f"{function.__name__}{arguments if len(arguments) > 1 else f'({arguments[0]!r})'}"
    try:
        function(*arguments)
    except kind as error:
        return str(error)
    except (AssertionError, ArithmeticError, LookupError) as error:
        raise AssertionError(f"{call} must raise a {kind.__name__}; it raises {type(error).__name__}") from None
    raise AssertionError(f"{call} must raise a {kind.__name__}")


# %% [markdown]
# ### Exercise 12.1: attention_scores
#
# How well does what word $i$ looks for fit what word $j$ offers? Their dot product says:
#
# $$s_{ij} = q_i \cdot k_j = \sum_{c=1}^{d_k} q_{ic}\, k_{jc} \qquad Q: (\dots, n_q, d_k),\; K: (\dots, n_k, d_k) \to (\dots, n_q, n_k)$$
#
# On paper: "it" and "dog" give $2 \cdot 2 = 4$; "it" with itself, $2 \cdot 1 = 2$.
#
# **Plan.** Loop over batch and heads, over queries `i`, over keys `j`. Inside, one dot product. Every pair is visited:
# there are the $n^2$.
#
# <details><summary>Hint</summary>
#
# `for b in np.ndindex(Q.shape[:-2])` loops over all leading axes at once. `Q[b]` is then one (n_q, d_k) matrix.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Start with `np.empty((*Q.shape[:-1], K.shape[-2]), np.result_type(Q.dtype, K.dtype))`. `scores[b]` is a view: writing
# into it writes into `scores`.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.1-attention-scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@op
def attention_scores(Q: Array, K: Array) -> Array:
    """Dot product of every query with every key, pair by pair.

    Args:
        Q: queries (..., n_q, d_k).
        K: keys (..., n_k, d_k), with the same leading axes.

    Returns:
        Scores (..., n_q, n_k), not yet scaled, in the wider dtype of the two.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1.
    """
    ### BEGIN SOLUTION 12.1
    scores = np.empty((*Q.shape[:-1], K.shape[-2]), np.result_type(Q.dtype, K.dtype))
    for b in np.ndindex(Q.shape[:-2]):  # batch, and head
        q, k, s = Q[b], K[b], scores[b]
        for i in range(len(q)):  # every query ...
            for j in range(len(k)):  # ... meets every key
                s[i, j] = q[i] @ k[j]
    return scores
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "scores-and-mistakes", "locked": true, "schema_version": 3, "solution": false, "task": false}
def scores_and_mistakes(Q: Array, K: Array) -> tuple[Array, dict[str, Array]]:
    """The right scores, and what known mistakes would make of them."""
    right = (Q[..., :, None, :] * K[..., None, :, :]).sum(axis=-1)
    lengths = np.linalg.norm(Q, axis=-1)[..., :, None] * np.linalg.norm(K, axis=-1)[..., None, :]
    one_less = right.copy()
    one_less[..., -1] = 0
    return right, {
        "row and column are swapped: s[i, j] is q[i] · k[j]": np.swapaxes(right, -2, -1),
        "they are scaled already; the scale comes later, in 12.6": right / math.sqrt(Q.shape[-1]),
        "they are divided by the lengths of q and k: a plain dot product is asked for": right / np.maximum(lengths, 1e-12),
        "the keys are not used: s[i, j] is q[i] · k[j]": (Q[..., :, None, :] * Q[..., None, :, :]).sum(axis=-1),
        "the last key is left out: j runs to len(k) - 1": one_less,
        "every batch got the scores of the first: index with b": np.broadcast_to(right[:1], right.shape),
    }


# %% nbgrader={"grade": true, "grade_id": "test-12.1", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_attention_scores():
    print("🔬 Unit Test: attention_scores...")
    rng = np.random.default_rng(1)
    for Q, K, what in (
        (queries.astype(float)[None], keys.astype(float)[None], 'scores of the sentence ("it" gives dog 4, itself 2)'),
        (rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 7, 3)), "scores of 5 queries and 7 keys"),
        (rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 5, 7)), "scores with batch and heads, (2, 3, 5, 7)"),
    ):
        right, mistakes = scores_and_mistakes(Q, K)
        try:
            got = attention_scores.forward(Q, K)
        except ValueError as error:
            raise AssertionError(f"{what}: {error}; is one row of Q multiplied by one row of K? With @, is K transposed?") from None
        over = len(Q) > 1 and np.shape(got) == right.shape and np.allclose(got[0], right[-1])
        assert not over, f"{what}: every batch was written over the one before: write into scores[b]"
        check_values(got, right, what, mistakes)
        for dtype in (np.float32, np.float64):
            found = attention_scores.forward(Q.astype(dtype), K.astype(dtype)).dtype
            assert found == dtype, f"{np.dtype(dtype)} went in, {found} came out: allocate in the dtype of Q and K"
    print("✅ every query meets every key, for each batch and head")


if __name__ == "__main__":
    test_attention_scores()


# %% [markdown]
# ### Exercise 12.2: the gradient of attention_scores
#
# Loops hide nothing from autograd if you write their rule. Score $s_{ij}$ is the only meeting of $q_i$ and $k_j$. From
# $s_{ij} = q_i \cdot k_j$:
#
# $$g_{q_i} = \sum_j g_{ij}\, k_j \qquad g_{k_j} = \sum_i g_{ij}\, q_i$$
#
# **Plan.** The same three loops. In the middle, each pair **adds** its share to two rows.
#
# <details><summary>Hint</summary>
#
# Allocate with `np.zeros(Q.shape, Q.dtype)`. `zeros_like` would copy the memory order of a transposed `Q`.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.2-attention-scores-rule", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@attention_scores.gradient
def attention_scores_rule(grad: Array, output: Array, Q: Array, K: Array) -> tuple[Array, Array]:
    """Gradient of the scores. grad: (..., n_q, n_k) -> shapes of Q and of K."""
    ### BEGIN SOLUTION 12.2
    grad_Q, grad_K = np.zeros(Q.shape, Q.dtype), np.zeros(K.shape, K.dtype)
    for b in np.ndindex(Q.shape[:-2]):
        q, k, g, gq, gk = Q[b], K[b], grad[b], grad_Q[b], grad_K[b]
        for i in range(len(q)):
            for j in range(len(k)):
                gq[i] += g[i, j] * k[j]
                gk[j] += g[i, j] * q[i]
    return grad_Q, grad_K
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.2", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_attention_scores_rule():
    print("🔬 Unit Test: the gradient of attention_scores...")
    rng = np.random.default_rng(2)
    Q = rng.normal(size=(2, 3, 5, 7))
    K = rng.normal(size=(2, 5, 3, 7)).swapaxes(1, 2)  # a transposed view, as split_heads makes them
    square = (Q, K, rng.normal(size=(2, 3, 5, 5)))
    oblong = (rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 3, 7)).swapaxes(1, 2), rng.normal(size=(2, 5, 7)))
    for Q, K, g in (square, oblong):
        try:
            results = attention_scores.rule(g, None, Q, K)
        except (ValueError, IndexError) as error:
            raise AssertionError(f"Q {Q.shape} and K {K.shape}: {error}; the loop over b visits all leading axes, batch and heads") from None
        grad_Q, grad_K = check_two(results, "the gradient of Q", "the gradient of K")
        q, k, pair = Q[..., :, None, :], K[..., None, :, :], g[..., None]  # a pair (i, j) stands at [..., i, j, :]
        right_Q, right_K, turned = (pair * k).sum(axis=-2), (pair * q).sum(axis=-3), g.swapaxes(-1, -2)[..., None]
        swapped = {"i and j of grad are swapped: the pair (i, j) has g[i, j]": (turned * k).sum(axis=-2)} if Q.shape == K.shape else {}
        check_values(grad_Q, right_Q, f"gradient of Q {Q.shape}", {
            "only the last key is left: add with +=, do not assign": (pair * k)[..., -1, :],
            "a query's gradient is made of keys: q's row gets g[i, j]·k[j]": (pair * q).sum(axis=-2),
            "the gradient of Q comes first, then that of K": right_K,
            "grad is missing: each share is multiplied by g[i, j]": np.broadcast_to(K.sum(axis=-2, keepdims=True), Q.shape),
            "it is scaled by 1 / √d_k: these scores were not": right_Q / math.sqrt(Q.shape[-1]),
            "the sign is wrong": -right_Q, **swapped})
        check_values(grad_K, right_K, f"gradient of K {K.shape}", {
            "only the last query is left: add with +=, do not assign": (pair * q)[..., -1, :, :],
            "a key's gradient is made of queries: k's row gets g[i, j]·q[i]": (pair * k).sum(axis=-3),
            "it is all zeros: does each pair add to k's row, too? zeros_like and reshape write into a copy": 0 * K})
    print("✅ each pair adds its share to one query and one key")


if __name__ == "__main__":
    test_attention_scores_rule()


# %% [markdown]
# ### Why divide by √d_k
#
# Take random $q$ and $k$ whose numbers have mean 0 and variance 1. Their dot product is a sum of $d_k$ products, so its
# variance is $d_k$: scores grow with the width. Divided by $\sqrt{d_k}$ the variance is 1 again. Measured:

# %% nbgrader={"grade": false, "grade_id": "why-scale", "locked": true, "schema_version": 3, "solution": false, "task": false}
def dot_products(d_k: int, count: int = 4096) -> Array:
    """Dot products of `count` random pairs of vectors with `d_k` standard normal numbers."""
    q, k = np.random.default_rng(d_k).normal(size=(2, count, d_k))
    return (q * k).sum(axis=1)


if __name__ == "__main__":
    for d_k in (4, 16, 64, 256, 512):
        s = dot_products(d_k)
        print(f"d_k = {d_k:3}: variance of q·k {s.var():6.1f}, of q·k / √d_k {(s / math.sqrt(d_k)).var():.2f}")

# %% [markdown]
# Large scores **saturate** the softmax: one weight takes all, and nothing can change it. The total slope of a softmax is
# $\sum_j w_j (1 - w_j)$; near 0, no gradient comes through. Here each row has 64 keys.
#
# Scaling prevents saturation. Overflow is another matter: subtracting the row's maximum, in `softmax`, prevents that.

# %% nbgrader={"grade": false, "grade_id": "saturation", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    for d_k in (4, 64, 512):
        for name, scale in (("unscaled", 1.0), ("scaled", math.sqrt(d_k))):
            w = softmax(Tensor(dot_products(d_k).reshape(64, 64) / scale)).data
            slope = (w * (1 - w)).sum(axis=1).mean()
            print(f"d_k = {d_k:3} {name:8}: largest weight {w.max(axis=1).mean():.2f}, slope {slope:.2f}")


# %% [markdown]
# ### Masks
#
# A mask says who may look where. **Nonzero means the query may look at that key.** (PyTorch's `nn.MultiheadAttention`
# means the opposite; see Part 3.)
#
# Accepted shapes: `(n_q, n_k)`, `(batch, n_q, n_k)`, `(batch, 1, 1, n_k)`, `(batch, 1, n_q, n_k)`,
# `(batch, heads, n_q, n_k)`. Three axes always start with the batch. Plain NumPy would stretch a (b, 1, 1, m) mask over
# (b, n, m) scores to (b, b, n, m), silently; so a mask that would enlarge the scores is an error. This function is given.

# %% nbgrader={"grade": false, "grade_id": "align-mask", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def align_mask(mask: Any, scores_shape: Sequence[int]) -> Array:
    """Check a mask and give it axes that line up with the scores.

    Args:
        mask: tensor or array; nonzero means the query may look at that key. Shape (n_q, n_k),
            (batch, n_q, n_k) or (batch, 1 or heads, 1 or n_q, n_k).
        scores_shape: (batch, n_q, n_k) or (batch, heads, n_q, n_k).

    Returns:
        A boolean array that broadcasts to `scores_shape`: True where looking is allowed.

    Raises:
        TypeError: the mask holds no numbers.
        ValueError: the mask has other axes, or would enlarge the scores; names both shapes. Or it
            holds a negative number or NaN: a mask made to be added to scores means the opposite.
    """
    values = np.asarray(mask)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"mask must hold bools or numbers, got dtype {values.dtype}")
    wrong = values[~((values >= 0) & np.isfinite(values))]
    if wrong.size:
        raise ValueError(
            f"mask holds {wrong[0]}; here nonzero means the query may look. If this mask was made "
            "to be added to scores, where 0 means that, pass mask == 0"
        )
    allowed: Array = values != 0
    given, shape = allowed.shape, tuple(scores_shape)
    if len(given) == 3 and len(shape) == 4:
        allowed = allowed[:, None]  # (batch, n_q, n_k) -> (batch, 1, n_q, n_k)
    elif len(given) == 4 and len(shape) == 3 and given[1] == 1:
        allowed = allowed[:, 0]  # (batch, 1, n_q, n_k) -> (batch, n_q, n_k)
    sizes = zip(allowed.shape[::-1], shape[::-1], strict=False)
    if not 2 <= allowed.ndim <= len(shape) or any(m not in (1, n) for m, n in sizes):
        raise ValueError(
            f"mask has shape {given}, which does not fit scores of shape {shape}; "
            "use (n_q, n_k), (batch, n_q, n_k), (batch, 1, 1, n_k), (batch, 1, n_q, n_k) "
            "or (batch, heads, n_q, n_k)"
        )
    return allowed


# %% [markdown]
# ### Exercise 12.3: attention_weights
#
# Turn each row of scores into shares that sum to 1. First take the row's largest *allowed* score away, which changes no
# share. Then a blocked score becomes $-10^9$; next to an allowed one, now 0, its $e^{-10^9}$ is exactly 0:
#
# $$w_{ij} = \frac{e^{\tilde s_{ij}}}{\sum_k e^{\tilde s_{ik}}} \qquad \tilde s_{ij} = \begin{cases} s_{ij} - \max_{k \text{ allowed}} s_{ik} & \text{allowed} \\ -10^9 & \text{blocked} \end{cases}$$
#
# Without the first step, $-10^9$ would win against allowed scores below it: scores may be of any size.
#
# A row with **nothing** to look at would come out as $1/n$ everywhere. Its weights must be 0: nothing seen, nothing taken.
#
# **Plan.** 1. No mask: softmax. 2. `align_mask`. 3. Subtract the given `largest_allowed`, then fill the blocked scores.
# 4. Softmax over the keys. 5. Fill blocked weights with 0.
#
# <details><summary>Hint</summary>
#
# `masked_fill` fills where its mask is true; `align_mask` is true where looking is *allowed*. `~allowed` turns it round.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Compute with tensors (`scores.masked_fill(...)`, `softmax(...)`), not with `scores.data`: that would cut the gradient.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "largest-allowed", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def largest_allowed(scores: Array, allowed: Array) -> Array:
    """Largest allowed score of each row, (..., n_q, 1); 0 where nothing is allowed."""
    hidden = np.where(allowed, scores, -np.inf)
    largest: Array = hidden.max(axis=-1, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, 0)


def require_wide(**tensors: Tensor) -> None:
    """Refuse float16: scores beyond 65,504 are infinite in it, and a row may not sum to 1."""
    for name, x in tensors.items():
        if x.dtype == np.float16:
            raise TypeError(f"{name} is float16, too narrow for attention: use float32 or float64")


# %% nbgrader={"grade": false, "grade_id": "12.3-attention-weights", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@np.errstate(over="ignore")  # a distance too large for the dtype is infinite: a share of 0
def attention_weights(scores: Tensor, mask: Any = None) -> Tensor:
    """Softmax over the keys that a query may look at.

    Args:
        scores: (batch, n_q, n_k) or (batch, heads, n_q, n_k).
        mask: nonzero means the query may look at that key; shapes as in `align_mask`. None: all.

    Returns:
        Weights of the shape of `scores`. Blocked ones are exactly 0. A row sums to 1, or to 0
        where it has nothing to look at, for any finite scores.

    Raises:
        ValueError: the mask does not fit the scores.
        TypeError: the scores are float16.
    """
    require_wide(scores=scores)
    if scores.shape[-1] == 0:
        return scores  # no keys: nothing to share out
    ### BEGIN SOLUTION 12.3
    if mask is None:
        return softmax(scores, dim=-1)
    blocked = ~align_mask(mask, scores.shape)
    shifted = scores - largest_allowed(scores.data, ~blocked)
    weights = softmax(shifted.masked_fill(blocked, -1e9), dim=-1)
    return weights.masked_fill(blocked, 0.0)  # changes only rows that may look at nothing
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "weights-and-mistakes", "locked": true, "schema_version": 3, "solution": false, "task": false}
def weights_and_mistakes(s: Array, allowed: Array) -> tuple[Array, dict[str, Array]]:
    """The right weights for scores `s`, and what known mistakes would make of them."""
    e, axis = np.exp(s), -1
    def share(x, axis=axis):
        return x / x.sum(axis=axis, keepdims=True).clip(1e-9)
    return share(e * allowed), {
        "softmax ran over the queries; each query shares itself out over the keys: dim=-1": share(e * allowed, -2),
        "softmax ran over the batch; each query shares itself out over the keys: dim=-1": share(e * allowed, 0),
        "these are still scores: the softmax is missing": s,
        "the mask is ignored": share(e),
        "the mask is upside down: nonzero means MAY look": share(e * ~allowed),
        "the mask came after the softmax, so rows no longer sum to 1: fill the scores before it": share(e) * allowed,
        "a score of 0 is not hidden, since e⁰ = 1: fill with -1e9": share(np.where(allowed, e, 1)) * allowed,
        "a score times 0 is not hidden, since e⁰ = 1: fill with -1e9": share(np.where(allowed, e, 1)),
        "the mask was added to the scores; that hides nothing: fill with -1e9": share(np.exp(s + allowed)),
        "only 1 counts for you, but nonzero means may look, and 2 is nonzero": 0 * e,
    }


# %% nbgrader={"grade": true, "grade_id": "test-12.3", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_attention_weights():
    print("🔬 Unit Test: attention_weights...")
    s = np.random.default_rng(3).normal(size=(2, 3, 5, 7)).astype(np.float32)
    allowed = np.random.default_rng(4).random((2, 5, 7)) < 0.5
    allowed[:, :, 3] = True
    cases = {"no mask (mask=None)": (s[:, 0], None), "a bool mask": (s[:, 0], allowed), "a 0/1 mask": (s[:, 0], allowed.astype(float)),
             "a tensor as mask": (s[:, 0], Tensor(allowed)), "a mask of 0 and 2": (s[:, 0], allowed * 2), "heads and a (2, 5, 7) mask": (s, allowed)}
    for kind, (scores, mask) in cases.items():
        right, mistakes = weights_and_mistakes(scores, np.ones(1, bool) if mask is None else allowed[:, None] if scores is s else allowed)
        given = Tensor(scores.copy(), requires_grad=True)
        try:
            got = attention_weights(given, mask)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"attention_weights with {kind}: {error}") from None
        check_values(got, right, f"weights with {kind}", mistakes)
        assert np.array_equal(given.data, scores), "you changed the scores you were given: masked_fill returns a new tensor"
        assert got.requires_grad, "the gradient is cut: compute with tensors, not with .data"
    assert not attention_weights(Tensor(s), allowed).data[:, 2][~allowed].any(), "a blocked weight must be exactly 0"
    assert np.isfinite(attention_weights(Tensor(1000 * s)).data).all(), "scores of 1000 overflow: use softmax of module 02"
    allowed[1, 2] = False
    scores = Tensor(s, requires_grad=True)
    weights = attention_weights(scores, allowed)
    row = weights.data[1, 0, 2]
    assert not row.any(), f"a row with nothing to look at must be all zeros; yours is {row.round(3).tolist()}"
    weights.backward(s)
    assert np.isfinite(scores.grad).all(), "a row with nothing to look at makes the gradient NaN: fill with -1e9, not with -infinity"
    for dtype, size in ((np.float32, 1e12), (np.float32, 3e37), (np.float64, 1e300)):
        huge = attention_weights(Tensor(s.astype(dtype) * dtype(size), dtype=dtype), allowed).data
        largest = np.where(allowed[:, None], s, -np.inf).argmax(axis=-1)[..., None] == np.arange(7)
        largest &= allowed[:, None]
        assert np.array_equal(huge, largest), f"scores of ±{size:g}: a blocked one must lie far below every score; subtract largest_allowed first, then fill"
    print("✅ shares sum to 1; blocked is exactly 0; nothing to see gives zeros")


if __name__ == "__main__":
    test_attention_weights()

# %% [markdown]
# ### Why the mask comes before the softmax
#
# Hiding a weight afterwards is too late: the hidden word has already taken its share of the sum. The row no longer sums
# to 1, and what remains still depends on what was hidden.

# %% nbgrader={"grade": false, "grade_id": "mask-order", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    mask = np.array([[1, 1, 0]])
    for hidden in (1.0, 3.0):
        s = Tensor([[[1.0, 2.0, hidden]]])
        late = attention_weights(s).data[0, 0] * mask[0]
        early = attention_weights(s, mask).data[0, 0]
        print(f"hidden score {hidden}: after the softmax {late.round(3)} (sum {late.sum():.2f}), before it {early.round(3)} (sum {early.sum():.2f})")


# %% [markdown]
# ### Exercise 12.4: weighted_sum
#
# Each query takes a share of every value:
#
# $$o_i = \sum_{j=1}^{n_k} w_{ij}\, v_j \qquad W: (\dots, n_q, n_k),\; V: (\dots, n_k, d_v) \to (\dots, n_q, d_v)$$
#
# The width $d_v$ is the values' own; it need not be $d_k$.
#
# **Plan.** The same loops; in the middle, add a multiple of one row of `V` to one row of the output.
#
# <details><summary>Hint</summary>
#
# The output has the shape `(*weights.shape[:-1], V.shape[-1])`. It starts as `np.zeros`, since it is added to, in
# the dtype `np.result_type(weights.dtype, V.dtype)`.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.4-weighted-sum", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@op
def weighted_sum(weights: Array, V: Array) -> Array:
    """Sum of all values for each query, weighted, pair by pair.

    Args:
        weights: (..., n_q, n_k).
        V: values (..., n_k, d_v), with the same leading axes.

    Returns:
        Output (..., n_q, d_v), in the wider dtype of the two.

    Source: Vaswani et al. 2017, section 3.2.1.
    """
    ### BEGIN SOLUTION 12.4
    shape = (*weights.shape[:-1], V.shape[-1])
    output = np.zeros(shape, np.result_type(weights.dtype, V.dtype))
    for b in np.ndindex(V.shape[:-2]):  # batch, and head
        w, v, o = weights[b], V[b], output[b]
        for i in range(len(w)):  # every query ...
            for j in range(len(v)):  # ... takes a share of every value
                o[i] += w[i, j] * v[j]
    return output
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.4", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_weighted_sum():
    print("🔬 Unit Test: weighted_sum...")
    rng = np.random.default_rng(4)
    half = np.array([[[0.5, 0.0, 0.5]]]), np.array([[[2.0, 4.0], [8.0, 8.0], [6.0, 0.0]]])
    for W, V, what in (
        (rng.random((2, 3, 5, 5)), rng.normal(size=(2, 3, 5, 7)), "weighted sum with heads"),
        (rng.random((2, 5, 7)), rng.normal(size=(2, 7, 3)), "weighted sum of 7 values for 5 queries"),
        (*half, "half of (2, 4) and half of (6, 0)"),
    ):
        shares = W[..., None] * V[..., None, :, :]  # a pair (i, j) stands at [..., i, j, :]
        right, largest = shares.sum(axis=-2), W.argmax(axis=-1)[..., None, None]
        swapped = np.swapaxes(W, -1, -2)[..., None] * V[..., None, :, :] if W.shape[-1] == W.shape[-2] else np.empty(0)
        try:
            got = weighted_sum.forward(W, V)
        except (ValueError, IndexError) as error:
            raise AssertionError(f"{what}, weights {W.shape} and values {V.shape}: {error}") from None
        check_values(got, right, what, {
            "i and j are swapped: query i gives value j the weight w[i, j]": swapped.sum(axis=-2) if swapped.size else swapped,
            "only the last value is left: add with +=": shares[..., -1, :],
            "it is an average: the weights already say how much": shares.mean(axis=-2),
            "query i takes from value j, not value i": W.sum(axis=-1, keepdims=True) * V[..., : W.shape[-2], :],
            "the weights are not used": np.broadcast_to(V.sum(axis=-2, keepdims=True), right.shape),
            "it is divided by the sum of the weights: take them as they are": right / W.sum(axis=-1, keepdims=True),
            "some values are left out: j runs over all rows of V": shares[..., : W.shape[-2], :].sum(axis=-2),
            "only the largest weight counts here: every value gives its share": np.take_along_axis(shares, largest, axis=-2)[..., 0, :],
            "every batch got the result of the first: index with b": np.broadcast_to(right[:1, :1] if W.ndim == 4 else right[:1], right.shape)})
        assert weighted_sum.forward(np.float32(W), np.float32(V)).dtype == np.float32, "float32 in, float32 out: allocate with V.dtype"
    print("✅ each query takes its share of every value")


if __name__ == "__main__":
    test_weighted_sum()


# %% [markdown]
# ### Exercise 12.5: the gradient of weighted_sum
#
# From $o_i = \sum_j w_{ij} v_j$:
#
# $$g_{w_{ij}} = g_i \cdot v_j \qquad g_{v_j} = \sum_i w_{ij}\, g_i$$
#
# A weight belongs to one pair, so its gradient is one dot product. A value serves every query, so its gradient is a sum.
#
# <details><summary>Hint</summary>
#
# The two loops of 12.1 and 12.4 are both here: a dot product for the weights, a running sum for the values.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.5-weighted-sum-rule", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
@weighted_sum.gradient
def weighted_sum_rule(grad: Array, output: Array, weights: Array, V: Array) -> tuple[Array, Array]:
    """Gradient of the weighted sum. grad: (..., n_q, d_v) -> shapes of weights and of V."""
    ### BEGIN SOLUTION 12.5
    grad_weights, grad_V = np.zeros(weights.shape, weights.dtype), np.zeros(V.shape, V.dtype)
    for b in np.ndindex(V.shape[:-2]):
        w, v, g, gw, gv = weights[b], V[b], grad[b], grad_weights[b], grad_V[b]
        for i in range(len(w)):
            for j in range(len(v)):
                gw[i, j] = g[i] @ v[j]
                gv[j] += w[i, j] * g[i]
    return grad_weights, grad_V
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.5", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_weighted_sum_rule():
    print("🔬 Unit Test: the gradient of weighted_sum...")
    rng = np.random.default_rng(5)
    square = rng.random((2, 3, 5, 5)), rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 5, 7))
    oblong = rng.random((2, 5, 7)), rng.normal(size=(2, 7, 3)), rng.normal(size=(2, 5, 3))
    for W, V, g in (square, oblong):
        try:
            results = weighted_sum.rule(g, None, W, V)
        except (ValueError, IndexError) as error:
            raise AssertionError(f"weights {W.shape} and V {V.shape}: {error}. A weight's gradient is one number: g[i] · v[j]") from None
        grad_W, grad_V = check_two(results, "the gradient of the weights", "the gradient of V")
        pair = W[..., None] * g[..., None, :]  # a pair (i, j) stands at [..., i, j, :]
        right_W, right_V = (g[..., None, :] * V[..., None, :, :]).sum(axis=-1), pair.sum(axis=-3)
        turned = np.swapaxes(W, -1, -2)[..., None] * g[..., None, :] if g.shape == V.shape else np.empty((1, 1, 0))
        first = np.zeros(W.shape)
        first[(0,) * (W.ndim - 2)] = right_W[(0,) * (W.ndim - 2)]
        check_values(grad_W, right_W, f"gradient of the weights {W.shape}", {
            "it is all zeros: each weight gets g[i] · v[j]": 0 * W,
            "i and j are swapped: gw[i, j] is g[i] · v[j]": np.swapaxes(right_W, -1, -2),
            "the gradient of the weights comes first, then that of V": right_V,
            "it is multiplied by the weight; that is another function's rule: gw[i, j] is g[i] · v[j]": W * right_W,
            "only the first batch and head is done: return after the loop": first})
        check_values(grad_V, right_V, f"gradient of V {V.shape}", {
            "only the last query is left: a value serves every query, so add with +=": pair[..., -1, :, :],
            "it is all zeros: each pair adds w[i, j]·g[i] to v's row": 0 * V,
            "the weights are missing: a value gets w[i, j]·g[i]": np.broadcast_to(g.sum(axis=-2, keepdims=True), V.shape),
            "grad is missing: a value gets w[i, j]·g[i]": W.sum(axis=-2)[..., None] * V,
            "i and j of the weights are swapped: a value gets w[i, j]·g[i]": turned.sum(axis=-3)})
    print("✅ a weight gets one dot product, a value the sum over all queries")


if __name__ == "__main__":
    test_weighted_sum_rule()


# %% [markdown]
# Before shapes can go wrong deep inside, they are checked at the door. Given; read the messages once.

# %% nbgrader={"grade": false, "grade_id": "check-inputs", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def check_inputs(Q: Tensor, K: Tensor, V: Tensor) -> None:
    """Check the arguments of an attention function.

    Raises:
        TypeError: an argument is not a Tensor of floats, or is one of float16.
        ValueError: an argument has too few or too many axes, or sizes that do not belong together.
    """
    for name, x in (("Q", Q), ("K", K), ("V", V)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}: Tensor({name})?")
        if x.dtype.kind != "f":
            raise TypeError(f"{name} must hold floats, got {x.dtype}; embed token ids first")
        if x.ndim not in (3, 4):
            raise ValueError(
                f"{name} has shape {x.shape}; attention takes (batch, seq_len, d) "
                "or (batch, heads, seq_len, d)"
            )
    require_wide(Q=Q, K=K, V=V)
    shapes = f"Q {Q.shape}, K {K.shape}, V {V.shape}"
    if not Q.shape[:-2] == K.shape[:-2] == V.shape[:-2]:
        raise ValueError(f"batch (and heads) must agree: {shapes}")
    if Q.shape[-1] != K.shape[-1] or Q.shape[-1] == 0:
        raise ValueError(f"queries and keys must share d_k, the last size, at least 1: {shapes}")
    if K.shape[-2] != V.shape[-2]:
        raise ValueError(f"every key needs one value: n_k of K and V must agree: {shapes}")


# %% [markdown]
# ### Exercise 12.6: scaled_dot_product_attention
#
# All together, the one equation of this module:
#
# $$\operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^T}{\sqrt{d_k}}\right) V$$
#
# **Plan.** Check the inputs. 1. Divide `Q` by $\sqrt{d_k}$. (To divide the scores is the same, unless a product overflows
# first.) 2. Scores. 3. and 4. Mask and softmax: `attention_weights`. 5. Weighted sum of `V`. Return the output *and* the
# weights.
#
# <details><summary>Hint</summary>
#
# $d_k$ is the width of a query: `Q.shape[-1]`. Not the number of words.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.6-scaled-dot-product-attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def scaled_dot_product_attention(
    Q: Tensor, K: Tensor, V: Tensor, mask: Any = None
) -> tuple[Tensor, Tensor]:
    """softmax(QKᵀ / √d_k) V, with explicit loops over all pairs.

    Args:
        Q: queries (batch, n_q, d_k) or (batch, heads, n_q, d_k).
        K: keys (batch, n_k, d_k), with heads where Q has them.
        V: values (batch, n_k, d_v), with heads where Q has them.
        mask: nonzero means the query may look at that key; tensor or array, 0/1 or bool, of shape
            (n_q, n_k), (batch, n_q, n_k), (batch, 1, 1, n_k), (batch, 1, n_q, n_k) or
            (batch, heads, n_q, n_k). None: every query looks at every key.

    Returns:
        output (..., n_q, d_v) and weights (..., n_q, n_k). A query that may look at nothing gets
        zeros in both.

    Raises:
        TypeError: an argument is not a Tensor of floats, or is one of float16.
        ValueError: shapes that do not belong together, or a mask that does not fit.

    Source: Vaswani et al. 2017, equation 1.
    """
    ### BEGIN SOLUTION 12.6
    check_inputs(Q, K, V)
    scores = attention_scores(Q / math.sqrt(Q.shape[-1]), K)  # (..., n_q, n_k)
    weights = attention_weights(scores, mask)
    return weighted_sum(weights, V), weights
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "attend-in-numpy", "locked": true, "schema_version": 3, "solution": false, "task": false}
def attend_in_numpy(Q, K, V, mask=1.0, scale=None, late=1.0):
    """Attention by broadcasting alone, to test against; `late` is multiplied in after the softmax."""
    scores = (Q[:, :, None] * K[:, None]).sum(axis=-1) / (scale or math.sqrt(Q.shape[-1]))
    shares = np.exp(scores) * mask
    weights = late * shares / shares.sum(axis=-1, keepdims=True)
    return (weights[..., None] * V[:, None]).sum(axis=2), weights


def scale_mistakes(Q, K, V, mask=1.0):
    """The weights that come out when the scale is wrong, by the name of the mistake."""
    scales = {
        "the scale is missing: divide the scores by √d_k": 1,
        "divided by d_k; the square root is missing": Q.shape[-1],
        "divided by √n; d_k is the last size of Q": math.sqrt(Q.shape[-2]),
        "divided by √d_v; d_k is the last size of Q": math.sqrt(V.shape[-1]),
        "divided by the root of the batch size; d_k is the last size of Q": math.sqrt(len(Q)),
        "multiplied by √d_k: divide": 1 / math.sqrt(Q.shape[-1]),
    }
    wrong = {mistake: attend_in_numpy(Q, K, V, mask, scale)[1] for mistake, scale in scales.items()}
    return wrong | {"the mask is ignored: hand it to attention_weights": attend_in_numpy(Q, K, V)[1]}


# %% nbgrader={"grade": false, "grade_id": "check-other-sizes", "locked": true, "schema_version": 3, "solution": false, "task": false}
def check_other_sizes(Q, K, V):
    """Compare with NumPy's where no two sizes are equal, then ask for gradients and for an error."""
    few, narrow = K[:, :2], V[:, :2, :2]
    output, weights = scaled_dot_product_attention(Tensor(Q), Tensor(few), Tensor(narrow))
    check_values(weights, attend_in_numpy(Q, few, narrow)[1], "weights of 5 queries, 2 keys, values of width 2", scale_mistakes(Q, few, narrow))
    check_values(output, attend_in_numpy(Q, few, narrow)[0], "output of 5 queries, 2 keys, values of width 2")
    leaves = [Tensor(x, requires_grad=True) for x in (Q, K, V)]
    scaled_dot_product_attention(*leaves)[0].sum().backward()
    assert all(leaf.grad is not None for leaf in leaves), "no gradient reaches Q, K or V: compute with tensors, not with .data or .detach()"
    says = error_of(scaled_dot_product_attention, Tensor(Q[0]), Tensor(K), Tensor(V))
    assert "Q has shape (5, 3)" in says, f"check_inputs shall be first, for its message; yours is: {says}"


# %% nbgrader={"grade": true, "grade_id": "test-12.6", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_scaled_dot_product_attention():
    print("🔬 Unit Test: Scaled Dot-Product Attention...")
    rng = np.random.default_rng(6)
    Q, K, V = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 3))
    output, weights = check_two(scaled_dot_product_attention(Tensor(Q), Tensor(K), Tensor(V)), "the output", "the weights")
    right_output, right_weights = attend_in_numpy(Q, K, V)
    unscaled, scores = attend_in_numpy(Q, K, V, scale=1)[1], np.swapaxes((K[:, :, None] * Q[:, None]).sum(axis=-1), 1, 2) / math.sqrt(3)
    check_values(weights, right_weights, "weights", scale_mistakes(Q, K, V) | {
        "the scale came after the softmax: divide the scores": unscaled / math.sqrt(3),
        "the output comes first, then the weights": right_output,
        "these are the scores: return what attention_weights gave": scores,
        "Q and K are swapped": attend_in_numpy(K, Q, V)[1],
        "the keys were not used: scores are Q with K": attend_in_numpy(Q, Q, V)[1]})
    print("✅ Attention scores computed correctly (QK^T shape verified)")
    print("✅ Scaling factor 1/√d_k applied")
    assert np.allclose(weights.data.sum(axis=-1), 1.0, atol=1e-5), "each row of the weights must sum to 1"
    print("✅ Softmax normalization verified (each row sums to 1.0)")
    check_values(output, right_output, "output", {
        "the weights were applied to K: the output is made of values": attend_in_numpy(Q, K, K)[0],
        "the weights were applied to Q: the output is made of values": attend_in_numpy(Q, K, Q)[0],
        "the scores weighed the values: the weights shall": (scores[..., None] * V[:, None]).sum(axis=2),
        "these are the values unchanged": V})
    print("✅ Output shape matches expected (batch, seq, d_model)")
    causal = np.tril(np.ones((5, 5)))
    hidden_output, hidden = scaled_dot_product_attention(Tensor(Q), Tensor(K), Tensor(V), causal)
    check_values(hidden, attend_in_numpy(Q, K, V, causal)[1], "causal weights", {
        "the mask is ignored: hand it to attention_weights": right_weights,
        "the mask came after the softmax: hand it to attention_weights": right_weights * causal})
    check_values(hidden_output, attend_in_numpy(Q, K, V, causal)[0], "causal output", {
        "the mask is ignored here: weigh with the weights you return": right_output})
    print("✅ Causal masking blocks future positions correctly")
    check_other_sizes(Q, K, V)
    print("📈 Progress: Scaled Dot-Product Attention ✓")


if __name__ == "__main__":
    test_scaled_dot_product_attention()

# %% [markdown]
# The sentence, on paper and by your code. "it" has scaled scores 0, 2, 0, 0, 1, 0. Their exponentials are 1, 7.389, 1, 1,
# 2.718, 1, which sum to 14.107. So "it" looks at "dog" with $7.389 / 14.107 = 0.524$.

# %% nbgrader={"grade": false, "grade_id": "sentence-weights", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    output, weights = scaled_dot_product_attention(Q_words, K_words, V_words)
    shares = weights.data[0, words.index("it")]
    exponentials = np.exp([0.0, 2.0, 0.0, 0.0, 1.0, 0.0])
    print("exponentials:", exponentials.round(3), " sum:", exponentials.sum().round(3))
    print("it looks at:", ", ".join(f"{word} {share:.3f}" for word, share in zip(words, shares, strict=True)))
    print("it becomes:  living {:.3f}, doing {:.3f}".format(*output.data[0, words.index("it")]))


# %% [markdown]
# ### Exercise 12.7: vectorized_attention
#
# The same in three matrix lines, without a loop over words. `Q @ K.transpose(-2, -1)` computes all dot products of 12.1 at
# once: the same multiply-adds, in compiled code. You wrote both, so each tests the other.
#
# <details><summary>Hint</summary>
#
# `attention_weights` serves both. The weighted sum is a matrix product as well.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.7-vectorized-attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def vectorized_attention(
    Q: Tensor, K: Tensor, V: Tensor, mask: Any = None
) -> tuple[Tensor, Tensor]:
    """The same function as `scaled_dot_product_attention`, by matrix products.

    Args:
        Q, K, V, mask: as there; nonzero means the query may look at that key.

    Returns:
        output (..., n_q, d_v) and weights (..., n_q, n_k), as there.

    Raises:
        TypeError, ValueError: as there.

    Source: Vaswani et al. 2017, equation 1.
    """
    check_inputs(Q, K, V)
    ### BEGIN SOLUTION 12.7
    scores = (Q / math.sqrt(Q.shape[-1])) @ K.transpose(-2, -1)
    weights = attention_weights(scores, mask)
    return weights @ V, weights
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "python-steps", "locked": true, "schema_version": 3, "solution": false, "task": false}
def python_steps(function, *arguments):
    """Count the lines of Python that a call runs; what compiled code does counts as nothing."""
    steps = 0
    def trace(*_):
        nonlocal steps
        steps += 1
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return steps


# %% nbgrader={"grade": true, "grade_id": "test-12.7", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_vectorized_attention():
    print("🔬 Unit Test: vectorized_attention...")
    rng = np.random.default_rng(7)
    for lead in ((2,), (2, 3)):
        Q, K, V = (rng.normal(size=(*lead, *size)) for size in ((5, 3), (7, 3), (7, 11)))
        what = "with heads" if lead == (2, 3) else "without heads"
        for mask in (None, rng.random((2, 5, 7)) < 0.5):
            loops, leaves = [[Tensor(x, True, np.float64) for x in (Q, K, V)] for _ in range(2)]
            output, weights = scaled_dot_product_attention(*loops, mask)
            try:
                results = vectorized_attention(*leaves, mask)
            except ValueError as error:
                raise AssertionError(f"vectorized_attention {what}: {error}") from None
            own_output, own_weights = check_two(results, "the output", "the weights")
            mistakes = scale_mistakes(Q, K, V, 1.0 if mask is None else mask + 1e-300) if lead == (2,) else {}
            check_values(own_weights, weights, f"weights {what}, beside those of the loops", mistakes)
            shape = f"the output {what} has shape {own_output.shape}, expected {output.shape}: it is made of values"
            assert own_output.shape == output.shape, shape
            check_values(own_output, output, f"output {what}, beside that of the loops")
            for result in (output, own_output):
                (result * result).sum().backward()
            for name, loop, matrix in zip("QKV", loops, leaves, strict=True):
                assert matrix.grad is not None, f"no gradient reaches {name}: compute with tensors, not with .data"
                check_values(matrix.grad, loop.grad, f"gradient of {name} {what}, beside that of the loops")
    few, many = (python_steps(vectorized_attention, *[Tensor(rng.normal(size=(2, n, 3)))] * 3) for n in (4, 64))
    assert many < few + 60, f"4 words take {few} steps of Python, 64 words {many}: no loop over words, and no call of one"
    print("✅ loops and matrices agree: output, weights, all gradients, with and without a mask")


if __name__ == "__main__":
    test_vectorized_attention()


# %% [markdown]
# ### Exercise 12.8: create_causal_mask
#
# A language model predicts the next word, so a word may look at itself and at what came before:
#
# $$m_{ij} = 1 \text{ if } j \le i, \text{ else } 0$$
#
# It blocks $n(n-1)/2$ of the $n^2$ pairs. Without it the model reads the answer from the future: the training loss falls,
# and what it generates is useless. That is a matter of correctness, not of stability.
#
# <details><summary>Hint</summary>
#
# `np.tril` keeps the lower triangle of a matrix, diagonal included.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.8-causal-mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def create_causal_mask(seq_len: int) -> Tensor:
    """Mask for next-word prediction: position i may look at positions up to i.

    Args:
        seq_len: number of positions n, at least 1.

    Returns:
        (n, n), 1 where the query (row) may look at the key (column), else 0.

    Raises:
        ValueError: `seq_len` is not a positive integer; the message names it.
    """
    ### BEGIN SOLUTION 12.8
    if not isinstance(seq_len, int | np.integer) or seq_len < 1:
        raise ValueError(f"seq_len must be a positive integer, got {seq_len!r}")
    return Tensor(np.tril(np.ones((seq_len, seq_len))))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.8", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_create_causal_mask():
    print("🔬 Unit Test: create_causal_mask...")
    mask = create_causal_mask(4)
    assert isinstance(mask, Tensor), f"return a Tensor; yours is {type(mask).__name__}"
    future = np.triu(np.ones((4, 4)), 1)
    check_values(mask, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], "mask of 4 positions", {
        "upside down: it shows the future": np.triu(np.ones((4, 4))),
        "off by one: a position may look at itself": np.tril(np.ones((4, 4)), -1),
        "off by one: position i sees i + 1": np.tril(np.ones((4, 4)), 1),
        "1 means MAY look here; this is PyTorch's meaning": future,
        "this is made to be added to scores; here 1 means may look and 0 may not": np.where(future, -np.inf, 0),
        "a position sees only itself: it may look at the past, too": np.eye(4),
        "nothing is blocked": np.ones((4, 4))})
    assert create_causal_mask(7).data.sum() == 49 - 21, "7 positions: 7·6/2 = 21 pairs are blocked"
    for wrong in (0, -1, 2.5):
        assert "seq_len" in error_of(create_causal_mask, wrong), "name the argument, seq_len, in the message"
    print("✅ each position sees itself and the past")


if __name__ == "__main__":
    test_create_causal_mask()


# %% [markdown]
# ### Exercise 12.9: create_padding_mask
#
# Sentences of different lengths share a batch once the short ones are filled up with padding. No word may look at
# padding:
#
# $$m_{b,1,1,j} = 1 \text{ if } j < \text{length}_b, \text{ else } 0$$
#
# The two 1s stretch over heads and queries. Masks combine with `*` or `&`: causal (n, n) times padding (b, 1, 1, n) gives
# (b, 1, n, n).
#
# <details><summary>Hint</summary>
#
# `np.arange(max_length) < lengths[:, None]` compares every position with every length.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.9-padding-mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def create_padding_mask(lengths: Any, max_length: int) -> Tensor:
    """Mask that hides the padding behind each sentence of a batch.

    Args:
        lengths: real tokens in each sentence, (batch,); list, array or tensor of integers.
        max_length: the padded length.

    Returns:
        (batch, 1, 1, max_length), 1 for a real token, 0 for padding.

    Raises:
        ValueError: `lengths` is not one row of integers from 0 to `max_length`; the message names
            it.
    """
    ### BEGIN SOLUTION 12.9
    counts = np.asarray(lengths)
    if counts.ndim != 1 or counts.dtype.kind not in "iu":
        raise ValueError(f"lengths must be one row of integers, got {counts.tolist()}")
    if counts.size and not 0 <= counts.min() <= counts.max() <= max_length:
        raise ValueError(
            f"lengths must lie between 0 and max_length ({max_length}), got {counts.tolist()}"
        )
    real = np.arange(max_length) < counts[:, None]
    return Tensor(real[:, None, None, :], dtype=np.float32)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.9", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_create_padding_mask():
    print("🔬 Unit Test: create_padding_mask...")
    for lengths, kind in (([3, 1, 0], "a list"), (np.array([3, 1, 0]), "an array"), (Tensor([3, 1, 0]), "a tensor")):
        try:
            mask = create_padding_mask(lengths, 4)
        except (TypeError, ValueError, AttributeError) as error:
            raise AssertionError(f"lengths 3, 1, 0 and max_length 4, lengths as {kind}: {error}") from None
        assert isinstance(mask, Tensor), f"return a Tensor; yours is {type(mask).__name__}"
        rows = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
        check_values(mask, rows[:, None, None], f"mask of lengths 3, 1, 0, as {kind}", {
            "upside down: 1 is a real token, 0 is padding": 1 - rows[:, None, None],
            "off by one: a sentence of 3 has the positions 0, 1, 2": np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])[:, None, None],
            "one too few: a sentence of 3 has the positions 0, 1, 2": np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])[:, None, None],
            "the padding stands in front: it comes after the words": rows[:, None, None, ::-1],
            "the two axes of size 1 are missing: (batch, 1, 1, max_length)": rows,
            "queries are hidden; the keys stand on the last axis: (batch, 1, 1, max_length)": rows[:, None, :, None]})
    both = create_causal_mask(4) * create_padding_mask([3, 1], 4)
    assert both.shape == (2, 1, 4, 4), f"causal times padding is (2, 1, 4, 4), yours {both.shape}"
    for wrong in ([5], [-1], [1.5], 3):
        assert "lengths" in error_of(create_padding_mask, wrong, 4), "name the argument, lengths, in the message"
    print("✅ words are seen, padding is not")


if __name__ == "__main__":
    test_create_padding_mask()

# %% [markdown]
# Four ways to look, for a batch of two sentences, of 6 words and of 3:

# %% nbgrader={"grade": false, "grade_id": "mask-kinds", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    causal, padding = create_causal_mask(6), create_padding_mask([6, 3], 6)
    kinds = {"bidirectional (BERT)": 1, "causal (GPT)": causal, "padding": padding, "causal and padding": causal * padding}
    for kind, mask in kinds.items():
        allowed = np.broadcast_to(np.asarray(mask), (2, 1, 6, 6))
        print(f"{kind:20}: {allowed[0].sum():.0f} pairs for the long sentence, {allowed[1].sum():.0f} for the short one")

# %% [markdown]
# A sentence of length 0 leaves its queries nothing to look at. The weights are zeros, and so is every gradient: nothing
# leaks, and no NaN appears.

# %% nbgrader={"grade": false, "grade_id": "empty-row", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    leaves = [Tensor(np.random.default_rng(9).normal(size=(1, 3, 2)), requires_grad=True) for _ in "QKV"]
    output, weights = scaled_dot_product_attention(*leaves, create_padding_mask([0], 3))
    output.sum().backward()
    print("weights", np.unique(weights.data), "output", np.unique(output.data), "gradients", [np.unique(x.grad).tolist() for x in leaves])


# %% [markdown]
# ### Exercise 12.10: split_heads
#
# One softmax gives each word one pattern of looking. Several **heads** give it several: cut the width into pieces, and
# let each piece attend for itself.
#
# $$(\text{batch}, n, \text{embed}) \to (\text{batch}, n, \text{heads}, \tfrac{\text{embed}}{\text{heads}}) \to (\text{batch}, \text{heads}, n, \tfrac{\text{embed}}{\text{heads}})$$
#
# **Plan.** Reshape cuts the width; transpose brings the heads forward. Reshaping straight to the last shape has the right
# sizes, and mixes the words.
#
# <details><summary>Hint</summary>
#
# After the reshape the axes are (0 batch, 1 n, 2 heads, 3 width): swap 1 and 2.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.10-split-heads", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the width into heads: (batch, n, embed_dim) -> (batch, num_heads, n, head_dim)."""
    ### BEGIN SOLUTION 12.10
    batch, n, embed_dim = x.shape
    return x.reshape(batch, n, num_heads, embed_dim // num_heads).transpose(1, 2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.10", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_split_heads():
    print("🔬 Unit Test: split_heads...")
    x = np.arange(2 * 5 * 6.0).reshape(2, 5, 6)
    heads = split_heads(Tensor(x, requires_grad=True), 3)
    check_values(heads, np.stack([x[:, :, 0:2], x[:, :, 2:4], x[:, :, 4:6]], axis=1), "three heads of width 2", {
        "the words are mixed: reshape to (batch, n, heads, width) first, then swap axes 1 and 2": x.reshape(2, 3, 5, 2),
        "the words are mixed: the reshape comes before the transpose": np.swapaxes(x, 1, 2).reshape(2, 3, 5, 2),
        "the heads still stand behind the words: swap axes 1 and 2": x.reshape(2, 5, 3, 2),
        "the axes are (batch, n, width, heads): swap axes 1 and 2, not the last two": np.swapaxes(x.reshape(2, 5, 3, 2), 2, 3),
        "the width is cut into as many heads as each should be wide": np.swapaxes(x.reshape(2, 5, 2, 3), 1, 2),
        "every third column went to a head: a head is a block of columns": np.stack([x[:, :, h::3] for h in range(3)], axis=1)})
    assert heads.requires_grad, "the gradient is cut: use the tensor's reshape and transpose"
    assert split_heads(Tensor(np.ones((2, 7, 6))), 2).shape == (2, 2, 7, 3), "7 words, 2 heads of width 3: (2, 2, 7, 3)"
    print("✅ head h is columns h·width to (h+1)·width, of every word")


if __name__ == "__main__":
    test_split_heads()


# %% [markdown]
# ### Exercise 12.11: merge_heads
#
# The way back: (batch, heads, n, width) to (batch, n, heads · width). First the transpose, then the reshape.
#
# <details><summary>Hint</summary>
#
# Undo the two steps of `split_heads` in the opposite order.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.11-merge-heads", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def merge_heads(x: Tensor) -> Tensor:
    """Put the heads side by side: (batch, num_heads, n, head_dim) -> (batch, n, embed_dim)."""
    ### BEGIN SOLUTION 12.11
    batch, num_heads, n, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, n, num_heads * head_dim)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test-12.11", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_merge_heads():
    print("🔬 Unit Test: merge_heads...")
    x = np.arange(2 * 3 * 5 * 2.0).reshape(2, 3, 5, 2)
    merged = merge_heads(Tensor(x, requires_grad=True))
    check_values(merged, np.concatenate([x[:, 0], x[:, 1], x[:, 2]], axis=-1), "three heads side by side", {
        "merged without the transpose: the words are mixed": x.reshape(2, 5, 6),
        "the columns are interleaved: keep each head together": x.transpose(0, 2, 3, 1).reshape(2, 5, 6),
        "the words are mixed: swap axes 1 and 2, not the last two": x.transpose(0, 1, 3, 2).reshape(2, 5, 6),
        "the words come first, but putting the heads side by side is still to do": x.transpose(0, 2, 1, 3),
        "the heads were averaged: put them side by side": x.mean(axis=1),
        "the heads were added: put them side by side": x.sum(axis=1),
        "the sizes are mixed up: name them before the transpose": x.transpose(0, 2, 1, 3).reshape(2, 3, 10)})
    check_values(merge_heads(split_heads(merged, 3)), merged, "split, then merged")
    assert merged.requires_grad, "the gradient is cut: use the tensor's transpose and reshape"
    print("✅ merging undoes splitting")


if __name__ == "__main__":
    test_merge_heads()

# %% [markdown]
# ### Multi-head attention
#
# $$\operatorname{head}_h = \operatorname{Attention}(Q_h, K_h, V_h) \qquad \operatorname{MultiHead} = [\operatorname{head}_1, \dots, \operatorname{head}_H]\, W^O$$
#
# Three linear layers make queries, keys and values from the words; a fourth mixes the heads' results.
#
# Heads cost no more multiply-adds: $H \cdot n^2 \cdot (d/H) = n^2 d$. What grows with $H$ is the number of weights to
# store. Nobody assigns roles to heads. Training may give them some; a large share of them can later be removed at little
# loss (Michel, Levy & Neubig 2019, abstract).

# %% [markdown]
# ### Exercise 12.12: MultiHeadAttention.__init__
#
# **Plan.** 1. Both sizes must be positive, and `embed_dim` a multiple of `num_heads`; else a `ValueError` with both
# numbers. 2. Keep `embed_dim`, `num_heads`, `attention`. 3. Four `Linear(embed_dim, embed_dim)`: `q_proj`, `k_proj`,
# `v_proj` and `out_proj`.
#
# <details><summary>Hint</summary>
#
# `require_size("embed_dim", embed_dim)` refuses what is not a positive integer. Give all four layers the same `rng`: a
# generator moves on with each draw, so they differ.
#
# </details>
#
# ### Exercise 12.13: MultiHeadAttention.attend
#
# **Plan.** 1. Project `query`, `key`, `value`. 2. Split each into heads. 3. `self.attention(Q, K, V, mask)`. 4. Merge.
# 5. Output projection. Return the output and the weights (batch, heads, n_q, n_k).
#
# <details><summary>Hint</summary>
#
# `self.attention` is whatever function was passed in: loops, matrices, or what module 18 brings. Call it; do not name
# one.
#
# </details>

# %% nbgrader={"grade": false, "grade_id": "12.12-multi-head-attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
Attention = Callable[..., tuple[Tensor, Tensor]]


class MultiHeadAttention(Layer):
    """Several attentions side by side, each on its own piece of the width.

    Args:
        embed_dim: width of the input and of the output.
        num_heads: how many heads; it must divide `embed_dim`.
        attention: any function (Q, K, V, mask) -> (output, weights).
        rng: generator for the initial weights; None draws a fresh one.

    Raises:
        ValueError: the sizes are not positive integers, or `num_heads` does not divide `embed_dim`.

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        attention: Attention = scaled_dot_product_attention,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        ### BEGIN SOLUTION 12.12
        require_size("embed_dim", embed_dim)
        require_size("num_heads", num_heads)
        if embed_dim % num_heads != 0:
            raise ValueError(
                f"embed_dim ({embed_dim}) must be divisible by num_heads ({num_heads})"
            )
        rng = np.random.default_rng() if rng is None else rng
        self.embed_dim, self.num_heads, self.attention = embed_dim, num_heads, attention
        self.q_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.k_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.v_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.out_proj = Linear(embed_dim, embed_dim, rng=rng)
        ### END SOLUTION

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Let `query` look at `key` and take from `value`.

        Args:
            query: (batch, n_q, embed_dim).
            key, value: (batch, n_k, embed_dim).
            mask: nonzero means the query may look at that key; shapes as in `align_mask`.

        Returns:
            output (batch, n_q, embed_dim) and weights (batch, num_heads, n_q, n_k).

        Raises:
            TypeError, ValueError: an argument of another type or shape; the message names it.
        """
        self.check_words(query=query, key=key, value=value)
        ### BEGIN SOLUTION 12.13
        Q = split_heads(self.q_proj(query), self.num_heads)  # (batch, heads, n_q, head_dim)
        K = split_heads(self.k_proj(key), self.num_heads)
        V = split_heads(self.v_proj(value), self.num_heads)
        output, weights = self.attention(Q, K, V, mask)
        return self.out_proj(merge_heads(output)), weights
        ### END SOLUTION

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """Self-attention. x: (batch, n, embed_dim) -> (batch, n, embed_dim)."""
        return self.attend(x, x, x, mask)[0]

    def check_words(self, **arguments: Tensor) -> None:
        """Refuse arguments that are not Tensors (batch, n, embed_dim) or do not belong together."""
        for name, x in arguments.items():
            if not isinstance(x, Tensor):
                raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}: Tensor(...)?")
            if x.ndim != 3 or x.shape[-1] != self.embed_dim:
                raise ValueError(
                    f"{name} has shape {x.shape}, expected (batch, seq_len, {self.embed_dim})"
                )
        query, key, value = (x.shape for x in arguments.values())
        if key != value or query[0] != key[0]:
            raise ValueError(
                f"query {query} and key {key} must share the batch, key and value {value} the shape"
            )


# %% nbgrader={"grade": true, "grade_id": "test-12.12", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_multi_head_init():
    print("🔬 Unit Test: MultiHeadAttention.__init__...")
    try:
        mha, same = (MultiHeadAttention(6, 3, vectorized_attention, rng=np.random.default_rng(12)) for _ in range(2))
    except ValueError as error:
        raise AssertionError(f"6 numbers fit 3 heads: num_heads must divide embed_dim, not the other way round ({error})") from None
    names = [name for name, _ in mha.named_parameters()]
    for layer in ("q_proj", "k_proj", "v_proj", "out_proj"):
        assert f"{layer}.weight" in names and f"{layer}.bias" in names, f"{layer} must be a Linear of its own, with a bias; parameters: {names}"
        assert getattr(mha, layer).weight.shape == (6, 6), f"{layer} is Linear(embed_dim, embed_dim): all heads share it"
        again = np.array_equal(getattr(mha, layer).weight.data, getattr(same, layer).weight.data)
        assert again, f"same seed, same weights: hand rng on to {layer}"
    assert len(names) == 8, f"four layers with weight and bias are 8 parameters, yours {names}"
    assert not np.allclose(mha.q_proj.weight.data, mha.k_proj.weight.data), "q_proj and k_proj are the same: give all layers one generator"
    assert mha.attention is vectorized_attention, "keep all three arguments: self.attention is the function that was passed in"
    assert mha.num_heads == 3 and mha.embed_dim == 6, "keep all three arguments: embed_dim, num_heads, attention"
    assert MultiHeadAttention(6, 3).attention is scaled_dot_product_attention, "keep all three arguments: self.attention is what was passed in, or else the default"
    try:
        says = error_of(MultiHeadAttention, 512, 7)
    except AssertionError as error:
        raise AssertionError(f"512 is not divisible by 7: {error}") from None
    assert "512" in says and "7" in says, f"name both numbers in the message; yours is: {says}"
    for sizes in ((6, 0), (0, 2), (6, -3)):
        error_of(MultiHeadAttention, *sizes)
    print("✅ four projections, and a clear error for heads that do not fit")


if __name__ == "__main__":
    test_multi_head_init()


# %% nbgrader={"grade": false, "grade_id": "heads-in-numpy", "locked": true, "schema_version": 3, "solution": false, "task": false}
def linear_in_numpy(layer, x):
    return x @ layer.weight.data + layer.bias.data


def heads_in_numpy(mha, q, k, v, mask=1.0, projections=("q_proj", "k_proj", "v_proj"), scale=None, merge=True):
    """Multi-head attention head by head, to test against: output and weights."""
    width, parts, weights = mha.embed_dim // mha.num_heads, [], []
    if projections:
        q, k, v = (linear_in_numpy(getattr(mha, name), x) for name, x in zip(projections, (q, k, v), strict=True))
    for start in range(0, mha.embed_dim, width):
        piece = slice(start, start + width)
        part, shares = attend_in_numpy(q[..., piece], k[..., piece], v[..., piece], mask, scale)
        parts.append(part)
        weights.append(shares)
    merged = np.concatenate(parts, axis=-1) if merge else np.stack(parts, axis=1).reshape(q.shape)
    return linear_in_numpy(mha.out_proj, merged), np.stack(weights, axis=1)


# %% nbgrader={"grade": false, "grade_id": "check-heads", "locked": true, "schema_version": 3, "solution": false, "task": false}
def check_heads(mha, q, k, v):
    """Compare output and weights of `attend` with NumPy's, and with those of known mistakes."""
    try:
        results = mha.attend(Tensor(q), Tensor(k), Tensor(v))
    except ValueError as error:
        raise AssertionError(f"attend stopped with a ValueError: {error}. Split, attend, merge, and only then out_proj?") from None
    output, weights = check_two(results, "the output", "the weights")
    right, right_weights = heads_in_numpy(mha, q, k, v)
    check_values(weights, right_weights, "weights (batch, heads, n_q, n_k)", {
        "the output comes first, then the weights": right,
        "they are averaged over the heads: keep one map a head": right_weights.mean(axis=1),
        "there is one map, not one a head: split Q, K and V": attend_in_numpy(*(linear_in_numpy(p, x) for p, x in zip(
            (mha.q_proj, mha.k_proj, mha.v_proj), (q, k, v), strict=True)))[1],
        "keys are made from `key`, not from `query`": heads_in_numpy(mha, q, q, q)[1],
        "q_proj and k_proj are swapped": heads_in_numpy(mha, q, k, v, projections=("k_proj", "q_proj", "v_proj"))[1],
        "three projections, not one projection for all": heads_in_numpy(mha, q, k, v, projections=("q_proj",) * 3)[1],
        "the projections are missing": heads_in_numpy(mha, q, k, v, projections=())[1],
        "scaled twice: self.attention divides by √d_k": heads_in_numpy(mha, q, k, v, scale=mha.embed_dim // mha.num_heads)[1]}, atol=1e-4)
    bare = (right - mha.out_proj.bias.data) @ np.linalg.inv(mha.out_proj.weight.data.astype(float))
    assert output.shape != right.shape or not np.allclose(output.data, bare, atol=1e-2), "output: out_proj is missing after the merge"
    check_values(output, right, "output (the weights are right)", {
        "merged without the transpose: use merge_heads": heads_in_numpy(mha, q, k, v, merge=False)[0],
        "the values went through k_proj": heads_in_numpy(mha, q, k, v, projections=("q_proj", "k_proj", "k_proj"))[0],
        "the values went through q_proj": heads_in_numpy(mha, q, k, v, projections=("q_proj", "k_proj", "q_proj"))[0],
        "values are made from `value`, not from `key`": heads_in_numpy(mha, q, k, k)[0],
        "the input was added; module 13 does that": right + q}, atol=1e-4)  # sums of 512 float32 numbers


# %% nbgrader={"grade": true, "grade_id": "test-12.13", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
@explain_errors
def test_multi_head_attention():
    print("🔬 Unit Test: Multi-Head Attention...")
    rng = np.random.default_rng(13)
    mha = MultiHeadAttention(512, 8, rng=rng)
    for layer in (mha.q_proj, mha.k_proj, mha.v_proj, mha.out_proj):
        layer.bias.data = rng.normal(size=512).astype(np.float32)
    q, k, v = (rng.normal(size=(2, n, 512)).astype(np.float32) for n in (3, 5, 5))
    check_heads(mha, q, k, v)
    print("✅ 8 heads process 512 dimensions in parallel")
    print("✅ Head splitting and concatenation correct")
    print("✅ Q/K/V projection layers initialized properly")
    print("✅ Output projection applied")
    causal = np.tril(np.ones((3, 3)))
    x = Tensor(q, requires_grad=True)
    attended = mha.forward(x, causal)
    assert attended.shape == (2, 3, 512), f"shape in = shape out, yours {attended.shape}"
    assert np.allclose(attended.data, heads_in_numpy(mha, q, q, q, causal)[0], atol=1e-4), "the mask does not reach the attention"
    print("✅ Shape: (batch, seq, 512) → (batch, seq, 512) ✓")
    (attended * attended).sum().backward()
    for name, parameter in mha.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {name}: compute with tensors, not with .data"
    assert x.grad is not None, "no gradient reaches the input"
    calls = []
    def spy(Q, K, V, mask=None):
        calls.append(Q.shape)
        return vectorized_attention(Q, K, V, mask)
    MultiHeadAttention(6, 3, attention=spy).forward(Tensor(np.ones((1, 2, 6))))
    assert calls == [(1, 3, 2, 2)], f"attend must call self.attention, once, with all heads; do not name a function; calls: {calls}"
    print("📈 Progress: Multi-Head Attention ✓")


if __name__ == "__main__":
    test_multi_head_attention()


# %% [markdown]
# PyTorch spells the class `MultiheadAttention`, takes query, key and value, and returns output and weights. This one does,
# too; its weights are (batch, heads, n_q, n_k), where PyTorch averages over the heads unless told not to.

# %% nbgrader={"grade": false, "grade_id": "pytorch-spelling", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
class MultiheadAttention(MultiHeadAttention):
    """Multi-head attention, spelled and called as in PyTorch (but not its mask meaning)."""

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Return (output, weights); see `MultiHeadAttention.attend`."""
        return self.attend(query, key, value, mask)


# %% [markdown]
# ## Part 2. Use
#
# ### Pictures
#
# Four drawing functions come with the package. `text_heatmap` needs only a terminal. `draw_steps` and `draw_heads` need
# Matplotlib (`pip install matplotlib`): the way from scores to weights, and one map a head, all on one scale from 0
# to 1; a blocked cell bears an ×. `head_view` is for the browser: point at a word, or walk to it with the Tab key, and see
# where each head looks.

# %% nbgrader={"grade": false, "grade_id": "sentence-picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
import builtins

from tinytorch.head_view import HeadView, head_view
from tinytorch.pictures import draw_heads, draw_steps, text_heatmap


def in_pictures(draw: Callable[..., Any], *arguments: Any) -> None:
    """Draw if Matplotlib is there; say what to type if not."""
    try:
        draw(*arguments)
    except ModuleNotFoundError:
        print('No picture: it needs Matplotlib. Type: pip install matplotlib')


def in_notebook(view: HeadView) -> None:
    """Show a view; a terminal can only name it."""
    getattr(builtins, "display", print)(view)


if __name__ == "__main__":
    causal = create_causal_mask(len(words))
    _, weights = scaled_dot_product_attention(Q_words, K_words, V_words, causal)
    print(text_heatmap(weights.data[0], words, mask=causal))
    scores = attention_scores(Q_words, K_words).data[0]
    in_pictures(draw_steps, scores, scores / math.sqrt(4), weights.data[0], words, causal)

# %% [markdown]
# ### Learn to look back
#
# Four real sentences. After "sat on the", only the second word tells what comes next, so a model that predicts the next
# word must look back. One attention layer between an embedding and a linear layer; everything is yours.
#
# Training uses the matrix form, since it runs 300 times. The picture is made by your loops.

# %% nbgrader={"grade": false, "grade_id": "model", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.core.activations import log_softmax
from tinytorch.core.embeddings import Embedding, PositionalEmbedding

sentences = [f"the {animal} sat on the {place}".split() for animal, place in
             (("cat", "mat"), ("dog", "rug"), ("bird", "roof"), ("frog", "leaf"))]
vocabulary = sorted({word for sentence in sentences for word in sentence})
ids = np.array([[vocabulary.index(word) for word in sentence] for sentence in sentences])  # (4, 6)


class NextWord(Layer):
    """Embedding, one causal attention, one linear layer: the next word's log-probabilities."""

    def __init__(self, vocab_size: int, embed_dim: int, num_heads: int, rng: np.random.Generator) -> None:
        self.words = Embedding(vocab_size, embed_dim, rng=rng)
        self.positions = PositionalEmbedding(16, embed_dim, rng=rng)
        self.attention = MultiHeadAttention(embed_dim, num_heads, vectorized_attention, rng=rng)
        self.output = Linear(embed_dim, vocab_size, rng=rng)

    def forward(self, ids: Any) -> Tensor:
        x = self.positions(self.words(ids))  # (batch, n, embed_dim)
        x = x + self.attention(x, create_causal_mask(x.shape[1]))
        return log_softmax(self.output(x))  # (batch, n, vocab_size)


# %% nbgrader={"grade": false, "grade_id": "train", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    model = NextWord(len(vocabulary), 16, 2, np.random.default_rng(0))
    target = np.eye(len(vocabulary), dtype=np.float32)[ids[:, 1:]]  # one-hot next words
    for step in range(301):
        loss = -(model(ids[:, :-1]) * target).sum() / target.sum()
        for parameter in model.parameters():
            parameter.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.data = parameter.data - 0.5 * parameter.grad
        if step % 100 == 0:
            best = model(ids[:, :-1]).data[:, -1].argmax(axis=-1)
            guesses = ", ".join(f"{s[1]}: {vocabulary[i]}" for s, i in zip(sentences, best, strict=True))
            print(f"step {step:3}: loss {loss.item():.3f}; last words: {guesses}")
    print(f"the first word after 'the' cannot be known: the loss can fall to {math.log(4) / 5:.3f}, not to 0")

# %% nbgrader={"grade": false, "grade_id": "look-back", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    model.attention.attention = scaled_dot_product_attention  # your loops
    x = model.positions(model.words(ids[:1, :-1]))
    mask = create_causal_mask(5)
    _, weights = model.attention.attend(x, x, x, mask)
    print(text_heatmap(weights.data[0].mean(axis=0), sentences[0][:-1], mask=mask))
    print(f'the last "the" looks at "cat": {weights.data[0, :, 4, 1].round(2)} in its {weights.shape[1]} heads')
    in_pictures(draw_heads, weights.data[0], sentences[0][:-1], None, mask)
    in_notebook(head_view(weights.data[0], sentences[0][:-1], mask=mask))

# %% [markdown]
# ### Cross-attention
#
# Queries may come from one sentence, keys and values from another: a translation looks at its source. Nothing new is
# needed; $n_q$ and $n_k$ differ.

# %% nbgrader={"grade": false, "grade_id": "cross-attention", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    rng = np.random.default_rng(14)
    source, target = ["der", "Hund", "bellte"], ["the", "dog", "barked", "loudly"]
    mha = MultiHeadAttention(8, 2, rng=rng)
    query, key = Tensor(rng.normal(size=(1, 4, 8))), Tensor(rng.normal(size=(1, 3, 8)))
    output, weights = mha.attend(query, key, key)
    print(f"{len(target)} queries, {len(source)} keys: output {output.shape}, weights {weights.shape}")
    print(text_heatmap(weights.data[0, 0], target, source))

# %% [markdown]
# ### One head or many
#
# The same width, cut into more heads: the parameters stay, the stored weights grow.

# %% nbgrader={"grade": false, "grade_id": "head-counts", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    x = Tensor(np.random.default_rng(16).normal(size=(1, 6, 16)))
    for num_heads in (1, 2, 4, 8, 16):
        mha = MultiHeadAttention(16, num_heads)
        weights = mha.attend(x, x, x)[1]
        parameters = sum(p.data.size for p in mha.parameters())
        print(f"{num_heads:2} heads of width {16 // num_heads:2}: {parameters} parameters, {weights.data.size:3} weights")

# %% [markdown]
# ### Gradients reach all four projections
#
# `check_gradient` of module 05 compares every gradient with central differences: first the three inputs, then the
# weights of the four layers.

# %% nbgrader={"grade": false, "grade_id": "gradient-flow", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    from tinytorch.core.autograd import check_gradient, topological_order

    rng = np.random.default_rng(15)
    mha, x = MultiHeadAttention(6, 3, rng=rng).to(np.float64), Tensor(rng.normal(size=(2, 5, 6)), dtype=np.float64)
    causal = create_causal_mask(5)
    print(f"input: largest difference {check_gradient(lambda x: mha(x, causal), x):.0e}")
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        layer = getattr(mha, name)
        def with_weight(weight, layer=layer):
            layer.weight = weight
            return mha(x, causal)
        print(f"{name}.weight: largest difference {check_gradient(with_weight, layer.weight):.0e}")


# %% [markdown]
# ## Part 3. Reflect
#
# ### What it costs, counted
#
# For each of $n^2$ pairs, one dot product of width $d$ (the scores), and one multiple of a row of width $d$ (the sum):
# $2 n^2 d$ multiply-adds, or $4 n^2 d$ FLOPs, since a multiply-add is two. We do not take that on trust. `Counted` is an
# array that counts its own multiplications, and we run your loops on it.

# %% nbgrader={"grade": false, "grade_id": "counted", "locked": true, "schema_version": 3, "solution": false, "task": false}
class Counted(np.ndarray):
    """An array that counts the multiply-adds it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(x) for x in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        if ufunc is np.matmul:
            Counted.total += np.size(result) * plain[0].shape[-1]
        elif ufunc is np.multiply:
            Counted.total += np.size(result)
        return result


def count_multiply_adds(function: Callable[..., Any], *arrays: Array) -> int:
    """Run a function of arrays and return how many multiply-adds it made."""
    Counted.total = 0
    function(*(x.view(Counted) for x in arrays))
    return Counted.total


# %% nbgrader={"grade": false, "grade_id": "cost", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    print("   n   d | forward: scores + sum =    2n²d | backward =    4n²d")
    for n, d in ((8, 4), (16, 4), (32, 4), (32, 8)):
        x, s = np.ones((1, n, d)), np.ones((1, n, n))
        forward = [count_multiply_adds(attention_scores.forward, x, x), count_multiply_adds(weighted_sum.forward, s, x)]
        backward = count_multiply_adds(attention_scores.rule, s, s, x, x) + count_multiply_adds(weighted_sum.rule, x, x, s, x)
        print(f"{n:4}{d:4} | {forward[0]:15} + {forward[1]:3} = {2 * n * n * d:7} | {backward:8} = {4 * n * n * d:7}")

# %% [markdown]
# Twice the words, four times the cost. Twice the width, twice the cost. And the memory of the computation stays small: a
# loop inside an op is one node, however long the sentence.

# %% nbgrader={"grade": false, "grade_id": "graph-size", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    for n in (4, 16, 64):
        leaves = [Tensor(np.ones((1, n, 4)), requires_grad=True) for _ in "QKV"]
        output, _ = scaled_dot_product_attention(*leaves, create_causal_mask(n))
        print(f"n = {n:2}: {n * n:5} pairs, {sum(x.node is not None for x in topological_order(output))} nodes")

# %% [markdown]
# ### Loops beside matrices
#
# The same multiply-adds, one by one in Python or all at once in compiled code. The times are your machine's.

# %% nbgrader={"grade": false, "grade_id": "timing", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    import time

    for n in (16, 32, 64, 128):
        Q = Tensor(np.random.default_rng(n).normal(size=(1, n, 64)))
        seconds = {}
        for attention in (scaled_dot_product_attention, vectorized_attention):
            attention(Q, Q, Q)
            start = time.perf_counter()
            attention(Q, Q, Q)
            seconds[attention] = time.perf_counter() - start
        loops, matrix = seconds.values()
        print(f"n = {n:3}: loops {1000 * loops:8.2f} ms, matrices {1000 * matrix:6.2f} ms, ratio {loops / matrix:5.0f}")

# %% [markdown]
# ### What it stores
#
# Each head of each sentence keeps an n × n map of weights. In float32, for GPT-3's shape (96 layers, 96 heads, 2,048
# tokens; Brown et al. 2020, table 2.1):

# %% nbgrader={"grade": false, "grade_id": "gpt3-memory", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    head = 2048 * 2048 * np.dtype(np.float32).itemsize
    for what, count in (("one head", 1), ("one layer: 96 heads", 96), ("96 layers", 96 * 96),
                        ("96 layers, batch 4", 4 * 96 * 96), ("96 layers, batch 32", 32 * 96 * 96)):
        size, unit = head * count, 0
        while size >= 1024:
            size, unit = size / 1024, unit + 1
        print(f"{what:20}: {size:6.1f} {['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}")

# %% [markdown]
# Training keeps every layer's map for the backward pass; inference can drop each after use.
#
# FlashAttention (Dao et al. 2022) never stores the map: it works in tiles, keeps a running softmax, and computes the
# weights again in the backward pass. One number a row is enough.
#
# ### Is attention the bottleneck?
#
# Per layer and token, in multiply-adds: the maps $2nd$, the four projections $4d^2$, the feed-forward layers of module 13
# $8d^2$. The maps' share is $n / (n + 6d)$.

# %% nbgrader={"grade": false, "grade_id": "share", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    d = 12288  # GPT-3's width
    for n in (2048, 8192, 32768, 73728):
        maps, projections, feed_forward = 2 * n * d, 4 * d * d, 8 * d * d
        total = maps + projections + feed_forward
        print(f"n = {n:6}: maps {maps / total:5.1%}, projections {projections / total:5.1%}, feed-forward {feed_forward / total:5.1%}")

# %% [markdown]
# At GPT-3's length the maps are a small part of the arithmetic; half of it only at $n = 6d$. Memory is what hurts first.

# %% [markdown]
# ### Beside PyTorch
#
# | | here | `torch.nn.MultiheadAttention` |
# | --- | --- | --- |
# | formula | softmax(QKᵀ/√d_k)V | the same |
# | a mask's True | may look | **blocked** |
# | a float mask | nonzero: may look | **added** to the scores |
# | weights | one map a head | averaged over the heads by default |
# | nothing to look at | zeros | NaN with the default arguments |
# | stores | the n × n map | not with `need_weights=False` |
#
# So invert before you carry a mask over: `attn_mask=torch.tensor((mask == 0).numpy())`. What happens if you forget:

# %% nbgrader={"grade": false, "grade_id": "pytorch-mask", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    scores, causal = Tensor(np.zeros((1, 3, 3))), create_causal_mask(3)
    print("our meaning, row 0 sees:       ", attention_weights(scores, causal).data[0, 0])
    print("True = blocked, row 0 sees:    ", attention_weights(scores, causal == 0).data[0, 0].round(2), "<- only the future")
    print("0/1 added to scores, row 0:    ", softmax(scores + causal).data[0, 0].round(2), "<- the future leaks")


# %% [markdown]
# ## Common pitfalls, live

# %% nbgrader={"grade": false, "grade_id": "pitfalls", "locked": true, "schema_version": 3, "solution": false, "task": false}
def complaint(function: Callable[[], Any]) -> str:
    """Return the message of the error a call raises, or what it returned."""
    try:
        return f"no error, shape {function().shape}"
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    Q, square = Tensor(np.ones((1, 6, 4))), Tensor(np.random.default_rng(0).normal(size=(1, 4, 4)))
    print("1. Q @ K, no transpose:   ", complaint(lambda: Q @ Q))
    print("   the same with n = d_k: ", complaint(lambda: square @ square), "<- silent and wrong")
    print("2. heads that do not fit: ", complaint(lambda: MultiHeadAttention(512, 7)))
    print("3. mask of another length:", complaint(lambda: attention_weights(Q @ Q.transpose(-2, -1), create_causal_mask(5))))
    stretched = np.ones((2, 6, 6)) * create_padding_mask([6, 3], 6).data
    print("4. (b, n, m) * (b, 1, 1, m) in plain NumPy:", stretched.shape, "<- enlarged, no error")
    print("   and as a mask:         ", complaint(lambda: attention_weights(Tensor(np.ones((2, 6, 6))), stretched)))
    print("5. an array for a tensor: ", complaint(lambda: scaled_dot_product_attention(Q.data, Q, Q)[0]))
    print(f"6. memory: 4,096 tokens, 96 heads, batch 32: {4096**2 * 96 * 32 * 4 / 2**30:.0f} GiB of float32 weights a layer")

# %% [markdown]
# ## Questions to think about
#
# 1. A cell of the map is one weight. Why does a row have to sum to 1, and a column not?
# 2. Permute the words: what happens to the output? What does that say about position embeddings?
# 3. The map is n × n, the output n × d. Which numbers must a backward pass know, and which could it compute again?
# 4. With 8 heads instead of 1, which of parameters, multiply-adds and stored weights change?
#
# ## What is left out, and why
#
# - **Dropout on the weights.** PyTorch's layer offers it; it would blur every map you look at. Vaswani et al. name it only
#   for the outputs of sublayers and the embeddings (section 5.4).
# - **Separate widths for keys and values** in the class. The functions take them.
# - **Speed.** Modules 17 and 18: cached keys, tiles.
#
# ## Report

# %% nbgrader={"grade": false, "grade_id": "report", "locked": true, "schema_version": 3, "solution": false, "task": false}
if __name__ == "__main__":
    print("📊 Analyzing Attention Complexity...")
    print("Seq Len | Attention Matrix | Memory (KB) | Scaling")
    print("-" * 56)
    before = None
    for n in (16, 32, 64, 128, 256):
        matrix = np.ones((n, n), np.float32)  # one head of one sentence
        print(f"{n:7} | {matrix.size:14,}  | {matrix.nbytes / 1024:10.2f}  | {matrix.nbytes / (before or matrix.nbytes):7.1f}x")
        before = matrix.nbytes
    print("\n💡 Memory scales as O(n²) with sequence length")
    head = 2048**2 * 4
    print(f"🚀 For seq_len=2048 (GPT-3), attention matrix needs {head / 2**20:.0f} MiB per head, {96 * head / 2**30:.1f} GiB per layer")
