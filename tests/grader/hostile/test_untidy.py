"""Untidy honest work gets its points, and what did not run is named in the note and on the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.grader.hostile.bank import COURSE, MODULE, Entry
from tests.grader.hostile.test_bank import best_here, deserves
from tests.grader.hostile.untidy import untidy
from tito.grader.batch import Plan, Run
from tito.grader.feedback import feedback
from tito.grader.gradebook import Batch
from tito.grader.grades import grades
from tito.grader.intake.find import find_submissions
from tito.grader.page import page
from tito.grader.sandbox import SAFE
from tito.grader.terms import Terms
from tito.grader.verdict import Graded

BANK = untidy()
pytestmark = pytest.mark.slow


@dataclass
class Scene:
    batch: Batch
    graded: dict[str, Graded]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    level = best_here()
    if level < SAFE:
        pytest.skip("no safe sandbox on this machine")
    root: Path = tmp_path_factory.mktemp("untidy")
    (root / "in").mkdir()
    paths = {entry.write(root / "in"): entry.name for entry in BANK}
    found = find_submissions(root / "in")
    run = Run(Plan(COURSE, MODULE, level, seed=7, jobs=2), root / "gradebook.sqlite")
    assert len(list(run.grade(found))) == len(BANK)
    graded = {one.name: one for one in run.gradebook.all()}
    return Scene(run.gradebook.batch, {paths[one.path]: graded[one.name] for one in found})


@pytest.mark.parametrize("entry", BANK, ids=[entry.name for entry in BANK])
def test_it_gets_its_points_and_says_what_did_not_run(scene: Scene, entry: Entry) -> None:
    graded = scene.graded[entry.name]
    earned = {one.check: one.points for one in graded.verdicts}
    told = [graded.note, *(f"{one.category}: {one.reason}" for one in graded.verdicts)]
    wrong = {
        check.name: earned.get(check.name)
        for check in scene.batch.checks
        if earned.get(check.name, 0) != deserves(entry, check)
    }
    assert not wrong, told
    assert any(re.search(entry.says, line) for line in told), told
    if not entry.says:
        assert not graded.note
    (grade,) = grades(scene.batch, [graded], Terms())
    shown = page(feedback(scene.batch, grade, {}))
    assert not graded.note or "Note: " in shown
