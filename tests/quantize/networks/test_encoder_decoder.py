"""What the decoders tell beside their logits, held to transformers.

`tests/golden/huggingface` has networks with random weights as people export them, and what their
decoders attend to and give to the head: `attention` (n_layers, n_heads, n_tokens, n_frames) and
`hidden` (n_tokens, size).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import open_session
from earlet_quantize.huggingface import import_folder
from earlet_quantize.networks.encoder_decoder import Head, upper_half
from earlet_quantize.schemes.apply import Scheme, apply
from earlet_quantize.schemes.static import StaticConfig

FED = [1, 150, 42]  # tests/recipes/tiny_folders
TOLERANCE = 2e-6  # float32 rounding
INT8_TOLERANCE = 0.15  # of the largest value; 0.1 was seen of Moonshine's, whose layers are loud
HEADS = {  # of the golden file, in the order of the output
    "whisper": (Head(0, 1), Head(1, 0), Head(1, 1)),  # generation_config.json
    "moonshine": (Head(0, 0),),
}


@pytest.fixture(params=HEADS)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def golden_file(family: str, golden: Path) -> Mapping[str, FloatArray]:
    with np.load(golden / "huggingface" / f"{family}.npz") as archive:
        return {name: archive[name] for name in ("features", "attention", "hidden")}


@pytest.fixture
def networks(family: str, golden: Path) -> Mapping[str, onnx.ModelProto]:
    """Encoder and decoder, written anew."""
    imported = import_folder(
        golden / "huggingface" / family,
        name="tiny",
        license="MIT",
        attribution="nobody",
        source="random numbers",
    )
    return {
        half: onnx.load_model_from_string(imported.files[f"{half}.onnx"])
        for half in ("encoder", "decoder")
    }


def run(model: onnx.ModelProto, feeds: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    session = open_session(model.SerializeToString(), model.graph.name, "onnxruntime")
    return dict(zip([spec.name for spec in session.outputs], session.run(feeds), strict=True))


@pytest.fixture
def feeds(
    family: str,
    networks: Mapping[str, onnx.ModelProto],
    golden_file: Mapping[str, FloatArray],
) -> dict[str, AnyArray]:
    """Of the decoder: the golden file's tokens, in front of its sound."""
    features = golden_file["features"]
    sound = {"waveform": features} if family == "moonshine" else {"features": features.T}
    cross = run(networks["encoder"], {name: array[None] for name, array in sound.items()})
    feeds: dict[str, AnyArray] = {"token": np.array([FED]), "n_past": np.zeros(1, np.int64)}
    for spec in networks["decoder"].graph.input:
        if spec.name.startswith("past."):
            sizes = [size.dim_value or len(FED) for size in spec.type.tensor_type.shape.dim]
            feeds[spec.name] = np.zeros(sizes, np.float32)
    return feeds | cross


def test_attention_is_that_of_the_chosen_heads(
    family: str,
    networks: Mapping[str, onnx.ModelProto],
    feeds: Mapping[str, AnyArray],
    golden_file: Mapping[str, FloatArray],
) -> None:
    found = run(networks["decoder"], feeds)["attention"]
    wanted = [golden_file["attention"][head] for head in HEADS[family]]
    np.testing.assert_allclose(found[0], wanted, rtol=0, atol=TOLERANCE)


def test_hidden_is_what_goes_into_the_head(
    networks: Mapping[str, onnx.ModelProto],
    feeds: Mapping[str, AnyArray],
    golden_file: Mapping[str, FloatArray],
) -> None:
    found = run(networks["decoder"], feeds)
    np.testing.assert_allclose(found["hidden"][0], golden_file["hidden"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("scheme", ["dynamic", "smooth", "weight-only"])
def test_int8_changes_neither_but_for_rounding(
    scheme: Scheme,
    networks: Mapping[str, onnx.ModelProto],
    feeds: dict[str, AnyArray],
) -> None:
    int8 = apply(scheme, networks["decoder"], [feeds], StaticConfig()).model
    wanted, found = run(networks["decoder"], feeds), run(int8, feeds)
    assert found.keys() == wanted.keys()
    for name in ("attention", "hidden"):
        difference = np.abs(found[name] - wanted[name]).max() / np.abs(wanted[name]).max()
        assert 0 < difference < INT8_TOLERANCE


def test_without_knowledge_the_heads_of_the_upper_half_are_taken() -> None:
    assert upper_half(3, 2) == ((1, 0), (1, 1), (2, 0), (2, 1))
