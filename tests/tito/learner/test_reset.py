"""Reset puts a stub back in both files, restore undoes it, and neither loses a byte."""

from __future__ import annotations

import re

import pytest

from tito import cli, files, sync
from tito.course import Course

STUB = 'raise NotImplementedError("exercise 2.1: quadruple")'
ANSWER = "return double(double(x))"
PAIR = """\
# %% 2.2-pair
#| export
class Pair:
    def one(self):
        ### BEGIN SOLUTION 2.2
        return 1
        ### END SOLUTION

    def two(self):
        ### BEGIN SOLUTION 2.3
        return 2
        ### END SOLUTION
"""


@pytest.fixture
def mine(learner, monkeypatch):
    """A learner's folder with an answer, carried over to the notebook."""
    monkeypatch.chdir(learner.root)
    learner.edit(learner.beta, STUB, ANSWER)
    sync.sync(learner.module("beta"))
    return learner


def say(capfd, *args: str, code: int = 0) -> str:
    assert cli.run(list(args)) == code
    return capfd.readouterr().out


def texts(mine) -> tuple[str, str]:
    return mine.beta.read_text("utf-8"), mine.beta.with_suffix(".ipynb").read_text("utf-8")


def undo(said: str) -> list[str]:
    """The command that the message says."""
    return re.findall(r"`tito ([^`]+)` (?:brings|undoes)", said)[0].split()


@pytest.mark.parametrize("name", ["beta", "02", "2.1", "quadruple"])
def test_the_stub_is_back_in_both_files_and_the_printed_command_undoes_it(
    mine, capfd, name
) -> None:
    before = texts(mine)
    said = say(capfd, "reset", name)
    script, notebook = texts(mine)
    assert STUB in script and ANSWER not in script
    assert "exercise 2.1: quadruple" in notebook and ANSWER not in notebook
    assert sync.in_sync(mine.module("beta"))
    undone = say(capfd, *undo(said))
    assert texts(mine) == before
    say(capfd, *undo(undone))
    assert texts(mine) == (script, notebook)


def test_a_whole_module_is_as_it_was_given_and_an_exercise_leaves_the_rest(mine, capfd) -> None:
    given = (mine.root / ".tito/pristine/modules/02_beta/beta_dev.py").read_text("utf-8")
    mine.edit(mine.beta, "in words", "in my words")
    say(capfd, "reset", "2.1")
    assert texts(mine)[0] == given.replace("in words", "in my words")
    say(capfd, "module", "reset", "2")
    assert texts(mine)[0] == given


