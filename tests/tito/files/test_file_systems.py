"""Odd paths, links, file systems that refuse what most allow: it works, or one line says why."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import ToyCourse
from tito import cli, console, files
from tito.errors import TitoError
from tito.files import locks

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="names and links of POSIX")


def run(course: ToyCourse, capfd, *args: str, code: int = 0) -> str:
    """Run a command in this process, as from the course's folder."""
    before = os.getcwd()
    os.chdir(course.root)
    try:
        found = cli.run(list(args))
    finally:
        os.chdir(before)
    said = capfd.readouterr()
    assert (found, said.err) == (code, ""), said.out + said.err
    return said.out


ODD = ["a;b $HOME [c] {d} %e 'f' \"g\" #h ?i *j `k` \\l", "-dash::x", "naïve 课程 🎓", "two\nlines"]


@posix
@pytest.mark.parametrize("name", ODD)
def test_a_course_may_stand_in_a_folder_of_any_name(course, tmp_path, capfd, name: str) -> None:
    odd = ToyCourse(tmp_path / name)
    course.root.rename(odd.root)
    run(odd, capfd, "module", "complete", "1")
    assert "1 tests passed" in run(odd, capfd, "test", "1")
    assert "✓ every exercise passes" in run(odd, capfd, "watch", "1", "--once")
    run(odd, capfd, "module", "complete", "2")
    assert "2 tests passed" in run(odd, capfd, "test", "--all")
    odd.edit(odd.beta, "double(double(x))", "double(x)")
    said = run(odd, capfd, "module", "test", "2", code=1)
    assert "beta_dev.py:27 (in the notebook: cell 5, line 5)" in said
    assert "02 beta" in run(odd, capfd, "status")


@posix
@pytest.mark.parametrize("name", ODD)
def test_what_init_says_to_type_leads_into_the_folder(course, tmp_path, capfd, name: str) -> None:
    said = run(course, capfd, "init", str(tmp_path / name))
    command = said[said.index("  cd ") :].partition(" && ")[0]
    done = subprocess.run(["bash", "-c", f"{command} && pwd"], capture_output=True, text=True)
    assert done.stdout == f"{tmp_path / name}\n"


def test_a_folder_that_begins_with_a_dash_is_typed_as_a_path() -> None:
    assert console.typed(Path("-x")) == f".{os.sep}-x"


@posix
@pytest.mark.parametrize("call", ["chmod", "utime", "fsync"])
@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP, errno.EINVAL])
def test_modes_times_and_flushes_that_are_refused_are_no_fault(
    course, capfd, monkeypatch, call: str, error: int
) -> None:
    """FAT, CIFS and some FUSE; a flush that fails for EPERM is not one of theirs."""
    run(course, capfd, "sync")
    course.edit(course.alpha, "return SCALE * x", "return x * SCALE")
    os.utime(course.alpha, (1, 1))

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, call, refuse)
    whole = (call, error) != ("fsync", errno.EPERM)
    said = run(course, capfd, "sync", code=0 if whole else 2)
    assert whole or f"✗ {course.root}" in said
    assert (b"x * SCALE" in course.alpha_notebook.read_bytes()) == whole


@posix
def test_a_replace_that_is_refused_names_the_file_and_leaves_it(course, capfd, monkeypatch) -> None:
    """A file that is mounted alone cannot be replaced."""
    run(course, capfd, "sync")
    before = course.alpha_notebook.read_bytes()
    course.edit(course.alpha, "return SCALE * x", "return x * SCALE")

    def busy(old: object, new: object) -> None:
        if Path(str(new)) == course.alpha_notebook:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(old), None, str(new))
        rename(old, new)

    rename = os.replace
    monkeypatch.setattr(os, "replace", busy)
    said = run(course, capfd, "sync", "1", code=2)
    assert said.splitlines()[0].endswith(f"{course.alpha_notebook}: {os.strerror(16)}")
    assert course.alpha_notebook.read_bytes() == before
    assert not list(course.alpha.parent.glob(".*.tmp"))


