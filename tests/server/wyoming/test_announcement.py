"""What the network is told, held to a second listener on it."""

import asyncio
import logging
import socket
from typing import Any

import pytest
from zeroconf import ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from earlet.server.wyoming import announcement
from tests.server.wyoming.home_assistant import WAIT_S
from tests.server.wyoming.in_process import ScriptedPool, answers, running

EVERYWHERE = "0.0.0.0"  # noqa: S104
SERVICE = "_wyoming._tcp.local."  # that Home Assistant looks for: its integration's manifest.json


@pytest.fixture
def network() -> None:
    """One that is more than this machine, and takes multicasts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("224.0.0.251", 5353))
        except OSError as problem:
            pytest.skip(f"needs a network that takes multicasts: {problem.strerror}")


@pytest.mark.usefixtures("network")
def test_the_network_is_told_where_it_is_and_that_it_is_gone() -> None:
    seen: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()

    def changed(**told: Any) -> None:
        if told["name"].startswith("earlet-"):
            seen.put_nowait((told["name"], told["state_change"]))

    async def listen() -> None:
        async with AsyncZeroconf() as other:
            async with running(
                ScriptedPool(), wyoming_host=EVERYWHERE, zeroconf=True, wyoming_port=0
            ) as it:
                browser = AsyncServiceBrowser(other.zeroconf, SERVICE, handlers=[changed])
                name, change = await asyncio.wait_for(seen.get(), WAIT_S)
                assert change is ServiceStateChange.Added
                info = AsyncServiceInfo(SERVICE, name)
                assert await info.async_request(other.zeroconf, WAIT_S * 1000)
                assert info.port == it.port
                (address,) = info.parsed_addresses()
                socket.create_connection((address, it.port), WAIT_S).close()
            while (await asyncio.wait_for(seen.get(), WAIT_S))[1] is not ServiceStateChange.Removed:
                pass
            await browser.async_cancel()

    asyncio.run(listen())


def test_where_there_is_no_network_the_log_says_so_and_it_serves(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcement, "MULTICAST", ("no.such.host.invalid", 1))

    async def begin() -> None:
        it = running(ScriptedPool(), wyoming_host=EVERYWHERE, zeroconf=True, wyoming_port=0)
        async with it as server, server.line() as line:
            assert await answers(line)

    with caplog.at_level(logging.WARNING, "earlet.serve"):
        asyncio.run(begin())
    assert "Wyoming is not announced: " in caplog.text


def test_whoever_is_reached_from_elsewhere_is_told_that_there_is_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def begin() -> None:
        async with running(ScriptedPool(), wyoming_host=EVERYWHERE, wyoming_port=0):
            pass

    with caplog.at_level(logging.WARNING, "earlet.serve"):
        asyncio.run(begin())
    assert "no token" in caplog.text
