"""All actions of a configuration: which are done for what, and what is left at the end."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earlet.config import Append, LabelConfig, ListenConfig, Post, Run, Send
from earlet.errors import ConfigError
from earlet.results import Chunk, Detection
from earlet.service.actions import Actions
from earlet.service.actions.worker import MAX_WAITING

Until = Callable[[Callable[[], object]], None]


def heard(label: str, n: int = 0) -> Detection:
    return Detection(label, 0.9, n, n + 0.5)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def started() -> Iterator[Callable[[ListenConfig], Actions]]:
    """`started(config)`: actions, none of whose threads outlives the test."""
    before = threading.active_count()
    made: list[Actions] = []

    def started(config: ListenConfig) -> Actions:
        made.append(Actions(config))
        made[-1].start()
        return made[-1]

    yield started
    for actions in made:
        actions.close(10)
    assert threading.active_count() == before


Started = Callable[[ListenConfig], Actions]


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port where connections are neither made nor refused: nobody takes those that wait."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_each_event_has_the_actions_of_its_label(tmp_path: Path, started: Started) -> None:
    def to(name: str) -> Append:
        return Append(append=str(tmp_path / name))

    labels = {
        "go": LabelConfig(actions=(to("go"), to("both"))),
        "stop": LabelConfig(actions=(to("both"),)),
        "up": LabelConfig(),
        "*": LabelConfig(actions=(to("others"),)),
    }
    actions = started(ListenConfig(labels=labels, speech=(to("speech"),)))
    for label in ("go", "stop", "up", "left"):
        actions.submit(heard(label))
    actions.submit(Chunk("hello", (0, 1)))
    actions.close(10)
    found = {path.name: [line.get("label") for line in lines(path)] for path in tmp_path.iterdir()}
    assert found == {"go": ["go"], "both": ["go", "stop"], "others": ["left"], "speech": [None]}
    [said] = lines(tmp_path / "speech")
    assert (said["text"], said["timestamp"]) == ("hello", [0, 1])
    assert actions.counts == {"done": 5, "failed": 0, "retried": 0, "dropped": 0, "waiting": 0}


def test_an_action_that_hangs_holds_up_no_other(
    tmp_path: Path, started: Started, told: Callable[[], str]
) -> None:
    hangs = Run(run=("sh", "-c", "echo begun > $0; exec sleep 1000", str(tmp_path / "told")))
    appends = Append(append=str(tmp_path / "events"))
    actions = started(ListenConfig(labels={"*": LabelConfig(actions=(hangs, appends))}))
    actions.submit(heard("go"))
    assert told() == "begun"
    for n in range(5):
        actions.submit(heard("go", n))
    actions.close(1)
    assert len(lines(tmp_path / "events")) == 6
    assert actions.counts["failed"] == 1  # ended
    assert actions.counts["dropped"] == 5  # never begun


def test_the_end_waits_for_what_can_still_be_done(tmp_path: Path, started: Started) -> None:
    script = 'sleep 0.05; cat >> "$0"'
    run = Run(run=("sh", "-c", script, str(tmp_path / "events")))
    actions = started(ListenConfig(labels={"*": LabelConfig(actions=(run,))}))
    for n in range(5):
        actions.submit(heard("go", n))
    actions.close(60)
    assert [line["start_s"] for line in lines(tmp_path / "events")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["post", "send"])
def test_a_server_that_does_not_answer_costs_neither_time_nor_events(
    tmp_path: Path, black_hole: int, kind: str
) -> None:
    where = f"127.0.0.1:{black_hole}"
    post, send = (
        Post(post=f"http://{where}", timeout_s=0.9),
        Send(send=f"tcp://{where}", timeout_s=0.9),
    )
    action = post if kind == "post" else send
    config = ListenConfig(
        labels={"*": LabelConfig(actions=(action,))}, queue=str(tmp_path / "queue")
    )
    actions = Actions(config)
    actions.start()
    for n in range(3):
        actions.submit(heard("go", n))
    actions.close(1)
    kept = sorted((tmp_path / "queue").glob("*.json"))
    assert [json.loads(path.read_text())["event"]["start_s"] for path in kept] == [0, 1, 2]
    for thread in threading.enumerate():  # whose connection is still being made
        if thread is not threading.current_thread():
            thread.join()


def test_what_waited_is_done_after_a_kill(tmp_path: Path, started: Started, until: Until) -> None:
    address, queue = tmp_path / "socket", tmp_path / "queue"
    code = f"""
