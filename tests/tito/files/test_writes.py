"""Writes are whole, old bytes are kept, and only one tito works in a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tito import files
from tito.errors import TitoError

HOLD = """
import sys, time
from pathlib import Path
from tito import files
with files.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold_lock(root: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")

    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        files.atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_is_in_the_same_folder_and_flushed(tmp_path, monkeypatch) -> None:
    seen = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (seen.append("flush"), fsync(handle)))
    monkeypatch.setattr(
        os, "replace", lambda old, new: (seen.append(Path(old).parent), replace(old, new))
    )
    files.atomic_write(tmp_path / "a.py", "new")
    assert seen[:2] == ["flush", tmp_path]


def test_newlines_are_written_as_given(tmp_path) -> None:
    files.atomic_write(tmp_path / "a.py", "é\n")
    assert (tmp_path / "a.py").read_bytes() == "é\n".encode()


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes and links")
def test_mode_and_link_of_the_old_file_stay(tmp_path) -> None:
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_text("old")
    path.chmod(0o755)
    link.symlink_to(path)
    files.atomic_write(link, "new")
    assert link.is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o755)


def test_two_backups_of_one_moment_do_not_meet(tmp_path) -> None:
    path = tmp_path / "modules" / "a.py"
    path.parent.mkdir()
    copies = []
    for text in ("one", "two"):
        path.write_text(text)
        copies.append(files.backup(tmp_path, path))
    assert [copy.read_text() for copy in copies] == ["one", "two"]
    assert all(copy.match(".tito/backups/*/modules/a.py") for copy in copies)


def test_a_second_tito_waits_then_says_so(tmp_path, capsys) -> None:
    holder = hold_lock(tmp_path)
    try:
        second = files.lock(tmp_path, wait=0.2)
        with pytest.raises(TitoError, match="another tito is at work"):
            second.__enter__()
    finally:
        end(holder)
    assert "waiting" in capsys.readouterr().out


def test_the_lock_of_a_killed_tito_does_not_block(tmp_path) -> None:
    end(hold_lock(tmp_path))
    with files.lock(tmp_path, wait=0):
        pass
    with files.lock(tmp_path, wait=0):
        pass
