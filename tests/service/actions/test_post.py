"""Requests, as a server of the standard library gets them, and servers that behave badly."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from earlet.config import Post
from earlet.errors import ConfigError
from earlet.service.actions.post import PostEvent
from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError
from tests.service.actions.mosquitto import PATIENCE_S

pytestmark = pytest.mark.usefixtures("descriptors", "no_proxy")


class Server(ThreadingHTTPServer):
    """Answers every request with one status, and remembers what it was asked."""

    daemon_threads = False  # they are waited for when it closes

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.server.requests.append((self.requestline, headers, body))
        self.send_response(self.server.status)
        self.send_header("Location", "file:///etc/passwd")
        self.end_headers()

    do_CONNECT = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextmanager
def serving(status: int = 200, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server(status) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def misbehaving(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server for one connection; its URL."""
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection, is_over)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            is_over.set()
            thread.join()


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is configured on this machine, whatever is."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_server_gets_the_event_as_json(event: Event) -> None:
    with serving() as server:
        url = f"{server.url}/api/webhook/earlet?a=b"
        PostEvent(Post(post=url, headers={"Authorization": "Bearer x"})).perform(event)
    [(line, headers, body)] = server.requests
    assert line == "POST /api/webhook/earlet?a=b HTTP/1.1"
    assert json.loads(body) == event
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer x"


def test_headers_of_the_configuration_go_before_ours(event: Event) -> None:
    with serving() as server:
        PostEvent(Post(post=server.url, headers={"Content-Type": "text/x"})).perform(event)
    [(line, headers, _)] = server.requests
    assert line == "POST / HTTP/1.1"
    assert headers["content-type"] == "text/x"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_some_statuses_are_a_success(event: Event, status: int) -> None:
    with serving(status) as server:
        PostEvent(Post(post=server.url)).perform(event)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *[(301, False), (302, False), (307, False), (400, False), (401, False), (404, False)],
        *[(408, True), (429, True), (500, True), (502, True), (503, True), (599, True)],
    ],
)
def test_others_are_failures_and_some_are_worth_another_try(
    event: Event, status: int, again: bool
) -> None:
    with (
        serving(status) as server,
        pytest.raises(ActionError, match=f"^answered {status}") as caught,
    ):
        PostEvent(Post(post=server.url)).perform(event)
    assert caught.value.again == again
    assert len(server.requests) == 1  # no redirect was followed


