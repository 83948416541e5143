"""CTranslate2's `model.bin`, read without CTranslate2.

Format: `python/ctranslate2/specs/model_spec.py` of CTranslate2 (binary version 6), little-endian;
a string is its length with the final NUL (uint16), its bytes, and that NUL:

    version uint32, name of the architecture, its revision uint32
    number of variables uint32, each: name, rank uint8, sizes uint32, type uint8, bytes uint32, data
    number of aliases uint32, each: name, name of the variable that it stands for
"""

import struct

import numpy as np

from earlet.arrays import AnyArray
from earlet_quantize.errors import ModelFileError

VERSION = 6
DTYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}  # by the file's number of a type

Variables = dict[str, AnyArray]


def read_variables(content: bytes, name: str) -> Variables:
    """The variables of a `model.bin`, by name; `name` is what messages call the file.

    Raises:
        ModelFileError: for another version or type of number, or a file that is not whole.
    """
    reader = _Reader(content)
    try:
        if (version := reader.number("I")) != VERSION:
            raise ValueError(f"binary version {version} and not {VERSION}")
        reader.string()
        reader.number("I")
        variables = dict(reader.variable() for _ in range(reader.number("I")))
        for _ in range(reader.number("I")):
            alias = reader.string()
            variables[alias] = variables[reader.string()]
    except (struct.error, ValueError, KeyError) as problem:
        raise ModelFileError(
            f"{name}: expected a CTranslate2 model, got {problem}; fetch or convert it again"
        ) from None
    return variables


class _Reader:
    """A place in the file that moves on."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(f"<{code}", self._content, self._at)
        self._at += struct.calcsize(code)
        return int(value)

    def take(self, size: int) -> bytes:
        if size > len(self._content) - self._at:
            raise ValueError(f"an end {size} bytes early")
        self._at += size
        return self._content[self._at - size : self._at]

    def string(self) -> str:
        return self.take(self.number("H"))[:-1].decode()

    def variable(self) -> tuple[str, AnyArray]:
        name = self.string()
        shape = [self.number("I") for _ in range(self.number("B"))]
        if (code := self.number("B")) not in DTYPES:
            raise ValueError(f"{name} of unknown type {code}")
        dtype = np.dtype(DTYPES[code])
        return name, np.frombuffer(self.take(self.number("I")), dtype).reshape(shape)
