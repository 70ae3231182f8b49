# %% [markdown]
# # 10. Tokenization
#
# A model computes with numbers; a text is characters. A tokenizer turns one into the other, and nothing may be lost on
# the way back. Characters give long sequences, words a vocabulary without end. Byte pair encoding learns pieces in between.
#
# **You will** write a tokenizer of characters, learn merges from a text, and build the tokenizer that GPT-4's tables fit into.
#
# **Before you start:** module 01. **Time:** 3 hours.

# %% export-target
#| default_exp core.tokenization

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import tokenization_checks as checks

# %% imports
#| export
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

# %% [markdown]
# ## One example for the whole module
#
# A sentence short enough to count in. "at" comes six times in it.
#
# `as_list` is given: a model's ids may come as a list, an array or a tensor.

# %% sentence
sentence = "the cat sat on the mat, the rat sat on that"

if __name__ == "__main__":
    print(len(sentence), "characters,", len(set(sentence)), "different ones")


# %% as-list
#| export
def as_list(ids: Any) -> list[int]:
    """Return ids of one axis, a list, array or tensor, as a list of ints.

    Raises:
        TypeError: an id is no integer.
    """
    try:
        return [operator.index(number) for number in unwrap(ids)]
    except TypeError:
        raise TypeError(f"ids must be integers of one axis; got {ids!r}") from None


# %% [markdown]
# ## A number for each character
#
# ### Exercise 10.1: CharTokenizer
#
# The characters of a text, sorted, are the vocabulary; an id is a place in that list.
#
# $$\text{id}(c) = \text{the place of } c \text{ in } (c_0 < c_1 < \dots) \qquad \text{decode}(\text{encode}(t)) = t$$
#
# **Plan.** `encode`: the id of each character; a `ValueError` for the first without one, which names it and its position.
# `decode`: the characters of ids, joined; a `ValueError` for the first id that is none, negative ones too.
#
# <details><summary>Hint</summary>
#
# `enumerate` gives position and character; `{character!r}` shows a space as a space. Python takes -1 as "the last one":
# ask `0 <= number < self.vocab_size` first. `as_list(ids)` gives plain ints.
#
# </details>

# %% 10.1-char-tokenizer
#| export
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
        ### BEGIN SOLUTION 10.1
        for position, character in enumerate(text):
            if character not in self.ids:
                raise ValueError(f"text: {character!r} at position {position} has no id")
        return [self.ids[character] for character in text]
        ### END SOLUTION

    def decode(self, ids: Any) -> str:
        """Return the text of ids: a list, array or tensor of one axis.

        Raises:
            ValueError: an id is none of the vocabulary; it is named with its position.
        """
        ### BEGIN SOLUTION 10.1
        numbers = as_list(ids)
        for position, number in enumerate(numbers):
            if not 0 <= number < self.vocab_size:
                raise ValueError(
                    f"ids: {number} at position {position} is no id; "
                    f"valid ids are 0 to {self.vocab_size - 1}"
                )
        return "".join(self.characters[number] for number in numbers)
        ### END SOLUTION


# %% test-10.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: CharTokenizer...")
    checks.char_tokenizer(CharTokenizer)
    print("✅ CharTokenizer: there and back, and what has no id is named")

# %% [markdown]
# ## Every text is bytes
#
# A character that the vocabulary does not have is an error, and Unicode has too many for a table. But every text is bytes,
# in UTF-8, and there are only 256 of those. A byte tokenizer knows every text; it only makes it longer.

# %% bytes
if __name__ == "__main__":
    small = CharTokenizer(sentence)
    print("ids:", small.encode("the cat"), " vocabulary:", "".join(small.characters))
    try:
        small.encode("the dog")
    except ValueError as error:
        print("ValueError:", error)
    for text in ("cat", "café", "γάτα", "猫", "🐈"):
        print(f"{text}: {len(text)} characters, bytes {list(text.encode())}")


