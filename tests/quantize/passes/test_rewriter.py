"""What all passes have in common."""

import numpy as np
import onnx
import pytest

from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder, initializers
from earlet_quantize.passes.rewriter import Rewriter


@pytest.fixture
def model() -> onnx.ModelProto:
    """y = x W, and again."""
    graph = GraphBuilder("products")
    x = graph.input("x", np.float32, [1, 2])
    for name in ("first", "second"):
        x = graph.node("MatMul", x, graph.constant(np.ones((2, 2), np.float32), name))
    graph.output("y", x, np.float32, [1, 2])
    return graph.model()


def test_keeping_every_node_changes_nothing(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    rewriter = Rewriter(model)
    for node in rewriter.source:
        rewriter.keep(node)
    rewriter.finish()
    assert model.SerializeToString() == before


def test_equal_constants_are_stored_once_and_unused_ones_not(model: onnx.ModelProto) -> None:
    rewriter = Rewriter(model)
    rewriter.integers(7)
    first, second = rewriter.source
    rewriter.node("Reshape", "x", rewriter.integers(2, 1), gives="column")
    rewriter.node("Reshape", "column", rewriter.integers(1, 2), gives="row")
    rewriter.node("Reshape", "row", rewriter.integers(1, 2), gives=first.input[0] + ".again")
    rewriter.node("MatMul", "x.again", "second", gives=second.output[0])
    rewriter.finish()
    assert {*initializers(model.graph)} == {"second", "integers 2 1", "integers 1 2"}


def test_operators_of_onnxruntime_are_declared(model: onnx.ModelProto) -> None:
    del model.opset_import[1:]
    rewriter = Rewriter(model)
    for node in rewriter.source:
        rewriter.keep(node)
    rewriter.finish()
    assert [opset.domain for opset in model.opset_import] == ["", "com.microsoft"]


def test_an_operator_set_that_is_too_old_is_refused(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 17
    with pytest.raises(ModelFileError, match="expected ONNX operator set 18 or later, got 17"):
        Rewriter(model)
