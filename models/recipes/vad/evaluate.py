"""How well the bundle finds speech, in quiet and in noise, through earlet's own code.

    python models/recipes/vad/evaluate.py --bundle models/vad

A recording of ten utterances with known times, 0.7 s of silence between them, alone and with each
noise at three levels; and the noises alone. The utterances' times include the reader's own pauses,
so some of what counts as missed is silence.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import soundfile

import earlet
from earlet.arrays import FloatArray

RATE = 16_000  # Hz
SNRS_DB = (20, 10, 5)

Spans = list[tuple[float, float]]  # seconds


def main() -> None:
    """Print a row for each condition: the noises' mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("models/vad"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    detector = earlet.pipeline("voice-activity-detection", arguments.bundle)

    def spans(waveform: FloatArray) -> Spans:
        return [(s.start_s, s.end_s) for s in detector(waveform, sampling_rate=RATE)]

    folder = arguments.data / "speech" / "long"
    speech, truth = read(next(folder.glob("*.flac"))), read_truth(folder / "segments.tsv")
    noises = [read(p) for p in sorted((arguments.data / "commands/gsc-subset/noise").glob("*.*"))]

    print(f"{'':16}{'utterances found':>18}{'speech missed':>15}{'silence heard':>15}")
    for snr_db in (None, *SNRS_DB):
        mixed = [speech] if snr_db is None else [mix(speech, n, truth, snr_db) for n in noises]
        rows = [score(spans(waveform), truth, len(speech) / RATE) for waveform in mixed]
        found, missed, heard = np.mean(rows, axis=0)
        name = "quiet" if snr_db is None else f"{snr_db} dB"
        print(f"{name:16}{f'{found:.1f} of {len(truth)}':>18}{missed:15.1%}{heard:15.1%}")
    heard_s = sum(end - start for noise in noises for start, end in spans(noise))
    print(f"noise alone: {heard_s:.1f} s of {sum(map(len, noises)) / RATE:.0f} s taken for speech")


def score(found: Spans, truth: Spans, duration_s: float) -> tuple[int, float, float]:
    """Utterances found; the part of their time missed; the part of the silence taken for speech."""
    n_found = sum(any(overlap(u, s) > 0 for s in found) for u in truth)
    shared_s = sum(overlap(u, s) for u in truth for s in found)
    speech_s = sum(end - start for start, end in truth)
    heard_s = sum(end - start for start, end in found)
    return n_found, 1 - shared_s / speech_s, (heard_s - shared_s) / (duration_s - speech_s)


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Seconds that two spans share."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def mix(speech: FloatArray, noise: FloatArray, truth: Spans, snr_db: float) -> FloatArray:
    """Speech with noise so much below the utterances' mean power; the noise goes round."""
    inside = np.concatenate([speech[int(start * RATE) : int(end * RATE)] for start, end in truth])
    noise = np.resize(noise, len(speech))
    gain = np.sqrt(np.mean(inside**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    mixed: FloatArray = (speech + gain * noise).astype(np.float32)
    return mixed


def read(path: Path) -> FloatArray:
    """A 16 kHz mono file, (n_samples,)."""
    waveform, _ = soundfile.read(path, dtype="float32")
    return np.asarray(waveform)


def read_truth(path: Path) -> Spans:
    """Start and end of each utterance."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(float(row["start_s"]), float(row["end_s"])) for row in rows]


if __name__ == "__main__":
    main()
