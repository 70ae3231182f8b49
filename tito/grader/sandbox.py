"""The walls around a submission, as strong as this machine has them; the level says how strong.

3 bubblewrap: a root of its own, read-only, that holds Python, NumPy and Matplotlib alone; no
  network; scratch space in memory.
2 namespaces: the same, made with `unshare`, where bubblewrap is missing or refused.
1 limits: a process of its own with the system's limits (POSIX). It can reach what you can reach.
0 process: a fresh interpreter for each probe, with an empty environment (Windows).

A level is tried before it is used. Below 2 a grade is marked "unsandboxed".
"""

from __future__ import annotations

import compileall
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Timer

from tito.course import Course, Module
from tito.errors import TitoError
from tito.grader.inside import wire
from tito.run.environment import THREADS

INSIDE = Path(wire.__file__).parent
NAMES = {3: "3 bubblewrap", 2: "2 namespaces", 1: "1 limits, unsandboxed", 0: "0 unsandboxed"}
SAFE = FRESH = 2
SCRATCH = 64 << 20  # bytes
GONE = b"gone"  # says namespaces.py, where a worker ended before its time
START_LIMIT = 60.0  # seconds
PATIENCE = 4  # the worker gives up after 3 times a probe's limit; this is for a worker that hangs
LIBRARIES = ("bin", "lib", "lib32", "lib64")  # of a system, or of a Python
SYSTEM = [*(f"/{name}" for name in LIBRARIES), *(f"/usr/{name}" for name in LIBRARIES)]
SYSTEM += ["/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/alternatives"]
DECLARED = (
    "numpy",
    "matplotlib",
    "safetensors",
    "threadpoolctl",
)  # and what they require: importable
PACKAGES = "/packages"
_NO_PACKAGE = re.compile(r"\.(dist|egg)-info$|^__pycache__$|^\.\.$")
ONE_THREAD = dict.fromkeys(THREADS, "1")


class SandboxError(Exception):
    """The sandbox did not start, or the worker in it is gone."""


@dataclass(frozen=True)
class Ended:
    """How a probe ended ("value", "time", "signal 11", ...), and the lines it wrote."""

    how: str
    lines: list[bytes]


