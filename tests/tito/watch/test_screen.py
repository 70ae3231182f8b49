"""What `tito watch` shows: one thing, in the learner's own lines, on at most twelve."""

from __future__ import annotations

import pytest

from tito.exercises import strip_answers
from tito.run import trial
from tito.watch import screen

BODY = "return SCALE * x"


def shown(course, new: str = BODY, limit: float = 30, width: int = 80) -> list[str]:
    """The whole screen for an answer of exercise 1.1."""
    course.edit(course.alpha, BODY, new)
    found = trial.run(course.module(), limit)
    lines = [screen.head(course.module(), found), *screen.verdict(found, width)]
    return screen.composed(lines, screen.keys(found), width)


def place(course, code: str) -> str:
    """Where the code stands, as the screen says it."""
    lines = course.alpha.read_text("utf-8").splitlines()
    number = next(i for i, line in enumerate(lines, 1) if code in line)
    return f"  modules/01_alpha/alpha_dev.py:{number} (in the notebook: cell "


def test_when_every_exercise_passes_it_says_what_to_type(course) -> None:
    lines = shown(course)
    assert lines[0] == "01 alpha  ▓▓  2/2"
    assert lines[2].endswith("every exercise passes")
    assert lines[3] == "  `tito module complete 01`"


def test_a_wrong_answer_is_told_with_the_learners_own_lines(course) -> None:
    lines = shown(course, "y = x\n    return y")
    assert lines[0] == "01 alpha  ░░  0/2"
    assert lines[2].endswith("exercise 1.1: double")
    where = f"{place(course, 'y = x')}5, line 5)"
    assert lines[3:-2] == ["  wrong", where, "      y = x", "      return y"]
    assert lines[-1].startswith("h hint")


def test_an_error_is_told_with_the_line_that_raised_it(course) -> None:
    lines = shown(course, "import json\n    return json.loads('{')")
    assert lines[3].startswith("  JSONDecodeError: Expecting property name")
    assert lines[5] == place(course, "json.loads") + "5, line 6)"
    assert lines[6] == "      return json.loads('{')"
    assert not [line for line in lines if "decoder.py" in line or "assert" in line]


def test_an_exercise_that_is_not_written_has_its_place(course) -> None:
    course.alpha.write_text(strip_answers(course.alpha.read_text("utf-8"), {"1.2"}), "utf-8")
    lines = shown(course)
    assert lines[0] == "01 alpha  ▓░  1/2"
    assert lines[2].endswith("exercise 1.2: next_one, not written yet")
    assert lines[3] == place(course, "raise NotImpl") + "8, line 5)"
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("answer", "said", "code"),
    [
        (
            "y = 0\n    while True:\n        x += 1",
            "did not finish within 1 s",
            "x += 1|while True:",
        ),
        ("import os; os._exit(0)", "ended Python with exit code 0", "import os; os._exit(0)"),
        ("return (x", "SyntaxError: '(' was never closed", "return (x"),
        ("return x +", "SyntaxError: invalid syntax", "return x +"),
        ("raise SystemExit(0)", "SystemExit: 0", "raise SystemExit(0)"),
    ],
)
def test_a_loop_a_crash_and_a_syntax_error_are_messages(course, answer, said, code) -> None:
    lines = shown(course, answer, limit=1 if "while" in answer else 30)
    assert lines[2].endswith("exercise 1.1: double")
    assert said in lines[3]
    assert lines[5].strip() in code.split("|")


@pytest.mark.parametrize("width", [30, 80, 200])
@pytest.mark.parametrize("text", ["word " * 2000, "line\n" * 2000, "w" * 2000])
def test_whatever_a_test_says_the_screen_has_at_most_12_lines(course, text, width) -> None:
    lines = shown(course, f"\n    assert x == 0, {text!r}\n    return 1", width=width)
    assert len(lines) <= 12
    assert max(map(len, lines)) <= width + 12  # of which colours are 10
    assert len(screen.composed(["head", *text.split()], "keys", width)) <= 12
    found = trial.run(course.module())
    found.exercises[0].hints = [text]
    for step in (1, 2, 3):
        assert len(screen.composed(["head", *screen.hint(found, step, width)], "", width)) <= 12


def test_only_what_the_tests_need_is_run(course) -> None:
    show = "# %% show\nHELP = 1\n"
    guarded = f'{show}if __name__ == "__main__":\n    raise ValueError("a demonstration")\n\n'
    first = "# %% [markdown]\n# ### Exercise 1.1"
    course.edit(course.alpha, first, f"{guarded}# %%\nHELP += 1\n\n{first}")
    with course.alpha.open("a", encoding="utf-8") as file:
        file.write("# %%\nraise ValueError('below the last test')\n")
    assert trial.run(course.module()).passes
    course.edit(course.alpha, "HELP += 1", 'if __name__ == "__main__":\n    HELP += NONE')
    assert trial.run(course.module()).failure.error == "NameError: name 'NONE' is not defined"


def test_an_exercise_whose_test_is_gone_does_not_pass(course) -> None:
    text = course.alpha.read_text("utf-8")
    start = text.index("# %% test-1.2")
    course.alpha.write_text(text[:start], "utf-8")
    assert "test-1.2, is gone" in shown(course)[2]
    assert not trial.run(course.module()).passes


def test_the_status_names_exercises_by_what_is_known_of_them(course) -> None:
    course.edit(course.alpha, "return x + 1", "return x")
    lines = screen.exercises(trial.run(course.module()), 80)
    assert [line.partition(" ")[2] for line in lines] == ["passes: 1.1", "fails: 1.2"]
    course.edit(course.alpha, BODY, "return x")
    lines = screen.exercises(trial.run(course.module()), 80)
    assert [line.partition(" ")[2] for line in lines] == ["fails: 1.1", "written: 1.2"]


def test_what_is_cut_and_wrapped_is_counted_in_columns_and_not_in_characters() -> None:
    assert [screen.fit("我们好", columns) for columns in (6, 5, 4)] == ["我们好", "我们", "我们"]
    assert screen.fit("e\u0301ab", 2) == "e\u0301a"
    lines = screen.says("bad", "我们好 " * 21, 24)
    assert {line.partition(" ")[2].strip() for line in lines} == {"我们好 我们好 我们好"}
    assert screen.composed(["我" * 40, "body"], "keys", 31)[0] == "我" * 15
