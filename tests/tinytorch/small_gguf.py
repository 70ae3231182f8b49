"""A small GGUF file, written by the format's definition, for the tests of the reader."""

import struct

import numpy as np

KINDS = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_1": (3, 32, 20), "Q8_0": (8, 32, 34)}


def text(word: str) -> bytes:
    return struct.pack("<Q", len(word.encode())) + word.encode()


def number(kind: int, code: str, value: float) -> bytes:
    return struct.pack(f"<I{code}", kind, value)


def array(kind: int, code: str, values: list) -> bytes:
    head = struct.pack("<IIQ", 9, kind, len(values))
    return head + b"".join(text(x) if code == "s" else struct.pack(f"<{code}", x) for x in values)


METADATA = {
    "general.architecture": (struct.pack("<I", 8) + text("llama"), "llama"),
    "general.name": (struct.pack("<I", 8) + text("Süß"), "Süß"),
    "a.byte": (number(0, "B", 200), 200),
    "a.small": (number(1, "b", -3), -3),
    "b.short": (number(2, "H", 65535), 65535),
    "b.signed": (number(3, "h", -7), -7),
    "c.count": (number(4, "I", 30), 30),
    "c.signed": (number(5, "i", -30), -30),
    "d.rate": (number(6, "f", 0.5), 0.5),
    "e.flag": (number(7, "?", True), True),
    "f.long": (number(10, "Q", 2**63), 2**63),
    "f.signed": (number(11, "q", -(2**40)), -(2**40)),
    "f.wide": (number(12, "d", 0.1), 0.1),
    "g.tokens": (array(8, "s", ["a", "", "Ġthe"]), ["a", "", "Ġthe"]),
    "g.types": (array(5, "i", [3, -1]), [3, -1]),
    "g.none": (array(4, "I", []), []),
}
TENSORS = {  # shape rows first, kind
    "table.weight": ((5, 64), "Q8_0"),
    "norm.weight": ((7,), "F32"),
    "ffn.weight": ((3, 2, 32), "Q4_1"),
    "half.weight": ((3, 5), "F16"),
}


def written(metadata=METADATA, tensors=TENSORS, alignment=32, version=3) -> tuple[bytes, dict]:
    """The bytes of a file, and those of each tensor."""
    rng, places, content, data = np.random.default_rng(0), b"", b"", {}
    for name, (shape, kind) in tensors.items():
        code, length, size = KINDS[kind]
        content += b"\0" * (-len(content) % alignment)
        places += text(name) + struct.pack("<I", len(shape))
        places += struct.pack(f"<{len(shape)}Q", *shape[::-1])
        places += struct.pack("<IQ", code, len(content))
        row = shape[-1] // length * size
        data[name] = rng.integers(0, 256, (*shape[:-1], row), np.uint8)
        content += data[name].tobytes()
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(text(name) + value for name, (value, _) in metadata.items()) + places
    return head + b"\0" * (-len(head) % alignment) + content, data
