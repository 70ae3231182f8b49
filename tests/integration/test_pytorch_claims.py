"""What docs/pytorch.md says of PyTorch, row by row of its table, is so."""

from importlib import import_module
from inspect import signature

import numpy as np
import pytest

from tinytorch.core import activations, attention, losses, optimizers, transformers
from tinytorch.core.dataloader import split_by_position
from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional
again = import_module("torch.utils.checkpoint").checkpoint
FlopCounterMode = import_module("torch.utils.flop_counter").FlopCounterMode
lower_right = import_module("torch.nn.attention.bias").causal_lower_right
X = np.random.default_rng(2).normal(size=(2, 3, 5)).astype(np.float32)
GRID = np.tri(3)


def test_01_floats_become_float32_here_and_a_largest_number_comes_without_its_place():
    assert (
        Tensor(np.ones(2)).dtype == np.float32 and torch.tensor(np.ones(2)).dtype is torch.float64
    )
    values, places = torch.tensor(X).max(dim=1)
    assert np.array_equal(Tensor(X).max(1).data, values) and np.array_equal(X.argmax(1), places)
    assert np.array_equal(torch.tensor(X).amax(1), values)


def test_02_gelu_tanh_is_an_option_there():
    theirs = functional.gelu(torch.tensor(X), approximate="tanh")
    assert np.allclose(activations.gelu_tanh(Tensor(X)).data, theirs, atol=1e-6)


def test_03_linear_is_laid_out_and_begun_otherwise():
    here, there = Linear(100, 7), nn.Linear(100, 7)
    assert here.weight.shape == (100, 7) and there.weight.shape == (7, 100)
    assert not here.bias.data.any() and there.bias.any()
    drawn = torch.cat([there.weight.flatten(), there.bias])
    assert 0.09 < drawn.abs().max() <= 0.1

    class Forgetful(nn.Module):
        def __init__(self):
            self.part = there

    with pytest.raises(AttributeError, match=r"before Module\.__init__"):
        Forgetful()


def test_04_classes_are_the_second_axis_there():
    labels = np.array([[1, 4, 0], [2, -100, 3]])
    ours = losses.cross_entropy(Tensor(X), labels).item()
    logits, classes = torch.tensor(X), torch.tensor(labels)
    assert np.isclose(functional.cross_entropy(logits.flatten(0, 1), classes.flatten()), ours)
    assert np.isclose(functional.cross_entropy(logits.movedim(-1, 1), classes), ours)
    assert functional.cross_entropy(logits[0], torch.full((3,), -100)).isnan()
    with pytest.raises(ValueError, match="none of 6 counts"):
        losses.cross_entropy(Tensor(X), np.full((2, 3), -100))


def test_05_backward_twice_is_an_error_there():
    ours, theirs = Tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    square, same = (ours * ours).sum(), (theirs * theirs).sum()
    same.backward(retain_graph=True)
    same.backward()
    for _ in range(2):
        square.backward()
    assert np.allclose(ours.grad, theirs.grad)
    with pytest.raises(RuntimeError, match="a second time"):
        same.backward()


def test_06_the_defaults_of_adamw_are_equal_and_an_infinite_norm_is_an_error_here():
    here, there = (signature(kind).parameters for kind in (optimizers.AdamW, torch.optim.AdamW))
    for name in ("lr", "betas", "eps", "weight_decay"):
        assert here[name].default == there[name].default
    ours, theirs = Tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    ours.grad, theirs.grad = np.full_like(X, np.inf), torch.full_like(theirs, torch.inf)
    with pytest.raises(ValueError, match="norm of the gradients is inf"):
        optimizers.clip_grad_norm([ours], 1.0)
    assert nn.utils.clip_grad_norm_([theirs], 1.0) == torch.inf
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_([theirs], 1.0, error_if_nonfinite=True)


