"""YAMNet's published network, from its .tflite to ONNX: the same integers, the same arithmetic.

    features (1, 96, 64) -> 27 convolutions, each in steps of 8 bits -> mean -> logits (1, 521)

What is before them in the .tflite, samples to log-mel energies, is `features/fbank.py` here; what
is after them, the sigmoid, `decoding/classify.py`.

Weights, biases and scales are the published ones. Weights and activations are int8 there and uint8
here, 128 more. The weights use all of their 8 bits: x86 processors without VNNI add the products of
an unsigned and two signed ones in 16 bits, which overflows here, and of unsigned ones in 32. Signed
weights would take 0.6 of the time; rounded to steps that cannot overflow, they would give another
best label for each tenth window of noise. The range of the activations does what a ReLU6 would: 0
is its lowest value, and its highest is 6 or less. In two places less is rounded: the .tflite has
logits in steps of 0.35 and scores in steps of 1/256, and here both are float32.
"""

from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import GraphBuilder

N_FRAMES, N_MELS = 96, 64
N_LABELS = 521
N_CONVOLUTIONS = 27
CEILING = np.float32(6)  # of a ReLU6
UNSIGNED = 128  # from int8 to uint8
DTYPES = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}


class Published:
    """The .tflite: its operators, and the tensors that they name by number."""

    def __init__(self, network: bytes) -> None:
        model: Any = schema.ModelT.InitFromPackedBuf(network, 0)
        (graph,) = model.subgraphs
        self._tensors, self._buffers = graph.tensors, model.buffers
        by_kind: dict[str, list[Any]] = {}
        for operator in graph.operators:
            kind = type(operator.builtinOptions).__name__
            by_kind.setdefault(kind, []).append(operator)
        convolutions = by_kind["Conv2DOptionsT"] + by_kind["DepthwiseConv2DOptionsT"]
        # Tensors are numbered in the order in which they are computed.
        self.convolutions = sorted(convolutions, key=lambda operator: int(operator.outputs[0]))
        self.head = by_kind["FullyConnectedOptionsT"][-1]  # the one before is the mel filterbank
        for operator in self.convolutions:
            _check(operator.builtinOptions)
            if self.zero_point(int(operator.outputs[0])) != -UNSIGNED:
                raise ValueError("expected activations whose lowest value is 0")
        if len(self.convolutions) != N_CONVOLUTIONS:
            raise ValueError(
                f"expected {N_CONVOLUTIONS} convolutions, got {len(self.convolutions)}"
            )

    def stored(self, index: int) -> AnyArray:
        """A tensor's constant values."""
        tensor = self._tensors[index]
        data = np.asarray(self._buffers[tensor.buffer].data, dtype=np.uint8)
        return data.view(DTYPES[tensor.type]).reshape(tensor.shape)

    def scale(self, index: int) -> FloatArray:
        """The size of a tensor's step: one, or one for each channel."""
        return np.asarray(self._tensors[index].quantization.scale, dtype=np.float32)

    def zero_point(self, index: int) -> int:
        """Of an activation: the integer that stands for 0."""
        (zero_point,) = self._tensors[index].quantization.zeroPoint
        return int(zero_point)


def _check(options: Any) -> None:
    same = options.padding == schema.Padding.SAME
    relu6 = options.fusedActivationFunction == schema.ActivationFunctionType.RELU6
    if not (same and relu6 and options.strideH == options.strideW):
        raise ValueError(f"expected a padded convolution with ReLU6, got {vars(options)}")


def to_onnx(network: bytes) -> onnx.ModelProto:
    """features (1, N_FRAMES, N_MELS) float32 -> logits (1, N_LABELS) float32."""
    published, net = Published(network), GraphBuilder("yamnet")
    x = net.input("features", np.float32, [1, N_FRAMES, N_MELS])
    x = net.node("Unsqueeze", x, net.integers(1))  # one channel
    x = _rounded(net, published, x, int(published.convolutions[0].inputs[0]))
    for operator in published.convolutions:
        x = _convolution(net, published, x, operator)
        x = _rounded(net, published, x, int(operator.outputs[0]))
    x = net.node("Flatten", net.node("GlobalAveragePool", x))
    net.output("logits", _head(net, published, x), np.float32, [1, N_LABELS])
    return net.model()