# %% [markdown]
# ## Two steps of one merge
#
# Byte pair encoding makes the sequence shorter again: the pair of neighbours that is seen most often becomes one new id,
# 256. Then the next pair. You write the counting, then the replacing.
#
# ### Exercise 10.2: count_pairs
#
# $$n_{ab} = \#\{\, i : x_i = a,\; x_{i+1} = b \,\}$$
#
# In 7, 7, 7 the pair (7, 7) comes twice: at 0 and at 1.
#
# **Plan.** Walk over the neighbours; count each pair, a tuple, in a `Counter`.
#
# <details><summary>Hint</summary>
#
# `zip(ids, ids[1:])` gives the neighbours, and so does `itertools.pairwise`.
#
# </details>

# %% 10.2-count-pairs
#| export
def count_pairs(ids: Sequence[int]) -> Counter[Pair]:
    """Count the pairs of neighbours: (a, b) -> how often b follows a; overlaps count."""
    ### BEGIN SOLUTION 10.2
    return Counter(pairwise(ids))
    ### END SOLUTION


# %% test-10.2 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: count_pairs...")
    checks.count_pairs(count_pairs)
    print("✅ count_pairs: every pair of neighbours, overlaps too")


# %% [markdown]
# ### Exercise 10.3: merge_pair
#
# Replace each pair by the new id, from left to right. An id can be used once only: in 7, 7, 7 the first two become one,
# the third stays.
#
# $$(x_i, x_{i+1}) = (a, b) \;\to\; \text{new}$$
#
# **Plan.** 1. An empty list and a position. 2. At a pair: append the new id, go on by two. Else: append what stands there,
# go on by one.
#
# <details><summary>Hint</summary>
#
# A `for` loop cannot skip. Use `while position < len(ids)`. At the last id there is no neighbour: `ids[position + 1]`
# fails there, the slice `ids[position : position + 2]` does not.
#
# </details>

