"""The matrices that a graph stores: which node sees which, and their int8 counterparts.

A node may see a stored matrix under another name (Identity), on its side (Transpose), or from
inside the body of an If or a loop. The same int8 matrix is stored once, however it is seen.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from earlet.arrays import FloatArray
from earlet_quantize.graph import attributes

INT8_MAX = 127  # symmetric about zero: -128 is not used


class Int8Columns(NamedTuple):
    """A matrix as `values * scales`: int8 (k, m) and float32 (m,)."""

    values: npt.NDArray[np.int8]
    scales: FloatArray


class View(NamedTuple):
    """A stored matrix as a node sees it: as it is, or its transpose."""

    scope: "Scope"  # of the graph that stores it
    name: str
    transposed: bool

    @property
    def matrix(self) -> FloatArray:
        """The weights, (rows, columns)."""
        stored = self.scope.stored[self.name]
        return stored.T if self.transposed else stored

    def flipped(self) -> "View":
        """The transpose."""
        return self._replace(transposed=not self.transposed)


class Table(NamedTuple):
    """Names of an int8 matrix and of its scales."""

    values: str
    scales: str


@dataclass
class Scope:
    """A graph, what it stores, and through `outer` what the graphs around it do."""

    graph: onnx.GraphProto
    rounding: Callable[[FloatArray], Int8Columns]
    outer: "Scope | None" = None
    stored: dict[str, FloatArray] = field(init=False)  # vectors and matrices of float32
    views: dict[str, View] = field(init=False)
    # What a value is rounded to already; kept by those who round activations.
    rounded: dict[str, str] = field(default_factory=dict)
    # Nodes on stored arrays alone. onnxruntime computes them once, when it loads the network.
    prepared: list[onnx.NodeProto] = field(default_factory=list)
    _int8: dict[tuple[str, bool], tuple[str, bool]] = field(default_factory=dict)
    _by_content: dict[bytes, tuple[str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored = dict(_stored(self.graph))
        self.views = {name: View(self, name, False) for name in self.stored}
        for node in self.graph.node:
            view = self.view(node.input[0]) if len(node.input) == 1 else None
            if view and node.op_type == "Identity":  # shared weights, as exporters write them
                self.views[node.output[0]] = view
            elif view and node.op_type == "Transpose" and _turns_over(node, view):
                self.views[node.output[0]] = view.flipped()

    def view(self, name: str) -> View | None:
        """The stored array that a value is, if it is one."""
        return self.views.get(name) or (self.outer.view(name) if self.outer else None)

    def is_vector(self, name: str, size: int) -> bool:
        """Whether a value is a stored vector of that size."""
        view = self.view(name)
        return view is not None and view.matrix.shape == (size,)

    def rounded_to(self, name: str) -> str | None:
        """What a value is rounded to already, here or in a graph around."""
        return self.rounded.get(name) or (self.outer.rounded_to(name) if self.outer else None)

    def table(self, view: View, axis: int) -> Table:
        """A matrix of this graph in int8, with a scale for each row (axis 0) or column (axis 1)."""
        by_row = (axis == 0) != view.transposed  # of the matrix as it is stored
        key = (view.name, by_row)
        if key not in self._int8:
            self._int8[key] = self._store(view.name, by_row)
        prefix, is_by_row = self._int8[key]
        # Equal scales run along rows in one and columns in the other: they are each other's side.
        if is_by_row == (axis == 0):
            return Table(f"{prefix}.int8", f"{prefix}.scale")
        turned = f"{prefix}.int8.transposed"
        self._prepare("Transpose", [f"{prefix}.int8"], turned, perm=[1, 0])
        return Table(turned, f"{prefix}.scale")

    def column_of_scales(self, table: Table) -> str:
        """The scales of a table, (n,), as (n, 1); returns the name."""
        shape = f"{table.scales}.shape"
        if all(tensor.name != shape for tensor in self.graph.initializer):
            as_column = np.array([-1, 1], dtype=np.int64)
            self.graph.initializer.append(numpy_helper.from_array(as_column, shape))
        return self._prepare("Reshape", [table.scales, shape], f"{table.scales}.column")

    def _store(self, name: str, by_row: bool) -> tuple[str, bool]:
        """Returns the prefix of the names, and whether it is the rows that have the scales."""
        matrix = self.stored[name]
        values, scales = self.rounding(matrix.T if by_row else matrix)
        content = hashlib.sha256(np.ascontiguousarray(values).tobytes() + scales.tobytes()).digest()
        if content not in self._by_content:
            prefix = f"{name}.by_row" if by_row else name
            self._by_content[content] = (prefix, by_row)
            oriented = np.ascontiguousarray(values.T if by_row else values)
            self.graph.initializer.append(numpy_helper.from_array(oriented, f"{prefix}.int8"))
            self.graph.initializer.append(numpy_helper.from_array(scales, f"{prefix}.scale"))
        return self._by_content[content]

    def _prepare(self, op_type: str, inputs: list[str], output: str, **options: Any) -> str:
        if not any(node.output[0] == output for node in self.prepared):
            self.prepared.append(helper.make_node(op_type, inputs, [output], **options))
        return output


def _stored(graph: onnx.GraphProto) -> Iterator[tuple[str, FloatArray]]:
    tensors = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant" and isinstance(
            tensor := attributes(node).get("value"), onnx.TensorProto
        ):
            tensors.append((node.output[0], tensor))
    for name, tensor in tensors:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) in (1, 2):
            array = numpy_helper.to_array(tensor)
            if np.isfinite(array).all():  # else it is a mask, and no weight
                yield name, array


def _turns_over(transpose: onnx.NodeProto, view: View) -> bool:
    """Whether a Transpose swaps rows and columns: so it does by default, and by perm [1, 0]."""
    return view.matrix.ndim == 2 and attributes(transpose).get("perm", [1, 0]) == [1, 0]
