"""The real server: it prints its address, answers on this machine alone, ends by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import pytest

from tests.grader.review.batch import Form, graded_batch
from tests.grader.test_grade import outputs, rows
from tests.toy import PLAIN, REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C as POSIX sends it")


@contextmanager
def running(course, *options: str):
    command = [sys.executable, "-m", "tito", "grade", "review", *options, "--no-open"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", **PLAIN}
    process = subprocess.Popen(
        command,
        cwd=course.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def fetch(url: str, fields: dict[str, str] | None = None) -> str:
    port = urllib.parse.urlsplit(url).port
    data = urllib.parse.urlencode(fields).encode() if fields is not None else None
    asked = urllib.request.Request(url, data, {"Origin": f"http://127.0.0.1:{port}"})
    with urllib.request.urlopen(asked, timeout=60) as found:
        return found.read().decode()


def test_a_review_from_start_to_ctrl_c(course, tmp_path) -> None:
    desk = graded_batch(course, tmp_path)
    with running(course, str(desk.folder), "--to", str(tmp_path / "out")) as process:
        address = re.search(r"http://127\.0\.0\.1:(\d+)/\S+/", process.stdout.readline())
        listed = fetch(address[0])
        assert "Doe, Jane" in listed
        (jane, *_), url = desk.entries(()), address[0]
        form = Form(fetch(url + jane)).fields
        fetch(url + jane, {**form, "points-1.2": "0", "comment-1.2": "Not your own\n\nwords"})
        fetch(f"{url}update", {})
        assert rows(tmp_path / "out")[0]["points"] == "3"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(f"http://127.0.0.1:{address[1]}/")
        fetch(url + jane, {**Form(fetch(url + jane)).fields, "points-1.2": "0.5"})
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and "Traceback" not in said
    assert "grades and feedback are up to date" in said
    assert rows(tmp_path / "out")[0]["points"] == "3.5"
    page = next((tmp_path / "out/feedback").glob("doejane*.html")).read_text("utf-8")
    assert "<bdi>Not your own</bdi>" in page and "<bdi>words</bdi>" in page


def test_nobody_else_on_the_network_reaches_it(course, tmp_path) -> None:
    desk = graded_batch(course, tmp_path)
    with running(course, str(desk.folder), "--to", str(tmp_path / "out")) as process:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=5):
            pass
        taken = course.tito(
            *("grade", "review", str(desk.folder), "--to", str(tmp_path / "out")),
            *("--no-open", "--port", str(port)),
        )
    assert taken.returncode == 2 and f"port {port} cannot be had" in taken.stdout


def test_the_reports_are_those_of_tito_grade(course, tmp_path) -> None:
    """One way to make them: an untouched batch keeps its bytes."""
    from tito.grader.batch import exercise_names
    from tito.grader.report import write_reports

    desk = graded_batch(course, tmp_path)
    write_reports(desk.book, tmp_path / "out", exercise_names(desk.module))
    before = outputs(tmp_path / "out")
    with running(course, str(desk.folder), "--to", str(tmp_path / "out")) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert outputs(tmp_path / "out") == before


def test_without_a_gradebook_or_the_extra_it_says_what_to_type(course, tmp_path) -> None:
    said = course.tito("grade", "review", str(tmp_path), "--to", str(tmp_path / "none"))
    assert said.returncode == 2 and "`tito grade` makes it" in said.stdout
    hide = tmp_path / "sitecustomize.py"
    hide.write_text("import sys\nsys.modules['flask'] = sys.modules['waitress'] = None\n")
    path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
    said = course.tito("grade", "review", "x", "--to", "y", PYTHONPATH=path)
    assert said.returncode == 2 and said.stdout.splitlines() == [
        "✗ tito grade review needs flask, waitress",
        '  pip install -e ".[review]"',
    ]
