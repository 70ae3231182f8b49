"""The wheel, and what a learner does in a folder made from it."""

import zipfile
from pathlib import Path

import pytest

from tests.integration.wheel import ATTENTION, ROOT, Learner, learner, wheel, write
from tito.exercises import find_exercises
from tito.grader.other_answers import planted_text, read
from tito.learner.carried import carried

__all__ = ["learner", "wheel"]
pytestmark = pytest.mark.slow


def test_the_wheel_holds_what_a_folder_is_made_from_and_no_notebook(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    files = [name for name in inside.namelist() if name.startswith("tito/course_files/")]
    assert sorted(name.removeprefix("tito/course_files/") for name in files) == carried(ROOT)
    assert ATTENTION.show(ATTENTION.script) in carried(ROOT)
    for name in files:
        source = ROOT / name.removeprefix("tito/course_files/")
        assert inside.read(name) == source.read_bytes(), name


def test_the_wheel_holds_what_the_grader_reads_beside_its_code(wheel: Path) -> None:
    here = [
        *(ROOT / "tito").glob("grader/templates/*"),
        *(ROOT / "tito").glob("grader/inside/*.sh"),
    ]
    names = {path.relative_to(ROOT).as_posix() for path in here}
    assert len(names) >= 3 and names <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_gives_other_projects_no_pytest_plugin(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel)
    (entries,) = (name for name in inside.namelist() if name.endswith("/entry_points.txt"))
    assert "pytest11" not in inside.read(entries).decode()


def test_from_stub_to_a_tested_export_outside_the_clone(learner: Learner) -> None:
    assert "next: tito module start 12" in learner.tito("status")
    assert "exercise 12.1: attention_scores: not written" in learner.tito(
        "module", "test", "12", code=1
    )
    assert "tests passed" in learner.tito("test", "embeddings")
    assert "attention not exported" in learner.tito("test", "attention", code=1)
    write(learner.folder)
    assert "attention is complete" in learner.tito("module", "complete", "12")
    assert " passed" in learner.run("-m", "pytest", "tests/", "-k", "huge_scores", "-q")
    assert "Memory scales as O(n²)" in learner.run("modules/12_attention/attention_dev.py")
    assert "nothing to take over" in learner.tito("update")


def test_status_watch_and_complete_say_the_truth_after_each_exercise(learner: Learner) -> None:
    numbers = [exercise.number for exercise in find_exercises(ATTENTION.cells)]
    for done, number in enumerate(numbers):
        assert f"12 attention        {'started' if done else 'untouched'}" in learner.tito("status")
        assert f"exercise {number}: " in learner.tito("module", "complete", "12", code=1)
        seen = learner.tito("watch", "12", "--once", code=1)
        assert f"{done}/{len(numbers)}" in seen and f"exercise {number}: " in seen
        write(learner.folder, number)
        assert f"{number} " in learner.tito("status", "12")
    assert f"{len(numbers)}/{len(numbers)}" in learner.tito("watch", "12", "--once")
    assert "attention is complete" in learner.tito("module", "complete", "12")
    assert "12 attention        exported" in learner.tito("status")


def test_watch_names_each_of_fifty_wrong_answers(learner: Learner) -> None:
    script = learner.folder / ATTENTION.show(ATTENTION.script)
    wrong = read(ATTENTION)
    chosen = wrong[:: len(wrong) // 50]
    assert len(chosen) >= 50
    for answer in chosen:
        script.write_text(planted_text(answer, ATTENTION), "utf-8")
        seen = " ".join(learner.tito("watch", "12", "--once", code=1).split())
        assert f"exercise {answer.number}: " in seen, answer
        assert " ".join(answer.says.split()).lower() in seen.lower(), f"{answer}: {seen}"


def test_the_learners_folder_holds_no_answer_to_what_is_to_write(learner: Learner) -> None:
    written = (ROOT / "tinytorch" / "core" / "attention.py").read_text("utf-8")
    telling = "weights = softmax(shifted.masked_fill(blocked, -1e9), dim=-1)"
    assert telling in written
    for path in learner.folder.rglob("*"):
        if path.is_file() and "tests" not in path.parts:
            assert telling.encode() not in path.read_bytes(), path
