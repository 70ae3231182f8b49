"""The GPT of module 13 in PyTorch, as its users write it; parameters have the course's names.

`examples/scale_out.py` trains it. It needs no rule for a gradient, and no loop over pairs.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, PyTorch's own custom

from tinytorch.core.transformers import GPT, GPTConfig, pytorch_state


def angles(n: int, dim: int, device: torch.device) -> torch.Tensor:
    """Radians (n, dim / 2): position t turns pair k by t · 10000^(-2k / dim)."""
    speeds = 10000.0 ** (-torch.arange(0, dim, 2, dtype=torch.float64, device=device) / dim)
    return torch.outer(torch.arange(n, dtype=torch.float64, device=device), speeds)


def rotary(x: torch.Tensor) -> torch.Tensor:
    """Turn the pairs (k, k + head_dim/2) of x (batch, heads, n, head_dim) by their positions."""
    turn = angles(*x.shape[-2:], x.device)
    cos, sin = turn.cos().to(x.dtype), turn.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def make_norm(config: GPTConfig) -> nn.Module:
    """The course's eps; that of nn.RMSNorm is another where none is given."""
    kind = nn.LayerNorm if config.norm == "layer" else nn.RMSNorm
    return kind(config.embed_dim, eps=1e-5)


class TorchAttention(nn.Module):
    """Causal self-attention: x (batch, n, embed_dim) -> the same shape."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        dim = config.embed_dim
        self.num_heads, self.turns = config.num_heads, config.positions == "rotary"
        self.q_proj, self.k_proj = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.v_proj, self.out_proj = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = (layer(x) for layer in (self.q_proj, self.k_proj, self.v_proj))
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        if self.turns:
            q, k = rotary(q), rotary(k)
        output = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (batch, heads, n, d)
        return self.out_proj(output.transpose(1, 2).flatten(2))


class TorchFeedForward(nn.Module):
    """Each token by itself: x (..., embed_dim) -> the same shape."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        dim, hidden = config.embed_dim, config.hidden_dim or 4 * config.embed_dim
        if config.feed_forward == "swiglu":
            self.gate_proj = nn.Linear(dim, hidden, config.bias)
        self.up_proj = nn.Linear(dim, hidden, config.bias)
        self.down_proj = nn.Linear(hidden, dim, config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = self.up_proj(x)
        gated = hasattr(self, "gate_proj")
        wide = wide * F.silu(self.gate_proj(x)) if gated else F.gelu(wide, approximate="tanh")
        return self.down_proj(wide)


class TorchBlock(nn.Module):
    """Norms first, two additions: x (batch, n, embed_dim) -> the same shape."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm1, self.attention = make_norm(config), TorchAttention(config)
        self.norm2, self.feed_forward = make_norm(config), TorchFeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for norm, part in ((self.norm1, self.attention), (self.norm2, self.feed_forward)):
            x = x + self.dropout(part(norm(x)))
        return x


class TorchGPT(nn.Module):
    """ids (batch, n) -> logits (batch, n, vocab_size); parameters are named as in GPT."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.embed_dim)
        if config.positions == "learned":
            self.positions = nn.Embedding(config.context_len, config.embed_dim)
        self.blocks = nn.ModuleList(TorchBlock(config) for _ in range(config.num_layers))
        self.norm, self.dropout = make_norm(config), nn.Dropout(config.dropout)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x, n = self.tokens(ids), ids.shape[1]
        if self.config.positions == "learned":
            x = x + self.positions.weight[:n]
        elif self.config.positions == "sinusoidal":
            turn = angles(n, self.config.embed_dim, ids.device)
            x = x + torch.stack([turn.sin(), turn.cos()], dim=-1).flatten(1).to(x.dtype)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def to_torch(model: GPT) -> TorchGPT:
    """The same model in PyTorch: a name or a shape that does not fit is an error there."""
    twin = TorchGPT(model.config)
    twin.load_state_dict({name: torch.tensor(x) for name, x in pytorch_state(model).items()})
    return twin
