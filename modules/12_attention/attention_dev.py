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

# %% export-target
#| default_exp core.attention

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import attention_checks as checks

# %% imports
#| export
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch.attention_inputs import (
    align_mask,
    check_inputs,
    check_words,
    largest_allowed,
    require_wide,
)
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

# %% sentence
sentence = {  # query and key: thing, action, pronoun, small word; value: living, doing
    "my": ([2, 0, 0, 0], [0, 0, 0, 1], [0, 0]),  # whose? looks for a thing
    "dog": ([0, 2, 0, 0], [2, 0, 0, 0], [1, 0]),  # does what?
    "barked": ([2, 0, 0, 0], [0, 2, 0, 0], [0, 1]),  # who?
    "because": ([0, 2, 0, 0], [0, 0, 0, 1], [0, 0]),  # joins actions
    "it": ([2, 0, 0, 0], [1, 0, 1, 0], [0, 0]),  # which thing?
    "dreamed": ([2, 0, 1, 0], [0, 2, 0, 0], [0, 1]),  # who? or a pronoun for it
}
words, vectors = [*sentence], zip(*sentence.values(), strict=True)
# (1, 6, 4), (1, 6, 4), (1, 6, 2): one sentence, six words, and their widths
Q_words, K_words, V_words = (Tensor([rows], dtype=np.float32) for rows in vectors)


# %% [markdown]
# ### Exercise 12.1: attention_scores
#
# How well does what word $i$ looks for fit what word $j$ offers? Their dot product says:
#
# $$s_{ij} = q_i \cdot k_j = \sum_{c=1}^{d_k} q_{ic}\, k_{jc} \qquad Q: (\dots, n_q, d_k),\; K: (\dots, n_k, d_k) \to (\dots, n_q, n_k)$$
#
# On paper: "it" and "dog" give $2 \cdot 2 = 4$; "it" with itself, $2 \cdot 1 = 2$.
#
# **Plan.** Loop over batch and heads, over queries `i`, over keys `j`. Inside, one dot product: `q[i] @ k[j]`. The loops
# are the point: every pair is visited, there are the $n^2$. One matrix product gives the same numbers and passes, but
# hides the pairs; it has its turn in 12.7.
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

