"""`tito grade` from end to end: what is right gets its points, whatever lies beside it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.grader.grading import CHECKS, add_checks, hand_in, safe_level, stub, submission
from tito.course import Course
from tito.errors import TitoError
from tito.grader import batch
from tito.grader.gradebook import Gradebook
from tito.grader.intake.find import find_submissions
from tito.grader.verdict import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture
def toy(course):
    safe_level(add_checks(course))
    return course


def grade(course, *args, code=0):
    done = course.tito("grade", *map(str, args))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def rows(folder: Path, name: str = "grades.csv") -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def points(folder: Path) -> dict[str, float]:
    return {row["student"]: float(row["points"]) for row in rows(folder)}


def outputs(folder: Path) -> dict[str, bytes]:
    made = [path for path in folder.rglob("*") if path.suffix in (".csv", ".json", ".html", ".md")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(made)}


def test_an_example_counts_only_beside_an_answer_to_drawn_inputs(toy, tmp_path) -> None:
    folder = hand_in(
        tmp_path / "in", good=submission(toy), knows=submission(toy, double="return x + 3")
    )
    common = (folder, "--module", 1, "--to", tmp_path / "out", "--seed", 5)
    grade(toy, *common)
    assert points(tmp_path / "out") == dict(good=4, knows=1)
    told = {(row["name"], row["check"]): row for row in rows(tmp_path / "out", "checks.csv")}
    assert told["knows.py", "TestDouble::test_three_gives_six"]["category"] == "example only"
    before = rows(tmp_path / "out", "checks.csv")
    for name in ("test_three_gives_six", "test_any_number"):
        grade(toy, *common, "--check", f"TestDouble::{name}")
        assert rows(tmp_path / "out", "checks.csv") == before


def test_each_gets_what_was_earned_and_the_mistake_has_its_name(toy, tmp_path) -> None:
    folder = hand_in(
        tmp_path / "in",
        good=submission(toy),
        squared=submission(toy, double="return x * x"),
        half=submission(toy, next_one="raise ValueError('no <b>')"),
        empty=stub(toy),
        loop=submission(toy, double="while True: pass"),
        ends="import os; os._exit(0)",
    )
    said = grade(toy, folder, "--module", 1, "--to", tmp_path / "out", "--seed", 5, "--limit", 0.5)
    assert "6 graded, 1 with all 4 points" in said
    assert points(tmp_path / "out") == dict(good=4, squared=1, half=3, empty=0, loop=1, ends=0)
    told = {(row["name"], row["check"]): row for row in rows(tmp_path / "out", "checks.csv")}
    assert told["squared.py", "TestDouble::test_any_number"]["mistake"] == "squared"
    assert told["squared.py", "TestDouble::test_three_gives_six"]["reason"] == "double(3) is 6"
    place = "(cell 8 (1.2-next-one), line 5)"
    assert told["half.py", "test_one_more"]["reason"] == f"ValueError: no <b> {place}"
    assert told["empty.py", "test_one_more"]["category"] == "not written"
    assert told["loop.py", "TestDouble::test_any_number"]["category"] == "time limit"
    page = (tmp_path / "out/feedback/squared.py.html").read_text("utf-8")
    assert "squared" in page and "double(3) is 6" in page
    assert "<b>" not in (tmp_path / "out/feedback/half.py.html").read_text("utf-8")


def test_two_runs_with_one_seed_and_four_shards_give_the_same_bytes(toy, tmp_path) -> None:
    folder = tmp_path / "in"
    for number in range(9):
        wrong = {"double": f"return {number} * x"} if number % 3 else {}
        hand_in(folder, **{f"student{number}": submission(toy, **wrong)})
    common = (folder, "--module", "alpha", "--seed", 11)
    for name, jobs in (("one", 1), ("two", 3)):
        grade(toy, *common, "--to", tmp_path / name, "--jobs", jobs)
    shards = [tmp_path / f"shard{k}" for k in range(1, 5)]
    for k, shard in enumerate(shards, 1):
        grade(toy, *common, "--to", shard, "--shard", f"{k}/4")
    grade(toy, "merge", *shards, "--to", tmp_path / "merged")
    first = outputs(tmp_path / "one")
    assert len(first) == 7 + 9 * 3
    assert outputs(tmp_path / "two") == first
    assert outputs(tmp_path / "merged") == first


def test_another_seed_asks_about_other_numbers(toy, tmp_path) -> None:
    wrong = submission(toy, double="return 2.5 * x")
    folder = hand_in(tmp_path / "in", wrong=wrong)
    reasons = set()
    for seed in (1, 2):
        grade(toy, folder, "--module", 1, "--to", tmp_path / str(seed), "--seed", seed)
        reasons.add(rows(tmp_path / str(seed), "checks.csv")[2]["reason"])
    assert len(reasons) == 2


def test_a_killed_run_is_finished_by_the_next_and_loses_nothing(toy, tmp_path) -> None:
    folder = tmp_path / "in"
    for number in range(12):
        hand_in(folder, **{f"student{number:02}": submission(toy) + f"# {number}\n"})
    common = ["--module", "1", "--seed", "11", "--jobs", "1"]
    grade(toy, folder, *common, "--to", tmp_path / "whole")
    killed = start(toy, folder, *common, "--to", tmp_path / "killed")
    book = tmp_path / "killed/gradebook.sqlite"
    while killed.poll() is None and not (book.exists() and len(_done(book)) >= 3):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = _done(book)
    assert 3 <= len(before) < 12
    grade(toy, folder, *common, "--to", tmp_path / "killed")
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "whole")


def start(course, *args) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tito", "grade", *map(str, args)],
        cwd=course.root,
        env={**os.environ, "PYTHONPATH": str(course.repository)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_when_it_is_ended_its_judges_and_their_sandboxes_end(toy, tmp_path, name) -> None:
    folder, scratch = tmp_path / "in", tmp_path / "scratch"
    scratch.mkdir()
    for number in range(30):
        hand_in(folder, **{f"student{number:02}": submission(toy) + f"# {number}\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        running = start(toy, folder, "--module", 1, "--jobs", 2, "--to", tmp_path / "out")
    while running.poll() is None and len(_done(tmp_path / "out/gradebook.sqlite")) < 3:
        time.sleep(0.01)
    assert len(_processes(scratch)) > 2
    running.send_signal(getattr(signal, name))
    running.wait()
    deadline = time.monotonic() + 60
    while (left := _processes(scratch)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    assert list(scratch.glob("*/worker.py")) == []


def _processes(scratch: Path) -> list[str]:
    """Those that have its path in their environment or command."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            parts = [Path(f"/proc/{number}/{part}").read_bytes() for part in ("cmdline", "environ")]
        except OSError:
            continue
        found += [number] if os.fsencode(scratch) in b"".join(parts) else []
    return found