def to_float(network: bytes) -> onnx.ModelProto:
    """The same with the published weights, and nothing else rounded: what both stand for."""
    published, net = Published(network), GraphBuilder("yamnet")
    x = net.input("features", np.float32, [1, N_FRAMES, N_MELS])
    x = net.node("Unsqueeze", x, net.integers(1))
    limits = [net.constant(np.float32(0)), net.constant(CEILING)]
    for operator in published.convolutions:
        x = net.node("Clip", _convolution(net, published, x, operator), *limits)
    x = net.node("Flatten", net.node("GlobalAveragePool", x))
    source, kernel, bias = map(int, published.head.inputs)
    step = published.scale(kernel)
    weights = (published.stored(kernel) * step).astype(np.float32)
    offsets = (published.stored(bias) * (published.scale(source) * step)).astype(np.float32)
    x = net.node("Gemm", x, net.constant(weights), net.constant(offsets), transB=1)
    net.output("logits", x, np.float32, [1, N_LABELS])
    return net.model()


def _convolution(net: GraphBuilder, published: Published, x: str, operator: Any) -> str:
    """A convolution with stored integers, before its activation."""
    source, kernel, bias = map(int, operator.inputs)
    weights, stride = published.stored(kernel), operator.builtinOptions.strideH
    depthwise = hasattr(operator.builtinOptions, "depthMultiplier")
    # (1, height, width, n_out) or (n_out, height, width, n_in) -> (n_out, n_in, height, width)
    weights = weights.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    scales = published.scale(kernel)
    size = weights.shape[-1]
    # TensorFlow's SAME, of a picture whose sides the stride divides.
    n_padded = size - stride if size > 1 else 0
    before, after = n_padded // 2, n_padded - n_padded // 2
    return net.node(
        "Conv",
        x,
        _constant(net, _unsigned(weights), scales, UNSIGNED),
        _constant(net, published.stored(bias), published.scale(source) * scales, 0),
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=len(weights) if depthwise else 1,
    )


def _head(net: GraphBuilder, published: Published, x: str) -> str:
    """The last layer: a product of integers, whose sum is not rounded again."""
    source, kernel, bias = map(int, published.head.inputs)
    scale, zero_point = _steps(net, published, source)
    x = net.node("QuantizeLinear", x, scale, zero_point)
    weights = _unsigned(published.stored(kernel).T)  # (1024, N_LABELS)
    zeros = net.constant(np.uint8(UNSIGNED))
    x = net.node("MatMulInteger", x, net.constant(weights), zero_point, zeros)
    x = net.node("Add", x, net.constant(published.stored(bias)))
    steps = published.scale(source) * published.scale(kernel)
    return net.node("Mul", net.node("Cast", x, to=onnx.TensorProto.FLOAT), net.constant(steps))


def _unsigned(values: AnyArray) -> AnyArray:
    """int8 as uint8 that stand for the same, with a zero point of UNSIGNED."""
    return (values.astype(np.int16) + UNSIGNED).astype(np.uint8)


def _constant(net: GraphBuilder, values: AnyArray, scales: FloatArray, zero_point: int) -> str:
    """Stored integers and what they stand for, with a scale for each output channel."""
    zeros = net.constant(np.full(len(scales), zero_point, dtype=values.dtype))
    return net.node("DequantizeLinear", net.constant(values), net.constant(scales), zeros, axis=0)


def _rounded(net: GraphBuilder, published: Published, x: str, index: int) -> str:
    """Values rounded to the steps of an activation."""
    steps = _steps(net, published, index)
    return net.node("DequantizeLinear", net.node("QuantizeLinear", x, *steps), *steps)


def _steps(net: GraphBuilder, published: Published, index: int) -> tuple[str, str]:
    """Scale and zero point of an activation."""
    (scale,) = published.scale(index)
    zero_point = np.uint8(published.zero_point(index) + UNSIGNED)
    return net.constant(scale), net.constant(zero_point)
