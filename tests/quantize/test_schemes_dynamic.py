"""Dynamic int8, held to NumPy: ONNX's formula for activations, and integer products."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper, numpy_helper

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder, graphs, initializers, save
from earlet_quantize.schemes.dynamic import quantize_matmuls, round_columns

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


def float_matrices(model: onnx.ModelProto) -> list[str]:
    """Names of the matrices that are still stored in float, wherever they are."""
    return [
        tensor.name
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2
    ]


def run(model: onnx.ModelProto, **feeds: AnyArray) -> list[FloatArray]:
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


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_gemm_is_a_product_with_its_bias(
    transposed: bool, with_bias: bool, rng: np.random.Generator
) -> None:
    weight = rng.normal(size=(N_IN, N_OUT)).astype(np.float32)
    bias = rng.normal(size=N_OUT).astype(np.float32) * with_bias
    graph = GraphBuilder("gemm")
    x = graph.input("x", np.float32, ["n", N_IN])
    stored = graph.constant(weight.T if transposed else weight, "weight")
    inputs = [x, stored, graph.constant(bias)] if with_bias else [x, stored]
    graph.output("y", graph.node("Gemm", *inputs, transB=int(transposed)), np.float32, ["n", N_OUT])
    model = graph.model()
    quantize_matmuls(model)
    feed = rng.normal(size=(5, N_IN)).astype(np.float32)
    (y,) = run(model, x=feed)
    np.testing.assert_allclose(y, integer_product(feed, weight) + bias, rtol=1e-5, atol=1e-5)
    assert float_matrices(model) == []


def test_a_gemm_that_is_more_than_a_product_stays_float(rng: np.random.Generator) -> None:
    graph = GraphBuilder("half")
    x = graph.input("x", np.float32, ["n", N_IN])
    weight = graph.constant(rng.normal(size=(N_IN, N_OUT)).astype(np.float32))
    graph.output("y", graph.node("Gemm", x, weight, alpha=0.5), np.float32, ["n", N_OUT])
    model = graph.model()
    quantize_matmuls(model)
    assert [node.op_type for node in model.graph.node] == ["Gemm"]


def test_a_bias_may_stand_before_the_product(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(N_IN, N_OUT)).astype(np.float32)
    bias = rng.normal(size=N_OUT).astype(np.float32)
    graph = GraphBuilder("as torch exports")
    x = graph.input("x", np.float32, [1, N_IN])
    product = graph.node("MatMul", x, graph.constant(weight))
    graph.output("y", graph.node("Add", graph.constant(bias), product), np.float32, [1, N_OUT])
    model = graph.model()
    quantize_matmuls(model)
    assert "Add" not in {node.op_type for node in model.graph.node}
    feed = rng.normal(size=(1, N_IN)).astype(np.float32)
    np.testing.assert_allclose(
        run(model, x=feed)[0], integer_product(feed, weight) + bias, rtol=1e-5, atol=1e-5
    )


def test_rows_of_an_embedding_have_a_scale_each(rng: np.random.Generator) -> None:
    # Rows a thousand times larger than others: with one scale for all, small ones would be 0.
    table = (rng.normal(size=(50, 8)) * 10.0 ** rng.integers(-3, 1, (50, 1))).astype(np.float32)
    graph = GraphBuilder("embedding")
    ids = graph.input("ids", np.int64, [1, "n"])
    rows = graph.node("Gather", graph.constant(table, "table"), ids)
    graph.output("y", rows, np.float32, [1, "n", 8])
    model = graph.model()
    quantize_matmuls(model)
    (found,) = run(model, ids=np.arange(50)[None])
    largest = np.abs(table).max(axis=1, keepdims=True)
    # Half a step; a step is at most a 127th of two neighbours' sum.
    assert (np.abs(found[0] - table) <= largest / 127 * (1 + 1e-5)).all()
    assert float_matrices(model) == []


def tied_rows(embedding: FloatArray, head: FloatArray | None = None) -> onnx.ModelProto:
    """A token's row, and its scores against all rows; `head` is stored beside, if given."""
    graph = GraphBuilder("tied")
    token = graph.input("token", np.int64, [1, "n"])
    table = graph.constant(embedding, "embedding")
    x = graph.node("Gather", table, token)
    weight = graph.constant(head, "head") if head is not None else table
    if head is None:
        weight = graph.node("Transpose", graph.node("Identity", table), perm=[1, 0])
    graph.output("x", x, np.float32, [1, "n", embedding.shape[1]])
    graph.output("logits", graph.node("MatMul", x, weight), np.float32, [1, "n", "n_vocab"])
    return graph.model()


@pytest.mark.parametrize("exported_twice", [False, True])
def test_a_tied_head_is_int8_and_stored_once(
    exported_twice: bool, rng: np.random.Generator
) -> None:
    embedding = rng.normal(size=(1000, 64)).astype(np.float32)
    model = tied_rows(embedding, embedding.T if exported_twice else None)
    quantize_matmuls(model)
    large = [array for array in initializers(model.graph).values() if array.size >= 64_000]
    assert [array.dtype for array in large] == [np.int8]
    x, logits = run(model, token=np.array([[7, 999]]))
    values, scales = round_columns(embedding.T)
    np.testing.assert_allclose(x[0], (values * scales).T[[7, 999]], rtol=1e-6)
    np.testing.assert_allclose(logits, integer_product(x, embedding.T), rtol=1e-5, atol=1e-4)


