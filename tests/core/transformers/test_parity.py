"""Parity with PyTorch: the same weights give the same logits, gradients and curve of training."""

import numpy as np
import pytest

from tinytorch import fused
from tinytorch.core.activations import gelu, relu
from tinytorch.core.attention import (
    create_causal_mask,
    create_padding_mask,
    scaled_dot_product_attention,
    vectorized_attention,
)
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import (
    GPT,
    Block,
    CrossAttentionBlock,
    EncoderBlock,
    FeedForward,
    GPTConfig,
    layer_norm,
    pytorch_state,
    rms_norm,
)

torch = pytest.importorskip("torch")
functional = torch.nn.functional

LIMITS = {"float64": 1e-10, "float32": 1e-5}
CURVES = {"float64": 1e-8, "float32": 1e-3}
WIDTH, HEADS, HIDDEN = 12, 3, 20
ATTENTION = {
    "loops": scaled_dot_product_attention,
    "matrix": vectorized_attention,
    "fused": fused.attention,
}


def drawn(seed: int, *shape: int, dtype: str = "float64"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def close(ours, theirs, limit: float) -> None:
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=limit, atol=limit)


def ours_of(array):
    return Tensor(array, requires_grad=True, dtype=array.dtype)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


# ---- norms ----


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("shape", [(7,), (2, 7), (2, 3, 7), (0, 7)])
def test_the_norms_agree(shape, dtype):
    arrays = [drawn(0, *shape, dtype=dtype), drawn(1, 7, dtype=dtype), drawn(2, 7, dtype=dtype)]
    upstream = drawn(3, *shape, dtype=dtype)
    pairs = [
        (layer_norm, lambda x, w, b: functional.layer_norm(x, [7], w, b, 1e-5)),
        (rms_norm, lambda x, w: functional.rms_norm(x, [7], w, 1e-5)),
    ]
    for count, (ours, theirs) in zip((3, 2), pairs, strict=True):
        own = [ours_of(x) for x in arrays[:count]]
        other = [leaf(x) for x in arrays[:count]]
        output, right = ours(*own), theirs(*other)
        close(output.data, right, LIMITS[dtype])
        output.backward(upstream)
        right.backward(torch.tensor(upstream))
        for x, y in zip(own, other, strict=True):
            close(x.grad, y.grad, 10 * LIMITS[dtype])


# ---- blocks ----


def filled(block, dtype: str):
    """A block whose parameters are all drawn, norms and biases too."""
    block = block.to(np.dtype(dtype))
    for number, parameter in enumerate(block.parameters()):
        parameter.data = 0.5 * drawn(number, *parameter.shape, dtype=dtype)
    return block


def their_attention(own, name: str, target: str):
    state = {}
    for kind in ("weight", "bias"):
        parts = [own[f"{name}.{part}_proj.{kind}"] for part in "qkv"]
        state[f"{target}.in_proj_{kind}"] = np.concatenate(parts)
        state[f"{target}.out_proj.{kind}"] = own[f"{name}.out_proj.{kind}"]
    return state


def loaded(layer, block, dtype: str, norms, crossing: bool = False):
    """PyTorch's layer with the parameters of ours."""
    own = pytorch_state(block)
    state = their_attention(own, "attention", "self_attn")
    if crossing:
        state |= their_attention(own, "cross_attention", "multihead_attn")
    for kind in ("weight", "bias"):
        state |= {f"{name}.{kind}": own[f"{name}.{kind}"] for name in norms}
        state[f"linear1.{kind}"] = own[f"feed_forward.up_proj.{kind}"]
        state[f"linear2.{kind}"] = own[f"feed_forward.down_proj.{kind}"]
    layer = layer.to(getattr(torch, dtype))
    layer.load_state_dict({name: torch.tensor(x) for name, x in state.items()})
    return layer


def feed_forward(activation=relu):
    return FeedForward(WIDTH, HIDDEN, activation)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("kind", [Block, EncoderBlock])
@pytest.mark.parametrize("attention", ATTENTION)
def test_a_block_with_padding_agrees(attention, kind, dtype):
    block = filled(kind(WIDTH, HEADS, feed_forward(gelu), attention=ATTENTION[attention]), dtype)
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, HIDDEN, dropout=0.0, activation="gelu", batch_first=True,
        norm_first=kind is Block,
    )  # fmt: skip
    layer = loaded(layer, block, dtype, ("norm1", "norm2"))
    x, lengths = drawn(90, 2, 5, WIDTH, dtype=dtype), [3, 5]
    own, other = ours_of(x), leaf(x)
    padded = torch.arange(5) >= torch.tensor(lengths)[:, None]
    output = block(own, create_padding_mask(lengths, 5))
    right = layer(other, src_key_padding_mask=padded)
    close(output.data, right, 10 * LIMITS[dtype])
    upstream = drawn(91, 2, 5, WIDTH, dtype=dtype)
    output.backward(upstream)
    right.backward(torch.tensor(upstream))
    close(own.grad, other.grad, 30 * LIMITS[dtype])


