"""`/v1/listen`: a live stream through a WebSocket, PCM in, events out.

    client: {"rate": 48000, "format": "s16le", "commands": ["lights on", "lights off"]}
    server: {"event": "ready", "model": "moonshine-tiny-en", "rate": 48000, "labels": [...], ...}
    client: PCM in binary messages of any size, cut anywhere
    server: {"event": "detection", "label": "lights on", "score": 0.98, "start_s": 1.2, ...}
    client: {"type": "flush"}   what was said so far is complete; more may follow
    server: ... {"event": "flushed"}
    client: {"type": "close"}   nothing follows
    server: ... {"event": "end"}, and closes with 1000

The first message has the options of a stream (`StreamOptions`), with `format` s16le unless it says
otherwise, and `model`: without one it is a recogniser where `commands`, `partials` or a `language`
are given, and else a spotter. Where no `rate` is given, it is the network's, which `ready` tells. A
client that cannot send headers has the `token` there, too.

| event | what happened | keys |
|---|---|---|
| `detection` | a command was heard | `label`, `score`, `start_s`, `end_s`, and more (`Detection`) |
| `rejection` | nearly one; with `rejections` | the same, but `rejected` for `label`; `reason` |
| `partial` | what is being said; with `partials` | `partial`, of it what is `stable`, `timestamp` |
| `final` | what was said, once it is complete | `text`, `timestamp`: [start, end] |
| `speech` | where somebody spoke, of voice activity | `start_s`, `end_s` |
| `scores` | of each label, 25 a second; with `scores` | `at_s`, `scores`; these null: asleep |
| `error` | what is wrong; then the stream is closed | `error`: a line, `kind` |

Times are seconds from the first sample on, flushed or not. Events are the same, to the bit, as
those of `earlet listen`, but that partial results get rarer where more sound waits than is heard.

Close codes (RFC 6455): 1000 as asked, 1001 the server ends, 1003 binary before the first text,
1007 no JSON or no sound, 1008 refused, 1009 a message that is too large, 1011 a fault of the
server, 1013 too much to do: try again later.

No queue grows: one push at a time, AHEAD_S of sound is read ahead, then the socket is not read
until there is room, so that TCP slows the sender. A client that does not read what it is told, or
sends nothing, is let go.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from earlet import schema
from earlet.errors import InputError
from earlet.server.body import JsonValue, parse_json
from earlet.server.failures import (
    BadRequest,
    Damaged,
    Draining,
    Failure,
    Internal,
    Left,
    Loading,
    Overloaded,
    Refused,
    TooSlow,
    UnsupportedKind,
)
from earlet.server.guard import LISTEN, check_token
from earlet.server.listen.hello import Hello, settled
from earlet.server.listen.incoming import Incoming
from earlet.server.served import Served
from earlet.server.workers.stream import Stream

log = logging.getLogger("earlet.serve.listen")

MAX_STREAMS = 32  # at once: each is heard as it comes, and a small computer hears no more
FIRST_S = 10.0  # until the options come
FIRST_BYTES = 65_536  # that are read ahead before they say what a second has
IDLE_S = 60.0  # without anything: a microphone is never silent for so long
SEND_S = 10.0  # until a client has read what it was told
CLOSE_S = 2.0  # ... where it is let go anyway
AHEAD_S = 1.0  # of sound that is read before it can be heard
HOP_S = 0.04  # of sound that is heard at a time, where it comes in time: no network hears less
PIECE_S = 0.5  # ... and at most: others want the same networks
LATE_S = 0.25  # of sound that waits: no time for partial results then

NORMAL, POLICY, FAULT = 1000, 1008, 1011
REASON_BYTES = 123  # of a close frame, RFC 6455, 5.5: what clients show who read no event
CODES: Mapping[type[Failure], int] = {
    Draining: 1001,  # going away
    UnsupportedKind: 1003,
    Damaged: 1007,
    Overloaded: 1013,  # try again later
    Loading: 1013,
}


def routes() -> list[BaseRoute]:
    """The WebSocket."""
    return [WebSocketRoute(LISTEN, Listen().answer)]


class Listen:
    """All streams of the server."""

    def __init__(self) -> None:
        self._n_streams = 0

    async def answer(self, socket: WebSocket) -> None:
        """Until the stream is closed, by whomever."""
        await socket.accept()
        incoming = Incoming(socket, FIRST_BYTES)
        reading = asyncio.create_task(incoming.read())
        talking = asyncio.create_task(self._talk(socket, incoming))
        try:
            await asyncio.wait((reading, talking), return_when=asyncio.FIRST_COMPLETED)
            if _served(socket).is_draining:
                await talking
        finally:
            reading.cancel()
            talking.cancel()
            await asyncio.gather(reading, talking, return_exceptions=True)  # until it is undone

    async def _talk(self, socket: WebSocket, incoming: Incoming) -> None:
        """One stream, from its options to its end."""
        try:
            if socket.url.query:  # or it would be passed over
                raise BadRequest("expected the options in the first message, not in the address")
            hello = _hello(await incoming.take(1, FIRST_BYTES, FIRST_S, "the first message"))
            check_token(socket, hello.token)
            with self._counted():
                await _listen(socket, incoming, hello)
            await _close(socket, NORMAL)
        except Failure as problem:
            await _refuse(socket, problem)
        except Exception:
            log.exception("a stream has ended")
            await _refuse(socket, Internal())

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._n_streams >= MAX_STREAMS:
            raise Overloaded(f"there are {MAX_STREAMS} streams already; try again later")
        self._n_streams += 1
        try:
            yield
        finally:
            self._n_streams -= 1


async def _listen(socket: WebSocket, incoming: Incoming, hello: Hello) -> None:
    """The conversation, once it is clear what about; raises Failure."""
    served = _served(socket)
    if served.is_draining:
        raise Draining
    model, options = settled(served.pool.models, hello)
    async with await served.pool.open(model.name, options) as stream:
        ready: JsonValue = {
            "event": "ready",
            "model": model.name,
            "rate": stream.sample_rate,
            "labels": [*stream.labels],
            "description": stream.description,
        }
        await _tell(socket, [ready])
        await _hear(socket, incoming, stream, stream.sample_rate * hello.frame_bytes)


async def _hear(socket: WebSocket, incoming: Incoming, stream: Stream, bytes_per_s: int) -> None:
    """Sound in, events out, until the client says that nothing follows; raises Failure."""
    incoming.room = round(AHEAD_S * bytes_per_s)
    least, most = round(HOP_S * bytes_per_s), round(PIECE_S * bytes_per_s)
    while True:
        try:
            message = await incoming.take(least, most, IDLE_S, "sound")
        except Draining:
            with suppress(Refused):  # within a sample: it is not the client who ends here
                await _tell(socket, await stream.flush())
            raise
        try:
            if isinstance(message, bytes):
                late = incoming.n_bytes > LATE_S * bytes_per_s
                await _tell(socket, await stream.push(message, late=late))
                continue
            wanted = _command(message)
            await _tell(socket, await stream.flush())
        except Refused as problem:  # sound that is none
            raise _damaged(problem) from None
        if wanted == "close":
            await _tell(socket, [{"event": "end"}])
            return
        await _tell(socket, [{"event": "flushed"}])


def _served(socket: WebSocket) -> Served:
    served: Served = socket.app.state.served
    return served


def _hello(message: str | bytes) -> Hello:
    """The first message; raises Failure."""
    if isinstance(message, bytes):
        raise UnsupportedKind("expected the options of the stream, as JSON, before any sound")
    try:
        return schema.read(Hello, _json(message), "options", InputError)
    except InputError as problem:
        raise BadRequest(str(problem)) from None


def _command(message: str) -> str:
    """What a text after the first says; raises Failure."""
    command = _json(message)
    for wanted in ("flush", "close"):
        if command == {"type": wanted}:
            return wanted
    raise BadRequest(
        'expected {"type": "flush"}, {"type": "close"} or sound; the options of a stream do not '
        "change: open another"
    )


def _json(text: str) -> JsonValue:
    try:
        return parse_json(text.encode("utf-8", "surrogatepass"))
    except BadRequest as problem:
        raise _damaged(problem) from None


def _damaged(problem: Failure) -> Failure:
    """What came is not what it should be: has a close code of its own."""
    return Damaged(problem.message) if problem.status == BadRequest.status else problem


async def _tell(socket: WebSocket, events: Iterable[JsonValue]) -> None:
    """Raises Failure when the client does not read, or has left."""
    try:
        async with asyncio.timeout(SEND_S):
            for event in events:
                await socket.send_text(json.dumps(event, allow_nan=False))
    except TimeoutError:
        raise TooSlow(f"what is told has not been read for {SEND_S:g} s") from None
    except (WebSocketDisconnect, RuntimeError):  # closed, and `Incoming` is about to say so
        raise Left from None


async def _close(socket: WebSocket, code: int, reason: str = "") -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it is closed already
        await socket.close(code, reason.encode()[:REASON_BYTES].decode("utf-8", "ignore"))


async def _refuse(socket: WebSocket, problem: Failure) -> None:
    """Say what is wrong, and close; a client that does not read is not waited for."""
    code = CODES.get(type(problem), POLICY if problem.status < Internal.status else FAULT)
    event: JsonValue = {"event": "error", "error": problem.message, "kind": problem.kind}
    try:
        async with asyncio.timeout(CLOSE_S):
            await _tell(socket, [event])
            await _close(socket, code, problem.message)
    except (TimeoutError, Failure):
        log.info("a stream is let go: %s", problem.message)
