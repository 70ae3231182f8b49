"""Answers other than the course's own: read from Markdown, planted, and run many at a time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.course.conftest import COURSE
from tito.course import Module
from tito.exercises import find_regions
from tito.failure import Failure
from tito.process import environment

HERE = Path(__file__).parent
LIMIT = 10.0  # seconds for one answer
ENTRY = re.compile(
    r"^## (\d+\.\d+) `([\w.]+)`: ([^\n]+)\n\n(?:Says: ([^\n]+)\n\n)?```python\n(.*?)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Answer:
    number: str  # "12.3"
    target: str  # "attention_weights", "Linear.forward"
    what: str  # the mistake, or the other way, in a few words
    says: str  # what the message must contain; empty for a right answer
    code: str

    def __str__(self) -> str:
        return f"{self.number} {self.target}: {self.what}"


def read(module: Module, folder: str = "wrong") -> list[Answer]:
    """The entries of one file; one that cannot be read is an error, not left out."""
    path = HERE / folder / f"{module.folder_name}.md"
    text = path.read_text(encoding="utf-8") if path.exists() or folder == "wrong" else ""
    found = [Answer(*parts) for parts in ENTRY.findall(text)]
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert len(found) == len(headings), f"{path.name}: {len(found)} of {len(headings)} can be read"
    return found


def plant(answer: Answer, lines: list[str]) -> list[str] | None:
    """Put an answer between its markers, in the lines of a file or of a cell."""
    for region in find_regions(lines):
        classes = re.findall(r"^class (\w+)", "\n".join(lines[: region.begin]), re.MULTILINE)
        in_class = len(region.indent) > 4
        target = f"{classes[-1]}.{region.name}" if in_class else region.name
        if (region.number, target) == (answer.number, answer.target):
            body = [region.indent + line if line else "" for line in answer.code.splitlines()]
            return [*lines[: region.begin + 1], *body, *lines[region.end :]]
    return None


def planted_text(answer: Answer, module: Module) -> str:
    lines = plant(answer, module.script.read_text(encoding="utf-8").splitlines())
    assert lines is not None, f"{answer}: no such exercise and function"
    return "\n".join(lines) + "\n"


@cache
def verdicts(module: Module, folder: str = "wrong") -> dict[Answer, Failure | None]:
    """What tito would report for every answer of a file; one child runs them all.

    A right answer is run up to its own test, a wrong one until something fails.
    """
    answers = read(module, folder)
    task = {"file": str(module.script), "root": str(module.root), "cells": [], "answers": []}
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
    return {answer: _judge(module, told[index]) for index, answer in enumerate(answers)}


def _run(task: dict, folder: Path) -> dict[int, dict]:
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report"
        done = subprocess.run(
            [sys.executable, str(HERE / "run_many.py")],
            input=json.dumps({**task, "report": str(report), "limit": LIMIT}),
            cwd=folder,
            env={**environment(), "OPENBLAS_NUM_THREADS": "1"},
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
    """As tito.runner does it."""
    if told.get("done"):
        return None
    failed = told.get("failed") or {"type": "", "message": f"did not finish within {LIMIT:g} s"}
    return Failure.read(COURSE, {"cell": told.get("start"), **failed}, module, {})