@pytest.mark.parametrize("dtype", LIMITS)
def test_a_block_that_looks_at_another_text_agrees(dtype):
    block = filled(CrossAttentionBlock(WIDTH, HEADS, feed_forward()), dtype)
    layer = torch.nn.TransformerDecoderLayer(
        WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True, norm_first=True
    )
    layer = loaded(layer, block, dtype, ("norm1", "norm2", "norm3"), crossing=True)
    x, memory = drawn(90, 2, 4, WIDTH, dtype=dtype), drawn(91, 2, 5, WIDTH, dtype=dtype)
    own, other = [[kind(each) for each in (x, memory)] for kind in (ours_of, leaf)]
    padded = torch.arange(5) >= torch.tensor([3, 5])[:, None]
    late = torch.ones(4, 4).triu(1).bool()
    output = block(*own, create_causal_mask(4), create_padding_mask([3, 5], 5))
    right = layer(*other, tgt_mask=late, memory_key_padding_mask=padded)
    close(output.data, right, 10 * LIMITS[dtype])


# ---- a GPT ----

CONFIG = GPTConfig(11, context_len=9, num_layers=2, num_heads=HEADS, embed_dim=WIDTH)


def torch_logits(state, ids):
    """The GPT step by step in PyTorch's functions."""

    def linear(x, name):
        return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(x, name):
        return functional.layer_norm(x, [WIDTH], state[f"{name}.weight"], state[f"{name}.bias"])

    def heads(x, name):
        return linear(x, name).unflatten(-1, (HEADS, -1)).transpose(1, 2)

    x = state["tokens.weight"][ids] + state["positions.weight"][: ids.shape[1]]
    for number in range(CONFIG.num_layers):
        at = f"blocks.{number}"
        seen = norm(x, f"{at}.norm1")
        q, k, v = (heads(seen, f"{at}.attention.{part}_proj") for part in "qkv")
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(mixed.transpose(1, 2).flatten(2), f"{at}.attention.out_proj")
        wide = functional.gelu(
            linear(norm(x, f"{at}.norm2"), f"{at}.feed_forward.up_proj"), approximate="tanh"
        )
        x = x + linear(wide, f"{at}.feed_forward.down_proj")
    return norm(x, "norm") @ state["tokens.weight"].T


def gpt_and_state(attention, dtype: str):
    model = GPT(CONFIG, ATTENTION[attention], rng=np.random.default_rng(0)).to(np.dtype(dtype))
    return model, {name: leaf(array) for name, array in pytorch_state(model).items()}


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("attention", ATTENTION)
def test_the_logits_and_gradients_of_a_gpt_agree(attention, dtype):
    model, state = gpt_and_state(attention, dtype)
    ids = np.random.default_rng(1).integers(0, 11, (2, 9))
    logits, right = model(ids), torch_logits(state, torch.tensor(ids))
    close(logits.data, right, LIMITS[dtype])
    labels = np.random.default_rng(2).integers(0, 11, (2, 9))
    cross_entropy(logits, labels).backward()
    functional.cross_entropy(right.flatten(0, 1), torch.tensor(labels).flatten()).backward()
    for name, parameter in model.named_parameters():
        theirs = state[name].grad
        turned = name.endswith("_proj.weight")
        close(parameter.grad, theirs.T if turned else theirs, LIMITS[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", CURVES)
def test_fifty_steps_of_training_agree(dtype):
    model, state = gpt_and_state("fused", dtype)
    rng = np.random.default_rng(3)
    batches = [rng.integers(0, 11, (4, 10)) for _ in range(50)]
    ours = AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    theirs = torch.optim.AdamW(state.values(), lr=1e-2, weight_decay=0.1)
    for batch in batches:
        loss = cross_entropy(model(batch[:, :-1]), batch[:, 1:])
        logits = torch_logits(state, torch.tensor(batch[:, :-1]))
        right = functional.cross_entropy(logits.flatten(0, 1), torch.tensor(batch[:, 1:]).flatten())
        assert loss.item() == pytest.approx(right.item(), abs=CURVES[dtype])
        for optimizer, value in ((ours, loss), (theirs, right)):
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
