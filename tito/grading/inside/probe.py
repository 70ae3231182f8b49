"""The hostile side: a process that runs a submission's cells and one probe, and writes a value.

Whatever happens here can only change what is written, and that is read as a value and nothing
else. The worker starts this in a fork, or by path where there is no fork.
"""

from __future__ import annotations
import __future__

import os
import sys
import types
from typing import Any

import wire  # beside this file

END = b"\n"  # of a line; the last line of a probe that was answered holds "value"
FUTURE = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
MAX_MESSAGE = 500  # characters


def run(task: dict[str, Any], writer: int) -> None:
    """Load the cells, run the probe on them, write what it returned or raised."""

    def tell(**line: Any) -> None:
        content = memoryview(wire.encode(line) + END)
        while content:
            content = content[os.write(writer, content) :]

    module = types.ModuleType(task["module"])
    sys.modules[task["module"]] = module
    broken = run_cells(task["cells"], module, tell)
    if task["probe"] is None:
        tell(value=broken)
        return
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


def run_cells(cells: list[list[str]], module: types.ModuleType, tell: Any) -> list[Any]:
    """Run cell by cell: one that fails costs what depends on it, and no more."""
    broken, flags = [], 0
    for name, text in cells:
        tell(at=name)
        try:
            code = compile(text, name, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & FUTURE
            exec(code, module.__dict__)
        except BaseException as error:
            broken.append({"cell": name, **describe(error)})
    return broken


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
