"""Dynamic int8, held to NumPy: ONNX's formula for activations, and integer products."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earlet_quantize.dynamic import quantize_matmuls, round_columns
from earlet_quantize.graph import GraphBuilder, initializers, save

FloatArray = npt.NDArray[np.float32]
N_IN, N_OUT = 33, 20  # an odd number of rows: the last one has no neighbour


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def integer_product(x: FloatArray, weight: FloatArray) -> FloatArray:
    """x @ weight as an int8 network computes it, in float64 after the integers."""
    # https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = np.float32((high - low) / 255)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    activations = np.clip(np.rint(x / scale) + zero, 0, 255) - zero
    values, scales = round_columns(weight)
    product: FloatArray = activations @ values.astype(np.float64) * scale * scales
    return product.astype(np.float32)


def run(model: onnx.ModelProto, **feeds: npt.NDArray[Any]) -> list[FloatArray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    results: list[FloatArray] = session.run(None, feeds)
    return results


def two_layers(rng: np.random.Generator) -> tuple[onnx.ModelProto, list[FloatArray]]:
    """Two products of the same input, one with a bias and a ReLU."""
    weights = [rng.normal(size=(N_IN, N_OUT)).astype(np.float32) for _ in range(2)]
    bias = rng.normal(size=N_OUT).astype(np.float32)
    graph = GraphBuilder("layers")
    x = graph.input("x", np.float32, [1, "n", N_IN])
    first = graph.node("MatMul", x, graph.constant(weights[0], "first"))
    first = graph.node("Relu", graph.node("Add", first, graph.constant(bias)))
    second = graph.node("MatMul", x, graph.constant(weights[1], "second"))
    graph.output("first_out", first, np.float32, [1, "n", N_OUT])
    graph.output("second_out", second, np.float32, [1, "n", N_OUT])
    return graph.model(), [*weights, bias]


def tied_embedding(embedding: FloatArray) -> onnx.ModelProto:
    """A token's column, and its scores against all columns."""
    graph = GraphBuilder("tied")
    token = graph.input("token", np.int64, [1, "n"])
    table = graph.constant(embedding, "embedding")
    x = graph.node("Transpose", graph.node("Gather", table, token, axis=1), perm=[1, 2, 0])
    graph.output("x", x, np.float32, [1, "n", len(embedding)])
    graph.output("logits", graph.node("MatMul", x, table), np.float32, [1, "n", "n_vocab"])
    return graph.model()


matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 5)),
    elements=st.floats(-1e3, 1e3, width=32),
)


@given(matrices)
def test_no_pair_of_neighbours_can_overflow_sixteen_bits(weight: FloatArray) -> None:
    magnitude = np.abs(round_columns(weight).values.astype(int))
    for i in range(0, len(magnitude), 2):
        assert (255 * magnitude[i : i + 2].sum(axis=0) <= np.iinfo(np.int16).max).all()


@given(matrices)
@example(np.full((2, 1), 1e-44, dtype=np.float32))  # a step below the smallest normal number
def test_a_rounded_weight_is_off_by_at_most_half_a_step(weight: FloatArray) -> None:
    values, scales = round_columns(weight)
    error = np.abs(values * scales.astype(np.float64) - weight)
    assert (error <= 0.5 * scales * (1 + 1e-5)).all()


def test_a_column_of_zeros_stays_zero() -> None:
    values, scales = round_columns(np.zeros((4, 2), dtype=np.float32))
    assert not values.any()
    assert (scales > 0).all()


