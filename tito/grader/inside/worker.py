"""The trusted process inside the sandbox: it takes one probe at a time, and runs each in a fork.

It runs no line of a submission, and knows no expected value. It enforces the limits, ends whatever
a probe leaves behind, and passes on what was written, unread. With --spawn a fresh interpreter
takes the place of the fork (Windows has none).

    python worker.py [--fresh SCRATCH_BYTES | --spawn | --probe]
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import Any

import probe  # beside this file
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
MAX_WRITTEN = 4_000_000  # bytes of a value
MAX_PROCESSES = 32  # counted in a namespace of our own; elsewhere the system's limit
MAX_MEMORY = 2 << 30  # bytes, of one process and of all together
PATIENCE = 3  # a probe may take so many times as long as it may compute: machines are busy
DRAWS = re.compile(rb"(?:import|from) +matplotlib")
BEAT = 0.02  # seconds between two looks at a probe that takes its time


def serve(inbox: int, outbox: int) -> None:
    """Answer messages until the judge goes away.

    A message is a JSON object after its length. With "load" it says which cells to run from now
    on; otherwise it is a probe, answered by a line that says how it ended, and what it wrote. An
    empty one ends the conversation.
    """
    loaded: dict[str, Any] = {}
    run_probe = spawn_probe if "--spawn" in sys.argv else fork_probe
    import_for_all("tinytorch.checking")
    wire.send(outbox, json.dumps({"pid": os.getpid()}).encode())
    while message := wire.receive(inbox):
        task = json.loads(message)
        if "load" in task:
            loaded = task["load"]
            if DRAWS.search(message):
                import_for_all("matplotlib.pyplot")
        else:
            ended, written = run_probe({**loaded, **task})
            wire.send(outbox, ended.encode() + probe.END + written)


def import_for_all(name: str) -> None:
    """Once, before the fork: it takes up to half a second, and each probe runs the cells anew."""
    with contextlib.suppress(Exception):
        importlib.import_module(name)


def fork_probe(task: dict[str, Any]) -> tuple[str, bytes]:
    """Running a probe in a fork; return how it ended and what it wrote."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            confine(writer, task["limit"])
            probe.run(task, writer)
        finally:
            os._exit(0)
    os.close(writer)
    run = Running(child, reader, task["limit"])
    try:
        return run.watch(), bytes(run.written)
    finally:
        run.end()


def confine(writer: int, limit: float) -> None:
    """In the fork: a group of its own, nothing open but the pipe, and the system's limits."""
    import resource

    os.setsid()
    os.closerange(3, writer)
    os.closerange(writer + 1, 256)
    seconds = math.ceil(limit)
    limits = {
        "RLIMIT_AS": MAX_MEMORY,
        "RLIMIT_FSIZE": 16 << 20,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_NPROC": 512,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_CORE": 0,
    }
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):  # macOS has not all
            resource.setrlimit(getattr(resource, name), (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


class Running:
    """A probe at work, seen from the worker."""

    def __init__(self, child: int, reader: int, limit: float) -> None:
        self.child, self.reader, self.limit = child, reader, limit
        self.deadline = time.monotonic() + PATIENCE * limit
        self.written = bytearray()
        self.ending = ""

    def watch(self) -> str:
        """Wait for a value, for the end of the process, or for a limit; say which it was."""
        while True:
            self.look()
            ready, _, _ = select.select([self.reader], [], [], 0 if self.ending else BEAT)
            part = os.read(self.reader, 1 << 20) if ready else b""
            self.written += part
            if len(self.written) > MAX_WRITTEN:
                return "output"
            if self.written.endswith(probe.END) and b'"value"' in self.written:
                return "value"
            if self.ending and not part:
                return self.ending
            if time.monotonic() > self.deadline:
                return "time"
            excess = "" if ready else too_much()
            if excess:
                return excess

    def look(self) -> None:
        """Has the process ended, whoever else may still hold its pipe?"""
        if not self.ending:
            number, status, used = os.wait4(self.child, os.WNOHANG)
            if number:
                self.ending = ending(status, used.ru_utime + used.ru_stime >= self.limit)

    def end(self) -> None:
        """Kill the probe and everything it started, and leave no zombie."""
        os.close(self.reader)
        if not self.ending:
            kill(self.child)
        kill(-self.child)  # its group
        if os.getpid() == 1:
            kill(-1)  # all of this namespace but this process
        with contextlib.suppress(ChildProcessError):
            while True:
                for orphan in adopted():
                    kill(orphan)
                os.waitpid(-1, 0)
        clean_up()


def clean_up() -> None:
    """Empty the scratch space: no probe finds what an earlier one wrote."""
    folder = os.environ["TMPDIR"]
    os.chmod(folder, 0o700)
    left = [entry.path for entry in os.scandir(folder)]
    if left:  # rm goes deeper than Python's own way
        subprocess.run(["rm", "-rf", "--", *left], stderr=subprocess.DEVNULL, check=False)


def kill(number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, signal.SIGKILL)


def ending(status: int, time_is_up: bool) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "time" if number == signal.SIGXCPU or time_is_up else f"signal {number}"
    return f"exit {os.WEXITSTATUS(status)}"


def too_much() -> str:
    """In a namespace of our own: more processes, or more memory, than allowed."""
    if os.getpid() != 1:
        return ""
    others = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    if len(others) > MAX_PROCESSES:
        return "processes"
    return "memory" if sum(map(resident, others)) > MAX_MEMORY else ""


def resident(number: str) -> int:
    """Bytes of memory that a process holds alone."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{number}/statm") as file:
        _, held, shared = map(int, file.read().split()[:3])
        return (held - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def adopted() -> list[int]:
    """Orphans that left the group of a probe: Linux hands them to this process (see `harden`)."""
    path = f"/proc/self/task/{os.getpid()}/children"
    with contextlib.suppress(OSError), open(path) as file:
        return [int(number) for number in file.read().split()]
    return []


def spawn_probe(task: dict[str, Any]) -> tuple[str, bytes]:
    """The same without fork: a fresh interpreter, which has to import everything again."""
    process = subprocess.Popen(
        [sys.executable, "-s", "-S", "-B", __file__, "--probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        limit = PATIENCE * task["limit"] + 2  # it has to start, too
        written, _ = process.communicate(json.dumps(task).encode(), timeout=limit)
        answered = written.endswith(probe.END) and b'"value"' in written
        return "value" if answered else f"exit {process.returncode}", written[:MAX_WRITTEN]
    except subprocess.TimeoutExpired:
        return "time", b""
    finally:
        if sys.platform == "win32":
            kill = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(kill, capture_output=True, check=False)
        process.kill()
        process.wait()


def harden() -> None:
    """On Linux: nobody may trace this process, and orphans of a probe become its children."""
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None).prctl
        prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def warm_up() -> None:
    """Import what every probe needs, all of it the course's own, before the first fork."""
    for name in sorted(os.listdir(os.path.join(HERE, "tinytorch", "core"))):
        if name.endswith(".py"):
            importlib.import_module(f"tinytorch.core.{name[:-3]}")
    gc.collect()
    gc.freeze()  # a fork then shares these pages for good


if __name__ == "__main__":
    inbox, outbox = os.dup(0), os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(quiet, number)
    warm_up()
    if "--probe" in sys.argv:
        with open(inbox, "rb") as file:
            probe.run(json.loads(file.read()), outbox)
        os._exit(0)
    harden()
    if "--fresh" in sys.argv:
        import namespaces  # beside this file

        namespaces.mother(inbox, outbox, sys.argv[-1], lambda: serve(inbox, outbox))
    else:
        serve(inbox, outbox)
