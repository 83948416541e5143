"""How many bytes networks have, and which operators their arrays are for."""

from collections import Counter
from collections.abc import Iterable

import onnx

from earlet_quantize.graph import graphs, uses
from earlet_quantize.measure.results import Size


def size(models: Iterable[onnx.ModelProto]) -> Size:
    """The size of a bundle's networks together."""
    total = 0
    by_operator: Counter[str] = Counter()
    for model in models:
        total += model.ByteSize()
        readers = _readers(model)
        for graph in graphs(model.graph):
            for tensor in graph.initializer:
                by_operator[readers.get(tensor.name, "unused")] += tensor.ByteSize()
    return Size(total=total, by_operator=dict(by_operator.most_common()))


def _readers(model: onnx.ModelProto) -> dict[str, str]:
    """The operator that each stored array is for, by the array's name.

    Nodes that read nothing but stored arrays only prepare them, as a DequantizeLinear does that
    stands before a convolution: the array is for whoever reads what they give.
    """
    prepared: dict[str, tuple[str, ...]] = {  # value -> the arrays that it is made of
        tensor.name: (tensor.name,) for graph in graphs(model.graph) for tensor in graph.initializer
    }
    readers: dict[str, str] = {}
    for graph in graphs(model.graph):
        for node in graph.node:
            read = [name for name in uses(node) if name]
            arrays = tuple(array for name in read for array in prepared.get(name, ()))
            if all(name in prepared for name in read):
                prepared.update(dict.fromkeys(node.output, arrays))
            else:
                for array in arrays:
                    readers.setdefault(array, node.op_type)
    return readers
