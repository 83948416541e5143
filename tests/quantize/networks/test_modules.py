"""Weights by module, from graphs as exporters write them, reduced to what matters."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from earlet.arrays import AnyArray
from earlet_quantize.networks.modules import weights_by_module

KERNEL = np.arange(-6, 6, dtype=np.int8).reshape(2, 2, 3)


def exported(nodes: list[onnx.NodeProto], arrays: dict[str, AnyArray]) -> onnx.GraphProto:
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    return helper.make_graph(nodes, "exported", [], [], stored)


def test_nameless_arrays_are_named_after_the_nodes_that_use_them() -> None:
    matrix, scale, shift = np.eye(2, dtype=np.float32), *np.ones((2, 2), np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["y"], name="/layers.0/fc1/MatMul"),
        helper.make_node("Mul", ["y", "onnx::Mul_8"], ["z"], name="/groupnorm/Mul"),
        helper.make_node("Add", ["z", "onnx::Add_9"], ["w"], name="/groupnorm/Add"),
    ]
    arrays = {"onnx::MatMul_7": matrix, "onnx::Mul_8": scale, "onnx::Add_9": shift}
    weights = weights_by_module(exported(nodes, arrays))
    assert weights.keys() == {"layers.0.fc1.weight", "groupnorm.weight", "groupnorm.bias"}
    np.testing.assert_array_equal(weights["layers.0.fc1.weight"], matrix)


def test_a_zero_point_is_subtracted_before_scaling() -> None:
    arrays: dict[str, AnyArray] = {
        "conv.weight_quantized": KERNEL,
        "conv.weight_scale": np.array([0.5, 2], np.float32),  # of each output channel
        "conv.weight_zero_point": np.array([1, -1], np.int8),
    }
    found = weights_by_module(exported([], arrays))["conv.weight"]
    np.testing.assert_array_equal(found[0], (KERNEL[0] - 1.0) * 0.5)
    np.testing.assert_array_equal(found[1], (KERNEL[1] + 1.0) * 2)


def test_a_float_in_its_place_is_added_after_scaling() -> None:
    arrays: dict[str, AnyArray] = {
        "conv.weight_quantized": KERNEL,
        "conv.weight_scale": np.array([0.5], np.float32),
        "conv.weight_zero_point": np.array([0.25], np.float32),
    }
    found = weights_by_module(exported([], arrays))["conv.weight"]
    np.testing.assert_array_equal(found, KERNEL * 0.5 + 0.25)
