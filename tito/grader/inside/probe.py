"""The hostile side: a process that runs a submission's cells and one probe, and writes a value.

Whatever happens here can only change what is written, and that is read as a value and nothing
else. The worker starts this in a fork, or by path where there is no fork.
"""

from __future__ import annotations
import __future__

import ast
import base64
import contextlib
import marshal
import os
import sys
import types
from collections import deque
from collections.abc import Callable
from typing import Any

import wire  # beside this file

END = b"\n"  # of a line; the last line of a probe that was answered holds "value"
FUTURE = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
MAX_MESSAGE = 500  # characters
COMPILED = "\0"  # what no source holds: what follows is code
Cells = list[list[str]]  # of each its name, and its text or, where it has magics, its texts


def run(task: dict[str, Any], writer: int) -> None:
    """Load the cells, run the probe on them, write what it returned or raised."""

    def tell(**line: Any) -> None:
        content = memoryview(wire.encode(line) + END)
        while content:
            content = content[os.write(writer, content) :]

    module = types.ModuleType(task["module"])
    sys.modules[task["module"]] = module
    if task["probe"] is None:
        tell(value=run_cells(task["cells"], module, lambda cell: tell(at=cell)))
        return
    run_cells(task["cells"], module, lambda cell: None)
    try:
        scope: dict[str, Any] = {}
        exec(compile(task["probe"], "probe", "exec"), scope)
        value = scope["probe"](module, **wire.decode(task["inputs"].encode()))
    except BaseException as error:
        tell(value={"error": describe(error)})
        return
    try:
        tell(value={"value": value})
    except wire.WireError as error:
        tell(value={"strange": str(error)[:MAX_MESSAGE]})


def run_cells(
    cells: Cells, module: types.ModuleType, before: Callable[[str], None]
) -> list[list[Any]]:
    """Run cell by cell: a statement that fails costs what depends on it, and no more.

    Returns what failed, and the cells compiled: text the first time, code from then on.
    """
    broken: list[Any] = []
    compiled: list[Any] = []
    waiting, flags = deque(cells), 0
    while waiting:
        name, *texts = waiting.popleft()
        before(name)
        text = ""
        try:
            code, text = compiled_cell(name, texts, flags)
            flags |= code.co_flags & FUTURE
            compiled.append((name, COMPILED + base64.b64encode(marshal.dumps(code)).decode()))
            exec(code, module.__dict__)
        except BaseException as error:
            broken.append({"cell": name, **describe(error)})
            with contextlib.suppress(Exception):
                waiting.extendleft([[name, rest]] if (rest := below(text, error)) else [])
    return [broken, compiled]


def compiled_cell(name: str, texts: list[str], flags: int) -> tuple[types.CodeType, str]:
    """The first of the texts that is Python, as code."""
    text = texts[0]
    if text.startswith(COMPILED):
        return marshal.loads(base64.b64decode(text.removeprefix(COMPILED))), ""
    try:
        return compile(text, name, "exec", flags, dont_inherit=True), text
    except SyntaxError:
        if len(texts) == 1:
            raise
    return compiled_cell(name, texts[1:], flags)


def below(text: str, error: BaseException) -> str:
    """What stands below the statement that failed, on its own lines; empty if nothing does."""
    line = error.__traceback__.tb_next.tb_lineno  # type: ignore[union-attr]
    ends = [one.end_lineno or 0 for one in ast.parse(text).body]
    last = next(end for end in ends if end >= line)
    rest = "\n".join(text.split("\n")[last:])
    return "\n" * last + rest if rest.strip() else ""


def describe(error: BaseException) -> dict[str, str]:
    """An exception as text: its type, its message, and the last line of a cell that it passed."""
    line, where = getattr(error, "lineno", None), getattr(error, "filename", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith("tinytorch.core."):
            line, where = trace.tb_lineno, trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    place = f"{os.path.basename(where)}, line {line}" if isinstance(where, str) and line else ""
    return {
        "type": type(error).__name__,
        "message": str(error)[:MAX_MESSAGE],
        "where": place[:MAX_MESSAGE],
    }
