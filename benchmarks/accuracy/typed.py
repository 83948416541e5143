"""Typed commands: how many are heard, which are taken for another, and what else is taken for one.

    python -m benchmarks.accuracy.typed [--data ../shared/data] [--bundle NAME] [--sets NAME ...]
        [--train]

Prints a table, as Markdown. Everything is a stream that goes through `earlet.tasks.listening`, as
it does in `earlet listen` with `commands:` in its configuration: voice activity cuts it, and each
utterance is one of the commands, or none.

Commands are words of Google Speech Commands, phrases joined from such words of one speaker, and
phrases that espeak-ng speaks in several voices: no recordings of them are at hand. No commands are
other words, phrases with another word in them, and hours of continuous speech.

The constants of `matching.py` and `prior.py` were chosen on speakers, readers, voices and parts of
noise that the table does not use; `--train` prints it for those. No network is trained.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.utterances import (
    JOINED,
    NEARLY_JOINED,
    NEARLY_SPOKEN,
    SNR_DB,
    SPOKEN,
    TEN,
    Recordings,
    Said,
    levelled,
    noisy,
    spliced,
)
from benchmarks.inputs import SAMPLE_RATE
from earlet.arrays import FloatArray
from earlet.config import ANY_LABEL, LabelConfig, ListenConfig
from earlet.decoding.phrases.matching import THRESHOLD
from earlet.results import Detection
from earlet.tasks.listening import Listening
from earlet.tuning.rates import at_most_per_hour

ROOT = Path(__file__).parents[2]
LEAST = 0.02  # confidence of what is looked at
CLEAN, NOISY, OTHERS, SPEECH = "clean", f"{SNR_DB:g} dB", "nearly commands", "speech"
THRESHOLDS = (LEAST, 0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Outcome:
    """Of a stream: how surely each utterance was heard, and what else was."""

    heard: FloatArray  # (n_utterances,) confidence in what was said; 0 where it was not heard
    wrong: FloatArray  # confidences in all else that was heard
    hours: float  # of the stream


class Typed:
    """Commands as somebody types them, and what is no command among its like."""

    def __init__(self, name: str, recordings: Recordings) -> None:
        every = sorted(recordings.words)
        self.commands: Sequence[str]
        if name == "spoken":
            self.commands = SPOKEN
            self.said = recordings.synthetic(SPOKEN)
            self.others = recordings.synthetic(NEARLY_SPOKEN)
        elif name == "joined":
            self.commands = JOINED
            self.said = recordings.joined(JOINED)
            self.others = recordings.joined(NEARLY_JOINED)
        else:
            self.commands = TEN if name == "ten" else every
            self.said = recordings.clips(self.commands)
            self.others = recordings.clips([w for w in every if w not in self.commands])


SETS = {
    "ten": "ten words",
    "all": "35 words",
    "joined": f"{len(JOINED)} phrases, joined from words",
    "spoken": f"{len(SPOKEN)} phrases, by espeak-ng",
}


def listen(bundle: str, commands: Sequence[str], waveform: FloatArray) -> list[Detection]:
    """What is heard in a stream, however unsure."""
    listening = Listening(
        ListenConfig(
            recogniser=bundle,
            commands=tuple(commands),
            labels={ANY_LABEL: LabelConfig(threshold=LEAST)},
        )
    )
    events = [*listening.push(waveform), *listening.flush()]
    return [event for event in events if isinstance(event, Detection)]


def outcome(events: Sequence[Detection], said: Said) -> Outcome:
    """Each detection belongs to the last utterance that begins before its middle."""
    heard = np.zeros(len(said.texts), dtype=np.float32)
    wrong = []
    for event in events:
        middle_s = (event.start_s + event.end_s) / 2
        at = int(np.searchsorted(said.starts_s, middle_s)) - 1
        if at >= 0 and event.label == said.texts[at]:
            heard[at] = max(heard[at], event.score)
        else:
            wrong.append(event.score)
    hours = len(said.waveform) / SAMPLE_RATE / 3600
    return Outcome(heard, np.array(wrong, dtype=np.float32), hours)


def measure(bundle: str, typed: Typed, recordings: Recordings) -> dict[str, Outcome]:
    """By what was played."""
    said, others = spliced([*typed.said]), spliced([*typed.others])
    streams = {
        CLEAN: said,
        NOISY: noisy(said, recordings.noise()),
        OTHERS: Said(others.waveform, [""] * len(others.texts), others.starts_s),
        SPEECH: Said(levelled(recordings.speech()), [], np.zeros(0)),
    }
    return {
        name: outcome(listen(bundle, typed.commands, stream.waveform), stream)
        for name, stream in streams.items()
        if name == SPEECH or stream.texts
    }


def report(name: str, found: dict[str, Outcome]) -> Iterator[str]:
    """Rows of the table."""
    for kind, result in found.items():
        n = len(result.heard)
        if kind == SPEECH:
            n_wrong = int((result.wrong >= THRESHOLD).sum())
            most = at_most_per_hour(n_wrong, result.hours)
            what = f"{kind}, {result.hours:.2f} h: {n_wrong} events, < {most:.1f} an hour"
        else:
            what = f"{kind}, {n}: {'accepted' if kind == OTHERS else 'missed (another heard)'}"
        cells = []
        for threshold in THRESHOLDS:
            missed, wrong = (result.heard < threshold).sum(), (result.wrong >= threshold).sum()
            if kind == SPEECH:
                cells.append(f"{wrong}")
            elif kind == OTHERS:
                cells.append(f"{100 * wrong / n:.1f} %")
            else:
                cells.append(f"{100 * missed / n:.1f} % ({100 * wrong / n:.1f})")
        yield f"| {SETS[name]}, {what} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--bundle", default=str(ROOT / "models" / "moonshine-tiny-en"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--train", action="store_true", help="the other half of the data")
    arguments = parser.parse_args()
    recordings = Recordings(arguments.data, "train" if arguments.train else "val")
    sys.stdout.write(f"| at a threshold of | {' | '.join(f'{t:g}' for t in THRESHOLDS)} |\n")
    sys.stdout.write("|---|" + "---|" * len(THRESHOLDS) + "\n")
    for name in arguments.sets:
        found = measure(arguments.bundle, Typed(name, recordings), recordings)
        sys.stdout.writelines(f"{row}\n" for row in report(name, found))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
