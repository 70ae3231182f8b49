"""What sync writes into a `.py` is what jupytext would write, and a notebook is a valid one."""

from __future__ import annotations

import jupytext
import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tito.notebook import percent
from tito.notebook.cell import Cell
from tito.notebook.ipynb import to_percent

FORMAT = {"extension": ".py", "format_name": "percent", "notebook_metadata_filter": "-all"}
LINES = [
    "x = 1",
    "%matplotlib inline",
    "    %cd a",
    "# %time x",
    "!ls \\",
    "  more",
    "y = %pwd",
    "why?",
    "# Why?",
    '"""',
    "# %% not a cell",
    "# heading",
    "",
    "- point",
]
METADATA = [
    {},
    {"nbgrader": {"grade": False, "grade_id": "1.1-a", "points": 2}},
    {"tags": ["a b"], "collapsed": True},
    {"title": "A title", "x": None},
    {"title": "test-1.1", "points": 3},
]


def by_jupytext(cell: Cell) -> str:
    made = {"cell_type": cell.kind, "metadata": cell.metadata, "source": cell.text, "outputs": []}
    whole = {"cells": [made], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return jupytext.writes(nbformat.from_dict(whole), fmt=FORMAT).rstrip("\n") + "\n"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from(["code", "markdown"]),
    st.lists(st.sampled_from(LINES), max_size=6),
    st.sampled_from(METADATA),
)
def test_a_cell_is_written_as_jupytext_writes_it(kind, lines, metadata) -> None:
    cell = Cell(kind, "\n".join(lines), metadata)
    # jupytext indents the marker of a cell that begins indented; readers do not care
    assert to_percent(cell, None) == by_jupytext(cell).lstrip()


@pytest.mark.parametrize("kind", ["code", "markdown", "raw"])
@pytest.mark.parametrize(
    "odd",
    [
        {"title": 5},
        {"title": [1]},
        {"title": None},
        {"tags": 3},
        {"tags": [1]},
        {"active": 1},
        {"language": 3},
        {"points": -1},
        {"nbgrader": 5},
    ],
    ids=str,
)
def test_metadata_of_any_kind_cost_neither_the_cell_nor_its_name(kind, odd) -> None:
    made = to_percent(Cell(kind, "x = 1", odd), None)
    (cell,) = percent.parse(made)[1]
    assert (cell.kind, cell.source) == (kind, "x = 1")
    if "title" not in odd:
        named = Cell(kind, "x = 1", {"title": "1.1-a", **odd})
        assert percent.parse(to_percent(named, None))[1][0].grade_id == named.grade_id != ""


def test_a_cell_in_another_language_is_commented() -> None:
    cell = Cell("code", "%%bash -e\nls\n\ncd x")
    assert to_percent(cell, None) == by_jupytext(cell)
    assert "\n# ls\n" in to_percent(cell, None)


def test_a_cell_in_the_place_of_another_keeps_its_marker() -> None:
    like = Cell("code", "x", {"a": 1}, raw="# %%   a=1\nx\n")
    assert to_percent(Cell("code", "y", {"a": 2}), like) == "# %%   a=1\ny\n"
