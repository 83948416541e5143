"""The daemon: what it tells, what it survives, how it is changed and how it ends.

The spotter is the real one, the source a script; signals are real, sent to this process.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import earlet
from earlet.arrays import FloatArray
from earlet.audio.live import Health
from earlet.config import ListenConfig, RecordConfig
from earlet.errors import MicrophoneError
from earlet.results import Deaf, Detection, Gap
from earlet.service.daemon import REST_S, Daemon, Told
from tests.service.manager import Manager
from tests.service.script import SAMPLE_RATE, SPOTTER, Script, labels

Listen = Callable[..., list[Told]]


def test_it_tells_what_the_pipeline_tells(listen: Listen, sound: FloatArray) -> None:
    expected = list(earlet.pipeline("audio-classification").listen(sound, sampling_rate=16_000))
    told = listen(*np.array_split(sound, 100))
    assert [event for event in told if isinstance(event, Detection)] == expected
    assert len(expected) == 8


def test_after_a_gap_it_listens_anew_and_time_has_moved_on(
    listen: Listen, go: FloatArray, caplog: pytest.LogCaptureFixture
) -> None:
    (alone,) = [event for event in listen(go) if isinstance(event, Detection)]
    gap = Gap(2.0, 8_000, SAMPLE_RATE, "overflow")
    first, second, third = [
        event for event in listen(go, gap, go) if isinstance(event, Detection | Gap)
    ]
    assert (first, second) == (alone, gap)
    assert isinstance(third, Detection)
    assert third.end_s == pytest.approx(alone.end_s + 2.5)
    assert "0.50 s of sound were lost: overflow" in caplog.text


def test_a_word_that_is_cut_by_a_gap_is_not_heard(listen: Listen, go: FloatArray) -> None:
    middle = SAMPLE_RATE  # "go" is from 0.5 to 1.2 s
    assert labels(listen(go[:middle], go[middle:])) == ["go"]
    assert labels(listen(go[:middle], Gap(1.0, 800, SAMPLE_RATE, "x"), go[middle:])) == []


def test_sound_may_gather_while_nobody_speaks_and_not_while_a_word_is_near(
    listen: Listen, sources: dict[str, Script], go: FloatArray
) -> None:
    (alone,) = [event for event in listen(go) if isinstance(event, Detection)]
    word = round(alone.end_s * SAMPLE_RATE)
    room = go[:1_600]  # 0.1 s before somebody speaks
    patience: list[float] = []
    steps: list[FloatArray | Callable[[], None]] = []
    for sound in (*[room] * 20, go[:word], go[word:], *[room] * 20):
        steps += [sound, lambda: patience.append(sources["mic"].patience_s)]
    assert labels(listen(*steps)) == ["go"]
    assert (patience[19], patience[20], patience[-1]) == (REST_S, 0, REST_S)


def test_deafness_is_told_to_everybody(
    listen: Listen,
    go: FloatArray,
    systemd: Manager,
    caplog: pytest.LogCaptureFixture,
    acting: ListenConfig,
    published: list[bool],
) -> None:
    deaf = Deaf(2.0, "unplugged")
    gap = Gap(2.0, 80_000, SAMPLE_RATE, "unplugged")
    unplugged = Health("deaf", deaf_since=0.0, last_error="unplugged")
    told = listen(go, deaf, unplugged, gap, go, config=acting)
    assert labels(told) == ["go", "go"]
    assert [event for event in told if isinstance(event, Deaf | Gap)] == [deaf, gap]
    assert published == [True, False]
    assert "deaf: unplugged; trying again, for ever" in caplog.text
    assert "hears again, after 5.0 s that were lost" in caplog.text
    statuses = [message for message in systemd.told() if message.startswith("STATUS=")]
    assert any("deaf for" in status and "(unplugged)" in status for status in statuses)


def test_figures_are_there_as_soon_as_something_happens(
    listen: Listen, go: FloatArray, tmp_path: Path
) -> None:
    metrics = tmp_path / "earlet.prom"
    written: list[str] = []
    config = replace(SPOTTER, metrics=str(metrics))
    listen(go, lambda: written.append(metrics.read_text()), config=config)
    assert 'earlet_detections_total{label="go"} 1\n' in written[0]


def test_it_is_ready_once_sound_went_through(
    listen: Listen, go: FloatArray, systemd: Manager
) -> None:
    before: list[str] = []
    listen(lambda: before.extend(systemd.told()), go)
    assert before == []
    told = systemd.told()
    assert told.count("READY=1") == 1
    assert told[-1] == "STOPPING=1"


def test_the_watchdog_is_fed_by_sound_that_was_listened_to(
    listen: Listen, go: FloatArray, systemd: Manager
) -> None:
    told: list[list[str]] = []

    def look() -> None:
        told.append([message for message in systemd.told() if message == "WATCHDOG=1"])

    empty = np.empty(0, dtype=np.float32)
    listen(look, go, look, empty, empty, look, go[:1], look)
    assert told == [[], ["WATCHDOG=1"], [], ["WATCHDOG=1"]]


def test_while_deaf_the_watchdog_is_fed_by_attempts_to_hear_again(
    listen: Listen, go: FloatArray, systemd: Manager
) -> None:
    told: list[int] = []
    deaf = Health("deaf", deaf_since=0.0, last_error="no such device")
    tried = replace(deaf, failed=1)
    # The last attempt hangs in a driver: only a new process can help.
    listen(
        *(go, deaf, lambda: systemd.told() and None),
        *(tried, lambda: told.append(systemd.told().count("WATCHDOG=1"))),
        *(tried, tried, lambda: told.append(systemd.told().count("WATCHDOG=1"))),
    )
    assert told == [1, 0]


def test_sigterm_ends_the_wait_for_sound_and_what_was_heard_is_told(
    listen: Listen, go: FloatArray, sources: dict[str, Script], systemd: Manager
) -> None:
    told = listen(go, signal.SIGTERM, lambda: pytest.fail("it waits on"))
    assert labels(told) == ["go"]
    assert sources["mic"].openings == ["open", "closed"]
    assert systemd.told()[-1] == "STOPPING=1"


def test_sigterm_ends_what_takes_long(
    listen: Listen, go: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recognise(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("it goes on")

    monkeypatch.setattr("earlet.tasks.listening.Listening.push", recognise)
    assert listen(go, go) == []


def test_sigterm_waits_until_an_event_is_passed_on(
    sources: dict[str, Script], go: FloatArray, acting: ListenConfig, tmp_path: Path
) -> None:
    def on_event(_: Told) -> None:
        signal.raise_signal(signal.SIGTERM)

    sources["mic"] = Script(go, lambda: pytest.fail("it waits on"))
    Daemon(acting, None, on_event).run()
    assert json.loads((tmp_path / "lines").read_text())["label"] == "go"


def test_ctrl_c_is_no_sigterm(sources: dict[str, Script], go: FloatArray) -> None:
    sources["mic"] = Script(go, signal.SIGINT)
    # A shell's background jobs ignore SIGINT, and so would this process.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Daemon(SPOTTER, None, lambda _: None).run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert sources["mic"].openings == ["open", "closed"]


def test_what_is_being_recorded_is_written_when_sigterm_comes(
    listen: Listen, go: FloatArray, tmp_path: Path
) -> None:
    record = RecordConfig(folder=str(tmp_path / "kept"))
    listen(go, signal.SIGTERM, config=replace(SPOTTER, record=record))
    assert len(list((tmp_path / "kept").glob("*.wav"))) == 1


def test_a_source_that_cannot_be_opened_is_an_error(sources: dict[str, Script]) -> None:
    sources["mic"] = Script(fails=MicrophoneError("no microphone found"))
    with pytest.raises(MicrophoneError, match="no microphone found"):
        Daemon(SPOTTER, None, lambda _: None).run()


def test_to_keep_to_its_budget_it_looks_less_often_and_says_so(
    listen: Listen, sound: FloatArray, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO")
    metrics = tmp_path / "earlet.prom"
    config = replace(SPOTTER, budget=0.001, metrics=str(metrics))
    listen(*np.array_split(sound, 50) * 2, config=config)  # 42 s
    told = [message for message in caplog.messages if "with a budget of 0.1 %" in message]
    assert told
    assert told[0].endswith("it looks every 2 hops")
    assert "earlet_stride_hops 2\n" in metrics.read_text()
