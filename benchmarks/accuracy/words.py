"""Single words and where they lie: what is heard of them, and how far off their times are.

python -m benchmarks.accuracy.words [--bundle B] [--data ../shared/data]

words said alone  the command clips of validation speakers, a second of silence around each
times of words    these clips joined by pauses: a word truly lies where its clip is not silent
utterances        borders against those of the files of a joined recording
noises            words that are written for them
read speech       words wrong at temperature 0 alone, and where the network falls back to others
partial results   the CPU time that they take, against none
"""

import argparse
import csv
import random
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import earlet
from benchmarks.inputs import SAMPLE_RATE, read
from earlet.arrays import FloatArray
from earlet.tasks.speech_recognition import SpeechRecognition
from earlet_quantize.measure.words import read_transcripts, word_error_rate

ROOT = Path(__file__).parents[2]
FRAME = 160  # samples: 10 ms
FLOOR = 10 ** (-30 / 20)  # of the loudest frame's level: what is below is silence
PAUSE_S = 2.0  # between joined clips
N_JOINED = 10  # clips of a recording
ROUNDS = 3  # of which the median counts
SEED = 0

Clip = tuple[str, FloatArray]  # a word, and its sound
Spans = Sequence[tuple[str, float, float]]  # words, and where they lie in seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default=str(ROOT / "models" / "moonshine-tiny-en"))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    asr = earlet.pipeline("automatic-speech-recognition", arguments.bundle)
    commands = arguments.data / "commands" / "gsc-subset"
    clips = validation(commands)
    noises = sorted((commands / "noise").glob("*.flac"))
    rows = [
        ("words said alone", alone(asr, clips)),
        ("times of words, medians", word_times(asr, clips)),
        ("borders of utterances, median", f"{borders(asr, arguments.data):.2f} s"),
        (f"words for {len(noises)} noises", str(sum(len(written(asr, n)) for n in noises))),
        ("CPU with partial results, against none", f"{cost(asr, arguments.data):.1f} times"),
        ("words wrong in read speech", fallback(asr, arguments.data)),
    ]
    lines = [f"| {asr.bundle.manifest.name} | |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)]
    sys.stdout.write("\n".join(lines) + "\n")


def validation(commands: Path) -> list[Clip]:
    """The clips of speakers that nothing was tuned on; those without a sound left out."""
    with (commands / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    clips = [(row["word"], read(commands / row["path"])) for row in rows]
    return [(word, sound) for word, sound in clips if sound.any()]


def written(asr: SpeechRecognition, sound: Path | FloatArray) -> list[str]:
    """The words of a text, in small letters."""
    rate = None if isinstance(sound, Path) else SAMPLE_RATE
    return re.sub(r"[^a-z ]", " ", asr(sound, sampling_rate=rate).text.lower()).split()


def alone(asr: SpeechRecognition, clips: Sequence[Clip]) -> str:
    """How many are right, and for how many nothing is written."""
    texts = [written(asr, np.pad(sound, SAMPLE_RATE)) for _, sound in clips]
    right = sum(text == [word] for (word, _), text in zip(clips, texts, strict=True))
    return f"{right} of {len(clips)} right, {texts.count([])} not at all"


def word_times(asr: SpeechRecognition, clips: Sequence[Clip]) -> str:
    """Distances of starts and ends of the words that are recognised."""
    clips = random.Random(SEED).sample(clips, len(clips))  # noqa: S311
    distances: list[tuple[float, float]] = []
    for i in range(0, len(clips), N_JOINED):
        recording, truth = joined(clips[i : i + N_JOINED])
        chunks = asr(recording, sampling_rate=SAMPLE_RATE, return_timestamps="word").chunks or ()
        for word, start_s, end_s in truth:
            for chunk in chunks:
                said = re.sub("[^a-z]", "", chunk.text.lower())
                found_start, found_end = chunk.timestamp
                if said == word and found_start < end_s and start_s < found_end:
                    distances.append((abs(found_start - start_s), abs(found_end - end_s)))
    start, end = np.median(distances, axis=0)
    return f"{start:.3f} s at the start, {end:.3f} s at the end, {len(distances)} words"


def joined(clips: Sequence[Clip]) -> tuple[FloatArray, Spans]:
    """A recording with pauses between the clips, and where the words lie in it."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), dtype=np.float32)
    parts, spans, n = [pause], [], len(pause)
    for word, sound in clips:
        frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
        levels = np.sqrt(np.square(frames).mean(axis=1))
        loud = np.flatnonzero(levels > FLOOR * levels.max())
        spans.append(
            (word, (n + loud[0] * FRAME) / SAMPLE_RATE, (n + (loud[-1] + 1) * FRAME) / SAMPLE_RATE)
        )
        parts += [sound, pause]
        n += len(sound) + len(pause)
    return np.concatenate(parts), spans


def borders(asr: SpeechRecognition, data: Path) -> float:
    """Seconds from each true border to the nearest that is found."""
    folder = data / "speech" / "long"
    rows = (folder / "segments.tsv").read_text(encoding="utf-8").splitlines()[1:]
    truth = np.array([row.split("\t")[:2] for row in rows], dtype=float)
    chunks = asr(next(folder.glob("*.flac")), return_timestamps=True).chunks or ()
    found = np.array([chunk.timestamp for chunk in chunks])
    return float(np.median(np.abs(found[None] - truth[:, None]).min(axis=1)))


def cost(asr: SpeechRecognition, data: Path) -> float:
    """CPU time with partial results over that without, in turns."""
    recording = next((data / "speech" / "long").glob("*.flac"))
    ratios = []
    for _ in range(ROUNDS):
        taken = []
        for partials in (False, True):
            begun = time.process_time()
            for _ in asr.listen(recording, partials=partials):
                pass
            taken.append(time.process_time() - begun)
        ratios.append(taken[1] / taken[0])
    return float(np.median(ratios))


def fallback(asr: SpeechRecognition, data: Path) -> str:
    """Word error rates with the first temperature alone, and with all of the network's."""
    folder = data / "speech" / "librispeech-test-other"
    references = read_transcripts(folder / "transcripts.tsv")
    rates = []
    for parameters in ({"temperature": [0.0]}, {}):
        texts = {
            name: asr(folder / f"{name}.flac", generation_parameters=parameters).text
            for name in references
        }
        rates.append(word_error_rate(references, texts))
    return f"{rates[0]:.1f} % at temperature 0, {rates[1]:.1f} % with fallback"


if __name__ == "__main__":
    main()
