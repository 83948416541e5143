"""What waits on disk: private, in order, whole, and found again."""

import errno
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from earlet.audio.waiting import boot_s
from earlet.errors import ConfigError
from earlet.files import PARTIAL
from earlet.service.actions.spool import Event, Spool, Waiting


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Spool, dict[str, list[Waiting]]]]:
    """A folder, and what was found there."""
    with closing(Spool(str(folder))) as spool:
        yield spool, spool.open()


def found(folder: Path, key: str = "a") -> list[Waiting]:
    """What is there for an action."""
    with opened(folder) as (_, found):
        return found.get(key, [])


def labels(waiting: list[Waiting]) -> list[object]:
    return [one.event["label"] for one in waiting]


def kept(folder: Path, *labels: str, key: str = "a", age_s: float = 0) -> None:
    """Keep such events for an action."""
    with opened(folder) as (spool, _):
        for label in labels:
            spool.keep(key, Waiting({"label": label}, boot_s() - age_s))


def test_what_is_kept_is_found_again_in_its_order(tmp_path: Path) -> None:
    kept(tmp_path, *"abc")
    kept(tmp_path, *"xy", key="b")
    kept(tmp_path, *"defghijkl")
    assert labels(found(tmp_path, "b")) == list("xy")
    with opened(tmp_path) as (spool, there):
        assert labels(there["a"]) == list("abcdefghijkl")
        for waiting in there["a"][:11]:
            spool.forget(waiting)
    assert labels(found(tmp_path)) == ["l"]


def test_it_is_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "queue"
    kept(folder, "go")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_age_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    monkeypatch.setattr(time, "clock_gettime", lambda _: 5_000.0)
    kept(tmp_path, "go", age_s=20)
    # Another boot, whose clock on the wall says that a minute has passed.
    monkeypatch.setattr(time, "time", lambda: 1_000_060.0)
    monkeypatch.setattr(time, "clock_gettime", lambda _: 7.0)
    [waiting] = found(tmp_path)
    assert waiting.since == pytest.approx(7 - 80)


def test_what_comes_from_the_future_counts_as_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A board without a battery begins in the past.
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    kept(tmp_path, "go")
    monkeypatch.setattr(time, "time", lambda: 900_000.0)
    [waiting] = found(tmp_path)
    assert waiting.since == float("-inf")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 10_000,
        b"{}",
        b'{"action": "a", "submitted": "x", "event": {}}',
        b'{"action": "a", "submitted": 1' + b"0" * 400 + b', "event": {}}',
        b'{"action": 1, "submitted": 1, "event": {}}',
        b'{"action": "a", "submitted": 1, "event": []}',
        b"\xff" * 10,
        b'{"action": "a", "submitted": 1, "event": {}}' + b" " * 70_000,
    ],
)
def test_a_file_that_is_none_of_ours_is_put_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    kept(tmp_path, "go", "stop")
    path = tmp_path / "000000000001.json"
    path.write_bytes(content)
    assert labels(found(tmp_path)) == ["stop"]
    assert caplog.messages == [
        f"queue: put aside: {path}: expected an event that waits; this is none"
    ]
    assert path.with_suffix(".broken").read_bytes() == content
    assert not path.exists()


def test_what_has_another_name_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "17.json").mkdir()
    kept(tmp_path, "go")
    assert labels(found(tmp_path)) == ["go"]
    assert {"package.json", "17.json"} < {path.name for path in tmp_path.iterdir()}
    assert not [*tmp_path.glob("*.broken")]


def test_a_pipe_among_the_files_is_not_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / "000000000001.json")
    assert not found(tmp_path)
    assert "is a pipe or a device" in caplog.text


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / PARTIAL.format("x")).write_text("{")
    assert not found(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_one_earlet_at_a_time_has_the_folder(tmp_path: Path) -> None:
    with opened(tmp_path):
        second = Spool(str(tmp_path))
        with pytest.raises(ConfigError, match=r"^queue: .*: another earlet uses it$"):
            second.open()
    second.open()
    second.close()


def test_a_full_disk_is_one_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = [Waiting({"label": label}, boot_s()) for label in "abc"]

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(tmp_path) as (spool, _):
        with monkeypatch.context() as full:
            full.setattr(os, "fsync", fsync)
            spool.keep("a", waiting[0])
            spool.keep("a", waiting[1])
        spool.keep("a", waiting[2])
        spool.forget(waiting[0])
    assert [one.path is None for one in waiting] == [True, True, False]
    assert caplog.messages == [
        f"queue: {tmp_path}: cannot keep what waits: No space left on device"
    ]
    [path] = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["event"] == {"label": "c"}


def test_a_folder_that_cannot_be_used_is_found_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^queue: .*/file/x: cannot be used: Not a directory$"):
        Spool(str(tmp_path / "file" / "x"))
    with pytest.raises(ConfigError, match=r"^queue: .*/file: cannot be used: File exists$"):
        Spool(str(tmp_path / "file"))


def test_an_event_stays_what_it_was(tmp_path: Path, event: Event) -> None:
    with opened(tmp_path) as (spool, _):
        spool.keep("a", Waiting({**event, "text": "küche \ud800"}, boot_s()))
    [waiting] = found(tmp_path)
    assert waiting.event == {**event, "text": "küche \ud800"}
