"""Calls that nobody waits for any more, and what comes after them on the same process."""

import asyncio
import io
import random
import signal
import time
from contextlib import aclosing
from typing import Any

import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.server.failures import DeadlinePassed, WorkerLost
from earlet.server.workers import process as processes_
from earlet.server.workers.pool import Pool
from tests.server.workers.pools import Run, figure, pid, processes, run

TIMES = 6  # that each call is given up
TEXT = "a film that is not at all as bad as its own author thought it would be " * 10


@pytest.mark.parametrize(
    ("model", "operation", "arguments"),
    [
        ("moonshine-tiny-en", "transcribe", {"return_timestamps": True}),
        ("moonshine-tiny-en", "transcribe", {"generation_parameters": {"num_beams": 3}}),
        ("moonshine-tiny-en", "transcribe", {"hotwords": ["Quilter"]}),
        ("moonshine-tiny-en", "segments", {"words": False, "logprobs": True}),
        ("commands-en", "classify", {"top_k": None}),
        ("yamnet", "classify", {}),
        ("sentiment-en", "classify", {"inputs": [TEXT, "so la la"]}),
    ],
)
def test_wherever_a_call_is_given_up_the_next_is_answered_as_ever(
    speech: FloatArray, shared_pool: Run, model: str, operation: str, arguments: Any
) -> None:
    rng = random.Random(7)
    file = io.BytesIO()
    soundfile.write(file, speech[: 3 * 16_000], 16_000, format="WAV")
    payload = b"" if model == "sentiment-en" else file.getvalue()

    async def test(pool: Pool) -> None:
        async def call() -> Any:
            return [x async for x in pool.events(model, operation, arguments, payload)]

        n_crashes = figure(pool, "crashes_total")
        before = {pid(process) for process in processes(pool)}
        expected = await call()
        began = time.monotonic()
        assert await call() == expected
        took_s = time.monotonic() - began
        for _ in range(TIMES):
            given_up = asyncio.create_task(call())
            await asyncio.sleep(rng.random() * took_s)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            assert await call() == expected
        assert before <= {pid(process) for process in processes(pool)}
        assert figure(pool, "crashes_total") == n_crashes

    shared_pool(test)


def test_who_gives_up_a_long_call_makes_room_for_the_next(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await pool.call("commands-en", "sleep", {"seconds": 60})
        await pool.call("commands-en", "settle")
        assert time.monotonic() - began < 10

    shared_pool(test)


def test_who_leaves_amid_the_answers_makes_room_for_the_next(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        arguments = {"n": 1_000, "seconds": 0.05}
        async with aclosing(pool.events("commands-en", "count", arguments)) as events:
            async for i in events:
                if i == 2:
                    break
        assert await pool.call("commands-en", "count", {"n": 2}) == 1

    shared_pool(test)


def test_a_call_that_waits_and_is_given_up_is_never_begun(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        n_crashes = figure(pool, "crashes_total")
        first = asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 0.3}))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(pool.call("commands-en", "die", {"signal": 9}))
        await asyncio.sleep(0.05)
        second.cancel()
        assert await first == 0
        await pool.call("commands-en", "settle")
        assert figure(pool, "crashes_total") == n_crashes

    shared_pool(test)


@pytest.mark.parametrize("seconds", [0.1, 0.5])
def test_a_call_is_not_waited_for_beyond_its_deadline(shared_pool: Run, seconds: float) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        began = time.monotonic()
        with pytest.raises(DeadlinePassed, match=f"within {seconds:g} s"):
            await pool.call("commands-en", "sleep", {"seconds": 60}, deadline_s=seconds)
        assert seconds <= time.monotonic() - began < seconds + 5
        await pool.call("commands-en", "settle")

    shared_pool(test)


def test_the_deadline_counts_while_a_call_waits(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        first = asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 0.6}))
        await asyncio.sleep(0)
        with pytest.raises(DeadlinePassed):
            await pool.call("commands-en", "settle", deadline_s=0.1)
        assert not first.done()
        assert await first == 0

    shared_pool(test)


def test_the_deadline_of_the_configuration_holds_for_all() -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(DeadlinePassed):
            await pool.call("commands-en", "sleep", {"seconds": 60})

    run(test, deadline_s=0.3)


def test_answers_that_come_before_the_deadline_are_told(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        seen = []
        events = pool.events("commands-en", "count", {"n": 99, "seconds": 0.1}, deadline_s=0.6)
        try:
            async for i in events:
                seen.append(i)
        except DeadlinePassed:
            pass
        assert seen == [*range(len(seen))]
        assert 0 < len(seen) < 8

    shared_pool(test)


def test_an_interruption_that_python_loses_is_asked_for_again(
    shared_pool: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    async def test(pool: Pool) -> None:
        n_crashes = figure(pool, "crashes_total")
        await pool.call("commands-en", "settle")
        arguments = {"times": 1_000, "seconds": 0.25}
        for seconds in (0.1, 0.35):  # within, and outside of where it is lost
            with pytest.raises(DeadlinePassed):
                await pool.call("commands-en", "swallow", arguments, deadline_s=seconds)
            await pool.call("commands-en", "settle")
        assert figure(pool, "crashes_total") == n_crashes

    shared_pool(test)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("operation", "arguments"), [("hang", {}), ("die", {"signal": signal.SIGSTOP})]
)
def test_a_process_that_does_not_give_up_is_ended_and_replaced(
    monkeypatch: pytest.MonkeyPatch, operation: str, arguments: dict[str, object]
) -> None:
    monkeypatch.setattr(processes_, "GRACE_S", 0.3)

    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        (process,) = processes(pool)
        with pytest.raises(DeadlinePassed):
            await pool.call("commands-en", operation, arguments, deadline_s=0.1)
        await pool.call("commands-en", "settle")
        (other,) = processes(pool)
        assert pid(other) != pid(process)

    run(test, workers=1)


def test_a_stream_that_takes_too_long_is_lost_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test(pool: Pool) -> None:
        slow, other = await pool.open("commands-en", {}), await pool.open("commands-en", {})
        samples = bytes(4 * 512)
        await slow.push(samples)
        minutes = bytes(4 * 16_000 * 600)
        late = asyncio.create_task(slow.push(minutes))
        await asyncio.sleep(0.2)
        with pytest.raises((DeadlinePassed, WorkerLost)):  # which has waited for the other
            await slow.push(samples)
        with pytest.raises(DeadlinePassed):
            await late
        with pytest.raises(WorkerLost, match="given up"):
            await slow.push(samples)
        assert await other.push(samples) == []
        assert figure(pool, "streams") == 1
        await slow.close()
        await other.close()

    monkeypatch.setattr("earlet.server.workers.crew.PUSH_S", 0.3)
    run(test, "commands-en")
