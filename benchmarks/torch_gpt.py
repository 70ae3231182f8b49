"""The same GPT in PyTorch, written as its users write it, to compare the course's own with."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, PyTorch's own custom

from tinytorch.core.tensor import Array
from tinytorch.core.transformers import GPTConfig


class Attention(nn.Module):
    """Causal self-attention; queries, keys and values come from one product."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv_proj = nn.Linear(config.embed_dim, 3 * config.embed_dim)
        self.out_proj = nn.Linear(config.embed_dim, config.embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, n, dim = x.shape
        cut = self.qkv_proj(x).view(batch, n, 3, self.num_heads, dim // self.num_heads)
        q, k, v = cut.permute(2, 0, 3, 1, 4)
        output = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(output.transpose(1, 2).reshape(batch, n, dim))


class FeedForward(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up_proj = nn.Linear(config.embed_dim, 4 * config.embed_dim)
        self.down_proj = nn.Linear(4 * config.embed_dim, config.embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(F.gelu(self.up_proj(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(config.embed_dim), nn.LayerNorm(config.embed_dim)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class TorchGPT(nn.Module):
    """ids (batch, n) -> logits (batch, n, vocab_size); the head is the table of tokens."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.vocab_size, config.embed_dim)
        self.positions = nn.Embedding(config.context_len, config.embed_dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.embed_dim)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def torch_twin(config: GPTConfig, state: Mapping[str, Array]) -> TorchGPT:
    """Build it with the weights of a GPT of the course, as `pytorch_state` gives them."""
    arrays = {name: torch.tensor(array) for name, array in state.items()}
    for name in [name for name in arrays if ".q_proj." in name]:
        parts = [arrays.pop(name.replace("q_proj", f"{part}_proj")) for part in "qkv"]
        arrays[name.replace("q_proj", "qkv_proj")] = torch.cat(parts)
    twin = TorchGPT(config)
    twin.load_state_dict(arrays)
    return twin
