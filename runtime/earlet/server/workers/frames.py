"""What a pool and its workers send each other: JSON, and bytes beside it, over a socket.

    16 bytes, little-endian: number of the call (uint32), length of the JSON (uint32), length of the
        payload (uint64)
    the JSON, in UTF-8
    the payload

A socket and no pipes: it takes both directions, and large payloads at a better speed. What is no
frame comes from a process that has gone wrong, and is the end of it.
"""

import json
import socket
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop  # workers have none

    from earlet.server.body import JsonValue

HEAD = struct.Struct("<IIQ")
MAX_JSON = 256 << 20  # bytes: of texts that are sent, or of what was said in a day
MAX_PAYLOAD = 2_000_000_000  # bytes: the most that `max_body_mb` can be
BUFFER = 1 << 20  # bytes on their way: fewer turns for a large payload


class FrameError(Exception):
    """What is no frame."""


class Frame(NamedTuple):
    """One message."""

    number: int  # of the call that it belongs to
    header: dict[str, Any]  # JSON
    payload: bytes


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends: the pool's, which does not block, and the worker's."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    ours.setblocking(False)
    return ours, theirs


def encoded(header: "JsonValue", payload: bytes = b"") -> bytes:
    """A frame's JSON.

    Raises:
        FrameError: it, or the payload, is too large for a frame.
    """
    # Half a character is JSON; whoever is to read it as a text refuses it.
    data = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    _check(len(data), len(payload))
    return data


def send(to: socket.socket, number: int, header: "JsonValue") -> None:
    """Send a frame, from a worker."""
    data = encoded(header)
    to.sendall(HEAD.pack(number, len(data), 0) + data)


def receive(source: socket.socket) -> Frame:
    """The next frame, in a worker.

    Raises:
        EOFError: the other end is closed.
        FrameError: it is none.
    """
    number, n_json, n_payload = _opened(_exactly(source, HEAD.size))
    return Frame(number, _decoded(_exactly(source, n_json)), _exactly(source, n_payload))


async def send_soon(
    loop: "AbstractEventLoop", to: socket.socket, number: int, data: bytes, payload: bytes
) -> None:
    """Send a frame, from the pool; `data` is its JSON, `encoded`. Half of one can be followed by
    nothing: who cancels this ends the worker."""
    await loop.sock_sendall(to, HEAD.pack(number, len(data), len(payload)) + data)
    if payload:
        await loop.sock_sendall(to, payload)


async def receive_soon(loop: "AbstractEventLoop", source: socket.socket) -> Frame:
    """The next frame, in the pool: workers send no payload.

    Raises:
        EOFError: the other end is closed.
        FrameError: it is none.
    """
    number, n_json, n_payload = _opened(await _exactly_soon(loop, source, HEAD.size))
    if n_payload:
        raise FrameError(f"a payload of {n_payload} bytes; expected none")
    return Frame(number, _decoded(await _exactly_soon(loop, source, n_json)), b"")


def _exactly(source: socket.socket, n_bytes: int) -> bytes:
    pieces: list[bytes] = []
    while n_bytes:  # once nearly always: a payload is not copied then
        piece = source.recv(n_bytes, socket.MSG_WAITALL)
        if not piece:
            raise EOFError
        pieces.append(piece)
        n_bytes -= len(piece)
    return b"".join(pieces)  # of a single piece, itself


async def _exactly_soon(
    loop: "AbstractEventLoop", source: socket.socket, n_bytes: int
) -> bytearray:
    data = bytearray(n_bytes)
    n_read = 0
    while n_read < n_bytes:
        n_more = await loop.sock_recv_into(source, memoryview(data)[n_read:])
        if not n_more:
            raise EOFError
        n_read += n_more
    return data


def _opened(head: bytes | bytearray) -> tuple[int, int, int]:
    number, n_json, n_payload = HEAD.unpack(head)
    _check(n_json, n_payload)
    return number, n_json, n_payload


def _check(n_json: int, n_payload: int) -> None:
    if n_json > MAX_JSON or n_payload > MAX_PAYLOAD:
        raise FrameError(
            f"{n_json} bytes of JSON and {n_payload} of payload; expected at most {MAX_JSON} and "
            f"{MAX_PAYLOAD}"
        )


def _decoded(data: bytes | bytearray) -> dict[str, Any]:
    try:
        header = json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as problem:
        raise FrameError(f"expected JSON: {problem}") from None
    if not isinstance(header, dict):
        raise FrameError(f"expected an object, got {type(header).__name__}")
    return header
