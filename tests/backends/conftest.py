"""Networks in TensorFlow Lite's format, written by hand: any type, shape and mistake.

A FlatBuffer is written as https://flatbuffers.dev/internals tells; a table is a mapping of field
numbers of `schema.fbs` to what they hold.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray

TYPES = {  # TensorType
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "string": 5,
    "int16": 7,
    "int8": 9,
    "resource": 13,
}
RESHAPE, RESHAPE_OPTIONS = 22, 17  # of BuiltinOperator and BuiltinOptions
SLOT = 8  # bytes: each field gets as many as the widest needs

Table = Mapping[int, Any]  # field -> number, string, vector of numbers, table, or list of tables
ReshapingModel = Callable[..., Table]
FlatBuffer = Callable[[Table], bytes]
Outcomes = Callable[[str, bytes], dict[str, int]]


@pytest.fixture
def outcomes(tmp_path: Path) -> Outcomes:
    """What a test module, run as a program on a network, counts.

    In a process of its own, for what an engine does not catch ends it.
    """

    def counted(module: str, network: bytes) -> dict[str, int]:
        path = tmp_path / "net.tflite"
        path.write_bytes(network)
        result = subprocess.run(
            [sys.executable, module, str(path)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (result.returncode, result.stderr) == (0, "")
        found: dict[str, int] = json.loads(result.stdout)
        return found

    return counted


@pytest.fixture(scope="session")
def flatbuffer() -> FlatBuffer:
    """The bytes of a model."""

    def written(model: Table) -> bytes:
        out = bytearray(b"\0\0\0\0TFL3")
        root = _write(out, model)
        out[:4] = root.to_bytes(4, "little")
        return bytes(out)

    return written


def _write(out: bytearray, value: Any) -> int:
    """Append a table, a vector or a string, and all that it leads to; the byte where it begins."""
    offsets: list[tuple[int, Any]] = []  # where an offset is to stand, and to what
    if isinstance(value, Mapping):
        n_fields = max(value, default=-1) + 1
        layout_size = 4 + 2 * n_fields
        out += bytes(-(len(out) + layout_size + 4) % SLOT)  # so that the first slot is aligned
        places = [4 + SLOT * field if field in value else 0 for field in range(n_fields)]
        out += np.array([layout_size, 4 + SLOT * n_fields, *places], dtype="<u2").tobytes()
        start = len(out)
        out += np.array(layout_size, dtype="<i4").tobytes() + bytes(SLOT * n_fields)
        for field, content in value.items():
            place = start + places[field]
            if isinstance(content, np.generic):
                out[place : place + content.nbytes] = content.tobytes()
            else:
                offsets.append((place, content))
    else:
        out += bytes(-(len(out) + 4) % 16)  # so that the first item is aligned
        start = len(out)
        out += np.array(len(value), dtype="<u4").tobytes()
        if isinstance(value, str):
            out += value.encode() + b"\0"
        elif isinstance(value, np.ndarray):
            out += value.tobytes()
        else:
            offsets = [(start + 4 + 4 * i, table) for i, table in enumerate(value)]
            out += bytes(4 * len(value))
    for place, content in offsets:
        out[place : place + 4] = (_write(out, content) - place).to_bytes(4, "little")
    return start


@pytest.fixture(scope="session")
def reshaping() -> ReshapingModel:
    """A network that hands on its one input, which the tests then bend."""

    def model(
        takes: tuple[int, ...] = (1, 6),
        gives: tuple[int, ...] = (1, 6),
        dtype: str = "float32",
        scale: float | None = None,
        zero_point: int = 0,
    ) -> dict[int, Any]:
        quantization: dict[int, AnyArray] = {}
        if scale is not None:
            quantization = {2: np.array([scale], np.float32), 3: np.array([zero_point], np.int64)}
        tensors = [
            {
                0: np.array(np.abs(shape), np.int32),
                1: np.int8(TYPES[dtype]),
                3: name,
                4: quantization,
                7: np.array(shape, np.int32),
            }
            for name, shape in (("serving_default_x", takes), ("StatefulPartitionedCall", gives))
        ]
        operator = {
            0: np.uint32(0),
            1: np.array([0], np.int32),
            2: np.array([1], np.int32),
            3: np.uint8(RESHAPE_OPTIONS),
            4: {0: np.array(gives, np.int32)},
        }
        graph = {0: tensors, 1: np.array([0], np.int32), 2: np.array([1], np.int32), 3: [operator]}
        code = {0: np.int8(RESHAPE), 2: np.int32(1), 3: np.int32(RESHAPE)}
        return {0: np.uint32(3), 1: [code], 2: [graph], 4: [{}]}

    return model
