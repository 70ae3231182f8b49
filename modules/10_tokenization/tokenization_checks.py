"""What the test cells of module 10 call: cases, and oracles that work on strings of characters."""

import copy
import re
import sys
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from tinytorch.checking import Checker, with_article
from tinytorch.checking.calls import parameters
from tinytorch.core.tensor import Tensor

check = Checker(__file__)
Function = Callable[..., Any]
Pair = tuple[int, int]
WORDS = r" ?[^ ]+| "  # a simple pattern: a word with the space before it
SENTENCE = "the cat sat on the mat, the rat sat on that"
NAMES = ["[SEP]", "<|end|>", "<|end|>!"]


def characters(ids: Sequence[int]) -> str:
    """Ids as a string, one character each: what `str` does is no code of an answer."""
    return "".join(map(chr, ids))


def numbers(text: str) -> list[int]:
    return [*map(ord, text)]


def equal_lists(got: Any, right: list[Any], one: str, what: str) -> None:
    """Two lists; of a difference the first place is told. `one` names an item."""
    text = f"a list must come; it is {with_article(type(got).__name__)}"
    check.that(isinstance(got, list), text + none(got), type(got).__name__, what)
    if max(len(got), len(right)) <= 6 and got != right:
        check.fail(what, f"{got} came, expected {right}", known(got))
    places = [i for i, (a, b) in enumerate(zip(got, right, strict=False)) if not same(a, b)]
    if places:
        i = places[0]
        text = f"{one} {i} is {got[i]!r}, expected {right[i]!r}"
        text += f"; {len(got)} came, expected {len(right)}" if len(got) != len(right) else ""
        check.fail(what, text, known(got))
    if len(got) != len(right):
        more = got[len(right)] if len(got) > len(right) else right[len(got)]
        text = "comes too much" if len(got) > len(right) else "is missing"
        told = f"{len(got)} came, expected {len(right)}: {one} {min(len(got), len(right))}"
        check.fail(what, f"{told}, {more!r}, {text}", known(got))


def kept(function: Function, what: str) -> Function:
    """The function, watched: it leaves what it is given alone, and gives no list of it back."""
    names = parameters(function)

    def watched(*given: Any) -> Any:
        before = copy.deepcopy(given)
        got = function(*given)
        for name, x, y in zip(names, before, given, strict=False):
            text = f"you changed {name}, which belongs to the caller: make a copy first"
            check.that(x == y, text, "changed", what)
            text = f"{name} itself came back, the caller's own list: make a new one"
            check.that(got is not y or not isinstance(y, list), text, "the same", what)
        return got

    watched.__name__ = getattr(function, "__name__", "")
    return watched


def none(got: Any) -> str:
    return ": is a return missing?" if got is None else ""


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def known(got: list[Any]) -> str:
    """What comes, as the table of mistakes keeps it: the last items tell lists apart."""
    return f"{len(got)}: {got[:12]!r} {got[-12:]!r}".replace(" at 0x", " ")


def listed(function: Function, oracle: Function, *arguments: Any, one: str, what: str) -> None:
    """Call an answer that gives a list twice; the first list must not change with the second."""
    right, names = oracle(*arguments), parameters(function)
    got = check.call(kept(function, what), *arguments, what=what, names=names)
    equal_lists(got, right, one, what)
    first = [*got]
    got.append(-1)
    again = check.call(function, *arguments, what=what, names=names)
    equal_lists(again, first, one, f"{what}, called again after its first result was changed")
    check.passed.append(what)


