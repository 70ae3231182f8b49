"""Percent scripts are read as jupytext reads them, and cells are named for good."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tito.exercises import strip_answers
from tito.notebook import percent
from tito.notebook.cell import Cell, name_cells

OF_JUPYTEXT = {"lines_to_next_cell", "cell_marker", "region_name"}
LINES = [
    "# %%",
    "# %% [markdown]",
    "# %% [raw]",
    "# %% A title",
    "# %% 12.4-weighted-sum",
    "# %% test-12.4 points=3",
    "# %% [markdown] points=3",
    "# %% 12.4-weighted-sum [markdown]",
    "# %% test-12.4 [markdown] points=3",
    "# %% test-12.4 points=03",
    "# %% points=3",
    "#    # %% x",
    "# %%% deeper",
    "    # %% in a function",
    '# %% nbgrader={"grade": false, "grade_id": "12.3-a", "x": [1, 2]} tags=["a b"]',
    '# %% [markdown] key="va=lue"',
    '# %% {"a": 1}',
    "# %% .class",
    '# %% language="bash"',
    "# In[3]:",
    "#%%",
    "#%%time",
    "%%timeit",
    "# %matplotlib inline",
    "# %cd a # noescape",
    "%pip install x",
    "# !ls",
    "x = !ls",
    "# why?",
    "    # why?",
    "foo?",
    "# copy that",
    "# cd \\",
    "# more",
    "x = 1",
    "    return 1",
    "def f():",
    '"""',
    "'''",
    'x = """ a',
    'b """',
    "r'''",
    "s = '# %% x'",
    "# it's",
    "it's",
    "# # Heading",
    "#",
    "# ```mermaid",
    "# ```",
    "# ````",
    "# ~~~",
    '    """One line, it\'s all: "a" # b"""',
    '    """',
    '"""a" """',
    'x = "a" # """',
    '# """',
    "```",
    "",
    " ",
    "# +",
    "# # +",
    "# ---",
    "# jupyter:",
    "#   x: 1",
    "# title: a",
    "#!/usr/bin/python",
    "# -*- coding: utf-8 -*-",
    'é = "✓"',
    'print("a#b\'")',
    "'\\''",
]
MODULES = sorted(Path(__file__).resolve().parents[3].glob("modules/*/*_dev.py"))


def read_by_jupytext(text: str) -> list[tuple[str, str, dict[str, object]]]:
    notebook = jupytext.reads(text, fmt="py:percent")
    return [
        (
            cell.cell_type,
            cell.source,
            {k: v for k, v in cell.metadata.items() if k not in OF_JUPYTEXT},
        )
        for cell in notebook.cells
    ]


def read(text: str) -> list[tuple[str, str, dict[str, object]]]:
    return [(cell.kind, cell.source, cell.metadata) for cell in percent.parse(text)[1]]


def same_or_refused(text: str) -> None:
    try:
        expected = read_by_jupytext(text)
    except (yaml.YAMLError, TypeError):  # jupytext itself cannot read some YAML headers
        return
    assert [cell[:2] for cell in read(text)] == [cell[:2] for cell in expected]


@settings(max_examples=800, deadline=None, derandomize=True)
@example(["# %% [markdown]", "# text", "# %%", "x = 1", "# ```"], True)
@example(["# %% [markdown]", "# ```mermaid", "# %% comment", "# ```", "# %%", "x = 1"], True)
@given(st.lists(st.sampled_from(LINES), max_size=9), st.booleans())
def test_the_reader_agrees_with_jupytext_on_any_mix_of_lines(lines: list[str], end: bool) -> None:
    same_or_refused("\n".join(lines) + "\n" * end)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(LINES), max_size=5), st.booleans())
