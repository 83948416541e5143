"""Server-sent events, read by the `openai` package's reader; what goes wrong; who leaves."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from openai._streaming import SSEDecoder
from starlette.requests import Request

from earlet.server import sse
from earlet.server.failures import Failure, Left, Overloaded
from earlet.server.sse import event, event_stream

Events = AsyncGenerator[bytes, None]


def tell(failure: Failure) -> bytes:
    return event({"wrong": failure.message}, "error")


async def answered(
    events: Events,
    leave: asyncio.Event | None = None,
    heard: Callable[[bytes], None] = lambda _: None,
) -> tuple[int, bytes]:
    """What a client gets; it leaves when `leave` is set, and `heard` is told each piece."""
    leave = leave or asyncio.Event()
    status, body = 0, b""

    async def receive() -> Any:
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")
        heard(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    response = await event_stream(Request(scope, receive), events, tell)
    await response(scope, receive, send)
    return status, body


def run(make: Callable[[], Events]) -> bytes:
    status, body = asyncio.run(answered(make()))
    assert status == 200
    return body


def read(body: bytes) -> list[tuple[str | None, Any]]:
    return [(found.event, found.json()) for found in SSEDecoder().iter_bytes(iter([body]))]


def test_events_are_read_as_they_were_written() -> None:
    data = [{"text": "a\nb\r\u2028c é 語"}, [], "data: x\n\n"]

    async def events() -> Events:
        for item in data:
            yield event(item)  # type: ignore[arg-type]
        yield event({}, "end")

    assert read(run(events)) == [*((None, item) for item in data), ("end", {})]


def test_comments_keep_a_silent_connection_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.01)

    async def main() -> bytes:
        comment = asyncio.Event()

        async def events() -> Events:
            for number in range(3):
                await comment.wait()  # silent until one comes
                comment.clear()
                yield event(number)

        def heard(piece: bytes) -> None:
            if piece.startswith(b":"):
                comment.set()

        async with asyncio.timeout(10):
            return (await answered(events(), heard=heard))[1]

    assert read(asyncio.run(main())) == [(None, 0), (None, 1), (None, 2)]


def test_what_fails_before_the_first_event_is_an_answer_of_its_own() -> None:
    async def events() -> Events:
        raise Overloaded("full")
        yield b""

    with pytest.raises(Overloaded, match="full"):
        run(events)


@pytest.mark.parametrize(
    ("problem", "told"), [(Overloaded("full"), "full"), (ValueError("a secret"), "internal error")]
)
def test_what_fails_later_is_an_event(problem: Exception, told: str) -> None:
    async def events() -> Events:
        yield event(1)
        raise problem

    body = run(events)
    (first, (kind, last)) = read(body)
    assert (first, kind) == ((None, 1), "error")
    assert last["wrong"].startswith(told)
    assert b"secret" not in body


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_client_that_leaves_ends_what_computes(n_before: int) -> None:
    async def main() -> bool:
        leave, ended = asyncio.Event(), False

        async def events() -> Events:
            nonlocal ended
            try:
                for number in range(n_before):
                    yield event(number)
                leave.set()
                await asyncio.sleep(60)
                yield b""
            finally:
                ended = True

        async with asyncio.timeout(10):
            if n_before:
                await answered(events(), leave)
            else:
                with pytest.raises(Left):
                    await answered(events(), leave)
        return ended  # by now, and not when the loop is closed

    assert asyncio.run(main())
