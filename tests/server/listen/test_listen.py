"""`/v1/listen` of a server as it is started, with the real networks."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from earlet.arrays import INT16_SCALE
from earlet.config import ListenConfig
from earlet.tasks import Pipelines
from earlet.tasks.listening import Listening
from tests.rig.virtual_microphone import until
from tests.server.program import Program

RATE = 16_000  # Hz
CLOSE = json.dumps({"type": "close"})
WAIT_S = 60.0  # at most, for an answer: the machine may be busy
TYPED = ("left", "right", "{up|down}")


@pytest.fixture(scope="module")
def commands(recordings: Path) -> bytes:
    """Eight commands and a sentence, s16le."""
    return pcm(recordings / "commands.flac")


@pytest.fixture(scope="module")
def sentences(recordings: Path) -> bytes:
    """Two utterances, s16le."""
    return pcm(recordings / "speech.flac")


def pcm(path: Path) -> bytes:
    samples, _ = soundfile.read(path, dtype="int16")
    return np.asarray(samples).astype("<i2").tobytes()


@contextmanager
def stream(
    server: Program, headers: Mapping[str, str] | None = None, /, **options: Any
) -> Iterator[ClientConnection]:
    """A client that has sent its options."""
    url = server.url.replace("http", "ws", 1) + "/v1/listen"
    with connect(url, additional_headers=headers, compression=None) as client:
        client.send(json.dumps(options))
        yield client


def told(client: ClientConnection) -> Any:
    """The next event."""
    return json.loads(client.recv(WAIT_S))


def rest(client: ClientConnection) -> tuple[list[Any], int | None]:
    """All further events, and the code with which the server closes."""
    events = []
    try:
        while True:
            events.append(told(client))
    except ConnectionClosed:
        return events, client.close_code


def named(events: Sequence[Any], name: str) -> list[Any]:
    return [event for event in events if event["event"] == name]


@pytest.mark.parametrize(
    ("options", "config", "names"),
    [
        ({}, ListenConfig(), {"detection"}),
        (
            {"commands": TYPED, "rejections": True},
            ListenConfig(commands=TYPED),
            {"detection", "rejection"},
        ),
        ({"model": "moonshine-tiny-en"}, ListenConfig(bundle="moonshine-tiny-en"), {"final"}),
        ({"model": "vad"}, ListenConfig(bundle="vad"), {"speech"}),
    ],
    ids=["a spotter", "typed commands", "speech", "voices"],
)
def test_events_are_those_of_listening_to_the_bit_however_messages_are_cut(
    server: Program,
    commands: bytes,
    options: dict[str, Any],
    config: ListenConfig,
    names: set[str],
) -> None:
    sound = commands[: 2 * 12 * RATE]
    listening = Listening(config, pipelines=Pipelines())
    waveform = np.frombuffer(sound, dtype="<i2").astype(np.float32) * INT16_SCALE
    expected = [event.to_json() for event in (*listening.push(waveform), *listening.flush())]
    if "rejections" not in options:
        expected = [event for event in expected if "rejected" not in event]
    cuts = random.Random(7)  # where messages are cut
    with stream(server, **options) as client:
        ready = told(client)
        at = 0
        while at < len(sound):
            size = cuts.choice([1, 3, 640, 3_201, 64_000])
            client.send(sound[at : at + size])
            at += size
        client.send(CLOSE)
        events, code = rest(client)
    assert ready["event"] == "ready"
    assert ready["rate"] == RATE
    assert ready["labels"] == [*listening.labels]
    assert code == 1000
    assert events.pop() == {"event": "end"}
    assert {event.pop("event") for event in events} == names
    assert events == expected


def test_any_words_that_are_typed_become_commands(server: Program, commands: bytes) -> None:
    with stream(server, commands=["go", "turn left", "up", "five", "zero"]) as client:
        assert told(client)["model"] == "moonshine-tiny-en"
        client.send(commands[: len(commands) // 2])
        client.send(commands[len(commands) // 2 :])
        client.send(CLOSE)
        events, _ = rest(client)
    heard = [event["label"] for event in named(events, "detection")]
    assert heard == ["go", "up", "five", "zero"]  # the others were not typed


def test_what_is_being_said_comes_while_somebody_speaks(server: Program, sentences: bytes) -> None:
    second = 2 * RATE
    with stream(server, model="moonshine-tiny-en", partials=True) as client:
        assert told(client)["event"] == "ready"
        for i in range(20):  # as it is spoken: partial results are for those who do not hurry
            client.send(sentences[i * second // 10 : (i + 1) * second // 10])
            time.sleep(0.1)
        client.send(json.dumps({"type": "flush"}))
        events = [told(client)]
        while events[-1]["event"] != "flushed":
            events.append(told(client))
        client.send(CLOSE)
        assert rest(client) == ([{"event": "end"}], 1000)
    partials, (final,) = named(events, "partial"), named(events, "final")
    assert partials
    assert partials[0]["timestamp"][1] < 1.5
    for partial in partials:
        assert final["text"].startswith(partial["stable"])
    assert events.index(partials[-1]) < events.index(final)


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_guarded_server_refuses_who_does_not_know_its_token(
    guarded_server: Program, token: str | None
) -> None:
    with stream(guarded_server, model="vad", token=token) as client:
        (event,), code = rest(client)
    assert event["kind"] == "unauthorized"
    assert code == 1008
    headers = {"Authorization": f"Bearer {token or 'other'}"}
    with pytest.raises(InvalidStatus) as refused, stream(guarded_server, headers):
        pass
    assert refused.value.response.status_code == 401


def test_a_token_comes_in_a_header_or_as_pages_do_it_in_the_first_message(
    guarded_server: Program,
) -> None:
    with stream(guarded_server, guarded_server.headers, model="vad") as client:
        assert told(client)["event"] == "ready"
    with stream(guarded_server, model="vad", token=guarded_server.token) as client:
        assert told(client)["event"] == "ready"


def test_a_page_of_another_site_does_not_listen(server: Program) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        stream(server, {"Origin": "https://elsewhere.example"}),
    ):
        pass
    assert refused.value.response.status_code == 403
    with stream(server, {"Origin": server.url}, model="vad") as client:
        assert told(client)["event"] == "ready"


def test_sound_that_is_none_ends_its_stream_alone(server: Program, sentences: bytes) -> None:
    with stream(server, model="vad") as other, stream(server, model="vad", format="f32le") as one:
        assert told(other)["event"] == told(one)["event"] == "ready"
        one.send(np.array([0, np.nan], dtype="<f4").tobytes())
        (event,), code = rest(one)
        assert "sample 1 is nan" in event["error"]
        assert code == 1007
        other.send(sentences)
        other.send(CLOSE)
        events, code = rest(other)
        assert named(events, "speech")
        assert code == 1000


def test_half_a_sample_at_the_end_is_told(server: Program) -> None:
    with stream(server, model="vad") as client:
        told(client)
        client.send(bytes(1_001))
        client.send(CLOSE)
        (event,), code = rest(client)
        assert "ends within a frame" in event["error"]
        assert code == 1007


def test_a_worker_that_crashes_ends_its_streams_and_no_others(
    start_server: Callable[..., Program], commands: bytes
) -> None:
    server = start_server()
    with stream(server, confirm="off") as spotter:
        assert told(spotter)["event"] == "ready"
        before = server.children
        with stream(server, model="vad") as voices:
            assert told(voices)["event"] == "ready"
            (worker,) = server.children - before
            os.kill(worker, signal.SIGSEGV)
            until(lambda: worker not in server.children, "it is gone")
            voices.send(commands)
            (event,), code = rest(voices)
            assert event["kind"] == "worker-lost"
            assert code == 1011
        spotter.send(commands)
        spotter.send(CLOSE)
        events, code = rest(spotter)
        assert len(named(events, "detection")) == 8
        assert code == 1000
    with stream(server, model="vad") as again:
        assert told(again)["event"] == "ready"


def test_a_server_that_ends_tells_what_was_said_so_far(
    start_server: Callable[..., Program], sentences: bytes
) -> None:
    server = start_server()
    with stream(server, model="moonshine-tiny-en") as client:
        assert told(client)["event"] == "ready"
        client.send(sentences[: 2 * 3 * RATE])
        os.kill(server.pid, signal.SIGTERM)
        events, code = rest(client)
    assert [event["event"] for event in events] == ["final", "error"]
    assert events[1]["kind"] == "draining"
    assert code == 1001


def test_a_flood_of_sound_leaves_memory_as_it_was(start_server: Callable[..., Program]) -> None:
    server = start_server()
    minute = bytes(2 * 60 * RATE)
    with stream(server, confirm="off") as client:
        assert told(client)["event"] == "ready"
        for _ in range(2):
            client.send(minute[:1_000_000])
        before = resident(server)
        for _ in range(12):
            for i in range(0, len(minute), 500_000):
                client.send(minute[i : i + 500_000])
        client.send(CLOSE)
        assert rest(client) == ([{"event": "end"}], 1000)
        assert resident(server) < before + 10e6  # of 23 MB that went through


def resident(server: Program) -> float:
    """Bytes of its processes."""
    pages = [
        int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        for pid in (server.pid, *server.children)
    ]
    return float(sum(pages) * os.sysconf("SC_PAGE_SIZE"))
