"""Work that is given up when whoever asked for it is gone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from earlet.server.failures import Left

T = TypeVar("T")


async def unless_left(request: Request, work: Awaitable[T]) -> T:
    """What `work` returns or raises; it is cancelled when the client disconnects.

    The body must have been read.

    Raises:
        Left: the client has disconnected.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    leaving.add_done_callback(lambda _left: working.cancel())
    try:
        return await working
    except asyncio.CancelledError:
        if leaving.done():
            raise Left from None
        raise
    finally:
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
