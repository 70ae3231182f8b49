"""The error function for arrays: given, on NumPy alone; module 02 makes an op of it.

NumPy has none, and Python's `math.erf` takes one number. So it is asked once for each of 3,073
points, and every other number is reached from the nearest of them by Taylor's series. The
derivatives of erf are known: with e = 2/sqrt(pi) exp(-x**2) they are e, -2x e, (4x**2 - 2) e, ...
(Abramowitz & Stegun 1964, 7.1.19). No coefficient is typed in.
"""

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

END, STEPS = 6, 256  # erf(6) is 1 in float64; points are 1/256 apart
TERMS = {8: 6, 4: 3}  # bytes of a float: how many terms reach its last digit
BLOCK = 8192  # numbers at a time, so that what is computed between stays in the cache


def _derivatives(x: float) -> list[float]:
    """erf at x and its first derivatives over their factorials, by the recurrence of Hermite's."""
    slope = 2 / math.sqrt(math.pi) * math.exp(-x * x)
    hermite = [1.0, -2 * x]
    for n in range(1, 5):
        hermite.append(-2 * x * hermite[n] - 2 * n * hermite[n - 1])
    return [math.erf(x), *(slope * h / math.factorial(n + 1) for n, h in enumerate(hermite))]


@functools.cache
def _table(dtype: Any) -> Array:
    """A row for each term of the series, a column for each point."""
    points = [_derivatives(k / STEPS) for k in range(-END * STEPS, END * STEPS + 1)]
    return np.array(points, dtype).T[: TERMS[np.dtype(dtype).itemsize] + 1].copy()


def error_function(x: Array) -> Array:
    """Error function of each float, between -1 and 1; float32 in, float32 out.

    It is off by at most 1e-15 in float64 and 2e-7 in float32.

    Raises:
        TypeError: `x` does not hold floats.
    """
    if x.dtype.kind != "f":
        raise TypeError(f"error_function takes an array of floats; got dtype {x.dtype}")
    dtype = np.float32 if x.dtype.itemsize <= 4 else np.float64
    flat = np.ascontiguousarray(x, dtype).reshape(-1)
    result = np.empty_like(flat)
    table = _table(dtype)
    for start in range(0, flat.size, BLOCK):
        part = np.clip(flat[start : start + BLOCK], -END, END)
        nearest = np.rint(np.fmax(part, -END) * STEPS)  # fmax: NaN has no nearest point
        far = part - nearest / STEPS
        place = nearest.astype(np.intp) + END * STEPS
        total = table[-1].take(place)
        for row in table[-2::-1]:
            total *= far
            total += row.take(place)
        result[start : start + BLOCK] = total
    return result.reshape(x.shape).astype(x.dtype, copy=False)
