"""Wrong answers in two hundred other wordings: none gets all points."""

import pytest

from tests.course.conftest import COURSE
from tests.grader.hostile.variants import variants
from tito.grader.batch import Plan, Run
from tito.grader.intake import find as intake
from tito.grader.sandbox import SAFE, best_level, inside_folder

MODULE, COUNT = COURSE.module("12"), 200


@pytest.mark.slow
def test_no_variant_of_a_wrong_answer_scores_full(tmp_path):
    with inside_folder(COURSE, MODULE) as folder:
        level = best_level(folder)
    if level < SAFE:
        pytest.skip("no namespaces and no bubblewrap on this machine")
    submissions, wrong = tmp_path / "submissions", {}
    submissions.mkdir()
    for index, (text, numbers) in enumerate(variants(MODULE, COUNT, seed=COUNT)):
        (submissions / f"variant{index}.py").write_text(text, "utf-8")
        wrong[f"variant{index}"] = numbers
    run = Run(Plan(COURSE, MODULE, level, seed=COUNT, jobs=2), tmp_path / "gradebook.sqlite")
    assert len(list(run.grade(intake.find_submissions(submissions)))) == COUNT
    batch = run.gradebook.batch
    for graded in run.gradebook.all():
        assert graded.points < batch.out_of, f"{graded.name}: {wrong[graded.student]}"
        results = batch.by_exercise(graded)
        for number in wrong[graded.student]:
            lost = [check.name for check, verdict in results[number] if not verdict.points]
            assert lost, f"{graded.name} loses nothing on {number}"
