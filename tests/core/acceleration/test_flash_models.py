"""`flash_attention` in place of another: the same layers give the same numbers and gradients."""

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core.acceleration import checkpoint, flash_attention
from tinytorch.core.attention import (
    MultiHeadAttention,
    create_causal_mask,
    create_padding_mask,
    vectorized_attention,
)
from tinytorch.core.losses import cross_entropy
from tinytorch.core.memoization import GroupedQueryAttention
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, EncoderBlock, FeedForward, GPTConfig

BOTH = (flash_attention, vectorized_attention)


def gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def same_gradients(one, other, atol=1e-5):
    assert one.keys() == other.keys()
    for name, expected in other.items():
        assert_close(one[name], expected, atol)


@pytest.mark.parametrize("mask", [None, create_causal_mask(7), create_padding_mask([7, 3], 7)])
def test_multi_head_attention_is_the_same(mask, tiles):
    [x] = normal(0, (2, 7, 6))
    found = []
    for attention in BOTH:
        layer = MultiHeadAttention(6, 3, attention=attention, rng=np.random.default_rng(1))
        words = Tensor(x, requires_grad=True)
        output = layer(words, mask)
        (output * output).mean().backward()
        found.append({"output": output.data, "x": words.grad, **gradients(layer)})
    same_gradients(*found)


def test_heads_that_share_keys_are_the_same(tiles):
    [x] = normal(6, (2, 7, 12))
    found = []
    for attention in BOTH:
        rng = np.random.default_rng(1)
        layer = GroupedQueryAttention(12, 6, num_kv_heads=2, attention=attention, rng=rng)
        words = Tensor(x, requires_grad=True)
        output = layer(words, create_causal_mask(7))
        (output * output).mean().backward()
        found.append({"output": output.data, "x": words.grad, **gradients(layer)})
    same_gradients(*found)


LLAMA = {"positions": "rotary", "norm": "rms", "feed_forward": "swiglu"}


@pytest.mark.parametrize("kind", [{}, LLAMA], ids=["as GPT-2", "as Llama"])
def test_a_gpt_has_the_same_logits_and_gradients(kind, tiles):
    config = GPTConfig(
        vocab_size=13, context_len=11, num_layers=2, num_heads=3, embed_dim=12, **kind
    )
    ids = np.random.default_rng(2).integers(0, 13, size=(2, 11))
    found = []
    for attention in BOTH:
        model = GPT(config, attention, rng=np.random.default_rng(3))
        logits = model(ids)
        loss = cross_entropy(logits.reshape(-1, 13), np.roll(ids, -1, axis=1).ravel())
        loss.backward()
        found.append({"logits": logits.data, **gradients(model)})
    same_gradients(*found)


def test_a_block_of_an_encoder_within_a_checkpoint_has_the_same_gradients(tiles):
    [x] = normal(4, (2, 7, 6))
    found = []
    for attention, run in zip(BOTH, (checkpoint, lambda layer, x: layer(x)), strict=True):
        rng = np.random.default_rng(5)
        block = EncoderBlock(6, 3, FeedForward(6, 5, rng=rng), attention=attention, rng=rng)
        words = Tensor(x, requires_grad=True)
        output = run(block, words)
        output.sum().backward()
        found.append({"output": output.data, "x": words.grad, **gradients(block)})
    same_gradients(*found)
