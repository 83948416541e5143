"""Steps and biases of static int8 layers: held to what 16 bits hold, and to ONNX's reference."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import GraphBuilder, initializers, store
from earlet_quantize.schemes.layers import Layer, correct_biases, layers

SIDE, N_IN, N_OUT = 9, 6, 8
CONVOLUTIONS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "of all channels": ((N_OUT, N_IN, 3, 3), {"pads": [1, 1, 1, 1]}),
    "with a step": ((N_OUT, N_IN, 3, 3), {"pads": [0, 0, 1, 1], "strides": [2, 2]}),
    "of an odd number of channels": ((N_OUT, 3, 3, 3), {"group": 2}),
    "of two channels each": ((3, 2, 3, 3), {"group": 3}),
    "of every channel by itself": ((N_IN, 1, 5, 5), {"pads": [2, 2, 2, 2], "group": N_IN}),
}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def convolution(rng: np.random.Generator, kind: str) -> onnx.ModelProto:
    """x (1, 6, 9, 9) -> y; the weights leave no room: most are near the largest."""
    shape, options = CONVOLUTIONS[kind]
    graph = GraphBuilder("convolution")
    x = graph.input("x", np.float32, [1, N_IN, SIDE, SIDE])
    weight = graph.constant(extreme(rng, shape), "weight")
    bias = graph.constant(rng.normal(size=shape[0]).astype(np.float32), "bias")
    y = graph.node("Conv", x, weight, bias, **options)
    graph.output("y", y, np.float32, [1, shape[0], "height", "width"])
    return graph.model()


def product(rng: np.random.Generator, op_type: str, **options: Any) -> onnx.ModelProto:
    """x (1, 6) -> y (1, 8)."""
    shape = (N_OUT, N_IN) if options.get("transB") else (N_IN, N_OUT)
    graph = GraphBuilder("product")
    inputs = [
        graph.input("x", np.float32, [1, N_IN]),
        graph.constant(extreme(rng, shape), "weight"),
    ]
    if op_type == "Gemm":
        inputs.append(graph.constant(rng.normal(size=N_OUT).astype(np.float32), "bias"))
    graph.output("y", graph.node(op_type, *inputs, **options), np.float32, [1, N_OUT])
    return graph.model()


def extreme(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Values of either sign, most of them near 1."""
    return np.asarray(rng.choice([-1, 1], shape) * rng.beta(5, 1, shape), dtype=np.float32)


def rounded(layer: Layer, weight: FloatArray) -> AnyArray:
    """The weight in steps of its scales, the output channels first."""
    by_channel = (weight + layer.error).swapaxes(0, layer.axis)
    steps = by_channel / layer.scales.reshape(-1, *[1] * (weight.ndim - 1))
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    return np.asarray(np.rint(steps), dtype=int)


def only_layer(model: onnx.ModelProto) -> Layer:
    (layer,) = layers(model.graph)
    return layer


@pytest.mark.parametrize("kind", [kind for kind in CONVOLUTIONS if "by itself" not in kind])
def test_no_two_neighbours_of_a_convolution_overflow_16_bits(
    kind: str, rng: np.random.Generator
) -> None:
    model = convolution(rng, kind)
    steps = rounded(only_layer(model), initializers(model.graph)["weight"])
    # onnxruntime multiplies pixel by pixel, and of each the channels in their order.
    magnitude = np.abs(np.moveaxis(steps, 1, -1).reshape(len(steps), -1))
    pairs = magnitude[:, : magnitude.shape[1] // 2 * 2].reshape(len(steps), -1, 2).sum(axis=2)
    assert 255 * pairs.max() <= np.iinfo(np.int16).max
    assert pairs.max(axis=1).min() >= 126  # nor is a step larger than it must be


@pytest.mark.parametrize(
    ("op_type", "options"), [("MatMul", {}), ("Gemm", {}), ("Gemm", {"transB": 1})]
)
def test_no_two_neighbours_of_a_product_overflow_16_bits(
    op_type: str, options: dict[str, int], rng: np.random.Generator
) -> None:
    model = product(rng, op_type, **options)
    steps = rounded(only_layer(model), initializers(model.graph)["weight"])
    pairs = np.abs(steps).reshape(N_OUT, -1, 2).sum(axis=2)
    assert 255 * pairs.max() <= np.iinfo(np.int16).max
    assert pairs.max(axis=1).min() >= 126


def test_a_channel_by_itself_has_no_neighbours_and_takes_all_bits(
    rng: np.random.Generator,
) -> None:
    model = convolution(rng, "of every channel by itself")
    steps = rounded(only_layer(model), initializers(model.graph)["weight"])
    assert (np.abs(steps).reshape(N_IN, -1).max(axis=1) == 127).all()


@pytest.mark.parametrize("kind", [*CONVOLUTIONS, "Gemm", "Gemm transB"])
def test_corrected_biases_give_every_channel_the_mean_that_it_has_in_float(
    kind: str, rng: np.random.Generator
) -> None:
    shape: tuple[int, ...] = (1, N_IN, SIDE, SIDE)
    if kind in CONVOLUTIONS:
        model = convolution(rng, kind)
    else:
        model, shape = product(rng, "Gemm", transB=int("transB" in kind)), (1, N_IN)
    feeds = [{"x": rng.uniform(0, 6, shape).astype(np.float32)} for _ in range(5)]
    layer = only_layer(model)

    def means(weight: FloatArray, bias: FloatArray) -> AnyArray:
        store(model.graph, {"weight": weight, "bias": bias})
        runs = [ReferenceEvaluator(model).run(None, feed)[0] for feed in feeds]
        mean: AnyArray = np.mean(runs, axis=(0, 1, *range(3, len(shape) + 1)))
        return mean

    arrays = initializers(model.graph)
    weight, bias = arrays["weight"], arrays["bias"]
    correct_biases(model, [layer], feeds)
    corrected = initializers(model.graph)["bias"]
    expected, coarse = means(weight, bias), weight + layer.error
    assert np.abs(means(coarse, bias) - expected).max() > 1e-2
    np.testing.assert_allclose(means(coarse, corrected), expected, atol=1e-4)


def test_weights_and_biases_that_others_use_too_are_left_alone(rng: np.random.Generator) -> None:
    graph = GraphBuilder("shared")
    x = graph.input("x", np.float32, [1, N_IN])
    weights = [graph.constant(extreme(rng, (N_IN, N_IN)), name) for name in ("own", "shared")]
    bias = graph.constant(np.ones(N_IN, dtype=np.float32), "bias")
    for name in (weights[0], weights[1], weights[1]):
        x = graph.node("Gemm", x, name, bias)
    graph.output("y", x, np.float32, [1, N_IN])
    model = graph.model()
    found = list(layers(model.graph))
    assert [layer.node.input[1] for layer in found] == ["own"]
    before = model.SerializeToString()
    correct_biases(model, found, [{"x": np.ones((1, N_IN), dtype=np.float32)}])
    assert model.SerializeToString() == before


def test_a_channel_of_zeros_has_steps_of_1(rng: np.random.Generator) -> None:
    model = convolution(rng, "of all channels")
    arrays = initializers(model.graph)
    arrays["weight"] = arrays["weight"].copy()
    arrays["weight"][2] = 0
    store(model.graph, arrays)
    layer = only_layer(model)
    assert layer.scales[2] == 1
    assert not layer.error[2].any()
