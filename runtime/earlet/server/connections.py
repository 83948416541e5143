"""Connections: how many there may be, and how long the client of each may take.

uvicorn bounds for how long a connection may idle between two requests, and nothing else.
`Connection` is its HTTP/1.1 with the deadlines that are missing. What that takes beside the methods
of every asyncio protocol is `USED`; a test holds that to the uvicorn that is installed.

- The head of a request comes within `HEAD_S`. (A body: `guard.py`.)
- The client takes what it is sent: a buffer that stays full for `STALL_S` ends it.
- Where an answer is given before the whole body has come, the rest is read and thrown away for
  `LINGER_S`: a socket that is closed with something unread is reset, and the client might never
  see the answer (RFC 9112, 9.6).
- When there are too many, the one goes that has waited longest for its client.
"""

import asyncio
import functools
import json
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import h11
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from earlet.config import ServeConfig
from earlet.server.traffic import access

HEAD_S = 10.0
HEAD_BYTES = 16_384
STALL_S = 30.0
LINGER_S = 30.0
IDLE_S = 5  # between two requests
ACCEPTED = 128  # connections that asyncio takes at once, before it looks at any: each is a file
# Those that may wait to be taken, which asyncio gives the same number: one more must try again in a
# second. Linux allows no more by itself (net.core.somaxconn).
QUEUE = 4_096
MESSAGE_BYTES = 1 << 20  # of a WebSocket: 5 s of sound at 48 kHz in float32
GOING_AWAY = 1001  # of a WebSocket
USED = {  # of what uvicorn keeps to itself
    H11Protocol: (
        *("connections", "conn", "cycle", "client", "flow", "loop", "_unset_keepalive_if_required"),
        *("handle_websocket_upgrade", "on_response_complete", "send_400_response", "shutdown"),
    ),
    WebSocketsSansIOProtocol: (
        *("close_sent", "handle_ping", "handshake_complete", "queue", "shutdown", "transport"),
        "writable",
    ),
}


def uvicorn_config(app: ASGIApp, config: ServeConfig) -> Config:
    """How uvicorn is to serve `app`."""
    return Config(
        app,
        # Where a class is wanted, whatever makes a protocol will do.
        http=functools.partial(Connection, most=config.max_connections),  # type: ignore[arg-type]
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws=Socket,
        ws_max_size=MESSAGE_BYTES,
        # A pong would come after all sound that waits to be heard. `listen` knows who is silent.
        ws_ping_interval=None,
        ws_per_message_deflate=False,  # sound does not get smaller by it
        lifespan="off",
        log_config=None,
        log_level="error",  # what is no HTTP is told below
        access_log=False,  # traffic.py
        proxy_headers=False,
        server_header=False,
        backlog=ACCEPTED,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=max(1, math.ceil(config.drain_s)),
    )


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, with deadlines."""

    def __init__(self, *arguments: Any, most: int, **named: Any) -> None:
        """`most` is how many connections there may be."""
        super().__init__(*arguments, **named)
        self._most = most
        self._waiting_since = self.loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._is_upgraded = False
        self._is_ending = False  # what still comes is thrown away

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._socket = cast(asyncio.Transport, transport)
        super().connection_made(cast(asyncio.Transport, _Transport(self._socket, self._end)))
        self._within(HEAD_S, self._end)
        if len(self.connections) > self._most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._is_ending:
            return
        super().data_received(data)
        if self._is_ending or self._is_upgraded:
            return
        if self.conn.their_state is not h11.IDLE:
            self._disarm()
        elif self._deadline is None:  # the first bytes of the next request
            self._within(HEAD_S, self._end)

    def pause_writing(self) -> None:
        """Called by the transport when its buffer is full."""
        super().pause_writing()
        if not self._is_ending:
            self._within(STALL_S, self._socket.abort)

    def resume_writing(self) -> None:
        """Called by the transport when its buffer is nearly empty."""
        super().resume_writing()
        if not self._is_ending:
            self._disarm()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Called by uvicorn, whose protocol for WebSockets takes over."""
        self._disarm()
        self._is_upgraded = True
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """Called by uvicorn."""
        self._waiting_since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._end()
        if self._is_ending:
            self._unset_keepalive_if_required()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for what is no HTTP."""
        is_head = self._is_waiting
        if not is_head:
            self.cycle.disconnected = True  # whoever reads the body is told that no more comes
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            if is_head and len(self.conn.trailing_data[0]) > HEAD_BYTES:
                self._refuse(431, f"the head of a request is longer than {HEAD_BYTES} bytes")
            else:
                self._refuse(400, msg)
        self._end()

    def shutdown(self) -> None:
        """Called by uvicorn when the server is about to end."""
        if self._is_ending:
            self._socket.abort()
        else:
            super().shutdown()

    def _refuse(self, status: int, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        access.info("- - %d %s, %s", status, message, (self.client or "-")[0])
        response = h11.Response(
            status_code=status, headers=headers, reason=HTTPStatus(status).phrase.encode()
        )
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self._socket.write(self.conn.send(event) or b"")

    def _end(self) -> None:
        """Send what waits, and close, in `LINGER_S` at the latest."""
        if self._is_ending:
            return
        self._is_ending = True
        self._within(LINGER_S, self._socket.abort)
        if self.conn.their_state in (h11.SEND_BODY, h11.ERROR) and not self._is_upgraded:
            self.flow.resume_reading()
            try:
                self._socket.write_eof()
            except OSError:  # the client has left since the answer was written
                self._socket.abort()
        else:
            self._socket.close()

    def _make_room(self) -> None:
        """End the connection that has waited longest for its client; this one, if none does."""
        others = (each for each in self.connections if isinstance(each, Connection))
        waiting = [each for each in others if each._is_waiting and each is not self]
        longest = min(waiting, key=lambda each: each._waiting_since, default=self)
        self.connections.discard(longest)  # now, for the next may be accepted before it is gone
        longest._socket.abort()

    @property
    def _is_waiting(self) -> bool:
        """Whether no request of it is being answered."""
        return self._is_ending or self.cycle is None or self.cycle.response_complete

    def _within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, otherwise)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Socket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which does not read while a message waits."""

    def handle_ping(self) -> None:
        """Called by uvicorn; who asks again and again, and never reads an answer, is let go."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    def shutdown(self) -> None:
        """Called by uvicorn when the server is about to end: whoever listens says so."""
        if self.handshake_complete and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        else:
            super().shutdown()


class _Transport:
    """What uvicorn is given for a transport: `close` is the connection's own."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.close = close
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
