"""What the course's own answers cost, counted: a learner's may cost more."""

import tracemalloc

import numpy as np

from tinytorch.core import autograd  # noqa: F401 - files the rules
from tinytorch.core.activations import gelu, gelu_tanh
from tinytorch.core.tensor import Tensor, matmul


def most_memory(call) -> int:
    """The most bytes that a call holds at a time, its result among them."""
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_the_gradient_of_a_weight_is_one_product_not_one_a_sentence() -> None:
    x, weight = np.ones((97, 2, 3)), np.ones((3, 50))
    output, grad = x @ weight, np.ones((97, 2, 50))
    most = most_memory(lambda: matmul.rule(grad, output, x, weight))
    assert most < 97 * weight.nbytes / 2


def test_a_gelu_asks_python_for_no_number_alone(monkeypatch) -> None:
    calls = []
    x = Tensor(np.linspace(-3, 3, 10_001))
    gelu(x)  # the table of points is made once
    monkeypatch.setattr("math.erf", calls.append)
    gelu(x)
    assert not calls


def test_the_tanh_form_of_gelu_takes_no_power() -> None:
    waiting, made = [gelu_tanh(Tensor([1.0], requires_grad=True))], set()
    while waiting:
        tensor = waiting.pop()
        if isinstance(tensor, Tensor) and tensor.node:
            made.add(tensor.node.op.__name__)
            waiting.extend(tensor.node.inputs)
    assert made == {"add", "multiply", "tanh"}
