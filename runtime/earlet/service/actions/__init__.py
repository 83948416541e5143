"""What is done when something was heard: a program, a request, a message, a line.

    submit(event) -> the actions of its label -> a Worker for each -> its Performer

`submit` puts the event into a queue and returns; everything that may wait does so in other threads.
An action that failed is tried again until it is too old, except a program: that it failed may mean
that half of its work is done.
"""

import hashlib
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import cast, get_args

from earlet.audio.waiting import boot_s
from earlet.config import ANY_LABEL, Action, Append, ListenConfig, Post, Publish, Run, Send
from earlet.results import Chunk, Detection
from earlet.service.actions.broker import Broker, PublishEvent
from earlet.service.actions.home_assistant import SPEECH, discovery
from earlet.service.actions.lines import AppendLine, SendLine
from earlet.service.actions.post import PostEvent
from earlet.service.actions.run import RunProgram
from earlet.service.actions.spool import Spool, Waiting
from earlet.service.actions.worker import MAX_WAITING, Count, Performer, Worker

ENDING_S = 0.8  # of the time to close: for ending what has not ended by itself ...
GOODBYE_S = 0.3  # ... and of that: for the broker to be told

Event = Detection | Chunk
log = logging.getLogger("earlet.actions")


class Actions:
    """The actions of a configuration."""

    def __init__(self, config: ListenConfig, labels: Collection[str] = ()) -> None:
        """Look whether they can be done; nothing is done yet.

        Args:
            config: all of it.
            labels: that can be detected, for Home Assistant to know.

        Raises:
            ConfigError: a program that is not there, a file that cannot be written ...
        """
        self._config = config
        self._spool = None if config.queue is None else Spool(config.queue)
        self._broker = self._broker_of(config, labels)
        self._workers = {
            _key(action): Worker(
                self._performer(action), _key(action), self._spool, config.max_age_s
            )
            for action in config.actions
        }
        self._heard: SimpleQueue[tuple[Event, datetime, float] | None] = SimpleQueue()
        self._n_lost = 0
        self._thread = threading.Thread(target=self._distribute, name="actions", daemon=True)

    def start(self) -> None:
        """Connect to the broker, and do what was left from last time.

        Raises:
            ConfigError: when another earlet has the queue's folder.
        """
        left = {} if self._spool is None else self._spool.open()
        if self._broker is not None:
            self._broker.start()
        for key, waiting in left.items():
            if key in self._workers:
                self._workers[key].submit(*waiting)
            elif self._spool is not None:
                log.warning("queue: %d waited for an action that is gone", len(waiting))
                for event in waiting:
                    self._spool.forget(event)
        self._thread.start()

    def submit(self, event: Event) -> None:
        """Have the actions done that belong to it; returns at once."""
        if self._heard.qsize() < MAX_WAITING:
            self._heard.put((event, datetime.now(UTC), boot_s()))
        else:
            self._n_lost += 1

    def listening(self, is_deaf: bool) -> None:
        """Have the broker told; returns at once."""
        if self._broker is not None:
            self._broker.listening(is_deaf)

    @property
    def counts(self) -> Mapping[str, int]:
        """done, failed, retried, dropped, and waiting: of all actions."""
        total = sum((worker.counts for worker in self._workers.values()), Counter[Count]())
        total["dropped"] += self._n_lost
        total["waiting"] += self._heard.qsize()
        return {name: total[name] for name in get_args(Count)}

    def close(self, timeout_s: float) -> None:
        """Do what waits, end what takes longer, and keep what is left; all within this time."""
        until = time.monotonic() + timeout_s
        workers = self._workers.values()
        self._heard.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        for worker in workers:
            worker.drain()
        for worker in workers:
            worker.join(until - ENDING_S)
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(until - GOODBYE_S)
            worker.leave()
        if self._broker is not None:
            self._broker.close(until - time.monotonic())
        if self._spool is not None:
            self._spool.close()

    def _distribute(self) -> None:
        """Hand what was heard to the workers: to start a thread takes longer than to hear."""
        while (heard := self._heard.get()) is not None:
            event, when, since = heard
            if isinstance(event, Chunk):
                actions = self._config.speech
            else:
                actions = self._config.label(event.label).actions
            told = {**event.to_json(), "time": when.isoformat(timespec="milliseconds")}
            for action in actions:
                self._workers[_key(action)].submit(Waiting(told, since))

    def _broker_of(self, config: ListenConfig, labels: Collection[str]) -> Broker | None:
        if config.mqtt is None:
            return None
        greetings = []
        if config.mqtt.discovery_prefix is not None:
            greetings = discovery(config.mqtt, _published(config, labels))
        return Broker(config.mqtt, greetings, self._hurry)

    def _hurry(self) -> None:
        """The broker is there: with the network, others may be, too."""
        for worker in self._workers.values():
            worker.hurry()

    def _performer(self, action: Action) -> Performer:
        match action:
            case Run():
                return RunProgram(action)
            case Post():
                return PostEvent(action)
            case Append():
                return AppendLine(action)
            case Send():
                return SendLine(action)
            case Publish():  # ListenConfig sees to it that there is a broker
                return PublishEvent(action, cast(Broker, self._broker))


def _key(action: Action) -> str:
    """What an action is known by in the queue's folder, which thus holds no secret of it."""
    text = json.dumps([type(action).__name__, asdict(action)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _published(config: ListenConfig, labels: Collection[str]) -> Mapping[str, set[str]]:
    """What is published where: labels by their topic."""
    named = {*labels, *config.labels, *config.commands} - {ANY_LABEL}
    actions = [(action, label) for label in named for action in config.label(label).actions]
    actions += [(action, SPEECH) for action in config.speech]
    published: dict[str, set[str]] = {}
    for action, label in actions:
        if isinstance(action, Publish):
            published.setdefault(action.publish, set()).add(label)
    return published
