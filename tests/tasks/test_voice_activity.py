"""Where somebody speaks, with the bundle that ships."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earlet
from earlet.arrays import FloatArray
from earlet.streaming.vad import SpeechProbability
from earlet.tasks.voice_activity import VoiceActivityDetection

ROOT = Path(__file__).parents[2]
PAD_S = 0.2  # the bundle's padding, and what the recogniser of speech may miss at a soft edge


@pytest.fixture(scope="module")
def vad() -> VoiceActivityDetection:
    return earlet.pipeline("voice-activity-detection", ROOT / "models" / "vad")


@pytest.fixture(scope="module")
def two_sentences(golden: Path) -> FloatArray:
    """2 s of hiss, a sentence of 5.9 s, 2 s, the sentence again, 2 s; hiss throughout."""
    sentence, _ = soundfile.read(golden / "whisper" / "1272-128104-0000.wav", dtype="float32")
    pause = np.zeros(32_000, dtype=np.float32)
    waveform = np.concatenate([pause, sentence, pause, sentence, pause])
    hiss = np.random.default_rng(2).normal(size=len(waveform)) * 1e-3
    return np.asarray(waveform + hiss, dtype=np.float32)


def test_probabilities_are_those_of_the_package(vad: VoiceActivityDetection, golden: Path) -> None:
    sentence, _ = soundfile.read(golden / "whisper" / "1272-128104-0000.wav", dtype="float32")
    found = SpeechProbability(vad.config, vad.network).push(np.pad(sentence, 16_000))
    expected = np.load(golden / "silero" / "probabilities.npy")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@settings(max_examples=8)
@given(lengths=st.lists(st.integers(1, 70), min_size=5, max_size=40))
def test_a_window_has_the_same_probability_alone_and_with_any_others(
    vad: VoiceActivityDetection, two_sentences: FloatArray, lengths: list[int]
) -> None:
    padded = np.concatenate([np.zeros(64, dtype=np.float32), two_sentences])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 576)[::512]

    def heard(parts: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        state, found = np.zeros((2, 1, 128), dtype=np.float32), []
        for part in parts:
            probabilities, state = vad.network(np.ascontiguousarray(part), state)
            found.append(probabilities)
        return np.concatenate(found), state

    alone = heard([window[None] for window in windows])
    together = heard([part for part in np.split(windows, np.cumsum(lengths)) if len(part)])
    np.testing.assert_array_equal(together[0], alone[0])
    np.testing.assert_array_equal(together[1], alone[1])


def test_the_sentences_are_found_and_the_pauses_are_not(
    vad: VoiceActivityDetection, two_sentences: FloatArray
) -> None:
    segments = vad(two_sentences, sampling_rate=16_000)
    spoken = [(2.0, 7.855), (9.855, 15.71)]
    for segment in segments:
        assert any(a - PAD_S <= segment.start_s < segment.end_s <= b + PAD_S for a, b in spoken)
    assert sum(s.end_s - s.start_s for s in segments) > 0.8 * sum(b - a for a, b in spoken)


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 283_360), max_size=40).map(sorted))
def test_any_chunking_gives_the_same_segments(
    vad: VoiceActivityDetection, two_sentences: FloatArray, cuts: list[int]
) -> None:
    whole = vad(two_sentences, sampling_rate=16_000)
    assert list(vad.listen(np.split(two_sentences, cuts))) == whole


@pytest.mark.parametrize("n_samples", [0, 1, 511, 512, 16_000])
def test_silence_has_no_speech(vad: VoiceActivityDetection, n_samples: int) -> None:
    assert vad(np.zeros(n_samples, dtype=np.float32), sampling_rate=16_000) == []


def test_short_words_are_heard_after_half_a_minute_of_steady_noise(
    vad: VoiceActivityDetection,
) -> None:
    recordings = ROOT / "tests" / "recordings"
    commands, rate = soundfile.read(recordings / "commands.flac", dtype="float32")
    with (recordings / "commands.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    words = [(float(row["start_s"]), float(row["end_s"])) for row in rows]
    level = np.concatenate([commands[int(a * rate) : int(b * rate)] for a, b in words]).std()
    waveform = np.concatenate([np.zeros(30 * rate, dtype=np.float32), commands])
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(len(waveform)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(waveform))
    pink *= level * 10 ** (-5 / 20) / pink.std()  # 5 dB below the words
    segments = vad((waveform + pink).astype(np.float32), sampling_rate=rate)
    assert all(s.start_s > 30 for s in segments)
    for a, b in words:
        assert any(s.start_s < 30 + b and s.end_s > 30 + a for s in segments), (a, b)


NOISES = (None, "pink_noise", "doing_the_dishes", "dude_miaowing")


@pytest.mark.parametrize("noise", NOISES)
def test_the_borders_of_speech_are_where_its_sound_begins_and_ends(
    vad: VoiceActivityDetection, shared_data: Path, noise: str | None
) -> None:
    folder = shared_data / "speech" / "long"
    clean, _ = soundfile.read(next(folder.glob("*.flac")), dtype="float32")
    rows = (folder / "segments.tsv").read_text(encoding="utf-8").splitlines()[1:]
    utterances = [tuple(map(float, row.split("\t")[:2])) for row in rows]
    waveform = clean
    if noise is not None:
        path = shared_data / "commands" / "gsc-subset" / "noise" / f"{noise}.flac"
        sound = np.resize(soundfile.read(path, dtype="float32")[0], len(clean))
        level = np.sqrt((clean[clean != 0] ** 2).mean() / (sound**2).mean())
        waveform = clean + np.float32(level * 10 ** (-20 / 20)) * sound  # 20 dB below the speech
    found = [u.speech for u in vad.utterances(iter([waveform]))]
    distances = []
    for start_s, end_s in utterances:
        begin, end = loud(clean, start_s, end_s)
        inside = [s for s in found if s.end > begin and s.start < end]
        distances += [abs(inside[0].start - begin), abs(inside[-1].end - end)]
    assert np.median(distances) / 16_000 < 0.1
    assert np.mean(np.array(distances) / 16_000 < 0.3) >= 0.95


def loud(waveform: FloatArray, start_s: float, end_s: float) -> tuple[int, int]:
    """The first and the last sample of an utterance within 30 dB of its loud moments."""
    start, frame = int(start_s * 16_000), 160
    samples = waveform[start : int(end_s * 16_000)]
    power = (samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    above = np.flatnonzero(power > np.percentile(power, 95) / 10**3)
    return start + int(above[0]) * frame, start + (int(above[-1]) + 1) * frame
