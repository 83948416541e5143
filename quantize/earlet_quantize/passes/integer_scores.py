"""The scores of an encoder's attention as integer products, one head after the other.

    MultiHeadAttention(q, k, v) (1, n, n_heads * head_size), of every head:
        q -> uint8, k -> int8, with one scale each for all heads
        q8 @ k8.T * (q_scale * k_scale * head_size ** -0.5) -> softmax -> @ v in float32

Over as many frames as Whisper's 1,500, attention is more than half of an encoder's arithmetic, and
its first product is four times as fast in int8. The second stays float: most probabilities are far
below 1/255. The scores of one head (9 MB) are used while the processor's cache still holds them.
Held to float attention in `tests/quantize/passes/test_integer_scores.py`.
"""

import numpy as np
import onnx

from earlet_quantize.graph import ORT_DOMAIN, attributes
from earlet_quantize.passes.rewriter import Rewriter

# Of the keys. x86 processors without VNNI add the products of two neighbours with queries up to 255
# in 16 bits: 255 * (64 + 64) is the most that fits, see `schemes.dynamic.round_columns`.
INT8_MAX = 64
LEAST_SCALE = np.finfo(np.float32).tiny  # of keys that are all 0


def integer_scores(model: onnx.ModelProto, head_size: int) -> None:
    """Rewrite every MultiHeadAttention of just queries, keys and values, in place."""
    rewriter = Rewriter(model)
    for node in rewriter.source:
        if node.op_type == "MultiHeadAttention" and len(node.input) == 3:
            _rewrite(rewriter, node, head_size)
        else:
            rewriter.keep(node)
    rewriter.finish()


def _rewrite(rewriter: Rewriter, attention: onnx.NodeProto, head_size: int) -> None:
    q, k, v = attention.input
    (y,) = attention.output
    n_heads = attributes(attention)["num_heads"]
    scale = rewriter.constant("integer_scores.scale", np.float32(head_size**-0.5))
    rounded = [f"{y}.q.{part}" for part in ("uint8", "scale", "zero")]
    rewriter.node("DynamicQuantizeLinear", q, gives=rounded)
    q, q_scale, q_zero = rounded
    q_scale = rewriter.node("Mul", q_scale, scale, gives=f"{y}.q.scaled")
    k, k_scale, k_zero = _rounded_keys(rewriter, k, name=f"{y}.k")
    attended = []
    heads = (_split(rewriter, part, n_heads, axis) for part, axis in ((q, 2), (k, 1), (v, 2)))
    for i, (q_head, k_head, v_head) in enumerate(zip(*heads, strict=True)):
        scores = rewriter.node(
            "MatMulIntegerToFloat",
            *(q_head, k_head, q_scale, k_scale, q_zero, k_zero),
            gives=f"{y}.{i}.scores",
            domain=ORT_DOMAIN,
        )
        weights = rewriter.node("Softmax", scores, gives=f"{y}.{i}.weights", axis=-1)
        attended.append(rewriter.node("MatMul", weights, v_head, gives=f"{y}.{i}"))
    rewriter.node("Concat", *attended, gives=y, axis=2)


def _rounded_keys(rewriter: Rewriter, k: str, name: str) -> tuple[str, str, str]:
    """(1, n, size) -> int8 (1, size, n), its scale, and 0, its zero point.

    Not by DynamicQuantizeLinear: x86 multiplies uint8 with int8 twice as fast as with uint8.
    """
    largest = rewriter.node("Abs", k, gives=f"{name}.abs")
    largest = rewriter.node("ReduceMax", largest, gives=f"{name}.largest", keepdims=0)
    int8_max = rewriter.constant("integer_scores.int8_max", np.float32(INT8_MAX))
    least = rewriter.constant("integer_scores.least", LEAST_SCALE)
    scale = rewriter.node("Div", largest, int8_max, gives=f"{name}.step")
    scale = rewriter.node("Max", scale, least, gives=f"{name}.scale")
    zero = rewriter.constant("integer_scores.zero", np.int8(0))
    columns = rewriter.node("Transpose", k, gives=f"{name}.columns", perm=[0, 2, 1])
    return rewriter.node("QuantizeLinear", columns, scale, zero, gives=f"{name}.int8"), scale, zero


def _split(rewriter: Rewriter, x: str, n_heads: int, axis: int) -> list[str]:
    heads = [f"{x}.{i}" for i in range(n_heads)]
    rewriter.node("Split", x, gives=heads, axis=axis, num_outputs=n_heads)
    return heads
