"""Point 6: form of the notebooks, docstrings of the exports, and no number out of thin air."""

import ast
import re
import subprocess
import sys
from functools import cache

import jupytext

from tests.course.conftest import COURSE
from tito.course import Module
from tito.exercises import find_exercises
from tito.notebook.cell import Cell

NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d+\.\d+|\d{3,})(?![\w,]|\.\d)")
# Numbers that are names: sections, tables and years of papers, code, powers of ten, versions.
NAMES = re.compile(
    r"(?:sections?|tables?|chapters?|equations?) [\d.]+|(?:et al\.|&|and) ?\w* \d{4}\b|\(\d{4}\)"
    r"|`[^`]*`|10\^\d|Python 3\.\d+",
    re.IGNORECASE,
)
# Facts about other people's models, each with its source in the text cell that states it.
SOURCED = {"2,048"}  # GPT-3's context: Brown et al. 2020, table 2.1


@cache
def printed(module: Module) -> str:
    command = [sys.executable, "-X", "utf8", str(module.script)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout


def numbers_in_prose(cell: Cell) -> list[str]:
    return NUMBER.findall(NAMES.sub(" ", " ".join(cell.source.split())))


def test_every_number_in_the_text_is_printed_computed_or_sourced(module: Module):
    code = "\n".join(cell.source for cell in module.cells if cell.kind == "code")
    known = (printed(module) + code).replace("_", "").replace(",", "")
    exercises = {exercise.number for exercise in find_exercises(module.cells)}
    for cell in module.cells:
        for number in numbers_in_prose(cell) if cell.kind == "markdown" else []:
            if number not in SOURCED | exercises:
                assert number.replace(",", "") in known, f"{number}: {cell.source}"


def test_every_code_cell_has_nbgrader_metadata_and_an_id_of_its_own(module: Module):
    ids = []
    for cell in module.cells:
        if cell.kind == "code":
            grading = cell.metadata["nbgrader"]
            assert grading["schema_version"] == 3
            assert grading["grade"] == ("points" in grading) == cell.grade_id.startswith("test-")
            ids.append(cell.grade_id)
    assert len(ids) == len(set(ids))


def test_every_exercise_has_a_heading_a_hint_a_test_and_its_place_in_the_order(module: Module):
    exercises = find_exercises(module.cells)
    numbers = [exercise.number for exercise in exercises]
    assert numbers == [f"{int(module.number)}.{k + 1}" for k in range(len(numbers))]
    headings = "\n".join(cell.source for cell in module.cells if cell.kind == "markdown")
    tests = {cell.grade_id for cell in module.cells}
    for exercise in exercises:
        assert f"### Exercise {exercise.number}: " in headings
        assert exercise.hints, f"exercise {exercise.number} has no hint"
        assert f"test-{exercise.number}" in tests


def test_a_save_in_jupyterlab_would_change_nothing(module: Module):
    """The file is in the form in which jupytext writes it."""
    text = module.script.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)
    notebook.metadata = {"jupytext": {"notebook_metadata_filter": "-all"}}
    assert jupytext.writes(notebook, fmt="py:percent") == text


def test_the_setup_cell_is_the_same_in_every_module(module: Module):
    setup = {cell.grade_id: cell.source for cell in module.cells if cell.kind == "code"}["setup"]
    assert "sys.path.insert(0, str(root))" in setup
    assert setup in Module(module.root, "12", "attention").script.read_text(encoding="utf-8")


def test_a_module_stays_short_enough_for_one_evening(module: Module):
    text = [cell.source for cell in module.cells if cell.kind == "markdown"]
    words = re.sub(r"<[^>]*>|\$\$?[^$]*\$\$?", " ", "\n".join(text)).split()
    assert len(words) <= 2500


def test_every_export_has_a_docstring_with_its_shapes_or_arguments(module: Module):
    tree = ast.parse(module.export.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            assert first, f"{node.name} has no docstring"
            assert len(first) <= 90, f"{node.name}: the first line is too long"


def test_the_sample_cells_of_the_design_are_cells_of_the_modules():
    text = (COURSE.root / "docs" / "design.md").read_text("utf-8")
    samples = re.findall(r"^# %% nbgrader=.*$", text, re.MULTILINE)
    lines = {
        line for module in COURSE.modules for line in module.script.read_text("utf-8").splitlines()
    }
    assert samples and not set(samples) - lines
