"""What the network misses, and how often it fires on nothing, through earlet's own detector.

Commands are spliced into a stream, one every 3 s, all at the same active level, clean and with
noises at 10 dB. Continuous speech is run as it is. The posteriors of a stream are computed once;
the detector then runs over them at each threshold. With a second stage, the sound around each event
is scored by the speech recogniser, and events of a low score are none.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from data import COMMANDS, FRONT_END, LABELS, SAMPLE_RATE, HeldOutData
from network import STRIDE, WINDOW_FRAMES, n_outputs
from numpy.typing import NDArray
from scipy.stats import chi2
from streams import Spoken, at_speeds, splice, unlike_noises, with_noise
from words import seconds

from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet.decoding.classify import softmax
from earlet.features.fbank import Fbank
from earlet.results import Detection
from earlet.streaming.spotter import ConfirmWindow, SpotterConfig, Trigger
from earlet.tasks.confirmation import Confirmer

HOP_MS = STRIDE * FRONT_END.hop_length * 1000 // SAMPLE_RATE
SMOOTHING = 2  # outputs
REFRACTORY_MS = 1_000
EVENT_MS = 800  # a command's usual length and the wait for its end
LATE_S = 0.75  # after the end of the word: until then an event still answers it
CONFIDENCE = 0.95
BLOCK = 2_000  # outputs: 80 s at once


@dataclass(frozen=True)
class Setting:
    """What decides: a threshold of all commands, and the second stage's least score, if any."""

    threshold: float
    score: float | None = None


@dataclass(frozen=True)
class Point:
    """The detector at one setting."""

    setting: Setting
    missed: dict[str, float]  # share of the commands, clean and with each noise
    unlike: dict[str, float]  # the same with noises that training has nothing like
    wrong: int  # events that are no answer to a command, in the clean stream
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
    """A network file as it would hear in earlet's stream, but many windows at once."""

    def __init__(self, network: Path) -> None:
        self._session = open_session(network.read_bytes(), network.name, "onnxruntime", 1)
        self._features = Fbank(FRONT_END)

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> posteriors (n_hops, n_labels)."""
        # As if silence had gone before: the first window is of it alone.
        lead = (WINDOW_FRAMES - 1) * FRONT_END.hop_length + FRONT_END.win_length
        heard = np.concatenate([np.zeros(lead, dtype=np.float32), waveform])
        features = self._features(heard)
        n = n_outputs(len(features))
        blocks = [
            self._logits(features[STRIDE * first :][: WINDOW_FRAMES + STRIDE * (BLOCK - 1)])
            for first in range(0, n, BLOCK)
        ]
        return softmax(np.concatenate(blocks)[1:])

    def _logits(self, features: FloatArray) -> FloatArray:
        (logits,) = self._session.run({"features": features[None]})
        return np.asarray(logits[0], dtype=np.float32)


class SecondStage:
    """Asks the recogniser about events."""

    def __init__(self, confirmer: Confirmer, window: ConfirmWindow) -> None:
        self._confirmer = confirmer
        self._before = seconds(window.before_ms / 1000)
        self._after = seconds(window.after_ms / 1000)

    def score(self, waveform: FloatArray, event: Detection) -> float:
        """That the event's command was said where it fired."""
        at = seconds(event.end_s)
        around = waveform[max(0, at - self._before) : at + self._after]
        return self._confirmer.score(event.label, around)


