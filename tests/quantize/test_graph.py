"""Graphs written by hand, held to ONNX's own checker and reference implementation."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from earlet.arrays import AnyArray
from earlet_quantize.graph import (
    IR_VERSION,
    OPSET,
    GraphBuilder,
    graphs,
    initializers,
    prune,
    rename,
)


def halved_and_shifted() -> GraphBuilder:
    """y = x / 2 + 1, and an array and a node that lead nowhere."""
    graph = GraphBuilder("halve")
    x = graph.input("x", np.float32, [1, "n"])
    half = graph.node("Mul", x, graph.constant(np.float32(0.5)))
    graph.node("Neg", graph.node("Abs", half))
    graph.constant(np.zeros(1000, dtype=np.float32), "unused")
    graph.output("y", graph.node("Add", half, graph.constant(np.float32(1))), np.float32, [1, "n"])
    return graph


def test_a_built_graph_computes_what_was_written() -> None:
    model = halved_and_shifted().model()
    x = np.array([[2.0, 4.0, 6.0]], dtype=np.float32)
    for run in (
        ReferenceEvaluator(model).run,
        onnxruntime.InferenceSession(model.SerializeToString()).run,
    ):
        np.testing.assert_array_equal(run(None, {"x": x})[0], [[2.0, 3.0, 4.0]])


def test_an_operator_may_have_several_outputs_and_absent_inputs() -> None:
    graph = GraphBuilder("split and clip")
    x = graph.input("x", np.float32, [4])
    first, second = graph.nodes("Split", x, n_outputs=2, axis=0, num_outputs=2)
    graph.output("first", graph.node("Clip", first, "", graph.constant(np.float32(0))), "f4", [2])
    graph.output("second", second, np.float32, [2])
    results = ReferenceEvaluator(graph.model()).run(
        None, {"x": np.array([-1, 1, 2, 3], np.float32)}
    )
    np.testing.assert_array_equal(results, [[-1, 0], [2, 3]])


def test_constants_keep_their_shape_and_type() -> None:
    graph = GraphBuilder("constants")
    arrays: dict[str, AnyArray] = {
        "scalar": np.array(3, dtype=np.float32),
        "axes": np.array([1, 2]),
        "transposed": np.arange(6, dtype=np.int8).reshape(2, 3).T,
    }
    for name, array in arrays.items():
        graph.output(
            f"{name}_out",
            graph.node("Identity", graph.constant(array, name)),
            array.dtype,
            array.shape,
        )
    stored = initializers(graph.model().graph)
    for name, array in arrays.items():
        np.testing.assert_array_equal(stored[name], array, strict=True)


def test_a_graph_that_is_not_valid_is_refused() -> None:
    graph = GraphBuilder("no such operator")
    x = graph.input("x", np.float32, [1])
    graph.output("y", graph.node("Halve", x), np.float32, [1])
    with pytest.raises(onnx.checker.ValidationError, match="Halve"):
        graph.model()


def test_pruning_leaves_only_what_outputs_need() -> None:
    model = halved_and_shifted().model()
    assert {node.op_type for node in model.graph.node} == {"Mul", "Abs", "Neg", "Add"}
    prune(model.graph)
    assert [node.op_type for node in model.graph.node] == ["Mul", "Add"]
    assert sorted(array.size for array in initializers(model.graph).values()) == [1, 1]
    onnx.checker.check_model(model)


def test_pruning_drops_an_input_that_nothing_uses() -> None:
    graph = GraphBuilder("two inputs")
    x = graph.input("x", np.float32, [1])
    graph.input("sample_rate", np.int64, [])
    graph.output("y", graph.node("Neg", x), np.float32, [1])
    model = graph.model()
    prune(model.graph)
    assert [value.name for value in model.graph.input] == ["x"]


def test_renaming_reaches_every_place_of_a_name() -> None:
    model = halved_and_shifted().model()
    rename(model.graph, {"x": "waveform", "y": "halved"})
    onnx.checker.check_model(model)
    (result,) = ReferenceEvaluator(model).run(["halved"], {"waveform": np.array([[4]], np.float32)})
    np.testing.assert_array_equal(result, [[3]])


def test_models_are_readable_by_the_oldest_onnxruntime_supported() -> None:
    # onnxruntime 1.20 was built with ONNX 1.16: operator set 21, format 10.
    assert OPSET <= 21
    assert IR_VERSION <= 10


def test_graphs_inside_graphs_are_found_depth_first() -> None:
    def graph(name: str, **attributes: Any) -> onnx.GraphProto:
        return helper.make_graph([helper.make_node("Op", [], [], **attributes)], name, [], [])

    inner = graph("a", then_branch=graph("b"))
    outer = graph("outer", body=inner, bodies=[graph("c"), graph("d")], axis=1)
    assert [g.name for g in graphs(outer)] == ["outer", "c", "d", "a", "b"]
