"""Hours of words, speech, noise and silence: the same sound for the same number of the hour."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from earlet.arrays import INT16_SCALE, FloatArray

SAMPLE_RATE = 16_000  # Hz
EDGE_S = 4.0  # of digital silence at both ends of an hour: no word lies in two
SCENE_S = (2.0, 15.0)  # of noise or silence, from and to
PAUSE_S = (0.8, 4.0)  # between two words
MARGIN_S = 0.1  # of a recording round each word that is cut out of it
LEVEL_DB = (-35.0, -15.0)  # of words and speech, RMS below full scale
NOISE_DB = (-70.0, -35.0)
N_NOISE = 2**20  # samples, 66 s: no scene is longer
SLOPES = (0.0, 0.5, 1.0)  # white, pink and brown: amplitude falls with frequency to the power of it
SCENES = {"words": 0.3, "speech": 0.2, "noise": 0.25, "silence": 0.25}


@dataclass(frozen=True)
class Recordings:
    """What hours are made of, each (n_samples,)."""

    words: tuple[FloatArray, ...]
    speech: tuple[FloatArray, ...]
    noises: tuple[FloatArray, ...]  # RMS 1


def read_recordings(folder: Path, data: Path | None) -> Recordings:
    """Those of tests/recordings, and of the public data sets where they are."""
    commands = _read(folder / "commands.flac")
    with (folder / "commands.tsv").open(encoding="utf-8", newline="") as table:
        words = [
            _cut(commands, float(row["start_s"]) - MARGIN_S, float(row["end_s"]) + MARGIN_S)
            for row in csv.DictReader(table, delimiter="\t")
        ]
    speech = [_read(folder / "speech.flac")]
    if data is not None:
        words += map(_read, sorted(data.glob("commands/gsc-subset/*/*_nohash_*.flac"))[::40])
        speech += map(_read, sorted(data.glob("speech/librispeech-test-other/*.flac")))
    return Recordings(tuple(words), tuple(speech), tuple(map(_noise, SLOPES)))


def hour_of_sound(
    number: int, recordings: Recordings, length_s: float = 3600.0
) -> Iterator[FloatArray]:
    """Scenes of at most a minute; samples are those that 16 bits can hold."""
    generator = np.random.default_rng(number)
    edge = np.zeros(round(EDGE_S * SAMPLE_RATE), dtype=np.float32)
    yield edge
    n_left = round(length_s * SAMPLE_RATE) - 2 * len(edge)
    while n_left > 0:
        kind = generator.choice(list(SCENES), p=list(SCENES.values()))
        scene = _as_16_bits(_scene(str(kind), generator, recordings))[:n_left]
        yield scene
        n_left -= len(scene)
    yield edge


def _scene(kind: str, generator: np.random.Generator, recordings: Recordings) -> FloatArray:
    n_samples = round(generator.uniform(*SCENE_S) * SAMPLE_RATE)
    if kind == "silence":
        steps = generator.integers(-1, 1, n_samples, endpoint=True)  # what any converter gives
        return np.asarray(steps * INT16_SCALE, dtype=np.float32)
    if kind == "noise":
        return _noise_of(n_samples, generator, recordings)
    if kind == "speech":
        utterance = recordings.speech[generator.integers(len(recordings.speech))]
        foreground = _at_level(utterance, generator.uniform(*LEVEL_DB))
    else:
        foreground = _words(generator, recordings)
    return foreground + _noise_of(len(foreground), generator, recordings)


def _words(generator: np.random.Generator, recordings: Recordings) -> FloatArray:
    parts = []
    for _ in range(int(generator.integers(1, 8))):
        word = recordings.words[generator.integers(len(recordings.words))]
        pause = np.zeros(round(generator.uniform(*PAUSE_S) * SAMPLE_RATE), dtype=np.float32)
        parts += [pause, _at_level(word, generator.uniform(*LEVEL_DB))]
    return np.concatenate(parts)


def _noise_of(n_samples: int, generator: np.random.Generator, recordings: Recordings) -> FloatArray:
    noise = recordings.noises[generator.integers(len(recordings.noises))]
    start = int(generator.integers(len(noise) - n_samples))
    gain = np.float32(10 ** (generator.uniform(*NOISE_DB) / 20))
    return np.asarray(noise[start : start + n_samples] * gain, dtype=np.float32)


def _noise(slope: float) -> FloatArray:
    """Gaussian noise of RMS 1 whose spectrum falls, without anything below 20 Hz, (N_NOISE,)."""
    frequencies = np.fft.rfftfreq(N_NOISE, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=N_NOISE))
    spectrum *= np.where(frequencies < 20, 0, np.maximum(frequencies, 20) ** -slope)
    noise = np.fft.irfft(spectrum)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), dtype=np.float32)


def _cut(waveform: FloatArray, start_s: float, end_s: float) -> FloatArray:
    return waveform[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def _at_level(waveform: FloatArray, level_db: float) -> FloatArray:
    rms = np.sqrt(np.mean(waveform**2)) + 1e-9
    return np.asarray(waveform * np.float32(10 ** (level_db / 20) / rms), dtype=np.float32)


def _as_16_bits(waveform: FloatArray) -> FloatArray:
    steps = np.clip(np.round(waveform / INT16_SCALE), -32_768, 32_767)
    return np.asarray(steps * INT16_SCALE, dtype=np.float32)


def _read(path: Path) -> FloatArray:
    waveform: FloatArray
    waveform, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path}: expected {SAMPLE_RATE} Hz, got {rate}")
    return waveform
