"""Foreign ONNX files: sound ones pass, all others are refused in one line that says what is wrong.

That onnx's own collection of models passes is the outside oracle for what is sound.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from earlet_quantize.errors import ModelFileError
from earlet_quantize.model_file import parse_model, read_model

ROOT = Path(__file__).parents[2]
ONNX_MODELS = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data").rglob("*.onnx"))


def value(name: str, element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, [2])


def stored(name: str, *values: float, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def model(
    *nodes: onnx.NodeProto,
    weights: Sequence[TensorProto] = (),
    opset: int = 20,
    domains: Sequence[str] = (),
    ir_version: int = 9,
) -> onnx.ModelProto:
    """x (2,) -> y (2,)."""
    return helper.make_model(
        helper.make_graph(nodes, "g", [value("x")], [value("y")], weights),
        opset_imports=[helper.make_opsetid("", opset), *map(_opset_1, domains)],
        ir_version=ir_version,
    )


def _opset_1(domain: str) -> onnx.OperatorSetIdProto:
    return helper.make_opsetid(domain, 1)


node = helper.make_node
RELU = node("Relu", ["x"], ["y"])
ADD = node("Add", ["x", "w"], ["y"])


def refusal(proto: onnx.ModelProto) -> str:
    with pytest.raises(ModelFileError) as caught:
        parse_model(proto.SerializeToString(), "m.onnx")
    message = str(caught.value)
    assert message.startswith("m.onnx: ")
    assert message.isprintable()
    assert len(message) < 400
    return message.removeprefix("m.onnx: ")


def is_accepted(proto: onnx.ModelProto) -> bool:
    return bool(parse_model(proto.SerializeToString(), "m.onnx") == proto)


def test_the_models_that_onnx_is_tested_with_pass() -> None:
    refused = {}
    for path in ONNX_MODELS:
        try:
            read_model(path)
        except ModelFileError as problem:
            refused[path.parent.name] = str(problem)
    assert len(ONNX_MODELS) > 100
    # Operators for training, which onnxruntime does not have.
    assert sorted(refused) == ["test_gradient_of_add", "test_gradient_of_add_and_mul"]
    assert all("custom operator ai.onnx.preview.training.Gradient" in m for m in refused.values())


@pytest.mark.parametrize("path", sorted((ROOT / "models").glob("*/*.onnx")), ids=lambda p: p.name)
def test_the_networks_that_ship_pass(path: Path) -> None:
    assert read_model(path) == onnx.load(path)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "bad").glob("*.onnx")), ids=str)
def test_a_malformed_file_is_refused_by_name(path: Path) -> None:
    with pytest.raises(ModelFileError, match=path.name) as caught:
        read_model(path)
    assert str(caught.value).isprintable()


def test_a_model_that_was_cut_off_is_refused_wherever_it_was_cut() -> None:
    data = model(ADD, weights=[stored("w", 1, 2)]).SerializeToString()
    for length in range(len(data)):
        with pytest.raises(ModelFileError, match=r"^m\.onnx: "):
            parse_model(data[:length], "m.onnx")


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_any_bytes_in_a_good_model_pass_or_are_refused(noise: bytes, at: int) -> None:
    data = model(ADD, weights=[stored("w", 1, 2)]).SerializeToString()
    at %= len(data)
    with contextlib.suppress(ModelFileError):
        parse_model(data[:at] + noise + data[at + len(noise) :], "m.onnx")


def test_versions_from_the_future_are_refused_with_what_to_do() -> None:
    newest = onnx.defs.onnx_opset_version()
    assert is_accepted(model(RELU, opset=newest))
    assert refusal(model(RELU, opset=99)) == (
        f"opset 99; this onnx reads up to {newest}: "
        "export with a lower opset, or install a newer onnx"
    )
    assert refusal(model(RELU, ir_version=99)).startswith(
        f"ONNX IR version 99; this onnx reads up to {onnx.IR_VERSION}: "
    )


def test_a_custom_operator_is_named_wherever_it_is() -> None:
    assert is_accepted(
        model(node("Gelu", ["x"], ["y"], domain="com.microsoft"), domains=["com.microsoft"])
    )
    zap = node("Zap", ["x"], ["y"], domain="my.ops")
    assert "needs the custom operator my.ops.Zap, " in refusal(model(zap, domains=["my.ops"]))
    body = helper.make_graph([zap], "b", [], [value("y")])
    branches = node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    true = stored("c", True, dtype=np.bool_)
    assert "my.ops.Zap" in refusal(model(branches, weights=[true], domains=["my.ops"]))


def test_an_operator_that_does_not_exist_is_named() -> None:
    assert "No Op registered for Zap " in refusal(model(node("Zap", ["x"], ["y"])))


def test_a_graph_that_runs_in_a_circle_is_told_from_one_out_of_order() -> None:
    a, b = node("Add", ["x", "b"], ["a"], name="first"), node("Relu", ["a"], ["b"])
    assert refusal(model(a, b, node("Relu", ["b"], ["y"]))).startswith("the graph runs in a circle")
    assert refusal(model(node("Add", ["x", "y"], ["y"], name="own"))) == (
        "the graph runs in a circle: Add 'own' needs its own result"
    )
    backwards = model(node("Relu", ["a"], ["y"]), node("Relu", ["x"], ["a"]))
    assert "must be topologically sorted" in refusal(backwards)


def test_a_circle_through_a_branch_is_found_and_an_equal_name_inside_is_none() -> None:
    def branches(reads: str, between: str) -> onnx.ModelProto:
        steps = [node("Relu", [reads], [between]), node("Neg", [between], ["end"])]
        body = helper.make_graph(steps, "b", [], [value("end")])
        choice = node("If", ["c"], ["y"], then_branch=body, else_branch=body)
        return model(choice, weights=[stored("c", True, dtype=np.bool_)])

    assert refusal(branches("y", "inner")).startswith("the graph runs in a circle: If ")
    # As in optimum's merged decoders: a branch has a value of the name that the If gives.
    assert is_accepted(branches("x", "y"))


def test_two_values_of_one_name_are_refused() -> None:
    assert "'y' has been used as output names multiple times" in refusal(model(RELU, RELU))
    assert "w initializer name is not unique" in refusal(
        model(ADD, weights=[stored("w", 1, 2)] * 2)
    )


def test_functions_of_its_own_are_refused() -> None:
    proto = model(node("f", ["x"], ["y"], domain="d"), domains=["d"])
    imports = [helper.make_opsetid("", 20)]
    proto.functions.append(
        helper.make_function("d", "f", ["a"], ["b"], [node("Relu", ["a"], ["b"])], imports)
    )
    assert "defines functions of its own" in refusal(proto)


@pytest.mark.parametrize("location", ["weights.bin", "../outside.bin", "/etc/passwd", "link.bin"])
def test_external_data_is_refused_wherever_it_lies(tmp_path: Path, location: str) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(8))
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    weight = stored("w", 1, 2)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", location
    path = tmp_path / "model.onnx"
    path.write_bytes(model(ADD, weights=[weight]).SerializeToString())
    with pytest.raises(ModelFileError, match=r"model\.onnx: keeps tensors in another file"):
        read_model(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_weight_that_is_not_finite_is_named(bad: float, dtype: Any) -> None:
    message = refusal(model(ADD, weights=[stored("w", bad, 1, dtype=dtype)]))
    assert message.startswith("'w', a tensor of 2 numbers, has some that are NaN or infinite; ")
    constant = node("Constant", [], ["w"], value=stored("", bad, 1, dtype=dtype))
    assert refusal(model(constant, ADD)) == message


def test_a_weight_of_zeros_and_nan_is_no_mask() -> None:
    assert "NaN or infinite" in refusal(model(ADD, weights=[stored("w", np.nan, 0)]))
    bfloat16 = helper.make_tensor("b", TensorProto.BFLOAT16, [2], [np.nan, 1.0])
    assert "NaN or infinite" in refusal(model(RELU, weights=[bfloat16]))


def test_an_attention_mask_may_be_infinite() -> None:
    assert is_accepted(model(ADD, weights=[stored("w", -np.inf, 0)]))
    assert is_accepted(model(ADD, weights=[stored("w", -np.inf, -np.inf)]))


def test_bfloat16_and_text_and_whole_numbers_pass() -> None:
    bfloat16 = helper.make_tensor("b", TensorProto.BFLOAT16, [2], [1.0, 2.0])
    text = helper.make_tensor("t", TensorProto.STRING, [2], [b"a", b"b"])
    weights = [bfloat16, text, stored("i", 1, 2, dtype=np.int8)]
    assert is_accepted(model(RELU, weights=weights))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("op_type", ["QuantizeLinear", "DequantizeLinear"])
def test_a_scale_that_is_no_positive_number_is_named(op_type: str, bad: float) -> None:
    quantize = node("QuantizeLinear", ["x", "s", "z"], ["q"], name="quantize")
    dequantize = node("DequantizeLinear", ["q", "t", "z"], ["y"], name="dequantize")
    good, broken = ("t", "s") if op_type == "QuantizeLinear" else ("s", "t")
    zero = numpy_helper.from_array(np.array(0, np.uint8), "z")

    def scale(name: str, number: float) -> TensorProto:
        return numpy_helper.from_array(np.array(number, np.float32), name)

    weights = [scale(good, 0.1), zero]
    assert is_accepted(model(quantize, dequantize, weights=[*weights, scale(broken, 0.2)]))
    message = refusal(model(quantize, dequantize, weights=[*weights, scale(broken, bad)]))
    name = op_type.removesuffix("Linear").lower()
    assert message.startswith(f"{broken!r}, a scale of {op_type} {name!r}, must be positive")


def test_a_tensor_of_unknown_type_or_too_few_bytes_is_named() -> None:
    weight = stored("w", 1, 2)
    weight.data_type = 99
    assert refusal(model(ADD, weights=[weight])).startswith("the tensor 'w' of element type 99")
    short = stored("w", 1, 2)
    short.raw_data = short.raw_data[:4]
    assert "tensor name: w" in refusal(model(ADD, weights=[short]))


def test_names_that_are_not_utf8_are_refused() -> None:
    data = model(node("Relu", ["x"], ["y"], name="nnn")).SerializeToString()
    with pytest.raises(ModelFileError, match=r"m\.onnx: the name b'n\\xffn' is not UTF-8"):
        parse_model(data.replace(b"nnn", b"n\xffn"), "m.onnx")


def test_a_tensor_whose_name_is_not_utf8_is_refused() -> None:
    short = stored("www", 1, 2)
    short.raw_data = short.raw_data[:4]
    data = model(node("Constant", [], ["w"], value=short), ADD).SerializeToString()
    with pytest.raises(ModelFileError, match=r"m\.onnx: not valid ONNX: .*; export it again"):
        parse_model(data.replace(b"www", b"w\xffw"), "m.onnx")


def to_itself(path: Path) -> None:
    path.symlink_to(path)


def nothing(path: Path) -> None:
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "is a directory; expected an ONNX file"),
        (os.mkfifo, "is a pipe or a device; expected an ONNX file"),
        (to_itself, "cannot be read: "),
        (nothing, "cannot be read: "),
    ],
)
def test_what_is_no_plain_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    make(tmp_path / "model.onnx")
    with pytest.raises(ModelFileError, match=rf"model\.onnx: {reason}"):
        read_model(tmp_path / "model.onnx")
