"""Handwritten digits, 8 × 8 grey dots each: a network of two layers learns to read them.

pip install scikit-learn          # brings the 1,797 digits (UCI, Alpaydin & Kaynak 1998)
python examples/digits.py
"""

import sys

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.activations import relu
from tinytorch.core.dataloader import ArrayDataset, DataLoader
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.losses import accuracy, cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.training import Batch, Trainer, evaluate


def digits() -> tuple[Array, Array]:
    """Dots from 0 to 1, (1797, 64), and which digit each is, in an order drawn once."""
    from sklearn.datasets import load_digits

    dots, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return (dots[order] / 16).astype(np.float32), labels[order]


def loss_of(model: Layer, batch: Batch) -> Tensor:
    return cross_entropy(model(Tensor(batch[0])), batch[1])


def right(model: Layer, batch: Batch) -> float:
    """The share of digits that are read as what they are."""
    return accuracy(model.eval()(Tensor(batch[0])), batch[1])


def main() -> int:
    try:
        dots, labels = digits()
    except ModuleNotFoundError as error:
        print(f"{error}; type: pip install scikit-learn")
        return 2
    held_out = dots[:360], labels[:360]
    rng = np.random.default_rng(1)
    model = Sequential(
        Linear(64, 64, rng=rng), relu, Dropout(0.2, rng=rng), Linear(64, 10, rng=rng)
    )
    loader = DataLoader(ArrayDataset(dots[360:], labels[360:]), 32, shuffle=True, seed=2)
    trainer = Trainer(model, AdamW(model.parameters(), lr=3e-3), loss_of, loader)
    for epoch in range(1, 21):
        trainer.train(epoch * len(loader))
        if epoch % 5 == 0:
            loss = evaluate(model, [held_out], loss_of)
            print(f"epoch {epoch:2}  loss {loss:.3f}  right {right(model, held_out):.1%}")
            model.train()
    return 0


if __name__ == "__main__":
    sys.exit(main())
