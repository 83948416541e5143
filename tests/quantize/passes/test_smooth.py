"""SmoothQuant: the same network in float, and less lost in int8 where activations have outliers."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.errors import DataError
from earlet_quantize.graph import GraphBuilder, initializers
from earlet_quantize.passes.smooth import channel_maxima, smooth
from earlet_quantize.schemes.dynamic import quantize_matmuls

Runner = Callable[..., list[AnyArray]]

SIZE, N_OUT = 16, 8
OUTLIER = 3  # the channel that is 100 times as large as the others


def network(rng: np.random.Generator, *, norm: bool) -> onnx.ModelProto:
    """Two products of one value, and one of what they give."""
    graph = GraphBuilder("products")
    x = graph.input("x", np.float32, [1, "n", SIZE])
    if norm:
        scale, shift = rng.normal(size=(2, SIZE)).astype(np.float32)
        scale[OUTLIER] = 100
        x = graph.node("LayerNormalization", x, graph.constant(scale), graph.constant(shift))
    first, second = (
        graph.node("MatMul", x, graph.constant(rng.normal(size=(SIZE, N_OUT)).astype(np.float32)))
        for _ in range(2)
    )
    last = graph.constant(rng.normal(size=(N_OUT, N_OUT)).astype(np.float32))
    y = graph.node("MatMul", graph.node("Relu", first), last)
    graph.output("y", graph.node("Add", y, second), np.float32, [1, "n", N_OUT])
    return graph.model()


def clip(rng: np.random.Generator, *, outlier: float) -> FloatArray:
    x = rng.normal(size=(1, 50, SIZE)).astype(np.float32)
    x[..., OUTLIER] *= outlier
    return x


def test_the_largest_magnitude_of_each_channel_is_found(rng: np.random.Generator) -> None:
    model = network(rng, norm=False)
    clips = [clip(rng, outlier=100) for _ in range(3)]
    maxima = channel_maxima(model, ({"x": x} for x in clips))
    np.testing.assert_array_equal(maxima["x"], np.abs(np.concatenate(clips, axis=1)).max((0, 1)))
    first = initializers(model.graph)[model.graph.node[0].input[1]]
    (hidden,) = (name for name in maxima if name != "x")
    largest = np.max([np.maximum(x @ first, 0).max(axis=(0, 1)) for x in clips], axis=0)
    np.testing.assert_allclose(maxima[hidden], largest, rtol=1e-5)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_network_is_the_same_in_float(
    norm: bool, alpha: float, rng: np.random.Generator, expected: Runner, run: Runner
) -> None:
    model = network(rng, norm=norm)
    x = clip(rng, outlier=100)
    (wanted,) = expected(model, x=x)
    smooth(model, channel_maxima(model, [{"x": x}]), alpha=alpha)
    (found,) = run(model, x=x)
    # float32 sums of products that reach some thousands
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted).max() * SIZE)


@pytest.mark.parametrize("norm", [False, True])
def test_outliers_cost_less_in_int8(
    norm: bool, rng: np.random.Generator, expected: Runner, run: Runner
) -> None:
    plain, smoothed = (
        network(np.random.default_rng(1), norm=norm),
        network(np.random.default_rng(1), norm=norm),
    )
    calibration, x = clip(rng, outlier=100), clip(rng, outlier=90)
    (wanted,) = expected(plain, x=x)
    smooth(smoothed, channel_maxima(smoothed, [{"x": calibration}]))
    errors = []
    for model in (plain, smoothed):
        quantize_matmuls(model)
        (found,) = run(model, x=x)
        errors.append(np.std(found - wanted))
    assert errors[1] < 0.6 * errors[0]


def test_a_layer_norm_takes_the_division_over(rng: np.random.Generator) -> None:
    model = network(rng, norm=True)
    before = [node.op_type for node in model.graph.node]
    smooth(model, channel_maxima(model, [{"x": clip(rng, outlier=1)}]))
    after = [node.op_type for node in model.graph.node]
    # One division is left: that of what the Relu gives.
    assert sorted(after) == sorted([*before, "Mul"])


def test_a_layer_norm_that_feeds_others_too_is_left_alone(
    rng: np.random.Generator, expected: Runner, run: Runner
) -> None:
    model = network(rng, norm=True)
    norm = model.graph.node[0]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(norm.output[0], onnx.TensorProto.FLOAT, [1, None, None])
    )
    x = clip(rng, outlier=1)
    wanted = expected(model, x=x)
    smooth(model, channel_maxima(model, [{"x": x}]))
    for found, want in zip(run(model, x=x), wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-3)


def test_excluded_products_stay_as_they_are(rng: np.random.Generator) -> None:
    model = network(rng, norm=False)
    names = [node.name for node in model.graph.node if node.op_type == "MatMul"]
    before = model.SerializeToString()
    smooth(model, channel_maxima(model, [{"x": clip(rng, outlier=1)}]), exclude=names)
    assert model.SerializeToString() == before


def test_a_channel_that_was_silent_in_calibration_gives_finite_weights(
    rng: np.random.Generator,
) -> None:
    model = network(rng, norm=False)
    smooth(model, channel_maxima(model, [{"x": clip(rng, outlier=0)}]))
    assert all(np.isfinite(array).all() for array in initializers(model.graph).values())


def test_calibration_without_examples_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(DataError, match="expected examples, got none"):
        channel_maxima(network(rng, norm=False), [])


def test_an_example_that_overflows_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(DataError, match="not finite"):
        channel_maxima(network(rng, norm=False), [{"x": clip(rng, outlier=np.inf)}])
