"""The backward pass: where it starts and ends, and graphs that are freed, threaded or changed."""

import gc
import threading
import weakref

import numpy as np
import pytest

from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Op, Tensor


def leaf(data) -> Tensor:
    return Tensor(data, requires_grad=True, dtype=np.float64)


def test_a_pass_may_start_from_a_given_gradient() -> None:
    x = leaf([[1, 2, 3], [4, 5, 6]])
    (x * 2).backward([[1, 0, 0], [0, 10, 0]])
    assert x.grad.tolist() == [[2, 0, 0], [0, 20, 0]]


def test_a_leaf_is_its_own_gradient() -> None:
    x, start = leaf([1, 2]), np.array([3.0, 4.0])
    x.backward(start)
    start[:] = 0
    assert x.grad.tolist() == [3, 4]


def test_a_gradient_has_the_dtype_and_shape_of_its_tensor() -> None:
    x = Tensor([[1.0], [2.0]], requires_grad=True)
    (x * Tensor(np.ones((2, 3)), dtype=np.float64)).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (np.float32, [[3], [3]])


def test_what_does_not_require_a_gradient_gets_none() -> None:
    x, constant = leaf([1, 2]), Tensor([3.0, 4.0], dtype=np.float64)
    middle = x * constant
    middle.sum().backward()
    assert constant.grad is None and middle.grad is None
    assert x.grad.tolist() == [3, 4]


def test_detach_stops_the_gradient() -> None:
    x = leaf(3)
    (x * x.detach()).backward()
    assert x.grad == 3


@pytest.mark.parametrize("differentiate", [False, True])
def test_a_graph_is_freed_without_the_garbage_collector(differentiate) -> None:
    gc.disable()
    try:
        x = leaf([1, 2])
        middle = x * 3
        last = (middle + middle.max()).sum()
        if differentiate:
            last.backward()
        alive = [weakref.ref(middle), weakref.ref(last)]
        del middle, last
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_the_last_rule_filed_wins_so_that_a_cell_can_run_again() -> None:
    double = Op(lambda x: 2 * x)
    double.__name__ = "double"
    double.gradient(lambda grad, output, x: (0 * grad,))
    double.gradient(lambda grad, output, x: (2 * grad,))
    x = leaf(1)
    double(x).backward()
    assert x.grad == 2


def test_the_slope_of_a_power_at_0_is_finite_for_exponents_0_and_1() -> None:
    x = leaf([0, 0, 3])
    (x ** np.array([0, 1, 0])).sum().backward()
    (x**0).sum().backward()
    assert x.grad.tolist() == [0, 1, 0]


def test_the_gradient_of_a_single_number_is_an_array() -> None:
    x = Tensor(2.0, requires_grad=True)
    for _ in range(2):
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray)


def test_changing_a_plain_array_after_the_forward_does_not_change_the_gradient() -> None:
    key, factor, exponent = np.array([0, 0]), np.array([3.0, 3.0]), np.array([2.0, 2.0])
    x = Tensor([5.0, 7.0], requires_grad=True)
    y = x[key] * factor + x**exponent
    key[:], factor[:], exponent[:] = 1, 0, 0
    y.sum().backward()
    assert x.grad.tolist() == [3 + 3 + 10, 14]


def test_each_thread_has_its_own_no_grad() -> None:
    x, inside, may_end = leaf([1, 2]), threading.Event(), threading.Event()
    found = []

    def other() -> None:
        found.append((x * 2).requires_grad)  # recording, though the first thread is not
        with no_grad():
            inside.set()
            may_end.wait(10)
            found.append((x * 2).requires_grad)
        found.append((x * 2).requires_grad)

    thread = threading.Thread(target=other)
    with no_grad():
        thread.start()
        assert inside.wait(10)
    assert Op.recording and (x * 2).requires_grad  # the other thread is still inside its block
    may_end.set()
    thread.join()
    assert found == [True, False, True] and Op.recording


def test_the_gradient_to_start_from_may_be_a_tensor_that_learns_itself() -> None:
    x = Tensor([2.0, 3.0], requires_grad=True)
    (x * x).backward(Tensor([1.0, 10.0], requires_grad=True))
    assert x.grad.tolist() == [4, 60]
