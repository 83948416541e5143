r"""Wyoming's messages: read within bounds, written within a deadline.

    {"type": T, "data": {...}, "data_length": N, "payload_length": M}\n    a line of JSON
    N bytes, JSON: more of `data`
    M bytes: the payload, samples of sound

The format is that of the README of the package `wyoming`, whose own reader believes any length, and
waits for what never comes. What it writes is written by the package itself.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from wyoming.event import Event, async_write_event

from earlet.server.body import JsonValue, parse_json
from earlet.server.failures import BadRequest, TooLarge, TooSlow

MAX_HEADER = 65_536  # bytes of the line; also what asyncio reads ahead
MAX_DATA = 1_048_576  # bytes; that of `info` with a hundred languages has four thousand
MAX_PAYLOAD = 1_048_576  # bytes; 32 s of the sound that Home Assistant sends
MESSAGE_S = 20.0  # in which the rest of a message comes, after its first byte
SEND_S = 20.0  # in which a client reads what waits for it
FAREWELL_S = 2.0  # for the last words to be read


async def read_event(reader: asyncio.StreamReader, wait_s: float | None) -> Event | None:
    """The next message; None where the other side has ended the connection instead.

    `wait_s` is how long the first byte may take; None: for ever. The reader's limit is to be
    `MAX_HEADER`.

    Raises:
        TimeoutError: it does not begin in time; nothing of it has been read.
        TooSlow: it stops to come.
        TooLarge: one of its three parts is.
        BadRequest: it is no message.
        OSError: the other side is gone.
    """
    async with asyncio.timeout(wait_s):
        first = await reader.read(1)
    if not first:
        return None
    try:
        async with asyncio.timeout(MESSAGE_S):
            return await _rest(reader, first)
    except asyncio.IncompleteReadError:
        raise BadRequest("the connection was ended within a message") from None
    except TimeoutError:
        raise TooSlow(f"a message that does not end within {MESSAGE_S:g} s") from None


async def send_event(event: Event, writer: asyncio.StreamWriter) -> None:
    """Write a message, and wait while too much waits to be read by the other side.

    Raises:
        ConnectionError: the other side is gone, or does not read.
    """
    try:
        async with asyncio.timeout(SEND_S):
            await async_write_event(event, writer)
    except TimeoutError:
        raise ConnectionError(f"what was sent was not read within {SEND_S:g} s") from None


async def say_farewell(
    event: Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Write a last message, such that it arrives: a connection that is closed while something is
    unread takes back what was sent (RFC 9293, 3.10.4)."""
    with suppress(OSError):  # of which a client that has left makes several
        await send_event(event, writer)
        writer.write_eof()
        async with asyncio.timeout(FAREWELL_S):
            while await reader.read(MAX_HEADER):
                pass


async def close(writer: asyncio.StreamWriter) -> None:
    """End a connection, whether what was written is read or not."""
    try:
        with suppress(OSError):
            async with asyncio.timeout(FAREWELL_S):
                writer.close()
                await writer.wait_closed()
    finally:
        writer.transport.abort()  # nothing, where it is closed


async def _rest(reader: asyncio.StreamReader, first: bytes) -> Event:
    try:
        line = first if first == b"\n" else first + await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise TooLarge(f"the line of a message is longer than {MAX_HEADER} bytes") from None
    header = _object(parse_json(line), "the line of a message")
    kind = header.get("type")
    if not isinstance(kind, str):
        raise BadRequest("type: expected a string", field="type")
    data = {} if header.get("data") is None else _object(header["data"], "data")
    n_data = _length(header, "data_length", MAX_DATA)
    n_payload = _length(header, "payload_length", MAX_PAYLOAD)
    if n_data:
        data = {**data, **_object(parse_json(await reader.readexactly(n_data)), "data")}
    payload = await reader.readexactly(n_payload) if n_payload else None
    return Event(kind, data, payload)


def _object(value: JsonValue, name: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise BadRequest(f"{name}: expected a JSON object")
    return value


def _length(header: Mapping[str, JsonValue], key: str, most: int) -> int:
    length = header.get(key)
    if length is None:
        return 0
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise BadRequest(f"{key}: expected a whole number of bytes, got {length!r}", field=key)
    if length > most:
        raise TooLarge(f"{key}: expected at most {most} bytes, got {length}", field=key)
    return length
