"""A look into a .tflite file before an engine gets it: is it one, and does it hold all its parts?

A .tflite file is a FlatBuffer: tables that point to each other by offsets. tflite-runtime follows
them wherever they lead, and a damaged one ends the process; so they are followed here first, as
FlatBuffers' own verifier would. What leads elsewhere, or to what is not known here, is refused.
File format: https://flatbuffers.dev/internals; field numbers: LiteRT's `schema.fbs` (version 3).
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from earlet.backends.onnx_file import guess
from earlet.errors import BackendError


class _Vector(NamedTuple):
    """A field that leads to a vector: of tables by their name, or of so many bytes an item."""

    item: str | int
    is_text: bool = False  # in UTF-8, with a zero behind it


# table -> {field number -> the table or vector that it leads to}; all other fields are numbers
_STRING, _BYTES, _INT32, _INT64 = _Vector(1, is_text=True), _Vector(1), _Vector(4), _Vector(8)
_TABLES: dict[str, dict[int, str | _Vector]] = {
    "Model": {
        1: _Vector("OperatorCode"),
        2: _Vector("SubGraph"),
        3: _STRING,
        4: _Vector("Buffer"),
        5: _INT32,
        6: _Vector("Metadata"),
        7: _Vector("SignatureDef"),
    },
    "OperatorCode": {1: _STRING},
    "SubGraph": {0: _Vector("Tensor"), 1: _INT32, 2: _INT32, 3: _Vector("Operator"), 4: _STRING},
    "Tensor": {0: _INT32, 3: _STRING, 4: "Quantization", 7: _INT32, 9: _Vector("VariantSubType")},
    "VariantSubType": {0: _INT32},
    "Quantization": {0: _INT32, 1: _INT32, 2: _INT32, 3: _INT64},
    "Operator": {1: _INT32, 2: _INT32, 5: _BYTES, 7: _BYTES, 8: _INT32},
    "Buffer": {0: _BYTES},
    "Metadata": {0: _STRING},
    "SignatureDef": {0: _Vector("TensorMap"), 1: _Vector("TensorMap"), 2: _STRING},
    "TensorMap": {0: _STRING},
}
_OPTIONS_TYPE, _OPTIONS = 3, 4  # Operator: which table of options, and the table
_OPTIONS_TABLES: dict[int, dict[int, _Vector]] = {  # those that hold more than numbers
    3: {1: _INT32, 2: _INT32},  # ConcatEmbeddings
    17: {0: _INT32},  # Reshape
    30: {0: _INT32},  # Squeeze
    111: {0: _STRING, 1: _STRING},  # VarHandle
    115: {0: _INT32},  # Bucketize
}
_REFUSED = {  # fields that lead out of the file, or to tables that are not followed here
    ("Model", 8): "weights in another file",
    ("Model", 9): "weights in another file",
    ("Buffer", 1): "weights behind its FlatBuffer",
    ("Tensor", 6): "sparse tensors",
    ("Quantization", 5): "quantization by blocks",
    ("Operator", 9): "options behind its FlatBuffer",
    ("Operator", 12): "StableHLO operators",
}
_IDENTIFIER = b"TFL3"  # at byte 4, after the offset of the root table
_MAX_TABLES = 200_000  # shared ones counted each time; a thousand layers have some ten thousand


def check(network: bytes, name: str) -> None:
    """Raise BackendError unless all offsets of `network` stay inside it, as a .tflite file's do."""
    try:
        if network[4:8] != _IDENTIFIER:
            raise ValueError(f"bytes 4 to 8 are not {_IDENTIFIER.decode()}")
        walk = _Walk(network)
        walk.follow(0, "Model")
        if not walk.has_graph:
            raise ValueError("it has no graph")
    except ValueError as problem:
        raise BackendError(
            f"{name}: expected a .tflite model, got {guess(network)} ({problem}); "
            "fetch or export the file again"
        ) from None
    except _RefusedError as problem:
        raise BackendError(
            f"{name}: has {problem}, which earlet does not run; convert the model without"
        ) from None


class _RefusedError(Exception):
    """What `_REFUSED` says of a field that is there."""


class _Walk:
    """Follows every offset; raises ValueError where one leads outside, or they have no end."""

    def __init__(self, network: bytes) -> None:
        self._network = network
        self._n_tables = 0
        self._text_length = 0
        self.has_graph = False

    def follow(self, at: int, leads_to: str | _Vector) -> None:
        """Follow the offset at byte `at` to the table or vector that it must lead to."""
        target = self._target(at)
        if isinstance(leads_to, str):
            self._table(target, leads_to, _TABLES[leads_to])
            return
        count, items = self._number("<I", target), target + 4
        width = leads_to.item if isinstance(leads_to.item, int) else 4
        end = items + count * width
        if end > len(self._network) or items % width:
            raise ValueError(f"a vector of {count} items at byte {target} does not end inside it")
        if leads_to.is_text:
            self._text_length += count
            if self._text_length > len(self._network):
                raise ValueError("its texts overlap")
            self._network[items:end].decode()
            if self._number("<B", end) != 0:
                raise ValueError(f"the text at byte {target} has no end")
        if isinstance(leads_to.item, str):
            for item in range(items, items + 4 * count, 4):
                self.follow(item, leads_to.item)

    def _table(self, at: int, name: str, leads: Mapping[int, str | _Vector]) -> None:
        self._n_tables += 1
        if self._n_tables > _MAX_TABLES:
            raise ValueError(f"it has more than {_MAX_TABLES} tables")
        self.has_graph |= name == "SubGraph"
        fields = self._fields(at)
        for field, place in fields.items():
            if (name, field) in _REFUSED:
                raise _RefusedError(_REFUSED[name, field])
            if field in leads:
                self.follow(place, leads[field])
        if name == "Operator" and _OPTIONS in fields:
            kind = self._number("<B", fields[_OPTIONS_TYPE]) if _OPTIONS_TYPE in fields else 0
            target = self._target(fields[_OPTIONS])
            self._table(target, "Options", _OPTIONS_TABLES.get(kind, {}))

    def _fields(self, at: int) -> dict[int, int]:
        """The fields that a table has, by their number, and the byte at which each one is."""
        layout = at - self._number("<i", at)
        layout_size, table_size = self._number("<H", layout), self._number("<H", layout + 2)
        end = max(layout + layout_size, at + table_size)
        if layout_size < 4 or layout_size % 2 or end > len(self._network):
            raise ValueError(f"a table at byte {at} does not end inside it")
        places = struct.unpack_from(f"<{layout_size // 2 - 2}H", self._network, layout + 4)
        if max(places, default=0) >= table_size:
            raise ValueError(f"a field of the table at byte {at} lies outside the table")
        return {field: at + place for field, place in enumerate(places) if place}

    def _target(self, at: int) -> int:
        """The byte that the offset at byte `at` leads to."""
        offset = self._number("<I", at)
        if offset == 0:
            raise ValueError(f"the offset at byte {at} leads to itself")
        return at + offset

    def _number(self, kind: str, at: int) -> int:
        size = struct.calcsize(kind)
        if not 0 <= at <= len(self._network) - size or at % size:
            raise ValueError(f"an offset leads to byte {at}")
        (number,) = struct.unpack_from(kind, self._network, at)
        return int(number)
