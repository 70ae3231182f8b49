"""Every op of the library, gradient-checked in float64 through plain, viewed and broadcast inputs.

The list of ops is read from the modules of `tinytorch.core`: an op without a case here fails.
"""

import copy
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import tinytorch.core
from tests.core.draw import Array
from tinytorch.core.autograd import check_gradient
from tinytorch.core.layers import Layer
from tinytorch.core.tensor import ListOp, Op, Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """Shapes and options to check one op with; every axis has a different prime."""

    shapes: tuple[Shape, ...]
    options: dict[str, Any] = field(default_factory=dict)


MASK = np.array([[1, 0, 0], [0, 1, 0]])
LABELS = np.array([[1, 2], [0, -100], [2, 2], [-100, 0], [1, 1]])
TURNS = np.linspace(-3, 3, 10).reshape(5, 2)
KEYS = [(slice(None), -1), ([1, 0, 1, 1],), (MASK == 1,), (Ellipsis, None, slice(0, 2))]
PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((5, 2, 3), (2, 1)), ((), (2, 3))]
PRODUCTS = [((2, 3), (3, 5)), ((7, 2, 3), (7, 3, 5)), ((7, 2, 3), (3, 5)), ((2, 3), (7, 3, 5)),
            ((3,), (3,)), ((3,), (3, 5)), ((2, 3), (3,)), ((3,), (7, 3, 5)), ((7, 2, 3), (3,)),
            ((7, 1, 2, 3), (5, 3, 2))]  # fmt: skip
REDUCTIONS = [{"dim": dim, "keepdims": keep} for keep in (False, True)
              for dim in (None, 0, -1, (0, 2), ())]  # fmt: skip
ELEMENTWISE = [Case(((2, 3),)), Case(((2, 3, 5),)), Case(((),))]
PAIRWISE = [Case(shapes) for shapes in PAIRS]
REDUCED = [Case(((2, 3, 5),), options) for options in REDUCTIONS]

QUERIES = ((2, 1, 5, 3), (2, 1, 7, 3), (2, 1, 7, 11))


class Square(Layer):
    """Without parameters: those have tests of their own, since they are no inputs of a check."""

    def forward(self, x: Tensor, times: float) -> Tensor:
        return x * x * times


def flash_options(heads: int, **options: Any) -> dict[str, Any]:
    """Who may look, and room for what the rule needs; empty where a learner has no module 18."""
    try:
        acceleration = importlib.import_module("tinytorch.core.acceleration")
    except ModuleNotFoundError:
        return {}
    return {"sight": acceleration.Sight(0.5, **options), "lse": np.empty((2, heads, 5))}


CASES: dict[str, list[Case]] = {
    "add": PAIRWISE,
    "subtract": PAIRWISE,
    "multiply": PAIRWISE,
    "divide": PAIRWISE,
    "power": [Case(((2, 3),), {"exponent": e}) for e in (3, -1, 0, 0.5, np.array([[2.0], [0.0]]))]
    + [Case(((3,),), {"exponent": np.array([[2.0], [-1.0]])})],
    "matmul": [Case(shapes) for shapes in PRODUCTS],
    "reduce_sum": REDUCED,
    "reduce_max": REDUCED,
    "transpose": [Case(((2, 3, 5),), {"dim0": 0, "dim1": b}) for b in (2, -2, 0)],
    "reshape": [Case(((2, 3, 5),), {"shape": s}) for s in ((5, 6), (-1,), (1, 3, 10))],
    "index": [Case(((2, 3),), {"key": key}) for key in KEYS],
    "concatenate": [Case(((2, 3), (2, 5), (2, 3)), {"dim": -1}), Case(((2, 3, 5), (7, 3, 5)))],
    "stack": [Case(((2, 3), (2, 3)), {"dim": dim}) for dim in (0, 1, -1)],
    "where": [Case((first, *pair)) for first in ((2, 3), (3,), ()) for pair in PAIRS[:3]],
    "cast": [Case(((2, 3),), {"dtype": np.float64})],
    "exponential": [Case(((2, 3),), {"base": b}) for b in (2, 1, 0, np.array([[3.0], [0.5]]))]
    + [Case(((3,),), {"base": np.array([[2.0], [0.5]])})],
    "masked_fill": [Case(((2, 3),), {"where": w, "value": -7.0}) for w in (MASK > 0, MASK[0] > 0)],
    "exp": ELEMENTWISE,
    "log": ELEMENTWISE,
    "tanh": ELEMENTWISE,
    "erf": ELEMENTWISE,
    "embedding_lookup": [Case(((3, 2),), {"ids": np.array([[2, 0, 2, 2], [1, 0, 2, 1]])})],
    "softmax_cross_entropy": [
        Case(((2, 3),), {"labels": np.array([2, 0])}),
        Case(((5, 2, 3),), {"labels": LABELS, "label_smoothing": 0.2}),
    ],
    "sigmoid_cross_entropy": [Case(((2, 3),), {"targets": np.array([[1, 0, 0.3], [0, 1, 0.9]])})],
    "layer_norm": [Case(((2, 3), (3,), (3,))), Case(((5, 2, 3), (3,), (3,)), {"eps": 0.5})],
    "rms_norm": [Case(((2, 3), (3,))), Case(((5, 2, 3), (3,)), {"eps": 0.5})],
    "rotary": [Case(((5, 4),), {"angles": TURNS}), Case(((3, 5, 4),), {"angles": TURNS})],
    "attention_scores": [Case(((2, 5, 3), (2, 7, 3))), Case(((2, 3, 5, 7), (2, 3, 11, 7)))],
    "weighted_sum": [Case(((2, 5, 7), (2, 7, 3))), Case(((2, 3, 5, 7), (2, 3, 7, 11)))],
    "flash": [
        Case(((2, 4, 5, 3), (2, 2, 7, 3), (2, 2, 7, 11)), flash_options(4, causal=True)),
        Case((*QUERIES, (2, 1, 5, 7)), flash_options(1, softcap=2.0)),
    ],
    "recomputed": [
        Case(((2, 3),), {"layer": Square(), "count": 1, "states": {}, "options": {"times": 2.5}}),
    ],
}  # fmt: skip


