"""Layer norms as instance norms, held to ONNX's reference implementation of LayerNormalization."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.passes.instance_norm import norms_by_instance

Runner = Callable[..., list[AnyArray]]

SIZE, N_OUT = 16, 6
TOLERANCE = 1e-5  # float32 sums of 16 products of normal numbers


class Graph(GraphBuilder):
    """Random arrays, and norms and products with them."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__("norms")
        self._rng = rng

    def random(self, *shape: int) -> str:
        return self.constant(self._rng.normal(size=shape).astype(np.float32))

    def norm(self, x: str, *, bias: bool, **attributes: Any) -> str:
        arrays = [self.random(SIZE) for _ in range(1 + bias)]
        return self.node("LayerNormalization", x, *arrays, **attributes)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def check(
    model: onnx.ModelProto, shape: tuple[int, ...], run: Runner, expected: Runner
) -> list[str]:
    """The network computes the same without layer norms; returns its operators."""
    x = np.random.default_rng(1).normal(3, 5, size=shape).astype(np.float32)
    wanted = expected(model, x=x)
    norms_by_instance(model)
    assert "LayerNormalization" not in operators(model)
    for found, want in zip(run(model, x=x), wanted, strict=True):
        np.testing.assert_allclose(found, want, atol=TOLERANCE)
    return operators(model)


@pytest.mark.parametrize("shape", [(4, SIZE), (1, 4, SIZE), (2, 3, 4, SIZE)])
@pytest.mark.parametrize("bias", [False, True])
def test_a_norm_by_itself_keeps_its_result(
    shape: tuple[int, ...], bias: bool, rng: np.random.Generator, run: Runner, expected: Runner
) -> None:
    graph = Graph(rng)
    x = graph.input("x", np.float32, shape)
    graph.output("y", graph.norm(x, bias=bias, epsilon=0.1), np.float32, shape)
    found = check(graph.model(), shape, run, expected)
    assert found.count("Mul") == 1
    assert found.count("Add") == bias


def test_scale_and_bias_go_into_the_products_that_follow(
    rng: np.random.Generator, run: Runner, expected: Runner
) -> None:
    graph = Graph(rng)
    x = graph.input("x", np.float32, [1, "n", SIZE])
    h = graph.norm(x, bias=True)
    with_bias = graph.node(
        "Add", graph.random(N_OUT), graph.node("MatMul", h, graph.random(SIZE, N_OUT))
    )
    without = graph.node("MatMul", h, graph.random(SIZE, N_OUT))
    graph.output("with_bias", with_bias, np.float32, [1, "n", N_OUT])
    graph.output("without", graph.node("Gelu", without), np.float32, [1, "n", N_OUT])
    found = check(graph.model(), (1, 5, SIZE), run, expected)
    assert "Mul" not in found
    assert found.count("Add") == 2  # one is new: a product without a bias got one


def test_without_a_bias_no_addition_is_made(
    rng: np.random.Generator, run: Runner, expected: Runner
) -> None:
    graph = Graph(rng)
    x = graph.input("x", np.float32, [1, "n", SIZE])
    y = graph.node("MatMul", graph.norm(x, bias=False), graph.random(SIZE, N_OUT))
    graph.output("y", y, np.float32, [1, "n", N_OUT])
    assert not {"Add", "Mul"} & set(check(graph.model(), (1, 5, SIZE), run, expected))


def test_a_matrix_that_others_use_is_left_alone(
    rng: np.random.Generator, run: Runner, expected: Runner
) -> None:
    graph = Graph(rng)
    x = graph.input("x", np.float32, [1, "n", SIZE])
    shared = graph.random(SIZE, SIZE)
    y = graph.node("MatMul", graph.norm(x, bias=True), shared)
    graph.output("y", graph.node("MatMul", y, shared), np.float32, [1, "n", SIZE])
    assert "Mul" in check(graph.model(), (1, 5, SIZE), run, expected)


def test_a_bias_that_others_use_is_left_alone(
    rng: np.random.Generator, run: Runner, expected: Runner
) -> None:
    graph = Graph(rng)
    x = graph.input("x", np.float32, [1, "n", SIZE])
    shared = graph.random(SIZE)
    y = graph.node(
        "Add", graph.node("MatMul", graph.norm(x, bias=True), graph.random(SIZE, SIZE)), shared
    )
    graph.output("y", graph.node("Mul", y, shared), np.float32, [1, "n", SIZE])
    check(graph.model(), (1, 5, SIZE), run, expected)


def test_a_norm_over_other_axes_stays(rng: np.random.Generator) -> None:
    graph = Graph(rng)
    x = graph.input("x", np.float32, [1, 4, SIZE])
    y = graph.node("LayerNormalization", x, graph.random(4, SIZE), axis=1)
    graph.output("y", y, np.float32, [1, 4, SIZE])
    model = graph.model()
    norms_by_instance(model)
    assert operators(model) == ["LayerNormalization"]
