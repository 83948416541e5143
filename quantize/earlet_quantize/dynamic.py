"""Dynamic int8: weights are rounded beforehand, activations as they come.

    x (.., k) float32    -> uint8 with one scale and zero point for the whole tensor
    weight (k, m) float32 -> int8 with a scale for each column
    x @ weight           -> sums of integer products, scaled back to float32

Activations need no calibration set, so this fits networks that are mostly matrix products. The
product is onnxruntime's `MatMulIntegerToFloat`. Held to NumPy in `tests/quantize/test_dynamic.py`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from earlet_quantize.graph import ORT_DOMAIN, initializers, prune, replace

INT8_MAX = 127  # symmetric: -128 is not used


class Int8Columns(NamedTuple):
    """A matrix as `values * scales`: int8 (k, m) and float32 (m,)."""

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def round_columns(weight: npt.NDArray[np.float32]) -> Int8Columns:
    """Round a matrix (k, m) to int8, symmetric about zero, with a scale for each column.

    A scale is set by the largest sum of two neighbours, rows 2i and 2i + 1, and not by the largest
    value. x86 processors without VNNI add the products of two neighbours with activations up to 255
    in 16 bits: with |a| + |b| <= 128 the sum stays below 32,768, and every processor computes the
    same. Where only the largest value is held to 127 the sum can saturate; 7-bit weights ("reduced
    range") cannot saturate either, and are coarser.
    """
    magnitude = np.abs(weight)
    if len(magnitude) % 2:
        magnitude = np.pad(magnitude, [(0, 1), (0, 0)])
    largest = (magnitude[0::2] + magnitude[1::2]).max(axis=0)
    # Rounding adds at most a half to each of the two: 127 becomes 128. Zeros have a scale, too.
    scales = np.maximum(largest / INT8_MAX, np.finfo(np.float32).tiny)
    return Int8Columns(np.rint(weight / scales).astype(np.int8), scales)


def quantize_matmuls(model: onnx.ModelProto) -> None:
    """Make every product with a stored matrix a product of integers, in place.

    A bias that is added to the product is folded into it, and products of the same input share its
    rounding. Where columns of a matrix are also gathered (an embedding tied to the output layer),
    they are taken from the int8 matrix, which so is stored once.
    """
    graph = model.graph
    stored = initializers(graph)
    columns = {
        node.input[1]: round_columns(stored[node.input[1]])
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in stored
    }
    additions = _bias_additions(graph, columns, stored)
    folded = {addition.output[0] for addition in additions.values()}
    rounded: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in columns:
            if node.input[0] not in rounded:
                rounded.add(node.input[0])
                nodes.append(_round_activation(node.input[0]))
            nodes.append(_integer_product(node, additions.get(node.output[0])))
        elif node.op_type == "Gather" and node.input[0] in columns:
            nodes.extend(_gather_columns(node))
        elif node.output[0] not in folded:
            nodes.append(node)
    replace(graph.node, nodes)
    for name, (values, scales) in columns.items():
        graph.initializer.append(numpy_helper.from_array(values, f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
    prune(graph)
    onnx.checker.check_model(model)


def _bias_additions(
    graph: onnx.GraphProto,
    columns: Mapping[str, Int8Columns],
    stored: Mapping[str, npt.NDArray[Any]],
) -> dict[str, onnx.NodeProto]:
    """Additions of a stored vector to a product that is used for nothing else, by its name."""
    products = {
        node.output[0]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in columns
    }
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(output.name for output in graph.output)
    return {
        node.input[0]: node
        for node in graph.node
        if node.op_type == "Add"
        and node.input[0] in products
        and uses[node.input[0]] == 1
        and node.input[1] in stored
        and stored[node.input[1]].ndim == 1
    }


def _round_activation(x: str) -> onnx.NodeProto:
    return helper.make_node(
        "DynamicQuantizeLinear", [x], [f"{x}.uint8", f"{x}.scale", f"{x}.zero"], name=f"{x}.round"
    )


def _integer_product(product: onnx.NodeProto, addition: onnx.NodeProto | None) -> onnx.NodeProto:
    x, weight = product.input
    inputs = [f"{x}.uint8", f"{weight}.int8", f"{x}.scale", f"{weight}.scale", f"{x}.zero"]
    if addition is not None:
        inputs += ["", addition.input[1]]  # the weight's zero point is 0, hence absent
    return helper.make_node(
        "MatMulIntegerToFloat",
        inputs,
        (addition or product).output,
        name=product.name,
        domain=ORT_DOMAIN,
    )


def _gather_columns(gather: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Gather(weight, indices, axis=1) -> (k, *indices.shape) from the int8 matrix.

    Raises:
        ValueError: when rows are gathered, each of which would mix all columns' scales.
    """
    weight, indices = gather.input
    axis = next((attribute.i for attribute in gather.attribute if attribute.name == "axis"), 0)
    if axis != 1:
        raise ValueError(
            f"{gather.name}: expected a Gather of columns (axis=1) of {weight}, got axis={axis}"
        )
    values, floats, scales = (f"{gather.output[0]}.{part}" for part in ("int8", "float", "scale"))
    return [
        helper.make_node("Gather", [f"{weight}.int8", indices], [values], axis=1),
        helper.make_node("Cast", [values], [floats], to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [f"{weight}.scale", indices], [scales], axis=0),
        helper.make_node("Mul", [floats, scales], gather.output),
    ]
