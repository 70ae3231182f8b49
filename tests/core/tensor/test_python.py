"""A tensor among Python's own words: numbers, formats, masks, comparisons, `in`; as in PyTorch."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest

from tinytorch.core.tensor import Tensor, matmul


def test_a_tensor_of_one_number_is_that_number() -> None:
    x = Tensor([[2.5]], requires_grad=True)
    assert (float(x), int(x), bool(x), math.sqrt(Tensor(4.0))) == (2.5, 2, True, 2)
    assert (type(float(Tensor(3))), type(int(Tensor(3.7)))) == (float, int)
    for convert in (float, int, bool):
        for wrong in (Tensor([1.0, 2.0]), Tensor([])):
            with pytest.raises(ValueError, match=r"\((2|0),\)"):
                convert(wrong)


def test_a_single_number_takes_a_format() -> None:
    loss = Tensor(0.123456, requires_grad=True)
    assert (f"{loss:.4f}", f"{Tensor(7):03d}", f"{Tensor(1.5)}") == ("0.1235", "007", "1.5")
    assert f"{Tensor([1.0])}" == "Tensor([1.])"
    with pytest.raises(TypeError, match="format"):
        f"{Tensor([1.0, 2.0]):.2f}"


def test_an_integer_tensor_is_an_index() -> None:
    x, two = Tensor([1, 2, 3, 4]), Tensor(2)
    assert x[:two].numpy().tolist() == [1, 2]
    assert (x[two].item(), "abc"[two], list(range(two))) == (3, "c", [0, 1])
    for wrong in (Tensor(2.0), Tensor([1, 2])):
        with pytest.raises(TypeError, match="one int"):
            operator.index(wrong)


def test_a_slice_by_a_tensor_is_kept_as_it_was() -> None:
    x, end = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor(2)
    y = x[:end]
    end += 1
    assert y.node.options["key"].stop == 2


def test_powers_of_a_number_absolute_values_and_signs() -> None:
    x = Tensor([1.0, -2.0, 0.0], requires_grad=True)
    assert (2**x).numpy().tolist() == [2, 0.25, 1]
    assert (np.array([2.0, 4.0, 5.0]) ** x).numpy().tolist() == [2, 0.0625, 1]
    assert (2 ** Tensor([1, 3])).numpy().tolist() == [2, 8]
    assert abs(x).numpy().tolist() == [1, 2, 0] and abs(Tensor([-3])).item() == 3
    assert (2**x).node and abs(x).node and +x is x
    assert (2**x).dtype == abs(x).dtype == np.float32


@pytest.mark.parametrize("kind", [bool, int, np.float32])
def test_masks_of_every_dtype_mean_nonzero(kind) -> None:
    a, b = Tensor(np.array([2, 2, 0, 0]).astype(kind)), Tensor(np.array([1, 0, 1, 0]).astype(kind))
    found = [~a, a & b, a | b, a ^ b, a | b.numpy(), b.numpy() ^ a]
    assert [x.numpy().tolist() for x in found] == [
        [False, False, True, True], [True, False, False, False], [True, True, True, False],
        [False, True, True, False], [True, True, True, False], [False, True, True, False],
    ]  # fmt: skip
    assert all(x.dtype == bool for x in found)


def test_what_is_no_number_is_not_equal_to_a_tensor() -> None:
    x = Tensor([1.0, 2.0])
    assert (x == None, x != None, x == "text", x is None) == (False, True, False, False)  # noqa: E711
    assert [None, x].index(x) == 1
    with pytest.raises(TypeError, match="not supported"):
        x < None  # noqa: B015


def test_in_looks_at_the_numbers() -> None:
    x = Tensor([[1, 2], [3, 4]])
    assert 3 in x and Tensor(4) in x and 7 not in x


def test_a_tensor_without_axes_has_no_length_and_no_items() -> None:
    for call in (len, iter):
        with pytest.raises(TypeError):
            call(Tensor(1.0))


def test_a_subclass_with_other_arguments_is_compared_like_any_tensor() -> None:
    class Named(Tensor):
        def __init__(self, name: str) -> None:
            super().__init__([1.0, 2.0])
            self.name = name

    for result in (Named("a") > 1, ~Named("a"), Named("a") + 1):
        assert type(result) is Tensor


def test_an_op_is_copied_and_pickled_as_itself() -> None:
    for op in (matmul, copy.copy(matmul), copy.deepcopy([matmul])[0]):
        assert op is matmul
    assert pickle.loads(pickle.dumps({"op": matmul}))["op"] is matmul
