"""A call of an answer: its arguments' names, how it is told, and the error it raised."""

import inspect
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.checking.values import bare, copies, shown_short

GIVEN = str(Path(__file__).parents[1])  # tinytorch/
CORE = str(Path(GIVEN, "core"))
NOT_THE_ANSWER = (GIVEN, str(Path(np.__file__).parent), sysconfig.get_path("stdlib"))


def nothing(*_: Any, **options: Any) -> None:
    """Stand where there is no answer to call."""


@dataclass(frozen=True)
class Case:
    """An answer, what is right, and what both are called with."""

    what: str
    function: Callable[..., Any] = nothing
    oracle: Callable[..., Any] = nothing
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()  # of the arguments
    results: Sequence[str] = ()  # names of the results, where there are several
    rtol: float = 1e-7

    def right(self) -> Any:
        """What the oracle says."""
        return self.oracle(*map(bare, copies(self.arguments)), **self.options)

    def part(self, number: int, name: str) -> "Case":
        """The same case, about one of several results."""
        answer, oracle = self.function, self.oracle
        return replace(
            self,
            what=f"{self.what}, {name}",
            function=lambda *a, **o: answer(*a, **o)[number],
            oracle=lambda *a, **o: oracle(*a, **o)[number],
        )

    def having(self, arguments: Iterable[Any], how: str) -> "Case":
        """The same case with its arguments in another form."""
        return replace(self, arguments=tuple(arguments), what=f"{self.what}, {how}")

    def put(self, others: dict[int, Any]) -> "Case":
        """The same case with other arguments at some places."""
        pairs = enumerate(self.arguments)
        return replace(self, arguments=tuple(others.get(number, x) for number, x in pairs))

    @property
    def told(self) -> str:
        """`(Q (2, 5, 3), K (2, 7, 3), dim=1)`."""
        pairs = zip(self.names, self.arguments, strict=False)
        parts = [f"{name} {shown_short(x)}" for name, x in pairs]
        parts += [f"{name}={shown_short(x)}" for name, x in self.options.items()]
        return f"({', '.join(parts)})"


def function_of(answer: Any) -> Callable[..., Any]:
    """The plain function of arrays behind an `Op`; anything else as it is."""
    found: Callable[..., Any] = answer.forward if hasattr(answer, "rule") else answer
    return found


def parameters(function: Callable[..., Any]) -> list[str]:
    """The names of a function's arguments; `argument 1`, ... where it does not say them."""
    try:
        found = [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        found = []
    names = [one.name for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    return names or [f"argument {number}" for number in range(1, 9)]


def called(name: str, arguments: Sequence[Any], options: dict[str, Any]) -> str:
    """`split_heads((2, 5, 6), 4)`: a call as a message shows it."""
    parts = [shown_short(x) for x in arguments]
    parts += [f"{key}={shown_short(x)}" for key, x in options.items()]
    return f"{name}({', '.join(parts)})"


def raised(error: Exception, name: str = "") -> str:
    """What an error says, and the line of the answer, the function `name`, that led to it."""
    found = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in found if not frame.filename.endswith("_checks.py")]
    own = [frame for frame in frames if not frame.filename.startswith(NOT_THE_ANSWER)]
    own = own or [frame for frame in frames if frame.filename.startswith(CORE)]  # of an export
    own = [frame for frame in own if frame.name == name] or own
    where = f" in {own[-1].name}, at `{own[-1].line}`" if own and own[-1].line else ""
    return f"{type(error).__name__}{where}: {error}"
