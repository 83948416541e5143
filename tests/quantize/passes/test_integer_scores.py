"""Attention with integer scores, held to attention in NumPy."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, Float64Array, FloatArray
from earlet_quantize.graph import ORT_DOMAIN, GraphBuilder
from earlet_quantize.passes.integer_scores import integer_scores

Runner = Callable[..., list[AnyArray]]

N_HEADS, HEAD_SIZE = 3, 8
SIZE = N_HEADS * HEAD_SIZE


def attention(q: FloatArray, k: FloatArray, v: FloatArray) -> Float64Array:
    """Vaswani et al., 2017, formula 1, for each head: (n, SIZE) -> the same."""
    heads = []
    for i in range(N_HEADS):
        part = slice(i * HEAD_SIZE, (i + 1) * HEAD_SIZE)
        scores = q[:, part].astype(np.float64) @ k[:, part].T / np.sqrt(HEAD_SIZE)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(weights / weights.sum(axis=1, keepdims=True) @ v[:, part])
    return np.concatenate(heads, axis=1)


def network(n_inputs: int = 3) -> onnx.ModelProto:
    graph = GraphBuilder("attention")
    inputs = [graph.input(name, np.float32, [1, "n", SIZE]) for name in "qkv"]
    inputs += [graph.constant(np.zeros(3 * SIZE, np.float32))] * (n_inputs - 3)  # a bias
    y = graph.node("MultiHeadAttention", *inputs, domain=ORT_DOMAIN, num_heads=N_HEADS)
    graph.output("y", y, np.float32, [1, "n", SIZE])
    return graph.model()


@pytest.mark.parametrize("n", [1, 2, 50])
def test_integer_scores_are_those_of_attention_but_for_rounding(
    n: int, run: Runner, rng: np.random.Generator
) -> None:
    q, k, v = (rng.normal(size=(n, SIZE)).astype(np.float32) for _ in range(3))
    model = network()
    integer_scores(model, HEAD_SIZE)
    (found,) = run(model, q=q[None], k=k[None], v=v[None])
    # A score is a sum of 8 products of values up to 4, keys in steps of 1/16: off by 0.03 or so,
    # and probabilities by as many parts of themselves.
    np.testing.assert_allclose(found[0], attention(q, k, v), atol=0.05)


def test_values_on_the_grid_of_int8_lose_nothing(run: Runner, rng: np.random.Generator) -> None:
    """Queries of 0..255 and keys of -64..64 are their own rounded values."""
    q = rng.integers(0, 256, size=(20, SIZE)).astype(np.float32)
    k = rng.integers(-64, 65, size=(20, SIZE)).astype(np.float32)
    q[0, 0], k[0, 0] = 255, 64
    q, k = q / np.float32(255), k / np.float32(64)
    v = rng.normal(size=(20, SIZE)).astype(np.float32)
    model = network()
    integer_scores(model, HEAD_SIZE)
    (found,) = run(model, q=q[None], k=k[None], v=v[None])
    np.testing.assert_allclose(found[0], attention(q, k, v), atol=1e-5)


def test_keys_of_nothing_attend_to_all_alike(run: Runner, rng: np.random.Generator) -> None:
    v = rng.normal(size=(1, 5, SIZE)).astype(np.float32)
    zeros = np.zeros_like(v)
    model = network()
    integer_scores(model, HEAD_SIZE)
    (found,) = run(model, q=zeros, k=zeros, v=v)
    np.testing.assert_allclose(found, np.broadcast_to(v.mean(axis=1), v.shape), atol=1e-6)


def test_two_products_fit_into_16_bits(run: Runner, rng: np.random.Generator) -> None:
    """Processors without VNNI add the products of two neighbours so."""
    q, k, v = (rng.normal(size=(1, 9, SIZE)).astype(np.float32) for _ in range(3))
    model = network()
    integer_scores(model, HEAD_SIZE)
    (rounded,) = (n.output[0] for n in model.graph.node if n.op_type == "QuantizeLinear")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(rounded))
    _, keys = run(model, q=q, k=k, v=v)
    assert keys.dtype == np.int8
    assert 2 * 255 * np.abs(keys.astype(int)).max() < 2**15


def test_attention_with_more_than_queries_keys_and_values_stays() -> None:
    model = network(n_inputs=4)
    integer_scores(model, HEAD_SIZE)
    assert [node.op_type for node in model.graph.node] == ["MultiHeadAttention"]
