import asyncio
from collections.abc import Callable
from functools import wraps

import pytest

from earlet.server.failures import DeadlinePassed, Internal, TooLarge
from earlet.server.workers import frames
from earlet.server.workers import job as jobs
from earlet.server.workers.job import Job, Waiting


def in_a_loop(test: Callable[[], None]) -> Callable[[], None]:
    """Calls are made where there is an event loop."""

    @wraps(test)
    def run() -> None:
        async def inside() -> None:
            test()

        asyncio.run(inside())

    return run


@in_a_loop
def test_models_take_turns_and_the_calls_of_each_come_in_order() -> None:
    waiting = Waiting()
    calls = {name: Job(name[0], "classify", {}) for name in ("a1", "a2", "a3", "b1", "c1", "b2")}
    for call in calls.values():
        waiting.add(call)
    order = []
    while len(waiting):
        first = waiting.heads()[0]
        waiting.take(first)
        order.append(next(name for name, call in calls.items() if call is first))
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


@in_a_loop
def test_a_call_of_another_model_is_next_however_many_wait_for_the_first() -> None:
    waiting = Waiting()
    for _ in range(100):
        waiting.add(Job("slow", "transcribe", {}))
    waiting.take(waiting.heads()[0])
    rare = Job("rare", "classify", {})
    waiting.add(rare)
    assert waiting.heads()[0] is rare


@in_a_loop
def test_a_call_that_was_not_served_is_the_first_again() -> None:
    waiting = Waiting()
    first, second = Job("a", "classify", {}), Job("a", "classify", {})
    waiting.add(first)
    waiting.add(second)
    waiting.take(first)
    waiting.add(first, first=True)
    assert waiting.of("a") == [first, second]
    waiting.remove(first)
    waiting.remove(first)
    assert waiting.all() == [second]


def test_answers_come_in_order_and_the_last_is_the_result() -> None:
    async def run() -> None:
        job = Job("a", "segments", {})
        for item in (1, None, 3):
            job.tell(item)
        job.finish()
        assert [item async for item in job.items()] == [1, None, 3]
        assert await job.result == 3
        assert job.outcome == "done"

    asyncio.run(run())


def test_answers_before_a_failure_are_not_lost() -> None:
    async def run() -> None:
        job = Job("a", "segments", {})
        job.tell(1)
        job.fail(DeadlinePassed("not done"))
        job.tell(2)
        job.finish()
        items = job.items()
        assert await anext(items) == 1
        with pytest.raises(DeadlinePassed):
            await anext(items)
        assert job.outcome == "deadline-passed"

    asyncio.run(run())


def test_answers_that_nobody_takes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_ITEMS", 10)

    async def run() -> None:
        job = Job("a", "segments", {})
        for i in range(20):
            job.tell(i)
        with pytest.raises(Internal):
            await job.result

    asyncio.run(run())


def test_a_call_that_no_worker_can_be_sent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_PAYLOAD", 100)

    async def run() -> None:
        with pytest.raises(TooLarge):
            Job("a", "transcribe", {}, bytes(101))

    asyncio.run(run())
