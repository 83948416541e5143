"""Messages are read as the package writes them, and never more than is allowed."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wyoming.event import Event, async_write_event

from earlet.server.failures import BadRequest, Failure, TooLarge, TooSlow
from earlet.server.wyoming import messages
from earlet.server.wyoming.messages import MAX_DATA, MAX_HEADER, MAX_PAYLOAD, read_event

HANGS_S = 10.0  # what is given up is given up at once

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


class Written:
    """A writer that keeps what the package writes."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def writelines(self, lines: tuple[bytes, ...]) -> None:
        self.data += b"".join(lines)

    async def drain(self) -> None:
        """Nobody waits for it."""


def read(data: bytes, wait_s: float | None = None, *, ends: bool = True) -> Event | None:
    """What is read where this comes, and then the end or nothing more."""

    async def reading() -> Event | None:
        reader = asyncio.StreamReader(limit=MAX_HEADER)
        reader.feed_data(data)
        if ends:
            reader.feed_eof()
        async with asyncio.timeout(HANGS_S):
            return await read_event(reader, wait_s)

    return asyncio.run(reading())


@given(
    kind=st.text(),
    data=st.dictionaries(st.text(), json_values, max_size=4),
    payload=st.none() | st.binary(min_size=1, max_size=200),
)
def test_what_the_package_writes_is_read(
    kind: str, data: dict[str, object], payload: bytes | None
) -> None:
    event, written = Event(kind, data, payload), Written()
    asyncio.run(async_write_event(event, written))  # type: ignore[arg-type]
    assert read(written.data) == event


def test_data_of_the_line_and_after_it_are_one() -> None:
    line = b'{"type": "x", "data": {"a": 1, "b": 2}, "data_length": 8, "version": "9", "new": 0}\n'
    assert read(line + b'{"b": 3}') == Event("x", {"a": 1, "b": 3})


def test_an_end_between_two_messages_is_none() -> None:
    assert read(b"") is None


@pytest.mark.parametrize(
    ("data", "failure", "named"),
    [
        (b"\n", BadRequest, "JSON"),
        (b"hello\n", BadRequest, "JSON"),
        (b"[1]\n", BadRequest, "the line of a message"),
        (b'{"data": {}}\n', BadRequest, "type"),
        (b'{"type": 5}\n', BadRequest, "type"),
        (b'{"type": "x", "type": "y"}\n', BadRequest, "type"),
        (b'{"type": "x", "data": []}\n', BadRequest, "data"),
        (b'{"type": "x", "data": {"a": NaN}}\n', BadRequest, "NaN"),
        (b'{"type": "x", "data": ' + b"[" * 50_000 + b"]" * 50_000, TooLarge, "65536"),
        (b'{"type": "x", "data": ' + b"[" * 20_000 + b"]" * 20_000 + b"}\n", BadRequest, "JSON"),
        (b'{"type": "x", "data_length": -5}\n', BadRequest, "data_length"),
        (b'{"type": "x", "data_length": true}\n', BadRequest, "data_length"),
        (b'{"type": "x", "data_length": 2.0}\n{}', BadRequest, "data_length"),
        (b'{"type": "x", "payload_length": -5}\n', BadRequest, "payload_length"),
        (b'{"type": "x", "payload_length": "9"}\n', BadRequest, "payload_length"),
        (b'{"type": "x", "payload_length": 1000000000000}\n', TooLarge, "payload_length"),
        (b'{"type": "x", "data_length": 1000000000000}\n', TooLarge, "data_length"),
        (b'{"type": "x", "data_length": %d}\n' % (MAX_DATA + 1), TooLarge, "data_length"),
        (b'{"type": "x", "payload_length": %d}\n' % (MAX_PAYLOAD + 1), TooLarge, "payload_length"),
        (b'{"type": "x", "data_length": 4}\nnull', BadRequest, "data"),
        (b'{"type": "x", "data_length": 4}\n\xff\xfe{}', BadRequest, "UTF-8"),
        (b'{"type": "x", "data_length": 9}\n{}', BadRequest, "within a message"),
        (b'{"type": "x", "payload_length": 9}\n1234', BadRequest, "within a message"),
        (b'{"type": "x"', BadRequest, "within a message"),
        (b"x" * (MAX_HEADER + 2), TooLarge, "65536"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, failure: type[Failure], named: str) -> None:
    with pytest.raises(failure, match=named):
        read(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    with suppress(BadRequest, TooLarge):
        read(b'{"type"' + data)


@pytest.mark.parametrize(
    "data", [b"{", b'{"type": "x", "data_length": 9}\n{}', b'{"type": "x", "payload_length": 9}\n1']
)
def test_a_message_that_stops_to_come_is_given_up(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MESSAGE_S", 0.01)
    with pytest.raises(TooSlow, match="does not end"):
        read(data, ends=False)


def test_a_message_that_does_not_begin_is_waited_for_as_long_as_is_said() -> None:
    with pytest.raises(TimeoutError):
        read(b"", 0.01, ends=False)


@pytest.mark.parametrize("size", [MAX_PAYLOAD, MAX_PAYLOAD - 1])
def test_the_largest_payload_is_read(size: int) -> None:
    event = read(b'{"type": "x", "payload_length": %d}\n' % size + bytes(size))
    assert event is not None
    assert event.payload == bytes(size)
