"""All that a configuration asks for, put together."""

import ctypes
import logging
import time
from typing import TYPE_CHECKING, Union

from earlet.audio.live import Health
from earlet.audio.source import open_source
from earlet.config import ListenConfig
from earlet.results import Chunk, Detection
from earlet.service.metrics import Metric, MetricsFile
from earlet.service.state import State
from earlet.streaming.budget import Budget
from earlet.tasks.listening import Listening

if TYPE_CHECKING:
    from earlet.service.actions import Actions
    from earlet.service.recorder import Recorder

Ear = Union[Listening, "Recorder"]

log = logging.getLogger("earlet.daemon")


class Parts:
    """What listens, what acts and what writes; found to be in order, and not at work yet."""

    def __init__(self, config: ListenConfig, *, partials: bool) -> None:
        """Raises EarletError: it asks for what is not there."""
        self.config = config
        self.listening = Listening(config, partials=partials)
        self.source = open_source(  # which is not open yet
            config.source,
            device=config.device,
            channel=config.channel,
            sample_rate=self.listening.sample_rate,
        )
        self._recorder = _recorder(config, self.listening, is_live=self.source.is_live)
        self._actions = _actions(config, self.listening)
        self._metrics = None if config.metrics is None else MetricsFile(config.metrics)
        self._budget = None if config.budget is None else Budget(config.budget)
        self._worked_s = time.process_time()  # by the whole process, when it was last looked at
        trim_heap()

    @property
    def ear(self) -> Ear:
        """What sound is pushed to."""
        return self._recorder or self.listening

    @property
    def is_recording(self) -> bool:
        """Whether a recording may be going on."""
        return self._recorder is not None

    def start(self) -> None:
        """Begin to act; raises ConfigError where another earlet does already, by the same queue."""
        if self._actions is not None:
            self._actions.start()

    def act(self, event: Detection | Chunk) -> None:
        """Have done what belongs to it; returns at once."""
        if self._actions is not None:
            self._actions.submit(event)

    def tell(self, *, is_deaf: bool) -> None:
        """Have the broker know; returns at once."""
        if self._actions is not None:
            self._actions.listening(is_deaf)

    def hears_like(self, other: "Parts") -> bool:
        """Whether both take their sound from the same source."""
        return self._hearing() == other._hearing()

    def keep_to_budget(self, sound_s: float) -> None:
        """So much sound was listened to: look less often, or more, where its work asks for it."""
        if self._budget is None:
            return
        before_s, self._worked_s = self._worked_s, time.process_time()
        stride = self._budget.push(self._worked_s - before_s, sound_s)
        if stride != self.listening.stride:
            self.listening.stride = stride
            log.info(
                "listening takes %.1f %% of a core, with a budget of %.1f %%: it looks every %s",
                100 * (self._budget.used or 0.0),
                100 * self._budget.share,
                "hop" if stride == 1 else f"{stride} hops",
            )

    def metrics(self, state: State, health: Health) -> list[Metric]:
        """All figures."""
        counts = {} if self._actions is None else self._actions.counts
        return state.metrics(health, self.listening.work, self.listening.stride, counts)

    def write_metrics(self, state: State, health: Health) -> None:
        """Where they are wanted."""
        if self._metrics is not None:
            self._metrics.write(self.metrics(state, health))

    def close(self, within_s: float) -> None:
        """Finish what was begun, recordings first; what takes longer is ended."""
        until = time.monotonic() + within_s
        if self._recorder is not None:
            self._recorder.close(within_s / 2)
        if self._actions is not None:
            self._actions.close(until - time.monotonic())

    def _hearing(self) -> tuple[object, ...]:
        config = self.config
        return config.source, config.device, config.channel, self.listening.sample_rate


# Imported late: HTTP, TLS and the files of recordings take 5 MB, and a terminal wants none of them.


def _actions(config: ListenConfig, listening: Listening) -> "Actions | None":
    if not config.actions and config.mqtt is None:
        return None
    from earlet.service.actions import Actions

    return Actions(config, listening.labels)


def _recorder(config: ListenConfig, listening: Listening, *, is_live: bool) -> "Recorder | None":
    if config.record is None:
        return None
    from earlet.service.recorder import Recorder

    return Recorder(config.record, listening, is_live=is_live)


def trim_heap() -> None:
    """Give to the system what was freed since files were read and networks opened.

    glibc keeps it in holes between what is still used: 19 of the 150 MB that a spotter takes whose
    second stage is Moonshine tiny. Other C libraries do not have the call.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
