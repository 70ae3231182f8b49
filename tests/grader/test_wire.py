"""The closed format: every value comes back as it was, and nothing else is let in."""

import contextlib
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tito.grader.inside import wire
from tito.grader.reply import compare

numbers = st.floats(allow_nan=False) | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none()
any_array = arrays.arrays(
    st.sampled_from(sorted(wire.DTYPES)), arrays.array_shapes(min_dims=0, min_side=0)
)
values = st.recursive(
    numbers | st.text() | any_array,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(values)
def test_a_value_comes_back_as_it_was(value):
    assert compare(wire.decode(wire.encode(value)), value, rtol=0, atol=0) is None


@given(any_array)
def test_an_array_keeps_dtype_and_shape_whatever_its_memory_looks_like(array):
    for view in (array, array.T, array[..., ::-1] if array.ndim else array):
        back = wire.decode(wire.encode(view))
        assert (back.dtype, back.shape) == (view.dtype, view.shape)
        assert back.tobytes() == view.tobytes()


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_a_value_or_a_wire_error(content):
    with contextlib.suppress(wire.WireError):
        wire.decode(content)


class Sneaky(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    "value",
    [object(), Sneaky(3), {1: 2}, {3, 4}, b"bytes", np.array([object()]), 1j, np.array(["text"])],
    ids=lambda value: type(value).__name__,
)
def test_only_exact_types_of_the_format_are_sent(value):
    with pytest.raises(wire.WireError):
        wire.encode(value)
    with pytest.raises(wire.WireError):
        wire.encode([value])


def nested(depth):
    return '["list",' * depth + "1" + "]" * depth


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (nested(wire.MAX_DEPTH + 2), "deep"),
        (nested(100_000), "not a value"),
        ('["set", 1]', "unknown kind"),
        ('["array", "object", 1, ""]', "unknown kind"),
        ('["array", "float64", -1, ""]', "unknown kind"),
        ('["array", "float64", 1.0, "AAAAAAAAAAA="]', "unknown kind"),
        ('["array", "float64", true, "AAAAAAAAAAA="]', "unknown kind"),
        ('["array", "float64", 1000000000, "AAAAAAAAAAA="]', "does not fit"),
        ('["array", "float64", 1, "not base64!"]', "not a value"),
        ('["array"]', "not a value"),
        ("[]", "not a value"),
        ("9" * 5000, "not a value"),
        ("9" * 500, "more than 64 bits"),
        ('"' + "a" * wire.MAX_BYTES + '"', "more than"),
        ("{]", "not a value"),
        ("\x80", "not a value"),
    ],
)
def test_a_forged_message_is_refused(message, problem):
    with pytest.raises(wire.WireError, match=problem):
        wire.decode(message.encode("latin-1"))


def test_too_deep_and_too_big_values_are_not_sent():
    deep = []
    for _ in range(wire.MAX_DEPTH + 2):
        deep = [deep]
    for value in (deep, np.zeros(wire.MAX_BYTES), np.broadcast_to(1.0, (10**6, 10**6))):
        with pytest.raises(wire.WireError):
            wire.encode(value)


def test_a_message_arrives_whole_and_the_end_is_none():
    reader, writer = os.pipe()
    wire.send(writer, b"x" * 10)
    wire.send(writer, json.dumps("é").encode())
    os.close(writer)
    assert [wire.receive(reader) for _ in range(3)] == [b"x" * 10, b'"\\u00e9"', None]
    os.close(reader)
