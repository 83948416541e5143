"""Spotting words in a stream: what a second of sound costs.

Each listens for words of its own, so that only the cost compares, and for that all of it: features,
network and decision. All hear the same recording, in the pieces that suit them best.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import earlet
from benchmarks.compare import Peer, compared
from benchmarks.inputs import SAMPLE_RATE, pcm, read
from benchmarks.line import Line
from benchmarks.setting import ROOT, Setting
from benchmarks.stopwatch import in_turn

COMMANDS = ROOT / "tests" / "recordings" / "commands.flac"  # 21.2 s
HEARD_S = 20
ROUNDS = 15
REAL_TIME_AIM = 0.005  # of the length of a file
OPEN_PIECE = 2 * 1280  # bytes: the 80 ms that openWakeWord works on
OPEN_THRESHOLD = 0.5  # its own
SPHINX_PIECE = 2 * 640  # bytes: 40 ms, as earlet looks
KEYPHRASE = "go"
KEYPHRASE_THRESHOLD = 1e-10  # finds it; another costs as much
WHY_MICRO = (
    "Features in C, and a network of one phrase that keeps its state and computes only what is "
    "new; earlet's, for all words, sees its whole window at every look."
)

Listen = Callable[[], float]  # to all of the recording; how often something was heard


def lines(setting: Setting) -> Iterator[Line]:
    """From a file, and against others."""
    rounds = setting.rounds(ROUNDS)
    task: Any = earlet.pipeline("audio-classification")
    what = f"{len(task.config.thresholds)} words in a stream"
    waveform = read(COMMANDS)
    (file_s,) = np.median(in_turn([lambda: list(task.listen(COMMANDS))], rounds), axis=0)
    share = float(file_s) / (len(waveform) / SAMPLE_RATE)
    yield Line(
        what=f"{what}, from a FLAC file: of its length",
        ours=f"{share:.5f}",
        value=share,
        aim=REAL_TIME_AIM,
    )
    waveform = waveform[: HEARD_S * SAMPLE_RATE]
    hop = task.config.hop_ms * SAMPLE_RATE // 1000
    hops = [waveform[i : i + hop] for i in range(0, len(waveform), hop)]
    sound = pcm(waveform)

    def ours() -> float:
        spotter = task.spotter()
        return float(sum(len(spotter.push(samples)) for samples in hops))

    yield from compared(
        f"{what}, 1 s",
        ours,
        [
            peer("pymicro-wakeword", "one phrase", lambda: _micro(sound), WHY_MICRO),
            peer("pyopen-wakeword", "one phrase", lambda: _open(sound)),
            peer("pocketsphinx", "keyphrase search, one word", lambda: _sphinx(sound)),
        ],
        rounds,
        per=HEARD_S,
    )


def peer(distribution: str, how: str, make: Callable[[], Listen], why: str = "") -> Peer:
    """It may hear anything."""
    return Peer(distribution=distribution, how=how, make=make, tolerance=float("inf"), why=why)


def _micro(sound: bytes) -> Listen:
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    word, features = MicroWakeWord.from_builtin(Model.OKAY_NABU), MicroWakeWordFeatures()

    def listen() -> float:
        word.reset()
        features.reset()
        heard = [word.process_streaming(frame) for frame in features.process_streaming(sound)]
        return float(heard.count(True))

    return listen


def _open(sound: bytes) -> Listen:
    from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

    word, features = OpenWakeWord.from_builtin(Model.OKAY_NABU), OpenWakeWordFeatures.from_builtin()

    def listen() -> float:
        word.reset()
        features.reset()
        heard = (
            probability > OPEN_THRESHOLD
            for i in range(0, len(sound), OPEN_PIECE)
            for embedding in features.process_streaming(sound[i : i + OPEN_PIECE])
            for probability in word.process_streaming(embedding)
        )
        return float(sum(heard))

    return listen


def _sphinx(sound: bytes) -> Listen:
    from pocketsphinx import Decoder

    decoder = Decoder(
        lm=None, keyphrase=KEYPHRASE, kws_threshold=KEYPHRASE_THRESHOLD, loglevel="FATAL"
    )

    def listen() -> float:
        n_heard = 0
        decoder.start_utt()
        for i in range(0, len(sound), SPHINX_PIECE):
            decoder.process_raw(sound[i : i + SPHINX_PIECE])
            if decoder.hyp():
                n_heard += 1
                decoder.end_utt()
                decoder.start_utt()
        decoder.end_utt()
        return n_heard

    return listen
