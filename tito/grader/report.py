"""The files made from a gradebook: CSV, JSON for machines and for Gradescope, feedback pages.

They depend on what is in the gradebook alone, so grading a batch twice gives the same bytes, and
they can be made again at any time: so pages, thousands of them, are not flushed to disk one by
one, but written into a new folder that takes the old one's place.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tito.errors import TitoError
from tito.files import atomic_write
from tito.grader import platforms
from tito.grader.alike import Alike, alike
from tito.grader.feedback import feedback, late, line
from tito.grader.gradebook import Batch, Gradebook
from tito.grader.grades import NOTHING, Grade, grades
from tito.grader.page import batch_page, markdown, page
from tito.grader.statistics import numbers
from tito.grader.table import plain
from tito.grader.text import file_names, lines, number, printable
from tito.grader.verdict import Check, Graded, Verdict

FOLDERS = {"feedback": (".html", ".md"), "gradescope": (".json",)}


def write_reports(gradebook: Gradebook, folder: Path, exercise_names: dict[str, str]) -> None:
    """Write every file that is made from a gradebook into the folder."""
    for name, endings in FOLDERS.items():
        _refuse_others(folder / name, endings)
    batch, terms = gradebook.batch, gradebook.terms()
    submissions = gradebook.all()
    learners = grades(batch, submissions, terms)
    files = file_names(grade.key for grade in learners)
    told = [
        (grade, feedback(batch, grade, exercise_names))
        for grade in learners
        if grade.graded or grade.comments
    ]
    pages = {grade.key: (page(one), markdown(one)) for grade, one in told}
    atomic_write(folder / "grades.csv", grades_csv(batch, learners))
    atomic_write(folder / "checks.csv", checks_csv(batch, submissions))
    atomic_write(folder / "grades.json", grades_json(batch, learners))
    atomic_write(folder / "skipped.csv", csv_bytes(["file", "reason"], terms.skipped))
    similar = alike(submissions)
    atomic_write(folder / "alike.csv", alike_csv(similar, submissions))
    atomic_write(folder / "missing.csv", missing_csv(learners))
    found = numbers(batch, learners, exercise_names)
    atomic_write(folder / "batch.html", batch_page(batch.module, found, len(similar)))
    _for_platforms(folder, gradebook, learners, pages)
    ways = ((".html", 0), (".md", 1))
    html = {f"{files[key]}{end}": pages[key][way] for key in pages for end, way in ways}
    _replace_folder(folder / "feedback", html)
    results = {f"{files[one.key]}.json": gradescope(batch, one) for one in learners if one.graded}
    _replace_folder(folder / "gradescope", results)


def _for_platforms(
    folder: Path, book: Gradebook, learners: list[Grade], pages: dict[str, platforms.Pages]
) -> None:
    """A file for each platform that somebody's work, or the roster, comes from."""
    module, _, title = book.batch.module.partition("_")
    assignment = book.terms().assignment or f"Module {module} {title.replace('_', ' ')}"
    with_page = [(grade, pages[grade.key]) for grade in learners if grade.key in pages]
    for name, content in {
        "grades-canvas.csv": platforms.canvas_csv(book.batch, learners, assignment),
        "grades-moodle.csv": platforms.moodle_csv(learners),
        "feedback-canvas.zip": platforms.canvas_feedback(with_page),
        "feedback-moodle.zip": platforms.moodle_feedback(with_page),
    }.items():
        if content:
            atomic_write(folder / name, content)
        else:
            (folder / name).unlink(missing_ok=True)


def grades_csv(batch: Batch, learners: Iterable[Grade]) -> bytes:
    """One row a learner, one column an exercise; what is excused is empty."""
    header = ["name", "student", "id", "anonymous", "team", "points", "out_of", "final"]
    header += ["late_days", "comment", "sandbox", "seed", "note", *map(_exercise, batch.exercises)]
    rows = []
    for grade in learners:
        graded, person = grade.graded, grade.person
        of_roster, team = (person.id, person.team) if person else ("", "")
        named = graded.name if graded else ""
        whose = [named, grade.student, of_roster, grade.anonymous, team]
        points = [grade.earned, grade.out_of, grade.final, grade.late_days]
        comment = [line for one in grade.comments.values() for line in lines(one) if line]
        how = [" ".join(comment), graded.level if graded else ""]
        by_exercise = [grade.points.get(name) for name in batch.exercises]
        rows.append([*whose, *points, *how, batch.seed, grade.note, *by_exercise])
    return csv_bytes(header, rows)


