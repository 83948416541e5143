"""Bytes by operator, of a graph whose arrays are counted by hand."""

import numpy as np
import pytest

from earlet_quantize.graph import GraphBuilder
from earlet_quantize.measure.size import size


def test_bytes_are_counted_for_the_operator_that_reads_them_in_the_end() -> None:
    rng = np.random.default_rng(0)
    graph = GraphBuilder("two readers")
    x = graph.input("x", np.float32, [1, "n"])
    values = graph.constant(rng.integers(-127, 127, (10, 100)).astype(np.int8))
    weight = graph.node("DequantizeLinear", values, graph.constant(np.float32(0.1)))
    graph.output("y", graph.node("MatMul", x, graph.node("Transpose", weight)), "f4", [1, 10])
    graph.constant(np.zeros(50, dtype=np.float32), "nobody")
    model = graph.model()
    counted = size([model]).by_operator
    assert set(counted) == {"MatMul", "unused"}
    assert counted["MatMul"] == pytest.approx(1_000, abs=60)
    assert counted["unused"] == pytest.approx(200, abs=30)
    assert size([model, model]).total == 2 * len(model.SerializeToString())
