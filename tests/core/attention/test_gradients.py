"""Gradient flow: through the functions, all four projections, and the life of the graph."""

import gc
import weakref

import numpy as np
import pytest

from tests.core.attention import judges
from tests.core.attention.head_judges import make
from tests.core.draw import normal, tensors
from tinytorch.core.attention import MultiHeadAttention, create_causal_mask, vectorized_attention
from tinytorch.core.autograd import check_gradient
from tinytorch.core.tensor import Tensor

MASKS = {"none": None, "causal": create_causal_mask(5), "empty row": np.arange(5)[:, None] > 0}


def test_gradients_agree_with_the_oracles_central_differences(attention) -> None:
    judges.gradients_agree_with_the_oracle(attention)


@pytest.mark.parametrize("result", [0, 1], ids=["output", "weights"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("lead", [(2,), (2, 3)], ids=["3-D", "4-D"])
def test_q_k_and_v_have_the_right_gradients(attention, lead, mask, result) -> None:
    arrays = normal(0, (*lead, 5, 3), (*lead, 5, 3), (*lead, 5, 2))
    assert check_gradient(lambda *x: attention(*x, MASKS[mask])[result], *arrays) < 1e-6


def test_the_gradients_are_right_through_transposed_views(attention) -> None:
    arrays = normal(1, (2, 5, 3, 2), (2, 7, 3, 2), (2, 7, 3, 11))  # (b, n, h, d)
    function = lambda *x: attention(*(t.transpose(1, 2) for t in x))[0]  # noqa: E731
    assert check_gradient(function, *arrays) < 1e-6


def test_one_tensor_as_q_k_and_v_gets_the_sum_of_all_three_gradients(attention) -> None:
    (x,) = normal(2, (2, 5, 3))
    assert check_gradient(lambda x: attention(x, x, x)[0], x) < 1e-6
    (shared,), apart = tensors([x]), tensors([x, x, x])
    for inputs in ([shared] * 3, apart):
        (attention(*inputs)[0] ** 2).sum().backward()
    assert np.allclose(shared.grad, sum(t.grad for t in apart), rtol=0, atol=1e-13)


@pytest.mark.parametrize("mask", MASKS)
def test_the_layers_input_has_the_right_gradient(mask) -> None:
    layer, _ = make(MultiHeadAttention)
    assert check_gradient(lambda x: layer(x, MASKS[mask]), normal(3, (2, 5, 6))[0]) < 1e-6


@pytest.mark.parametrize("part", ["weight", "bias"])
@pytest.mark.parametrize("name", ["q_proj", "k_proj", "v_proj", "out_proj"])
def test_every_projection_has_the_right_gradient(name, part) -> None:
    layer, _ = make(MultiHeadAttention)
    x = Tensor(normal(4, (2, 5, 6))[0], dtype=np.float64)

    def call(parameter: Tensor) -> Tensor:
        setattr(getattr(layer, name), part, parameter)
        return layer(x, create_causal_mask(5))

    assert check_gradient(call, getattr(getattr(layer, name), part)) < 1e-6


@pytest.mark.parametrize("cls_attention", [None, vectorized_attention], ids=["loops", "matrices"])
def test_a_gradient_reaches_all_four_projections(cls_attention) -> None:
    options = {} if cls_attention is None else {"attention": cls_attention}
    layer = MultiHeadAttention(6, 3, rng=np.random.default_rng(5), **options)
    (layer(Tensor(normal(5, (2, 5, 6))[0])) ** 2).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.shape == parameter.shape
        if name != "k_proj.bias":  # the softmax takes away what all keys have in common
            assert (np.abs(parameter.grad) > 1e-6).all(), name


def test_the_bias_of_the_keys_has_no_effect_and_no_gradient() -> None:
    layer, _ = make(MultiHeadAttention)
    x = Tensor(normal(6, (2, 5, 6))[0], dtype=np.float64)
    before = layer(x)
    before.sum().backward()
    assert np.abs(layer.k_proj.bias.grad).max() < 1e-13
    layer.k_proj.bias.data = layer.k_proj.bias.data + 3
    assert np.allclose(before.numpy(), layer(x).numpy(), rtol=0, atol=1e-12)


def test_causal_gradients_do_not_reach_the_future(attention) -> None:
    Q, K, V = tensors(normal(7, *[(2, 5, 3)] * 3))
    output, _ = attention(Q, K, V, create_causal_mask(5))
    start = np.zeros((2, 5, 3))
    start[:, 2] = 1
    output.backward(start)
    for x in (K, V):
        assert not x.grad[:, 3:].any() and x.grad[:, :3].all()


def test_an_attention_graph_is_freed_without_the_garbage_collector(attention) -> None:
    gc.disable()
    try:
        inputs = tensors(normal(8, *[(2, 5, 3)] * 3))
        output, weights = attention(*inputs, create_causal_mask(5))
        output.sum().backward()
        between = [x for x in weights.node.inputs if x.node is not None]
        made = [weakref.ref(t) for t in (output, weights, *between)]
        del output, weights, between
        assert [ref() for ref in made] == [None] * len(made)
    finally:
        gc.enable()
