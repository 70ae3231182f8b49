"""What the tests of this folder share: models, texts in pieces, a GPT with heads written out."""

from typing import Any

import numpy as np

from tests.core.draw import Array
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.memoization import CachedGPT, DecoderConfig
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, GPTConfig

VOCABULARY, LENGTH, HEADS, WIDTH = 11, 7, 4, 16
SHARED = {
    "context_len": LENGTH, "num_layers": 2, "num_heads": HEADS, "embed_dim": WIDTH,
    "hidden_dim": 6,
}  # fmt: skip


def row(number: float) -> Tensor:
    """One token's keys, of width 1."""
    return Tensor([[[[float(number)]]]])


def text(seed: int, batch: int = 2, length: int = LENGTH) -> Array:
    return np.random.default_rng(seed).integers(0, VOCABULARY, (batch, length))


def decoder(
    attention: Any = vectorized_attention, dtype: Any = np.float64, **options: Any
) -> CachedGPT:
    """A model whose weights are large enough that every part shows in its logits."""
    config = DecoderConfig(VOCABULARY, **(SHARED | options))
    rng = np.random.default_rng(0)
    model = CachedGPT(config, attention, rng=rng).to(dtype).eval()
    for part in model.parameters():
        part.data = rng.normal(0, 0.4, part.shape).astype(dtype)
    return model


def in_pieces(model: CachedGPT, ids: Array, cuts: list[int]) -> Array:
    """Logits of every position, made piece by piece with caches."""
    caches = model.new_caches()
    with no_grad():
        logits = [model(piece, caches).data for piece in np.split(ids, cuts, axis=1)]
    return np.concatenate(logits, axis=1)


def written_out(model: CachedGPT) -> GPT:
    """A GPT of module 13 that says the same: its own keys for each head, a mask for the window."""
    config, state = model.config, model.state_dict()
    group = config.num_heads // (config.num_kv_heads or config.num_heads)
    head_dim = config.embed_dim // config.num_heads
    for name, array in state.items():
        if "k_proj" in name or "v_proj" in name:
            heads = array.reshape(*array.shape[:-1], -1, head_dim)
            state[name] = np.repeat(heads, group, axis=-2).reshape(*array.shape[:-1], -1)

    def attention(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> Any:
        n = Q.shape[-2]
        near = np.ones((n, n)) - np.tri(n, n, -(config.window or n))
        return vectorized_attention(Q, K, V, near * mask.data)

    sizes = SHARED | {"positions": config.positions, "norm": config.norm}
    peer = GPT(GPTConfig(VOCABULARY, **sizes), attention).to(np.float64).eval()
    peer.load_state_dict(state)
    return peer
