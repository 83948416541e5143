"""One action: order, retries, bounds, and its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from earlet.audio.waiting import boot_s
from earlet.service.actions import worker as module
from earlet.service.actions.spool import Event, Spool, Waiting
from earlet.service.actions.worker import MAX_WAITING, ActionError, Worker
from tests.service.actions.mosquitto import PATIENCE_S


class Scripted:
    """An action that does as it is told: for each event, what happens at each try."""

    name = "scripted"
    n_parallel = 1

    def __init__(
        self, script: dict[str, list[ActionError | threading.Event]] | None = None
    ) -> None:
        self.tried: list[object] = []
        self.began = threading.Semaphore(0)
        self.is_stopped = False
        self._script = script or {}
        self._held: list[ActionError | threading.Event] = []

    def perform(self, event: Event) -> None:
        label = str(event["label"])
        self.tried.append(label)
        self.began.release()
        if steps := self._script.get(label):
            step = steps.pop(0)
            self._held.append(step)
            if isinstance(step, ActionError):
                raise step
            assert step.wait(PATIENCE_S)

    def stop(self) -> None:
        self.is_stopped = True
        for step in self._held:
            if isinstance(step, threading.Event):
                step.set()


def waiting(*labels: str, age_s: float = 0) -> list[Waiting]:
    return [Waiting({"label": label}, boot_s() - age_s) for label in labels]


def end(worker: Worker) -> None:
    """All that waits is done first."""
    worker.drain()
    worker.join(time.monotonic() + PATIENCE_S)
    worker.leave()


def counts(worker: Worker) -> dict[str, int]:
    return {name: n for name, n in worker.counts.items() if n}


Until = Callable[[Callable[[], object]], None]
Make = Callable[..., Worker]


@pytest.fixture
def make() -> Iterator[Make]:
    """`make(performer, spool)`: a worker, none of whose threads outlives the test."""
    before = threading.active_count()
    made: list[Worker] = []

    def make(performer: Scripted, spool: Spool | None = None, max_age_s: float = 300) -> Worker:
        made.append(Worker(performer, "key", spool, max_age_s))
        return made[-1]

    yield make
    for worker in made:
        worker.stop()
        worker.join(time.monotonic() + PATIENCE_S)
    assert threading.active_count() == before


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A folder, opened."""
    with closing(Spool(str(tmp_path))) as spool:
        spool.open()
        yield spool


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long an action rests each time, where in truth it does not rest at all."""
    rests: list[float] = []
    monkeypatch.setattr(Worker, "_rest", lambda _, delay_s: rests.append(delay_s))
    return rests


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins to rest does so for an hour."""
    monkeypatch.setattr(module, "FIRST_DELAY_S", 3600.0)


def no() -> ActionError:
    return ActionError("no lamp")


def never() -> ActionError:
    return ActionError("no such lamp", again=False)


@pytest.mark.usefixtures("rests")
def test_events_are_done_in_their_order_whatever_fails(make: Make) -> None:
    performer = Scripted({"a": [no(), no()], "c": [no()], "d": [never()]})
    worker = make(performer)
    worker.submit(*waiting(*"abcde"))
    end(worker)
    assert performer.tried == [*"aaabccde"]
    assert counts(worker) == {"done": 4, "retried": 3, "failed": 1}


def test_it_rests_longer_with_each_failure_and_not_for_ever(make: Make, rests: list[float]) -> None:
    worker = make(Scripted({"a": [no() for _ in range(8)], "b": [no()]}))
    worker.submit(*waiting("a", "b"))
    end(worker)
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 1]


@pytest.mark.usefixtures("asleep")
def test_while_it_rests_all_that_waits_is_on_disk(
    tmp_path: Path, spool: Spool, make: Make, until: Until
) -> None:
    performer = Scripted({"a": [no()]})
    worker = make(performer, spool)
    worker.submit(*waiting("a", "b"))
    until(lambda: len([*tmp_path.glob("*.json")]) == 2)
    worker.submit(*waiting("c"))
    until(lambda: len([*tmp_path.glob("*.json")]) == 3)
    assert performer.tried == ["a"]
    worker.hurry()
    until(lambda: counts(worker).get("done") == 3)
    assert performer.tried == [*"aabc"]
    until(lambda: not [*tmp_path.glob("*.json")])


def test_a_rest_ends_though_more_comes_all_the_time(
    spool: Spool, make: Make, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.01)
    performer = Scripted({"a": [no()]})
    worker = make(performer, spool)
    keep = spool.keep

    def keep_and_hear(key: str, kept: Waiting) -> None:
        keep(key, kept)
        worker.submit(*waiting("more"))

    monkeypatch.setattr(spool, "keep", keep_and_hear)
    worker.submit(*waiting("a"))
    until(lambda: performer.tried[:2] == ["a", "a"])


