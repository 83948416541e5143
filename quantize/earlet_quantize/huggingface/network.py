"""A published classifier's graph as `models/README.md` wants it.

optimum, transformers.js                          here
input_values (batch, n_samples)                -> waveform (1, n_samples)
input_values (batch, n_frames, n_mels)         -> features (1, n_frames, n_mels)
input_features (batch, n_mels, n_frames)       -> features (1, n_frames, n_mels)
pixel_values (batch, 3, height, width)         -> features (1, 3, height, width)
input_ids, attention_mask, token_type_ids      -> the same (1, n_tokens)
logits and others                              -> logits alone
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import onnx

from earlet_quantize.errors import FolderError
from earlet_quantize.graph import prune, rename, replace
from earlet_quantize.huggingface.folder import Folder, Variant
from earlet_quantize.model_file import read_model

FILE = "network.onnx"  # its name in the bundle
LOGITS = "logits"


class Input(NamedTuple):
    """How an input of a published graph is called in a bundle, and what it must be."""

    name: str
    n_dimensions: int
    dtype: int = onnx.TensorProto.FLOAT
    optional: bool = False
    transposed: bool = False  # the last two dimensions, in the published graph


class Network(NamedTuple):
    """A graph with the names of a bundle."""

    path: Path  # where it was
    data: bytes
    shapes: Mapping[str, tuple[int | None, ...]]  # of the inputs and of logits; None: may vary

    @property
    def n_outputs(self) -> int:
        """The width of the logits.

        Raises:
            FolderError: when the graph does not tell.
        """
        width = self.shapes[LOGITS][-1]
        if width is None:
            raise FolderError(f"{self.path}: expected {LOGITS!r} of a fixed width; export it anew")
        return width


def read_network(
    folder: Folder, variant: Variant, inputs: Mapping[str, Input], n_dimensions: int = 2
) -> Network:
    """Read `model.onnx` of a variant.

    Args:
        folder: where it is.
        variant: float or quantized.
        inputs: what it may be fed, by published name.
        n_dimensions: of the logits.

    Raises:
        FolderError: when the file is not there, or takes or gives something else.
        ModelFileError: when it cannot be read.
    """
    path = folder.network(variant, "model")
    model = read_model(path)
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}  # which may be listed as inputs, too
    replace(graph.input, [value for value in graph.input if value.name not in stored])
    _check_names(graph, inputs, path)
    replace(graph.output, [value for value in graph.output if value.name == LOGITS])
    prune(graph)
    expected = {**inputs, LOGITS: Input(LOGITS, n_dimensions)}
    for value in [*graph.input, *graph.output]:
        _fix_batch(value, expected[value.name], path)
    for name, wanted in inputs.items():
        if wanted.transposed:
            _transpose(graph, name)
    replace(graph.value_info, [])  # shapes in between, of any batch
    rename(graph, {name: wanted.name for name, wanted in inputs.items()})
    if _shape(graph.output[0])[-1] is None:  # some exporters leave it to be worked out
        inferred = onnx.shape_inference.infer_shapes(model).graph
        replace(graph.output, inferred.output)
    shapes = {value.name: _shape(value) for value in [*graph.input, *graph.output]}
    return Network(path, model.SerializeToString(deterministic=True), shapes)


def _check_names(graph: onnx.GraphProto, inputs: Mapping[str, Input], path: Path) -> None:
    found = [value.name for value in graph.input]
    for name, wanted in inputs.items():
        if name not in found and not wanted.optional:
            raise FolderError(f"{path}: expected the input {name!r}, got {', '.join(found)}")
    for name in found:
        if name not in inputs:
            raise FolderError(
                f"{path}: expected no inputs but {', '.join(inputs)}, got {name!r}; "
                "export the network without it"
            )
    outputs = [value.name for value in graph.output]
    if LOGITS not in outputs:
        raise FolderError(f"{path}: expected the output {LOGITS!r}, got {', '.join(outputs)}")


def _fix_batch(value: onnx.ValueInfoProto, wanted: Input, path: Path) -> None:
    """Let the first dimension be 1, after a check that it may."""
    tensor = value.type.tensor_type
    shape = _shape(value)
    if tensor.elem_type != wanted.dtype or len(shape) != wanted.n_dimensions:
        raise FolderError(
            f"{path}: {value.name}: expected {wanted.n_dimensions} dimensions of "
            f"{_name(wanted.dtype)}, got {len(shape)} of {_name(tensor.elem_type)}"
        )
    if shape[0] not in (None, 1):
        raise FolderError(f"{path}: {value.name}: expected a batch of 1 or any, got {shape[0]}")
    tensor.shape.dim[0].dim_value = 1


def _transpose(graph: onnx.GraphProto, name: str) -> None:
    """Take an input with its last two dimensions, of three, the other way round."""
    turned = f"{name}.transposed"
    rename(graph, {name: turned})
    (value,) = (value for value in graph.input if value.name == turned)
    value.name = name
    batch, rows, columns = value.type.tensor_type.shape.dim
    replace(value.type.tensor_type.shape.dim, [batch, columns, rows])
    node = onnx.helper.make_node("Transpose", [name], [turned], name=turned, perm=[0, 2, 1])
    replace(graph.node, [node, *graph.node])


def _shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    return tuple(dim.dim_value or None for dim in value.type.tensor_type.shape.dim)


def _name(dtype: int) -> str:
    return str(onnx.TensorProto.DataType.Name(dtype)).lower()
