"""How cost grows: with the length of a recording, keywords, commands, bundles, windows, clients."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

import earlet
from benchmarks.inputs import SAMPLE_RATE, read
from benchmarks.line import Curve, Line, Ratio
from benchmarks.setting import ROOT, Setting
from benchmarks.speed import serving
from benchmarks.speed.wyoming_peer import free_port
from benchmarks.stopwatch import Work, in_turn, run_earlet
from earlet.config import ListenConfig
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.tasks import Pipelines
from earlet.tasks.listening import Listening

RECORDINGS = ROOT / "tests" / "recordings"
SPEECH = ROOT / "tests" / "golden" / "whisper" / "1272-128104-0000.wav"  # 5.9 s
ROUNDS = 5
HOUR_S = 3_600

LENGTHS_S = (1, 10, 60, 600, HOUR_S, 2 * HOUR_S)
QUICK_LENGTHS_S = (1, 10, 60)
PAUSES_S = (0.2, 1.5)  # between two utterances: within a sentence, and after one
SEED = 0
LONG_MB = 250  # of a long recording, at the peak

CLIENTS = (1, 2, 4, 8, 16, 32, 64)
ASKED = ("a text", "a word")

N_COMMANDS = (10, 30, 100, 300, 1_000)
VERBS = (
    "turn on",
    "turn off",
    "open",
    "close",
    "start",
    "stop",
    "raise",
    "lower",
    "check",
    "clean",
)
ROOMS = (
    "kitchen", "bedroom", "bathroom", "hallway", "garden", "garage", "office", "attic", "cellar",
    "porch",
)  # fmt: skip
THINGS = (
    "lights", "window", "heater", "curtain", "speaker", "camera", "fan", "door", "pump", "lamp",
)  # fmt: skip
COMMANDS = tuple(" ".join([verb, "the", *rest]) for verb, *rest in product(VERBS, ROOMS, THINGS))

BUNDLES = (  # in the order in which they are opened, with what they are asked
    ("commands-en", "audio-classification"),
    ("vad", "voice-activity-detection"),
    ("yamnet", "audio-classification"),
    ("efficientnet-lite0", "image-classification"),
    ("sentiment-en", "text-classification"),
    ("moonshine-tiny-en", "automatic-speech-recognition"),
)
OPEN = """
import sys, earlet
opened = [earlet.pipeline(task, bundle) for bundle, task in zip(sys.argv[1::2], sys.argv[2::2])]
print(open("/proc/self/status").read())
"""

CLIP_S = 30
WINDOWS = (400, 512, 800, 1_024, 2_048)  # samples, at hops of 10 ms
HOPS_MS = (5, 8, 10, 12)  # at windows of 25 ms


def lines(setting: Setting) -> Iterator[Line | Curve]:
    """A picture each, and a line where there is something to hold."""
    yield from by_length(setting)
    yield from by_keywords(setting)
    yield by_commands(setting)
    yield by_bundles(setting)
    yield from by_window(setting)
    if not setting.quick:
        yield by_clients(setting)


def by_length(setting: Setting) -> Iterator[Line | Curve]:
    """`earlet transcribe` and `earlet listen` of recordings in processes of their own."""
    lengths_s = QUICK_LENGTHS_S if setting.quick else LENGTHS_S
    cpu_s: dict[str, list[float]] = {"earlet transcribe": [], "earlet listen, a spotter": []}
    peak_mb: dict[str, list[float]] = {name: [] for name in cpu_s}
    with TemporaryDirectory() as folder:
        alone = Path(folder, "alone.yaml")
        alone.write_text("confirm: off\n", encoding="utf-8")
        for length_s in lengths_s:
            path = Path(folder, "long.wav")
            write_recording(path, length_s, setting)
            runs = (
                run_earlet("transcribe", path),
                run_earlet("listen", "--config", alone, "--source", path),
            )
            for name, run in zip(cpu_s, runs, strict=True):
                cpu_s[name].append(run.cpu_s)
                peak_mb[name].append(run.peak_mb)
    for figure, title, y_label, series in (
        ("length", "A recording's length, and CPU time", "CPU time, the start included (s)", cpu_s),
        ("memory", "A recording's length, and memory", "peak memory of the process (MB)", peak_mb),
    ):
        yield Curve(
            name=figure,
            title=title,
            x_label="length of the recording (s)",
            y_label=y_label,
            x=lengths_s,
            series=series,
        )
    for name in cpu_s:
        per_s = 1e3 * np.diff(cpu_s[name])[-1] / np.diff(lengths_s)[-1]
        yield Line(
            what=f"`{name}`, a second more of a recording of {lengths_s[-1]} s",
            ours=f"{per_s:.2f} ms",
        )
        yield Line(
            what=f"`{name}`, peak memory of {lengths_s[-1]} s",
            ours=f"{peak_mb[name][-1]:.0f} MB, and {peak_mb[name][0]:.0f} MB of {lengths_s[0]} s",
            value=peak_mb[name][-1],
            aim=LONG_MB,
            unit="MB",
        )


def write_recording(path: Path, length_s: int, setting: Setting) -> None:
    """Utterances by chance, with pauses between them, cut at the length."""
    rng = np.random.default_rng(SEED)
    found = setting.data and sorted(setting.data.glob("speech/librispeech-test-other/*.flac"))
    utterances = [read(each) for each in found or [RECORDINGS / "speech.flac"]]
    n_left = length_s * SAMPLE_RATE
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as recording:
        while n_left > 0:
            pause = np.zeros(int(rng.uniform(*PAUSES_S) * SAMPLE_RATE), dtype=np.float32)
            samples = np.concatenate([utterances[rng.integers(len(utterances))], pause])[:n_left]
            recording.write(samples)
            n_left -= len(samples)


def by_keywords(setting: Setting) -> Iterator[Line]:
    """All words of a spotter, and one: it is one network for both."""
    task: Any = earlet.pipeline("audio-classification")
    waveform = read(RECORDINGS / "commands.flac")
    every = task.config.thresholds
    one = dict([next(iter(every.items()))])
    times = in_turn(
        [lambda: task.spotter(every).push(waveform), lambda: task.spotter(one).push(waveform)],
        setting.rounds(3 * ROUNDS),
    )
    per_s = 1e3 * np.median(times, axis=0) / (len(waveform) / SAMPLE_RATE)
    yield Line(
        what=f"{len(every)} keywords, 1 s of sound",
        ours=f"{per_s[0]:.2f} ms",
        peer="the same spotter, one keyword",
        is_contest=False,
        theirs=f"{per_s[1]:.2f} ms",
        ratio=Ratio.of(*times.T),
    )


def by_commands(setting: Setting) -> Curve:
    """What an utterance costs among so many typed commands."""
    numbers = N_COMMANDS[::2] if setting.quick else N_COMMANDS
    pipelines = Pipelines()
    clip = np.pad(read(SPEECH)[: 2 * SAMPLE_RATE], SAMPLE_RATE)

    def work(n_commands: int) -> Work:
        config = ListenConfig(commands=spread(COMMANDS, n_commands))
        listening = Listening(config, pipelines=pipelines)
        return lambda: [*listening.push(clip), *listening.flush()]

    times = in_turn([work(n) for n in numbers], setting.rounds(ROUNDS))
    return Curve(
        name="commands",
        title="An utterance of 2 s among typed commands",
        x_label="commands that may be said",
        y_label="CPU time (ms)",
        x=numbers,
        series={"voice activity, recogniser, choice": (1e3 * np.median(times, axis=0)).tolist()},
    )


def spread(items: Sequence[str], n: int) -> tuple[str, ...]:
    """So many of them, evenly apart."""
    return tuple(items[:: len(items) // n][:n])


def by_bundles(setting: Setting) -> Curve:
    """The memory of a process that has opened one, two, ... all that ship."""
    numbers = (1, len(BUNDLES)) if setting.quick else range(1, len(BUNDLES) + 1)
    return Curve(
        name="bundles",
        title="Bundles open in one process",
        x_label=f"bundles: {', '.join(name for name, _ in BUNDLES)}",
        y_label="peak memory (MB)",
        x=tuple(numbers),
        series={"all of it": [opened_mb(n) for n in numbers]},
    )


def opened_mb(n_bundles: int) -> float:
    """Peak memory of a process that has opened the first so many."""
    words = [word for bundle in BUNDLES[:n_bundles] for word in bundle]
    command = [sys.executable, "-c", OPEN, *words]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", told)
    return int(peak_kb) * 1024 / 1e6


def by_window(setting: Setting) -> Iterator[Curve]:
    """Log-mel and fbank with other windows, and with other hops."""
    waveform = np.resize(read(SPEECH), CLIP_S * SAMPLE_RATE)
    hops = [hop_ms * SAMPLE_RATE // 1000 for hop_ms in HOPS_MS]
    for name, what, x, windows in (
        ("window", "window (samples), a hop each 10 ms", WINDOWS, [(n, 160) for n in WINDOWS]),
        ("hop", "hop (ms), windows of 25 ms", HOPS_MS, [(400, hop) for hop in hops]),
    ):
        parts: list[LogMel | Fbank] = [
            *(LogMel(LogMelConfig(n_fft=n, hop_length=hop)) for n, hop in windows),
            *(Fbank(fbank_config(n, hop)) for n, hop in windows),
        ]
        works = [partial(part, waveform) for part in parts]
        log_mel, fbank = np.split(
            1e3 * np.median(in_turn(works, setting.rounds(ROUNDS)), axis=0), 2
        )
        yield Curve(
            name=name,
            title=f"Features of {CLIP_S} s, by their {name}",
            x_label=what,
            y_label="CPU time (ms)",
            x=x,
            series={"log-mel": log_mel.tolist(), "fbank": fbank.tolist()},
        )


def fbank_config(win_length: int, hop_length: int) -> FbankConfig:
    """Kaldi's, whose transform is the next power of two."""
    n_fft = 1 << (win_length - 1).bit_length()
    return FbankConfig(win_length=win_length, hop_length=hop_length, n_fft=n_fft)


def by_clients(setting: Setting) -> Curve:
    """Requests a second of more and more clients of one worker."""
    port = free_port()
    series = {}
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clients,
        serving.serving(clients, port=port) as used_s,
    ):
        for work in serving.works():
            if work.name in ASKED:
                asked = serving.measure(work, port, clients, used_s, CLIENTS, setting)
                rates = [1 / np.median(asked[n].served_s) for n in CLIENTS]
                series[work.name] = [float(rate) for rate in rates]
    return Curve(
        name="clients",
        title="Clients of a server with one worker",
        x_label="clients at once",
        y_label="requests a second",
        x=CLIENTS,
        series=series,
    )
