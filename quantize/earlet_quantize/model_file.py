"""Foreign ONNX files: read, and refused for a stated reason before anything trips over them.

    path -> a plain file of bearable size -> a model that holds its own data -> parsed
         -> versions, operators, order, onnx.checker, numbers -> ModelProto

Whatever passes can be taken apart and rewritten. Whether it runs, and comes to an end, is for
`earlet_quantize.bounded` to find out.
"""

import textwrap
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from earlet.arrays import AnyArray
from earlet.backends import onnx_file
from earlet.errors import BackendError
from earlet.files import read_plain
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import ORT_DOMAIN, STANDARD_DOMAINS, bodies, graphs

MAX_BYTES = 2**31 - 1  # protobuf's own limit; a larger model keeps its tensors in other files
DOMAINS = (*STANDARD_DOMAINS, "ai.onnx.ml", ORT_DOMAIN)  # what onnxruntime has on every CPU
REASON = 200  # characters; onnx can quote half a graph
SCALES = {  # operator -> which of its inputs are scales
    "QuantizeLinear": (1,),
    "DequantizeLinear": (1,),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QLinearAdd": (1, 4, 6),
    "QLinearMul": (1, 4, 6),
    "MatMulIntegerToFloat": (2, 3),
    "DynamicQuantizeMatMul": (2,),
}


def read_model(path: Path) -> onnx.ModelProto:
    """Read an ONNX file that somebody else made.

    Raises:
        ModelFileError: when it is no model, keeps tensors elsewhere, is of a version that cannot
            be read here, needs operators that onnxruntime does not have, or is damaged.
    """
    return parse_model(read_plain(path, MAX_BYTES + 1, "an ONNX file", ModelFileError), str(path))


def parse_model(data: bytes, name: str) -> onnx.ModelProto:
    """As `read_model`, of bytes; `name` is what messages call them."""
    if len(data) > MAX_BYTES:
        raise ModelFileError(f"{name}: larger than {MAX_BYTES} bytes, the most that ONNX allows")
    try:
        onnx_file.check(data, name)
        model = onnx.load_model_from_string(data)
    except BackendError as problem:
        raise ModelFileError(str(problem)) from None
    except DecodeError:
        raise ModelFileError(
            f"{name}: expected an ONNX model, got {len(data)} bytes that do not parse as one; "
            "fetch or export the file again"
        ) from None
    try:
        _check_versions(model)
        _check_text(model.graph)
        _check_operators(model.graph)
        _check_order(model.graph)
        onnx.checker.check_model(model)
        _check_numbers(model.graph)
    except ModelFileError as problem:
        raise ModelFileError(f"{name}: {problem}") from None
    except (onnx.checker.ValidationError, UnicodeDecodeError) as problem:
        reason = textwrap.shorten(str(problem), REASON, placeholder=" ...")
        raise ModelFileError(f"{name}: not valid ONNX: {reason}; export it again") from None
    return model


def _check_versions(model: onnx.ModelProto) -> None:
    if model.ir_version > onnx.IR_VERSION:
        raise ModelFileError(
            f"ONNX IR version {model.ir_version}; this onnx reads up to {onnx.IR_VERSION}: "
            "export with an older onnx, or install a newer one"
        )
    newest = onnx.defs.onnx_opset_version()
    for imported in model.opset_import:
        if imported.domain in STANDARD_DOMAINS and imported.version > newest:
            raise ModelFileError(
                f"opset {imported.version}; this onnx reads up to {newest}: "
                "export with a lower opset, or install a newer onnx"
            )


def _check_text(graph: onnx.GraphProto) -> None:
    """Names are UTF-8. Protobuf does not insist, and hands out bytes where they are not."""
    for inner in graphs(graph):
        names = [v.name for v in (*inner.input, *inner.output, *inner.initializer)]
        for node in inner.node:
            names += [node.name, node.op_type, node.domain, *node.input, *node.output]
            names += [attribute.name for attribute in node.attribute]
        for name in names:
            if not isinstance(name, str):
                raise ModelFileError(f"the name {name[:40]!r} is not UTF-8; export it again")


def _check_operators(graph: onnx.GraphProto) -> None:
    for node in _nodes(graph):
        if node.domain not in DOMAINS:
            raise ModelFileError(
                f"needs the custom operator {node.domain}.{node.op_type}, "
                "which onnxruntime does not have; export it without"
            )


def _check_order(graph: onnx.GraphProto) -> None:
    """No value may depend on itself. That values also come before their uses, onnx checks."""
    for inner in graphs(graph):
        maker = {name: i for i, node in enumerate(inner.node) for name in node.output if name}
        needs = {
            i: {maker[name] for name in _inputs(node) if name in maker}
            for i, node in enumerate(inner.node)
        }
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as problem:
            first = inner.node[problem.args[1][0]]
            raise ModelFileError(
                f"the graph runs in a circle: {first.op_type} {first.name!r} needs its own result"
            ) from None


def _check_numbers(graph: onnx.GraphProto) -> None:
    """No weight may be NaN or infinite, and no scale anything but a positive number."""
    scales = {
        node.input[position]: node
        for node in _nodes(graph)
        for position in SCALES.get(node.op_type, ())
        if position < len(node.input)
    }
    for name, tensor in _tensors(graph):
        try:
            array = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as problem:
            raise ModelFileError(
                f"the tensor {name!r} of element type {tensor.data_type} cannot be read: {problem}"
            ) from None
        if name in scales and not ((array > 0) & np.isfinite(array)).all():
            raise ModelFileError(
                f"{name!r}, a scale of {scales[name].op_type} {scales[name].name!r}, must be "
                f"positive and finite, got {array.min()}; quantize the float model again"
            )
        if not _is_sound(array):
            raise ModelFileError(
                f"{name!r}, a tensor of {array.size} numbers, has some that are NaN or infinite; "
                "train or export the model again"
            )


def _is_sound(array: AnyArray) -> bool:
    """All numbers are finite, or it is an attention mask: infinities and zeros."""
    if array.dtype.kind not in "fcV":  # V: bfloat16 and smaller, which NumPy does not know
        return True
    finite = np.isfinite(array)
    return bool(finite.all() or not (np.isnan(array).any() or array[finite].any()))


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for inner in graphs(graph):
        yield from inner.node


def _inputs(node: onnx.NodeProto) -> set[str]:
    """What a node reads: its inputs, and what its branches and bodies take from around them."""
    names = set(node.input)
    for body in bodies(node):
        inside = [*body.input, *body.initializer]
        made = {value.name for value in inside}.union(*(inner.output for inner in body.node))
        names.update(*(_inputs(inner) - made for inner in body.node))
    return names


def _tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every stored tensor and what it is called: an initializer, or the output of a Constant."""
    for inner in graphs(graph):
        for tensor in inner.initializer:
            yield tensor.name, tensor
        for node in inner.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield ", ".join(node.output), attribute.t
