"""Attention beside PyTorch's scaled_dot_product_attention: time and memory, in one run.

    python benchmarks/attention.py                     # 1,024 to 8,192 words, one thread and two
    python benchmarks/attention.py --draw attention.png --json attention.json

8 heads, d = 64, float32. The two take turns; what is told is the median of the ratios of each pair
and the median times. Loops and matrix form stand beside them where they end in reasonable time.
Needs torch.
"""

import argparse
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from tinytorch.core.acceleration import flash_attention
from tinytorch.core.attention import (
    create_causal_mask,
    scaled_dot_product_attention,
    vectorized_attention,
)
from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor

HEADS, WIDTH = 8, 64
LENGTHS = (1024, 2048, 4096, 8192)
LOOPS, MATRIX = 128, 2048  # the longest text for each
Row = dict[str, Any]


def in_turn(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> Row:
    """Median seconds of both, and the median ratio of a pair."""
    ours()
    theirs()
    pairs = []
    for _ in range(rounds):
        start = time.perf_counter()
        ours()
        middle = time.perf_counter()
        theirs()
        pairs.append((middle - start, time.perf_counter() - middle))
    return {
        "ours": statistics.median(a for a, _ in pairs),
        "torch": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def draw_words(n: int) -> list[Any]:
    rng = np.random.default_rng(n)
    return [rng.normal(size=(1, HEADS, n, WIDTH)).astype(np.float32) for _ in range(4)]


def forward(n: int, causal: bool, rounds: int) -> Row:
    arrays = draw_words(n)[:3]
    own, others = [Tensor(x) for x in arrays], [torch.from_numpy(x) for x in arrays]
    with no_grad():
        return in_turn(
            lambda: flash_attention(*own, causal=causal),
            lambda: torch_attention(*others, is_causal=causal),
            rounds,
        )


def forward_and_backward(n: int, causal: bool, rounds: int) -> Row:
    *arrays, grad = draw_words(n)
    own = [Tensor(x, requires_grad=True) for x in arrays]
    others = [torch.from_numpy(x).requires_grad_() for x in arrays]
    upstream = torch.from_numpy(grad)

    def ours() -> None:
        for x in own:
            x.zero_grad()
        flash_attention(*own, causal=causal)[0].backward(grad)

    def theirs() -> None:
        for x in others:
            x.grad = None
        torch_attention(*others, is_causal=causal).backward(upstream)

    return in_turn(ours, theirs, rounds)


def other_forms(n: int, rounds: int) -> Row:
    """Seconds of the loops and of the matrix form, causal, forward."""
    words = [Tensor(x) for x in draw_words(n)[:3]]
    mask = create_causal_mask(n)
    found: Row = {}
    forms = {
        "loops": (scaled_dot_product_attention, LOOPS),
        "matrix": (vectorized_attention, MATRIX),
    }
    for name, (attention, longest) in forms.items():
        if n <= longest:
            with no_grad():
                pair = in_turn(lambda a=attention: a(*words, mask),
                               lambda: flash_attention(*words, causal=True), rounds)  # fmt: skip
            found[name] = pair["ours"]
            found[f"{name} / tiles"] = pair["ratio"]
    return found


def extra_memory(run: Callable[[], Any]) -> int:
    """Bytes at the peak beyond what was there."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def memory(n: int) -> Row:
    """Tiles measured; the matrix form measured up to 4,096 words, and counted above."""
    words = [Tensor(x) for x in draw_words(n)[:3]]
    scores = HEADS * n * n * 4
    with no_grad():
        tiles = extra_memory(lambda: flash_attention(*words))
        matrix = extra_memory(lambda: vectorized_attention(*words)) if n <= 4096 else None
    return {"tiles": tiles, "matrix": matrix, "scores alone": scores, "share": tiles / scores}


def measured(threads: int, rounds: int, lengths: list[int]) -> list[Row]:
    rows = []
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        for n in lengths:
            for causal in (False, True):
                few = max(3, rounds * 1024 // n)
                one, both = (f(n, causal, few) for f in (forward, forward_and_backward))
                rows.append({"threads": threads, "n": n, "causal": causal,
                             "forward": one, "forward and backward": both})  # fmt: skip
                print(f"{threads} thread(s), n = {n:5,}, {'causal' if causal else 'full':>6}: "
                      f"forward {told(one)}; with backward {told(both)}", flush=True)  # fmt: skip
    return rows


def told(row: Row) -> str:
    times = f"{row['ours'] * 1e3:.0f} / {row['torch'] * 1e3:.0f} ms"
    return f"{row['ratio']:.2f} ({times})"


def draw(results: Row, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    rows = [row for row in results["times"] if row["threads"] == 1 and row["causal"]]
    for name, key in (("tiles", "ours"), ("PyTorch", "torch")):
        left.plot([r["n"] for r in rows], [r["forward"][key] for r in rows], "o-", label=name)
    for name in ("loops", "matrix"):
        found = [(n, row[name]) for n, row in results["other forms"].items() if name in row]
        left.plot(*zip(*found, strict=True), "o-", label=name)
    left.set(xscale="log", yscale="log", xlabel="words", ylabel="seconds", title="causal, forward")
    for name in ("tiles", "matrix", "scores alone"):
        found = [(n, row[name] / 1e6) for n, row in results["memory"].items() if row[name]]
        style = "--" if name == "scores alone" else "o-"
        right.plot(*zip(*found, strict=True), style, label=name)
    right.set(xscale="log", yscale="log", xlabel="words", ylabel="megabytes", title="extra memory")
    for axes in (left, right):
        axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--lengths", type=int, nargs="+", default=[*LENGTHS])
    parser.add_argument("--rounds", type=int, default=15, help="pairs at 1,024 words")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--draw", type=Path, metavar="PNG")
    options = parser.parse_args()
    times = [row for t in options.threads for row in measured(t, options.rounds, options.lengths)]
    with threadpool_limits(1):
        forms = {n: other_forms(n, 3) for n in (32, 64, 128, 256, 512, 1024, 2048)}
    for n, row in forms.items():
        told_row = ", ".join(f"{name} {x:.3g}" for name, x in row.items())
        print(f"n = {n:5,}, causal, one thread: {told_row}")
    space = {n: memory(n) for n in (1024, 2048, 4096, 8192, 16384)}
    for n, row in space.items():
        matrix = "" if row["matrix"] is None else f", matrix form {row['matrix'] / 1e6:,.0f} MB"
        print(f"n = {n:6,}: tiles {row['tiles'] / 1e6:6.1f} MB{matrix}, scores alone "
              f"{row['scores alone'] / 1e6:,.0f} MB, 1/{1 / row['share']:.0f} of them")  # fmt: skip
    results = {"times": times, "other forms": forms, "memory": space}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.draw:
        draw(results, options.draw)


if __name__ == "__main__":
    main()
