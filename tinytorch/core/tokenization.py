# 10. Tokenization
# Made from modules/10_tokenization/tokenization_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: b17df0d0c775ad9e470cbf170a02580ff83e26d37840c63ce5caa71107fc6f79


# cell: imports
import heapq
import operator
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from tinytorch.core.tensor import unwrap
from tinytorch.tokenizer_base import Pair, TokenizerBase, compile_pattern


# cell: as-list
def as_list(ids: Any) -> list[int]:
    """Return ids of one axis, a list, array or tensor, as a list of ints.

    Raises:
        TypeError: an id is no integer.
    """
    try:
        return [operator.index(number) for number in unwrap(ids)]
    except TypeError:
        raise TypeError(f"ids must be integers of one axis; got {ids!r}") from None


# cell: 10.1-char-tokenizer
class CharTokenizer:
    """One id for each character of a text, in sorted order.

    Args:
        text: its characters are the vocabulary.

    Source: the character-level vocabulary of Karpathy's char-rnn and nanoGPT.
    """

    def __init__(self, text: str) -> None:
        self.characters = sorted(set(text))
        self.ids = {character: number for number, character in enumerate(self.characters)}

    @property
    def vocab_size(self) -> int:
        """The number of ids."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Return the id of each character.

        Raises:
            ValueError: a character has no id; it is named with its position.
        """
        for position, character in enumerate(text):
            if character not in self.ids:
                raise ValueError(f"text: {character!r} at position {position} has no id")
        return [self.ids[character] for character in text]

    def decode(self, ids: Any) -> str:
        """Return the text of ids: a list, array or tensor of one axis.

        Raises:
            ValueError: an id is none of the vocabulary; it is named with its position.
        """
        numbers = as_list(ids)
        for position, number in enumerate(numbers):
            if not 0 <= number < self.vocab_size:
                raise ValueError(
                    f"ids: {number} at position {position} is no id; "
                    f"valid ids are 0 to {self.vocab_size - 1}"
                )
        return "".join(self.characters[number] for number in numbers)


# cell: 10.2-count-pairs
def count_pairs(ids: Sequence[int]) -> Counter[Pair]:
    """Count the pairs of neighbours: (a, b) -> how often b follows a; overlaps count."""
    return Counter(pairwise(ids))


