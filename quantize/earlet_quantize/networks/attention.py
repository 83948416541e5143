"""Attention as onnxruntime computes it fastest, for networks written with `GraphBuilder`.

    self-attention, encoder   MultiHeadAttention
    self-attention, decoder   GroupQueryAttention: the cache stays in place, a step adds its part
    cross-attention           MatMul, Softmax, MatMul, with keys stored as the first one reads them

Queries, keys and values are (1, n, n_heads * head_size) unless said otherwise. Operators:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from typing import NamedTuple

import numpy as np
import onnx

from earlet.arrays import FloatArray
from earlet_quantize.graph import ORT_DOMAIN, GraphBuilder

# GroupQueryAttention takes heads of a multiple of 8 values, of 16 where it rotates them.
HEAD_MULTIPLE, ROTATED_HEAD_MULTIPLE = 8, 16


class Positions(NamedTuple):
    """Where a step's tokens stand, as GroupQueryAttention wants to be told: names of int32."""

    last: str  # (1,), the position of the last token
    total: str  # scalar, the tokens up to it


def self_attention(graph: GraphBuilder, q: str, k: str, v: str, n_heads: int) -> str:
    """Every query attends to every key, (1, n, n_heads * head_size)."""
    return graph.node("MultiHeadAttention", q, k, v, domain=ORT_DOMAIN, num_heads=n_heads)


def padded_head_size(head_size: int, *, rotated: bool) -> int:
    """The least size not below `head_size` that `cached_attention` takes."""
    multiple = ROTATED_HEAD_MULTIPLE if rotated else HEAD_MULTIPLE
    return -(-head_size // multiple) * multiple


def pad_heads(columns: FloatArray, n_heads: int, padded: int) -> FloatArray:
    """(.., n_heads * head_size) -> (.., n_heads * padded), zeros behind each head.

    Zeros in queries and keys add nothing to their products; those in values give zeros, which the
    next projection must take with rows of zeros: its weight is padded transposed.
    """
    heads = columns.reshape(*columns.shape[:-1], n_heads, -1)
    widths = [(0, 0)] * (heads.ndim - 1) + [(0, padded - heads.shape[-1])]
    return np.pad(heads, widths).reshape(*columns.shape[:-1], n_heads * padded)


def total(graph: GraphBuilder, token: str, n_past: str) -> str:
    """n_past and the tokens (1, n_tokens) of a step together, (1,) int64."""
    return graph.node("Add", n_past, graph.node("Shape", token, start=1, end=2))


def positions(graph: GraphBuilder, token: str, n_past: str) -> Positions:
    """Of the tokens (1, n_tokens) of a step that n_past (1,) tokens came before, both int64."""
    end = total(graph, token, n_past)
    last = graph.node("Sub", end, graph.integers(1))
    scalar = graph.node("Squeeze", end)
    return Positions(*(graph.node("Cast", x, to=onnx.TensorProto.INT32) for x in (last, scalar)))


def cached_attention(
    graph: GraphBuilder,
    qkv: str,
    past: tuple[str, str],
    at: Positions,
    *,
    n_heads: int,
    scale: float,
    angles: tuple[str, str] | None = None,
) -> list[str]:
    """Each new token attends to those before it and to itself.

    Args:
        graph: gets the operator.
        qkv: the projections of the new tokens side by side, (1, n_tokens, 3 * n_heads * head_size);
            head_size as `padded_head_size` gives it.
        past: keys and values of the tokens before, (1, n_heads, n_positions, head_size).
        at: see `positions`.
        n_heads: of queries and of keys.
        scale: of the products of queries and keys, head_size ** -0.5 before any padding.
        angles: cosines and sines of all positions, (n_positions, n_rotated / 2), by which the first
            n_rotated values of each head, a multiple of 16, are turned, two neighbours together.

    Returns:
        The attended values (1, n_tokens, n_heads * head_size), and the keys and values up to now,
        which are `past` with new parts when the caller binds both to the same memory.
    """
    return graph.nodes(
        "GroupQueryAttention",
        *(qkv, "", "", *past, *at, *(angles or ())),
        n_outputs=3,
        domain=ORT_DOMAIN,
        num_heads=n_heads,
        kv_num_heads=n_heads,
        do_rotary=int(angles is not None),
        rotary_interleaved=int(angles is not None),
        scale=scale,
    )


def transposed_keys(graph: GraphBuilder, keys: str, n_heads: int, head_size: int) -> str:
    """(1, n, n_heads * head_size) -> (1, n_heads, head_size, n), for `cross_attention`."""
    columns = graph.node("Transpose", keys, perm=[0, 2, 1])
    return graph.node("Reshape", columns, graph.integers(0, n_heads, head_size, -1))


def split_heads(graph: GraphBuilder, values: str, n_heads: int, head_size: int) -> str:
    """(1, n, n_heads * head_size) -> (1, n_heads, n, head_size), for `cross_attention`."""
    heads = graph.node("Reshape", values, graph.integers(0, 0, n_heads, head_size))
    return graph.node("Transpose", heads, perm=[0, 2, 1, 3])


def cross_attention(
    graph: GraphBuilder, q: str, keys: str, values: str, n_heads: int, head_size: int
) -> tuple[str, str]:
    """Every query attends to all of a stored input.

    Products are not scaled: head_size ** -0.5 belongs into the weights that made the keys, once,
    and not into every step.

    Returns:
        The attended values (1, n_queries, n_heads * head_size), and how much each query took of
        each of the n stored, (1, n_heads, n_queries, n).
    """
    q = split_heads(graph, q, n_heads, head_size)  # (1, n_heads, n_queries, head_size)
    weights = graph.node("Softmax", graph.node("MatMul", q, keys), axis=-1)
    heads = graph.node("Transpose", graph.node("MatMul", weights, values), perm=[0, 2, 1, 3])
    attended = graph.node("Reshape", heads, graph.integers(0, 0, n_heads * head_size))
    return attended, weights