import threading
from earlet.config import LabelConfig, ListenConfig, Send
from earlet.results import Detection
from earlet.service.actions import Actions
send = Send(send="unix:{address}")
actions = Actions(ListenConfig(labels={{"*": LabelConfig(actions=(send,))}}, queue="{queue}"))
actions.start()
for n in range(3):
    actions.submit(Detection("go", 0.9, n, n + 0.5))
threading.Event().wait()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    until(lambda: len([*queue.glob("*.json")]) == 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found: list[dict[str, object]] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        server.listen()
        send = Send(send=f"unix:{address}")
        actions = started(
            ListenConfig(labels={"*": LabelConfig(actions=(send,))}, queue=str(queue))
        )
        for _ in range(3):
            connection, _ = server.accept()
            with connection, connection.makefile() as sent:
                found.append(json.loads(sent.read()))
        until(lambda: actions.counts["done"] == 3)
    assert [line["start_s"] for line in found] == [0, 1, 2]
    assert not [*queue.glob("*.json")]


def test_what_waited_for_an_action_that_is_gone_is_forgotten(
    tmp_path: Path, started: Started, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    send = Send(send=f"unix:{tmp_path}/nowhere")
    with_it = ListenConfig(speech=(send,), queue=str(tmp_path / "queue"))
    first = started(with_it)
    first.submit(Chunk("hello", (0, 1)))
    until(lambda: [*(tmp_path / "queue").glob("*.json")])
    first.close(1)
    started(ListenConfig(queue=str(tmp_path / "queue")))
    assert caplog.messages[-1] == "queue: 1 waited for an action that is gone"
    assert not [*(tmp_path / "queue").glob("*.json")]


def test_no_secret_of_an_action_is_in_the_queue(
    tmp_path: Path, started: Started, until: Until
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    post = Post(post=f"http://127.0.0.1:{port}/secret", headers={"Authorization": "secret"})
    actions = started(ListenConfig(speech=(post,), queue=str(tmp_path)))
    actions.submit(Chunk("hello", (0, 1)))
    until(lambda: [*tmp_path.glob("*.json")])
    actions.close(1)
    assert not any("secret" in path.read_text() for path in tmp_path.iterdir())


def test_a_folder_that_another_earlet_has_is_told_at_the_start(
    tmp_path: Path, started: Started
) -> None:
    config = ListenConfig(queue=str(tmp_path))
    first = started(config)
    second = Actions(config)
    with pytest.raises(ConfigError, match="another earlet uses it"):
        second.start()
    second.close(1)
    first.close(1)


def test_what_cannot_be_done_is_found_before_anything_is(tmp_path: Path) -> None:
    run = Run(run=("aplai", "x.wav"))
    with pytest.raises(ConfigError, match=r"^run: no program 'aplai' is there"):
        Actions(ListenConfig(labels={"go": LabelConfig(actions=(run,))}, queue=str(tmp_path)))
    append = Append(append=str(tmp_path / "nowhere" / "events"))
    with pytest.raises(ConfigError, match=r"^append: .*events: No such file or directory"):
        Actions(ListenConfig(speech=(append,)))


def test_events_wait_for_the_start_and_not_without_end(tmp_path: Path) -> None:
    append = Append(append=str(tmp_path / "events"))
    actions = Actions(ListenConfig(labels={"*": LabelConfig(actions=(append,))}))
    for n in range(MAX_WAITING + 3):
        actions.submit(heard("go", n))
    assert (actions.counts["waiting"], actions.counts["dropped"]) == (MAX_WAITING, 3)
    actions.start()
    actions.close(60)
    assert [line["start_s"] for line in lines(tmp_path / "events")] == [*range(MAX_WAITING)]


def own_children() -> set[str]:
    """The processes that this one has started and not waited for: other tests', too."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {child for task in tasks for child in task.read_text().split()}


@pytest.mark.usefixtures("descriptors")
def test_nothing_is_left_after_many_reloads(tmp_path: Path) -> None:
    before, children = threading.active_count(), own_children()
    run, append = Run(run=("true",), parallel=True), Append(append=str(tmp_path / "events"))
    config = ListenConfig(
        labels={"*": LabelConfig(actions=(run, append))}, queue=str(tmp_path / "queue")
    )
    for _ in range(5):
        actions = Actions(config)
        actions.start()
        for n in range(4):
            actions.submit(heard("go", n))
        actions.close(60)
    assert threading.active_count() == before
    assert len(lines(tmp_path / "events")) == 20
    assert own_children() <= children
