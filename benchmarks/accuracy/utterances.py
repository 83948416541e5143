"""Commands as people say them, and what is no command: recordings, joined words, synthetic voices.

Each half of the data has speakers, readers, voices and a part of the noise of its own: "train" is
for choosing constants, "val" for measuring.
"""

import csv
import io
import random
import shutil
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.inputs import SAMPLE_RATE, read
from earlet.arrays import Float64Array, FloatArray

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
JOINED = (
    *("go left", "go right", "go up", "go down", "left one", "left five", "right one"),
    *("right eight", "up one zero", "down five eight", "zero zero one", "happy cat", "bed down"),
    *("go left five", "go right eight"),
)
NEARLY_JOINED = (
    *("go zero", "left right", "up eight", "go cat", "right left one", "zero one one", "happy bed"),
    *("down down", "go left eight", "one five eight", "cat up", "left zero", "right up", "bed up"),
)
SPOKEN = (
    *("turn on the kitchen light", "turn off the kitchen light", "turn on the bedroom light"),
    *("turn off the bedroom light", "open the garage door", "close the garage door"),
    *("lock the front door", "unlock the front door", "what time is it"),
    *("what is the weather like", "set a timer for five minutes", "set a timer for ten minutes"),
    *("cancel the timer", "play some music", "stop the music", "pause the music", "next song"),
    *("volume up", "volume down", "call my mother", "answer the phone", "good morning"),
    *("good night", "raise the blinds", "lower the blinds", "start the coffee machine"),
    *("feed the cat", "water the plants", "it is too hot", "it is too cold", "turn on the fan"),
    *("turn off the fan", "read the news", "start the washing machine", "where are my keys"),
    "I am leaving now",
)
NEARLY_SPOKEN = (
    *("turn on the kitchen fan", "turn off the bathroom light", "open the kitchen door"),
    *("lock the back door", "what day is it", "what is the news", "set a timer for nine minutes"),
    *("set an alarm for ten", "play the next song", "stop the timer", "volume", "call my brother"),
    *("answer the door", "good evening", "raise the volume", "start the dishwasher"),
    *("feed the dog", "water the lawn", "it is too late", "turn the fan around", "read the book"),
    *("where is my phone", "I am reading now", "close the window"),
)
VOICES = {  # accents and speakers of espeak-ng
    "train": ("en-us+m3", "en-gb+f2", "en-gb-scotland+m1", "en-us+f4", "en-029+m7"),
    "val": ("en-us+m1", "en-gb+f3", "en-gb-x-rp+m5", "en-us+f1", "en-us-nyc+m6"),
}
CLIPS = 12  # of each word, where so many are there
TAKES = 6  # of each joined phrase
PAUSE_S = 1.5  # between utterances of a stream: digital silence, or noise
WORD_PAUSE_S = (0.05, 0.2)  # between the words of a joined phrase
N_SPEAKERS = 60  # among whom one who says all words of a phrase is looked for
LEVEL = 0.05  # RMS of the spoken part of every utterance
SNR_DB = 10.0
NOISE = "doing_the_dishes"
NOISE_FOR_TRAIN = 2 / 3  # its beginning; the rest is measured with
FRAME = 160  # samples in which loudness is measured: 10 ms
QUIET_DB = -25  # below the loudest frame
HELD_OUT_GROUPS = ("g01", "g05", "g07")  # of orders; those of `models/recipes/commands-en`
SEEDS = {"train": 5, "val": 3}  # any


@dataclass(frozen=True)
class Said:
    """A stream of utterances one after the other, and what each of them is."""

    waveform: FloatArray
    texts: Sequence[str]
    starts_s: Float64Array  # of each utterance


