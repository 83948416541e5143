"""Moonshine's two graphs, held to transformers on a network with random weights.

`tests/golden/huggingface/moonshine` is that network as people export it: one layer on each side,
and the logits of every step of transformers' own greedy decoding.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet_quantize.errors import FolderError
from earlet_quantize.networks import moonshine
from earlet_quantize.networks.moonshine import MoonshineConfig
from earlet_quantize.networks.moonshine_int8 import quantize_encoder
from earlet_quantize.networks.moonshine_weights import from_onnx
from earlet_quantize.networks.stepwise import Rebuilt, forced, greedy, head_states

BOS = 1
CONFIG = MoonshineConfig(
    n_vocab=300,
    d_model=18,
    width=24,
    n_heads=1,
    n_rotated=16,
    encoder_layers=1,
    decoder_layers=1,
)
TOLERANCE = 1e-4  # float32 rounding


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(__file__).parents[2] / "golden" / "huggingface" / "moonshine"


@pytest.fixture(scope="module")
def published(folder: Path) -> list[onnx.ModelProto]:
    return [onnx.load(folder / f"{half}_model.onnx") for half in ("encoder", "decoder")]


@pytest.fixture(scope="module")
def models(published: list[onnx.ModelProto]) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    weights = from_onnx(CONFIG, *published)
    return moonshine.encoder(CONFIG, weights), moonshine.decoder(CONFIG, weights)


@pytest.fixture(scope="module")
def golden(folder: Path) -> dict[str, FloatArray]:
    with np.load(folder.with_suffix(".npz")) as archive:
        return {name: archive[name] for name in ("features", "logits")}


def rebuilt(models: tuple[onnx.ModelProto, onnx.ModelProto]) -> Rebuilt:
    sessions = [open_session(m.SerializeToString(), m.graph.name, "onnxruntime") for m in models]
    return Rebuilt(*sessions)


def test_every_step_gives_the_logits_of_transformers(
    models: tuple[onnx.ModelProto, onnx.ModelProto], golden: dict[str, FloatArray]
) -> None:
    waveform, logits = golden["features"], golden["logits"]
    written = logits.argmax(axis=1).tolist()
    found = forced(rebuilt(models), waveform, [BOS, *written[:-1]])
    np.testing.assert_allclose(found, logits, atol=TOLERANCE)


def test_greedy_decoding_writes_what_transformers_writes(
    models: tuple[onnx.ModelProto, onnx.ModelProto], golden: dict[str, FloatArray]
) -> None:
    written = golden["logits"].argmax(axis=1).tolist()
    network, waveform = rebuilt(models), golden["features"]
    assert greedy(network, waveform, bos=BOS, eos=-1, max_tokens=len(written)) == written
    # With the fourth token as the end, those before it are the text.
    assert written.index(written[3]) == 3
    assert greedy(network, waveform, bos=BOS, eos=written[3], max_tokens=99) == written[:3]


def test_what_the_head_is_given_has_the_logits_of_transformers(
    models: tuple[onnx.ModelProto, onnx.ModelProto],
    published: list[onnx.ModelProto],
    golden: dict[str, FloatArray],
) -> None:
    embedding = from_onnx(CONFIG, *published)["decoder.embed_tokens.weight"]
    n_written = len(golden["logits"]) - 1  # the last logits are those after the token before it
    states = head_states(
        rebuilt(models), [golden["features"]], bos=BOS, eos=-1, max_tokens=n_written
    )
    np.testing.assert_allclose(states @ embedding.T, golden["logits"], atol=TOLERANCE)


def test_int8_stays_close_to_float(
    published: list[onnx.ModelProto], golden: dict[str, FloatArray]
) -> None:
    weights = from_onnx(CONFIG, *published)
    encoder = moonshine.encoder(CONFIG, weights)
    quantize_encoder(encoder, [golden["features"]])
    decoder = moonshine.decoder(CONFIG, weights)
    written = golden["logits"].argmax(axis=1).tolist()
    found = forced(rebuilt((encoder, decoder)), golden["features"], [BOS, *written[:-1]])
    noise = np.std(found - golden["logits"]) / np.std(golden["logits"])
    assert 0 < noise < 0.1  # 8 bits on both sides, a loud layer and two convolutions deep


def test_a_missing_weight_is_named(published: list[onnx.ModelProto]) -> None:
    with pytest.raises(FolderError, match=r"no weight 'encoder\.layers\.1\.self_attn\.q_proj"):
        from_onnx(replace(CONFIG, encoder_layers=2), *published)


def test_a_weight_of_another_size_is_named(published: list[onnx.ModelProto]) -> None:
    with pytest.raises(FolderError, match=r"mlp\.fc1\.weight: expected \(18, 32\), got \(18, 24\)"):
        from_onnx(replace(CONFIG, width=32), *published)
