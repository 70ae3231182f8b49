"""The guards: what the checker sees beside a wrong number."""

import json

import numpy as np
import pytest

from tinytorch.checking import Checker, with_article
from tinytorch.core.tensor import Tensor, op

A = np.random.default_rng(1).normal(size=(2, 3))


def double(a):
    return 2 * a


def checker(tmp_path="none") -> Checker:
    return Checker(f"{tmp_path}/some_checks.py")


def message(ask) -> str:
    with pytest.raises(AssertionError) as caught:
        ask()
    return str(caught.value)


@pytest.mark.parametrize(
    "right",
    ["a ValueError", "an IndexError", "an int64", "a uint8", "an ndarray", "an RMSNorm", "a GPT",
     "an UnboundLocalError", "a UnicodeError", "a NoneType"],
)  # fmt: skip
def test_a_name_has_the_article_that_is_said(right):
    assert with_article(right.split()[1]) == right


def in_place(a):
    a *= 2
    return a


def remembering():
    first = []

    def answer(a):
        first.append(2 * a)
        return first[0].astype(a.dtype)

    return answer


def one_buffer():
    buffer = np.empty((2, 3))

    def answer(a):
        np.multiply(a, 2, out=buffer if a.dtype == float else None)
        buffer[...] = 2 * a
        return buffer if a.dtype == float else np.float32(2 * a)

    return answer


def flat_memory(a):
    """Right only where the numbers lie row by row."""
    return np.array(2 * a, order="K").ravel(order="K").reshape(a.shape)


def wide_result(a):
    return np.float64(2) * a.astype(float)


GUARDS = {
    "you changed a, which belongs to the caller: make a copy first": in_place,
    "the numbers in other places": remembering(),
    "a later call changes what the first call returned": one_buffer(),
    "as views of transposed arrays": flat_memory,
    "in float32: float64 came, expected float32": wide_result,
    "IndexError in beyond, at `return a[7]`": lambda a: beyond(a),
}


def beyond(a):
    return a[7]


@pytest.mark.parametrize("sentence", GUARDS)
def test_a_guard_speaks(sentence: str):
    assert sentence in message(lambda: checker().agree(GUARDS[sentence], double, A, what="case"))


def test_a_right_answer_passes_in_every_form():
    for answer in (double, lambda a: a + a, lambda a: np.einsum("ij,->ij", a, 2).astype(a.dtype)):
        checker().agree(answer, double, A, what="case")


def test_a_rule_gets_a_real_output_and_may_not_change_it():
    @op
    def square(a):
        return a * a

    @square.gradient
    def rule(grad, output, a):
        return (2 * grad * np.sqrt(output) * np.sign(a),)

    def ask():
        checker().rule(square, lambda a: a * a, lambda g, a: (2 * g * a,), A, A, what="x²")

    ask()

    def spoiling(grad, output, a):
        output *= 0
        return (2 * grad * a,)

    square.rule = spoiling
    assert "you changed output" in message(ask)


def test_the_gradients_of_tensors_are_compared_with_differences():
    x = Tensor(A, requires_grad=True, dtype=np.float64)
    checker().learns(lambda x: x * x * x, lambda x: x**3, x, what="x³")
    x.zero_grad()
    cut = message(lambda: checker().learns(lambda x: x * Tensor(x.data**2, dtype=np.float64),
                                           lambda x: x**3, x, what="x³"))  # fmt: skip
    assert "the gradient of x: each number is 0.3333 times the right one" in cut


def test_an_error_is_asked_for_with_what_its_message_holds():
    def refuse(a):
        raise ValueError("shape (2, 3)")

    checker().raises(refuse, A, says=["(2, 3)"])
    assert "the message must hold '(5,)'" in message(
        lambda: checker().raises(refuse, A, says=["(5,)"])
    )
    assert "it must raise a TypeError; it raises ValueError" in message(
        lambda: checker().raises(refuse, A, error=TypeError)
    )
    assert "it must raise a ValueError; it gives" in message(lambda: checker().raises(double, A))


def test_a_case_on_paper_is_told_beside_the_rest():
    check = checker()

    @check.exercise
    def doubling(function):
        check.agree(function, double, A, what="case")

    doubling(double, [1, 2], gives=[2, 4])
    told = message(lambda: doubling(lambda a: 3 * a, [1, 2], gives=[2, 4]))
    assert "1.5 times the right one" in told and told.endswith(
        "on paper it gives [3.0, 6.0], not [2.0, 4.0]"
    )
    assert "on paper" in message(lambda: doubling(double, [1, 2], gives=[2, 5]))


def test_a_collected_mistake_is_named_by_its_numbers_and_only_by_them(tmp_path):
    wrong = lambda a: np.tanh(a)  # noqa: E731
    check = checker(tmp_path)
    with pytest.raises(AssertionError) as caught:
        check.agree(wrong, double, A, what="case")
    key, came = caught.value.evidence
    table = {key: [[came, "that is tanh"]]}
    (tmp_path / "some_mistakes.json").write_text(json.dumps(table))
    assert (
        message(lambda: checker(tmp_path).agree(wrong, double, A, what="case"))
        == "case: that is tanh"
    )
    other = message(lambda: checker(tmp_path).agree(np.sinh, double, A, what="case"))
    assert "tanh" not in other