def test_products_and_biases_are_those_of_the_integers(rng: np.random.Generator) -> None:
    model, (first, second, bias) = two_layers(rng)
    x = rng.normal(size=(1, 5, N_IN)).astype(np.float32)
    quantize_matmuls(model)
    expected = [np.maximum(integer_product(x, first) + bias, 0), integer_product(x, second)]
    # float32 scaling of sums of up to 255 * 127 * N_IN
    for found, wanted in zip(run(model, x=x), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_integers_are_close_to_the_float_network(rng: np.random.Generator) -> None:
    model, _ = two_layers(rng)
    x = rng.normal(size=(1, 50, N_IN)).astype(np.float32)
    expected = run(model, x=x)
    quantize_matmuls(model)
    for found, wanted in zip(run(model, x=x), expected, strict=True):
        # Normal data in 8 bits on both sides: 1.3 % of the size of the result here.
        assert np.std(found - wanted) <= 0.02 * np.std(wanted)


def test_an_input_is_rounded_once_and_a_bias_leaves_no_node(rng: np.random.Generator) -> None:
    model, _ = two_layers(rng)
    quantize_matmuls(model)
    operators = sorted(node.op_type for node in model.graph.node)
    assert operators == [
        "DynamicQuantizeLinear",
        "MatMulIntegerToFloat",
        "MatMulIntegerToFloat",
        "Relu",
    ]


def test_no_matrix_is_kept_in_float(rng: np.random.Generator) -> None:
    model, _ = two_layers(rng)
    quantize_matmuls(model)
    assert all(
        array.ndim < 2 or array.dtype == np.int8 for array in initializers(model.graph).values()
    )


def test_a_sum_that_is_used_elsewhere_too_stays_a_node(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(N_IN, N_OUT)).astype(np.float32)
    bias = rng.normal(size=N_OUT).astype(np.float32)
    graph = GraphBuilder("used twice")
    x = graph.input("x", np.float32, [1, N_IN])
    product = graph.node("MatMul", x, graph.constant(weight, "weight"))
    graph.output("sum", graph.node("Add", product, graph.constant(bias)), np.float32, [1, N_OUT])
    graph.output("negative", graph.node("Neg", product), np.float32, [1, N_OUT])
    model = graph.model()
    quantize_matmuls(model)
    feed = rng.normal(size=(1, N_IN)).astype(np.float32)
    with_bias, negative = run(model, x=feed)
    np.testing.assert_allclose(with_bias + negative, bias[None], rtol=1e-5, atol=1e-5)


def test_a_product_of_two_activations_stays_float() -> None:
    graph = GraphBuilder("attention")
    x = graph.input("x", np.float32, [2, 2])
    graph.output("y", graph.node("MatMul", x, x), np.float32, [2, 2])
    model = graph.model()
    quantize_matmuls(model)
    assert [node.op_type for node in model.graph.node] == ["MatMul"]


def test_a_tied_embedding_is_read_from_the_matrix_that_scores(rng: np.random.Generator) -> None:
    embedding = rng.normal(size=(N_IN, 100)).astype(np.float32)
    model = tied_embedding(embedding)
    quantize_matmuls(model)
    values, scales = round_columns(embedding)
    x, logits = run(model, token=np.array([[7, 99]]))
    expected = (values * scales)[:, [7, 99]].T[None]
    np.testing.assert_allclose(x, expected, rtol=1e-6)
    np.testing.assert_allclose(logits, integer_product(x, embedding), rtol=1e-5, atol=1e-4)


def test_a_tied_embedding_is_stored_once(rng: np.random.Generator) -> None:
    model = tied_embedding(rng.normal(size=(64, 1000)).astype(np.float32))
    quantize_matmuls(model)
    large = [array for array in initializers(model.graph).values() if array.size >= 64_000]
    assert [array.dtype for array in large] == [np.int8]


def test_gathering_rows_of_a_product_s_matrix_is_refused(rng: np.random.Generator) -> None:
    graph = GraphBuilder("rows")
    token = graph.input("token", np.int64, [1])
    table = graph.constant(rng.normal(size=(8, 8)).astype(np.float32), "table")
    x = graph.node("Gather", table, token)
    graph.output("y", graph.node("MatMul", x, table), np.float32, [1, 8])
    with pytest.raises(ValueError, match=r"axis=1.*got axis=0"):
        quantize_matmuls(graph.model())


def test_two_runs_give_the_same_bytes(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("models")
    for name in ("first", "second"):
        model, _ = two_layers(np.random.default_rng(1))
        quantize_matmuls(model)
        save(model, folder / name)
    assert (folder / "first").read_bytes() == (folder / "second").read_bytes()