@check.exercise
def char_tokenizer(cls: Any) -> None:
    for text in (SENTENCE, "ba\nc a", "zyxä猫🐈A"):
        small, order = cls(text), "".join(sorted({*text}))

        def places(given: str, order: str = order) -> list[int]:
            return [order.index(character) for character in given]

        for given in (text, text[::-1], text[:1], ""):
            what = f"encode({given!r})"
            listed(small.encode, places, given, one="id", what=what)
        ids = places(text)
        for form, given_ids in forms(ids):
            what = f"decode of {text!r}, ids as {form}"
            found = check.call(small.decode, given_ids, what=what)
            check.same(found, text, what)
        check.same(small.decode([]), "", "decode([])")
    small = cls("abcdefgh")
    for text, says in (
        ("abé", ["é", "2"]),
        ("cabbageXÄ", ["X", "7"]),
        ("azy", ["z", "1"]),
        ("a b", ["' '", "1"]),
        ("abC", ["C", "2"]),
        ("a\n", ["1"]),
    ):
        check.raises(
            small.encode, text, says=says, what=f"CharTokenizer('abcdefgh').encode({text!r})"
        )
    for wrong, says in (([0, 1, 8], ["8", "2"]), ([7, -1], ["-1", "1"]), ([3, 93, 97], ["93"])):
        what = f"CharTokenizer('abcdefgh').decode({wrong})"
        check.raises(small.decode, wrong, says=says, what=what)


def forms(ids: list[int]) -> list[tuple[str, Any]]:
    return [("a list", ids), ("an array", np.array(ids)), ("a tensor", Tensor(ids))]


def drawn(seed: int, letters: int, length: int) -> list[int]:
    ids: list[int] = np.random.default_rng(seed).integers(5, 5 + letters, length).tolist()
    return ids


def pairs_by_place(ids: list[int]) -> Counter[Pair]:
    text = characters(ids)
    found = {
        (a, b): len(re.findall(f"(?={re.escape(chr(a) + chr(b))})", text, re.DOTALL))
        for a, b in product({*ids}, repeat=2)
    }
    return Counter({pair: count for pair, count in found.items() if count})


@check.exercise
def count_pairs(function: Function) -> None:
    for ids in (
        [1, 2, 3, 4],
        [1, 2, 3, 1, 2],
        [7, 7, 7],
        [2, 1],
        [],
        [5],
        [300, 7, 7, 7, 7, 300, 7],
    ):
        what = f"ids {ids}"
        check.agree(function, pairs_by_place, ids, what=what, kind=Counter)
    for letters in (2, 3, 5):
        what = f"97 ids of {letters} kinds"
        check.agree(function, pairs_by_place, drawn(1, letters, 97), what=what, kind=Counter)


