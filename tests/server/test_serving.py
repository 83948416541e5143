"""A server begins, is waited for and ends; what stops it from beginning is one line."""

import errno
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from earlet.config import ServeConfig
from earlet.errors import BackendError, ConfigError
from earlet.server.served import Served
from earlet.server.serving import Server
from earlet.service.metrics import Metric
from tests.rig.virtual_microphone import WAIT_S, until
from tests.server.program import Program

ROOT = Path(__file__).parents[2]
COMMANDS = ServeConfig(port=0, bundles=("commands-en",))


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:  # noqa: S310  of this machine
        return str(answer.read().decode())


def sound_s(figures: str) -> float:
    (line,) = re.findall("^earlet_sound_seconds_total (.*)$", figures, re.MULTILINE)
    return float(line)


def is_closed(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def n_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_it_answers_between_enter_and_exit_and_leaves_nothing_behind() -> None:
    threads, descriptors = threading.active_count(), n_descriptors()
    with Server(COMMANDS) as server:
        assert json.loads(get(f"{server.url}/health"))["status"] == "ok"
        port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), WAIT_S)
    assert threading.active_count() == threads
    assert n_descriptors() == descriptors


def test_it_answers_on_ipv6() -> None:
    try:
        server = Server(ServeConfig(host="::1", port=0, bundles=("vad",)))
    except ConfigError as problem:
        pytest.skip(f"no IPv6 here: {problem}")
    with server:
        assert server.url.startswith("http://[::1]:")
        assert json.loads(get(f"{server.url}/health"))["models"] == {"vad": "idle"}


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port: 127.0.0.1:{port} cannot be had: Address al"):
            Server(ServeConfig(port=port))
        with pytest.raises(ConfigError, match=r"wyoming_port: 127\.0\.0\.1"):
            Server(ServeConfig(port=0, wyoming_port=port))


def test_an_address_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^host: 192\.0\.2\.1 is no address of this machine"):
        Server(ServeConfig(host="192.0.2.1", port=0))
    for name in ("no such name", "http://127.0.0.1", "[::1]", "a" * 300):
        with pytest.raises(ConfigError, match=r"^host: '.* is no address here"):
            Server(ServeConfig(host=name, port=0))
    with pytest.raises(ConfigError, match="wyoming_host: 'no such name' is no address here"):
        Server(ServeConfig(port=0, wyoming_port=0, wyoming_host="no such name"))


def test_of_two_that_begin_at_once_one_is_told_that_the_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = ServeConfig(port=port, bundles=("vad",))
    first = Server(config)
    with pytest.raises(ConfigError, match="Address already in use"):
        Server(config)
    with first:
        assert json.loads(get(f"{first.url}/health"))["status"] == "ok"


def test_beyond_this_machine_a_token_is_demanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EARLET_TOKEN", raising=False)
    open_to_all = ServeConfig(host="0.0.0.0", port=0, bundles=("vad",))  # noqa: S104
    with pytest.raises(ConfigError, match="no token: set EARLET_TOKEN or token_file; or say --no"):
        Server(open_to_all)
    monkeypatch.setenv("EARLET_TOKEN", "one two")
    with pytest.raises(ConfigError, match="EARLET_TOKEN: expected one word of ASCII"):
        Server(open_to_all)
    path = tmp_path / "token"
    path.write_text("\n")
    with pytest.raises(ConfigError, match=r"token_file: .*token: expected one word"):
        Server(ServeConfig(port=0, token_file=str(path)))
    path.write_text("a" * 4097)
    with pytest.raises(ConfigError, match="at most 4096"):
        Server(ServeConfig(port=0, token_file=str(path)))
    path.write_text("secret\n")
    with Server(ServeConfig(port=0, bundles=("vad",), token_file=str(path))) as server:
        request = urllib.request.Request(  # noqa: S310
            f"{server.url}/models", headers={"Authorization": "Bearer secret"}
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{server.url}/models")


def test_what_cannot_begin_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_app(_served: Served) -> None:
        raise BackendError("no room")

    monkeypatch.setattr("earlet.server.app.create_app", create_app)
    descriptors = n_descriptors()
    with pytest.raises(BackendError, match="no room"), Server(COMMANDS):
        pass
    assert n_descriptors() == descriptors


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else ())
    with pytest.raises(BackendError, match=r"serving needs uvicorn: pip install 'earlet\[serve\]'"):
        Server(COMMANDS)


