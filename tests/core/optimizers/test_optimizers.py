"""Optimizers: state that is saved and loaded, what is refused, changes in place, hypotheses."""

import numpy as np
import pytest

from tinytorch.core.layers import Linear
from tinytorch.core.optimizers import SGD, Adam, AdamW, Optimizer, clip_grad_norm, warmup_cosine
from tinytorch.core.tensor import Tensor

KINDS = {
    "sgd": lambda p: SGD(p, 0.1),
    "momentum": lambda p: SGD(p, 0.1, momentum=0.9),
    "adam": lambda p: Adam(p, 0.1),
    "adamw": lambda p: AdamW(p, 0.1, weight_decay=0.1),
}


def leaf(*shape, dtype=np.float32, seed=0):
    numbers = np.random.default_rng(seed).normal(size=shape)
    return Tensor(numbers, requires_grad=True, dtype=dtype)


def go_on(optimizer, first, last):
    for step in range(first, last):
        for number, parameter in enumerate(optimizer.parameters):
            rng = np.random.default_rng([step, number])
            parameter.grad = rng.normal(size=parameter.shape).astype(parameter.dtype)
        optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_and_loaded_optimizer_goes_on_bit_for_bit(kind):
    one, other = ([leaf(2, 3), leaf(5)] for _ in range(2))
    whole = KINDS[kind](one)
    go_on(whole, 0, 9)
    half = KINDS[kind](other)
    go_on(half, 0, 4)
    state = half.state_dict()
    assert all(isinstance(x, np.ndarray) for x in state.values())
    again = KINDS[kind](other)
    again.load_state_dict(state)
    go_on(again, 4, 9)
    for x, y in zip(one, other, strict=True):
        assert (x.data == y.data).all()
    assert again.num_steps == 9 and isinstance(again.num_steps, int)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3)])
def test_parameters_change_in_their_own_arrays_and_gradients_stay(kind, shape):
    parameter = leaf(*shape)
    array = parameter.data
    optimizer = KINDS[kind]([parameter])
    parameter.grad = np.ones(shape, np.float32)
    grad = parameter.grad
    optimizer.step()
    assert parameter.data is array or np.shares_memory(parameter.data, array) or not array.size
    assert parameter.grad is grad and (grad == 1).all()
    assert parameter.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_and_unused_parameters_stay(kind):
    frozen, unused, used = leaf(3), leaf(3), leaf(3)
    frozen.grad = used.grad = np.ones(3, np.float32)
    frozen.requires_grad = False
    before = [x.data.copy() for x in (frozen, unused)]
    optimizer = KINDS[kind]([frozen, unused, used])
    optimizer.step()
    assert (frozen.data == before[0]).all() and (unused.data == before[1]).all()
    assert not any(name.startswith(("0.", "1.")) for name in optimizer.state_dict())


def test_what_adam_keeps_is_two_numbers_for_each():
    layer = Linear(3, 5)
    optimizer = Adam(layer.parameters())
    go_on(optimizer, 0, 1)
    kept = sum(x.size for name, x in optimizer.state_dict().items() if "step" not in name)
    assert kept == 2 * (3 * 5 + 5)


def test_decay_is_only_where_it_is_asked_for():
    matrix, bias = leaf(2, 3), leaf(3)
    start = [x.data.copy() for x in (matrix, bias)]
    optimizer = AdamW([matrix, bias], lr=0.1, weight_decay=0.5, decays=lambda p: p.ndim > 1)
    matrix.grad, bias.grad = np.zeros((2, 3), np.float32), np.zeros(3, np.float32)
    optimizer.step()
    np.testing.assert_allclose(matrix.data, start[0] * 0.95, rtol=1e-6)
    assert (bias.data == start[1]).all()


def test_weights_decay_beside_the_averages():
    plain, decayed = leaf(4), leaf(4)
    for make, x in ((Adam, plain), (AdamW, decayed)):
        optimizer = make([x])
        go_on(optimizer, 0, 3)
        x.kept = optimizer.state_dict()
    for name in ("0.first", "0.second"):
        assert (plain.kept[name] == decayed.kept[name]).all()


# ---- what is refused ----

RESULT = leaf(3) * 2
TWICE = leaf(3)


@pytest.mark.parametrize(
    ("parameters", "error", "says"),
    [
        ([], ValueError, "empty"),
        (leaf(3), TypeError, r"write \[tensor\]"),
        ([np.ones(3)], TypeError, "parameter 0"),
        ([leaf(2), None], TypeError, "parameter 1"),
        ([leaf(2), RESULT], ValueError, "parameter 1 was computed by multiply"),
        ([TWICE, leaf(1), TWICE], ValueError, "0 and 2"),
        ([Tensor([1, 2])], TypeError, "int64"),
    ],
)
def test_parameters_that_cannot_be_changed_are_refused(parameters, error, says):
    with pytest.raises(error, match=says):
        SGD(parameters, 0.1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: SGD(p, -0.1), "lr"),
        (lambda p: SGD(p, float("nan")), "lr"),
        (lambda p: SGD(p, "0.1"), "lr"),
        (lambda p: SGD(p, True), "lr"),
        (lambda p: SGD(p, 0.1, momentum=1.0), "momentum"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), r"betas\[1\]"),
        (lambda p: Adam(p, betas=0.9), "betas"),
        (lambda p: Adam(p, eps=-1.0), "eps"),
        (lambda p: AdamW(p, weight_decay=-0.1), "weight_decay"),
    ],
)
def test_numbers_out_of_range_are_named(make, says):
    with pytest.raises(ValueError, match=says):
        make([leaf(2)])


def test_decays_must_be_a_function():
    with pytest.raises(TypeError, match="decays"):
        AdamW([leaf(2)], decays=0.1)


def test_a_base_class_says_that_it_has_no_update():
    parameter = leaf(2)
    parameter.grad = np.ones(2, np.float32)
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        Optimizer([parameter], 0.1).step()


def test_a_state_that_does_not_fit_lists_every_fault_and_loads_nothing():
    optimizer = Adam([leaf(2), leaf(3)])
    go_on(optimizer, 0, 2)
    before = optimizer.state_dict()
    state = {**before, "0.first": np.ones(5), "7.first": np.ones(2)}
    del state["1.second"]
    with pytest.raises(ValueError, match=r"(?s)0.first.*1.second is missing.*7.first is unexp"):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_gradients_without_a_norm_are_refused_and_left(bad):
    x = leaf(2)
    x.grad = np.array([5.0, bad], np.float32)
    with pytest.raises(ValueError, match=r"norm of the gradients is (nan|inf)"):
        clip_grad_norm([x], 1.0)
    assert x.grad[0] == 5


@pytest.mark.parametrize("max_norm", [0.0, -1.0, float("nan")])
def test_a_limit_must_be_above_zero(max_norm):
    with pytest.raises(ValueError, match="max_norm"):
        clip_grad_norm([leaf(2)], max_norm)


def test_without_a_gradient_the_norm_is_zero():
    assert clip_grad_norm([leaf(2)], 1.0) == 0.0
    assert clip_grad_norm(iter(()), 1.0) == 0.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"step": -1}, "step"),
        ({"warmup_steps": 30}, "total_steps"),
        ({"min_lr": 0.2}, "max_lr"),
        ({"max_lr": float("inf")}, "max_lr"),
    ],
)
def test_a_schedule_names_what_does_not_fit(change, says):
    given = {"step": 0, "warmup_steps": 3, "total_steps": 20, "max_lr": 0.1, **change}
    with pytest.raises(ValueError, match=says):
        warmup_cosine(given.pop("step"), **given)