@posix
@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL])
def test_without_locks_of_the_system_one_tito_at_a_time_works(tmp_path, monkeypatch, error) -> None:
    import fcntl

    def refuse(*args: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    holder = tmp_path / ".tito" / "lock.holder"
    with files.lock(tmp_path):
        assert holder.read_text("utf-8") == f"{os.getpid()} {socket.gethostname()}"
        with pytest.raises(TitoError) as caught, files.lock(tmp_path, wait=0):
            pass
        assert f"another tito (process {os.getpid()} on " in caught.value.message
        assert str(holder) in caught.value.fix
    assert not holder.exists()
    with files.lock(tmp_path, wait=0):
        pass


@posix
@pytest.mark.parametrize(
    ("left", "free"),
    [("{ended} {here}", True), ("{ended} elsewhere", False), ("1 {here}", False), ("", False)],
)
def test_only_a_holder_that_is_known_to_be_gone_is_passed_over(
    tmp_path, monkeypatch, left: str, free: bool
) -> None:
    def refuse(file: object) -> str:
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr(locks, "_try_lock", refuse)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    holder = tmp_path / ".tito" / "lock.holder"
    holder.parent.mkdir()
    holder.write_text(left.format(ended=ended.pid, here=socket.gethostname()), "utf-8")
    if free:
        with files.lock(tmp_path, wait=0.2):
            pass
    else:
        with pytest.raises(TitoError, match="another tito"), files.lock(tmp_path, wait=0.1):
            pass
        assert holder.exists()


@posix
def test_a_module_folder_that_is_a_link_is_a_module(course, tmp_path, capfd) -> None:
    elsewhere = tmp_path / "elsewhere"
    course.alpha.parent.rename(elsewhere)
    course.alpha.parent.symlink_to(elsewhere)
    run(course, capfd, "module", "complete", "1")
    course.edit(course.alpha, "return SCALE * x", "return x")
    said = run(course, capfd, "module", "test", "1", code=1)
    assert "alpha_dev.py:27 (in the notebook: cell 5, line 5)" in said
    assert sorted(path.name for path in elsewhere.iterdir()) == ["alpha_dev.ipynb", "alpha_dev.py"]
    course.edit(course.alpha, "return x\n", "return SCALE * x\n")
    run(course, capfd, "init", str(tmp_path / "mine"), "--from", "1")
    mine = ToyCourse(tmp_path / "mine")
    assert "exercise 1.1: double" in mine.alpha.read_text("utf-8")
    assert not mine.alpha.parent.is_symlink()


@posix
@pytest.mark.parametrize("which", ["alpha", "alpha_notebook"])
def test_a_file_that_is_a_link_stays_one(learner, tmp_path, capfd, which: str) -> None:
    """Through sync, reset, restore and update the bytes go where the link leads."""
    link, target = getattr(learner, which), tmp_path / "elsewhere" / "file"
    target.parent.mkdir()
    link.rename(target)
    link.symlink_to(target)
    stub = 'raise NotImplementedError("exercise 1.1: double")'
    learner.edit(learner.alpha_notebook, stub.replace('"', '\\"'), "return SCALE * x")
    run(learner, capfd, "sync", "1")
    assert "SCALE * x" in target.read_text("utf-8")
    said = run(learner, capfd, "reset", "1")
    assert "SCALE * x" not in target.read_text("utf-8")
    name = said.partition("tito restore ")[2].partition("`")[0]
    run(learner, capfd, "restore", name)
    assert "SCALE * x" in target.read_text("utf-8")
    assert link.is_symlink() and link.resolve() == target


@posix
def test_a_link_to_a_folder_above_it_ends(course, tmp_path, capfd) -> None:
    (course.alpha.parent / "again").symlink_to(course.root / "modules")
    run(course, capfd, "init", str(tmp_path / "mine"))


def test_a_folder_that_cannot_be_written_is_named(course, capfd, monkeypatch) -> None:
    run(course, capfd, "sync")
    course.edit(course.alpha, "return SCALE * x", "return x * SCALE")

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(kwargs.get("dir")))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    said = run(course, capfd, "sync", "1", code=2)
    assert os.strerror(errno.EROFS) in said and str(course.root) in said
    assert len(said.splitlines()) == 2


def test_two_names_of_one_case_are_one_module(course, capfd) -> None:
    """A file system that ignores case cannot hold two; whatever case is typed, it is that one."""
    assert "01 alpha" in run(course, capfd, "status", "ALPHA")
