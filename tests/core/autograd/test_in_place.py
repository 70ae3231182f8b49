"""Changes in place beside a history: the gradient is right, or backward says that it cannot be."""

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.core.activations import exp
from tinytorch.core.autograd import check_gradient, no_grad
from tinytorch.core.tensor import Tensor, concatenate, stack, where


def leaf(data) -> Tensor:
    return Tensor(data, requires_grad=True, dtype=np.float64)


def test_steps_in_place_train() -> None:
    w, b = leaf(0.0), leaf(0.0)
    x = np.linspace(-1, 1, 11)
    for _ in range(200):
        loss = ((w * x + b - (3 * x - 2)) ** 2).mean()
        loss.backward()
        with no_grad():
            for p in (w, b):
                p -= 0.3 * p.grad
                p.zero_grad()
    assert_close([w.item(), b.item()], [3, -2], 1e-6)
    assert w.requires_grad and w.node is None


def in_no_grad(x: Tensor) -> None:
    with no_grad():
        x *= 2


def one_element(x: Tensor) -> None:
    with no_grad():
        x[0] = 7


def through_a_view(x: Tensor) -> None:
    with no_grad():
        row = x[1:]
        row += 1


def through_a_detached_twin(x: Tensor) -> None:
    twin = x.detach()
    twin += 1


def through_data(x: Tensor) -> None:
    x.data -= 1


WAYS = [in_no_grad, one_element, through_a_view, through_a_detached_twin, through_data]


@pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)
def test_a_change_after_the_forward_is_noticed_by_backward(change) -> None:
    x = leaf([1, 2])
    y = (x * x).sum()
    change(x)
    with pytest.raises(RuntimeError, match=r"multiply .*changed in place"):
        y.backward()
    (x * x).sum().backward()
    assert_close(x.grad, 2 * x.data, 0)


def test_a_change_of_a_result_that_its_rule_needs_is_noticed() -> None:
    x = leaf([1, 2])
    y = exp(x)
    with no_grad():
        y += 1
    with pytest.raises(RuntimeError, match=r"exp .*changed in place"):
        y.sum().backward()


def test_a_change_of_a_constant_is_noticed() -> None:
    x, constant = leaf([1, 2]), Tensor([3.0, 4.0])
    y = (x * constant).sum()
    constant *= 0
    with pytest.raises(RuntimeError, match="multiply"):
        y.backward()


def test_replacing_the_data_leaves_an_older_history_right() -> None:
    x = leaf([1, 2])
    y, twin = (x * x).sum(), x.detach()
    x.data = x.data - 100
    (y + (x * twin).sum()).backward()
    assert x.grad.tolist() == [2 + 1, 4 + 2]


def test_a_change_after_backward_is_free() -> None:
    x = leaf([1, 2])
    (x * x).sum().backward()
    in_no_grad(x)
    x.zero_grad()
    (x * x).sum().backward()
    assert x.grad.tolist() == [4, 8]


ACCUMULATIONS = {
    "a sum from 0": lambda x: sum_of(x, 0),
    "a sum from a tensor": lambda x: sum_of(x, Tensor(0.0, dtype=np.float64)),
    "a residual": lambda x: residual(x),
    "itself": lambda x: doubled(x),
}


def sum_of(x: Tensor, total) -> Tensor:
    for row in x:
        total += (row * row).sum()
    return total


def residual(x: Tensor) -> Tensor:
    h = x * 1
    h += exp(h)
    h *= h
    return h


def doubled(x: Tensor) -> Tensor:
    h = x * x
    h += h
    h /= 3
    return h**2


@pytest.mark.parametrize("name", ACCUMULATIONS)
def test_what_is_recorded_under_one_name_has_the_right_gradient(name) -> None:
    x = np.random.default_rng(0).normal(size=(3, 2))
    assert check_gradient(ACCUMULATIONS[name], x) < 1e-6


def test_joined_views_and_a_tensor_joined_twice_have_the_right_gradient() -> None:
    x = np.random.default_rng(1).normal(size=(3, 5))
    for call in (
        lambda x: concatenate([x.T, x.T[1:], x[:, :3]], dim=0),
        lambda x: stack([x, x * x, x[::-1]], dim=1),
        lambda x: where(x.data > 0, x, x.T.reshape(3, 5)),
    ):
        assert check_gradient(call, x) < 1e-6


def test_float16_has_gradients_of_many_numbers() -> None:
    x = Tensor(np.full(70000, 0.1), True, dtype=np.float16)
    x.mean().backward()
    assert x.grad.dtype == np.float16
    assert_close(x.grad, np.full(70000, 1 / 70000), 1e-7)
