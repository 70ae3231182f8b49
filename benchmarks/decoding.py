"""Writing with a cache beside PyTorch eager: the same weights, the same cache, in one run.

    python benchmarks/decoding.py                    # a small GPT, and SmolLM2 if it was fetched
    python benchmarks/decoding.py --threads 1 2

Both write the same tokens, one at a time, in turn: a piece of text each. PyTorch's models are
written as its users write them, with linear, scaled_dot_product_attention and a cache in one piece
of memory. Needs torch; SmolLM2 needs `tito data get smollm2`.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn import functional as F  # noqa: N812

from tinytorch import fused
from tinytorch.core.acceleration import flash_attention
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.memoization import CachedGPT, DecoderConfig
from tinytorch.core.transformers import pytorch_state
from tinytorch.data_sets import smollm2
from tinytorch.decoding import Decoder
from tinytorch.smollm2 import load

PIECES, LENGTH = 7, 32  # texts, and tokens of each
ATTENTION = {"matrix": vectorized_attention, "fused": fused.attention, "flash": flash_attention}
ATTENTION["twin"] = vectorized_attention  # of `tinytorch.decoding`, which has its own
Step = Callable[[int], Any]


class TorchDecoder:
    """A GPT or Llama in PyTorch, eager, one token at a time."""

    def __init__(self, model: CachedGPT) -> None:
        self.config = config = model.config
        self.state = {n: torch.from_numpy(x) for n, x in pytorch_state(model).items()}
        self.head_dim = config.embed_dim // config.num_heads
        self.kv_heads = config.num_kv_heads or config.num_heads
        shape = (1, self.kv_heads, config.context_len, self.head_dim)
        self.cache = [(torch.zeros(shape), torch.zeros(shape)) for _ in range(config.num_layers)]
        places = torch.arange(config.context_len)[:, None]
        speeds = config.rotary_base ** (-torch.arange(0, self.head_dim, 2) / self.head_dim)
        angles = torch.cat([places * speeds] * 2, dim=-1)
        self.cos, self.sin = angles.cos(), angles.sin()
        self.length = 0

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.state[f"{name}.weight"], self.state.get(f"{name}.bias"))

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight = self.state[f"{name}.weight"]
        if self.config.norm == "rms":
            return F.rms_norm(x, weight.shape, weight, 1e-5)
        return F.layer_norm(x, weight.shape, weight, self.state[f"{name}.bias"])

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, dim=-1)
        here = slice(self.length, self.length + 1)
        return x * self.cos[here] + torch.cat([-second, first], dim=-1) * self.sin[here]

    def attention(self, name: str, x: torch.Tensor, number: int) -> torch.Tensor:
        q, k, v = (
            self.linear(f"{name}.{part}_proj", x).view(1, 1, -1, self.head_dim).transpose(1, 2)
            for part in "qkv"
        )
        if self.config.positions == "rotary":
            q, k = self.turned(q), self.turned(k)
        keys, values = self.cache[number]
        keys[:, :, self.length], values[:, :, self.length] = k[:, :, 0], v[:, :, 0]
        end = self.length + 1
        output = F.scaled_dot_product_attention(
            q, keys[:, :, :end], values[:, :, :end], enable_gqa=self.kv_heads < q.shape[1]
        )
        return self.linear(f"{name}.out_proj", output.transpose(1, 2).flatten(2))

    def feed_forward(self, name: str, x: torch.Tensor) -> torch.Tensor:
        if self.config.feed_forward == "swiglu":
            wide = F.silu(self.linear(f"{name}.gate_proj", x)) * self.linear(f"{name}.up_proj", x)
        else:
            wide = F.gelu(self.linear(f"{name}.up_proj", x), approximate="tanh")
        return self.linear(f"{name}.down_proj", wide)

    def step(self, token: int) -> torch.Tensor:
        table = self.state["tokens.weight"]
        x = table[None, None, token]
        if self.config.positions == "learned":
            x = x + self.state["positions.weight"][self.length]
        for number in range(self.config.num_layers):
            name = f"blocks.{number}"
            x = x + self.attention(f"{name}.attention", self.norm(f"{name}.norm1", x), number)
            x = x + self.feed_forward(f"{name}.feed_forward", self.norm(f"{name}.norm2", x))
        self.length += 1
        return F.linear(self.norm("norm", x), table)[0, -1]


def ours(model: CachedGPT | Decoder) -> tuple[Callable[[], None], Step]:
    caches: list[Any] = []

    def begin() -> None:
        caches[:] = model.new_caches()

    return begin, lambda token: model.next_logits(np.array([[token]]), caches).data[0]


def theirs(model: CachedGPT) -> tuple[Callable[[], None], Step]:
    peer = TorchDecoder(model)

    def begin() -> None:
        peer.length = 0

    return begin, lambda token: peer.step(token).numpy()


def write(begin: Callable[[], None], step: Step, prompt: list[int]) -> tuple[list[int], float]:
    """The likeliest tokens after a prompt, and the seconds of each."""
    begin()
    for token in prompt[:-1]:
        step(token)
    tokens, start = [prompt[-1]], time.perf_counter()
    for _ in range(LENGTH):
        tokens.append(int(step(tokens[-1]).argmax()))
    return tokens, (time.perf_counter() - start) / LENGTH


def compare(model: CachedGPT, prompt: list[int], what: str) -> None:
    with no_grad(), torch.no_grad():
        peer = theirs(model)
        for name, attention in ATTENTION.items():
            for block in model.blocks:
                block.attention.attention = attention
            own, pairs = ours(Decoder(model) if name == "twin" else model), []
            for _ in range(PIECES):
                (tokens, seconds), (others, their_seconds) = (
                    write(*each, prompt) for each in (own, peer)
                )
                assert tokens == others, "the two write different tokens"
                pairs.append((seconds, their_seconds))
            own_seconds, their_seconds = (statistics.median(x) for x in zip(*pairs, strict=True))
            ratio = statistics.median(b / a for a, b in pairs)
            rates = f"{1 / own_seconds:6.1f} tokens/s, PyTorch {1 / their_seconds:6.1f}"
            print(f"{what}, {name:>6}: {rates}; "
                  f"{ratio:.2f} of PyTorch's rate", flush=True)  # fmt: skip


def small_gpt() -> CachedGPT:
    config = DecoderConfig(96, context_len=128, num_layers=4, num_heads=4, embed_dim=128)
    return CachedGPT(config, rng=np.random.default_rng(0)).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    models = [("small GPT", small_gpt(), [*range(1, 17)])]
    try:
        model, tokenizer = load(smollm2(), vectorized_attention, 512)
        prompt = tokenizer.encode_ordinary("Once upon a time, in a small town by the sea, there")
        models.append(("SmolLM2", model, prompt))
    except FileNotFoundError as error:
        print(error)
    for threads in options.threads:
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            for what, model, prompt in models:
                compare(model, prompt, f"{threads} thread(s), {what}")
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB of memory,"
          " both models of each kind together")  # fmt: skip


if __name__ == "__main__":
    main()
