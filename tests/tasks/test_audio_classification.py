"""Commands from the bundle that ships, in clips and streams of recorded speech."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earlet
from earlet.arrays import FloatArray
from earlet.errors import BundleError, InputError
from earlet.results import Detection
from earlet.tasks.audio_classification import AudioClassification

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests" / "recordings" / "commands.flac"
TRUTH = RECORDING.with_suffix(".tsv")


@pytest.fixture(scope="module")
def spotter() -> AudioClassification:
    return earlet.pipeline("audio-classification", ROOT / "models" / "commands-en")


@pytest.fixture(scope="module")
def recording() -> FloatArray:
    waveform, rate = soundfile.read(RECORDING, dtype="float32")
    assert rate == 16_000
    return np.asarray(waveform)


@pytest.fixture(scope="module")
def events(spotter: AudioClassification) -> list[Detection]:
    return list(spotter.listen(RECORDING))


def truth() -> list[tuple[str, float, float]]:
    with TRUTH.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(row["label"], float(row["start_s"]), float(row["end_s"])) for row in rows]


def test_every_command_is_heard_once_and_nothing_else(events: list[Detection]) -> None:
    assert [event.label for event in events] == [label for label, _, _ in truth()]


def test_an_event_comes_while_or_soon_after_its_word_is_said(events: list[Detection]) -> None:
    for event, (_, start_s, end_s) in zip(events, truth(), strict=True):
        assert start_s < event.end_s < end_s + 0.75
        assert event.start_s < end_s


@settings(max_examples=5)
@given(cuts=st.lists(st.integers(0, 300_000), max_size=40).map(sorted))
def test_any_chunking_gives_the_events_of_the_file(
    spotter: AudioClassification,
    recording: FloatArray,
    events: list[Detection],
    cuts: list[int],
) -> None:
    assert list(spotter.listen(np.split(recording, cuts))) == events


def test_a_clip_is_labelled_by_its_word(
    spotter: AudioClassification, recording: FloatArray
) -> None:
    clips = [
        recording[int((start_s - 0.1) * 16_000) : int((end_s + 0.1) * 16_000)]
        for _, start_s, end_s in truth()
    ]
    best = [spotter(clip, sampling_rate=16_000)[0].label for clip in clips]
    assert best == [label for label, _, _ in truth()]


def test_scores_are_a_distribution_best_first(
    spotter: AudioClassification, recording: FloatArray
) -> None:
    results = spotter(recording[:32_000], sampling_rate=16_000, top_k=None)
    scores = [result.score for result in results]
    assert {result.label for result in results} == set(spotter.labels)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert spotter(recording[:32_000], sampling_rate=16_000, top_k=3) == results[:3]
    json.dumps([result.to_json() for result in results])


def test_a_list_gives_a_list(spotter: AudioClassification) -> None:
    one = spotter(RECORDING)
    assert spotter([RECORDING, str(RECORDING), RECORDING.read_bytes()]) == [one, one, one]


@pytest.mark.parametrize("n_samples", [0, 1, 479, 640])
def test_a_clip_of_silence_however_short_is_none(
    spotter: AudioClassification, n_samples: int
) -> None:
    (best,) = spotter(np.zeros(n_samples, dtype=np.float32), sampling_rate=16_000, top_k=1)
    assert best.label == "none"


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.01, 0.3])
def test_steady_noise_is_no_command(spotter: AudioClassification, level: float) -> None:
    noise = np.random.default_rng(0).normal(size=30 * 16_000).astype(np.float32) * np.float32(level)
    assert list(spotter.listen(noise, sampling_rate=16_000)) == []


def test_other_rates_and_channels_give_the_same_commands(
    spotter: AudioClassification, recording: FloatArray, events: list[Detection], tmp_path: Path
) -> None:
    import soxr

    path = tmp_path / "stereo.wav"
    upsampled = soxr.resample(recording, 16_000, 48_000)
    soundfile.write(path, np.stack([upsampled, upsampled], axis=1), 48_000, subtype="FLOAT")
    heard = list(spotter.listen(path))
    assert [event.label for event in heard] == [event.label for event in events]
    np.testing.assert_allclose(
        [event.end_s for event in heard], [event.end_s for event in events], atol=0.0801
    )


@pytest.mark.parametrize("top_k", [0, -3])
def test_a_top_k_below_one_is_refused(spotter: AudioClassification, top_k: int) -> None:
    with pytest.raises(InputError, match="top_k"):
        spotter(RECORDING, top_k=top_k)


def test_a_rejection_that_is_no_label_is_refused(altered: Callable[..., Path]) -> None:
    output = {"labels": "labels.txt", "rejection": "nono"}
    folder = altered(ROOT / "models" / "commands-en", {}, output=output)
    with pytest.raises(BundleError, match="rejection: 'nono' is not a label; did you mean 'none'"):
        earlet.pipeline("audio-classification", folder)


def test_labels_that_do_not_fit_the_network_are_refused(altered: Callable[..., Path]) -> None:
    folder = altered(ROOT / "models" / "commands-en", {"labels.txt": b"down\nup\nnone\n"})
    with pytest.raises(BundleError, match="3 labels, and the network has 10 outputs"):
        earlet.pipeline("audio-classification", folder)