def every_op() -> dict[str, Op]:
    """All Op instances in the modules of the package, by name."""
    modules = [f"tinytorch.core.{m.name}" for m in pkgutil.iter_modules(tinytorch.core.__path__)]
    found = (x for name in modules for x in vars(importlib.import_module(name)).values())
    return {x.__name__: x for x in found if isinstance(x, Op)}


def draw(case: Case) -> list[Array]:
    """Different numbers from 0.5 to 1.5: clear of log(0), of division by 0 and of ties."""
    sizes = [int(np.prod(shape)) for shape in case.shapes]
    numbers = np.random.default_rng(0).permutation(np.linspace(0.5, 1.5, sum(sizes)))
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, case.shapes, strict=True)]


def call(op: Op, case: Case, *inputs: Any) -> Tensor:
    if op.__name__ == "where":
        condition = np.arange(inputs[0].data.size).reshape(inputs[0].shape) % 2
        inputs = (condition, *inputs[1:])
    options = copy.deepcopy(case.options)  # flash writes into one of them
    if isinstance(op, ListOp):
        return op(list(inputs), **options)
    return op(*inputs, **options)


def plain(op: Op, case: Case) -> float:
    return check_gradient(lambda *x: call(op, case, *x), *draw(case))


def viewed(op: Op, case: Case) -> float:
    """Leaves are stored with all axes reversed; the op sees transposed views of them."""

    def turned(x: Tensor) -> Tensor:
        for axis in range(x.ndim // 2):
            x = x.transpose(axis, -1 - axis)
        return x

    stored = [np.ascontiguousarray(x.T) for x in draw(case)]
    return check_gradient(lambda *x: call(op, case, *map(turned, x)), *stored)


def broadcast(op: Op, case: Case) -> float:
    """Leaves have a first axis of size 1, and are stretched before the op sees them.

    Not the last: added to all scores of a row alike, a number changes no softmax and no norm.
    """
    full = draw(case)
    thin = [x[:1] if x.ndim else x for x in full]
    return check_gradient(
        lambda *leaves: call(op, case, *(a + b for a, b in zip(leaves, full, strict=True))),
        *thin,
    )


FORMS: list[Callable[[Op, Case], float]] = [plain, viewed, broadcast]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("name", every_op())
def test_every_op_has_the_right_gradient(name, form, record_worst) -> None:
    assert name in CASES, f"op {name} has no gradient check yet: add cases for it to CASES"
    worst = max(form(every_op()[name], case) for case in CASES[name])
    record_worst("ops and central differences, float64", worst)
    assert worst < 1e-6


@pytest.mark.parametrize("name", every_op())
def test_the_check_sees_each_input_of_each_rule(name, monkeypatch) -> None:
    op, case = every_op()[name], CASES[name][0]
    rule = op.rule
    for position in range(name == "where", len(case.shapes)):  # no gradient for its condition

        def wrong(*arguments, position=position, **options):
            right = rule(*arguments, **options)
            return tuple(1.001 * g if i == position else g for i, g in enumerate(right))

        monkeypatch.setattr(op, "rule", wrong)
        assert all(form(op, case) > 1e-6 for form in FORMS)


def test_no_case_is_left_over_from_an_op_that_is_gone() -> None:
    modules = {m.name for m in pkgutil.iter_modules(tinytorch.core.__path__)}
    if {"losses", "attention", "transformers", "acceleration"} <= modules:  # a learner's come later
        assert set(CASES) == set(every_op())
