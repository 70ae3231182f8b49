"""examples/translate_sounds.py: words as arrays, masks that hide padding, and what is counted."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tinytorch.core.autograd import no_grad

pytestmark = pytest.mark.slow

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
example = import_module("translate_sounds")

WORDS = ("bad", "dab", "cab", "add", "bed", "dead", "ebb", "beaded", "facade", "decade")
SAID = {letter: letter.upper() for letter in "abcdef"}  # a language where each letter is said


@pytest.fixture
def folder(tmp_path):
    """A cmudict of our own; some of its lines are not for this example."""
    lines = [f"{word.upper()}  {' '.join(SAID[letter] for letter in word)}" for word in WORDS]
    lines[0:0] = ["A  A", "BAD'S  B A D S", "DECADE(1)  D E0 K", "ABCDEFABCDEFA  A"]
    (tmp_path / "cmudict").mkdir()
    (tmp_path / "cmudict" / "cmudict.txt").write_text("\n".join(lines), "ascii")
    return tmp_path


def model(num_sounds=6, seed=1):
    return example.Translator(num_sounds, 16, 2, seed)


def test_only_words_of_letters_and_of_some_length_are_read(folder):
    entries = {entry.word: entry.ways for entry in example.read_entries(folder)}
    assert set(entries) == set(WORDS)
    assert entries["bad"] == [("B", "A", "D")]
    assert entries["decade"] == [("D", "E", "K"), ("D", "E", "C", "A", "D", "E")]


def test_letters_and_sounds_become_padded_ids():
    ids, lengths = example.as_letters(["abz", "bead"])
    assert ids[:, :5].tolist() == [[1, 2, 26, 0, 0], [2, 5, 1, 4, 0]]
    assert lengths.tolist() == [3, 4] and not ids[:, 5:].any()
    sounds = example.as_sounds([[3, 4, 5], [6]])
    assert sounds[:, :6].tolist() == [[2, 3, 4, 5, 1, 0], [2, 6, 1, 0, 0, 0]]


def test_batches_hold_every_word_once_and_no_column_of_padding():
    rng = np.random.default_rng(5)
    words = ["".join(rng.choice(list("abcdef"), length)) for length in rng.integers(3, 12, 23)]
    letters, lengths = example.as_letters(words)
    sounds = example.as_sounds([[3] * (length - 1) for length in lengths])
    batches = list(example.of_like_length([(letters, lengths, sounds)], 5, rng))
    assert [len(batch[0]) for batch in batches].count(5) == 4 and len(batches) == 5
    for ids, num_letters, said in batches:
        assert (ids > 0).any(axis=0).all() and (said != example.PAD).any(axis=0).all()
        assert ((ids > 0).sum(axis=1) == num_letters).all()
        assert ((said != example.PAD).sum(axis=1) == num_letters + 1).all()
    written = sorted(tuple(row[row > 0]) for batch in batches for row in batch[0])
    assert written == sorted(tuple(row[row > 0]) for row in letters)


def test_padding_changes_no_logit_and_no_loss():
    translator = model().to("float64")
    words, sounds = ["bad", "facade"], example.as_sounds([[3, 4], [5, 3, 4, 6]])
    letters, lengths = example.as_letters(words)
    with no_grad():
        together = translator(letters, lengths, sounds[:, :6]).numpy()
        alone = translator(letters[:1, :3], lengths[:1], sounds[:1, :4]).numpy()
        np.testing.assert_allclose(together[:1, :4], alone, rtol=0, atol=1e-12)
        wide = example.loss_of(translator, (letters, lengths, sounds)).item()
        narrow = example.loss_of(translator, (letters[:, :6], lengths, sounds[:, :6])).item()
    assert wide == pytest.approx(narrow, abs=1e-12)


def test_a_sound_depends_on_the_letters_and_on_earlier_sounds_only():
    translator = model().to("float64")
    letters, lengths = example.as_letters(["facade"])
    given = np.array([[2, 3, 4, 5, 6]])
    with no_grad():
        before = translator(letters, lengths, given).numpy()[0]
        later = given.copy()
        later[0, 3] = 7
        changed = np.abs(translator(letters, lengths, later).numpy()[0] - before).max(axis=1)
        other, _ = example.as_letters(["facadf"])
        moved = np.abs(translator(other, lengths, given).numpy()[0] - before).max(axis=1)
    assert (changed[:3] == 0).all() and (changed[3:] > 1e-6).all() and (moved > 1e-6).all()


def test_the_alignment_is_a_share_of_the_letters_that_are_there():
    translator = model()
    letters, lengths = example.as_letters(["bad", "facade"])
    with no_grad():
        weights = translator.alignment(letters, lengths, np.array([[2, 3, 4], [2, 5, 6]]))
    assert weights.shape == (2, 3, 12)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert not weights[0, :, 3:].any() and not weights[1, :, 6:].any()


def test_writing_ends_at_the_end_and_is_the_same_alone_and_together():
    translator = model()
    written = example.write(translator, ["bad", "facade", "dead"])
    assert all(len(row) <= example.MOST_SOUNDS + 1 for row in written)
    assert not any(example.END in row for row in written)
    for word, row in zip(["bad", "facade", "dead"], written, strict=True):
        assert example.write(translator, [word]) == [row]


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "acb", 2)],
)
def test_edits_are_counted(one, other, edits):
    assert example.num_edits(one, other) == example.num_edits(other, one) == edits


def test_a_word_is_judged_against_its_nearest_way():
    entries = [example.Entry("x", [("A", "B"), ("A", "B", "C", "D")]), example.Entry("y", [("E",)])]
    assert example.judge(entries, [("A", "B", "C", "D"), ("F",)]) == (1 / 5, 0.5)
    assert example.judge(entries, [("B",), ("E",)]) == (1 / 3, 0.5)


def test_the_example_learns_a_language_where_each_letter_is_said(folder, tmp_path, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    rng = np.random.default_rng(7)
    more = {"".join(rng.choice(list("abcdef"), length)) for length in rng.integers(3, 6, 400)}
    lines = [f"{word.upper()}  {' '.join(word.upper())}" for word in sorted(more)]
    (folder / "cmudict" / "cmudict.txt").write_text("\n".join(lines), "ascii")
    options = ["--data", str(folder), "--draw", str(tmp_path / "sounds.png")]
    options += ["--steps", "150", "--batch-size", "32", "--embed-dim", "32", "--layers", "1"]
    assert example.main([*options, "--held-out", "40", "--lr", "0.01"]) == 0
    said = capsys.readouterr().out
    share = float(said.partition("words right ")[2].partition("%")[0])
    assert share > 80, said
    assert (tmp_path / "sounds.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_words_the_example_says_what_to_type(tmp_path, capsys):
    assert example.main(["--data", str(tmp_path)]) == 2
    assert f"`tito data get cmudict --to {tmp_path}`" in capsys.readouterr().out
