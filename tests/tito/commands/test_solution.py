"""The reference answer: after a pass, or after a confirmed wish; never in the learner's folder."""

from __future__ import annotations

import pytest

from tito import cli
from tito.exercises import strip_answers
from tito.learner import source

ANSWER = "    return double(double(x))\n"


@pytest.fixture
def say(learner, monkeypatch, capfd):
    monkeypatch.chdir(learner.root)

    def run(*args: str, code: int = 0) -> str:
        assert cli.run(list(args)) == code
        return capfd.readouterr().out

    return run


def write(learner, body: str, path=None) -> None:
    stub = 'raise NotImplementedError("exercise 2.1: quadruple")'
    learner.edit(path or learner.beta, stub, body)


def test_no_file_of_the_folder_holds_an_answer_that_is_not_borrowed(learner) -> None:
    for path in learner.root.rglob("*"):
        assert not path.is_file() or b"double(double(x))" not in path.read_bytes(), path


def test_before_a_pass_it_wants_a_yes(say) -> None:
    said = say("solution", "2.1", code=2)
    assert said.splitlines() == [
        "✗ exercise 2.1 does not pass yet",
        "  `tito solution 2.1 --yes` shows the answer anyway",
    ]
    assert say("solution", "2.1", "--yes").endswith(f"one way to write it:\n{ANSWER}")


@pytest.mark.parametrize(("wish", "shown"), [(True, True), (False, False)])
def test_on_a_terminal_it_asks(say, monkeypatch, wish, shown) -> None:
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda text: asked.append(text) or wish)
    assert (ANSWER in say("solution", "2.1")) is shown
    assert asked == ["exercise 2.1 does not pass yet; show the answer?"]


def test_after_a_pass_it_is_shown(say, learner) -> None:
    write(learner, "return 4 * x")
    assert ANSWER in say("solution", "2.1")


def test_an_answer_in_the_notebook_counts(say, learner) -> None:
    path = learner.beta.with_suffix(".ipynb")
    learner.edit(path, 'raise NotImplementedError(\\"exercise 2.1: quadruple\\")', "return 4 * x")
    assert ANSWER in say("solution", "2.1")


@pytest.mark.parametrize("body", ["return 3 * x", "return nowhere", "import os; os._exit(0)"])
def test_a_wrong_answer_is_no_pass(say, learner, body) -> None:
    write(learner, body)
    assert "does not pass" in say("solution", "2.1", code=2)


def test_a_pass_counts_although_an_earlier_exercise_fails(course, monkeypatch, capfd) -> None:
    course.alpha.write_text(strip_answers(course.alpha.read_text("utf-8"), {"1.1"}), "utf-8")
    monkeypatch.chdir(course.root)
    assert cli.run(["solution", "1.2"]) == 0
    assert "    return x + 1\n" in capfd.readouterr().out
    assert cli.run(["solution", "1.1"]) == 2


def test_an_exercise_that_was_renumbered_since_is_found_by_its_name(say, course) -> None:
    text = course.beta.read_text("utf-8")
    course.beta.write_text(text.replace("2.1", "2.2"), "utf-8")
    assert ANSWER in say("solution", "2.1", "--yes")


def test_without_the_clone_that_made_it_the_course_of_this_tito_answers(
    say, course, make, monkeypatch, tmp_path
) -> None:
    course.root.rename(tmp_path / "gone")
    monkeypatch.setattr(source, "PACKAGE", make(tmp_path / "wheel/course_files").root.parent)
    assert ANSWER in say("solution", "2.1", "--yes")
    monkeypatch.setattr(source, "PACKAGE", tmp_path / "nowhere")
    said = say("solution", "2.1", "--yes", code=2)
    assert "the course this folder was made from is gone" in said
    assert "`tito update --course DIR`" in said
