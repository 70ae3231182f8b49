"""The drawing functions of module 12: what they show, and that words cannot break them."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tests.core.draw import normal
from tinytorch.core.attention import create_causal_mask, scaled_dot_product_attention
from tinytorch.core.tensor import Tensor
from tinytorch.head_view import HEAD_SCRIPT, HEAD_STYLE, head_view
from tinytorch.pictures import GROUNDS, RAMP, draw_heads, draw_steps, text_heatmap

QUERIES, KEYS = ["the", "dog", "barked"], ["der", "Hund"]
WEIGHTS = np.array(
    [[[0.25, 0.75], [0.0, 1.0], [0.5, 0.5]], [[1.0, 0.0], [0.1234567, 0.8765433], [1, 0]]]
)
MASK = np.array([[1, 1], [0, 1], [1, 1]])


class Page(HTMLParser):
    """The tables of a page as lists of rows, its attributes, and its tags opened and closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.opened: dict[str, int] = {}
        self.closed: dict[str, int] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened[tag] = self.opened.get(tag, 0) + 1
        self.attributes += attrs
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.closed[tag] = self.closed.get(tag, 0) + 1

    def handle_data(self, data: str) -> None:
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data.strip()


def tables(view: Any) -> list[list[list[str]]]:
    return Page(view._repr_html_().partition("</details>")[0]).tables


def test_the_text_heatmap_darkens_with_the_weight_and_crosses_out_what_is_blocked():
    lines = text_heatmap(WEIGHTS[0], QUERIES, KEYS, MASK).splitlines()
    assert lines[1:4] == ["   the  :: ##", "   dog   x @@", "barked  ++ ++"]
    assert lines[4] == "columns: 0 der, 1 Hund"


def test_the_text_heatmap_takes_a_tensor_and_stays_ascii():
    drawn = text_heatmap(Tensor(WEIGHTS[0][:2]), QUERIES[:2])
    assert drawn.isascii()
    assert "0 the, 1 dog" in drawn


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()


def columns_of(line: str) -> int:
    """Counted apart from `pictures.width`: an accent takes none, a Chinese character two."""
    return sum(0 if c == "\u0301" else 2 if "\u4e00" <= c <= "\u9fff" else 1 for c in line)


@pytest.mark.parametrize("style", [{}, {"percent": True}, {"colour": True}])
def test_wide_and_combining_characters_keep_the_columns_in_line(style):
    words = ["我们", "cafe\u0301", "naïve", "x", "\u5bb6" * 9]
    lines = plain(text_heatmap(np.full((5, 5), 0.2), words, mask=np.eye(5), **style))[:6]
    assert len({columns_of(line) for line in lines}) == 1


def test_numbers_stand_before_a_character_or_on_a_colour_and_the_scale_ends_where_it_is_told():
    weights, mask = np.array([[1, 0], [0.4, 0.6]]), np.array([[1, 0], [1, 1]])
    drawn = text_heatmap(weights, ["a", "b"], mask=mask, top=0.6, percent=True).splitlines()
    assert drawn[:3] == ["    0   1 ", "a  100  x ", "b  40* 60@"]
    assert drawn[-1] == "scale: 0 [ .:-=+*#%@] 60 percent, x = blocked"
    coloured = text_heatmap(weights, ["a", "b"], mask=mask, top=0.6, colour=True)
    assert plain(coloured)[1:3] == ["a  100  x ", "b  40  60 "]


def test_weights_that_are_no_numbers_or_below_zero_do_no_harm():
    wrong = np.array([[np.nan, np.inf], [-1, 2]])
    for style in ({}, {"percent": True}, {"colour": True}):
        lines = plain(text_heatmap(wrong, ["a", "b"], **style))
        assert len(lines) == 5
        assert lines[2].startswith("b ")


