"""Where no walls stand, what does no harm still gets a right verdict: levels 1 and 0.

Nothing here touches more than its own process, and each child of it ends by itself.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.grader.grading import add_checks, hand_in, submission
from tests.toy import make_course
from tito.grader.batch import Plan, Run
from tito.grader.gradebook import Gradebook
from tito.grader.intake.find import find_submissions
from tito.grader.verdict import Graded, Verdict

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="level 1 is POSIX"),
]
RIGHT = "\n    return SCALE * x"
ATTACKS = {  # the code of exercise 1.1; what is said of it, "" where it is right
    "loop": ("while True: pass", "time limit: it did not finish in time"),
    "exit": ("import os; os._exit(0)", r"ended Python: it ended Python \(exit code 0\)"),
    "quit": ("raise SystemExit(0)", "error: SystemExit: 0"),
    "segfault": ("import ctypes; ctypes.string_at(1)", r"SIGSEGV|exit code -11"),
    "recursion": ("return double(x)", "error: RecursionError"),
    "forged": (
        'import os; os.write(2, b\'{"value": {"value": 6}}\\n\'); os._exit(0)',
        "ended Python",
    ),
    "object": ("return type('Yes', (int,), {'__eq__': lambda *_: True})(6)", "strange value"),
    "output": ("print('x' * 50_000_000)" + RIGHT, ""),
    "thread": (
        "import threading, time; threading.Thread(target=time.sleep, args=(9,)).start()" + RIGHT,
        "",
    ),
    "fork": (
        "import os, time\n    if os.fork() == 0:\n        os.setsid()\n"
        "        os.fork() or time.sleep(2)\n        os._exit(0)" + RIGHT,
        "",
    ),
}


@pytest.fixture(scope="module", params=[1, 0])
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """All of them in one batch, by name."""
    root: Path = tmp_path_factory.mktemp("level")
    course = make_course(root / "course")
    toy = add_checks(course)
    texts = {name: submission(course, double=code) for name, (code, _) in ATTACKS.items()}
    folder = hand_in(root / "in", **texts)
    plan = Plan(toy, toy.module("alpha"), request.param, seed=7, jobs=2, limit=0.5)
    list(Run(plan, root / "book.sqlite").grade(find_submissions(folder)))
    return {one.student: one for one in Gradebook(root / "book.sqlite", None).all()}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_costs_its_own_exercise_and_no_other(graded: dict[str, Graded], name: str) -> None:
    first, next_one, last = graded[name].verdicts
    assert next_one.category == "passed", next_one
    for verdict in (first, last):
        assert as_said(verdict, ATTACKS[name][1]), verdict


def as_said(verdict: Verdict, says: str) -> bool:
    if not says:
        return verdict.category == "passed" and verdict.points > 0
    told = f"{verdict.category}: {verdict.reason}"
    return verdict.points == 0 and bool(re.search(says, told))


def test_the_grade_says_that_no_walls_stood(graded: dict[str, Graded]) -> None:
    assert all("unsandboxed" in one.level for one in graded.values())
