"""One way in for all schemes, and what a mixed scheme leaves in float."""

from typing import get_args

import numpy as np
import onnx
import onnxruntime
import pytest

from earlet_quantize.graph import GraphBuilder, initializers, replace
from earlet_quantize.measure.results import LayerNoise
from earlet_quantize.schemes import mixed
from earlet_quantize.schemes.apply import Scheme, apply
from earlet_quantize.schemes.static import StaticConfig

N = 32
FEED = {"x": np.linspace(-1, 1, 8 * N, dtype=np.float32).reshape(1, N, 8)}


def network(n_convolutions: int, n_products: int) -> onnx.ModelProto:
    """A 1 x 1 convolution and a product have as many weights as each other."""
    rng = np.random.default_rng(0)
    graph = GraphBuilder("network")
    x = graph.input("x", np.float32, [1, N, 8])
    for _ in range(n_convolutions):
        kernel = rng.normal(size=(N, N, 1)).astype(np.float32)
        x = graph.node("Conv", x, graph.constant(kernel))
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    for _ in range(n_products):
        x = graph.node("MatMul", x, graph.constant(rng.normal(size=(N, N)).astype(np.float32)))
    graph.output("y", x, np.float32, [1, 8, N])
    return graph.model()


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize(("n_convolutions", "n_products"), [(1, 3), (3, 1)])
def test_every_scheme_is_close_to_the_float_network_and_leaves_that_alone(
    scheme: Scheme, n_convolutions: int, n_products: int
) -> None:
    model = network(n_convolutions, n_products)
    before = model.SerializeToString()
    made = apply(scheme, model, [FEED], StaticConfig())
    assert model.SerializeToString() == before
    expected, found = (
        onnxruntime.InferenceSession(m.SerializeToString()).run(None, FEED)[0]
        for m in (model, made.model)
    )
    assert np.std(found - expected) <= 0.05 * np.std(expected)
    assert made.model.ByteSize() < 0.6 * model.ByteSize()


def test_a_few_convolutions_stay_float_in_a_network_of_products() -> None:
    made = apply("dynamic", network(1, 3), [FEED], StaticConfig())
    assert {"Conv", "MatMulIntegerToFloat"} <= operators(made.model)


def test_a_network_of_convolutions_is_made_int8_whatever_that_costs() -> None:
    made = apply("dynamic", network(3, 1), [FEED], StaticConfig())
    assert {"ConvInteger", "MatMulIntegerToFloat"} <= operators(made.model)
    assert "Conv" not in operators(made.model)


def test_a_channel_of_outliers_spoils_dynamic_and_not_smooth() -> None:
    # As in transformers: a thousand times the others, and weighted a thousand times less.
    factor = np.where(np.arange(N) == 3, np.float32(1000), np.float32(1))[:, None]
    feed = {"x": FEED["x"] * factor}
    model = network(0, 1)
    (weight,) = initializers(model.graph).values()
    replace(model.graph.initializer, [onnx.numpy_helper.from_array(weight / factor, "constant_0")])
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)[0]
    noise = {}
    for scheme in ("dynamic", "smooth"):
        made = apply(scheme, model, [feed], StaticConfig())
        (found,) = onnxruntime.InferenceSession(made.model.SerializeToString()).run(None, feed)
        noise[scheme] = np.std(found - expected) / np.std(expected)
    assert noise["dynamic"] > 0.2
    assert noise["smooth"] < 0.02


@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_layers_that_have_no_name_or_that_of_another_can_still_be_excluded(scheme: Scheme) -> None:
    model = network(0, 3)
    for node in model.graph.node:
        node.name = "" if node.op_type == "Transpose" else "same"
    made = apply(scheme, model, [FEED], StaticConfig())
    names = [node.name for node in made.reference.graph.node]
    assert "" not in names
    assert len(set(names)) == len(names)
    first = next(node for node in made.reference.graph.node if node.op_type == "MatMul")
    again = apply(scheme, model, [FEED], StaticConfig(), exclude={first.name})
    kept = {i.name for i in again.model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT}
    assert first.input[1] in kept


def layer(name: str, snr_db: float, input_snr_db: float, role: str = "network") -> LayerNoise:
    return LayerNoise(
        role=role, name=name, op_type="Conv", snr_db=snr_db, input_snr_db=input_snr_db
    )


NOISE = [
    layer("clean", 40, 144),
    layer("loud", 10, 40),  # adds 0.1 of noise to signal
    layer("hears", 9.9, 10),  # has it from the one before, and adds 0.002
    layer("better", 20, 9.9),
    layer("other", 30, 144, role="decoder"),
    *(layer(f"rest {i}", 35, 35) for i in range(4)),
]


def test_the_layer_that_adds_most_noise_is_left_in_float_first() -> None:
    assert mixed.more(NOISE, {}) == {"network": ["loud"]}


def test_as_many_more_layers_follow_as_there_are_already() -> None:
    assert mixed.more(NOISE, {"network": ["loud"]}) == {"network": ["loud", "hears"]}
    assert mixed.more(NOISE, {"network": ["loud", "hears"]}) == {
        "network": ["loud", "hears", "clean"],
        "decoder": ["other"],
    }


def test_it_ends_where_half_of_the_layers_would_be_float() -> None:
    assert mixed.more(NOISE, {"network": ["loud", "hears", "clean"]}) is None
    assert mixed.more([], {}) is None


def test_layers_that_add_nothing_come_last_the_worst_of_them_first() -> None:
    noise = [layer("a", 30, 30), layer("b", 20, 20), layer("c", 25, 25), layer("d", 40, 30)]
    assert mixed.more(noise, {}) == {"network": ["b"]}
