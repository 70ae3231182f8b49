"""Data sets that `tito data get NAME` has put into `data/NAME/`, read with NumPy alone: given.

Each is looked for in the folder where Python runs and those above it, then beside this package.
"""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Folder = str | Path
TEXTS = ("shakespeare", "tinyshakespeare")
PICTURES = {"train": "train", "test": "t10k"}  # as the files of Fashion-MNIST begin
UNSIGNED_BYTES = 8  # how the IDX format says what a number is


def text(name: str, folder: Folder | None = None) -> str:
    """Return a text whole.

    Args:
        name: "shakespeare" or "tinyshakespeare".
        folder: where `NAME/` lies, in place of `data/`.

    Raises:
        ValueError: no text has that name.
        FileNotFoundError: it has not been fetched.
    """
    if name not in TEXTS:
        raise ValueError(f"no text {name!r}: there are {' and '.join(TEXTS)}")
    return _find(name, f"{name}.txt", folder).read_text("utf-8")


def images(part: str = "train", folder: Folder | None = None) -> tuple[Array, Array]:
    """Return pictures and labels of Fashion-MNIST, as the bytes that they are.

    Args:
        part: "train" (60,000 pictures) or "test" (10,000).
        folder: where `fashion-mnist/` lies, in place of `data/`.

    Returns:
        pictures (n, 28, 28), 0 white to 255 black, and labels (n,), 0 to 9: uint8.

    Raises:
        ValueError: no such part, or a file is damaged.
        FileNotFoundError: it has not been fetched.
    """
    if part not in PICTURES:
        raise ValueError(f"no part {part!r}: there are {' and '.join(PICTURES)}")
    names = (f"{PICTURES[part]}-images-idx3-ubyte.gz", f"{PICTURES[part]}-labels-idx1-ubyte.gz")
    paths = [_find("fashion-mnist", name, folder) for name in names]
    pictures, labels = (_read_idx(path) for path in paths)
    if pictures.shape[1:] != (28, 28) or labels.shape != pictures.shape[:1]:
        shapes = f"{pictures.shape} and {labels.shape}"
        raise ValueError(f"{paths[0].parent} is damaged: pictures and labels have shapes {shapes}")
    return pictures, labels


def words_and_sounds(folder: Folder | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Return the entries of cmudict in its order: a word in small letters, and its sounds.

    A word with several pronunciations stands there several times, the most usual one first;
    vowels end in their stress: ("speech", ("S", "P", "IY1", "CH")).

    Args:
        folder: where `cmudict/` lies, in place of `data/`.

    Raises:
        ValueError: the file is damaged.
        FileNotFoundError: it has not been fetched.
    """
    path = _find("cmudict", "cmudict.txt", folder)
    pairs = [line.split("  ", 1) for line in path.read_text("utf-8").split("\n") if line]
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2 or not pair[1]:
            raise ValueError(f"{path} is damaged: line {number} is {pair[0]!r}")
    return [(_without_number(word).lower(), tuple(sounds.split())) for word, sounds in pairs]


def smollm2(folder: Folder | None = None) -> Path:
    """Return the path of SmolLM2's file, which `tinytorch.smollm2.load` reads.

    Args:
        folder: where `smollm2/` lies, in place of `data/`.

    Raises:
        FileNotFoundError: it has not been fetched.
    """
    return _find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", folder)


def _without_number(word: str) -> str:
    """A(1) is the second way to say A."""
    return word[:-3] if word[-3:-2] == "(" and word.endswith(")") else word


def _find(name: str, file: str, folder: Folder | None) -> Path:
    here, package = Path.cwd(), Path(__file__).resolve().parents[1]
    tops = [above / "data" for above in (here, *here.parents, package)]
    for top in tops if folder is None else [Path(folder)]:
        if (top / name / file).is_file():
            return top / name / file
    asked = Path("data") if folder is None else Path(folder)
    to = "" if folder is None else f" --to {folder}"
    missing = f"{asked / name / file} is not here: `tito data get {name}{to}` fetches it"
    raise FileNotFoundError(missing)


def _read_idx(path: Path) -> Array:
    """An array of bytes in the IDX format: 0, 0, type, number of axes, each length, the numbers."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    zeros, kind, axes = content[:2], content[2:3], content[3:4]
    if zeros != b"\0\0" or kind != bytes([UNSIGNED_BYTES]) or not axes:
        raise ValueError(f"{path} is damaged: it begins with {content[:4].hex(' ')}")
    start = 4 + 4 * axes[0]
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if len(content) - start != np.prod(shape, dtype=int):
        found = f"{len(content) - start:,} numbers for the shape {tuple(shape)}"
        raise ValueError(f"{path} is damaged: {found}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # to be written to