def replaced(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    return numbers(characters(ids).replace(characters(pair), chr(new_id)))


@check.exercise
def merge_pair(function: Function) -> None:
    cases: list[tuple[list[int], Pair]] = [
        ([1, 2, 3, 1, 2], (1, 2)),
        ([1, 2, 4, 1], (1, 2)),
        ([7, 7, 7], (7, 7)),
        ([7, 7, 7, 7, 5], (7, 7)),
        ([1, 1, 2], (1, 2)),
        ([2, 1, 2, 1], (1, 2)),
        ([3, 4, 5], (4, 3)),
        ([], (1, 2)),
        ([1], (1, 2)),
        ([1, 256, 256, 2], (256, 2)),
        ([1, 1, 2, 2], (1, 2)),
    ]
    for ids, pair in cases:
        what = f"ids {ids}, pair {pair}"
        listed(function, replaced, ids, pair, 300, one="id", what=what)
    for form in (tuple, bytes):
        what = f"ids as {form.__name__}, pair (7, 7)"
        found = check.call(function, form([7, 7, 5]), (7, 7), 300, what=what)
        equal_lists(found, [300, 5], "id", what)
    what = "ids [5, 7, 7], pair (5, 7), new_id 5"
    listed(function, replaced, [5, 7, 7], (5, 7), 5, one="id", what=what)
    for a, b in product(range(5, 8), repeat=2):
        ids = drawn(2, 3, 97)
        listed(function, replaced, ids, (a, b), 7, one="id", what=f"97 drawn ids, pair {(a, b)}")


@cache
def by_category() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for character in map(chr, range(0x110000)):
        found.setdefault(unicodedata.category(character), []).append(character)
    return found


def told(found: set[str]) -> str:
    first = min(found)
    others = f" and {len(found) - 1} others" if len(found) > 1 else ""
    return f"U+{ord(first):04X} {first!r} ({unicodedata.category(first)}){others}"


@check.exercise
def character_class(function: Function) -> None:
    every = characters(range(0x110000))
    for category in ("P", "L"):
        what = f"character_class({category!r})"
        found = check.call(function, category, what=what)
        text = f"a str must come; it is {with_article(type(found).__name__)}"
        check.that(isinstance(found, str), text + none(found), type(found).__name__, what)
        text = "it must be the inside of [...]; it begins with a bracket of its own"
        check.that(not found.startswith("["), text, found[:20], what)
        names = [name for name in by_category() if name.startswith(category)]
        right = {character for name in names for character in by_category()[name]}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                got = {*re.findall(f"[{found}]", every, re.DOTALL)}
        except re.error as error:
            check.fail(what, f"re cannot read [{found[:20]}...]: {error}", str(error))
        if right - got:
            text = f"missing: {told(right - got)}"
            text += f"; and too many: {told(got - right)}" if got - right else ""
            check.fail(what, text, f"{len(right - got)} {len(got - right)}")
        if got - right:
            check.fail(what, f"too many: {told(got - right)}", f"0 {len(got - right)}")
        check.passed.append(what)
    found, what = check.call(function, "C", what="character_class('C')"), "character_class('C')"
    for code in (0, 0xD800, 0xDFFF, sys.maxunicode):
        text = f"missing: {told({chr(code)})}"
        check.that(re.fullmatch(f"[{found}]", chr(code)), text, code, what)
    check.raises(function, "Xy", says=["Xy"])


def slow_bpe(text: str, vocab_size: int, pattern: str | list[str] = WORDS) -> list[Pair]:
    """Byte pair encoding on strings: each count anew, each merge a replacement."""
    pieces = re.findall(pattern, text) if isinstance(pattern, str) else pattern
    words = [characters(piece.encode()) for piece in pieces]
    merges: list[Pair] = []
    for new_id in range(256, vocab_size):
        counts = Counter(word[i : i + 2] for word in words for i in range(len(word) - 1))
        if not counts:
            break
        best = sorted(counts, key=lambda pair: (-counts[pair], pair))[0]
        words = [word.replace(best, chr(new_id)) for word in words]
        merges.append((ord(best[0]), ord(best[1])))
    return merges


def nonsense(seed: int, letters: str, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice([*letters], length).tolist())


@check.exercise
def train_bpe(function: Function) -> None:
    cases = {
        "one piece, 'abab'": ("abab", 258),
        "'cdxab', each pair once": ("cdxab", 257),
        "' ab' four times, 'cdcdcd' once": ("ab ab ab ab ab cdcdcd", 259),
        "'a b a b a b cc'": ("a b a b a b cc", 259),
        "the sentence, 264 ids": (SENTENCE, 264),
        "'aaaa aaa aaaaaaa'": ("aaaa aaa aaaaaaa", 261),
        "a merge that takes a pair away, 'abc bcd'": ("abc abc abc bcd bcd xbc bca", 264),
        "no merges, 256 ids": (SENTENCE, 256),
        "fewer pairs than asked for, 'abc' to 300 ids": ("abc", 300),
        "no text": ("", 300),
        "γάτα and 🐈": ("γάτα γάτα 🐈🐈 γα", 270),
        "499 drawn letters": (nonsense(3, "aab c", 499), 300),
        "997 drawn letters": (nonsense(4, "abcde ", 997), 330),
    }
    for what, (text, size) in cases.items():
        listed(function, slow_bpe, text, size, WORDS, one="merge", what=what)
    pieces = ["don", "'t", " stop", " ", "123", "451", "23", " stops"]
    found = check.call(function, "".join(pieces), 266, what="GPT-4's pattern")
    equal_lists(found, slow_bpe("", 266, pieces), "merge", "GPT-4's pattern")
    check.raises(function, SENTENCE, 255, says=["255"])


def bytes_of(number: int, merges: Sequence[Pair]) -> bytes:
    if number < 256:
        return number.to_bytes(1, "big")
    a, b = merges[number - 256]
    return bytes_of(a, merges) + bytes_of(b, merges)


def every_token(merges: Sequence[Pair]) -> list[bytes]:
    return [bytes_of(number, merges) for number in range(256 + len(merges))]


@check.exercise
def token_bytes(function: Function) -> None:
    cases: dict[str, list[Pair]] = {
        "no merges": [],
        "one merge": [(97, 116)],
        "a merge of merges": [(97, 98), (99, 256), (256, 257), (258, 258)],
        "bytes from 128 on": [(206, 179), (256, 255)],
        "the sentence's merges": slow_bpe(SENTENCE, 280),
    }
    for what, merges in cases.items():
        listed(function, every_token, merges, one="id", what=what)
    wrong: list[tuple[list[Pair], str]] = [
        ([(97, 116), (97, 257)], "257"),
        ([(97, 116), (300, 97)], "300"),
        ([(-1, 97)], "-1"),
        ([(97, 98), (99, -3)], "-3"),
    ]
    for merges, says in wrong:
        check.raises(function, merges, says=[says])


def merged(ids: Sequence[int], new_ids: Mapping[Pair, int]) -> list[int]:
    """Every merge in the order of learning, as replacements."""
    text = characters(ids)
    for pair in sorted(new_ids, key=lambda pair: new_ids[pair]):
        text = text.replace(characters(pair), chr(new_ids[pair]))
    return numbers(text)


@cache
def learned() -> tuple[Pair, ...]:
    """Merges of a text in which much is said in more than one way."""
    text = nonsense(5, "abcd ", 601) + SENTENCE + " γάτα γάτα <|end|> 12 12"
    return tuple(slow_bpe(text, 330))


def new_ids_of(merges: Sequence[Pair], order: Sequence[int]) -> dict[Pair, int]:
    """Ids by pairs; not in the order of learning, which only the ids tell."""
    return {merges[k]: 256 + k for k in order}


@check.exercise
def apply_merges(function: Function) -> None:
    paper = {(97, 98): 257, (98, 99): 256}
    cases: list[tuple[str, list[int], dict[Pair, int]]] = [
        ("a b c, where (b, c) was learned before (a, b)", [97, 98, 99], paper),
        ("a b, one pair", [97, 98], paper),
        ("no pair to merge", [1, 2, 3], paper),
        ("nothing learned", [1, 2, 3], {}),
        ("an empty piece", [], paper),
        ("one id", [97], paper),
        ("a a a a a", [97] * 5, {(97, 97): 256, (256, 256): 257}),
        ("a merge of merges", [97, 98, 97, 98], {(256, 256): 257, (97, 98): 256}),
        (
            "a b a b d c, where (b, d) was learned before (a, b)",
            [97, 98, 97, 98, 100, 99],
            {(97, 98): 258, (98, 100): 256},
        ),
    ]
    order = np.random.default_rng(6).permutation(len(learned())).tolist()
    table = new_ids_of(learned(), order)
    for word in (*SENTENCE.split(), "abcdabcd", "dcbadcba", "γάτα", nonsense(7, "abcd", 199)):
        cases.append((f"{word[:12]!r}", [*word.encode()], table))
    for what, ids, new_ids in cases:
        listed(function, merged, ids, new_ids, one="id", what=what)


def ordinary(text: str, byte_ids: Sequence[int], new_ids: Mapping[Pair, int]) -> list[int]:
    words = re.findall(WORDS, text)
    pieces = [merged([byte_ids[byte] for byte in word.encode()], new_ids) for word in words]
    return [number for piece in pieces for number in piece]


TEXTS = (
    SENTENCE,
    "the that cat abc",
    "",
    " ",
    "a",
    "abcd dcba abcd dcba abcd",
    "γάτα 🐈 é\n\t\0 ä",
    "<|end|> is text here",
    "  two  spaces ",
)


@check.exercise
def encode_ordinary(cls: Any) -> None:
    tokenizer = cls(learned(), ["<|end|>"], WORDS)
    table = new_ids_of(learned(), range(len(learned())))

    def oracle(text: str) -> list[int]:
        return ordinary(text, range(256), table)

    for text in TEXTS:
        what = f"{text!r}"
        listed(tokenizer.encode_ordinary, oracle, text, one="id", what=what)
    plain = cls([], pattern=WORDS)
    what = "a second tokenizer, without merges"
    found = check.call(plain.encode_ordinary, SENTENCE, what=what)
    equal_lists(found, [*SENTENCE.encode()], "id", what)
    single = cls(learned(), pattern="(?s:.)")
    what = f"{SENTENCE!r}, with a pattern that makes each character a piece"
    found = check.call(single.encode_ordinary, SENTENCE, what=what)
    equal_lists(found, [*SENTENCE.encode()], "id", what)
    ranks, moved = other_order()
    other = cls.from_ranks(ranks, pattern=WORDS)
    for text in TEXTS:
        what = f"{text!r}, with the bytes' ids in another order"
        right = [moved[number] for number in oracle(text)]
        equal_lists(check.call(other.encode_ordinary, text, what=what), right, "id", what)
    pieces = cls(learned())
    what = "'12 12' in GPT-4's pieces"
    right = [*merged(b"12", table), 32, *merged(b"12", table)]
    equal_lists(check.call(pieces.encode_ordinary, "12 12", what=what), right, "id", what)


@cache
def other_order() -> tuple[dict[bytes, int], list[int]]:
    """Ids by bytes with the single bytes in another order, and for each id its new one."""
    moved = [*((77 * byte + 5) % 256 for byte in range(256))]
    moved += [256 + 3 * number for number in range(len(learned()))]
    tokens = every_token(learned())
    return dict(zip(tokens, moved, strict=True)), moved


@check.exercise
def decode_bytes(cls: Any) -> None:
    count = 256 + len(learned())
    tokenizer = cls(learned(), NAMES, WORDS)

    def oracle(ids: Any) -> bytes:
        names = [name.encode() for name in NAMES]
        return b"".join([*every_token(learned()), *names][number] for number in [*ids])

    cases = {
        "every id once": [*range(count)],
        "no ids": [],
        "half a character": [206],
        "the halves of γ": [206, 179],
        "special tokens between": [97, count, 98, count + 1, count + 2, 0],
        "drawn ids": np.random.default_rng(8).integers(0, count + 3, 97).tolist(),
    }
    for what, ids in cases.items():
        for form, given in forms(ids) if ids else [("a list", ids)]:
            told = f"{what}, as {form}"
            same_bytes(check.call(tokenizer.decode_bytes, given, what=told), oracle(ids), told)
            check.passed.append(told)
    for wrong, says in (
        ([97, count + 3], [str(count + 3), "1"]),
        ([97, 98, -1], ["-1", "2"]),
        ([97, 999, 998], ["999", "1"]),
    ):
        check.raises(tokenizer.decode_bytes, wrong, says=says, what=f"decode_bytes({wrong})")
    ranks, moved = other_order()
    other = cls.from_ranks(ranks, {"<|end|>": 5000}, WORDS)
    what = "ids of a table of ranks, with gaps"
    right = b"".join(every_token(learned())) + b"<|end|>"
    same_bytes(check.call(other.decode_bytes, [*moved, 5000], what=what), right, what)
    check.raises(other.decode_bytes, [4999], says=["4999"], what="decode_bytes([4999]), in a gap")


def same_bytes(got: Any, right: bytes, what: str) -> None:
    text = f"bytes must come; it is {with_article(type(got).__name__)}{none(got)}"
    check.that(isinstance(got, bytes), text, type(got).__name__, what)
    if got == right:
        return
    pairs = enumerate(zip(got, right, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), min(len(got), len(right)))
    text = f"{len(got)} bytes came, expected {len(right)}; the first other one is at {place}: "
    part = slice(max(place - 4, 0), place + 8)
    check.fail(what, f"{text}{got[part]!r}, expected {right[part]!r}", f"{got!r}"[-150:])


def cut(text: str, names: Sequence[str]) -> list[str]:
    """A text cut at names, the longest first, one character after another."""
    parts, rest = [""], text
    while rest:
        name = max((name for name in names if rest.startswith(name)), key=len, default="")
        if name:
            parts += [name, ""]
        else:
            parts[-1] += rest[0]
        rest = rest[len(name) or 1 :]
    return parts


def encoded_with(names: Sequence[str]) -> Function:
    """An oracle: the ids of a text in which every one of these names is allowed."""
    first = 256 + len(learned())
    ids = {name: first + number for number, name in enumerate(names)}
    table = new_ids_of(learned(), range(len(learned())))

    def oracle(text: str, allowed: Any = ()) -> list[int]:
        found: list[int] = []
        for part in cut(text, names):
            found += [ids[part]] if part in ids else ordinary(part, range(256), table)
        return found

    return oracle


@check.exercise
def encode(cls: Any) -> None:
    tokenizer = cls(learned(), NAMES, WORDS)
    oracle = encoded_with(NAMES)
    for text, allowed in (
        ("the cat", ()),
        ("the cat", "all"),
        ("", "all"),
        ("the cat <|end|> the rat", "all"),
        ("the cat<|end|>the rat<|end|>", {"<|end|>"}),
        ("<|end|>", ["<|end|>"]),
        ("[SEP][SEP]ab<|end|> ", {"[SEP]", "<|end|>"}),
        ("SEP a|b <|en d|>", "all"),
        ("SEP a|b <|en d|>", ()),
        ("ab<|end|>!cd<|end|> !", "all"),
        ("ab<|end|>!cd", {"<|end|>!"}),
    ):
        what = f"encode({text!r}, allowed_special={allowed!r})"
        listed(tokenizer.encode, oracle, text, allowed, one="id", what=what)
    for text, allowed, says in (
        ("the cat<|end|>", (), ["<|end|>", "7"]),
        ("γάτα[SEP]", (), ["[SEP]", "4"]),
        ("[SEP]ab<|end|>", {"[SEP]"}, ["<|end|>", "7"]),
        ("<|end|>!ab[SEP]", {"<|end|>", "[SEP]"}, ["<|end|>!", "0"]),
        ("ab<|end|>[SEP]", (), ["<|end|>", "2"]),
        ("<|end|>!ab<|end|>", {"<|end|>!"}, ["<|end|>", "10"]),
    ):
        what = f"encode({text!r}, allowed_special={allowed!r})"
        check.raises(tokenizer.encode, text, allowed, says=says, what=what)
    plain = cls(learned(), pattern=WORDS)
    for allowed in ((), "all"):
        what = f"encode({SENTENCE!r}, allowed_special={allowed!r}), no special tokens"
        found = check.call(plain.encode, SENTENCE, allowed, what=what)
        equal_lists(found, encoded_with([])(SENTENCE), "id", what)
    names_that_overlap(cls)


def names_that_overlap(cls: Any) -> None:
    """The text is cut from its beginning: what stands within a token found is none."""
    names = ["<a>", "(<a>)", ">bcde"]
    tokenizer = cls(learned(), names, WORDS)
    for text, allowed in (("ab(<a>)cd", {"(<a>)"}), ("ab<a>bcde", {"<a>"}), ("<a>>bcde", "all")):
        what = f"special tokens {names}, encode({text!r}, allowed_special={allowed!r})"
        listed(tokenizer.encode, encoded_with(names), text, allowed, one="id", what=what)
