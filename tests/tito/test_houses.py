"""Who imports whom in `tito/`: arrows run downward, nothing runs in a circle, the grader is on top.

Every import counts, also one inside a function. What is named as text (the table of commands) is no
import: that is how the learner's side reaches the instructor's.
"""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STOREYS = """
grader  __main__
commands
cli
watch
learner
export
render
run
damage
places  sync  data_sets
course
known  state  exercises
stubs  notebook  files
console  errors  lines
"""
GRADER_STOREYS = """
commands
proof  report  review
release  page  platforms  cluster
feedback  batch  statistics
alike  grades
plugin
judge
reply  other_answers  own_test
sandbox  intake  gradebook
terms
adjustments  roster
table
inside  text  verdict  magics
"""


@cache
def files() -> dict[str, Path]:
    """Each file of `tito/` by its dotted name; a package is its `__init__`."""
    paths = [path.relative_to(ROOT) for path in (ROOT / "tito").rglob("*.py")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {name: ROOT / path for name, path in names.items()}


def imported(text: str) -> set[str]:
    """The files of `tito/` that a text imports, wherever in it."""
    names = set[str]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import says the whole name"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {one if one in files() else str(node.module) for one in inside}
    return names & files().keys() - {"tito"}  # which holds the version alone


@cache
def graph() -> dict[str, set[str]]:
    return {name: imported(path.read_text("utf-8")) for name, path in files().items()}


def folded(top: str) -> dict[str, set[str]]:
    """The same of what stands directly in one folder: a folder counts as one."""
    depth, arrows = top.count(".") + 2, dict[str, set[str]]()
    for name, others in graph().items():
        if name.startswith(f"{top}."):
            unit = ".".join(name.split(".")[:depth])
            below = {".".join(one.split(".")[:depth]) for one in others if one.startswith(top)}
            arrows.setdefault(unit, set()).update(below - {unit, top})
    return arrows


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """One circle, if there is any."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def storeys(text: str, top: str) -> dict[str, int]:
    """How far from the ground each name stands."""
    rows = text.split("\n")[-2:0:-1]
    return {f"{top}.{name}": height for height, row in enumerate(rows) for name in row.split()}


def test_the_graph_sees_every_kind_of_import() -> None:
    text = "import tito.errors\ndef late():\n    from tito import cli, course as c\n"
    text += "    from tito.files import lock, whole\n"
    of_files = {"tito.files", "tito.files.whole"}
    assert imported(text) == {"tito.errors", "tito.cli", "tito.course"} | of_files
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) and not circle({"a": {"b"}, "b": {"c"}})


def test_nothing_of_the_learners_side_imports_the_instructors() -> None:
    for name, others in graph().items():
        if not name.startswith("tito.grader"):
            assert not [one for one in others if one.startswith("tito.grader")], name
            named = "tito.grader" in files()[name].read_text("utf-8")
            assert not named or name == "tito.cli", (
                f"{name} names it: only the table of commands may"
            )


def test_no_file_imports_itself_in_a_circle() -> None:
    assert circle(graph()) == []


@pytest.mark.parametrize(
    ("text", "top"), [(STOREYS, "tito"), (GRADER_STOREYS, "tito.grader")], ids=["tito", "grader"]
)
def test_arrows_run_downward(text: str, top: str) -> None:
    height, arrows = storeys(text, top), folded(top)
    assert height.keys() == arrows.keys(), "each file and folder has its storey"
    every = {(one, to) for one, others in arrows.items() for to in others}
    upward = {(one, to) for one, to in every if height[to] >= height[one]}
    assert not upward
