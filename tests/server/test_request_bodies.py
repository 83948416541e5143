"""Bodies that are slow, too large, or end nowhere: by sockets, and as clients see them."""

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from earlet.config import ServeConfig
from earlet.server import guard
from tests.rig.virtual_microphone import WAIT_S, until
from tests.server.wire import (
    SOON_S,
    Answering,
    answering,
    dripping,
    is_ended,
    read_answer,
    request,
)

PIECE = bytes(1 << 20)
TOO_MUCH = 100  # pieces, where 64 MB are allowed


async def echo(request: Request) -> Response:
    return Response(await request.body())


ROUTES = [Route("/echo", echo, methods=["POST"])]


@pytest.fixture(scope="module")
def wire() -> Iterator[Answering]:
    with answering(routes=ROUTES) as it:
        yield it


def test_half_a_body_and_then_silence_is_408(
    monkeypatch: pytest.MonkeyPatch, wire: Answering
) -> None:
    monkeypatch.setattr(guard, "SILENCE_S", SOON_S)
    monkeypatch.setattr(guard, "BODY_S", 10 * WAIT_S)
    answer = wire.ask(request("Content-Length: 10", body=b"half a", path="/echo"))
    assert answer.status == 408
    assert json.loads(answer.body) == {"error": "the body stopped to come after 6 bytes"}
    assert answer.is_last


def test_a_body_that_comes_drop_by_drop_is_408(
    monkeypatch: pytest.MonkeyPatch, wire: Answering
) -> None:
    monkeypatch.setattr(guard, "BODY_S", SOON_S)
    with wire.connect() as connection:
        connection.sendall(request("Content-Length: 1000", path="/echo"))
        with dripping(connection):
            assert read_answer(connection).status == 408


def test_a_body_may_take_longer_the_more_of_it_comes(
    monkeypatch: pytest.MonkeyPatch, wire: Answering
) -> None:
    monkeypatch.setattr(guard, "BODY_S", SOON_S)
    monkeypatch.setattr(guard, "BYTES_PER_S", 1)
    with wire.connect() as connection:
        connection.sendall(request("Content-Length: 20", path="/echo", body=bytes(10)))
        time.sleep(2 * SOON_S)
        connection.sendall(bytes(10))
        assert read_answer(connection).body == bytes(20)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["Content-Length: 5", "Content-Length: 6"], b"hello"),
        (["Content-Length: -5"], b"hello"),
        (["Content-Length: 5 5"], b"hello"),
        ([f"Content-Length: {'9' * 30}"], b"hello"),
        (["Transfer-Encoding: chunked"], b"-5\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"f" * 30 + b"\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"5\r\nhello!"),
        (["Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n"),
        (["Host: localhost"], b""),
        (["A B: c"], b""),
        (["A: \0"], b""),
    ],
)
def test_a_request_whose_end_is_not_plain_is_refused(
    wire: Answering, head: list[str], body: bytes
) -> None:
    answer = wire.ask(request(*head, body=body, path="/echo"))
    assert answer.status in (400, 501)
    assert list(json.loads(answer.body)) == ["error"]
    assert answer.is_last


