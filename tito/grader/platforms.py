"""Files that learning platforms import: grades for Canvas and Moodle, and feedback for both.

Canvas: `lib/gradebook_importer.rb` and `Assignment#infer_comment_context_from_filename` of
https://github.com/instructure/canvas-lms say what it reads. Moodle: `mod/assign/feedback/offline/
importgradeslib.php` and `mod/assign/feedback/file/importziplib.php` of
https://github.com/moodle/moodle.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from tito.grader.gradebook import Batch
from tito.grader.grades import Grade
from tito.grader.intake import names
from tito.grader.table import plain
from tito.grader.text import number, printable

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")  # Canvas knows them by place
MOODLE = ("Identifier", "Full name", "Grade", "Last modified (grade)")
MADE = (1980, 1, 1, 0, 0, 0)  # the same bytes at any time
Pages = tuple[str, str]  # one learner's, as HTML and as Markdown


def canvas_csv(batch: Batch, learners: Iterable[Grade], assignment: str) -> bytes:
    """One row a learner of Canvas's who has a grade; empty if there is none.

    Who handed in nothing has no row: an empty cell would take an earlier grade away.
    """
    rows: list[list[str | float]] = [
        [*_for_canvas(grade, user), "EX" if grade.final is None else number(grade.final)]
        for grade in learners
        if (user := _id(grade, "canvas")) and _has_grade(grade)
    ]
    possible: list[str | float] = ["    Points Possible", "", "", "", "", number(batch.out_of)]
    return _csv([[*CANVAS, assignment], possible, *rows]) if rows else b""


def _for_canvas(grade: Grade, user: str) -> list[str]:
    person = grade.person
    school = [person.sid, person.login, person.section] if person else ["", "", ""]
    return [_cell(grade.student), user, *map(_cell, school)]


def _cell(text: str) -> str:
    return plain(printable(text))


def moodle_csv(learners: Iterable[Grade]) -> bytes:
    """One row a participant who has a grade; empty if there is none.

    An empty grade changes nothing, a word in its place would be saved as 0. Comments are on the
    pages: an empty cell of theirs would take away what was written in Moodle.
    """
    rows = [
        [
            *(f"Participant {number_of}", _cell(grade.student)),
            *("" if grade.final is None else number(grade.final), "-"),
        ]
        for grade in learners
        if (number_of := _id(grade, "moodle")) and _has_grade(grade)
    ]
    return _csv([[*MOODLE], *rows]) if rows else b""


def _has_grade(grade: Grade) -> bool:
    """A zero for who handed in nothing is an instructor's to give."""
    return bool(grade.graded) or grade.total is not None or grade.is_excused


def _id(grade: Grade, platform: str) -> str:
    """What the roster says, else what stands in the name of the file."""
    if grade.person:
        return str(getattr(grade.person, platform))
    ids = (one.partition(":") for one in (grade.graded.ids if grade.graded else ()))
    return next((number_of for key, _, number_of in ids if key == platform), "")


def _csv(rows: Iterable[Iterable[str | float]]) -> bytes:
    """Without a byte-order mark, which Canvas takes for a part of its first cell."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode("utf-8")


def canvas_feedback(learners: Iterable[tuple[Grade, Pages]]) -> bytes:
    """A zip for "Upload Submissions"; empty without files from there.

    Canvas shows the file under the name that was handed in: so it is of that kind.
    """
    return _zip(
        (grade.graded.name, _of_kind(PurePath(grade.graded.name).suffix.lower(), pages))
        for grade, pages in learners
        if grade.graded and names.parse(grade.graded.name).order
    )


def _of_kind(ending: str, pages: Pages) -> bytes:
    html, markdown = pages
    if ending == ".zip":
        return _zip([("feedback.html", html.encode())])
    if ending == ".ipynb":
        cell = {"cell_type": "markdown", "id": "feedback", "metadata": {}, "source": markdown}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(notebook, ensure_ascii=False, indent=1).encode()
    return html.encode() if ending in (".html", ".htm") else markdown.encode()


def moodle_feedback(learners: Iterable[tuple[Grade, Pages]]) -> bytes:
    """A zip for "Upload multiple feedback files in a zip"; empty without participants.

    The number counts, and an underscore in the name would hide it.
    """
    return _zip(
        (f"{_moodle_name(grade)}_{who}_assignsubmission_file_/feedback.html", html.encode())
        for grade, (html, _) in learners
        if (who := _id(grade, "moodle"))
    )


def _moodle_name(grade: Grade) -> str:
    kept = (char if char.isalnum() else " " for char in grade.student)
    return " ".join("".join(kept).split()) or "Participant"


def _zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    found = dict(_first_of_each(files))
    if not found:
        return b""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(found):
            packed.writestr(zipfile.ZipInfo(name, MADE), found[name])
    return file.getvalue()


def _first_of_each(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Those who share a submission share the page on it, too: Canvas shows it to the group."""
    seen = set[str]()
    for name, content in files:
        if name not in seen:
            seen.add(name)
            yield name, content
