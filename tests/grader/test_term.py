"""A term on the command line: roster, adjustments, extensions, teams, changed points, platforms."""

from __future__ import annotations

import json
import os
import time
import zipfile

import pytest

from tests.grader.grading import CHECKS, hand_in, submission
from tests.grader.test_grade import grade, outputs, rows, toy

pytestmark = pytest.mark.slow

__all__ = ["toy"]

ROSTER = """Student,ID,SIS Login ID,Section,team
    Points Possible,,,,
"Doe, Jane",31,jdoe,A,red
"Roe, Rik",32,rroe,A,red
"Poe, Pia",33,ppoe,B,
"Moe, Max",34,mmoe,B,
"""
LINES = """name,exercise,points,comment,excused,extension
doejane_31_4_alpha_dev.py,1.2,0,Not your own words,,
ppoe,,,,,1
"Moe, Max",,,Get well soon,yes,
"""


@pytest.fixture
def term(toy, tmp_path):
    """A pair, somebody a day and an hour late, somebody who handed in nothing."""
    folder = tmp_path / "in"
    texts = {"doejane_31_4_alpha_dev": submission(toy), "poepia_33_5_alpha_dev": submission(toy)}
    hand_in(folder, **texts)
    due = time.mktime((2026, 11, 20, 23, 59, 0, 0, 0, -1))
    for name, hours in (("doejane_31_4_alpha_dev", -1), ("poepia_33_5_alpha_dev", 25)):
        os.utime(folder / f"{name}.py", (due + hours * 3600,) * 2)
    (folder / "roster.csv").write_text(ROSTER)
    (folder / "adjustments.csv").write_text(LINES)
    (folder / ".DS_Store").write_text("")
    to = tmp_path / "out"
    late = ("--due", "2026-11-20T23:59", "--late-percent", 20)
    return folder, to, (folder, "--module", 1, "--to", to, "--seed", 3, *late)


def test_a_row_is_a_learner_with_what_was_decided_by_hand(toy, term) -> None:
    _, to, command = term
    said = grade(toy, *command)
    found = {row["student"]: row for row in rows(to)}
    kept = ("points", "out_of", "final", "late_days", "exercise 1.2")
    assert {name: tuple(row[key] for key in kept) for name, row in found.items()} == {
        "Doe, Jane": ("3", "4", "3", "0", "0"),
        "Roe, Rik": ("3", "4", "3", "0", "0"),
        "Poe, Pia": ("4", "4", "3.2", "1", "1"),
        "Moe, Max": ("0", "0", "", "0", ""),
    }
    assert "3 adjustments from" in said and "1 of 4 handed in nothing" in said
    assert "skipped: 1 file" in said
    assert rows(to, "missing.csv") == []  # who is excused is not missed
    assert rows(to, "skipped.csv")[0]["file"] == ".DS_Store"


def test_a_learners_page_shows_what_was_decided(toy, term) -> None:
    _, to, command = term
    grade(toy, *command)
    pages = {path.name: path.read_text("utf-8") for path in (to / "feedback").glob("*.html")}
    (jane,) = (page for page in pages.values() if "Doe, Jane" in page)
    assert "Set by hand: the checks gave 1 of 1." in jane and "Not your own words" in jane
    (max_,) = (page for page in pages.values() if "Moe, Max" in page)
    assert "Excused: this assignment does not count." in max_ and "Get well soon" in max_


def test_the_platforms_files_say_the_same(toy, term) -> None:
    _, to, command = term
    grade(toy, *command, "--assignment", "Alpha (7)")
    found = {row["Student"]: row["Alpha (7)"] for row in rows(to, "grades-canvas.csv")[1:]}
    assert found == {"Doe, Jane": "3", "Roe, Rik": "3", "Poe, Pia": "3.2", "Moe, Max": "EX"}
    with zipfile.ZipFile(to / "feedback-canvas.zip") as packed:
        assert packed.namelist() == ["doejane_31_4_alpha_dev.py", "poepia_33_5_alpha_dev.py"]
    assert not (to / "grades-moodle.csv").exists()
    scores = [json.loads(path.read_text())["score"] for path in (to / "gradescope").iterdir()]
    assert sorted(scores) == [3, 3, 3.2]


