"""Averages of whole pictures: the same network in float, and one that works in int8."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.passes.pooling import pool_globally
from earlet_quantize.schemes import static

Runner = Callable[..., list[AnyArray]]
SIDE = 7
BEYOND = {  # a window larger than the picture, as transformers' EfficientNets have it
    "kernel_shape": [100, 100],
    "strides": [100, 100],
    "ceil_mode": 1,
    "count_include_pad": 1,
}


def network(rng: np.random.Generator, **pooling: Any) -> onnx.ModelProto:
    """Pictures of any size -> a convolution -> averages, the largest -> two numbers."""
    graph = GraphBuilder("pooling")
    x = graph.input("features", np.float32, [1, 3, "height", "width"])
    kernel = rng.normal(size=(8, 3, 1, 1)).astype(np.float32)
    x = graph.node("Relu", graph.node("Conv", x, graph.constant(kernel, "kernel")))
    x = graph.node("GlobalMaxPool", graph.node("AveragePool", x, **pooling))
    weight = graph.constant(rng.normal(size=(8, 2)).astype(np.float32), "weight")
    y = graph.node("MatMul", graph.node("Flatten", x), weight)
    graph.output("logits", y, np.float32, [1, 2])
    return graph.model()


@pytest.fixture
def pictures(rng: np.random.Generator) -> list[FloatArray]:
    return [rng.normal(size=(1, 3, SIDE, SIDE)).astype(np.float32) for _ in range(4)]


@pytest.mark.parametrize("pooling", [{"kernel_shape": [SIDE, SIDE]}, BEYOND])
def test_an_average_of_everything_is_the_same_in_float(
    pooling: dict[str, object],
    rng: np.random.Generator,
    pictures: list[FloatArray],
    run: Runner,
) -> None:
    model = network(rng, **pooling)
    (wanted,) = run(model, features=pictures[0])
    pool_globally(model, {"features": pictures[0]})
    assert "AveragePool" not in [node.op_type for node in model.graph.node]
    np.testing.assert_allclose(run(model, features=pictures[0])[0], wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "pooling",
    [
        {"kernel_shape": [3, SIDE]},
        {"kernel_shape": [SIDE, SIDE], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [SIDE, SIDE], "auto_pad": "SAME_UPPER"},
    ],
)
def test_other_averages_stay(
    pooling: dict[str, object], rng: np.random.Generator, pictures: list[FloatArray]
) -> None:
    model = network(rng, **pooling)
    before = model.SerializeToString()
    pool_globally(model, {"features": pictures[0]})
    assert model.SerializeToString() == before


def test_a_window_larger_than_the_picture_survives_int8(
    rng: np.random.Generator, pictures: list[FloatArray], run: Runner
) -> None:
    model = network(rng, **BEYOND)
    feeds = [{"features": picture} for picture in pictures]
    wanted = np.array([run(model, **feed)[0][0] for feed in feeds])
    quantized = static.quantize(static.prepare(model), feeds)
    found = np.array([run(quantized, **feed)[0][0] for feed in feeds])
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()