def drip(connection: socket.socket, is_over: threading.Event) -> None:
    """A header that never ends."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    try:
        while not is_over.wait(0.02):
            connection.sendall(b"x")
    except OSError:  # the other end is gone
        pass


def be_silent(_: socket.socket, is_over: threading.Event) -> None:
    is_over.wait()


@pytest.mark.parametrize("serve", [drip, be_silent])
def test_a_server_that_comes_to_no_end_is_left(
    event: Event, serve: Callable[[socket.socket, threading.Event], None]
) -> None:
    limit = r"^no answer within 0\.2 s$"
    with misbehaving(serve) as url, pytest.raises(ActionError, match=limit) as caught:
        PostEvent(Post(post=url, timeout_s=0.2)).perform(event)
    assert caught.value.again


def talk_nonsense(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(65_536)
    connection.sendall(b"SSH-2.0-OpenSSH\r\n")


def hang_up(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(65_536)


@pytest.mark.parametrize("serve", [talk_nonsense, hang_up])
def test_what_is_no_answer_is_worth_another_try(
    event: Event, serve: Callable[[socket.socket, threading.Event], None]
) -> None:
    with misbehaving(serve) as url, pytest.raises(ActionError, match=r"^no answer: ") as caught:
        PostEvent(Post(post=url)).perform(event)
    assert caught.value.again
    assert str(caught.value).isprintable()


def test_a_server_that_is_not_there_is_worth_another_try(event: Event) -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(ActionError, match=r"^no answer: Connection refused$") as caught:
        PostEvent(Post(post=url)).perform(event)
    assert caught.value.again


def test_a_name_that_no_host_can_have_is_told(event: Event) -> None:
    with pytest.raises(ActionError, match="label empty"):
        PostEvent(Post(post="http://a..b/")).perform(event)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("http://[::1]", "::1", 80), ("http://[::1]:81", "::1", 81), ("https://a", "a", 443)],
)
def test_the_port_is_that_of_the_address_or_the_usual_one(
    event: Event, monkeypatch: pytest.MonkeyPatch, url: str, host: str, port: int
) -> None:
    asked: list[tuple[str, int]] = []

    def connect(self: HTTPConnection) -> None:
        asked.append((self.host, self.port))
        raise ConnectionRefusedError

    for kind in (HTTPConnection, HTTPSConnection):
        monkeypatch.setattr(kind, "connect", connect)
    with pytest.raises(ActionError):
        PostEvent(Post(post=url)).perform(event)
    assert asked == [(host, port)]


def test_the_wait_for_an_answer_can_be_ended(
    event: Event,
    performing: Callable[[PostEvent, Event], AbstractContextManager[list[ActionError]]],
) -> None:
    came = threading.Event()

    def serve(connection: socket.socket, is_over: threading.Event) -> None:
        connection.recv(65_536)
        came.set()
        is_over.wait()

    with misbehaving(serve) as url:
        post = PostEvent(Post(post=url, timeout_s=3600))
        with performing(post, event) as problems:
            assert came.wait(PATIENCE_S)
            post.stop()
    assert [problem.again for problem in problems] == [True]


def test_what_is_ended_while_it_connects_is_not_sent(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        post = PostEvent(Post(post=server.url))
        connect = HTTPConnection.connect

        def stopped_meanwhile(self: HTTPConnection) -> None:
            connect(self)
            post.stop()

        monkeypatch.setattr(HTTPConnection, "connect", stopped_meanwhile)
        with pytest.raises(ActionError, match=r"^earlet ends$") as caught:
            post.perform(event)
    assert caught.value.again
    assert not server.requests


def test_tls_is_checked(
    event: Event, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(tls=context) as server:
        url = f"https://localhost:{server.server_port}"
        with pytest.raises(ActionError, match="certificate") as caught:
            PostEvent(Post(post=url)).perform(event)
        assert caught.value.again
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        PostEvent(Post(post=url)).perform(event)
    assert len(server.requests) == 1


def test_a_proxy_of_the_environment_is_asked(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:p%40ss@"))
        PostEvent(Post(post="http://light.invalid:81/on")).perform(event)
    [(line, headers, body)] = proxy.requests
    assert line == "POST http://light.invalid:81/on HTTP/1.1"
    assert headers["proxy-authorization"] == "Basic bWU6cEBzcw=="  # me:p@ss
    assert json.loads(body) == event


def test_a_proxy_carries_tls_through_a_tunnel(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(502) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(ActionError, match=r"^no answer: Tunnel connection failed: 502"):
            PostEvent(Post(post="https://light.invalid/on")).perform(event)
    [(line, *_)] = proxy.requests
    assert line.startswith("CONNECT light.invalid:443 HTTP/1.")


def test_a_proxy_that_is_none_is_told(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:secret@proxy:x")
    with pytest.raises(ActionError, match=r"^the proxy of the environment for http is none$"):
        PostEvent(Post(post="http://light.invalid")).perform(event)


def test_a_proxy_is_passed_by_for_hosts_that_need_none(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as server:
        PostEvent(Post(post=server.url)).perform(event)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "headers", "expected"),
    [
        ("http://", {}, "expected http://HOST:PORT/PATH, got 'http://'"),
        ("http://a:0", {}, "expected http://HOST:PORT/PATH"),
        ("http://me:secret@a:x", {}, "expected http://HOST:PORT/PATH: Port could not"),
        ("http://[a", {}, "expected http://HOST:PORT/PATH: Invalid IPv6 URL"),
        ("http://me:secret@a", {}, "it goes into headers"),
        ("http://me:secret@", {}, "it goes into headers"),
        ("http://a/secret ü", {}, "^post http://a: write what is no ASCII"),
        ("http://a/ü", {}, "write what is no ASCII as %C3%A9"),
        ("http://a/b c", {}, "and spaces as %20"),
        ("http://a/b\r\nX: y", {}, "write what is no ASCII"),
        ("http://a", {"a b": "c"}, "'a b' cannot be the name of a header"),
        ("http://a", {"X": "y\r\nZ: a"}, "the header X must be ASCII that prints"),
    ],
)
def test_what_cannot_be_asked_is_found_at_the_start(
    url: str, headers: dict[str, str], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        PostEvent(Post(post=url, headers=headers))
    assert "secret" not in str(caught.value)


def test_the_log_does_not_show_what_may_be_a_secret() -> None:
    assert PostEvent(Post(post="http://a:1/hook/secret?key=secret")).name == "post http://a:1"
