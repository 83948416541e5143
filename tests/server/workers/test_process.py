"""A process alone, with programs that are no workers: what they must not do is plain to see."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from earlet.server.models import open_models
from earlet.server.workers.process import EndedError, Process
from tests.server.workers.pools import WAIT_S

LARGE = bytes(20_000_000)  # more than waits in a socket
# Of the first answer.
FRAME = "import os, struct; frame = lambda text: struct.pack('<IIQ', 1, len(text), 0) + text"
NO_FRAME = "import os, time; os.read(0, 16); os.write(0, bytes([255]) * 16); time.sleep(60)"


def run(program: str, test: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
    """Run a test with a process of this program, which has ended then."""
    (model,) = open_models(["commands-en"]).values()

    async def inside() -> None:
        process = Process(model, (sys.executable, "-S", "-c", program), lambda _process: None)
        try:
            async with asyncio.timeout(WAIT_S / 6):
                await test(process)
        finally:
            process.kill()
            await process.ended()

    asyncio.run(inside())


@pytest.mark.parametrize("is_gone_at_once", [False, True])
def test_who_sends_to_a_process_that_ends_meanwhile_is_told(
    monkeypatch: pytest.MonkeyPatch, is_gone_at_once: bool
) -> None:
    kill = Process.kill

    def kill_and_wait(process: Process) -> None:
        kill(process)
        process._child.wait()

    if is_gone_at_once:
        monkeypatch.setattr(Process, "kill", kill_and_wait)

    async def test(process: Process) -> None:
        with pytest.raises(EndedError, match="signal 9"):
            await process.ask(b"{}", LARGE)

    run(NO_FRAME, test)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1_000])
def test_all_that_a_process_says_before_it_ends_is_heard(n: int) -> None:
    program = f"{FRAME}; [os.write(0, frame(b'{{\"item\":%d}}' % i)) for i in range({n})]"

    async def test(process: Process) -> None:
        heard: list[Any] = []
        with pytest.raises(EndedError, match="ended with 0"):
            await process.ask(b"{}", told=heard.append)
        assert heard == [*range(n)]

    run(program, test)


def test_answers_that_nobody_waits_for_any_more_do_not_keep_a_process_alive() -> None:
    program = f"{FRAME}\nwhile True: os.write(0, frame(b'{{\"item\":1}}'))"

    async def test(process: Process) -> None:
        heard: list[Any] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await process.ask(b"{}", told=heard.append)
        assert heard
        await process.ended()

    run(program, test)
