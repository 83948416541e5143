"""Live streams whose client leaves at the worst moment, and calls beside them."""

import asyncio
import os
import signal

import pytest

from earlet.server.failures import WorkerLost
from earlet.server.workers import crew, process
from earlet.server.workers.job import Job
from earlet.server.workers.pool import Pool
from tests.server.workers.pools import Run, figure, pid, processes, run

SAMPLES = bytes(4 * 512)


def test_a_client_that_leaves_just_as_its_stream_is_open_leaves_none(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("vad", "settle")
        (heard,) = (each for each in processes(pool) if each.model.name == "vad")
        opening = asyncio.create_task(pool.open("vad", {}))
        while not (heard.streams and heard.is_free):  # who opens has not been told yet
            await asyncio.sleep(0)
        assert not opening.done()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert figure(pool, "streams") == 0
        await pool.call("vad", "settle")
        assert not heard.pushes  # it has been closed

    shared_pool(test)


def test_a_push_that_hangs_is_ended_though_its_client_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "PUSH_S", 0.2)
    monkeypatch.setattr(process, "GRACE_S", 0.2)

    async def test(pool: Pool) -> None:
        stream = await pool.open("vad", {})
        os.kill(pid(*processes(pool)), signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stream.push(SAMPLES)
        await stream.close()
        async with asyncio.timeout(10):
            await pool.call("commands-en", "settle")
            while figure(pool, "model_processes") != {"commands-en": 1}:
                await asyncio.sleep(0.01)

    run(test, "vad", "commands-en", workers=1)


def test_pushes_that_never_end_do_not_keep_calls_from_beginning(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        for model in ("vad", "commands-en"):
            await pool.call(model, "settle")
        stream = await pool.open("vad", {})
        (heard,) = (each for each in processes(pool) if each.streams)
        (number,) = heard.streams
        push = Job("vad", "sleep", {"seconds": 60.0}, stream=number)
        pool._crew.push(heard, push)
        assert not heard.is_free
        async with asyncio.timeout(10):
            await pool.call("commands-en", "settle")
        assert not push.result.done()
        pool._crew._is_late(push, 0.0)
        with pytest.raises(WorkerLost, match="given up"):
            await stream.push(SAMPLES)
        await stream.close()

    shared_pool(test)
