"""Training beside PyTorch: the same GPT, the same weights, the same batches, in one run.

    python benchmarks/training.py                        # one step, at one thread and at two
    python benchmarks/training.py --shakespeare FILE     # 2,000 steps on a text, both losses

A step is forward, backward and AdamW for 4 layers, width 128, 4 heads, context 128, batch 16 and a
vocabulary of 96, in float32. Steps are taken in turn, so that a busy moment hits both. Two threads
are two halves of the batch here, and PyTorch's own threads there. Needs torch.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn import functional as F  # noqa: N812
from torch_gpt import TorchGPT, torch_twin

from tinytorch import fused
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.dataloader import DataLoader, TextWindows, endless, split_by_position
from tinytorch.core.layers import Layer
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW, clip_grad_norm, warmup_cosine
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import DataParallel, backward_in_parts, evaluate
from tinytorch.core.transformers import GPT, GPTConfig, pytorch_state
from tinytorch.memory import keep_memory

Step = Callable[[Array, Array], float]
ROUNDS, WARM_UP = 15, 3


def loss_of(model: Layer, batch: tuple[Array, ...]) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1])


def our_step(model: GPT, workers: int, **options: Any) -> Step:
    optimizer = AdamW(model.parameters(), **options)
    gradients = DataParallel(workers) if workers > 1 else backward_in_parts(1)

    def step(ids: Array, following: Array) -> float:
        optimizer.zero_grad()
        loss = gradients(model, loss_of, (ids, following))
        optimizer.step()
        return loss

    return step


def torch_step(model: TorchGPT, **options: Any) -> Step:
    optimizer = torch.optim.AdamW(model.parameters(), **options)

    def step(ids: Array, following: Array) -> float:
        optimizer.zero_grad()
        logits = model(torch.from_numpy(ids))
        loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(following).flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def in_turn(steps: dict[str, Step], batch: tuple[Array, Array]) -> dict[str, list[float]]:
    """Seconds of each step; all take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(WARM_UP + ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step(*batch)
            seconds[name].append(time.perf_counter() - start)
    return {name: times[WARM_UP:] for name, times in seconds.items()}


def one_step(threads: int) -> None:
    config = GPTConfig(96, context_len=128)
    rng = np.random.default_rng(0)
    batch = (rng.integers(0, 96, (16, 128)), rng.integers(0, 96, (16, 128)))
    fast = GPT(config, fused.attention, activation=fused.gelu_tanh, rng=rng)
    composed = GPT(config, vectorized_attention, rng=rng)
    torch.set_num_threads(threads)
    steps = {
        "PyTorch": torch_step(torch_twin(config, pytorch_state(fast)), lr=1e-3),
        "fused": our_step(fast, threads, lr=1e-3),
        "matrix form": our_step(composed, threads, lr=1e-3),
    }
    with threadpool_limits(1, user_api="blas"):
        seconds = in_turn(steps, batch)
    base = statistics.median(seconds["PyTorch"])
    print(f"{threads} thread{'s' * (threads > 1)}: PyTorch {1e3 * base:.0f} ms")
    for name in ("fused", "matrix form"):
        pairs = zip(seconds[name], seconds["PyTorch"], strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        print(f"  {name}: {1e3 * statistics.median(seconds[name]):.0f} ms, ratio {ratio:.2f}")


def shakespeare(path: Path, steps: int, reference: Path | None) -> None:
    """Train both from the same weights on the same windows; compare loss and minutes."""
    text = path.read_text("utf-8")
    tokenizer = CharTokenizer(text)
    train, test = split_by_position(np.array(tokenizer.encode(text)))
    config = GPTConfig(tokenizer.vocab_size)
    rng = np.random.default_rng(1337)
    ours = GPT(config, fused.attention, activation=fused.gelu_tanh, rng=rng)
    theirs = torch_twin(config, pytorch_state(ours))
    torch.set_num_threads(1)
    with threadpool_limits(1, user_api="blas"):
        for name, run in (("PyTorch", torch_run(theirs)), ("ours", our_run(ours))):
            start = time.perf_counter()
            curve = curve_of(run, windows(train, config), list(windows(test, config, 200)), steps)
            minutes = (time.perf_counter() - start) / 60
            print(f"{name}: validation loss {curve[-1][1]:.4f}, {minutes:.1f} minutes")
            if name == "PyTorch" and reference:
                reference.write_text(json.dumps(curve) + "\n", "utf-8")


Run = tuple[Callable[[float, Array, Array], float], Callable[[list[Any]], float]]


def our_run(model: GPT) -> Run:
    optimizer = AdamW(
        model.parameters(), betas=(0.9, 0.99), weight_decay=0.1, decays=lambda p: p.ndim > 1
    )

    def step(lr: float, ids: Array, following: Array) -> float:
        optimizer.zero_grad()
        loss = backward_in_parts(1)(model, loss_of, (ids, following))
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.lr = lr
        optimizer.step()
        return loss

    return step, lambda batches: evaluate(model, batches, loss_of)


def torch_run(model: TorchGPT) -> Run:
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))

    def loss(ids: Array, following: Array) -> torch.Tensor:
        logits = model(torch.from_numpy(ids))
        return F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(following).flatten())

    def step(lr: float, ids: Array, following: Array) -> float:
        optimizer.zero_grad()
        value = loss(ids, following)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        return value.item()

    @torch.no_grad()
    def judge(batches: list[Any]) -> float:
        return statistics.fmean(loss(*batch).item() for batch in batches)

    return step, judge


def windows(ids: Array, config: GPTConfig, count: int | None = None) -> Any:
    loader = DataLoader(TextWindows(ids, config.context_len), 12, shuffle=True, seed=1)
    return itertools.islice(endless(loader), count)


def curve_of(run: Run, batches: Any, test: list[Any], steps: int) -> list[tuple[int, float]]:
    """[(step, validation loss), ...], every 250 steps and at the end."""
    step, judge = run
    curve = []
    for number, batch in zip(range(steps), batches, strict=False):
        if number % 250 == 0:
            curve.append((number, judge(test)))
        lr = warmup_cosine(number, warmup_steps=100, total_steps=steps, max_lr=1e-3, min_lr=1e-4)
        step(lr, *batch)
    return [*curve, (steps, judge(test))]


def main() -> None:
    parser = argparse.ArgumentParser(description="Training beside PyTorch")
    parser.add_argument("--shakespeare", type=Path, metavar="FILE")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--reference", type=Path, help="write PyTorch's curve to this file")
    options = parser.parse_args()
    print("memory kept between steps:", keep_memory())
    if options.shakespeare:
        shakespeare(options.shakespeare, options.steps, options.reference)
    else:
        for threads in (1, 2):
            one_step(threads)


if __name__ == "__main__":
    main()
