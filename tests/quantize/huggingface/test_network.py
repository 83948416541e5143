"""The network of a folder: which file, and what it must take and give."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper

from earlet_quantize.errors import FolderError, ModelFileError
from earlet_quantize.huggingface import Imported, import_folder

Copy = Callable[[str], Path]
Read = Callable[[Path], Imported]


def test_a_truncated_network_is_refused(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    network = folder / "onnx" / "model.onnx"
    network.write_bytes(network.read_bytes()[:20_000])
    with pytest.raises(ModelFileError, match=r"model.onnx: expected an ONNX model"):
        read(folder)


def test_two_networks_of_one_name_are_refused(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    (folder / "model.onnx").write_bytes((folder / "onnx" / "model.onnx").read_bytes())
    with pytest.raises(FolderError, match=r"expected onnx/model.onnx or model.onnx, it has both"):
        read(folder)


def test_the_variant_chooses_the_network(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    (folder / "onnx" / "model.onnx").rename(folder / "onnx" / "model_quantized.onnx")
    with pytest.raises(FolderError, match=r"variant float; it has onnx/model_quantized.onnx"):
        read(folder)
    imported = import_folder(
        folder, name="tiny", variant="quantized", license="MIT", attribution="nobody", source="-"
    )
    assert imported.files["network.onnx"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        (["input_ids", "mask"], ["logits"], "expected the input 'attention_mask', got input_ids"),
        (
            ["input_ids", "attention_mask", "position_ids"],
            ["logits"],
            "expected no inputs but .*, got 'position_ids'; export the network without it",
        ),
        (["input_ids", "attention_mask"], ["scores"], "expected the output 'logits', got scores"),
    ],
)
def test_a_network_of_other_inputs_or_outputs_is_refused(
    inputs: list[str], outputs: list[str], told: str, copy: Copy, read: Read
) -> None:
    folder = copy("bert")
    write_network(folder, inputs, outputs, ["batch", "n"])
    with pytest.raises(FolderError, match=told):
        read(folder)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ([2, "n"], "input_ids: expected a batch of 1 or any, got 2"),
        (["batch", "n", 1], "input_ids: expected 2 dimensions of int64, got 3 of int64"),
    ],
)
def test_a_network_of_another_shape_is_refused(
    shape: list[int | str], told: str, copy: Copy, read: Read
) -> None:
    folder = copy("bert")
    write_network(folder, ["input_ids", "attention_mask"], ["logits"], shape)
    with pytest.raises(FolderError, match=told):
        read(folder)


def test_outputs_beside_the_logits_are_left_out(copy: Copy, read: Read) -> None:
    folder = copy("levit")  # whose two heads some exporters give, too
    model = onnx.load(folder / "model.onnx")
    (*_, node) = model.graph.node
    model.graph.node.append(helper.make_node("Neg", [node.output[0]], ["cls_logits"]))
    cls_logits = helper.make_tensor_value_info("cls_logits", onnx.TensorProto.FLOAT, ["batch", 4])
    model.graph.output.insert(0, cls_logits)
    onnx.save(model, folder / "model.onnx")
    graph = onnx.load_model_from_string(read(folder).files["network.onnx"]).graph
    assert [output.name for output in graph.output] == ["logits"]
    assert not any("cls_logits" in node.output for node in graph.node)


def test_a_width_that_no_network_tells_is_refused(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    write_network(folder, ["input_ids", "attention_mask"], ["logits"], ["batch", "n"])
    with pytest.raises(FolderError, match="expected 'logits' of a fixed width"):
        read(folder)


def write_network(
    folder: Path, inputs: list[str], outputs: list[str], shape: list[int | str]
) -> None:
    """A graph that adds its inputs up, each of `shape`."""
    int64, float32 = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Sum", [f"{name}.float" for name in inputs], [outputs[0]]),
        ],
        "sum",
        [helper.make_tensor_value_info(name, int64, shape) for name in inputs],
        [helper.make_tensor_value_info(name, float32, shape) for name in outputs],
    )
    casts = [helper.make_node("Cast", [n], [f"{n}.float"], to=float32) for n in inputs]
    for node in reversed(casts):
        graph.node.insert(0, node)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "onnx" / "model.onnx").write_bytes(model.SerializeToString())


def test_a_width_that_can_be_worked_out_is(copy: Copy, read: Read) -> None:
    folder = copy("bert")
    network = folder / "onnx" / "model.onnx"
    model = onnx.load(network)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "n_labels"
    onnx.save(model, network)
    graph = onnx.load_model_from_string(read(folder).files["network.onnx"]).graph
    dims = graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [1, 3]