def missing_csv(learners: Iterable[Grade]) -> bytes:
    """Who is in the roster, handed in nothing and is not excused."""
    found = [grade for grade in learners if grade.note == NOTHING and not grade.is_excused]
    people = [grade.person for grade in found if grade.person]
    columns = ("name", "email", "section", "team")
    return csv_bytes(columns, [[getattr(one, name) for name in columns] for one in people])


def alike_csv(similar: Sequence[Alike], submissions: Iterable[Graded]) -> bytes:
    """One row a submission that looks like another one."""
    student = {one.name: one.student for one in submissions}
    rows = [
        [f"group {place}", name, student[name], ", ".join(group.cells)]
        for place, group in enumerate(similar, start=1)
        for name in group.names
    ]
    return csv_bytes(["group", "name", "student", "cells"], rows)


def checks_csv(batch: Batch, submissions: Iterable[Graded]) -> bytes:
    """One row a submission and check, with the reasons of hidden checks: for instructors."""
    header = ["name", "exercise", "check", "hidden", "points", "out_of"]
    header += ["category", "reason", "mistake"]
    rows = [
        [
            *(graded.name, _exercise(check.exercise), check.name, "yes" if check.hidden else "no"),
            *(verdict.points, check.points, verdict.category, verdict.reason, verdict.mistake),
        ]
        for graded in submissions
        for check, verdict in batch.results(graded)
    ]
    return csv_bytes(header, rows)


def _exercise(exercise: str) -> str:
    """Not the bare number: a spreadsheet, or pandas, would read 12.10 as 12.1."""
    return f"exercise {exercise}"


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """With CRLF as RFC 4180 has it, and a byte-order mark: Excel reads é as Ã© without."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([header, *([_cell(value) for value in row] for row in rows)])
    return file.getvalue().encode("utf-8-sig")


def _cell(value: str | float | None) -> str | float:
    if isinstance(value, str):
        return plain(printable(value))
    return "" if value is None else number(value)


def grades_json(batch: Batch, learners: Iterable[Grade]) -> str:
    """Everything, for machines."""
    return _json({**asdict(batch), "out_of": batch.out_of, "learners": list(map(_row, learners))})


def _row(grade: Grade) -> dict[str, Any]:
    return {**asdict(grade), "earned": grade.earned, "final": grade.final}


def gradescope(batch: Batch, grade: Grade) -> str:
    """What Gradescope takes as results.json.

    Every test is visible, since each says no more than its learner may see; one with visibility
    "hidden" would make Gradescope hide the total as well. Standard output is not for learners,
    and neither is the seed: the next submission's code can read what this one was told.
    """
    graded = grade.graded
    assert graded
    tests = [
        _gradescope_test(f"{exercise}.{count}", *result)
        for exercise, results in batch.by_exercise(graded).items()
        for count, result in enumerate(results, start=1)
    ]
    comments = [
        one for name, text in grade.comments.items() for one in lines(f"{name} {text}".lstrip())
    ]
    return _json(
        {
            "score": number(grade.final or 0),
            "output": _sentences(late(grade), grade.note, *comments),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "stdout_visibility": "hidden",
            "tests": tests,
            "extra_data": {"sandbox": printable(graded.level), "sha256": graded.sha256},
        }
    )


def _gradescope_test(place: str, check: Check, verdict: Verdict) -> dict[str, str | float]:
    shown = line(check, verdict)
    known = f"This looks like a known mistake: {shown.mistake}." if shown.mistake else ""
    return {
        "name": printable(shown.title),
        "number": place,
        "score": number(verdict.points),
        "max_score": number(check.points),
        "status": "passed" if shown.passed else "failed",
        "output": _sentences(known, shown.why, shown.reason),
        "visibility": "visible",
    }


def _sentences(*texts: str) -> str:
    return "\n".join(printable(text) for text in texts if text)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _refuse_others(folder: Path, endings: tuple[str, ...]) -> None:
    """A folder that is made anew must hold nothing that only its owner could make again."""
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        trace = path.name.startswith(".") and path.is_file()  # a file manager's
        if not trace and (path.is_dir() or path.suffix not in endings):
            raise TitoError(
                f"{folder} holds {path.name}, which tito did not write",
                "move it elsewhere: this folder is made anew every time",
            )


def _replace_folder(folder: Path, files: dict[str, str]) -> None:
    folder = folder.resolve()
    new, old = (folder.with_name(f".{folder.name}.{age}") for age in ("new", "old"))
    for left in (new, old):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir()
    for name, text in files.items():
        (new / name).write_bytes(text.encode("utf-8"))
    try:
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except PermissionError as error:
        message = f"cannot replace {folder}: {error.strerror}"
        raise TitoError(message, "is a page of it open elsewhere?") from None
    shutil.rmtree(old, ignore_errors=True)
