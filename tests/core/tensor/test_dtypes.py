"""The dtype rule: float64 comes out only if a float64 tensor went in; ints and bools stay."""

import numpy as np
import pytest

from tinytorch.core.tensor import Tensor, op

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
INTS, SINGLE = Tensor([1, 2]), Tensor([1.0, 2.0])
DOUBLE = Tensor([1.0, 2.0], dtype=np.float64)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(1.5, F32), ([1.0, 2.0], F32), (np.zeros(2), F32), (np.zeros(2, np.float16), F32),
     ([1, 2], np.array([1, 2]).dtype), (np.zeros(2, np.int8), np.int8), ([True], bool)],
)  # fmt: skip
def test_floats_become_float32_and_the_rest_stays(data, expected) -> None:
    assert Tensor(data).dtype == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, bool])
def test_dtype_overrides_the_rule(dtype) -> None:
    assert Tensor([1.0, 0.0], dtype=dtype).dtype == dtype


OPERATIONS = {
    "int * 0.5": lambda: INTS * 0.5,
    "0.5 + int": lambda: 0.5 + INTS,
    "int / int": lambda: INTS / INTS,
    "int / 2": lambda: INTS / 2,
    "int ** 0.5": lambda: INTS**0.5,
    "int * float array": lambda: INTS * np.array([0.5, 0.5]),
    "float array - int": lambda: np.array([0.5, 0.5]) - INTS,
    "int * NumPy number": lambda: INTS * np.float64(0.5),
    "int mean": lambda: INTS.mean(),
    "int * float32": lambda: INTS * SINGLE,
    "float32 * 2": lambda: SINGLE * 2,
    "float32 * float array": lambda: SINGLE * np.array([0.5, 0.5]),
    "float array / float32": lambda: np.array([0.5, 0.5]) / SINGLE,
    "float32 * int array": lambda: SINGLE * np.array([1, 2]),
    "float32 * NumPy number": lambda: np.float64(0.5) * SINGLE,
    "float32 ** float array": lambda: SINGLE ** np.array([0.5, 0.5]),
    "float32 @ float array": lambda: SINGLE @ np.array([0.5, 0.5]),
    "float32 sum": lambda: SINGLE.sum(),
    "float32 mean": lambda: SINGLE.mean(),
    "float32 masked_fill": lambda: SINGLE.masked_fill(SINGLE > 1, 0.5),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_result_without_a_float64_tensor_is_float32(name) -> None:
    assert OPERATIONS[name]().dtype == F32


WITH_DOUBLE = {
    "float64 * 2": lambda: DOUBLE * 2,
    "float64 + float32": lambda: DOUBLE + SINGLE,
    "float32 @ float64": lambda: SINGLE @ DOUBLE,
    "int - float64": lambda: INTS - DOUBLE,
    "float64 * float32 array": lambda: DOUBLE * np.zeros(2, np.float32),
    "float64 / NumPy float32": lambda: DOUBLE / np.float32(2),
    "float64 ** float32 array": lambda: DOUBLE ** np.zeros(2, np.float32),
    "float64 mean": lambda: DOUBLE.mean(),
    "float64 index": lambda: DOUBLE[0],
    "float64 reshape": lambda: DOUBLE.reshape(2, 1).T,
    "float64 masked_fill": lambda: DOUBLE.masked_fill([1, 0], -1),
    "float64 detach": lambda: DOUBLE.detach(),
}


@pytest.mark.parametrize("name", WITH_DOUBLE)
def test_a_float64_tensor_makes_the_result_float64(name) -> None:
    assert WITH_DOUBLE[name]().dtype == F64


def test_integers_stay_integers() -> None:
    results = [INTS + 1, 2 - INTS, INTS * INTS, INTS**2, INTS @ INTS, INTS.sum(), INTS.max()]
    assert [r.dtype for r in results] == [INTS.dtype] * len(results)


def test_float16_stays_float16_beside_numbers_and_arrays() -> None:
    half = Tensor([1.0, 2.0], dtype=np.float16)
    results = [half * 0.5, half + np.array([0.5, 0.5]), np.float64(2) * half, half.mean()]
    assert [r.dtype for r in results] == [half.dtype] * len(results)


def test_an_array_beside_a_float64_tensor_keeps_all_its_digits() -> None:
    third = np.array([1 / 3, 1 / 3])
    assert (DOUBLE * 0 + third).numpy().tolist() == third.tolist()


def test_an_op_that_widens_by_itself_is_narrowed() -> None:
    @op
    def to_double(x):
        return x.astype(np.float64)

    assert to_double(SINGLE).dtype == F32
    assert to_double(DOUBLE).dtype == F64


@pytest.mark.parametrize("data", [[1, 2], [True], np.zeros(2, np.int8)])
def test_only_floats_can_require_a_gradient(data) -> None:
    with pytest.raises(TypeError, match=r"only floats .* dtype"):
        Tensor(data, requires_grad=True)
