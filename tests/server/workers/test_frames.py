import asyncio
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.server.workers import frames

TEXTS = st.text(st.characters(), max_size=5) | st.just("\ud800")  # half a character is JSON, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = frames.pair()
    with ours, theirs:
        theirs.settimeout(10)
        yield ours, theirs


@settings(max_examples=50)
@given(header=st.dictionaries(TEXTS, VALUES, max_size=3), number=st.integers(0, 2**32 - 1))
def test_what_is_sent_comes_out(header: dict[str, Any], number: int) -> None:
    async def exchange() -> None:
        ours, theirs = frames.pair()
        loop = asyncio.get_running_loop()
        with ours, theirs:
            await frames.send_soon(loop, ours, number, frames.encoded(header), b"payload")
            assert frames.receive(theirs) == (number, header, b"payload")
            frames.send(theirs, number, header)
            assert await frames.receive_soon(loop, ours) == (number, header, b"")

    asyncio.run(exchange())


def test_a_frame_is_what_the_module_says(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.send(struct.pack("<IIQ", 7, 12, 3) + b'{"one":"\xc3\xa9"}' + b"abc")
    assert frames.receive(theirs) == (7, {"one": "é"}, b"abc")


def test_a_payload_that_is_larger_than_the_buffer_comes_whole(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    payload = bytes(range(256)) * 40_000  # 10 MB
    received = []
    receiver = threading.Thread(target=lambda: received.append(frames.receive(theirs)))
    receiver.start()
    send = frames.send_soon
    asyncio.run(_with_loop(lambda loop: send(loop, ours, 1, frames.encoded({}), payload)))
    receiver.join(10)
    assert received == [(1, {}, payload)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack("<IIQ", 1, 2**32 - 1, 0), "4294967295 bytes of JSON"),
        (struct.pack("<IIQ", 1, 2, 2**63), "9223372036854775808 of payload"),
        (struct.pack("<IIQ", 1, 3, 0) + b"{]}", "expected JSON"),
        (struct.pack("<IIQ", 1, 2, 0) + b"[]", "expected an object, got list"),
        (struct.pack("<IIQ", 1, 2, 0) + b"\xff\xfe", "expected JSON"),
        (struct.pack("<IIQ", 1, 200_000, 0) + b"[" * 200_000, "expected JSON"),
    ],
)
def test_what_is_no_frame_is_refused_on_both_sides(data: bytes, reason: str) -> None:
    def receive_soon(source: socket.socket) -> None:
        source.setblocking(False)
        asyncio.run(_with_loop(lambda loop: frames.receive_soon(loop, source)))

    for receive in (frames.receive, receive_soon):
        ours, theirs = frames.pair()
        with ours, theirs:
            ours.sendall(data)
            with pytest.raises(frames.FrameError, match=reason):
                receive(theirs)


def test_a_frame_that_breaks_off_is_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.send(struct.pack("<IIQ", 1, 100, 0) + b'{"half')
    ours.close()
    with pytest.raises(EOFError):
        frames.receive(theirs)


def test_what_is_too_large_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_JSON", 20)
    assert json.loads(frames.encoded({"a": "b" * 10}))
    with pytest.raises(frames.FrameError, match="at most 20"):
        frames.encoded({"a": "b" * 20})


async def _with_loop(work: Any) -> Any:
    return await work(asyncio.get_running_loop())
