"""Lines in files and over sockets: whole ones, or none."""

import json
import os
import resource
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from earlet.config import Append, Send
from earlet.errors import ConfigError
from earlet.service.actions.lines import AppendLine, SendLine
from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError


@contextmanager
def at_most(n_bytes: int) -> Iterator[None]:
    """No file of this process may become larger: the kernel writes what fits, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("descriptors")
def test_events_become_lines_of_a_private_file(tmp_path: Path, event: Event) -> None:
    path = tmp_path / "events.jsonl"
    append = AppendLine(Append(append=str(path)))
    for label in ("go", "stop"):
        append.perform({**event, "label": label})
    lines = path.read_text().splitlines(keepends=True)
    assert [json.loads(line)["label"] for line in lines] == ["go", "stop"]
    assert all(line.endswith("\n") for line in lines)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_keeps_its_content_and_its_mode(tmp_path: Path, event: Event) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("{}\n")
    path.chmod(0o644)
    AppendLine(Append(append=str(path))).perform(event)
    assert path.read_text().startswith("{}\n{")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_was_moved_away_is_begun_again(tmp_path: Path, event: Event) -> None:
    path = tmp_path / "events.jsonl"
    append = AppendLine(Append(append=str(path)))
    append.perform(event)
    path.rename(tmp_path / "events.1")
    append.perform(event)
    assert path.read_text() == (tmp_path / "events.1").read_text()


def test_a_line_that_does_not_fit_leaves_no_part_of_it(tmp_path: Path, event: Event) -> None:
    path = tmp_path / "events.jsonl"
    append = AppendLine(Append(append=str(path)))
    append.perform(event)
    before = path.read_bytes()
    with at_most(len(before) + 10), pytest.raises(ActionError, match="too large") as caught:
        append.perform(event)
    assert caught.value.again
    assert path.read_bytes() == before
    append.perform(event)
    assert path.read_bytes() == 2 * before


def test_a_line_that_a_power_cut_broke_off_does_not_spoil_the_next(
    tmp_path: Path, event: Event
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{}\n{"lab')
    AppendLine(Append(append=str(path))).perform(event)
    first, broken, last = path.read_text().splitlines()
    assert (first, broken) == ("{}", '{"lab')
    assert json.loads(last) == event


def test_what_cannot_be_appended_to_is_found_at_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in [
        ("nowhere/x", "No such file or directory"),
        ("", "Is a directory"),
        ("pipe", "expected a plain file"),
        ("/dev/full", "expected a plain file"),
    ]:
        with pytest.raises(ConfigError, match=f"^append: .*{name}: {reason}$"):
            AppendLine(Append(append=str(tmp_path / name)))


def listening(
    address: tuple[str, int] | str,
) -> tuple[socket.socket, list[bytes], threading.Thread]:
    """A server of one connection, and what it reads until that ends."""
    server = socket.create_server(address) if isinstance(address, tuple) else unix_server(address)
    read: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            read.extend(lines)

    thread = threading.Thread(target=serve)
    thread.start()
    return server, read, thread


def unix_server(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    return server


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_socket_gets_the_line_and_the_end(tmp_path: Path, event: Event, kind: str) -> None:
    where = ("127.0.0.1", 0) if kind == "tcp" else str(tmp_path / "socket")
    server, read, thread = listening(where)
    with server:
        port = server.getsockname()[1]
        to = f"tcp://127.0.0.1:{port}" if kind == "tcp" else f"unix:{where}"
        SendLine(Send(send=to)).perform(event)
        thread.join()
    assert [json.loads(line) for line in read] == [event]
    assert read[0].endswith(b"}\n")


@pytest.mark.usefixtures("descriptors")
def test_where_nobody_listens_it_is_worth_another_try(tmp_path: Path, event: Event) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for to, reason in [
        (f"tcp://127.0.0.1:{port}", "Connection refused"),
        (f"unix:{tmp_path}/nowhere", "No such file or directory"),
        (f"unix:{tmp_path}/{'x' * 200}", "AF_UNIX path too long"),
        ("tcp://a..b:1", ".*label empty.*"),
    ]:
        with pytest.raises(ActionError, match=f"^cannot be sent: {reason}$") as caught:
            SendLine(Send(send=to)).perform(event)
        assert caught.value.again


@pytest.mark.parametrize(
    "to", ["tcp://", "tcp://host", "tcp://host:0", "tcp://host:x", "tcp://host:1/path", "unix:"]
)
def test_what_is_no_address_is_found_at_the_start(to: str) -> None:
    with pytest.raises(ConfigError, match="send: expected tcp://HOST:PORT or unix:PATH, got"):
        SendLine(Send(send=to))
