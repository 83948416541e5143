"""Rows of one size: the same network in float, and quiet rows that survive int8."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.passes.row_scale import scale_rows
from earlet_quantize.schemes.dynamic import quantize_matmuls

Runner = Callable[..., list[AnyArray]]

SIZE, N_OUT = 16, 8


@pytest.fixture
def model(rng: np.random.Generator) -> onnx.ModelProto:
    graph = GraphBuilder("products")
    x = graph.input("x", np.float32, [1, "n", SIZE])
    for name, n_in in (("first", SIZE), ("second", N_OUT)):
        weight = graph.constant(rng.normal(size=(n_in, N_OUT)).astype(np.float32), name)
        x = graph.node("MatMul", x, weight)
    graph.output("y", x, np.float32, [1, "n", N_OUT])
    return graph.model()


@pytest.fixture
def x(rng: np.random.Generator) -> FloatArray:
    """Each row ten times as loud as the one before, and one of zeros."""
    loudness = np.array([0, 1e-3, 1e-2, 1e-1, 1, 10], np.float32)[:, None]
    rows: FloatArray = (loudness * rng.normal(size=(1, 6, SIZE))).astype(np.float32)
    return rows


def names(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node if node.op_type == "MatMul"]


def test_the_network_is_the_same_in_float(
    model: onnx.ModelProto, x: FloatArray, expected: Runner, run: Runner
) -> None:
    (wanted,) = expected(model, x=x)
    scale_rows(model, names(model))
    (found,) = run(model, x=x)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)  # of each row's own size
    assert not found[0, 0].any()


def test_quiet_rows_keep_their_precision_in_int8(
    model: onnx.ModelProto, x: FloatArray, expected: Runner, run: Runner
) -> None:
    (wanted,) = expected(model, x=x)
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    quantize_matmuls(plain)
    (lost,) = run(plain, x=x)
    scale_rows(model, names(model))
    quantize_matmuls(model)
    (kept,) = run(model, x=x)
    size = np.abs(wanted[0, 1:]).max(axis=1)
    assert (np.abs(lost - wanted)[0, 1:].max(axis=1) > 0.5 * size)[:2].all()
    assert (np.abs(kept - wanted)[0, 1:].max(axis=1) < 0.05 * size).all()


def test_only_the_products_named_are_scaled(model: onnx.ModelProto) -> None:
    scale_rows(model, names(model)[:1])
    assert [node.op_type for node in model.graph.node].count("Div") == 1
    assert model.graph.node[-1].op_type == "MatMul"
