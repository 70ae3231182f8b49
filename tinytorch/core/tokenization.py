# 10. Tokenization
# Made from modules/10_tokenization/tokenization_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 2f463df087dbc266ed7563454c70d02bf6fff1efd585d3f6769613b3f5c5985e


# cell: imports
import base64
import heapq
import json
import operator
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from tinytorch.core.tensor import unwrap

Pair = tuple[int, int]


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
        text: the characters that get an id.

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
                raise ValueError(
                    f"text: {character!r} at position {position} is not in the vocabulary"
                )
        return [self.ids[character] for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids: a list, array or tensor of one axis.

        Raises:
            ValueError: an id is none of the vocabulary; it is named with its position.
        """
        numbers = as_list(ids)
        for position, number in enumerate(numbers):
            if not 0 <= number < self.vocab_size:
                raise ValueError(
                    f"ids: {number} at position {position} is not in the vocabulary; "
                    f"valid ids are 0 to {self.vocab_size - 1}"
                )
        return "".join(self.characters[number] for number in numbers)


# cell: 10.2-count-pairs
def count_pairs(ids: Sequence[int]) -> Counter[Pair]:
    """Count each pair of neighbours: (a, b) -> how often b follows a.

    Overlapping pairs count each: (7, 7) comes twice in [7, 7, 7].
    """
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
    r"""Return all characters of a Unicode category as ranges: the inside of `[...]` in `re`.

    Args:
        category: how the category begins: "L" for letters, "Lu" for capitals, "N" for numbers.

    Returns:
        Ranges such as `A-Za-z`, from the smallest code point to the largest.

    Raises:
        ValueError: no character has such a category.

    Source: the Unicode Character Database, general categories; this Python's version of it.
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
WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern that holds `\p{...}`, which Python's `re` does not know.

    Raises:
        ValueError: the pattern has a capturing group, or `\S` inside `[...]`.
    """
    written, inside = [], False
    for part in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        if part == r"\S":
            if inside:
                raise ValueError(r"pattern: \S inside [...] is not supported")
            written.append(f"[^{WHITE_SPACE}]")
        elif part == r"\s" or part.startswith(r"\p"):
            characters = WHITE_SPACE if part == r"\s" else character_class(part[3:-1])
            written.append(characters if inside else f"[{characters}]")
        else:
            inside = part == "[" or (inside and part != "]")
            written.append(part)
    compiled = re.compile("".join(written))
    if compiled.groups:
        raise ValueError("pattern: use (?:...) for groups; (...) captures")
    return compiled


def split_text(text: str, pattern: str = GPT4) -> list[str]:
    r"""Split a text into pieces, which joined give the text again: no token crosses a border.

    Args:
        text: any text without lone surrogates.
        pattern: a regular expression, with `\p{L}` and the like, that matches one piece.

    Raises:
        ValueError: the pattern leaves a part of the text out, or a character cannot be UTF-8.

    Source: the pattern of cl100k_base, as published in tiktoken.
    """
    text.encode("utf-8")  # refuses half a character, and names its position
    pieces = compile_pattern(pattern).findall(text)
    if sum(map(len, pieces)) != len(text):
        raise ValueError("pattern: it leaves a part of the text out; every character needs a piece")
    return pieces


# cell: 10.5-train-bpe
def train_bpe(text: str, vocab_size: int, pattern: str = GPT4) -> list[Pair]:
    """Learn merges: again and again the most frequent pair becomes a new id.

    Of equally frequent pairs the one with the smaller ids goes first: (97, 98) before (97, 99).

    Args:
        text: what the pairs are counted in, piece by piece.
        vocab_size: 256 bytes and so many merges that there are this many ids.
        pattern: how the text is split; see `split_text`.

    Returns:
        The merges in order: merge k makes the id 256 + k. Fewer where no pair is left.

    Raises:
        ValueError: `vocab_size` is smaller than 256.

    Source: Sennrich et al. 2016, "Neural machine translation of rare words with subword units",
        section 3.2; on bytes as in Radford et al. 2019, section 2.2.
    """
    if vocab_size < 256:
        raise ValueError(f"vocab_size must be at least 256, one id for each byte; got {vocab_size}")
    words = Counter(split_text(text, pattern))
    pieces, times = [list(word.encode()) for word in words], list(words.values())
    totals: Counter[Pair] = Counter()
    places: dict[Pair, set[int]] = defaultdict(set)  # in which pieces a pair stands
    for place, piece in enumerate(pieces):
        for pair, count in count_pairs(piece).items():
            totals[pair] += count * times[place]
            places[pair].add(place)
    queue = [(-total, pair) for pair, total in totals.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and 256 + len(merges) < vocab_size:
        total, best = heapq.heappop(queue)
        if totals[best] != -total:
            continue  # an older count: the present one is in the queue as well
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
        ValueError: a merge is made of an id that comes later.
    """
    vocabulary = [bytes([number]) for number in range(256)]
    for number, (a, b) in enumerate(merges):
        if not (0 <= a < len(vocabulary) and 0 <= b < len(vocabulary)):
            raise ValueError(
                f"merges: merge {number} is {(a, b)}; at that point ids are 0 to {255 + number}"
            )
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return vocabulary


# cell: 10.7-apply-merges
def apply_merges(ids: Sequence[int], new_ids: Mapping[Pair, int]) -> list[int]:
    """Merge the pairs of one piece, the earliest learned first, until none is left.

    Args:
        ids: the piece, one id for each byte.
        new_ids: pair -> the id it becomes; a smaller id was learned earlier.

    Returns:
        The shorter list of ids, a new list.

    Source: Sennrich et al. 2016, section 3.2, applied to new text.
    """
    ids = list(ids)
    while len(ids) > 1:
        known = [pair for pair in pairwise(ids) if pair in new_ids]
        if not known:
            break
        best = min(known, key=new_ids.__getitem__)
        ids = merge_pair(ids, best, new_ids[best])
    return ids


# cell: special-ids
def special_ids(
    names: Iterable[str] | Mapping[str, int] | None, taken: Collection[int]
) -> dict[str, int]:
    """Give each special token its id: the one in a dict, or else the next free ones.

    Raises:
        ValueError: a name is empty or comes twice, or an id is taken.
    """
    if not isinstance(names, Mapping):
        names = list(names or ())
        if len({*names}) != len(names):
            raise ValueError(f"special_tokens: a name comes twice in {names}")
        names = {name: max(taken) + 1 + number for number, name in enumerate(names)}
    ids = [*names.values()]
    if "" in names or len({*ids}) != len(ids) or not {*ids}.isdisjoint(taken):
        raise ValueError(f"special_tokens: each needs a name and an id of its own; got {names}")
    return dict(names)


def pairs_of(ranks: Mapping[bytes, int]) -> Iterator[tuple[Pair, int]]:
    """Yield (pair, id) for each way to make a token of two that were learned before it."""
    for token, number in ranks.items():
        for cut in range(1, len(token)):
            a, b = (ranks.get(part, number) for part in (token[:cut], token[cut:]))
            if a < number and b < number:
                yield (a, b), number


def is_utf8(token: bytes) -> bool:
    """Whether bytes are whole characters."""
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


# cell: 10.8-bpe-tokenizer
class BPETokenizer:
    """Turn text into ids of merged bytes, and back.

    Args:
        merges: from `train_bpe`.
        special_tokens: texts that are one id each, such as "<|endoftext|>": a list, which gets
            the next ids, or a dict of names and ids.
        pattern: how text is split before merging; the same as in training.

    Raises:
        ValueError: a merge does not fit, or a special token is empty or has no id of its own.

    Source: Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.2.
    """

    def __init__(
        self,
        merges: Sequence[Pair],
        special_tokens: Iterable[str] | Mapping[str, int] | None = None,
        pattern: str = GPT4,
    ) -> None:
        self.merges = [(int(a), int(b)) for a, b in merges]
        self.new_ids = {pair: 256 + number for number, pair in enumerate(self.merges)}
        self.tokens = dict(enumerate(token_bytes(self.merges)))  # id -> bytes
        self.byte_ids = list(range(256))  # byte -> id
        self.cache: dict[str, list[int]] = {}  # piece -> ids
        self.pattern = pattern
        self.ranks: Mapping[bytes, int] | None = None  # only of `from_ranks`
        self.special_tokens = special_ids(special_tokens, self.tokens)

    @property
    def vocab_size(self) -> int:
        """The largest id, plus 1: the number of rows that an embedding needs."""
        return max(*self.tokens, *self.special_tokens.values()) + 1

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of a text; a special token in it is text like any other.

        Raises:
            ValueError: the text holds half a character (a lone surrogate), which is no UTF-8.
        """
        ids: list[int] = []
        for piece in split_text(text, self.pattern):
            if piece not in self.cache:
                single = [self.byte_ids[byte] for byte in piece.encode()]
                self.cache[piece] = apply_merges(single, self.new_ids)
            ids += self.cache[piece]
        return ids

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of ids: a list, array or tensor of one axis.

        Raises:
            ValueError: an id is none of the vocabulary; it is named with its position.
        """
        names = {number: name.encode() for name, number in self.special_tokens.items()}
        tokens = self.tokens | names
        numbers = as_list(ids)
        for position, number in enumerate(numbers):
            if number not in tokens:
                raise ValueError(f"ids: {number} at position {position} is not in the vocabulary")
        return b"".join(tokens[number] for number in numbers)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; bytes that are no UTF-8 become U+FFFD, as in tiktoken."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def encode(self, text: str, allowed_special: Collection[str] = ()) -> list[int]:
        """Return the ids of a text.

        Args:
            text: any text.
            allowed_special: the special tokens that may stand in the text and become one id, or
                "all". Any other is refused: a text from outside must not end a document.

        Raises:
            ValueError: the text holds a special token that is not allowed, or half a character;
                or `allowed_special` names none.

        Source: the behaviour of `encode` in tiktoken.
        """
        allowed = {*self.special_tokens} if allowed_special == "all" else {*allowed_special}
        if not allowed <= {*self.special_tokens}:
            raise ValueError(
                f"allowed_special: {allowed_special!r} must be 'all' or a set of names among "
                f"{[*self.special_tokens]}"
            )
        if not self.special_tokens:
            return self.encode_ordinary(text)
        longest_first = sorted(self.special_tokens, key=len, reverse=True)
        ids: list[int] = []
        position = 0
        for part in re.split(f"({'|'.join(map(re.escape, longest_first))})", text):
            if part in allowed:
                ids.append(self.special_tokens[part])
            elif part in self.special_tokens:
                raise ValueError(
                    f"text: special token {part!r} at position {position} is not allowed; "
                    f"to let it through, allowed_special={{{part!r}}}"
                )
            else:
                ids += self.encode_ordinary(part)
            position += len(part)
        return ids

    @classmethod
    def from_ranks(
        cls,
        ranks: Mapping[bytes, int],
        special_tokens: Iterable[str] | Mapping[str, int] | None = None,
        pattern: str = GPT4,
    ) -> "BPETokenizer":
        """Make a tokenizer from the bytes of its tokens, as tiktoken publishes cl100k_base.

        Args:
            ranks: the bytes of a token -> its id; a smaller id was learned earlier.
            special_tokens: as for the class.
            pattern: as for the class.

        Raises:
            ValueError: a single byte has no id, or two tokens have the same.
        """
        missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
        if missing:
            raise ValueError(f"ranks: the single byte {bytes(missing[:1])!r} has no id")
        tokenizer = cls([], pattern=pattern)
        tokenizer.tokens = {number: token for token, number in ranks.items()}
        if len(tokenizer.tokens) != len(ranks):
            raise ValueError("ranks: two tokens have the same id")
        tokenizer.ranks = dict(ranks)
        tokenizer.byte_ids = [ranks[bytes([byte])] for byte in range(256)]
        tokenizer.new_ids = {pair: number for pair, number in pairs_of(ranks)}
        tokenizer.cache = {  # a piece that is a token stays whole
            token.decode(): [number] for token, number in ranks.items() if is_utf8(token)
        }
        tokenizer.special_tokens = special_ids(special_tokens, tokenizer.tokens)
        return tokenizer

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file."""
        content: dict[str, Any] = {"pattern": self.pattern, "special_tokens": self.special_tokens}
        if self.ranks is None:
            content["merges"] = self.merges
        else:
            content["ranks"] = {
                base64.b64encode(token).decode(): number for token, number in self.ranks.items()
            }
        Path(path).write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "BPETokenizer":
        """Read a tokenizer that `save` wrote.

        Raises:
            ValueError: the file holds no tokenizer.
        """
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not {"pattern", "special_tokens"} <= content.keys():
            raise ValueError(f"{path} holds no tokenizer")
        rest = content["special_tokens"], content["pattern"]
        if "merges" in content:
            return cls(content["merges"], *rest)
        ranks = {base64.b64decode(token): number for token, number in content["ranks"].items()}
        return cls.from_ranks(ranks, *rest)


__all__ = [
    "GPT4",
    "WHITE_SPACE",
    "BPETokenizer",
    "CharTokenizer",
    "apply_merges",
    "as_list",
    "character_class",
    "compile_pattern",
    "count_pairs",
    "is_utf8",
    "merge_pair",
    "pairs_of",
    "special_ids",
    "split_text",
    "token_bytes",
    "train_bpe",
]