def test_the_colours_grow_lighter_from_zero_to_one():
    steps = [0, 95, 135, 175, 215, 255]  # of red, green and blue in a terminal's 216 colours
    colours = [(steps[n // 36], steps[n // 6 % 6], steps[n % 6]) for n in np.array(GROUNDS) - 16]
    light = [0.3 * red + 0.59 * green + 0.11 * blue for red, green, blue in colours]
    assert light == sorted(set(light))
    assert len(light) == len(RAMP)


def test_the_grid_has_one_map_a_head_with_the_weights_on_a_scale_from_0_to_1():
    pytest.importorskip("matplotlib").use("Agg")
    figure = draw_heads(WEIGHTS, QUERIES, KEYS, MASK)
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == ["head 0", "head 1"]
    for axes, weights in zip(maps, WEIGHTS, strict=True):
        assert np.array_equal(axes.images[0].get_array(), weights)
        assert axes.images[0].get_clim() == (0, 1)
        assert [(text.get_text(), text.get_position()) for text in axes.texts] == [("×", (0, 1))]
        assert [label.get_text() for label in axes.get_xticklabels()] == KEYS
        assert [label.get_text() for label in axes.get_yticklabels()] == QUERIES
    import matplotlib.pyplot as plt

    plt.close(figure)


def test_the_steps_are_scores_masked_scores_and_weights():
    pytest.importorskip("matplotlib").use("Agg")
    Q, K = (Tensor(x) for x in normal(3, (1, 3, 2), (1, 3, 2)))
    causal = create_causal_mask(3)
    right = (Q.data[0, :, None] * K.data[0, None]).sum(axis=-1)
    shares = scaled_dot_product_attention(Q, K, K, causal)[1].data[0]
    figure = draw_steps(right, right / np.sqrt(2), shares, QUERIES, causal)
    scores, scaled, weights = (axes.images[0] for axes in figure.axes[:3])
    assert np.allclose(scores.get_array(), right)
    assert np.allclose(scaled.get_array().filled(0), np.tril(right / np.sqrt(2)))
    assert np.allclose(weights.get_array(), shares)
    assert scores.get_clim() == scaled.get_clim() == (right.min(), right.max())
    import matplotlib.pyplot as plt

    plt.close(figure)


def test_the_head_view_holds_every_weight_to_three_digits_in_a_table_a_head():
    top = ["", *KEYS]
    assert tables(head_view(WEIGHTS, QUERIES, KEYS, MASK)) == [
        [top, ["the", "0.25", "0.75"], ["dog", "×", "1"], ["barked", "0.5", "0.5"]],
        [top, ["the", "1", "0"], ["dog", "×", "0.877"], ["barked", "1", "0"]],
    ]


def test_without_scripts_the_tables_of_the_head_view_are_open_and_stand_before_the_script():
    html = head_view(WEIGHTS, QUERIES, KEYS)._repr_html_()
    fallback, _, script = html.partition("<script>")
    assert "<details open>" in fallback
    assert fallback.count("<table>") == 2
    assert "<table" not in script
    assert "display: none" not in HEAD_STYLE


def test_words_with_markup_stay_words():
    words = ["<script>alert(1)</script>", "</details>", '"&amp;', "<b>"]
    view = head_view(np.eye(4), words)
    assert tables(view)[0][0] == ["", *words]
    assert [row[0] for row in tables(view)[0][1:]] == words
    assert view.html.count("<script>") == view.html.count("</script>") == 1
    assert "innerHTML" not in re.sub(r"(svg|view|lastChild)\.innerHTML", "", HEAD_SCRIPT)


def test_two_views_share_no_ids_and_each_builds_only_what_no_other_has_built():
    page = Page(head_view(WEIGHTS, QUERIES, KEYS).html + head_view(np.eye(3), QUERIES).html)
    assert not [name for name, _ in page.attributes if name in ("id", "name", "for")]
    assert "getElementById" not in HEAD_SCRIPT
    assert '".tt-heads:not(.alive)"' in HEAD_SCRIPT
    assert page.opened == page.closed, "a page goes on as it was behind a view"


def test_style_and_script_of_a_view_stay_small_and_need_nothing_from_elsewhere():
    view = head_view(WEIGHTS, QUERIES, KEYS)
    markup = re.sub(r"(?s)<table>.*</table>", "", view.html)
    assert len(markup.encode()) < 5500
    assert not re.search(r"https?://|@import|url\(|\bimport\b|\bfetch\b", markup)


def test_the_head_view_takes_one_map_and_a_tensor():
    view = head_view(Tensor(np.eye(3)), QUERIES)
    assert len(tables(view)) == 1
    assert (
        repr(view)
        == "<HeadView of 1 heads, 3 queries, 3 keys: a notebook shows it, .html holds it>"
    )


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 2, 2), (1, 2, 3, 2), (3,)])
def test_weights_that_do_not_fit_the_words_are_refused_with_both_sizes(shape):
    expected = rf"{re.escape(str(shape))}; these words need \(heads, 3, 2\)"
    with pytest.raises(ValueError, match=expected):
        head_view(np.zeros(shape), QUERIES, KEYS)
