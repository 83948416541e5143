"""What `/v1/listen` does with its clients, whoever hears: workers are played."""

import hashlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from earlet.server import connections, listen
from earlet.server.failures import (
    DeadlinePassed,
    Draining,
    Loading,
    Overloaded,
    Refused,
    WorkerLost,
)
from earlet.server.models import Model
from tests.rig.virtual_microphone import until
from tests.server.listen.conftest import Played

S16 = 32_000  # bytes of a second at 16 kHz


@contextmanager
def begun(played: Played, **options: object) -> Iterator[ClientConnection]:
    """A client that has been told that all is ready."""
    with connect(played.url, compression=None) as client:
        client.send(json.dumps(options))
        ready = json.loads(client.recv(10))
        assert ready["event"] == "ready", ready
        yield client


def ended(client: ClientConnection) -> tuple[list[Any], int | None]:
    """What is still told, and the code with which it is closed."""
    events = []
    try:
        while True:
            events.append(json.loads(client.recv(10)))
    except ConnectionClosed:
        return events, client.close_code


def test_events_come_as_they_are_completed_and_the_end_when_it_is_asked_for(
    played: Played,
) -> None:
    with begun(played, rate=16_000) as client:
        stream = played.pool.stream
        stream.answer = [{"event": "detection", "label": "go"}, {"event": "final", "text": "ö"}]
        client.send(bytes(S16 // 10))
        assert [json.loads(client.recv(10)) for _ in range(2)] == stream.answer
        client.send('{"type": "flush"}')
        assert json.loads(client.recv(10)) == {"event": "flushed"}
        client.send('{"type": "close"}')
        assert ended(client) == ([{"event": "end"}], 1000)
    until(lambda: stream.is_closed, "the stream is given back")


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({}, "commands-en"),
        ({"scores": True}, "commands-en"),
        ({"commands": ["lights on"]}, "moonshine-tiny-en"),
        ({"partials": True}, "moonshine-tiny-en"),
        ({"language": "en"}, "moonshine-tiny-en"),
        (
            {"wake": {"labels": ["go"], "then": "commands"}, "commands": ["lights on"]},
            "commands-en",
        ),
        ({"model": "vad"}, "vad"),
    ],
)
def test_the_model_is_the_one_for_what_is_asked(
    played: Played, options: dict[str, Any], model: str
) -> None:
    with begun(played, **options):
        assert played.pool.opened == [model]
        assert played.pool.stream.options["format"] == "s16le"


@pytest.mark.parametrize(
    ("asked", "told"), [("en", None), ("en-US", None), (None, None), ("de", "de"), ("de_CH", "de")]
)
def test_a_network_of_one_language_is_not_told_which(
    played: Played, asked: str | None, told: str | None
) -> None:
    with begun(played, model="moonshine-tiny-en", language=asked):
        assert played.pool.stream.options["language"] == told
    with begun(played, wake={"labels": ["go"]}, language=asked):
        assert played.pool.stream.options["language"] == told


def test_the_recogniser_is_the_first_that_knows_the_language(played: Played) -> None:
    english = played.pool.models["moonshine-tiny-en"]
    manifest = replace(english.manifest, name="whisper", decoding={"languages": {"de": 1, "en": 2}})
    played.pool.models["whisper"] = Model("whisper", english.path, manifest)
    for language, model in (("de-AT", "whisper"), ("en", "moonshine-tiny-en")):
        with begun(played, language=language):
            assert played.pool.opened.pop() == model
    with begun(played, language="en", model="whisper"):
        assert played.pool.stream.options["language"] == "en"  # it has a choice


def test_a_large_message_is_heard_in_pieces_and_partial_results_wait(played: Played) -> None:
    with begun(played, rate=16_000) as client:
        client.send(bytes(5 * S16 + 1))
        client.send('{"type": "flush"}')
        client.recv(10)
    pushed = played.pool.stream.pushed
    assert sum(size for size, _ in pushed) == 5 * S16 + 1
    assert max(size for size, _ in pushed) == listen.PIECE_S * S16
    assert [late for _, late in pushed] == [True] * 9 + [False, False]


def test_a_flood_waits_at_the_sender_and_nothing_is_lost(played: Played) -> None:
    sound = bytes(range(256)) * 4_000 * 20  # 20 MB
    with begun(played, rate=16_000) as client:
        stream = played.pool.stream
        stream.may_go_on.clear()
        sent: list[int] = []

        def flood() -> None:
            for i in range(0, len(sound), 50_000):
                client.send(sound[i : i + 50_000])
                sent.append(i)
            client.send('{"type": "close"}')

        sender = threading.Thread(target=flood, daemon=True)
        sender.start()
        until(lambda: bool(stream.pushed), "sound is heard")
        sender.join(1)
        assert sender.is_alive()
        # What the kernel's buffers hold for both sides; what the server holds is a second.
        assert sent[-1] < 12_000_000
        stream.may_go_on.set()
        assert ended(client) == ([{"event": "end"}], 1000)
    assert hashlib.sha256(stream.sound).digest() == hashlib.sha256(sound).digest()


