"""How soon live transcription tells what was said, and how much of what it showed was wrong.

    python -m benchmarks.accuracy.live [--data ../shared/data] [--bundle moonshine-tiny-en]

Plays 40 utterances of LibriSpeech test-other with pauses of a second between them to
`listen(partials=True)`. No clock is waited for: sound comes by the count of its samples, and what
the CPU worked on it counts as time that went by, as it is here and on devices so many times slower.
Prints a table as Markdown.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

import earlet
from earlet.arrays import FloatArray
from earlet.results import Chunk
from earlet.tasks.speech_recognition import SpeechRecognition
from earlet_quantize.measure.words import normalize, read_transcripts, word_errors

ROOT = Path(__file__).parents[2]
SAMPLE_RATE = 16_000  # Hz
BLOCK_S = 0.04  # seconds of sound at a time, as the microphone gives them
PAUSE_S = 1.0  # seconds between two utterances
HISS = 1e-4  # RMS of the noise that is everywhere, -80 dB: no room is digitally silent
SLOWNESS = (1, 5, 20)  # times that a device is slower than this one


class Device:
    """A microphone on a device that is so many times slower than this one."""

    def __init__(self, waveform: FloatArray, slowness: float) -> None:
        self._waveform = waveform
        self._slowness = slowness
        self._now_s = 0.0
        self._heard_s = 0.0
        self._resumed_at = time.process_time()

    @property
    def now_s(self) -> float:
        """The time by the device's clock; it began with the first sample."""
        worked_s = time.process_time() - self._resumed_at
        return self._now_s + self._slowness * worked_s

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read."""
        return max(0.0, self.now_s - self._heard_s)

    def __iter__(self) -> Iterator[FloatArray]:
        block = round(BLOCK_S * SAMPLE_RATE)
        for start in range(0, len(self._waveform), block):
            samples = self._waveform[start : start + block]
            self._heard_s = (start + len(samples)) / SAMPLE_RATE
            self._now_s = max(self.now_s, self._heard_s)  # a block comes when it is full
            self._resumed_at = time.process_time()
            yield samples


@dataclass
class Heard:
    """An utterance: what was shown of it, when, and what it was in the end. All as words."""

    shown: list[list[str]] = field(default_factory=list)
    promised: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    told_s: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--bundle", default="moonshine-tiny-en")
    arguments = parser.parse_args()
    folder = arguments.data / "speech" / "librispeech-test-other"
    transcripts = read_transcripts(folder / "transcripts.tsv")
    waveform = recording([folder / f"{name}.flac" for name in transcripts])
    asr = earlet.pipeline("automatic-speech-recognition", arguments.bundle)
    offline = [chunk.text for chunk in asr.listen(waveform, sampling_rate=SAMPLE_RATE)]
    said = " ".join(transcripts.values())
    columns = [measure(asr, waveform, slowness, said, offline) for slowness in SLOWNESS]
    lines = [
        "| | " + " | ".join(f"{slowness} times slower" for slowness in SLOWNESS) + " |",
        "|---" * (len(SLOWNESS) + 1) + "|",
        *(f"| {name} | " + " | ".join(c[name] for c in columns) + " |" for name in columns[0]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def recording(utterances: list[Path]) -> FloatArray:
    """One after the other, (n_samples,)."""
    generator = np.random.default_rng(0)
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), dtype=np.float32)
    parts = [pause]
    for path in utterances:
        parts += [soundfile.read(path, dtype="float32")[0], pause]
    waveform = np.concatenate(parts)
    hiss = HISS * generator.normal(size=len(waveform))
    return (waveform + hiss).astype(np.float32)


def measure(
    asr: SpeechRecognition, waveform: FloatArray, slowness: float, said: str, offline: list[str]
) -> dict[str, str]:
    """A column of the table; what was `said`, and the finals that a file would have given."""
    found, behind_s = heard_on(asr, Device(waveform, slowness))
    delays_s = [one.told_s - one.end_s for one in found]
    n_partials = sum(len(one.shown) for one in found)
    spoken_s = sum(one.end_s - one.start_s for one in found)
    shown = [(words, one.text) for one in found for words in one.shown]
    live, texts = [one.text for one in found], [normalize(text) for text in offline]
    promised = [(one.promised, text) for one, text in zip(found, texts, strict=True)]
    n_others = sum(a != b for a, b in zip(live, texts, strict=True))
    return {
        "from the end of the timestamp to the final, median": f"{np.median(delays_s):.2f} s",
        "the same, 95 % of them": f"{np.percentile(delays_s, 95):.2f} s",
        "most sound that ever waited": f"{behind_s:.1f} s",
        "partial results, for each second of speech": f"{n_partials / spoken_s:.2f}",
        "words shown that the final has otherwise": percent(shown),
        "words taken back, for each word of the final": f"{erasure(found):.2f}",
        "words promised before the final": f"{promises(found):.0f} %",
        "words promised that are otherwise offline": percent(promised),
        "finals of other words than offline": f"{n_others} of {len(found)}",
        "word error rate of the finals": error_rate(said, live),
        "word error rate offline": error_rate(said, texts),
    }


def heard_on(asr: SpeechRecognition, device: Device) -> tuple[list[Heard], float]:
    """The utterances, and how many seconds the device was ever behind."""
    found: list[Heard] = []
    heard = Heard()
    behind_s = 0.0
    for event in asr.listen(device, partials=True):
        behind_s = max(behind_s, device.backlog_s)
        if isinstance(event, Chunk):
            heard.text, heard.told_s = normalize(event.text), device.now_s
            heard.start_s, heard.end_s = event.timestamp
            found.append(heard)
            heard = Heard()
        elif event.text:
            heard.shown.append(normalize(event.text))
            heard.promised = normalize(event.stable)
        else:
            heard = Heard()
    return found, behind_s


def error_rate(said: str, texts: list[list[str]]) -> str:
    """Of all texts together."""
    reference = normalize(said)
    errors = word_errors(reference, [word for text in texts for word in text])
    return f"{100 * errors / len(reference):.2f} %"


def promises(found: list[Heard]) -> float:
    """Percent of the words of the finals."""
    return 100 * sum(len(one.promised) for one in found) / sum(len(one.text) for one in found)


def percent(pairs: list[tuple[list[str], list[str]]]) -> str:
    """How much of a beginning is not as in the text: words wrong against its best beginning."""
    wrong = sum(
        min(word_errors(text[:n], words) for n in range(len(text) + 1)) for words, text in pairs
    )
    n_words = sum(len(words) for words, _ in pairs)
    return f"{100 * wrong / n_words:.1f} % of {n_words}"


def erasure(found: list[Heard]) -> float:
    """Arivazhagan et al., "Re-translation versus Streaming for Simultaneous Translation", 2020."""
    taken_back = 0
    for one in found:
        for words, after in pairwise([*one.shown, one.text]):
            kept = next(
                (i for i, (a, b) in enumerate(zip(words, after, strict=False)) if a != b),
                len(after),
            )
            taken_back += max(0, len(words) - kept)
    return taken_back / sum(len(one.text) for one in found)


if __name__ == "__main__":
    main()
