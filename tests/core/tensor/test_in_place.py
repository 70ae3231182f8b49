"""Changes in place, and attributes that are set later, where nothing is recorded: as in PyTorch."""

import operator

import numpy as np
import pytest

from tinytorch.core.tensor import Tensor

CHANGES = {
    "+=": (operator.iadd, 2, [3, 6]),
    "-=": (operator.isub, 2, [-1, 2]),
    "*=": (operator.imul, 2, [2, 8]),
    "/=": (operator.itruediv, 2, [0.5, 2]),
    "**=": (operator.ipow, 2, [1, 16]),
    "@=": (operator.imatmul, [[0, 1], [1, 0]], [4, 1]),
    "+= array": (operator.iadd, np.array([10.0, 20.0]), [11, 24]),
    "-= tensor": (operator.isub, Tensor([1.0, 1.0], dtype=np.float64), [0, 3]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_operator_in_place_changes_the_tensor_and_all_that_share_its_numbers(name) -> None:
    change, other, expected = CHANGES[name]
    x = Tensor([1.0, 4.0])
    array, twin, view = x.numpy(), x.detach(), x[:]
    assert change(x, other) is x
    assert x.dtype == np.float32
    assert all(np.asarray(each).tolist() == expected for each in (x, array, twin, view))


def test_masks_are_combined_in_place() -> None:
    mask = Tensor([True, True, False])
    kept = mask
    mask &= Tensor([1.0, 0.0, 1.0])
    mask |= np.array([False, False, True])
    mask ^= Tensor([True, True, True])
    assert mask is kept and mask.numpy().tolist() == [False, True, False]


def test_elements_are_set_by_any_key_of_numpys() -> None:
    x, keep = Tensor(np.zeros((2, 3))), Tensor([0, 1])
    x[0] = 1
    x[1, 1:] = Tensor([2.0, 3.0])
    x[x == 1] = 5.0
    x[keep, keep] += 10
    assert x.numpy().tolist() == [[15, 5, 5], [0, 12, 3]]


def test_a_part_that_changes_changes_the_whole() -> None:
    x = Tensor(np.zeros((2, 3)))
    for row in x:
        row += 1
    column = x.T[0]
    column *= 3
    assert x.numpy().tolist() == [[3, 1, 1], [3, 1, 1]]


REFUSED = {
    "a float into ints": (TypeError, lambda: operator.iadd(Tensor([1, 2]), 0.5), "float"),
    "a quotient of ints": (TypeError, lambda: operator.itruediv(Tensor([1, 2]), 2), "float"),
    "a float set among ints": (TypeError, lambda: Tensor([1, 2]).__setitem__(0, 1.5), "float"),
    "nothing set": (TypeError, lambda: Tensor([1.0]).__setitem__(0, None), "object"),
    "a larger shape": (ValueError, lambda: operator.iadd(Tensor([1.0]), [1.0, 2.0]), r"\(2,\)"),
    "too large": (ValueError, lambda: operator.imul(Tensor([9.0], dtype="e"), 1e5), "float16"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_and_changes_nothing(name) -> None:
    error, call, says = REFUSED[name]
    with pytest.raises(error, match=says):
        call()


SET = {
    "requires_grad of ints": (TypeError, "requires_grad", Tensor([1, 2]), True),
    "requires_grad by a dtype": (TypeError, "requires_grad", Tensor([1.0]), np.float64),
    "ints for what learns": (TypeError, "data", Tensor([1.0], requires_grad=True), np.array([1])),
    "a tensor as data": (TypeError, "data", Tensor([1.0]), Tensor([2.0])),
    "a list as data": (TypeError, "data", Tensor([1.0]), [2.0]),
    "objects as data": (TypeError, "data", Tensor([1.0]), np.array([None])),
    "another shape": (ValueError, "data", Tensor([1.0]), np.ones(2, np.float32)),
    "a tensor as grad": (TypeError, "grad", Tensor([1.0]), Tensor([2.0])),
    "grad of another shape": (ValueError, "grad", Tensor([1.0]), np.ones(2)),
    "grad of ints": (ValueError, "grad", Tensor([1]), np.ones(1)),
    "data of a result": (ValueError, "data", Tensor([1.0], True) * 2, np.ones(1)),
    "no gradient for a result": (ValueError, "requires_grad", Tensor([1.0], True) * 2, False),
}


@pytest.mark.parametrize("name", SET)
def test_what_the_constructor_refuses_is_refused_later_too(name) -> None:
    error, attribute, tensor, value = SET[name]
    before = getattr(tensor, attribute)
    with pytest.raises(error):
        setattr(tensor, attribute, value)
    assert getattr(tensor, attribute) is before


def test_a_dtype_in_the_place_of_requires_grad_is_refused() -> None:
    with pytest.raises(TypeError, match="requires_grad must be True or False"):
        Tensor([1.0], np.float64)


def test_what_fits_is_kept() -> None:
    x, array = Tensor(2.0, requires_grad=True), np.array(3.0, np.float32)
    x.data = array
    assert x.data is array
    x.data = x.data - np.float32(1)  # NumPy makes a single number of this
    x.grad = 2 * np.float64(1)
    assert isinstance(x.data, np.ndarray) and isinstance(x.grad, np.ndarray)
    assert (x.item(), x.grad, x.grad.dtype) == (2, 2, np.float32)


def test_a_leaf_that_learns_is_not_changed_while_recording() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    for change in (operator.iadd, operator.isub, operator.imul, operator.ipow):
        with pytest.raises(RuntimeError, match=r"no_grad"):
            change(x, 2)
    for value in (0.0, Tensor(1.0)):
        with pytest.raises(RuntimeError, match="no_grad"):
            x[0] = value
    assert x.numpy().tolist() == [1, 2]


def test_setting_elements_to_what_learns_is_refused() -> None:
    x, learned = Tensor([1.0, 2.0]), Tensor(3.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="where, masked_fill"):
        x[0] = learned
    assert x.numpy().tolist() == [1, 2]


def test_what_is_recorded_gets_a_new_tensor_under_the_name() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    total = first = Tensor(0.0)
    y = before = x * 3
    total += x.sum()
    y += y
    assert (total.item(), first.item()) == (3, 0) and total.node is not None
    assert (y.numpy().tolist(), before.numpy().tolist()) == ([6, 12], [3, 6])
