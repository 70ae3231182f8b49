"""A damaged file of tito's own, or a half-written notebook: it works, or one line names the file.

The files are those that a used folder has, so that a new kind of state is met here by itself.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.toy import ToyCourse, make_course
from tito import cli
from tito.commands import doctor
from tito.course import Course
from tito.export import render
from tito.run import package, trial
from tito.run.process import Outcome

pytestmark = pytest.mark.slow

COMMANDS = [
    "status",
    "status 2",
    "status 2 --run",
    "sync",
    "sync --check",
    "module start 2",
    "module view 2 --no-open",
    "module test 2",
    "module complete 2",
    "watch 2 --once",
    "export 2",
    "export --all --check",
    "test 2",
    "hint 2.1",
    "hint quadruple",
    "solution 2.1 --yes",
    "restore",
    "restore 2",
    "reset 2.1",
    "reset 2",
    "update",
    "doctor",
]
FAIL = ("sync --check", "watch 2 --once", "doctor")  # here, with nothing damaged as well
MINE = "return x + x + x + x  # my own"


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").touch()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a list": lambda path: path.write_bytes(b'[1, "a", null]\n'),
    "numbers": lambda path: path.write_bytes(
        b'{"from": 1, "borrowed": 2, "cells": [3], "2.1": []}'
    ),
    "deep": lambda path: path.write_bytes(b"[" * 100_000),
    "a folder": folder,
}


@pytest.fixture(scope="module")
def used(tmp_path_factory) -> Path:
    """A learner's folder after a first evening."""
    course = make_course(tmp_path_factory.mktemp("damaged") / "course")
    for module in Course(course.root).modules:
        module.export.write_text(render(module), "utf-8")
    mine = ToyCourse(course.root.with_name("mine"))
    assert course.tito("init", str(mine.root), "--from", "2").returncode == 0
    mine.tito("hint", "2.1")
    stub = 'raise NotImplementedError("exercise 2.1: quadruple")'
    mine.edit(mine.beta, stub, "return double(double(x))")
    mine.tito("reset", "2.1")
    mine.edit(mine.beta, stub, MINE)
    for command in ("sync", "module complete 2"):
        assert mine.tito(*command.split()).returncode == 0
    mine.edit(mine.beta.with_suffix(".ipynb"), "# my own", "# my own and newer")
    return mine.root


def state_files(root: Path) -> list[str]:
    """One of each kind that tito wrote: of pristine files and backups the module's."""
    found = [path for path in (root / ".tito").rglob("*") if path.is_file()]
    names = {path.relative_to(root).as_posix() for path in found}
    pristine = {name for name in names if name.startswith(".tito/pristine/")}
    copies = {name for name in names if name.startswith(".tito/backups/")}
    some = {name for name in pristine if "beta" in name} | {max(copies)}
    exports = {"tinytorch/core/beta.py", "tinytorch/core/alpha.py"}
    return sorted((names - pristine - copies) | some | exports | {"modules/02_beta/beta_dev.ipynb"})


def test_these_are_the_files_that_tito_keeps(used: Path) -> None:
    names = {name.split("/")[1] for name in state_files(used) if name.startswith(".tito/")}
    assert names == {
        "backups",
        "environment",
        "hints.json",
        "learner.json",
        "lock",
        "opened",
        "pristine",
        "sync",
    }


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_loses_nothing(
    used: Path, tmp_path: Path, monkeypatch, capfd, damage: str
) -> None:
    quick(monkeypatch)
    here, wrong = tmp_path / "mine", []
    for name in state_files(used):
        with copied(used, here):
            for command in COMMANDS:
                put(here / name, (used / name).read_bytes())
                DAMAGES[damage](here / name)
                problem = problem_with(command, here / name, capfd)
                wrong += [f"{name}: `tito {command}`: {problem}"] * bool(problem)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [".tito", ".tito/backups", ".tito/pristine", ".tito/sync"])
def test_a_file_in_the_place_of_a_folder_is_named(
    used: Path, tmp_path: Path, monkeypatch, capfd, name: str
) -> None:
    quick(monkeypatch)
    here, wrong = tmp_path / "mine", []
    for command in COMMANDS:
        with copied(used, here):
            shutil.rmtree(here / name)
            (here / name).write_text("a file")
            problem = problem_with(command, here / name, capfd)
        wrong += [f"`tito {command}`: {problem}"] * bool(problem)
    assert not wrong, "\n".join(wrong)


