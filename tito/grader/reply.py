"""What came back from a probe, and how two answers differ."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any

import numpy as np

from tito.grader.inside import wire
from tito.grader.sandbox import Ended

ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
NOT_WRITTEN = re.compile(r"^exercise \d{1,2}\.\d+: \w+$")
LIMITS = {
    "time": ("time limit", "it did not finish in time"),
    "memory": ("memory limit", "it took too much memory"),
    "processes": ("process limit", "it started too many processes"),
    "output": ("strange value", "it returned too much"),
}


@dataclass(frozen=True)
class Reply:
    """A value, or why there is none.

    The category says what kind of failure it was, and nothing of the question.
    """

    value: Any = None
    category: str = ""
    reason: str = ""
    where: str = ""  # "cell 7 (12.3-attention-weights), line 4"

    @property
    def told(self) -> str:
        return f"{self.reason} ({self.where})" if self.where else self.reason

    def same(self, other: Reply, **tolerance: float) -> bool:
        if self.category or other.category:
            return (self.category, self.reason) == (other.category, other.reason)
        return compare(self.value, other.value, **tolerance) is None


def read_reply(ended: Ended) -> Reply:
    """Make sense of what a probe wrote; nothing of it is trusted to be of any form."""
    if ended.how != "value":
        return _no_value(ended)
    try:
        told = wire.decode(ended.lines[-1])["value"]
        if isinstance(told, list):
            return Reply(_loaded(*told))
        if "value" in told:
            return Reply(told["value"])
        return _error(told["error"]) if "error" in told else _strange(str(told["strange"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        return _strange("something that is no value")


@dataclass(frozen=True)
class Loaded:
    """The cells that could not be loaded, with the reason, and all cells as code."""

    broken: list[tuple[str, Reply]]
    cells: list[tuple[str, str]]


def _loaded(broken: Any, compiled: Any) -> Loaded:
    reasons = [(str(one["cell"]), _error(one)) for one in broken]
    return Loaded(reasons, [(str(name), str(code)) for name, code in compiled])


def _error(told: dict[str, Any]) -> Reply:
    kind, message, where = (str(told[key]) for key in ("type", "message", "where"))
    message = ADDRESS.sub("0x…", message)  # differs from run to run
    if kind == "NotImplementedError" and NOT_WRITTEN.match(message):
        return Reply(category="not written", reason=f"{message} is not written")
    return Reply(category="error", reason=f"{kind}: {message}".removesuffix(": "), where=where)


def _strange(what: str) -> Reply:
    return Reply(category="strange value", reason=f"it returned {what}")


def _no_value(ended: Ended) -> Reply:
    how, _, number = ended.how.partition(" ")
    if how in LIMITS:
        category, reason = LIMITS[how]
        return Reply(category=category, reason=reason, where=_loading(ended.lines))
    if how == "signal":
        names = {one.value: one.name for one in signal.Signals}
        reason = f"it crashed Python ({names.get(int(number), f'signal {number}')})"
        return Reply(category="crash", reason=reason, where=_loading(ended.lines))
    reason = f"it ended Python (exit code {number})"
    return Reply(category="ended Python", reason=reason, where=_loading(ended.lines))


def _loading(lines: list[bytes]) -> str:
    """The cell that was being loaded, if it did not come to the probe itself."""
    try:
        return str(wire.decode(lines[-1])["at"]) if lines else ""
    except (wire.WireError, LookupError, TypeError):
        return ""


def compare(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-6) -> Reply | None:
    """None where both are alike; otherwise how they differ, as a category and a reason."""
    return _compare(got, expected, "the result", rtol, atol)


def _compare(got: Any, expected: Any, what: str, rtol: float, atol: float) -> Reply | None:
    if _is_number(expected) or isinstance(expected, np.ndarray):
        return _compare_arrays(got, np.asarray(expected), what, rtol, atol)
    if type(got) is not type(expected):
        return Reply(category="wrong type", reason=f"{what} is {_kind(got)}, not {_kind(expected)}")
    if isinstance(expected, dict):
        got, expected = ([*one, *one.values()] for one in (got, expected))
    if isinstance(expected, list | tuple):
        if len(got) != len(expected):
            reason = f"{what} has {len(got)} parts, not {len(expected)}"
            return Reply(category="wrong shape", reason=reason)
        parts = zip(got, expected, strict=True)
        found = (
            _compare(*part, f"part {i} of {what}", rtol, atol) for i, part in enumerate(parts, 1)
        )
        return next((one for one in found if one), None)
    if got != expected:
        return Reply(category="wrong value", reason=f"{what} is {got!r}, not {expected!r}")
    return None


def _compare_arrays(got: Any, expected: Any, what: str, rtol: float, atol: float) -> Reply | None:
    if not (_is_number(got) or isinstance(got, np.ndarray)):
        return Reply(category="wrong type", reason=f"{what} is {_kind(got)}, not numbers")
    got = np.asarray(got)
    if got.shape != expected.shape:
        reason = f"{what} has shape {got.shape}, not {expected.shape}"
        return Reply(category="wrong shape", reason=reason)
    with np.errstate(all="ignore"):
        good = np.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    if good.all():
        return None
    place = tuple(int(index) for index in np.argwhere(~good)[0])
    at = f" at {place}" if place else ""
    reason = f"{what} is {got[place]:.6g}{at}, not {expected[place]:.6g}"
    return Reply(category="wrong value", reason=reason)


def _is_number(value: Any) -> bool:
    return type(value) in (bool, int, float)


def _kind(value: Any) -> str:
    names = {"NoneType": "None", "ndarray": "an array", "str": "text", "int": "a number"}
    kind = type(value).__name__
    return names.get(kind, f"a {kind}")
