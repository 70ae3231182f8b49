# %% [markdown]
# # 04. Losses
#
# A model gives numbers; a loss says how wrong they are, in one number that learning will make smaller. This module has
# the three losses that most models train with, and the numbers people quote beside them.
#
# **You will** write the squared error, the cross-entropy of softmax and of yes-or-no answers, each with its gradient
# and its guards, and perplexity, bits per byte and accuracy.
#
# **Before you start:** modules 01, 02 and 03. **Time:** 3 hours.

# %% export-target
#| default_exp core.losses

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import losses_checks as checks

# %% imports
#| export
from typing import Any

import numpy as np

from tinytorch.core.layers import require_size
from tinytorch.core.tensor import Array, Tensor, op, unwrap

# %% [markdown]
# ## One example for the whole module
#
# The two sentences of module 02: a model gave scores to three next words, *mat*, *roof*, *moon*. Raw scores like these
# are called **logits**. Now the text itself is known: "the cat sat on the" went on with *mat*, "the rocket flew to the"
# with *moon*. The number of the right word is the **label**.

# %% sentences
words = ["mat", "roof", "moon"]
scores = np.array([[3.0, 1.0, -2.0], [-1.0, 0.0, 4.0]])  # logits (sentences, words)
labels = np.array([0, 2])  # mat, moon


# %% [markdown]
# ## One shape, never two
#
# NumPy broadcasts, and a loss averages whatever comes out: (5, 1) against (5,) becomes 25 differences, and the model
# learns the mean of its targets, without an error. So a loss demands equal shapes. Given; the arguments' names go into
# the message:

# %% given-shapes
#| export
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


# %% [markdown]
# ## Squares
#
# ### Exercise 4.1: mse_loss
#
# The mean squared error is for numbers with a unit: degrees, prices, pixels.
#
# $$L = \frac{1}{N} \sum_{i} (\hat y_i - y_i)^2$$
#
# **Plan.** 1. Equal shapes, by the function above. 2. Ops on tensors only: module 05 will find its gradient through them.
#
# <details><summary>Hint</summary>
#
# `require_equal_shapes(prediction=prediction, target=target)` raises the errors. A tensor has `-`, `**` and `.mean()`.
#
# </details>

# %% 4.1-mse-loss
#| export
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
    ### BEGIN SOLUTION 4.1
    require_equal_shapes(prediction=prediction, target=target)
    difference: Tensor = prediction - target
    return (difference**2).mean()
    ### END SOLUTION


# %% test-4.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: mse_loss...")
    checks.mse_loss(mse_loss)
    print("✅ mse_loss: values, memory, shapes")

# %% [markdown]
# ## Square or surprise
#
# Squares can judge probabilities, too: the right word should get 1, the others 0. But look at the last lines: a model
# that calls the right word impossible pays hardly more than one that gives it a percent. The **surprise**, $-\log p$ of
# what came, goes on growing.

# %% surprise
if __name__ == "__main__":
    for p in (0.9, 0.5, 0.1, 0.01, 0.000001):
        square = mse_loss(Tensor([p, 1 - p]), [1.0, 0.0])
        print(f"the right word got {p:<8g} square {square:6.4f}   surprise {-np.log(p):7.4f}")


# %% [markdown]
# ## Surprise
#
# A row of logits $s$ becomes probabilities $p$ by softmax; the loss is the surprise at its label. Two options:
#
# - `ignore_index`: a row with this label does not count, not even in the mean. Padding is marked so.
# - `label_smoothing`, $\varepsilon$: instead of a 1 at the label and 0 elsewhere, the model shall say
#   $t = (1 - \varepsilon) \cdot \text{one-hot} + \varepsilon / V$. A share of the label goes to all $V$ classes alike.