class Heard:
    """A stream as a network hears it."""

    def __init__(self, spoken: Spoken, listen: Listener, second: SecondStage | None = None) -> None:
        self.spoken = spoken
        self._posteriors = listen(spoken.waveform)
        self._second = second
        self._scores: dict[Detection, float] = {}

    def events(self, setting: Setting) -> list[Detection]:
        """What the detector reports; as `earlet.streaming.cascade` does with a second stage."""
        is_final = setting.score is None
        trigger = Trigger(detector(setting.threshold), LABELS, HOP_MS / 1000, is_final=is_final)
        confirmed = []
        for row in self._worth_a_look(setting.threshold):
            if row > trigger.hop:
                trigger.pause()
            event = trigger.push(self._posteriors[row], row + 1 - trigger.hop)
            if event is None:
                continue
            if setting.score is not None:
                if self._score(event) < setting.score:
                    continue
                trigger.settle(event.label, trigger.hop)
            confirmed.append(event)
        return confirmed

    def _worth_a_look(self, threshold: float) -> NDArray[np.intp]:
        """Rows in which the detector's mean may reach the threshold, and those that it is of."""
        over = np.flatnonzero(self._posteriors[:, : len(COMMANDS)].max(axis=1) >= threshold / 2)
        near = np.unique(over[:, None] + np.arange(1 - SMOOTHING, SMOOTHING))
        return near[(near >= 0) & (near < len(self._posteriors))]

    def answers(self, setting: Setting) -> tuple[NDArray[np.bool_], int]:
        """Which words were answered by their own label, and how many events answer none."""
        words = self.spoken.words
        answered = np.zeros(len(words), dtype=bool)
        wrong = 0
        starts = np.array([start for _, start, _ in words])
        for event in self.events(setting):
            i = int(np.searchsorted(starts, event.end_s, side="right")) - 1
            label, _, end = words[max(i, 0)]
            if i >= 0 and event.label == label and event.end_s <= end + LATE_S and not answered[i]:
                answered[i] = True
            else:
                wrong += 1
        return answered, wrong

    def _score(self, event: Detection) -> float:
        if self._second is None:
            raise ValueError("a score needs a second stage")
        if event not in self._scores:
            self._scores[event] = self._second.score(self.spoken.waveform, event)
        return self._scores[event]


def detector(threshold: float, confirm: ConfirmWindow | None = None) -> SpotterConfig:
    """The bundle's `streaming` section with one threshold for all commands."""
    return SpotterConfig(
        window_frames=WINDOW_FRAMES,
        hop_ms=HOP_MS,
        smoothing=SMOOTHING,
        refractory_ms=REFRACTORY_MS,
        event_ms=EVENT_MS,
        thresholds=dict.fromkeys(COMMANDS, threshold),
        confirm=confirm,
    )


def evaluate(
    network: Path,
    data: HeldOutData,
    settings: Sequence[Setting],
    second: SecondStage | None = None,
) -> Evaluation:
    """Measure a network on the held-out data."""
    listen = Listener(network)

    def hear(spoken: Spoken) -> Heard:
        return Heard(spoken, listen, second)

    clips = zip(COMMANDS, data.commands, strict=True)
    commands = splice([(label, clip) for label, clips in clips for clip in clips])

    def hear_over(noises: dict[str, FloatArray]) -> dict[str, Heard]:
        return {
            name: hear(Spoken(with_noise(commands.waveform, noise), commands.words))
            for name, noise in noises.items()
        }

    spoken = {"clean": hear(commands), **hear_over(data.noises)}
    unlike = hear_over(unlike_noises())
    isolated = hear(splice([("none", clip) for clip in data.words]))
    speech = {name: hear(Spoken(np.concatenate(clips))) for name, clips in data.speech.items()}
    played = [hear(spoken) for spoken in at_speeds(data)]
    labels = np.array([label for label, _, _ in commands.words])

    def point(setting: Setting) -> Point:
        clean, wrong = spoken["clean"].answers(setting)
        return Point(
            setting=setting,
            missed={name: _missed(heard, setting) for name, heard in spoken.items()},
            unlike={name: _missed(heard, setting) for name, heard in unlike.items()},
            wrong=wrong,
            false_alarms={name: len(heard.events(setting)) for name, heard in speech.items()},
            at_speeds=sum(len(heard.events(setting)) for heard in played),
            words_fired=len(isolated.events(setting)),
            per_command={c: float(1 - clean[labels == c].mean()) for c in COMMANDS},
        )

    return Evaluation(
        n_commands=len(commands.words),
        n_words=len(data.words),
        hours={name: heard.spoken.hours for name, heard in speech.items()},
        hours_at_speeds=sum(heard.spoken.hours for heard in played),
        points=[point(setting) for setting in settings],
    )


def poisson_bounds(n_events: int, hours: float) -> tuple[float, float]:
    """Exact two-sided bounds of a rate per hour (Garwood 1936)."""
    tail = (1 - CONFIDENCE) / 2
    low = chi2.ppf(tail, 2 * n_events) / 2 if n_events else 0.0
    return float(low / hours), float(chi2.ppf(1 - tail, 2 * n_events + 2) / 2 / hours)


def _missed(heard: Heard, setting: Setting) -> float:
    answered, _ = heard.answers(setting)
    return float(1 - answered.mean())
