"""One connection to an MQTT broker, by paho-mqtt, from its beginning to its end.

It is never taken up again, for paho would then send what it still has, which may be an hour old.
When earlet is gone without a word, the broker says `offline`: the last will.
"""

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from earlet.config import MqttConfig
from earlet.errors import ConfigError
from earlet.service.actions.worker import ActionError

ANSWER_S = 5.0  # for a broker to answer, or to acknowledge
FAREWELL_S = 0.2  # for the last words to leave
KEEPALIVE_S = 30  # after 1.5 times as long the broker says the last will
OFFLINE = "offline"
LET_IN = ""


@dataclass(frozen=True)
class Message:
    """What is published."""

    topic: str
    payload: str
    qos: int = 1
    retain: bool = False


class Connection:
    """A client, with a thread of paho's."""

    def __init__(
        self, paho: Any, config: MqttConfig, password: str | None, changed: threading.Condition
    ) -> None:
        self.is_lost = False
        self._changed = changed  # never held while paho is called: it has locks of its own
        self._answer: str | None = None  # of the broker, or about it
        self._acknowledged: set[int] = set()
        self._address = (config.host, config.port)
        self._client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, config.client_id, reconnect_on_failure=False
        )
        client.connect_timeout = ANSWER_S
        client.username_pw_set(config.username, password)
        client.will_set(config.status_topic, OFFLINE, qos=1, retain=True)
        if config.tls:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    def __enter__(self) -> "Connection":
        """Connect, and wait until the broker lets us in.

        Raises:
            ActionError: when it does not.
        """
        try:
            self._client.connect(*self._address, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as problem:  # ValueError: no name of a host
            self._answer = f"cannot be reached: {getattr(problem, 'strerror', None) or problem}"
        else:
            self._client.loop_start()
            with self._changed:
                self._changed.wait_for(lambda: self._answer is not None or self.is_lost, ANSWER_S)
        if self._answer != LET_IN:
            self.__exit__()
            raise ActionError(self._answer or "does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        client = self._client
        if client.is_connected():
            client.disconnect()
            with self._changed:
                self._changed.wait_for(lambda: self.is_lost, FAREWELL_S)
        self._cut()
        client.loop_stop()
        self._on_disconnect()  # paho may have left without a word to who waits for an answer
        # Without a circle of references its sockets are closed here, and not some time later.
        client.on_connect = client.on_disconnect = client.on_publish = None

    def publish(self, message: Message, timeout_s: float) -> None:
        """Publish, and wait until that is acknowledged.

        Raises:
            ActionError: when it is not; then the connection has come to its end.
        """
        sent = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        with self._changed:
            self._changed.wait_for(
                lambda: sent.mid in self._acknowledged or self.is_lost, timeout_s
            )
            if sent.mid in self._acknowledged:
                self._acknowledged.remove(sent.mid)
                return
        self._cut()
        raise ActionError("the broker did not acknowledge it")

    def _cut(self) -> None:
        """End it without a word: paho would go on waiting, and send again what nobody wants."""
        if (connected := self._client.socket()) is not None:
            with suppress(OSError):  # it has just been closed
                # That of SSLSocket would take the lock of who reads.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        with self._changed:
            self._answer = f"does not let us in: {reason}" if reason.is_failure else LET_IN
            self._changed.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._changed:
            self.is_lost = True
            self._changed.notify_all()

    def _on_publish(self, _client: Any, _data: Any, mid: int, *_: Any) -> None:
        with self._changed:
            self._acknowledged.add(mid)
            self._changed.notify_all()


def paho_client() -> Any:
    """The module.

    Raises:
        ConfigError: when paho-mqtt is not installed.
    """
    # Imported late: who has no broker need not have it installed.
    try:
        import paho.mqtt.client
    except ImportError:
        raise ConfigError("mqtt: needs paho-mqtt: pip install 'earlet[mqtt]'") from None
    return paho.mqtt.client
