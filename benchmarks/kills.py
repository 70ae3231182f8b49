"""kill -9 at random moments: what is left is whole, nothing is lost, and the next run finishes.

For each command a folder is prepared and the command run once to its end, to know every file before
and after. Then, again and again, a fresh copy: start, kill at a random moment, look, run once more.

- corrupt: a file of the learner's or of the package that is neither the old nor the new one, whole;
- lost: the old bytes of a changed file that stand neither in their place nor in a backup;
- unfinished: the next run does not end as the unkilled one did.

Run:  python benchmarks/kills.py [kills]      (POSIX)
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.toy import ALPHA, ToyCourse, make_course  # noqa: E402

Files = dict[str, bytes]
ANSWER = "return SCALE * x", "return x * SCALE  # my own words"


def learner(folder: Path) -> ToyCourse:
    """A learner's folder with an answer in the .py that the notebook does not have yet."""
    course = make_course(folder / "course")
    course.tito("init", str(folder / "mine"))
    mine = ToyCourse(folder / "mine")
    mine.alpha.write_text(ALPHA.replace(*ANSWER), encoding="utf-8")
    return mine


def with_export(folder: Path) -> ToyCourse:
    mine = learner(folder)
    mine.tito("module", "complete", "1")
    mine.edit(mine.alpha, "return x + 1", "return 1 + x  # better")
    return mine


def newer_course(folder: Path) -> ToyCourse:
    mine = learner(folder)
    mine.tito("sync")
    source = folder / "course/modules/01_alpha/alpha_dev.py"
    source.write_text(ALPHA.replace("in words", "in better words"), encoding="utf-8")
    return mine


COMMANDS: dict[str, tuple[Callable[[Path], ToyCourse], list[str]]] = {
    "init": (lambda folder: make_course(folder / "course"), ["init", "../mine", "--from", "2"]),
    "start": (learner, ["module", "start", "1"]),
    "sync": (learner, ["sync"]),
    "export": (learner, ["export", "alpha"]),
    "complete": (with_export, ["module", "complete", "1"]),
    "reset": (learner, ["module", "reset", "1"]),
    "update": (newer_course, ["update"]),
}


def files(folder: Path) -> Files:
    """What people read: not the tool's own notes, nor a temporary file a kill left behind."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not {".tito", "__pycache__", ".pytest_cache"} & set(path.parts)
        and not path.name.startswith(".")
        and not any(part.startswith(".mine-") for part in path.parts)
    }


def kept(folder: Path) -> set[bytes]:
    """The contents of all backups."""
    return {path.read_bytes() for path in folder.rglob(".tito/backups/**/*") if path.is_file()}


def start(course: ToyCourse, arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tito", *arguments],
        cwd=course.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_once(name: str, prepared: Path, before: Files, after: Files, seconds: float) -> list[str]:
    """One kill, in a copy of the prepared folder; returns what went wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "x")
        shutil.copytree(prepared, folder, symlinks=True)
        course = ToyCourse(folder / ("course" if name == "init" else "mine"))
        process = start(course, COMMANDS[name][1])
        time.sleep(random.uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found, backups = files(folder), kept(folder)
        wrong = [
            "corrupt"
            for path, data in found.items()
            if data not in (before.get(path), after.get(path))
        ]
        wrong += [
            "lost"
            for path, old in before.items()
            if found.get(path) != old and old not in backups and path.startswith("mine/modules")
        ]
        start(course, COMMANDS[name][1]).wait()
        wrong += [] if files(folder) == after else ["unfinished"]
        return wrong


def prepare(name: str, folder: Path) -> tuple[Files, Files, float]:
    """Set the scene, and learn from a copy what the command does and how long it takes."""
    make, arguments = COMMANDS[name]
    make(folder)
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole, symlinks=True)
    begin = time.perf_counter()
    code = start(ToyCourse(whole / ("course" if name == "init" else "mine")), arguments).wait()
    assert code == 0, f"tito {' '.join(arguments)} ends with {code}"
    return files(folder), files(whole), time.perf_counter() - begin


def main(kills: int) -> None:
    random.seed(9)
    for name in COMMANDS:
        counts: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "prepared")
            folder.mkdir()
            before, after, seconds = prepare(name, folder)
            each = -(-kills // len(COMMANDS))
            for _ in range(each):
                counts.update(kill_once(name, folder, before, after, seconds) or ["fine"])
        print(f"{name:8}: {each} kills within {seconds:.2f} s: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
