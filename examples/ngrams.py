"""How far counting goes: character n-grams, the mark that a language model has to beat."""

import numpy as np

from tinytorch.core.tensor import Array


def ngram_losses(train: Array, test: Array, vocab_size: int, longest: int = 6) -> list[float]:
    """Predict each character from the n - 1 before it, by counts from the training text.

    Args:
        train, test: ids of characters, (n,).
        vocab_size: how many characters there are.
        longest: the largest n.

    Returns:
        The mean loss in nats a character for n = 1, 2, ... `longest`. Each order falls back on the
        one below as far as its context is rare (Witten & Bell 1991, method C).
    """
    probability = np.full(len(test), 1 / vocab_size)
    losses = []
    for order in range(1, longest + 1):
        probability[order - 1 :] = mixed(train, test, order, vocab_size, probability[order - 1 :])
        losses.append(float(-np.log(probability).mean()))
    return losses


def mixed(train: Array, test: Array, order: int, vocab_size: int, lower: Array) -> Array:
    """(count(h c) + kinds(h) p_lower(c)) / (count(h) + kinds(h)) for each n-gram h c of `test`."""
    grams, counts = np.unique(numbered(train, order, vocab_size), return_counts=True)
    contexts, first = np.unique(grams // vocab_size, return_index=True)
    totals = np.add.reduceat(counts, first)  # how often each context was seen
    kinds = np.diff([*first, len(grams)])  # and followed by how many different characters
    wanted = numbered(test, order, vocab_size)
    seen = looked_up(grams, counts, wanted)
    total, kind = (looked_up(contexts, x, wanted // vocab_size) for x in (totals, kinds))
    return np.where(total > 0, (seen + kind * lower) / np.maximum(total + kind, 1), lower)


def numbered(ids: Array, order: int, vocab_size: int) -> Array:
    """Each n-gram of a text as one number, (len(ids) - order + 1,); its last character counts 1."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(ids, np.int64), order)
    numbers: Array = windows @ vocab_size ** np.arange(order - 1, -1, -1)
    return numbers


def looked_up(keys: Array, values: Array, wanted: Array) -> Array:
    """The value of each wanted key, and 0 where there is none; `keys` are sorted."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
