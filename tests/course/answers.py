"""Answers other than the course's own, run many at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.course.conftest import COURSE
from tito.course import Module
from tito.grader.other_answers import FOLDER, OtherAnswer, plant, read
from tito.run.environment import chosen
from tito.run.failure import Failure

HERE = Path(__file__).parent
LIMIT = 10.0  # seconds for one answer


@cache
def verdicts(module: Module, folder: Path = FOLDER) -> dict[OtherAnswer, Failure | None]:
    """What tito would report for every answer of a file; one child runs them all."""
    return {answer: _judge(module, told) for answer, told in told_of(module, folder).items()}


@cache
def told_of(module: Module, folder: Path, table: bool = True) -> dict[OtherAnswer, dict]:
    """What the child records for every answer: `failed`, and by what it is known.

    A right answer is run up to its own test, a wrong one until something fails. Without the table
    of mistakes, a message describes.
    """
    answers = read(module, folder)
    task = {"file": str(module.script), "root": str(module.root), "cells": [], "answers": []}
    task["table"] = table
    tests = {cell.grade_id: cell.ordinal for cell in module.cells}
    for cell in module.cells:
        if cell.kind != "code":
            continue
        place = {"ordinal": cell.ordinal, "first_line": cell.first_line}
        task["cells"].append({**place, "code": "\n".join(cell.lines)})
        for index, answer in enumerate(answers):
            lines = plant(answer, cell.lines) if answer.number in cell.source else None
            if lines:
                until = None if answer.says else tests[f"test-{answer.number}"]
                entry = {"index": index, "cell": cell.ordinal, "until": until}
                task["answers"].append({**entry, "code": "\n".join(lines)})
    assert len(task["answers"]) == len(answers), "an entry fits no exercise, or two"
    told = _run(task, module.folder)
    return {answer: told[index] for index, answer in enumerate(answers)}


def _run(task: dict, folder: Path) -> dict[int, dict]:
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report"
        done = subprocess.run(
            [sys.executable, str(HERE / "run_many.py")],
            input=json.dumps({**task, "report": str(report), "limit": LIMIT}),
            cwd=folder,
            env=chosen(OPENBLAS_NUM_THREADS="1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told: dict[int, dict] = {}
        for line in report.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            told.setdefault(record.pop("index"), {}).update(record)
    return told


def _judge(module: Module, told: dict) -> Failure | None:
    """As tito.run.trial does it."""
    if told.get("done"):
        return None
    failed = told.get("failed") or {"type": "", "message": f"did not finish within {LIMIT:g} s"}
    return Failure.read(COURSE, {"cell": told.get("start"), **failed}, module, {})