# %% [markdown]
# ### Exercise 4.2: softmax_cross_entropy
#
# With $m = \max_k s_k$, the largest score of the row:
#
# $$L = \frac{1}{\text{kept}} \sum_{\text{kept rows}} -\sum_j t_j \log p_j \qquad
# \log p_j = s_j - m - \log\sum_k e^{s_k - m}$$
#
# **Plan.** 1. Reshape to rows, (n, V), and labels, (n,). 2. Keep the rows that count. 3. Take away each row's maximum.
# 4. The label's term; with smoothing, the mean over all classes as well. 5. Average. No logarithm of a softmax: below you
# will see why.
#
# <details><summary>Hint</summary>
#
# `logits.reshape(-1, logits.shape[-1])` works for any number of leading axes. `rows[kept]`, with booleans, picks rows.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `shifted[np.arange(len(labels)), labels]` picks one number from each row. The smoothed part is $\varepsilon$ times
# `shifted.mean(axis=1)`.
#
# </details>

# %% 4.2-softmax-cross-entropy
#| export
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
    ### BEGIN SOLUTION 4.2
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
    ### END SOLUTION


# %% test-4.2 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: softmax_cross_entropy...")
    checks.softmax_cross_entropy(softmax_cross_entropy)
    print("✅ softmax_cross_entropy: rows, ignored rows, smoothing, far scores")

# %% [markdown]
# ## Why not log(softmax)?
#
# The same logits, 300 times as large, in float32. The first way overflows. The second, with the maximum taken away,
# rounds a small probability to 0, and its logarithm is infinite. Only the third is right; here the label is *roof*,
# twice.

# %% far-scores
if __name__ == "__main__":
    far, roof = (300 * scores).astype(np.float32), np.array([1, 1])
    with np.errstate(all="ignore"):
        powers = np.exp(far)
        naive = -np.log(powers / powers.sum(axis=1, keepdims=True))[:, 1]
        powers = np.exp(far - far.max(axis=1, keepdims=True))
        rounded = -np.log(powers / powers.sum(axis=1, keepdims=True))[:, 1]
    print("log of a softmax:           ", naive, " mean", naive.mean())
    print("log of a stable softmax:    ", rounded, " mean", rounded.mean())
    print("softmax_cross_entropy: mean ", softmax_cross_entropy.forward(far, labels=roof))


# %% [markdown]
# ## The gradient is p − y
#
# Softmax and logarithm have complicated derivatives, and their product hardly any. From
# $-\log p_y = \log\sum_k e^{s_k} - s_y$:
#
# $$\frac{\partial}{\partial s_j}(-\log p_y) = \frac{e^{s_j}}{\sum_k e^{s_k}} - [j = y] = p_j - y_j$$
#
# where $y_j$ is 1 for the label and 0 otherwise; with smoothing it is $t_j$ instead.

# %% [markdown]
# ### Exercise 4.3: the gradient rule
#
# A rule is a function of arrays: it gets `grad`, the output, the inputs and the options. For every row that counts:
#
# $$\frac{\partial L}{\partial s} = \text{grad} \cdot \frac{p - t}{\text{kept}}$$
#
# **Plan.** 1. The softmax of each row, computed again: kept, it would take as much memory as the logits. 2. Take $t$
# away. 3. Divide by the number of kept rows, multiply by `grad`, one number. 4. Zeros in ignored rows. 5. A tuple of
# one array, in the shape of the logits.
#
# <details><summary>Hint</summary>
#
# `p[np.arange(n), labels] -= 1` would treat -100 as a column. Use the numbers of the kept rows in place of
# `np.arange(n)`: `np.flatnonzero(labels != ignore_index)`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# With smoothing take `1 - label_smoothing` from the label's place, and `label_smoothing / V` from every place. Set
# ignored rows to 0 at the end.
#
# </details>

# %% 4.3-softmax-cross-entropy-rule
#| export
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
    ### BEGIN SOLUTION 4.3
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
    ### END SOLUTION


# %% test-4.3 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: the gradient rule of softmax_cross_entropy...")
    checks.softmax_cross_entropy_rule(softmax_cross_entropy)
    print("✅ the rule: p - y over the rows that count")

