"""What is true of a wrong result: sentences about what came beside what was right.

Each finder looks for one kind of difference and says it, or says nothing. They compare numbers and
call the answer again; they never guess why. The first that finds something is heard.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinytorch.checking.calls import Case
from tinytorch.checking.values import bare, close, copies, is_numeric, rolled

Array = npt.NDArray[Any]
Finder = Callable[[Array, Array, Case | None], str]


def finding(got: Array, right: Array, case: Case | None) -> str:
    """What is true of a wrong result; nothing where no sentence was found."""
    if got.dtype.kind not in "biuf":
        return f"its dtype is {got.dtype}"
    if got.shape != right.shape:
        return of_shapes(got, right)
    return next(filter(None, (finder(got, right, case) for finder in FINDERS)), "")


def describe(got: Array, right: Array, case: Case | None) -> str:
    """What is true of a wrong result, and two shapes or two numbers."""
    found = finding(got, right, case)
    if got.shape != right.shape or got.dtype.kind not in "biuf":
        numbers = f"shape {got.shape} came, expected {right.shape}"
    else:
        numbers, fits = two_numbers(got, right), places_that_fit(got, right)
        found = found or (count(fits) if fits.any() else "")
    return f"{found}; {numbers}" if found else numbers


def two_numbers(got: Array, right: Array) -> str:
    """The place where they differ most, or where the first is no number."""
    with np.errstate(all="ignore"):
        difference = np.abs(np.subtract(got, right, dtype=float))
    difference = np.where(
        np.isnan(difference) & (np.isnan(got) != np.isnan(right)), np.inf, difference
    )
    place = tuple(map(int, np.unravel_index(np.nanargmax(difference), got.shape)))
    where = f"at {list(place)} it" if place else "it"
    return f"{where} is {got[place]:.6g}, expected {right[place]:.6g}"


def of_shapes(got: Array, right: Array) -> str:
    """Of a result with another shape: whether its numbers are right in another order."""
    if got.ndim == right.ndim:
        for axes in itertools.permutations(range(got.ndim)):
            if close(got.transpose(axes), right):
                return swapped(axes)
    if got.size == right.size > 1 and close(got.reshape(right.shape), right):
        return "the numbers are right, the shape is not"
    return ""


def changing(got: Array, right: Array, case: Case | None) -> str:
    """Two calls differ: random numbers, or memory that was never written."""
    again = None if case is None else answer(case)
    if again is not None and again.shape == got.shape and not close(again, got):
        return "the same call gives other numbers each time"
    return ""


def not_finite(got: Array, right: Array, case: Case | None) -> str:
    for name, test in (("NaN", np.isnan), ("infinite", np.isinf)):
        bad = test(got) & ~test(right)
        if bad.any():
            return f"{np.count_nonzero(bad)} of {got.size} numbers are {name}"
    return ""


def imprecise(got: Array, right: Array, case: Case | None) -> str:
    if np.allclose(got, right, rtol=1e-4, atol=1e-6):
        return "it is right to some 7 digits only, as float32 would be"
    return ""


def all_zeros(got: Array, right: Array, case: Case | None) -> str:
    return "" if got.any() or got.size < 2 else "it is all zeros"


def an_argument(got: Array, right: Array, case: Case | None) -> str:
    for name, x in arrays(case):
        if x.shape == got.shape and close(got, x):
            return f"it is {name}, unchanged"
    return ""


def with_an_argument(got: Array, right: Array, case: Case | None) -> str:
    """An argument that is a factor or a term too much or too little."""
    for name, argument in arrays(case):
        x = fitting(argument, right)
        if x is None or np.ptp(x) < 1e-9:
            continue
        with np.errstate(all="ignore"):
            relations = {
                f"multiplied by {name} it would be right": close(got * x, right),
                f"divided by {name} it would be right": close(got, right * x),
                f"with {name} added it would be right": close(got + x, right),
                f"with {name} subtracted it would be right": close(got, right + x),
            }
        if any(relations.values()):
            return next(text for text, holds in relations.items() if holds)
    return ""


def scaled(got: Array, right: Array, case: Case | None) -> str:
    """A constant factor, and what it equals."""
    if got.size < 2 or not right.any() or np.ptp(right) < 1e-9:
        return ""
    factor = float(np.vdot(right, got) / np.vdot(right, right))
    if not np.isfinite(factor) or not close(got, np.asarray(factor * right, got.dtype)):
        return ""
    if math.isclose(factor, -1, rel_tol=1e-5):
        return "the sign is wrong everywhere"
    return f"each number is {factor:.4g} times the right one{equal_to(abs(factor), case)}"


def equal_to(factor: float, case: Case | None) -> str:
    """`: 1/√7, and 7 is the last size of Q`; nothing where no size, nor two, fit."""
    places: dict[int, str] = {1: ""}
    for name, x in arrays(case):
        for axis, size in reversed([*enumerate(x.shape)]):
            where = "the last size" if axis == x.ndim - 1 else f"size {axis}"
            places.setdefault(size, f"{size} is {where} of {name}")
    pairs = sorted(itertools.permutations(places, 2), key=lambda pair: 1 not in pair)
    for (over, under), root in itertools.product(pairs, ("", "√")):
        if not root and {over, under} == {1, 2}:
            continue  # a 2 has many causes
        if math.isclose(over / under, factor**2 if root else factor, rel_tol=1e-4):
            told = [places[size] for size in (over, under) if size > 1]
            return f": {ratio(over, under, root)}, and {', '.join(told)}"
    return ""


def ratio(over: int, under: int, root: str) -> str:
    """`√3`, `1/√3`, `√(3/5)`, `3/5`."""
    if under == 1:
        return f"{root}{over}"
    if over == 1:
        return f"1/{root}{under}"
    return f"√({over}/{under})" if root else f"{over}/{under}"


def moved_up(got: Array, right: Array, case: Case | None) -> str:
    shift = np.asarray(got, float) - np.asarray(right, float)
    if got.size < 2 or not np.isfinite(shift).all():
        return ""
    if np.ptp(shift) > 1e-6 * max(1.0, float(np.abs(right).max())):
        return ""
    return (
        f"each number is {abs(shift.flat[0]):.4g} too {'large' if shift.flat[0] > 0 else 'small'}"
    )


def rearranged(got: Array, right: Array, case: Case | None) -> str:
    """The right numbers in other places."""
    for axes in itertools.permutations(range(got.ndim)):
        turned = got.transpose(axes)
        if axes != tuple(range(got.ndim)) and close(turned, right):
            return swapped(axes)
    for axis, length in enumerate(got.shape):
        if length > 1 and close(np.flip(got, axis), right):
            return f"it is in reverse order along {axis_name(axis, got.ndim)}"
        for step in (1, -1):
            if length > 2 and close(np.roll(got, step, axis), right):
                return f"it is one place off along {axis_name(axis, got.ndim)}"
    if got.size > 2 and close(np.sort(got, axis=None), np.sort(right, axis=None)):
        return "the numbers are right, but stand in other places"
    return ""


def repeated(got: Array, right: Array, case: Case | None) -> str:
    for axis, length in enumerate(got.shape):
        for index, name in ((0, "first"), (length - 1, "last")):
            part = np.take(right, [index], axis=axis) if length > 1 else None
            if part is not None and close(got, np.broadcast_to(part, got.shape)):
                return (
                    f"along {axis_name(axis, got.ndim)}, each part is the right one of the {name}"
                )
    return ""


def changed_by_a_function(got: Array, right: Array, case: Case | None) -> str:
    with np.errstate(all="ignore"):
        functions = {
            "it is the right numbers without their signs": np.abs(right),
            "it is the right numbers rounded to integers": np.round(right),
            "it is the right numbers without their decimals": np.trunc(right),
            "it is the right numbers squared": right**2,
            "it is the square roots of the right numbers": np.sqrt(right),
            "it is the exponentials of the right numbers": np.exp(right),
            "it is the logarithms of the right numbers": np.log(right),
            "it is 1 divided by the right numbers": 1 / np.asarray(right, float),
            "it is 1 minus the right numbers": 1 - np.asarray(right, float),
            "negative numbers became 0": np.maximum(right, 0),
        }
    return next((text for text, numbers in functions.items() if close(got, numbers)), "")


def sums(got: Array, right: Array, case: Case | None) -> str:
    """Shares that do not sum to 1, or along another axis."""
    if got.ndim == 0 or (right < 0).any():
        return ""
    ones = [axis for axis in range(got.ndim) if adds_up(right, axis)]
    if len(ones) != 1 or right.shape[ones[0]] < 2 or adds_up(got, ones[0]):
        return ""
    other = [axis for axis in range(got.ndim) if adds_up(got, axis)]
    should = axis_name(ones[0], got.ndim)
    if other:
        return f"it sums to 1 along {axis_name(other[0], got.ndim)}, not along {should}"
    total = got.sum(axis=ones[0])
    worst = total.flat[np.argmax(abs(total - 1))]
    return f"along {should} it must sum to 1; yours sums to {worst:.4g}"


def sharpened(got: Array, right: Array, case: Case | None) -> str:
    """Shares, but of scores that are a constant factor larger or smaller."""
    if got.ndim == 0 or not (adds_up(got, -1) and adds_up(right, -1)):
        return ""
    both = (got > 0) & (right > 0)
    if (got > 0).sum() != both.sum() or both.sum() != (right > 0).sum():
        return ""
    came, expected = (centred_log(x, both) for x in (got, right))
    if not np.abs(expected).max() > 1e-6:
        return ""
    factor = float(np.vdot(expected, came) / np.vdot(expected, expected))
    if factor <= 0 or not np.allclose(came, factor * expected, rtol=1e-3, atol=1e-5):
        return ""
    fits = equal_to(factor, case)
    return f"it is a softmax of scores {factor:.4g} times as large as the right ones{fits}"


def centred_log(shares: Array, allowed: Array) -> Array:
    """The scores of a softmax, each row less its mean; 0 where nothing is allowed."""
    logs = np.log(np.where(allowed, shares, 1))
    count = np.maximum(allowed.sum(axis=-1, keepdims=True), 1)
    return np.where(allowed, logs - logs.sum(axis=-1, keepdims=True) / count, 0)


def adds_up(x: Array, axis: int) -> bool:
    total = x.sum(axis=axis)
    return bool(np.all((abs(total - 1) < 1e-4) | (total == 0)) and total.any())


def of_other_arguments(got: Array, right: Array, case: Case | None) -> str:
    """The right result of other arguments: of two exchanged, one turned round, a part of one."""
    for text, other in () if case is None else other_arguments(case):
        result = right_of(other)
        if result is not None and result.shape == got.shape and close(got, result):
            return f"it is the right result for {text}"
    return ""


def other_arguments(case: Case) -> Iterator[tuple[str, Case]]:
    options = case.options
    for key, value in options.items():
        for other in other_values(value):
            yield f"{key}={other}", replace(case, options={**options, key: other})
    given = arrays_at(case)
    for (one, name), (other, other_name) in itertools.permutations(given.items(), 2):
        x, y = (bare(case.arguments[i]) for i in (one, other))
        if x.shape == y.shape and x.dtype.kind == y.dtype.kind:
            yield f"{other_name} in place of {name}", case.put({one: case.arguments[other]})
            both = {one: case.arguments[other], other: case.arguments[one]}
            yield f"{name} and {other_name} exchanged", case.put(both)
    for number, name in given.items():
        for text, array in other_arrays(bare(case.arguments[number])):
            yield text.format(name), case.put({number: array})


def other_values(value: Any) -> list[Any]:
    """What an option might have been taken for."""
    if isinstance(value, bool):
        return [not value]
    return [x for x in (0, 1, 2, -1, -2, None) if x != value] if isinstance(value, int) else []


def other_arrays(x: Array) -> Iterator[tuple[str, Array]]:
    """What an argument might have been taken for."""
    if x.ndim > 1 and x.shape[-1] == x.shape[-2]:
        yield "{} with its last two axes swapped", x.swapaxes(-1, -2)
    yield "{} all ones", np.ones_like(x)
    if x.dtype.kind != "b":
        yield "the opposite of {}", -x
    else:
        yield "{} the other way round", ~x
    for axis, length in enumerate(x.shape):
        where = axis_name(axis, x.ndim)
        for place, kept in (("last", [-1]), ("first", [0])):
            part = np.zeros_like(x)
            index = (slice(None),) * axis + (kept,)
            part[index] = x[index]
            if length > 1:
                yield f"the {place} part of {{}} along {where} alone", part
                yield (
                    f"{{}} without its {place} part along {where}",
                    x ^ part if x.dtype == bool else x - part,
                )


def unmoved(got: Array, right: Array, case: Case | None) -> str:
    """An argument that changes what is right, but not what came."""
    if case is None:
        return ""
    for number, name in arrays_at(case).items():
        changed = case.put({number: rolled(case.arguments[number])})
        then, right_then = answer(changed), right_of(changed)
        if then is None or right_then is None:
            continue
        if close(then, got) and not close(right_then, right):
            return f"it stays the same when the numbers of {name} change places"
    return ""


def in_part(got: Array, right: Array, case: Case | None) -> str:
    """Where it is right and where not."""
    fits = places_that_fit(got, right)
    if not fits.any():
        return ""
    zeros = ", and 0 elsewhere" if not got[~fits].any() else ""
    for text in (*by_index(fits, zeros), *by_triangle(fits), *by_sign(fits, case), *by_line(fits)):
        return text
    return f"{count(fits)}{zeros}" if zeros else ""


def places_that_fit(got: Array, right: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.isclose(got, right, rtol=1e-4, atol=1e-6, equal_nan=True)


def count(fits: Array) -> str:
    return f"{np.count_nonzero(fits)} of {fits.size} numbers are right"


def by_index(fits: Array, zeros: str) -> Iterator[str]:
    leading: Array = np.asarray(fits.all(axis=(-2, -1)) if fits.ndim > 3 else True)
    if leading.size > 2 and leading.flat[0] and not leading.flat[1:].any():
        yield f"only the first of the leading axes {fits.shape[:-2]} is right{zeros}"
    for axis, length in enumerate(fits.shape):
        other = tuple(i for i in range(fits.ndim) if i != axis)
        good, bad = np.asarray(fits.all(axis=other)), ~np.asarray(fits.any(axis=other))
        where, count = axis_name(axis, fits.ndim), int(np.count_nonzero(good))
        if length < 2 or count in (0, length) or not (good | bad).all():
            continue
        first, last = int(np.argmin(good)), length - 1 - int(np.argmin(good[::-1]))
        if count == length - 1:
            place = {0: "the first", length - 1: "the last"}.get(first, f"index {first}")
            yield f"along {where}, only {place} is wrong"
        elif count == 1:
            index = int(np.argmax(good))
            place = {0: "the first", length - 1: "the last"}.get(index, f"index {index}")
            yield f"along {where}, only {place} is right{zeros}"
        elif last - first + 1 == length - count:
            yield f"along {where}, indices {first} to {last} are wrong"
        elif not good[1::2].any() or not good[::2].any():
            yield f"along {where}, only the {'even' if good[0] else 'odd'} indices are right"


def by_line(fits: Array) -> Iterator[str]:
    """Which rows or columns are right where the others are right in part."""
    for axis, length in enumerate(fits.shape):
        other = tuple(i for i in range(fits.ndim) if i != axis)
        right = np.flatnonzero(fits.all(axis=other))
        if fits.ndim > 1 and 1 < len(right) < min(5, length):
            indices = " and ".join([", ".join(map(str, right[:-1])), str(right[-1])])
            yield f"along {axis_name(axis, fits.ndim)}, only indices {indices} are right throughout"


def by_triangle(fits: Array) -> Iterator[str]:
    if fits.ndim < 2 or fits.shape[-1] != fits.shape[-2]:
        return
    diagonal = np.eye(fits.shape[-1], dtype=bool)
    above = np.triu(~diagonal)
    for name, region in (("on", diagonal), ("above", above), ("below", above.T)):
        if (fits == ~region).all():
            yield f"it is wrong only {name} the diagonal"
        if (fits == region).all():
            yield f"it is right only {name} the diagonal"


def by_sign(fits: Array, case: Case | None) -> Iterator[str]:
    for name, x in arrays(case):
        if x.shape == fits.shape and x.dtype.kind == "f":
            regions = {"is negative": x < 0, "is positive": x > 0, "is 0": x == 0}
            for text, region in regions.items():
                if region.any() and (fits == ~region).all():
                    yield f"it is wrong exactly where {name} {text}"


def arrays_at(case: Case) -> dict[int, str]:
    """The names of the arguments that are arrays of numbers, by their places."""
    pairs = enumerate(zip(case.names, map(bare, case.arguments), strict=False))
    return {
        number: name
        for number, (name, x) in pairs
        if isinstance(x, np.ndarray) and x.dtype.kind in "biuf"
    }


def arrays(case: Case | None) -> list[tuple[str, Array]]:
    """The arguments that are arrays of numbers, by name."""
    found = {} if case is None else arrays_at(case)
    return [(name, bare(case.arguments[number])) for number, name in found.items() if case]


def fitting(x: Array, right: Array) -> Array | None:
    """An argument, stretched to the result; None where it does not fit."""
    try:
        return np.broadcast_to(np.asarray(x, float), right.shape)
    except ValueError:
        return None


def answer(case: Case) -> Array | None:
    """What a further call gives, as an array; None where it fails or gives no numbers."""
    try:
        again = case.function(*copies(case.arguments), **case.options)
    except Exception:
        return None
    return np.asarray(bare(again)) if is_numeric(again) else None


def right_of(case: Case) -> Array | None:
    """What is right for other numbers; None where the oracle refuses them."""
    try:
        return np.asarray(bare(case.right()))
    except Exception:
        return None


def swapped(axes: tuple[int, ...]) -> str:
    moved = [axis for axis, to in enumerate(axes) if axis != to]
    if len(moved) != 2:
        return "its axes are in another order"
    if len(axes) == 2:
        return "rows and columns are swapped"
    return f"axes {moved[0]} and {moved[1]} are swapped"


def axis_name(axis: int, ndim: int) -> str:
    return "the last axis" if axis == ndim - 1 and ndim > 1 else f"axis {axis}"


# From what is surely about one cause to what only tells where: the first that finds something is
# heard. Where two are true of the same numbers, either may be said.
FINDERS: tuple[Finder, ...] = (
    changing,
    not_finite,
    imprecise,
    all_zeros,
    an_argument,
    scaled,
    with_an_argument,
    moved_up,
    rearranged,
    repeated,
    changed_by_a_function,
    sums,
    sharpened,
    of_other_arguments,
    unmoved,
    in_part,
)
