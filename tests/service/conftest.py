"""What the daemon is given: the real spotter, sources that are scripts, signals that are real."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.config import Append, LabelConfig, ListenConfig
from earlet.service import parts
from earlet.service.actions import Actions
from earlet.service.daemon import Daemon, Told
from tests.service.manager import Manager
from tests.service.script import SAMPLE_RATE, SPOTTER, Script, Step

GO = 2 * SAMPLE_RATE  # samples within which "go" is heard, and nothing else


@pytest.fixture(scope="module")
def sound() -> FloatArray:
    """Eight commands in 21 s."""
    waveform: FloatArray
    path = Path(__file__).parents[1] / "recordings" / "commands.flac"
    waveform, _ = soundfile.read(path, dtype="float32")
    return waveform


@pytest.fixture
def go(sound: FloatArray) -> FloatArray:
    """Two seconds, with "go" in them."""
    return sound[:GO]


@pytest.fixture(autouse=True)
def _signals_mean_what_they_meant() -> Iterator[None]:
    numbers = signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, Script]:
    """What a configuration may name as its source."""
    named: dict[str, Script] = {}
    monkeypatch.setattr(parts, "open_source", lambda name, **_: named[name])
    return named


@pytest.fixture
def listen(sources: dict[str, Script]) -> Callable[..., list[Told]]:
    """`listen(*steps, config=..., read_again=...)`: all that is told of a microphone like that."""

    def listen(
        *steps: Step,
        config: ListenConfig = SPOTTER,
        read_again: Callable[[], ListenConfig] | None = None,
    ) -> list[Told]:
        sources["mic"] = Script(*steps)
        told: list[Told] = []
        Daemon(config, read_again, told.append).run()
        return told

    return listen


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A manager that started this process, and wants to hear of it again and again."""
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    with manager.socket:
        yield manager


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether it is deaf, as often as those who act are told."""
    told: list[bool] = []
    monkeypatch.setattr(Actions, "listening", lambda _, is_deaf: told.append(is_deaf))
    return told


@pytest.fixture
def acting(tmp_path: Path) -> ListenConfig:
    """The spotter, and what writes down what it hears."""
    lines = Append(append=str(tmp_path / "lines"))
    return replace(SPOTTER, labels={"*": LabelConfig(actions=(lines,))})