def test_what_was_decided_is_kept_where_its_file_is_gone(toy, term) -> None:
    folder, to, command = term
    grade(toy, *command)
    before = outputs(to)
    (folder / "adjustments.csv").unlink()
    (folder / "roster.csv").unlink()
    said = grade(toy, *command[:5])
    assert "is gone, but not what it said: 3 lines" in said
    assert outputs(to) == before


def test_more_points_than_there_are_count_and_are_told(toy, term) -> None:
    folder, to, command = term
    (folder / "adjustments.csv").write_text('name,exercise,points\n"Doe, Jane",,30\n')
    said = grade(toy, *command)
    assert "1 adjustment from" in said and "Doe, Jane gets 30 points, of 4" in said
    assert [row["final"] for row in rows(to) if row["student"] == "Doe, Jane"] == ["30"]


def test_a_line_with_an_error_leaves_all_grades_as_they_were(toy, term) -> None:
    folder, to, command = term
    grade(toy, *command)
    before = outputs(to)
    (folder / "adjustments.csv").write_text("name,points\nppeo,3\n")
    said = grade(toy, *command, code=2)
    assert "adjustments.csv, line 2: nobody is called 'ppeo'" in said and "did you mean" in said
    assert outputs(to) == before


def test_adjustments_beside_the_folder_are_not_passed_over_in_silence(toy, term) -> None:
    folder, _, command = term
    (folder / "adjustments.csv").rename(folder.parent / "adjustments.csv")
    assert "adjustments.csv is not read" in grade(toy, *command)


def test_shards_make_the_same_bytes(toy, term, tmp_path) -> None:
    folder, to, command = term
    grade(toy, *command)
    shards = [tmp_path / f"shard{k}" for k in (1, 2)]
    for k, shard in enumerate(shards, 1):
        common = (folder, "--module", 1, "--seed", 3, *command[-4:])
        grade(toy, *common, "--to", shard, "--shard", f"{k}/2")
    grade(toy, "merge", *shards, "--to", tmp_path / "merged")
    assert outputs(tmp_path / "merged") == outputs(to)


def test_changed_points_are_given_without_running_anything_again(toy, term) -> None:
    _, to, command = term
    grade(toy, *command)
    checks = toy.root / "tests/grading/test_alpha.py"
    for points, whole in ((5, 8), (0, 3), (1, 4)):
        head = '@pytest.mark.exercise("1.2")\n'
        checks.write_text(CHECKS.replace(head, f"{head}@pytest.mark.points({points})\n"))
        said = grade(toy, *command)
        pia = next(row for row in rows(to) if row["student"] == "Poe, Pia")
        assert (pia["points"], pia["out_of"]) == (str(whole), str(whole))
        assert f"test_one_more has {points} points" in said
    checks.write_text(CHECKS.replace("== 6", "== 7"))
    assert "other checks inside" in grade(toy, *command, code=2)


LATE = [
    ((), "2", "3.2"),
    (("--late-cap", 15), "2", "3.4"),
    (("--late-grace", 1.5), "1", "3.6"),
    (("--late-grace", 26), "0", "4"),
]


@pytest.mark.parametrize(("options", "days", "final"), LATE)
def test_lateness_has_a_cap_and_a_grace_and_both_are_kept(toy, term, options, days, final) -> None:
    folder, to, command = term
    (folder / "adjustments.csv").unlink()
    grade(toy, *command[:-1], 10, *options)
    for _ in range(2):
        pia = next(row for row in rows(to) if row["student"] == "Poe, Pia")
        assert (pia["late_days"], pia["final"]) == (days, final)
        grade(toy, *command[:5])
