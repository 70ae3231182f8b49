"""float16 is computed in float32 and rounded once; what does not fit is refused by name."""

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.core.tensor import Tensor, concatenate, where


def half(data) -> Tensor:
    return Tensor(data, dtype=np.float16)


def test_a_mean_of_very_many_numbers_is_a_mean() -> None:
    for value in (0.1, 10.0, 60000.0):
        mean = half(np.full((70000, 2), value)).mean()
        assert mean.dtype == np.float16
        assert_close(mean.item(), value, 1e-3 * value)


def test_a_sum_along_any_axis_is_rounded_once() -> None:
    x = half(np.full((5000, 2), 0.1))
    assert_close(x.sum(dim=0), [500, 500], 1)
    assert_close(x.T @ np.ones(5000), [500, 500], 1)


def test_numbers_beside_it_keep_their_size() -> None:
    x = half([1.0, 1024.0])
    assert_close(x / 70000.0, [1 / 70000, 1024 / 70000], 1e-5)
    assert_close(x * np.array([1e-6, 1e-6]), [1e-6, 1024e-6], 1e-6)
    assert (x / 70000.0).dtype == np.float16


FAR = {
    "masked_fill": lambda x: x.masked_fill(x > 1, -1e9),
    "multiply": lambda x: x * 1e6,
    "reduce_sum": lambda x: x.sum(),
    "power": lambda x: x**3,
    "to": lambda x: (x.to(np.float32) * 10).to(np.float16),
    "in place": lambda x: x.__setitem__(0, 1e9),
}


@pytest.mark.parametrize("name", FAR)
def test_a_number_too_large_for_it_is_refused_by_name(name) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: .*float16.*65504"):
        FAR[name](half([60000.0, 60000.0]))


def test_infinity_stays_infinity() -> None:
    assert (half([np.inf, -np.inf]) * 2).numpy().tolist() == [np.inf, -np.inf]


def test_it_stays_what_it_is_in_every_kind_of_op() -> None:
    x = half([[1.0, 2.0], [3.0, 4.0]])
    results = [x + 1, x @ x, x.max(dim=0), x.T, x[0], concatenate([x, x]), where(x > 1, x, 0), 2**x]
    assert all(result.dtype == np.float16 for result in results)
    assert (x + Tensor([1.0, 2.0])).dtype == np.float32


def test_to_changes_the_dtype() -> None:
    x = Tensor([1.5, 2.5], requires_grad=True)
    assert x.to(np.float32) is x
    assert x.to("float64").dtype == np.float64 and x.to("float64").requires_grad
    ints = x.to(np.int64)
    assert (ints.numpy().tolist(), ints.requires_grad) == ([1, 2], False)