# %% 12.1-attention-scores
#| export
@op
def attention_scores(Q: Array, K: Array) -> Array:
    """Dot product of every query with every key, pair by pair.

    Args:
        Q: queries (..., n_q, d_k).
        K: keys (..., n_k, d_k), with the same leading axes.

    Returns:
        Scores (..., n_q, n_k), not yet scaled, in the dtype of Q and K.

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


# %% test-12.1 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: attention_scores...")
    it, dog = Q_words.data[:, [4]], K_words.data[:, [1]]  # on paper: 2 · 2 = 4
    checks.attention_scores(attention_scores, it, dog, gives=[[[4]]])
    print("✅ every query meets every key, for each batch and head")


# %% [markdown]
# ### Exercise 12.2: the gradient of attention_scores
#
# Loops hide nothing from autograd if you write their rule. Score $s_{ij}$ is the only meeting of $q_i$ and $k_j$. From
# $s_{ij} = q_i \cdot k_j$:
#
# $$g_{q_i} = \sum_j g_{ij}\, k_j \qquad g_{k_j} = \sum_i g_{ij}\, q_i$$
#
# On paper, two queries and two keys:
#
# $$g = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \quad Q = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix} \quad K = \begin{pmatrix} 5 & 0 \\ 0 & 6 \end{pmatrix} \qquad g_{q_0} = 1\,(5, 0) + 2\,(0, 6) = (5, 12)$$
#
# **Plan.** The same three loops. In the middle, each pair **adds** its share to two rows.
#
# <details><summary>Hint</summary>
#
# Allocate with `np.zeros(Q.shape, Q.dtype)`. `zeros_like` would copy the memory order of a transposed `Q`.
#
# </details>

# %% 12.2-attention-scores-rule
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


# %% test-12.2 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: the gradient of attention_scores...")
    grad, Q, K = [[[1, 2], [3, 4]]], [[[1, 0], [0, 1]]], [[[5, 0], [0, 6]]]
    right = [[[5, 12], [15, 24]]], [[[1, 3], [2, 4]]]
    checks.attention_scores_rule(attention_scores, grad, None, Q, K, gives=right)
    print("✅ each pair adds its share to one query and one key")


# %% [markdown]
# ### Why divide by √d_k
#
# Take random $q$ and $k$ whose numbers have mean 0 and variance 1. Their dot product is a sum of $d_k$ products, so its
# variance is $d_k$: scores grow with the width. Divided by $\sqrt{d_k}$ the variance is 1 again. Measured:

# %% why-scale
def dot_products(d_k: int, count: int = 4096) -> Array:
    """Dot products of random pairs of vectors with `d_k` standard normal numbers."""
    q, k = np.random.default_rng(d_k).normal(size=(2, count, d_k))
    return (q * k).sum(axis=1)


if __name__ == "__main__":
    for d_k in (4, 16, 64, 256, 512):
        s = dot_products(d_k)
        scaled = (s / math.sqrt(d_k)).var()
        print(f"d_k = {d_k:3}: variance of q·k {s.var():6.1f}, of q·k / √d_k {scaled:.2f}")

# %% [markdown]
# Large scores **saturate** the softmax: one weight takes all, and nothing can change it. The total slope of a softmax is
# $\sum_j w_j (1 - w_j)$; near 0, no gradient comes through. Here each row has 64 keys.
#
# Scaling prevents saturation. Overflow is another matter: subtracting the row's maximum, in `softmax`, prevents that.

# %% saturation
if __name__ == "__main__":
    for d_k in (4, 64, 512):
        for name, scale in (("unscaled", 1.0), ("scaled", math.sqrt(d_k))):
            w = softmax(Tensor(dot_products(d_k).reshape(64, 64) / scale)).data
            slope = (w * (1 - w)).sum(axis=1).mean()
            largest = w.max(axis=1).mean()
            print(f"d_k = {d_k:3} {name:8}: largest weight {largest:.2f}, slope {slope:.2f}")


# %% [markdown]
# ### Masks
#
# A mask says who may look where. **Nonzero means the query may look at that key.** (PyTorch's `nn.MultiheadAttention`
# means the opposite; see Part 3.)
#
# Accepted shapes: `(n_q, n_k)`, `(batch, n_q, n_k)`, `(batch, 1, 1, n_k)`, `(batch, 1, n_q, n_k)`,
# `(batch, heads, n_q, n_k)`. Three axes always start with the batch. Plain NumPy would stretch a (b, 1, 1, m) mask over
# (b, n, m) scores to (b, b, n, m), silently; so a mask that would enlarge the scores is an error. `align_mask`, given in
# `tinytorch/attention_inputs.py`, sees to that.

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

# %% 12.3-attention-weights
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


# %% test-12.3 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: attention_weights...")
    checks.attention_weights(attention_weights)
    print("✅ shares sum to 1; blocked is exactly 0; nothing to see gives zeros")

# %% [markdown]
# ### Why the mask comes before the softmax
#
# Hiding a weight afterwards is too late: the hidden word has already taken its share of the sum. The row no longer sums
# to 1, and what remains still depends on what was hidden.

# %% mask-order
if __name__ == "__main__":
    mask = np.array([[1, 1, 0]])
    for hidden in (1.0, 3.0):
        s = Tensor([[[1.0, 2.0, hidden]]])
        late = attention_weights(s).data[0, 0] * mask[0]
        early = attention_weights(s, mask).data[0, 0]
        for when, shares in (("after", late), ("before", early)):
            print(f"hidden score {hidden}, {when:6}: {shares.round(3)}, sum {shares.sum():.2f}")


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

# %% 12.4-weighted-sum
#| export
@op
def weighted_sum(weights: Array, V: Array) -> Array:
    """Sum of all values for each query, weighted, pair by pair.

    Args:
        weights: (..., n_q, n_k).
        V: values (..., n_k, d_v), with the same leading axes.

    Returns:
        Output (..., n_q, d_v), in the dtype of weights and V.

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


# %% test-12.4 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: weighted_sum...")
    V = [[[2, 4], [8, 8], [6, 0]]]  # on paper: half of (2, 4) and half of (6, 0)
    checks.weighted_sum(weighted_sum, [[[0.5, 0, 0.5]]], V, gives=[[[4, 2]]])
    print("✅ each query takes its share of every value")


