"""Several processes: they do the same work as one, and their end is not the end of the job."""

import operator
from collections.abc import Iterator
from pathlib import Path

import pytest

from earlet.errors import BackendError, BundleError
from earlet.jobs import local
from earlet.jobs.plan import Item, Settings, plan
from earlet.jobs.worker import Outcome

Told = dict[str, tuple[str | None, str | None]]  # text and error, by the file


def ignored(_item: Item, _done_s: float, _all_s: float) -> None:
    """Nobody looks."""


def told(outcomes: Iterator[Outcome]) -> Told:
    found = [(outcome.item.source, (outcome.text, outcome.error)) for outcome in outcomes]
    assert len(dict(found)) == len(found)
    return dict(found)


def kill_at(item: Item, processes: list[local._Process]) -> None:
    """What the kernel does where memory is short: the latest process at an item ends."""
    next(process for process in reversed(processes) if process.item == item)._process.kill()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[local._Process]:
    """All that are started."""
    started: list[local._Process] = []

    class Recorded(local._Process):
        def __init__(self, settings: Settings, item: Item) -> None:
            super().__init__(settings, item)
            started.append(self)

    monkeypatch.setattr(local, "_Process", Recorded)
    return started


@pytest.fixture(scope="module")
def items(clips: Path) -> list[Item]:
    planned, _ = plan([str(clips)], None, "txt")
    return [*planned, Item(source="nowhere.wav", output=None)]


@pytest.fixture(scope="module")
def alone(items: list[Item]) -> Told:
    """What one process, this one, gives."""
    outcomes = told(local.run(items, Settings(), n_workers=1, heard=ignored))
    assert sum(text not in (None, "\n") for text, _ in outcomes.values()) >= 6
    return outcomes


def test_several_processes_give_the_same_texts_as_one(
    items: list[Item], alone: Told, processes: list[local._Process]
) -> None:
    assert told(local.run(items, Settings(), n_workers=2, heard=ignored)) == alone
    assert len(processes) == 2


def test_there_are_no_more_processes_than_files(processes: list[local._Process]) -> None:
    item = Item(source="nowhere.wav", output=None)
    assert len(told(local.run([item], Settings(), n_workers=8, heard=ignored))) == 1
    assert len(processes) == 1


def test_a_process_that_is_killed_loses_no_file(
    items: list[Item], alone: Told, processes: list[local._Process]
) -> None:
    killed: set[Item] = set()

    def heard(item: Item, _done_s: float, _all_s: float) -> None:
        if len(killed) < 2 and item not in killed:
            killed.add(item)
            kill_at(item, processes)

    assert told(local.run(items, Settings(), n_workers=2, heard=heard)) == alone
    assert len(processes) == 4


def test_a_file_at_which_every_process_ends_fails_alone(
    items: list[Item], alone: Told, endless: Path, processes: list[local._Process]
) -> None:
    deadly = Item(source=str(endless), output=None)

    def heard(item: Item, _done_s: float, _all_s: float) -> None:
        if item == deadly:
            kill_at(item, processes)

    outcomes = told(local.run([deadly, *items], Settings(), n_workers=2, heard=heard))
    assert outcomes.pop(deadly.source) == (
        None,
        f"{deadly.source}: the process that was at it was ended by signal 9, 2 times; not done",
    )
    assert outcomes == alone


def test_what_is_no_longer_wanted_ends_at_once(
    endless: Path, processes: list[local._Process]
) -> None:
    items = [Item(source=str(endless), output=None)] * 2

    def heard(_item: Item, _done_s: float, _all_s: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(local.run(items, Settings(), n_workers=2, heard=heard))
    assert [process.end() for process in processes] == ["was ended by signal 9"] * 2


def test_a_bundle_that_is_none_ends_the_job() -> None:
    item = Item(source="nowhere.wav", output=None)
    with pytest.raises(BundleError, match="not for automatic-speech-recognition"):
        next(local.run([item] * 3, Settings(bundle="vad"), n_workers=3, heard=ignored))


def test_processes_that_end_before_they_are_ready_end_the_job(
    monkeypatch: pytest.MonkeyPatch, processes: list[local._Process]
) -> None:
    monkeypatch.setattr(local, "_serve", operator.is_)  # which takes what _serve takes, and ends
    item = Item(source="nowhere.wav", output=None)
    with pytest.raises(BackendError, match="ended with 0; is there memory for so many --jobs"):
        next(local.run([item] * 9, Settings(), n_workers=2, heard=ignored))
    assert len(processes) == 2
