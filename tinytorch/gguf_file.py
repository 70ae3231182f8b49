"""GGUF, the file that llama.cpp runs models from: read on NumPy alone, given.

A header, then metadata (name, type, value), then for each tensor its name, shape, kind and place;
then the bytes, mapped into memory and not copied. A file may be damaged: what is taken from it is
held against what is left before anything is made, so a wrong count costs no memory.

Source: ggml's docs/gguf.md, version 3.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
KINDS = {0: "F32", 1: "F16", 3: "Q4_1", 8: "Q8_0"}  # by the number in the file
BLOCKS = {"F32": (1, 4), "F16": (1, 2), "Q4_1": (32, 20), "Q8_0": (32, 34)}  # numbers, bytes
NUMBERS = {**dict(enumerate("BbHhIif?")), **dict(enumerate("Qqd", 10))}  # as struct names them
STRING, ARRAY = 8, 9
ALIGNMENT = 32  # of tensors, where the metadata do not say another


@dataclass(frozen=True)
class GGUFTensor:
    """One tensor of a file, still as it is stored.

    Args:
        name: its name in the file.
        shape: as NumPy says it, rows first; the file says it the other way round.
        kind: "F32", "F16", "Q8_0" or "Q4_1".
        data: uint8 (..., bytes of a row), read-only; of F32, `data.view("<f4")` are the numbers.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    data: Array


@dataclass(frozen=True)
class GGUFFile:
    """What a file holds: metadata by name, as Python's own values, and tensors by name."""

    metadata: dict[str, Any]
    tensors: dict[str, GGUFTensor]


def read_gguf(path: str | Path) -> GGUFFile:
    """Open a GGUF file; the tensors stay in it, mapped into memory.

    Args:
        path: the file.

    Returns:
        Its metadata and tensors.

    Raises:
        ValueError: the file is damaged, short or no GGUF, or holds what is not read here; the
            message names it and says what was seen.
        OSError: it cannot be opened.
    """
    try:
        return _Reader(np.memmap(path, np.uint8, "r")).file()
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


class _Reader:
    """Takes value after value from the bytes of a file."""

    def __init__(self, content: Array) -> None:
        self.content, self.bytes, self.at = content, content.data, 0

    def file(self) -> GGUFFile:
        magic = bytes(self.bytes[self.take(4, "the word GGUF")])
        if magic != b"GGUF":
            raise ValueError(f"it begins with {magic!r}, not with GGUF")
        version, num_tensors, num_values = self.number("I"), self.number("Q"), self.number("Q")
        if version != 3:
            raise ValueError(f"it is GGUF of version {version}; 3 is read here")
        metadata = self.named("metadata", num_values, self.value)
        places = self.named("tensor", num_tensors, self.place)
        alignment = metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 8 or alignment % 8:
            raise ValueError(f"general.alignment is {alignment!r}, no multiple of 8")
        start, end, tensors = _up(self.at, alignment), 0, {}
        for name, (shape, kind, offset) in places.items():
            if offset != end:
                raise ValueError(f"tensor {name!r} is said to begin at {offset}, not at {end}")
            numbers, size = BLOCKS[kind]
            size *= math.prod(shape) // numbers
            self.at, end = start + offset, _up(offset + size, alignment)
            data = self.content[self.take(size, f"tensor {name!r}")].reshape(*shape[:-1], -1)
            tensors[name] = GGUFTensor(name, shape, kind, data)
        return GGUFFile(metadata, tensors)

    def take(self, count: int, what: str) -> slice:
        """Where the next bytes stand; they are behind us then."""
        left = max(len(self.bytes) - self.at, 0)
        if count > left:
            raise ValueError(f"it ends too soon: {what} needs {count} bytes, {left} are left")
        self.at += count
        return slice(self.at - count, self.at)

    def numbers(self, code: str, count: int) -> list[Any]:
        place = self.take(count * struct.calcsize(code), f"{count} numbers")
        return [*struct.unpack(f"<{count}{code}", self.bytes[place])]

    def number(self, code: str) -> Any:
        return self.numbers(code, 1)[0]

    def string(self) -> str:
        return str(self.bytes[self.take(self.number("Q"), "a text")], "utf-8")

    def value(self) -> Any:
        kind = self.number("I")
        if kind != ARRAY:
            return self.values(kind, 1)[0]
        return self.values(self.number("I"), self.number("Q"))

    def values(self, kind: int, count: int) -> list[Any]:
        if kind == STRING:
            return [self.string() for _ in range(count)]
        if kind not in NUMBERS:
            raise ValueError(f"a value is of type {kind}, which is not read here")
        return self.numbers(NUMBERS[kind], count)

    def place(self) -> tuple[tuple[int, ...], str, int]:
        """The shape of a tensor, its kind, and where it begins behind the first."""
        axes = self.number("I")
        if not 1 <= axes <= 4:
            raise ValueError(f"a tensor has {axes} axes; it may have 1 to 4")
        shape = tuple(self.number("Q") for _ in range(axes))[::-1]
        kind, offset = self.number("I"), self.number("Q")
        if kind not in KINDS:
            raise ValueError(f"a tensor is of type {kind}; read here are {KINDS}")
        length = BLOCKS[KINDS[kind]][0]
        if min(shape) < 1 or shape[-1] % length:
            raise ValueError(f"a tensor of {KINDS[kind]}, in blocks of {length}, has shape {shape}")
        return shape, KINDS[kind], offset

    def named(self, what: str, count: int, read: Callable[[], Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(count):
            name = self.string()
            if name in found:
                raise ValueError(f"{what} {name!r} comes twice")
            found[name] = read()
        return found


def _up(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