class Sandbox:
    """A worker behind its walls, from the judge's side."""

    def __init__(self, folder: Path, level: int) -> None:
        self.scratch = tempfile.mkdtemp(prefix="tito-")
        self.process = subprocess.Popen(
            _command(folder, level, self.scratch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.scratch,
            env=_environment(folder, level, self.scratch),
            start_new_session=True,
        )
        self.level = level
        self.begin()

    def begin(self) -> None:
        """Wait for a worker; at level 2 it is a new one for each submission."""
        try:
            if self.level == FRESH:
                self._send(b"next")
            pid = json.loads(self._receive(START_LIMIT))["pid"]
            if self.level >= SAFE and pid != 1:
                raise SandboxError("the worker is not alone in its namespace")
        except (SandboxError, ValueError) as error:
            self.close()
            raise SandboxError(f"no worker: {error}") from None

    def end(self) -> bool:
        """Let the worker go; say whether another may begin."""
        if self.level == FRESH and self.process.poll() is None:
            with suppress(SandboxError):
                self._send(b"")
                return True
        self.close()
        return False

    def load(self, module: str, cells: Sequence[Sequence[str]]) -> None:
        """Say which cells a probe runs first."""
        self._send(json.dumps({"load": {"module": module, "cells": cells}}).encode())

    def probe(self, source: str | None, inputs: bytes, limit: float) -> Ended:
        task = {"probe": source, "inputs": inputs.decode(), "limit": limit}
        self._send(json.dumps(task).encode())
        how, *lines = self._receive(PATIENCE * limit + START_LIMIT).split(b"\n")
        if how == GONE:
            raise SandboxError("the worker is gone")
        return Ended(how.decode(), [line for line in lines if line])

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _send(self, message: bytes) -> None:
        assert self.process.stdin
        try:
            wire.send(self.process.stdin.fileno(), message)
        except OSError:
            raise SandboxError("the worker is gone") from None

    def _receive(self, limit: float) -> bytes:
        assert self.process.stdout
        timer = Timer(limit, self.process.kill)  # ends the read below, on every system
        timer.daemon = True
        timer.start()
        try:
            message = wire.receive(self.process.stdout.fileno())
        finally:
            timer.cancel()
        if message is None:
            raise SandboxError("the worker is gone")
        return message


@contextmanager
def inside_folder(course: Course, module: Module) -> Iterator[Path]:
    """What the sandbox holds besides Python: worker, and the package below the graded module."""
    with tempfile.TemporaryDirectory(prefix="tito-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in INSIDE.glob("*.py"):
            shutil.copy(file, folder)
        package = course.root / "tinytorch"
        earlier = [one.export for one in course.modules if one.number < module.number]
        for file in package.rglob("*.py"):
            if file in earlier or file.name == "__init__.py" or file.parent.name != "core":
                target = folder / "tinytorch" / file.relative_to(package)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
        compileall.compile_dir(folder, quiet=2)
        yield folder


@cache
def best_level(folder: Path) -> int:
    """The strongest level that works here, found by trying."""
    levels = list(NAMES) if os.name == "posix" else [0]
    if os.name == "posix" and os.geteuid() == 0:
        levels = [2, 3, 1, 0]  # bubblewrap shows the machine's devices: root could chmod them
    for level in levels:
        with suppress(SandboxError, OSError):
            Sandbox(folder, level).close()
            return level
    raise TitoError("not even a plain Python process can be started", "`tito doctor`")


def level_here(course: Course, module: Module, unsandboxed: bool) -> int:
    with inside_folder(course, module) as folder:
        level = best_level(folder)
    require_consent(level, unsandboxed)
    return level


def require_consent(level: int, given: bool) -> None:
    if level < SAFE and not given:
        raise TitoError(
            f"no safe sandbox on this machine (level {NAMES[level]}): a submission could read and "
            "change your files",
            "install bubblewrap, or say --unsandboxed; docs/instructors.md tells more",
        )


def _command(folder: Path, level: int, scratch: str) -> list[str]:
    run = [_python(), "-s", "-S", "-B"]
    if level == 3:
        return [*_bubblewrap(_walls(folder)), *run, "/course/worker.py"]
    if level == 2:
        flags = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
        flags += ["--net", "--mount", "--ipc", "--uts"]
        pairs = [part for pair in _walls(folder) for part in pair]
        shell = ["sh", str(INSIDE / "namespaces.sh"), scratch, *pairs, "--"]
        return ["unshare", *flags, *shell, *run, "/course/worker.py", "--fresh", str(SCRATCH)]
    return [*run, str(folder / "worker.py"), *([] if level else ["--spawn"])]


def _python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


@cache
def _walls(folder: Path) -> list[tuple[str, str]]:
    """What can be seen inside: (from, to). From "" an empty folder hides what would be there.

    What is installed beside Python or the system is hidden: SciPy has a softmax, and a wheel of the
    course the answers.
    """
    homes = [Path(os.path.realpath(sys.base_prefix)), Path(_python()).parents[1]]
    own = [str(home / name) for home in homes for name in LIBRARIES]
    seen = [path for path in dict.fromkeys([*SYSTEM, *own]) if os.path.exists(path)]
    hidden = {one for path in seen if not os.path.islink(path) for one in _installed(path)}
    packages = [(str(path), f"{PACKAGES}/{path.name}") for path in _packages()]
    walls = [*zip(seen, seen, strict=True), (str(folder), "/course"), *packages]
    return [*walls, *(("", path) for path in sorted(hidden))]


def _installed(folder: str) -> Iterator[str]:
    """Where packages lie, of whatever Python, below a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found = entry.name in ("site-packages", "dist-packages")
                yield from [entry.path] if found else _installed(entry.path)


@cache
def _packages() -> list[Path]:
    """The files and folders of what the course declares, and of what that requires."""
    waiting, found = [*DECLARED], dict[str, list[Path]]()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = []
        with suppress(metadata.PackageNotFoundError):
            one = metadata.distribution(name)
            tops = {name, *(file.parts[0] for file in one.files or [])}
            kept = [top for top in sorted(tops) if not _NO_PACKAGE.search(top)]
            paths = [Path(str(one.locate_file(top))) for top in kept]
            found[name] = [path for path in paths if path.exists()]
            needed = [line for line in one.requires or [] if "extra ==" not in line]
            waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in needed]
    return [path for paths in found.values() for path in paths]


def _scratch(walls: list[tuple[str, str]]) -> str:
    """Where scratch space is mounted: not over a Python that lies below /tmp."""
    below = any(Path(target).is_relative_to("/tmp") for _, target in walls)
    return "/scratch" if below else "/tmp"


@cache
def _numpy_folder() -> Path:
    spec = importlib.util.find_spec("numpy")
    assert spec and spec.origin
    return Path(spec.origin).parents[1]


def _bubblewrap(walls: list[tuple[str, str]]) -> list[str]:
    scratch = _scratch(walls)
    flags = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1"]
    flags += ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"]
    flags += ["--remount-ro", "/proc", "--remount-ro", "/dev"]
    flags += ["--size", str(SCRATCH), "--tmpfs", scratch]
    for source, target in walls:
        if not source:
            flags += ["--tmpfs", target, "--remount-ro", target]
        elif source == target and os.path.islink(source):  # /bin and /lib are often links into /usr
            flags += ["--symlink", os.readlink(source), target]
        else:
            flags += ["--ro-bind", source, target]
    flags += [*_no_nesting(), "--remount-ro", "/", "--chdir", scratch, "--"]
    return [shutil.which("bwrap") or "bwrap", *flags]


@cache
def _no_nesting() -> list[str]:
    """Newer versions can forbid namespaces inside the sandbox."""
    try:
        help_text = subprocess.run(["bwrap", "--help"], capture_output=True, text=True).stdout
    except OSError:
        return []
    return ["--disable-userns"] if "--disable-userns" in help_text else []


def _environment(folder: Path, level: int, scratch: str) -> dict[str, str]:
    """Nothing of the instructor's, and the same everywhere."""
    alone = level >= SAFE
    home = _scratch(_walls(folder)) if alone else scratch
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    fixed = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8:backslashreplace",  # half an emoji can be printed
        "PYTHONBREAKPOINT": "0",  # one that was left stops nothing
        "MPLBACKEND": "Agg",
        "PYTHONPATH": PACKAGES if alone else str(_numpy_folder()),
    }
    return {**kept, **fixed, **ONE_THREAD}
