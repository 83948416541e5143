"""Work for a client that leaves."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from earlet.server.failures import Left
from earlet.server.leaving import unless_left

LEFT: Message = {"type": "http.disconnect"}


def of_client(receive: Callable[[], Awaitable[Message]]) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def stays() -> Message:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


async def leaves() -> Message:
    await asyncio.sleep(0)
    return LEFT


def test_a_client_that_stays_gets_the_result() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(unless_left(of_client(stays), work())) == "done"


def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(unless_left(of_client(stays), work()))


def test_when_the_client_leaves_the_work_is_cancelled_and_has_ended() -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            told.append("undone")

    with pytest.raises(Left):
        asyncio.run(unless_left(of_client(leaves), work()))
    assert told == ["undone"]


def test_who_is_cancelled_cancels_the_work() -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            told.append("undone")

    async def main() -> None:
        async with asyncio.timeout(0.01):
            await unless_left(of_client(stays), work())

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert told == ["undone"]
