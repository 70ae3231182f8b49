"""A text in any pieces gives the full pass's logits at every position, the first one included."""

from functools import cache

import numpy as np
import pytest

from tests.core.draw import assert_close, normal, tensors
from tests.core.memoization.pieces import LENGTH, decoder, in_pieces, text, written_out
from tinytorch import fused
from tinytorch.core.attention import scaled_dot_product_attention, vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.losses import cross_entropy
from tinytorch.core.memoization import (
    GroupedQueryAttention,
    KVCache,
    SlidingCache,
    grouped_attention,
    look_back_mask,
)
from tinytorch.core.tensor import Tensor

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
bounded = hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
ATTENTION = {
    "loops": scaled_dot_product_attention,
    "matrix": vectorized_attention,
    "fused": fused.attention,
}
every = pytest.mark.parametrize("attention", ATTENTION)
CUTS = st.sets(st.integers(1, LENGTH - 1)).map(sorted)
OPTIONS = st.fixed_dictionaries(
    {
        "positions": st.sampled_from(["learned", "sinusoidal", "rotary"]),
        "num_kv_heads": st.sampled_from([None, 1, 2]),
        "window": st.sampled_from([None, 1, 2, 3, 5, 50]),
        "norm": st.sampled_from(["layer", "rms"]),
    }
)
SEEDS = st.integers(0, 2**32 - 1)


@cache
def full_pass(seed: int, **options: object) -> np.ndarray:
    """Logits of module 13's GPT with every head written out."""
    return written_out(decoder(**options))(text(seed)).data


@every
@bounded
@hypothesis.given(cuts=CUTS, options=OPTIONS, seed=SEEDS)
def test_any_pieces_give_the_logits_of_the_full_pass(attention, cuts, options, seed) -> None:
    model = decoder(ATTENTION[attention], **options)
    right = full_pass(seed, **options)
    assert_close(in_pieces(model, text(seed), cuts), right, 1e-12)


@every
@bounded
@hypothesis.given(options=OPTIONS, seed=SEEDS)
def test_without_caches_the_model_is_a_gpt_with_every_head_written_out(
    attention, options, seed
) -> None:
    model = decoder(ATTENTION[attention], **options)
    assert_close(model(text(seed)), full_pass(seed, **options), 1e-12)


@bounded
@hypothesis.given(options=OPTIONS, seed=SEEDS)
def test_its_gradients_are_those_of_the_heads_written_out(options, seed) -> None:
    model, ids, labels = decoder(**options), text(seed), text(seed + 1)
    peer = written_out(model)
    for each in (model, peer):
        cross_entropy(each(ids), labels).backward()
    theirs = dict(peer.named_parameters())
    for name, part in model.named_parameters():
        grad = theirs[name].grad
        if "k_proj" in name or "v_proj" in name:  # a shared head gets the sum of its copies'
            kv_heads = options["num_kv_heads"] or 4
            grad = grad.reshape(*grad.shape[:-1], kv_heads, -1, 4).sum(-2)
        assert_close(part.grad, grad.reshape(part.shape), 1e-12)


@bounded
@hypothesis.given(cuts=CUTS, window=st.integers(1, 9), seed=SEEDS)
def test_a_sliding_cache_says_what_a_whole_one_and_a_mask_say(cuts, window, seed) -> None:
    layer = GroupedQueryAttention(8, 4, num_kv_heads=2, rotary_base=50.0, window=window)
    layer = layer.to(np.float64)
    (x,) = normal(seed, (2, LENGTH, 8))
    results = []
    for kept in (KVCache(LENGTH), SlidingCache(window)):
        with no_grad():
            pieces = (Tensor(piece, dtype=np.float64) for piece in np.split(x, cuts, axis=1))
            outputs = [layer.attend(p, p, p, cache=kept)[0].data for p in pieces]
        results.append(np.concatenate(outputs, axis=1))
    assert_close(*results, 1e-12)


@bounded
@hypothesis.given(cuts=CUTS, seed=SEEDS)
def test_a_cache_and_a_mask_of_padding_go_together(cuts, seed) -> None:
    layer = GroupedQueryAttention(8, 4, num_kv_heads=1, rotary_base=50.0).to(np.float64)
    (x,) = normal(seed, (2, LENGTH, 8))
    hidden = np.ones((2, 1, 1, LENGTH))
    hidden[0, ..., :2] = 0  # two tokens of padding before the first text
    words = Tensor(x, dtype=np.float64)
    right = layer.attend(words, words, words, look_back_mask(LENGTH, LENGTH) * hidden)[0]
    kept, outputs, end = KVCache(LENGTH), [], 0
    with no_grad():
        for piece in np.split(x, cuts, axis=1):
            end += piece.shape[1]
            words = Tensor(piece, dtype=np.float64)
            outputs.append(layer.attend(words, words, words, hidden[..., :end], cache=kept)[0].data)
    assert_close(np.concatenate(outputs, axis=1), right, 1e-12)


@every
@bounded
@hypothesis.given(
    kv_heads=st.integers(1, 3), group=st.integers(1, 3), masked=st.booleans(), seed=SEEDS
)
def test_grouped_attention_is_attention_with_the_keys_written_out(
    attention, kv_heads, group, masked, seed
) -> None:
    heads, function = kv_heads * group, ATTENTION[attention]
    arrays = normal(seed, (2, heads, 3, 5), (2, kv_heads, 7, 5), (2, kv_heads, 7, 2))
    mask = np.random.default_rng(seed).random((2, heads, 3, 7)) < 0.6 if masked else None
    results = []
    for shared in (True, False):
        Q, K, V = tensors(arrays)
        if shared:
            output, weights = grouped_attention(function, Q, K, V, mask)
        else:
            index = np.arange(heads) // group
            output, weights = function(Q, K[:, index], V[:, index], mask)
        output.backward(np.cos(np.arange(output.data.size)).reshape(output.shape))
        results.append([output.data, weights.data, Q.grad, K.grad, V.grad])
    for got, right in zip(*results, strict=True):
        assert_close(got, right, 1e-12)
