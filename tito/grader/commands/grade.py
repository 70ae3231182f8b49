"""`tito grade SUBMISSIONS --module N` grades a batch; `tito grade merge` puts shards together."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

import click

from tito import console, files
from tito.errors import TitoError
from tito.grader.batch import Plan, Run, exercise_names, near
from tito.grader.commands.review import review
from tito.grader.commands.terms import (
    BOOK,
    adjusted,
    course_of,
    lateness_now,
    submissions_in,
    terms_now,
)
from tito.grader.gradebook import Gradebook, merge_gradebooks
from tito.grader.grades import Grade, grades
from tito.grader.intake.find import Submission
from tito.grader.judge import LIMIT
from tito.grader.report import write_reports
from tito.grader.sandbox import NAMES, level_here
from tito.grader.terms import Terms
from tito.grader.text import many

DUE = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
PERCENT = click.FloatRange(0, 100)
LATE = (
    click.option("--late-percent", type=PERCENT, help="Deducted for a day late."),
    click.option("--late-cap", type=PERCENT, help="Deducted at most, however late."),
    click.option("--late-grace", type=click.FloatRange(0), help="Hours late that cost nothing."),
)


def late_options(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(LATE):
        command = option(command)
    return command


class WithDefault(click.Group):
    """`tito grade merge`; anything else in its place is a folder of submissions."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = args[:1] and args[0] in (*self.commands, "--help")
        if not known and args and not Path(args[0]).exists():
            for name in get_close_matches(args[0], {*self.commands} - {"batch"}, 1):
                raise TitoError(f"no folder {args[0]!r}", f"did you mean `tito grade {name}`?")
        return super().parse_args(ctx, args if known else ["batch", *args])


@click.group(cls=WithDefault, help="Grade submissions, review them, or merge what shards graded.")
def grade() -> None:
    pass


grade.add_command(review)


@grade.command(help="Grade each file, folder or zip in SUBMISSIONS.")
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--module", "name", metavar="N", required=True, help="12 or attention.")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Where grades go.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count, help="At the same time.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="Draws the inputs of the checks.")
@click.option("--limit", type=click.FloatRange(0.1), default=LIMIT, help="Seconds a probe.")
@click.option("--due", type=click.DateTime(DUE), help="After this, days count as late.")
@late_options
@click.option("--again", multiple=True, metavar="NAME", help="Grade this submission anew.")
@click.option("--check", "checks", multiple=True, metavar="TEST", help="Grade it of all anew.")
@click.option("--shard", metavar="K/N", help="Only every Nth submission, from the Kth on.")
@click.option("--cluster", metavar="ADDRESS", help="Dask's scheduler; local: one of your own.")
@click.option("--roster", type=click.Path(path_type=Path), help="Who is in the course.")
@click.option("--assignment", metavar="TITLE", help="Canvas's column: 'Attention (98765)'.")
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
    late_cap: float | None,
    late_grace: float | None,
    again: tuple[str, ...],
    checks: tuple[str, ...],
    shard: str | None,
    cluster: str | None,
    roster: Path | None,
    assignment: str | None,
    unsandboxed: bool,
) -> int:
    course, module = course_of(name)
    to = folder or Path(f"grades-{module.folder_name}")
    changes = {"percent": late_percent, "cap": late_cap, "grace": late_grace}
    due_now = due.timestamp() if due else None
    terms = terms_now(to / BOOK, submissions, {"due": due_now, **changes}, roster, assignment)
    every = submissions_in(submissions, module if terms.late.due else None, to)
    _refuse_unknown(again, every)
    found = _shard(every, shard, seed) if shard else every
    level = level_here(course, module, unsandboxed)
    console.note(f"{many(len(found), 'submission')}, sandbox {NAMES[level]}")
    plan = Plan(course, module, level, seed, jobs, limit, frozenset(again), checks)
    with files.lock(to):
        with closing(_run(plan, to / BOOK, cluster)) as run:
            for check, (old, new) in run.gradebook.worth.items():
                console.note(f"{check} has {new:g} points, not {old:g}, in all rows")
            terms = adjusted(terms, run.gradebook.batch, submissions, every, exercise_names(module))
            _grade(run, found, terms)
        write_reports(run.gradebook, to, exercise_names(module))
    _conclude(run.gradebook, to)
    return 0


@grade.command(help="Make one gradebook of several FOLDERS that shards wrote.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path))
@late_options
def merge(
    folders: tuple[Path, ...],
    folder: Path,
    late_percent: float | None,
    late_cap: float | None,
    late_grace: float | None,
) -> int:
    changes = {"percent": late_percent, "cap": late_cap, "grace": late_grace}
    lateness_now(folder / BOOK, changes)
    with files.lock(folder):
        book = merge_gradebooks([one / BOOK for one in folders], folder / BOOK, **changes)
        _, module = course_of(book.batch.module)
        write_reports(book, folder, exercise_names(module))
    _conclude(book, folder)
    return 0


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


def _run(plan: Plan, book: Path, cluster: str | None) -> Run:
    if cluster is None:
        return Run(plan, book)
    from tito.grader.cluster import ClusterRun  # Dask takes a second to import

    return ClusterRun(plan, book, cluster)


def _grade(run: Run, found: list[Submission], terms: Terms) -> None:
    start, done = time.monotonic(), 0

    def rate(_: object) -> str:
        return f"{done / max(time.monotonic() - start, 0.1):.1f} a second"

    progress = run.grade(found, terms)
    try:
        with click.progressbar(
            progress, length=len(found), label="grading", show_pos=True, item_show_func=rate
        ) as names:
            for _ in names:
                done += 1
    except KeyboardInterrupt:
        console.note(f"stopped: what was graded is in {run.book}", "the same command goes on")
        raise


def _conclude(book: Gradebook, folder: Path) -> None:
    graded, out_of = book.all(), book.batch.out_of
    learners = grades(book.batch, graded, book.terms())
    full = sum(one.final is not None and one.earned >= one.out_of for one in learners)
    console.ok(f"{len(graded)} graded, {full} with all {out_of:g} points: {folder}/grades.csv")
    for one in graded:
        if not one.verdicts:
            console.note(f"{one.name}: {one.note}")
    _tell_of_roster(learners, book.terms(), folder)
    console.plain(f"  hand out {folder}/feedback/, keep {folder}/{BOOK}")


def _tell_of_roster(learners: list[Grade], terms: Terms, folder: Path) -> None:
    if terms.roster:
        missing = sum(one.graded is None for one in learners)
        if missing:
            said = f"{missing} of {len(terms.roster)} handed in nothing"
            console.note(said, f"{folder}/missing.csv")
        strangers = [one.key for one in learners if one.person is None]
        if strangers:
            shown = ", ".join(strangers[:5]) + ", ..." * (len(strangers) > 5)
            found = many(len(strangers), "submission")
            console.note(f"nobody in the roster handed in {found}: {shown}")
    if terms.skipped:
        console.note(f"skipped: {many(len(terms.skipped), 'file')}", f"{folder}/skipped.csv")
