"""Hints come one at a time and are remembered; the answer comes after a pass, or when wished."""

from __future__ import annotations

import json

import pytest

from tito import cli
from tito.exercises import cells_of, find_exercises

HINTS = """\
# **Plan.** Use `SCALE`
# **once**.
#
# What stands between.
# <details><summary>Hint</summary>
#
# look at SCALE
# </details>
# <details><summary>Stronger hint</summary>
#
# multiply
# </details>
"""
OLD = "# <details><summary>Hint</summary>\n#\n# look at double\n# </details>\n"


@pytest.fixture
def say(course, monkeypatch, capfd):
    """Run a command in a course whose first exercise has a plan and two hints."""
    course.edit(course.alpha, OLD, HINTS)
    monkeypatch.chdir(course.root)

    def run(*args: str, code: int = 0) -> str:
        assert cli.run(list(args)) == code
        return capfd.readouterr().out

    return run


def test_the_plan_comes_first_then_each_hint_then_the_way_to_the_answer(say) -> None:
    first = say("hint", "1.1")
    assert first.splitlines() == [
        "• 1.1 double, hint 1 of 3",
        "    Plan. Use `SCALE`",
        "    once.",
        "  `tito hint 1.1` for a stronger one",
    ]
    assert "    look at SCALE\n" in say("hint", "1.1")
    assert say("hint", "1.1").splitlines() == [
        "• 1.1 double, hint 3 of 3",
        "    multiply",
        "  `tito solution 1.1` shows an answer",
    ]
    last = say("hint", "1.1")
    assert "every hint" in last and "multiply" not in last
    assert "`tito hint 1.1 --again` repeats the last; `tito solution 1.1`" in last


def test_again_repeats_and_reset_begins_anew(say) -> None:
    say("hint", "1.1")
    second = say("hint", "1.1")
    assert say("hint", "1.1", "--again") == second
    assert "hint 3 of 3" in say("hint", "1.1")
    assert "hint 3 of 3" in say("hint", "1.1", "--again")
    assert "hint 1 of 3" in say("hint", "1.1", "--reset")
    assert "hint 2 of 3" in say("hint", "1.1")


def test_each_exercise_counts_for_itself(say) -> None:
    say("hint", "1.1")
    assert "look at next-one" in say("hint", "1.2")
    assert "hint 2 of 3" in say("hint", "1.1")


def test_a_memory_that_cannot_be_read_counts_as_none(say, course) -> None:
    for text in ("", "[1]", '{"1.1": "many"}', "\xff"):
        (course.root / ".tito").mkdir(exist_ok=True)
        (course.root / ".tito/hints.json").write_bytes(text.encode("latin-1"))
        assert "hint 1 of 3" in say("hint", "1.1")
        assert json.loads((course.root / ".tito/hints.json").read_text()) == {"1.1": 1}


@pytest.mark.parametrize("name", ["1.2", "next_one", "NEXT", "one", "_one"])
def test_an_exercise_is_found_by_number_name_or_part_of_it(say, name) -> None:
    assert "1.2 next_one" in say("hint", name)


def test_a_module_stands_for_its_first_exercise_to_write(learner, monkeypatch, capfd) -> None:
    monkeypatch.chdir(learner.root)
    assert cli.run(["hint", "beta"]) == 0
    assert "2.1 quadruple" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("1.9", "alpha has no exercise 1.9; its last is 1.2\n  `tito status 01` lists them"),
        ("9.1", "no module '9'"),
        ("dubble", "no exercise 'dubble'; did you mean 1.1 double?"),
        ("xyzzy", "no exercise 'xyzzy'\n"),
        ("u", "'u' may be 1.1 double, 2.1 quadruple\n  say the number"),
        ("alpha", "alpha: every exercise is written"),
    ],
)
def test_a_name_that_fits_none_or_several_is_misuse_and_says_what_is_near(say, name, said) -> None:
    assert said in say("hint", name, code=2)


def test_two_exercises_in_one_text_cell_keep_their_hints_apart() -> None:
    details = "# <details><summary>Hint</summary>\n# of {}\n# </details>\n"
    text = "# %% [markdown]\n"
    for number in ("1.1", "1.2"):
        text += f"# ### Exercise {number}: one\n# **Plan.** {number}\n#\n" + details.format(number)
    text += "\n# %%\n"
    for number in ("1.1", "1.2"):
        text += f"### BEGIN SOLUTION {number}\n### END SOLUTION\n"
    found = find_exercises(cells_of(text))
    assert [(one.plan, one.hints) for one in found] == [
        ("**Plan.** 1.1", ["of 1.1"]),
        ("**Plan.** 1.2", ["of 1.2"]),
    ]


def test_hints_survive_a_text_cell_that_the_learner_deleted(learner, monkeypatch, capfd) -> None:
    text = learner.beta.read_text("utf-8")
    learner.edit(learner.beta, text[text.index("# ### Exercise") : text.index("# </det")], "")
    monkeypatch.chdir(learner.root)
    assert cli.run(["hint", "2.1"]) == 0
    assert "look at quadruple" in capfd.readouterr().out
