"""EfficientNet-Lite0, written from its weights.

Reference: M. Tan and Q. Le, arXiv:1905.11946; for Lite, `models/official/efficientnet/lite` of the
GitHub repository tensorflow/tpu: ReLU6 for swish, and no squeeze-and-excitation. `make.py` holds it
to the PyTorch package that its weights come from.

    features (1, 3, 224, 224) -> stem (1, 32, 112, 112)
        -> 16 blocks: each widens, filters channel by channel, and narrows (1, 320, 7, 7)
        -> head (1, 1280, 7, 7) -> its mean (1, 1280) -> logits (1, 1000)
"""

from collections.abc import Mapping

import numpy as np
import onnx

from earlet.arrays import FloatArray
from earlet_quantize.graph import GraphBuilder

SIDE = 224  # pixels
N_LABELS = 1000
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of the blocks
EPSILON = np.float32(1e-3)  # of the batch norms
CEILING = np.float32(6)  # of ReLU6

Weights = Mapping[str, FloatArray]  # by the names of the package efficientnet_lite_pytorch


def network(weights: Weights) -> onnx.ModelProto:
    """features (1, 3, 224, 224) -> logits (1, 1000), in float32."""
    net = _Network(weights)
    x = net.graph.input("features", np.float32, [1, 3, SIDE, SIDE])
    x = net.relu6(net.convolution(x, "_conv_stem", "_bn0", stride=2))
    for i, stride in enumerate(STRIDES):
        x = net.block(x, f"_blocks.{i}", stride)
    x = net.relu6(net.convolution(x, "_conv_head", "_bn1"))
    x = net.graph.node("Flatten", net.graph.node("GlobalAveragePool", x))
    fully = [net.graph.constant(weights[name], name) for name in ("_fc.weight", "_fc.bias")]
    logits = net.graph.node("Gemm", x, *fully, transB=1)
    net.graph.output("logits", logits, np.float32, [1, N_LABELS])
    return net.graph.model()


class _Network:
    def __init__(self, weights: Weights) -> None:
        self.graph = GraphBuilder("efficientnet-lite0")
        self._weights = weights
        self._limits = [self.graph.constant(limit) for limit in (np.float32(0), CEILING)]

    def block(self, x: str, name: str, stride: int) -> str:
        """(1, n_in, side, side) -> (1, n_out, side / stride, side / stride)."""
        inner = x
        if widens := f"{name}._expand_conv.weight" in self._weights:
            inner = self.relu6(self.convolution(x, f"{name}._expand_conv", f"{name}._bn0"))
        filtered = self.convolution(inner, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        narrow = self.convolution(self.relu6(filtered), f"{name}._project_conv", f"{name}._bn2")
        if not widens or stride > 1:
            return narrow
        n_in = self._weights[f"{name}._expand_conv.weight"].shape[1]
        n_out = len(self._weights[f"{name}._project_conv.weight"])
        return self.graph.node("Add", narrow, x) if n_in == n_out else narrow

    def convolution(self, x: str, name: str, norm: str, stride: int = 1) -> str:
        """A convolution of one group or of as many as channels, its batch norm folded into it.

        Padded as TensorFlow's "SAME" pads an even side: the odd pixel at the lower right.
        """
        kernel = self._weights[f"{name}.weight"]  # (n_out, n_in / n_groups, size, size)
        parts = ("weight", "bias", "running_mean", "running_var")
        gain, offset, mean, variance = (self._weights[f"{norm}.{part}"] for part in parts)
        gain = gain / np.sqrt(variance + EPSILON)
        padding = kernel.shape[2] - stride
        before, after = padding // 2, padding - padding // 2
        return self.graph.node(
            "Conv",
            x,
            self.graph.constant(kernel * gain[:, None, None, None], f"{name}.weight"),
            self.graph.constant(offset - mean * gain, f"{name}.bias"),
            group=len(kernel) if "_depthwise_conv" in name else 1,
            strides=[stride, stride],
            pads=[before, before, after, after],
        )

    def relu6(self, x: str) -> str:
        """Cut to 0..6."""
        return self.graph.node("Clip", x, *self._limits)
