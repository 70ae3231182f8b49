"""NumPy's functions: refused where they would lose a gradient, at work where none is wanted."""

import numpy as np
import pytest

from tests.core.draw import assert_close
from tinytorch.core.tensor import Tensor, concatenate, stack, where

X = np.array([1.0, 2.0, 3.0], np.float32)
LEARNED, PLAIN = Tensor(X, requires_grad=True), Tensor(X)

FUNCTIONS = {
    "np.concatenate": lambda t: np.concatenate([t, t]),
    "np.stack": lambda t: np.stack((t, X)),
    "np.vstack": lambda t: np.vstack([X, t]),
    "np.where": lambda t: np.where([True, False, True], t, 0.0),
    "np.dot": lambda t: np.dot(t, t),
    "np.dot, array first": lambda t: np.dot(X, t),
    "np.matmul": lambda t: np.matmul(t, t),
    "np.einsum": lambda t: np.einsum("i,i->", t, t),
    "np.sum": lambda t: np.sum(t),
    "np.sum with axis": lambda t: np.sum(t, axis=0, keepdims=True),
    "np.mean": lambda t: np.mean(t),
    "np.max": lambda t: np.max(t),
    "np.add": lambda t: np.add(t, t),
    "np.multiply, array first": lambda t: np.multiply(X, t),
    "np.exp": lambda t: np.exp(t),
    "np.clip": lambda t: np.clip(t, 0, 2),
    "np.linalg.norm": lambda t: np.linalg.norm(t),
    "np.transpose": lambda t: np.transpose(t),
    "np.broadcast_to": lambda t: np.broadcast_to(t, (2, 3)),
    "np.array": lambda t: np.array(t),
    "np.asarray": lambda t: np.asarray(t, dtype=np.float64),
    "np.array of a list": lambda t: np.array([t, t]),
}
IN_TENSORS = {
    "Tensor of a list": lambda t: Tensor([t, t]),
    "Tensor of a tuple in a list": lambda t: Tensor([(t, t)]),
    "a list beside a tensor": lambda t: PLAIN + [t, t],  # noqa: RUF005
}


def into_an_array(t):
    rows = np.zeros((2, 3))
    rows[1] = t
    return rows


ALL = {**FUNCTIONS, **IN_TENSORS, "rows[1] = t": into_an_array}


@pytest.mark.parametrize("name", ALL)
def test_a_function_of_numpys_is_refused_where_a_gradient_is_wanted(name) -> None:
    with pytest.raises(TypeError, match=r"detach\(\)"):
        ALL[name](LEARNED)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_works_as_on_arrays_where_none_is_wanted(name) -> None:
    assert_close(FUNCTIONS[name](PLAIN), FUNCTIONS[name](X), 0)
    assert_close(FUNCTIONS[name](LEARNED.detach()), FUNCTIONS[name](X), 0)


def test_lists_of_tensors_without_a_gradient_are_numbers() -> None:
    assert Tensor([PLAIN, PLAIN]).numpy().tolist() == [X.tolist()] * 2
    assert Tensor([Tensor(1.0), 2.0]).numpy().tolist() == [1, 2]
    assert into_an_array(PLAIN)[1].tolist() == X.tolist()


def test_shape_and_dtype_may_always_be_asked_for() -> None:
    assert (np.shape(LEARNED), np.ndim(LEARNED), np.size(LEARNED)) == ((3,), 1, 3)
    zeros = np.zeros_like(LEARNED)
    assert (type(zeros), zeros.dtype, zeros.tolist()) == (np.ndarray, np.float32, [0, 0, 0])
    assert np.shares_memory(LEARNED, LEARNED.data)


@pytest.mark.parametrize("left", [X, np.float64(2), np.array(2.0), X.astype(int)])
def test_an_operator_with_numpy_on_the_left_is_the_tensors_own(left) -> None:
    for result in (left + LEARNED, left - LEARNED, left * LEARNED, left / LEARNED):
        assert isinstance(result, Tensor) and result.node is not None
    if np.ndim(left):
        assert (left @ LEARNED).node.op.__name__ == "matmul"
    total = left
    total += LEARNED
    assert total.node.op.__name__ == "add"
    assert isinstance(left == LEARNED, Tensor) and isinstance(left >= LEARNED, Tensor)


def test_what_is_joined_keeps_order_and_axis() -> None:
    a, b = Tensor([[1, 2], [3, 4]]), Tensor([[5, 6]])
    assert concatenate([a, b]).numpy().tolist() == [[1, 2], [3, 4], [5, 6]]
    assert concatenate((b, b), dim=-1).numpy().tolist() == [[5, 6, 5, 6]]
    assert stack([b, b]).shape == (2, 1, 2)
    assert stack([a, a + 1], dim=-1).numpy().tolist() == [[[1, 2], [2, 3]], [[3, 4], [4, 5]]]
    assert stack([Tensor(1.0), 2.0]).numpy().tolist() == [1, 2]


def test_where_takes_from_one_or_the_other() -> None:
    a = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert where(a > 2, a, 0.0).numpy().tolist() == [[0, 0], [3, 4]]
    assert where([1, 0], a, [[7.0], [8.0]]).numpy().tolist() == [[1, 7], [3, 8]]
    assert where(a > 2, a, 0.0).dtype == where([1, 0], 0.5, a).dtype == np.float32


def test_what_cannot_be_joined_names_the_shapes() -> None:
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((5, 7)))
    for join in (concatenate, stack):
        with pytest.raises(ValueError, match=r"\(2, 3\), \(5, 7\)"):
            join([a, b])
        with pytest.raises(ValueError, match="dim=4"):
            join([a, a], dim=4)
        for wrong in (a, [], "ab"):
            with pytest.raises(TypeError, match="list of at least one tensor"):
                join(wrong)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(5, 7\)"):
        where(a > 0, a, b)


@pytest.mark.parametrize("wrong", [None, "text", {"a": 1}, object()])
def test_an_operator_names_what_it_cannot_take(wrong) -> None:
    for call in (lambda: PLAIN + wrong, lambda: wrong * PLAIN, lambda: PLAIN @ wrong):
        with pytest.raises(TypeError, match="takes tensors, arrays and numbers; got"):
            call()
