"""Start a child process, end it in time, and read what it recorded.

The child (child.py, beside this file) may loop for ever, leave with `os._exit` or crash: it has a
time limit and is ended with everything it started. It reports in a file, never by what it prints.
"""

from __future__ import annotations

import json
import os
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

from tito.running.output import Output

BEAT = 0.02  # seconds between two looks at a running child
CHILD = Path(__file__).with_name("child.py")
LIVE = {"kept": {}, "own": {}, "shown": {"PYTHONUNBUFFERED": "1"}}  # by what becomes of its output


@dataclass
class Outcome:
    exit_code: int
    records: list[dict[str, Any]]
    output: str = ""
    timed_out: bool = False
    limit: float = 0

    def last(self, key: str) -> Any:
        return next((record[key] for record in reversed(self.records) if key in record), None)

    @property
    def ended(self) -> bool:
        return bool(self.last("done")) and not self.timed_out

    @property
    def ending(self) -> str:
        """How it ended, where that was not in the ordinary way."""
        if self.timed_out:
            return f"did not finish within {self.limit:g} s"
        if self.exit_code < 0:
            return f"crashed Python (signal {-self.exit_code})"
        when = "after its last cell" if self.last("done") else "before its last cell"
        return f"ended Python with exit code {self.exit_code} {when}"

    @property
    def broken_off(self) -> dict[str, Any]:
        """The ending, told as an exception is told: in which cell, and where it was stuck."""
        frames = self.last("stuck") or []
        cell = self.last("start")
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
        task, report = (Path(name) / part for part in ("task", "report"))
        told = {"shadow": {}, **spec, "action": action, "root": str(root), "report": str(report)}
        told["limit"] = limit
        task.write_text(json.dumps(told), "utf-8")
        report.touch()
        with Output(show=output == "shown") as printed:
            sink = None if output == "own" else printed.sink
            process = _start(task, cwd, sink, {**LIVE[output], **(settings or {})})
            exit_code = _wait(process, limit, beat)
        records = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    timed_out = exit_code is None
    return Outcome(-1 if exit_code is None else exit_code, records, printed.text, timed_out, limit)


def _start(
    task: Path, cwd: Path, sink: int | None, settings: dict[str, str]
) -> subprocess.Popen[bytes]:
    sys.stdout.flush()
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(task)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=subprocess.STDOUT if sink else None,
        env={**environment(), **settings},
        **options,
    )


def _wait(process: subprocess.Popen[bytes], limit: float, beat: Callable[[], None]) -> int | None:
    """The exit code, or None where the time was up."""
    give_up = time.monotonic() + limit
    try:
        while time.monotonic() < give_up:
            beat()
            with suppress(subprocess.TimeoutExpired):
                return process.wait(min(BEAT, limit))
        return None
    finally:
        if process.poll() is None:  # also when Ctrl-C ended the wait
            _end(process)


def environment() -> dict[str, str]:
    """UTF-8 whatever the console is, no .pyc files, no window from a drawing."""
    fixed = {
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": os.environ.get("MPLBACKEND", "Agg"),
    }
    return {**os.environ, **fixed}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