def test_a_file_that_may_not_be_read_is_named(used: Path, tmp_path, monkeypatch, capfd) -> None:
    """Root may read everything, so the refusal is made up."""
    quick(monkeypatch)
    here, wrong, opened = tmp_path / "mine", [], Path.open
    for name in state_files(used):

        def refuse(path: Path, *args, **kwargs):
            if path == here / name:  # noqa: B023 - asked within the same turn
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return opened(path, *args, **kwargs)

        with copied(used, here), monkeypatch.context() as patched:
            patched.setattr(Path, "open", refuse)
            for command in COMMANDS:
                problem = problem_with(command, here / name, capfd)
                wrong += [f"{name}: `tito {command}`: {problem}"] * bool(problem)
    assert not wrong, "\n".join(wrong)


@contextmanager
def copied(used: Path, here: Path) -> Iterator[None]:
    shutil.copytree(used, here)
    before = os.getcwd()
    os.chdir(here)
    try:
        yield
    finally:
        os.chdir(before)
        shutil.rmtree(here)


def put(path: Path, content: bytes) -> None:
    """The file as it was, whatever became of it."""
    if path.is_dir():
        shutil.rmtree(path)
    path.write_bytes(content)


def problem_with(command: str, file: Path, capfd) -> str:
    """What is wrong with how a command took a damaged file; nothing if it is well."""
    kept = learners_texts(Path.cwd())
    capfd.readouterr()
    try:
        code = cli.run(command.split())
    except Exception as error:
        return f"raised {error!r}"
    said = capfd.readouterr()
    whole = f"{code}: {said.out}{said.err}"
    if not kept <= texts(Path.cwd()):
        return f"lost the learner's bytes; {whole}"
    return (
        "" if code == 0 or command in FAIL or (code in (1, 2) and named(said.out, file)) else whole
    )


def named(said: str, file: Path) -> bool:
    """A line names the file and, but for a conflict, the next one says what to do about it."""
    lines = said.splitlines()
    names = (str(file), file.relative_to(Path.cwd()).as_posix())
    found = [number for number, line in enumerate(lines) if any(name in line for name in names)]
    return any(len(lines) > number + 1 for number in found) or any(
        said_of_the_pair in said for said_of_the_pair in ("disagree", "not exported")
    )


def quick(monkeypatch) -> None:
    """What runs in a child process is not asked here; no test passes in one that is not run."""

    def run_child(*args: object, **spec: object) -> Outcome:
        return Outcome(0, [{"counts": {"passed": 1, "skipped": 0, "proved": 1}}, {"done": True}])

    for module in (package, trial):
        monkeypatch.setattr(module, "run_child", run_child)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(doctor, "_installed", lambda course: "")


def learners_texts(root: Path) -> set[bytes]:
    """What the learner wrote, as it stands in the two files."""
    return {text for text in texts(root / "modules/02_beta") if b"my own" in text}


def texts(root: Path) -> set[bytes]:
    found = set()
    for path in (path for path in root.rglob("*") if path.is_file()):
        with open(path, "rb") as file:  # `Path.open` may be refused
            found.add(file.read())
    return found


def test_a_lost_record_of_the_folder_is_mended_as_its_message_says(used, tmp_path, capfd) -> None:
    with copied(used, tmp_path / "mine"):
        file = Path(".tito/learner.json")
        before = file.read_text("utf-8")
        file.unlink()
        assert cli.run(["status"]) == 2
        said = capfd.readouterr().out
        file.write_text(said[said.index("{") : said.index("}") + 1].replace("12", "2"), "utf-8")
        course = str(used.with_name("course"))  # not the one that this tito came with
        assert cli.run(["update", "--course", course]) == 0, capfd.readouterr().out
        assert file.read_text("utf-8") == before


def test_pristine_files_come_back_as_their_message_says(used, tmp_path, capfd) -> None:
    with copied(used, tmp_path / "mine"):
        file = Path(".tito/pristine/modules/02_beta/beta_dev.py")
        whole, mine = file.read_bytes(), texts(Path("modules"))
        file.write_bytes(b"")
        assert cli.run(["hint", "2.1"]) == 2
        assert "delete it: `tito update` brings it again" in capfd.readouterr().out
        file.unlink()
        assert cli.run(["update"]) == 0
        assert file.read_bytes() == whole
        assert mine <= texts(Path.cwd())


def test_an_edit_of_the_notebook_survives_a_lost_common_text(used, tmp_path, capfd) -> None:
    """It counts as empty: what both files have alike stays, and what differs is shown."""
    with copied(used, tmp_path / "mine"):
        Path(".tito/sync/02_beta.py").write_bytes(b"\0" * 100)
        before = texts(Path("modules"))
        assert cli.run(["sync", "2"]) == 1
        said = capfd.readouterr().out
        assert "disagree" in said and "# my own and newer" in said
        assert texts(Path("modules")) == before
        assert cli.run(["sync", "1"]) == 0
