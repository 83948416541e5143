"""Where nobody speaks, the recogniser writes nothing; what is not speech makes it write no loop."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earlet
from earlet.arrays import Float64Array, FloatArray
from earlet.tasks.speech_recognition import SpeechRecognition

RATE = 16_000  # Hz
LENGTH_S = 3
MAX_WORDS = 5  # that may come out of what is no speech: a loop writes two or more a second
NOISES = (
    "doing_the_dishes", "dude_miaowing", "exercise_bike", "pink_noise", "running_tap", "white_noise"
)  # fmt: skip
TIMES = np.arange(LENGTH_S * RATE) / RATE


@pytest.fixture(scope="module")
def recognise() -> SpeechRecognition:
    return earlet.pipeline("automatic-speech-recognition")


def white() -> Float64Array:
    return np.random.default_rng(0).standard_normal(len(TIMES))


def pink() -> Float64Array:
    spectrum = np.fft.rfft(white())
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum))))))


def total(parts: Iterable[Float64Array]) -> Float64Array:
    return np.asarray(np.sum(list(parts), axis=0), dtype=np.float64)


def tone(midi: int, start_s: float, decay: float) -> Float64Array:
    """A note with ten harmonics that begins in 10 ms and dies away by e in 1 / decay seconds."""
    frequency = 440 * 2 ** ((midi - 69) / 12)
    after = np.maximum(0, TIMES - start_s)
    envelope = np.minimum(1, after / 0.01) * np.exp(-decay * after)
    harmonics = total(np.sin(2 * np.pi * frequency * n * after) / n for n in range(1, 11))
    return np.asarray(envelope * harmonics)


def organ() -> Float64Array:
    """Chords that last."""
    chords = [(48, 52, 55, 60), (45, 52, 57, 60)]
    return total(tone(note, 1.5 * i, 0.5) for i, chord in enumerate(chords) for note in chord)


def arpeggio() -> Float64Array:
    """Five plucked notes a second, about as fast as syllables."""
    melody = [60, 64, 67, 72, 67, 64, 57, 60, 64, 69, 64, 60]
    return total(tone(melody[i % len(melody)], i / 5, 4) for i in range(LENGTH_S * 5))


def hum() -> Float64Array:
    """Mains, with its odd harmonics."""
    return total(np.sin(2 * np.pi * 50 * n * TIMES) / n for n in (1, 2, 3, 5, 7))


def clicks() -> Float64Array:
    waveform = np.zeros(len(TIMES))
    waveform[:: RATE // 4] = 1
    return waveform


def knocks() -> Float64Array:
    """Bursts of noise that die away in 20 ms, in an uneven rhythm."""
    since = np.mod(TIMES, 0.7) + np.where(np.mod(TIMES, 2.1) < 0.7, 0, 0.2)
    return np.asarray(white() * np.exp(-since / 0.02))


SOUNDS = [cache(sound) for sound in (white, pink, organ, arpeggio, hum, clicks, knocks)]


def at_level(waveform: Float64Array, dbfs: float) -> FloatArray:
    """With so much power, relative to a square wave of full scale."""
    rms = np.sqrt(np.mean(waveform**2))
    return np.asarray(np.clip(waveform / rms * 10 ** (dbfs / 20), -1, 1), dtype=np.float32)


def test_digital_silence_has_no_words(recognise: SpeechRecognition) -> None:
    for seconds in (0.01, 0.1, 1, 12):
        waveform = np.zeros(int(seconds * RATE), dtype=np.float32)
        assert recognise(waveform, sampling_rate=RATE).text == ""
        assert recognise.transcribe(waveform) == ""


@pytest.mark.parametrize("dbfs", [-60, -30, -10])
@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: sound.__name__)
def test_noise_and_music_have_no_words(
    sound: Callable[[], Float64Array], dbfs: float, recognise: SpeechRecognition
) -> None:
    waveform = at_level(sound(), dbfs)
    assert recognise(waveform, sampling_rate=RATE).text == ""
    # The network itself, which the voice activity detector spares such sounds.
    assert len(recognise.transcribe(waveform).split()) <= MAX_WORDS


@pytest.mark.parametrize("noise", NOISES)
def test_noises_of_a_household_have_no_words(
    noise: str, shared_data: Path, recognise: SpeechRecognition
) -> None:
    path = shared_data / "commands" / "gsc-subset" / "noise" / f"{noise}.flac"
    waveform, _ = soundfile.read(path, dtype="float32", frames=12 * RATE)
    assert recognise(waveform, sampling_rate=RATE).text == ""
    assert len(recognise.transcribe(waveform).split()) <= MAX_WORDS


def test_speech_between_them_is_heard(speech: FloatArray, recognise: SpeechRecognition) -> None:
    before, after = at_level(organ(), -30), at_level(pink(), -45)
    waveform = np.concatenate([before, speech, after])
    text = recognise(waveform, sampling_rate=RATE).text
    assert "apostle of the middle classes" in text
    assert len(text.split()) < 20  # of 17 that are said


@pytest.mark.parametrize(
    "clip", ["zero/38d78313_nohash_1", "yes/b0ae6326_nohash_2", "up/2e73212b_nohash_1"]
)
def test_a_word_said_once_is_not_written_until_the_limit(
    clip: str, shared_data: Path, recognise: SpeechRecognition
) -> None:
    """Without the guard it is written seven times or more."""
    path = shared_data / "commands" / "gsc-subset" / f"{clip}.flac"
    waveform, _ = soundfile.read(path, dtype="float32")
    words = recognise.transcribe(waveform).lower().replace(",", "").replace(".", "").split()
    assert words in ([clip.split("/")[0]], 2 * [clip.split("/")[0]])


@pytest.mark.parametrize(
    "clip",
    [
        "bird/adb45ef2_nohash_0",
        "go/06a79a03_nohash_1",
        "no/2f813234_nohash_1",
        "six/dabf67d9_nohash_0",
    ],
)
def test_a_word_that_is_said_alone_is_heard(
    clip: str, shared_data: Path, recognise: SpeechRecognition
) -> None:
    """Without `brief_logprob` nothing is written, which is likelier than the word."""
    path = shared_data / "commands" / "gsc-subset" / f"{clip}.flac"
    waveform, _ = soundfile.read(path, dtype="float32")
    text = recognise(np.pad(waveform, RATE), sampling_rate=RATE).text
    assert text == f"{clip.split('/')[0].capitalize()}."
