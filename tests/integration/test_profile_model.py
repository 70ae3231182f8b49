"""examples/profile_model.py, as somebody runs it on a model of their own."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
example = import_module("profile_model")

LINEAR = """
import numpy as np
from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor

model = Linear(3, 5)
inputs = (Tensor(np.ones((2, 3))),)
"""
MASKED = """
import numpy as np
from tinytorch.core.attention import create_causal_mask, vectorized_attention as model
from tinytorch.core.tensor import Tensor

inputs = [Tensor(np.ones((1, 5, 3)))] * 3
options = {"mask": create_causal_mask(5)}
"""


def run(tmp_path: Path, text: str, *arguments: str) -> int:
    path = tmp_path / "my_model.py"
    path.write_text(text, "utf-8")
    return example.main([str(path), "--repeats", "2", *arguments])


def test_a_model_of_ones_own_is_counted_and_measured(tmp_path, capsys):
    assert run(tmp_path, LINEAR) == 0
    said = capsys.readouterr().out
    assert re.search(r"^matmul +1 +60 +0 +120 +124 +0.48 ", said, re.MULTILINE)
    assert "one call, in no_grad" in said and "GFLOP/s" in said


def test_a_function_with_a_mask_is_counted(tmp_path, capsys):
    assert run(tmp_path, MASKED) == 0
    assert re.search(r"^matmul +2 +300 ", capsys.readouterr().out, re.MULTILINE)


def test_without_a_file_it_is_the_gpt(capsys):
    assert example.main(["--repeats", "1"]) == 0
    said = capsys.readouterr().out
    matrices = 64 * (4 * 12 * 128 * 128 + 128 * 65)  # a token meets each weight once
    pairs = 4 * 2 * 64 * 64 * 128
    assert f"{2 * (matrices + pairs):,}" in said


def test_the_roofline_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert run(tmp_path, LINEAR, "--draw", str(tmp_path / "roof.png")) == 0
    assert (tmp_path / "roof.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "defines no model and no inputs"),
        ("model = print", "defines no inputs"),
        ("model, inputs = 3, ()", "model must be a layer or a function; it is 3"),
        ("model, inputs = print, 3", "inputs must be a tuple; it is a int"),
        ("model, inputs, options = print, (), 3", "options must be a dict"),
    ],
)
def test_what_is_no_model_is_named(tmp_path, capsys, text, says):
    assert run(tmp_path, text) == 2
    assert says in capsys.readouterr().err


def test_an_error_of_the_model_shows_where_it_was_raised(tmp_path):
    with pytest.raises(ValueError, match="as it came"):
        run(tmp_path, "def model():\n    raise ValueError('as it came')\ninputs = ()")


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    assert example.main([str(tmp_path / "nothing.py")]) == 2
    assert "nothing.py: no such file" in capsys.readouterr().err
