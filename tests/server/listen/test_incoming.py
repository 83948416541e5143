"""What is read ahead of a WebSocket, by a socket that always has more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from earlet.server.failures import Draining, TooSlow
from earlet.server.listen import incoming as incoming_module
from earlet.server.listen.incoming import Incoming

TURNS = 100  # of the event loop, in which much could be read


class Endless:
    """Sends the same again and again."""

    def __init__(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self._message = {"type": "websocket.receive", kind: message}
        self.n_read = 0

    async def receive(self) -> Any:
        await asyncio.sleep(0)
        self.n_read += 1
        return self._message


def reading(message: str | bytes, room: int, then: Callable[[Incoming], Awaitable[None]]) -> int:
    """How many messages were read, once `then` is over and nothing more happens."""

    async def read() -> int:
        socket: Any = Endless(message)
        incoming = Incoming(socket, room)
        task = asyncio.create_task(incoming.read())
        await turns()
        await then(incoming)
        await turns()
        task.cancel()
        return int(socket.n_read)

    return asyncio.run(read())


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def nothing(_incoming: Incoming) -> None:
    return


def test_no_more_sound_is_read_than_there_is_room_for() -> None:
    assert reading(bytes(30), 100, nothing) == 4


def test_what_is_taken_makes_room() -> None:
    async def take(incoming: Incoming) -> None:
        assert await incoming.take(1, 50, 1, "sound") == bytes(50)
        assert incoming.n_bytes == 70

    assert reading(bytes(30), 100, take) == 5


def test_messages_that_are_small_are_taken_together() -> None:
    async def take(incoming: Incoming) -> None:
        assert await incoming.take(1, 1_000, 1, "sound") == b"ab" * 50

    assert reading(b"ab", 100, take) == 100


def test_sound_waits_for_more_unless_a_text_or_nothing_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incoming_module, "GATHER_S", 0.5)

    async def talk() -> None:
        class Talking:
            def __init__(self) -> None:
                self._messages: list[Any] = [{"bytes": b"a"}] * 7 + [{"text": "flush"}]

            async def receive(self) -> Any:
                await turns()  # each a while after the one before
                while not self._messages:
                    await asyncio.sleep(0.001)
                return {"type": "websocket.receive", **self._messages.pop(0)}

            def send(self, sound: bytes) -> None:
                self._messages.append({"bytes": sound})

        socket: Any = Talking()
        incoming = Incoming(socket, 100)
        task = asyncio.create_task(incoming.read())
        taken = [await incoming.take(3, 5, 10, "sound") for _ in range(4)]
        assert taken == [b"aaa", b"aaa", b"a", "flush"]
        socket.send(b"b")
        assert await incoming.take(3, 5, 10, "sound") == b"b"
        task.cancel()

    asyncio.run(talk())


@pytest.mark.parametrize("text", ["", "a" * 99])
def test_texts_are_not_collected(text: str) -> None:
    async def take(incoming: Incoming) -> None:
        assert await incoming.take(1, 1, 1, "sound") == text

    assert reading(text, 100, nothing) == 1
    assert reading(text, 100, take) == 2


def test_who_waits_in_vain_is_told_for_what() -> None:
    async def wait() -> None:
        class Silent:
            async def receive(self) -> None:
                await asyncio.Event().wait()

        socket: Any = Silent()
        incoming = Incoming(socket, 100)
        task = asyncio.create_task(incoming.read())
        with pytest.raises(TooSlow, match="sound has not come"):
            await incoming.take(1, 1, 0.01, "sound")
        task.cancel()

    asyncio.run(wait())


def test_what_came_is_taken_before_it_is_told_that_nothing_more_does() -> None:
    async def leave() -> None:
        class Leaving:
            def __init__(self) -> None:
                self._messages: list[Any] = [
                    {"type": "websocket.receive", "bytes": b"abc"},
                    {"type": "websocket.disconnect", "code": 1001},
                ]

            async def receive(self) -> Any:
                return self._messages.pop(0)

        socket: Any = Leaving()
        incoming = Incoming(socket, 100)
        await incoming.read()
        assert await incoming.take(1, 2, 1, "sound") == b"ab"
        assert await incoming.take(1, 2, 1, "sound") == b"c"
        with pytest.raises(Draining):
            await incoming.take(1, 2, 1, "sound")

    asyncio.run(leave())
