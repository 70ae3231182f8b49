"""Writes a page for each exercise, and what these pages load: called when the book is built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import course_zip

from tito.course import Course, Module
from tito.exercises import DETAILS, Exercise, find_exercises, numbers_in, strip_answers

HERE = Path(__file__).parent
SCRIPTS = "../_static/exercise"  # as a page sees it
THREADS = "threads, which Python in a browser cannot start"
TENSORS = "the library safetensors, which is not made for Python in a browser"
ELSEWHERE = {"7.6": THREADS, "7.8": TENSORS, "7.12": TENSORS, "18.9": THREADS}


def write(folder: Path, assets: Path) -> None:
    """Write `exercises/*.md` into the folder of the book's sources, and the course to load."""
    course = Course(folder.parent)
    pages = {module: find_exercises(module.cells) for module in course.modules}
    every = [exercise.number for exercises in pages.values() for exercise in exercises]
    for module, exercises in pages.items():
        for exercise in exercises:
            after = every[every.index(exercise.number) + 1 :][:1]
            text = page(module, exercises, exercise, *after)
            save(folder / "exercises" / f"{exercise.number}.md", text)
        save(folder / "exercises" / f"{module.folder_name}.md", module_page(module, exercises))
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
    needs = ELSEWHERE.get(exercise.number)
    work = elsewhere(module, needs) if needs else bench(module, exercises, exercise, after)
    return f"""# {exercise.number} {heading(exercise)}

From the chapter [{module.title}](../chapters/{module.folder_name}.ipynb).

{lesson(exercise)}

{work}"""


def elsewhere(module: Module, needs: str) -> str:
    return f"""```{{note}}
This exercise needs {needs}. Write it in the module's notebook: `tito module start {module.number}`.
```
"""


def bench(module: Module, exercises: list[Exercise], exercise: Exercise, after: str) -> str:
    """Where the script builds the editor, what it knows, and the hints it shows one by one."""
    steps = [step for step in (exercise.plan, *exercise.hints) if step]
    hints = [f"::::::{{container}} tt-hint\n{step}\n::::::\n" for step in steps]
    facts = json.dumps(facts_of(module, exercises, exercise, after)).replace("<", "\\u003c")
    return f"""<link rel="stylesheet" href="{SCRIPTS}/page.css">
<section class="tt-exercise" aria-label="Exercise {exercise.number}">
<script type="application/json">{facts}</script></section>

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
    every = [one.number for one in exercises]
    cell = next(cell for cell in module.cells if exercise.number in numbers_in(cell))
    stub = strip_answers(cell.source)
    line = 1 + next(
        at
        for at, text in enumerate(stub.split("\n"), 1)
        if text.strip() == f"### BEGIN SOLUTION {exercise.number}"
    )
    return {
        "number": exercise.number,
        "cell": cell.name,
        "stub": stub,
        "line": line,
        "shared": len(numbers_in(cell)) > 1,
        "file": module.script.stem,
        "cells": [cell.name for cell in module.cells if numbers_in(cell)],
        "earlier": every[: every.index(exercise.number)],
        "next": after,
    }


def index(modules: Iterable[Module]) -> str:
    return contents(
        "Exercises in the browser",
        "Each exercise on a page of its own: write, run its test, read what is wrong. Python runs"
        " in your browser; nothing is installed, and nothing that you write leaves it.",
        [module.folder_name for module in modules],
    )


def module_page(module: Module, exercises: list[Exercise]) -> str:
    text = f"The exercises of the chapter [{module.title}](../chapters/{module.folder_name}.ipynb)."
    return contents(module.title, text, [exercise.number for exercise in exercises])


def contents(title: str, text: str, names: list[str]) -> str:
    below = "\n".join(names)
    return f"# {title}\n\n{text}\n\n```{{toctree}}\n:maxdepth: 1\n\n{below}\n```\n"
