"""`tito grade SUBMISSIONS --module N` grades a batch; `tito grade merge` puts shards together."""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from pathlib import Path

import click

from tito import console, files
from tito.course import Course, Module
from tito.errors import TitoError
from tito.grader.batch import Plan, Run, exercise_names, near
from tito.grader.gradebook import IN_TIME, Gradebook, Lateness, merge_gradebooks
from tito.grader.intake import find as intake
from tito.grader.intake.find import Submission
from tito.grader.judge import LIMIT
from tito.grader.report import write_reports
from tito.grader.sandbox import NAMES, level_here
from tito.learner.source import course_here

BOOK = "gradebook.sqlite"
DUE = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
LATE = click.option(
    "--late-percent", type=click.FloatRange(0, 100), help="Deducted for a day late."
)


class WithDefault(click.Group):
    """`tito grade merge`; anything else in its place is a folder of submissions."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = args[:1] and args[0] in (*self.commands, "--help")
        return super().parse_args(ctx, args if known else ["batch", *args])


@click.group(cls=WithDefault, help="Grade submissions, or merge what shards graded.")
def grade() -> None:
    pass


@grade.command(help="Grade each file, folder or zip in SUBMISSIONS.")
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--module", "name", metavar="N", required=True, help="12 or attention.")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Where grades go.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count, help="At the same time.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="Draws the inputs of the checks.")
@click.option("--limit", type=click.FloatRange(0.1), default=LIMIT, help="Seconds a probe.")
@click.option("--due", type=click.DateTime(DUE), help="After this, days count as late.")
@LATE
@click.option("--again", multiple=True, metavar="NAME", help="Grade this submission anew.")
@click.option("--check", "checks", multiple=True, metavar="TEST", help="Grade it of all anew.")
@click.option("--shard", metavar="K/N", help="Only every Nth submission, from the Kth on.")
@click.option("--unsandboxed", is_flag=True, help="Grade even where no sandbox works.")
def batch(
    submissions: Path,
    name: str,
    folder: Path | None,
    jobs: int,
    seed: int | None,
    limit: float,
    due: datetime | None,
    late_percent: float | None,
    again: tuple[str, ...],
    checks: tuple[str, ...],
    shard: str | None,
    unsandboxed: bool,
) -> int:
    course, module = _course_of(name)
    to = folder or Path(f"grades-{module.folder_name}")
    late = _lateness(to / BOOK, due.timestamp() if due else None, late_percent)
    found = intake.find_submissions(submissions, module if late.due else None)
    found = [one for one in found if one.path.resolve() != to.resolve()]  # an earlier run's
    _refuse_unknown(again, found)
    found = _shard(found, shard, seed) if shard else found
    level = level_here(course, module, unsandboxed)
    console.note(f"{len(found)} submissions, sandbox {NAMES[level]}")
    plan = Plan(course, module, level, seed, jobs, limit, late, frozenset(again), checks)
    with files.lock(to):
        book = _run(plan, to / BOOK, found)
        write_reports(book, to, exercise_names(module), late.percent)
    _conclude(book, to)
    return 0


@grade.command(help="Make one gradebook of several FOLDERS that shards wrote.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path))
@LATE
def merge(folders: tuple[Path, ...], folder: Path, late_percent: float | None) -> int:
    _lateness(folder / BOOK, None, late_percent)
    with files.lock(folder):
        book = merge_gradebooks([one / BOOK for one in folders], folder / BOOK, late_percent)
        _, module = _course_of(book.batch.module)
        write_reports(book, folder, exercise_names(module), book.lateness().percent)
    _conclude(book, folder)
    return 0


def _course_of(name: str) -> tuple[Course, Module]:
    course = course_here()
    module = course.module(name)
    if not module.check_files:
        raise TitoError(f"no checks for {module.name}", f"write {module.show(module.checks)}")
    return course, module


def _lateness(book: Path, due: float | None, percent: float | None) -> Lateness:
    """What the gradebook was told, and what is said now in its place: that counts for all rows."""
    if not book.exists():
        return IN_TIME.with_changes(due, percent)
    old = Gradebook(book, None).lateness()
    new = old.with_changes(due, percent)
    if new.due != old.due:
        console.note(f"due {_moment(new.due)}, not {_moment(old.due)}: days late are counted anew")
    if new.percent != old.percent:
        console.note(f"a day late costs {new.percent:g} %, not {old.percent:g} %, in all rows")
    return new


def _moment(due: float | None) -> str:
    return f"{datetime.fromtimestamp(due):%Y-%m-%d %H:%M}" if due else "at any time"


def _refuse_unknown(again: tuple[str, ...], found: list[Submission]) -> None:
    for name in set(again) - {one.name for one in found}:
        close = " or ".join(near(name, (one.name for one in found)))
        raise TitoError(f"no submission {name!r}", f"did you mean {close}?")


def _shard(found: list[Submission], shard: str, seed: int | None) -> list[Submission]:
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    first, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= first <= count:
        raise TitoError(f"--shard {shard} is not K/N", "say 1/4, 2/4, 3/4 and 4/4")
    if seed is None:
        raise TitoError("shards need one seed", "say --seed with the same number for each")
    return found[first - 1 :: count]


def _run(plan: Plan, book: Path, found: list[Submission]) -> Gradebook:
    run, start, done = Run(plan, book), time.monotonic(), 0

    def rate(_: object) -> str:
        return f"{done / max(time.monotonic() - start, 0.1):.1f} a second"

    try:
        with click.progressbar(
            run.grade(found), length=len(found), label="grading", show_pos=True, item_show_func=rate
        ) as names:
            for _ in names:
                done += 1
    except KeyboardInterrupt:
        console.note(f"stopped: what was graded is in {book}", "the same command goes on")
        raise
    return run.gradebook


def _conclude(book: Gradebook, folder: Path) -> None:
    graded, out_of = book.all(), book.batch.out_of
    unreadable = [one for one in graded if not one.verdicts]
    full = sum(one.points == out_of for one in graded)
    console.ok(f"{len(graded)} graded, {full} with all {out_of:g} points: {folder}/grades.csv")
    for one in unreadable:
        console.note(f"{one.name}: {one.note}")
    console.plain(f"  hand out {folder}/feedback/, keep {folder}/{BOOK}")