class Recordings:
    """The half of the data that constants are chosen on, or the one that is measured with."""

    def __init__(self, data: Path, split: str) -> None:
        self._data = data
        self._split = split
        self._rng = random.Random(SEEDS[split])  # noqa: S311
        folder = data / "commands" / "gsc-subset"
        rows = [row for row in _rows(folder / "manifest.csv") if row["split"] == split]
        self._rng.shuffle(rows)
        self.words: dict[str, list[Path]] = defaultdict(list)
        self._speakers: dict[str, dict[str, Path]] = defaultdict(dict)
        for row in rows:
            path = folder / row["path"]
            self.words[row["word"]].append(path)
            self._speakers[row["speaker"]][row["word"]] = path

    def clips(self, words: Sequence[str]) -> Iterator[tuple[str, FloatArray]]:
        """CLIPS of each word."""
        for word in words:
            for path in self.words[word][:CLIPS]:
                waveform = read(path)
                if waveform.any():  # some clips of the corpus are empty
                    yield word, waveform

    def joined(self, phrases: Sequence[str]) -> Iterator[tuple[str, FloatArray]]:
        """TAKES of each phrase: words of one speaker, as far as it has them."""
        for phrase in phrases:
            words = phrase.split()
            for _ in range(TAKES):
                speaker = max(
                    self._rng.sample(sorted(self._speakers), N_SPEAKERS),
                    key=lambda name: len(self._speakers[name].keys() & set(words)),
                )
                parts = []
                for word in words:
                    clip = self._speakers[speaker].get(word) or self._rng.choice(self.words[word])
                    pause = self._rng.uniform(*WORD_PAUSE_S)
                    parts += [levelled(spoken(read(clip))), silence(pause)]
                yield phrase, np.concatenate(parts)

    def synthetic(self, phrases: Sequence[str]) -> Iterator[tuple[str, FloatArray]]:
        """Each phrase in each voice."""
        program = shutil.which("espeak-ng")
        if program is None:
            raise SystemExit("typed.py: no espeak-ng; install the package, or leave its set out")
        for phrase in phrases:
            for voice in VOICES[self._split]:
                said = subprocess.run(
                    [program, "-v", voice, "--stdout", phrase], capture_output=True, check=True
                )
                waveform, rate = soundfile.read(io.BytesIO(said.stdout), dtype="float32")
                yield phrase, soxr.resample(waveform, rate, SAMPLE_RATE)

    def noise(self) -> FloatArray:
        """Of a kitchen."""
        noise = read(self._data / "commands" / "gsc-subset" / "noise" / f"{NOISE}.flac")
        cut = round(len(noise) * NOISE_FOR_TRAIN)
        return noise[:cut] if self._split == "train" else noise[cut:]

    def speech(self) -> FloatArray:
        """Continuous speech: orders, names of devices, books."""
        return np.concatenate([read(path) for path in self._speech()])

    def _speech(self) -> Iterator[Path]:
        is_measured = self._split == "val"
        negatives = self._data / "negatives"
        for row in _rows(negatives / "manifest.tsv"):
            if (row["speaker_group"] in HELD_OUT_GROUPS) == is_measured:
                yield negatives / row["path"]
        phrases = self._data / "wakeword" / "alexa"
        others = [phrases / row["path"] for row in _rows(phrases / "manifest.tsv")]
        books = [*(negatives / "librispeech").glob("*.flac")]
        for path in sorted(others + books):
            if (zlib.crc32(path.name.encode()) % 4 == 0) == is_measured:
                yield path
        if is_measured:
            yield from sorted((self._data / "speech" / "librispeech-test-other").glob("*.flac"))


def spliced(utterances: Sequence[tuple[str, FloatArray]]) -> Said:
    """All of the same level, with pauses."""
    parts, starts, n_samples = [silence(PAUSE_S)], [], round(PAUSE_S * SAMPLE_RATE)
    for _, waveform in utterances:
        starts.append(n_samples / SAMPLE_RATE)
        part = np.concatenate([levelled(waveform), silence(PAUSE_S)])
        parts.append(part)
        n_samples += len(part)
    return Said(np.concatenate(parts), [text for text, _ in utterances], np.array(starts))


def noisy(said: Said, noise: FloatArray) -> Said:
    """The same with noise, SNR_DB below the speech."""
    gain = LEVEL * 10 ** (-SNR_DB / 20) / noise.std()
    waveform = said.waveform + np.resize(noise, len(said.waveform)) * np.float32(gain)
    return Said(waveform, said.texts, said.starts_s)


def spoken(waveform: FloatArray) -> FloatArray:
    """A clip without the quiet before and after, but for 30 ms before and 50 ms after."""
    (loud,) = np.nonzero(_loud(waveform))
    if not len(loud):
        return waveform
    return waveform[max(0, loud[0] - 3) * FRAME : (loud[-1] + 6) * FRAME]


def levelled(waveform: FloatArray) -> FloatArray:
    """With LEVEL in its loud frames."""
    frames = waveform[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)
    loud = frames[_loud(waveform)]
    return waveform * np.float32(LEVEL / (np.sqrt(np.square(loud).mean()) + 1e-6))


def _loud(waveform: FloatArray) -> NDArray[np.bool_]:
    """Which frames are."""
    power = np.square(waveform[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)).mean(axis=1)
    return np.asarray(power > power.max() * 10 ** (QUIET_DB / 10))


def silence(duration_s: float) -> FloatArray:
    """Zeros."""
    return np.zeros(round(duration_s * SAMPLE_RATE), dtype=np.float32)


def _rows(manifest: Path) -> Iterator[dict[str, str]]:
    with manifest.open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines, delimiter="\t" if manifest.suffix == ".tsv" else ",")
