"""What the tests of exercise pages share: Pyodide and the course as a page loads them."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ASSETS = ROOT / "build" / "assets"
sys.path.append(str(DOCS / "exercise"))
course_zip = importlib.import_module("course_zip")
exercise_pages = importlib.import_module("exercise_pages")
fetch_pyodide = importlib.import_module("fetch_pyodide")


@cache
def pyodide() -> Path:
    """The folder of Pyodide, fetched if it is not there; where it cannot be had, a test skips."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no Node: apt-get install nodejs npm")
    try:
        if not fetch_pyodide.NPM.exists():
            npm = ["npm", "ci", "--prefix", str(DOCS), "--silent", "--no-audit", "--no-fund"]
            subprocess.run(npm, check=True)
        return fetch_pyodide.fetch(ASSETS / "pyodide")
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"Pyodide cannot be had: {error}")


def answers(folder: Path, questions: list[tuple[str, ...]]) -> list[Any]:
    """What judge.py answers in Pyodide, under Node; JSON is read."""
    archive, asked = folder / "course.zip", folder / "questions.json"
    course_zip.write(archive)
    asked.write_text(json.dumps(questions), "utf-8")
    script = Path(__file__).with_name("pyodide_judge.mjs")
    done = subprocess.run(
        ["node", str(script), str(pyodide()), str(archive), str(asked)],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
