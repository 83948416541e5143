"""The weights of a network by module, `layers.0.fc1.weight`, whatever form its ONNX file has.

Exporters keep the names of most arrays, and lose those of the matrices of products
(`onnx::MatMul_603`): such a matrix is found by the node that uses it, for `/layers.0/fc1/MatMul` is
what module `layers.0.fc1` does. What happened to the file later is undone: merged branches
(`..._merged_0`), equal arrays stored once (`Identity`), and onnxruntime's int8 form
(`..._quantized` with `_scale` and `_zero_point`).
"""

from collections.abc import Mapping

import numpy as np
import onnx

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.errors import FolderError, ModelFileError
from earlet_quantize.graph import graphs, initializers

Weights = Mapping[str, FloatArray]
Shapes = Mapping[str, tuple[int, ...]]

NAMELESS = "::"  # in the names that the exporter made up
MERGED, INT8, SCALE, ZERO = "_merged_0", "_quantized", "_scale", "_zero_point"


def weights_by_module(graph: onnx.GraphProto) -> dict[str, FloatArray]:
    """All arrays that the graph and its branches store, as float32.

    Matrices are (n_in, n_out), as products take them; kernels of convolutions (n_out, n_in, width).

    Raises:
        ModelFileError: when an int8 array has no scale or zero point.
    """
    stored: dict[str, AnyArray] = {}
    for part in graphs(graph):
        stored |= initializers(part)
    weights = {_module_name(name): array for name, array in _floats(stored).items()}
    for node in (node for part in graphs(graph) for node in part.node):
        for name in map(_module_name, node.input):
            if name not in weights:
                continue
            if node.op_type == "Identity":
                weights.setdefault(_module_name(node.output[0]), weights[name])
            elif NAMELESS in name and weights[name].ndim:
                module = _module_of(node)
                part = "bias" if module and node.op_type == "Add" else "weight"
                weights.setdefault(f"{module}.{part}".lstrip("."), weights[name])
    return {name: array for name, array in weights.items() if NAMELESS not in name}


def select(weights: Weights, shapes: Shapes) -> Weights:
    """Just the weights that a network has.

    Raises:
        FolderError: when one is missing or has another shape.
    """
    for name, shape in shapes.items():
        if name not in weights:
            raise FolderError(f"the network has no weight {name!r}; export it again with its names")
        if weights[name].shape != shape:
            raise FolderError(f"{name}: expected {shape}, got {weights[name].shape}")
    return {name: weights[name] for name in shapes}


def _floats(stored: Mapping[str, AnyArray]) -> dict[str, FloatArray]:
    floats = {}
    for name, array in stored.items():
        if array.dtype in (np.float32, np.float16):
            floats[name] = array.astype(np.float32)
        elif name.endswith(INT8):
            base = name.removesuffix(INT8)
            try:
                floats[base] = _dequantize(array, stored[base + SCALE], stored[base + ZERO])
            except (KeyError, ValueError) as problem:
                raise ModelFileError(
                    f"{name}: expected a scale and a zero point that fit it: {problem}"
                ) from None
    scales = {name.removesuffix(INT8) + SCALE for name in stored if name.endswith(INT8)}
    return {name: array for name, array in floats.items() if name not in scales}


def _dequantize(values: AnyArray, scale: AnyArray, zero: AnyArray) -> FloatArray:
    """Columns of a matrix and kernels of a convolution may have a scale each.

    Exporters for the web store kernels with a float in place of the zero point, which is added.
    """
    if scale.size > 1 and values.ndim > 2:
        scale, zero = (part.reshape(-1, *[1] * (values.ndim - 1)) for part in (scale, zero))
    floats = values.astype(np.float32)
    result: FloatArray = (
        floats * scale + zero if zero.dtype == np.float32 else (floats - zero) * scale
    )
    return result.astype(np.float32)


def _module_name(name: str) -> str:
    return name.removesuffix(INT8).removesuffix(MERGED)


def _module_of(node: onnx.NodeProto) -> str:
    """`/layers.0/fc1/MatMul` -> `layers.0.fc1`."""
    path, _, _ = str(node.name).lstrip("/").rpartition("/")
    return path.replace("/", ".")
