"""Tensor: the surface, in whole numbers, and what an op remembers."""

import sys

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core.tensor import Op, Tensor, op

A = [[1, 2, 3], [4, 5, 6]]
ROW = [10, 20, 30]


def test_an_array_may_stand_on_either_side() -> None:
    a, array = Tensor([2, 4]), np.array([8, 8])
    results = [array + a, array - a, array * a, array / a, array @ a, a + array, a @ array]
    expected = [[10, 12], [6, 4], [16, 32], [4, 2], 48, [10, 12], 48]
    assert all(isinstance(r, Tensor) for r in results)
    assert [r.numpy().tolist() for r in results] == expected


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3,)), ((3,), (3, 5)), ((2, 3), (3,)), ((2, 3), (3, 5)), ((7, 2, 3), (3, 5)),
     ((3,), (7, 3, 5)), ((7, 1, 2, 3), (11, 3, 5))],
)  # fmt: skip
def test_matmul_agrees_with_numpy_for_every_kind_of_axes(left, right) -> None:
    a, b = normal(0, left, right)
    got = Tensor(a, dtype=np.float64) @ Tensor(b, dtype=np.float64)
    assert_close(got, np.matmul(a, b))


@pytest.mark.parametrize(
    ("key", "expected"),
    [(1, [4, 5, 6]), ((slice(None), -1), [3, 6]), (slice(0, 1), [[1, 2, 3]]),
     ([1, 0, 1], [[4, 5, 6], [1, 2, 3], [4, 5, 6]]), ((Tensor([1, 0]), Tensor([2, 0])), [6, 1]),
     (Tensor(A) > 4, [5, 6]), ((..., None, 0), [[1], [4]])],
)  # fmt: skip
def test_an_index_is_anything_that_numpy_takes(key, expected) -> None:
    assert Tensor(A)[key].numpy().tolist() == expected


def test_comparisons_give_boolean_tensors() -> None:
    a = Tensor([1, 2, 3])
    b = Tensor([1, 0, 3])
    results = [a == 2, a != 2, a < 2, a <= 2, a > 2, a >= 2, np.array(2) < a, a == b]
    assert [r.numpy().tolist() for r in results] == [
        [False, True, False], [True, False, True], [True, False, False], [True, True, False],
        [False, False, True], [False, True, True], [False, False, True], [True, False, True],
    ]  # fmt: skip
    assert all(r.dtype == bool and not r.requires_grad for r in results)


def test_and_combines_two_masks() -> None:
    both = Tensor([1, 1, 0]) & Tensor([True, False, True])
    assert (both.dtype, both.numpy().tolist()) == (bool, [True, False, False])


def test_a_tensor_knows_its_shape_and_counts_its_rows() -> None:
    a = Tensor(A)
    assert (a.shape, a.ndim, len(a), [row.numpy().tolist() for row in a]) == ((2, 3), 2, 2, A)
    assert (type(Tensor(3).item()), Tensor([[2.5]]).item()) == (int, 2.5)
    assert bool(Tensor(1)) and not bool(Tensor([0.0]))


def test_a_tensor_can_be_a_key_though_equal_compares_numbers() -> None:
    a, b = Tensor([1, 2]), Tensor([1, 2])
    assert {a: "a", b: "b"}[a] == "a"


def test_a_tensor_prints_its_numbers_and_whether_it_learns() -> None:
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(Tensor(1.0, requires_grad=True)) == "Tensor(1., requires_grad=True)"


def test_detach_shares_the_numbers_and_forgets_their_making() -> None:
    a = Tensor([1.0, 2.0], requires_grad=True)
    b = (a * 2).detach()
    assert (b.requires_grad, b.node, b.numpy().tolist()) == (False, None, [2, 4])
    assert a.detach().data is a.data
    assert (a * 2).requires_grad and a.numpy() is a.data and np.asarray(b) is b.data


def test_no_operation_changes_its_inputs() -> None:
    frozen, b = Tensor(A), Tensor(ROW)
    b.data.setflags(write=False)
    frozen.data.setflags(write=False)
    results = [frozen + b, frozen * b, frozen.masked_fill(frozen > 2, 0), frozen @ b]
    for x in (*results, frozen.max(), frozen**2):
        assert not np.shares_memory(x.data, frozen.data)


def test_an_op_records_what_it_needs_only_if_a_gradient_is_wanted() -> None:
    @op
    def double(x, *, times):
        return 2 * x * times

    learned, plain = Tensor([1.0], requires_grad=True), Tensor([1.0])
    assert isinstance(double, Op) and double.__name__ == "double"
    assert double(plain, times=3).node is None
    node = double(learned, times=3).node
    assert (node.op, node.inputs, node.options) == (double, (learned,), {"times": 3})
    assert list(node.__dataclass_fields__) == ["op", "inputs", "options", "seen"]


def test_without_module_05_backward_says_where_it_comes_from(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tinytorch.core.autograd", None)
    monkeypatch.setattr(Op, "backward_pass", None)
    with pytest.raises(NotImplementedError, match=r"^backward\(\) arrives with module 05 \(aut"):
        Tensor(1.0, requires_grad=True).backward()
