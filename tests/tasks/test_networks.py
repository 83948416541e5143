"""Networks that are not what models/README.md specifies for their architecture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml

import earlet
from earlet.errors import BundleError
from earlet.tasks import open_bundle
from earlet_quantize.graph import GraphBuilder

Alter = Callable[..., Path]  # tests/conftest.py
MODELS = Path(__file__).parents[2] / "models"


def identity(source: str, target: str, n_dimensions: int) -> onnx.ModelProto:
    graph = GraphBuilder("identity")
    shape = [1] * n_dimensions
    value = graph.node("Identity", graph.input(source, np.float32, shape))
    graph.output(target, value, np.float32, shape)
    return graph.model()


def one_window_at_a_time() -> onnx.ModelProto:
    model = onnx.load(MODELS / "vad" / "vad.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return model


@pytest.mark.parametrize(
    ("bundle", "file", "model", "expected"),
    [
        (
            "commands-en",
            "network.int8.onnx",
            identity("x", "logits", 3),
            r"expected features \(3-D\), got x \(3-D\)",
        ),
        (
            "commands-en",
            "network.int8.onnx",
            identity("features", "logits", 2),
            r"expected features \(3-D\), got features \(2-D\)",
        ),
        (
            "vad",
            "vad.onnx",
            identity("waveform", "probability", 2),
            r"expected waveform \(2-D\), state \(3-D\), got waveform \(2-D\)",
        ),
        (
            "vad",
            "vad.onnx",
            one_window_at_a_time(),
            "the network takes 1 windows at a time; expected one that takes any number",
        ),
        (
            "moonshine-tiny-en",
            "encoder.int8.onnx",
            identity("audio", "cross.0.key", 4),
            r"expected waveform \(2-D\), got audio \(4-D\)",
        ),
        (
            "moonshine-tiny-en",
            "decoder.int8.onnx",
            identity("past.0.key", "present.0.key", 2),
            r"past\.0\.key: expected \(1, n_heads, n_positions, head_size\), got \(1, 1\)",
        ),
        (
            "moonshine-tiny-en",
            "decoder.int8.onnx",
            identity("past.0.key", "present.0.key", 4),
            "encoder and decoder do not fit together",
        ),
    ],
)
def test_a_network_with_other_inputs_or_outputs_is_refused_in_one_line(
    bundle: str, file: str, model: onnx.ModelProto, expected: str, altered: Alter
) -> None:
    opened = earlet.load(altered(MODELS / bundle, {file: model.SerializeToString()}))
    with pytest.raises(BundleError, match=expected) as caught:
        open_bundle(opened)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("section", "change", "expected"),
    [
        (
            "streaming",
            {"speech_pad_ms": 9_000},
            r"streaming: need 2 \* speech_pad_ms <= min_silence",
        ),
        ("streaming", {"max_speech_s": 0}, "streaming: need max_speech_s of 1 to 600, got 0"),
        (
            "streaming",
            {"speech_pad_ms": 500, "min_silence_ms": 1_000, "max_speech_s": 1},
            "streaming: need max_speech_s with room for 500 ms of padding",
        ),
        ("input", {"sample_rate": 8_000}, "streaming: vad hears 16000 Hz, and the network 8000 Hz"),
    ],
)
def test_a_recogniser_that_voice_activity_cannot_cut_for_is_refused(
    section: str, change: dict[str, object], expected: str, altered: Alter
) -> None:
    moonshine = MODELS / "moonshine-tiny-en"
    changed = {**getattr(earlet.load(moonshine).manifest, section), **change}
    with pytest.raises(BundleError, match=f"moonshine-tiny-en/bundle.yaml: {expected}"):
        open_bundle(earlet.load(altered(moonshine, {}, **{section: changed})))


def test_voice_activity_without_room_for_a_cut_is_refused(altered: Alter) -> None:
    streaming = {**earlet.load(MODELS / "vad").manifest.streaming, "window_samples": 300_000}
    with pytest.raises(BundleError, match=r"vad/bundle\.yaml: streaming: need max_speech_s with r"):
        open_bundle(earlet.load(altered(MODELS / "vad", {}, streaming=streaming)))


def test_a_spotter_on_padded_features_is_refused(altered: Alter) -> None:
    spotter = MODELS / "commands-en"
    document = yaml.safe_load((spotter / "bundle.yaml").read_text(encoding="utf-8"))
    streaming = {**document["streaming"], "window_frames": 138}
    features = {"kind": "log-mel", "n_mels": 40}
    with pytest.raises(BundleError, match="a spotter needs frames without padding"):
        earlet.pipeline(
            "audio-classification", altered(spotter, {}, input=features, streaming=streaming)
        )
