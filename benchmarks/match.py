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
N_SPEAKERS = 60  # among whom the one who says a phrase is looked for
N_UTTERANCES = 40  # of read speech, and of orders
LONGEST_S = 25.0  # of an utterance
PIECE_S = 1.5  # of read speech and of noise: about what a command takes
NOISE_STEP_S = 3.0  # from one piece of noise to the next
LEVEL = 0.05  # RMS of each word of a phrase
FRAME = 160  # samples in which loudness is measured: 10 ms
QUIET_DB = -25  # below the loudest frame
SEEDS = {"train": 5, "val": 3}  # any
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
            self._rng.sample(sorted(self._speakers), N_SPEAKERS),
            key=lambda name: len(self._speakers[name].keys() & set(words)),
        )
        parts = []
        for word in words:
            path = self._speakers[speaker].get(word) or self._rng.choice(self.words[word])
            clip = spoken(read(path))
            pause = np.zeros(round(self._rng.uniform(0.05, 0.2) * SAMPLE_RATE), dtype=np.float32)
            parts += [clip * np.float32(LEVEL / (clip.std() + 1e-6)), pause]
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


def no_commands(data: Path, split: str, rng: random.Random) -> Iterator[tuple[str, FloatArray]]:
    """What is no command at all."""
    piece = round(PIECE_S * SAMPLE_RATE)
    folder = "negatives/librispeech" if split == "train" else "speech/librispeech-test-other"
    for path in sorted((data / folder).glob("*.flac"))[:N_UTTERANCES]:
        waveform = read(path)[: round(LONGEST_S * SAMPLE_RATE)]
        yield "read speech", waveform
        start = rng.randrange(max(1, len(waveform) - piece))
        yield f"{PIECE_S:g} s of read speech", waveform[start : start + piece]
    with (data / "negatives" / "manifest.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    groups = sorted({row["speaker_group"] for row in rows})
    mine = groups[::2] if split == "train" else groups[1::2]
    for row in [row for row in rows if row["speaker_group"] in mine][:N_UTTERANCES]:
        path = data / "negatives" / row["path"]
        yield "orders", read(path)[: round(LONGEST_S * SAMPLE_RATE)]
    for path in sorted((data / "commands" / "gsc-subset" / "noise").glob("*.flac")):
        waveform = read(path)
        half = len(waveform) // 2
        waveform = waveform[:half] if split == "train" else waveform[half:]
        for start in range(0, len(waveform) - SAMPLE_RATE, round(NOISE_STEP_S * SAMPLE_RATE)):
            yield "noise", waveform[start : start + piece]


def trials(data: Path, split: str) -> Iterator[Trial]:
    """All that is measured on one half of the data."""
    rng = random.Random(SEEDS[split])  # noqa: S311
    clips = Clips(data / "commands" / "gsc-subset", split, rng)
    yield from single_words(clips, rng)
    yield from phrases(clips, rng)
    for kind, waveform in no_commands(data, split, rng):
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
    """A clip without the quiet before and after, but for 30 ms before and 50 ms after."""
    frames = waveform[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)
    power = (frames**2).mean(axis=1)
    (loud,) = np.nonzero(power > power.max() * 10 ** (QUIET_DB / 10))
    if not len(loud):
        return waveform
    return waveform[max(0, loud[0] - 3) * FRAME : (loud[-1] + 6) * FRAME]


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
    outcomes = [measure(asr, t) for t in trials(arguments.data, split)]
    sys.stdout.write("\n".join(report(outcomes)) + "\n")
    if arguments.fit:
        slope, intercept = fit(outcomes)
        sys.stdout.write(f"logit = {slope:.3f} * logit in force {intercept:+.3f}\n")


if __name__ == "__main__":
    main()
