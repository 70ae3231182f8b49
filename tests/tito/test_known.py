"""Outside a course, the folders that this user began are named while they are there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tito import known


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch) -> Path:
    """The list, which is the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path / "state/tinytorch/folders"


@pytest.fixture
def made(learner, state):
    return learner


def outside(made, tmp_path) -> str:
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    done = made.tito("status", cwd=str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    return done.stdout


def test_the_folder_that_init_made_is_named(made, tmp_path) -> None:
    assert f"\n  `cd {made.root}`, or `tito init DIR` makes" in outside(made, tmp_path)


def test_the_newest_comes_first_and_starting_makes_one_new(made, course, tmp_path) -> None:
    assert course.tito("init", str(tmp_path / "my own")).returncode == 0
    said = outside(made, tmp_path)
    assert f"`cd '{tmp_path / 'my own'}'` or `cd {made.root}`" in said
    assert made.tito("module", "start", "2").returncode == 0
    assert f"  `cd {made.root}` or `cd '" in outside(made, tmp_path)


def test_a_folder_that_is_gone_or_no_course_any_more_is_not_named(made, state, tmp_path) -> None:
    shutil.rmtree(made.root / "modules")
    assert "cd into your clone, or into a folder made by `tito init`" in outside(made, tmp_path)
    assert str(made.root) in state.read_text("utf-8")
    known.remember(tmp_path)
    assert state.read_text("utf-8") == f"{tmp_path}\n"


@pytest.mark.parametrize("broken", [b"\xff\xfe\0", b"\n\n\0\n", b"x" * 10_000, None])
def test_a_broken_list_counts_as_none(made, state, tmp_path, broken) -> None:
    state.unlink()
    if broken is None:
        state.mkdir()
    else:
        state.write_bytes(broken)
    assert "cd into your clone" in outside(made, tmp_path)
    assert made.tito("module", "start", "2").returncode == 0
    assert ("`cd " in outside(made, tmp_path)) == (broken is not None)


def test_without_a_home_nothing_is_remembered(made, tmp_path, monkeypatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(known, "_record", nowhere)
    known.remember(made.root)
    assert known.known() == []


@pytest.mark.parametrize(
    ("system", "variable", "place"),
    [
        ("linux", {"XDG_STATE_HOME": "/s"}, "/s/tinytorch/folders"),
        ("linux", {"XDG_STATE_HOME": "s", "HOME": "/h"}, "/h/.local/state/tinytorch/folders"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/tinytorch/folders"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/tinytorch/folders"),
    ],
)
def test_the_list_is_where_the_system_keeps_such_things(
    monkeypatch, system, variable, place
) -> None:
    monkeypatch.setattr(known.sys, "platform", system)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert known._record().as_posix() == place
