"""Weight-only int8: weights are stored in 8 bits, and the network computes in float.

    weight float32 -> int8 with a scale for each channel -> Cast, Mul: float32 again

For networks whose activations must not be rounded. onnxruntime computes Cast and Mul of stored
arrays once, when it loads the network, so the file is a quarter and every inference costs what
it costs in float: 0.94 to 1.05 times it, for products of 1 to 400 rows, on 1.20 as on 1.31.

The two alternatives lose somewhere. A DequantizeLinear before the product is not computed once:
1.31 turns it into MatMulNBits (0.3 to 0.9 times float, with rounded activations after all), 1.20
runs it again at every inference (1.3 to 17 times float). MatMulNBits of 8 bits is refused by 1.20.
"""

from collections.abc import Collection, Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from earlet.arrays import FloatArray
from earlet_quantize.graph import graphs, replace
from earlet_quantize.schemes.stored import INT8_MAX

MIN_SIZE = 1024  # weights; a kilobyte is the least worth two more nodes


def quantize_weights(model: onnx.ModelProto, exclude: Collection[str] = ()) -> None:
    """Store every matrix and kernel of a network in int8, in place.

    Args:
        model: a float network; the bodies of its If and loops are included.
        exclude: names of nodes whose weights stay float.

    Raises:
        onnx.checker.ValidationError: when the result is not valid ONNX.
    """
    kept = {name for node in _nodes(model) if node.name in exclude for name in node.input}
    by_column = {node.input[1] for node in _nodes(model) if node.op_type == "MatMul"}
    for graph in graphs(model.graph):
        restored: list[onnx.NodeProto] = []
        stored: list[onnx.TensorProto] = []
        for tensor in graph.initializer:
            if tensor.name in kept or not _is_weight(tensor):
                stored.append(tensor)
                continue
            stored += _rounded(tensor, len(tensor.dims) - 1 if tensor.name in by_column else 0)
            restored += _restoring(tensor.name)
        replace(graph.initializer, stored)
        made = {node.output[0] for node in restored}  # some exporters list weights as inputs, too
        replace(graph.input, [value for value in graph.input if value.name not in made])
        replace(graph.node, [*restored, *graph.node])
    onnx.checker.check_model(model)


def _is_weight(tensor: onnx.TensorProto) -> bool:
    """Whether it is a matrix or kernel worth rounding; one with infinities is a mask."""
    return bool(
        tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) >= 2
        and np.prod(tensor.dims) >= MIN_SIZE
        and np.isfinite(numpy_helper.to_array(tensor)).all()
    )


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for graph in graphs(model.graph):
        yield from graph.node


def _rounded(tensor: onnx.TensorProto, channel: int) -> list[onnx.TensorProto]:
    """int8 values of the tensor's shape, and scales along the axis `channel`."""
    weight: FloatArray = numpy_helper.to_array(tensor)
    others = tuple(axis for axis in range(weight.ndim) if axis != channel)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    scales = np.maximum(largest / INT8_MAX, np.finfo(np.float32).tiny)
    values = np.rint(weight / scales).astype(np.int8)
    return [
        numpy_helper.from_array(values, f"{tensor.name}.int8"),
        numpy_helper.from_array(scales, f"{tensor.name}.scale"),
    ]


def _restoring(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", [f"{name}.int8"], [f"{name}.values"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.values", f"{name}.scale"], [name]),
    ]
