"""Point 6: form of the notebooks, docstrings of the exports, and no number out of thin air."""

import ast
import re
import statistics
import subprocess
import sys
from functools import cache

import jupytext

from tests.course.conftest import COURSE
from tito.course import Module
from tito.exercises import find_exercises, find_regions
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


def test_every_code_cell_has_a_name_of_its_own_and_each_test_its_points(module: Module):
    cells = [cell for cell in module.cells if cell.kind == "code"]
    names = [cell.grade_id for cell in cells]
    assert all(names) and len(names) == len(set(names))
    for cell in cells:
        assert ("points" in cell.metadata) == cell.grade_id.startswith("test-")
        assert {*cell.metadata} <= {"title", "points"}


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
    assert "sys.path[:0] = [str(root), str(here)]" in setup
    setup, _, checks = setup.rpartition("\n\n")
    assert checks == f"import {module.name}_checks as checks"
    assert setup in Module(module.root, "12", "attention").script.read_text(encoding="utf-8")


def test_a_module_stays_short_enough_for_one_evening(module: Module):
    text = [cell.source for cell in module.cells if cell.kind == "markdown"]
    words = re.sub(r"<[^>]*>|\$\$?[^$]*\$\$?", " ", "\n".join(text)).split()
    assert len(words) <= 2500


def test_a_test_cell_is_short_and_no_code_line_is_long(module: Module):
    code = [cell for cell in module.cells if cell.kind == "code"]
    sizes = [len(cell.text.split("\n")) for cell in code if cell.grade_id.startswith("test-")]
    assert statistics.median(sizes) <= 6 and max(sizes) <= 12
    for cell in code:
        assert all(len(line) <= 100 for line in cell.lines), cell.grade_id


def test_nothing_helps_before_the_first_exercise(module: Module):
    """What stands there is text, what is exported, and the data of the lesson."""
    for cell in module.cells:
        if find_regions(cell.lines):
            return
        defined = re.findall(r"^(?:def|class) \w+", cell.source, re.MULTILINE)
        assert not defined or "#| export" in cell.source or cell.grade_id == "example"


def test_module_12_is_one_chapter():
    text = Module(COURSE.root, "12", "attention").script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 1150


def test_every_export_has_a_docstring_with_its_shapes_or_arguments(module: Module):
    tree = ast.parse(module.export.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            assert first, f"{node.name} has no docstring"
            assert len(first) <= 90, f"{node.name}: the first line is too long"


def test_the_sample_cells_of_the_design_are_cells_of_the_modules():
    text = (COURSE.root / "docs" / "design.md").read_text("utf-8")
    samples = re.findall(r"^# %% [\w.-]+(?: points=\d+)?$", text, re.MULTILINE)
    lines = {
        line for module in COURSE.modules for line in module.script.read_text("utf-8").splitlines()
    }
    assert samples and not set(samples) - lines
