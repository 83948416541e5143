"""Dynamic int8 convolutions: slower than float wherever they were timed, and here to show it.

    x (1, c, ..) float32      -> uint8 with one scale and zero point for the whole tensor
    weight (m, c, ..) float32 -> int8 with a scale for each output channel
    ConvInteger               -> sums of integer products (1, m, ..), scaled back to float32

This is what `onnxruntime.quantization.quantize_dynamic` makes of a convolution, but with a scale
for each channel. onnxruntime fuses none of it, so that every convolution reads and writes its
activations several times. A network that consists of convolutions wants `schemes/static.py`.
"""

from collections.abc import Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import initializers, prune, replace
from earlet_quantize.schemes.dynamic import FIRST_OPSET, require_opset, round_columns


def quantize_convolutions(model: onnx.ModelProto, exclude: Collection[str] = ()) -> None:
    """Make every convolution with stored weights one of integers, in place.

    Args:
        model: a float network; the bodies of its If and loops are left alone.
        exclude: names of nodes that stay float.

    Raises:
        ModelFileError: when the operator set is too old.
    """
    require_opset(model, FIRST_OPSET)
    graph = model.graph
    stored = initializers(graph)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if (
            node.op_type == "Conv"
            and node.name not in exclude
            and all(name in stored for name in node.input[1:])
        ):
            nodes += _integer_convolution(graph, node, [stored[name] for name in node.input[1:]])
        else:
            nodes.append(node)
    replace(graph.node, nodes)
    prune(graph)
    onnx.checker.check_model(model)


def _integer_convolution(
    graph: onnx.GraphProto, node: onnx.NodeProto, parameters: list[FloatArray]
) -> list[onnx.NodeProto]:
    """`parameters` are the weight (m, c, ..) and, where there is one, the bias (m,)."""
    weight, *bias = parameters
    (y,) = node.output

    def store(array: AnyArray, part: str) -> str:
        graph.initializer.append(numpy_helper.from_array(array, f"{y}.{part}"))
        return f"{y}.{part}"

    per_channel = (1, -1, *[1] * (weight.ndim - 2))
    values, scales = round_columns(weight.reshape(len(weight), -1).T)
    shaped = np.ascontiguousarray(values.T).reshape(weight.shape)
    x = [f"{y}.uint8", f"{y}.x_scale", f"{y}.x_zero"]
    integers = [x[0], store(shaped, "weight"), x[2]]
    scaled = f"{y}.scaled" if bias else y
    nodes = [
        helper.make_node("DynamicQuantizeLinear", [node.input[0]], x),
        helper.make_node("ConvInteger", integers, [f"{y}.int32"]),
        helper.make_node("Cast", [f"{y}.int32"], [f"{y}.sums"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [x[1], store(scales.reshape(per_channel), "step")], [f"{y}.steps"]),
        helper.make_node("Mul", [f"{y}.sums", f"{y}.steps"], [scaled]),
    ]
    nodes[1].attribute.extend(node.attribute)
    if bias:
        stored_bias = store(bias[0].reshape(per_channel), "bias")
        nodes.append(helper.make_node("Add", [scaled, stored_bias], [y]))
    nodes[-1].name = node.name
    return nodes
