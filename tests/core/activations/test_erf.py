"""The error function of arrays, against Python's `math.erf` on dense grids."""

import math

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.error_function import error_function


def exact(x) -> np.ndarray:
    return np.reshape([math.erf(v) for v in np.ravel(x).tolist()], np.shape(x))


@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-15), (np.float32, 2e-7)])
def test_it_is_right_everywhere(dtype, atol, record_worst) -> None:
    grid = np.linspace(-7, 7, 100_003).astype(dtype)
    edges = np.nextafter(np.arange(-6, 6, 1 / 256, dtype=dtype) + 1 / 512, dtype(9))
    for x in (grid, edges, grid[::-7]):
        got = error_function(x)
        assert got.dtype == dtype
        record_worst(f"erf and math.erf, {np.dtype(dtype)}", float(np.abs(got - exact(x)).max()))
        assert_close(got, exact(x), atol)


def test_small_numbers_keep_all_their_digits() -> None:
    x = np.array([1e-300, -1e-20, 1e-9, 1e-5])
    np.testing.assert_allclose(error_function(x), exact(x), rtol=1e-15)


def test_far_out_it_is_one_and_nan_stays_nan_without_a_warning() -> None:
    x = np.array([np.inf, -np.inf, 1e300, -7, np.nan])
    assert error_function(x)[:4].tolist() == [1, -1, 1, -1] and np.isnan(error_function(x)[4])


def test_any_shape_and_memory_order_comes_back() -> None:
    x = np.random.default_rng(0).normal(size=(3, 5, 7))
    for view in (x.T, x[:, ::2], x[0, 0, 0], x[:0], np.array(0.5)):
        assert_close(error_function(view), exact(view), 1e-15)
    assert error_function(np.float16([0.5])).dtype == np.float16


def test_integers_are_refused_rather_than_cut() -> None:
    with pytest.raises(TypeError, match="array of floats; got dtype int"):
        error_function(np.array([1, 2]))
