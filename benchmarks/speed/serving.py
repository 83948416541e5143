"""What it costs to ask through a server: in turns with a plain loop over the same pipeline.

One process computes; clients are in a process of their own, and keep their connection. No cache, no
access log. Times are of the clock: there are several processes, and what they wait for counts.
"""

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
import soundfile

import earlet
from benchmarks.bundles import made
from benchmarks.inputs import SAMPLE_RATE, every, pcm, read
from benchmarks.line import Line, Ratio, attempted, there, version
from benchmarks.setting import ROOT, Setting
from benchmarks.speed.clients import PIECE, Address, Answered, ask, listen, transcribe
from benchmarks.speed.wyoming_peer import HOST, free_port, wyoming_faster_whisper
from benchmarks.stopwatch import children, cpu_s_of
from earlet.arrays import Float64Array, FloatArray
from earlet.config import ListenConfig, ServeConfig
from earlet.server.serving import Server
from earlet.tasks.listening import Listening

RECORDINGS = ROOT / "tests" / "recordings"
SPEECH = ROOT / "tests" / "golden" / "whisper" / "1272-128104-0000.wav"  # 5.9 s
TEXT = "The plot is thin, but the actors are so good that you hardly notice, and the music is fine."
GO_S = (0.6, 1.8)  # of RECORDINGS' commands: one, as somebody says it
SPOTTER = "commands-en"
CLIENTS = (1, 8, 64)
STREAMS = (1, 8, 32)
ROUNDS = 5
STREAM_ROUNDS = 3  # of up to 32 streams at once
ROUND_S = 1.0  # that a plain loop works in a round
QUICK_S = 0.2
QUICK = ("a text", "speech, 5.9 s")  # what a quick run asks for
N_UTTERANCES = 30
AIM = 1.3  # times what a plain loop takes

WHY = (
    "A request is read, checked, handed to the process that computes and handed back: about 1 ms "
    "of CPU, which work of a few milliseconds feels."
)
WHY_STREAMS = "Each piece of 0.1 s is a message of its own, to the worker and back."


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


class Asked(NamedTuple):
    """What a number of clients met."""

    answered: list[Answered]  # by round
    served_s: Float64Array  # a request, (n_rounds,)
    looped_s: Float64Array  # a call of the loop in the same round
    cpu_ratios: Float64Array  # of a request to a call, (n_rounds,)

    @property
    def told(self) -> str:
        """How quick the server was."""
        latencies_ms = 1e3 * np.concatenate([one.latencies_s for one in self.answered])
        p50, p99 = np.percentile(latencies_ms, [50, 99])
        rate = 1 / np.median(self.served_s)
        cpu = np.median(self.cpu_ratios)
        return f"{rate:.0f} a second; p50 {p50:.1f}, p99 {p99:.1f} ms; {cpu:.2f} times the CPU"


def lines(setting: Setting) -> Iterator[Line]:
    """HTTP, WebSocket, Wyoming."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clients:
        yield from over_http(clients, setting)
        if setting.quick:
            return
        yield from over_websockets(clients)
        yield from attempted(
            "speech over Wyoming, against wyoming-faster-whisper",
            partial(over_wyoming, clients, setting),
        )


@contextmanager
def serving(clients: ProcessPoolExecutor, **settings: Any) -> Iterator[Callable[[], float]]:
    """A server in a thread of this process, as `earlet serve` is one, with one worker at a time.

    Yields what tells the CPU seconds that it and its workers have used.
    """
    clients.submit(os.getpid).result()  # it runs: no process that does yet is the server's
    others = children(os.getpid())
    with Server(ServeConfig(workers=1, queue=2 * max(CLIENTS), **settings)):
        yield lambda: (time.process_time() + sum(map(cpu_s_of, children(os.getpid()) - others)))


def over_http(clients: ProcessPoolExecutor, setting: Setting) -> Iterator[Line]:
    """Every task, by more and more clients."""
    port = free_port()
    numbers = CLIENTS[:2] if setting.quick else CLIENTS
    with serving(clients, port=port) as used_s:
        for work in works():
            if setting.quick and work.name not in QUICK:
                continue
            for n_clients, asked in measure(work, port, clients, used_s, numbers, setting).items():
                looped_s = float(np.median(asked.looped_s))
                yield Line(
                    what=f"{work.name} over HTTP, {n_clients} at once",
                    ours=asked.told,
                    peer="a loop over the pipeline, no server",
                    is_contest=False,
                    theirs=f"{1 / looped_s:.0f} a second; {1e3 * looped_s:.1f} ms",
                    ratio=Ratio.of(asked.served_s, asked.looped_s),
                    aim=AIM,
                    why=WHY,
                )


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
    speech = wav(read(SPEECH))
    sounds = earlet.pipeline("audio-classification", "yamnet")
    yield Work("sounds, 5.9 s", "yamnet", speech, partial(sounds, speech))
    recogniser = earlet.pipeline("automatic-speech-recognition")
    yield Work("speech, 5.9 s", "moonshine-tiny-en", speech, partial(recogniser, speech))


def measure(
    work: Work,
    port: int,
    clients: ProcessPoolExecutor,
    used_s: Callable[[], float],
    numbers: tuple[int, ...],
    setting: Setting,
) -> dict[int, Asked]:
    """What each number of clients met, in rounds with the loop."""
    address, request = (HOST, port), work.request(port)
    clients.submit(ask, address, request, 1, 1).result()  # not measured: the network is loaded
    n_calls = max(2, round((QUICK_S if setting.quick else ROUND_S) / looped(work.loop, 2).wall_s))
    n_rounds = setting.rounds(ROUNDS)
    asked = {n: Asked([], *np.zeros((3, n_rounds))) for n in numbers}
    for i in range(n_rounds):
        alone = looped(work.loop, n_calls)
        for n_clients, (answered, served_s, looped_s, cpu_ratios) in asked.items():
            n_requests = max(n_calls, n_clients)
            before_s = used_s()
            answered.append(clients.submit(ask, address, request, n_clients, n_requests).result())
            cpu_ratios[i] = (used_s() - before_s) / n_requests / alone.cpu_s
            served_s[i] = answered[-1].wall_s / n_requests
            looped_s[i] = alone.wall_s
    return asked


def looped(work: Callable[[], object], n_calls: int) -> Cost:
    """Of a call, one after the other, without a server."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        work()
    return Cost((time.perf_counter() - wall_s) / n_calls, (time.process_time() - cpu_s) / n_calls)


