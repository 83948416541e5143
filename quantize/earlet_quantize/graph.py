"""Writing ONNX graphs node by node, and small changes to those that exist.

A network whose published graph is cluttered is often read most easily when it is written again from
its weights. `GraphBuilder` keeps such code close to the formulas:

    graph = GraphBuilder("halve")
    waveform = graph.input("waveform", np.float32, [1, "n_samples"])
    half = graph.node("Mul", waveform, graph.constant(np.float32(0.5)))
    graph.output("half", half, np.float32, [1, "n_samples"])
    model = graph.model()
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from earlet.arrays import AnyArray

# Both are read by onnxruntime 1.20; operator set 20 is the first with Gelu.
OPSET = 20
IR_VERSION = 9
STANDARD_DOMAINS = ("", "ai.onnx")  # two spellings of ONNX's own operators
ORT_DOMAIN = "com.microsoft"  # operators beyond ONNX that onnxruntime has on every CPU

Shape = Sequence[int | str]  # a string names a dimension that is known only at run time


class GraphBuilder:
    """One ONNX graph, written from its inputs to its outputs. A value is known by its name."""

    def __init__(self, name: str) -> None:
        self._graph = onnx.GraphProto(name=name)
        self._output_names: dict[str, str] = {}  # by the value that each shows
        self._modules: set[str] = set()  # names that callers gave to constants

    def input(self, name: str, dtype: npt.DTypeLike, shape: Shape) -> str:
        """Declare an input of the graph; returns its name."""
        self._graph.input.append(_value_info(name, dtype, shape))
        return name

    def constant(self, value: npt.ArrayLike, name: str = "") -> str:
        """Store an array in the graph; returns its name.

        A name says which part of the network the array is of, "encoder.layers.0.fc1"; nodes that
        use it are called after it.
        """
        if name:
            self._modules.add(name)
        name = name or f"constant_{len(self._graph.initializer)}"
        array = np.ascontiguousarray(value).reshape(np.shape(value))  # keeps a scalar a scalar
        self._graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> str:
        """Store a shape, axes or paddings, (n,) int64; returns the name."""
        return self.constant(np.array(values, dtype=np.int64))

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Apply an operator that has one output; returns the name of its result.

        An input that the operator allows to be absent is passed as "".
        """
        return self.nodes(op_type, *inputs, n_outputs=1, domain=domain, **attributes)[0]

    def nodes(
        self, op_type: str, *inputs: str, n_outputs: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Apply an operator that has several outputs; returns their names."""
        name = f"{op_type}_{len(self._graph.node)}"
        if module := next((value for value in inputs if value in self._modules), ""):
            name = f"{module}/{name}"
        outputs = [f"{name}.{i}" for i in range(n_outputs)]
        self._graph.node.append(
            helper.make_node(op_type, inputs, outputs, name=name, domain=domain, **attributes)
        )
        return outputs

    def output(self, name: str, value: str, dtype: npt.DTypeLike, shape: Shape) -> None:
        """Make the result of a node an output of the graph, under a name of its own."""
        self._graph.output.append(_value_info(name, dtype, shape))
        self._output_names[value] = name

    def model(self) -> onnx.ModelProto:
        """The finished model, checked.

        Raises:
            onnx.checker.ValidationError: when the graph is not valid ONNX.
        """
        rename(self._graph, self._output_names)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ORT_DOMAIN, 1)]
        model = helper.make_model(
            self._graph, producer_name="earlet", opset_imports=opsets, ir_version=IR_VERSION
        )
        onnx.checker.check_model(model)
        return model


def _value_info(name: str, dtype: npt.DTypeLike, shape: Shape) -> onnx.ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, element, list(shape))


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and, depth first, those inside it: the branches of an `If`, the bodies of loops."""
    yield graph
    for node in graph.node:
        for body in bodies(node):
            yield from graphs(body)


def bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that are attributes of a node: branches of an `If`, the body of a loop."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def uses(node: onnx.NodeProto) -> Iterator[str]:
    """The values that a node reads, once for each time; its bodies may read values around it."""
    yield from node.input
    for body in bodies(node):
        for inner in body.node:
            yield from uses(inner)
        yield from (output.name for output in body.output)


def initializers(graph: onnx.GraphProto) -> dict[str, AnyArray]:
    """The arrays that a graph stores, by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def store(graph: onnx.GraphProto, arrays: Mapping[str, AnyArray]) -> None:
    """Make these the arrays that a graph stores, all others gone."""
    replace(graph.initializer, (numpy_helper.from_array(a, name) for name, a in arrays.items()))


def users(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read each value, by its name; see `uses`."""
    found: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in uses(node):
            found[name].append(node)
    return found


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The values of a node's attributes, by name; those that it leaves out are not there."""
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give values of a graph other names, wherever they occur."""
    for inner in graphs(graph):
        for value in [*inner.input, *inner.output, *inner.value_info, *inner.initializer]:
            value.name = names.get(value.name, value.name)
        for node in inner.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]


def prune(graph: onnx.GraphProto) -> None:
    """Remove the nodes, stored arrays and inputs that no output of the graph depends on.

    Bodies of the nodes that stay are pruned, too, but for their inputs, which are counted.
    """
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):  # ONNX demands topological order: users come after
        if needed.intersection(node.output):
            for body in bodies(node):
                inputs = list(body.input)
                prune(body)
                replace(body.input, inputs)
            needed.update(uses(node))
            kept.append(node)
    replace(graph.node, reversed(kept))
    replace(graph.initializer, [i for i in graph.initializer if i.name in needed])
    replace(graph.input, [i for i in graph.input if i.name in needed])
    replace(graph.value_info, [i for i in graph.value_info if i.name in needed])


def tidy(model: onnx.ModelProto) -> None:
    """Drop what tells of the machine that exported a network, and not of the network; in place."""
    model.producer_name, model.producer_version, model.doc_string = "earlet", "", ""
    model.ir_version = min(model.ir_version, IR_VERSION)
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = ""
    for item in (*model.graph.node, *model.graph.input, *model.graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.DEFAULT:
            tensor.ClearField("data_location")  # the default, written out where it was loaded


def replace(field: Any, items: Iterable[Any]) -> None:
    """Fill a repeated protobuf field, such as `graph.node`, with other items."""
    kept = list(items)
    del field[:]
    field.extend(kept)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write a model; equal models give equal bytes."""
    path.write_bytes(model.SerializeToString(deterministic=True))