def _done(book: Path) -> list[str]:
    try:
        return [one.name for one in Gradebook(book, None).all()]
    except Exception:  # it is being made
        return []


def test_submissions_may_be_named_from_any_folder_of_the_course(toy) -> None:
    hand_in(toy.root / "in", good=submission(toy))
    done = toy.tito("grade", "../in", "--module", "1", "--to", "../out", cwd=toy.root / "modules")
    assert done.returncode == 0, done.stdout + done.stderr
    assert points(toy.root / "out") == dict(good=4)


def test_only_what_changed_is_graded_again(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy), b=stub(toy))
    common = (folder, "--module", 1, "--to", tmp_path / "out")
    grade(toy, *common)
    seed = rows(tmp_path / "out")[0]["seed"]
    hand_in(folder, b=submission(toy), c=submission(toy, double="return 7"))
    grade(toy, *common)
    assert points(tmp_path / "out") == dict(a=4, b=4, c=1)
    assert {row["seed"] for row in rows(tmp_path / "out")} == {seed}


def test_grades_that_lie_among_the_submissions_are_none(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy))
    for _ in range(2):
        grade(toy, folder, "--module", 1, "--to", folder / "grades")
    assert points(folder / "grades") == dict(a=4)


def test_one_check_that_was_mended_is_graded_again_for_all(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy), b=stub(toy))
    checks = toy.root / "tests/grading/test_alpha.py"
    checks.write_text(CHECKS.replace("== 6", "== 7"), "utf-8")
    common = (folder, "--module", 1, "--to", tmp_path / "out")
    grade(toy, *common)
    assert points(tmp_path / "out") == dict(a=3, b=0)
    checks.write_text(CHECKS, "utf-8")
    assert "other checks" in grade(toy, *common, code=2)
    grade(toy, *common, "--check", "TestDouble::test_three_gives_six")
    assert points(tmp_path / "out") == dict(a=4, b=0)
    assert "no check" in grade(toy, *common, "--check", "test_nobody", code=2)


