"""What a person types in place of a command gets the command to type, in two lines."""

from __future__ import annotations

import shlex

import pytest

from tito import cli

TYPED = {
    "start 2": "module start 02",
    "start": "module start 02",
    "complete 2": "module complete 02",
    "complete": "module complete 02",
    "begin beta": "module start 02",
    "test 2.1": "module test 02",
    "module test 2.1": "module test 02",
    "export 2.1": "export 02",
    "export alpha 2.1": "export 01 02",
    "watch 2.1": "watch 02",
    "run": "module test 02",
    "run 2": "module test 02",
    "run quadruple": "module test 02",
    "submit": "module complete 02",
    "2": "module start 02",
    "beta": "module start 02",
    "bta": "module start 02",
    "2.1": "module start 02",
    "2 test": "test 02",
    "module 2": "module start 02",
    "module": None,
    "module start": "module start 02",
    "module start 2 1": "module start 02",
    "module hint 2.1": "hint 2.1",
    "module complete beta_dev.py": "module complete 02",
    "module complete modules/02_beta/beta_dev.ipynb": "module complete 02",
    "module complete ./modules/02_beta": "module complete 02",
    r"module complete modules\\02_beta\\beta_dev.py": "module complete 02",
    "modul complete 2": "module complete 02",
    "modul complet 2": "module complete 02",
    "MODULE COMPLETE 2": "module complete 02",
    "STATUS": "status",
    "start ２": "module start 02",
    "hint quadrple": "hint 2.1",
    "hint qadruple --again": "hint 2.1 --again",
    "reset": "reset 2.1",
    "help": "--help",
    "--versoin": "--version",
    "status --rnu 2": "status --run 2",
    "show beta": "module start 02",
    "tset": "test",
    "undo": "restore",
}


@pytest.fixture(scope="module")
def folder(make, tmp_path_factory):
    """A learner's folder that borrows alpha; nothing in it is written."""
    course = make(tmp_path_factory.mktemp("meant") / "course")
    assert course.tito("export").returncode == 0
    done = course.tito("init", str(course.root.parent / "mine"), "--from", "beta")
    assert done.returncode == 0
    return course.root.parent / "mine"


@pytest.mark.parametrize("typed", [typed for typed, right in TYPED.items() if right])
def test_the_next_line_is_the_command_that_was_meant(folder, monkeypatch, capfd, typed) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(shlex.split(typed)) == 2
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 2, lines
    assert lines[1] == f"  `tito {TYPED[typed]}`"


@pytest.mark.parametrize("command", sorted({right for right in TYPED.values() if right}))
def test_what_is_advised_is_a_command(folder, monkeypatch, capfd, command) -> None:
    monkeypatch.chdir(folder)
    assert cli.run([*shlex.split(command), "--help"]) == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("status 99", "no module '99'\n  `tito status` lists them"),
        ("start 99", "no command 'start'\n  `tito --help` lists them"),
        ("hint 2.9", "beta has no exercise 2.9; its last is 2.1\n  `tito status 02` lists them"),
        ("xyzzy", "no command 'xyzzy'\n  `tito --help` lists them"),
        ("export --nope", "No such option"),
        ("test beta --foo", "No such option '--foo'.\n  `tito test --help`"),
        ("test bta -- --foo", "no module 'bta'; did you mean beta?\n  `tito test 02 -- --foo`"),
        ("hint u", "'u' may be 1.1 double, 2.1 quadruple\n  say the number"),
        ("test 2.1", "a module is asked for, not an exercise: 2.1\n"),
    ],
)
def test_where_nothing_is_alike_no_command_is_made_up(
    folder, monkeypatch, capfd, typed, said
) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(typed.split()) == 2
    assert f"✗ {said}" in capfd.readouterr().out


@pytest.mark.parametrize("typed", ["grade", "grade x", "release 2", "course", "course check"])
def test_teaching_is_not_for_a_learners_folder(folder, monkeypatch, capfd, typed) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(typed.split()) == 2
    said = capfd.readouterr().out
    assert "is a learner's folder\n  `tito module start 02`" in said
    assert cli.run(["grade", "--help"]) == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [("start 12", "`tito module start 12`"), ("test 12.3 x", "no course in"), ("run", "test N`")],
)
def test_outside_a_course_words_are_put_right_all_the_same(
    tmp_path, monkeypatch, capfd, typed, said
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(typed.split()) == 2
    assert said in capfd.readouterr().out


@pytest.mark.parametrize("typed", ["-h", "module", "module -h", "show", "course -h", "hint -h"])
def test_help_is_no_mistake(folder, monkeypatch, capfd, typed) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(typed.split()) == 0
    said = capfd.readouterr().out
    assert said.startswith("Usage: tito") and "✗" not in said


@pytest.mark.parametrize("name", ["２", "²", " 2 ", "2.1", "２.１", "2,1", "2-1"])
def test_a_number_may_be_written_in_many_ways(folder, monkeypatch, capfd, name) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(["hint", name, "--again"]) == 0
    assert "2.1 quadruple" in capfd.readouterr().out


def test_a_bare_hint_is_for_the_next_exercise(folder, monkeypatch, capfd) -> None:
    monkeypatch.chdir(folder)
    assert cli.run(["hint", "--reset"]) == 0
    assert "2.1 quadruple, hint 1" in capfd.readouterr().out
