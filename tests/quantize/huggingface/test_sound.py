"""Classifiers of sound: how their clips are cut, and which function makes scores of logits."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import earlet
from earlet.arrays import Float64Array, FloatArray
from earlet.decoding.classify import FunctionToApply
from earlet.errors import InputError
from earlet.tasks.audio_classification import AudioClassification
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface import Imported, write

RATE = 16_000
START, N_SAMPLES = 16_000, 12_000  # the first example of tests/recipes/tiny_folders
LEAST = 105  # samples of which the convolutions of the tiny wav2vec2 make a frame
SCORES = 1e-5
FUNCTIONS: dict[
    FunctionToApply, Callable[[Float64Array], Float64Array]
] = {  # their definitions, in float64
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "none": lambda x: x,
}

pytestmark = pytest.mark.usefixtures("in_process")


@pytest.fixture
def classify(
    folders: Path, read: Callable[[Path], Imported], tmp_path: Path
) -> Callable[[str], AudioClassification]:
    """`classify("ast")`: the pipeline of an imported folder."""

    def classify(family: str) -> AudioClassification:
        write(read(folders / family), tmp_path / family)
        return earlet.pipeline("audio-classification", tmp_path / family)

    return classify


@pytest.fixture
def clip(speech: FloatArray) -> FloatArray:
    return speech[START : START + N_SAMPLES]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_makes_scores_of_the_logits_of_pytorch(
    function: FunctionToApply,
    classify: Callable[[str], AudioClassification],
    folders: Path,
    clip: FloatArray,
) -> None:
    logits = np.load(folders / "ast.npz")["network.0"].astype(np.float64)
    labels = json.loads((folders / "ast" / "config.json").read_text())["id2label"]
    expected = FUNCTIONS[function](logits)
    task = classify("ast")
    for top_k in (1, 3, 4, 50, None):  # of four labels
        order = np.argsort(-expected)[:top_k]
        found = task(clip, sampling_rate=RATE, top_k=top_k, function_to_apply=function)
        assert [c.label for c in found] == [labels[str(i)] for i in order]
        np.testing.assert_allclose([c.score for c in found], expected[order], rtol=0, atol=SCORES)


def test_several_labels_at_once_take_a_sigmoid(
    copy: Callable[[str], Path], edit: Callable[..., None], read: Callable[[Path], Imported]
) -> None:
    folder = copy("ast")
    edit(folder / "config.json", problem_type="multi_label_classification")
    output = read(folder).manifest["output"]
    assert isinstance(output, dict)
    assert output["function_to_apply"] == "sigmoid"


@pytest.mark.parametrize(
    ("family", "window"),
    [
        ("ast", 89 * 160 + 400),  # samples of max_length frames
        ("whisper-encoder", 30 * RATE),
    ],
)
def test_a_clip_longer_than_its_window_has_the_mean_of_two(
    family: str, window: int, classify: Callable[[str], AudioClassification], speech: FloatArray
) -> None:
    task = classify(family)
    long = np.resize(speech, window + 5_000)

    def scores(waveform: FloatArray) -> FloatArray:
        by_label = {c.label: c.score for c in task(waveform, sampling_rate=RATE)}
        return np.array([by_label[label] for label in task.labels], dtype=np.float32)

    parts = [scores(long[:window]), scores(long[-window:])]
    assert np.abs(parts[0] - parts[1]).max() > 1e-4  # or the mean would prove nothing
    np.testing.assert_allclose(scores(long), np.mean(parts, axis=0), rtol=0, atol=1e-6)


def test_wav2vec2_hears_half_a_minute_at_once(
    folders: Path, read: Callable[[Path], Imported]
) -> None:
    imported = read(folders / "wav2vec2")
    assert imported.manifest["decoding"] == {"window_s": 30.0, "min_samples": LEAST}
    assert "one of more than 30 s is heard in windows" in imported.notes[0]


def test_the_shortest_clip_is_one_of_which_wav2vec2_makes_a_frame(
    classify: Callable[[str], AudioClassification], clip: FloatArray
) -> None:
    task = classify("wav2vec2")
    assert len(task(clip[:LEAST], sampling_rate=RATE)) == len(task.labels)
    with pytest.raises(InputError, match=f"clip: {LEAST - 1} samples, .* at least {LEAST} "):
        task(clip[: LEAST - 1], sampling_rate=RATE)


def test_a_clip_shorter_than_a_frame_is_refused_by_a_spectrogram_transformer(
    classify: Callable[[str], AudioClassification], clip: FloatArray
) -> None:
    task = classify("ast")
    assert len(task(clip[:400], sampling_rate=RATE)) == len(task.labels)
    with pytest.raises(InputError, match=r"clip: 399 samples, .* at least 400 \(0\.025 s\)"):
        task(clip[:399], sampling_rate=RATE)


def test_whispers_encoder_for_another_length_than_its_positions_is_refused(
    copy: Callable[[str], Path], edit: Callable[..., None], read: Callable[[Path], Imported]
) -> None:
    folder = copy("whisper-encoder")
    edit(folder / "preprocessor_config.json", chunk_length=20)
    with pytest.raises(FolderError, match="chunk_length: expected 3000 frames"):
        read(folder)
