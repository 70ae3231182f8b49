"""Reading the data sets: on small ones made here, and errors that say what to do."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from tinytorch import data_sets


def idx(array: np.ndarray) -> bytes:
    """The format written by its definition, with another library than the reader's."""
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.tobytes())


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    """Five pictures to train on, three to test on."""
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for begin, count in (("train", 5), ("t10k", 3)):
        pictures = np.arange(count * 28 * 28, dtype=np.uint8).reshape(count, 28, 28)
        (folder / f"{begin}-images-idx3-ubyte.gz").write_bytes(idx(pictures))
        labels = np.arange(count, dtype=np.uint8)[::-1]
        (folder / f"{begin}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    return tmp_path


@pytest.mark.parametrize(("part", "count"), [("train", 5), ("test", 3)])
def test_pictures_and_labels_are_those_of_the_part(clothes, part, count) -> None:
    pictures, labels = data_sets.images(part, clothes)
    assert pictures.shape == (count, 28, 28) and pictures.dtype == np.uint8
    assert pictures[2, 1, 3] == (2 * 28 * 28 + 28 + 3) % 256
    assert labels.tolist() == [*range(count)][::-1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda right: right[:-20], "Compressed file ended"),
        (lambda right: b"<html>", "Not a gzipped file"),
        (lambda right: b"", "begins with"),
        (lambda right: right[:20] + bytes(9) + right[29:], ""),
        (lambda right: gzip.compress(b"\0\0\x0d\x03" + bytes(12)), "begins with 00 00 0d 03"),
        (lambda right: gzip.compress(gzip.decompress(right)[:-1]), r"3,919 numbers .*5, 28, 28"),
        (lambda right: gzip.compress(gzip.decompress(right)[:9]), r"numbers for the shape"),
        (lambda right: idx(np.zeros((5, 28, 27), np.uint8)), r"\(5, 28, 27\) and \(5,\)"),
        (lambda right: idx(np.zeros((6, 28, 28), np.uint8)), r"\(6, 28, 28\) and \(5,\)"),
    ],
)
def test_a_damaged_file_is_named_with_what_was_seen(clothes, damage, said) -> None:
    path = clothes / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"fashion-mnist.* is damaged: .*{said}"):
        data_sets.images("train", clothes)


def test_a_text_keeps_every_character(tmp_path) -> None:
    (tmp_path / "shakespeare").mkdir()
    (tmp_path / "shakespeare" / "shakespeare.txt").write_bytes(b"To be,\n\n  or not\n")
    assert data_sets.text("shakespeare", tmp_path) == "To be,\n\n  or not\n"


def test_words_come_in_small_letters_without_the_number_of_their_pronunciation(tmp_path) -> None:
    (tmp_path / "cmudict").mkdir()
    path = tmp_path / "cmudict" / "cmudict.txt"
    path.write_text("A  AH0\nA(1)  EY1\nO'CLOCK  AH0 K L AA1 K\n", "ascii")
    assert data_sets.words_and_sounds(tmp_path) == [
        ("a", ("AH0",)),
        ("a", ("EY1",)),
        ("o'clock", ("AH0", "K", "L", "AA1", "K")),
    ]
    path.write_text("A  AH0\nABSE", "ascii")
    with pytest.raises(ValueError, match=r"cmudict.txt is damaged: line 2 is 'ABSE'"):
        data_sets.words_and_sounds(tmp_path)


def test_what_was_not_fetched_says_what_to_type(tmp_path) -> None:
    reads = {
        "tinyshakespeare": lambda folder: data_sets.text("tinyshakespeare", folder),
        "fashion-mnist": lambda folder: data_sets.images("test", folder),
        "cmudict": data_sets.words_and_sounds,
    }
    for name, read in reads.items():
        typed = re.escape(f"`tito data get {name} --to {tmp_path}`")
        with pytest.raises(FileNotFoundError, match=typed):
            read(tmp_path)


def test_data_is_found_from_a_folder_below(tmp_path, monkeypatch) -> None:
    below = tmp_path / "modules" / "13_transformers"
    below.mkdir(parents=True)
    (tmp_path / "data" / "shakespeare").mkdir(parents=True)
    (tmp_path / "data" / "shakespeare" / "shakespeare.txt").write_text("here", "ascii")
    monkeypatch.chdir(below)
    assert data_sets.text("shakespeare") == "here"


def test_a_name_that_is_none_is_an_error_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="'hamlet': there are shakespeare and tinyshakespeare"):
        data_sets.text("hamlet")
    with pytest.raises(ValueError, match="'valid': there are train and test"):
        data_sets.images("valid")