def test_the_reader_agrees_below_a_yaml_header(lines: list[str], title: bool) -> None:
    kernel = ["# jupyter:", "#   kernelspec:", "#     name: python3", "#     display_name: P"]
    text = "\n".join(["# ---", *["# title: a"] * title, *kernel, "# ---", "", *lines])
    assert [cell[:2] for cell in read(text)] == [cell[:2] for cell in read_by_jupytext(text)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(LINES), max_size=9), st.sampled_from(["\n", "\r\n"]))
def test_the_pieces_of_a_file_join_to_the_same_bytes(lines: list[str], newline: str) -> None:
    text = newline.join(lines)
    before, cells = percent.parse(text)
    assert before + "".join(cell.raw for cell in cells) == text


def test_windows_newlines_and_a_byte_order_mark_change_nothing() -> None:
    text = "# %% [markdown]\n# # A\n\n# %%\nx = 1\ny = 2\n"
    assert read("\ufeff" + text.replace("\n", "\r\n")) == read(text) == read_by_jupytext(text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_and_its_stub_are_read_without_jupytext(path, monkeypatch) -> None:
    monkeypatch.setattr(percent, "_jupytexts_cell", None)
    text = path.read_text("utf-8")
    for one in (text, strip_answers(text)):
        assert read(one) == read_by_jupytext(one)


@pytest.mark.parametrize(
    "marker",
    [
        '# %% [markdown] key="va=lue" b=[1, 2]',
        '# %% A title tags=["a b", "c = d"]',
        '# %% nbgrader={"grade": false, "grade_id": "12.3-a", "x": [1, {"y": 2}]} other=1.5',
        "# %% [raw] x=null",
        "# %% Only a title",
        "#%%",
    ],
)
def test_the_metadata_on_a_marker_is_what_jupytext_reads(marker: str) -> None:
    assert read(marker + "\n1") == read_by_jupytext(marker + "\n1")


@pytest.mark.parametrize("odd", ["active=1", "tags=3", "tags=[1]", 'tags="a"', "active=null"])
def test_a_marker_that_jupytext_cannot_read_costs_only_its_metadata(odd: str) -> None:
    text = f"# %% [markdown] {odd}\n# A\n\n# %% a {odd}\nx = 1\n# !ls\n"
    assert [one[:2] for one in read(text)] == [("markdown", "A"), ("code", "x = 1\n!ls")]
    assert "".join(cell.raw for cell in percent.parse(text)[1]) == text


def test_first_line_is_the_line_of_the_file() -> None:
    text = "# %% [markdown]\n# A\n\n# %%\nx = 1\n\n\n# %% b\n# %time x\ny = 2\n\n"
    text += '# %% language="bash"\n# ls\n'
    lines = text.splitlines()
    code = [cell for cell in percent.parse(text)[1] if cell.kind == "code"]
    assert [lines[cell.first_line - 1] for cell in code] == [
        "x = 1",
        "# %time x",
        '# %% language="bash"',  # the marker holds what the notebook shows as `%%bash`
    ]


def named(grade_id: str) -> Cell:
    return Cell("code", "x", {"nbgrader": {"grade_id": grade_id}})


def test_a_nameless_cell_is_named_after_the_code_cell_before_it() -> None:
    cells = [Cell("markdown", "# A"), named("12.3-sum"), Cell("markdown", "b"), Cell("code", "c")]
    ids = [cell.id for cell in name_cells(cells)]
    assert ids == ["start-text-1", "12-3-sum", "12-3-sum-text-1", "12-3-sum-code-1"]
    assert cells[1].grade_id == "12.3-sum"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["", "a", "a.b", "a-b", "a-text-1", "é" * 70, "x" * 90]), max_size=8)
)
def test_ids_are_unique_and_valid_in_a_notebook(names: list[str]) -> None:
    cells = name_cells([named(name) if name else Cell("markdown", "t") for name in names])
    made = [nbformat.v4.new_markdown_cell("t", id=cell.id) for cell in cells]
    nbformat.validate(nbformat.v4.new_notebook(cells=made))
    assert len({cell.id for cell in cells}) == len(cells)
