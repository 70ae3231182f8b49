"""How is a word said? A small encoder and decoder read letters and write sounds.

The encoder looks at all letters of a word at once. The decoder writes its sounds one by one, each
after a look at the letters: cross-attention, whose weights show which letters a sound came from.
The words are cmudict's, stress left out: 39 sounds. Get them first:  tito data get cmudict

    python examples/translate_sounds.py --draw sounds.png
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.attention import create_causal_mask, create_padding_mask, vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import ArrayDataset, DataLoader, endless
from tinytorch.core.embeddings import Embedding, PositionalEmbedding
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW, warmup_cosine
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.training import Batch, Trainer
from tinytorch.core.transformers import Block, CrossAttentionBlock, FeedForward, LayerNorm
from tinytorch.data_sets import words_and_sounds
from tinytorch.pictures import draw_map, in_pictures

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHORTEST, LONGEST = 3, 12  # letters: nearly nine in ten words, and short batches
MOST_SOUNDS = 12
PAD, END, START = 0, 1, 2  # ids of sounds that are none; a letter's 0 is padding as well
CHUNK = 16  # batches that are drawn together, then sorted by length
IGNORED = -100  # behind the end no answer is asked for: cross_entropy leaves it out


class Entry(NamedTuple):
    """A word and the ways to say it, the usual one first."""

    word: str
    ways: list[tuple[str, ...]]


# ---- Words as arrays ----


def read_entries(folder: Path | None) -> list[Entry]:
    """The words of letters only; vowels without their stress."""
    ways: dict[str, list[tuple[str, ...]]] = {}
    for word, sounds in words_and_sounds(folder):
        plain = tuple(sound.rstrip("012") for sound in sounds)
        fits = SHORTEST <= len(word) <= LONGEST and len(plain) <= MOST_SOUNDS
        if fits and word.isascii() and word.isalpha():
            ways.setdefault(word, []).append(plain)
    return [Entry(word, said) for word, said in ways.items()]


def as_letters(words: Sequence[str]) -> tuple[Array, Array]:
    """Ids of letters (n, 12), padded with 0, and the lengths (n,)."""
    ids = np.zeros((len(words), LONGEST), dtype=np.int64)
    for row, word in zip(ids, words, strict=True):
        row[: len(word)] = [LETTERS.index(letter) + 1 for letter in word]
    return ids, (ids > 0).sum(axis=1)


def as_sounds(ways: Sequence[Sequence[int]]) -> Array:
    """Ids (n, 14): a start, the sounds, an end, then padding."""
    ids = np.full((len(ways), MOST_SOUNDS + 2), PAD)
    for row, sounds in zip(ids, ways, strict=True):
        row[: len(sounds) + 2] = [START, *sounds, END]
    return ids


# ---- The model ----


class Translator(Layer):
    def __init__(self, num_sounds: int, embed_dim: int, num_layers: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.letters = Embedding(len(LETTERS) + 1, embed_dim, rng=rng)
        self.letter_places = PositionalEmbedding(LONGEST, embed_dim, rng=rng)
        self.sounds = Embedding(num_sounds + 3, embed_dim, rng=rng)
        self.sound_places = PositionalEmbedding(MOST_SOUNDS + 1, embed_dim, rng=rng)

        def layer(kind: type[Layer]) -> Layer:
            wide = FeedForward(embed_dim, 4 * embed_dim, rng=rng)
            return kind(embed_dim, 4, wide, attention=vectorized_attention, rng=rng)

        self.encoder = [layer(Block) for _ in range(num_layers)]
        self.decoder = [layer(CrossAttentionBlock) for _ in range(num_layers)]
        self.encoder_norm, self.decoder_norm = LayerNorm(embed_dim), LayerNorm(embed_dim)
        self.head = Linear(embed_dim, num_sounds + 3, rng=rng)

    def encode(self, letters: Array, lengths: Array) -> tuple[Tensor, Tensor]:
        """letters (batch, n) -> memory (batch, n, embed_dim), and the mask of its padding."""
        mask = create_padding_mask(lengths, letters.shape[1])
        x = self.letter_places(self.letters(letters))
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x), mask

    def decode(self, sounds: Array, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """sounds (batch, m) -> logits (batch, m, sounds): what comes after each.

        Padding stands behind the end, where the causal mask lets no sound look.
        """
        x, mask = self.sound_places(self.sounds(sounds)), create_causal_mask(sounds.shape[1])
        for block in self.decoder:
            x = block(x, memory, mask, memory_mask)
        return self.head(self.decoder_norm(x))

    def forward(self, letters: Array, lengths: Array, sounds: Array) -> Tensor:
        return self.decode(sounds, *self.encode(letters, lengths))

    def alignment(self, letters: Array, lengths: Array, sounds: Array) -> Array:
        """Cross-attention (batch, m, n) of the last layer, the mean of its heads."""
        memory, memory_mask = self.encode(letters, lengths)
        x, mask = self.sound_places(self.sounds(sounds)), create_causal_mask(sounds.shape[1])
        *earlier, last = self.decoder
        for block in earlier:
            x = block(x, memory, mask, memory_mask)
        x = x + last.attention(last.norm1(x), mask)
        _, weights = last.cross_attention.attend(last.norm2(x), memory, memory, memory_mask)
        return weights.numpy().mean(axis=1)


def write(model: Translator, words: Sequence[str]) -> list[list[int]]:
    """The sounds of each word, the likeliest one at every step (greedy), until the end."""
    written = np.full((len(words), 1), START)
    with no_grad():
        memory, mask = model.eval().encode(*as_letters(words))
        for _ in range(MOST_SOUNDS + 1):
            following = model.decode(written, memory, mask).numpy()[:, -1].argmax(axis=-1)
            written = np.concatenate([written, following[:, None]], axis=1)
    return [[*map(int, row[: [*row, END].index(END)])] for row in written[:, 1:]]


# ---- Training and judging ----


def loss_of(model: Layer, batch: Batch) -> Tensor:
    """Teacher forcing: the decoder is given the right sounds so far, and asked for the next."""
    letters, lengths, sounds = batch
    labels = np.where(sounds[:, 1:] == PAD, IGNORED, sounds[:, 1:])
    return cross_entropy(model(letters, lengths, sounds[:, :-1]), labels, ignore_index=IGNORED)


def of_like_length(
    chunks: Iterable[Batch], batch_size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Batches of words about as long, in any order, without columns that are padding throughout.

    Four in ten columns are, where short and long words share a batch: time for nothing.
    """
    for letters, lengths, sounds in chunks:
        order = np.argsort(lengths, kind="stable")
        starts = np.arange(0, len(order), batch_size)
        for rows in (order[start : start + batch_size] for start in rng.permutation(starts)):
            num_sounds = (sounds[rows] != PAD).sum(axis=1).max()
            yield letters[rows, : lengths[rows].max()], lengths[rows], sounds[rows, :num_sounds]


