"""Protocol buffers as far as files need them that are looked into before anybody trusts them.

Wire format: https://protobuf.dev/programming-guides/encoding. Field numbers belong to the readers.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5  # wire types
MAX_NUMBER = 2**29 - 1  # of a field: with its wire type it takes 32 bits


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of one message: number, and the bytes or the varint it holds.

    Raises:
        ValueError: when it is no message, or is cut off.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        # The library for C++ drops the bits above: it would see a field that is hidden from here.
        if not 1 <= number <= MAX_NUMBER:
            raise ValueError(f"a field of the number {number}")
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            size, at = _varint(message, at)
        elif wire_type in (_FIXED32, _FIXED64):
            size = 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {at}")
        if at + size > len(message):
            raise ValueError(f"a field claims {size} bytes and {len(message) - at} are left")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            raise ValueError(f"a number is cut off at byte {at}")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number of more than 64 bits at byte {at}")
