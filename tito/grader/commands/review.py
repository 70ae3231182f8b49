"""`tito grade review SUBMISSIONS --to GRADES` opens a graded batch in the browser."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click

from tito import console, files
from tito.course import Module
from tito.errors import TitoError
from tito.grader.batch import exercise_names
from tito.grader.commands.terms import BOOK, adjusted, course_of, known_to, submissions_in
from tito.grader.gradebook import Gradebook
from tito.grader.grades import most_points, rows
from tito.grader.report import write_reports
from tito.grader.roster import HandedIn

NEEDED = ("flask", "waitress", "pygments")


@click.command(help="Leaf through graded SUBMISSIONS in the browser, comment, give points.")
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), help="The grades.")
@click.option("--anonymous", is_flag=True, help="Numbers for names, in the code as well.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Any free one else.")
@click.option("--no-open", is_flag=True, help="Print the address, start no browser.")
def review(submissions: Path, folder: Path, anonymous: bool, port: int, no_open: bool) -> int:
    missing = [name for name in NEEDED if not find_spec(name)]
    if missing:
        said = f"tito grade review needs {', '.join(missing)}"
        raise TitoError(said, 'pip install -e ".[review]"')
    from tito.grader.review.desk import Desk
    from tito.grader.review.server import serve

    book = Gradebook(folder / BOOK, None)
    _, module = course_of(book.batch.module)
    found = {one.name: one for one in submissions_in(submissions, None, folder)}
    handed_in: dict[str, HandedIn] = {**found, **{one.name: one for one in book.all()}}
    every = rows([*handed_in.values()], book.terms().roster, most_points)
    known = known_to(book.batch, every, exercise_names(module))
    update = partial(_bring_up_to_date, book, module, submissions, folder)
    desk = Desk(book, module, submissions, found, known, anonymous)
    serve(desk, update, port, not no_open)
    update()
    console.ok(f"grades and feedback are up to date: {folder}/grades.csv")
    return 0


def _bring_up_to_date(book: Gradebook, module: Module, submissions: Path, folder: Path) -> None:
    names = exercise_names(module)
    with files.lock(folder):
        found = submissions_in(submissions, None, folder)
        book.set_terms(adjusted(book.terms(), book.batch, submissions, found, names))
        write_reports(book, folder, names)
