"""Milestone: a network learns. Modules 01 to 06, at gates that a broken library cannot pass."""

import numpy as np

from tests import oracles
from tinytorch.core.activations import Tanh
from tinytorch.core.layers import Layer, Linear, Sequential
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Array, Tensor

Batch = tuple[Array, ...]


def loss_of(model: Layer, batch: Batch) -> Tensor:
    return cross_entropy(model(Tensor(batch[0])), batch[1])


def points(seed: int, count: int = 256) -> Batch:
    """Points of a square; the label is whether exactly one coordinate is positive."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return x, ((x[:, 0] > 0) != (x[:, 1] > 0)).astype(int)


def small_network() -> Sequential:
    rng = np.random.default_rng(0)
    return Sequential(Linear(2, 16, rng=rng), Tanh(), Linear(16, 2, rng=rng))


def trained(batch: Batch, steps: int = 150) -> Sequential:
    model = small_network()
    optimizer = AdamW(model.parameters(), lr=0.05, weight_decay=0.0)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()
    return model


def right_share(model: Layer, batch: Batch) -> float:
    return float((model(Tensor(batch[0])).data.argmax(axis=-1) == batch[1]).mean())


def test_a_network_learns_what_no_line_can_part() -> None:
    share = right_share(trained(points(1)), points(2))
    assert share > 0.9, f"right for {share:.0%} of new points"


def test_with_shuffled_labels_it_learns_nothing_about_new_points() -> None:
    x, labels = points(1)
    share = right_share(trained((x, np.random.default_rng(3).permutation(labels))), points(2))
    assert 0.3 < share < 0.7, f"right for {share:.0%} of new points, where there is nothing to know"


def test_the_loss_is_the_one_that_an_oracle_computes() -> None:
    model, batch = small_network(), points(4, 23)
    first, second = (oracles.below(model.state_dict(), name) for name in ("0", "2"))
    logits = oracles.linear(np.tanh(oracles.linear(batch[0], **first)), **second)
    right = oracles.cross_entropy(logits, batch[1])
    loss = loss_of(model, batch).item()
    assert abs(loss - right) < 1e-5, f"the loss is {loss}, recomputed {right}"


def test_a_step_against_the_gradient_lowers_the_loss_by_as_much_as_it_says() -> None:
    model, batch = small_network().to(np.float64), points(5, 23)
    loss = loss_of(model, batch)
    loss.backward()
    squares = sum(float((p.grad**2).sum()) for p in model.parameters())
    for parameter in model.parameters():
        parameter.data -= 1e-5 * parameter.grad
    fallen = (loss.item() - loss_of(model, batch).item()) / 1e-5
    assert abs(fallen / squares - 1) < 1e-3, f"it falls by {fallen}, the gradient says {squares}"
