"""Weight-only int8: the float network, with its weights rounded and nothing else."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import GraphBuilder, graphs, initializers
from earlet_quantize.schemes.weight_only import quantize_weights

N_IN, N_OUT = 48, 64


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def rounded(weight: FloatArray, axis: int) -> FloatArray:
    """To steps of a 127th of the largest value along each slice of an axis."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    step = np.abs(weight).max(axis=others, keepdims=True) / 127
    result: FloatArray = (np.rint(weight / step) * step).astype(np.float32)
    return result


def run(model: onnx.ModelProto, **feeds: AnyArray) -> list[FloatArray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    results: list[FloatArray] = session.run(None, feeds)
    return results


def float_weights(model: onnx.ModelProto) -> list[str]:
    return [
        tensor.name
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= 1024
    ]


def test_a_product_is_in_float_with_rounded_columns(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(N_IN, N_OUT)).astype(np.float32)
    graph = GraphBuilder("product")
    x = graph.input("x", np.float32, [1, N_IN])
    graph.output("y", graph.node("MatMul", x, graph.constant(weight)), np.float32, [1, N_OUT])
    model = graph.model()
    quantize_weights(model)
    assert float_weights(model) == []
    feed = rng.normal(size=(1, N_IN)).astype(np.float32)
    # Float arithmetic in another order; activations are not rounded at all.
    np.testing.assert_allclose(run(model, x=feed)[0], feed @ rounded(weight, 1), atol=1e-5)


def test_a_convolution_is_in_float_with_rounded_channels(rng: np.random.Generator) -> None:
    kernel = (rng.normal(size=(N_OUT, N_IN, 1)) * 10.0 ** rng.uniform(-3, 0, (N_OUT, 1, 1))).astype(
        np.float32
    )
    graph = GraphBuilder("convolution")
    x = graph.input("x", np.float32, [1, N_IN, "n"])
    y = graph.node("Conv", x, graph.constant(kernel))
    graph.output("y", y, np.float32, [1, N_OUT, "n"])
    model = graph.model()
    quantize_weights(model)
    feed = rng.normal(size=(1, N_IN, 5)).astype(np.float32)
    expected = np.einsum("oi,bin->bon", rounded(kernel, 0)[:, :, 0], feed)
    np.testing.assert_allclose(run(model, x=feed)[0], expected, rtol=1e-4, atol=1e-6)


def test_a_tied_embedding_is_stored_once_for_both_uses(rng: np.random.Generator) -> None:
    table = rng.normal(size=(500, N_IN)).astype(np.float32)
    graph = GraphBuilder("tied")
    token = graph.input("token", np.int64, [1, "n"])
    stored = graph.constant(table, "table")
    x = graph.node("Gather", stored, token)
    head = graph.node("Transpose", stored, perm=[1, 0])
    graph.output("logits", graph.node("MatMul", x, head), np.float32, [1, "n", 500])
    model = graph.model()
    quantize_weights(model)
    large = [a.dtype for a in initializers(model.graph).values() if a.size >= table.size]
    assert large == [np.int8]
    found = run(model, token=np.array([[3, 499]]))[0][0]
    expected = rounded(table, 0)[[3, 499]] @ rounded(table, 0).T
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_weights_inside_the_branches_of_an_if_are_int8(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(N_IN, N_OUT)).astype(np.float32)
    graph = GraphBuilder("branches")
    first = graph.input("first", np.bool_, [])
    x = graph.input("x", np.float32, [1, N_IN])
    graph.constant(weight, "weight")
    branches = [
        helper.make_graph(
            [
                helper.make_node("MatMul", [x, "weight"], [f"{name}.product"]),
                helper.make_node(op_type, [f"{name}.product"], [name]),
            ],
            name,
            [],
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, N_OUT])],
        )
        for name, op_type in (("then", "Identity"), ("else", "Neg"))
    ]
    y = graph.node("If", first, then_branch=branches[0], else_branch=branches[1])
    graph.output("y", y, np.float32, [1, N_OUT])
    model = graph.model()
    quantize_weights(model)
    assert float_weights(model) == []
    feed = rng.normal(size=(1, N_IN)).astype(np.float32)
    for value, sign in ((True, 1), (False, -1)):
        (found,) = run(model, first=np.array(value), x=feed)
        np.testing.assert_allclose(found, sign * feed @ rounded(weight, 1), atol=1e-5)


def test_small_weights_and_those_of_excluded_nodes_stay_float(rng: np.random.Generator) -> None:
    graph = GraphBuilder("three")
    x = graph.input("x", np.float32, [1, 256])
    for name, size in (("large", 256), ("kept", 256), ("small", 3)):
        weight = graph.constant(rng.normal(size=(256, size)).astype(np.float32), name)
        product = graph.node("MatMul", x, weight)
        graph.output(f"{name}_out", product, np.float32, [1, size])
    model = graph.model()
    before = model.ByteSize()
    kept = next(node.name for node in model.graph.node if "kept" in node.input)
    quantize_weights(model, exclude={kept})
    dtypes = {name: array.dtype for name, array in initializers(model.graph).items()}
    assert dtypes["kept"] == dtypes["small"] == np.float32
    assert dtypes["large.int8"] == np.int8
    assert model.ByteSize() == pytest.approx(before * 5 / 8, rel=0.05)  # 1/2 and 1/4 of 1/2


def test_a_table_with_infinities_is_a_mask_and_no_weight() -> None:
    graph = GraphBuilder("mask")
    ids = graph.input("ids", np.int64, [1])
    mask = np.triu(np.full((40, 40), -np.inf, dtype=np.float32), 1)
    graph.output("y", graph.node("Gather", graph.constant(mask), ids), np.float32, [1, 40])
    model = graph.model()
    quantize_weights(model)
    np.testing.assert_array_equal(run(model, ids=np.array([1]))[0], mask[[1]])
