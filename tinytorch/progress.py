"""How far a training is: a bar in a terminal, lines in a file. Given; rich draws."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
Tell = Callable[[int, float, tuple[Array, ...], bool], None]


def counted(batch: tuple[Array, ...]) -> tuple[int, str]:
    """How much a batch holds: tokens, if its first array is a table of ids, or else samples."""
    first = batch[0]
    if first.ndim > 1 and first.dtype.kind in "iu":
        return first.size, "tokens"
    return len(first), "samples"


def silent(step: int, loss: float, batch: tuple[Array, ...], due: bool) -> None:
    """Tell nothing."""


@contextlib.contextmanager
def telling(first: int, last: int, wanted: bool | None) -> Iterator[Tell]:
    """Give a function (step, loss, batch, due) that tells of each step.

    Args:
        first: how many steps were done before.
        last: how many there will be.
        wanted: True: a bar in a terminal or notebook, elsewhere a line when a step is `due`. None:
            only where the output is a terminal. False: nothing.
    """
    if wanted is False:
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    drawn = console.is_terminal or console.is_jupyter
    if not drawn and wanted is None:
        yield silent
        return
    columns = [TextColumn("step {task.completed}/{task.total}"), BarColumn()]
    columns += [TextColumn("loss {task.fields[loss]}  {task.fields[rate]}"), TimeRemainingColumn()]
    begun, total = time.perf_counter(), 0
    with Progress(*columns, console=console, disable=not drawn) as bar:
        task = bar.add_task("", completed=first, total=last, loss="", rate="")

        def tell(step: int, loss: float, batch: tuple[Array, ...], due: bool) -> None:
            nonlocal total
            number, unit = counted(batch)
            total += number
            seconds = max(time.perf_counter() - begun, 1e-9)
            rate = f"{total / seconds:,.0f} {unit}/s"
            bar.update(task, completed=step, loss=f"{loss:.4f}", rate=rate)
            if due and not drawn:
                left = seconds / (step - first) * (last - step)
                line = f"step {step}/{last}  loss {loss:.4f}  {rate}  {left:.0f} s left"
                print(line, flush=True)

        yield tell