def test_all_packages_that_are_missing_are_installed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name != "uvicorn" else ())
    with pytest.raises(BackendError, match=r"pip install 'earlet\[serve,wyoming\]'"):
        Server(ServeConfig(port=0, wyoming_port=0))


def test_as_many_files_as_connections_take_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with Server(replace(COMMANDS, max_connections=300)):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (64, 64))
    with pytest.raises(ConfigError, match=r"max_connections: 256 need 768 .* may have 64"):
        Server(COMMANDS)


def test_figures_of_a_daemon_stand_beside_its_own() -> None:
    heard = Metric("earlet_listening", "1 while sound comes in, 0 while deaf.", 1)
    with Server(COMMANDS, lambda: [heard]) as server:
        figures = get(f"{server.url}/metrics")
    assert "\nearlet_listening 1\n" in figures
    assert "\nearlet_serve_workers_busy 0\n" in figures


def test_sigterm_lets_what_was_begun_finish_and_closes_both_ports(
    start_server: Callable[..., Program],
) -> None:
    server = start_server(bundles=["sentiment-en"], drain_s=30)
    body = b"I like you. I love you"
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), WAIT_S) as asking:
        asking.sendall(head.encode() + body[:5])
        running = "earlet_http_running 2"  # it, and the question after it
        until(lambda: running in get(f"{server.url}/metrics"), "the request runs")
        os.kill(server.pid, signal.SIGTERM)
        ports = (server.port, server.wyoming_port)
        until(lambda: all(map(is_closed, ports)), "nobody else is let in")
        asking.sendall(body[5:])
        answer = asking.makefile("rb").read()  # to its end: the connection is closed then
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'[[{"label":"POSITIVE"' in answer
    assert server.process.wait(WAIT_S) == 0
    assert "SIGTERM: ended" in server.told


def test_ctrl_c_ends_it_without_a_word(start_server: Callable[..., Program]) -> None:
    # In the background of a script it would inherit that Ctrl-C is not for it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server = start_server(bundles=["vad"])
    finally:
        signal.signal(signal.SIGINT, before)
    os.kill(server.pid, signal.SIGINT)
    assert server.process.wait(WAIT_S) == 130
    assert "Traceback" not in server.told


def test_a_daemon_answers_while_it_listens(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text('source: "-"\nserve: {port: 0, bundles: [vad]}\n')
    command = [sys.executable, "-m", "earlet", "listen", "--config", str(config)]
    log = tmp_path / "log"
    with log.open("wb") as errors:
        daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors, cwd=ROOT)
    assert daemon.stdin is not None
    try:
        until(lambda: "serving on http://127.0.0.1:" in log.read_text(), "it answers")
        url = log.read_text().split("serving on ")[1].split(": vad")[0]
        daemon.stdin.write(bytes(64_000))  # two seconds of silence
        daemon.stdin.flush()
        until(lambda: sound_s(get(f"{url}/metrics")) > 1.9, "it has heard two seconds")
        config.write_text("source: '-'\nserve: {port: 1}\n")
        daemon.send_signal(signal.SIGHUP)
        daemon.stdin.write(bytes(64_000))
        daemon.stdin.flush()
        refused = "serve: a change of it needs a restart"
        until(lambda: refused in log.read_text(), "the change is refused")
        daemon.stdin.close()
        assert daemon.wait(WAIT_S) == 0
    finally:
        daemon.kill()
        daemon.wait(WAIT_S)