# %% [markdown]
# ## What p − y does
#
# Learning goes against the gradient, so the cell prints it with a minus. The cat's row hardly changes: *mat* had most
# already. Had the text said *roof*, its score would be pushed up and each other one down, in proportion to the
# probability it took. A row sums to 0. The last line nudges one score by a millionth and watches the loss.

# %% push
if __name__ == "__main__":
    roof = {"labels": np.array([1, 2])}
    for name, options in (("mat, moon", {"labels": labels}), ("roof, moon", roof)):
        (slope,) = softmax_cross_entropy.rule(1.0, None, scores, **options)
        print(
            f"labels {name:>10}: {(-slope).round(4).tolist()}   sums {slope.sum(axis=1).round(9)}"
        )
    nudge = np.array([[0.0, 1e-6, 0.0], [0.0, 0.0, 0.0]])
    change = softmax_cross_entropy.forward(scores + nudge, **roof)
    change -= softmax_cross_entropy.forward(scores - nudge, **roof)
    print(f"by nudging the score of roof: {-change / 2e-6:.4f}")


# %% [markdown]
# ## Labels are checked
#
# NumPy takes -1 as the last class, and floats or a wrong shape may fail far from the mistake, or not at all. A loss would
# still come out, and go down. The labels are constants: no gradient goes to them, so they are an option of the op.

# %% [markdown]
# ### Exercise 4.4: as_labels
#
# **Plan.** 1. A new array from a list, array or tensor: the gradient needs the labels as they are now. 2. `TypeError`
# unless it holds integers. 3. `ValueError` with both shapes unless each row of logits has one label. 4. `ValueError`
# for the first label that is no class, except `ignore_index`: name it, its position as a tuple, and the range, as in `0
# to 2`. 5. `ValueError` where no label counts: a mean of nothing.
#
# <details><summary>Hint</summary>
#
# The given `unwrap` takes the array out of a tensor; integers have the dtype kinds `"i"` and `"u"`.
# `np.shape(logits)[:-1]` is the shape that the labels must have.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `np.argwhere(wrong)[0]` is the position of the first true element, one number for each axis;
# `.tolist()` makes plain ints.
#
# </details>

# %% 4.4-as-labels
#| export
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
    ### BEGIN SOLUTION 4.4
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
    ### END SOLUTION


# %% test-4.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: as_labels...")
    checks.as_labels(as_labels)
    print("✅ as_labels: integers, one a row, in range, or an error that says which and where")


# %% [markdown]
# ### Exercise 4.5: cross_entropy
#
# The function that a training loop calls: guards first, then the op.
#
# **Plan.** 1. A `TypeError` unless the logits are floats. 2. A `ValueError` unless `label_smoothing` is at least 0 and
# less than 1; NaN is neither. 3. The labels through `as_labels`. 4. The op, on the logits themselves, with all three
# options by name.
#
# <details><summary>Hint</summary>
#
# `not 0 <= label_smoothing < 1` is true of NaN as well. The op remembers its options: hand it the array from
# `as_labels`, which nobody else holds.
#
# </details>

# %% 4.5-cross-entropy
#| export
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
    ### BEGIN SOLUTION 4.5
    dtype = np.asarray(unwrap(logits)).dtype
    if dtype.kind != "f":
        raise TypeError(f"logits must be floats; got dtype {dtype}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be from 0 to less than 1; got {label_smoothing}")
    labels = as_labels(labels, logits, ignore_index)
    options = {"ignore_index": ignore_index, "label_smoothing": float(label_smoothing)}
    return softmax_cross_entropy(logits, labels=labels, **options)
    ### END SOLUTION


# %% test-4.5 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: cross_entropy...")
    checks.cross_entropy(cross_entropy)
    print("✅ cross_entropy: guards, options, memory")

# %% [markdown]
# ## Before the first step: ln(V)
#
# A new model knows nothing, so every class gets about $1/V$, and the loss is $-\log(1/V) = \ln V$. Look at the first
# number of a training run: if it is far from $\ln V$, something is wrong before learning has begun. Logits that are too
# large do it, as the last column shows.

