"""What it costs to ask through a server, and how that compares with another's.

    python benchmarks/serve.py [--data ../shared/data] [--peer PYTHON --whisper BUNDLE]

Every task is asked by 1, 8 and 64 clients in a process of their own, over HTTP, without cache and
access log, in turns with a plain loop over the same pipeline; one process computes. Then live sound
over WebSockets; and with --peer, a Python that has wyoming-faster-whisper 3.8.1, speech over
Wyoming against that, by --whisper with a bundle of the same weights (models/recipes/whisper-tiny-en
makes it). Needs the `dev` extra and Linux. Ratios are medians of the rounds' ratios. Prints tables
as Markdown.
"""

import argparse
import io
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it

import numpy as np
import soundfile
from clients import PIECE, Address, Answered, ask, listen, transcribe
from inputs import SAMPLE_RATE, every, read
from peers import wyoming_faster_whisper
from stopwatch import children, cpu_s_of

import earlet
from earlet.arrays import INT16_SCALE, FloatArray
from earlet.config import ListenConfig, ServeConfig
from earlet.server.serving import Server
from earlet.tasks.listening import Listening

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "tests" / "recordings"
TEXT = "The plot is thin, but the actors are so good that you hardly notice, and the music is fine."
GO_S = (0.6, 1.8)  # of RECORDINGS' commands: one, as somebody says it
SPOTTER = "commands-en"
HOST = "127.0.0.1"
CLIENTS = (1, 8, 64)
ROUNDS = 5  # what a median is taken of
ROUND_S = 1.0  # that a plain loop works in a round
STREAMS = (1, 8, 32)
N_UTTERANCES = 40
AIM = 1.3  # times what a plain loop takes

Row = tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """What is asked of the server, and the same without one."""

    name: str
    model: str
    body: bytes
    loop: Callable[[], object]

    def request(self, port: int) -> bytes:
        """As HTTP."""
        kind = "application/json" if self.body.startswith(b"{") else "application/octet-stream"
        head = (
            f"POST /models/{self.model} HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(self.body)}\r\n"
            "x-use-cache: false\r\n\r\n"
        )
        return head.encode() + self.body


class Cost(NamedTuple):
    """Of one call, in seconds."""

    wall_s: float
    cpu_s: float


@dataclass
class Asked:
    """What a number of clients met, in all rounds."""

    answered: list[Answered]
    time_ratios: list[float]  # to the loop in the same round
    cpu_ratios: list[float]

    def row(self, n_clients: int) -> Row:
        """What the table says of them."""
        latencies_ms = 1e3 * np.concatenate([one.latencies_s for one in self.answered])
        wall_s = sum(one.wall_s for one in self.answered)
        clients = 100 * sum(one.cpu_s for one in self.answered) / wall_s
        p50, p99 = np.percentile(latencies_ms, [50, 99])
        ratio = np.median(self.time_ratios)
        return (
            str(n_clients),
            f"{len(latencies_ms) / wall_s:.0f}",
            f"{p50:.1f}",
            f"{p99:.1f}",
            f"{ratio:.2f}{'' if ratio <= AIM else ' (missed)'}",
            f"{np.median(self.cpu_ratios):.2f}",
            f"{clients:.0f} %",
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "recipes")
    parser.add_argument("--peer", metavar="PYTHON", type=Path)
    parser.add_argument("--whisper", metavar="BUNDLE", default="moonshine-tiny-en")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clients:
        show(over_http(clients))
        show(over_websockets(clients))
        if arguments.peer is not None:
            show(over_wyoming(clients, arguments))


def show(rows: Iterator[Row]) -> None:
    """A table, row by row, for it takes minutes."""
    for number, row in enumerate(rows):
        sys.stdout.write(f"| {' | '.join(row)} |\n")
        if number == 0:
            sys.stdout.write("|---" * len(row) + "|\n")
        sys.stdout.flush()
    sys.stdout.write("\n")


@contextmanager
def serving(clients: ProcessPoolExecutor, **settings: Any) -> Iterator[Callable[[], float]]:
    """A server in a thread of this process, as `earlet serve` is one, with one worker at a time.

    Yields what tells the CPU seconds that it and its workers have used.
    """
    clients.submit(os.getpid).result()  # it runs: no process that does yet is the server's
    others = children(os.getpid())
    with Server(ServeConfig(workers=1, queue=2 * max(CLIENTS), **settings)):
        yield lambda: (time.process_time() + sum(map(cpu_s_of, children(os.getpid()) - others)))


def over_http(clients: ProcessPoolExecutor) -> Iterator[Row]:
    """Every task, by more and more clients."""
    yield (
        "HTTP", "clients", "requests a second", "p50, ms", "p99, ms",
        "time against a loop", "CPU against a loop", "of that time, the clients' CPU",
    )  # fmt: skip
    port = free_port()
    with serving(clients, port=port) as used_s:
        for work in works():
            alone, asked = measure(work, (HOST, port), clients, used_s)
            yield (work.name, "a loop", f"{1 / alone:.0f}", f"{1e3 * alone:.1f}", *[""] * 4)
            for n_clients, one in asked.items():
                yield (work.name, *one.row(n_clients))


