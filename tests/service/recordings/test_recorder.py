"""What the recorder keeps of a stream: heard again, it is the same to the bit."""

import logging
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.config import LEAST_NEAR_MISS, GateConfig, ListenConfig, RecordConfig, WakeConfig
from earlet.errors import ConfigError
from earlet.results import Detection, Event, Rejection
from earlet.service.recorder import MAX_WAITING, Recorder, log
from earlet.service.recordings.file import Recording, read_recording
from earlet.service.recordings.folder import Recordings
from earlet.service.recordings.replay import compare, replay
from earlet.streaming.near_misses import NEAR
from earlet.tasks.listening import Listening

ROOT = Path(__file__).parents[3]
RATE = 16_000
CONFIGS = {
    "spotter": ListenConfig(),
    "gates": ListenConfig(gate=GateConfig(energy=True, vad=True)),
    "typed commands": ListenConfig(commands=("go", "left", "turn right", "five")),
    "what follows": ListenConfig(wake=WakeConfig(labels=("go", "down"))),
    "commands that follow": ListenConfig(
        wake=WakeConfig(labels=("go", "down"), then="commands"), commands=("left", "five")
    ),
}


@pytest.fixture(scope="module")
def commands() -> FloatArray:
    """21 s with eight commands."""
    waveform, rate = soundfile.read(
        ROOT / "tests" / "recordings" / "commands.flac", dtype="float32"
    )
    assert rate == RATE
    return np.asarray(waveform)


@pytest.fixture(scope="module")
def listening() -> Callable[[str], Listening]:
    made: dict[str, Listening] = {}

    def listening(kind: str) -> Listening:
        if kind not in made:
            made[kind] = Listening(CONFIGS[kind])
        made[kind].flush()
        if made[kind].stride != 1:
            made[kind].stride = 1
        return made[kind]

    return listening


def heard(
    recorder: Recorder, waveform: FloatArray, generator: np.random.Generator, longest: int = 40_000
) -> list[Event]:
    """All of it in chunks of any size."""
    events, at = [], 0
    while at < len(waveform):
        n_samples = int(generator.integers(0, longest))
        events += recorder.push(waveform[at : at + n_samples])
        at += n_samples
    return events


def kept(folder: Path) -> list[Recording]:
    return [read_recording(path) for path in sorted(folder.glob("earlet-*.wav"))]


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_is_told_is_what_listening_tells(
    listening: Callable[[str], Listening], commands: FloatArray, tmp_path: Path, kind: str
) -> None:
    sound = commands[: 9 * RATE]
    alone = listening(kind).push(sound) + listening(kind).flush()
    recorder = Recorder(RecordConfig(folder=str(tmp_path)), listening(kind))
    events = heard(recorder, sound, np.random.default_rng(1)) + recorder.flush()
    recorder.close(5)
    assert events == alone
    assert events


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_recording_is_replayed_to_the_bit(
    listening: Callable[[str], Listening],
    commands: FloatArray,
    tmp_path: Path,
    kind: str,
    seed: int,
) -> None:
    """Any sound, chunks, gaps, strides and lengths; in a process that heard other things since."""
    generator = np.random.default_rng(seed)
    config = RecordConfig(
        folder=str(tmp_path),
        near_miss=float(generator.uniform(0.5, 1)),
        before_s=float(generator.uniform(2, 8)),
        after_s=float(generator.uniform(0, 3)),
    )
    machine = listening(kind)
    recorder = Recorder(config, machine)
    for _ in range(2):
        part = np.roll(commands, int(generator.integers(len(commands))))[: 7 * RATE]
        noise = generator.normal(0, 10 ** generator.uniform(-5, -2), len(part))
        part = (part * generator.uniform(0.2, 1) + noise).astype(np.float32)
        if kind == "spotter":
            machine.stride = int(generator.integers(1, 5))
        heard(recorder, part, generator)
        if generator.uniform() < 0.5:
            recorder.skip(int(generator.integers(RATE)))
    recorder.flush()
    recorder.close(5)
    recordings = kept(tmp_path)
    assert recordings
    for recording in recordings:
        again = replay(recording, machine)
        assert again.events == recording.events
        assert compare(recording, again).is_same
        assert again.facts.bundles == recording.facts.bundles


