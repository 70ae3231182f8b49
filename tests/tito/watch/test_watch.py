"""`tito watch`: at every save one verdict, about the first failing exercise only."""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tito.watch.keys import Keyboard
from tito.watch.loop import Watch, settled, times

BODY = "return SCALE * x"
PATIENCE = 20  # seconds; a test that waits longer has failed


def wait_until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def start(course, *args: str, **streams) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(course.repository), "PYTHONUTF8": "1", "TERM": "xterm"}
    command = [sys.executable, "-u", "-m", "tito", "watch", *args]
    streams |= {"encoding": "utf-8", "text": True}
    return subprocess.Popen(command, cwd=course.root, env=env, **streams)


class Session:
    """`tito watch` with its lines in a queue."""

    def __init__(self, course, *args: str) -> None:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        self.process = start(course, *args, **streams)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(ValueError):  # the pipe is closed when the test ends
            for line in self.process.stdout:
                self.lines.put(line)

    def says(self, sign: str) -> str:
        """The next line that holds the sign."""
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if sign in line:
                return line


@pytest.fixture
def watch(course):
    sessions = []

    def watch(*args: str) -> Session:
        sessions.append(Session(course, *args))
        return sessions[-1]

    yield watch
    for session in sessions:
        session.process.kill()
        session.process.wait()
        session.process.stdout.close()


def test_once_prints_a_verdict_and_exits_with_it(course) -> None:
    right = course.tito("watch", "alpha", "--once")
    assert (right.returncode, right.stdout.splitlines()[0]) == (0, "01 alpha  ▓▓  2/2")
    course.edit(course.alpha, BODY, "return x")
    wrong = course.tito("watch", "alpha", "--once")
    assert wrong.returncode == 1
    assert "exercise 1.1: double\n  wrong\n" in wrong.stdout
    assert "\x1b" not in wrong.stdout


def test_a_console_that_knows_only_ascii_gets_ascii(course) -> None:
    done = course.tito("watch", "1", "--once", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.stdout.splitlines()[:2] == ["01 alpha  ##  2/2", "ok every exercise passes"]


def test_without_a_number_the_first_module_that_is_not_complete_is_watched(learner) -> None:
    done = learner.tito("watch", "--once")
    assert done.stdout.splitlines()[0] == "02 beta  ░  0/1"
    learner.edit(learner.beta, 'raise NotImplementedError("exercise 2.1: quadruple")', "return 4*x")
    assert learner.tito("module", "complete", "2").returncode == 0
    done = learner.tito("watch", "--once")
    assert (done.returncode, "every module is complete" in done.stdout) == (2, True)


def test_it_judges_every_save_of_either_file_and_moves_on(course, watch) -> None:
    session = watch("alpha")
    session.says("every exercise passes")
    course.edit(course.alpha, BODY, "return x")
    session.says("exercise 1.1: double")
    course.edit(course.alpha_notebook, "return x\\n", "return 2 * x\\n")
    assert "1.1" not in session.says("2/2").partition("▓")[0]
    course.edit(course.alpha, "return x + 1", "return x")
    assert "▓░  1/2" in session.says("1/2")
    session.says("exercise 1.2: next_one")
    assert "return 2 * x" in course.alpha.read_text("utf-8")


def test_what_cannot_be_read_is_a_message_until_it_is_mended(course, watch) -> None:
    session = watch("alpha")
    session.says("every exercise passes")
    good, notebook = course.alpha.read_bytes(), course.alpha_notebook.read_bytes()
    course.alpha.write_bytes(b"<<<<<<< a\n=======\n>>>>>>> b\n" + good)
    session.says("alpha_dev.py:1: git's conflict markers")
    course.alpha.write_bytes(good)
    session.says("every exercise passes")
    course.alpha_notebook.write_bytes(notebook[:100])
    session.says("not a notebook")
    course.alpha_notebook.write_bytes(notebook)
    session.says("every exercise passes")
    course.alpha.write_bytes(b"")
    session.says("would lose")
    course.alpha.write_bytes(good)
    session.says("every exercise passes")


def test_a_save_ends_the_run_of_an_endless_loop(course, watch) -> None:
    session = watch("alpha", "--limit", "1000")
    session.says("every exercise passes")
    mark = course.root / "begun"
    course.edit(course.alpha, BODY, f"open({str(mark)!r}, 'w').close()\n    while True: pass")
    wait_until(mark.exists)
    course.edit(course.alpha, "while True: pass", "return x")
    session.says("exercise 1.1: double")


@pytest.mark.skipif(sys.platform == "win32", reason="a signal of POSIX")
def test_ctrl_c_ends_it_cleanly_even_in_a_run(course, watch) -> None:
    mark = course.root / "begun"
    course.edit(course.alpha, BODY, f"open({str(mark)!r}, 'w').close()\n    while True: pass")
    session = watch("alpha", "--limit", "1000")
    wait_until(mark.exists)
    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(PATIENCE) == 0


def test_a_file_that_is_being_replaced_is_waited_for(course) -> None:
    module = course.module()
    before, text = times(module), course.alpha.read_bytes()
    course.alpha.unlink()
    timer = threading.Timer(0.1, course.alpha.write_bytes, [text])
    timer.start()
    assert None not in settled(module, before)[:1]
    timer.join()


def test_after_a_save_the_hint_is_the_one_seen_last_and_then_a_stronger_one(course, capfd) -> None:
    course.edit(
        course.alpha, "# </details>", "# </details><details><summary>!</summary>2</details>"
    )
    course.edit(course.alpha, BODY, "return x")
    session = Watch(course.module(), 30, Keyboard())
    session.judge()
    session.answer("h")
    course.edit(course.alpha, "return x\n", "return 3 * x\n")
    session.judge()
    session.answer("h")
    session.answer("h")
    said = capfd.readouterr().out
    assert [line for line in said.splitlines() if "hint" in line] == [
        "  hint 1 of 2:",
        "  hint 1 of 2:",
        "  hint 2 of 2:",
    ]


def wait_for(terminal: int, *signs: str) -> None:
    seen = ""
    while not all(sign in seen for sign in signs):
        assert select.select([terminal], [], [], PATIENCE)[0], seen
        seen += os.read(terminal, 4096).decode("utf-8", "replace")


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_keys_give_hints_and_a_status_and_end_it(course) -> None:
    import termios

    course.edit(course.alpha, BODY, "return x")
    terminal, inside = os.openpty()
    before = termios.tcgetattr(inside)
    process = start(course, "alpha", stdin=inside, stdout=inside)
    try:
        wait_for(terminal, "wrong", "h hint   s status")
        for key, sign in (("h", "look at double"), ("h", "the last hint"), ("s", "fails: 1.1")):
            os.write(terminal, key.encode())
            wait_for(terminal, sign, "q quit")
        os.write(terminal, b"\x1b[Ax\r")  # an arrow, a key without a meaning, Enter
        wait_for(terminal, "wrong", "q quit")
        os.write(terminal, b"q")
        assert process.wait(PATIENCE) == 0
        assert termios.tcgetattr(inside) == before
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(inside)
