"""The MQTT broker, whether it is there or not, and what is published there.

A thread connects, says `online` (retained) and what Home Assistant is told, and waits until the
connection is lost; then it does so again, for ever, after a delay that doubles. What the broker has
not acknowledged is published again by the action that waits for it, and by nobody else.
"""

import json
import logging
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from earlet.config import MqttConfig, Publish
from earlet.errors import ConfigError
from earlet.files import read_plain
from earlet.service.actions.mqtt import (
    ANSWER_S,
    FAREWELL_S,
    OFFLINE,
    Connection,
    Message,
    paho_client,
)
from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError

FIRST_DELAY_S = 1.0  # doubled with each failure
MAX_DELAY_S = 30.0
MAX_PASSWORD = 1_000  # bytes
MAX_TOPIC = 65_535  # bytes: MQTT's two bytes of length
ONLINE, DEAF = "online", "deaf"  # and OFFLINE, which also is the last will

log = logging.getLogger("earlet.actions")


class PublishEvent:
    """Publish it; done when the broker has acknowledged it (QoS 0: when it was sent)."""

    n_parallel = 1

    def __init__(self, action: Publish, broker: "Broker") -> None:
        """Look at the topic.

        Raises:
            ConfigError: when nothing can be published there.
        """
        self.name = f"publish {_checked_topic('publish', action.publish)}"
        self._action = action
        self._broker = broker

    def perform(self, event: Event) -> None:
        """Publish it."""
        action = self._action
        payload = json.dumps(event)
        self._broker.publish(Message(action.publish, payload, action.qos, action.retain))

    def stop(self) -> None:
        """What is going on ends with `ANSWER_S`, at the latest, or with the broker's `close`."""


class Broker:
    """The broker of the configuration, whether it is there or not."""

    def __init__(
        self, config: MqttConfig, greetings: Sequence[Message], ready: Callable[[], None]
    ) -> None:
        """Read the password, and look whether paho-mqtt is there.

        Args:
            config: which broker, and as whom.
            greetings: published with every new connection.
            ready: called then, from the broker's thread.

        Raises:
            ConfigError: when something is missing or wrong.
        """
        _checked_topic("mqtt.status_topic", config.status_topic)
        if config.discovery_prefix is not None:
            _checked_topic("mqtt.discovery_prefix", config.discovery_prefix)
        self._config = config
        self._greetings = greetings
        self._ready = ready
        self._password = _password(config)
        self._paho = paho_client()
        self._thread = threading.Thread(target=self._stay, name="mqtt", daemon=True)
        self._changed = threading.Condition()  # guards all that follows
        self._live: Connection | None = None
        self._state = ONLINE

    def start(self) -> None:
        """Connect, now or whenever the broker is there."""
        self._thread.start()

    def listening(self, is_deaf: bool) -> None:
        """What the status topic is to say; returns at once."""
        with self._changed:
            if self._state != OFFLINE:
                self._state = DEAF if is_deaf else ONLINE
            self._changed.notify_all()

    def publish(self, message: Message) -> None:
        """Publish, and wait for the broker's acknowledgement.

        Raises:
            ActionError: when there is no connection, or it is lost before that.
        """
        with self._changed:
            live = self._live
        if live is None:
            raise ActionError(f"there is no connection to {self._where}")
        live.publish(message, ANSWER_S)

    def close(self, timeout_s: float) -> None:
        """Say `offline` and go; a connection that is just being made is left to itself."""
        with self._changed:
            self._state = OFFLINE
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def _where(self) -> str:
        return f"mqtt {self._config.host}:{self._config.port}"

    def _stay(self) -> None:
        delay_s = FIRST_DELAY_S
        is_known = False  # that the broker cannot be reached: if it is so for a day, it is one line
        while self._state != OFFLINE:
            began = time.monotonic()
            try:
                with Connection(self._paho, self._config, self._password, self._changed) as live:
                    is_known = False
                    self._serve(live)
            except Exception as problem:  # noqa: BLE001, for whatever it was, it may be over next time
                level = logging.DEBUG if is_known else logging.WARNING
                # As text: the error itself holds on to the connection.
                log.log(level, "%s: %s; trying again", self._where, str(problem))
                is_known = True
            # Two clients of one name throw each other out, at once and for ever: slowly, then.
            if time.monotonic() - began > MAX_DELAY_S:
                delay_s = FIRST_DELAY_S
            with self._changed:
                self._changed.wait_for(lambda: self._state == OFFLINE, delay_s)
            delay_s = min(2 * delay_s, MAX_DELAY_S)

    def _serve(self, live: Connection) -> None:
        """Stay until the connection is lost, or earlet ends."""
        try:
            told = self._tell(live, None)
            self._greet(live)
            while told != OFFLINE:
                told = self._tell(live, told)
        finally:
            with self._changed:
                self._live = None

    def _tell(self, live: Connection, told: str | None) -> str:
        """Publish the state as soon as it is another."""
        with self._changed:
            self._changed.wait_for(lambda: self._state != told or live.is_lost)
            state = self._state
        if live.is_lost:
            raise ActionError("the connection is lost")
        message = Message(self._config.status_topic, state, retain=True)
        live.publish(message, FAREWELL_S if state == OFFLINE else ANSWER_S)
        return state

    def _greet(self, live: Connection) -> None:
        for message in self._greetings:
            live.publish(message, ANSWER_S)
        log.info("%s: connected", self._where)
        with self._changed:
            self._live = live
        self._ready()


def _checked_topic(where: str, topic: str) -> str:
    """The topic, if something can be published there.

    Raises:
        ConfigError: when it is empty, too long, or has a wildcard.
    """
    if (
        not topic.isprintable()
        or not 0 < len(topic.encode()) <= MAX_TOPIC
        or set("+#") & set(topic)
    ):
        raise ConfigError(f"{where}: expected a topic without + and #, got {topic[:80]!r}")
    return topic


def _password(config: MqttConfig) -> str | None:
    """The first line of the password's file.

    A group may read it: so systemd hands out credentials to a service.
    """
    if config.password_file is None:
        return None
    if config.username is None:
        raise ConfigError("mqtt: a password_file is there, and no username")
    path = Path(config.password_file).expanduser()
    data = read_plain(path, MAX_PASSWORD + 1, "a password", ConfigError)
    if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(f"mqtt: {path}: everybody may read it; chmod 600 keeps it to its owner")
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        lines = []
    if len(data) > MAX_PASSWORD or len(lines) != 1:
        raise ConfigError(f"mqtt: {path}: expected a password in one line of UTF-8")
    return lines[0]
