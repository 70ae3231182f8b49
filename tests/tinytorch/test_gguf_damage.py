"""GGUF files that are damaged, short or foreign: a clear error each, and little memory."""

import re
import struct
import tracemalloc
from pathlib import Path

import pytest

from tests.tinytorch.small_gguf import array, number, text, written
from tinytorch.gguf_file import GGUFFile, read_gguf

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies
HealthCheck, settings = hypothesis.HealthCheck, hypothesis.settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "small.gguf"


def replaced(old: bytes, new: bytes) -> bytes:
    content = written()[0]
    assert content.count(old) == 1
    return content.replace(old, new)


WRONG = {
    "an empty file": (b"", "empty"),
    "three bytes": (b"GGU", "ends too soon: .* needs 4 bytes, 3 are left"),
    "another format": (b"PK\3\4" + bytes(60), r"begins with b'PK\\x03\\x04', not with GGUF"),
    "an older version": (written(version=2)[0], "version 2; 3 is read here"),
    "the other byte order": (written(version=3 << 24)[0], "version 50331648"),
    "a kind that is not read": (
        replaced(struct.pack("<QI", 5, 8), struct.pack("<QI", 5, 14)), "type 14; read here are"),
    "a value of unknown type": (written({"a": (number(13, "I", 1), 1)})[0], "value is of type 13"),
    "arrays in an array": (written({"a": (array(9, "I", [1]), 1)})[0], "value is of type 9"),
    "a name twice": (replaced(b"a.small", b"b.short"), "metadata 'b.short' comes twice"),
    "a tensor twice": (replaced(b"half.weight", b"norm.weight"), "comes twice"),
    "no UTF-8": (replaced("Süß".encode(), b"\xff\xfe\xfd\xfc\xfb"), "utf-8"),
    "no axes": (
        replaced(text("norm.weight") + b"\1", text("norm.weight") + b"\0"), "0 axes"),
    "a shape with 0": (
        replaced(struct.pack("<IQ", 1, 7), struct.pack("<IQ", 1, 0)), r"has shape \(0,\)"),
    "a row of half a block": (
        replaced(struct.pack("<QQ", 64, 5), struct.pack("<QQ", 48, 5)), r"of 32, .*\(5, 48\)"),
    "an odd alignment": (
        written({"general.alignment": (number(4, "I", 33), 33)})[0], "33, no multiple of 8"),
    "a text as alignment": (
        written({"general.alignment": (struct.pack("<I", 8) + text("x"), "x")})[0], "'x'"),
    "the last byte missing": (
        written()[0][:-1], "tensor 'half.weight' needs 30 bytes, 29 are left"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_is_named_with_what_was_seen(file, what):
    content, says = WRONG[what]
    file.write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        read_gguf(file)
    assert str(file) in str(caught.value)


def test_a_tensor_that_begins_elsewhere_is_refused(file):
    place = struct.pack("<IQ", 0, 352)  # F32, behind 340 bytes and their padding
    file.write_bytes(replaced(place, struct.pack("<IQ", 0, 320)))
    with pytest.raises(ValueError, match=r"'norm\.weight' is said to begin at 320, not at 352"):
        read_gguf(file)


def test_a_file_that_is_not_there_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_gguf(tmp_path / "none.gguf")


def read_or_refused(file: Path, content: bytes) -> None:
    """Read what may be damaged: a file, or an error that names it, and little memory."""
    file.write_bytes(content)
    tracemalloc.start()
    try:
        found = read_gguf(file)
        assert isinstance(found, GGUFFile)
        assert all(one.data.nbytes <= len(content) for one in found.tensors.values())
    except ValueError as error:
        assert str(file) in str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 500_000


many = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_file_cut_anywhere_is_refused(file, step):
    content = written()[0]
    for length in range(1 + step, len(content), 3):
        file.write_bytes(content[:length])
        with pytest.raises(ValueError, match=re.escape(str(file))):
            read_gguf(file)


@many
@given(data=st.data())
def test_any_bytes_changed_give_a_file_or_a_clear_error(file, data):
    content = bytearray(written()[0])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    read_or_refused(file, bytes(content))


@many
@given(
    at=st.integers(4, 1000),
    value=st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1]),
)
def test_a_huge_count_anywhere_takes_no_memory(file, at, value):
    content = bytearray(written()[0])
    content[at : at + 8] = struct.pack("<Q", value)
    read_or_refused(file, bytes(content))
