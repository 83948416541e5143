"""What every request must pass before anybody looks at it, and what bodies are held to.

- The Host is this server's, where only this machine can reach it: else a page could make a name of
  its own point here (DNS rebinding), and would be taken for this site.
- A page of another site does not ask, unless the configuration allows it.
- A token is brought, where there is one.
- The body is framed one way, is not compressed, and is not larger than bodies may be.
- It comes: not silent for long, and not drop by drop.
- All bodies together fit into memory.
"""

import asyncio
import hmac
from functools import lru_cache
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earlet.server.failures import (
    BadRequest,
    Forbidden,
    Misdirected,
    Overloaded,
    TooLarge,
    TooSlow,
    Unauthorized,
    UnsupportedKind,
)
from earlet.server.served import Served
from earlet.server.traffic import Traffic

SILENCE_S = 10.0  # of a body, after which no more is waited for
BODY_S = 60.0  # that a small body may take; a larger one may take
BYTES_PER_S = 16_000  # so much time more: the slowest of mobile networks is faster
MB = 1_000_000
LARGEST = 4  # bodies of the largest size, for which there is memory at once
BEARER = "bearer "
LISTEN = "/v1/listen"  # a browser's WebSocket has no such header: its first message has the token
AUTHORIZED = "earlet.authorized"  # in the scope, where the header was right
ORIGIN = "earlet.origin"  # in the scope: the other site whose page may read the answer
PREFLIGHT_S = 600  # that a browser need not ask again
SAFE = ("GET", "HEAD")  # methods that change nothing, and whose answers a browser keeps to itself
METHODS = "GET, HEAD, POST"
EXPOSED = "Retry-After, RateLimit, RateLimit-Policy, X-Cache"  # what a page elsewhere may read
CLOSE = {"Connection": "close"}  # where the rest of a body is not read


def check_token(connection: HTTPConnection, token: str | None) -> None:
    """Whether who is connected may go on: by the header that came, or by this token.

    Raises:
        Unauthorized: a token is demanded, and it is not this one.
    """
    wanted = _served(connection.scope).token
    if wanted is None or connection.scope.get(AUTHORIZED):
        return
    if not token:
        raise Unauthorized("a token is needed: Authorization: Bearer TOKEN")
    # In a time that does not tell how much of it is right.
    if not hmac.compare_digest(wanted, token.encode("utf-8", "replace")):
        raise Unauthorized("the token is wrong")


def add_headers(message: Message, scope: Scope) -> None:
    """To the beginning of an answer what all answers have."""
    headers = MutableHeaders(scope=message)
    headers["X-Content-Type-Options"] = "nosniff"
    if origin := scope.get(ORIGIN):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED
        headers.add_vary_header("Origin")


class Guard:
    """An ASGI application that lets through what may pass."""

    def __init__(self, app: ASGIApp, served: Served, open_paths: frozenset[str]) -> None:
        """`open_paths` may be read without a token."""
        self._app = app
        self._traffic = served.traffic
        self._is_local = served.config.is_local
        self._allowed = served.config.allow_origins
        self._limit = served.config.max_body_mb * MB
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises a Failure for what may not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["path"].rstrip("/") or "/"
        connection = HTTPConnection(scope)
        if self._is_local:
            _check_host(connection.headers.get("host"))
        scope[ORIGIN] = _other_site(connection, self._allowed)
        if scope[ORIGIN] and _is_preflight(connection):
            await _preflight(connection.headers)(scope, receive, send)
            return
        self._check_token(connection)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        _check_framing(connection.headers, self._limit)
        with _Body(receive, self._limit, self._traffic) as body:
            await self._app(scope, body.receive, send)

    def _check_token(self, connection: HTTPConnection) -> None:
        is_open = connection.scope["path"] in self._open_paths
        if is_open and connection.scope.get("method") in SAFE:
            return
        given = connection.headers.get("authorization", "")
        if not given and _is_websocket(connection) and connection.scope["path"] == LISTEN:
            return  # listen.py asks
        is_bearer = given[: len(BEARER)].lower() == BEARER
        check_token(connection, given[len(BEARER) :].strip() if is_bearer else None)
        connection.scope[AUTHORIZED] = True


