"""Layer norms become instance norms, and their scale and bias part of the products that follow.

    LayerNormalization(x, scale, bias) @ W + b
        = InstanceNormalization(x) @ (scale * W) + (bias @ W + b)

Both operators take the mean and variance of a row. Where onnxruntime knows all shapes, it fuses a
LayerNormalization with the addition before it, and the CPU provider of release 1.31 computes that
value by value: 360 us for 300 rows of 288, instead of 40. Instance norms are never fused, and are
vectorised in every release since 1.20, where LayerNormalization took twice their time.
"""

import numpy as np
import onnx

from earlet.arrays import FloatArray
from earlet_quantize.graph import attributes
from earlet_quantize.passes.rewriter import Rewriter

DEFAULT_EPSILON = 1e-5  # LayerNormalization's, where a node does not say


def norms_by_instance(model: onnx.ModelProto) -> None:
    """Replace every LayerNormalization over the last axis, in place.

    A stored scale and bias are folded where all that follows are products with matrices that
    nothing else uses, and become a Mul and an Add elsewhere.
    """
    rewriter = Rewriter(model)
    shifts: dict[str, FloatArray] = {}  # what products without a bias gain, by their names
    for node in rewriter.source:
        if node.op_type == "LayerNormalization" and _is_plain(rewriter, node):
            shifts |= _replace(rewriter, node)
        elif node.output[0] in shifts:
            (y,) = node.output
            node.output[0] = f"{y}.product"
            rewriter.keep(node)
            shift = rewriter.constant(f"{y}.shift", shifts[y])
            rewriter.node("Add", f"{y}.product", shift, gives=y)
        else:
            rewriter.keep(node)
    rewriter.finish()


def _is_plain(rewriter: Rewriter, norm: onnx.NodeProto) -> bool:
    """Over the last axis, by stored arrays, and with one result."""
    return (
        attributes(norm).get("axis", -1) == -1
        and len(norm.output) == 1
        and all(name in rewriter.stored for name in norm.input[1:])
    )


def _replace(rewriter: Rewriter, norm: onnx.NodeProto) -> dict[str, FloatArray]:
    """Write the norm anew; returns what following products are to add."""
    (y,) = norm.output
    scale, *bias = norm.input[1:]
    size = len(rewriter.stored[scale])
    if _foldable(rewriter, y):
        _normalise(rewriter, norm, size, gives=y)
        arrays = [rewriter.stored[name] for name in norm.input[1:]]
        shifts: dict[str, FloatArray] = {}
        for product in rewriter.users[y]:
            shifts |= _fold(rewriter, product, *arrays)
        return shifts
    x = _normalise(rewriter, norm, size, gives=f"{y}.normalised")
    if bias:
        x = rewriter.node("Mul", x, scale, gives=f"{y}.scaled")
        rewriter.node("Add", x, *bias, gives=y)
    else:
        rewriter.node("Mul", x, scale, gives=y)
    return {}


def _normalise(rewriter: Rewriter, norm: onnx.NodeProto, size: int, gives: str) -> str:
    """Every row an item of its own with one channel, (n_rows, 1, size), and the shape as before."""
    x = norm.input[0]
    rows = rewriter.node("Reshape", x, rewriter.integers(-1, 1, size), gives=f"{gives}.rows")
    one = rewriter.constant("instance_norm.one", np.ones(1, np.float32))
    zero = rewriter.constant("instance_norm.zero", np.zeros(1, np.float32))
    epsilon = attributes(norm).get("epsilon", DEFAULT_EPSILON)
    rows = rewriter.node(
        "InstanceNormalization", rows, one, zero, gives=f"{gives}.instances", epsilon=epsilon
    )
    shape = rewriter.node("Shape", x, gives=f"{gives}.shape")
    return rewriter.node("Reshape", rows, shape, gives=gives)


def _foldable(rewriter: Rewriter, y: str) -> bool:
    return y not in rewriter.outputs and all(
        node.op_type == "MatMul"
        and node.input[0] == y
        and rewriter.is_private(node.input[1])
        and rewriter.stored[node.input[1]].ndim == 2
        for node in rewriter.users[y]
    )


def _fold(
    rewriter: Rewriter, product: onnx.NodeProto, scale: FloatArray, bias: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Into the product's matrix and the vector added to it; without one returns what to add."""
    weight = rewriter.stored[product.input[1]]
    rewriter.stored[product.input[1]] = scale[:, None] * weight
    if bias is None:
        return {}
    (y,) = product.output
    shift = bias @ weight
    followers = rewriter.users[y]
    if len(followers) == 1 and followers[0].op_type == "Add" and y not in rewriter.outputs:
        (added,) = (name for name in followers[0].input if name != y)
        if rewriter.is_private(added) and rewriter.stored[added].ndim == 1:
            rewriter.stored[added] = rewriter.stored[added] + shift
            return {}
    return {y: shift}
