"""Parity with PyTorch: outputs, weights and all gradients, for every accepted mask shape.

float64 to 1e-10, float32 to 1e-5; `pytest -v` sums the worst differences up.
"""

import numpy as np
import pytest

from tests.core.attention.judges import FOUR_AXES, THREE_AXES, B, H, M, N, random_mask
from tests.core.attention.mask_judges import MASK_SHAPES
from tests.core.draw import normal, tensors
from tinytorch.core.attention import MultiheadAttention, create_causal_mask, vectorized_attention
from tinytorch.core.tensor import unwrap

torch = pytest.importorskip("torch")

LIMITS = {"float64": 1e-10, "float32": 1e-5}
EMBED_DIM = 2 * H
MASKS = [None, *MASK_SHAPES]
AXES = {"3-D": THREE_AXES, "4-D": FOUR_AXES}


def worst(ours, theirs) -> float:
    """Largest difference between pairs of arrays; a shape that differs is an error."""
    pairs = [(np.asarray(unwrap(x)), np.asarray(y)) for x, y in zip(ours, theirs, strict=True)]
    assert all(x.shape == y.shape for x, y in pairs)
    return max(float(np.abs(x - y).max()) for x, y in pairs)


def torch_leaves(arrays, dtype: str):
    return [torch.tensor(x, dtype=getattr(torch, dtype), requires_grad=True) for x in arrays]


def torch_mask(mask, axes: int):
    """The mask as a bool tensor that lines up with scores of 3 or 4 axes; True may look."""
    if mask is None:
        return None
    mask = torch.tensor(mask > 0)
    if axes == 4 and mask.ndim == 3:
        return mask[:, None]
    return mask[:, 0] if axes == 3 and mask.ndim == 4 else mask


def torch_attention(Q, K, V, mask):
    """PyTorch's own function, which returns no weights, and the weights step by step."""
    output = torch.nn.functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask)
    scores = Q @ K.transpose(-2, -1) / Q.shape[-1] ** 0.5
    blocked = torch.zeros_like(scores, dtype=torch.bool) if mask is None else ~mask
    weights = torch.softmax(scores.masked_fill(blocked, float("-inf")), dim=-1)
    return output, torch.nan_to_num(weights)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("mask_shape", MASKS)
@pytest.mark.parametrize("axes", AXES)
def test_the_functions_agree_with_torch(attention, axes, mask_shape, dtype, record_worst):
    if (axes, mask_shape) == ("3-D", "(b, h, n, m)"):
        return  # refused, see test_attention_masks.py
    arrays = normal(0, *AXES[axes])
    mask = None if mask_shape is None else random_mask(0, MASK_SHAPES[mask_shape])
    ours, theirs = tensors(arrays, dtype), torch_leaves(arrays, dtype)
    got = attention(*ours, mask)
    expected = torch_attention(*theirs, torch_mask(mask, len(arrays[0].shape)))
    start = normal(1, got[0].shape)[0].astype(dtype)
    got[0].backward(start)
    expected[0].backward(torch.tensor(start))
    difference = worst(
        [*(x.numpy() for x in got), *(x.grad for x in ours)],
        [*(x.detach() for x in expected), *(x.grad for x in theirs)],
    )
    record_worst(f"attention and torch, {dtype}", difference)
    assert got[0].dtype == dtype and difference < LIMITS[dtype]


@pytest.mark.parametrize("dtype", LIMITS)
def test_a_row_with_nothing_to_look_at_agrees_with_torch(attention, dtype, record_worst):
    arrays, mask = normal(2, *FOUR_AXES), random_mask(2, (B, H, N, M))
    mask[:, :, 3] = 0
    ours, theirs = tensors(arrays, dtype), torch_leaves(arrays, dtype)
    got, _ = attention(*ours, mask)
    expected, _ = torch_attention(*theirs, torch.tensor(mask > 0))
    got.backward(np.ones(got.shape))
    expected.sum().backward()
    difference = worst(
        [got, *(x.grad for x in ours)], [expected.detach(), *(x.grad for x in theirs)]
    )
    record_worst(f"attention and torch, {dtype}", difference)
    assert difference < LIMITS[dtype]


def torch_layer(state, dtype: str):
    """nn.MultiheadAttention with our parameters; its projections are stacked and (out, in)."""
    layer = torch.nn.MultiheadAttention(EMBED_DIM, H, batch_first=True, dtype=getattr(torch, dtype))
    stacked = [
        np.concatenate([state[f"{n}_proj.{p}"].T for n in "qkv"]) for p in ("weight", "bias")
    ]
    own = (*stacked, state["out_proj.weight"].T, state["out_proj.bias"])
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), own, strict=True):
            parameter.copy_(torch.tensor(array))
    return layer


def torch_gradients(layer) -> dict:
    """Gradients of the stacked parameters under our names and in our orientation."""
    found = {}
    for part, stacked in (("weight", layer.in_proj_weight), ("bias", layer.in_proj_bias)):
        for name, grad in zip("qkv", stacked.grad.chunk(3), strict=True):
            found[f"{name}_proj.{part}"] = grad.T if part == "weight" else grad
    found["out_proj.weight"] = layer.out_proj.weight.grad.T
    return found | {"out_proj.bias": layer.out_proj.bias.grad}


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("mask_shape", MASKS)
@pytest.mark.parametrize("way", ["loops", "matrices"])
def test_the_layer_agrees_with_torch(way, mask_shape, dtype, record_worst) -> None:
    options = {"attention": vectorized_attention} if way == "matrices" else {}
    layer = MultiheadAttention(EMBED_DIM, H, rng=np.random.default_rng(3), **options).to(dtype)
    rng = np.random.default_rng(4)
    for parameter in layer.parameters():  # biases that are not 0
        parameter.data = parameter.data + 0.1 * rng.normal(size=parameter.shape).astype(dtype)
    twin = torch_layer(layer.state_dict(), dtype)
    arrays = normal(5, (B, N, EMBED_DIM), (B, M, EMBED_DIM), (B, M, EMBED_DIM))
    ours, theirs = tensors(arrays, dtype), torch_leaves(arrays, dtype)
    mask = None if mask_shape is None else random_mask(5, MASK_SHAPES[mask_shape])
    output, weights = layer(*ours, mask)
    full = None if mask is None else torch_mask(mask, 4).expand(B, H, N, M).reshape(B * H, N, M)
    blocked = None if full is None else ~full  # torch means the opposite: True is blocked
    expected, expected_weights = twin(
        *theirs, attn_mask=blocked, need_weights=True, average_attn_weights=False
    )
    start = normal(6, output.shape)[0].astype(dtype)
    output.backward(start)
    expected.backward(torch.tensor(start))
    gradients, twins = dict(layer.named_parameters()), torch_gradients(twin)
    assert gradients.keys() == twins.keys() and len(twins) == 8
    difference = worst(
        [output, weights, *(x.grad for x in ours), *(gradients[name].grad for name in twins)],
        [expected.detach(), expected_weights.detach(), *(x.grad for x in theirs), *twins.values()],
    )
    record_worst(f"attention and torch, {dtype}", difference)
    assert output.dtype == dtype and difference < LIMITS[dtype]


def test_a_causal_mask_agrees_with_torchs_is_causal(attention) -> None:
    arrays = normal(7, *[(B, N, M)] * 3)
    got, _ = attention(*tensors(arrays), create_causal_mask(N))
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, arrays), is_causal=True
    )
    assert worst([got], [expected]) < 1e-10
