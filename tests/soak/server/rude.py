"""Visitors who break off, or say what no client would: bytes on a socket."""

import asyncio
import json

from tests.server.program import Place
from tests.soak.server.requests import RECOGNISER, SPEECH, TEXTS
from tests.soak.server.streams import UnexpectedError

IMPATIENT_S = 0.05  # after which a visitor leaves
SHOWN = 300  # bytes of an answer that is not as expected


async def say_nothing(place: Place) -> None:
    """A connection, and no word."""
    await _said(place.port, b"", leaves=True)


async def gibberish(place: Place) -> None:
    """No HTTP."""
    await _answered(place.port, b"\x16\x03\x01 is no request\r\n\r\n", b"HTTP/1.1 400")


async def leave_in_the_head(place: Place) -> None:
    """Half of a request's head."""
    await _said(place.port, b"POST /models/sent", leaves=True)


async def leave_in_the_body(place: Place) -> None:
    """Half of a body."""
    await _said(place.port, _head(RECOGNISER, len(SPEECH)) + SPEECH[:1000], leaves=True)


async def leave_before_the_answer(place: Place) -> None:
    """While it is computed."""
    await _said(place.port, _head(RECOGNISER, len(SPEECH)) + SPEECH, leaves=True)


async def announce_too_much(place: Place) -> None:
    """A gigabyte is to come."""
    await _answered(place.port, _head(RECOGNISER, 10**9), b"HTTP/1.1 413")


async def announce_it_twice(place: Place) -> None:
    """Two ways to tell where a body ends: a proxy may think otherwise than the server."""
    head = _head(TEXTS, 5).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    await _answered(place.port, head + b"0\r\n\r\n", b"HTTP/1.1 400")


async def no_wyoming(place: Place) -> None:
    """A line that is no message."""
    await _answered(place.wyoming_port, b"GET / HTTP/1.1\r\n\r\n", b'"error"')


async def wyoming_of_no_length(place: Place) -> None:
    """Fewer bytes than none."""
    await _answered(place.wyoming_port, _message(payload_length=-5), b'"error"')


async def wyoming_without_end(place: Place) -> None:
    """A terabyte is to come."""
    await _answered(place.wyoming_port, _message(data_length=10**12), b'"error"')


async def leave_wyoming_in_a_message(place: Place) -> None:
    """Half of a payload."""
    await _said(place.wyoming_port, _message(payload_length=1000) + bytes(10), leaves=True)


def _head(path: str, n_bytes: int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {n_bytes}", "", ""]
    return "\r\n".join(lines).encode()


def _message(**lengths: int) -> bytes:
    return json.dumps({"type": "audio-chunk", **lengths}).encode() + b"\n"


async def _answered(port: int, data: bytes, expected: bytes) -> None:
    """What comes back holds what is expected, and the connection is closed."""
    if expected not in (answer := await _said(port, data)):
        raise UnexpectedError(f"expected {expected!r}, got {answer[:SHOWN]!r}")


async def _said(port: int, data: bytes, *, leaves: bool = False) -> bytes:
    """All that is answered; or, of one who leaves, nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        if leaves:
            await asyncio.sleep(IMPATIENT_S)
            return b""
        return await reader.read()
    except ConnectionError:  # it need not read to the end what it will not take
        return b""
    finally:
        writer.transport.abort()
