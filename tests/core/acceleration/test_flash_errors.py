"""Every argument of `flash_attention` that cannot be meant is refused by name."""

import numpy as np
import pytest

from tests.core.acceleration.dense import HEADS, H, M, N
from tests.core.draw import normal
from tinytorch.core.acceleration import flash_attention
from tinytorch.core.tensor import Tensor

Q, K, V = (Tensor(x) for x in normal(0, *HEADS))
WRONG_VALUES = [
    ("scale must be a finite number; got nan", {"scale": float("nan")}),
    ("scale must be a finite number; got inf", {"scale": float("inf")}),
    ("softcap must be above 0 and finite; got 0", {"softcap": 0}),
    ("softcap must be above 0 and finite; got -1", {"softcap": -1.0}),
    ("softcap must be above 0 and finite; got nan", {"softcap": float("nan")}),
    ("window must be a positive int; got 0", {"window": 0}),
    ("window must be a positive int; got 2.5", {"window": 2.5}),
    (r"bias has shape \(7, 5\); it must broadcast to \(2, 3, 5, 7\)", {"bias": np.zeros((M, N))}),
    (r"bias has shape \(3, 2, 3, 5, 7\)", {"bias": np.zeros((3, 2, 3, N, M))}),
    (r"bias has shape \(1, 2, 3, 5, 7\)", {"bias": Tensor(np.zeros((1, 2, 3, N, M)), True)}),
    (r"mask has shape \(7, 5\), which does not fit scores", {"mask": np.ones((M, N))}),
    ("mask holds -1", {"mask": -np.ones((N, M))}),
    (r"Q has shape \(5, 11\)", {"q": Q[0, 0]}),
    (r"batch \(and heads\) must agree: Q \(2, 3, 5, 11\), K \(1, 3", {"k": K[:1], "v": V[:1]}),
    (r"must agree: Q \(2, 3, 5, 11\), K \(1, 1", {"k": K[:1, :1], "v": V[:1, :1]}),
    (r"must agree: .* K \(2, 1, 7, 11\), V \(2, 3", {"k": K[:, :1]}),
    ("k has 2 heads; they must divide the 3 heads of q", {"k": K[:, :2], "v": V[:, :2]}),
    ("k has 0 heads", {"k": K[:, :0], "v": V[:, :0]}),
    (r"queries and keys must share d_k.*K \(2, 3, 7, 5\)", {"k": K[..., :5]}),
    (r"n_k of K and V must agree.*V \(2, 3, 5, 13\)", {"v": V[:, :, :5]}),
]  # fmt: skip
WRONG_TYPES = [
    ("scale must be a number; got '1'", {"scale": "1"}),
    ("scale must be a number; got array", {"scale": np.ones(2)}),
    ("softcap must be a number", {"softcap": "2"}),
    ("bias must hold floats; got int64", {"bias": np.zeros((N, M), np.int64)}),
    ("bias must hold floats; got bool", {"bias": np.ones((N, M), bool)}),
    ("mask must hold bools or numbers", {"mask": "causal"}),
    ("Q must be a Tensor, got ndarray", {"q": Q.data}),
    ("K must be a Tensor, got list", {"k": [1.0]}),
    ("V must be a Tensor, got NoneType", {"v": None}),
    ("V must hold floats, got int64", {"v": Tensor(np.ones(V.shape, np.int64))}),
    ("K is float16, too narrow", {"k": Tensor(K.data, dtype=np.float16)}),
]  # fmt: skip


def refused(error, message, wrong):
    with pytest.raises(error, match=message):
        flash_attention(**{"q": Q, "k": K, "v": V, **wrong})


@pytest.mark.parametrize(("message", "wrong"), WRONG_VALUES, ids=[x[:40] for x, _ in WRONG_VALUES])
def test_a_wrong_value_is_refused_by_the_name_of_its_argument(message, wrong):
    refused(ValueError, message, wrong)


@pytest.mark.parametrize(("message", "wrong"), WRONG_TYPES, ids=[x[:40] for x, _ in WRONG_TYPES])
def test_a_wrong_type_is_refused_by_the_name_of_its_argument(message, wrong):
    refused(TypeError, message, wrong)


def test_options_are_handed_over_by_name_only():
    with pytest.raises(TypeError, match="positional"):
        flash_attention(Q, K, V, None, True)


def test_arguments_that_are_right_are_left_alone():
    bias, mask = np.ones((H, N, M)), np.ones((N, M), bool)
    before = [x.copy() for x in (Q.data, K.data, V.data, bias, mask)]
    flash_attention(Q, K, V, mask, bias=bias, softcap=np.float32(2), scale=1, window=np.int64(3))
    for now, then in zip((Q.data, K.data, V.data, bias, mask), before, strict=True):
        assert np.array_equal(now, then)
