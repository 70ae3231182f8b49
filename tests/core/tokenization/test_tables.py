"""Special tokens, tables of ranks, files."""

import json

import pytest

from tinytorch.core.tokenization import BPETokenizer, token_bytes

END = "<|endoftext|>"
MERGES = [(97, 98), (256, 99), (32, 257)]


def ranks_of(merges) -> dict[bytes, int]:
    return {token: number for number, token in enumerate(token_bytes(merges))}


def test_special_tokens_get_the_next_ids_or_their_own() -> None:
    assert BPETokenizer(MERGES, [END, "<|x|>"]).special_tokens == {END: 259, "<|x|>": 260}
    assert BPETokenizer(MERGES, {END: 300}).vocab_size == 301
    assert BPETokenizer(MERGES, END).special_tokens == {END: 259}
    assert BPETokenizer(MERGES).vocab_size == 259


@pytest.mark.parametrize("wrong", [[END, END], [""], {END: 97}, {END: 300, "a": 300}, {END: -1}])
def test_special_tokens_that_clash_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="special_tokens"):
        BPETokenizer(MERGES, wrong)


def test_a_special_token_in_a_text_is_refused_unless_allowed() -> None:
    tokenizer = BPETokenizer(MERGES, [END])
    text = f"abc{END} abc"
    with pytest.raises(ValueError, match=r"'<\|endoftext\|>' at position 3"):
        tokenizer.encode(text)
    for allowed in ("all", {END}, [END], (END,)):
        assert tokenizer.encode(text, allowed) == [257, 259, 258]
    assert tokenizer.decode(tokenizer.encode_ordinary(text)) == text
    assert 259 not in tokenizer.encode_ordinary(text)


@pytest.mark.parametrize("wrong", [END, {"<|x|>"}, "none"])
def test_what_is_no_name_cannot_be_allowed(wrong) -> None:
    with pytest.raises(ValueError, match="allowed_special"):
        BPETokenizer(MERGES, [END]).encode("abc", wrong)


@pytest.mark.parametrize("wrong", [[(97, 256)], [(-1, 97)], [(97, 98), (97, 98)]])
def test_merges_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="merge"):
        BPETokenizer(wrong)


def test_ranks_give_the_same_tokenizer_as_merges() -> None:
    one, other = BPETokenizer(MERGES, [END]), BPETokenizer.from_ranks(ranks_of(MERGES), [END])
    for text in ("abc abc ab", "cab", "", "γ"):
        assert one.encode(text) == other.encode(text)
    assert one.vocab_size == other.vocab_size == 260


def test_a_piece_that_is_a_token_stays_whole_as_in_tiktoken() -> None:
    ranks = {**ranks_of([]), b"abc": 900}  # no two tokens make it
    tokenizer = BPETokenizer.from_ranks(ranks)
    assert tokenizer.encode("abc abcd") == [900, 32, 97, 98, 99, 100]
    assert tokenizer.vocab_size == 901


def test_ranks_that_cannot_be_are_refused() -> None:
    ranks = ranks_of(MERGES)
    with pytest.raises(ValueError, match="b'a' has no id"):
        BPETokenizer.from_ranks({token: n for token, n in ranks.items() if token != b"a"})
    with pytest.raises(ValueError, match="the same id"):
        BPETokenizer.from_ranks({**ranks, b"xyz": 97})


@pytest.mark.parametrize(
    "tokenizer",
    [
        BPETokenizer([]),
        BPETokenizer(MERGES, {END: 300}, r"\p{L}+|[^\p{L}]"),
        BPETokenizer.from_ranks({**ranks_of(MERGES), b"\xff\xfe": 500}, [END]),
    ],
    ids=["bytes", "merges", "ranks"],
)
def test_a_file_gives_the_same_tokenizer(tokenizer, tmp_path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    again = BPETokenizer.load(str(tmp_path / "tokenizer.json"))
    for text in ("abc abc ab", "1γ ", ""):
        assert again.encode(text) == tokenizer.encode(text)
    for name in ("special_tokens", "pattern", "tokens", "new_ids", "byte_ids", "vocab_size"):
        assert getattr(again, name) == getattr(tokenizer, name)


@pytest.mark.parametrize("wrong", [[], {}, {"merges": []}, {"pattern": "a", "special_tokens": {}}])
def test_a_file_that_holds_no_tokenizer_is_refused(wrong, tmp_path) -> None:
    (tmp_path / "other.json").write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=r"other.json holds no tokenizer"):
        BPETokenizer.load(tmp_path / "other.json")
