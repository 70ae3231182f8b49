"""Exercise 12.1: an answer without loops is right, and hears what it does not show."""

import importlib.util

import numpy as np

from tests.course.conftest import COURSE
from tinytorch.core.attention import attention_scores
from tinytorch.core.tensor import op

FILE = COURSE.module("attention").folder / "attention_checks.py"


def load():
    spec = importlib.util.spec_from_file_location("attention_checks", FILE)
    checks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checks)
    return checks


def test_a_matrix_product_passes_with_a_remark_and_the_loops_without(capsys):
    checks = load()
    checks.attention_scores(attention_scores)
    assert capsys.readouterr().out == ""
    checks.attention_scores(op(lambda Q, K: Q @ np.swapaxes(K, -1, -2)))
    assert "would show the n² pairs" in capsys.readouterr().out
