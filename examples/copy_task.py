"""A model of one attention layer learns to copy, by the loops of module 12.

It reads five symbols and a bar, `c a e e b |`, and is to write the five again. Nobody tells it
where to look; what it learns is to look five places back, from the bar at the first symbol.

    python examples/copy_task.py --draw copy.png

Measured with the options as they are and --seed 0, 1, 2: of 100 new rows all 100 come out whole,
and the weight on the place five back is 0.99 or more, after 100 steps in 2 s of computing.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.attention import (
    MultiHeadAttention,
    create_causal_mask,
    scaled_dot_product_attention,
)
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding, PositionalEmbedding
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Array, Tensor
from tinytorch.pictures import draw_heads, in_pictures, text_heatmap

SYMBOLS = "abcdefgh"
BAR = len(SYMBOLS)
COUNT = 5  # symbols to copy
IGNORED = -100  # no answer is asked for there: cross_entropy leaves it out


class Copier(Layer):
    """What a place holds and where it is; one look at the places before; a guess."""

    def __init__(self, embed_dim: int, rng: np.random.Generator) -> None:
        self.symbols = Embedding(BAR + 1, embed_dim, rng=rng)
        self.places = PositionalEmbedding(2 * COUNT, embed_dim, rng=rng)
        self.attention = MultiHeadAttention(embed_dim, 1, scaled_dot_product_attention, rng=rng)
        self.head = Linear(embed_dim, BAR, rng=rng)

    def look(self, ids: Array) -> tuple[Tensor, Tensor]:
        """ids (batch, n) -> logits (batch, n, 8), weights (batch, 1, n, n)."""
        x = self.places(self.symbols(ids))
        seen, weights = self.attention.attend(x, x, x, create_causal_mask(ids.shape[1]))
        return self.head(x + seen), weights

    def forward(self, ids: Array) -> Tensor:
        return self.look(ids)[0]


def draw_task(batch_size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Ids (batch, 10): five symbols, a bar, four again; labels: the next, from the bar on."""
    symbols = rng.integers(BAR, size=(batch_size, COUNT))
    bar = np.full((batch_size, 1), BAR)
    whole = np.concatenate([symbols, bar, symbols], axis=1)
    ids, labels = whole[:, :-1], whole[:, 1:].copy()
    labels[:, :COUNT] = IGNORED
    return ids, labels


def copy(model: Copier, symbols: Array) -> Array:
    """Write the symbols (batch, 5) again, one after the other, from what was written so far."""
    ids = np.concatenate([symbols, np.full((len(symbols), 1), BAR)], axis=1)
    with no_grad():
        for _ in range(COUNT):
            latest = model(ids).numpy()[:, -1]
            ids = np.concatenate([ids, latest.argmax(axis=-1)[:, None]], axis=1)
    return ids[:, COUNT + 1 :]


def train(model: Copier, steps: int, batch_size: int, rng: np.random.Generator) -> None:
    optimizer = Adam(model.parameters(), lr=0.01)
    begin = time.process_time()
    for step in range(steps):
        ids, labels = draw_task(batch_size, rng)
        loss = cross_entropy(model(ids), labels, ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0 or step == steps - 1:
            seconds = time.process_time() - begin
            print(f"step {step:4}  loss {loss.item():.3f}  {seconds:.0f} s of computing")


def draw(weights: Array, words: Sequence[str], path: Path) -> None:
    draw_heads(weights, words[COUNT:], words).savefig(path, dpi=120)
    print(f"picture: {path}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--embed-dim", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", type=Path, metavar="PNG", help="the weights as a picture")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    model = Copier(options.embed_dim, rng)
    train(model, options.steps, options.batch_size, rng)

    symbols = rng.integers(BAR, size=(100, COUNT))
    right = copy(model, symbols) == symbols
    print(f"100 new rows: {right.mean():.1%} of the symbols, {right.all(axis=1).mean():.1%} whole")
    ids, _ = draw_task(1, rng)
    with no_grad():
        weights = model.look(ids)[1].numpy()[0, :, COUNT:]  # (1, 5, 10): those that must answer
    words = [(SYMBOLS + "|")[i] for i in ids[0]]
    print(text_heatmap(weights[0], words[COUNT:], words))
    back = np.diagonal(weights[0])
    print(f"weight on the place five back: {back.min():.2f} at least, {back.mean():.2f} on average")
    if options.draw:
        in_pictures(draw, weights, words, options.draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