def works() -> Iterator[Work]:
    """A text, a picture, a word, sounds and speech."""
    text = earlet.pipeline("text-classification")
    yield Work("a text", "sentiment-en", json.dumps({"inputs": TEXT}).encode(), partial(text, TEXT))
    jpeg = (ROOT / "tests" / "pictures" / "cat.jpg").read_bytes()
    picture = earlet.pipeline("image-classification")
    yield Work("a picture", "efficientnet-lite0", jpeg, partial(picture, jpeg))
    start, end = (round(second * SAMPLE_RATE) for second in GO_S)
    word = wav(read(RECORDINGS / "commands.flac")[start:end])
    spotter = earlet.pipeline("audio-classification")
    yield Work("a word", SPOTTER, word, partial(spotter, word))
    speech = wav(read(ROOT / "tests" / "golden" / "whisper" / "1272-128104-0000.wav"))
    sounds = earlet.pipeline("audio-classification", "yamnet")
    yield Work("sounds, 5.9 s", "yamnet", speech, partial(sounds, speech))
    recogniser = earlet.pipeline("automatic-speech-recognition")
    yield Work("speech, 5.9 s", "moonshine-tiny-en", speech, partial(recogniser, speech))


def measure(
    work: Work, address: Address, clients: ProcessPoolExecutor, used_s: Callable[[], float]
) -> tuple[float, dict[int, Asked]]:
    """The seconds of a call in a plain loop, and what each number of clients met."""
    request = work.request(address[1])
    clients.submit(ask, address, request, 1, 1).result()  # not measured: the network is loaded
    n_calls = max(2, round(ROUND_S / looped(work, 2).wall_s))
    asked = {n_clients: Asked([], [], []) for n_clients in CLIENTS}
    alone_s = []
    for _ in range(ROUNDS):
        alone = looped(work, n_calls)
        alone_s.append(alone.wall_s)
        for n_clients, one in asked.items():
            n_requests = max(n_calls, n_clients)
            before_s = used_s()
            answered = clients.submit(ask, address, request, n_clients, n_requests).result()
            one.cpu_ratios.append((used_s() - before_s) / n_requests / alone.cpu_s)
            one.time_ratios.append(answered.wall_s / n_requests / alone.wall_s)
            one.answered.append(answered)
    return float(np.median(alone_s)), asked


def looped(work: Work, n_calls: int) -> Cost:
    """One after the other, without a server."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        work.loop()
    return Cost((time.perf_counter() - wall_s) / n_calls, (time.process_time() - cpu_s) / n_calls)


def over_websockets(clients: ProcessPoolExecutor) -> Iterator[Row]:
    """Streams of the spotter with its second stage, as fast as one worker takes them."""
    yield (
        "WebSocket", "streams at once", "seconds of sound a second",
        "time against a loop", "of that time, the clients' CPU",
    )  # fmt: skip
    waveform = read(RECORDINGS / "commands.flac")
    sound = pcm(waveform)
    address = (HOST, free_port())
    with serving(clients, port=address[1]):
        clients.submit(listen, address, SPOTTER, sound, 1).result()  # the networks are loaded
        for n_streams in STREAMS:
            alone_s = listened(waveform, n_streams)
            done = clients.submit(listen, address, SPOTTER, sound, n_streams).result()
            yield (
                "a spotter",
                str(n_streams),
                f"{n_streams * len(waveform) / SAMPLE_RATE / done.wall_s:.0f}",
                f"{done.wall_s / alone_s:.2f}",
                f"{100 * done.cpu_s / done.wall_s:.0f} %",
            )


def listened(waveform: FloatArray, n_times: int) -> float:
    """The seconds in which the same is heard without a server, so many times."""
    listening = Listening(ListenConfig())
    began_s = time.perf_counter()
    for _ in range(n_times):
        for start in range(0, len(waveform), PIECE // 2):
            listening.push(waveform[start : start + PIECE // 2])
    return time.perf_counter() - began_s


def over_wyoming(clients: ProcessPoolExecutor, arguments: argparse.Namespace) -> Iterator[Row]:
    """Speech to text, in turns with wyoming-faster-whisper, both with one thread."""
    yield ("Wyoming", "utterances", "earlet, s", "wyoming-faster-whisper, s", "ratio", "CPU ratio")
    folder = arguments.data / "speech" / "librispeech-test-other"
    utterances = [pcm(read(path)) for path in every(sorted(folder.glob("*.flac")), N_UTTERANCES)]
    port = free_port()
    ours: Address = (HOST, port)
    with (
        wyoming_faster_whisper(arguments.peer, arguments.cache) as peer,
        serving(clients, port=0, wyoming_port=port, bundles=(arguments.whisper,)) as used_s,
    ):
        rows = []
        for utterance in utterances[:1] + utterances:
            before_s, theirs_before_s = used_s(), cpu_s_of(peer.pid)
            wall_s, _ = clients.submit(transcribe, ours, utterance).result()
            theirs_s, _ = clients.submit(transcribe, peer.address, utterance).result()
            cpu_s = (used_s() - before_s, cpu_s_of(peer.pid) - theirs_before_s)
            rows.append((wall_s, theirs_s, *cpu_s))
    table = np.array(rows[1:])  # the networks are loaded with the first
    wall_s, theirs_s, cpu_s, their_cpu_s = table.T
    yield (
        arguments.whisper,
        str(len(table)),
        f"{np.median(wall_s):.2f}",
        f"{np.median(theirs_s):.2f}",
        f"{np.median(wall_s / theirs_s):.2f}",
        f"{np.sum(cpu_s) / np.sum(their_cpu_s):.2f}",
    )


def wav(waveform: FloatArray) -> bytes:
    """As a file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def pcm(waveform: FloatArray) -> bytes:
    """The same without a head."""
    return (waveform / INT16_SCALE).astype("<i2").tobytes()


def free_port() -> int:
    """Of TCP, on this machine."""
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main()
