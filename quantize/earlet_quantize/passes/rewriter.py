"""What every pass does: go through the nodes of a graph in order, and write them anew.

    rewriter = Rewriter(model)
    for node in rewriter.source:
        if node.op_type == "Identity":
            rewriter.node("Neg", node.input[0], gives=node.output[0])
        else:
            rewriter.keep(node)
    rewriter.finish()

What is written is named after the values that it gives, so that names stay unique.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from earlet_quantize.graph import ORT_DOMAIN, initializers, prune, replace, store, users
from earlet_quantize.schemes.dynamic import require_opset

FIRST_OPSET = 18  # of a ReduceMax whose axes are an input


class Rewriter:
    """A graph on its way from what it was to what it becomes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Raises ModelFileError when the network's operator set is too old."""
        require_opset(model, FIRST_OPSET)
        self._model = model
        self._nodes: list[onnx.NodeProto] = []
        self.source: Sequence[onnx.NodeProto] = list(model.graph.node)
        self.users = users(model.graph)  # of the graph as it was
        self.outputs = {output.name for output in model.graph.output}
        self.stored = initializers(model.graph)  # arrays by name, to be changed at will

    def keep(self, node: onnx.NodeProto) -> None:
        """Take a node over as it is."""
        self._nodes.append(node)

    def node(
        self,
        op_type: str,
        *inputs: str,
        gives: str | Sequence[str],
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Add an operator with outputs of the names `gives`; returns the first of them."""
        outputs = [gives] if isinstance(gives, str) else list(gives)
        self._nodes.append(
            helper.make_node(op_type, inputs, outputs, name=outputs[0], domain=domain, **attributes)
        )
        return outputs[0]

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Store an array under a name that is the same for equal arrays; returns the name."""
        self.stored[name] = np.asarray(value)
        return name

    def integers(self, *values: int) -> str:
        """Store a shape, axes or bounds, (n,) int64; returns the name."""
        return self.constant(f"integers {' '.join(map(str, values))}", np.array(values, np.int64))

    def is_private(self, name: str) -> bool:
        """Whether this is a stored array that one node uses, so that it may be changed for it."""
        return name in self.stored and len(self.users[name]) == 1

    def finish(self) -> None:
        """Put nodes and arrays into the model, but those that no output depends on.

        Raises:
            onnx.checker.ValidationError: when the graph is not valid ONNX any more.
        """
        graph = self._model.graph
        replace(graph.node, self._nodes)
        store(graph, self.stored)
        prune(graph)
        if ORT_DOMAIN not in {opset.domain for opset in self._model.opset_import}:
            self._model.opset_import.append(helper.make_opsetid(ORT_DOMAIN, 1))
        onnx.checker.check_model(self._model)
