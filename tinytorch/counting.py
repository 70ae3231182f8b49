"""What a computation costs, counted and not timed: given, on NumPy alone."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


class Counted(np.ndarray[Any, Any]):
    """An array that counts the multiply-adds it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(x) for x in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        if ufunc is np.matmul:
            Counted.total += np.size(result) * plain[0].shape[-1]
        elif ufunc is np.multiply:
            Counted.total += np.size(result)
        return result


def count_multiply_adds(function: Callable[..., Any], *arrays: npt.NDArray[Any]) -> int:
    """Run a function of arrays and return how many multiply-adds it made."""
    Counted.total = 0
    function(*(x.view(Counted) for x in arrays))
    return Counted.total


def python_steps(function: Callable[..., Any], *arguments: Any) -> int:
    """How many lines of Python a call runs; what compiled code does counts as nothing."""
    steps = 0

    def trace(*_: Any) -> Any:
        nonlocal steps
        steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return steps
