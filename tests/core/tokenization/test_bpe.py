"""Byte pair encoding: against the plainest form, against another library, and any text back."""

import numpy as np
import pytest

from tests.core.tokenization import naive
from tinytorch.core import tokenization
from tinytorch.core.tensor import Tensor
from tinytorch.core.tokenization import (
    BPETokenizer,
    CharTokenizer,
    apply_merges,
    count_pairs,
    merge_pair,
    split_text,
    token_bytes,
    train_bpe,
)

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies
bounded = hypothesis.settings(deadline=None, derandomize=True)

PROSE = " ".join(
    f"The {a} of {b}, and the {b}ing {a}s; isn't {a}{b} a γάτα in {len(a) * 137}?"
    for a in ("cat", "matter", "other", "rate", "statement")
    for b in ("rest", "there", "tatter", "in", "🐈")
)
text = st.text(st.sampled_from("aab bc'12é\n"), max_size=60)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def test_a_sentence_on_paper() -> None:
    """abab abab: (a, b) four times; then (ab, ab) twice; then the space before it, once."""
    assert train_bpe("abab abab", 259) == [(97, 98), (256, 256), (32, 257)]
    tokenizer = BPETokenizer([(97, 98), (256, 256), (32, 257)])
    assert tokenizer.encode("abab abab ab") == [257, 258, 32, 256]


@bounded
@given(text, st.integers(0, 40))
def test_training_agrees_with_the_plainest_form(given_text, count) -> None:
    merges = train_bpe(given_text, 256 + count)
    learned = naive.train(split_text(given_text), count)
    assert token_bytes(merges)[256:] == learned


def test_training_on_prose_agrees_with_the_plainest_form() -> None:
    merges = train_bpe(PROSE, 456)
    assert token_bytes(merges)[256:] == naive.train(split_text(PROSE), 200)
    assert len(merges) == 100, "until each piece is one id"
    assert len(set(token_bytes(merges))) == 356, "no two ids have the same bytes"


def test_training_and_encoding_agree_with_the_library_tokenizers() -> None:
    library = pytest.importorskip("tokenizers")
    made = library.Tokenizer(library.models.BPE())
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=356,
        show_progress=False,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([PROSE], trainer)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    order = printable + [byte for byte in range(256) if byte not in printable]
    character = {chr(byte): byte for byte in printable}
    character |= {chr(256 + n): byte for n, byte in enumerate(order[len(printable) :])}
    theirs = {
        bytes(character[one] for one in token): number for token, number in made.get_vocab().items()
    }
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    pieces = split_text(PROSE, pattern)
    learned = naive.train(pieces, 100, order)
    assert [token for token in sorted(theirs, key=theirs.get) if len(token) > 1] == learned
    ours = BPETokenizer.from_ranks(theirs, pattern=pattern)
    for sentence in (PROSE, PROSE[::-1], "I'll see 12345 γάτες\n\n  there"):
        assert ours.encode(sentence) == made.encode(sentence).ids


@bounded
@given(st.lists(st.integers(97, 100), max_size=40))
def test_applied_merges_agree_with_one_merge_at_a_time(ids) -> None:
    merges = train_bpe("abcd bcda abab dcba aabb ccd", 280)
    new_ids = {pair: 256 + number for number, pair in enumerate(merges)}
    rank = {token: number for number, token in enumerate(token_bytes(merges))}
    assert apply_merges(ids, new_ids) == naive.encode(bytes(ids), rank)


@bounded
@given(st.lists(st.integers(0, 3)), st.integers(0, 3), st.integers(0, 3))
def test_a_merge_keeps_what_it_stands_for(ids, a, b) -> None:
    merged = merge_pair(ids, (a, b), 9)
    assert [part for one in merged for part in ((a, b) if one == 9 else (one,))] == ids
    assert a == b or (a, b) not in count_pairs(merged)
    assert sum(count_pairs(ids).values()) == max(len(ids) - 1, 0)


@bounded
@given(any_text)
def test_any_text_comes_back(given_text) -> None:
    tokenizer = BPETokenizer(train_bpe(PROSE, 400), ["<|endoftext|>"])
    assert tokenizer.decode(tokenizer.encode_ordinary(given_text)) == given_text
    assert tokenizer.decode_bytes(given_text.encode()) == given_text.encode()


@bounded
@given(st.binary(max_size=40))
def test_any_bytes_are_ids_of_a_tokenizer_without_merges(data) -> None:
    tokenizer = BPETokenizer([])
    assert tokenizer.decode_bytes(list(data)) == data
    assert tokenizer.decode(list(data)) == data.decode(errors="replace")


@bounded
@given(st.text(max_size=20), st.text(max_size=20))
def test_characters_come_back_or_are_named(vocabulary, given_text) -> None:
    tokenizer = CharTokenizer(vocabulary)
    unknown = [place for place, one in enumerate(given_text) if one not in vocabulary]
    if unknown:
        with pytest.raises(ValueError, match=f"at position {unknown[0]} has no id"):
            tokenizer.encode(given_text)
    else:
        assert tokenizer.decode(tokenizer.encode(given_text)) == given_text
        assert tokenizer.vocab_size == len({*vocabulary})


@pytest.mark.parametrize("kind", [list, tuple, np.array, Tensor, lambda x: np.array(x, np.uint8)])
def test_ids_come_in_any_form(kind) -> None:
    assert CharTokenizer("abc").decode(kind([0, 2])) == "ac"
    assert BPETokenizer([]).decode(kind([97, 99])) == "ac"


@pytest.mark.parametrize("wrong", [[0.0], np.array([[1]]), Tensor([1.0]), ["a"], 5])
def test_ids_that_are_no_integers_of_one_axis_are_refused(wrong) -> None:
    for tokenizer in (CharTokenizer("abc"), BPETokenizer([])):
        with pytest.raises(TypeError, match="ids must be integers of one axis"):
            tokenizer.decode(wrong)


def test_training_takes_no_text_and_no_merges() -> None:
    assert train_bpe("", 300) == [] == train_bpe(PROSE, 256)
    with pytest.raises(ValueError, match=r"vocab_size must be at least 256.*got 255"):
        train_bpe(PROSE, 255)


def test_a_merge_looks_at_the_pieces_that_hold_it(monkeypatch) -> None:
    """Counted, not timed: all pieces anew for each merge would be thousands of calls."""
    calls = []
    merge = tokenization.merge_pair
    monkeypatch.setattr(tokenization, "merge_pair", lambda *a: calls.append(a) or merge(*a))
    words = " ".join(f"{a}{b}" for a in "abcdefgh" for b in "stuvwxyz")
    merges = train_bpe(words, 300)
    assert len(merges) == 44 and len(calls) < 200 < 44 * 64


def test_a_piece_is_merged_once_however_often_it_comes(monkeypatch) -> None:
    tokenizer, calls = BPETokenizer(train_bpe(PROSE, 300)), []
    apply = tokenization.apply_merges
    monkeypatch.setattr(tokenization, "apply_merges", lambda *a: calls.append(a) or apply(*a))
    tokenizer.encode("cat rest" * 50)
    assert len(calls) == len({*split_text("cat rest" * 50)})
