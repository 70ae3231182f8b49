"""Parity with PyTorch's attention with shared heads: values and gradients, masks and a window."""

import math

import numpy as np
import pytest

from tests.core.draw import assert_close, normal, tensors
from tests.core.memoization.pieces import HEADS, LENGTH, WIDTH, decoder, in_pieces, text
from tinytorch.core.memoization import grouped_attention, look_back_mask
from tinytorch.core.transformers import pytorch_state

torch = pytest.importorskip("torch")
functional = torch.nn.functional
LIMITS = {"float64": 1e-12, "float32": 1e-5}
HEAD_DIM = WIDTH // HEADS


def theirs(Q, K, V, mask=None):
    mask = None if mask is None else torch.tensor(np.asarray(mask) != 0)
    return functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask, enable_gqa=True)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("kv_heads", [6, 3, 2, 1])
@pytest.mark.parametrize("masked", [None, "causal", "window", "heads"])
def test_shared_heads_and_their_gradients_agree(attention, kv_heads, masked, dtype) -> None:
    arrays = normal(kv_heads, (2, 6, 5, 7), (2, kv_heads, 11, 7), (2, kv_heads, 11, 3))
    drawn = np.random.default_rng(3).random((2, 6, 5, 11)) < 0.6
    drawn[..., 0] = True  # of a row without a key PyTorch says NaN
    mask = {
        None: None, "causal": look_back_mask(5, 11), "window": look_back_mask(5, 11, 3),
        "heads": drawn,
    }[masked]  # fmt: skip
    own = tensors(arrays, dtype)
    other = [torch.tensor(x.astype(dtype), requires_grad=True) for x in arrays]
    output, weights = grouped_attention(attention, *own, mask)
    right = theirs(*other, mask)
    assert_close(output, right.detach().numpy(), LIMITS[dtype])
    assert weights.shape == (2, 6, 5, 11)
    assert_close(weights.sum(-1), np.ones((2, 6, 5)), LIMITS[dtype])
    upstream = normal(9, output.shape)[0].astype(dtype)
    output.backward(upstream)
    right.backward(torch.tensor(upstream))
    for x, y in zip(own, other, strict=True):
        assert_close(x.grad, y.grad.numpy(), 10 * LIMITS[dtype])


# ---- the whole model ----


def turned(x, base: float):
    """Rotary positions in PyTorch: a pair (k, k + half) as a complex number."""
    half = x.shape[-1] // 2
    speeds = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * speeds
    pairs = torch.complex(x[..., :half], x[..., half:]) * torch.exp(1j * angles)
    return torch.cat([pairs.real, pairs.imag], dim=-1)


def positions_of(state, kind: str):
    if kind == "learned":
        return state["positions.weight"][:LENGTH]
    table = torch.zeros(LENGTH, WIDTH, dtype=torch.float64)
    if kind == "sinusoidal":
        for t in range(LENGTH):
            for c in range(0, WIDTH, 2):
                angle = t / 10000 ** (c / WIDTH)
                table[t, c], table[t, c + 1] = math.sin(angle), math.cos(angle)
    return table.float().double()  # as module 11 keeps it


def torch_logits(model, ids):
    """The decoder step by step in PyTorch's functions, the whole text at once."""
    config = model.config
    state = {name: torch.tensor(x) for name, x in pytorch_state(model).items()}

    def linear(x, name):
        return functional.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def norm(x, name):
        return functional.layer_norm(x, [WIDTH], state[f"{name}.weight"], state[f"{name}.bias"])

    def heads(x, name):
        return linear(x, name).unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)

    x = state["tokens.weight"][torch.tensor(ids)] + positions_of(state, config.positions)
    mask = look_back_mask(LENGTH, LENGTH, config.window).data
    for number in range(config.num_layers):
        at = f"blocks.{number}"
        seen = norm(x, f"{at}.norm1")
        q, k, v = (heads(seen, f"{at}.attention.{part}_proj") for part in "qkv")
        if config.positions == "rotary":
            q, k = (turned(part, config.rotary_base) for part in (q, k))
        mixed = theirs(q, k, v, mask).transpose(1, 2).flatten(2)
        x = x + linear(mixed, f"{at}.attention.out_proj")
        wide = functional.gelu(
            linear(norm(x, f"{at}.norm2"), f"{at}.feed_forward.up_proj"), approximate="tanh"
        )
        x = x + linear(wide, f"{at}.feed_forward.down_proj")
    return (norm(x, "norm") @ state["tokens.weight"].T).numpy()


@pytest.mark.parametrize("kv_heads", [None, 2, 1])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_a_decoder_in_pieces_agrees(attention, positions, window, kv_heads) -> None:
    model = decoder(
        attention, positions=positions, window=window, num_kv_heads=kv_heads, rotary_base=100.0,
        attention_bias=positions != "rotary",
    )  # fmt: skip
    right = torch_logits(model, text(1))
    assert_close(in_pieces(model, text(1), [1, 2, 5]), right, 1e-10)
    assert_close(model(text(1)), right, 1e-10)