# %% untrained
if __name__ == "__main__":
    rng = np.random.default_rng(4)
    for classes in (3, 10, 256, 50257):  # the last: GPT-2's vocabulary
        new = rng.normal(size=(50, classes))  # logits
        drawn = rng.integers(0, classes, size=50)
        small, large = (cross_entropy(Tensor(size * new), drawn).item() for size in (0.02, 10.0))
        print(
            f"V = {classes:5}  ln V {np.log(classes):7.4f}  small {small:7.4f}  large {large:8.4f}"
        )

# %% [markdown]
# ## How sure to be
#
# All logits times one factor: the order of the words stays, only the confidence changes. If every label is right, more
# is better without end. If one of two is wrong, there is a best factor, and beyond it the loss grows as fast as the
# factor. Smoothing has the same effect with right labels: it punishes a model that is too sure.

# %% confidence
if __name__ == "__main__":
    print("factor    both right   one wrong   both right, smoothed")
    for factor in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        logits = Tensor(factor * scores)
        right, wrong = (cross_entropy(logits, given).item() for given in ([0, 2], [1, 2]))
        smoothed = cross_entropy(logits, [0, 2], label_smoothing=0.1).item()
        print(f"{factor:6}    {right:10.4f}  {wrong:10.4f}   {smoothed:10.4f}")

# %% [markdown]
# ## Yes or no
#
# Softmax makes the words compete: one is right. Often several are: the cat might sit on the *mat* or the *roof*. Then
# each word is a question of its own, with one score $x$ and the chance $\sigma(x)$ of a yes.

# %% fitting-words
fits = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # which words would make sense


# %% [markdown]
# ### Exercise 4.6: sigmoid_cross_entropy
#
# $$L = \frac{1}{N}\sum_i -y_i \log \sigma(x_i) - (1 - y_i) \log(1 - \sigma(x_i))$$
#
# Again no logarithm of a rounded 0. Both logarithms together are
#
# $$\max(x, 0) - x\,y + \log(1 + e^{-|x|})$$
#
# Check it on paper for $x > 0$ and for $x < 0$. The exponent is never positive, so nothing overflows.
#
# <details><summary>Hint</summary>
#
# `np.log1p(z)` is $\log(1 + z)$, exact also where $z$ is tiny. All arrays have one shape; `.mean()` is over everything.
#
# </details>

# %% 4.6-sigmoid-cross-entropy
#| export
@op
def sigmoid_cross_entropy(logits: Array, *, targets: Array) -> Any:
    """Average of -y log σ(x) - (1 - y) log(1 - σ(x)), finite for any finite logits.

    Args:
        logits: scores, any shape.
        targets: the chance of a yes, from 0 to 1, the same shape.

    Returns:
        One number, in nats.
    """
    ### BEGIN SOLUTION 4.6
    losses = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    return losses.mean()
    ### END SOLUTION


# %% test-4.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: sigmoid_cross_entropy...")
    checks.sigmoid_cross_entropy(sigmoid_cross_entropy)
    print("✅ sigmoid_cross_entropy: values, chances between 0 and 1, far scores")


# %% [markdown]
# ### Exercise 4.7: its gradient rule
#
# Again a difference, chance minus truth:
#
# $$\frac{\partial L}{\partial x} = \text{grad} \cdot \frac{\sigma(x) - y}{N}$$
#
# **Plan.** A $\sigma$ that takes the exponential of no positive number: with $z = e^{-|x|}$ it is $1 / (1 + z)$ where
# $x \ge 0$, and $z / (1 + z)$ elsewhere.
#
# <details><summary>Hint</summary>
#
# `np.where(logits >= 0, 1, z) / (1 + z)`. $N$ is the number of all logits, `logits.size`. Return a tuple of one array.
#
# </details>