def test_a_client_that_does_not_read_is_let_go(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "SEND_S", 0.3)
    monkeypatch.setattr(listen, "CLOSE_S", 0.2)
    monkeypatch.setattr(connections, "LINGER_S", 0.2)
    small = socket.create_connection(("127.0.0.1", played.port))
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with connect(played.url, sock=small, compression=None, max_queue=1) as client:
        client.send('{"rate": 16000}')
        client.recv(10)
        stream = played.pool.stream
        stream.answer = [{"event": "final", "text": "a" * 1_000_000}] * 20
        client.send(bytes(1_000))
        until(lambda: stream.is_closed, "the stream is given back")
        until(lambda: not played.server.server_state.connections, "the connection is gone")


@pytest.mark.parametrize(
    ("options", "what"), [(None, "the first message"), ({"rate": 16_000}, "sound")]
)
def test_a_client_that_sends_nothing_is_let_go(
    played: Played, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any] | None, what: str
) -> None:
    monkeypatch.setattr(listen, "IDLE_S", 0.2)
    monkeypatch.setattr(listen, "FIRST_S", 0.2)
    with connect(played.url) if options is None else begun(played, **options) as client:
        (event,), code = ended(client)
    assert event["error"] == f"{what} has not come for 0.2 s"
    assert code == 1008


def test_a_client_that_waits_for_a_slow_answer_is_not_silent(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "IDLE_S", 0.2)
    with begun(played, rate=16_000) as client:
        stream = played.pool.stream
        stream.may_go_on.clear()
        client.send(bytes(1_000))
        with pytest.raises(TimeoutError):
            client.recv(0.5)
        stream.answer = [{"event": "final"}]
        stream.may_go_on.set()
        assert json.loads(client.recv(10)) == {"event": "final"}


