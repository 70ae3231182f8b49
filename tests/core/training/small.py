"""A small training for the tests of this folder: every seed stands here."""

import numpy as np

from tinytorch.core.activations import tanh
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import Trainer, generator_states


def points(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    return x, (x.sum(axis=1) > 0).astype(int)


def loss_of(model, batch):
    """Mean cross-entropy of (points, labels), in the dtype of the model."""
    dtype = model.parameters()[0].dtype
    return cross_entropy(model(Tensor(batch[0], dtype=dtype)), batch[1])


def network(dropout=0.2, dtype=np.float32):
    rng = np.random.default_rng(1)
    parts = [Linear(3, 8, rng=rng), tanh, Dropout(dropout, rng=rng), Linear(8, 2, rng=rng)]
    return Sequential(*parts).to(dtype)


def make_trainer(model=None, batches=None, **options):
    model = network() if model is None else model
    batches = [points(7, seed) for seed in range(4)] if batches is None else batches
    return Trainer(model, AdamW(model.parameters(), lr=0.02), loss_of, batches, **options)


def standing(trainer):
    """All that the next steps depend on, but the batches, in bytes."""
    arrays = {
        **{f"model.{name}": array for name, array in trainer.model.state_dict().items()},
        **{f"optimizer.{name}": array for name, array in trainer.optimizer.state_dict().items()},
    }
    return (
        {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()},
        generator_states(trainer.model),
        (trainer.optimizer.lr, trainer.step, repr(trainer.history)),
    )
