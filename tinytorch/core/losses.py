# 04. Losses
# Made from modules/04_losses/losses_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 1e42abb41809130291b4a3a5786959c79fbbc3165d95ce773a68e1f20ded6c06


# cell: imports
from typing import Any

import numpy as np

from tinytorch.core.layers import require_size
from tinytorch.core.tensor import Array, Tensor, op, unwrap


# cell: given-shapes
def require_equal_shapes(**pair: Any) -> None:
    """Refuse two arrays or tensors of unequal shapes, or without a number.

    Args:
        pair: the two, each under the name that a message shall use.

    Raises:
        ValueError: the shapes differ, or nothing is left to average.
    """
    (name, shape), (other, expected) = [(key, np.shape(value)) for key, value in pair.items()]
    if shape != expected:
        raise ValueError(f"{name} is {shape}, {other} is {expected}: the shapes must be equal")
    if 0 in shape:
        raise ValueError(f"{name} is {shape}: there is no number to average")


# cell: 4.1-mse-loss
def mse_loss(prediction: Tensor, target: Any) -> Tensor:
    """Average the squares of the differences.

    Args:
        prediction: any shape.
        target: a tensor, array or list of the same shape, in the same unit.

    Returns:
        One number, shape (), in the square of that unit.

    Raises:
        ValueError: the shapes differ (nothing is broadcast), or there are no numbers.
    """
    require_equal_shapes(prediction=prediction, target=target)
    difference: Tensor = prediction - target
    return (difference**2).mean()


