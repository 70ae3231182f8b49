"""What the explicit loops cost: side by side, in one run, reported as ratios.

1. attention_scores against a bare pair loop of q[i] @ k[j], n = 256, d = 64 (promise: at most 1.3).
2. The loop form of attention against the matrix form, forward and backward, as n grows.

Run:  python benchmarks/loops.py
"""

import time
from collections.abc import Callable

import numpy as np

from tinytorch.core.attention import (
    attention_scores,
    scaled_dot_product_attention,
    vectorized_attention,
)
from tinytorch.core.tensor import Tensor


def best_seconds(*calls: Callable[[], object], rounds: int = 15) -> list[float]:
    """Best time of each call; the calls take turns, so a busy moment hits all of them."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for position, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[position] = min(best[position], time.perf_counter() - start)
    return best


def bare_pair_loop(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    scores = np.empty((len(q), len(k)), q.dtype)
    for i in range(len(q)):
        for j in range(len(k)):
            scores[i, j] = q[i] @ k[j]
    return scores


def scores_beside_the_bare_loop(n: int = 256, d: int = 64) -> None:
    q, k = np.random.default_rng(0).normal(size=(2, n, d)).astype(np.float32)
    Q, K = Tensor(q[None], requires_grad=True), Tensor(k[None], requires_grad=True)
    bare, ours = best_seconds(lambda: bare_pair_loop(q, k), lambda: attention_scores(Q, K))
    print(f"scores, n = {n}, d = {d}: bare loop {1e3 * bare:.1f} ms, ours {1e3 * ours:.1f} ms")
    print(f"ratio {ours / bare:.2f} (at most 1.3)")


def forward_and_backward(attention: Callable[..., tuple[Tensor, Tensor]], n: int, d: int) -> None:
    arrays = np.random.default_rng(n).normal(size=(3, 1, n, d))
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    attention(*leaves)[0].sum().backward()


def loops_beside_matrices(d: int = 64) -> None:
    for n in (16, 32, 64, 128):
        loops, matrices = best_seconds(
            lambda n=n: forward_and_backward(scaled_dot_product_attention, n, d),
            lambda n=n: forward_and_backward(vectorized_attention, n, d),
            rounds=5,
        )
        print(
            f"forward and backward, n = {n:3}: loops {1e3 * loops:7.1f} ms, "
            f"matrices {1e3 * matrices:5.2f} ms, ratio {loops / matrices:.0f}"
        )


if __name__ == "__main__":
    scores_beside_the_bare_loop()
    loops_beside_matrices()
