"""Products equal what PyTorch's FlopCounterMode counts, forward and backward."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinytorch.core.activations import relu
from tinytorch.core.attention import MultiHeadAttention, vectorized_attention
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import cross_entropy, mse_loss
from tinytorch.core.profiling import count_ops, nodes_of, profile
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, GPTConfig, pytorch_state
from tinytorch.fused import attention as fused_attention

torch = pytest.importorskip("torch")


def counted(forward: Callable[[], Any], loss: Callable[[Any], Any]) -> tuple[int, int]:
    """PyTorch's operations of a forward and of a backward pass.

    Its fused attention for a processor is not among the ops it counts: "math" is the plain one.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        output = forward()
        made = counter.get_total_flops()
        loss(output).backward()
    return made, counter.get_total_flops() - made


def own(loss: Tensor) -> tuple[int, int]:
    rows = count_ops(nodes_of(loss))
    return sum(row.products for row in rows), sum(row.backward for row in rows)


@pytest.mark.parametrize("learns", [False, True])
def test_a_linear_layer(learns) -> None:
    x, layer = np.ones((2, 7, 3), np.float32), Linear(3, 5)
    theirs = torch.tensor(x, requires_grad=learns)
    expected = counted(lambda: torch.nn.Linear(3, 5)(theirs), lambda y: (y**2).mean())
    assert own(mse_loss(layer(Tensor(x, requires_grad=learns)), np.zeros((2, 7, 5)))) == expected


def test_a_multilayer_perceptron() -> None:
    x = np.ones((7, 3), np.float32)
    parts = (torch.nn.Linear(3, 11), torch.nn.ReLU(), torch.nn.Linear(11, 5))
    expected = counted(lambda: torch.nn.Sequential(*parts)(torch.tensor(x)), lambda y: y.sum())
    model = Sequential(Linear(3, 11), relu, Linear(11, 5))
    assert own(model(Tensor(x)).sum()) == expected


@pytest.mark.parametrize("attention", [vectorized_attention, fused_attention])
def test_multi_head_attention(attention) -> None:
    x = np.ones((2, 7, 6), np.float32)
    layer = torch.nn.MultiheadAttention(6, 3, batch_first=True)
    theirs = torch.tensor(x)
    expected = counted(lambda: layer(theirs, theirs, theirs)[0], lambda y: y.sum())
    assert own(MultiHeadAttention(6, 3, attention)(Tensor(x)).sum()) == expected


def test_a_gpt(attention) -> None:
    """With any attention of the library; the loss adds no product."""
    peer = pytest.importorskip("benchmarks.torch_gpt", reason="a learner has no benchmarks")
    config = GPTConfig(vocab_size=13, context_len=11, num_layers=2, num_heads=3, embed_dim=6)
    model, ids = GPT(config, attention), np.random.default_rng(1).integers(0, 13, (2, 7))
    twin, theirs = peer.torch_twin(config, pytorch_state(model)), torch.tensor(ids)

    def loss(logits: Any) -> Any:
        return torch.nn.functional.cross_entropy(logits.reshape(-1, 13), theirs.reshape(-1))

    expected = counted(lambda: twin(theirs), loss)
    assert own(cross_entropy(model(ids), ids)) == expected
    assert sum(row.products for row in profile(model, ids)) == expected[0]
