"""`flash_attention` beside PyTorch's `scaled_dot_product_attention`, outputs and gradients."""

import numpy as np
import pytest

from tests.core.acceleration.dense import FLAT, GROUPED, HEADS, B, H, M, N
from tests.core.draw import normal, tensors
from tinytorch.core.acceleration import flash_attention
from tinytorch.core.tensor import Tensor

torch = pytest.importorskip("torch")
attention = torch.nn.functional.scaled_dot_product_attention

LIMITS = {"float64": 1e-12, "float32": 1e-5}
MASKS = {(N, M): (N, M), (B, N, M): (B, 1, N, M), (B, 1, 1, M): (B, 1, 1, M),
         (B, 1, N, M): (B, 1, N, M), (B, H, N, M): (B, H, N, M)}  # fmt: skip
OPTIONS = [{}, {"causal": True}, {"scale": -0.7}, {"causal": True, "scale": 0.5}]


def apart(arrays, dtype, ours, theirs):
    """Largest difference between outputs, and between gradients, of both."""
    own = tensors(arrays, dtype)
    others = [torch.tensor(x.data, requires_grad=True) for x in own]
    [output, _], right = flash_attention(*own[:3], **ours(own)), attention(
        *others[:3], enable_gqa=own[0].shape[1] != own[1].shape[1], **theirs(others)
    )  # fmt: skip
    [grad] = normal(9, output.shape)
    output.backward(grad.astype(dtype))
    right.backward(torch.tensor(grad.astype(dtype)))
    pairs = [
        (output.data, right.detach()),
        *((x.grad, y.grad) for x, y in zip(own, others, strict=True)),
    ]
    assert all(x.shape == tuple(y.shape) for x, y in pairs)
    return max(float(np.abs(x - y.numpy()).max()) for x, y in pairs)


def torch_names(options):
    return {{"causal": "is_causal"}.get(name, name): value for name, value in options.items()}


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shapes", [HEADS, FLAT, GROUPED], ids=["heads", "no heads", "grouped"])
def test_options_agree_with_torch(shapes, options, dtype, tiles, record_worst):
    found = apart(normal(0, *shapes), dtype, lambda _: options, lambda _: torch_names(options))
    record_worst(f"flash_attention and PyTorch, {dtype}", found)
    assert found <= LIMITS[dtype]


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("shape", MASKS, ids=str)
def test_masks_and_queries_that_see_nothing_agree_with_torch(shape, dtype, tiles):
    mask = np.random.default_rng(1).random(shape) < 0.4
    mask[..., -1, :] = False
    lined_up = torch.tensor(mask.reshape(MASKS[shape]))
    found = apart(
        normal(0, *HEADS), dtype, lambda _: {"mask": mask}, lambda _: {"attn_mask": lined_up}
    )
    assert found <= LIMITS[dtype]


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("shape", [(N, M), (H, 1, M), (B, H, N, M)], ids=str)
def test_a_bias_that_learns_agrees_with_torch(shape, dtype, tiles):
    found = apart(
        normal(2, *HEADS, shape),
        dtype,
        lambda own: {"bias": own[3]},
        lambda others: {"attn_mask": others[3]},
    )
    assert found <= 10 * LIMITS[dtype]


def test_a_softcap_agrees_with_torch_step_by_step(tiles):
    q, k, v = (torch.tensor(x, requires_grad=True) for x in normal(3, *HEADS))
    scores = 2 * torch.tanh(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 / 2)
    allowed = torch.tensor(np.tri(N, M) > 0)
    right = torch.softmax(scores.masked_fill(~allowed, -torch.inf), dim=-1) @ v
    own = tensors(normal(3, *HEADS))
    output, _ = flash_attention(*own, softcap=2, causal=True)
    [grad] = normal(9, output.shape)
    output.backward(grad)
    right.backward(torch.tensor(grad))
    np.testing.assert_allclose(output.data, right.detach(), atol=1e-12)
    for x, y in zip(own, (q, k, v), strict=True):
        np.testing.assert_allclose(x.grad, y.grad, atol=1e-12)


@pytest.mark.parametrize("wide", [100.0, 3000.0])
def test_scores_in_the_thousands_are_no_further_from_the_truth_than_torch_s(wide):
    """Where scores lie thousands apart, float32 itself moves them; both are held to that."""
    q, k, v = (
        x.astype(np.float32) for x in normal(5, (1, 2, 300, 16), (1, 2, 530, 16), (1, 2, 530, 8))
    )
    q *= np.float32(wide)
    truth = attention(*(torch.tensor(x, dtype=torch.float64) for x in (q, k, v))).numpy()
    theirs = attention(*map(torch.tensor, (q, k, v))).numpy()
    ours = flash_attention(Tensor(q), Tensor(k), Tensor(v))[0].data
    assert np.abs(ours - truth).max() <= 4 * np.abs(theirs - truth).max() + 1e-5
