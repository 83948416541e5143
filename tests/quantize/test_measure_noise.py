"""Noise layer by layer, held to NumPy and to the sizes of rounding errors."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from earlet.arrays import FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.measure.noise import layer_noise
from earlet_quantize.measure.results import MAX_SNR_DB, LayerNoise
from earlet_quantize.schemes import static
from earlet_quantize.schemes.dynamic import quantize_matmuls

N = 64
RNG = np.random.default_rng(0)
WEIGHTS = [(RNG.normal(size=(N, N)) / 8).astype(np.float32) for _ in range(2)]
BIAS = RNG.normal(size=N).astype(np.float32)
FEEDS = [{"x": RNG.normal(size=(1, 20, N)).astype(np.float32)} for _ in range(3)]


def two_products(first: FloatArray, second: FloatArray) -> onnx.ModelProto:
    """A product with a bias and a ReLU, and one without."""
    graph = GraphBuilder("two")
    x = graph.input("x", np.float32, [1, "n", N])
    x = graph.node("MatMul", x, graph.constant(first, "first"))
    x = graph.node("Relu", graph.node("Add", x, graph.constant(BIAS, "bias")))
    x = graph.node("MatMul", x, graph.constant(second, "second"))
    graph.output("y", x, np.float32, [1, "n", N])
    return graph.model()


PRODUCTS = [node.name for node in two_products(*WEIGHTS).graph.node if node.op_type == "MatMul"]


def computed(first: FloatArray, second: FloatArray, bias: FloatArray = BIAS) -> list[FloatArray]:
    """Both products, over all feeds."""
    x = np.concatenate([feed["x"][0] for feed in FEEDS])
    before = x @ first
    return [before, np.maximum(before + bias, 0) @ second]


def snr_db(expected: FloatArray, found: FloatArray) -> float:
    """(n, channels) of both."""
    signal = expected.var(axis=0).sum() * len(expected)
    return float(10 * np.log10(signal / np.square(expected - found).sum()))


def measured(quantized: onnx.ModelProto) -> list[LayerNoise]:
    return list(layer_noise("network", two_products(*WEIGHTS), quantized, FEEDS))


def test_each_layer_s_ratio_is_that_of_the_powers_over_all_feeds() -> None:
    first = WEIGHTS[0] + (0.001 * RNG.normal(size=(N, N))).astype(np.float32)
    found = measured(two_products(first, WEIGHTS[1]))
    expected = [
        snr_db(a, b) for a, b in zip(computed(*WEIGHTS), computed(first, WEIGHTS[1]), strict=True)
    ]
    assert [(layer.name, layer.op_type) for layer in found] == [(n, "MatMul") for n in PRODUCTS]
    np.testing.assert_allclose([layer.snr_db for layer in found], expected, atol=0.05)


def test_a_layer_adds_what_it_does_not_inherit() -> None:
    first = WEIGHTS[0] + (0.001 * RNG.normal(size=(N, N))).astype(np.float32)
    one, two = measured(two_products(first, WEIGHTS[1]))
    assert one.input_snr_db == MAX_SNR_DB  # the network's own input
    assert one.added == pytest.approx(10 ** (-one.snr_db / 10), rel=1e-6)
    assert two.input_snr_db < 50
    assert two.added < 0.3 * one.added


def test_equal_networks_are_as_equal_as_float32_can_tell() -> None:
    assert {layer.snr_db for layer in measured(two_products(*WEIGHTS))} == {MAX_SNR_DB}
    assert {layer.added for layer in measured(two_products(*WEIGHTS))} == {0.0}


def test_a_product_with_its_bias_folded_in_is_held_to_the_float_sum() -> None:
    quantized = two_products(*WEIGHTS)
    quantize_matmuls(quantized)
    found = measured(quantized)
    assert [layer.name for layer in found] == PRODUCTS
    # Both sides in 8 bits, normal data: a step is a 30th of the spread, an error a 12th of its
    # square: 40 dB for each side, less what neighbours share.
    assert all(30 < layer.snr_db < 45 for layer in found)


def test_a_result_that_is_rounded_counts_as_it_is_read() -> None:
    """With one channel at -1,000 all have steps of 4: it shows in the layer that it happens in."""
    bias = BIAS.copy()
    bias[0] = -1_000
    graph = GraphBuilder("coarse")
    x = graph.input("x", np.float32, [1, 20, N])
    x = graph.node(
        "Conv",
        graph.node("Transpose", x, perm=[0, 2, 1]),
        graph.constant(WEIGHTS[0][:, :, None], "kernel"),
        graph.constant(bias, "bias"),
    )
    graph.output("y", graph.node("Transpose", x, perm=[0, 2, 1]), np.float32, [1, 20, N])
    reference = static.prepare(graph.model())
    quantized = static.quantize(reference, FEEDS)
    (found,) = layer_noise("network", reference, quantized, FEEDS)
    # The others vary by 1; the error of a step of 1,000 / 255 is a 12th of its square.
    assert found.snr_db == pytest.approx(10 * np.log10(1 / ((1000 / 255) ** 2 / 12)), abs=1)


def test_with_a_single_sample_of_each_channel_all_of_it_is_signal() -> None:
    graph = GraphBuilder("one")
    x = graph.input("x", np.float32, [1, N])
    y = graph.node("MatMul", x, graph.constant(WEIGHTS[0]))
    graph.output("y", y, np.float32, [1, N])
    model = graph.model()
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    tensor = numpy_helper.from_array(
        WEIGHTS[0] * np.float32(1.1), changed.graph.initializer[0].name
    )
    changed.graph.initializer[0].CopyFrom(tensor)
    (found,) = layer_noise("network", model, changed, [{"x": FEEDS[0]["x"][0, :1]}])
    assert found.snr_db == pytest.approx(20, abs=0.01)


def test_numbers_that_are_none_are_the_worst_noise() -> None:
    found = measured(two_products(WEIGHTS[0] * np.float32(np.nan), WEIGHTS[1]))
    assert {layer.snr_db for layer in found} == {-MAX_SNR_DB}


def test_what_the_engine_refuses_is_told_in_one_line() -> None:
    model = two_products(*WEIGHTS)
    with pytest.raises(
        ModelFileError, match=r"two: cannot be looked into: .*Got invalid dimensions"
    ):
        layer_noise("network", model, model, [{"x": np.zeros((1, 1, N + 1), dtype=np.float32)}])


def test_layers_inside_of_branches_are_passed_over() -> None:
    branch = [
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "inner"], [name], name=f"{name} product")],
            name,
            [],
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)],
            [numpy_helper.from_array(WEIGHTS[0], "inner")],
        )
        for name in ("then", "else")
    ]
    graph = GraphBuilder("branches")
    first = graph.input("first", np.bool_, [])
    x = graph.input("x", np.float32, [1, "n", N])
    y = graph.node("If", first, then_branch=branch[0], else_branch=branch[1])
    y = graph.node("MatMul", y, graph.constant(WEIGHTS[1]))
    graph.output("y", y, np.float32, [1, "n", N])
    model = graph.model()
    feed = {"first": np.array(True), x: FEEDS[0]["x"]}
    (found,) = layer_noise("network", model, model, [feed])
    assert found.name == model.graph.node[1].name