def test_one_submission_is_graded_again_on_demand(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy), b=stub(toy))
    common = (folder, "--module", 1, "--to", tmp_path / "out")
    grade(toy, *common)
    book = Gradebook(tmp_path / "out/gradebook.sqlite", None)
    a, b = book.all()
    book.record(
        type(a)(**{**vars(a), "note": "by hand"}), type(b)(**{**vars(b), "note": "by hand"})
    )
    grade(toy, *common, "--again", "a.py")
    assert [row["note"] for row in rows(tmp_path / "out")] == ["", "by hand"]
    assert "no submission 'x'" in grade(toy, *common, "--again", "x", code=2)


def test_days_after_the_due_time_count_and_cost_what_was_said(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", early=submission(toy), late=submission(toy))
    due = time.mktime((2026, 11, 20, 23, 59, 0, 0, 0, -1))
    os.utime(folder / "early.py", (due - 60, due - 60))
    os.utime(folder / "late.py", (due + 90_000, due + 90_000))
    common = (folder, "--module", 1, "--to", tmp_path / "out")
    grade(toy, *common, "--due", "2026-11-20T23:59", "--late-percent", 10)
    found = [(row["late_days"], row["points"], row["final"]) for row in rows(tmp_path / "out")]
    assert found == [("0", "4", "4"), ("2", "4", "3.2")]
    said = grade(toy, *common, "--due", "2026-11-21T23:59")
    assert "due 2026-11-21 23:59, not 2026-11-20 23:59" in said
    found = [(row["late_days"], row["final"]) for row in rows(tmp_path / "out")]
    assert found == [("0", "4"), ("1", "3.6")]
    said = grade(toy, *common, "--late-percent", 50)
    assert "a day late costs 50 %, not 10 %" in said
    assert [row["final"] for row in rows(tmp_path / "out")] == ["4", "2"]


LATE = ("--due", "2026-11-20T23:59", "--late-percent", 10)


@pytest.fixture
def late_batch(toy, tmp_path):
    folder = hand_in(
        tmp_path / "in",
        early=submission(toy),
        late=submission(toy),
        wrong=submission(toy, double="return x / 2"),
    )
    (folder / "broken.ipynb").write_text("{", "utf-8")
    due = time.mktime((2026, 11, 20, 23, 59, 0, 0, 0, -1))
    for name, seconds in (("early", -60), ("late", 90_000), ("wrong", 60)):
        os.utime(folder / f"{name}.py", (due + seconds, due + seconds))
    return (folder, "--module", 1, "--to", tmp_path / "out")


AGAIN = [[], ["--again", "late.py"], ["--check", "test_one_more"], ["--again", "broken.ipynb"]]


def test_a_second_run_without_the_options_changes_no_byte(toy, tmp_path, late_batch) -> None:
    grade(toy, *late_batch, *LATE)
    before = outputs(tmp_path / "out")
    assert b",4,4,3.2,2," in before["grades.csv"]
    for again in AGAIN:
        said = grade(toy, *late_batch, *again)
        assert outputs(tmp_path / "out") == before, again
        assert "not 2026" not in said and "costs" not in said


@pytest.mark.parametrize(("typed", "meant"), [("revew", "review"), ("megre", "merge")])
def test_a_command_with_a_slip_is_told_and_a_folder_of_that_name_is_a_folder(toy, typed, meant):
    done = toy.tito("grade", typed, "--to", "out")
    assert done.returncode == 2
    assert f"did you mean `tito grade {meant}`?" in done.stdout + done.stderr
    (toy.root / typed).mkdir()
    done = toy.tito("grade", typed, "--module", "1")
    assert f"no submissions in {typed}" in done.stdout + done.stderr


def test_a_merge_without_the_options_keeps_what_the_shards_were_told(
    toy, tmp_path, late_batch
) -> None:
    common = [*late_batch[:3], "--seed", 3]
    grade(toy, *common, "--to", tmp_path / "one", *LATE)
    shards = [tmp_path / f"shard{k}" for k in (1, 2)]
    for k, shard in enumerate(shards, 1):
        grade(toy, *common, "--to", shard, "--shard", f"{k}/2", *LATE)
    for _ in range(2):
        grade(toy, "merge", *shards, "--to", tmp_path / "merged")
        assert outputs(tmp_path / "merged") == outputs(tmp_path / "one")
    said = grade(toy, "merge", *shards, "--to", tmp_path / "merged", "--late-percent", 25)
    assert "costs 25 %, not 10 %" in said
    changed = outputs(tmp_path / "merged")
    grade(toy, "merge", *shards, "--to", tmp_path / "merged")
    assert outputs(tmp_path / "merged") == changed != outputs(tmp_path / "one")


def test_shards_with_other_due_times_are_not_merged(toy, tmp_path, late_batch) -> None:
    common = [*late_batch[:3], "--seed", 3]
    for k, late in ((1, LATE), (2, ())):
        grade(toy, *common, "--to", tmp_path / str(k), "--shard", f"{k}/2", *late)
    said = grade(toy, "merge", tmp_path / "1", tmp_path / "2", "--to", tmp_path / "out", code=2)
    assert "another due time or penalty" in said


NO_CHECKS = {
    "TestDouble": "TestDouble::test_three_gives_six or TestDouble::test_any_number",
    "est": "TestDouble::test_three_gives_six",
    "test_one_mor": "did you mean test_one_more?",
    "test_any_number": "did you mean TestDouble::test_any_number?",
    "zzz": "TestDouble::test_three_gives_six or test_one_more or TestDouble::test_any_number",
}


def test_a_check_has_its_whole_name(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", good=submission(toy))
    common = (folder, "--module", 1, "--to", tmp_path / "out")
    grade(toy, *common)
    for said, meant in NO_CHECKS.items():
        told = grade(toy, *common, "--check", said, code=2)
        assert f"no check '{said}'" in told and meant in " ".join(told.split())


def test_several_checks_and_all_cases_of_one_are_graded_anew(toy, tmp_path) -> None:
    checks = toy.root / "tests/grading/test_alpha.py"
    toy.edit(
        checks, "def test_one_more(submission, rng):", "def test_one_more(submission, rng, n):"
    )
    toy.edit(
        checks,
        '@pytest.mark.exercise("1.2")\n',
        '@pytest.mark.exercise("1.2")\n@pytest.mark.parametrize("n", [1, 2])\n',
    )
    folder = hand_in(tmp_path / "in", a=submission(toy))
    common = (folder, "--module", 1, "--to", tmp_path / "out")
    grade(toy, *common)
    book = Gradebook(tmp_path / "out/gradebook.sqlite", None)
    names = [check.name for check in book.batch.checks]
    assert names[1:3] == ["test_one_more[1]", "test_one_more[2]"]
    by_hand = tuple(Verdict(name, 0, "by hand") for name in names)
    book.record(replace(book.all()[0], verdicts=by_hand))
    grade(toy, *common, "--check", "test_one_more")
    assert [one.points for one in book.all()[0].verdicts] == [0, 1, 1, 0]
    grade(toy, *common, "--check", "test_one_more", "--check", names[0])
    assert [one.points for one in book.all()[0].verdicts] == [1, 1, 1, 2]


HARMFUL = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONWARNINGS": "error",
    "PYTEST_ADDOPTS": "--collect-only",
    "PYTEST_PLUGINS": "nowhere",
    "LC_ALL": "C",
    "LANG": "C",
    "PYTHONIOENCODING": "ascii",
    "OMP_NUM_THREADS": "7",
}


def test_no_grade_depends_on_the_callers_environment(toy, tmp_path) -> None:
    wrong = submission(toy, double="print('é 🔬')\n    return x * x")
    folder = hand_in(tmp_path / "in", good=submission(toy), zoë=wrong)
    common = ["grade", folder, "--module", "1", "--seed", "4", "--to"]
    grade(toy, *common[1:], tmp_path / "one")
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "sitecustomize.py").write_text(
        "import os, sys\nif 'grader.batch' in ' '.join(sys.orig_argv):\n    os._exit(3)\n", "utf-8"
    )
    path = f"{toy.repository}{os.pathsep}{evil}"
    environments = HARMFUL, {"PYTHONUTF8": "0", "PYTHONPATH": path}
    for place, environment in zip("ab", environments, strict=True):
        done = toy.tito(*map(str, common), str(tmp_path / place), **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert outputs(tmp_path / place) == outputs(tmp_path / "one")


def test_a_submission_that_cannot_be_read_has_a_row_a_page_and_a_reason(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", good=submission(toy))
    (folder / "broken.ipynb").write_text("{", "utf-8")
    said = grade(toy, folder, "--module", 1, "--to", tmp_path / "out")
    assert "broken.ipynb" in said
    assert points(tmp_path / "out") == dict(broken=0, good=4)
    assert (tmp_path / "out/feedback/broken.ipynb.html").exists()


def test_the_gradescope_file_says_the_same(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", squared=submission(toy, double="return x * x"))
    grade(toy, folder, "--module", 1, "--to", tmp_path / "out")
    told = json.loads((tmp_path / "out/gradescope/squared.py.json").read_text("utf-8"))
    assert told["score"] == 1
    assert [one["score"] for one in told["tests"]] == [0, 0, 1]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere", "--module", "1"], "nowhere does not exist"),
        (["modules", "--module", "9"], "no module '9'"),
        (["modules", "--module", "2"], "no checks for beta"),
        (["modules", "--module", "1", "--shard", "5/4", "--seed", "1"], "not K/N"),
        (["modules", "--module", "1", "--shard", "1/4"], "one seed"),
        (["modules"], "--module"),
        (["merge", "nowhere", "--to", "out"], "no gradebook"),
        ([], "SUBMISSIONS"),
    ],
)
def test_what_a_person_types_wrong_is_said(course, args, said) -> None:
    add_checks(course)
    assert said in grade(course, *args, code=2)


def test_a_learners_folder_is_not_where_one_grades(course, tmp_path) -> None:
    assert course.tito("init", str(tmp_path / "mine")).returncode == 0
    done = course.tito("grade", "x", "--module", "1", cwd=str(tmp_path / "mine"))
    assert done.returncode == 2
    assert "learner's folder" in done.stdout


def test_checks_that_cannot_run_are_the_authors_error(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", good=submission(toy))
    (toy.root / "tests/grading/test_alpha.py").write_text("import nothing_like_this\n", "utf-8")
    assert "cannot be run" in grade(toy, folder, "--module", 1, "--to", tmp_path / "out", code=2)


def test_no_check_has_the_name_of_another(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", good=submission(toy))
    toy.edit(
        toy.root / "tests/grading/hidden/test_alpha.py", "test_any_number", "test_three_gives_six"
    )
    told = grade(toy, folder, "--module", 1, "--to", tmp_path / "out", code=2)
    assert "two checks are called TestDouble::test_three_gives_six" in told


@pytest.mark.parametrize(("times", "graded"), [(1, True), (2, False)])
def test_a_judge_that_ends_is_tried_again_once(toy, tmp_path, times, graded) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy), b=submission(toy))
    tries = tmp_path / "tries"
    tries.write_text("", "utf-8")
    toy.edit(
        toy.root / "tests/grading/test_alpha.py",
        "        assert submission.run(probe) == 6",
        f"""\
        import os, pathlib
        tries = pathlib.Path({str(tries)!r})
        if len(tries.read_text()) < {times}:
            tries.write_text(tries.read_text() + "x")
            os._exit(1)
        assert submission.run(probe) == 6""",
    )
    grade(toy, folder, "--module", 1, "--to", tmp_path / "out", "--jobs", 1)
    assert points(tmp_path / "out") == dict(a=4 if graded else 0, b=4)
    notes = [row["note"] for row in rows(tmp_path / "out")]
    assert notes == ["" if graded else "it ended the judge itself: look at it by hand", ""]


def test_a_submission_that_never_comes_back_is_noted_and_the_rest_goes_on(
    toy, tmp_path, monkeypatch
) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy), b=submission(toy, double="return 0"))
    toy.edit(
        toy.root / "tests/grading/test_alpha.py",
        "        assert submission.run(probe) == 6",
        "        import time\n        got = submission.run(probe)\n"
        "        time.sleep(0 if got else 600)\n        assert got == 6",
    )
    course = Course(toy.root)
    plan = batch.Plan(course, course.module("1"), safe_level(course), seed=1, jobs=1)
    run = batch.Run(plan, tmp_path / "gradebook.sqlite")
    names = run.grade(find_submissions(folder))
    assert next(names) == "a.py"
    monkeypatch.setattr(batch, "HOUR", 0.5)
    assert list(names) == ["b.py"]
    a, b = run.gradebook.all()
    assert (a.points, a.note) == (4, "")
    assert (b.verdicts, b.note) == ((), "its judge did not come back: look at it by hand")


def test_a_judge_that_ends_before_it_claims_anything_ends_the_run(toy, tmp_path) -> None:
    folder = hand_in(tmp_path / "in", a=submission(toy), b=submission(toy))
    course = Course(toy.root)
    plan = batch.Plan(course, course.module("1"), safe_level(course), seed=1, jobs=1)
    run = batch.Run(plan, tmp_path / "gradebook.sqlite")
    checks = toy.root / "tests/grading/test_alpha.py"
    checks.write_text("import nothing_like_this\n", "utf-8")
    run.judges[0].process.kill()
    with pytest.raises(TitoError, match="the checks cannot be run"):
        list(run.grade(find_submissions(folder)))
