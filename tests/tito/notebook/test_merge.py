"""Merging lists of cells: properties that hold for any edit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tito.notebook.cell import Cell, name_cells
from tito.notebook.merge import merge


def cells(texts: list[tuple[str, str]]) -> list[Cell]:
    return name_cells(
        [
            Cell("code", text, {"nbgrader": {"grade_id": name}} if name else {})
            for name, text in texts
        ]
    )


NAMES = st.sampled_from(["", "", "a", "b", "c"])
LISTS = st.lists(st.tuples(NAMES, st.sampled_from("uvwxyz")), max_size=7)


def texts(merged) -> list[tuple[str, str]]:
    return [(choice.winner.grade_id, choice.winner.text) for choice in merged.choices]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LISTS, LISTS)
def test_if_only_one_side_changed_that_side_is_the_result(old, new) -> None:
    for script, notebook in ((new, old), (old, new)):
        merged = merge(cells(old), cells(script), cells(notebook))
        assert merged.conflicts == []
        assert texts(merged) == new


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LISTS, LISTS)
def test_if_both_sides_are_equal_they_are_the_result(old, new) -> None:
    merged = merge(cells(old), cells(new), cells(new))
    assert merged.conflicts == []
    assert texts(merged) == new


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LISTS, LISTS, LISTS)
def test_no_cell_of_either_side_is_lost_without_a_conflict(old, script, notebook) -> None:
    merged = merge(cells(old), cells(script), cells(notebook))
    if not merged.conflicts:
        for cell in {*script, *notebook} - set(old):
            assert cell in texts(merged)


def test_two_new_cells_in_one_place_are_both_kept_the_scripts_first() -> None:
    old = [("a", "u"), ("b", "v")]
    merged = merge(
        cells(old),
        cells([("a", "u"), ("", "x"), ("b", "v")]),
        cells([("a", "u"), ("", "y"), ("b", "v")]),
    )
    assert [text for _, text in texts(merged)] == ["u", "x", "y", "v"]


def test_two_new_cells_with_one_name_and_two_texts_are_a_conflict() -> None:
    merged = merge(cells([]), cells([("n", "x")]), cells([("n", "y")]))
    assert [(one.name, one.script, one.notebook) for one in merged.conflicts] == [("n", "x", "y")]


def test_cells_moved_on_both_sides_are_a_conflict() -> None:
    old = [("a", "u"), ("b", "v"), ("c", "w")]
    merged = merge(cells(old), cells(old[::-1]), cells([old[1], old[0], old[2]]))
    assert [one.name for one in merged.conflicts] == ["the order of the cells"]


def test_a_cell_added_twice_on_one_side_and_once_on_the_other_is_there_twice() -> None:
    merged = merge(cells([]), cells([("", "x"), ("", "y")]), cells([("", "x"), ("", "x")]))
    assert sorted(text for _, text in texts(merged)) == ["x", "x", "y"]