def test_a_client_that_leaves_ends_what_is_done_for_it(played: Played) -> None:
    with begun(played) as client:
        stream = played.pool.stream
        stream.may_go_on.clear()
        client.send(bytes(1_000))
        until(lambda: bool(stream.pushed), "sound is heard")
        client.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: stream.was_cancelled and stream.is_closed, "it is given up")


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        (WorkerLost("the process was ended by signal 11"), 1011, "the process was ended"),
        (Refused("InputError", "sample 3 is nan"), 1007, "sample 3 is nan"),
        (Refused("BackendError", "/secret"), 1011, "the log says why"),
        (DeadlinePassed("too slow"), 1011, "too slow"),
        (Overloaded("full"), 1013, "full"),
        (Loading("it is tried again later", estimated_s=1), 1013, "again later"),
        (Draining(), 1001, "about to end"),
        (ValueError("/secret"), 1011, "internal error"),
    ],
)
def test_what_goes_wrong_is_told_and_ends_the_stream(
    played: Played,
    failure: Exception,
    code: int,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with begun(played) as client:
        stream = played.pool.stream
        stream.failure = failure
        client.send(bytes(100))
        (event,), found = ended(client)
    assert event["event"] == "error"
    assert told in event["error"]
    assert "/secret" not in event["error"]
    assert found == code
    until(lambda: stream.is_closed, "the stream is given back")
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert bool(logged) == isinstance(failure, ValueError)


def test_a_server_that_ends_says_so_where_it_was_within_a_sample_too(played: Played) -> None:
    with begun(played) as client:
        stream = played.pool.stream
        stream.last_failure = Refused("InputError", "the sound ends within a frame")
        client.send(bytes(101))
        until(lambda: bool(stream.pushed), "sound is heard")
        app: Any = played.server.config.app
        app.state.served.is_draining = True
        for connection in [*played.server.server_state.connections]:
            connection.loop.call_soon_threadsafe(connection.shutdown)
        (event,), code = ended(client)
    assert (event["kind"], code) == ("draining", 1001)


def test_options_in_the_address_are_not_passed_over(played: Played) -> None:
    with connect(f"{played.url}?rate=48000") as client:
        (event,), code = ended(client)
    assert (event["kind"], code) == ("bad-request", 1008)
    assert "first message" in event["error"]


@pytest.mark.parametrize("message", ["full", "ü" * 200])
def test_what_is_wrong_is_the_reason_of_the_end_too(played: Played, message: str) -> None:
    with begun(played) as client:
        played.pool.stream.failure = Overloaded(message)
        client.send(bytes(100))
        ended(client)
    reason = client.close_reason
    assert reason
    assert message.startswith(reason)
    assert len(reason.encode()) in (len(message), 122)  # at most 123: RFC 6455, 5.5


def test_who_says_nothing_takes_no_stream_from_others(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "MAX_STREAMS", 1)
    with connect(played.url), connect(played.url), begun(played):
        pass


def test_there_are_no_more_streams_than_may_be(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "MAX_STREAMS", 2)
    with begun(played), begun(played) as second:
        with connect(played.url) as third:
            third.send("{}")
            (event,), code = ended(third)
            assert (event["kind"], code) == ("overloaded", 1013)
        second.close()
        until(lambda: played.pool.streams[1].is_closed, "the second is over")
        with begun(played):
            pass


FIRST: list[tuple[str | bytes, str, int]] = [
    (b"\0" * 100, "as JSON, before any sound", 1003),
    ("rate=16000", "expected JSON", 1007),
    ('{"rate": NaN}', "expected JSON, which has no NaN", 1007),
    ('{"rate": 16000, "rate": 16000}', "'rate' twice", 1007),
    ("[" * 100_000, "levels", 1007),
    ("[]", "expected a mapping", 1008),
    ('{"ratee": 16000}', "unknown key 'ratee'; did you mean 'rate'", 1008),
    ('{"rate": 7999}', "expected 8000 to 192000 Hz", 1008),
    ('{"channels": 9}', "channels: expected 1 to 8, got 9", 1008),
    ('{"format": "s24le"}', "expected one of f32le, s16le", 1008),
    ('{"model": "moonshin-tiny"}', "did you mean 'moonshine-tiny-en'", 1008),
    ('{"model": "../models/vad"}', "model: there is no '../models/vad'", 1008),
    ('{"model": "sentiment-en"}', "sentiment-en is for text-classification, and not for", 1008),
    ('{"model": "yamnet"}', "model: yamnet is for audio-classification, and not for a str", 1008),
    ('{"model": "whisper-1"}', "known are commands-en, moonshine-tiny-en, vad", 1008),
    (
        '{"wake": {"labels": ["go"]}, "recogniser": "/etc/passwd"}',
        "recogniser: none is called '/etc/passwd'",
        1008,
    ),
    ('{"wake": {"labels": ["go"]}, "recogniser": "vad"}', "recogniser: none is called 'v", 1008),
    ('{"recogniser": "moonshine-tiny-en"}', "recogniser: hears what follows a wake word", 1008),
    ('{"commands": "lights on"}', "options.commands: expected a list, got 'lights on'", 1008),
    ('{"confirm": {"bundle": "/etc"}}', "unknown key 'bundle'", 1008),
    ('{"labels": {"go": {"actions": [{"run": ["true"]}]}}}', "unknown key 'actions'", 1008),
]


@pytest.mark.parametrize(("message", "told", "code"), FIRST)
def test_a_first_message_that_cannot_be_is_refused(
    played: Played, message: str | bytes, told: str, code: int
) -> None:
    with connect(played.url, compression=None) as client:
        client.send(message)
        (event,), found = ended(client)
    assert event["event"] == "error"
    assert told in event["error"]
    assert found == code
    assert not played.pool.opened


@pytest.mark.parametrize(
    ("message", "told", "code"),
    [
        ('{"rate": 8000}', "the options of a stream do not change", 1008),
        ('{"type": "flush", "rate": 8000}', "the options of a stream do not change", 1008),
        ('{"type": "stopp"}', 'expected {"type": "flush"}', 1008),
        ("stop", "expected JSON", 1007),
        ("", "expected JSON", 1007),
    ],
)
def test_a_text_that_says_nothing_ends_the_stream(
    played: Played, message: str, told: str, code: int
) -> None:
    with begun(played, rate=16_000) as client:
        client.send(message)
        (event,), found = ended(client)
    assert told in event["error"]
    assert found == code


def test_a_message_that_is_too_large_ends_the_stream_before_it_is_read(played: Played) -> None:
    with begun(played, rate=16_000) as client:
        # The head of a binary frame of 100 MB, RFC 6455, 5.2.
        client.socket.sendall(b"\x82\xff" + (100_000_000).to_bytes(8, "big") + bytes(4))
        assert ended(client) == ([], 1009)
    stream = played.pool.stream
    until(lambda: stream.is_closed, "the stream is given back")
    assert not stream.pushed


def test_nobody_is_taken_for_gone_whose_sound_waits(played: Played) -> None:
    # The answer to a ping would have to wait, too, for a minute of sound on a slow device.
    assert played.server.config.ws_ping_interval is None


def test_who_asks_for_answers_and_never_reads_them_is_let_go(played: Played) -> None:
    pings = (b"\x89\xfd" + bytes(4) + bytes(125)) * 1_000  # RFC 6455, 5.5.2
    n_sent = 0
    with socket.create_connection(("127.0.0.1", played.port), timeout=10) as client:
        client.sendall(
            b"GET /v1/listen HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert client.recv(12) == b"HTTP/1.1 101"
        with suppress(ConnectionError):
            while n_sent < 100_000_000:
                client.sendall(pings)
                n_sent += len(pings)
    assert n_sent < 40_000_000  # what the kernel's buffers hold, both ways
