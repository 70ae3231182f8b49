"""The first thing that learns: a lamp with two switches burns if they differ (XOR)."""

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.activations import tanh
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import binary_cross_entropy_with_logits
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor

switches, lamp = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), [[0], [1], [1], [0]]
rng = np.random.default_rng(0)
model = Sequential(Linear(2, 8, rng=rng), tanh, Linear(8, 1, rng=rng))
optimizer = Adam(model.parameters(), lr=0.05)
for step in range(201):
    optimizer.zero_grad()
    loss = binary_cross_entropy_with_logits(model(switches), lamp)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
print("lamp:", (model(switches).data > 0).astype(int).ravel().tolist())
