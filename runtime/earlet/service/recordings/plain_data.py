"""Plain data with arrays in it as bytes, and back: JSON, and behind it the arrays' own bytes.

    n_json    uint32, little-endian
    json      UTF-8; an array is {"$array": [dtype, shape, offset]}, its bytes from `offset` on
    arrays    one after the other, little-endian, in C order

It is the idea of safetensors, with a tree in place of a flat table of names. What is read cannot do
anything: it is numbers, texts, truths, lists, mappings with texts as keys, and arrays of numbers.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from earlet.arrays import AnyArray

ARRAY = "$array"
DTYPES = ("|b1", "|u1", "<i2", "<i4", "<i8", "<f4", "<f8")
MAX_DIMENSIONS = 8
MAX_SIZE = 2**31  # of a dimension
N_JSON_BYTES = 4


def pack(value: object) -> bytes:
    """Of None, bool, int, float, str, list, tuple (which comes back as a list), dict and arrays.

    Raises:
        TypeError: for anything else.
    """
    arrays: list[bytes] = []
    tree = _packed(value, arrays)
    # Infinity is written as Python's json does; a state machine's "never" may be one.
    text = json.dumps(tree, separators=(",", ":")).encode()
    return b"".join([len(text).to_bytes(N_JSON_BYTES, "little"), text, *arrays])


def unpack(data: bytes) -> Any:
    """What was packed; its arrays can be written to.

    Raises:
        ValueError: when it is not what `pack` makes.
    """
    n_json = int.from_bytes(data[:N_JSON_BYTES], "little")
    arrays_from = N_JSON_BYTES + n_json
    if not N_JSON_BYTES <= arrays_from <= len(data):
        raise ValueError(f"its head promises {n_json} bytes of JSON, and {len(data)} are there")
    try:
        tree = json.loads(data[N_JSON_BYTES:arrays_from].decode("utf-8"))
        return _unpacked(tree, memoryview(data)[arrays_from:])
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def _packed(value: object, arrays: list[bytes]) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_packed(item, arrays) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key != ARRAY for key in value):
            raise TypeError(f"expected texts as keys, and none that is {ARRAY!r}, got {[*value]}")
        return {key: _packed(item, arrays) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        little = value.astype(value.dtype.newbyteorder("<"), order="C", copy=False)
        if little.dtype.str in DTYPES and little.ndim <= MAX_DIMENSIONS:
            offset = sum(map(len, arrays))
            arrays.append(little.tobytes())
            return {ARRAY: [little.dtype.str, list(little.shape), offset]}
    raise TypeError(f"expected plain data and arrays of numbers, got {type(value).__name__}")


def _unpacked(tree: Any, arrays: memoryview) -> Any:
    if isinstance(tree, list):
        return [_unpacked(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if ARRAY in tree:
        return _array(tree[ARRAY], arrays)
    return {key: _unpacked(item, arrays) for key, item in tree.items()}


def _array(description: Any, arrays: memoryview) -> AnyArray:
    match description:
        case [str(dtype), list(shape), int(offset)] if (
            dtype in DTYPES
            and len(shape) <= MAX_DIMENSIONS
            and all(type(size) is int and 0 <= size <= MAX_SIZE for size in shape)
        ):
            n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
            if 0 <= offset <= offset + n_bytes <= len(arrays):
                flat = np.frombuffer(arrays[offset : offset + n_bytes], dtype=dtype)
                return flat.reshape(shape).copy()
    raise ValueError(f"an array of it is not there: {str(description)[:60]}")
