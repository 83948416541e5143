"""MLPerf Tiny's keyword model, a .tflite of others, as a bundle: clips in, commands out."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earlet
from earlet.errors import InputError
from earlet.features import from_manifest
from earlet.tasks.audio_classification import AudioClassification
from earlet.verify import verify
from earlet_quantize.pack import pack

pytestmark = pytest.mark.usefixtures("litert")

MANIFEST: dict[str, object] = {
    "format": 1,
    "name": "mlperf-tiny-keywords",
    "version": "1.0.0",
    "task": "audio-classification",
    "license": "Apache-2.0",
    "attribution": "MLCommons, MLPerf Tiny keyword spotting reference model",
    "source": "https://github.com/mlcommons/tiny, kws_ref_model.tflite",
    "model": {
        "architecture": "classifier",
        "backend": "litert",
        "network": "kws_ref_model.tflite",
    },
    "input": {
        "kind": "mfcc",
        "normalize": "peak",
        "clip_samples": 16_000,
        "win_length": 480,
        "hop_length": 320,
        "n_mels": 40,
        "f_min": 20,
        "f_max": 4_000,
        "window": "hann",
        "preemphasis": 0,
        "remove_dc": False,
        "spectrum": "magnitude",
        "log_offset": 1e-6,
        "n_mfcc": 10,
        "dct": "htk",
        "lifter": 0,
    },
    "output": {
        "labels": "labels.txt",
        "rejection": "_unknown_",
        "function_to_apply": "none",  # its last layer is the softmax
    },
}
SCALE, ZERO_POINT = 0.5847029089927673, 83  # of the input: the model's README
# Of 326 known commands. LiteRT gets 310 right, 95 %, as the README there; tflite-runtime, which
# rounds otherwise inside, one less: on one clip LiteRT itself has two labels with the same score.
LEAST_CORRECT = 309


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> Path:
    return shared_data / "commands" / "gsc-subset"


@pytest.fixture(scope="module")
def bundle(shared_data: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keywords")
    source = folder / "source"
    source.mkdir()
    network = (shared_data / "tflite" / "kws_ref_model.tflite").read_bytes()
    (source / "kws_ref_model.tflite").write_bytes(network)
    labels = (shared_data / "tflite" / "kws_labels.txt").read_bytes()
    (source / "labels.txt").write_bytes(labels)
    waveform, _ = soundfile.read(clips / "go" / "026290a7_nohash_0.flac", dtype="float32")
    pack(source, folder / "bundle", MANIFEST, waveform, network_tolerance=2 / 256)
    return folder / "bundle"


@pytest.fixture(scope="module")
def spotter(bundle: Path) -> AudioClassification:
    return earlet.pipeline("audio-classification", bundle)


def test_the_bundle_verifies(bundle: Path) -> None:
    assert all(stage.passed for stage in verify(bundle))


def test_known_commands_are_recognised(spotter: AudioClassification, clips: Path) -> None:
    with (clips / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    known = [row for row in rows if row["word"] in spotter.labels]
    assert len(known) == 326
    correct = sum(spotter(clips / row["path"], top_k=1)[0].label == row["word"] for row in known)
    assert correct >= LEAST_CORRECT


def test_inputs_and_outputs_are_those_of_the_models_own_front_end(
    spotter: AudioClassification, shared_data: Path
) -> None:
    expected = json.loads((shared_data / "tflite" / "kws_expected.json").read_text())
    features = from_manifest(spotter.bundle.manifest.input)
    for clip in expected["clips"]:
        waveform, _ = soundfile.read(shared_data / clip["file"], dtype="float32")
        frame = np.rint(features(waveform)[0] / SCALE) + ZERO_POINT
        np.testing.assert_allclose(frame, clip["input_int8_frame0"], atol=1)  # rounding
        answer = spotter(shared_data / clip["file"], top_k=None)
        scores = {item.label: item.score for item in answer}
        # A step of the output is 1/256; a rounded input may move a few.
        theirs = (np.array(clip["output_int8"]) + 128) / 256
        np.testing.assert_allclose(
            [scores[label] for label in spotter.labels], theirs, atol=3 / 256
        )
        assert answer[0].label == clip["top1"]


def test_a_stream_is_refused_by_a_model_of_clips(spotter: AudioClassification) -> None:
    with pytest.raises(InputError, match="classifies clips"):
        next(spotter.listen([np.zeros(16_000, dtype=np.float32)]))
