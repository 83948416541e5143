"""MQTT, with the real mosquitto: what arrives, and what a broker that is away costs (nothing)."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from earlet.config import LabelConfig, ListenConfig, MqttConfig, Publish
from earlet.errors import ConfigError
from earlet.results import Chunk, Detection
from earlet.service.actions import Actions, broker, worker
from earlet.service.actions.mqtt import Connection
from tests.service.actions.mosquitto import READER, Mosquitto

STATUS = "kitchen/status"  # the default has the host's name in it
Until = Callable[[Callable[[], object]], None]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the usual pauses."""
    monkeypatch.setattr(broker, "FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(broker, "MAX_DELAY_S", 0.1)
    monkeypatch.setattr(worker, "FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(worker, "MAX_DELAY_S", 0.1)


def at(mosquitto: Mosquitto, **settings: Any) -> MqttConfig:
    """How to reach it, as a client with names of the test's own."""
    names = {"client_id": "kitchen", "status_topic": STATUS}
    return MqttConfig(host="localhost", port=mosquitto.port, **{**names, **settings})


def configured(
    mosquitto: Mosquitto, *, queue: Path | None = None, **settings: object
) -> ListenConfig:
    return ListenConfig(
        mqtt=at(mosquitto, **settings),
        queue=None if queue is None else str(queue),
        labels={"*": LabelConfig(actions=(Publish(publish="home/heard"),))},
        speech=(Publish(publish="home/said", qos=2),),
    )


def heard(n: int) -> Detection:
    return Detection("go", 0.9, n, n + 0.5)


def has_done(actions: Actions, n: int) -> bool:
    return actions.counts["done"] == n


Started = Callable[..., Actions]


@pytest.fixture
def started(mosquitto: Mosquitto) -> Iterator[Started]:
    """`started(labels, **settings)`: actions, none of whose threads outlives the test."""
    made: list[Actions] = []

    def started(*labels: str, queue: Path | None = None, **settings: object) -> Actions:
        made.append(Actions(configured(mosquitto, queue=queue, **settings), labels))
        made[-1].start()
        return made[-1]

    yield started
    for actions in made:
        actions.close(10)
    assert {thread.name for thread in threading.enumerate()} <= {"MainThread", READER}


def test_what_was_heard_and_said_is_published(mosquitto: Mosquitto, started: Started) -> None:
    mosquitto.start()
    subscriber = mosquitto.subscribe("home/#")
    actions = started()
    actions.submit(heard(1))
    first = subscriber.next()
    assert (first.topic, first.qos, first.is_retained) == ("home/heard", 1, False)
    time = first.json.pop("time")
    assert first.json == {"label": "go", "score": 0.9, "start_s": 1, "end_s": 1.5, "time": time}
    actions.submit(Chunk("hello", (0, 1)))
    second = subscriber.next()
    assert (second.topic, second.qos) == ("home/said", 2)
    assert second.json["text"] == "hello"


@pytest.mark.parametrize(("qos", "retain"), [(0, False), (1, True), (2, True)])
def test_quality_and_retention_are_those_of_the_action(
    mosquitto: Mosquitto, qos: int, retain: bool, until: Until
) -> None:
    mosquitto.start()
    live = mosquitto.subscribe("lamp")
    action = Publish(publish="lamp", qos=qos, retain=retain)  # type: ignore[arg-type]
    actions = Actions(ListenConfig(mqtt=at(mosquitto), speech=(action,)))
    actions.start()
    actions.submit(Chunk("hello", (0, 1)))
    assert live.next().qos == qos
    until(lambda: actions.counts["done"] == 1)
    actions.close(10)
    later = mosquitto.subscribe("#", "-C", "2" if retain else "1", "-T", "nothing")
    found = {later.next().topic for _ in range(2 if retain else 1)}
    assert found == ({"lamp", STATUS} if retain else {STATUS})


def test_the_status_says_online_deaf_and_offline(mosquitto: Mosquitto, started: Started) -> None:
    mosquitto.start()
    subscriber = mosquitto.subscribe(STATUS)
    actions = started()
    assert subscriber.next().payload == "online"
    actions.listening(True)
    assert subscriber.next().payload == "deaf"
    actions.listening(False)
    assert subscriber.next().payload == "online"
    actions.close(10)
    assert subscriber.next().payload == "offline"
    late = mosquitto.subscribe(STATUS).next()
    assert (late.payload, late.is_retained) == ("offline", True)


def test_the_broker_says_offline_for_who_was_killed(mosquitto: Mosquitto) -> None:
    mosquitto.start()
    subscriber = mosquitto.subscribe(STATUS)
    code = f"""
import threading
from earlet.config import ListenConfig, MqttConfig
from earlet.service.actions import Actions
mqtt = MqttConfig(host="localhost", port={mosquitto.port}, status_topic="{STATUS}")
Actions(ListenConfig(mqtt=mqtt)).start()
threading.Event().wait()
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert subscriber.next().payload == "online"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subscriber.next().payload == "offline"


def test_a_broker_that_begins_later_gets_all_in_order(
    mosquitto: Mosquitto, started: Started, until: Until
) -> None:
    mosquitto.start()
    subscriber = mosquitto.subscribe("home/#")
    mosquitto.stop()
    actions = started()
    for n in range(5):
        actions.submit(heard(n))
    until(lambda: actions.counts["retried"] >= 2)
    mosquitto.start()
    assert [subscriber.next().json["start_s"] for _ in range(5)] == [0, 1, 2, 3, 4]
    until(lambda: actions.counts["done"] == 5)
    assert actions.counts["waiting"] == actions.counts["dropped"] == 0


def test_a_broker_that_comes_back_gets_all_in_order_and_once(
    tmp_path: Path, mosquitto: Mosquitto, started: Started, until: Until
) -> None:
    mosquitto.start()
    subscriber = mosquitto.subscribe("home/#")
    actions = started(queue=tmp_path / "queue")
    actions.submit(heard(0))
    assert subscriber.next().json["start_s"] == 0
    mosquitto.stop()
    for n in range(1, 8):
        actions.submit(heard(n))
    until(lambda: len([*(tmp_path / "queue").glob("*.json")]) == 7)
    mosquitto.start()
    assert [subscriber.next().json["start_s"] for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    actions.submit(heard(8))
    assert subscriber.next().json["start_s"] == 8
    until(lambda: not [*(tmp_path / "queue").glob("*.json")])


def test_what_waited_when_earlet_ended_is_published_by_the_next(
    tmp_path: Path, mosquitto: Mosquitto, started: Started, until: Until
) -> None:
    first = started(queue=tmp_path / "queue")
    for n in range(3):
        first.submit(heard(n))
    until(lambda: first.counts["waiting"] == 3)
    first.close(2)
    mosquitto.start()
    subscriber = mosquitto.subscribe("home/#")
    started(queue=tmp_path / "queue")
    assert [subscriber.next().json["start_s"] for _ in range(3)] == [0, 1, 2]


def test_a_broker_that_hangs_blocks_nothing(
    tmp_path: Path,
    mosquitto: Mosquitto,
    started: Started,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(broker, "ANSWER_S", 0.2)
    mosquitto.start()
    subscriber = mosquitto.subscribe("home/#")
    actions = started(queue=tmp_path / "queue")
    actions.submit(heard(0))
    subscriber.next()
    mosquitto.pause()
    for n in range(1, 4):
        actions.submit(heard(n))
    until(lambda: "the broker did not acknowledge it" in caplog.text)
    actions.listening(True)
    actions.close(2)
    assert len([*(tmp_path / "queue").glob("*.json")]) == 3
    mosquitto.go_on()
    started(queue=tmp_path / "queue")
    seen = list(iter(lambda: subscriber.next().json["start_s"], 3))
    # It took the first while it hung, which nobody could know: twice is better than never.
    assert seen in ([1, 2], [1, 1, 2])


def test_a_wrong_password_is_told_and_a_right_one_lets_in(
    tmp_path: Path, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"
    made = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    passwords.touch()
    program = shutil.which("mosquitto_passwd")
    assert program, "it comes with the broker"
    subprocess.run([program, "-b", passwords, "ear", "right"], check=True)
    ours = tmp_path / "password"
    ours.touch(0o600)
    ours.write_text("wrong\n")
    made.start()
    try:
        wrong = Actions(configured(made, username="ear", password_file=str(ours)))
        wrong.start()
        until(lambda: "does not let us in: Not authorized; trying again" in caplog.text)
        wrong.submit(heard(1))
        wrong.close(2)
        assert wrong.counts["done"] == 0
        ours.write_text("right\n")
        right = Actions(configured(made, username="ear", password_file=str(ours)))
        right.start()
        right.submit(heard(1))
        until(lambda: right.counts["done"] == 1)
        right.close(2)
    finally:
        made.close()
    assert "right" not in caplog.text


# paho leaves the socket of a handshake that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_tls_is_checked(
    tmp_path: Path,
    certificate: tuple[Path, Path],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Mosquitto(
        tmp_path,
        "allow_anonymous true",
        f"certfile {certificate[0]}",
        f"keyfile {certificate[1]}",
    )
    made.start()
    try:
        strange = Actions(configured(made, tls=True))
        strange.start()
        until(lambda: "certificate" in caplog.text)
        strange.close(2)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        known = Actions(configured(made, tls=True))
        known.start()
        known.submit(heard(1))
        until(lambda: known.counts["done"] == 1)
        known.close(2)
    finally:
        made.close()


def test_whatever_keeps_it_from_connecting_is_over_some_time(
    mosquitto: Mosquitto,
    started: Started,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    problems = [RuntimeError("can't start new thread")]
    connect = Connection.__enter__

    def connect_or_fail(connection: Connection) -> Connection:
        if problems:
            raise problems.pop()
        return connect(connection)

    monkeypatch.setattr(Connection, "__enter__", connect_or_fail)
    mosquitto.start()
    actions = started()
    actions.submit(heard(1))
    until(partial(has_done, actions, 1))
    assert "can't start new thread; trying again" in caplog.text


def test_what_listens_there_and_is_no_broker_is_told(
    mosquitto: Mosquitto, started: Started, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", mosquitto.port)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        started()
        until(lambda: "does not answer; trying again" in caplog.text)
        thread.join()


@pytest.mark.usefixtures("descriptors")
def test_nothing_is_left_of_many_connections(
    mosquitto: Mosquitto, started: Started, until: Until
) -> None:
    actions = started()
    for n in range(4):
        mosquitto.start()
        actions.submit(heard(n))
        until(partial(has_done, actions, n + 1))
        mosquitto.stop()
    actions.close(10)


def test_paho_is_asked_for_where_it_is_missing(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(ConfigError, match=r"^mqtt: needs paho-mqtt: pip install 'earlet\[mqtt\]'$"):
        Actions(configured(mosquitto))


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\nb", "ä" * 40_000, "a\0"])
def test_a_topic_that_cannot_be_published_to_is_found_at_the_start(topic: str) -> None:
    to = MqttConfig(host="localhost")
    with pytest.raises(ConfigError, match=r"^publish: expected a topic without"):
        Actions(ListenConfig(mqtt=to, speech=(Publish(publish=topic),)))
    with pytest.raises(ConfigError, match=r"^mqtt\.status_topic: expected a topic without"):
        Actions(ListenConfig(mqtt=MqttConfig(host="localhost", status_topic=topic)))
    with pytest.raises(ConfigError, match=r"^mqtt\.discovery_prefix: expected a topic without"):
        Actions(ListenConfig(mqtt=MqttConfig(host="localhost", discovery_prefix=topic)))


def test_a_password_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("secret\n")

    def use(username: str | None = "ear") -> None:
        to = MqttConfig(host="localhost", username=username, password_file=str(path))
        Actions(ListenConfig(mqtt=to))

    path.chmod(0o644)
    with pytest.raises(ConfigError, match=f"^mqtt: {path}: everybody may read it; chmod 600"):
        use()
    path.chmod(stat.S_IRUSR | stat.S_IRGRP)  # as systemd hands out credentials
    use()
    with pytest.raises(ConfigError, match="a password_file is there, and no username"):
        use(None)
    path.chmod(0o600)
    for wrong in (b"", b"two\nlines\n", b"\xff", b"x" * 2000):
        path.write_bytes(wrong)
        with pytest.raises(ConfigError, match="expected a password in one line of UTF-8"):
            use()
    path.unlink()
    with pytest.raises(ConfigError, match="No such file or directory"):
        use()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="expected a password"):
        use()
