"""Sentences about wrong results: each is said of an answer that is wrong in that way."""

import numpy as np
import pytest

from tinytorch.checking import Checker

A = np.random.default_rng(1).normal(size=(2, 3, 5))
B = np.random.default_rng(2).normal(size=(2, 3, 5))
C = A.swapaxes(0, 1)
S = np.random.default_rng(3).normal(size=(3, 3))


def message(answer, oracle, *arguments, **options) -> str:
    """What the checker says of an answer."""
    with pytest.raises(AssertionError) as caught:
        Checker("none_checks.py").agree(answer, oracle, *arguments, what="case", **options)
    return str(caught.value)


def product(a, b):
    return a * b


def softmax(x):
    shares = np.exp(x)
    return shares / shares.sum(axis=-1, keepdims=True)


def row_sums(a, dim=-1):
    return a.sum(axis=dim)


def zeros_but_first(a, b):
    result = np.zeros_like(a)
    result[0] = a[0] * b[0]
    return result


def nines_but_first(a, b):
    result = np.full_like(a, 9)
    result[0] = a[0] * b[0]
    return result


def not_last(a, b):
    result = a * b
    result[..., -1] = 0
    return result


SENTENCES = {
    "is a return missing?": (lambda a, b: None, product, A, B),
    "an array of shape (2, 3, 5) came, expected": (lambda a: a, lambda a: 7, A),
    "shape (2, 5, 3) came": (lambda a, b: (a * b).swapaxes(1, 2), product, A, B),
    "axes 1 and 2 are swapped": (lambda a, b: (a * b).swapaxes(1, 2), product, A, B),
    "the numbers are right, the shape is not": (lambda a, b: (a * b)[None], product, A, B),
    "rows and columns are swapped": (lambda s: s.T * 1.0, lambda s: s * 1.0, S),
    "the sign is wrong everywhere": (lambda a, b: -a * b, product, A, B),
    "2.236 times the right one: √5, and 5 is the last size of a": (
        lambda a, b: a * b * 5**0.5, product, A, B),
    "each number is 3 too large": (lambda a, b: a * b + 3, product, A, B),
    "it is all zeros": (lambda a, b: 0 * a, product, A, B),
    "it is b, unchanged": (lambda a, b: b.copy(), product, A, B),
    "divided by a it would be right": (lambda a, b: a * a * b, product, A, B),
    "with a subtracted it would be right": (lambda a, b: a * b + a, product, A, B),
    "without their signs": (lambda a, b: abs(a * b), product, A, B),
    "30 of 30 numbers are NaN": (lambda a, b: a * np.nan, product, A, B),
    "it is right to some 7 digits only": (
        lambda a, b: a * b * np.linspace(1, 1 + 3e-6, 5), product, A, B),
    "it sums to 1 along axis 0, not along the last axis": (lambda s: softmax(s.T).T, softmax, S),
    "a softmax of scores 3 times as large": (lambda s: softmax(3 * s), softmax, S),
    "it is the right result for dim=1": (lambda a, dim: a.sum(axis=1), row_sums, A[:, :2, :2]),
    "it is the right result for b in place of a": (
        lambda a, b: np.exp(b) - b, lambda a, b: np.exp(a) - b, A, B),
    "right result for the first part of a along axis 0 alone": (zeros_but_first, product, C, C + 1),
    "right result for a without its last part along the last axis": (not_last, product, A, B),
    "along axis 0, only the first is right": (nines_but_first, product, C, C + 1),
    "wrong exactly where a is negative": (lambda a: np.where(a < 0, 9, a**3), lambda a: a**3, A),
    "stays the same when the numbers of b change places": (
        lambda a, b: np.exp(a), lambda a, b: np.exp(a) - b * b, A, B),
    "float32 came, expected float64": (np.float32, lambda a: a, np.ones(3)),
    "in reverse order along axis 1": (lambda a, b: (a * b)[:, ::-1], product, A, B),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_wrong_result_is_described(sentence: str):
    answer, oracle, *arguments = SENTENCES[sentence]
    options = {"dim": -1} if "dim=" in sentence else {}
    assert sentence in message(answer, oracle, *arguments, **options)


def test_numbers_without_any_likeness_are_told_by_the_largest_difference():
    told = message(lambda a, b: np.sin(a * b) * 9, lambda a, b: np.cosh(a + b), A, B)
    got, right = np.sin(A * B) * 9, np.cosh(A + B)
    place = np.unravel_index(np.argmax(abs(got - right)), got.shape)
    assert (
        told == f"case: at {[*map(int, place)]} it is {got[place]:.6g}, expected {right[place]:.6g}"
    )


def test_a_factor_of_two_is_not_explained_by_a_size_of_two():
    assert "and 2 is" not in message(lambda a, b: 2 * a * b, product, A, B)
