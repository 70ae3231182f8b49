# %% [markdown]
# # 17. Memoization
#
# `generate` in module 13 sends the whole text through the model for each new token. Nearly all of it was computed before. This
# module keeps it: keys and values go into a cache, and each new token passes alone.
#
# **You will** write the cache, the mask that goes with it, shared heads, a sliding window, and a GPT that uses them.
#
# **Before you start:** modules 01 to 06, 11, 12 and 13. **Time:** 3 hours.

# %% export-target
#| default_exp core.memoization

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import memoization_checks as checks

# %% imports
#| export
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.attention_inputs import align_mask, check_words
from tinytorch.core.attention import (
    Attention,
    MultiHeadAttention,
    merge_heads,
    split_heads,
    vectorized_attention,
)
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import sinusoidal_positions
from tinytorch.core.layers import Layer, Linear, require_size
from tinytorch.core.tensor import Array, Tensor, unwrap
from tinytorch.core.transformers import (
    GPT,
    Block,
    GPTConfig,
    rotary,
    rotary_angles,
    sample_token,
)

# %% [markdown]
# ## One example for the whole module
#
# A small GPT with rotary positions, not trained: what it says makes no sense, but with and without a cache it must say the same.

# %% example
text = "the cat sat on the mat. the dog sat on the cat. "
letters = sorted({*text})
ids = np.array([letters.index(letter) for letter in text])  # (seq_len,)

if __name__ == "__main__":
    print("the text has", len(ids), "letters,", len(letters), "different ones")


# %% [markdown]
# ## What is computed again
#
# ### Exercise 17.1: tokens_processed
#
# Writing token after token, the model of module 13 reads the text again each time:
#
# $$\underbrace{p + (p+1) + \dots + (p+n-1)}_{\text{without a cache}} \qquad \underbrace{p + (n-1)}_{\text{with a cache}}$$
#
# for a prompt of $p$ tokens and $n$ new ones. The last new token is not read any more. On paper: $p = 1$, $n = 3$ gives 6 and 3.
#
# **Plan.** One sum for each case; no loop is needed. Nothing new: nothing is read.
#
# <details><summary>Hint</summary>
#
# The sum of $n$ numbers that grow by 1 is $n$ times their middle: `n * (first + last) // 2`.
#
# </details>

# %% 17.1-tokens-processed
#| export
def tokens_processed(prompt_len: int, num_tokens: int, cached: bool) -> int:
    """How many tokens pass through the model until `num_tokens` new ones are written.

    Args:
        prompt_len: tokens of the prompt, at least 1.
        num_tokens: tokens to write; 0 or more.
        cached: whether keys and values of earlier tokens are kept.

    Returns:
        The count.
    """
    ### BEGIN SOLUTION 17.1
    if num_tokens == 0:
        return 0
    last = prompt_len + num_tokens - 1
    return last if cached else num_tokens * (prompt_len + last) // 2
    ### END SOLUTION


# %% test-17.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: tokens_processed...")
    checks.tokens_processed(tokens_processed)
    print("✅ tokens_processed: with a cache and without")

# %% growth
if __name__ == "__main__":
    print("new tokens   without a cache   with one")
    for new in (10, 100, 1000):
        without, with_one = (tokens_processed(1, new, cached) for cached in (False, True))
        print(f"{new:10,} {without:17,} {with_one:10,}")


# %% [markdown]
# Why may they be kept? In a causal model a token sees no later token. So its keys and values in every layer stay what they are,
# whatever is written after it. Queries are needed once only: nobody looks for an old one.
#
# ### Exercise 17.2: KVCache.append
#
# Room for `capacity` tokens, asked for once. Each call writes the new rows behind the old ones and returns all of them:
#
# $$K: (batch, heads, n, head\_dim) \;\to\; (batch, heads, length + n, head\_dim)$$
#
# **Plan.** Checks are given. 1. A `ValueError` that names `capacity` when the rows do not fit; then nothing has changed. 2. The
# first call makes both arrays, in the dtype of what came. 3. Write, count, return tensors of what is filled.
#
# <details><summary>Hint</summary>
#
# `self.keys[:, :, start:end] = K.data`. A slice of an array is a view: returning it copies nothing.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `Tensor(array, dtype=array.dtype)` keeps float64.
#
# </details>

