"""A look into an ONNX file before ONNX Runtime gets it: is it one, and does it stay by itself?

A tensor of an ONNX file may live in another file ("external data"), named by any path. A bundle
must not reach outside itself, and not every release of ONNX Runtime refuses, so it is refused here.
Functions that a model defines are, too: ONNX Runtime unfolds them while it opens the model, and 31
that each call the next one twice are 2^31 nodes out of 3 kB.
Field numbers: `onnx.proto` (IR 13).
"""

from earlet.backends.protobuf import fields
from earlet.errors import BackendError

# message -> {field number -> message inside}; only the ways that lead to a TensorProto
_MESSAGES: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
_GRAPH, _FUNCTIONS = 7, 25  # ModelProto
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # TensorProto
_MAX_DEPTH = 64  # graphs inside graphs; real networks have two or three


def check(network: bytes, name: str) -> None:
    """Raise BackendError unless `network` is an ONNX model that holds all its own data."""
    try:
        numbers = {number for number, _ in fields(memoryview(network))}
        if _GRAPH not in numbers:
            raise ValueError("it has no graph")
        external = _has_external_data(memoryview(network), "ModelProto", 0)
    except ValueError as problem:
        raise BackendError(
            f"{name}: expected an ONNX model, got {guess(network)} ({problem}); "
            "fetch or export the file again"
        ) from None
    if external:
        raise BackendError(
            f"{name}: keeps tensors in another file (ONNX external data), and a bundle's network "
            "must hold its own; save it as a single file"
        )
    if _FUNCTIONS in numbers:
        raise BackendError(
            f"{name}: defines functions of its own, which may unfold without bound; "
            "export it with them inlined"
        )


def _has_external_data(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
    inside = _MESSAGES[kind]
    for number, payload in fields(message):
        if kind == "TensorProto":
            # 0 is here, 1 elsewhere; of a larger number protobuf keeps 32 bits, which may be 1.
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and payload != 0):
                return True
        elif (
            number in inside
            and isinstance(payload, memoryview)
            and _has_external_data(payload, inside[number], depth + 1)
        ):
            return True
    return False


def guess(data: bytes) -> str:
    """What a file that is not a network probably is, for a message."""
    head = data[:64].lstrip().lower()
    if not data:
        return "an empty file"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if head.startswith((b"<!doctype", b"<html")):
        return "an HTML page"
    return f"{len(data)} bytes of something else"
