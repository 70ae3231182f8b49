"""The files made from a gradebook: CSV, JSON for machines and for Gradescope, feedback pages.

They depend on what is in the gradebook alone, so grading a batch twice gives the same bytes, and
they can be made again at any time: so pages, thousands of them, are not flushed to disk one by
one, but written into a new folder that takes the old one's place.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tito.errors import TitoError
from tito.files import atomic_write
from tito.grader.feedback import feedback, final_points, late, line
from tito.grader.gradebook import Batch, Gradebook
from tito.grader.intake.names import safe_names
from tito.grader.page import markdown, page
from tito.grader.text import number, printable
from tito.grader.verdict import Check, Graded, Verdict

FOLDERS = {"feedback": (".html", ".md"), "gradescope": (".json",)}
# A spreadsheet takes a cell that begins so for a formula, and in some countries cells end at ";".
_FORMULA = re.compile(r'(^|;)([\s"]*)(?=[=+\-@＝＋－＠])')


def write_reports(
    gradebook: Gradebook, folder: Path, exercise_names: dict[str, str], late_percent: float = 0
) -> None:
    """Write grades.csv, checks.csv, grades.json, gradescope/ and feedback/ into the folder."""
    for name, endings in FOLDERS.items():
        _refuse_others(folder / name, endings)
    batch, submissions = gradebook.batch, gradebook.all()
    files = safe_names([graded.name for graded in submissions])
    pages, for_gradescope = {}, {}
    for name, graded in zip(files, submissions, strict=True):
        told = feedback(batch, graded, exercise_names, late_percent)
        pages[f"{name}.html"], pages[f"{name}.md"] = page(told), markdown(told)
        for_gradescope[f"{name}.json"] = gradescope(batch, graded, late_percent)
    atomic_write(folder / "grades.csv", grades_csv(batch, submissions, late_percent))
    atomic_write(folder / "checks.csv", checks_csv(batch, submissions))
    atomic_write(folder / "grades.json", grades_json(batch, submissions, late_percent))
    _replace_folder(folder / "feedback", pages)
    _replace_folder(folder / "gradescope", for_gradescope)


def grades_csv(batch: Batch, submissions: Iterable[Graded], late_percent: float = 0) -> bytes:
    """One row a submission, one column an exercise."""
    header = ["name", "student", "points", "out_of", "final", "late_days"]
    header += ["sandbox", "seed", "note", *map(_exercise, batch.exercises)]
    rows = []
    for graded in submissions:
        by_exercise = batch.by_exercise(graded).values()
        earned = [sum(verdict.points for _, verdict in results) for results in by_exercise]
        final = final_points(graded, late_percent)
        points = [graded.points, batch.out_of, final, graded.late_days]
        how = [graded.level, batch.seed, graded.note]
        rows.append([graded.name, graded.student, *points, *how, *earned])
    return _csv(header, rows)


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
    return _csv(header, rows)


def _exercise(exercise: str) -> str:
    """Not the bare number: a spreadsheet, or pandas, would read 12.10 as 12.1."""
    return f"exercise {exercise}"


def _csv(header: list[str], rows: Iterable[list[Any]]) -> bytes:
    """With CRLF as RFC 4180 has it, and a byte-order mark: Excel reads é as Ã© without."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([header, *([_cell(value) for value in row] for row in rows)])
    return file.getvalue().encode("utf-8-sig")


def _cell(value: str | float) -> str | float:
    if isinstance(value, str):
        return _FORMULA.sub(r"\1\2'", printable(value))
    return number(value)


def grades_json(batch: Batch, submissions: Iterable[Graded], late_percent: float = 0) -> str:
    """Everything, for machines."""
    rows = [
        {**asdict(graded), "points": graded.points, "final": final_points(graded, late_percent)}
        for graded in submissions
    ]
    return _json({**asdict(batch), "out_of": batch.out_of, "submissions": rows})


def gradescope(batch: Batch, graded: Graded, late_percent: float = 0) -> str:
    """What Gradescope takes as results.json.

    Every test is visible, since each says no more than its learner may see; one with visibility
    "hidden" would make Gradescope hide the total as well. Standard output is not for learners,
    and neither is the seed: the next submission's code can read what this one was told.
    """
    tests = [
        _gradescope_test(f"{exercise}.{count}", *result)
        for exercise, results in batch.by_exercise(graded).items()
        for count, result in enumerate(results, start=1)
    ]
    return _json(
        {
            "score": number(final_points(graded, late_percent)),
            "output": _sentences(late(graded, late_percent), graded.note),
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
