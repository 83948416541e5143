"""The daemon as a process: signals, its manager, a pipe of sound."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import soundfile

from tests.service.manager import TIMEOUT_S, Manager

ENDING_S = 2.0  # from SIGTERM to the end
ROOM_S = 3.0  # more where the machine is busy: Python alone takes a while to go
GO_S = 2  # seconds of the recording, with "go" in them
PIECE = 6_400  # bytes: 0.2 s
# A spotter that hangs once it was given more than two pieces.
HANGS = """
import sys, time
from earlet.cli import main
from earlet.tasks.listening import Listening

push = Listening.push

def hang(self, samples, **options):
    if self.n_samples + len(samples) > 6_400:
        print("hangs", file=sys.stderr, flush=True)
        time.sleep(600)
    return push(self, samples, **options)

Listening.push = hang
sys.exit(main(sys.argv[1:]))
"""

Started = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def go() -> bytes:
    """Two seconds with "go" in them, as a recorder pipes them."""
    path = Path(__file__).parents[1] / "recordings" / "commands.flac"
    samples, _ = soundfile.read(path, dtype="int16", frames=GO_S * 16_000)
    return bytes(samples.astype("<i2").tobytes())


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    with manager.socket:
        yield manager


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("confirm: off\nsource: '-'\n")
    return path


@pytest.fixture
def start(systemd: Manager, config: Path) -> Iterator[Callable[..., Started]]:
    """`start("--json")`: `earlet listen --config ...`, under a manager; it is gone in the end."""
    with ExitStack() as running:

        def start(*argv: str, program: tuple[str, ...] = ("-m", "earlet")) -> Started:
            environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1"}
            started = subprocess.Popen(
                [sys.executable, *program, "listen", "--config", str(config), *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | environment,
                preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),
            )
            running.enter_context(started)
            running.callback(started.kill)
            return started

        yield start


def hear(started: Started, sound: bytes) -> None:
    assert started.stdin is not None
    started.stdin.write(sound)
    started.stdin.flush()


def line(started: Started) -> bytes:
    assert started.stdout is not None
    return started.stdout.readline()


def test_sigterm_ends_it_in_time_with_0_and_ends_what_it_started(
    start: Callable[..., Started], config: Path, go: bytes, systemd: Manager, tmp_path: Path
) -> None:
    alive = tmp_path / "alive"  # a pipe that the program holds as long as it lives
    os.mkfifo(alive)
    program = f"import os, time; os.write(os.open({str(alive)!r}, os.O_WRONLY), b'x')"
    action = [sys.executable, "-c", f"{program}; time.sleep(600)"]
    with config.open("a") as file:
        file.write(f"labels: {{go: {{actions: [{{run: {json.dumps(action)}}}]}}}}\n")
    started = start("--json")
    hear(started, go)
    assert json.loads(line(started))["label"] == "go"
    with alive.open("rb", buffering=0) as life:
        assert life.read(1) == b"x"
        systemd.told()
        started.send_signal(signal.SIGTERM)
        assert started.wait(ENDING_S + ROOM_S) == 0
        assert select.select([life], [], [], TIMEOUT_S)[0]
        assert life.read(1) == b""
    systemd.waits_for("STOPPING=1")
    assert started.stderr is not None
    assert b"Traceback" not in started.stderr.read()


def test_sighup_reads_the_file_again_and_a_wrong_one_is_refused(
    start: Callable[..., Started], config: Path, go: bytes, systemd: Manager
) -> None:
    started = start("--json", "--log-format", "json")
    hear(started, go)
    assert json.loads(line(started))["label"] == "go"
    for text in ("sorce: '-'\n", "confirm: off\nsource: '-'\nlabels: {go: {refractory_ms: 0}}\n"):
        config.write_text(text)
        started.send_signal(signal.SIGHUP)
        systemd.waits_for("RELOADING=1")
        systemd.waits_for("READY=1")
    hear(started, go)
    assert json.loads(line(started))["label"] == "go"
    assert started.stdin is not None
    started.stdin.close()
    assert started.wait(TIMEOUT_S) == 0
    assert started.stderr is not None
    told = [json.loads(each) for each in started.stderr.read().splitlines()]
    assert [each["level"] for each in told] == ["error", "info"]
    assert "unknown key 'sorce'; did you mean 'source'?" in told[0]["message"]


def test_when_listening_hangs_the_watchdog_starves_though_sound_comes(
    start: Callable[..., Started], go: bytes, systemd: Manager
) -> None:
    started = start(program=("-c", HANGS))
    for _ in range(2):
        hear(started, go[:PIECE])
        systemd.waits_for("WATCHDOG=1")
    hear(started, go[:PIECE])
    assert started.stderr is not None
    assert started.stderr.readline() == b"hangs\n"
    systemd.told()
    hear(started, go[:PIECE])
    with pytest.raises(TimeoutError):
        systemd.waits_for("WATCHDOG=1", within_s=1.0)
