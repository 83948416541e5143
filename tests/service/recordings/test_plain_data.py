"""Plain data as bytes and back, and bytes that are no such thing."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earlet.service.recordings.plain_data import DTYPES, pack, unpack

ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(np.dtype(dtype), arrays.array_shapes(min_dims=0, min_side=0))
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PLAIN = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def same(one: object, other: object) -> bool:
    """Of the same types throughout, and equal to the bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        bits = (one.dtype, one.shape, one.tobytes()), (other.dtype, other.shape, other.tobytes())
        return bits[0] == bits[1]
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return repr(one) == repr(other)  # which tells -0.0 from 0.0


@given(PLAIN)
def test_what_was_packed_comes_back_to_the_bit(value: object) -> None:
    assert same(unpack(pack(value)), value)


def test_infinity_comes_back_and_a_tuple_as_a_list() -> None:
    assert unpack(pack({"never": float("inf"), "pair": (1, 2.5)})) == {
        "never": float("inf"),
        "pair": [1, 2.5],
    }


def test_arrays_that_come_back_can_be_written_to() -> None:
    array = unpack(pack([np.zeros(3, dtype=np.float32)]))[0]
    array[1] = 5
    assert list(array) == [0, 5, 0]


@pytest.mark.parametrize(
    "value",
    [
        {"x": np.float32(1)},
        {1: "x"},
        {"$array": []},
        b"bytes",
        {1, 2},
        np.array(["text"]),
        np.array([object()]),
        np.zeros((1,) * 9),
    ],
)
def test_what_is_not_plain_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="expected "):
        pack(value)


def framed(tree: object, behind: bytes = bytes(8)) -> bytes:
    text = json.dumps(tree).encode()
    return len(text).to_bytes(4, "little") + text + behind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\xff\xff\xff\xff{}",
        b"\x01\x00\x00\x00{",
        b"\x01\x00\x00\x00\xff",
        framed({"$array": 1}),
        framed({"$array": ["|O", [1], 0]}),
        framed({"$array": ["<f4", [3], 0]}),
        framed({"$array": ["<f4", [1], 5]}),
        framed({"$array": ["<f4", [-1], 0]}),
        framed({"$array": ["<f4", [-2, -1], 0]}),
        framed({"$array": ["<f4", [1], -4]}),
        framed({"$array": ["<f4", [True], 0]}),
        framed({"$array": ["<f4", [2.0], 0]}),
        framed({"$array": ["<f4", [10**30, 0], 0]}),
        framed({"$array": ["<f4", [2**31] * 7 + [0], 0]}),
        framed({"$array": [["<f4"], [1], 0]}),
        b"\x40\x0d\x03\x00" + b"[" * 200_000,
    ],
)
def test_what_was_not_packed_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_plain_data_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        unpack(data)
