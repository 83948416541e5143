"""SIGHUP: the configuration is read again, and a wrong one changes nothing."""

import io
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from earlet.arrays import FloatArray
from earlet.audio.live import Health
from earlet.config import LabelConfig, ListenConfig, MqttConfig
from earlet.errors import ConfigError, MicrophoneError
from earlet.results import Deaf, Detection
from earlet.service.actions import Actions
from earlet.service.actions.spool import Spool
from earlet.service.daemon import Told
from tests.service.manager import Manager
from tests.service.script import SPOTTER, Script, Step, labels

Listen = Callable[..., list[Told]]


def test_sighup_has_the_configuration_read_again_while_the_source_stays_open(
    listen: Listen, go: FloatArray, sources: dict[str, Script], systemd: Manager
) -> None:
    quiet = replace(SPOTTER, labels={"go": LabelConfig(threshold=1.0)})
    told = listen(go, signal.SIGHUP, go, go, config=SPOTTER, read_again=lambda: quiet)
    assert labels(told) == ["go", "go"]  # the signal is heeded after the chunk that it waits for
    assert sources["mic"].openings == ["open", "closed"]
    messages = systemd.told()
    assert sum(message.startswith("RELOADING=1") for message in messages) == 1
    assert messages.count("READY=1") == 2


def test_time_goes_on_across_a_reload(listen: Listen, go: FloatArray) -> None:
    told = listen(go, signal.SIGHUP, go[:1600], go, read_again=lambda: SPOTTER)
    first, second = [event for event in told if isinstance(event, Detection)]
    assert second.end_s == pytest.approx(first.end_s + 2.1)


def test_what_acts_by_a_new_configuration_is_told_that_it_is_deaf_before_it_begins(
    listen: Listen,
    go: FloatArray,
    acting: ListenConfig,
    published: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: list[list[bool]] = []  # whenever something begins
    start = Actions.start

    def started(self: Actions) -> None:
        known.append([*published])
        start(self)

    monkeypatch.setattr(Actions, "start", started)
    deaf = Health("deaf", deaf_since=0.0)
    steps = (Deaf(2.0, "unplugged"), signal.SIGHUP, deaf)
    listen(go, *steps, config=acting, read_again=lambda: acting)
    assert known == [[], [True, True]]


def test_a_wrong_configuration_is_refused_and_the_old_one_goes_on(
    listen: Listen, go: FloatArray, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def read_again() -> ListenConfig:
        raise ConfigError("config.yaml: unknown key 'sorce'")

    metrics = tmp_path / "earlet.prom"
    config = replace(SPOTTER, metrics=str(metrics))
    told = listen(go, signal.SIGHUP, go, go, config=config, read_again=read_again)
    assert labels(told) == ["go", "go", "go"]
    assert "is refused, the old one goes on: config.yaml: unknown key 'sorce'" in caplog.text
    assert 'earlet_reloads_total{outcome="refused"} 1\n' in metrics.read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SPOTTER, bundle="nowhere"),
        replace(SPOTTER, labels={"gone": LabelConfig()}),
        replace(SPOTTER, metrics="/nowhere/earlet.prom"),
        replace(SPOTTER, mqtt=MqttConfig(host="x", password_file="/nowhere")),  # noqa: S106
    ],
)
def test_what_a_new_configuration_asks_for_is_looked_for_before_the_old_one_ends(
    listen: Listen, go: FloatArray, wrong: ListenConfig
) -> None:
    assert labels(listen(go, signal.SIGHUP, go, go, read_again=lambda: wrong)) == ["go"] * 3


def test_another_source_takes_the_place_of_the_first(
    listen: Listen, go: FloatArray, sources: dict[str, Script]
) -> None:
    other = sources["other"] = Script(go)
    changed = replace(SPOTTER, source="other")
    told = listen(
        signal.SIGHUP, go, lambda: pytest.fail("it is still heard"), read_again=lambda: changed
    )
    first, second = [event for event in told if isinstance(event, Detection)]
    assert first == second  # a stream of its own begins at 0
    assert sources["mic"].openings == other.openings == ["open", "closed"]


