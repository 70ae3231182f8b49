"""Byte pair encoding in the plainest form, on bytes: shares no code with the library."""

from collections import Counter


def neighbours(parts: list) -> list[tuple]:
    return [(parts[i], parts[i + 1]) for i in range(len(parts) - 1)]


def merged(parts: list, pair: tuple) -> list:
    """Both as one, from left to right; parts are bytes, or tuples of what they are made of."""
    found: list = []
    for part in parts:
        if found and (found[-1], part) == pair and found[-1] is not None:
            found[-1] = pair[0] + pair[1]
            found.append(None)  # the new part is taken no second time
        else:
            found = [one for one in found if one is not None] if found[-1:] == [None] else found
            found.append(part)
    return [one for one in found if one is not None]


def train(pieces: list[str], count: int, order: list[int] | None = None) -> list[bytes]:
    """The bytes of each merge; of equally frequent pairs the one of smaller ids."""
    words = [[bytes([byte]) for byte in piece.encode()] for piece in pieces]
    rank = {bytes([byte]): number for number, byte in enumerate(order or range(256))}
    learned: list[bytes] = []
    while len(learned) < count:
        counts = Counter(pair for word in words for pair in neighbours(word))
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], rank[pair[0]], rank[pair[1]]))
        words = [merged(word, best) for word in words]
        learned.append(best[0] + best[1])
        rank[learned[-1]] = len(rank)
    return learned


def encode(piece: bytes, rank: dict[bytes, int]) -> list[int]:
    """As tiktoken describes it: the neighbours that make the lowest token, one at a time."""
    parts = [bytes([byte]) for byte in piece]
    while True:
        found = [
            (rank[a + b], place) for place, (a, b) in enumerate(neighbours(parts)) if a + b in rank
        ]
        if not found:
            return [rank[part] for part in parts]
        _, place = min(found)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
