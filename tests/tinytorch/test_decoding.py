"""The faster twin of `CachedGPT` writes what the model itself writes, whatever its parts."""

import itertools

import numpy as np
import pytest

from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.memoization import CachedGPT, DecoderConfig, generate_cached
from tinytorch.decoding import Decoder

KINDS = [*itertools.product(("learned", "sinusoidal", "rotary"), ("layer", "rms"),
                            ("gelu", "swiglu"), (1, 2, 4), (None, 3))]  # fmt: skip


def drawn(positions, norm, feed_forward, kv_heads, window) -> CachedGPT:
    config = DecoderConfig(
        11, context_len=13, num_layers=2, num_heads=4, embed_dim=24, num_kv_heads=kv_heads,
        positions=positions, norm=norm, feed_forward=feed_forward, window=window,
        bias=feed_forward == "gelu", attention_bias=norm == "layer",
    )  # fmt: skip
    rng = np.random.default_rng(1)
    model = CachedGPT(config, vectorized_attention, rng=rng).eval()
    for parameter in model.parameters():
        parameter.data = rng.normal(0, 0.5, parameter.shape).astype(np.float32)
    return model


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_logits_are_the_model_s_after_every_token(kind) -> None:
    model = drawn(*kind)
    decoder, ids = Decoder(model), np.random.default_rng(2).integers(0, 11, (1, 13))
    own, theirs = model.new_caches(), model.new_caches()
    with no_grad():
        for piece in np.split(ids, [4, *range(5, 13)], axis=1):
            right = model.next_logits(piece, own).data
            found = decoder.next_logits(piece, theirs).data
            assert found.shape == right.shape
            assert np.allclose(found, right, rtol=1e-3, atol=1e-4)
    assert [cache.length for cache in theirs] == [13, 13]
    with pytest.raises(ValueError, match="context_len"):
        decoder.next_logits(np.array([[1]]), theirs)


def test_it_stands_for_the_model_in_generate_cached() -> None:
    model = drawn("rotary", "rms", "swiglu", 2, None)
    texts = [
        [*generate_cached(each, [1, 2], 30, temperature=0, rng=np.random.default_rng(0))]
        for each in (model, Decoder(model))
    ]
    assert texts[0] == texts[1]
