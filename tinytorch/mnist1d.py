"""MNIST-1D, ten shapes of 40 numbers, small enough to train on in seconds: given, on NumPy alone.

Greydanus & Kobak 2020, "Scaling down deep learning", arXiv 2011.14439: each sample is one of ten
hand-drawn curves, padded, stretched, shifted, and hidden in smooth noise. With the same seed the
numbers are those of the authors' own package, whose generator is NumPy's older one.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CURVES = np.array(  # one row a digit: how far its stroke is from the middle, from top to bottom
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)
LONGEST_PADDING, LEAST_PADDING = 60, 36
CANVAS = CURVES.shape[1] + LONGEST_PADDING  # numbers in a sample before it is thinned out
ROW_LEN = 40  # numbers in a sample
STRETCH, SHIFT, SHEAR = 0.4, 48, 0.75
SMOOTH_NOISE, NOISE = 0.25, 0.02
WIDTH, REACH = 2, 8  # of the bell that smooths the noise: its deviation, and where it is cut off


class MNIST1D(NamedTuple):
    """Rows (n, 40) in float32 and labels (n,) of 0 to 9: to learn from, and to test with."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def mnist1d(seed: int = 42, num_samples: int = 5000, train_fraction: float = 0.8) -> MNIST1D:
    """Make the data set: 4,000 rows to learn from and 1,000 to test with, unless told otherwise.

    Args:
        seed: 42 gives the numbers that the paper's results are about.
        num_samples: how many rows in all; each digit gets a tenth of them, rounded down.
        train_fraction: the share of rows to learn from.

    Returns:
        `x_train, y_train, x_test, y_test`. All rows together have mean 0 and deviation 1.

    Raises:
        ValueError: fewer than one row for each digit.

    Source: Greydanus & Kobak 2020, arXiv 2011.14439, and their package mnist1d 0.0.2.
    """
    each = num_samples // len(CURVES)
    if each < 1:
        raise ValueError(f"num_samples must be at least 10, one a digit; got {num_samples}")
    rng = np.random.RandomState(seed)  # the authors' generator: another draws other numbers
    rows = np.stack([sample(curve, rng) for curve in curves() for _ in range(each)])
    labels = np.repeat(np.arange(len(CURVES)), each)
    order = rng.permutation(len(labels))
    rows, labels = rows[order], labels[order]
    rows = ((rows - rows.mean()) / rows.std()).astype(np.float32)
    end = int(len(labels) * train_fraction)
    return MNIST1D(rows[:end], labels[:end], rows[end:], labels[end:])


def curves() -> Array:
    """The ten curves (10, 12), scaled alike; each begins and ends at 0."""
    centred = CURVES - CURVES.mean(axis=1, keepdims=True)
    centred /= centred.std(axis=1, keepdims=True)
    return np.asarray((centred - centred[:, :1]) / 6)


def sample(curve: Array, rng: np.random.RandomState) -> Array:
    """One row (40,) from a curve (12,)."""
    padding = LEAST_PADDING + int(rng.rand() * (LONGEST_PADDING - LEAST_PADDING + 1))
    row = resampled(np.concatenate([curve + 1e-8, np.zeros(padding)]), CANVAS)
    row *= 1 + STRETCH * (rng.rand() - 0.5)
    row = np.roll(row, rng.choice(SHIFT))
    noise = smoothed(SMOOTH_NOISE * rng.randn(CANVAS))
    row = np.where(row != 0, row, noise)  # the stroke stays clear; the padding becomes noise
    row = row + NOISE * rng.randn(CANVAS)
    row = row - SHEAR * (rng.rand() - 0.5) * np.linspace(-0.5, 0.5, CANVAS)
    return resampled(row, ROW_LEN)


def resampled(row: Array, length: int) -> Array:
    """The same curve in another number of points, on straight lines between the old ones."""
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(row)), row)


def smoothed(noise: Array) -> Array:
    """Average each number with its neighbours under a bell; the ends are mirrored."""
    bell = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / WIDTH) ** 2)
    mirrored = np.pad(noise, REACH, mode="symmetric")
    return np.convolve(mirrored, bell / bell.sum(), mode="valid")
