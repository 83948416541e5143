"""Outliers of activations move into the weights, where int8 has a scale for each column.

Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language
Models", arXiv:2211.10438 (2022). Activations are rounded with one scale for the whole tensor, and a
few channels that are far larger than the others leave these few steps. For each channel j of what
goes into a product

    x @ W = (x / s) @ (s * W),   s_j = max |x_j| ** alpha / max |W_j| ** (1 - alpha)

which is the same in float. Division is a node of its own, or part of the scale and bias of a layer
norm that nothing else follows. The largest values come from calibration data.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import onnx

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import open_session
from earlet_quantize.errors import DataError, ModelFileError
from earlet_quantize.passes.rewriter import Rewriter

ALPHA = 0.7  # of the difficulty that moves into the weights; the paper's 0.5 to 0.75 fit most
# A channel that calibration hardly used is not trusted to stay below this part of the largest.
LEAST_MAXIMUM = 1e-3


def channel_maxima(
    model: onnx.ModelProto, examples: Iterable[Mapping[str, AnyArray]]
) -> dict[str, FloatArray]:
    """The largest magnitude in each channel of what goes into products with stored matrices.

    Args:
        model: a float network.
        examples: what to feed it, inputs by name.

    Returns:
        (n_channels,) by the name of the value.

    Raises:
        DataError: when there are no examples, or one makes a value that is not finite.
        ModelFileError: when there are no such products.
    """
    names = list(_products(Rewriter(model)))
    if not names:
        raise ModelFileError("expected products with stored matrices, got none: nothing to smooth")
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    for name in names:
        tapped.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = open_session(tapped.SerializeToString(), "the network with taps", "onnxruntime")
    at = [[spec.name for spec in session.outputs].index(name) for name in names]
    maxima: dict[str, FloatArray] = {}
    for example in examples:
        results = session.run(example)
        for name, i in zip(names, at, strict=True):
            largest = np.abs(results[i]).reshape(-1, results[i].shape[-1]).max(axis=0)
            maxima[name] = np.maximum(largest, maxima.get(name, 0))
    if not maxima:
        raise DataError("calibration: expected examples, got none")
    for name, largest in maxima.items():
        if not np.isfinite(largest).all():
            raise DataError(f"calibration: {name} is not finite")
    return maxima


def smooth(
    model: onnx.ModelProto,
    maxima: Mapping[str, FloatArray],
    *,
    alpha: float = ALPHA,
    exclude: Collection[str] = (),
) -> None:
    """Divide what goes into products by s and multiply the matrices by it, in place.

    Args:
        model: a float network.
        maxima: see `channel_maxima`; what goes into other products stays as it is.
        alpha: 0 leaves all of the difficulty with the activations, 1 moves all of it.
        exclude: names of nodes that will stay float, and are not smoothed.
    """
    rewriter = Rewriter(model)
    norms = {node.output[0]: node for node in rewriter.source if _has_private_scale(rewriter, node)}
    divided: dict[str, str] = {}  # what a product takes instead, by its output
    for x, products in _products(rewriter, exclude).items():
        if x not in maxima:
            continue
        weights = [product.input[1] for product in products]
        s = _factors(maxima[x], [rewriter.stored[name] for name in weights], alpha)
        for name in weights:
            rewriter.stored[name] = rewriter.stored[name] * s[:, None]
        if x in norms and len(products) == len(rewriter.users[x]) and x not in rewriter.outputs:
            for name in norms[x].input[1:]:
                rewriter.stored[name] = rewriter.stored[name] / s
        else:
            rewriter.constant(f"{x}.smoothing", 1 / s)
            divided |= {product.output[0]: f"{x}.smoothed" for product in products}
    written: set[str] = set()
    for node in rewriter.source:
        if node.output[0] in divided:
            x, y = node.input[0], divided[node.output[0]]
            if y not in written:
                written.add(rewriter.node("Mul", x, f"{x}.smoothing", gives=y))
            node.input[0] = y
        rewriter.keep(node)
    rewriter.finish()


def _factors(largest: FloatArray, weights: Sequence[FloatArray], alpha: float) -> FloatArray:
    """s (n_channels,), around 1, so that either side keeps its size."""
    largest = np.maximum(largest, max(LEAST_MAXIMUM * largest.max(), np.finfo(np.float32).tiny))
    rows = np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0)
    rows = np.maximum(rows, max(LEAST_MAXIMUM * rows.max(), np.finfo(np.float32).tiny))
    logarithm = alpha * np.log(largest) - (1 - alpha) * np.log(rows)
    s: FloatArray = np.exp(logarithm - logarithm.mean()).astype(np.float32)
    return s


def _products(rewriter: Rewriter, exclude: Collection[str] = ()) -> dict[str, list[onnx.NodeProto]]:
    """Products with a matrix that nothing else uses, by what goes into them."""
    found: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in rewriter.source:
        if (
            node.op_type == "MatMul"
            and node.name not in exclude
            and rewriter.is_private(node.input[1])
            and rewriter.stored[node.input[1]].ndim == 2
        ):
            found[node.input[0]].append(node)
    return found


def _has_private_scale(rewriter: Rewriter, node: onnx.NodeProto) -> bool:
    return node.op_type == "LayerNormalization" and all(
        rewriter.is_private(name) for name in node.input[1:]
    )
