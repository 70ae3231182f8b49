"""What the parts of module 17 refuse, and what their messages name."""

import numpy as np
import pytest

from tests.core.draw import normal
from tests.core.memoization.pieces import VOCABULARY, decoder, row, text
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.memoization import (
    DecoderConfig,
    GroupedQueryAttention,
    KVCache,
    SlidingCache,
    generate_cached,
    grouped_attention,
    look_back_mask,
)
from tinytorch.core.tensor import Tensor


def test_a_full_cache_names_its_capacity_and_stays_as_it_was() -> None:
    cache = KVCache(2)
    cache.append(*(Tensor(np.ones((1, 1, 2, 1))) for _ in range(2)))
    with pytest.raises(ValueError, match="capacity is 2"):
        cache.append(row(7), row(7))
    assert cache.length == 2 and cache.keys is not None and cache.keys.ravel().tolist() == [1, 1]


@pytest.mark.parametrize("make", [KVCache, SlidingCache])
@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        (((1, 3, 5), (1, 2, 3, 5)), r"K must be \(batch, heads, n, head_dim\)"),
        (((1, 2, 3, 5), (1, 2, 1, 5)), "each key needs one value"),
        (((1, 2, 3, 7), (1, 2, 3, 5)), "K is .*; what is kept is"),
        (((1, 2, 3, 5), (1, 2, 3, 7)), "V is .*; what is kept is"),
        (((2, 2, 3, 5), (2, 2, 3, 5)), "K is .*; what is kept is"),
    ],
)
def test_rows_that_do_not_fit_those_before_are_refused(make, shapes, told) -> None:
    cache = make(11)
    cache.append(*(Tensor(np.zeros((1, 2, 3, 5))) for _ in range(2)))
    with pytest.raises(ValueError, match=told):
        cache.append(*(Tensor(np.zeros(shape)) for shape in shapes))
    assert cache.length == 3


@pytest.mark.parametrize("make", [KVCache, SlidingCache])
def test_rows_with_a_history_are_refused(make) -> None:
    with pytest.raises(ValueError, match="K has a history"):
        make(3).append(Tensor([[[[1.0]]]], requires_grad=True), row(1))


@pytest.mark.parametrize("size", [0, -1, 2.0])
def test_sizes_must_be_positive_ints(size) -> None:
    with pytest.raises(ValueError, match="capacity must be a positive int; got"):
        KVCache(size)
    with pytest.raises(ValueError, match="window must be a positive int; got"):
        SlidingCache(size)
    with pytest.raises(ValueError, match="window must be a positive int; got"):
        look_back_mask(1, 2, size)


def test_more_queries_than_keys_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_queries \(3\) must be at most num_keys \(2\)"):
        look_back_mask(3, 2)


def test_heads_that_do_not_divide_are_refused() -> None:
    Q, K = (Tensor(x) for x in normal(1, (1, 6, 3, 2), (1, 4, 3, 2)))
    with pytest.raises(ValueError, match="K has 4 heads; they must divide the 6 heads of Q"):
        grouped_attention(vectorized_attention, Q, K, K)
    with pytest.raises(ValueError, match=r"num_kv_heads \(4\) must divide num_heads \(6\)"):
        GroupedQueryAttention(12, 6, num_kv_heads=4)
    with pytest.raises(ValueError, match=r"num_kv_heads \(3\) must divide num_heads \(4\)"):
        DecoderConfig(7, num_kv_heads=3)
    with pytest.raises(ValueError, match="window must be a positive int"):
        DecoderConfig(7, window=0)
    with pytest.raises(ValueError, match="embed_dim"):
        DecoderConfig(7, embed_dim=10, num_heads=4)


def test_with_a_cache_query_and_key_are_the_same_tokens() -> None:
    layer = GroupedQueryAttention(4, 2)
    query, key = (Tensor(x) for x in normal(1, (1, 2, 4), (1, 3, 4)))
    with pytest.raises(ValueError, match=r"with a cache query .* and key .* must agree"):
        layer.attend(query, key, key, cache=KVCache(7))


def test_a_text_longer_than_the_context_is_refused_before_the_caches_change() -> None:
    model = decoder(context_len=5)
    caches = model.new_caches()
    with no_grad():
        model(text(1, length=4), caches)
        with pytest.raises(ValueError, match="6 tokens; context_len is 5"):
            model(text(1, length=2), caches)
    assert [cache.length for cache in caches] == [4, 4]
    with pytest.raises(ValueError, match=r"ids must be \(batch, n\); got shape \(3,\)"):
        model(np.array([1, 2, 3]))
    with pytest.raises(TypeError):
        model(np.array([[0.5]]))
    with pytest.raises(ValueError, match="ids"):
        model(np.array([[VOCABULARY]]))


@pytest.mark.parametrize("ids", [[], 3])
def test_generating_begins_with_an_id(ids) -> None:
    stream = generate_cached(decoder(), ids, 1, rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"ids must be \(n,\), at least one"):
        next(stream)