# cell: 10.3-merge-pair
def merge_pair(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Put `new_id` in place of each `pair`, from left to right, in a new list."""
    merged: list[int] = []
    position = 0
    while position < len(ids):
        if tuple(ids[position : position + 2]) == pair:
            merged.append(new_id)
            position += 2
        else:
            merged.append(ids[position])
            position += 1
    return merged


# cell: 10.4-character-class
@cache
def character_class(category: str) -> str:
    """Return the characters of a Unicode category as ranges: the inside of `[...]` in `re`.

    Args:
        category: how the category begins: "L" for letters, "Lu" for capitals, "N" for numbers.

    Returns:
        Ranges such as `A-Za-z`.

    Raises:
        ValueError: no character has such a category.

    Source: the general categories of the Unicode Character Database, in this Python's version.
    """
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if not unicodedata.category(chr(code)).startswith(category):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    if not ranges:
        raise ValueError(f"category: no character has the Unicode category {category!r}")
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges)


# cell: split-text
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split_text(text: str, pattern: str = GPT4) -> list[str]:
    r"""Split a text into pieces, which joined are the text again.

    Args:
        text: any text.
        pattern: a regular expression for one piece; it may hold classes as `\p{L}`.

    Raises:
        ValueError: the pattern leaves a part of the text out; or half a character (a lone
            surrogate) stands in the text, which no UTF-8 has.

    Source: the pattern of cl100k_base, published in tiktoken.
    """
    text.encode("utf-8")  # half a character is refused here, with its position
    pieces = compile_pattern(pattern, character_class).findall(text)
    if sum(map(len, pieces)) != len(text):
        raise ValueError("pattern: it leaves a part of the text out; each character needs a piece")
    return pieces


# cell: 10.5-train-bpe
def train_bpe(text: str, vocab_size: int, pattern: str = GPT4) -> list[Pair]:
    """Learn merges: again and again the most frequent pair of ids becomes a new id.

    Of equally frequent pairs the smaller goes first: (97, 98) before (97, 99).

    Args:
        text: where pairs are counted, within pieces.
        vocab_size: how many ids there shall be, the 256 bytes among them.
        pattern: how the text is split; see `split_text`.

    Returns:
        The merges in order; merge k makes the id 256 + k. Fewer where no pair is left.

    Raises:
        ValueError: `vocab_size` is smaller than 256.

    Source: Sennrich et al. 2016, "Neural machine translation of rare words with subword units",
        section 3.2; on bytes: Radford et al. 2019, section 2.2.
    """
    if vocab_size < 256:
        raise ValueError(f"vocab_size must be at least 256, one id for each byte; got {vocab_size}")
    words = Counter(split_text(text, pattern))
    pieces, times = [list(word.encode()) for word in words], list(words.values())
    totals: Counter[Pair] = Counter()
    places: dict[Pair, set[int]] = defaultdict(set)  # the pieces that hold a pair
    for place, piece in enumerate(pieces):
        for pair, count in count_pairs(piece).items():
            totals[pair] += count * times[place]
            places[pair].add(place)
    queue = [(-total, pair) for pair, total in totals.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < vocab_size - 256:
        total, best = heapq.heappop(queue)
        if totals[best] != -total:
            continue  # an older count: the present one is in the queue, too
        changed = set()
        for place in places.pop(best):
            before = count_pairs(pieces[place])
            pieces[place] = merge_pair(pieces[place], best, 256 + len(merges))
            after = count_pairs(pieces[place])
            for pair in before.keys() | after.keys():
                if before[pair] != after[pair]:
                    totals[pair] += (after[pair] - before[pair]) * times[place]
                    changed.add(pair)
                    if after[pair]:
                        places[pair].add(place)
        for pair in changed:
            if totals[pair]:
                heapq.heappush(queue, (-totals[pair], pair))
        merges.append(best)
    return merges


# cell: 10.6-token-bytes
def token_bytes(merges: Sequence[Pair]) -> list[bytes]:
    """Return the bytes of each id: 256 single bytes, then those of each merge.

    Raises:
        ValueError: a part of a merge is no id so far.
    """
    vocabulary = [bytes([number]) for number in range(256)]
    for number, (a, b) in enumerate(merges):
        if not (0 <= a < len(vocabulary) and 0 <= b < len(vocabulary)):
            raise ValueError(
                f"merges: merge {number} is {(a, b)}, but the ids so far are 0 to {255 + number}"
            )
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return vocabulary


# cell: 10.7-apply-merges
def apply_merges(ids: Sequence[int], new_ids: Mapping[Pair, int]) -> list[int]:
    """Merge the pairs of one piece, the earliest learned first, until none is left.

    Args:
        ids: the piece, one id a byte.
        new_ids: pair -> the id that it becomes; a smaller id was learned earlier.

    Returns:
        The ids that are left, a new list.

    Source: Sennrich et al. 2016, section 3.2.
    """
    merged = list(ids)
    while True:
        known = [pair for pair in pairwise(merged) if pair in new_ids]
        if not known:
            return merged
        best = min(known, key=lambda pair: new_ids[pair])
        merged = merge_pair(merged, best, new_ids[best])


# cell: 10.8-bpe-tokenizer
class BPETokenizer(TokenizerBase):
    """Turn any text into ids of merged bytes, and back.

    Args:
        merges: from `train_bpe`.
        special_tokens: texts that are one id each, such as `"<|endoftext|>"`: a list, which gets
            the next ids, or a dict of names and ids.
        pattern: how text is split before merging; that of the training.

    Raises:
        ValueError: a merge does not fit, or a special token has no name or id of its own.

    Source: Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.2.
    """

    def __init__(
        self,
        merges: Sequence[Pair],
        special_tokens: Iterable[str] | Mapping[str, int] | None = None,
        pattern: str = GPT4,
    ) -> None:
        super().__init__(token_bytes(merges), merges, special_tokens, pattern)

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of a text; a special token in it is text like any other.

        Raises:
            ValueError: half a character stands in the text.
        """
        ids: list[int] = []
        for piece in split_text(text, self.pattern):
            if piece not in self.cache:
                single = [self.byte_ids[byte] for byte in piece.encode()]
                self.cache[piece] = apply_merges(single, self.new_ids)
            ids += self.cache[piece]
        return ids

    def decode_bytes(self, ids: Any) -> bytes:
        """Return the bytes of ids: a list, array or tensor of one axis.

        Raises:
            ValueError: an id is none of the vocabulary; it is named with its position.
        """
        names = {number: name.encode() for name, number in self.special_tokens.items()}
        parts: list[bytes] = []
        for position, number in enumerate(as_list(ids)):
            part = self.tokens.get(number, names.get(number))
            if part is None:
                raise ValueError(f"ids: {number} at position {position} is no id of the vocabulary")
            parts.append(part)
        return b"".join(parts)

    def decode(self, ids: Any) -> str:
        """Return the text of ids; bytes that are no UTF-8 become U+FFFD, as in tiktoken."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def encode(self, text: str, allowed_special: Collection[str] = ()) -> list[int]:
        """Return the ids of a text.

        Args:
            text: any text.
            allowed_special: the special tokens that may stand in the text, or "all".

        Raises:
            ValueError: a special token stands in the text and is not allowed; half a character
                does; or `allowed_special` holds no name of a special token.

        Source: `encode` of tiktoken.
        """
        known = {*self.special_tokens}
        allowed = known if allowed_special == "all" else {*allowed_special}
        if not allowed <= known:
            raise ValueError(f"allowed_special is {allowed_special!r}; names are {sorted(known)}")
        if not known:
            return self.encode_ordinary(text)
        names = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
        ids: list[int] = []
        position = 0
        for part in re.split(f"({names})", text):
            if part in known and part not in allowed:
                raise ValueError(
                    f"text: the special token {part!r} at position {position} is not allowed; "
                    f"to make it one id, say allowed_special={{{part!r}}}"
                )
            ids += [self.special_tokens[part]] if part in known else self.encode_ordinary(part)
            position += len(part)
        return ids


__all__ = [
    "GPT4",
    "BPETokenizer",
    "CharTokenizer",
    "apply_merges",
    "as_list",
    "character_class",
    "count_pairs",
    "merge_pair",
    "split_text",
    "token_bytes",
    "train_bpe",
]
