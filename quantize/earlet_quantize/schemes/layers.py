"""Layers of static int8: steps of their weights, and biases that make up for their rounding.

    weight of a Conv, Gemm or MatMul -> its columns (k, m), as the product adds them up
        -> rounded, with a scale for each column (`round_columns`)
    activations in float x what rounding changed -> mean of each output channel (m,) -> off the bias

Activations after a ReLU are not 0 on average, so rounding a weight shifts the mean of what comes
out, and every layer after it passes that on. Taking it off the bias: M. Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", arXiv:1906.04721, section 4.2; here
with the activations of calibration data. Held to ONNX's reference implementation in
`tests/quantize/test_schemes_layers.py`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

from earlet.arrays import FloatArray
from earlet_quantize import engine
from earlet_quantize.graph import (
    STANDARD_DOMAINS,
    attributes,
    initializers,
    prune,
    replace,
    store,
    uses,
)
from earlet_quantize.measure.feeds import Feeds
from earlet_quantize.schemes.dynamic import round_columns


class Layer(NamedTuple):
    """A node that multiplies with a stored weight, which no other node reads."""

    node: onnx.NodeProto
    axis: int  # of the weight, along which its m output channels lie
    scales: FloatArray  # (m,)
    error: FloatArray  # what rounding adds to the weight


def layers(graph: onnx.GraphProto, exclude: Collection[str] = ()) -> Iterator[Layer]:
    """The layers of a float graph, but those whose nodes are named in `exclude`."""
    stored, count = initializers(graph), _count_uses(graph)
    for node in graph.node:
        if node.domain not in STANDARD_DOMAINS or node.name in exclude:
            continue
        if node.op_type not in ("Conv", "Gemm", "MatMul") or count[node.input[1]] > 1:
            continue
        weight = stored.get(node.input[1])
        if weight is None or weight.dtype != np.float32 or weight.ndim < 2:
            continue
        if node.op_type == "Conv":
            yield _layer(node, 0, weight)
        elif weight.ndim == 2:
            yield _layer(node, 0 if attributes(node).get("transB", 0) else 1, weight)


def _layer(node: onnx.NodeProto, axis: int, weight: FloatArray) -> Layer:
    by_channel = weight.swapaxes(0, axis)  # (m, n_in, ..)
    # Products add up over the input channels first: neighbours are of one pixel, or frame.
    columns = np.moveaxis(by_channel, 1, -1).reshape(len(by_channel), -1).T
    if weight.shape[1] == 1 and attributes(node).get("group", 1) == len(weight) > 1:
        # One channel by itself goes through kernels that add in 32 bits: no neighbour counts.
        columns = np.stack([columns, np.zeros_like(columns)], axis=1).reshape(-1, len(weight))
    scales = round_columns(columns).scales
    scales[~columns.any(axis=0)] = 1  # their biases, in steps of a scale, must be numbers, too
    steps = scales.reshape(-1, *[1] * (weight.ndim - 1))
    error = np.rint(by_channel / steps) * steps - by_channel
    return Layer(node, axis, scales, error.swapaxes(0, axis))


def correct_biases(
    model: onnx.ModelProto, rounded: Sequence[Layer], feeds: Sequence[Feeds]
) -> None:
    """Take off the biases what rounding the weights adds to the outputs on average, in place.

    Args:
        model: the float network.
        rounded: some of its layers; those without a stored bias of their own are passed over.
        feeds: calibration data, at least one.

    Raises:
        one of engine.FAILURES: when the network cannot be run with it.
    """
    stored, count = initializers(model.graph), _count_uses(model.graph)
    biased = {
        layer.node.input[2]: layer
        for layer in rounded
        if len(layer.node.input) == 3
        and count[layer.node.input[2]] == 1
        and np.size(stored.get(layer.node.input[2], ())) == len(layer.scales)
        and attributes(layer.node).get("beta", 1.0) == 1.0
    }
    if not biased:
        return
    session = engine.session(_errors(model, list(biased.values())), engine.MERGED)
    total = dict.fromkeys(biased, np.float64(0))
    n_added = dict.fromkeys(biased, 0)
    for feed in feeds:
        for bias, added in zip(biased, session.run(None, feed), strict=True):
            channels = added.swapaxes(1, -1).reshape(-1, added.shape[1])
            total[bias] = total[bias] + channels.sum(axis=0, dtype=np.float64)
            n_added[bias] += len(channels)
    for bias in biased:
        shift = total[bias] / n_added[bias]
        stored[bias] = (stored[bias] - shift.reshape(stored[bias].shape)).astype(np.float32)
    store(model.graph, stored)


def _errors(model: onnx.ModelProto, rounded: Sequence[Layer]) -> onnx.ModelProto:
    """The float network with what each layer's rounding adds to its output for outputs."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    outputs = []
    for layer in rounded:
        weight, output = f"{layer.node.name}.error", f"{layer.node.name}.added"
        shown.graph.initializer.append(numpy_helper.from_array(layer.error, weight))
        node = shown.graph.node.add()
        node.CopyFrom(layer.node)
        node.name = output
        node.input[:] = [layer.node.input[0], weight]
        node.output[:] = [output]
        outputs.append(helper.make_empty_tensor_value_info(output))
    replace(shown.graph.output, outputs)
    prune(shown.graph)
    return shown


def _count_uses(graph: onnx.GraphProto) -> Counter[str]:
    return Counter(name for node in graph.node for name in uses(node))