# %% [markdown]
# ### Exercise 12.5: the gradient of weighted_sum
#
# From $o_i = \sum_j w_{ij} v_j$:
#
# $$g_{w_{ij}} = g_i \cdot v_j \qquad g_{v_j} = \sum_i w_{ij}\, g_i$$
#
# A weight belongs to one pair, so its gradient is one dot product. A value serves every query, so its gradient is a sum.
# On paper:
#
# $$g = \begin{pmatrix} 1 & 0 \\ 0 & 2 \end{pmatrix} \quad W = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \quad V = \begin{pmatrix} 5 & 6 \\ 7 & 8 \end{pmatrix} \qquad g_{v_0} = 1\,(1, 0) + 3\,(0, 2) = (1, 6)$$
#
# <details><summary>Hint</summary>
#
# The two loops of 12.1 and 12.4 are both here: a dot product for the weights, a running sum for the values.
#
# </details>

# %% 12.5-weighted-sum-rule
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


# %% test-12.5 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: the gradient of weighted_sum...")
    grad, W, V = [[[1, 0], [0, 2]]], [[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]
    right = [[[5, 7], [12, 16]]], [[[1, 6], [2, 8]]]
    checks.weighted_sum_rule(weighted_sum, grad, None, W, V, gives=right)
    print("✅ a weight gets one dot product, a value the sum over all queries")


# %% [markdown]
# ### Exercise 12.6: scaled_dot_product_attention
#
# All together, the one equation of this module:
#
# $$\operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^T}{\sqrt{d_k}}\right) V$$
#
# **Plan.** Check the shapes at the door: `check_inputs(Q, K, V)`, given. 1. Divide `Q` by $\sqrt{d_k}$. (To divide the scores
# is the same, unless a product overflows first.) 2. Scores. 3. and 4. Mask and softmax: `attention_weights`. 5. Weighted
# sum of `V`. Return the output *and* the weights.
#
# <details><summary>Hint</summary>
#
# $d_k$ is the width of a query: `Q.shape[-1]`. Not the number of words.
#
# </details>

# %% 12.6-scaled-dot-product-attention
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


# %% test-12.6 points=5
if __name__ == "__main__":
    print("🔬 Unit Test: Scaled Dot-Product Attention...")
    checks.scaled_dot_product_attention(scaled_dot_product_attention)
    print("✅ Attention scores computed correctly (QK^T shape verified)")
    print("✅ Scaling factor 1/√d_k applied")
    print("✅ Softmax normalization verified (each row sums to 1.0)")
    print("✅ Output shape matches expected (batch, seq, d_model)")
    print("✅ Causal masking blocks future positions correctly")
    print("📈 Progress: Scaled Dot-Product Attention ✓")

# %% [markdown]
# The sentence, on paper and by your code. "it" has scaled scores 0, 2, 0, 0, 1, 0. Their exponentials are 1, 7.389, 1, 1,
# 2.718, 1, which sum to 14.107. So "it" looks at "dog" with $7.389 / 14.107 = 0.524$.

# %% sentence-weights
if __name__ == "__main__":
    output, weights = scaled_dot_product_attention(Q_words, K_words, V_words)
    shares = weights.data[0, words.index("it")]
    exponentials = np.exp([0.0, 2.0, 0.0, 0.0, 1.0, 0.0])
    print("exponentials:", exponentials.round(3), " sum:", exponentials.sum().round(3))
    pairs = zip(words, shares, strict=True)
    print("it looks at:", ", ".join(f"{word} {share:.3f}" for word, share in pairs))
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

# %% 12.7-vectorized-attention
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


# %% test-12.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: vectorized_attention...")
    checks.vectorized_attention(vectorized_attention)
    print("✅ loops and matrices agree: output, weights, all gradients, with and without a mask")


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

# %% 12.8-causal-mask
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
    require_size("seq_len", seq_len)
    return Tensor(np.tril(np.ones((seq_len, seq_len))))
    ### END SOLUTION


# %% test-12.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: create_causal_mask...")
    checks.create_causal_mask(create_causal_mask, 3, gives=[[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    print("✅ each position sees itself and the past")


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
# **Plan.** 1. `np.asarray(lengths)` takes a list, an array and a tensor alike. 2. One axis, integers, none below 0 or above
# `max_length`; else a `ValueError` that names `lengths`. 3. Compare every position with every length. 4. Two axes of size 1.
#
# <details><summary>Hint</summary>
#
# `np.arange(max_length) < counts[:, None]` is the comparison; `[:, None, None, :]` puts in the two axes. The `dtype.kind` of
# integers is `"i"` or `"u"`. An empty row has no `min()`: ask for its `size` first.
#
# </details>

# %% 12.9-padding-mask
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


# %% test-12.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: create_padding_mask...")
    checks.create_padding_mask(create_padding_mask)
    print("✅ words are seen, padding is not")

# %% [markdown]
# Four ways to look, for a batch of two sentences, of 6 words and of 3:

# %% mask-kinds
if __name__ == "__main__":
    causal, padding = create_causal_mask(6), create_padding_mask([6, 3], 6)
    kinds = {"bidirectional (BERT)": 1, "causal (GPT)": causal}
    kinds |= {"padding": padding, "causal and padding": causal * padding}
    for kind, mask in kinds.items():
        long, short = np.broadcast_to(np.asarray(mask), (2, 1, 6, 6)).sum(axis=(1, 2, 3))
        print(f"{kind:20}: {long:.0f} pairs for the long sentence, {short:.0f} for the short one")

# %% [markdown]
# A sentence of length 0 leaves its queries nothing to look at. The weights are zeros, and so is every gradient: nothing
# leaks, and no NaN appears.

# %% empty-row
if __name__ == "__main__":
    rng = np.random.default_rng(9)
    leaves = [Tensor(rng.normal(size=(1, 3, 2)), requires_grad=True) for _ in "QKV"]
    output, weights = scaled_dot_product_attention(*leaves, create_padding_mask([0], 3))
    output.sum().backward()
    results = {"weights": weights.data, "output": output.data, "gradient of V": leaves[2].grad}
    print(", ".join(f"{name}: {np.unique(x)}" for name, x in results.items()))


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

# %% 12.10-split-heads
#| export
def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the width into heads: (batch, n, embed_dim) -> (batch, num_heads, n, head_dim)."""
    ### BEGIN SOLUTION 12.10
    batch, n, embed_dim = x.shape
    return x.reshape(batch, n, num_heads, embed_dim // num_heads).transpose(1, 2)
    ### END SOLUTION


# %% test-12.10 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: split_heads...")
    checks.split_heads(split_heads)
    print("✅ head h is columns h·width to (h+1)·width, of every word")


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

# %% 12.11-merge-heads
#| export
def merge_heads(x: Tensor) -> Tensor:
    """Put the heads side by side: (batch, num_heads, n, head_dim) -> (batch, n, embed_dim)."""
    ### BEGIN SOLUTION 12.11
    batch, num_heads, n, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, n, num_heads * head_dim)
    ### END SOLUTION


# %% test-12.11 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: merge_heads...")
    checks.merge_heads(merge_heads)
    print("✅ merging undoes splitting")

# %% [markdown]
# ### Multi-head attention
#
# $$\operatorname{head}_h = \operatorname{Attention}(Q_h, K_h, V_h) \qquad \operatorname{MultiHead} = [\operatorname{head}_1, \dots, \operatorname{head}_H]\, W^O$$
#
# Three linear layers, `q_proj`, `k_proj` and `v_proj`, make queries, keys and values from the words; a fourth, `out_proj`
# ($W^O$), mixes the heads' results.
#
# Heads cost no more multiply-adds: $H \cdot n^2 \cdot (d/H) = n^2 d$. What grows with $H$ is the number of weights to
# store. Nobody assigns roles to heads. Training may give them some; a large share of them can later be removed at little
# loss (Michel, Levy & Neubig 2019, abstract).
#
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
# **Plan.** 1. Project: `query` by `q_proj`, `key` by `k_proj`, `value` by `v_proj`. 2. Split each into heads.
# 3. `self.attention(Q, K, V, mask)`. 4. Merge. 5. `out_proj`. Return the output and the weights (batch, heads, n_q, n_k).
#
# <details><summary>Hint</summary>
#
# `self.attention` is whatever function was passed in: loops, matrices, or what module 18 brings. Call it; do not name
# one.
#
# </details>

# %% 12.12-multi-head-attention
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
        check_words(self.embed_dim, query=query, key=key, value=value)
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


# %% test-12.12 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: MultiHeadAttention.__init__...")
    checks.multi_head_init(MultiHeadAttention)
    print("✅ four projections, and a clear error for heads that do not fit")

# %% test-12.13 points=5
if __name__ == "__main__":
    print("🔬 Unit Test: Multi-Head Attention...")
    checks.multi_head_attention(MultiHeadAttention, vectorized_attention)
    print("✅ 8 heads process 512 dimensions in parallel")
    print("✅ Head splitting and concatenation correct")
    print("✅ Q/K/V projection layers initialized properly")
    print("✅ Output projection applied")
    print("✅ Shape: (batch, seq, 512) → (batch, seq, 512) ✓")
    print("📈 Progress: Multi-Head Attention ✓")


# %% [markdown]
# PyTorch spells the class `MultiheadAttention`, takes query, key and value, and returns output and weights. This one does,
# too; its weights are (batch, heads, n_q, n_k), where PyTorch averages over the heads unless told not to.

# %% pytorch-spelling
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
# `text_heatmap` needs only a terminal. `draw_steps`, from scores to weights, and `draw_heads`, one map a head, need
# Matplotlib; the scale runs from 0 to 1, and a blocked cell bears an ×. `head_view` is for the browser: point at a word,
# or walk with the Tab key, and see where each head looks.

# %% sentence-picture
from tinytorch.head_view import head_view, in_notebook
from tinytorch.pictures import draw_heads, draw_steps, in_pictures, text_heatmap

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
# word must look back. One attention layer between an embedding and a linear layer.

# %% model
from tinytorch.core.activations import log_softmax
from tinytorch.core.embeddings import Embedding, PositionalEmbedding

pairs = (("cat", "mat"), ("dog", "rug"), ("bird", "roof"), ("frog", "leaf"))
sentences = [f"the {animal} sat on the {place}".split() for animal, place in pairs]
vocabulary = sorted({word for sentence in sentences for word in sentence})
ids = np.array([[vocabulary.index(word) for word in sentence] for sentence in sentences])  # (4, 6)


class NextWord(Layer):
    """Embedding, one causal attention, one linear layer: the next word's log-probabilities."""

    def __init__(self, vocab_size: int, embed_dim: int, num_heads: int, rng: Any) -> None:
        self.words = Embedding(vocab_size, embed_dim, rng=rng)
        self.positions = PositionalEmbedding(16, embed_dim, rng=rng)
        self.attention = MultiHeadAttention(embed_dim, num_heads, vectorized_attention, rng=rng)
        self.output = Linear(embed_dim, vocab_size, rng=rng)

    def forward(self, ids: Any) -> Tensor:
        x = self.positions(self.words(ids))  # (batch, n, embed_dim)
        x = x + self.attention(x, create_causal_mask(x.shape[1]))
        return log_softmax(self.output(x))  # (batch, n, vocab_size)


# %% train
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
            pairs = zip(sentences, best, strict=True)
            guesses = ", ".join(f"{sentence[1]}: {vocabulary[i]}" for sentence, i in pairs)
            print(f"step {step:3}: loss {loss.item():.3f}; last words: {guesses}")
    print(f"the second word cannot be known: the loss can fall to {math.log(4) / 5:.3f}, not to 0")

# %% look-back
if __name__ == "__main__":
    model.attention.attention = scaled_dot_product_attention  # your loops
    x = model.positions(model.words(ids[:1, :-1]))
    _, weights = model.attention.attend(x, x, x, mask := create_causal_mask(5))
    print(text_heatmap(weights.data[0].mean(axis=0), sentences[0][:-1], mask=mask))
    shares = weights.data[0, :, 4, 1].round(2)
    print(f'the last "the" looks at "cat": {shares} in its {len(shares)} heads')
    in_pictures(draw_heads, weights.data[0], sentences[0][:-1], None, mask)
    in_notebook(head_view(weights.data[0], sentences[0][:-1], mask=mask))

# %% [markdown]
# ### Cross-attention
#
# Queries may come from one sentence, keys and values from another: a translation looks at its source.
# $n_q$ and $n_k$ differ.

# %% cross-attention
if __name__ == "__main__":
    rng = np.random.default_rng(14)
    source, target = ["der", "Hund", "bellte"], ["the", "dog", "barked", "loudly"]
    mha = MultiHeadAttention(8, 2, rng=rng)
    query, key = Tensor(rng.normal(size=(1, 4, 8))), Tensor(rng.normal(size=(1, 3, 8)))
    output, weights = mha.attend(query, key, key)
    print(f"4 queries, 3 keys: output {output.shape}, weights {weights.shape}")
    print(text_heatmap(weights.data[0, 0], target, source))

# %% [markdown]
# ### One head or many
#
# The same width, cut into more heads: the parameters stay, the stored weights grow.

# %% head-counts
if __name__ == "__main__":
    x = Tensor(np.random.default_rng(16).normal(size=(1, 6, 16)))
    for num_heads in (1, 2, 4, 8, 16):
        mha = MultiHeadAttention(16, num_heads)
        weights = mha.attend(x, x, x)[1]
        sizes = sum(p.data.size for p in mha.parameters()), weights.data.size
        print("{:2} heads: {} parameters, {:3} weights".format(num_heads, *sizes))

# %% [markdown]
# ### Gradients reach all four projections
#
# `check_gradient` of module 05 compares every gradient with central differences: first the three inputs, then the
# weights of the four layers.

# %% gradient-flow
if __name__ == "__main__":
    from tinytorch.core.autograd import check_gradient, topological_order

    rng = np.random.default_rng(15)
    mha = MultiHeadAttention(6, 3, rng=rng).to(np.float64)
    x = Tensor(rng.normal(size=(2, 5, 6)), dtype=np.float64)
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
# $2 n^2 d$ multiply-adds, or $4 n^2 d$ FLOPs, since a multiply-add is two. We do not take that on trust:
# `count_multiply_adds` (given) runs your loops on arrays that count their own multiplications.

# %% cost
from tinytorch.counting import count_multiply_adds

if __name__ == "__main__":
    print("   n   d | forward: scores + sum =    2n²d | backward =    4n²d")
    for n, d in ((8, 4), (16, 4), (32, 4), (32, 8)):
        x, s = np.ones((1, n, d)), np.ones((1, n, n))
        scores = count_multiply_adds(attention_scores.forward, x, x)
        sums = count_multiply_adds(weighted_sum.forward, s, x)
        backward = count_multiply_adds(attention_scores.rule, s, s, x, x)
        backward += count_multiply_adds(weighted_sum.rule, x, x, s, x)
        forward = f"{scores:15} + {sums:3} = {2 * n * n * d:7}"
        print(f"{n:4}{d:4} | {forward} | {backward:8} = {4 * n * n * d:7}")

# %% [markdown]
# Twice the words, four times the cost. Twice the width, twice the cost. And the memory of the computation stays small: a
# loop inside an op is one node, however long the sentence.

# %% graph-size
if __name__ == "__main__":
    for n in (4, 16, 64):
        leaves = [Tensor(np.ones((1, n, 4)), requires_grad=True) for _ in "QKV"]
        output, _ = scaled_dot_product_attention(*leaves, create_causal_mask(n))
        nodes = sum(x.node is not None for x in topological_order(output))
        print(f"n = {n:2}: {n * n:5} pairs, {nodes} nodes")

# %% [markdown]
# ### Loops beside matrices
#
# The same multiply-adds, one by one in Python or all at once in compiled code. The times are your machine's.

# %% timing
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
        loops, matrix = (1000 * s for s in seconds.values())
        print(f"n = {n:3}: loops {loops:8.2f} ms, matrices {matrix:6.2f} ms,", end=" ")
        print(f"ratio {loops / matrix:5.0f}")

# %% [markdown]
# ### What it stores
#
# Each head of each sentence keeps an n × n map of weights. In float32, for GPT-3's shape (96 layers, 96 heads, 2,048
# tokens; Brown et al. 2020, table 2.1):

# %% gpt3-memory
if __name__ == "__main__":
    head = 2048 * 2048 * np.dtype(np.float32).itemsize
    counts = {"one head": 1, "one layer: 96 heads": 96, "96 layers": 96 * 96}
    counts |= {"96 layers, batch 4": 4 * 96 * 96, "96 layers, batch 32": 32 * 96 * 96}
    for what, count in counts.items():
        size, unit = head * count, 0
        while size >= 1024:
            size, unit = size / 1024, unit + 1
        print(f"{what:20}: {size:6.1f} {['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}")

# %% [markdown]
# Training keeps every layer's map for the backward pass; inference can drop each after use.
#
# FlashAttention (Dao et al. 2022) never stores the map: it works in tiles, keeps a running softmax, and computes the
# weights again in the backward pass.
#
# ### Is attention the bottleneck?
#
# Per layer and token, in multiply-adds: the maps $2nd$, the four projections $4d^2$, the feed-forward layers of module 13
# $8d^2$. The maps' share is $n / (n + 6d)$.

# %% share
if __name__ == "__main__":
    d = 12288  # GPT-3's width
    for n in (2048, 8192, 32768, 73728):
        costs = {"maps": 2 * n * d, "projections": 4 * d * d, "feed-forward": 8 * d * d}
        shares = {what: cost / sum(costs.values()) for what, cost in costs.items()}
        print(f"n = {n:6}:", ", ".join(f"{what} {share:5.1%}" for what, share in shares.items()))

# %% [markdown]
# At GPT-3's length the maps are a small part of the arithmetic; half of it only at $n = 6d$. Memory is what hurts first.
#
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

# %% pytorch-mask
if __name__ == "__main__":
    scores, causal = Tensor(np.zeros((1, 3, 3))), create_causal_mask(3)
    ours, theirs = attention_weights(scores, causal), attention_weights(scores, causal == 0)
    added = softmax(scores + causal)
    print("our meaning, row 0 sees:       ", ours.data[0, 0])
    print("True = blocked, row 0 sees:    ", theirs.data[0, 0].round(2), "<- only the future")
    print("0/1 added to scores, row 0:    ", added.data[0, 0].round(2), "<- the future leaks")

# %% [markdown]
# ## Common pitfalls, live

# %% pitfalls
if __name__ == "__main__":
    Q, square = Tensor(np.ones((1, 6, 4))), Tensor(np.ones((1, 4, 4)))
    print("1. Q @ K, no transpose:   ", checks.complaint(lambda: Q @ Q))
    print("   the same with n = d_k: ", checks.complaint(lambda: square @ square), "<- wrong")
    print("2. heads that do not fit: ", checks.complaint(lambda: MultiHeadAttention(512, 7)))
    scores, short = Q @ Q.transpose(-2, -1), create_causal_mask(5)
    print("3. mask of another length:", checks.complaint(lambda: attention_weights(scores, short)))
    stretched = np.ones((2, 6, 6)) * create_padding_mask([6, 3], 6).data
    print("4. (b, n, m) * (b, 1, 1, m) in plain NumPy:", stretched.shape, "<- enlarged, no error")
    two = Tensor(np.ones((2, 6, 6)))
    print("   and as a mask:         ", checks.complaint(lambda: attention_weights(two, stretched)))
    attend = scaled_dot_product_attention
    print("5. an array for a tensor: ", checks.complaint(lambda: attend(Q.data, Q, Q)[0]))
    size = 4096**2 * 96 * 32 * 4 / 2**30  # float32
    print(f"6. memory: 4,096 tokens, 96 heads, batch 32: {size:.0f} GiB of weights a layer")

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

# %% report
if __name__ == "__main__":
    print("📊 Analyzing Attention Complexity...")
    print("Seq Len | Attention Matrix | Memory (KB) | Scaling")
    print("-" * 56)
    matrices = [np.ones((n, n), np.float32) for n in (16, 32, 64, 128, 256)]  # one head each
    for matrix, before in zip(matrices, matrices[:1] + matrices, strict=False):
        size, scaling = matrix.nbytes / 1024, matrix.nbytes / before.nbytes
        print(f"{len(matrix):7} | {matrix.size:14,}  | {size:10.2f}  | {scaling:7.1f}x")
    print("\n💡 Memory scales as O(n²) with sequence length")
    head = 2048**2 * 4
    sizes = f"{head / 2**20:.0f} MiB per head, {96 * head / 2**30:.1f} GiB per layer"
    print(f"🚀 For seq_len=2048 (GPT-3), attention matrix needs {sizes}")
