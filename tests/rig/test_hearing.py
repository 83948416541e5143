"""What is spoken into a real PortAudio arrives sample for sample, and is heard as from a file."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soundfile
import soxr

from earlet.arrays import FloatArray
from tests.rig.program import Line, Program
from tests.rig.virtual_microphone import VirtualMicrophone, until

RECORDING = Path(__file__).parents[1] / "recordings" / "commands.flac"
SPOKEN = ["go", "left", "right"]  # in the first of it, by tests/recordings/commands.tsv
SPOKEN_S = 6.5
RATES = [8_000, 44_100, 48_000]  # Hz; the sink has 16 kHz
LATENCY_S = 1  # what is played is captured no later, even through a resampler
SLACK_S = 0.2  # where in a hop a command begins, chance decides: it fires some hops sooner or later
LISTEN = [sys.executable, "-m", "earlet", "listen", "--json"]


@dataclass(frozen=True)
class Heard:
    """Of one recording, played once."""

    said: FloatArray  # (n_samples,)
    from_file: list[Line]
    from_microphone: list[Line]
    from_pipe: list[Line]
    captured: dict[int, FloatArray]  # at each rate


@pytest.fixture(scope="module")
def heard(
    virtual_microphone: Callable[..., VirtualMicrophone], tmp_path_factory: pytest.TempPathFactory
) -> Heard:
    """By `earlet listen`, by `arecord | earlet listen`, and as samples: all at the same time."""
    folder = tmp_path_factory.mktemp("heard")
    said, rate = soundfile.read(RECORDING, dtype="float32", frames=round(SPOKEN_S * 16_000))
    spoken = folder / "spoken.wav"
    soundfile.write(spoken, said, rate, subtype="PCM_16")
    microphone = virtual_microphone("desk")
    microphone.plug_in("desk")
    captures = {rate: folder / f"{rate}.raw" for rate in [16_000, *RATES]}
    with ExitStack() as running:

        def start(*command: str | Path, stdin: IO[bytes] | int = subprocess.DEVNULL) -> Program:
            return running.enter_context(Program(command, microphone.environment, stdin))

        for rate, path in captures.items():
            start(sys.executable, "-m", "tests.rig.capture", "desk", str(rate), path)
        by_microphone = start(*LISTEN, "--device", "desk")
        by_pipe = start(*LISTEN, "--source", "-", stdin=running.enter_context(arecord(microphone)))
        until(lambda: microphone.n_listeners == len(captures) + 2, "all listen")
        microphone.play(spoken, "desk")
        for program in (by_microphone, by_pipe):
            program.wait_for(lambda line: line.get("label") == SPOKEN[-1])
        until_captured(captures)
    by_file = subprocess.run(
        [*LISTEN, "--source", spoken], capture_output=True, text=True, check=True
    ).stdout
    return Heard(
        said=said,
        from_file=[json.loads(line) for line in by_file.splitlines()],
        from_microphone=by_microphone.seen,
        from_pipe=by_pipe.seen,
        captured={rate: np.fromfile(path, dtype=np.float32) for rate, path in captures.items()},
    )


@contextmanager
def arecord(microphone: VirtualMicrophone) -> Iterator[IO[bytes]]:
    """The end of a pipe into which ALSA's own program records."""
    command = ["arecord", "-q", "-D", "desk", "-f", "S16_LE", "-r", "16000", "-t", "raw"]
    with subprocess.Popen(command, env=microphone.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def test_every_sample_arrives_as_it_is(heard: Heard) -> None:
    captured = heard.captured[16_000]
    start = where(heard.said, captured)
    np.testing.assert_array_equal(captured[start : start + len(heard.said)], heard.said)


@pytest.mark.parametrize("rate", RATES)
def test_at_another_rate_it_is_the_same_sound(heard: Heard, rate: int) -> None:
    captured = heard.captured[rate]
    said = soxr.resample(heard.said, 16_000, rate)
    start = where(said, captured)
    error = captured[start : start + len(said)] - said
    # Two good resamplers differ by where their filters end, and by a fraction of a sample.
    assert np.sqrt(np.mean(error**2) / np.mean(said**2)) < 0.1


@pytest.mark.parametrize("source", ["from_microphone", "from_pipe"])
def test_the_events_are_those_of_the_file(heard: Heard, source: str) -> None:
    events: list[Line] = getattr(heard, source)
    assert [event["label"] for event in events] == SPOKEN
    assert [event["label"] for event in heard.from_file] == SPOKEN
    began_s = [
        live["end_s"] - stored["end_s"]
        for live, stored in zip(events, heard.from_file, strict=True)
    ]
    assert max(began_s) - min(began_s) <= SLACK_S


def until_captured(captures: Mapping[int, Path]) -> None:
    """Wait until what has been played so far is in the files of each rate."""
    for rate, path in captures.items():
        n_bytes = path.stat().st_size + 4 * LATENCY_S * rate
        until(partial(has, path, n_bytes), f"{path} has {n_bytes} bytes")


def has(path: Path, n_bytes: int) -> bool:
    return path.stat().st_size >= n_bytes


def where(said: FloatArray, captured: FloatArray) -> int:
    """The sample of the capture at which it begins: the largest of their cross-correlation."""
    n = 1 << (len(said) + len(captured)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(captured, n) * np.conj(np.fft.rfft(said, n)), n)
    return int(correlation[: len(captured) - len(said) + 1].argmax())
