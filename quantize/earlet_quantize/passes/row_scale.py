"""Rows of very different sizes are brought to one size before a product, and back after it.

    x @ W = m * ((x / m) @ W),   m (.., n, 1) the largest magnitude in each row of x

which is the same in float. Activations are rounded with one scale for the whole tensor. Where rows
are moments of a recording, some hundreds of times louder than others, the quiet ones would get few
of the 256 steps, or none; and a norm that comes later makes all of them count the same.
"""

from collections.abc import Collection

import numpy as np
import onnx

from earlet_quantize.passes.rewriter import Rewriter

LEAST = np.finfo(np.float32).tiny  # what a row of zeros is divided by


def scale_rows(model: onnx.ModelProto, products: Collection[str]) -> None:
    """Divide the rows of what goes into some products and multiply what they give, in place.

    Args:
        model: a float network.
        products: names of MatMul nodes.

    Raises:
        ModelFileError: when the operator set is too old.
    """
    rewriter = Rewriter(model)
    for node in rewriter.source:
        if node.op_type == "MatMul" and node.name in products:
            x, weight = node.input
            (y,) = node.output
            unit, size = _unit_rows(rewriter, x, name=y)
            product = rewriter.node("MatMul", unit, weight, gives=f"{y}.unit_product")
            rewriter.node("Mul", product, size, gives=y)
        else:
            rewriter.keep(node)
    rewriter.finish()


def _unit_rows(rewriter: Rewriter, x: str, name: str) -> tuple[str, str]:
    """x (.., n, k) -> the same with 1 as the largest of each row, and what that was, (.., n, 1)."""
    magnitude = rewriter.node("Abs", x, gives=f"{name}.magnitude")
    largest = rewriter.node("ReduceMax", magnitude, rewriter.integers(-1), gives=f"{name}.largest")
    least = rewriter.constant("row_scale.least", LEAST)
    size = rewriter.node("Max", largest, least, gives=f"{name}.size")
    return rewriter.node("Div", x, size, gives=f"{name}.unit"), size
