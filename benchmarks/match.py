"""How often `match` misses a command, and how often it takes something else for one.

    python benchmarks/match.py [--data ../shared/data] [--fit]

Prints a table, as Markdown, of the validation part of Speech Commands, of LibriSpeech test-other,
and of one half of orders and noise. Confidence and threshold were set (`--fit`) on speakers of the
training part, on other readers, and on the other half. No network is trained.

Commands are single words, among so many that may be said; and phrases, held to PHRASES, which are
joined from clips of one speaker where it has all of the words. No commands are clips of words that
may not be said, phrases with one wrong word, read speech, pieces of it, spoken orders, noise.
"""

import argparse
import csv
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it

import numpy as np
import soundfile

import earlet
from earlet.arrays import FloatArray
from earlet.tasks.speech_recognition import SpeechRecognition

ROOT = Path(__file__).parents[1]
SAMPLE_RATE = 16_000  # Hz, of all recordings here
PHRASES = ["go {left|right} {one|five|eight|zero}", "{up|down} {zero|five} {zero|five}"]
SIZES = (2, 5, 10, 35)  # of sets of words that may be said
CLIPS = 12  # of each word
N_PHRASES = 60  # of each kind
LONGEST_S = 25.0  # of an utterance
THRESHOLDS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)


class Trial(NamedTuple):
    """Something that was said, and what may be said."""

    kind: str
    waveform: FloatArray
    candidates: Sequence[str]
    said: str | None  # what is to be heard; None: nothing that may be said


class Outcome(NamedTuple):
    """What `match` makes of it when nothing is rejected."""

    kind: str
    is_command: bool
    is_right: bool  # the sentence that was said
    confidence: float  # 0 where nobody was heard


class Clips:
    """Speech Commands, one split."""

    def __init__(self, folder: Path, split: str, rng: random.Random) -> None:
        with (folder / "manifest.csv").open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == split]
        rng.shuffle(rows)
        self._rng = rng
        self.words: dict[str, list[Path]] = defaultdict(list)
        self._speakers: dict[str, dict[str, Path]] = defaultdict(dict)
        for row in rows:
            path = folder / row["path"]
            self.words[row["word"]].append(path)
            self._speakers[row["speaker"]][row["word"]] = path

    def phrase(self, words: Sequence[str]) -> FloatArray:
        """Words of one speaker, as far as it has them, with short pauses between."""
        speaker = max(
            self._rng.sample(sorted(self._speakers), 60),
            key=lambda name: len(self._speakers[name].keys() & set(words)),
        )
        parts = []
        for word in words:
            path = self._speakers[speaker].get(word) or self._rng.choice(self.words[word])
            clip = spoken(read(path))
            pause = np.zeros(round(self._rng.uniform(0.05, 0.2) * SAMPLE_RATE), dtype=np.float32)
            parts += [clip * np.float32(0.05 / (clip.std() + 1e-6)), pause]
        return np.concatenate(parts)


def single_words(clips: Clips, rng: random.Random) -> Iterator[Trial]:
    """Each clip among words that may be said, with its own and without."""
    vocabulary = sorted(clips.words)
    for word in vocabulary:
        for path in clips.words[word][:CLIPS]:
            waveform = read(path)
            if not waveform.any():
                continue  # some clips of the corpus are empty
            others = [other for other in vocabulary if other != word]
            for size in SIZES:
                several = rng.sample(others, min(size, len(others)))
                yield Trial(f"{size} words", waveform, [word, *several[1:]], word)
                if size < len(others):
                    yield Trial(f"{size} words, another word", waveform, several, None)


def phrases(clips: Clips, rng: random.Random) -> Iterator[Trial]:
    """What PHRASES allow, and the same with one word that they do not."""
    numbers = ("one", "five", "eight", "zero")
    for i in range(N_PHRASES):
        way, number = rng.choice(("left", "right")), rng.choice(numbers)
        up, digit = rng.choice(("up", "down")), rng.choice(("zero", "five"))
        for words in (["go", way, number], [up, digit, digit]):
            yield Trial("phrases", clips.phrase(words), PHRASES, " ".join(words))
        wrong = (
            [rng.choice(("up", "down", "cat")), way, number],
            ["go", rng.choice(("down", "up", "zero")), number],
            ["go", way, rng.choice(("left", "bed", "happy"))],
            [up, digit, rng.choice(("one", "eight", "up"))],
        )[i % 4]
        yield Trial("phrases, one word another", clips.phrase(wrong), PHRASES, None)