@pytest.mark.usefixtures("asleep")
def test_what_could_not_be_done_again_is_not_tried_at_the_end(
    tmp_path: Path, spool: Spool, make: Make, until: Until
) -> None:
    performer = Scripted({"a": [no(), no()]})
    worker = make(performer, spool)
    worker.submit(*waiting("a", "b"))
    until(lambda: len([*tmp_path.glob("*.json")]) == 2)
    end(worker)
    spool.close()
    assert performer.tried == ["a"]
    left = spool.open()["key"]
    assert [waiting.event["label"] for waiting in left] == ["a", "b"]


@pytest.mark.usefixtures("asleep")
def test_a_hurry_is_for_one_rest(make: Make, until: Until) -> None:
    performer = Scripted({"a": [no(), no()]})
    worker = make(performer)
    worker.submit(*waiting("a"))
    until(lambda: counts(worker).get("retried") == 1)
    worker.hurry()
    until(lambda: counts(worker).get("retried") == 2)
    end(worker)
    assert performer.tried == ["a", "a"]


@pytest.mark.usefixtures("asleep")
def test_without_a_folder_what_is_left_is_lost_and_said(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make(Scripted({"a": [no()]}))
    worker.submit(*waiting("a", "b"))
    until(lambda: counts(worker).get("retried") == 1)
    end(worker)
    assert counts(worker) == {"retried": 1, "dropped": 2}
    assert caplog.messages == [
        "scripted: no lamp; trying again",
        "scripted: dropped the last 2: earlet ends, and no queue has them",
    ]


def test_the_oldest_make_room_where_too_many_wait(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    held = threading.Event()
    performer = Scripted({"first": [held]})
    worker = make(performer)
    worker.submit(*waiting("first"))
    assert performer.began.acquire(timeout=PATIENCE_S)
    for n in range(MAX_WAITING + 5):
        worker.submit(*waiting(str(n)))
    held.set()
    end(worker)
    assert performer.tried == ["first", *(str(n) for n in range(5, MAX_WAITING + 5))]
    assert counts(worker) == {"done": MAX_WAITING + 1, "dropped": 5}
    assert caplog.messages == ["scripted: dropped 5: more than 256 waited, or longer than 300 s"]


def test_what_is_too_old_is_not_done_and_not_kept(tmp_path: Path, spool: Spool, make: Make) -> None:
    [old] = waiting("a", age_s=20.5)
    spool.keep("key", old)
    performer = Scripted()
    worker = make(performer, spool, max_age_s=20)
    worker.submit(old, *waiting("b", age_s=19))
    end(worker)
    assert performer.tried == ["b"]
    assert counts(worker) == {"done": 1, "dropped": 1}
    assert not [*tmp_path.glob("*.json")]


@pytest.mark.parametrize("n_parallel", [1, 3])
def test_so_many_are_done_at_a_time(make: Make, n_parallel: int) -> None:
    held = {label: [threading.Event()] for label in "abcdef"}
    performer = Scripted({label: [*events] for label, events in held.items()})
    performer.n_parallel = n_parallel
    worker = make(performer)
    worker.submit(*waiting("a"))
    for label in "bcdef":
        worker.submit(*waiting(label))
    n_seen = 0
    for n_ended, label in enumerate("abcdef"):
        n_begun = min(n_ended + n_parallel, 6)
        for _ in range(n_begun - n_seen):
            assert performer.began.acquire(timeout=PATIENCE_S)
        n_seen = n_begun
        assert len(performer.tried) == n_begun
        held[label][0].set()
    end(worker)
    assert sorted(map(str, performer.tried)) == [*"abcdef"]


def test_a_stop_ends_what_is_being_done(make: Make) -> None:
    performer = Scripted({"a": [threading.Event()]})
    worker = make(performer)
    worker.submit(*waiting("a", "b"))
    assert performer.began.acquire(timeout=PATIENCE_S)
    worker.stop()
    worker.join(time.monotonic() + PATIENCE_S)
    assert performer.is_stopped
    assert performer.tried == ["a"]


@pytest.mark.usefixtures("rests")
def test_an_outage_is_two_lines_in_the_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "earlet.actions")
    worker = make(Scripted({"b": [no(), no(), no()], "c": [never()]}))
    worker.submit(*waiting(*"abcd"))
    end(worker)
    assert caplog.messages == [
        "scripted: no lamp; trying again",
        "scripted: done again",
        "scripted: no such lamp",
    ]


def test_a_fault_of_ours_costs_one_event(
    tmp_path: Path, spool: Spool, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(Scripted):
        def perform(self, event: Event) -> None:
            super().perform(event)
            if event["label"] == "a":
                raise ZeroDivisionError

    performer = Faulty()
    worker = make(performer, spool)
    [faulty] = waiting("a")
    spool.keep("key", faulty)
    worker.submit(faulty, *waiting("b"))
    end(worker)
    assert caplog.messages == ["scripted: cannot be done: ZeroDivisionError()"]
    assert performer.tried == ["a", "b"]
    assert counts(worker) == {"done": 1, "failed": 1}
    assert not [*tmp_path.glob("*.json")]