@pytest.fixture
def recorder(
    listening: Callable[[str], Listening], tmp_path: Path
) -> Iterator[Callable[..., Recorder]]:
    """`recorder(before_s=3)`: of a spotter alone."""
    made: list[Recorder] = []

    def recorder(**settings: float) -> Recorder:
        config = RecordConfig(folder=str(tmp_path), **settings)
        made.append(Recorder(config, listening("spotter")))
        return made[-1]

    yield recorder
    for one in made:
        one.close(5)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the log tells to worry about."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                lines.append(record.getMessage())

    handler = Lines()
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


def written(recorder: Recorder, folder: Path) -> list[Recording]:
    recorder.close(5)
    return kept(folder)


def test_a_recording_has_the_samples_round_its_event(
    recorder: Callable[..., Recorder], commands: FloatArray, tmp_path: Path
) -> None:
    waveform = np.concatenate([np.zeros(10 * RATE, dtype=np.float32), commands[: 2 * RATE]])
    waveform = np.concatenate([waveform, np.zeros(10 * RATE, dtype=np.float32)])
    recording_one = recorder(before_s=2.5, after_s=1.5)
    events = [
        event
        for start in range(0, len(waveform), 1600)
        for event in recording_one.push(waveform[start : start + 1600])
    ]
    (event,) = events
    (recording,) = written(recording_one, tmp_path)
    facts = recording.facts
    assert recording.events == (event,)
    assert isinstance(event, Detection)
    end = facts.start + len(recording.samples)
    np.testing.assert_array_equal(recording.samples, waveform[facts.start : end])
    # Whole stretches before it, which are a second; and to the end of the chunk after it. The
    # second stage tells of it 0.28 s late.
    assert 2.5 <= event.start_s - facts.start / RATE < 3.5 + 0.1
    assert 1.5 <= end / RATE - event.end_s < 1.5 + 0.28 + 0.2
    assert not facts.is_end


def test_events_that_follow_each_other_are_in_one_recording(
    recorder: Callable[..., Recorder], commands: FloatArray, tmp_path: Path
) -> None:
    one = recorder(after_s=3.0)
    events = one.push(commands[: 8 * RATE]) + one.flush()
    (recording,) = written(one, tmp_path)
    assert list(recording.events) == events
    assert len(events) == 4


def test_no_recording_is_longer_than_a_minute(
    recorder: Callable[..., Recorder], commands: FloatArray, tmp_path: Path
) -> None:
    one = recorder(after_s=30.0)
    for _ in range(4):  # 85 s of commands
        one.push(commands)
    one.flush()
    lengths = [len(recording.samples) / RATE for recording in written(one, tmp_path)]
    assert len(lengths) == 2
    assert all(55 < length < 62 for length in lengths[:1])


def test_a_gap_ends_a_recording_and_none_spans_it(
    recorder: Callable[..., Recorder], commands: FloatArray, tmp_path: Path
) -> None:
    one = recorder()
    one.push(commands[: 2 * RATE])
    one.skip(12_345)
    one.push(commands[2 * RATE : 5 * RATE])
    first, second = written(one, tmp_path)
    assert first.facts.is_end
    assert len(first.samples) == 2 * RATE
    assert second.facts.start == 2 * RATE + 12_345


def test_nothing_is_recorded_where_nothing_is_told(
    recorder: Callable[..., Recorder], tmp_path: Path
) -> None:
    one = recorder()
    one.push(np.zeros(20 * RATE, dtype=np.float32))
    assert written(one, tmp_path) == []


