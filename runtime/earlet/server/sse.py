"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

As long as nothing was sent, what goes wrong is an answer with a status of its own; from then on it
is an event.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from earlet.server.body import JsonValue
from earlet.server.failures import Failure, Internal
from earlet.server.leaving import unless_left

log = logging.getLogger("earlet.serve")

KEEP_ALIVE_S = 15.0  # the specification's advice; proxies give up a silent connection after 60 s
COMMENT = b":\n\n"  # which clients skip
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx: send what there is


def event(data: JsonValue, name: str | None = None) -> bytes:
    """One event; `name` is its type where it is no plain message."""
    kind = f"event: {name}\n" if name else ""
    return f"{kind}data: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n".encode()


async def event_stream(
    request: Request,
    events: AsyncGenerator[bytes, None],
    tell: Callable[[Failure], bytes],
) -> Response:
    """An answer that sends `events` as they come; when the client leaves, they are closed.

    Args:
        request: its body must have been read.
        events: as `event` writes them.
        tell: the event of a failure.

    Raises:
        Failure: what `events` raise instead of a first one.
    """
    kept = _KeptAlive(events)
    try:
        first = await unless_left(request, anext(kept))
    except BaseException:
        await kept.aclose()
        raise
    return _EventStream(first, kept, tell)


class _KeptAlive:
    """`events`, and a comment wherever nothing came for KEEP_ALIVE_S."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        self._events = events
        self._upcoming: asyncio.Future[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._upcoming is None:
            self._upcoming = asyncio.ensure_future(anext(self._events))
        await asyncio.wait((self._upcoming,), timeout=KEEP_ALIVE_S)
        if not self._upcoming.done():
            return COMMENT
        upcoming, self._upcoming = self._upcoming, None
        return upcoming.result()

    async def aclose(self) -> None:
        """Give up what is under way."""
        if self._upcoming is not None:
            self._upcoming.cancel()
            await asyncio.gather(self._upcoming, return_exceptions=True)
        await self._events.aclose()


class _EventStream(StreamingResponse):
    def __init__(self, first: bytes, rest: _KeptAlive, tell: Callable[[Failure], bytes]) -> None:
        self._rest = rest
        super().__init__(_told(first, rest, tell), headers=HEADERS, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()


async def _told(
    first: bytes, rest: _KeptAlive, tell: Callable[[Failure], bytes]
) -> AsyncIterator[bytes]:
    yield first
    try:
        async for item in rest:
            yield item
    except Failure as failure:
        yield tell(failure)
    except Exception as problem:  # noqa: BLE001  of which no client is to see the text
        log.error("a stream of events broke off", exc_info=problem)
        yield tell(Internal())
