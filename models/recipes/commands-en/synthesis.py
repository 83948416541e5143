"""Words and sentences spoken by synthesizers: espeak-ng and flite, as Debian packages them.

Recordings hold few of the words that sound nearly like a command. Synthesizers say as many as one
likes. They say the commands too, so that a synthetic voice alone tells nothing.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile as sf
import soxr
from data import COMMANDS, SAMPLE_RATE
from numpy.random import Generator

from earlet.arrays import FloatArray

FLITE_VOICES = ("awb", "kal16", "rms", "slt")
ESPEAK_ACCENTS = ("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc", "en-029")
ESPEAK_SPEAKERS = (
    *("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    *("Alicia", "Andy", "Annie", "Gene", "Michael", "Mike", "belinda", "edward", "iven"),
    *("linda", "quincy", "shelby", "steph", "travis", "victor"),
)
FLITE_SHARE = 0.6  # of all that is said: fewer voices than espeak-ng, but of recorded speakers

N_PER_COMMAND = 150  # clips
N_NEAR_WORDS = 4_000  # clips
N_SENTENCES = 900
SENTENCE_WORDS = (6, 16)
NEAR_WORDS_INSERTED = 3  # per sentence

# Of the words' phonemes to a command's. Short commands are part of too many words to allow any.
NEAR_EDITS = {1: 0, 2: 0, 3: 1, 4: 1}
LONGER = 3  # phonemes that a near word may have more than the command


@dataclass(frozen=True)
class Synthetic:
    """Waveforms at 16 kHz, float32."""

    commands: tuple[list[FloatArray], ...]  # one list of clips per command
    near_words: list[FloatArray]  # isolated words that sound nearly like a command
    speech: list[FloatArray]  # sentences without any command


def synthesize(data: Path, rng: Generator) -> Synthetic:
    """Say the commands, near words, and sentences made of the words of `data`'s movie reviews."""
    text = (data / "text/sentiment/train.tsv").read_text(encoding="utf-8")
    sentences = [re.findall(r"[a-z']*[a-z]", line) for line in text.splitlines()]
    vocabulary = sorted({word for sentence in sentences for word in sentence})
    near, same = near_words(vocabulary)
    spoken = [[word for word in sentence if word not in same] for sentence in sentences]
    with TemporaryDirectory() as scratch:
        voice = _Voices(Path(scratch) / "said.wav", rng)
        return Synthetic(
            commands=tuple([voice.say(word) for _ in range(N_PER_COMMAND)] for word in COMMANDS),
            near_words=[voice.say(word) for word in rng.choice(near, N_NEAR_WORDS).tolist()],
            speech=[voice.say(text) for text in _sentences(spoken, near, rng)],
        )


def near_words(vocabulary: Sequence[str]) -> tuple[list[str], frozenset[str]]:
    """The words that sound nearly like a command, and those that sound just like one."""
    commands = {tuple(phonemes) for phonemes in _phonemes(COMMANDS)}
    near, same = [], set()
    for word, phonemes in zip(vocabulary, _phonemes(vocabulary), strict=True):
        if tuple(phonemes) in commands or word in COMMANDS:
            same.add(word)
        elif any(sounds_near(phonemes, command) for command in commands):
            near.append(word)
    return near, frozenset(same)


def _phonemes(words: Sequence[str]) -> list[list[str]]:
    """How each word sounds, in the international phonetic alphabet, stress left out."""
    said = subprocess.run(
        [_program("espeak-ng"), "-q", "-v", "en-us", "--ipa", "--sep=_", "--stdin"],
        input="".join(f"{word}.\n" for word in words),
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return [re.sub("[ˈˌ ]", "", line).split("_") for line in said.stdout.splitlines()]


def sounds_near(phonemes: Sequence[str], command: Sequence[str]) -> bool:
    """Whether some part of a word, not much longer than the command, is the command but for edits.

    The edit distance to the best part of a text: Sellers 1980, Journal of Algorithms 1(4).
    """
    if len(phonemes) > len(command) + LONGER:
        return False
    row = [0] * (len(phonemes) + 1)
    for i, wanted in enumerate(command, start=1):
        above, row = row, [i]
        for j, phoneme in enumerate(phonemes, start=1):
            row.append(min(above[j - 1] + (phoneme != wanted), above[j] + 1, row[-1] + 1))
    return min(row) <= NEAR_EDITS[len(command)]


def _sentences(
    spoken: Sequence[Sequence[str]], near: Sequence[str], rng: Generator
) -> Iterator[str]:
    for row in rng.choice(len(spoken), N_SENTENCES, replace=False):
        words = list(spoken[row][: rng.integers(*SENTENCE_WORDS)])
        for word in rng.choice(near, NEAR_WORDS_INSERTED).tolist():
            words.insert(int(rng.integers(len(words) + 1)), word)
        yield " ".join(words)


class _Voices:
    """Says a text, each time in another voice, speed and pitch."""

    def __init__(self, scratch: Path, rng: Generator) -> None:
        self._scratch = scratch
        self._rng = rng
        self._programs = {name: _program(name) for name in ("espeak-ng", "flite")}

    def say(self, text: str) -> FloatArray:
        """A waveform at 16 kHz, scaled to a peak of 0.5."""
        command = self._flite(text) if self._rng.random() < FLITE_SHARE else self._espeak(text)
        subprocess.run(command, check=True, capture_output=True)
        waveform, sample_rate = sf.read(self._scratch, dtype="float32")
        said = soxr.resample(waveform, sample_rate, SAMPLE_RATE)
        return np.asarray(said * np.float32(0.5 / np.abs(said).max()))

    def _flite(self, text: str) -> list[str]:
        rng = self._rng
        settings = {
            "duration_stretch": rng.uniform(0.85, 1.4),
            "int_f0_target_mean": rng.uniform(85, 240),
            "int_f0_target_stddev": rng.uniform(8, 40),
        }
        command = [self._programs["flite"], "-voice", str(rng.choice(FLITE_VOICES))]
        for name, value in settings.items():
            command += ["--setf", f"{name}={value:.3f}"]
        return [*command, "-t", text, "-o", str(self._scratch)]

    def _espeak(self, text: str) -> list[str]:
        rng = self._rng
        voice = f"{rng.choice(ESPEAK_ACCENTS)}+{rng.choice(ESPEAK_SPEAKERS)}"
        speed, pitch = rng.integers(110, 200), rng.integers(15, 85)
        options = ["-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(self._scratch)]
        return [self._programs["espeak-ng"], *options, "--", text]


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"expected the program {name}, found none: apt install {name}")
    return path