def test_one_exercise_of_a_cell_goes_and_the_other_answers_stay(course, tmp_path, capfd) -> None:
    course.beta.write_text(course.beta.read_text("utf-8") + PAIR, "utf-8")
    course.tito("init", str(tmp_path / "mine"))
    module = Course(tmp_path / "mine").module("beta")
    text = module.script.read_text("utf-8")
    for number, name in (("2.2", "one"), ("2.3", "two")):
        stub = f'raise NotImplementedError("exercise {number}: {name}")'
        text = text.replace(stub, f"return '{name}'")
    module.script.write_text(text.replace("\n", "\r\n"), "utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(module.root)
        say(capfd, "reset", "2.2")
    text = module.script.read_bytes().decode()
    assert 'raise NotImplementedError("exercise 2.2: one")' in text
    assert "return 'two'" in text and "return 'one'" not in text
    assert text.count("\n") == text.count("\r\n")


def test_a_lost_marker_is_put_back_with_the_exercise(mine, capfd) -> None:
    mine.edit(mine.beta, "    ### END SOLUTION\n", "")
    sync.sync(mine.module("beta"))
    say(capfd, "reset", "2.1")
    assert f"BEGIN SOLUTION 2.1\n    {STUB}\n    ### END SOLUTION\n" in texts(mine)[0]


def test_a_lost_cell_is_put_back_where_it_was_and_nothing_else_changes(mine, capfd) -> None:
    mine.edit(mine.beta, "# %% 2.1-quadruple", "# %% renamed")
    before = mine.beta.read_text("utf-8")
    say(capfd, "reset", "2.1")
    after = texts(mine)[0]
    assert after.index("Exercise 2.1") < after.index(STUB) < after.index(ANSWER)
    assert all(line in after.splitlines() for line in before.splitlines())


def test_a_cell_is_reset_by_its_name_and_no_other_name_is_taken_for_one(mine, capfd) -> None:
    given = texts(mine)
    mine.edit(mine.beta, "    test_quadruple()\n", "    pass\n")
    say(capfd, "reset", "2", "test-2.1")
    assert texts(mine) == given and ANSWER in given[0]
    assert "is as it was given" in say(capfd, "reset", "2", "test-2.1")
    assert "was given no cell 'tset-2.1'" in say(capfd, "reset", "2", "tset-2.1", code=2)


@pytest.mark.parametrize("spoiled", ["<<<<<<< a\n=======\n>>>>>>> b\n", "# %%\n\xff"])
def test_a_module_that_cannot_be_read_any_more_can_be_reset_and_brought_back(
    mine, capfd, spoiled
) -> None:
    mine.beta.write_bytes(spoiled.encode("latin-1"))
    mine.beta.with_suffix(".ipynb").write_text("{", "utf-8")
    said = say(capfd, "reset", "beta")
    assert STUB in texts(mine)[0]
    say(capfd, *undo(said), code=1)  # what was brought back is no pair
    assert mine.beta.read_bytes() == spoiled.encode("latin-1")
    assert mine.beta.with_suffix(".ipynb").read_text() == "{"


def test_a_second_reset_has_nothing_to_do(mine, capfd) -> None:
    say(capfd, "reset", "2.1")
    count = len(list((mine.root / ".tito/backups").iterdir()))
    assert "is as it was given" in say(capfd, "reset", "2.1")
    assert len(list((mine.root / ".tito/backups").iterdir())) == count


def test_a_reset_ended_at_any_write_is_finished_by_the_next(mine, capfd, monkeypatch) -> None:
    write, allowed = files.atomic_write, 0

    def ending(path, content) -> None:
        nonlocal allowed
        if allowed == 0:
            raise KeyboardInterrupt
        allowed -= 1
        write(path, content)

    for stop in range(9):
        if ANSWER not in texts(mine)[0]:
            mine.edit(mine.beta, STUB, ANSWER)
            sync.sync(mine.module("beta"))
        with monkeypatch.context() as patch:
            allowed = stop
            patch.setattr(files, "atomic_write", ending)
            ended = cli.run(["reset", "beta"])
        kept = [path.read_text("utf-8") for path in mine.root.rglob("beta_dev.py")]
        assert any(ANSWER in text for text in kept), "the answer is lost"
        say(capfd, "reset", "beta")
        assert STUB in texts(mine)[0] and sync.in_sync(mine.module("beta"))
    assert ended == 0


def test_only_the_py_is_in_the_backup_and_the_notebook_follows(mine, capfd) -> None:
    copy = files.backup(mine.root, mine.beta)
    mine.edit(mine.beta, ANSWER, "return 5 * x")
    mine.edit(mine.beta.with_suffix(".ipynb"), ANSWER, "return 6 * x")
    say(capfd, "restore", copy.relative_to(mine.root / ".tito/backups").parts[0])
    assert all(ANSWER in text for text in texts(mine))
    kept = "".join(path.read_text("utf-8") for path in mine.root.rglob("backups/**/beta_dev.*"))
    assert "5 * x" in kept and "6 * x" in kept


def test_restore_lists_the_newest_first_and_by_module(mine, capfd) -> None:
    say(capfd, "reset", "beta")
    files.backup(mine.root, mine.root / "modules/01_alpha/alpha_dev.py")
    lines = say(capfd, "restore").splitlines()
    assert "alpha_dev.py" in lines[0] and "beta_dev" in lines[1]
    assert lines[-1] == f"  `tito restore {lines[0].split()[1]}` brings the newest back"
    assert "alpha" not in say(capfd, "module", "restore", "beta")
    assert "no backup and no module '2020'" in say(capfd, "restore", "2020", code=2)


def test_in_the_clone_the_answers_stay(course, monkeypatch, capfd) -> None:
    monkeypatch.chdir(course.root)
    assert "`tito init DIR`" in say(capfd, "reset", "alpha", code=2)
    assert "return SCALE * x" in course.alpha.read_text("utf-8")
    assert "no backups" in say(capfd, "restore")
