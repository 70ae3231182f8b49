"""A cell that is gone, renamed, copied or text now is named as that, with what puts it right."""

from __future__ import annotations

import re

import pytest

from tito.course import Course
from tito.damage import damages
from tito.notebook.cells import read_percent

pytestmark = pytest.mark.slow

STUB = 'raise NotImplementedError("exercise 2.1: quadruple")'
ANSWER = "return 4 * x"
FILE = "modules/02_beta/beta_dev.py"
SAFE = "`tito restore` brings back what it replaces"


@pytest.fixture
def mine(learner):
    learner.edit(learner.beta, STUB, ANSWER)
    return learner


def cut(course, name: str) -> None:
    """The cell of that name is deleted."""
    text = course.beta.read_text("utf-8")
    cells = re.split(r"(?m)^(?=# %%)", text)
    course.beta.write_text(
        "".join(one for one in cells if not one.startswith(f"# %% {name}")), "utf-8"
    )


def copy(course, name: str) -> None:
    cells = re.split(r"(?m)^(?=# %%)", course.beta.read_text("utf-8"))
    twice = [one * (1 + one.startswith(f"# %% {name}")) for one in cells]
    course.beta.write_text("".join(twice), "utf-8")


def as_text(course, name: str) -> None:
    text = course.beta.read_text("utf-8")
    course.beta.write_text(re.sub(rf"# %% {name}\b", f"# %% {name} [markdown]", text), "utf-8")


def edit(old: str, new: str):
    return lambda course: course.edit(course.beta, old, new)


BOTH_MARKERS = ("    ### BEGIN SOLUTION 2.1\n", "    ### END SOLUTION\n")
WHATS = {
    "renamed function": (
        edit("def quadruple", "def fourfold"),
        f"exercise 2.1: {FILE}:24 (cell 5, line 2): fourfold stands where quadruple was\n"
        f"  name it quadruple, or `tito reset 2.1` ({SAFE})",
    ),
    "deleted line of the function": (
        lambda course: course.edit(
            course.beta, 'def quadruple(x):\n    """Document quadruple."""\n', "if True:\n"
        ),
        f"exercise 2.1: {FILE}:23 (cell 5, line 1): quadruple is not defined any more\n",
    ),
    "renumbered marker": (
        edit("BEGIN SOLUTION 2.1", "BEGIN SOLUTION 2.2"),
        f"exercise 2.1: {FILE}:26 (cell 5, line 4): BEGIN SOLUTION 2.2 where 2.1 was given\n"
        "  put the marker right, or `tito reset 2.1`",
    ),
    "both markers deleted": (
        lambda course: [course.edit(course.beta, line, "") for line in BOTH_MARKERS],
        f"exercise 2.1: {FILE}:23 (cell 5, line 1): no BEGIN SOLUTION 2.1 any more\n"
        "  put both markers back around the answer, or `tito reset 2.1`",
    ),
    "duplicated markers": (
        edit("    ### END SOLUTION\n", "    ### END SOLUTION\n" + "".join(BOTH_MARKERS)),
        f"exercise 2.1: {FILE}:29 (cell 5, line 7): BEGIN SOLUTION 2.1 where none was given\n",
    ),
    "deleted BEGIN": (
        edit(BOTH_MARKERS[0], ""),
        "cell 5 (2.1-quadruple), line 5: END without BEGIN SOLUTION\n"
        "  put the marker right, or `tito reset 2.1`",
    ),
    "deleted END": (
        edit(BOTH_MARKERS[1], ""),
        "cell 5 (2.1-quadruple), line 4: BEGIN SOLUTION 2.1 without END\n"
        "  put the marker right, or `tito reset 2.1`",
    ),
    "deleted test": (
        lambda course: cut(course, "test-2.1"),
        "exercise 2.1: no cell is named test-2.1 any more\n  `tito reset 02 test-2.1` puts it back",
    ),
    "deleted answer": (
        lambda course: cut(course, "2.1-quadruple"),
        "exercise 2.1: no cell is named 2.1-quadruple any more\n  `tito reset 2.1` puts it back",
    ),
    "test turned to text": (
        lambda course: as_text(course, "test-2.1"),
        f"exercise 2.1: {FILE}:32 (cell 6, line 1): test-2.1 is text now\n"
        "  make it code again (Y in JupyterLab), or `tito reset 02 test-2.1`",
    ),
    "answer turned to text": (
        lambda course: as_text(course, "2.1-quadruple"),
        f"exercise 2.1: {FILE}:23 (cell 5, line 1): 2.1-quadruple is text now\n",
    ),
    "duplicated answer": (
        lambda course: copy(course, "2.1-quadruple"),
        f"exercise 2.1: {FILE}:32 (cell 6, line 1): a second 2.1-quadruple; the first is cell 5\n"
        "  delete one of them",
    ),
    "duplicated test": (
        lambda course: copy(course, "test-2.1"),
        f"exercise 2.1: {FILE}:41 (cell 7, line 1): a second test-2.1; the first is cell 6\n",
    ),
    "test that tests nothing": (
        edit("    test_quadruple()\n", "    pass\n"),
        f"exercise 2.1: {FILE}:32 (cell 6, line 1): test-2.1 is not as it was given\n"
        f"  `tito reset 02 test-2.1` ({SAFE})",
    ),
}
RUNS_WELL = {  # what an answer that is right survives; it is told, and refused by no one
    "renumbered marker",
    "both markers deleted",
    "duplicated markers",
    "duplicated answer",
    "duplicated test",
    "test that tests nothing",
}


