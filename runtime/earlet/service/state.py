"""What the daemon has heard and done so far: for systemd, and for Prometheus."""

import resource
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict

from earlet.audio.live import Health
from earlet.results import Chunk, Deaf, Detection, Event, Gap, Rejection
from earlet.service.metrics import Metric
from earlet.streaming.cascade import Work

WAITING = "waiting"  # of the actions' counts the one that is no counter
HELP = {
    "earlet_listening": "1 while sound comes in, 0 while deaf.",
    "earlet_deaf_seconds": "For how long no sound has come in.",
    "earlet_deaf_total": "Times that sound stopped to come in.",
    "earlet_reopened_total": "Times that the source was opened again.",
    "earlet_sound_seconds_total": "Sound that was listened to.",
    "earlet_last_sound_timestamp_seconds": "When sound was last listened to; 0 for never.",
    "earlet_gaps_total": "Times that sound was lost.",
    "earlet_lost_seconds_total": "Sound that was lost.",
    "earlet_overflows_total": "Losses that the device itself reported.",
    "earlet_detections_total": "Commands that were heard.",
    "earlet_rejections_total": "What came near to a command, by why it was none.",
    "earlet_transcripts_total": "Utterances that were written down.",
    "earlet_work_total": "What each stage of listening had to do.",
    "earlet_stride_hops": "Hops from one look of the spotter to the next.",
    "earlet_actions_total": "Actions, by what became of them.",
    "earlet_actions_waiting": "Actions that are still to be done.",
    "earlet_reloads_total": "Times that the configuration was read again.",
    "earlet_start_timestamp_seconds": "When the daemon began.",
    "earlet_cpu_seconds_total": "Processor time of the daemon.",
}
LABELS = {
    "earlet_detections_total": "label",
    "earlet_rejections_total": "reason",
    "earlet_work_total": "stage",
    "earlet_actions_total": "outcome",
    "earlet_reloads_total": "outcome",
}


class State:
    """Counters, for as long as the process lives."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        """`clock` is that of `Health.deaf_since`; `time_of_day` is in seconds since 1970."""
        self._clock = clock
        self._time_of_day = time_of_day
        self._started_at = time_of_day()
        self._last_sound_at = 0.0
        self.sound_s = 0.0
        self.detections: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter()
        self.transcripts = 0
        self.gaps = 0
        self.lost_s = 0.0
        self.times_deaf = 0
        self.reloads: Counter[str] = Counter(done=0, refused=0)

    def heard(self, sound_s: float) -> None:
        """So much sound was listened to."""
        self.sound_s += sound_s
        self._last_sound_at = self._time_of_day()

    def count(self, event: Event | Deaf | Gap) -> None:
        """Something happened."""
        match event:
            case Detection():
                self.detections[event.label] += 1
            case Rejection():
                self.rejections[event.reason] += 1
            case Chunk():
                self.transcripts += 1
            case Deaf():
                self.times_deaf += 1
            case Gap() if event.n_samples:
                self.gaps += 1
                self.lost_s += event.n_samples / event.sample_rate

    def status(self, description: str, health: Health) -> str:
        """One line: whether it hears, and what it has heard."""
        if health.state == "deaf":
            minutes = self._deaf_s(health) / 60
            parts = [f"deaf for {minutes:.0f} min ({health.last_error}), trying again"]
        elif self.sound_s:
            parts = [f"listening with {description}"]
        else:
            parts = [f"waiting for sound, to listen with {description}"]
        told = {
            "detections": self.detections.total(),
            "transcripts": self.transcripts,
            "reopened": health.reopened,
            "seconds lost": round(self.lost_s, 1),
        }
        parts += [f"{name}: {count}" for name, count in told.items() if count]
        return ", ".join(parts)

    def metrics(
        self, health: Health, work: Work, stride: int, actions: Mapping[str, int]
    ) -> list[Metric]:
        """All figures; `actions` are counted by what became of them.

        What belongs to a source, a network or the actions begins at 0 when a reload replaces it,
        which Prometheus expects of counters.
        """
        usage = resource.getrusage(resource.RUSAGE_SELF)
        is_deaf = health.state == "deaf"
        values: dict[str, float | Mapping[str, float]] = {
            "earlet_listening": int(not is_deaf),
            "earlet_deaf_seconds": self._deaf_s(health),
            "earlet_deaf_total": self.times_deaf,
            "earlet_reopened_total": health.reopened,
            "earlet_sound_seconds_total": self.sound_s,
            "earlet_last_sound_timestamp_seconds": self._last_sound_at,
            "earlet_gaps_total": self.gaps,
            "earlet_lost_seconds_total": self.lost_s,
            "earlet_overflows_total": health.overflows,
            # Copies: the server's thread reads them while this one counts.
            "earlet_detections_total": dict(self.detections),
            "earlet_rejections_total": dict(self.rejections),
            "earlet_transcripts_total": self.transcripts,
            "earlet_work_total": asdict(work),
            "earlet_stride_hops": stride,
            "earlet_actions_total": {name: n for name, n in actions.items() if name != WAITING},
            "earlet_actions_waiting": actions.get(WAITING, 0),
            "earlet_reloads_total": dict(self.reloads),
            "earlet_start_timestamp_seconds": self._started_at,
            "earlet_cpu_seconds_total": usage.ru_utime + usage.ru_stime,
        }
        return [
            Metric(name, HELP[name], value, LABELS.get(name, "")) for name, value in values.items()
        ]

    def _deaf_s(self, health: Health) -> float:
        return 0.0 if health.deaf_since is None else self._clock() - health.deaf_since
