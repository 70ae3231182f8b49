"""How text is split: as the module `regex` does it, with nothing lost."""

import re
import sys
import unicodedata

import pytest

from tinytorch.core.tokenization import GPT4, character_class, split_text
from tinytorch.tokenizer_base import compile_pattern

pytestmark = pytest.mark.slow

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies
bounded = hypothesis.settings(deadline=None, derandomize=True)

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
O200K = "|".join(  # of o200k_base, as published in tiktoken
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
ODD = "aZ1९½ٸǅʰ'’sS tTſ\t\r\n \x0b\x1c\x1f\x85\xa0\u2028\u3000\u200b-/.!?猫🐈\u0301é"
assigned = st.characters(exclude_categories=["Cs", "Cn"])  # what no Unicode version changes
texts = st.text(st.one_of(st.sampled_from(ODD), assigned), max_size=40)


@pytest.mark.parametrize("pattern", [GPT2, GPT4, O200K], ids=["GPT-2", "GPT-4", "o200k"])
def test_pieces_are_those_of_regex(pattern) -> None:
    regex = pytest.importorskip("regex")
    theirs = regex.compile(pattern)

    @bounded
    @given(texts)
    def agree(text) -> None:
        assert split_text(text, pattern) == theirs.findall(text)

    agree()


@bounded
@given(texts)
def test_pieces_joined_are_the_text(text) -> None:
    assert "".join(split_text(text)) == text


def test_a_text_on_paper() -> None:
    pieces = ["I", "'LL", " pay", " ", "123", "45", " €", " for", "  ", " it", "!\n\n", "  "]
    assert split_text("".join(pieces)) == pieces
    assert split_text("") == []


@pytest.mark.parametrize("category", ["L", "Lu", "N", "Nd", "M", "P", "S", "Z", "Cc", "Co"])
def test_a_class_holds_every_character_of_its_category(category) -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    found = re.findall(f"[{character_class(category)}]", every)
    assert found == [one for one in every if unicodedata.category(one).startswith(category)]


def test_a_class_of_no_character_is_refused() -> None:
    with pytest.raises(ValueError, match="'Xx'"):
        split_text("a", r"\p{Xx}")


def test_white_space_is_that_of_unicode_not_of_python() -> None:
    inside, outside = (compile_pattern(one, character_class) for one in (r"[\s]", r"\S"))
    for code in range(sys.maxunicode + 1):
        is_space = chr(code).isspace() and code not in range(0x1C, 0x20)
        assert bool(inside.match(chr(code))) == is_space == (not outside.match(chr(code)))


def test_a_pattern_that_leaves_something_out_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves a part of the text out"):
        split_text("ab1", r"\p{L}+")
    with pytest.raises(ValueError, match=r"\(\?:"):
        split_text("ab", "(a)|b")


def test_half_a_character_is_refused_with_its_position() -> None:
    with pytest.raises(ValueError, match="position 2"):
        split_text("ab\ud83d")
