"""The hostile side: a process that runs a submission's cells and one probe, and writes a value.

Whatever happens here can only change what is written, and that is read as a value and nothing
else. The worker starts this in a fork, or by path where there is no fork.
"""

from __future__ import annotations
import __future__

import base64
import marshal
import os
import sys
import types
from collections.abc import Callable
from typing import Any

import wire  # beside this file

END = b"\n"  # of a line; the last line of a probe that was answered holds "value"
FUTURE = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
MAX_MESSAGE = 500  # characters
COMPILED = "\0"  # what no source holds: what follows is code
Cells = list[tuple[str, str]]


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
    """Run cell by cell: one that fails costs what depends on it, and no more.

    Returns what failed, and the cells compiled: text the first time, code from then on.
    """
    broken: list[Any] = []
    compiled: list[Any] = []
    flags = 0
    for name, text in cells:
        before(name)
        try:
            if text.startswith(COMPILED):
                code = marshal.loads(base64.b64decode(text.removeprefix(COMPILED)))
            else:
                code = compile(text, name, "exec", flags, dont_inherit=True)
                flags |= code.co_flags & FUTURE
                text = COMPILED + base64.b64encode(marshal.dumps(code)).decode()
            exec(code, module.__dict__)
        except BaseException as error:
            broken.append({"cell": name, **describe(error)})
        compiled.append((name, text))
    return [broken, compiled]


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
