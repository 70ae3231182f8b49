"""Judges of multi-head attention: each takes a class and raises AssertionError on wrong values."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests import oracles
from tests.core.attention.judges import random_mask
from tests.core.draw import Array, assert_close, normal
from tinytorch.core.tensor import Tensor

EMBED_DIM, HEADS, B, N, M = 6, 3, 2, 5, 7  # heads are 2 wide
MultiHead = Callable[..., Any]


def make(cls: MultiHead, seed: int = 0, num_heads: int = HEADS) -> tuple[Any, dict[str, Array]]:
    """A float64 layer with nonzero biases, and its state."""
    layer = cls(EMBED_DIM, num_heads).to(np.float64)
    rng = np.random.default_rng(seed)
    layer.load_state_dict({k: rng.normal(size=v.shape) for k, v in layer.state_dict().items()})
    return layer, layer.state_dict()


def double(x: Array) -> Tensor:
    return Tensor(x.copy(), requires_grad=True, dtype=np.float64)


def heads_agree_with_the_oracle(cls: MultiHead) -> None:
    """Query, key and value differ in content and length; all head counts; masked or not."""
    query, key, value = normal(1, (B, N, EMBED_DIM), (B, M, EMBED_DIM), (B, M, EMBED_DIM))
    for heads in (1, 2, 3, 6):
        layer, state = make(cls, 1, heads)
        for mask in (None, random_mask(2, (B, N, M)), random_mask(3, (B, heads, N, M))):
            got = layer.attend(double(query), double(key), double(value), mask)
            expected = oracles.multi_head(query, key, value, state, heads, mask)
            for x, y in zip(got, expected, strict=True):
                assert_close(x, y, 1e-12)


def heads_are_causal(cls: MultiHead) -> None:
    """forward(x, causal): token t changes no output before t, and does change output t."""
    layer, _ = make(cls, 4)
    (x,) = normal(4, (B, N, EMBED_DIM))
    mask = oracles.causal_mask(N)
    before = layer.forward(double(x), mask).numpy()
    for t in range(N):
        changed = x.copy()
        changed[:, t] += 1
        after = layer.forward(double(changed), mask).numpy()
        assert (before[:, :t] == after[:, :t]).all(), f"token {t} reached an output before it"
        assert (np.abs(before - after)[:, t:].max(axis=-1) > 1e-9).all(), f"token {t} has no effect"


def a_padded_sentence_computes_what_it_does_alone(cls: MultiHead) -> None:
    """Behind a padding mask, a short sentence of a batch gives the outputs it gives alone."""
    layer, _ = make(cls, 5)
    (x,) = normal(5, (B, N, EMBED_DIM))
    padded = layer.forward(double(x), oracles.padding_mask([5, 3], N)).numpy()
    alone = layer.forward(double(x[1:, :3])).numpy()
    assert_close(padded[1:, :3], alone, 1e-13)


def all_gradients_agree_with_the_oracle(cls: MultiHead) -> None:
    """Four weights, four biases and three inputs, against central differences."""
    layer, state = make(cls, 6)
    inputs = normal(6, (B, 3, EMBED_DIM), (B, 5, EMBED_DIM), (B, 5, EMBED_DIM))
    upstream, mask = normal(7, (B, 3, EMBED_DIM))[0], random_mask(7, (B, HEADS, 3, 5))
    leaves = [double(x) for x in inputs]
    (layer.attend(*leaves, mask)[0] * upstream).sum().backward()

    def moved() -> float:
        output, _ = oracles.multi_head(*inputs, state, HEADS, mask)
        return float((output * upstream).sum())

    found = dict(layer.named_parameters()) | dict(zip(("q", "k", "v"), leaves, strict=True))
    numbers = state | dict(zip(("q", "k", "v"), inputs, strict=True))
    assert found.keys() == numbers.keys() and len(found) == 11
    for name, array in numbers.items():
        assert found[name].grad is not None, f"{name} got no gradient"
        assert_close(found[name].grad, oracles.numeric_gradient(moved, array), 1e-6)


JUDGES: list[Callable[[MultiHead], None]] = [
    heads_agree_with_the_oracle,
    heads_are_causal,
    a_padded_sentence_computes_what_it_does_alone,
    all_gradients_agree_with_the_oracle,
]
