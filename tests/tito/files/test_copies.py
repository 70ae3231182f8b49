"""Backups do not grow for ever, and what a learner could want back stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.toy import ToyCourse
from tito import cli, files, sync
from tito.course import Course
from tito.files.copies import DAYS, KEPT, RECENT
from tito.learner.backups import backups

RUNS = 60


@pytest.fixture
def quick(monkeypatch, course) -> ToyCourse:
    """The course's folder as a learner's; nothing waits for a disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.chdir(course.root)
    kept = course.root / ".tito"
    kept.mkdir()
    (kept / "learner.json").write_text('{"from": "1"}', "utf-8")
    shutil.copytree(course.root / "modules", kept / "pristine" / "modules")
    sync.sync(course.module())
    return course


def answers_in(root: Path, suffix: str) -> list[str]:
    """The answer to 1.2 in each backup of the file, the newest first."""
    name = f"modules/01_alpha/alpha_dev{suffix}"
    copies = [backup.folder / name for backup in backups(root) if name in backup.files]
    return [path.read_text("utf-8").partition("return x + ")[2][:3] for path in copies]


def edit(course: ToyCourse, number: int) -> None:
    text = course.alpha.read_text("utf-8")
    before, _, after = text.partition("return x + ")
    course.alpha.write_text(f"{before}return x + {number}{after[after.index(chr(10)) :]}", "utf-8")
    sync.sync(course.module())


def test_of_what_sync_replaces_the_newest_copies_stay(quick) -> None:
    for number in range(100, 100 + RUNS):
        edit(quick, number)
    last = [str(number) for number in range(98 + RUNS, 98 + RUNS - RECENT, -1)]
    assert answers_in(quick.root, ".ipynb")[:RECENT] == last
    assert len(answers_in(quick.root, ".ipynb")) <= RECENT + DAYS


def test_of_older_copies_the_last_of_each_day_stays(quick) -> None:
    copies = quick.root / ".tito/backups"
    days = [f"2026{month}{day:02}" for month in ("01", "03") for day in range(1, 32)]
    hours = [f"{day}-{hour}0000-sync" for day in days for hour in ("08", "20")]
    for name in hours:
        (copies / name / "modules/01_alpha").mkdir(parents=True)
        (copies / name / "modules/01_alpha/alpha_dev.ipynb").write_text(name, "utf-8")
    edit(quick, 200)  # makes one more
    newest, older = hours[1 - RECENT :], hours[: 1 - RECENT]
    last = {name[:8]: name for name in older}  # of each day
    kept = sorted(path.name for path in copies.iterdir() if path.name in hours)
    assert kept == [*list(last.values())[-DAYS:], *newest]


def test_what_reset_replaced_outlives_any_number_of_syncs(quick, capfd) -> None:
    edit(quick, 777)
    assert cli.run(["reset", "1"]) == 0
    undo = capfd.readouterr().out.partition("`tito ")[2].partition("`")[0]
    for number in range(100, 100 + RUNS):
        edit(quick, number)
    assert cli.run(undo.split()) == 0
    assert "return x + 777" in quick.alpha.read_text("utf-8")


def test_equal_copies_are_kept_once_and_the_newest_of_them(quick) -> None:
    other = quick.root / "modules/02_beta/beta_dev.py"
    first = files.backup_together(quick.root, quick.alpha)
    both = files.backup_together(quick.root, quick.alpha, other)
    again = files.backup_together(quick.root, quick.alpha)
    assert [backup.folder for backup in backups(quick.root)] == [again, both]
    assert not first.exists()


def test_of_everything_else_the_newest_stay(quick) -> None:
    made = []
    for number in range(KEPT + 5):
        quick.alpha.write_text(str(number), "utf-8")
        made.append(files.backup_together(quick.root, quick.alpha))
    assert [backup.folder for backup in backups(quick.root)] == made[: -KEPT - 1 : -1]


def test_a_sync_that_drops_cells_or_knows_no_common_text_is_no_history(quick) -> None:
    """Its copy is the only one of what it dropped."""
    edit(quick, 555)
    quick.module().common.unlink()
    quick.edit(quick.alpha_notebook, "return x + 555", "return x + 666")
    sync.sync(quick.module())
    text = quick.alpha.read_text("utf-8")
    quick.alpha.write_text(text[: len(text) // 5], "utf-8")
    sync.sync(quick.module(), force=True)
    for number in range(RUNS):
        quick.alpha.write_text(f"# %%\nreturn x + {number}\n", "utf-8")
        sync.sync(quick.module(), force=True)
    assert {"666", "555"} <= set(answers_in(quick.root, ".ipynb"))


def test_the_copy_just_made_stays_when_the_clock_went_back(quick, monkeypatch) -> None:
    monkeypatch.setattr("time.strftime", lambda form: "20990101-000000")
    for number in range(RUNS):
        edit(quick, 100 + number)
    monkeypatch.setattr("time.strftime", lambda form: "20200101-000000")
    edit(quick, 500)
    newest = quick.root / ".tito/backups/20200101-000000-sync"
    assert f"return x + {99 + RUNS}" in next(newest.rglob("*.ipynb")).read_text("utf-8")


def test_other_files_among_the_backups_are_left_alone(quick) -> None:
    mine = quick.root / ".tito/backups"
    for name in ("20200101-000000", "notes.txt"):
        mine.mkdir(exist_ok=True)
        (mine / name).write_text("mine", "utf-8")
    for number in range(RUNS):
        edit(quick, 100 + number)
    assert (mine / "notes.txt").exists() and (mine / "20200101-000000").is_file()
    assert all(one.files for one in backups(Course(quick.root).root))
