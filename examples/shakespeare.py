"""Train a GPT on Shakespeare, one character after the other, and type into it.

    tito data get tinyshakespeare
    python examples/shakespeare.py                  # trains, draws the loss, saves
    python examples/shakespeare.py --chat           # type a prompt; the model goes on
    python examples/shakespeare.py --look "KING RICHARD:"   # draws where each head looks

The model and the schedule are nanoGPT's for a CPU: 4 layers, 4 heads, width 128, context 64, 2,000
steps of 12 windows. nanoGPT states a validation loss of 1.88 for it.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import own_package  # noqa: F401
from ngrams import ngram_losses

from tinytorch import data_sets, fused
from tinytorch.core.activations import gelu_tanh
from tinytorch.core.attention import Attention, scaled_dot_product_attention, vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import DataLoader, TextWindows, endless, split_by_position
from tinytorch.core.layers import Layer
from tinytorch.core.losses import cross_entropy, perplexity
from tinytorch.core.optimizers import AdamW, warmup_cosine
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import (
    DataParallel,
    Trainer,
    backward_in_parts,
    evaluate,
    load_checkpoint,
    save_checkpoint,
)
from tinytorch.core.transformers import GPT, GPTConfig, generate
from tinytorch.loss_picture import draw_loss
from tinytorch.pictures import draw_heads, in_pictures

ATTENTION = {
    "loops": scaled_dot_product_attention,
    "matrix": vectorized_attention,
    "fused": fused.attention,
}
BATCH_SIZE, VALIDATION_BATCHES = 12, 200
REFERENCE = Path(__file__).with_name("shakespeare_reference.json")


def next_character_loss(model: Layer, batch: tuple[Array, ...]) -> Tensor:
    """Mean loss in nats a character. batch: ids and the ids one place on, (batch, seq_len) each."""
    ids, following = batch
    return cross_entropy(model(ids), following)


def make_model(config: GPTConfig, attention: Attention, seed: int) -> GPT:
    """A GPT; where the attention is the fused one, so is the gelu."""
    activation = fused.gelu_tanh if attention is fused.attention else gelu_tanh
    return GPT(config, attention, activation=activation, rng=np.random.default_rng(seed))


def make_trainer(model: GPT, train: Array, *, steps: int, workers: int, seed: int) -> Trainer:
    """nanoGPT's optimizer and schedule: AdamW on matrices with decay, warm-up, cosine, clipping."""
    windows = TextWindows(train, model.config.context_len)
    optimizer = AdamW(
        model.parameters(), betas=(0.9, 0.99), weight_decay=0.1, decays=lambda p: p.ndim > 1
    )
    return Trainer(
        model,
        optimizer,
        next_character_loss,
        endless(DataLoader(windows, BATCH_SIZE, shuffle=True, drop_last=True, seed=seed)),
        gradients=DataParallel(workers) if workers > 1 else backward_in_parts(1),
        schedule=partial(
            warmup_cosine, warmup_steps=steps // 20, total_steps=steps, max_lr=1e-3, min_lr=1e-4
        ),
        max_norm=1.0,
    )


def validation(model: GPT, test: Array, seed: int = 7) -> float:
    """Mean loss over windows of the held-out text, the same ones at every call."""
    windows = TextWindows(test, model.config.context_len)
    loader = DataLoader(windows, BATCH_SIZE, shuffle=True, seed=seed)
    batches = itertools.islice(loader, VALIDATION_BATCHES)
    return evaluate(model, batches, next_character_loss)