# %% 10.3-merge-pair
#| export
def merge_pair(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Put `new_id` in place of each `pair`, from left to right, in a new list."""
    ### BEGIN SOLUTION 10.3
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
    ### END SOLUTION


# %% test-10.3 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: merge_pair...")
    checks.merge_pair(merge_pair)
    print("✅ merge_pair: from left to right, each id used once")

# %% [markdown]
# ## The first merge
#
# The bytes of the sentence, its most frequent pairs, and the sentence after one merge. 97 is "a" and 116 is "t".

# %% first-merge
if __name__ == "__main__":
    ids = list(sentence.encode())
    for pair, count in count_pairs(ids).most_common(4):
        print(f"{bytes(pair)} {pair}: {count} times")
    shorter = merge_pair(ids, (97, 116), 256)
    print(f"{len(ids)} ids, after the merge of (97, 116) {len(shorter)}:")
    print(shorter)


# %% [markdown]
# ## Where no merge may go
#
# Merging goes wrong over word borders: "cat,", "cat." and "cat!" would each become a token. So the text is first split
# into pieces, and pairs are counted within pieces only. GPT-4 splits with one regular expression:
#
# an ending such as 's; letters, with one space or sign before them; up to three digits; signs; white space.
#
# It says "letter" as `\p{L}`, which Python's `re` does not know. You write that class.

# %% [markdown]
# ### Exercise 10.4: character_class
#
# Each character has a Unicode category of two letters: "Lu" is a capital, "Ll" a small letter, "Nd" a digit.
#
# $$\{\, c : \text{category}(c) \text{ begins with the given letters} \,\} = [a_1..b_1] \cup [a_2..b_2] \cup \dots$$
#
# **Plan.** 1. Go over all code points, 0 to `sys.maxunicode`. 2. A neighbour of the last range makes it longer; any other
# begins a new one. 3. No range at all: a `ValueError` that shows the category. 4. Join the ranges, as in `A-Za-z`.
#
# <details><summary>Hint</summary>
#
# `unicodedata.category(chr(code)).startswith(category)`. Keep ranges as lists [first, last].
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Inside `[...]` the signs `]`, `^`, `-` and `\` mean something else: write both ends with `re.escape`.
#
# </details>

# %% 10.4-character-class
#| export
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
    ### BEGIN SOLUTION 10.4
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
    ### END SOLUTION


# %% test-10.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: character_class...")
    checks.character_class(character_class)
    print("✅ character_class: every character of a category, and no other")

# %% [markdown]
# ## The pattern
#
# Given: `compile_pattern` puts your classes into the pattern, and `split_text` refuses a pattern that would lose a part of
# the text.

# %% split-text
#| export
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


# %% pieces
if __name__ == "__main__":
    print(split_text(sentence))
    print(split_text("I'll pay 12345.60 for the γάτα!\n\n  Why?"))


# %% [markdown]
# ### Exercise 10.5: train_bpe
#
# Merge after merge, the most frequent pair of all pieces is taken:
#
# $$(a, b)_k = \arg\max_{(a,b)} \sum_{\text{pieces } p} \text{times}_p \cdot n_{ab}(p) \qquad (a, b)_k \to 256 + k$$
#
# Of equally frequent pairs the smaller goes first, as Python compares tuples. Given: `pieces`, each a list of bytes, and
# `times`, how often each comes.
#
# **Plan.** 1. The sums. 2. No pair: stop. 3. The best pair. 4. Merge it in every piece. 5. Again, until there are
# `vocab_size` ids.
#
# <details><summary>Hint</summary>
#
# `min(totals, key=lambda pair: (-totals[pair], pair))` is the most frequent, and of equals the smaller.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Counting anew for each merge is right, and slow: minutes for a book. Faster: keep the sums, and for each pair the pieces
# that hold it. A merge changes only those: take their old counts away, add the new ones.
#
# </details>

# %% 10.5-train-bpe
#| export
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
    ### BEGIN SOLUTION 10.5
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
    ### END SOLUTION


# %% test-10.5 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: train_bpe...")
    checks.train_bpe(train_bpe)
    print(
        "✅ train_bpe: the most frequent pair first, within pieces, counted by how often they come"
    )


# %% [markdown]
# ### Exercise 10.6: token_bytes
#
# What does an id stand for? For the bytes of its two parts, one after the other:
#
# $$\text{bytes}(i) = i \text{ itself for } i < 256 \qquad \text{bytes}(256 + k) = \text{bytes}(a_k)\, \text{bytes}(b_k)$$
#
# **Plan.** 256 single bytes; then one merge after another. A part may be a merge, but only an earlier one: else a
# `ValueError` that shows the pair.
#
# <details><summary>Hint</summary>
#
# `bytes([65])` is the byte 65, `b"A"`; `bytes(65)` is 65 zeros. Bytes are joined with `+`.
#
# </details>

# %% 10.6-token-bytes
#| export
def token_bytes(merges: Sequence[Pair]) -> list[bytes]:
    """Return the bytes of each id: 256 single bytes, then those of each merge.

    Raises:
        ValueError: a part of a merge is no id so far.
    """
    ### BEGIN SOLUTION 10.6
    vocabulary = [bytes([number]) for number in range(256)]
    for number, (a, b) in enumerate(merges):
        if not (0 <= a < len(vocabulary) and 0 <= b < len(vocabulary)):
            raise ValueError(
                f"merges: merge {number} is {(a, b)}, but the ids so far are 0 to {255 + number}"
            )
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return vocabulary
    ### END SOLUTION


# %% test-10.6 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: token_bytes...")
    checks.token_bytes(token_bytes)
    print("✅ token_bytes: each id is what its parts are")

# %% [markdown]
# ## What it learns
#
# Once from the sentence, then from a real text: the help pages that come with Python. Short pieces come first, later
# whole words, most with the space before them.

# %% learned
if __name__ == "__main__":
    from pydoc_data.topics import topics

    print([token.decode() for token in token_bytes(train_bpe(sentence, 264))[256:]])
    help_pages = "\n".join(topics[name] for name in sorted(topics))[:200_000]
    merges = train_bpe(help_pages, 1256)
    tokens = [token.decode(errors="replace") for token in token_bytes(merges)[256:]]
    print(f"{len(help_pages):,} characters, {len(merges):,} merges")
    print("first:", tokens[:12])
    print("last: ", tokens[-8:])


# %% [markdown]
# ## New text
#
# ### Exercise 10.7: apply_merges
#
# A new piece is merged in the order of learning, not of the piece: the pair that was learned first, wherever it stands.
#
# $$\text{next} = \arg\min_{(a, b) \in \text{piece}} \text{new}(a, b)$$
#
# **Plan.** 1. Of the neighbours that have a new id, take the pair with the smallest. 2. Merge it. 3. Again, until none has.
#
# <details><summary>Hint</summary>
#
# `pair in new_ids` asks whether it was ever merged. `merge_pair` does step 2. Going once through all of `new_ids` in the
# order of learning is right as well, and slow: thousands of merges for a word of five letters.
#
# </details>

# %% 10.7-apply-merges
#| export
def apply_merges(ids: Sequence[int], new_ids: Mapping[Pair, int]) -> list[int]:
    """Merge the pairs of one piece, the earliest learned first, until none is left.

    Args:
        ids: the piece, one id a byte.
        new_ids: pair -> the id that it becomes; a smaller id was learned earlier.

    Returns:
        The ids that are left, a new list.

    Source: Sennrich et al. 2016, section 3.2.
    """
    ### BEGIN SOLUTION 10.7
    merged = list(ids)
    while True:
        known = [pair for pair in pairwise(merged) if pair in new_ids]
        if not known:
            return merged
        best = min(known, key=lambda pair: new_ids[pair])
        merged = merge_pair(merged, best, new_ids[best])
    ### END SOLUTION


# %% test-10.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: apply_merges...")
    checks.apply_merges(apply_merges)
    print("✅ apply_merges: in the order of learning, until nothing is left to merge")


# %% [markdown]
# ## The tokenizer
#
# The given `TokenizerBase` makes the tables of a `BPETokenizer`, from merges or from those that tiktoken publishes:
#
# - `byte_ids[byte]` is the id of a byte (cl100k_base has them in another order);
# - `new_ids[pair]` is the id that a pair becomes;
# - `tokens[id]` are bytes; `special_tokens[name]` is an id;
# - `cache[piece]` are its ids: most words of a text come again.

# %% [markdown]
# ### Exercise 10.8: encode_ordinary
#
# $$\text{text} \to \text{pieces} \to \text{bytes} \to \text{ids} \to \text{merged ids}$$
#
# **Plan.** For each piece: its bytes' ids, merged, unless the cache has them. All of them in one new list.
#
# <details><summary>Hint</summary>
#
# `split_text(text, self.pattern)`; `piece.encode()` are the bytes, each an int; `apply_merges` does the rest.
# `ids += self.cache[piece]` copies into `ids`. Never return a list of the cache itself: its owner could change it.
#
# </details>

# %% [markdown]
# ### Exercise 10.9: decode_bytes
#
# $$\text{ids} \to \text{bytes}(\text{id}_0)\, \text{bytes}(\text{id}_1) \dots$$
#
# The ids of special tokens give the bytes of their names. One id may be half a character, so bytes are joined first and
# become text at the end: `decode` is given.
#
# **Plan.** The bytes of each id, joined; a `ValueError` for the first id that is none, with its position.
#
# <details><summary>Hint</summary>
#
# `b"".join(...)`. For special tokens turn the dict round: id -> name. `as_list` takes arrays and tensors.
#
# </details>

# %% [markdown]
# ### Exercise 10.10: encode
#
# A special token such as `<|endoftext|>` is one id that no merge makes. It says "a new document begins". A text from
# outside must not be able to say that: so it is refused unless allowed.
#
# $$\text{text} = t_0\, s_1\, t_1\, s_2 \dots \;\to\; \text{ordinary}(t_0),\, \text{id}(s_1),\, \text{ordinary}(t_1), \dots$$
#
# **Plan.** 1. Cut the text at special tokens; where two begin, at the longer. 2. One in `allowed`: its id. Another: a
# `ValueError` with its name and position. 3. The rest is ordinary.
#
# <details><summary>Hint</summary>
#
# `re.split("(b|c)", text)` keeps what it cuts at. Signs in a name mean something else to `re`: `re.escape`. The longest
# first: `sorted(known, key=len, reverse=True)`. Without special tokens there is nothing to cut at.
#
# </details>

# %% 10.8-bpe-tokenizer
#| export
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
        ### BEGIN SOLUTION 10.8
        ids: list[int] = []
        for piece in split_text(text, self.pattern):
            if piece not in self.cache:
                single = [self.byte_ids[byte] for byte in piece.encode()]
                self.cache[piece] = apply_merges(single, self.new_ids)
            ids += self.cache[piece]
        return ids
        ### END SOLUTION

    def decode_bytes(self, ids: Any) -> bytes:
        """Return the bytes of ids: a list, array or tensor of one axis.

        Raises:
            ValueError: an id is none of the vocabulary; it is named with its position.
        """
        ### BEGIN SOLUTION 10.9
        names = {number: name.encode() for name, number in self.special_tokens.items()}
        parts: list[bytes] = []
        for position, number in enumerate(as_list(ids)):
            part = self.tokens.get(number, names.get(number))
            if part is None:
                raise ValueError(f"ids: {number} at position {position} is no id of the vocabulary")
            parts.append(part)
        return b"".join(parts)
        ### END SOLUTION

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
        ### BEGIN SOLUTION 10.10
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
        ### END SOLUTION


# %% test-10.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: BPETokenizer.encode_ordinary...")
    checks.encode_ordinary(BPETokenizer)
    print("✅ encode_ordinary: pieces, bytes, merges")

# %% test-10.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: BPETokenizer.decode_bytes...")
    checks.decode_bytes(BPETokenizer)
    print("✅ decode_bytes: what was encoded comes back, byte for byte")

# %% test-10.10 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: BPETokenizer.encode...")
    checks.encode(BPETokenizer)
    print("✅ encode: special tokens where they are allowed, an error where not")

# %% [markdown]
# ## It knows what it has seen
#
# The tokenizer of Python's help pages on other texts: characters a token. What it was not trained on becomes longer, down
# to single bytes: below 1 in Greek. Nothing is an error, and everything comes back.

# %% other-texts
if __name__ == "__main__":
    tokenizer = BPETokenizer(merges, ["<|endoftext|>"])
    for name, text in (
        ("help pages", help_pages),
        ("the sentence", sentence),
        ("capitals", sentence.upper()),
        ("Python", Path(checks.__file__).read_text("utf-8")),
        ("Greek", "η γάτα κάθισε στο χαλί"),
        ("digits", "3141592653589793"),
    ):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        print(f"{name:>12}: {len(text) / len(ids):.2f} characters a token")

# %% [markdown]
# ## Size of the vocabulary
#
# More merges, fewer tokens: attention looks at fewer of them, and reaches further back. But each id is a row of the
# embedding and a score of the last layer, and each further merge helps less.

# %% sizes
if __name__ == "__main__":
    for size in (256, 320, 512, 768, 1256):
        count = len(BPETokenizer(merges[: size - 256]).encode(help_pages))
        print(f"{size:>5} ids: {count:>7,} tokens, {len(help_pages) / count:.2f} characters each")

# %% [markdown]
# ## Special tokens, files, halves
#
# A document's end, refused and allowed; a file and back; and the reason why `decode` joins bytes first.

# %% special
if __name__ == "__main__":
    import tempfile

    text = "the cat<|endoftext|>the rat"
    try:
        tokenizer.encode(text)
    except ValueError as error:
        print("ValueError:", error)
    print(tokenizer.encode(text, allowed_special="all"), "as ids")
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder, "tokenizer.json"))
        again = BPETokenizer.load(Path(folder, "tokenizer.json"))
    print("the same from the file:", again.encode(sentence) == tokenizer.encode(sentence))
    halves = tokenizer.encode("γ")
    print("γ is", halves, "and the first half alone", repr(tokenizer.decode(halves[:1])))

# %% [markdown]
# ## What is left out, and why
#
# - **Very long pieces.** `apply_merges` looks at the whole piece for every merge: its cost grows with the square.
# - **A bound on the cache.** It grows with the number of different pieces.
# - **Normal forms.** "é" can be one character or two; both come back as they were, with different ids.
# - **Other ways.** WordPiece and the unigram model choose pieces by likelihood, not by count.
#
# ## Report

# %% report
if __name__ == "__main__":
    made = [each.__name__ for each in (CharTokenizer, train_bpe, BPETokenizer)]
    print(f"📈 Progress: Tokenization ✓  ({', '.join(made)}; {tokenizer.vocab_size} ids)")
    print("💡 Next: tito module complete 10, then module 11 (embeddings)")