def test_a_matrix_may_be_gathered_along_one_axis_and_multiplied_along_the_other(
    rng: np.random.Generator,
) -> None:
    matrix = rng.normal(size=(16, 16)).astype(np.float32)
    graph = GraphBuilder("rows and columns")
    token = graph.input("token", np.int64, [1])
    table = graph.constant(matrix, "table")
    x = graph.node("Gather", table, token)
    graph.output("y", graph.node("MatMul", x, table), np.float32, [1, 16])
    model = graph.model()
    expected = run(model, token=np.array([3]))[0]
    quantize_matmuls(model)
    found = run(model, token=np.array([3]))[0]
    assert np.std(found - expected) <= 0.03 * np.std(expected)
    assert float_matrices(model) == []


def merged_decoder(rng: np.random.Generator) -> tuple[onnx.ModelProto, FloatArray, FloatArray]:
    """An If with a product in either branch: of a weight around it, and of one of its own."""
    outer, own = (rng.normal(size=(N_IN, N_OUT)).astype(np.float32) for _ in range(2))

    graph = GraphBuilder("merged")
    first = graph.input("first", np.bool_, [])
    x = graph.input("x", np.float32, [1, N_IN])
    graph.constant(outer, "outer")
    h = graph.node("Relu", x)

    def branch(name: str, weight: str, stored: FloatArray | None) -> onnx.GraphProto:
        product = helper.make_node("MatMul", [h, weight], [f"{name}_y"], name=f"{name}_product")
        output = helper.make_tensor_value_info(f"{name}_y", onnx.TensorProto.FLOAT, [1, N_OUT])
        arrays = [] if stored is None else [numpy_helper.from_array(stored, weight)]
        return helper.make_graph([product], name, [], [output], arrays)

    then, otherwise = branch("then", "outer", None), branch("else", "own", own)
    y = graph.node("If", first, then_branch=then, else_branch=otherwise)
    graph.output("y", y, np.float32, [1, N_OUT])
    return graph.model(), outer, own


def test_products_inside_the_branches_of_an_if_are_int8(rng: np.random.Generator) -> None:
    model, outer, own = merged_decoder(rng)
    quantize_matmuls(model)
    assert float_matrices(model) == []
    feed = rng.normal(size=(1, N_IN)).astype(np.float32)
    for first, weight in ((True, outer), (False, own)):
        (y,) = run(model, first=np.array(first), x=feed)
        expected = integer_product(np.maximum(feed, 0), weight)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_a_node_that_is_excluded_stays_float(rng: np.random.Generator) -> None:
    model, (first, _, _) = two_layers(rng)
    product = next(node for node in model.graph.node if node.input[1:2] == ["first"])
    quantize_matmuls(model, exclude={product.name})
    kept = initializers(model.graph)
    np.testing.assert_array_equal(kept["first"], first)
    assert [node.op_type for node in model.graph.node].count("MatMulIntegerToFloat") == 1
    assert product.name in {node.name for node in model.graph.node if node.op_type == "MatMul"}


def test_a_table_with_infinities_is_a_mask_and_no_weight() -> None:
    graph = GraphBuilder("mask")
    ids = graph.input("ids", np.int64, [1])
    mask = np.triu(np.full((4, 4), -np.inf, dtype=np.float32), 1)
    graph.output("y", graph.node("Gather", graph.constant(mask), ids), np.float32, [1, 4])
    model = graph.model()
    quantize_matmuls(model)
    np.testing.assert_array_equal(run(model, ids=np.array([1]))[0], mask[[1]])


def test_one_scale_for_each_column_is_much_better_than_one_for_all(
    rng: np.random.Generator,
) -> None:
    # Columns of very different size, as depthwise and attention weights have them.
    sizes = 10.0 ** rng.uniform(-2, 0, N_OUT)
    weight = (rng.normal(size=(N_IN, N_OUT)) * sizes).astype(np.float32)
    values, scales = round_columns(weight)
    step = np.abs(weight).max() / 127
    of_all = np.rint(weight / step) * step

    def worst_snr_db(rounded: AnyArray) -> float:
        noise = np.square(weight - rounded).sum(axis=0)
        return float((10 * np.log10(np.square(weight).sum(axis=0) / noise)).min())

    assert worst_snr_db(values * scales) > 30
    assert worst_snr_db(of_all) < 10


def test_an_operator_set_without_dynamic_rounding_is_refused(rng: np.random.Generator) -> None:
    model, _ = two_layers(rng)
    model.opset_import[0].version = 10
    with pytest.raises(ModelFileError, match="expected ONNX operator set 11 or later, got 10"):
        quantize_matmuls(model)


def test_two_runs_give_the_same_bytes(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("models")
    for name in ("first", "second"):
        model, _ = two_layers(np.random.default_rng(1))
        quantize_matmuls(model)
        save(model, folder / name)
    assert (folder / "first").read_bytes() == (folder / "second").read_bytes()
