"""A real broker on this machine, and real subscribers: Debian's mosquitto, mosquitto-clients."""

import json
import queue
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

PATIENCE_S = 30  # for what must come; a test that fails waits so long
READER = "subscriber"  # how threads of the rig are called
# Debian puts the broker where not everybody's PATH looks.
BROKER = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
SUBSCRIBER = shutil.which("mosquitto_sub")


class Received(NamedTuple):
    topic: str
    qos: int
    is_retained: bool  # it was there before we asked
    payload: str

    @property
    def json(self) -> dict[str, object]:
        loaded: dict[str, object] = json.loads(self.payload)
        return loaded


class Mosquitto:
    """The broker. What its subscribers have not seen yet outlives a restart."""

    def __init__(self, folder: Path, *settings: str) -> None:
        if BROKER is None or SUBSCRIBER is None:
            pytest.skip("needs a broker: apt install mosquitto mosquitto-clients")
        self.broker, self.subscriber = BROKER, SUBSCRIBER
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._subscribers: list[Subscriber] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = folder / "mosquitto.conf"
        (folder / "state").mkdir()
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/state/",
            "user root",  # else it would change to one that cannot write there
            *(settings or ["allow_anonymous true"]),
        ]
        self._configuration.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        command = [self.broker, "-c", str(self._configuration)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(100 * PATIENCE_S):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert self._process.poll() is None, "the broker has ended"
                threading.Event().wait(0.01)
            else:
                return
        raise AssertionError("the broker did not begin")

    def stop(self) -> None:
        """As an orderly restart does it: it writes down what waits."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def pause(self) -> None:
        """From now on it takes what comes, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def subscribe(self, topic: str, *options: str) -> "Subscriber":
        """Somebody who is there when this returns, and keeps its place when the broker is not."""
        made = Subscriber(self, topic, f"subscriber-{len(self._subscribers)}", *options)
        self._subscribers.append(made)
        return made

    def close(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()
        self.stop()


class Subscriber:
    """mosquitto_sub, and what it prints."""

    def __init__(self, broker: Mosquitto, topic: str, name: str, *options: str) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        # Line by line, though it prints into a pipe.
        command = [
            "stdbuf",
            "-oL",
            broker.subscriber,
            "-h",
            "localhost",
            "-p",
            str(broker.port),
            "-t",
            topic,
        ]
        command += ["-q", "2", "-c", "-i", name, "-d", "-F", "> %q %r %t %p", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, name=READER)
        self._thread.start()
        while not self._lines.get(timeout=PATIENCE_S).startswith("Subscribed"):
            pass

    def next(self) -> Received:
        """The next message, waited for."""
        while not (line := self._lines.get(timeout=PATIENCE_S)).startswith("> "):
            pass
        _, qos, retained, topic, payload = line.split(" ", 4)
        return Received(topic, int(qos), retained == "1", payload)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