def over_websockets(clients: ProcessPoolExecutor) -> Iterator[Line]:
    """Streams of the spotter with its second stage, as fast as one worker takes them."""
    waveform = read(RECORDINGS / "commands.flac")
    sound, seconds = pcm(waveform), len(waveform) / SAMPLE_RATE
    pieces = [waveform[i : i + PIECE // 2] for i in range(0, len(waveform), PIECE // 2)]
    listening = Listening(ListenConfig())
    address = (HOST, free_port())
    with serving(clients, port=address[1]):
        clients.submit(listen, address, SPOTTER, sound, 1).result()  # the networks are loaded
        for n_streams in STREAMS:
            times = np.zeros((2, STREAM_ROUNDS))
            for i in range(STREAM_ROUNDS):
                alone = looped(lambda: [listening.push(piece) for piece in pieces], n_streams)
                done = clients.submit(listen, address, SPOTTER, sound, n_streams).result()
                times[:, i] = done.wall_s, n_streams * alone.wall_s
            served, plain = n_streams * seconds / np.median(times, axis=1)
            yield Line(
                what=f"a spotter with its second stage, {n_streams} live at once",
                ours=f"{served:.0f} s of sound a second",
                peer="the same without a server, one after the other",
                is_contest=False,
                theirs=f"{plain:.0f} s of sound a second",
                ratio=Ratio.of(*times),
                aim=AIM,
                why=WHY_STREAMS,
            )


def over_wyoming(clients: ProcessPoolExecutor, setting: Setting) -> Iterator[Line]:
    """Speech to text: from the last sample to the text, both with one thread."""
    peer = f"{version('wyoming-faster-whisper')}, int8, beam size 1"
    folder = there(setting.data, "speech") / "speech" / "librispeech-test-other"
    utterances = [pcm(read(path)) for path in every(sorted(folder.glob("*.flac")), N_UTTERANCES)]
    bundle = made(setting, "whisper-tiny-en")
    ours: Address = (HOST, free_port())
    times = np.zeros((2, len(utterances)))
    with (
        wyoming_faster_whisper(setting.cache) as theirs,
        serving(clients, port=0, wyoming_port=ours[1], bundles=(str(bundle),)),
    ):
        for address in (ours, theirs):  # not measured: the networks are loaded
            clients.submit(transcribe, address, utterances[0]).result()
        for i, utterance in enumerate(utterances):
            for times_of, address in zip(times, (ours, theirs), strict=True):
                times_of[i], _ = clients.submit(transcribe, address, utterance).result()
    yield Line(
        what=f"Whisper tiny.en int8 over Wyoming, {len(utterances)} utterances",
        ours=f"{np.median(times[0]):.2f} s",
        peer=peer,
        theirs=f"{np.median(times[1]):.2f} s",
        ratio=Ratio.of(*times),
    )


def wav(waveform: FloatArray) -> bytes:
    """As a file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()
