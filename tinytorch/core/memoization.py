# 17. Memoization
# Made from modules/17_memoization/memoization_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 231359fb6c4960ca29e0583e6ad96726cc74161899661d0054fffe2b98917fc7


# cell: imports
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


# cell: 17.1-tokens-processed
def tokens_processed(prompt_len: int, num_tokens: int, cached: bool) -> int:
    """How many tokens pass through the model until `num_tokens` new ones are written.

    Args:
        prompt_len: tokens of the prompt, at least 1.
        num_tokens: tokens to write; 0 or more.
        cached: whether keys and values of earlier tokens are kept.

    Returns:
        The count.
    """
    if num_tokens == 0:
        return 0
    last = prompt_len + num_tokens - 1
    return last if cached else num_tokens * (prompt_len + last) // 2


# cell: 17.2-kv-cache
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


# cell: 17.3-look-back-mask
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
    places = np.arange(num_keys - num_queries, num_keys)[:, None]
    keys = np.arange(num_keys)
    allowed = keys <= places
    if window is not None:
        allowed &= keys > places - window
    return Tensor(allowed)


# cell: 17.4-grouped-attention
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
    rows = heads // kv_heads * n_q
    if mask is not None:
        shape = batch, heads, n_q, n_k
        allowed = np.broadcast_to(align_mask(mask, shape), shape)
        mask = allowed.reshape(batch, kv_heads, rows, n_k)
    output, weights = attention(Q.reshape(batch, kv_heads, rows, head_dim), K, V, mask)
    if weights is not None:
        weights = weights.reshape(batch, heads, n_q, n_k)
    return output.reshape(batch, heads, n_q, V.shape[-1]), weights


# cell: 17.5-grouped-query-attention
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


# cell: 17.6-sliding-cache
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
        if self.keys is None or self.values is None:
            self.keys, self.values = K.data[:, :, :0], V.data[:, :, :0]
        count = self.window - 1 + K.shape[2]
        self.keys = np.concatenate([self.keys, K.data], axis=2)[:, :, -count:]
        self.values = np.concatenate([self.values, V.data], axis=2)[:, :, -count:]
        self.length += K.shape[2]
        return Tensor(self.keys, dtype=K.dtype), Tensor(self.values, dtype=V.dtype)


# cell: decoder-config
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


# cell: 17.7-cached-gpt
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

    def forward(self, ids: Any, caches: Sequence[KVCache] | None = None) -> Tensor:
        """Score every possible next token at every place: (batch, n) -> (batch, n, vocab_size)."""
        logits: Tensor = self.hidden(ids, caches) @ self.tokens.weight.T
        return logits

    def next_logits(self, ids: Any, caches: Sequence[KVCache] | None = None) -> Tensor:
        """The same for the last place alone: (batch, n) -> (batch, vocab_size)."""
        logits: Tensor = self.hidden(ids, caches)[:, -1] @ self.tokens.weight.T
        return logits


# cell: 17.8-generate-cached
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


# cell: 17.9-cache-bytes
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
    kept = seq_len if window is None else min(seq_len, window)
    return 2 * num_layers * num_kv_heads * head_dim * kept * bytes_per_number


__all__ = [
    "CachedBlock",
    "CachedGPT",
    "DecoderConfig",
    "GroupedQueryAttention",
    "KVCache",
    "SlidingCache",
    "cache_bytes",
    "generate_cached",
    "grouped_attention",
    "look_back_mask",
    "require_rows",
    "tokens_processed",
]
