"""What the network misses, and how often it fires on nothing, through earlet's own detector.

Commands are spliced into a stream, one every 3 s, all at the same active level, clean and with the
held-out part of each noise at 10 dB. Continuous speech is run as it is. The posteriors of a stream
are computed once; the detector then runs over them at each threshold.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from data import COMMANDS, FRONT_END, LABELS, SAMPLE_RATE, HeldOutData
from network import STRIDE, WINDOW_FRAMES
from numpy.typing import NDArray
from scipy.stats import chi2
from words import Word, active_rms, find_word, play_at, seconds

from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet.features.fbank import Fbank
from earlet.results import Detection
from earlet.streaming.spotter import PosteriorStream, SpotterConfig, Trigger

THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
HOP_MS = STRIDE * FRONT_END.hop_length * 1000 // SAMPLE_RATE
SMOOTHING = 2  # outputs
REFRACTORY_MS = 1_000
EVENT_MS = 800  # a command's usual length and the wait for its end

SPACING_S = 3.0  # from one command of a stream to the next
LEVEL_DBFS = -22.0  # active level of the commands
SNR_DB = 10.0  # active level of the commands to the level of the noise
SPEEDS = (0.85, 0.92, 1.0, 1.09, 1.17)  # at which the continuous speech is played once more
LATE_S = 0.75  # after the end of the word: until then an event still answers it
CONFIDENCE = 0.95
SEED = 2


@dataclass(frozen=True)
class Stream:
    """Posteriors of a stream, and the words that were spoken in it."""

    posteriors: FloatArray  # (n_hops, n_labels)
    words: list[tuple[str, float, float]] = field(default_factory=list)  # label, start, end in s

    @property
    def hours(self) -> float:
        """Its length."""
        return len(self.posteriors) * HOP_MS / 3.6e6


@dataclass(frozen=True)
class Point:
    """The detector at one threshold, the same for all commands."""

    threshold: float
    missed: dict[str, float]  # share of the commands, clean and with each noise
    wrong: dict[str, int]  # events that are no answer to a command, in the same streams
    false_alarms: dict[str, int]  # events in continuous speech, by source
    at_speeds: int  # the same, of all of the speech at each of SPEEDS
    words_fired: int  # isolated other words that set off an event
    per_command: dict[str, float]  # missed, clean


@dataclass(frozen=True)
class Evaluation:
    """The whole measurement of one network."""

    n_commands: int
    n_words: int
    hours: dict[str, float]  # of continuous speech, by source
    hours_at_speeds: float
    points: list[Point]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


class Listener:
    """A network file behind earlet's stream."""

    def __init__(self, network: Path) -> None:
        self._session = open_session(network.read_bytes(), network.name, "onnxruntime", 1)
        self._features = Fbank(FRONT_END)

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> posteriors (n_hops, n_labels)."""
        stream = PosteriorStream(detector(0.5), self._features, self._logits)
        return np.stack(stream.push(waveform))

    def _logits(self, window: FloatArray) -> FloatArray:
        (logits,) = self._session.run({"features": window[None]})
        return np.asarray(logits[0, -1], dtype=np.float32)


def detector(threshold: float) -> SpotterConfig:
    """The bundle's `streaming` section with one threshold for all commands."""
    return SpotterConfig(
        window_frames=WINDOW_FRAMES,
        hop_ms=HOP_MS,
        smoothing=SMOOTHING,
        refractory_ms=REFRACTORY_MS,
        event_ms=EVENT_MS,
        thresholds=dict.fromkeys(COMMANDS, threshold),
    )


def events(stream: Stream, threshold: float) -> list[Detection]:
    """What the detector reports in a stream."""
    trigger = Trigger(detector(threshold), LABELS, HOP_MS / 1000)
    return [event for event in map(trigger.push, stream.posteriors) if event is not None]