def test_08_a_split_is_drawn_there_and_a_batch_is_asked_for_by_another_name():
    parts = torch.utils.data.random_split(range(90), [0.5, 0.5], torch.Generator().manual_seed(1))
    assert [*parts[0]] != [*range(45)] and sorted([*parts[0], *parts[1]]) == [*range(90)]
    assert split_by_position(np.arange(90), (0.5, 0.5))[0].tolist() == [*range(45)]

    class Squares:
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [index**2 for index in indices]

    batches = [*torch.utils.data.DataLoader(Squares(), 2)]
    assert [batch.tolist() for batch in batches] == [[0, 1], [4, 9]]


def test_12_a_mask_means_what_the_page_says():
    Q = K = V = torch.tensor(X)
    ours, _ = attention.vectorized_attention(Tensor(X), Tensor(X), Tensor(X), GRID)
    attend = functional.scaled_dot_product_attention
    assert np.allclose(attend(Q, K, V, torch.tensor(GRID).bool()), ours.data, atol=1e-6)
    assert np.allclose(attend(Q, K, V, is_causal=True), ours.data, atol=1e-6)
    added = attend(Q, K, V, torch.tensor(GRID, dtype=torch.float32))
    scores = Q @ K.mT / 5**0.5 + torch.tensor(GRID)
    assert torch.allclose(added, (scores.softmax(-1) @ V.double()).float(), atol=1e-6)
    assert not attend(Q, K, V, torch.zeros(3, 3, dtype=torch.bool)).any()

    layer = nn.MultiheadAttention(6, 2)
    x = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(1))  # (n, batch, embed_dim)
    hidden = torch.tensor(GRID) == 0
    _, mean = layer(x, x, x, attn_mask=hidden)
    _, each = layer(x, x, x, attn_mask=hidden, average_attn_weights=False)
    assert mean.shape == (4, 3, 3) and each.shape == (4, 2, 3, 3) and not each[:, :, hidden].any()
    assert torch.allclose(each.mean(1), mean) and layer.in_proj_weight.shape == (18, 6)
    assert layer(x, x, x, attn_mask=torch.ones(3, 3, dtype=torch.bool))[0].isnan().all()


def test_13_eps_order_of_norms_and_first_options_differ():
    assert transformers.RMSNorm(5).eps == 1e-5 == nn.LayerNorm(5).eps
    rows = torch.full((1, 5), 1e-4)
    small = torch.finfo(torch.float32).eps
    assert torch.allclose(nn.RMSNorm(5)(rows), rows / (1e-8 + small) ** 0.5)
    options = signature(nn.TransformerEncoderLayer).parameters
    wanted = {"norm_first": False, "dropout": 0.1, "activation": functional.relu}
    assert {name: options[name].default for name in wanted} == wanted


def test_14_only_products_are_counted_there():
    x = torch.tensor(X[0])
    with FlopCounterMode(display=False) as counter:
        x @ x.T
    assert counter.get_total_flops() == 2 * 3 * 5 * 3
    with FlopCounterMode(display=False) as counter:
        (x + 1).softmax(1)
    assert counter.get_total_flops() == 0


def test_17_the_first_key_is_where_is_causal_counts_from():
    attend = functional.scaled_dot_product_attention
    query, V = torch.zeros(1, 1, 1, 5), torch.tensor(X[:1, None])
    assert torch.allclose(attend(query, V, V, is_causal=True)[0, 0, 0], V[0, 0, 0])
    last = attend(query, V, V, attn_mask=lower_right(1, 3))
    assert torch.allclose(last[0, 0, 0], V[0, 0].mean(0), atol=1e-6)
    four, two = torch.zeros(1, 4, 3, 5), torch.zeros(1, 2, 3, 5)
    assert attend(four, two, two, enable_gqa=True).shape == (1, 4, 3, 5)


def test_18_checkpoint_wants_its_way_said():
    x, layer = torch.tensor(X, requires_grad=True), nn.Linear(5, 5)
    assert torch.equal(again(layer, x, use_reentrant=False), layer(x))
    with pytest.warns(UserWarning, match="use_reentrant"):
        again(layer, x)
