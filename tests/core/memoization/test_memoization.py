"""The worked examples of module 17, and what is written with a cache."""

import numpy as np
import pytest

from tests.core.draw import assert_close, normal, tensors
from tests.core.memoization.pieces import decoder, in_pieces, row, text
from tinytorch.core.attention import create_causal_mask
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer
from tinytorch.core.memoization import (
    CachedGPT,
    DecoderConfig,
    GroupedQueryAttention,
    KVCache,
    SlidingCache,
    cache_bytes,
    generate_cached,
    look_back_mask,
    tokens_processed,
)
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPTConfig, generate

# ---- on paper ----


def test_three_new_tokens_after_one_are_six_passes_or_three() -> None:
    assert (tokens_processed(1, 3, False), tokens_processed(1, 3, True)) == (6, 3)
    assert (tokens_processed(5, 0, False), tokens_processed(5, 0, True)) == (0, 0)


def test_two_queries_look_back_at_five_keys() -> None:
    assert look_back_mask(2, 5).data.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert look_back_mask(2, 5, 2).data.tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]
    assert_close(look_back_mask(7, 7), create_causal_mask(7), 0)


def test_a_cache_gives_back_all_rows_a_sliding_one_the_last() -> None:
    whole, sliding = KVCache(3), SlidingCache(2)
    for number in (1, 2, 3):
        keys, values = whole.append(row(number), row(10 * number))
        last, _ = sliding.append(row(number), row(10 * number))
    assert keys.data.ravel().tolist() == [1, 2, 3]
    assert values.data.ravel().tolist() == [10, 20, 30]
    assert last.data.ravel().tolist() == [2, 3]
    assert whole.length == sliding.length == 3


def test_the_bytes_of_a_cache_are_those_that_are_computed() -> None:
    cache = KVCache(7)
    assert cache.nbytes == 0
    cache.append(*(Tensor(np.zeros((1, 3, 2, 5))) for _ in range(2)))
    assert cache.nbytes == cache_bytes(1, 3, 5, 7, bytes_per_number=4) == 2 * 3 * 5 * 7 * 4
    assert cache_bytes(1, 3, 5, 7, window=2) == 2 * 3 * 5 * 2 * 2


def test_the_arrays_of_a_sliding_cache_do_not_grow() -> None:
    cache = SlidingCache(3)
    for number in range(50):
        cache.append(row(number), row(number))
    assert cache.nbytes == cache_bytes(1, 1, 1, 50, window=3, bytes_per_number=4)
    assert cache.length == 50


# ---- generating ----


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_it_writes_what_generate_writes_until_the_context_is_full(positions, attention) -> None:
    model = decoder(attention, positions=positions, num_kv_heads=2)
    one, other = (
        [*write(model, [3], 6, rng=np.random.default_rng(5))]
        for write in (generate, generate_cached)
    )
    assert one == other


class Counted(Layer):
    """A norm that counts the tokens that pass."""

    def __init__(self, norm: Layer) -> None:
        self.inner, self.passed = norm, 0

    def forward(self, x: Tensor) -> Tensor:
        self.passed += x.shape[1]
        return self.inner(x)


@pytest.mark.parametrize("prompt_len", [1, 3])
def test_as_many_tokens_pass_as_are_computed(prompt_len) -> None:
    model = decoder()
    model.norm = counted = Counted(model.norm)
    for write, cached in ((generate, False), (generate_cached, True)):
        counted.passed = 0
        ids = text(1, 1, prompt_len)[0]
        assert len([*write(model, ids, 4, rng=np.random.default_rng(1))]) == 4
        assert counted.passed == tokens_processed(prompt_len, 4, cached)


def test_when_the_context_is_full_the_last_half_is_read_anew() -> None:
    model, ids = decoder(context_len=5, positions="rotary"), [1, 2, 3]
    new = [*generate_cached(model, ids, 6, temperature=0, rng=np.random.default_rng(1))]
    seen = [1, 2, 3]
    for token in new:  # 5 tokens fit; before a sixth is read, 2 are read anew
        assert token == model(np.array([seen])).data[0, -1].argmax()
        seen = [*seen, token]
        seen = seen if len(seen) <= 5 else seen[-2:]


def test_a_long_prompt_is_cut_and_the_given_ids_stay() -> None:
    model, ids = decoder(), text(2, 1, 20)[0]
    before = ids.copy()
    for given in (ids, Tensor(ids), ids.tolist()):
        [new] = generate_cached(model, given, 1, temperature=0, rng=np.random.default_rng(1))
        assert new == model(ids[None, -7:]).data[0, -1].argmax()
    assert_close(ids, before, 0)


def test_next_logits_are_those_of_the_last_place() -> None:
    model, ids = decoder(), text(3)
    assert_close(model.next_logits(ids), model(ids).data[:, -1], 1e-12)


def test_a_window_makes_sliding_caches_and_their_room_is_the_window() -> None:
    assert {type(cache) for cache in decoder().new_caches()} == {KVCache}
    assert [cache.capacity for cache in decoder(window=3).new_caches()] == [3, 3]
    assert {type(cache) for cache in decoder(window=3).new_caches()} == {SlidingCache}


def test_a_plain_config_is_a_gpt_config() -> None:
    assert isinstance(DecoderConfig(7), GPTConfig)
    names = {
        name for name, _ in CachedGPT(DecoderConfig(7, attention_bias=False)).named_parameters()
    }
    assert "blocks.0.feed_forward.up_proj.bias" in names
    assert not any("attention" in name and name.endswith("bias") for name in names)


def test_a_layer_of_float64_keeps_it_in_its_cache() -> None:
    layer = GroupedQueryAttention(4, 2, num_kv_heads=1, rotary_base=100.0).to(np.float64)
    cache = KVCache(3)
    (words,) = tensors(normal(1, (1, 3, 4)))
    with no_grad():
        output, weights = layer.attend(words, words, words, cache=cache)
    assert output.dtype == weights.dtype == np.float64
    assert cache.keys is not None and cache.keys.dtype == np.float64


def test_a_float32_model_agrees_in_pieces_as_far_as_float32_goes() -> None:
    model, ids = decoder(dtype=np.float32, positions="rotary", num_kv_heads=1), text(4)
    assert_close(in_pieces(model, ids, [1, 2, 5]), model(ids), 1e-4)
