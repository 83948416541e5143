"""What earlet answers with. Each result compares, prints, and turns into the JSON of the task.

The JSON is that of the Hugging Face Inference API: `label` and `score`; `text` and `chunks` with
`timestamp`. What a stream gives rise to but `Chunk`, and `Match`, have no counterpart there.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

Timestamp = tuple[float, float]  # start and end, seconds


def timed_line(timestamp: Timestamp, text: str) -> str:
    """What was heard for people to read: its times, and the text."""
    start_s, end_s = timestamp
    return f"{start_s:8.2f} - {end_s:7.2f} s  {text}"


class _Keyed(ABC):
    """What has the JSON of a Hugging Face task can be asked for its keys, as transformers' results
    are: `result["label"]`."""

    __iter__: None = None  # without this, Python would count keys from 0

    @abstractmethod
    def to_json(self) -> dict[str, object]:
        """The JSON."""

    def __getitem__(self, key: str) -> Any:
        return self.to_json()[key]


@dataclass(frozen=True)
class Classification(_Keyed):
    """One label of a clip, an image or a text, with its score: 0..1, or the logit itself."""

    label: str
    score: float

    def to_json(self) -> dict[str, object]:
        """`{"label": ..., "score": ...}`."""
        return {"label": self.label, "score": self.score}


@dataclass(frozen=True)
class Chunk(_Keyed):
    """A piece of a transcript and where it lies in the audio."""

    text: str
    timestamp: Timestamp

    def to_json(self) -> dict[str, object]:
        """`{"text": ..., "timestamp": [start, end]}`."""
        return {"text": self.text, "timestamp": list(self.timestamp)}


@dataclass(frozen=True)
class Partial:
    """What somebody is just saying. `stable`, the beginning of `text`, will not be withdrawn.

    Where `text` is empty, what was shown before turned out to be no speech.
    """

    text: str
    stable: str
    timestamp: Timestamp

    def to_json(self) -> dict[str, object]:
        """`{"partial": ..., "stable": ..., "timestamp": [start, end]}`."""
        return {"partial": self.text, "stable": self.stable, "timestamp": list(self.timestamp)}


@dataclass(frozen=True)
class Transcript(_Keyed):
    """What was said; with chunks where timestamps were asked for."""

    text: str
    chunks: tuple[Chunk, ...] | None = None

    def to_json(self) -> dict[str, object]:
        """`{"text": ...}`, and `"chunks": [...]` where there are any."""
        if self.chunks is None:
            return {"text": self.text}
        return {"text": self.text, "chunks": [chunk.to_json() for chunk in self.chunks]}


@dataclass(frozen=True)
class Match:
    """Which of the sentences that may be said was said."""

    template: str  # the candidate that allows it
    # What stood in its braces, as the candidate writes it.
    slots: Mapping[str, str] = field(hash=False)
    text: str  # all of it, as the candidate writes it
    confidence: float  # 0..1

    def to_json(self) -> dict[str, object]:
        """`{"template": ..., "slots": {...}, "text": ..., "confidence": ...}`."""
        return {
            "template": self.template,
            "slots": dict(self.slots),
            "text": self.text,
            "confidence": self.confidence,
        }


@dataclass(frozen=True)
class Segment:
    """A stretch of a stream in which somebody speaks, in seconds from its first sample."""

    start_s: float
    end_s: float

    def to_json(self) -> dict[str, object]:
        """`{"start_s": ..., "end_s": ...}`."""
        return {"start_s": self.start_s, "end_s": self.end_s}


@dataclass(frozen=True)
class Detection:
    """A command heard in a stream. Times count from the stream's first sample, lost ones too."""

    label: str  # of a spotter, or a typed command as it was typed
    score: float  # smoothed posterior, or the confidence in a typed command: 0..1
    start_s: float
    end_s: float
    confirmation: float | None = None  # of the second stage: a difference of log-probabilities
    text: str | None = None  # of a typed command with alternatives: what was said of them
    slots: Mapping[str, str] = field(default_factory=dict, hash=False)  # and what stood in braces

    def to_json(self) -> dict[str, object]:
        """`{"label": ..., "score": ..., "start_s": ..., "end_s": ...}`, and what else is known."""
        known: dict[str, object] = {
            "label": self.label,
            "score": self.score,
            "start_s": self.start_s,
            "end_s": self.end_s,
        }
        if self.confirmation is not None:
            known["confirmation"] = self.confirmation
        if self.text is not None:
            known |= {"text": self.text, "slots": dict(self.slots)}
        return known


RejectionReason = Literal["below threshold", "refractory", "not confirmed", "not a command"]


@dataclass(frozen=True)
class Rejection:
    """What came near to a detection, and why it is none: for those who ask why nothing happened."""

    label: str  # the nearest; "" where an utterance is near to no typed command
    score: float
    start_s: float
    end_s: float
    reason: RejectionReason
    confirmation: float | None = None  # where the second stage was asked

    def to_json(self) -> dict[str, object]:
        """`{"rejected": label, "score": ..., "start_s": ..., "end_s": ..., "reason": ...}`."""
        known: dict[str, object] = {
            "rejected": self.label,
            "score": self.score,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "reason": self.reason,
        }
        if self.confirmation is not None:
            known["confirmation"] = self.confirmation
        return known


@dataclass(frozen=True)
class Deaf:
    """Sound has stopped to come in; what follows, once it comes again, is a `Gap`."""

    at_s: float  # in the stream
    reason: str

    def to_json(self) -> dict[str, object]:
        """`{"state": "deaf", "at_s": ..., "reason": ...}`."""
        return {"state": "deaf", "at_s": self.at_s, "reason": self.reason}


@dataclass(frozen=True)
class Gap:
    """Sound that was lost. What is heard after it has nothing to do with what was before."""

    at_s: float  # where in the stream it begins
    n_samples: int  # lost, at the stream's rate: estimated where the device cannot tell
    sample_rate: int  # Hz
    reason: str

    def to_json(self) -> dict[str, object]:
        """`{"state": "listening", "at_s": ..., "lost_samples": ..., "lost_s": ..., ...}`."""
        return {
            "state": "listening",
            "at_s": self.at_s,
            "lost_samples": self.n_samples,
            "lost_s": round(self.n_samples / self.sample_rate, 6),
            "reason": self.reason,
        }


Event = Detection | Rejection | Chunk | Partial | Segment  # what listening gives rise to
Heard = TypeVar("Heard", bound=Event)


def shifted(event: Heard, by_s: float) -> Heard:
    """The event, by so many seconds later."""
    if isinstance(event, Chunk | Partial):
        start_s, end_s = event.timestamp
        return replace(event, timestamp=(_later(start_s, by_s), _later(end_s, by_s)))
    start_s, end_s = _later(event.start_s, by_s), _later(event.end_s, by_s)
    return replace(event, start_s=start_s, end_s=end_s)


def _later(time_s: float, by_s: float) -> float:
    return round(time_s + by_s, 6) if by_s else time_s