def test_a_body_that_breaks_off_as_no_http_is_refused_once(
    wire: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    with wire.connect() as connection:
        connection.sendall(
            request("Transfer-Encoding: chunked", path="/echo", body=b"5\r\nhello\r\n")
        )
        until(lambda: wire.served.traffic.running == 1, "it is being read")
        connection.sendall(b"no number\r\n")
        assert read_answer(connection).status == 400
        assert is_ended(connection)
        until(lambda: wire.served.traffic.running == 0, "nobody waits for more")
    assert not [record for record in caplog.records if record.exc_info]


def test_what_follows_a_broken_body_is_thrown_away_so_that_the_answer_is_seen(
    wire: Answering,
) -> None:
    chunk = b"11170\r\n" + bytes(70_000) + b"\r\n"  # more than uvicorn reads before it is asked
    with wire.connect() as connection:
        connection.sendall(
            request("Transfer-Encoding: chunked", path="/echo", body=chunk + b"x\r\n")
        )
        connection.sendall(PIECE * 20)
        assert read_answer(connection).status == 400


def test_a_body_that_is_too_large_is_413_before_it_is_read(wire: Answering) -> None:
    answer = wire.ask(request("Content-Length: 1000000000", path="/echo", body=b"begun"))
    assert (answer.status, answer.is_last) == (413, True)
    told = {"error": "expected a body of at most 64000000 bytes, got 1000000000"}
    assert json.loads(answer.body) == told


def test_all_bodies_together_are_bounded() -> None:
    """Four of the largest; one more is refused until one of them is answered."""
    nearly = bytes(990_000)
    whole = request("Content-Length: 1000000", path="/echo", body=bytes(1_000_000))
    with answering(ServeConfig(max_body_mb=1, drain_s=0), ROUTES) as server, ExitStack() as stack:
        halves = [stack.enter_context(server.connect()) for _ in range(4)]
        for half in halves:
            half.sendall(request("Content-Length: 1000000", path="/echo", body=nearly))
        until(lambda: server.served.traffic.bytes_held == 4 * len(nearly), "they are read")
        refused = server.ask(whole)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        halves[0].sendall(bytes(10_000))
        assert read_answer(halves[0]).status == 200
        assert server.ask(whole).status == 200


def test_who_asks_before_sending_is_told_before_sending(wire: Answering) -> None:
    large = ("Expect: 100-continue", "Content-Length: 1000000000")
    assert wire.ask(request(*large, path="/echo")).status == 413  # and no 100 before it
    with wire.connect() as connection:
        connection.sendall(request("Expect: 100-continue", "Content-Length: 5", path="/echo"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        assert read_answer(connection).body == b"hello"


def pieces() -> Iterator[bytes]:
    for _ in range(TOO_MUCH):
        yield PIECE


@pytest.mark.parametrize("is_chunked", [False, True])
def test_pythons_own_client_sees_that_it_sends_too_much(wire: Answering, is_chunked: bool) -> None:
    client = http.client.HTTPConnection("localhost", wire.port, timeout=WAIT_S)
    headers = {} if is_chunked else {"Content-Length": str(TOO_MUCH * len(PIECE))}
    client.request("POST", "/echo", pieces(), headers, encode_chunked=is_chunked)
    assert client.getresponse().status == 413
    client.close()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_requests_sees_that_it_sends_too_much(wire: Answering, is_chunked: bool) -> None:
    data = pieces() if is_chunked else PIECE * TOO_MUCH
    url = f"http://localhost:{wire.port}/echo"
    assert requests.post(url, data=data, timeout=WAIT_S).status_code == 413


@pytest.mark.parametrize("flags", [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"]])
def test_curl_sees_that_it_sends_too_much(
    wire: Answering, tmp_path: Path, flags: list[str]
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    file = tmp_path / "large"
    file.write_bytes(PIECE * TOO_MUCH)
    command = ["curl", "-s", "-w", "%{http_code}", "--data-binary", f"@{file}", *flags]
    told = subprocess.run(
        [*command, f"http://localhost:{wire.port}/echo"],
        capture_output=True,
        timeout=WAIT_S,
        check=True,
    )
    assert told.stdout.endswith(b"}413")


def test_node_sees_that_it_sends_too_much(wire: Answering) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = f"""
        const body = new Uint8Array({TOO_MUCH * len(PIECE)});
        const answer = await fetch("http://127.0.0.1:{wire.port}/echo", {{method: "POST", body}});
        console.log(answer.status, await answer.text());
    """
    told = subprocess.run(
        [node, "--input-type=module", "-e", script],
        capture_output=True,
        timeout=WAIT_S,
        check=True,
    )
    assert told.stdout.startswith(b"413 {")
