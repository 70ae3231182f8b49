"""examples/copy_task.py: the task is what it says, and the loops of module 12 learn it."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
example = import_module("copy_task")


def test_each_label_is_the_symbol_to_come_and_only_the_copy_is_asked_for():
    ids, labels = example.draw_task(7, np.random.default_rng(3))
    assert ids.shape == labels.shape == (7, 10)
    assert (ids[:, 5] == example.BAR).all() and (ids[:, :5] < example.BAR).all()
    assert (ids[:, 6:] == ids[:, :4]).all()
    assert (labels[:, 5:] == ids[:, :5]).all() and (labels[:, :5] == example.IGNORED).all()


def test_an_untrained_model_does_not_copy():
    rng = np.random.default_rng(3)
    symbols = rng.integers(example.BAR, size=(50, 5))
    assert (example.copy(example.Copier(16, rng), symbols) == symbols).mean() < 0.5


def test_the_example_learns_to_copy_and_draws_where_it_looks(tmp_path, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    picture = tmp_path / "copy.png"
    assert example.main(["--steps", "60", "--draw", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "100 new rows: 100.0% of the symbols, 100.0% whole" in said
    assert picture.read_bytes().startswith(b"\x89PNG")
