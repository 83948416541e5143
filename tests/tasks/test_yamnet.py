"""YAMNet: the bundle that ships, and the published .tflite that it was made from, as a bundle.

The expected scores are those of the .tflite, means over the whole windows of up to 20 s, that
the README of the data sets gives to three digits.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import earlet
from earlet.arrays import AnyArray, FloatArray
from earlet.errors import AudioFileError, InputError
from earlet.tasks.audio_classification import AudioClassification
from earlet_quantize.pack import pack

ROOT = Path(__file__).parents[2]
RATE, WINDOW = 16_000, 15_600  # Hz, samples
MOST_S = 20
SCORES: dict[str, dict[str, float]] = {
    "oracles/whisper/1272-128104-0000.wav": {"Speech": 0.951},
    "commands/gsc-subset/noise/running_tap.flac": {
        "Frying (food)": 0.370,
        "Sizzle": 0.250,
        "Water": 0.153,
    },
    "commands/gsc-subset/noise/pink_noise.flac": {"Pink noise": 0.484, "Static": 0.414},
}
DIGITS = 0.0005  # of the expected scores
# Of the scores of a clip, by the other arithmetic: the .tflite rounds logits to 0.35.
ARITHMETIC = 0.01
MANIFEST: dict[str, object] = {
    "format": 1,
    "name": "yamnet-tflite",
    "version": "1.0.0",
    "task": "audio-classification",
    "license": "Apache-2.0",
    "attribution": "The TensorFlow Authors",
    "source": "https://github.com/tensorflow/tflite-support",
    "model": {"architecture": "classifier", "backend": "litert", "network": "yamnet.tflite"},
    "input": {"kind": "waveform", "sample_rate": RATE, "clip_samples": WINDOW},
    "output": {"labels": "labels.txt", "function_to_apply": "none"},  # the sigmoid is inside
}


@pytest.fixture(scope="module")
def yamnet() -> AudioClassification:
    return earlet.pipeline("audio-classification", ROOT / "models" / "yamnet")


@pytest.fixture(scope="module")
def published(
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    litert: None,  # noqa: ARG001 -- skips without the engine
) -> AudioClassification:
    """The .tflite itself, which takes the samples of a window."""
    folder = tmp_path_factory.mktemp("yamnet")
    source = folder / "source"
    source.mkdir()
    network = shared_data / "tflite" / "yamnet.tflite"
    (source / "yamnet.tflite").write_bytes(network.read_bytes())
    with zipfile.ZipFile(network) as appended:
        (source / "labels.txt").write_bytes(appended.read("yamnet_label_list.txt"))
    pack(source, folder / "bundle", MANIFEST, np.zeros(WINDOW, dtype=np.float32))
    return earlet.pipeline("audio-classification", folder / "bundle")


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> dict[str, FloatArray]:
    """The whole windows of up to 20 s of each sound."""
    read = {name: soundfile.read(shared_data / name, dtype="float32")[0] for name in SCORES}
    return {n: w[: min(len(w), MOST_S * RATE) // WINDOW * WINDOW] for n, w in read.items()}


def scores(task: AudioClassification, clip: FloatArray) -> dict[str, float]:
    return {c.label: c.score for c in task(clip, sampling_rate=RATE, top_k=None)}


def assert_close(found: Mapping[str, float], expected: Mapping[str, float], atol: float) -> None:
    assert found.keys() >= expected.keys()
    for label, score in expected.items():
        assert found[label] == pytest.approx(score, abs=atol), label


@pytest.mark.parametrize("name", SCORES)
def test_the_published_network_gives_its_scores(
    name: str, published: AudioClassification, clips: dict[str, FloatArray]
) -> None:
    assert_close(scores(published, clips[name]), SCORES[name], DIGITS)


@pytest.mark.parametrize("name", SCORES)
def test_the_bundle_that_ships_gives_the_scores_of_the_published_network(
    name: str, yamnet: AudioClassification, clips: dict[str, FloatArray]
) -> None:
    assert_close(scores(yamnet, clips[name]), SCORES[name], ARITHMETIC)


@pytest.mark.parametrize("name", SCORES)
def test_all_521_scores_are_those_of_the_published_network(
    name: str,
    yamnet: AudioClassification,
    published: AudioClassification,
    clips: dict[str, FloatArray],
) -> None:
    assert yamnet.labels == published.labels
    assert_close(scores(yamnet, clips[name]), scores(published, clips[name]), ARITHMETIC)


def test_speech_is_speech_in_a_clip_of_any_length(
    yamnet: AudioClassification, speech: FloatArray
) -> None:
    for clip in (speech[16_000:24_000], speech[:WINDOW], speech):
        assert yamnet(clip, sampling_rate=RATE, top_k=1)[0].label == "Speech"


@pytest.mark.parametrize("n_samples", [1, 400, WINDOW, 3 * WINDOW + 1])
def test_nothing_is_silence(yamnet: AudioClassification, n_samples: int) -> None:
    (best,) = yamnet(np.zeros(n_samples, dtype=np.float32), sampling_rate=RATE, top_k=1)
    assert best.label == "Silence"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.zeros(0), "the clip: 0 samples, and this network needs at least 1 "),
        (np.zeros((0, 2)), "the clip: 0 samples"),
        (np.zeros((2, 900)), "transpose it if the channels come first"),
        (np.zeros((3, 3, 3)), r"expected \(n_samples,\) or \(n_samples, n_channels\)"),
        (np.zeros(900, dtype=np.uint8), "expected float, int16 or int32 samples, got uint8"),
        (np.zeros(900, dtype=np.complex64), "expected float, int16 or int32 samples"),
        (np.array([None, 0.0]), "expected float, int16 or int32 samples, got object"),
        (np.full(900, np.nan), "sample 0 is nan"),
        (np.append(np.zeros(5 * WINDOW), np.inf), f"sample {5 * WINDOW} is inf"),
    ],
)
def test_an_array_that_is_no_clip_is_refused(
    yamnet: AudioClassification, samples: AnyArray, expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        yamnet(samples, sampling_rate=RATE)


@pytest.mark.parametrize("function", ["", "relu", "None", 3])
def test_another_function_is_refused(yamnet: AudioClassification, function: Any) -> None:
    clip = np.zeros(WINDOW, dtype=np.float32)
    with pytest.raises(InputError, match="function_to_apply: expected one of softmax, "):
        yamnet(clip, sampling_rate=RATE, function_to_apply=function)


def test_a_picture_is_no_clip(yamnet: AudioClassification, golden: Path) -> None:
    photo = golden / "huggingface" / "photo.png"
    for given in (photo, photo.read_bytes()):
        with pytest.raises(AudioFileError, match="is a picture; expected a sound file"):
            yamnet(given)