@pytest.mark.parametrize("what", WHATS)
def test_what_became_of_a_cell_is_named_with_its_line_and_remedy(mine, what) -> None:
    damage, said = WHATS[what]
    damage(mine)
    for args in (["module", "test", "2"], ["module", "complete", "2"]):
        done = mine.tito(*args)
        assert said in done.stdout, args
        assert done.returncode == int(what not in RUNS_WELL), done.stdout
    (first, *rest) = said.split("\n")
    short = re.sub(
        r"^.*?:\d+ \((cell \d+, line \d+)\)", r"\1", first.removeprefix("exercise 2.1: ")
    )
    status = mine.tito("status").stdout
    assert short in status
    assert all(line.strip() in status for line in rest)


@pytest.mark.parametrize("what", sorted(set(WHATS) - RUNS_WELL))
def test_watch_names_it_too(mine, what) -> None:
    damage, said = WHATS[what]
    damage(mine)
    done = mine.tito("watch", "2", "--once")
    assert done.returncode == 1
    assert said.split("\n")[0].removeprefix("exercise 2.1: ") in done.stdout
    assert "tito reset" in done.stdout


@pytest.mark.parametrize("what", sorted(set(WHATS) - {"duplicated answer", "duplicated test"}))
def test_the_remedy_puts_it_right_and_loses_nothing(mine, what) -> None:
    WHATS[what][0](mine)
    mine.tito("module", "test", "2")
    text = mine.beta.read_bytes()
    command = re.search(r"`tito (reset [\w. -]+)`", WHATS[what][1] + "`tito reset 2.1`")
    assert command and mine.tito(*command[1].split()).returncode == 0
    module = Course(mine.root).module("beta")
    assert damages(Course(mine.root), module) == []
    answered = ANSWER in mine.beta.read_text("utf-8")
    assert answered == command[1].startswith("reset 02 test-"), (
        "a test is put back beside the answer"
    )
    kept = [path.read_bytes() for path in mine.root.glob(".tito/backups/*/modules/*/*.py")]
    assert text in kept
    given = mine.root / ".tito/pristine" / FILE
    assert answered or mine.beta.read_bytes() == given.read_bytes()


def test_a_cell_that_only_helps_is_named_where_something_fails(mine) -> None:
    mine.edit(mine.beta, ANSWER, "return double(double(x))")
    cut(mine, "imports")
    said = "no cell is named imports any more\n  `tito reset 02 imports` puts it back"
    assert said in mine.tito("module", "test", "2").stdout
    assert mine.tito("reset", "2", "imports").returncode == 0
    assert mine.tito("module", "test", "2").returncode == 0


def test_a_notebook_without_names_is_not_a_page_of_complaints(mine) -> None:
    text = re.sub(r"(?m)^# %% [\w.-]+( points=1)?$", "# %%", mine.beta.read_text("utf-8"))
    mine.beta.write_text(text, "utf-8")
    done = mine.tito("module", "test", "2")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) < 12


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_as_given_and_answered_nothing_is_damaged(mine, newline) -> None:
    text = mine.beta.read_text("utf-8").replace("\n", newline)
    mine.beta.write_text(text, "utf-8", newline="")
    course = Course(mine.root)
    for module in course.modules:
        assert damages(course, module) == []
        assert damages(course, module.having(read_percent(module.script))) == []


def test_in_the_clone_cells_are_made_and_nothing_is_compared(course) -> None:
    cut(course, "test-2.1")
    module = course.module("beta")
    assert damages(Course(course.root), module) == []
