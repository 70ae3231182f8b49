"""An output that takes nothing: one line on the other stream and an exit code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.toy import PLAIN, REPOSITORY, ToyCourse

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
COMMANDS = ["--help", "status", "sync", "module test 1", "module complete 1", "nope"]
CODES = {"nope": 2}


def shell(course: ToyCourse, command: str, **streams: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1", **PLAIN}
    line = f"'{sys.executable}' -m tito {command}"
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(
        ["bash", "-c", line], cwd=course.root, env=environment, text=True, **piped
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_output_is_one_line_on_the_other_stream(course, command: str) -> None:
    done = shell(course, f"{command} > /dev/full")
    assert done.returncode == 2
    text = "tito: cannot write to the output: [Errno 28] No space left on device\n"
    assert done.stderr.endswith(text) and "Traceback" not in done.stderr


def test_two_full_outputs_are_an_exit_code(course) -> None:
    assert shell(course, "status > /dev/full 2>&1").returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_seen_enough_ends_it_quietly(course, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = shell(course, command, stdout=writer)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == (1 if command == "--help" else 141)  # that one is click's


@pytest.mark.parametrize("command", COMMANDS)
def test_closed_streams_change_no_verdict_and_no_file(course, command: str) -> None:
    for closed in (">&-", "<&- >&- 2>&-"):
        done = shell(course, f"{command} {closed}")
        assert (done.returncode, done.stderr) == (CODES.get(command, 0), ""), closed
    lock = course.root / ".tito/lock"
    assert not lock.exists() or lock.read_bytes() == b""