def train(model: Translator, batches: Iterator[Batch], steps: int, max_lr: float) -> None:
    """Train, and print the mean loss of the steps between two lines."""
    schedule = partial(warmup_cosine, warmup_steps=steps // 10, total_steps=steps, max_lr=max_lr)
    optimizer = AdamW(model.parameters(), lr=max_lr)
    trainer = Trainer(model, optimizer, loss_of, batches, schedule=schedule, max_norm=1.0)
    begin = time.process_time()
    while trainer.step < steps:
        before = trainer.step
        trainer.train(min(before + 200, steps))
        loss = np.mean([record.loss for record in trainer.history[before:]])
        seconds = time.process_time() - begin
        print(f"step {trainer.step:5}  loss {loss:.3f}  {seconds:4.0f} s of computing", flush=True)


def num_edits(one: Sequence[object], other: Sequence[object]) -> int:
    """How many sounds must be put in, taken out or replaced (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row = row, [i]
        for j, right in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (left != right)))
    return row[-1]


def judge(entries: Sequence[Entry], said: Sequence[tuple[str, ...]]) -> tuple[float, float]:
    """Errors a sound, and the share of words that are right: each against its nearest way."""
    edits, sounds = 0, 0
    for entry, written in zip(entries, said, strict=True):
        count, length = min((num_edits(written, way), len(way)) for way in entry.ways)
        edits, sounds = edits + count, sounds + length
    right = [written in entry.ways for entry, written in zip(entries, said, strict=True)]
    return edits / sounds, float(np.mean(right))


def draw(model: Translator, words: Sequence[str], names: Sequence[str], path: Path) -> None:
    """The alignment of some words: a row a sound that was written, a column a letter."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(1, len(words), figsize=(4 * len(words), 4), layout="constrained")
    for axes, word, sounds in zip(np.atleast_1d(grid), words, write(model, words), strict=True):
        with no_grad():
            given = np.array([[START, *sounds]])
            weights = model.alignment(*as_letters([word]), given)[0, :, : len(word)]
        rows = [*(names[sound] for sound in sounds), "end"]
        image = draw_map(axes, weights, rows, list(word), weights < 0, vmin=0, vmax=1)
        axes.set_xticks(range(len(word)), list(word), rotation=0, ha="center")
        axes.set_title(word)
    figure.colorbar(image, ax=grid, label="weight", shrink=0.8)
    figure.savefig(path, dpi=120)
    print(f"picture: {path}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="in place of data/")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--embed-dim", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2, help="of the encoder, and of the decoder")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--held-out", type=int, default=2000, help="words that are not trained on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", type=Path, metavar="PNG", help="the alignment of some words")
    options = parser.parse_args(arguments)
    try:
        entries = read_entries(options.data)
    except FileNotFoundError as error:
        print(error)
        return 2
    names = ["", "end", "start", *sorted({s for entry in entries for s in entry.ways[0]})]
    order = np.random.default_rng(options.seed).permutation(len(entries))
    held_out = [entries[i] for i in order[: options.held_out]]
    training = [entries[i] for i in order[options.held_out :]]
    print(f"{len(training):,} words to learn from, {len(held_out):,} held out")

    numbers = [[names.index(sound) for sound in entry.ways[0]] for entry in training]
    letters, lengths = as_letters([entry.word for entry in training])
    samples = ArrayDataset(letters, lengths, as_sounds(numbers))
    chunks = endless(
        DataLoader(samples, CHUNK * options.batch_size, shuffle=True, seed=options.seed)
    )
    batches = of_like_length(chunks, options.batch_size, np.random.default_rng(options.seed))
    model = Translator(len(names) - 3, options.embed_dim, options.layers, options.seed)
    train(model, batches, options.steps, options.lr)

    said = [tuple(names[s] for s in way) for way in write(model, [e.word for e in held_out])]
    sound_errors, share = judge(held_out, said)
    print(f"held out: phoneme error rate {sound_errors:.1%}, words right {share:.1%}")
    for entry, written in zip(held_out[:12], said, strict=False):
        mark = "" if written in entry.ways else f"   not {' '.join(entry.ways[0])}"
        print(f"  {entry.word:{LONGEST}} {' '.join(written)}{mark}")
    if options.draw:
        right = [
            entry for entry, written in zip(held_out, said, strict=True) if written in entry.ways
        ]
        silent = sorted(right, key=lambda entry: len(entry.ways[0]) - len(entry.word))
        words = [entry.word for entry in silent[:3]]  # with silent letters
        in_pictures(draw, model, words, names, options.draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
