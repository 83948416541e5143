"""What was heard from one state of listening on, and what came of it: pieces of recordings."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from platform import machine

import numpy as np

from earlet import __version__
from earlet.arrays import FloatArray
from earlet.backends import Backend
from earlet.results import Event, Partial
from earlet.service.recordings.file import Control, Facts, RecordedEvent, Recording, Rules, Scores
from earlet.streaming.cascade import TraceRow
from earlet.tasks.listening import Listening

# What brings each engine.
PACKAGES: dict[Backend, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "litert": ("ai-edge-litert", "tflite-runtime"),
}


class Stretch:
    """A part of a stream as it is listened to, from a snapshot on."""

    def __init__(self, listening: Listening) -> None:
        self.start = self.end = listening.n_samples
        self.snapshot = listening.snapshot()
        self.chunks: list[FloatArray] = []
        self.controls: list[Control] = []
        self.events: list[RecordedEvent] = []
        self.rows: list[TraceRow] = []
        self._listening = listening

    def push(self, samples: FloatArray, *, late: bool = False) -> list[Event]:
        """Have these samples listened to, and note what comes of them."""
        self.controls.append(Control(self.end, self._listening.stride))
        self.chunks.append(samples.copy())
        self.end += len(samples)
        return self._noted(lambda: self._listening.push(samples, late=late))

    def flush(self) -> list[Event]:
        """The stream ends."""
        return self._noted(self._listening.flush)

    def skip(self, n_samples: int) -> list[Event]:
        """So many samples are lost."""
        return self._noted(lambda: self._listening.skip(n_samples))

    def _noted(self, step: Callable[[], list[Event]]) -> list[Event]:
        self._listening.trace = self.rows.append
        try:
            events = step()
        finally:
            self._listening.trace = None
        self.events += (event for event in events if not isinstance(event, Partial))
        return events


def joined(
    stretches: Sequence[Stretch],
    listening: Listening,
    *,
    is_end: bool,
    about: RecordedEvent | None = None,
) -> Recording:
    """One recording of stretches that follow each other; `is_end` and `about` as in `Facts`."""
    events = tuple(event for stretch in stretches for event in stretch.events)
    controls: list[Control] = []
    for control in (control for stretch in stretches for control in stretch.controls):
        if not controls or control.stride != controls[-1].stride:
            controls.append(control)
    return Recording(
        facts=Facts(
            heard_at=datetime.now(UTC).isoformat(timespec="seconds"),
            earlet=__version__,
            engine=_engine(listening),
            machine=machine(),
            sample_rate=listening.sample_rate,
            start=stretches[0].start,
            is_end=is_end,
            about=0 if about is None else events.index(about),
            config=listening.config,
            bundles=hashes(listening),
            rules=_rules(listening),
        ),
        samples=np.concatenate([chunk for stretch in stretches for chunk in stretch.chunks]),
        snapshot=stretches[0].snapshot,
        controls=tuple(controls),
        events=events,
        scores=_scores([row for s in stretches for row in s.rows], len(listening.scored)),
    )


def _scores(rows: Sequence[TraceRow], n_labels: int) -> Scores:
    """What a spotter told of its hops."""
    shape = (len(rows), n_labels)  # which an empty list does not tell
    return Scores(
        at=np.array([row.at for row in rows], dtype=np.int64),
        posteriors=np.array([row.posteriors for row in rows], dtype=np.float32).reshape(shape),
        smoothed=np.array([row.smoothed for row in rows], dtype=np.float32).reshape(shape),
        is_open=np.array([row.is_open for row in rows], dtype=np.bool_),
        deaf_until=np.array([row.deaf_until for row in rows], dtype=np.int64),
    )


def hashes(listening: Listening) -> dict[str, str]:
    """Of the manifests of the bundles that are open, by name; a manifest has those of its files."""
    return {b.manifest.name: sha256(b.text.encode()).hexdigest() for b in listening.bundles}


def _engine(listening: Listening) -> str:
    backends = sorted({bundle.manifest.model.backend for bundle in listening.bundles})
    return ", ".join(f"{backend} {_version(backend)}" for backend in backends)


@cache
def _version(backend: Backend) -> str:
    from importlib import metadata  # which takes 2 MB, and few record

    for package in PACKAGES[backend]:
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(package)
    return "of an unknown version"


def _rules(listening: Listening) -> Rules:
    spotter = listening.spotter_config
    return Rules(
        labels=listening.scored,
        thresholds=listening.thresholds,
        smoothing=1 if spotter is None else spotter.smoothing,
        confirmation=spotter.confirm.score if spotter and spotter.confirm else None,
    )
