"""Who asks: the clients of `serving.py`, for a process of their own.

One thread that waits for many sockets at once and parses no more than it must: about 30 us of CPU a
request, so that it is the server that is measured.
"""

import asyncio
import json
import re
import selectors
import socket
import time
from dataclasses import dataclass
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import read_event, write_event

Address = tuple[str, int]

SAMPLE_RATE = 16_000  # Hz, of all sound here
PIECE = 3_200  # bytes: 0.1 s of it
WAIT_S = 120.0  # for an answer; then the server hangs
CHUNK = 1 << 16  # bytes read at a time
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Answered(NamedTuple):
    """What a number of equal requests took."""

    latencies_s: list[float]
    wall_s: float
    cpu_s: float  # of these clients


@dataclass
class _Client:
    """A connection on which a request is under way."""

    connection: socket.socket
    asked_at: float = 0.0
    received: bytes = b""

    def ask(self, request: bytes) -> None:
        self.asked_at = time.perf_counter()
        self.connection.sendall(request)
        self.received = b""

    def is_answered(self) -> bool:
        """Take what has come. Raises RuntimeError for an answer that is not 200."""
        if not (chunk := self.connection.recv(CHUNK)):
            raise RuntimeError(f"the server closed the connection after {self.received!r}")
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        status, length = _STATUS.match(head), _LENGTH.search(head + b"\r\n")
        if status is None or status[1] != b"200" or length is None:
            raise RuntimeError(f"expected 200 and a length, got {self.received[:500]!r}")
        return len(body) >= int(length[1])


def ask(address: Address, request: bytes, n_clients: int, n_requests: int) -> Answered:
    """The same request again and again, by clients that keep their connection and each wait for
    the answer before they ask anew."""
    latencies_s: list[float] = []
    began_s, cpu_s = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as selector:
        n_asked = min(n_clients, n_requests)
        for _ in range(n_asked):
            connection = socket.create_connection(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = _Client(connection)
            selector.register(connection, selectors.EVENT_READ, client)
            client.ask(request)
        while len(latencies_s) < n_requests:
            if not (ready := selector.select(WAIT_S)):
                raise TimeoutError(f"the server has not answered for {WAIT_S:g} s")
            for key, _ in ready:
                client = key.data
                if not client.is_answered():
                    continue
                latencies_s.append(time.perf_counter() - client.asked_at)
                if n_asked < n_requests:
                    client.ask(request)
                    n_asked += 1
                else:
                    selector.unregister(client.connection)
                    client.connection.close()
    return Answered(latencies_s, time.perf_counter() - began_s, time.process_time() - cpu_s)


def transcribe(address: Address, sound: bytes) -> tuple[float, str]:
    """One utterance over Wyoming, 16-bit samples at 16 kHz, all of it at once.

    Returns the seconds from its last sample to the text, and the text.
    """
    sort = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
    pieces = [sound[i : i + PIECE] for i in range(0, len(sound), PIECE)]
    with (
        socket.create_connection(address, WAIT_S) as connection,
        connection.makefile("wb") as sending,
        connection.makefile("rb") as receiving,
    ):
        for part in (
            Transcribe(language="en"),
            AudioStart(**sort),
            *(AudioChunk(**sort, audio=piece) for piece in pieces),
            AudioStop(),
        ):
            write_event(part.event(), sending)
        sending.flush()
        began_s = time.perf_counter()
        while (event := read_event(receiving)) is not None:
            if Transcript.is_type(event.type):
                return time.perf_counter() - began_s, Transcript.from_event(event).text
    raise RuntimeError("the server closed the connection without a text")


def listen(address: Address, model: str, sound: bytes, n_streams: int) -> Answered:
    """The same sound over so many WebSockets at once, as fast as it is taken.

    Raises RuntimeError where one of them hears nothing.
    """

    async def stream() -> None:
        async with connect(f"ws://{address[0]}:{address[1]}/v1/listen") as connection:
            said = {"model": model, "rate": SAMPLE_RATE, "format": "s16le", "channels": 1}
            await connection.send(json.dumps(said))
            speaking = asyncio.create_task(speak(connection))
            told = [json.loads(event) async for event in connection]
            await speaking
        if not any(event["event"] == "detection" for event in told):
            raise RuntimeError(f"nothing was heard: {told[-1:]}")

    async def speak(connection: ClientConnection) -> None:
        for i in range(0, len(sound), PIECE):
            await connection.send(sound[i : i + PIECE])
        await connection.send(json.dumps({"type": "close"}))

    async def streams() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(n_streams):
                tasks.create_task(stream())

    began_s, cpu_s = time.perf_counter(), time.process_time()
    asyncio.run(streams())
    return Answered([], time.perf_counter() - began_s, time.process_time() - cpu_s)