# %% 4.7-sigmoid-cross-entropy-rule
#| export
@sigmoid_cross_entropy.gradient
def sigmoid_cross_entropy_rule(
    grad: Array, output: Array, logits: Array, *, targets: Array
) -> tuple[Array]:
    """Gradient for the logits: (σ(x) - y) / count."""
    ### BEGIN SOLUTION 4.7
    small = np.exp(-np.abs(logits))  # at most 1: no overflow
    chance = np.where(logits >= 0, 1, small) / (1 + small)
    return ((chance - targets) * (grad / logits.size),)
    ### END SOLUTION


# %% test-4.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: the gradient rule of sigmoid_cross_entropy...")
    checks.sigmoid_cross_entropy_rule(sigmoid_cross_entropy)
    print("✅ the rule: chance minus truth")


# %% [markdown]
# ### Exercise 4.8: binary_cross_entropy_with_logits
#
# PyTorch's name, and a warning in it: it takes logits, not probabilities.
#
# **Plan.** 1. Equal shapes. 2. A `TypeError` unless the logits are floats. 3. The targets as a new array of the logits'
# dtype. 4. A `ValueError` for the first target outside [0, 1]: the target, and its position as a tuple. NaN is outside.
# 5. The op.
#
# <details><summary>Hint</summary>
#
# `np.array(targets, dtype)` copies; it takes arrays, lists and tensors. Of a tensor that learns it refuses to make an
# array: the targets are constants.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# A comparison with NaN is false, so look for what is *not* inside: `~((array >= 0) & (array <= 1))`.
#
# </details>

# %% 4.8-binary-cross-entropy
#| export
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
    ### BEGIN SOLUTION 4.8
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
    ### END SOLUTION


# %% test-4.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: binary_cross_entropy_with_logits...")
    checks.binary_cross_entropy_with_logits(binary_cross_entropy_with_logits)
    print("✅ binary_cross_entropy_with_logits: guards, memory")

# %% [markdown]
# ## Two losses, one idea
#
# A yes-or-no question is a softmax over two classes, of which one has the logit 0: both losses agree, and so do their
# gradients. Below them, the words as questions of their own.

# %% two-classes
if __name__ == "__main__":
    x = np.array([2.0, -1.0, 0.5])
    pairs, yes = np.stack([0 * x, x], axis=1), np.array([1, 1, 0])  # classes: no, yes
    (two,) = softmax_cross_entropy.rule(1.0, None, pairs, labels=yes)
    (one,) = sigmoid_cross_entropy.rule(1.0, None, x, targets=yes)
    print("as two classes:", cross_entropy(Tensor(pairs), yes), two[:, 1].round(4))
    print("as one question:", binary_cross_entropy_with_logits(Tensor(x), yes), one.round(4))
    print("words that fit:", binary_cross_entropy_with_logits(Tensor(scores), fits))


# %% [markdown]
# ## Numbers to quote
#
# Nats are hard to picture. Three other numbers help. A loss is often a tensor of one element; given:

# %% given-number
#| export
def as_number(loss: Any) -> float:
    """Return a loss, a number or a tensor or array with one element, as a plain number."""
    return float(np.asarray(unwrap(loss)).item())


# %% [markdown]
# ### Exercise 4.9: perplexity, bits_per_byte
#
# Perplexity: among how many equally likely tokens would one be as surprised? For a loss of $\ln V$ that is $V$.
#
# $$\text{perplexity} = e^{L} \qquad \text{bits per byte} = \frac{L \cdot \text{tokens}}{\ln 2 \cdot \text{bytes}}$$
#
# Where $e^L$ is too large for a float, the answer is infinity, without a warning: a run that went astray shall still
# print.
#
# <details><summary>Hint</summary>
#
# `math.exp` raises an `OverflowError` there. NumPy gives infinity and warns; `with np.errstate(over="ignore"):` keeps
# it quiet. A result of NumPy becomes plain by `float(...)`.
#
# </details>

