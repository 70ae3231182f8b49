"""Train on MNIST-1D: a linear model, and a small network that sees what it cannot.

Greydanus & Kobak 2020, "Scaling down deep learning", arXiv 2011.14439, report 32% of the test
rows right for a linear model and 68% for a network of two hidden layers; this prints both. The
network, its width, Adam's learning rate and the batch size are those of the authors' code
(github.com/greydanus/mnist1d); that the rate falls to 0 is ours, and lets fewer steps do. The
matrices are small: on a busy machine one thread is far quicker than two,
OPENBLAS_NUM_THREADS=1 python examples/mnist1d.py
"""

import argparse
import time
from collections.abc import Sequence
from itertools import islice

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.activations import relu
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import ArrayDataset, DataLoader, endless
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.losses import accuracy, cross_entropy
from tinytorch.core.optimizers import Adam, warmup_cosine
from tinytorch.core.tensor import Tensor
from tinytorch.mnist1d import MNIST1D, ROW_LEN, mnist1d

NUM_CLASSES, HIDDEN_DIM, BATCH_SIZE, MAX_LR = 10, 256, 100, 0.01


class MLP(Layer):
    """Two hidden layers; the second adds to the first, as in the authors' code."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.first = Linear(ROW_LEN, HIDDEN_DIM, rng=rng)
        self.second = Linear(HIDDEN_DIM, HIDDEN_DIM, rng=rng)
        self.last = Linear(HIDDEN_DIM, NUM_CLASSES, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        hidden = relu(self.first(x))  # (batch, hidden)
        return self.last(hidden + relu(self.second(hidden)))


def train(model: Layer, data: MNIST1D, steps: int, seed: int = 0) -> None:
    dataset = ArrayDataset(data.x_train, data.y_train)
    loader = DataLoader(dataset, BATCH_SIZE, shuffle=True, seed=seed)
    optimizer = Adam(model.parameters())
    for step, (x, labels) in enumerate(islice(endless(loader), steps)):
        optimizer.lr = warmup_cosine(step, warmup_steps=0, total_steps=steps, max_lr=MAX_LR)
        optimizer.zero_grad()
        cross_entropy(model(Tensor(x)), labels).backward()
        optimizer.step()


def tested(model: Layer, data: MNIST1D) -> float:
    """The share of test rows that are right."""
    with no_grad():
        return accuracy(model(Tensor(data.x_test)), data.y_test)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train two models on MNIST-1D.")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    data, rng = mnist1d(), np.random.default_rng(given.seed)
    for name, model in (("linear", Linear(ROW_LEN, NUM_CLASSES, rng=rng)), ("MLP", MLP(rng))):
        start = time.perf_counter()
        train(model, data, given.steps, given.seed)
        right = tested(model, data)
        count = sum(parameter.data.size for parameter in model.parameters())
        seconds = time.perf_counter() - start
        print(f"{name:6}  {count:6,} parameters  {right:.1%} right  {seconds:.0f} s")


if __name__ == "__main__":
    main()
