"""examples/shakespeare.py: trained, saved, typed into, drawn; and what a person does wrong."""

import io
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tinytorch.core.training import Trainer, save_checkpoint

pytestmark = pytest.mark.slow

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
example = import_module("shakespeare")
TEXT = "the cat sat on the mat and the dog sat on the cat. " * 26


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a text and a model of three steps."""
    folder = tmp_path_factory.mktemp("shakespeare")
    (folder / "text.txt").write_text(TEXT, "utf-8")
    assert run(folder, "--steps", "3") == 0
    return folder


def run(folder, *arguments):
    places = {"--text": "text.txt", "--model": "model.safetensors", "--draw": "picture.png"}
    given = [part for name, file in places.items() for part in (name, str(folder / file))]
    return example.main([*given, *arguments])


def test_a_model_and_a_picture_are_saved(trained):
    assert (trained / "model.safetensors").exists() and (trained / "picture.png").exists()


def test_it_goes_on_from_what_is_typed(trained, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("the cat\nthe élan\n\n"))
    assert run(trained, "--chat", "--length", "20") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[0].removeprefix("prompt> ")) == len("the cat") + 20
    assert any("é" in line for line in lines[1:]), "an unknown letter is not named"


def test_the_heads_are_drawn(trained):
    (trained / "picture.png").unlink()
    assert run(trained, "--look", "the cat") == 0
    assert (trained / "picture.png").exists()


def test_stopped_by_hand_it_keeps_what_is_learned(tmp_path, monkeypatch, capsys):
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")

    def stopped(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train", stopped)
    assert run(tmp_path) == 0
    assert "stopped after 0 steps" in capsys.readouterr().out
    assert (tmp_path / "model.safetensors").exists()


def test_a_wrong_file_is_named_with_what_to_do(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("to be or not to be", "utf-8")
    assert run(tmp_path) == 1
    assert "18 characters, which are too few" in capsys.readouterr().err
    assert run(tmp_path, "--chat") == 1
    assert "shakespeare.py trains one" in capsys.readouterr().err
    save_checkpoint(tmp_path / "model.safetensors", {"a": np.ones(2)}, {"step": 1})
    assert run(tmp_path, "--chat") == 1
    assert "no model of this example" in capsys.readouterr().err


def test_counting_longer_pieces_predicts_a_text_that_repeats_itself():
    ids = np.array([*TEXT.encode()])
    losses = example.ngram_losses(ids[:1000], ids[1000:], 256)
    assert all(later < earlier for earlier, later in pairwise(losses[:4]))
    assert losses[0] > 2 and losses[5] < 0.2
