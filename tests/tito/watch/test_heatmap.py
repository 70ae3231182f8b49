"""Maps in a terminal: columns in line whatever the letters, colours that grow lighter."""

from __future__ import annotations

import re

import pytest

from tito.watch.heatmap import Heatmap
from tito.watch.ink import CIVIDIS_256, Style, cividis, fit, width

PLAIN = Style(0, True)


def columns_of(line: str) -> int:
    """Counted apart from `tito.watch.ink`: an accent takes none, a Chinese character two."""
    return sum(0 if c == "\u0301" else 2 if "\u4e00" <= c <= "\u9fff" else 1 for c in line)


@pytest.mark.parametrize("style", [PLAIN, Style(0, False), Style(256, True), Style(2**24, True)])
@pytest.mark.parametrize("columns", [20, 60, 100])
def test_wide_and_combining_characters_keep_the_columns_in_line(style, columns):
    words = ["我们", "cafe\u0301", "naïve", "x", "\u5bb6" * 9]
    weights = [[0.2] * 5 for _ in words]
    heatmap = Heatmap(words, [weights] * 2, None, style, columns)
    lines = [
        re.sub(r"\x1b\[[\d;]*m", "", line) for line in heatmap.band(range(2), heatmap.cell * 5)
    ]
    assert len(lines) == 2 + len(words)
    assert len({columns_of(line) for line in lines[2:]}) == 1
    assert columns_of(lines[1]) <= heatmap.label + 1 + 2 * 5 * heatmap.cell + 2


def test_width_and_fit_count_columns_and_not_characters():
    assert [width(text) for text in ("dog", "我们", "e\u0301", "")] == [3, 4, 1, 0]
    assert [fit("我们好", n, "…") for n in (6, 5, 4)] == ["我们好", "我们…", "我…"]


def test_the_colours_grow_lighter_from_zero_to_one():
    light = [0.3 * r + 0.59 * g + 0.11 * b for r, g, b in (cividis(i / 50) for i in range(51))]
    assert light == sorted(light)
    assert len(CIVIDIS_256) == 8
    assert cividis(-1) == cividis(0)
    assert cividis(2) == cividis(1)


def test_the_scale_ends_at_the_largest_weight_of_a_word_that_has_a_choice():
    blocked = [[False, True], [False, False]]
    lines = [*Heatmap(["a", "b"], [[[1.0, 0.0], [0.4, 0.6]]], blocked, PLAIN, 80).lines()]
    assert lines[1:3] == ["a  █100  ×", "b  ▅ 40 █ 60"]
    assert lines[-1] == "  percent of a row: 0 [ ▁▂▃▄▅▆▇█] 60 or more   × blocked"


def test_a_weight_that_leaks_through_the_mask_is_drawn_and_not_crossed_out():
    maps = [[[0.5, 0.5], [0.5, 0.5]]]
    assert "×" not in "".join(
        Heatmap(["a", "b"], maps, [[False, True]] * 2, PLAIN, 80).band(range(1), 10)
    )


def test_short_maps_stand_side_by_side_and_numbers_that_are_none_do_no_harm():
    maps = [[[float("nan"), float("inf")], [0.0, 1.0]]] * 3
    lines = [*Heatmap(["a", "b"], maps, None, PLAIN, 30).lines()]
    assert [line.split() for line in lines if "head" in line] == [
        ["head", "0", "head", "1"],
        ["head", "2"],
    ]