class _Body:
    """A body within limits of size and time, whoever reads it; gone when the context ends."""

    def __init__(self, receive: Receive, limit: int, traffic: Traffic) -> None:
        """`limit` is in bytes."""
        self._receive = receive
        self._limit = limit
        self._traffic = traffic
        self._size = 0
        self._is_whole = False
        self._began: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._traffic.bytes_held -= self._size

    async def receive(self) -> Message:
        """The next piece; after the last, what the server tells of the connection."""
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience_s()):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow(f"the body stopped to come after {self._size} bytes") from None
        n_bytes = len(message.get("body", b""))
        self._size += n_bytes
        self._traffic.bytes_held += n_bytes
        if self._size > self._limit:
            raise _too_large(f"more than {self._limit}", self._limit)
        if n_bytes and self._traffic.bytes_held > LARGEST * self._limit:
            raise Overloaded("as many bodies are here as fit into memory", headers=CLOSE)
        self._is_whole = not message.get("more_body", False)
        return message

    def _patience_s(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        ends = self._began + BODY_S + self._size / BYTES_PER_S
        return min(SILENCE_S, max(ends - now, 0.0))


def _served(scope: Scope) -> Served:
    served: Served = scope["app"].state.served
    return served


def _is_websocket(connection: HTTPConnection) -> bool:
    return bool(connection.scope["type"] == "websocket")


def _check_host(host: str | None) -> None:
    """Raises Misdirected where a browser took another name for this machine's."""
    # HTTP/1.0, which has none, no browser speaks.
    if host is not None and not _is_this_machine(host):
        raise Misdirected(
            f"Host: {host!r:.100} is not this server, which only this machine can reach: ask "
            "localhost, or start it with --host"
        )


@lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        # RFC 6761: what is called so is never looked up.
        return name.split(".")[-1] == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _other_site(connection: HTTPConnection, allowed: tuple[str, ...]) -> str | None:
    """The site of the page that asks, if it is another one's and may ask.

    Raises:
        Forbidden: it may not.
    """
    origin = connection.headers.get("origin")
    if origin is None:  # no browser, or one that shows the answer to nobody
        return None
    if origin in allowed:
        return origin
    # By host and port alone: whatever ends TLS in front of this server has another scheme.
    if origin.partition("://")[2] == connection.headers.get("host"):
        return None
    if connection.scope.get("method") in SAFE:
        return None  # and the answer has no header that lets the page read it
    raise Forbidden(f"Origin: {origin!r:.100} is not allowed to ask; allow_origins names who is")


def _is_preflight(connection: HTTPConnection) -> bool:
    is_options = connection.scope.get("method") == "OPTIONS"
    return is_options and "access-control-request-method" in connection.headers


def _preflight(headers: Headers) -> Response:
    """https://fetch.spec.whatwg.org/#cors-preflight-fetch"""
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": headers.get("access-control-request-headers", ""),
            "Access-Control-Max-Age": str(PREFLIGHT_S),
        },
    )


def _check_framing(headers: Headers, limit: int) -> None:
    length = headers.get("content-length")
    if length is not None and "transfer-encoding" in headers:
        # RFC 9112, 6.1: two servers that read it differently let a request be smuggled.
        raise BadRequest("a body has Content-Length or Transfer-Encoding, not both", headers=CLOSE)
    if length is not None and int(length) > limit:
        raise _too_large(length, limit)
    coding = headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise UnsupportedKind(
            f"Content-Encoding: {coding!r:.60}; expected a body that is not compressed",
            headers={"Accept-Encoding": "identity", **CLOSE},
        )


def _too_large(size: str, limit: int) -> TooLarge:
    return TooLarge(f"expected a body of at most {limit} bytes, got {size}", headers=CLOSE)
