"""External data and files that are no ONNX, refused before ONNX Runtime sees them."""

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from earlet.backends import onnx_file
from earlet.errors import BackendError


def tensor(name: str, location: str | None = None) -> TensorProto:
    proto = numpy_helper.from_array(np.zeros((2, 2), dtype=np.float32), name)
    if location is not None:
        proto.ClearField("raw_data")
        proto.data_location = TensorProto.EXTERNAL
        entry = proto.external_data.add()
        entry.key, entry.value = "location", location
    return proto


def graph(weight: TensorProto, nodes: list[onnx.NodeProto] | None = None) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2])
    nodes = nodes or [helper.make_node("Identity", [weight.name], ["y"])]
    return helper.make_graph(nodes, "g", [], [value], [weight])


def model(g: onnx.GraphProto) -> bytes:
    return bytes(helper.make_model(g).SerializeToString())


def test_a_model_that_holds_its_own_data_passes() -> None:
    onnx_file.check(model(graph(tensor("w"))), "model.onnx")


@pytest.mark.parametrize("location", ["weights.bin", "../outside.bin", "/etc/passwd"])
def test_external_data_is_refused(location: str) -> None:
    with pytest.raises(BackendError, match=r"model\.onnx: keeps tensors in another file"):
        onnx_file.check(model(graph(tensor("w", location))), "model.onnx")


@pytest.mark.parametrize("location", [b"\x01", b"\x81\x80\x80\x80\x10"], ids=["1", "2^32 + 1"])
def test_a_tensor_that_is_said_to_be_elsewhere_is_refused(location: bytes) -> None:
    said = tensor("w").SerializeToString() + b"\x70" + location
    parsed = TensorProto.FromString(said)
    assert parsed.data_location == TensorProto.EXTERNAL
    empty = model(helper.make_graph([], "g", [], []))
    graph_of_it = b"\x2a" + bytes([len(said)]) + said
    with pytest.raises(BackendError, match="another file"):
        onnx_file.check(empty + b"\x3a" + bytes([len(graph_of_it)]) + graph_of_it, "model.onnx")


def test_external_data_is_found_in_a_constant_and_in_a_branch() -> None:
    constant = helper.make_node("Constant", [], ["y"], value=tensor("c", "../x"))
    with pytest.raises(BackendError, match="another file"):
        onnx_file.check(model(graph(tensor("w"), [constant])), "model.onnx")
    branch = helper.make_node(
        "If", ["w"], ["y"], then_branch=graph(tensor("a", "../x")), else_branch=graph(tensor("b"))
    )
    with pytest.raises(BackendError, match="another file"):
        onnx_file.check(model(graph(tensor("w"), [branch])), "model.onnx")


def test_functions_of_its_own_are_refused() -> None:
    call = helper.make_node("f", ["w"], ["y"], domain="d")
    identity = helper.make_node("Identity", ["x"], ["y"])
    function = helper.make_function(
        "d", "f", ["x"], ["y"], [identity], [helper.make_opsetid("", 18)]
    )
    proto = helper.make_model(graph(tensor("w"), [call]), functions=[function])
    with pytest.raises(BackendError, match=r"model\.onnx: defines functions of its own"):
        onnx_file.check(bytes(proto.SerializeToString()), "model.onnx")


@pytest.mark.parametrize("number", [13, 25])
def test_a_field_that_only_another_reader_would_see_is_refused(number: int) -> None:
    # Bits above the 32nd, which protobuf for C++ drops: it reads the field, number and all.
    hidden = number << 3 | 2 | 1 << 32
    key = bytes([hidden >> 7 * i & 0x7F | 0x80 for i in range(4)]) + bytes([hidden >> 28])
    proto = model(graph(tensor("w")))
    with pytest.raises(BackendError, match=f"a field of the number {number + 2**29}"):
        onnx_file.check(proto + key + b"\x00", "model.onnx")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (bytes(range(256)), "256 bytes of something else"),
        (b"\x3a\xff\xff\xff\xff\x0f", "6 bytes of something else"),  # a graph of 4 GB
    ],
)
def test_what_is_no_model_is_named(data: bytes, found: str) -> None:
    with pytest.raises(BackendError, match=f"expected an ONNX model, got {found}"):
        onnx_file.check(data, "model.onnx")


@given(st.binary(max_size=200))
def test_any_bytes_pass_or_are_refused_in_one_line(data: bytes) -> None:
    # Nothing but a graph passes, and its field is the byte 0x3a.
    if b"\x3a" not in data:
        with pytest.raises(
            BackendError, match=r"^model\.onnx: expected an ONNX model, got [^\n]*$"
        ):
            onnx_file.check(data, "model.onnx")
        return
    with contextlib.suppress(BackendError):
        onnx_file.check(data, "model.onnx")


def test_the_networks_that_ship_pass() -> None:
    networks = list((Path(__file__).parents[2] / "models").glob("*/*.onnx"))
    assert networks
    for path in networks:
        onnx_file.check(path.read_bytes(), path.name)
