"""One way in for all schemes: a float network and a scheme's name give an int8 network."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import numpy as np
import onnx

from earlet_quantize.graph import graphs, tidy
from earlet_quantize.measure.feeds import Feeds
from earlet_quantize.passes.smooth import channel_maxima, smooth
from earlet_quantize.schemes import static
from earlet_quantize.schemes.dynamic import quantize_matmuls
from earlet_quantize.schemes.dynamic_convolution import quantize_convolutions
from earlet_quantize.schemes.static import StaticConfig
from earlet_quantize.schemes.weight_only import quantize_weights

Scheme = Literal["static", "dynamic", "smooth", "weight-only"]
CALIBRATED: tuple[Scheme, ...] = ("static", "smooth")  # those that calibration data set up
CONVOLUTIONAL = 0.5  # share of the weights from which a network is one of convolutions


class Quantized(NamedTuple):
    """A float network and the int8 one made from it; nodes that both have are named alike."""

    reference: onnx.ModelProto
    model: onnx.ModelProto


def apply(
    scheme: Scheme,
    model: onnx.ModelProto,
    feeds: Sequence[Feeds],
    config: StaticConfig,
    exclude: Collection[str] = (),
) -> Quantized:
    """Make a float network int8.

    Args:
        scheme: see above.
        model: the float network; it is left as it is.
        feeds: calibration data, for those of CALIBRATED.
        config: of "static".
        exclude: names of nodes of `Quantized.reference` that stay float.

    Raises:
        ModelFileError: when the scheme cannot be applied to it.
    """
    reference = _named(model)
    if scheme == "static":
        reference = _named(static.prepare(reference))  # onnxruntime adds nodes without a name
        return Quantized(reference, static.quantize(reference, feeds, config, exclude))
    if scheme == "smooth":  # the same in float, so that layers are compared with the smoothed ones
        smooth(reference, channel_maxima(reference, feeds), exclude=exclude)
    quantized = _copy(reference)
    if scheme == "weight-only":
        quantize_weights(quantized, exclude)
    else:
        quantize_matmuls(quantized, exclude)
        # A network that stays mostly float is not int8: where its weights are in convolutions,
        # these are made so, too, whatever it costs; the gate measures that. Elsewhere a few
        # convolutions, as at the beginning of a transformer, are better left alone.
        if is_convolutional(reference):
            quantize_convolutions(quantized, exclude)
    tidy(quantized)
    return Quantized(reference, quantized)


def is_convolutional(model: onnx.ModelProto) -> bool:
    """Whether most of a network's weights are in convolutions."""
    kernels = {
        name
        for graph in graphs(model.graph)
        for node in graph.node
        if node.op_type in ("Conv", "ConvTranspose")
        for name in node.input[1:2]
    }
    sizes = {
        tensor.name: int(np.prod(tensor.dims))
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if len(tensor.dims) >= 2
    }
    in_convolutions = sum(size for name, size in sizes.items() if name in kernels)
    return in_convolutions > CONVOLUTIONAL * sum(sizes.values())


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network; every node has a name of its own."""
    named = _copy(model)
    count = Counter(node.name for graph in graphs(named.graph) for node in graph.node)
    for graph in graphs(named.graph):
        for node in graph.node:
            if not node.name or count[node.name] > 1:
                node.name = f"{node.op_type}:{node.output[0]}"
    return named
