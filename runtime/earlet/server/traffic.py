"""What is asked, what is answered, and how long that takes: a line of the log, and figures."""

import logging
import time
from bisect import bisect_left
from collections import Counter, defaultdict

from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earlet.server.failures import Left
from earlet.service.metrics import Histogram, Metric

access = logging.getLogger("earlet.serve.access")  # a line a request

# Upper ends of the buckets in seconds: from what a spotter takes to what an hour of speech does.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
METHODS = ("GET", "HEAD", "OPTIONS", "POST")
OTHER = "other"  # all other methods, and all paths that are none: figures are bounded
SHOWN = 200  # characters of a path
SWITCHED = 101  # the status of a WebSocket


class Traffic:
    """Counters, for as long as the server lives."""

    def __init__(self) -> None:
        self.running = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.bytes_held = 0  # of bodies of requests that are being answered
        self._requests: Counter[tuple[str, ...]] = Counter()  # by route, method, status
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS_S) + 1))
        self._sums: dict[str, float] = defaultdict(float)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests[route, method if method in METHODS else OTHER, str(status)] += 1
        self._counts[route][bisect_left(BUCKETS_S, seconds)] += 1
        self._sums[route] += seconds

    def figures(self) -> list[Metric | Histogram]:
        """All of them."""
        return [
            Metric(
                "earlet_http_requests_total",
                "Requests that were answered; a WebSocket counts when it ends.",
                self._requests,
                ("route", "method", "status"),
            ),
            Histogram(
                "earlet_http_request_seconds",
                "From the head of a request to the end of its answer.",
                BUCKETS_S,
                self._counts,
                self._sums,
                "route",
            ),
            Metric("earlet_http_running", "Requests that are being answered.", self.running),
            Metric("earlet_http_held_bytes", "Bodies that are being answered.", self.bytes_held),
            Metric("earlet_http_received_bytes_total", "Of bodies and messages.", self.bytes_in),
            Metric("earlet_http_sent_bytes_total", "Of bodies and messages.", self.bytes_out),
        ]


class Watched:
    """An ASGI application whose every request is counted and told."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and tell afterwards."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        seen = _Seen(receive, send)
        begun = time.monotonic()
        self._traffic.running += 1
        try:
            await self._app(scope, seen.receive, seen.send)
        finally:
            self._traffic.running -= 1
            self._tell(scope, seen, time.monotonic() - begun)

    def _tell(self, scope: Scope, seen: "_Seen", seconds: float) -> None:
        method = scope.get("method", "GET")  # a WebSocket has none
        self._traffic.bytes_in += seen.bytes_in
        self._traffic.bytes_out += seen.bytes_out
        self._traffic.count(_route(scope), method, seen.status, seconds)
        access.info(
            "%s %s %d %.1f ms, %d bytes in, %d out, %s",
            method,
            scope["path"][:SHOWN],
            seen.status,
            seconds * 1000,
            seen.bytes_in,
            seen.bytes_out,
            (scope.get("client") or ("-",))[0],
        )


class _Seen:
    """What goes in and out of one request."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.status = Left.status  # where no answer is ever sent
        self.bytes_in = 0
        self.bytes_out = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += _size(message)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
        elif message["type"] == "websocket.accept":
            self.status = SWITCHED
        self.bytes_out += _size(message)
        await self._send(message)


def _size(message: Message) -> int:
    """Of a body's piece, or a WebSocket's message."""
    return sum(len(message.get(key) or b"") for key in ("body", "bytes", "text"))


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return route.path if isinstance(route, Route | WebSocketRoute) else OTHER
