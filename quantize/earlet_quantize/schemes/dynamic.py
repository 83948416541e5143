"""Dynamic int8: weights are rounded beforehand, activations as they come.

    x (.., k) float32     -> uint8 with one scale and zero point for the whole tensor
    weight (k, m) float32 -> int8 with a scale for each column
    x @ weight            -> sums of integer products, scaled back to float32

Activations need no calibration set, so this fits networks that are mostly matrix products. The
product is onnxruntime's `MatMulIntegerToFloat`. Products of two activations, as in attention, stay
float. The bodies of If, Loop and Scan are read like the graph around them, whose weights they use.
Held to NumPy in `tests/quantize/test_schemes_dynamic.py`.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper

from earlet.arrays import FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import (
    ORT_DOMAIN,
    STANDARD_DOMAINS,
    attributes,
    bodies,
    prune,
    replace,
    uses,
)
from earlet_quantize.schemes.stored import INT8_MAX, Int8Columns, Scope, View

FIRST_OPSET = 11  # has DynamicQuantizeLinear


def round_columns(weight: FloatArray) -> Int8Columns:
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


def quantize_matmuls(model: onnx.ModelProto, exclude: Collection[str] = ()) -> None:
    """Make every product with a stored matrix a product of integers, in place.

    MatMul and Gemm are products; Gather takes rows or columns of a stored table. A bias that is
    added to a product is folded into it, and products of the same input share its rounding. A table
    that is both read from and multiplied with, such as an embedding tied to the output layer, is
    stored once, also where it was exported twice, the second time transposed.

    Args:
        model: a float network.
        exclude: names of nodes that stay float.

    Raises:
        ModelFileError: when the operator set is too old.
    """
    require_opset(model, FIRST_OPSET)
    _quantize(Scope(model.graph, round_columns), exclude)
    prune(model.graph)
    if ORT_DOMAIN not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(ORT_DOMAIN, 1))
    onnx.checker.check_model(model)


def require_opset(model: onnx.ModelProto, first: int) -> None:
    """Raise ModelFileError unless a network is written in ONNX operator set `first` or later."""
    for opset in model.opset_import:
        if opset.domain in STANDARD_DOMAINS and opset.version < first:
            raise ModelFileError(
                f"{model.graph.name}: expected ONNX operator set {first} or later, "
                f"got {opset.version}; export the network anew"
            )


class _Product(NamedTuple):
    """x (.., k) @ weight (k, m) + bias (m,)."""

    x: str
    weight: View
    bias: str  # "" for none

    @property
    def n_outputs(self) -> int:
        return int(self.weight.matrix.shape[1])


def _quantize(scope: Scope, exclude: Collection[str]) -> None:
    graph = scope.graph
    products = {
        node.output[0]: product
        for node in graph.node
        if node.name not in exclude and (product := _product(node, scope))
    }
    additions = _bias_additions(scope, products)
    folded = {addition.output[0] for addition, _ in additions.values()}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for body in bodies(node):
            _quantize(Scope(body, scope.rounding, scope), exclude)
        product = products.get(node.output[0])
        if product is not None:
            addition, bias = additions.get(node.output[0], (node, product.bias))
            nodes += _integer_product(node, product._replace(bias=bias), addition.output[0], scope)
        elif node.name not in exclude and (table := _gathered(node, scope)):
            nodes += _integer_gather(node, *table)
        elif node.output[0] not in folded:
            nodes.append(node)
    replace(graph.node, [*scope.prepared, *nodes])


def _product(node: onnx.NodeProto, scope: Scope) -> _Product | None:
    """The product that a MatMul or Gemm is, if its second factor is a stored matrix."""
    if node.op_type not in ("MatMul", "Gemm") or node.domain not in STANDARD_DOMAINS:
        return None
    x, weight, *bias = node.input
    view = scope.view(weight)
    if view is None or view.matrix.ndim != 2 or scope.view(x) is not None:
        return None
    if node.op_type == "MatMul":
        return _Product(x, view, "")
    options = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **attributes(node)}
    product = _Product(x, view.flipped() if options["transB"] else view, bias[0] if bias else "")
    is_plain = options["alpha"] == options["beta"] == 1.0 and not options["transA"]
    fits = not product.bias or scope.is_vector(product.bias, product.n_outputs)
    return product if is_plain and fits else None


def _bias_additions(
    scope: Scope, products: Mapping[str, _Product]
) -> dict[str, tuple[onnx.NodeProto, str]]:
    """Additions of a stored vector to a product that is used for nothing else: node, vector."""
    count = Counter(name for node in scope.graph.node for name in uses(node))
    count.update(output.name for output in scope.graph.output)
    additions = {}
    for node in scope.graph.node:
        if node.op_type != "Add":
            continue
        for name, other in (node.input, reversed(node.input)):
            product = products.get(name)
            if product is None or product.bias or count[name] != 1:
                continue
            if scope.is_vector(other, product.n_outputs):
                additions[name] = (node, other)
    return additions


def _integer_product(
    node: onnx.NodeProto, product: _Product, output: str, scope: Scope
) -> list[onnx.NodeProto]:
    x, weight, bias = product
    nodes = []
    rounded = scope.rounded_to(x)
    if rounded is None:
        rounded = scope.rounded[x] = f"{node.output[0]}.input"
        parts = [f"{rounded}.{part}" for part in ("uint8", "scale", "zero")]
        nodes.append(helper.make_node("DynamicQuantizeLinear", [x], parts, name=f"{rounded}.round"))
    values, scales = weight.scope.table(weight, axis=1)
    inputs = [f"{rounded}.uint8", values, f"{rounded}.scale", scales, f"{rounded}.zero"]
    if bias:
        inputs += ["", bias]  # the weight's zero point is 0, hence absent
    nodes.append(
        helper.make_node(
            "MatMulIntegerToFloat", inputs, [output], name=node.name, domain=ORT_DOMAIN
        )
    )
    return nodes


def _gathered(node: onnx.NodeProto, scope: Scope) -> tuple[View, int] | None:
    """The stored table that a Gather reads, and whether rows (axis 0) or columns (axis 1)."""
    if node.op_type != "Gather" or node.domain not in STANDARD_DOMAINS:
        return None
    view = scope.view(node.input[0])
    if view is None or view.matrix.ndim != 2:
        return None
    return view, attributes(node).get("axis", 0) % 2


def _integer_gather(gather: onnx.NodeProto, view: View, axis: int) -> list[onnx.NodeProto]:
    """Rows, (*indices.shape, m), or columns, (k, *indices.shape), each with its scale."""
    table = view.scope.table(view, axis)
    scales = view.scope.column_of_scales(table) if axis == 0 else table.scales
    indices, prefix = gather.input[1], gather.output[0]
    values, floats, steps = (f"{prefix}.{part}" for part in ("int8", "float", "scale"))
    return [
        helper.make_node("Gather", [table.values, indices], [values], axis=axis),
        helper.make_node("Cast", [values], [floats], to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [scales, indices], [steps], axis=0),
        helper.make_node("Mul", [floats, steps], gather.output, name=gather.name),
    ]