# cell: 4.2-softmax-cross-entropy
@op
def softmax_cross_entropy(
    logits: Array, *, labels: Array, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Any:
    """Average of -log softmax(logits)[label], with a row of logits for each label.

    Args:
        logits: scores, (..., vocab_size).
        labels: the right classes, integers (...); checked by `cross_entropy`, not here.
        ignore_index: rows with this label do not count.
        label_smoothing: the share of the label that is spread over all classes.

    Returns:
        One number, in nats; finite wherever the true value is.

    Source: Szegedy et al. 2016, "Rethinking the Inception architecture", section 7 (smoothing).
    """
    rows, labels = logits.reshape(-1, logits.shape[-1]), labels.ravel()
    kept = labels != ignore_index
    if not kept.all():
        rows, labels = rows[kept], labels[kept]
    shifted = rows - rows.max(axis=1, keepdims=True)  # (kept, vocab_size)
    right = (1 - label_smoothing) * shifted[np.arange(len(labels)), labels]
    if label_smoothing:
        right += label_smoothing * shifted.mean(axis=1)
    totals = np.exp(shifted, out=shifted).sum(axis=1)  # in place: the array is large
    return (np.log(totals) - right).mean()


# cell: 4.3-softmax-cross-entropy-rule
@softmax_cross_entropy.gradient
def softmax_cross_entropy_rule(
    grad: Array,
    output: Array,
    logits: Array,
    *,
    labels: Array,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> tuple[Array]:
    """Gradient for the logits: (softmax - label) / count, and zeros in ignored rows."""
    rows, labels = logits.reshape(-1, logits.shape[-1]), labels.ravel()
    kept = np.flatnonzero(labels != ignore_index)
    scale = grad / len(kept)
    slope = rows - rows.max(axis=1, keepdims=True)  # (n, vocab_size), the only large array
    np.exp(slope, out=slope)
    slope *= scale / slope.sum(axis=1, keepdims=True)
    slope[kept, labels[kept]] -= scale * (1 - label_smoothing)
    if label_smoothing:
        slope -= scale * label_smoothing / rows.shape[1]
    if len(kept) < len(labels):
        slope[labels == ignore_index] = 0
    return (slope.reshape(logits.shape),)


# cell: 4.4-as-labels
def as_labels(labels: Any, logits: Any, ignore_index: int = -100) -> Array:
    """Turn labels into an array of integers and check that each is a class of its logits.

    Args:
        labels: a tensor, array or (nested) list of integers, (...).
        logits: their scores, (..., vocab_size).
        ignore_index: a label that is no class; its row will not count.

    Returns:
        The labels in a new array, (...).

    Raises:
        TypeError: the labels are not integers.
        ValueError: another shape, no class of that number, or no label that counts (for which
            PyTorch's mean is NaN).
    """
    found = np.array(unwrap(labels))  # a copy: what is remembered must not change later
    shape, num_classes = np.shape(logits)[:-1], np.shape(logits)[-1]
    if found.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers; got dtype {found.dtype}")
    if found.shape != shape:
        raise ValueError(f"labels are {found.shape}, expected {shape}: one for each row")
    kept = found != ignore_index
    outside = kept & ((found < 0) | (found >= num_classes))
    if outside.any():
        first = np.unravel_index(outside.argmax(), outside.shape)
        raise ValueError(
            f"labels: {found[first]} at position {tuple(map(int, first))} is no class; "
            f"valid labels are 0 to {num_classes - 1}, or ignore_index={ignore_index}"
        )
    if not kept.any():
        raise ValueError(f"labels: none of {found.size} counts; ignore_index is {ignore_index}")
    return found


# cell: 4.5-cross-entropy
def cross_entropy(
    logits: Tensor, labels: Any, *, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Tensor:
    """Average surprise, -log of the probability that the softmax gives to the right class.

    Args:
        logits: scores, floats (..., vocab_size).
        labels: the right classes, integers (...): a tensor, array or list.
        ignore_index: rows with this label do not count.
        label_smoothing: the share of each label that is spread over all classes, from 0 to less
            than 1 (PyTorch allows 1, where the labels no longer matter).

    Returns:
        One number, shape (), in nats.

    Raises:
        TypeError: logits that are not floats, or labels that are not integers.
        ValueError: labels that do not fit the logits (see `as_labels`), or another smoothing.

    Source: Goodfellow, Bengio & Courville 2016, "Deep Learning", section 6.2.2.3.
    """
    dtype = np.asarray(unwrap(logits)).dtype
    if dtype.kind != "f":
        raise TypeError(f"logits must be floats; got dtype {dtype}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be from 0 to less than 1; got {label_smoothing}")
    labels = as_labels(labels, logits, ignore_index)
    options = {"ignore_index": ignore_index, "label_smoothing": float(label_smoothing)}
    return softmax_cross_entropy(logits, labels=labels, **options)


# cell: 4.6-sigmoid-cross-entropy
@op
def sigmoid_cross_entropy(logits: Array, *, targets: Array) -> Any:
    """Average of -y log σ(x) - (1 - y) log(1 - σ(x)), finite for any finite logits.

    Args:
        logits: scores, any shape.
        targets: the chance of a yes, from 0 to 1, the same shape.

    Returns:
        One number, in nats.
    """
    losses = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    return losses.mean()


# cell: 4.7-sigmoid-cross-entropy-rule
@sigmoid_cross_entropy.gradient
def sigmoid_cross_entropy_rule(
    grad: Array, output: Array, logits: Array, *, targets: Array
) -> tuple[Array]:
    """Gradient for the logits: (σ(x) - y) / count."""
    small = np.exp(-np.abs(logits))  # at most 1: no overflow
    chance = np.where(logits >= 0, 1, small) / (1 + small)
    return ((chance - targets) * (grad / logits.size),)


# cell: 4.8-binary-cross-entropy
def binary_cross_entropy_with_logits(logits: Tensor, targets: Any) -> Tensor:
    """Average surprise about yes-or-no answers, each with one score.

    Args:
        logits: scores, floats of any shape; above 0 means rather yes.
        targets: a tensor, array or list of the same shape; 0 is no, 1 is yes, between is a chance.

    Returns:
        One number, shape (), in nats.

    Raises:
        TypeError: logits that are not floats.
        ValueError: the shapes differ, there are no numbers, or a target is not within [0, 1].
    """
    require_equal_shapes(logits=logits, targets=targets)
    dtype = np.asarray(unwrap(logits)).dtype
    if dtype.kind != "f":
        raise TypeError(f"logits must be floats; got dtype {dtype}")
    array = np.array(targets, dtype)  # a copy; of a tensor that learns NumPy refuses to make one
    wrong = np.argwhere(~((array >= 0) & (array <= 1)))  # NaN is wrong, too
    if len(wrong):
        position = tuple(wrong[0].tolist())
        raise ValueError(f"targets: {array[position]} at position {position} is not within [0, 1]")
    return sigmoid_cross_entropy(logits, targets=array)


# cell: given-number
def as_number(loss: Any) -> float:
    """Return a loss, a number or a tensor or array with one element, as a plain number."""
    return float(np.asarray(unwrap(loss)).item())


# cell: 4.9-perplexity
def perplexity(loss: Any) -> float:
    """Among how many equally likely tokens would the loss be as large?

    Args:
        loss: a cross-entropy in nats a token: a number, or a tensor of one element.

    Returns:
        e to the loss; infinity where that is no float.

    Source: Jelinek et al. 1977, "Perplexity", J. Acoust. Soc. Am. 62, S63.
    """
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(as_number(loss))))


def bits_per_byte(loss: Any, num_tokens: int, num_bytes: int) -> float:
    """Convert a loss a token into bits a byte, which does not depend on how text was cut.

    Args:
        loss: the mean cross-entropy in nats a token: a number, or a tensor of one element.
        num_tokens: over how many tokens the mean was taken.
        num_bytes: how many bytes of text these tokens stand for.

    Returns:
        Bits a byte.

    Raises:
        ValueError: a count is not a positive int.
    """
    require_size("num_tokens", num_tokens)
    require_size("num_bytes", num_bytes)
    return as_number(loss) * num_tokens / (float(np.log(2)) * num_bytes)


# cell: 4.10-accuracy
def accuracy(logits: Any, labels: Any, *, ignore_index: int = -100) -> float:
    """Share of the rows whose largest score is that of the right class.

    Args:
        logits: scores, (..., vocab_size); of equal scores the first counts as the largest.
        labels: the right classes, integers (...).
        ignore_index: rows with this label do not count.

    Returns:
        From 0 to 1.

    Raises:
        TypeError, ValueError: labels that do not fit the logits, see `as_labels`.
    """
    labels = as_labels(labels, logits, ignore_index)
    right = np.asarray(unwrap(logits)).argmax(axis=-1) == labels
    return float(right[labels != ignore_index].mean())


__all__ = [
    "accuracy",
    "as_labels",
    "as_number",
    "binary_cross_entropy_with_logits",
    "bits_per_byte",
    "cross_entropy",
    "mse_loss",
    "perplexity",
    "require_equal_shapes",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_rule",
    "softmax_cross_entropy",
    "softmax_cross_entropy_rule",
]
