"""What runs inside a child process: a module's cells, an import, or pytest.

It is started by path and imports nothing of `tito`. It is told what to do by a JSON file and
reports in another, one record a line, so that a verdict never depends on what was printed.
It ends itself when its time is up or its parent is gone.
"""

from __future__ import annotations
import __future__

import faulthandler
import importlib
import importlib.machinery
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import traceback
import types
from collections.abc import Callable, Sequence
from typing import Any

Record = Callable[..., None]
STUB = re.compile(r"^exercise (\d{1,2}\.\d+)\b")
FUTURE = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
MAX_FRAMES = 40
FIRST, LAST = 200, 40  # lines that are shown of what is printed; the course prints fewer


class Shadow:
    """Imports a module from a candidate file instead of the one in the package."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = self.files.get(name)
        return importlib.util.spec_from_file_location(name, file) if file else None


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as plain data: type, message, exercise if a stub raised it, frames."""
    stack = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    frames: list[dict[str, Any]] = [
        {"file": frame.filename, "line": frame.lineno, "text": frame.line}
        for frame in stack
        if frame.filename != __file__
    ]
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").strip()
        frames.append({"file": error.filename, "line": error.lineno or 1, "text": text})
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {
        "type": type(error).__name__,
        "message": message,
        "exercise": stub_in_chain(error),
        "frames": frames,
    }


def stub_in_chain(error: BaseException | None) -> str:
    while error is not None:
        match = STUB.match(str(error)) if isinstance(error, NotImplementedError) else None
        if match:
            return match[1]
        error = error.__cause__ or error.__context__
    return ""


def run_cells(spec: dict[str, Any], record: Record) -> int:
    """Run the cells in one namespace, as a notebook and a script would, and stop at an error.

    A cell may have a `__name__` of its own, so that what it guards does not run; with `go_on`,
    the cells below an error run, too.
    """
    main = types.ModuleType("__main__")
    main.__file__ = spec["file"]
    sys.modules["__main__"] = main
    flags = failures = 0
    for cell in spec["cells"]:
        record(start=cell["ordinal"])
        main.__name__ = cell.get("name", "__main__")
        sys.modules[main.__name__] = main
        padded = "\n" * (cell["first_line"] - 1) + cell["code"]  # the file's own line numbers
        try:
            code = compile(padded, spec["file"], "exec", flags, dont_inherit=True)
            flags |= code.co_flags & FUTURE
            exec(code, main.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a cell that leaves has not finished
            record(failed={**describe(error), "cell": cell["ordinal"]})
            failures += 1
            if not spec.get("go_on"):
                return 1
    record(done=True)
    return int(failures > 0)


def run_import(spec: dict[str, Any], record: Record) -> int:
    """Import a module and, where the task names one, call a function of it."""
    try:
        module = importlib.import_module(spec["package"])
        if "call" in spec:
            record(found=getattr(module, spec["call"])(**spec["arguments"]))
    except BaseException as error:
        record(failed=describe(error))
        return 1
    record(done=True)
    return 0


class Watcher:
    """A pytest plugin that records the first failure, what passed, and on which code.

    It counts in the process that runs a test, so that `passed` are tests of the modules seen here.
    """

    def __init__(self, record: Record, shadow: dict[str, str]) -> None:
        self.record, self.shadow = record, shadow
        self.told = False
        self.counts = {"passed": 0, "skipped": 0, "proved": 0}

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        if not self.told:
            self.told = True
            names = {"test": node.nodeid, "names": names_used(node)}
            self.record(failed={**describe(call.excinfo.value), **names})

    def pytest_runtest_call(self, item: Any) -> None:
        files = {name: getattr(sys.modules.get(name), "__file__", None) for name in self.shadow}
        self.counts["proved"] += files == self.shadow

    def pytest_runtest_logreport(self, report: Any) -> None:
        report.sections = [(title, shortened(text)) for title, text in report.sections]
        self.counts["passed"] += report.passed and report.when == "call"
        self.counts["skipped"] += report.skipped

    def pytest_collectreport(self, report: Any) -> None:
        self.counts["skipped"] += report.skipped  # a whole file

    def pytest_sessionfinish(self, session: Any) -> None:
        self.record(counts=self.counts)


def shortened(text: str) -> str:
    """What a test printed, without the middle of a long loop."""
    lines = text.split("\n")
    missing = len(lines) - FIRST - LAST
    return "\n".join([*lines[:FIRST], left_out(missing), *lines[-LAST:]]) if missing > 0 else text


def left_out(lines: int) -> str:
    return f"... {lines} more lines were printed; they are left out ..."


def names_used(node: Any) -> list[str]:
    """The names a test mentions, to tell which exercise it is about."""
    function = getattr(node, "function", None)
    function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return list(getattr(getattr(function, "__code__", None), "co_names", ()))


def run_pytest(spec: dict[str, Any], record: Record) -> int:
    """Run pytest on the candidates.

    They are imported first: pytest's own import hook comes before ours, and may find the package.
    """
    import pytest

    test = ""
    try:
        for name in spec["shadow"]:
            test = f"the import of {name}"
            importlib.import_module(name)
        test = ""
        args = ["-p", "no:faulthandler", *spec["args"]]  # it would stop our clock
        status = int(pytest.main(args, plugins=[Watcher(record, spec["shadow"])]))
    except Exception as error:
        record(failed={**describe(error), "test": test})
        status = 1
    record(done=True)
    return status


def stay_with_parent() -> None:
    """End this process, and what it started, when the parent is gone.

    The parent holds the other end of standard input and never writes. A learner's `input()` finds
    an empty file in its place.
    """
    pipe = os.dup(0)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)

    def wait() -> None:
        os.read(pipe, 1)
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], capture_output=True)
        else:
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    stay_with_parent()
    stuck = open(spec["stuck"], "w")  # noqa: SIM115  open until the end
    faulthandler.dump_traceback_later(spec["limit"], exit=True, file=stuck)
    here = os.path.dirname(os.path.abspath(__file__))
    own = [entry for entry in sys.path if os.path.abspath(entry) != here]
    more = [entry for entry in spec["path"] if entry and entry not in own]  # after what is ours
    sys.path[:] = [spec["root"], *own, *more]
    sys.meta_path.insert(0, Shadow(spec["shadow"]))
    sys.argv = sys.argv[:1]
    with open(spec["report"], "a", encoding="utf-8") as report:

        def record(**what: Any) -> None:
            report.write(json.dumps(what) + "\n")
            report.flush()  # the next line may end this process

        actions = {"cells": run_cells, "import": run_import, "pytest": run_pytest}
        sys.exit(actions[spec["action"]](spec, record))


if __name__ == "__main__":
    main()