def train(options: argparse.Namespace) -> None:
    """Train, compare with counting, save, draw."""
    text = options.text.read_text("utf-8") if options.text else data_sets.text("tinyshakespeare")
    tokenizer = CharTokenizer(text)
    ids = np.array(tokenizer.encode(text))
    train_ids, test_ids = split_by_position(ids)
    config = GPTConfig(tokenizer.vocab_size)
    if len(test_ids) <= config.context_len:
        few = f"the last tenth, held out, must have more than {config.context_len}"
        raise ValueError(f"the text has {len(ids):,} characters, which are too few: {few}")
    model = make_model(config, ATTENTION[options.attention], options.seed)
    count = sum(parameter.data.size for parameter in model.parameters())
    print(f"{len(ids):,} characters, {tokenizer.vocab_size} kinds; the model has {count:,} numbers")
    trainer = make_trainer(
        model, train_ids, steps=options.steps, workers=options.workers, seed=options.seed
    )
    try:
        trainer.train(
            options.steps, every=250, evaluation=lambda: validation(model, test_ids), progress=True
        )
    except KeyboardInterrupt:
        print(f"\nstopped after {trainer.step} steps; what is learned so far is kept")
    loss = validation(model, test_ids)
    print(f"validation loss {loss:.3f} nats a character, perplexity {perplexity(loss):.2f}")
    counted = ngram_losses(train_ids, test_ids, tokenizer.vocab_size)
    print("counting: " + ", ".join(f"{n}-grams {x:.3f}" for n, x in enumerate(counted, 1)))
    notes = {"config": asdict(config), "characters": "".join(tokenizer.characters)}
    save_checkpoint(options.model, model.state_dict(), notes)
    print(f"saved {options.model}; type into it:  python examples/shakespeare.py --chat")
    in_pictures(draw_history, trainer, options.draw)


def draw_history(trainer: Trainer, path: Path) -> None:
    """Draw the losses beside those of PyTorch's twin."""
    draw_loss(trainer.history, path, json.loads(REFERENCE.read_text("utf-8")))
    print(f"drawn {path}")


def load(path: Path, attention: Attention) -> tuple[GPT, CharTokenizer]:
    """Read a model that `train` saved."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is not here: python examples/shakespeare.py trains one")
    tensors, notes = load_checkpoint(path)
    if not {"config", "characters"} <= notes.keys():
        raise ValueError(f"{path} is no model of this example: its notes are {sorted(notes)}")
    model = make_model(GPTConfig(**notes["config"]), attention, seed=0)
    model.load_state_dict(tensors)
    return model, CharTokenizer(notes["characters"])


def chat(options: argparse.Namespace) -> None:
    """Go on from each prompt that is typed, character by character, until an empty line."""
    model, tokenizer = load(options.model, ATTENTION[options.attention])
    rng = np.random.default_rng(options.seed)
    while prompt := input("prompt> "):
        try:
            ids = tokenizer.encode(prompt)
        except ValueError as error:
            print(error)
            continue
        print(prompt, end="", flush=True)
        choose = {"temperature": options.temperature, "top_k": options.top_k}
        for token in generate(model, ids, options.length, rng=rng, **choose):
            print(tokenizer.decode([token]), end="", flush=True)
        print("\n")


def look(options: argparse.Namespace) -> None:
    """Draw the weights of every head, a row of maps a layer."""
    seen: list[Array] = []

    def watched(Q: Tensor, K: Tensor, V: Tensor, mask: Any = None) -> tuple[Tensor, Tensor]:
        output, weights = vectorized_attention(Q, K, V, mask)
        seen.extend(weights.numpy()[0])
        return output, weights

    model, tokenizer = load(options.model, watched)
    ids = np.array([tokenizer.encode(options.look)])
    with no_grad():
        model.eval()(ids)
    letters = [repr(letter)[1:-1] for letter in options.look]
    in_pictures(draw_layers, np.array(seen), letters, model.config.num_heads, options.draw)


def draw_layers(weights: Array, letters: list[str], num_heads: int, path: Path) -> None:
    """Draw weights (layers · heads, n, n), a row of maps a layer."""
    figure = draw_heads(weights, letters, mask=np.tri(len(letters)))
    for number, axes in enumerate(figure.axes[: len(weights)]):
        layer, head = divmod(number, num_heads)
        axes.set_title(f"layer {layer}, head {head}")
    figure.savefig(path, dpi=100)
    print(f"drawn {path}")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chat", action="store_true", help="type prompts to a saved model")
    parser.add_argument("--model", type=Path, default=Path("shakespeare.safetensors"))
    parser.add_argument("--text", type=Path, help="another text to train on")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1, help="threads, each a part of a batch")
    parser.add_argument("--attention", choices=ATTENTION, default="fused")
    parser.add_argument("--look", metavar="TEXT", help="draw where each head looks")
    parser.add_argument("--draw", type=Path, default=Path("shakespeare.png"), help="the picture")
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--length", type=int, default=300, help="characters that --chat adds")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=None)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        (chat if options.chat else look if options.look else train)(options)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