# %% 17.2-kv-cache
#| export
def require_rows(K: Tensor, V: Tensor, keys: Array | None, values: Array | None) -> None:
    """Refuse what cannot stand behind the rows of a cache; the message names it."""
    for name, x, kept in (("K", K, keys), ("V", V, values)):
        if x.ndim != 4:
            raise ValueError(f"{name} must be (batch, heads, n, head_dim); got shape {x.shape}")
        if x.requires_grad:
            raise ValueError(f"{name} has a history, which a cache drops: write under no_grad()")
        if kept is not None and x.shape[:2] + x.shape[3:] != kept.shape[:2] + kept.shape[3:]:
            raise ValueError(f"{name} is {x.shape}; what is kept is {kept.shape}")
    if K.shape[:3] != V.shape[:3]:
        raise ValueError(f"each key needs one value: K is {K.shape}, V is {V.shape}")


class KVCache:
    """Keys and values of the tokens so far, for one attention layer.

    Args:
        capacity: the most tokens that it holds.

    Attributes:
        length: how many tokens came so far: the position of the next one.
        keys, values: arrays, None before the first call.

    Source: Pope et al. 2022, "Efficiently scaling Transformer inference", section 2.1.
    """

    def __init__(self, capacity: int) -> None:
        require_size("capacity", capacity)
        self.capacity = capacity
        self.length = 0
        self.keys: Array | None = None
        self.values: Array | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return sum(x.nbytes for x in (self.keys, self.values) if x is not None)

    def append(self, K: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
        """Keep new keys and values, and return all of them.

        Args:
            K: keys of new tokens, (batch, heads, n, head_dim).
            V: their values, (batch, heads, n, d_v).

        Returns:
            All keys (batch, heads, length, head_dim) and values, in the order they came.

        Raises:
            ValueError: the cache has no room, rows do not fit those before, or have a history.
        """
        require_rows(K, V, self.keys, self.values)
        ### BEGIN SOLUTION 17.2
        start, end = self.length, self.length + K.shape[2]
        if end > self.capacity:
            n = K.shape[2]
            raise ValueError(f"capacity is {self.capacity}: {start} are kept, {n} more do not fit")
        if self.keys is None or self.values is None:
            batch, heads = K.shape[:2]
            self.keys = np.empty((batch, heads, self.capacity, K.shape[3]), K.dtype)
            self.values = np.empty((batch, heads, self.capacity, V.shape[3]), V.dtype)
        self.keys[:, :, start:end] = K.data
        self.values[:, :, start:end] = V.data
        self.length = end
        keys, values = self.keys[:, :, :end], self.values[:, :, :end]
        return Tensor(keys, dtype=keys.dtype), Tensor(values, dtype=values.dtype)
        ### END SOLUTION


# %% test-17.2 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: KVCache...")
    checks.kv_cache(KVCache)
    print("✅ KVCache: rows in their order, room asked for once, no room told")


# %% [markdown]
# ## Who may look where
#
# The new queries are the last of the keys' tokens. Query $i$ of $n_q$ stands at place $n_k - n_q + i$ and sees the keys up to its
# own. A **window** of $w$ lets it see the last $w$ of them only, its own included.
#
# ### Exercise 17.3: look_back_mask
#
# $$mask_{ij} = 1 \;\text{ where }\; p_i - w < j \le p_i, \qquad p_i = n_k - n_q + i$$
#
# On paper: 2 queries and 5 keys give the rows 1 1 1 1 0 and 1 1 1 1 1; with a window of 2, 0 0 1 1 0 and 0 0 0 1 1.
#
# **Plan.** 1. A column of the places of the queries. 2. Compare with a row of the places of the keys. 3. A tensor.
#
# <details><summary>Hint</summary>
#
# `np.arange(n)[:, None]` is a column. Conditions of arrays are joined by `&`.
#
# </details>

# %% 17.3-look-back-mask
#| export
def look_back_mask(num_queries: int, num_keys: int, window: int | None = None) -> Tensor:
    """The causal mask of queries that are the last of the keys' tokens.

    Args:
        num_queries: n_q, at most `num_keys`.
        num_keys: n_k.
        window: how many keys a query sees at most, its own included; None: all before it.

    Returns:
        (n_q, n_k) of booleans; nonzero means the query may look at that key.

    Raises:
        ValueError: there are more queries than keys, or the window is no positive int.

    Source: Beltagy, Peters & Cohan 2020, "Longformer", section 3.1 (the window).
    """
    if num_queries > num_keys:
        raise ValueError(f"num_queries ({num_queries}) must be at most num_keys ({num_keys})")
    if window is not None:
        require_size("window", window)
    ### BEGIN SOLUTION 17.3
    places = np.arange(num_keys - num_queries, num_keys)[:, None]
    keys = np.arange(num_keys)
    allowed = keys <= places
    if window is not None:
        allowed &= keys > places - window
    return Tensor(allowed)
    ### END SOLUTION


# %% test-17.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: look_back_mask...")
    checks.look_back_mask(look_back_mask)
    print("✅ look_back_mask: the last tokens ask, a window ends the view")


# %% [markdown]
# ## Sharing keys
#
# A cache grows with the number of heads. **Grouped-query attention** lets several query heads share one head of keys and values;
# with a single one it is **multi-query attention**. Heads 0 and 1 use keys 0, heads 2 and 3 use keys 1:
#
# $$Q: (batch, heads, n_q, d) \qquad K, V: (batch, kv\_heads, n_k, d) \qquad \text{head } h \text{ uses } h \,\text{div}\, group$$
#
# ### Exercise 17.4: grouped_attention
#
# Copies of keys would fill the memory that was saved. Instead the queries of a group stand one under the other, as if they were
# more queries of one head: $(batch, kv\_heads, group \cdot n_q, d)$. Any attention function takes them.
#
# **Plan.** 1. Reshape the queries. 2. The mask has a row for each query of each head: give it those. 3. Call `attention`. 4. Reshape
# output and weights back.
#
# <details><summary>Hint</summary>
#
# `Q.reshape(batch, kv_heads, group * n_q, d)` puts whole heads under each other: head after head lies in memory.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `align_mask(mask, (batch, heads, n_q, n_k))` gives booleans that `np.broadcast_to` spreads to that shape; then reshape as the
# queries.
#
# </details>

# %% 17.4-grouped-attention
#| export
def grouped_attention(
    attention: Attention, Q: Tensor, K: Tensor, V: Tensor, mask: Any = None
) -> tuple[Tensor, Any]:
    """Attention in which groups of query heads share one head of keys and values.

    Args:
        attention: any function (Q, K, V, mask) -> (output, weights).
        Q: queries (batch, heads, n_q, head_dim).
        K: keys (batch, kv_heads, n_k, head_dim); kv_heads divides heads.
        V: values (batch, kv_heads, n_k, d_v).
        mask: nonzero means the query may look at that key; shapes as in `align_mask`.

    Returns:
        output (batch, heads, n_q, d_v) and weights (batch, heads, n_q, n_k), or what stands for
        them where `attention` forms none.

    Raises:
        ValueError: the number of key heads does not divide that of query heads.

    Source: Ainslie et al. 2023, "GQA", section 2.2; Shazeer 2019, "Fast Transformer decoding".
    """
    batch, heads, n_q, head_dim = Q.shape
    kv_heads, n_k = K.shape[1:3]
    if heads % kv_heads:
        raise ValueError(f"K has {kv_heads} heads; they must divide the {heads} heads of Q")
    if heads == kv_heads:
        return attention(Q, K, V, mask)
    ### BEGIN SOLUTION 17.4
    rows = heads // kv_heads * n_q
    if mask is not None:
        shape = batch, heads, n_q, n_k
        allowed = np.broadcast_to(align_mask(mask, shape), shape)
        mask = allowed.reshape(batch, kv_heads, rows, n_k)
    output, weights = attention(Q.reshape(batch, kv_heads, rows, head_dim), K, V, mask)
    if weights is not None:
        weights = weights.reshape(batch, heads, n_q, n_k)
    return output.reshape(batch, heads, n_q, V.shape[-1]), weights
    ### END SOLUTION


# %% test-17.4 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: grouped_attention...")
    checks.grouped_attention(grouped_attention)
    print("✅ grouped_attention: heads share keys, masks and gradients fit")


# %% [markdown]
# ## Attention with a cache
#
# ### Exercise 17.5: GroupedQueryAttention.attend
#
# As in module 12, with three additions. Rotary positions count from where the cache stands. The cache gives back all keys and
# values. With a cache a query looks back from its own place.
#
# **Plan.** Checks and `__init__` are given. 1. Project and split; keys and values have `num_kv_heads`. 2. With `rotary_base`: turn
# queries and keys, from `cache.length` on. 3. With a cache: append, and a `look_back_mask`; with a mask as well, both must allow it.
# 4. `grouped_attention`, merge, project.
#
# <details><summary>Hint</summary>
#
# Read `cache.length` before `append`: that is the place of the first new token. Keys are turned before they are kept.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Masks combine with `*`. One query that may look at every key needs no mask.
#
# </details>

# %% 17.5-grouped-query-attention
#| export
class GroupedQueryAttention(MultiHeadAttention):
    """Multi-head attention with shared keys, rotary positions, and a cache.

    Args:
        embed_dim: width of the input and of the output.
        num_heads: how many heads of queries; it must divide `embed_dim`.
        attention: any function (Q, K, V, mask) -> (output, weights).
        num_kv_heads: how many heads of keys and values; it divides `num_heads`. None: as many.
        rotary_base: as in `rotary_angles`; None: queries and keys are not turned.
        window: how many keys a query sees at most when there is a cache; None: all before it.
        bias: whether the Linear layers add one.
        rng: generator for the initial weights; None draws a fresh one.

    Raises:
        ValueError: sizes are out of range or do not fit; the message names them.

    Source: Ainslie et al. 2023, "GQA"; Touvron et al. 2023, "Llama 2", section 2.1.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        attention: Attention = vectorized_attention,
        *,
        num_kv_heads: int | None = None,
        rotary_base: float | None = None,
        window: int | None = None,
        bias: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        rng = np.random.default_rng() if rng is None else rng
        super().__init__(embed_dim, num_heads, attention, rng=rng)
        self.num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        require_size("num_kv_heads", self.num_kv_heads)
        if num_heads % self.num_kv_heads:
            raise ValueError(f"num_kv_heads ({num_kv_heads}) must divide num_heads ({num_heads})")
        self.rotary_base, self.window = rotary_base, window
        kv_dim = self.num_kv_heads * (embed_dim // num_heads)
        self.q_proj = Linear(embed_dim, embed_dim, bias, rng=rng)
        self.k_proj = Linear(embed_dim, kv_dim, bias, rng=rng)
        self.v_proj = Linear(embed_dim, kv_dim, bias, rng=rng)
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng)

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Any = None,
        *,
        cache: "KVCache | None" = None,
    ) -> tuple[Tensor, Any]:
        """Let `query` look at `key` and take from `value`, and at what the cache keeps.

        Args:
            query: (batch, n_q, embed_dim).
            key, value: (batch, n, embed_dim); with a cache n is n_q, the same tokens.
            mask: nonzero means the query may look at that key; shapes as in `align_mask`.
            cache: keys and values of earlier tokens; the new ones are added to it.

        Returns:
            output (batch, n_q, embed_dim) and weights (batch, num_heads, n_q, n_k).

        Raises:
            TypeError, ValueError: an argument of another type or shape; the message names it.
        """
        check_words(self.embed_dim, query=query, key=key, value=value)
        if cache is not None and query.shape != key.shape:
            raise ValueError(f"with a cache query {query.shape} and key {key.shape} must agree")
        ### BEGIN SOLUTION 17.5
        Q = split_heads(self.q_proj(query), self.num_heads)
        K = split_heads(self.k_proj(key), self.num_kv_heads)
        V = split_heads(self.v_proj(value), self.num_kv_heads)
        if self.rotary_base is not None:
            start, n = 0 if cache is None else cache.length, max(Q.shape[2], K.shape[2])
            angles = rotary_angles(n, Q.shape[3], self.rotary_base, start)
            Q, K = (rotary(x, angles=angles[: x.shape[2]]) for x in (Q, K))
        if cache is not None:
            K, V = cache.append(K, V)
            if Q.shape[2] > 1 or self.window is not None:
                back = look_back_mask(Q.shape[2], K.shape[2], self.window)
                mask = back if mask is None else back * mask
        output, weights = grouped_attention(self.attention, Q, K, V, mask)
        return self.out_proj(merge_heads(output)), weights
        ### END SOLUTION


# %% test-17.5 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: GroupedQueryAttention...")
    checks.grouped_query_attention(GroupedQueryAttention, KVCache)
    print("✅ GroupedQueryAttention: equal to the full pass at every position")


# %% [markdown]
# ## A cache that forgets
#
# With a window of $w$ a query needs the last $w$ keys. What is older may go: the cache stops growing.
#
# ### Exercise 17.6: SlidingCache.append
#
# $n$ new queries need the last $w - 1 + n$ keys. The first of the new ones sees $w - 1$ old ones and itself.
#
# **Plan.** 1. Old rows and new rows in one array. 2. The last $w - 1 + n$ of them are kept and returned. 3. `length` still counts every
# token: positions go on.
#
# <details><summary>Hint</summary>
#
# `np.concatenate([old, new], axis=2)[:, :, -count:]` is a view that holds on to the whole; a few rows more, until the next call.
#
# </details>

# %% 17.6-sliding-cache
#| export
class SlidingCache(KVCache):
    """A cache of the last keys and values, for attention with a window.

    Args:
        window: how many keys a query sees at most, its own included.

    Source: Jiang et al. 2023, "Mistral 7B", section 2.
    """

    def __init__(self, window: int) -> None:
        require_size("window", window)
        super().__init__(window)
        self.window = window

    def append(self, K: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
        """Keep new keys and values, and return those that the new queries may see.

        Args:
            K, V: as in `KVCache.append`.

        Returns:
            The last `window - 1 + n` keys and values, fewer at the beginning.

        Raises:
            ValueError: rows do not fit those before, or have a history.
        """
        require_rows(K, V, self.keys, self.values)
        ### BEGIN SOLUTION 17.6
        if self.keys is None or self.values is None:
            self.keys, self.values = K.data[:, :, :0], V.data[:, :, :0]
        count = self.window - 1 + K.shape[2]
        self.keys = np.concatenate([self.keys, K.data], axis=2)[:, :, -count:]
        self.values = np.concatenate([self.values, V.data], axis=2)[:, :, -count:]
        self.length += K.shape[2]
        return Tensor(self.keys, dtype=K.dtype), Tensor(self.values, dtype=V.dtype)
        ### END SOLUTION


# %% test-17.6 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: SlidingCache...")
    checks.sliding_cache(SlidingCache, GroupedQueryAttention)
    print("✅ SlidingCache: as many keys as are seen, positions go on")


# %% [markdown]
# ## A GPT with caches
#
# Given: a config with what newer models add, and a block that hands its cache to attention.

# %% decoder-config
#| export
@dataclass(frozen=True)
class DecoderConfig(GPTConfig):
    """The sizes of a GPT whose heads may share keys, plain values only.

    Raises:
        ValueError: as for `GPTConfig`, or `num_kv_heads` does not divide `num_heads`.
    """

    num_kv_heads: int | None = None  # None: as many as heads; 1: multi-query attention
    rotary_base: float = 10000.0  # Llama 3 and others take more, for longer texts
    window: int | None = None  # how many keys a query sees; None: all before it
    attention_bias: bool = True  # of the four Linear layers; Llama has none

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("num_kv_heads", "window"):
            if getattr(self, name) is not None:
                require_size(name, getattr(self, name))
        if self.num_kv_heads and self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_kv_heads ({self.num_kv_heads}) must divide num_heads ({self.num_heads})"
            )


class CachedBlock(Block):
    """A `Block` whose attention keeps keys and values. Arguments: `Block`'s, and a config."""

    attention: GroupedQueryAttention

    def __init__(
        self, config: DecoderConfig, feed_forward: Layer, *, attention: Attention, **options: Any
    ) -> None:
        super().__init__(config.embed_dim, config.num_heads, feed_forward, **options)
        self.attention = GroupedQueryAttention(
            config.embed_dim,
            config.num_heads,
            attention,
            num_kv_heads=config.num_kv_heads,
            rotary_base=config.rotary_base if config.positions == "rotary" else None,
            window=config.window,
            bias=config.attention_bias,
            rng=options["rng"],
        )

    def forward(self, x: Tensor, mask: Any = None, cache: KVCache | None = None) -> Tensor:
        """x: (batch, n, embed_dim) -> the same shape; nonzero in `mask`: may look."""
        words = self.norm1(x)
        looked, _ = self.attention.attend(words, words, words, mask, cache=cache)
        x = x + self.dropout(looked)
        output: Tensor = x + self.dropout(self.feed_forward(self.norm2(x)))
        return output


# %% [markdown]
# ### Exercise 17.7: CachedGPT.hidden
#
# The way of the new tokens through the model, up to the last norm. Their positions begin where the caches stand. Without caches it is
# the full pass of module 13, with the window if there is one.
#
# **Plan.** 1. Rows of the ids. 2. The first position: 0, or the length of the first cache. A `ValueError` that names `context_len` when the
# last one is beyond it. 3. `learned`, `sinusoidal`: rows from there on. 4. Dropout. 5. Each block with its cache; without caches with a
# `look_back_mask`. 6. Norm.
#
# <details><summary>Hint</summary>
#
# `self.positions.weight[start:end]`, and `sinusoidal_positions(end, embed_dim)[start:]`.
#
# </details>

# %% 17.7-cached-gpt
#| export
class CachedGPT(GPT):
    """A GPT that can go on from keys and values it has kept.

    Args:
        config, attention, activation, rng: as for `GPT`, with a `DecoderConfig`.

    Source: Radford et al. 2019 (the model); Pope et al. 2022, section 2.1 (the cache).
    """

    config: DecoderConfig

    def make_block(self, feed_forward: Layer, **options: Any) -> Block:
        """Make one of the blocks."""
        return CachedBlock(self.config, feed_forward, dropout=self.config.dropout, **options)

    def new_caches(self) -> list[KVCache]:
        """An empty cache for each block."""
        window, capacity = self.config.window, self.config.context_len
        return [SlidingCache(window) if window else KVCache(capacity) for _ in self.blocks]

    def hidden(self, ids: Any, caches: Sequence[KVCache] | None = None) -> Tensor:
        """What the model makes of new tokens, before the head.

        Args:
            ids: integers (batch, n), the tokens after those in the caches.
            caches: one a block; the new tokens are added. None: the ids are the whole text.

        Returns:
            (batch, n, embed_dim).

        Raises:
            TypeError: the ids are not integers.
            ValueError: they have not two axes, one is no token, or the text is too long.
        """
        if np.ndim(unwrap(ids)) != 2:
            raise ValueError(f"ids must be (batch, n); got shape {np.shape(unwrap(ids))}")
        ### BEGIN SOLUTION 17.7
        x = self.tokens(ids)
        n, config = x.shape[1], self.config
        start = 0 if caches is None else caches[0].length
        end = start + n
        if end > config.context_len:
            raise ValueError(f"the text has {end} tokens; context_len is {config.context_len}")
        if config.positions == "learned":
            x = x + self.positions.weight[start:end]
        elif config.positions == "sinusoidal":
            x = x + sinusoidal_positions(end, config.embed_dim)[start:]
        x = self.dropout(x)
        mask = look_back_mask(n, n, config.window) if caches is None else None
        for number, block in enumerate(self.blocks):
            x = block(x, mask, None if caches is None else caches[number])
        output: Tensor = self.norm(x)
        return output
        ### END SOLUTION

    def forward(self, ids: Any, caches: Sequence[KVCache] | None = None) -> Tensor:
        """Score every possible next token at every place: (batch, n) -> (batch, n, vocab_size)."""
        logits: Tensor = self.hidden(ids, caches) @ self.tokens.weight.T
        return logits

    def next_logits(self, ids: Any, caches: Sequence[KVCache] | None = None) -> Tensor:
        """The same for the last place alone: (batch, n) -> (batch, vocab_size)."""
        logits: Tensor = self.hidden(ids, caches)[:, -1] @ self.tokens.weight.T
        return logits


# %% test-17.7 points=4
if __name__ == "__main__":
    print("🔬 Unit Test: CachedGPT...")
    checks.cached_gpt(CachedGPT, DecoderConfig)
    print("✅ CachedGPT: logits equal to the full pass, whatever the pieces")


# %% [markdown]
# ## Writing with it
#
# ### Exercise 17.8: generate_cached
#
# As `generate`, but each step reads the new tokens only: first the prompt, then one token at a time. When the context is full, the
# last half of it is read anew with empty caches. `generate` moves the context by one token instead: from there on the two differ.
#
# **Plan.** 1. Evaluation mode, new caches, the last `context_len` ids of the prompt to read. 2. `num_tokens` times: logits without
# recording; draw; yield; the token is what is read next. 3. No room for it: new caches, and the last `context_len // 2` ids to read.
#
# <details><summary>Hint</summary>
#
# `caches[0].length` tells how many tokens are kept.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Keep all ids in one list and what is to be read in another.
#
# </details>

# %% 17.8-generate-cached
#| export
def generate_cached(
    model: CachedGPT,
    ids: Any,
    num_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator,
) -> Iterator[int]:
    """Go on from `ids` with a cache: yields `num_tokens` new ids, one by one.

    Args:
        model: stays in evaluation mode afterwards.
        ids: integers, a list or array (n,), at least one; the last `context_len` are read.
        num_tokens: how many to add.
        temperature, top_k, top_p, rng: as in `sample_token`.

    Returns:
        An iterator over the new ids.

    Raises:
        ValueError: there is no id to begin with, or as in `sample_token`; when the first is asked.
    """
    ids = np.asarray(unwrap(ids)).tolist()
    if not isinstance(ids, list) or not ids:
        raise ValueError(f"ids must be (n,), at least one to begin with; got {ids}")
    ### BEGIN SOLUTION 17.8
    model.eval()
    context_len = model.config.context_len
    caches, unread = model.new_caches(), ids[-context_len:]
    for _ in range(num_tokens):
        if caches[0].length + len(unread) > context_len:
            caches, unread = model.new_caches(), ids[-max(1, context_len // 2) :]
        with no_grad():
            logits = model.next_logits(np.array([unread]), caches).data[0]
        token = sample_token(logits, temperature=temperature, top_k=top_k, top_p=top_p, rng=rng)
        ids.append(token)
        unread = [token]
        yield token
    ### END SOLUTION


# %% test-17.8 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: generate_cached...")
    checks.generate_cached(generate_cached)
    print("✅ generate_cached: each token is read once")

# %% [markdown]
# The same weights write with and without a cache. The tokens that pass the last norm are counted.

# %% both-ways
if __name__ == "__main__":
    from tinytorch.core.transformers import generate

    class CountingNorm(Layer):
        """Counts the tokens that pass."""

        def __init__(self, norm: Layer) -> None:
            self.norm, self.passed = norm, 0

        def forward(self, x: Tensor) -> Tensor:
            self.passed += x.shape[1]
            return self.norm(x)

    config = DecoderConfig(len(letters), context_len=128, num_layers=2, num_heads=4, embed_dim=32,
                           num_kv_heads=2, positions="rotary", norm="rms")  # fmt: skip
    model = CachedGPT(config, vectorized_attention, rng=np.random.default_rng(17))
    model.norm, told = CountingNorm(model.norm), []
    for write in (generate, generate_cached):
        model.norm.passed = 0
        new = [*write(model, ids[:1], 100, rng=np.random.default_rng(17))]
        told.append("".join(letters[token] for token in new))
        print(f"{write.__name__:>16}: {model.norm.passed:5,} tokens passed")
    print("the same text:", told[0] == told[1])


# %% [markdown]
# ## What a cache costs
#
# ### Exercise 17.9: cache_bytes
#
# Keys and values, for each layer, head and token:
#
# $$2 \cdot num\_layers \cdot kv\_heads \cdot head\_dim \cdot tokens \cdot bytes$$
#
# With a window no more than `window` tokens are kept once a text is longer than that.
#
# **Plan.** The tokens that are kept, then the product.
#
# <details><summary>Hint</summary>
#
# `min(seq_len, window)`, when there is a window.
#
# </details>

# %% 17.9-cache-bytes
#| export
def cache_bytes(
    num_layers: int,
    num_kv_heads: int,
    head_dim: int,
    seq_len: int,
    *,
    window: int | None = None,
    bytes_per_number: int = 2,
) -> int:
    """The memory that keys and values of one text take.

    Args:
        num_layers, num_kv_heads, head_dim: sizes of the model.
        seq_len: tokens of the text.
        window: how many of them are kept at most; None: all.
        bytes_per_number: 2 for 16-bit floats, as published models are run; 4 for float32.

    Returns:
        Bytes.

    Source: Pope et al. 2022, section 2.1.
    """
    ### BEGIN SOLUTION 17.9
    kept = seq_len if window is None else min(seq_len, window)
    return 2 * num_layers * num_kv_heads * head_dim * kept * bytes_per_number
    ### END SOLUTION


# %% test-17.9 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: cache_bytes...")
    checks.cache_bytes(cache_bytes)
    print("✅ cache_bytes: keys and values, every layer, a window")

# %% [markdown]
# Sizes as published: GPT-2 (Radford et al. 2019), Llama 2 7B (Touvron et al. 2023), Llama 3 8B (Grattafiori et al. 2024), Mistral 7B
# (Jiang et al. 2023), Falcon 7B (Almazrouei et al. 2023), SmolLM2 135M (Ben Allal et al. 2025); the length is each one's context.

# %% published
if __name__ == "__main__":
    published = {  # layers, heads, heads of keys, head_dim, context, window
        "GPT-2 124M": (12, 12, 12, 64, 1024, None),
        "Llama 2 7B": (32, 32, 32, 128, 4096, None),
        "Llama 3 8B": (32, 32, 8, 128, 8192, None),
        "Mistral 7B": (32, 32, 8, 128, 8192, 4096),
        "Falcon 7B": (32, 71, 1, 64, 2048, None),
        "SmolLM2 135M": (30, 9, 3, 64, 8192, None),
    }
    print("model          heads  of keys  tokens   cache     with as many heads of keys")
    for name, (layers, heads, kv_heads, width, length, window) in published.items():
        own = cache_bytes(layers, kv_heads, width, length, window=window)
        all_heads = cache_bytes(layers, heads, width, length, window=window)
        sizes = f"{own / 1e6:7,.0f} MB {all_heads / 1e6:7,.0f} MB"
        print(f"{name:14} {heads:5} {kv_heads:8} {length:7,} {sizes}")

# %% [markdown]
# ## What is left out, and why
#
# - **Pages.** Servers cut caches into pages, to share them among many users. One user needs one piece.
# - **Narrower numbers.** A cache may hold 8-bit numbers; module 15 shows how they are made.
# - **Training with it.** A cache is for writing; in training all places are known at once.
# - **Attention itself.** Each new token still looks at all keys: the scores of a text stay $n^2 / 2$ in number.
#
# ## Report

# %% report
if __name__ == "__main__":
    print("📈 Progress: Memoization ✓  (cache, window, shared keys, CachedGPT)")
    print("💡 Next: tito module complete 17")