# %% 4.9-perplexity
#| export
def perplexity(loss: Any) -> float:
    """Among how many equally likely tokens would the loss be as large?

    Args:
        loss: a cross-entropy in nats a token: a number, or a tensor of one element.

    Returns:
        e to the loss; infinity where that is no float.

    Source: Jelinek et al. 1977, "Perplexity", J. Acoust. Soc. Am. 62, S63.
    """
    ### BEGIN SOLUTION 4.9
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(as_number(loss))))
    ### END SOLUTION


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
    ### BEGIN SOLUTION 4.9
    return as_number(loss) * num_tokens / (float(np.log(2)) * num_bytes)
    ### END SOLUTION


# %% test-4.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: perplexity, bits_per_byte...")
    checks.perplexity(perplexity, bits_per_byte)
    print("✅ perplexity, bits_per_byte: numbers, tensors, a loss too large")

# %% [markdown]
# ## Perplexities do not compare
#
# Two models that know nothing about "the cat sat on the mat": one picks among 27 characters, one among 50,257 tokens of
# several bytes. By perplexity the first looks far better. But its tokens are small, so it needs more of them. Per byte
# of text, the second is better: its list of words is knowledge, too.

# %% per-byte
if __name__ == "__main__":
    text = "the cat sat on the mat"
    num_bytes = len(text.encode())
    for name, size, count in (("characters", 27, num_bytes), ("words", 50_257, len(text.split()))):
        loss = np.log(size)
        rate = bits_per_byte(loss, count, num_bytes)
        print(f"{count:2} {name:>10}: perplexity {perplexity(loss):8.0f}, {rate:.2f} bits a byte")


# %% [markdown]
# ### Exercise 4.10: accuracy
#
# How often is the largest score the right one?
#
# $$\text{accuracy} = \frac{1}{\text{kept}} \sum_{\text{kept rows}} [\operatorname{argmax}_j s_j = y]$$
#
# **Plan.** Labels through `as_labels`; ignored rows count neither above nor below the line. Of equal scores the first
# is the largest, as for `argmax`. Return a plain float.
#
# <details><summary>Hint</summary>
#
# The last axis holds the classes, so `argmax(axis=-1)` has the shape of the labels. The mean of booleans is a share.
#
# </details>

# %% 4.10-accuracy
#| export
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
    ### BEGIN SOLUTION 4.10
    labels = as_labels(labels, logits, ignore_index)
    right = np.asarray(unwrap(logits)).argmax(axis=-1) == labels
    return float(right[labels != ignore_index].mean())
    ### END SOLUTION


# %% test-4.10 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: accuracy...")
    checks.accuracy(accuracy)
    print("✅ accuracy: shares, ignored rows, ties")

# %% [markdown]
# ## What accuracy does not see
#
# It jumps from right to wrong and has no slope in between, so nothing can learn from it. And it does not see how sure a
# model was: these three have one accuracy, and three losses.

# %% how-sure
if __name__ == "__main__":
    for factor in (0.01, 1.0, 10.0):
        logits, said = factor * scores, [0, 1]  # the second label is not the largest score
        share, loss = accuracy(logits, said), cross_entropy(Tensor(logits), said)
        print(f"logits times {factor:5}: accuracy {share}, loss {loss:7.4f}")

# %% [markdown]
# ## What is left out, and why
#
# - **Weights for classes.** PyTorch's `weight=` counts rare classes more. Choosing the batches can do the same.
# - **Sums and single losses.** PyTorch has `reduction=`; a training loop takes the mean.
# - **Targets that learn.** Labels and targets of the two cross-entropies are constants.
# - **A loss in pieces.** With many classes the logits are the largest array of all. Wijmans et al. 2024, "Cut your losses
#   in large-vocabulary language models", compute the loss in blocks and never hold them all.
#
# ## Report

# %% report
if __name__ == "__main__":
    losses = [each.__name__ for each in (mse_loss, cross_entropy, binary_cross_entropy_with_logits)]
    print(f"📈 Progress: Losses ✓  ({', '.join(losses)}; perplexity, bits_per_byte, accuracy)")
    print("💡 Next: tito module complete 04, then module 05 (autograd)")
