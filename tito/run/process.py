"""Start a child process, end it in time, and read what it recorded.

The child (child.py, beside this file) may loop for ever, leave with `os._exit` or crash: it has a
time limit and is ended with everything it started. It reports in a file, never by what it prints.
The clock is the child's own, so that a busy machine takes nothing from its time. Its environment is
chosen here: what a caller has set for other programs does not reach a verdict.
"""

from __future__ import annotations

import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tito.run.environment import chosen
from tito.run.output import Output

BEAT = 0.02  # seconds between two looks at a running child
GRACE = 60.0  # seconds to start and to end, on a busy machine; the child keeps its limit itself
CHILD = Path(__file__).with_name("child.py")
FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)  # as faulthandler writes it
LIVE = {"kept": {}, "own": {}, "shown": {"PYTHONUNBUFFERED": "1"}}  # by what becomes of its output


@dataclass
class Outcome:
    exit_code: int
    records: list[dict[str, Any]]
    output: str = ""
    stuck: str = ""  # where the code was when the time was up, as faulthandler tells it
    limit: float = 0

    def last(self, key: str) -> Any:
        return next((record[key] for record in reversed(self.records) if key in record), None)

    @property
    def ended(self) -> bool:
        return bool(self.last("done")) and not self.stuck

    @property
    def ending(self) -> str:
        """How it ended, where that was not in the ordinary way."""
        if self.stuck:
            return f"did not finish within {self.limit:g} s"
        if self.exit_code < 0:
            return f"crashed Python (signal {-self.exit_code})"
        when = "after its last cell" if self.last("done") else "before its last cell"
        return f"ended Python with exit code {self.exit_code} {when}"

    @property
    def broken_off(self) -> dict[str, Any]:
        """The ending, told as an exception is told: in which cell, and where it was stuck."""
        cell, frames = self.last("start"), _frames(self.stuck)
        return {"type": "", "message": self.ending, "cell": cell, "frames": frames}


def run_child(
    action: str,
    root: Path,
    cwd: Path,
    limit: float,
    output: str = "kept",
    beat: Callable[[], None] = lambda: None,
    settings: dict[str, str] | None = None,
    **spec: Any,
) -> Outcome:
    """Start the child, wait for it, and read what it recorded.

    What it prints is "kept", or "shown" as it comes, without the middle of a long loop; or it is
    its "own", as pytest's is on a terminal. `beat` is called while the child runs; what it raises
    ends the child. `settings` are added to the environment.
    """
    with tempfile.TemporaryDirectory(prefix="tito-", ignore_cleanup_errors=True) as name:
        task, report, stuck = (Path(name, part) for part in ("task", "report", "stuck"))
        told = {"shadow": {}, **spec, "action": action, "root": str(root), "limit": limit}
        told |= {"report": str(report), "stuck": str(stuck), "path": sys.path}
        task.write_text(json.dumps(told), "utf-8")
        report.touch()
        stuck.touch()
        with Output(show=output == "shown") as printed:
            sink = None if output == "own" else printed.sink
            process = _start(task, cwd, sink, {**LIVE[output], **(settings or {})})
            exit_code = _wait(process, limit + GRACE, beat)
        records = [json.loads(line) for line in report.read_text("utf-8").split("\n")[:-1]]
        where = stuck.read_text("utf-8", errors="replace")
    if exit_code is None:
        exit_code, where = -1, where or "it did not end by itself"
    return Outcome(exit_code, records, printed.text, where, limit)


def _start(
    task: Path, cwd: Path, sink: int | None, settings: dict[str, str]
) -> subprocess.Popen[bytes]:
    sys.stdout.flush()
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(task)],
        cwd=cwd,
        stdin=subprocess.PIPE,  # closed when this process ends, however it ends
        stdout=sink,
        stderr=subprocess.STDOUT if sink else None,
        env=chosen(MPLBACKEND="Agg", **settings),  # no window from a drawing
        **alone(),
    )


def alone() -> dict[str, Any]:
    """Options for a process that Ctrl-C does not reach, and that is ended with all it started."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _wait(process: subprocess.Popen[bytes], limit: float, beat: Callable[[], None]) -> int | None:
    """The exit code, or None where the child did not even end itself."""
    give_up = time.monotonic() + limit
    try:
        while time.monotonic() < give_up:
            beat()
            with suppress(subprocess.TimeoutExpired):
                return process.wait(min(BEAT, limit))
        return None
    finally:
        end(process)  # also when Ctrl-C ended the wait


def _frames(stuck: str) -> list[dict[str, Any]]:
    """The main thread's frames, outermost first: its traceback comes last, innermost first."""
    _, _, main = stuck.rpartition("Thread 0x")
    found = [(_unescaped(file), int(line)) for file, line in reversed(FRAME.findall(main))]
    return [
        {"file": file, "line": line, "text": linecache.getline(file, line)}
        for file, line in found
        if file != str(CHILD)
    ]


def _unescaped(file: str) -> str:
    """faulthandler writes ASCII alone: `ü` as `\\xfc`."""
    escape = r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    if Path(file).exists():  # on Windows a backslash may be one
        return file
    return re.sub(escape, lambda found: chr(int(found[1][1:], 16)), file)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        with suppress(ProcessLookupError, PermissionError):  # nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin
    process.stdin.close()