def test_no_share_is_allowed_that_would_change_nothing() -> None:
    assert LEAST_NEAR_MISS == NEAR


@pytest.mark.parametrize("share", [LEAST_NEAR_MISS, 0.75, 0.95])
def test_near_misses_are_kept_from_their_share_on(
    recorder: Callable[..., Recorder], tmp_path: Path, share: float
) -> None:
    """Of speech without commands."""
    speech, _ = soundfile.read(ROOT / "tests" / "recordings" / "speech.flac", dtype="float32")
    one = recorder(near_miss=share, after_s=0.0)
    events = one.push(speech) + one.flush()
    near = [event for event in events if isinstance(event, Rejection)]
    thresholds = Listening(ListenConfig()).thresholds
    worth = [event for event in near if event.score >= share * thresholds[event.label]]
    told = [event for recording in written(one, tmp_path) for event in recording.events]
    assert near
    assert [event for event in worth if event not in told] == []
    assert bool(told) == bool(worth)


def test_what_is_kept_in_memory_is_bounded(recorder: Callable[..., Recorder]) -> None:
    """12 s of sound are 0.8 MB, in stretches with 110 kB of state each: 90 for the second stage."""
    one, second = recorder(), np.zeros(RATE, dtype=np.float32)
    tracemalloc.start()
    try:
        for _ in range(100):
            one.push(second)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.8e6 < kept_bytes < 5e6


def test_what_the_disk_cannot_keep_up_with_is_lost_and_said(
    recorder: Callable[..., Recorder],
    commands: FloatArray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
) -> None:
    free, busy = threading.Event(), threading.Event()
    keep = Recordings.keep

    def slow(self: Recordings, recording: Recording) -> Path:
        busy.set()
        assert free.wait(30)
        return keep(self, recording)

    monkeypatch.setattr(Recordings, "keep", slow)
    one = recorder(after_s=0.0)
    word = commands[: 2 * RATE]
    one.push(word)
    one.skip(RATE)
    assert busy.wait(30)
    for _ in range(MAX_WAITING + 2):  # which returns, though nothing is written
        one.push(word)
        one.skip(RATE)
    assert said == ["a recording is lost: the disk is too slow"] * 2
    free.set()
    assert len(written(one, tmp_path)) == 1 + MAX_WAITING


def test_a_file_waits_for_the_disk(
    listening: Callable[[str], Listening], commands: FloatArray, tmp_path: Path, said: list[str]
) -> None:
    config = RecordConfig(folder=str(tmp_path), after_s=0.0)
    one = Recorder(config, listening("spotter"), is_live=False)
    n_words = 3 * MAX_WAITING
    for _ in range(n_words):
        one.push(commands[: 2 * RATE])
        one.skip(RATE)
    assert len(written(one, tmp_path)) == n_words
    assert said == []


def test_a_full_disk_is_said_once_and_listening_goes_on(
    recorder: Callable[..., Recorder],
    commands: FloatArray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    one = recorder(after_s=0.0)
    with monkeypatch.context() as patch:
        patch.setattr("earlet.service.recordings.folder.write_whole", full)
        for _ in range(3):
            assert one.push(commands[: 2 * RATE])
            one.skip(RATE)
        one.close(5)
    assert said == [
        f"record: {tmp_path}: No space left on device; listening goes on, nothing is recorded"
    ]


def test_a_disk_that_hangs_does_not_hold_up_the_end(
    recorder: Callable[..., Recorder], commands: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    monkeypatch.setattr(Recordings, "keep", lambda *_: free.wait(30))
    one = recorder(after_s=0.0)
    one.push(commands[: 2 * RATE])
    one.flush()
    one.close(0.05)  # which returns
    free.set()


def test_what_detects_nothing_cannot_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="record: keeps what is detected, and vad detects noth"):
        Recorder(RecordConfig(folder=str(tmp_path)), Listening(ListenConfig(bundle="vad")))
