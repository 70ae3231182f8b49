"""Computational complexity: multiply-adds counted, never timed; the size of the graph."""

import math

import numpy as np
import pytest

from tests.core.draw import normal, tensors
from tinytorch.core.attention import (
    MultiHeadAttention,
    attention_scores,
    create_causal_mask,
    weighted_sum,
)
from tinytorch.core.autograd import topological_order
from tinytorch.core.tensor import Tensor


def index_space(subscripts, *arrays) -> int:
    """How many multiply-adds an einsum makes: one for each value of all its indices."""
    sizes: dict[str, int] = {}
    for letters, array in zip(subscripts.partition("->")[0].split(","), arrays, strict=True):
        named = letters.strip().replace("...", "")
        lead = array.ndim - len(named)
        sizes |= zip(named, array.shape[lead:], strict=True)
        sizes |= {f"leading {number}": array.shape[number] for number in range(lead)}
    return math.prod(sizes.values())


class Counting(np.ndarray):
    """An array that counts the multiply-adds it takes part in and refuses what it cannot count."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        assert method == "__call__" and ufunc in (np.matmul, np.multiply, np.add), ufunc
        plain = [np.asarray(x) for x in inputs]
        if out:
            options["out"] = tuple(np.asarray(x) for x in out)
        result = ufunc(*plain, **options)
        if ufunc is not np.add:  # the addition belongs to the multiplication before it
            Counting.total += np.size(result) * (plain[0].shape[-1] if ufunc is np.matmul else 1)
        return result

    def __array_function__(self, function, types, inputs, options):
        plain = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in inputs]
        result = function(*plain, **options)
        if function in (np.dot, np.inner):
            Counting.total += np.size(result) * plain[0].shape[-1]
        elif function is np.einsum:
            Counting.total += index_space(*plain)
        else:  # these only move or add numbers
            free = (np.swapaxes, np.transpose, np.sum, np.shape, np.ndim, np.result_type)
            assert function in (*free, np.zeros_like, np.empty_like), function
            return result.view(Counting) if isinstance(result, np.ndarray) else result
        return result


def count(function, *shapes: tuple[int, ...]) -> int:
    """How many multiply-adds a function makes with arrays of these shapes."""
    Counting.total = 0
    function(*(np.ones(shape).view(Counting) for shape in shapes))
    return Counting.total


def forward(lead, n, m, d_k, d_v) -> int:
    q, k, v, s = (*lead, n, d_k), (*lead, m, d_k), (*lead, m, d_v), (*lead, n, m)
    return count(attention_scores.forward, q, k) + count(weighted_sum.forward, s, v)


def backward(lead, n, m, d_k, d_v) -> int:
    q, k, v, s = (*lead, n, d_k), (*lead, m, d_k), (*lead, m, d_v), (*lead, n, m)
    o = (*lead, n, d_v)
    return count(attention_scores.rule, s, s, q, k) + count(weighted_sum.rule, o, o, s, v)


def test_the_counter_counts_products_in_whole_numbers() -> None:
    assert count(lambda a, b: a @ b, (2, 3), (3, 5)) == 30
    assert count(lambda a, b: a[0] @ b[0], (1, 7), (1, 7)) == 7
    assert count(lambda a, b: a[0, 0] * b[0], (1, 1), (1, 7)) == 7
    assert count(lambda a, b: np.einsum("...ij,jk->...ik", a, b), (7, 2, 3), (3, 5)) == 210
    assert count(np.dot, (2, 3), (3, 5)) == 30
    with pytest.raises(AssertionError, match="kron"):
        count(np.kron, (2, 3), (3, 5))


@pytest.mark.parametrize(("n", "d"), [(2, 3), (5, 3), (5, 7), (10, 7), (13, 11)])
def test_forward_makes_exactly_2_n_squared_d_multiply_adds(n, d) -> None:
    assert forward((1,), n, n, d, d) == 2 * n * n * d


@pytest.mark.parametrize(("n", "d"), [(2, 3), (5, 3), (5, 7), (10, 7), (13, 11)])
def test_backward_makes_exactly_4_n_squared_d_multiply_adds(n, d) -> None:
    assert backward((1,), n, n, d, d) == 4 * n * n * d


def test_twice_the_length_costs_four_times_and_twice_the_width_twice() -> None:
    for cost in (forward, backward):
        assert cost((1,), 10, 10, 3, 3) == 4 * cost((1,), 5, 5, 3, 3)
        assert cost((1,), 5, 5, 6, 6) == 2 * cost((1,), 5, 5, 3, 3)


def test_cross_attention_costs_pairs_times_both_widths() -> None:
    assert forward((2,), 5, 7, 11, 13) == 2 * 5 * 7 * (11 + 13)
    assert backward((2,), 5, 7, 11, 13) == 2 * 2 * 5 * 7 * (11 + 13)


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_more_heads_of_less_width_make_the_same_multiply_adds(heads) -> None:
    assert forward((1, heads), 5, 5, 6 // heads, 6 // heads) == 2 * 5 * 5 * 6


@pytest.mark.parametrize("masked", [False, True])
def test_the_graph_is_a_handful_of_nodes_for_any_length(attention, masked) -> None:
    sizes = []
    for n in (2, 5, 17):
        mask = create_causal_mask(n) if masked else None
        output, _ = attention(*tensors(normal(0, *[(1, n, 3)] * 3)), mask)
        sizes.append(sum(t.node is not None for t in topological_order(output)))
    assert len(set(sizes)) == 1 and sizes[0] <= 16


def test_the_layers_graph_does_not_grow_with_length_or_heads() -> None:
    sizes = set()
    for n, heads in ((2, 1), (5, 3), (17, 6)):
        output = MultiHeadAttention(6, heads)(Tensor(np.ones((1, n, 6))), create_causal_mask(n))
        sizes.add(len(topological_order(output)))
    assert len(sizes) == 1


@pytest.mark.parametrize("n", [2, 5, 11])
def test_the_stored_weights_are_batch_times_heads_times_n_squared(n) -> None:
    x = Tensor(np.ones((2, n, 6)))
    weights = MultiHeadAttention(6, 3).attend(x, x, x)[1].numpy()
    assert weights.nbytes == 2 * 3 * n * n * 4
