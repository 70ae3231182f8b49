r"""What a tokenizer does besides merging: given, so that module 10 stays short.

Patterns with `\p{L}`, ids of special tokens, tables in the form that tiktoken publishes, files.
"""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

Pair = tuple[int, int]
Special = Iterable[str] | Mapping[str, int] | None
Made = TypeVar("Made", bound="TokenizerBase")
# Of Unicode. Python's own `\s` also takes four control characters, U+001C to U+001F.
WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@cache
def compile_pattern(pattern: str, character_class: Callable[[str], str]) -> "re.Pattern[str]":
    r"""Compile a pattern that may hold classes as `\p{L}`, which Python's `re` does not know.

    Args:
        pattern: a regular expression.
        character_class: a category, as "L" -> its characters, as the inside of `[...]`.

    Raises:
        ValueError: the pattern has a group that captures.
    """
    written, inside = [], False  # inside [...]
    for part in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        if part == r"\S" and not inside:
            part = f"[^{WHITE_SPACE}]"
        elif part == r"\s" or part.startswith(r"\p{"):
            part = WHITE_SPACE if part == r"\s" else character_class(part[3:-1])
            part = part if inside else f"[{part}]"
        else:
            inside = part == "[" or (inside and part != "]")
        written.append(part)
    compiled = re.compile("".join(written))
    if compiled.groups:
        raise ValueError("pattern: write (?:...) for a group, not (...)")
    return compiled


def special_ids(special_tokens: Special, taken: Collection[int]) -> dict[str, int]:
    """Give each special token its id: the one in a dict, or else the next free ones.

    Raises:
        ValueError: a name is empty or comes twice, or an id is taken.
    """
    if isinstance(special_tokens, Mapping):
        found = dict(special_tokens)
    else:
        names = [special_tokens] if isinstance(special_tokens, str) else [*(special_tokens or ())]
        if len({*names}) != len(names):
            raise ValueError(f"special_tokens: a name comes twice in {names}")
        found = {name: max(taken) + 1 + number for number, name in enumerate(names)}
    ids = {*found.values()}
    own = len(ids) == len(found) and ids.isdisjoint(taken) and min(ids, default=0) >= 0
    if "" in found or not own:
        raise ValueError(f"special_tokens: each needs a name and an id of its own; got {found}")
    return found


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
        token.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class TokenizerBase:
    """The tables of a tokenizer; a subclass says how text becomes ids.

    Attributes:
        tokens: id -> its bytes.
        new_ids: pair of ids -> the id it becomes; a smaller id was learned earlier.
        byte_ids: byte -> id, a list of 256.
        special_tokens: name -> id.
        cache: piece of text -> its ids.
        pattern: how text is split.
    """

    def __init__(
        self,
        tokens: Sequence[bytes],
        merges: Iterable[Sequence[int]],
        special_tokens: Special,
        pattern: str,
    ) -> None:
        self.merges: list[Pair] = [(int(a), int(b)) for a, b in merges]
        self.ranks: dict[bytes, int] | None = None  # of `from_ranks` alone
        self.tokens = dict(enumerate(tokens))
        self.new_ids = {pair: 256 + number for number, pair in enumerate(self.merges)}
        if len(self.new_ids) != len(self.merges):
            raise ValueError("merges: a pair comes twice")
        self.byte_ids = list(range(256))
        self.cache: dict[str, list[int]] = {}
        self.pattern = pattern
        self.special_tokens = special_ids(special_tokens, self.tokens)

    @property
    def vocab_size(self) -> int:
        """The largest id, plus 1: the number of rows that an embedding needs."""
        return max([max(self.tokens), *self.special_tokens.values()]) + 1

    @classmethod
    def from_ranks(
        cls: type[Made],
        ranks: Mapping[bytes, int],
        special_tokens: Special = None,
        pattern: str | None = None,
    ) -> Made:
        """Make a tokenizer from the bytes of its tokens, as tiktoken publishes cl100k_base.

        Args:
            ranks: the bytes of a token -> its id; a smaller id was learned earlier.
            special_tokens: as for the class.
            pattern: as for the class; None means the same as there.

        Raises:
            ValueError: a single byte has no id, or two tokens have the same.
        """
        missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
        if missing:
            raise ValueError(f"ranks: the single byte {bytes(missing[:1])!r} has no id")
        options: dict[str, Any] = {} if pattern is None else {"pattern": pattern}
        make: Any = cls  # a subclass takes merges first
        tokenizer: Made = make([], **options)
        tokenizer.ranks = dict(ranks)
        tokenizer.tokens = {number: token for token, number in ranks.items()}
        if len(tokenizer.tokens) != len(ranks):
            raise ValueError("ranks: two tokens have the same id")
        tokenizer.byte_ids = [ranks[bytes([byte])] for byte in range(256)]
        tokenizer.new_ids = dict(pairs_of(ranks))
        tokenizer.cache = {  # a piece that is a token stays whole
            token.decode("utf-8"): [number] for token, number in ranks.items() if is_utf8(token)
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
                base64.b64encode(token).decode("ascii"): number
                for token, number in self.ranks.items()
            }
        Path(path).write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls: type[Made], path: str | Path) -> Made:
        """Read a tokenizer that `save` wrote.

        Raises:
            ValueError: the file holds no tokenizer.
        """
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        table = content.keys() & {"merges", "ranks"} if isinstance(content, dict) else ()
        if len(table) != 1 or not {"pattern", "special_tokens"} <= content.keys():
            raise ValueError(f"{path} holds no tokenizer")
        rest = content["special_tokens"], content["pattern"]
        if "merges" in content:
            make: Any = cls
            tokenizer: Made = make(content["merges"], *rest)
            return tokenizer
        ranks = {base64.b64decode(token): number for token, number in content["ranks"].items()}
        return cls.from_ranks(ranks, *rest)
