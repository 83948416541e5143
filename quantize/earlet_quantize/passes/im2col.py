"""Convolutions over time become products with matrices, channels last.

    x (1, n, n_in) -> rows of `stride` frames (1, n_rows, stride * n_in)
    a window is ceil(width / stride) rows, one after the other: for the i-th of them
        rows[i:] @ kernel[i * stride : (i + 1) * stride] (stride * n_in, n_channels)
    sum over i, and + bias -> (1, n_out, n_channels)

A product can be made int8 like any other, with activations rounded as they come, where int8
convolutions are slower than float. The usual way is to copy all windows side by side (im2col) for
one product; a product for each row of a window takes no longer, and less memory.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import onnx

from earlet_quantize.graph import attributes
from earlet_quantize.passes.rewriter import Rewriter

SWAPPED = [0, 2, 1]  # from channels first to channels last, and back
ELEMENTWISE = frozenset({"Gelu", "Relu", "Sigmoid", "Tanh"})  # do not mind the order of axes
END = np.iinfo(np.int64).max  # of a slice: to the end


def convolutions_as_products(model: onnx.ModelProto) -> None:
    """Replace every Conv over one axis that has one group and a stored kernel, in place.

    Kernel `k` becomes the matrices `k.0`, `k.1` and so on. Transposes to and from channels last
    that meet, also across an elementwise operator, go away.

    Raises:
        ModelFileError: when the operator set is too old.
    """
    rewriter = Rewriter(model)
    last: dict[str, str] = {}  # a value channels first -> the same channels last
    same: dict[str, str] = {}  # the result of a transpose that went away -> what it is
    for node in rewriter.source:
        node.input[:] = [same.get(name, name) for name in node.input]
        x, y = node.input[0] if node.input else "", node.output[0]
        if node.op_type == "Transpose" and attributes(node).get("perm") == SWAPPED:
            if x in last and y in rewriter.outputs:
                rewriter.node("Identity", last[x], gives=y)
            elif x in last:
                same[y] = last[x]
            else:
                last[y] = x
                rewriter.keep(node)
        elif node.op_type in ELEMENTWISE and x in last:
            last[y] = f"{y}.last"
            node.input[0], node.output[0] = last[x], last[y]
            rewriter.keep(node)
            rewriter.node("Transpose", last[y], gives=y, perm=SWAPPED)
        elif _is_over_time(rewriter, node):
            if x not in last:
                last[x] = rewriter.node("Transpose", x, gives=f"{x}.last", perm=SWAPPED)
            last[y] = _products(rewriter, node, last[x])
            rewriter.node("Transpose", last[y], gives=y, perm=SWAPPED)
        else:
            rewriter.keep(node)
    rewriter.finish()


def _is_over_time(rewriter: Rewriter, node: onnx.NodeProto) -> bool:
    return (
        node.op_type == "Conv"
        and rewriter.is_private(node.input[1])
        and rewriter.stored[node.input[1]].ndim == 3
        and attributes(node).get("group", 1) == 1
        and attributes(node).get("dilations", [1]) == [1]
        and attributes(node).get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _products(rewriter: Rewriter, conv: onnx.NodeProto, x: str) -> str:
    """x (1, n, n_in) -> what the convolution gives, channels last."""
    (y,) = conv.output
    kernel, *bias = conv.input[1:]
    weight = rewriter.stored.pop(kernel)
    n_channels, n_in, width = weight.shape
    (stride,) = attributes(conv).get("strides", [1])
    cut = _Cut(n_in, width, stride, *attributes(conv).get("pads", [0, 0]))
    matrix = weight.transpose(2, 1, 0).reshape(width * n_in, n_channels)
    total = ""
    for i, part in enumerate(_parts(rewriter, x, cut, name=y)):
        rows = matrix[i * stride * n_in : (i + 1) * stride * n_in]
        rows_name = rewriter.constant(f"{kernel}.{i}", np.ascontiguousarray(rows))
        product = rewriter.node("MatMul", part, rows_name, gives=f"{y}.product.{i}")
        if total or bias:  # the bias goes to the first
            product = rewriter.node("Add", product, total or bias[0], gives=f"{y}.sum.{i}")
        total = product
    return total


class _Cut(NamedTuple):
    n_in: int
    width: int
    stride: int
    pad_before: int
    pad_after: int


def _parts(rewriter: Rewriter, x: str, cut: _Cut, name: str) -> Iterator[str]:
    """x (1, n, n_in) -> the i-th row of every window, (1, n_out, stride * n_in), for each i.

    Of the last one just the frames that are in the window: (1, n_out, rest * n_in).
    """
    n_rows = -(-cut.width // cut.stride)  # that a window touches
    rest = cut.width - (n_rows - 1) * cut.stride
    x = _rows(rewriter, x, cut, rest, name)
    for i in range(n_rows):
        width = (rest if i == n_rows - 1 else cut.stride) * cut.n_in
        starts = rewriter.integers(i, 0)
        ends = rewriter.integers(i + 1 - n_rows or END, width)
        axes = rewriter.integers(1, 2)
        yield rewriter.node("Slice", x, starts, ends, axes, gives=f"{name}.part.{i}")


def _rows(rewriter: Rewriter, x: str, cut: _Cut, rest: int, name: str) -> str:
    """x (1, n, n_in), padded and cut to whole rows, (1, n_rows, stride * n_in)."""
    pad_after = cut.pad_after + cut.stride - rest  # the last window's last row must be whole, too
    if cut.stride == 1:
        widths = rewriter.integers(0, cut.pad_before, 0, 0, pad_after, 0)
        return rewriter.node("Pad", x, widths, gives=f"{name}.rows")
    # As one row of values, which are copied at once: frames of few values are slow to pad.
    x = rewriter.node("Reshape", x, rewriter.integers(0, -1), gives=f"{name}.flat")
    row = rewriter.integers(cut.stride * cut.n_in)
    n = rewriter.node("Shape", x, gives=f"{name}.n", start=1, end=2)
    padded = rewriter.integers((cut.pad_before + pad_after) * cut.n_in)
    padded = rewriter.node("Add", n, padded, gives=f"{name}.n_padded")
    beyond = rewriter.node("Mod", padded, row, gives=f"{name}.n_beyond")
    # More frames than are padded may have to go: then this is negative, and Pad cuts them off.
    after = rewriter.integers(pad_after * cut.n_in)
    after = rewriter.node("Sub", after, beyond, gives=f"{name}.pad_after")
    ends = rewriter.integers(0, cut.pad_before * cut.n_in, 0), after
    widths = rewriter.node("Concat", *ends, gives=f"{name}.pads", axis=0)
    x = rewriter.node("Pad", x, widths, gives=f"{name}.whole")
    shape = rewriter.integers(0, -1, cut.stride * cut.n_in)
    return rewriter.node("Reshape", x, shape, gives=f"{name}.rows")
