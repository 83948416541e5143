"""Calls through real processes, held to the same pipelines in this one."""

import asyncio
import io
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import earlet
from earlet.arrays import FloatArray
from earlet.server.failures import (
    Draining,
    Failure,
    Loading,
    NotFound,
    Overloaded,
)
from earlet.server.workers.job import Job
from earlet.server.workers.pool import Pool
from tests.server.workers.pools import Run, children, figure, pid, processes, run

PICTURES = Path(__file__).parents[2] / "pictures"


def _second() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000), 16_000, format="WAV")
    return file.getvalue()


def peak_bytes(number: int) -> int:
    """The most memory that a process has taken."""
    lines = Path(f"/proc/{number}/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_a_sound_is_classified_as_by_the_pipeline(clip: bytes, shared_pool: Run) -> None:
    expected = earlet.pipeline("audio-classification", "yamnet")(clip, top_k=3)

    async def test(pool: Pool) -> None:
        answer = await pool.call("yamnet", "classify", {"top_k": 3}, clip)
        assert answer == [each.to_json() for each in expected]

    shared_pool(test)


def test_a_picture_is_classified_as_by_the_pipeline(shared_pool: Run) -> None:
    picture = next(PICTURES.glob("*.jpg")).read_bytes()
    expected = earlet.pipeline("image-classification")(picture, top_k=4, function_to_apply="none")

    async def test(pool: Pool) -> None:
        arguments = {"top_k": 4, "function_to_apply": "none"}
        answer = await pool.call("efficientnet-lite0", "classify", arguments, picture)
        assert answer == [each.to_json() for each in expected]

    shared_pool(test)


@pytest.mark.parametrize(
    "inputs", ["so good", {"text": "so", "text_pair": "good"}, ["good", {"text": "bad"}], []]
)
def test_texts_are_classified_as_by_the_pipeline(inputs: Any, shared_pool: Run) -> None:
    found: Any = earlet.pipeline("text-classification")(inputs)
    lists = found if isinstance(inputs, list) else [found]
    expected = [[each.to_json() for each in labels] for labels in lists]

    async def test(pool: Pool) -> None:
        answer = await pool.call("sentiment-en", "classify", {"inputs": inputs})
        assert answer == (expected if isinstance(inputs, list) else expected[0])

    shared_pool(test)


def test_speech_is_written_as_by_the_pipeline(clip: bytes, shared_pool: Run) -> None:
    recognise = earlet.pipeline("automatic-speech-recognition")
    expected = recognise(clip, return_timestamps="word", generation_parameters={"num_beams": 2})

    async def test(pool: Pool) -> None:
        arguments = {"return_timestamps": "word", "generation_parameters": {"num_beams": 2}}
        answer = await pool.call("moonshine-tiny-en", "transcribe", arguments, clip)
        assert answer == expected.to_json()

    shared_pool(test)


@pytest.mark.parametrize(
    ("operation", "arguments", "payload", "status", "message"),
    [
        ("classify", {"top": 3}, "clip", 400, "top: there is no such parameter; did you mean"),
        ("classify", {"top_k": 0}, "clip", 400, "top_k"),
        ("classify", {"function_to_apply": "tanh"}, "clip", 400, "function_to_apply"),
        ("transcribe", {}, "clip", 400, "the model is for audio-classification"),
        ("fly", {}, "clip", 400, "there is no such operation"),
        ("classify", {}, "picture", 415, "is a picture; expected a sound file"),
        ("classify", {}, "text", 415, "not a sound file"),
        ("classify", {}, "nothing", 415, "is empty"),
        ("classify", {}, "half", 422, "No 'data' chunk"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_line(
    clip: bytes,
    operation: str,
    arguments: Any,
    payload: str,
    status: int,
    message: str,
    shared_pool: Run,
) -> None:
    picture = next(PICTURES.glob("*.jpg")).read_bytes()
    payloads = {"picture": picture, "text": b"a text" * 50, "nothing": b"", "half": clip[:44]}

    async def test(pool: Pool) -> None:
        with pytest.raises(Failure, match=message) as caught:
            await pool.call("commands-en", operation, arguments, payloads.get(payload, clip))
        assert caught.value.status == status
        assert "\n" not in caught.value.message

    shared_pool(test)


def test_sound_is_refused_as_soon_as_it_is_longer_than_it_may_be(clip: bytes) -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(Failure, match="longer than 3 s") as caught:
            await pool.call("commands-en", "classify", {}, clip)
        assert caught.value.status == 413
        assert figure(pool, "audio_seconds_total") <= 3

    run(test, max_audio_s=3)


@pytest.mark.parametrize("model", ["commands-en", "yamnet"])
def test_a_long_sound_is_not_held_in_memory(shared_pool: Run, model: str) -> None:
    seconds = 300
    noise = np.random.default_rng(0).integers(-3, 3, seconds * 16_000).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="FLAC")  # 2 MB; decoded, it would be 19

    async def test(pool: Pool) -> None:
        await pool.call(model, "classify", {}, _second())
        (number,) = (pid(process) for process in processes(pool) if process.model.name == model)
        before = peak_bytes(number)
        await pool.call(model, "classify", {}, file.getvalue())
        assert peak_bytes(number) - before < 12e6

    shared_pool(test)


def test_a_damaged_picture_is_told_from_a_wrong_file(clip: bytes, shared_pool: Run) -> None:
    picture = next(PICTURES.glob("*.jpg")).read_bytes()

    async def test(pool: Pool) -> None:
        for payload, status in ((picture[: len(picture) // 2], 422), (clip, 415)):
            with pytest.raises(Failure) as caught:
                await pool.call("efficientnet-lite0", "classify", {}, payload)
            assert caught.value.status == status

    shared_pool(test)


def test_answers_come_as_soon_as_they_are_there(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        arguments = {"n": 3, "seconds": 0.2}
        came_at = []
        async for i in pool.events("commands-en", "count", arguments):
            came_at.append((i, time.monotonic()))
        assert [i for i, _ in came_at] == [0, 1, 2]
        assert came_at[2][1] - came_at[0][1] > 0.3
        assert await pool.call("commands-en", "count", {"n": 3}) == 2

    shared_pool(test)


def test_nothing_is_loaded_before_it_is_asked_for_nor_twice() -> None:
    async def test(pool: Pool) -> None:
        assert pool.loaded == set()
        for _ in range(3):
            await pool.call("vad", "settle")
        assert pool.loaded == {"vad"}
        assert figure(pool, "loads_total") == 1

    run(test, "commands-en", "vad")


def test_who_does_not_wait_for_a_model_is_told_how_long_it_takes_and_it_is_loaded() -> None:
    async def test(pool: Pool) -> None:
        for _ in range(2):
            with pytest.raises(Loading) as caught:
                await pool.call("commands-en", "settle", hold=False)
            assert 0 < caught.value.estimated_s < 60
        while "commands-en" not in pool.loaded:
            await asyncio.sleep(0.01)
        await pool.call("commands-en", "settle", hold=False)
        assert figure(pool, "loads_total") == 1

    run(test)


def test_a_model_that_is_not_served_is_not_found(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(NotFound, match=r"'\.\./vad'"):
            await pool.call("../vad", "settle")

    shared_pool(test)


def test_at_most_so_many_calls_wait() -> None:
    async def test(pool: Pool) -> None:
        sleep = {"seconds": 0.2}
        calls = [asyncio.create_task(pool.call("commands-en", "sleep", sleep)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert figure(pool, "queue_length") <= 2
        results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [result for result in results if isinstance(result, Overloaded)]
        assert [r for r in results if r not in refused] == [0] * (6 - len(refused))
        assert len(refused) >= 3
        assert all(failure.headers["Retry-After"] for failure in refused)

    run(test, workers=1, queue=2)


def test_a_call_that_need_not_wait_is_answered_however_many_do() -> None:
    async def test(pool: Pool) -> None:
        for model in ("vad", "commands-en"):
            await pool.call(model, "settle")
        busy = asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 60.0}))
        waits = asyncio.create_task(pool.call("commands-en", "settle"))
        await asyncio.sleep(0)
        # As of a process that has ended before it could begin: the queue is not asked then.
        pool._crew.waiting.add(Job("commands-en", "settle", {}), first=True)
        await pool.call("vad", "settle")
        for call in (busy, waits):
            call.cancel()
        await asyncio.gather(busy, waits, return_exceptions=True)

    run(test, "vad", "commands-en", workers=2, queue=1)


def test_calls_run_side_by_side_as_far_as_there_are_workers() -> None:
    async def test(pool: Pool) -> None:
        calls = [
            asyncio.create_task(pool.call(name, "sleep", {"seconds": seconds}))
            for name, seconds in (("vad", 0.8), ("commands-en", 0.2), ("vad", 0.1), ("vad", 0.1))
        ]
        most = 0
        while not all(call.done() for call in calls):
            most = max(most, figure(pool, "workers_busy"))
            await asyncio.sleep(0.01)
        assert most == 2
        assert len(processes(pool)) == 3  # vad has another one: its calls waited for long

    run(test, "vad", "commands-en", workers=2)


def test_a_slow_model_does_not_hold_up_the_calls_of_another(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("vad", "settle")
        slow = [
            asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 0.3}))
            for _ in range(10)
        ]
        await asyncio.sleep(0.5)
        await pool.call("vad", "settle")
        assert sum(call.done() for call in slow) <= 3
        for call in slow:
            call.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    shared_pool(test)


def test_the_order_of_a_models_calls_is_kept(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        ended = []

        async def call(i: int) -> None:
            await pool.call("commands-en", "sleep", {"seconds": 0.01})
            ended.append(i)

        await asyncio.gather(*map(call, range(10)))
        assert ended == [*range(10)]

    shared_pool(test)


def test_what_a_library_prints_or_reads_is_none_of_the_frames(shared_pool: Run) -> None:
    async def test(pool: Pool) -> None:
        assert await pool.call("commands-en", "print") == ""

    shared_pool(test)


def test_large_payloads_come_whole(shared_pool: Run) -> None:
    payload = bytes(50_000_000)

    async def test(pool: Pool) -> None:
        answer = await pool.call("commands-en", "sleep", {"seconds": 0}, payload)
        assert answer == len(payload)

    shared_pool(test)


def test_a_pool_that_closes_lets_end_what_runs_and_refuses_what_is_new() -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "settle")
        calls = [
            asyncio.create_task(pool.call("commands-en", "sleep", {"seconds": 0.3}))
            for _ in range(2)
        ]
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(pool.close(10.0))
        await asyncio.sleep(0)
        with pytest.raises(Draining):
            await pool.call("commands-en", "settle")
        assert await asyncio.gather(*calls) == [0, 0]
        await closing

    run(test, workers=1)


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_pool_that_closes_does_not_wait_for_longer_than_it_is_told(
    caplog: pytest.LogCaptureFixture, is_loaded: bool
) -> None:
    async def test(pool: Pool) -> None:
        if is_loaded:
            await pool.call("commands-en", "settle")
        calls = [asyncio.create_task(pool.call("commands-en", "hang")) for _ in range(2)]
        while not figure(pool, "workers_busy"):
            await asyncio.sleep(0.01)
        began = time.monotonic()
        await pool.close(0.2 if is_loaded else 0.0)
        assert time.monotonic() - began < 5
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, Failure) for result in results)

    run(test, workers=1)
    assert "was ended" not in caplog.text  # by whom, is known


def test_figures_tell_what_was_done(clip: bytes) -> None:
    async def test(pool: Pool) -> None:
        await pool.call("commands-en", "classify", {}, clip)
        with pytest.raises(Failure):
            await pool.call("commands-en", "classify", {"top_k": -1}, clip)
        async with aclosing(pool.events("commands-en", "classify", {}, clip)) as events:
            async for _ in events:
                break
        assert figure(pool, "calls_total") == {"done": 2, "bad-request": 1}
        assert figure(pool, "audio_seconds_total") == pytest.approx(2 * 5.855, abs=0.01)
        assert 0 < figure(pool, "compute_seconds_total") < 60
        assert figure(pool, "model_processes") == {"commands-en": 1}
        (process,) = processes(pool)
        assert pid(process) in children()
        assert 10e6 < figure(pool, "model_memory_bytes")["commands-en"] < 200e6
        assert figure(pool, "crashes_total") == 0

    run(test)


def test_a_live_stream_is_heard_as_by_the_pipeline(speech: FloatArray, shared_pool: Run) -> None:
    found = earlet.pipeline("voice-activity-detection").listen(speech, sampling_rate=16_000)
    expected = [{"event": "speech", **segment.to_json()} for segment in found]

    async def test(pool: Pool) -> None:
        heard = []
        async with await pool.open("vad", {}) as stream:
            assert stream.sample_rate == 16_000
            for start in range(0, len(speech), 1_600):
                heard += await stream.push(speech[start : start + 1_600].tobytes())
            heard += await stream.flush()
            assert figure(pool, "streams") == 1
        assert heard == expected
        assert figure(pool, "streams") == 0

    shared_pool(test)