def others(data: Path, split: str, rng: random.Random) -> Iterator[tuple[str, FloatArray]]:
    """What is no command at all."""
    folder = "negatives/librispeech" if split == "train" else "speech/librispeech-test-other"
    for path in sorted((data / folder).glob("*.flac"))[:40]:
        waveform = read(path)[: round(LONGEST_S * SAMPLE_RATE)]
        yield "read speech", waveform
        length = round(1.5 * SAMPLE_RATE)
        start = rng.randrange(max(1, len(waveform) - length))
        yield "1.5 s of read speech", waveform[start : start + length]
    with (data / "negatives" / "manifest.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    groups = sorted({row["speaker_group"] for row in rows})
    mine = groups[::2] if split == "train" else groups[1::2]
    for row in [row for row in rows if row["speaker_group"] in mine][:40]:
        path = data / "negatives" / row["path"]
        yield "orders", read(path)[: round(LONGEST_S * SAMPLE_RATE)]
    for path in sorted((data / "commands" / "gsc-subset" / "noise").glob("*.flac")):
        waveform = read(path)
        half = len(waveform) // 2
        waveform = waveform[:half] if split == "train" else waveform[half:]
        for start in range(0, len(waveform) - SAMPLE_RATE, 3 * SAMPLE_RATE):
            yield "noise", waveform[start : start + round(1.5 * SAMPLE_RATE)]


def trials(data: Path, split: str, seed: int) -> Iterator[Trial]:
    """All that is measured on one half of the data."""
    rng = random.Random(seed)  # noqa: S311
    clips = Clips(data / "commands" / "gsc-subset", split, rng)
    yield from single_words(clips, rng)
    yield from phrases(clips, rng)
    for kind, waveform in others(data, split, rng):
        yield Trial(f"phrases, {kind}", waveform, PHRASES, None)
        for size in SIZES:
            words = rng.sample(sorted(clips.words), min(size, len(clips.words)))
            yield Trial(f"{size} words, {kind}", waveform, words, None)


def measure(asr: SpeechRecognition, trial: Trial) -> Outcome:
    """One trial, with a threshold of zero."""
    heard = asr.match(trial.waveform, trial.candidates, sampling_rate=SAMPLE_RATE, threshold=0.0)
    return Outcome(
        trial.kind,
        trial.said is not None,
        heard is not None and heard.text == trial.said,
        0.0 if heard is None else heard.confidence,
    )


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A row for each kind: misses of commands, false accepts of all else, at each threshold."""
    yield f"| % at a threshold of | n | {' | '.join(f'{t:g}' for t in THRESHOLDS)} |"
    yield "|---|" + "---|" * (1 + len(THRESHOLDS))
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        these = [outcome for outcome in outcomes if outcome.kind == kind]
        command = these[0].is_command
        rates = [
            np.mean([(o.confidence >= t and (o.is_right or not command)) != command for o in these])
            for t in THRESHOLDS
        ]
        name = f"**{kind}**: missed, or another heard" if command else f"{kind}: accepted"
        yield f"| {name} | {len(these)} | {' | '.join(f'{100 * r:.1f}' for r in rates)} |"


def fit(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """The logistic regression of being right on the logit of the confidence: slope, intercept.

    By Newton's method. Commands weigh as much as all else; 1 and 0 are what is in force already.
    """
    heard = [o for o in outcomes if 0 < o.confidence < 1]
    x = np.array([np.log(o.confidence / (1 - o.confidence)) for o in heard])
    y = np.array([o.is_right for o in heard], dtype=np.float64)
    weight = np.where(y == 1, 0.5 / y.sum(), 0.5 / (1 - y).sum())
    design = np.stack([x, np.ones_like(x)], axis=1)
    beta = np.array([1.0, 0.0])
    for _ in range(20):
        p = 1 / (1 + np.exp(-design @ beta))
        gradient = design.T @ (weight * (y - p))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design
        beta = beta + np.linalg.solve(hessian, gradient)
    return float(beta[0]), float(beta[1])


def spoken(waveform: FloatArray) -> FloatArray:
    """A clip without the quiet before and after: what is 25 dB below its loudest 10 ms."""
    frames = waveform[: len(waveform) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    (loud,) = np.nonzero(power > power.max() * 10**-2.5)
    if not len(loud):
        return waveform
    return waveform[max(0, loud[0] - 3) * 160 : (loud[-1] + 6) * 160]


def read(path: Path) -> FloatArray:
    """Samples of a file at SAMPLE_RATE."""
    waveform, _ = soundfile.read(path, dtype="float32")
    return np.asarray(waveform)


def main() -> None:
    """Print the table, or what confidence is to be made of."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "moonshine-tiny-en")
    parser.add_argument("--fit", action="store_true", help="on the other half of the data")
    arguments = parser.parse_args()
    asr = earlet.pipeline("automatic-speech-recognition", arguments.bundle)
    split = "train" if arguments.fit else "val"
    outcomes = [measure(asr, t) for t in trials(arguments.data, split, seed=len(split))]
    sys.stdout.write("\n".join(report(outcomes)) + "\n")
    if arguments.fit:
        slope, intercept = fit(outcomes)
        sys.stdout.write(f"logit = {slope:.3f} * logit in force {intercept:+.3f}\n")


if __name__ == "__main__":
    main()
