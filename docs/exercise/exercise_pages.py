"""Writes a page for each exercise, and what these pages load: called when the book is built."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import course_zip

from tito.course import Course, Module
from tito.exercises import DETAILS, Exercise, find_exercises, find_regions, number_in, strip_answers

HERE = Path(__file__).parent
SCRIPTS = "../_static/exercise"  # as a page sees it


def write(folder: Path, assets: Path) -> None:
    """Write `exercises/*.md` into the folder of the book's sources, and the course as an archive."""
    course = Course(folder.parent)
    pages = {module: find_exercises(module.cells) for module in course.modules}
    every = [exercise.number for exercises in pages.values() for exercise in exercises]
    for module, exercises in pages.items():
        for exercise in exercises:
            after = every[every.index(exercise.number) + 1 :][:1]
            text = page(module, exercises, exercise, *after)
            save(folder / "exercises" / f"{exercise.number}.md", text)
    save(folder / "exercises" / "index.md", index(pages))
    (assets / "exercise").mkdir(parents=True, exist_ok=True)
    (assets / "exercise" / "worker.js").write_bytes((HERE / "worker.js").read_bytes())
    course_zip.write(assets / "exercise" / "course.zip")


def save(path: Path, text: str) -> None:
    """Sphinx reads a page again whose file is newer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def page(module: Module, exercises: list[Exercise], exercise: Exercise, after: str = "") -> str:
    steps = [step for step in (exercise.plan, *exercise.hints) if step]
    hints = [f"::::::{{container}} tt-hint\n{step}\n::::::\n" for step in steps]
    facts = json.dumps(facts_of(module, exercises, exercise, after)).replace("<", "\\u003c")
    return f"""# {exercise.number} {heading(exercise)}

From the chapter [{module.title}](../chapters/{module.folder_name}.ipynb).

{lesson(exercise)}

<link rel="stylesheet" href="{SCRIPTS}/page.css">
<section class="tt-exercise" aria-label="Exercise {exercise.number}"><script type="application/json">{facts}</script></section>

{"".join(hints)}
<script type="module" src="{SCRIPTS}/page.js"></script>
<noscript>This page needs JavaScript: its Python runs in your browser.</noscript>
"""


def heading(exercise: Exercise) -> str:
    """The `__init__` of a heading is not bold."""
    return exercise.name.replace("__", r"\_\_")


def lesson(exercise: Exercise) -> str:
    """The text below the exercise's heading; plan and hints are asked for."""
    text = DETAILS.sub("", exercise.text).replace(exercise.plan, "")
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def facts_of(
    module: Module, exercises: list[Exercise], exercise: Exercise, after: str
) -> dict[str, Any]:
    """What the script of the page knows."""
    numbers = [one.number for one in exercises]
    cell = next(cell for cell in module.cells if holds(cell.lines, exercise.number))
    stub = strip_answers(cell.source)
    begin = next(one.begin for one in find_regions(stub.split("\n")) if one.number == exercise.number)
    return {
        "number": exercise.number,
        "cell": cell.name,
        "stub": stub,
        "line": begin + 2,
        "file": module.script.stem,
        "cells": [cell.name for cell in module.cells if number_in(cell) and find_regions(cell.lines)],
        "earlier": numbers[: numbers.index(exercise.number)],
        "next": after,
    }



def holds(lines: list[str], number: str) -> bool:
    return any(region.number == number for region in find_regions(lines))


def index(pages: dict[Module, list[Exercise]]) -> str:
    """All exercises, by module."""
    parts = [
        f"## {module.title}\n\n```{{toctree}}\n{chr(10).join(one.number for one in exercises)}\n```\n"
        for module, exercises in pages.items()
    ]
    return f"""# Exercises in the browser

Each exercise on a page of its own: write, run its test, read what is wrong. Python runs in your browser;
nothing is installed, and nothing that you write leaves it.

{chr(10).join(parts)}"""
