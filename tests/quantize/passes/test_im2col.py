"""Convolutions written out as products, held to ONNX's reference implementation of Conv."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.passes.im2col import convolutions_as_products

Runner = Callable[..., list[AnyArray]]

N_IN, N_OUT = 3, 5
TOLERANCE = 1e-5  # float32 sums of some tens of products of normal numbers


def two_convolutions(rng: np.random.Generator, **attributes: Any) -> onnx.ModelProto:
    """Channels last to channels last, as networks for sound have them."""
    graph = GraphBuilder("convolutions")
    x = graph.input("x", np.float32, ["batch", "n", N_IN])
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    for n_in in (N_IN, N_OUT):
        kernel = graph.constant(rng.normal(size=(N_OUT, n_in, 3)).astype(np.float32))
        bias = graph.constant(rng.normal(size=N_OUT).astype(np.float32))
        x = graph.node("Gelu", graph.node("Conv", x, kernel, bias, **attributes))
    graph.output("y", graph.node("Transpose", x, perm=[0, 2, 1]), np.float32, ["batch", "m", N_OUT])
    return graph.model()


def one_convolution(rng: np.random.Generator, width: int, **attributes: Any) -> onnx.ModelProto:
    graph = GraphBuilder("convolution")
    x = graph.input("x", np.float32, [1, N_IN, "n"])
    kernel = graph.constant(rng.normal(size=(N_OUT, N_IN, width)).astype(np.float32), "kernel")
    graph.output("y", graph.node("Conv", x, kernel, **attributes), np.float32, [1, N_OUT, "m"])
    return graph.model()


@pytest.mark.parametrize("n", [7, 8, 9, 10, 40])
@pytest.mark.parametrize(
    ("width", "stride", "pads"),
    [
        (1, 1, [0, 0]),
        (3, 1, [1, 1]),  # Whisper's first
        (3, 2, [1, 1]),  # and second
        (7, 3, [0, 0]),  # Moonshine's second
        (3, 2, [0, 0]),  # and third
        (6, 3, [0, 0]),  # windows of whole rows
        (2, 3, [0, 0]),  # windows with gaps between them
        (5, 2, [0, 3]),
        (5, 4, [2, 0]),
    ],
)
def test_every_shape_of_window_gives_what_conv_gives(
    width: int,
    stride: int,
    pads: list[int],
    n: int,
    rng: np.random.Generator,
    expected: Runner,
    run: Runner,
) -> None:
    model = one_convolution(rng, width, strides=[stride], pads=pads)
    x = rng.normal(size=(1, N_IN, n)).astype(np.float32)
    (wanted,) = expected(model, x=x)
    convolutions_as_products(model)
    assert "Conv" not in {node.op_type for node in model.graph.node}
    (found,) = run(model, x=x)
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)


def test_a_chain_stays_channels_last_and_keeps_no_transpose(
    rng: np.random.Generator, expected: Runner, run: Runner
) -> None:
    model = two_convolutions(rng, strides=[2], pads=[1, 1])
    x = rng.normal(size=(2, 21, N_IN)).astype(np.float32)
    (wanted,) = expected(model, x=x)
    convolutions_as_products(model)
    assert not {"Conv", "Transpose"} & {node.op_type for node in model.graph.node}
    (found,) = run(model, x=x)
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)


def test_a_value_that_is_also_an_output_keeps_its_order(
    rng: np.random.Generator, expected: Runner, run: Runner
) -> None:
    model = two_convolutions(rng)
    (between,) = (node.output[0] for node in model.graph.node[2:3])
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(between, onnx.TensorProto.FLOAT, [1, None, None])
    )
    x = rng.normal(size=(1, 12, N_IN)).astype(np.float32)
    wanted = expected(model, x=x)
    convolutions_as_products(model)
    for found, want in zip(run(model, x=x), wanted, strict=True):
        np.testing.assert_allclose(found, want, atol=TOLERANCE)


@pytest.mark.parametrize("attributes", [{"group": N_IN}, {"dilations": [2]}])
def test_grouped_and_dilated_convolutions_stay(
    attributes: dict[str, Any], rng: np.random.Generator
) -> None:
    graph = GraphBuilder("convolution")
    x = graph.input("x", np.float32, [1, N_IN, "n"])
    n_in = 1 if "group" in attributes else N_IN
    kernel = graph.constant(rng.normal(size=(N_IN, n_in, 3)).astype(np.float32))
    graph.output("y", graph.node("Conv", x, kernel, **attributes), np.float32, [1, N_IN, "m"])
    model = graph.model()
    convolutions_as_products(model)
    assert [node.op_type for node in model.graph.node] == ["Conv"]


def test_a_kernel_that_two_convolutions_share_stays(rng: np.random.Generator) -> None:
    graph = GraphBuilder("shared")
    x = graph.input("x", np.float32, [1, N_IN, "n"])
    kernel = graph.constant(rng.normal(size=(N_IN, N_IN, 3)).astype(np.float32))
    y = graph.node("Conv", graph.node("Conv", x, kernel), kernel)
    graph.output("y", y, np.float32, [1, N_IN, "m"])
    model = graph.model()
    convolutions_as_products(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Conv"]
