"""Which processes there are, where memory is short: played sizes, real processes."""

import asyncio
import time

import pytest

from earlet.server.failures import Overloaded
from earlet.server.workers import loading, process
from earlet.server.workers.pool import Pool
from tests.server.workers.pools import figure, pid, processes, run

MB = 1 << 20
MODELS = ("commands-en", "vad", "yamnet")
SPOTTER = {"confirm": "off"}  # no other bundle is opened for it
TWO_MB = 100  # room for two of the processes


@pytest.fixture(autouse=True)
def sizes(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Each process takes 40 MB, or what this says of its number."""
    sizes: dict[int, int] = {}
    monkeypatch.setattr(process, "process_bytes", lambda number: sizes.get(number, 40 * MB))
    monkeypatch.setattr(process, "MEASURE_S", 0.0)
    monkeypatch.setattr(loading, "BASE_BYTES", 40 * MB)
    monkeypatch.setattr(loading, "GROWTH", 0.0)
    return sizes


async def settle(pool: Pool, *models: str) -> None:
    for model in models:
        await pool.call(model, "settle")


def test_the_least_used_model_makes_room_for_another() -> None:
    async def test(pool: Pool) -> None:
        await settle(pool, "commands-en", "vad", "commands-en", "yamnet")
        assert pool.loaded == {"commands-en", "yamnet"}
        await settle(pool, "vad")
        assert pool.loaded == {"vad", "yamnet"}
        assert figure(pool, "evictions_total") == 2
        assert figure(pool, "crashes_total") == 0

    run(test, *MODELS, memory_mb=TWO_MB)


def test_what_computes_is_not_unloaded_and_who_needs_the_room_waits() -> None:
    async def test(pool: Pool) -> None:
        await settle(pool, "commands-en", "vad")
        busy = [
            asyncio.create_task(pool.call(model, "sleep", {"seconds": seconds}))
            for model, seconds in (("commands-en", 1.2), ("vad", 0.2))
        ]
        await asyncio.sleep(0)
        await settle(pool, "yamnet")
        assert "commands-en" in pool.loaded
        assert await asyncio.gather(*busy) == [0, 0]

    run(test, *MODELS, memory_mb=TWO_MB, workers=3)


def test_live_streams_keep_their_model_and_who_needs_the_room_is_told() -> None:
    async def test(pool: Pool) -> None:
        async with await pool.open("vad", {}) as stream, await pool.open("commands-en", SPOTTER):
            await stream.push(bytes(2_048))
            with pytest.raises(Overloaded, match="live streams"):
                await settle(pool, "yamnet")
            assert pool.loaded == {"commands-en", "vad"}
        await settle(pool, "yamnet")

    run(test, *MODELS, memory_mb=TWO_MB)


def test_a_model_that_is_larger_than_all_may_be_is_served_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(pool: Pool) -> None:
        await settle(pool, "commands-en", "vad", "commands-en")

    run(test, *MODELS, memory_mb=30)
    assert caplog.text.count("commands-en takes 40 MB, more than the 30 MB") == 1


def test_a_process_that_grows_has_others_unloaded(sizes: dict[int, int]) -> None:
    async def test(pool: Pool) -> None:
        await settle(pool, "vad", "commands-en")
        (grown,) = (p for p in processes(pool) if p.model.name == "commands-en")
        sizes[pid(grown)] = 70 * MB
        await settle(pool, "commands-en")
        assert pool.loaded == {"commands-en"}

    run(test, *MODELS, memory_mb=TWO_MB)


def test_models_that_do_not_fit_side_by_side_do_not_replace_each_other_out_of_turn() -> None:
    async def test(pool: Pool) -> None:
        calls = [
            asyncio.create_task(settle(pool, model))
            for model in ("vad", "commands-en")
            for _ in range(5)
        ]
        await asyncio.gather(*calls)
        assert figure(pool, "loads_total") == 2

    run(test, *MODELS, memory_mb=50, workers=1)


def test_a_second_process_of_a_model_is_started_only_where_there_is_room() -> None:
    async def test(pool: Pool) -> None:
        await settle(pool, "vad", "commands-en")
        pool._crew.roster.history["vad"].last_s = 0.1  # so that another would be worth its while
        sleep = {"seconds": 0.3}
        calls = [asyncio.create_task(pool.call("vad", "sleep", sleep)) for _ in range(3)]
        await asyncio.gather(*calls)
        assert pool.loaded == {"vad", "commands-en"}
        assert figure(pool, "loads_total") == 2

    run(test, *MODELS, memory_mb=TWO_MB, workers=3)


def test_live_streams_do_not_wait_for_long_calls_of_their_model() -> None:
    async def test(pool: Pool) -> None:
        async with await pool.open("vad", {}) as stream:
            long = asyncio.create_task(pool.call("vad", "sleep", {"seconds": 4.0}))
            while len(pool.loaded) < 2 and figure(pool, "model_processes") != {"vad": 2}:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            for _ in range(5):
                await stream.push(bytes(2_048))
            assert not long.done()
            assert time.monotonic() - began < 3.0
            long.cancel()

    run(test, *MODELS, workers=1)


def test_calls_share_a_process_with_streams_where_there_is_no_room_for_another() -> None:
    async def test(pool: Pool) -> None:
        async with await pool.open("vad", {}) as stream:
            await settle(pool, "vad")
            await stream.push(bytes(2_048))
            assert len(processes(pool)) == 1

    run(test, *MODELS, memory_mb=50)


def test_streams_share_a_process_up_to_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earlet.server.workers.crew.STREAMS", 2)

    async def test(pool: Pool) -> None:
        streams = [await pool.open("vad", {}) for _ in range(3)]
        assert sorted(len(each.streams) for each in processes(pool)) == [1, 2]
        for stream in streams:
            await stream.close()
        for stream in streams:
            await stream.close()
        assert figure(pool, "streams") == 0

    run(test, "vad")


def test_pushes_of_a_stream_that_does_not_wait_are_bounded() -> None:
    async def test(pool: Pool) -> None:
        async with await pool.open("vad", {}) as stream:
            pushes = [stream.push(bytes(2_048)) for _ in range(10)]
            results = await asyncio.gather(*pushes, return_exceptions=True)
        assert sum(isinstance(result, Overloaded) for result in results) == 6

    run(test, "vad")
