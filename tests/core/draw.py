"""Random arrays and tensors for the tests: the seed stands in sight at every call."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tinytorch.core.tensor import Tensor, unwrap

Array = npt.NDArray[Any]


def normal(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    """Standard normal float64 arrays, one a shape."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def tensors(arrays: list[Array], dtype: npt.DTypeLike = np.float64) -> list[Tensor]:
    """One leaf tensor an array; each has its own copy and requires a gradient."""
    return [Tensor(x.astype(dtype), requires_grad=True, dtype=dtype) for x in arrays]


def assert_close(got: Any, expected: Any, atol: float = 1e-10) -> None:
    """Assert equal shapes and values within `atol`; NumPy's message shows where they differ."""
    got, expected = np.asarray(unwrap(got)), np.asarray(unwrap(expected))
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)
