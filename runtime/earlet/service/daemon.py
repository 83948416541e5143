"""What `earlet listen` does, for minutes or for months: hear, decide, act, and say how it goes.

    source -> gaps and sound -> Listening, through a Recorder -> events -> on_event, Actions
                                                              -> log, systemd, Prometheus

All of it happens in the thread that calls `run`, between two chunks of sound; a live source gives
one at least every second, be it empty. So what is told to systemd is told by what really listens.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from earlet.arrays import FloatArray
from earlet.audio.live import Health
from earlet.audio.source import PIPE, Source
from earlet.config import ListenConfig
from earlet.errors import EarletError
from earlet.results import Chunk, Deaf, Detection, Event, Gap
from earlet.service.logs import GapLog
from earlet.service.metrics import Metric
from earlet.service.parts import Ear, Parts
from earlet.service.signals import Signals, Terminated
from earlet.service.state import State
from earlet.service.systemd import Systemd

log = logging.getLogger("earlet.daemon")

DRAIN_S = 1.5  # from SIGTERM to the end; with what Python takes to go, within 2 s
LAST_ACTIONS_S = 10.0  # that the actions have when a file has ended
LATE_S = 0.25  # of sound that waits: no time for partial results then
# Seconds of sound that gather while nothing is heard that may become an event: to wake costs more
# than to listen. 1,063 commands, in quiet and in noise, are told 18 ms later so on average, 80 at
# most.
REST_S = 0.16
METRICS_S = 15.0  # between two writings when nothing happens
NEWS_S = 1.0  # ... and at least, however much happens

Told = Event | Deaf | Gap


class Daemon:
    """Listens as a configuration says."""

    def __init__(
        self,
        config: ListenConfig,
        read_again: Callable[[], ListenConfig] | None,
        on_event: Callable[[Told], None],
        *,
        partials: bool = False,
    ) -> None:
        """Put everything together; nothing is opened yet that anybody else might want.

        Args:
            config: what to do.
            read_again: what SIGHUP calls for the configuration as it is then; None leaves the
                signal alone.
            on_event: is told all that happens, in order.
            partials: whether what is being said is told, too.

        Raises:
            EarletError: the configuration asks for what is not there.
        """
        self._parts = Parts(config, partials=partials)
        self._read_again = read_again
        self._on_event = on_event
        self._partials = partials
        self._signals = Signals(reloads=read_again is not None)
        self._state = State()
        self._systemd = Systemd()
        self._gaps = GapLog()
        self._source: Source | None = None
        self._health = Health()  # of the source, when it was last looked at
        self._written_at = -METRICS_S  # the metrics, on the clock of `time.monotonic`
        self._is_news = False  # since then
        self._is_deaf = False
        self._is_half_done = False

    def run(self) -> None:
        """Listen until the source ends, or SIGTERM comes.

        Raises:
            EarletError: the source cannot be opened, or turns out damaged.
        """
        within_s = DRAIN_S
        with self._signals:
            self._parts.start()
            try:
                self._source = self._opened(self._parts)
                while self._listen(self._source):
                    pass
                within_s = LAST_ACTIONS_S
            except Terminated:
                log.info("SIGTERM: ending")
                if self._parts.is_recording and not self._is_half_done:
                    self._pass_on(self._parts.ear.flush())
            finally:
                self._end(within_s)

    def metrics(self) -> list[Metric]:
        """All figures, as they are now; any thread may ask."""
        return self._parts.metrics(self._state, self._health)

    def _opened(self, parts: Parts) -> Source:
        with self._signals.interruptible():
            source = parts.source.__enter__()
        if source.is_live and parts.config.source != PIPE:
            hint = "; Ctrl-C ends" if sys.stderr.isatty() else ""
            log.info("listening with %s%s", parts.listening.description, hint)
        return source

    def _listen(self, source: Source) -> bool:
        """Until there is another source, or this one ends: False."""
        is_ready = False
        for heard in self._waited_for(source):
            self._take(heard, source)
            self._tell(source.health)
            if not is_ready:
                self._systemd.ready()
                is_ready = True
            if self._signals.reload_asked:
                self._reload()
                if self._source is not source:
                    return True
        self._pass_on(self._worked(lambda ear: ear.flush()))
        return False

    def _waited_for(self, source: Source) -> Iterator[FloatArray | Deaf | Gap]:
        heard = source.heard()
        while True:
            with self._signals.interruptible():
                item = next(heard, None)
            if item is None:
                return
            yield item

    def _take(self, heard: FloatArray | Deaf | Gap, source: Source) -> None:
        match heard:
            case Deaf():
                log.warning("deaf: %s; trying again, for ever", heard.reason)
                self._parts.tell(is_deaf=True)
                self._is_deaf = True
                self._pass_on([heard])
            case Gap():
                if self._is_deaf:
                    lost_s = heard.n_samples / heard.sample_rate
                    log.warning("hears again, after %.1f s that were lost", lost_s)
                    self._parts.tell(is_deaf=False)
                    self._is_deaf = False
                else:
                    self._gaps.add(heard)
                events = self._worked(lambda ear: ear.skip(heard.n_samples))
                self._pass_on([*events, heard])
            case _:
                self._pass_on(self._push(heard, source))

    def _push(self, samples: FloatArray, source: Source) -> list[Event]:
        late = source.backlog_s > LATE_S
        events = self._worked(lambda ear: ear.push(samples, late=late))
        source.patience_s = 0.0 if self._parts.listening.is_hearing else REST_S
        if len(samples):
            sound_s = len(samples) / source.sample_rate
            self._state.heard(sound_s)
            self._systemd.alive()
            if source.is_live:  # a file is always heard in the same way
                self._parts.keep_to_budget(sound_s)
        return events

    def _worked(self, work: Callable[[Ear], list[Event]]) -> list[Event]:
        """What may take long: SIGTERM ends it, half done."""
        with self._signals.interruptible():
            self._is_half_done = True
            events = work(self._parts.ear)
            self._is_half_done = False
        return events

    def _pass_on(self, events: Sequence[Told]) -> None:
        for event in events:
            self._is_news = True
            self._state.count(event)
            self._on_event(event)
            if isinstance(event, Detection | Chunk):
                self._parts.act(event)

    def _tell(self, health: Health) -> None:
        """How it goes, to those who watch."""
        if health != self._health:
            # Deaf, and trying to hear again. Where even that hangs, only a new process can help.
            self._systemd.alive()
            self._health, self._is_news = health, True
        self._systemd.status(self._state.status(self._parts.listening.description, health))
        self._gaps.tell()
        waited_s = time.monotonic() - self._written_at
        if waited_s >= (NEWS_S if self._is_news else METRICS_S):
            self._write_metrics()

    def _write_metrics(self) -> None:
        self._parts.write_metrics(self._state, self._health)
        self._written_at, self._is_news = time.monotonic(), False

    def _reload(self) -> None:
        """Go on as the configuration says now; where that is wrong, as it said before.

        Raises:
            EarletError: what it said before is not to be had any more, either.
        """
        self._signals.reload_asked = False
        if self._read_again is None:
            return
        self._systemd.reloading()
        try:
            with self._signals.interruptible():
                new = Parts(self._read_again(), partials=self._partials)
        except EarletError as problem:
            self._refuse(problem)
        else:
            self._replace(new)
        self._is_news = True
        self._systemd.ready()

    def _replace(self, new: Parts) -> None:
        """Put other parts to work; or again those that are, where the others cannot."""
        old = self._parts
        # What is not complete by now never will be.
        self._pass_on(self._worked(lambda ear: ear.skip(0)))
        n_samples = old.listening.n_samples
        old.close(DRAIN_S)  # first, for both may use the same broker and the same queue
        try:
            self._take_up(new, n_samples, is_heard=new.hears_like(old))
        except EarletError as problem:
            new.close(DRAIN_S)
            again = Parts(old.config, partials=self._partials)
            self._take_up(again, n_samples, is_heard=self._source is not None)
            self._refuse(problem)
        else:
            log.info("listening with %s, by the new configuration", new.listening.description)
            self._state.reloads["done"] += 1

    def _take_up(self, parts: Parts, n_samples: int, *, is_heard: bool) -> None:
        """Go on with other parts, after so many samples of the source that `is_heard`; else with
        their own source, from its beginning.

        Raises:
            EarletError: they cannot begin.
        """
        parts.tell(is_deaf=self._is_deaf and is_heard)  # before they say to a broker that they hear
        parts.start()
        self._parts = parts  # to be closed, should SIGTERM end the opening
        if is_heard:
            parts.ear.skip(n_samples)
        else:
            self._close_source()
            self._source, self._is_deaf = self._opened(parts), False

    def _refuse(self, problem: EarletError) -> None:
        log.error("the new configuration is refused, the old one goes on: %s", problem)
        self._state.reloads["refused"] += 1

    def _end(self, within_s: float) -> None:
        until = time.monotonic() + within_s
        self._systemd.stopping()
        self._gaps.tell(is_end=True)
        self._close_source()
        self._parts.close(until - time.monotonic())
        self._write_metrics()
        self._systemd.close()

    def _close_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.__exit__(None, None, None)