def evaluate(
    network: Path, data: HeldOutData, thresholds: Sequence[float] = THRESHOLDS
) -> Evaluation:
    """Measure a network on the held-out data."""
    listen = Listener(network)
    commands = splice(
        [(c, clip) for c, clips in zip(COMMANDS, data.commands, strict=True) for clip in clips]
    )
    spoken = {"clean": Stream(listen(commands.waveform), commands.words)}
    for name, noise in data.noises.items():
        spoken[name] = Stream(listen(with_noise(commands.waveform, noise)), commands.words)
    others = splice([("none", clip) for clip in data.words])
    isolated = Stream(listen(others.waveform), others.words)
    speech = {name: Stream(listen(np.concatenate(clips))) for name, clips in data.speech.items()}
    everything = np.concatenate([clip for clips in data.speech.values() for clip in clips])
    played = [Stream(listen(play_at(everything, speed))) for speed in SPEEDS]
    points = []
    for threshold in thresholds:
        answers = {name: _answers(stream, threshold) for name, stream in spoken.items()}
        clean, _ = answers["clean"]
        labels = np.array([label for label, _, _ in commands.words])
        points.append(
            Point(
                threshold=threshold,
                missed={name: float(1 - hits.mean()) for name, (hits, _) in answers.items()},
                wrong={name: wrong for name, (_, wrong) in answers.items()},
                false_alarms={name: len(events(s, threshold)) for name, s in speech.items()},
                at_speeds=sum(len(events(stream, threshold)) for stream in played),
                words_fired=len(events(isolated, threshold)),
                per_command={c: float(1 - clean[labels == c].mean()) for c in COMMANDS},
            )
        )
    return Evaluation(
        n_commands=len(commands.words),
        n_words=len(others.words),
        hours={name: stream.hours for name, stream in speech.items()},
        hours_at_speeds=sum(stream.hours for stream in played),
        points=points,
    )


@dataclass(frozen=True)
class Spliced:
    """Clips in a stream of digital silence, and where their words lie."""

    waveform: FloatArray
    words: list[tuple[str, float, float]]  # label, start, end in s


def splice(clips: Sequence[tuple[str, FloatArray]]) -> Spliced:
    """One clip every `SPACING_S`, in an order drawn once, each at `LEVEL_DBFS`."""
    spacing = seconds(SPACING_S)
    waveform = np.zeros(len(clips) * spacing + spacing, dtype=np.float32)
    words = []
    for position, i in enumerate(np.random.default_rng(SEED).permutation(len(clips))):
        label, clip = clips[i]
        clip = clip[:spacing]
        word = find_word(clip) or Word(clip, 0, len(clip))
        at = position * spacing + spacing // 2
        gain = 10 ** (LEVEL_DBFS / 20) / active_rms(word.spoken)
        waveform[at : at + len(clip)] = clip * np.float32(gain)
        words.append((label, (at + word.start) / SAMPLE_RATE, (at + word.end) / SAMPLE_RATE))
    return Spliced(np.clip(waveform, -1, 1), words)


def with_noise(waveform: FloatArray, noise: FloatArray) -> FloatArray:
    """Commands at `LEVEL_DBFS` with a noise, repeated to their length, `SNR_DB` below."""
    level = 10 ** ((LEVEL_DBFS - SNR_DB) / 20)
    repeated = np.resize(noise, len(waveform)) * np.float32(
        level / np.sqrt(np.square(noise).mean())
    )
    return np.clip(waveform + repeated, -1, 1)


def poisson_bounds(n_events: int, hours: float) -> tuple[float, float]:
    """Exact two-sided bounds of a rate per hour (Garwood 1936)."""
    tail = (1 - CONFIDENCE) / 2
    low = chi2.ppf(tail, 2 * n_events) / 2 if n_events else 0.0
    return float(low / hours), float(chi2.ppf(1 - tail, 2 * n_events + 2) / 2 / hours)


def _answers(stream: Stream, threshold: float) -> tuple[NDArray[np.bool_], int]:
    """Which words were answered by an event of their own label, and how many events answer none."""
    answered = np.zeros(len(stream.words), dtype=bool)
    wrong = 0
    starts = np.array([start for _, start, _ in stream.words])
    for event in events(stream, threshold):
        i = int(np.searchsorted(starts, event.end_s, side="right")) - 1
        label, _, end = stream.words[max(i, 0)]
        if i >= 0 and event.label == label and event.end_s <= end + LATE_S and not answered[i]:
            answered[i] = True
        else:
            wrong += 1
    return answered, wrong
