"""Clip classifiers and CTC, with networks so small that their answers are known beforehand."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile

import earlet
from earlet import features
from earlet.arrays import FloatArray
from earlet.errors import BundleError, EarletError, InputError
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.clips import ClipClassifier
from earlet.tasks.confirmation import Confirmer
from earlet.verify import verify
from earlet_quantize.graph import GraphBuilder, save
from earlet_quantize.pack import pack

ROOT = Path(__file__).parents[2]
RATE = 16_000
FRAME = 320  # samples a CTC output
PIECES = ["<pad>", "|", "E", "H", "L", "O"]
DESCRIBED: dict[str, object] = {
    "format": 1,
    "name": "tiny",
    "version": "1.0.0",
    "license": "Apache-2.0",
    "attribution": "none needed",
    "source": "made by a test",
    "input": {"kind": "waveform", "sample_rate": RATE},
}


def level_classifier() -> onnx.ModelProto:
    """Logits of "above" and "below": the mean sample, and its negative."""
    graph = GraphBuilder("level")
    waveform = graph.input("waveform", np.float32, [1, "n_samples"])
    mean = graph.node("ReduceMean", waveform, graph.integers(1), keepdims=1)
    signs = graph.constant(np.array([[1, -1]], dtype=np.float32))
    graph.output("logits", graph.node("Mul", mean, signs), np.float32, [1, 2])
    return graph.model()


def spelling_ctc() -> onnx.ModelProto:
    """In every frame the token whose tenth is the first sample."""
    graph = GraphBuilder("spelling")
    waveform = graph.input("waveform", np.float32, [1, "n_samples"])
    first = graph.node(
        "Slice",
        waveform,
        graph.integers(0),
        graph.integers(2**31),
        graph.integers(1),
        graph.integers(FRAME),
    )
    tenths = graph.node("Round", graph.node("Mul", first, graph.constant(np.float32(10))))
    ids = graph.node("Cast", tenths, to=onnx.TensorProto.INT64)
    depth = graph.integers(len(PIECES))
    values = graph.constant(np.array([0, 9], dtype=np.float32))
    logits = graph.node("OneHot", ids, depth, values)
    graph.output("logits", logits, np.float32, [1, "n_outputs", len(PIECES)])
    return graph.model()


def spelled(*ids: int) -> FloatArray:
    return np.repeat(np.array(ids, dtype=np.float32) / 10, FRAME)


def packed(
    folder: Path,
    network: onnx.ModelProto,
    files: dict[str, str],
    example: FloatArray,
    **described: object,
) -> Path:
    source = folder / "source"
    source.mkdir()
    save(network, source / "network.onnx")
    for name, text in files.items():
        (source / name).write_text(text, encoding="utf-8")
    pack(source, folder / "tiny", {**DESCRIBED, **described}, example)
    return folder / "tiny"


@pytest.fixture(scope="module")
def level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(
        tmp_path_factory.mktemp("level"),
        level_classifier(),
        {"labels.txt": "above\nbelow\n"},
        np.full(RATE, 0.5, dtype=np.float32),
        task="audio-classification",
        model={"architecture": "classifier", "backend": "onnxruntime", "network": "network.onnx"},
        output={"labels": "labels.txt", "function_to_apply": "sigmoid"},
    )


def test_a_whole_clip_is_classified_as_the_bundle_says(level: Path) -> None:
    classify = earlet.pipeline("audio-classification", level)
    clip = np.full(RATE, -0.5, dtype=np.float32)
    best, other = classify(clip, sampling_rate=RATE)
    assert (best.label, other.label) == ("below", "above")
    np.testing.assert_allclose([best.score, other.score], [0.62246, 0.37754], atol=1e-5)
    (softmax,) = classify(clip, sampling_rate=RATE, top_k=1, function_to_apply="softmax")
    assert softmax.score == pytest.approx(0.73106, abs=1e-5)
    (logit,) = classify(clip, sampling_rate=RATE, top_k=1, function_to_apply="none")
    assert logit.score == pytest.approx(0.5, abs=1e-3)


def test_a_clip_classifier_proves_itself_and_does_not_listen(level: Path) -> None:
    assert [stage.passed for stage in verify(level)] == [True] * 5
    classify = earlet.pipeline("audio-classification", level)
    with pytest.raises(InputError, match="a stream needs a bundle with a `streaming` section"):
        next(classify.listen(np.zeros(RATE, dtype=np.float32), sampling_rate=RATE))


@pytest.fixture
def level_of_seconds(level: Path, altered: Callable[..., Path]) -> AudioClassification:
    """The same network, which hears a second at a time and no less than 0.1 s."""
    folder = altered(level, {}, decoding={"window_s": 1.0, "min_samples": 1_600})
    return earlet.pipeline("audio-classification", folder)


def test_a_long_clip_has_the_mean_of_its_windows_scores(
    level_of_seconds: AudioClassification,
) -> None:
    # Seconds of 4 and of -2, and half a second of -1: the last window has the mean -1.5.
    clip = np.repeat(np.array([4, 4, -2, -2, -1], dtype=np.float32), RATE // 2)
    above = [1 / (1 + math.exp(-logit)) for logit in (4, -2, -1.5)]
    scores = {c.label: c.score for c in level_of_seconds(clip, sampling_rate=RATE)}
    assert scores["above"] == pytest.approx(sum(above) / 3, abs=1e-5)
    assert scores["below"] == pytest.approx(1 - sum(above) / 3, abs=1e-5)
    (mean_logit,) = level_of_seconds(clip, sampling_rate=RATE, top_k=1, function_to_apply="none")
    assert mean_logit.score == pytest.approx((4 - 2 - 1.5) / 3, abs=1e-5)


def test_a_clip_of_one_window_is_not_touched(
    level: Path, level_of_seconds: AudioClassification
) -> None:
    whole = earlet.pipeline("audio-classification", level)
    clip = np.random.default_rng(0).normal(0.1, 0.1, RATE).astype(np.float32)
    for n_samples in (RATE, RATE - 1, 1_600):
        one, other = (
            task(clip[:n_samples], sampling_rate=RATE) for task in (whole, level_of_seconds)
        )
        assert one == other


def test_a_file_is_heard_as_the_array_of_its_samples(
    level_of_seconds: AudioClassification, tmp_path: Path
) -> None:
    clip = np.random.default_rng(0).normal(0.1, 0.1, 5 * RATE + 7).astype(np.float32)
    soundfile.write(tmp_path / "clip.wav", clip, RATE, subtype="FLOAT")
    assert level_of_seconds(tmp_path / "clip.wav") == level_of_seconds(clip, sampling_rate=RATE)


@pytest.mark.parametrize("n_samples", [0, 1, 1_599])
def test_a_clip_too_short_for_the_network_is_refused(
    level_of_seconds: AudioClassification, n_samples: int
) -> None:
    expected = rf"the clip: {n_samples} samples, and .* needs at least 1600 \(0\.1 s\)"
    with pytest.raises(InputError, match=expected):
        level_of_seconds(np.zeros(n_samples, dtype=np.float32), sampling_rate=RATE)


def test_an_empty_clip_is_refused_by_any_network(level: Path) -> None:
    classify = earlet.pipeline("audio-classification", level)
    with pytest.raises(InputError, match="the clip: 0 samples, and this network needs at least 1 "):
        classify(np.zeros(0, dtype=np.float32), sampling_rate=RATE)


@pytest.mark.parametrize(
    ("input_section", "longest_s"),
    [
        ({"kind": "waveform", "sample_rate": RATE, "clip_samples": 8_000}, 0.5),
        ({"kind": "fbank", "n_frames": 98}, 0.995),
        ({"kind": "fbank", "n_frames": 98, "clip_samples": 8_000}, 0.5),
        ({"kind": "log-mel", "pad_seconds": 0.5}, 0.5),
    ],
)
def test_windows_longer_than_the_features_take_in_are_refused(
    level: Path, altered: Callable[..., Path], input_section: dict[str, Any], longest_s: float
) -> None:
    folder = altered(level, {}, input=input_section, decoding={"window_s": 1.0})
    with pytest.raises(BundleError, match=f"decoding: need window_s .* at most {longest_s}, "):
        ClipClassifier(
            earlet.load(folder), features.from_manifest(input_section), lambda frames: frames
        )


def test_a_spotter_with_windows_of_clips_is_refused(altered: Callable[..., Path]) -> None:
    folder = altered(ROOT / "models" / "commands-en", {}, decoding={"window_s": 1.0})
    with pytest.raises(BundleError, match=r"commands-en/bundle.yaml: decoding: a spotter has none"):
        earlet.pipeline("audio-classification", folder)


def test_a_spotter_scores_commands_by_softmax_only() -> None:
    spotter = earlet.pipeline("audio-classification")
    with pytest.raises(InputError, match=r"^function_to_apply: .* by softmax; got 'sigmoid'"):
        spotter(["nowhere.wav"], function_to_apply="sigmoid")  # told before it is read


def ctc(folder: Path, pieces: list[str], blank: int = 0) -> Path:
    return packed(
        folder,
        spelling_ctc(),
        {"vocab.json": json.dumps({piece: i for i, piece in enumerate(pieces)})},
        spelled(3, 2, 4, 0, 4, 5, 1, 3, 5),
        task="automatic-speech-recognition",
        model={"architecture": "ctc", "backend": "onnxruntime", "network": "network.onnx"},
        output={"tokenizer": {"kind": "characters", "file": "vocab.json", "special": ["<pad>"]}},
        decoding={"blank": blank, "min_samples": 400},
        streaming={
            "vad": "vad",
            "min_silence_ms": 500,
            "speech_pad_ms": 100,
            "max_speech_s": 20.0,
        },
    )


def test_a_ctc_network_writes_what_its_frames_spell(tmp_path: Path) -> None:
    bundle = ctc(tmp_path, PIECES)
    recognise = earlet.pipeline("automatic-speech-recognition", bundle)
    assert recognise.transcribe(spelled(3, 3, 2, 4, 0, 4, 5, 5, 1, 1, 3, 5)) == "HELLO HO"
    assert recognise.transcribe(spelled(3)) == ""
    assert [stage.detail for stage in verify(bundle)][-1] == '"HELLO HO"'


def test_a_ctc_network_has_no_choice_of_languages(tmp_path: Path) -> None:
    recognise = earlet.pipeline("automatic-speech-recognition", ctc(tmp_path, PIECES))
    with pytest.raises(InputError, match=r"language: this network \(CTC\) has no use for it"):
        recognise.transcribe(spelled(3), language="en")


def test_a_ctc_network_does_not_score_whole_texts(tmp_path: Path) -> None:
    recognise = earlet.pipeline("automatic-speech-recognition", ctc(tmp_path, PIECES))
    with pytest.raises(InputError, match="match: expected an encoder-decoder bundle"):
        recognise.match(spelled(3), ["ho"], sampling_rate=16_000)
    with pytest.raises(InputError, match="confirm: expected an encoder-decoder bundle"):
        Confirmer(recognise)


def test_a_vocabulary_of_another_size_than_the_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EarletError, match="the tokenizer has 5 tokens, and the network writes 6"):
        ctc(tmp_path, PIECES[:-1])