def test_where_another_source_cannot_be_opened_the_first_one_is_again(
    listen: Listen, go: FloatArray, sources: dict[str, Script], caplog: pytest.LogCaptureFixture
) -> None:
    sources["other"] = Script(fails=MicrophoneError("no such device"))
    changed = replace(SPOTTER, source="other")
    told = listen(signal.SIGHUP, go, go, read_again=lambda: changed)
    assert labels(told) == ["go", "go"]
    assert sources["mic"].openings == ["open", "closed"] * 2
    assert "refused, the old one goes on: no such device" in caplog.text


def test_where_the_first_one_cannot_be_opened_again_either_it_ends(
    listen: Listen, go: FloatArray, sources: dict[str, Script]
) -> None:
    sources["other"] = Script(fails=MicrophoneError("no such device"))

    def read_again() -> ListenConfig:
        sources["mic"].fails = MicrophoneError("unplugged")
        return replace(SPOTTER, source="other")

    with pytest.raises(MicrophoneError, match="unplugged"):
        listen(signal.SIGHUP, go, read_again=read_again)


def test_where_a_queue_is_taken_the_old_configuration_goes_on(
    listen: Listen,
    go: FloatArray,
    acting: ListenConfig,
    sources: dict[str, Script],
    tmp_path: Path,
) -> None:
    other = Spool(str(tmp_path / "queue"))
    other.open()
    sources["other"] = Script(lambda: pytest.fail("it is heard"))
    taken = replace(acting, queue=str(tmp_path / "queue"), source="other")
    told = listen(go, signal.SIGHUP, go, go, config=acting, read_again=lambda: taken)
    other.close()
    assert labels(told) == ["go"] * 3
    assert sources["mic"].openings == ["open", "closed"]
    assert len((tmp_path / "lines").read_text().splitlines()) == 3


def test_where_neither_configuration_can_be_had_it_ends(
    listen: Listen, go: FloatArray, acting: ListenConfig, tmp_path: Path
) -> None:
    other = Spool(str(tmp_path / "queue"))
    other.open()
    folder = tmp_path / "metrics"
    folder.mkdir()

    def read_again() -> ListenConfig:
        shutil.rmtree(folder)
        return replace(acting, queue=str(tmp_path / "queue"))

    config = replace(acting, metrics=str(folder / "earlet.prom"))
    with pytest.raises(ConfigError, match=r"metrics: .* cannot be written"):
        listen(signal.SIGHUP, go, go, config=config, read_again=read_again)
    other.close()


def test_sigterm_while_another_source_is_opened_ends_all_that_was_begun(
    listen: Listen,
    go: FloatArray,
    acting: ListenConfig,
    sources: dict[str, Script],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(Script):
        def __enter__(self) -> Self:
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("it goes on")

    sources["other"] = Slow()
    begun: list[Actions] = []
    ended: list[Actions] = []
    start, close = Actions.start, Actions.close

    def started(self: Actions) -> None:
        begun.append(self)
        start(self)

    def closed(self: Actions, within_s: float) -> None:
        ended.append(self)
        close(self, within_s)

    monkeypatch.setattr(Actions, "start", started)
    monkeypatch.setattr(Actions, "close", closed)
    changed = replace(acting, source="other")
    told = listen(signal.SIGHUP, go, config=acting, read_again=lambda: changed)
    assert labels(told) == ["go"]
    assert len(begun) == 2
    assert ended == begun


def test_without_a_file_sighup_means_what_it_meant(listen: Listen, go: FloatArray) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        listen(signal.SIGHUP, go)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == [signal.SIGHUP]


def test_when_its_terminal_is_closed_it_ends(
    listen: Listen, go: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        is_there = True

        def isatty(self) -> bool:
            return self.is_there

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    close: Step = lambda: setattr(terminal, "is_there", False)  # noqa: E731
    steps = (close, signal.SIGHUP, lambda: pytest.fail("it listens on"))
    assert labels(listen(go, *steps, read_again=lambda: SPOTTER)) == ["go"]
