"""What a client sends through a WebSocket, read ahead as far as there is room."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from starlette.websockets import WebSocket

from earlet.server.failures import Draining, TooSlow

GATHER_S = 0.04  # that sound waits for more to be heard with it: each push has its price


class Incoming:
    """Read by one task, taken by another."""

    def __init__(self, socket: WebSocket, room: int) -> None:
        """`room`: no more is read while so many bytes wait."""
        self._socket = socket
        self._waiting: deque[str | bytearray] = deque()  # sound that follows sound is joined
        self.n_bytes = 0  # of these
        self.room = room
        self._is_over = False  # nothing more comes
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        """Until the client has left, or the server is about to end."""
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            text: str | None = message.get("text")
            data = message.get("bytes") or b""
            async with self._changed:
                if text is not None:
                    self._waiting.append(text)
                elif self._waiting and isinstance(self._waiting[-1], bytearray):
                    self._waiting[-1] += data
                else:
                    self._waiting.append(bytearray(data))
                self.n_bytes += len(data if text is None else text)
                self._changed.notify_all()
                await self._changed.wait_for(self._has_room)
        async with self._changed:
            self._is_over = True
            self._changed.notify_all()

    async def take(self, least: int, most: int, within_s: float, what: str) -> str | bytes:
        """A text, or so many bytes of sound; fewer where more does not come in GATHER_S.

        Raises:
            Draining: nothing comes any more.
            TooSlow: nothing has come.
        """
        try:
            await self._wait(lambda: bool(self._waiting), within_s)
        except TimeoutError:
            raise TooSlow(f"{what} has not come for {within_s:g} s") from None
        if self.n_bytes < least:
            with suppress(TimeoutError):
                await self._wait(lambda: self.n_bytes >= least or self._has_text(), GATHER_S)
        async with self._changed:
            self._changed.notify_all()
            return self._first(most)

    async def _wait(self, condition: Callable[[], bool], within_s: float) -> None:
        """Raises TimeoutError, unless nothing comes any more."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: self._is_over or condition())

    def _first(self, most: int) -> str | bytes:
        if not self._waiting:
            raise Draining
        first = self._waiting[0]
        taken: str | bytes
        if isinstance(first, str):
            taken = first
            self._waiting.popleft()
        else:
            taken = bytes(first[:most])
            del first[:most]
            if not first:
                self._waiting.popleft()
        self.n_bytes -= len(taken)
        return taken

    def _has_text(self) -> bool:
        return bool(self._waiting) and isinstance(self._waiting[-1], str)

    def _has_room(self) -> bool:
        """After a text, nothing is read until it is taken."""
        return self.n_bytes < self.room and not self._has_text()
