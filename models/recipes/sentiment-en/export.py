"""From trained weights to ONNX: a float graph, and the int8 one.

    input_ids, attention_mask (1, n_tokens) int64 -> logits (1, 2)

Both are written from the weights. In the int8 one, products are integers with activations rounded
as they come, positions have 8 bits, and the embedding the 4 bits that it had in training.
"""

from collections.abc import Callable

import numpy as np
import onnx
from published import D_MODEL, N_HEADS, NORM_EPSILON

from earlet.arrays import FloatArray
from earlet_quantize.graph import ORT_DOMAIN, GraphBuilder
from earlet_quantize.networks.four_bits import FourBitRows, read_rows
from earlet_quantize.networks.modules import Weights
from earlet_quantize.schemes.dynamic import quantize_matmuls

Reader = Callable[[GraphBuilder, str], str]  # ids (1, n_tokens) -> embeddings (1, n_tokens, D)


def to_float(weights: Weights) -> onnx.ModelProto:
    """The network as it was trained."""
    return _graph(
        weights, lambda net, ids: net.node("Gather", net.constant(weights["embedding"]), ids)
    )


def to_int8(weights: Weights, embedding: FourBitRows) -> onnx.ModelProto:
    """The network of the bundle; `embedding` are the rows that weights["embedding"] holds."""
    model = _graph(weights, lambda net, ids: read_rows(net, embedding, ids))
    quantize_matmuls(model)
    return model


def _graph(weights: Weights, embed: Reader) -> onnx.ModelProto:
    net = _Builder("sentiment", weights)
    ids = net.input("input_ids", np.int64, [1, "n_tokens"])
    mask = net.input("attention_mask", np.int64, [1, "n_tokens"])
    x = net.norm("norm", net.node("Add", embed(net, ids), net.positions(ids)))
    attends = net.node("Cast", mask, to=onnx.TensorProto.INT32)
    n_layers = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
    for i in range(n_layers):
        x = net.layer(f"layers.{i}", x, attends)
    net.output("logits", net.linear("head", net.mean(x, mask)), np.float32, [1, 2])
    return net.model()


class _Builder(GraphBuilder):
    """The parts of `network.Sentiment`; a module is known by its path in the weights."""

    def __init__(self, name: str, weights: Weights) -> None:
        super().__init__(name)
        self._weights = weights

    def positions(self, ids: str) -> str:
        """Of tokens (1, n_tokens), (n_tokens, D)."""
        n_tokens = self.node("Squeeze", self.node("Shape", ids, start=1, end=2))
        zero, one = (self.constant(np.int64(i)) for i in (0, 1))
        table = self.constant(self._weights["positions"], "positions")
        return self.node("Gather", table, self.node("Range", zero, n_tokens, one))

    def layer(self, module: str, x: str, mask: str) -> str:
        """A transformer's layer, (1, n_tokens, D) -> the same."""
        attention = f"{module}.self_attn"
        kernels = np.split(self._weights[f"{attention}.in_proj_weight"], 3)
        biases = np.split(self._weights[f"{attention}.in_proj_bias"], 3)
        qkv = [
            self._product(f"{attention}.{part}", x, kernel, bias)
            for part, kernel, bias in zip("qkv", kernels, biases, strict=True)
        ]
        attended = self.node(
            "MultiHeadAttention", *qkv, "", mask, domain=ORT_DOMAIN, num_heads=N_HEADS
        )
        attended = self.linear(f"{attention}.out_proj", attended)
        x = self.norm(f"{module}.norm1", self.node("Add", x, attended))
        wide = self.node("Gelu", self.linear(f"{module}.linear1", x))
        narrow = self.linear(f"{module}.linear2", wide)
        return self.norm(f"{module}.norm2", self.node("Add", x, narrow))

    def mean(self, x: str, mask: str) -> str:
        """Over the tokens that the mask (1, n_tokens) has, (1, n_tokens, D) -> (1, D)."""
        counts = self.node("Cast", mask, to=onnx.TensorProto.FLOAT)
        n_counted = self.node("ReduceSum", counts, self.integers(1), keepdims=1)
        weights = self.node("Unsqueeze", self.node("Div", counts, n_counted), self.integers(1))
        return self.node("Reshape", self.node("MatMul", weights, x), self.integers(1, D_MODEL))

    def linear(self, module: str, x: str) -> str:
        """A product and its bias."""
        weights = self._weights
        return self._product(module, x, weights[f"{module}.weight"], weights[f"{module}.bias"])

    def norm(self, module: str, x: str) -> str:
        """A layer norm."""
        parts = [self.constant(self._weights[f"{module}.{part}"]) for part in ("weight", "bias")]
        return self.node("LayerNormalization", x, *parts, epsilon=NORM_EPSILON)

    def _product(self, module: str, x: str, kernel: FloatArray, bias: FloatArray) -> str:
        """`kernel` (n_out, n_in), as torch has it."""
        product = self.node("MatMul", x, self.constant(kernel.T, module))
        return self.node("Add", product, self.constant(bias))
