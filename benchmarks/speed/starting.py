"""What it takes to start, to rest and to be there: time until something is heard, and memory.

Every figure is of a process of its own. Sound comes through a pipe: there is no microphone here.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import earlet
from benchmarks.inputs import SAMPLE_RATE, pcm, read
from benchmarks.line import Line
from benchmarks.setting import ROOT, Setting
from benchmarks.speed.classifying import bare_session
from benchmarks.stopwatch import child_cpu_s, cpu_s_of, in_turn, run_earlet
from earlet import features

RECORDINGS = ROOT / "tests" / "recordings"
SPEECH_S = 13.6  # of speech.flac
PICTURE = ROOT / "tests" / "pictures" / "cat.jpg"
TEXT = "The plot is thin, but the actors are so good that you hardly notice."
ROUNDS = 15

IMPORT_MS, FIRST_S, ALONE_MB, CALL_US = 80.0, 0.25, 60.0, 5.0  # at most
ALONE = "confirm: off\n"
# What wakes the network, and the percent of a core that a spotter may take while nobody speaks.
GATES = {
    "always awake": ("gate: {energy: false, vad: false}\n", None),
    "woken by what is louder than the room, as shipped": (
        "gate: {energy: true, vad: false}\n",
        1.0,
    ),
    "woken by a voice": ("gate: {energy: true, vad: true}\n", 0.5),
}
HELD = (
    "Python with NumPy takes 26 MB, ONNX Runtime 17 when it is imported and 16 more for its first "
    "session, whatever the network; earlet, and the modules that it imports, 10."
)
OPENED = (
    "Most of it is CPU time, above all of importing NumPy and ONNX Runtime and of opening the "
    "first session; the line about making a spotter has it without the sound."
)
CHUNK_S = 0.04  # seconds of sound at a time: a program at the other end of a pipe that hurries
SETTLE_S = 2.0  # in which a process starts, and learns how loud its room is
REST_S, QUICK_REST_S = 20.0, 3.0
ROOM = 1e-3  # RMS of the noise of a quiet room, -60 dB
SEED = 0


def lines(setting: Setting) -> Iterator[Line]:
    """From an import to a day of silence."""
    rounds = setting.rounds(ROUNDS)
    yield from imports(rounds)
    yield from calls(rounds)
    with TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(ALONE, encoding="utf-8")
        yield from listening("the spotter alone", ["--config", str(config)], rounds, ALONE_MB)
        yield from listening("with its second stage", [], rounds)
        for what, (gate, aim) in GATES.items():
            if setting.quick and aim is None:
                continue
            config.write_text(ALONE + gate, encoding="utf-8")
            yield resting(what, config, QUICK_REST_S if setting.quick else REST_S, aim)
    yield from commands(setting.rounds(5))


def imports(rounds: int) -> Iterator[Line]:
    """CPU time above that of an interpreter that does nothing."""
    ready = 'import earlet; earlet.pipeline("audio-classification")'
    programs = ("pass", "import numpy", "import earlet", ready)
    took = np.array([[child_cpu_s(program) for program in programs] for _ in range(rounds)])
    numpy_ms, earlet_ms, ready_ms = 1e3 * np.median(took[:, 1:] - took[:, :1], axis=0)
    yield Line(
        what="import earlet, CPU",
        ours=f"{earlet_ms:.0f} ms",
        peer="import numpy",
        theirs=f"{numpy_ms:.0f} ms",
        value=earlet_ms,
        aim=IMPORT_MS,
        unit="ms",
    )
    yield Line(what="import earlet and make a spotter, CPU", ours=f"{ready_ms:.0f} ms")


def calls(rounds: int) -> Iterator[Line]:
    """What a call of a network costs above ONNX Runtime's own."""
    task = earlet.pipeline("audio-classification")
    front_end = features.from_manifest(task.bundle.manifest.input)
    window = front_end(read(RECORDINGS / "commands.flac"))[: task.config.window_frames]
    network = bare_session(task.bundle.read_bytes(str(task.bundle.manifest.model.network)))
    feeds = {network.get_inputs()[0].name: window[None]}
    n_calls = 200
    times = in_turn(
        [
            lambda: [task.network(window) for _ in range(n_calls)],
            lambda: [network.run(None, feeds) for _ in range(n_calls)],
        ],
        rounds,
    )
    added_us = 1e6 * float(np.median(times[:, 0] - times[:, 1])) / n_calls
    yield Line(
        what="a call of a network, above session.run",
        ours=f"{added_us:.1f} µs",
        peer="onnxruntime, session.run",
        theirs=f"{1e6 * np.median(times[:, 1]) / n_calls:.0f} µs in all",
        value=added_us,
        aim=CALL_US,
        unit="µs",
    )


def listening(
    what: str, flags: Sequence[str], rounds: int, at_most_mb: float | None = None
) -> Iterator[Line]:
    """`earlet listen`, fed as fast as it reads."""
    sound = pcm(read(RECORDINGS / "commands.flac"))
    runs = [run_earlet("listen", *flags, "--source", "-", stdin=sound) for _ in range(rounds)]
    peak_mb = max(run.peak_mb for run in runs)
    first_s = float(np.median([run.first_line_s for run in runs]))
    yield Line(
        what=f"earlet listen, {what}: peak memory",
        ours=f"{peak_mb:.0f} MB",
        value=peak_mb,
        aim=at_most_mb,
        unit="MB",
        why=HELD,
    )
    yield Line(
        what=f"earlet listen, {what}: start to first event, by the clock",
        ours=f"{first_s:.2f} s",
        value=first_s,
        aim=FIRST_S if at_most_mb else None,
        unit="s",
        why=OPENED,
    )


def resting(what: str, config: Path, rest_s: float, aim: float | None) -> Line:
    """The share of a core while sound comes in real time, and nobody speaks."""
    rng = np.random.default_rng(SEED)
    n_samples = int(CHUNK_S * SAMPLE_RATE)
    command = [sys.executable, "-m", "earlet", "listen", "--config", str(config), "--source", "-"]
    process: Any  # the type of whose pipes has it that there may be none
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        start, used_s = time.perf_counter(), 0.0
        for i in range(int((SETTLE_S + rest_s) / CHUNK_S)):
            time.sleep(max(0.0, start + i * CHUNK_S - time.perf_counter()))
            if i == int(SETTLE_S / CHUNK_S):
                used_s = cpu_s_of(process.pid)
            noise = rng.normal(scale=ROOM, size=n_samples).astype(np.float32)
            process.stdin.write(pcm(noise))
            process.stdin.flush()
        used_s = cpu_s_of(process.pid) - used_s
        process.stdin.close()
    percent = 100 * used_s / rest_s
    return Line(
        what=f"a spotter at rest, {what}",
        ours=f"{percent:.2f} % of a core",
        value=percent,
        aim=aim,
        unit="%",
    )


def commands(rounds: int) -> Iterator[Line]:
    """One input from the command line: all that a process takes."""
    for what, arguments in (
        (f"earlet transcribe, {SPEECH_S} s", ["transcribe", str(RECORDINGS / "speech.flac")]),
        ("earlet classify, a picture", ["classify", str(PICTURE)]),
        ("earlet classify, a text", ["classify", TEXT]),
    ):
        runs = [run_earlet(*arguments) for _ in range(rounds)]
        cpu_ms = 1e3 * float(np.median([run.cpu_s for run in runs]))
        yield Line(
            what=f"{what}: from start to end",
            ours=f"{cpu_ms:.0f} ms of CPU, {max(run.peak_mb for run in runs):.0f} MB",
        )
