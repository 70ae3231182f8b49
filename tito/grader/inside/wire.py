"""The closed format in which values leave a sandbox: nothing that runs code when it is read.

A value is None, a bool, an int, a float, a str, a list, a tuple, a dict with str keys, or a NumPy
array of numbers. It travels as JSON; an array as its dtype, shape and bytes. Only `decode` has to
be right: the other end may be hostile.

Judge and worker speak in messages: a length of four bytes, then so many bytes.
"""

from __future__ import annotations

import base64
import json
import math
import os
import struct
from typing import Any

import numpy as np

MAX_BYTES = 4_000_000
MAX_DEPTH = 20
MAX_BITS = 64  # of an int
_SIZES = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64)}
DTYPES = {"bool", *(f"{kind}{bits}" for kind, sizes in _SIZES.items() for bits in sizes)}
PLAIN = (type(None), bool, int, float, str)  # exact types: a subclass may lie about itself


class WireError(ValueError):
    """The value, or the message, is not of the closed format."""


def encode(value: Any) -> bytes:
    return json.dumps(_pack(value, 0)).encode()


def decode(message: bytes) -> Any:
    """The value, checked in full; anything unexpected is a WireError."""
    if len(message) > MAX_BYTES:
        raise WireError(f"more than {MAX_BYTES:,} bytes")
    try:
        return _unpack(json.loads(message), 0)
    except WireError:
        raise
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise WireError(f"not a value: {type(error).__name__}") from None


def _pack(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise WireError(f"nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if kind is int and value.bit_length() > MAX_BITS:
        raise WireError(f"a number of more than {MAX_BITS} bits")
    if kind in PLAIN:
        return value
    if kind is list or kind is tuple:
        return [kind.__name__, *(_pack(part, depth + 1) for part in value)]
    if kind is dict:
        return {_key(key): _pack(part, depth + 1) for key, part in value.items()}
    if kind is np.ndarray or isinstance(value, np.generic):
        return _pack_array(np.asarray(value))
    raise WireError(f"a {kind.__name__}, where numbers, text, lists or arrays can be returned")


def _pack_array(array: Any) -> list[Any]:
    if array.dtype.name not in DTYPES:
        raise WireError(f"an array of {array.dtype}")
    if array.nbytes > MAX_BYTES // 2:
        raise WireError(f"an array of {array.nbytes:,} bytes")
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return ["array", array.dtype.name, *array.shape, base64.b64encode(little.tobytes()).decode()]


def _key(key: Any) -> str:
    if type(key) is not str:
        raise WireError(f"a dict with a key of type {type(key).__name__}")
    return key


def _unpack(part: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise WireError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(part, dict):
        return {key: _unpack(value, depth + 1) for key, value in part.items()}
    if type(part) is int and part.bit_length() > MAX_BITS:
        raise WireError(f"a number of more than {MAX_BITS} bits")
    if not isinstance(part, list):
        return part
    kind, *rest = part
    if kind == "array":
        return _unpack_array(*rest)
    if kind not in ("list", "tuple"):
        raise WireError("a list of unknown kind")
    parts = [_unpack(value, depth + 1) for value in rest]
    return parts if kind == "list" else tuple(parts)


def _unpack_array(dtype: str, *rest: Any) -> Any:
    *shape, text = rest
    if dtype not in DTYPES or not all(type(size) is int and size >= 0 for size in shape):
        raise WireError("an array of unknown kind")
    content = base64.b64decode(text, validate=True)
    if len(shape) > MAX_DEPTH or math.prod(shape) * np.dtype(dtype).itemsize != len(content):
        raise WireError("an array whose shape does not fit its bytes")
    array = np.frombuffer(content, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return array.astype(dtype)


def send(file: int, message: bytes) -> None:
    content = memoryview(struct.pack("<I", len(message)) + message)
    while content:
        content = content[os.write(file, content) :]


def receive(file: int) -> bytes | None:
    """A message, or None where the other end is gone."""
    head = _read(file, 4)
    return None if head is None else _read(file, struct.unpack("<I", head)[0])


def _read(file: int, count: int) -> bytes | None:
    content = bytearray()
    while len(content) < count:
        part = os.read(file, min(count - len(content), 1 << 20))
        if not part:
            return None
        content += part
    return bytes(content)
