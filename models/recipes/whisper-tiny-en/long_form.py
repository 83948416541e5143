"""Hold long recordings by Whisper's own times against faster-whisper with the same weights.

    pip install faster-whisper==1.2.1
    python models/recipes/whisper-tiny-en/long_form.py RECORDING...

Both in float32, greedy, one thread, of the same samples; the text before is the prompt of the next
window, or is not. Printed is how many of faster-whisper's segments come out with the same tokens
and times, with earlet's spectrogram and with faster-whisper's own, and the ratio of CPU times, of
one run each.

Earlet takes the spectrogram off each window, as in the training of the network; faster-whisper off
the whole file, and it fills the last window up with 0 after the logarithm. Where the network
wavers, that decides; all else is the same.
"""

import argparse
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it

import numpy as np
from faster_whisper import WhisperModel
from make import GOLDEN, read_clips, rebuild, write
from published import fetch

from earlet import features
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.recogniser import TranscriptionOptions
from earlet.decoding.seq2seq_recogniser import Seq2SeqRecogniser
from earlet.features import Features
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.streaming.long_form import LongForm
from earlet.tasks.recogniser import recogniser
from earlet.tasks.sound import load, stream

SAMPLE_RATE = 16_000  # Hz
Segments = list[tuple[float, float, list[int]]]  # start and end, s, rounded to ms; tokens


def main() -> None:
    """Print a table with two rows for each recording."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING")
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    published = fetch(arguments.cache)
    with TemporaryDirectory() as scratch:
        theirs, ours = Path(scratch) / "published", Path(scratch) / "whisper-tiny-en"
        theirs.mkdir()
        for name, content in published.items():
            (theirs / name).write_bytes(content)
        _, *networks = rebuild(published)
        clips = read_clips(arguments.data / "speech" / "calibration")
        write(ours, published, networks, clips[GOLDEN])
        model = WhisperModel(str(theirs), device="cpu", compute_type="float32", cpu_threads=1)
        for line in table(arguments.recordings, Bundle(ours), model):
            print(line, flush=True)


def table(paths: Iterable[Path], bundle: Bundle, model: WhisperModel) -> Iterator[str]:
    """The lines of it, as Markdown."""
    yield "| recording | s | text before | segments | equal | their spectrogram | CPU, ratio |"
    yield "|---|---|---|---|---|---|---|"
    ours = whisper(bundle, features.from_manifest(bundle.manifest.input))
    for path in paths:
        waveform = load(path, None, SAMPLE_RATE)
        for condition in (False, True):
            start = time.process_time()
            expected = faster_whisper(model, waveform, condition)
            middle = time.process_time()
            found = earlet(ours, waveform, condition)
            ratio = (time.process_time() - middle) / (middle - start)
            fed = earlet(whisper(bundle, TheirSpectrogram(model, waveform)), waveform, condition)
            cells = [
                path.name,
                f"{len(waveform) / SAMPLE_RATE:.1f}",
                "yes" if condition else "no",
                str(len(expected)),
                str(sum(segment in found for segment in expected)),
                str(sum(segment in fed for segment in expected)),
                f"{ratio:.2f}",
            ]
            yield f"| {' | '.join(cells)} |"


def whisper(bundle: Bundle, front_end: Features) -> Seq2SeqRecogniser:
    """The network, hearing by a front end."""
    opened = recogniser(bundle, front_end, threads=1)
    assert isinstance(opened, Seq2SeqRecogniser)
    return opened


def earlet(network: Seq2SeqRecogniser, waveform: FloatArray, condition: bool) -> Segments:
    """What `long_form="sequential"` gives."""
    options = TranscriptionOptions(temperatures=(0.0,), condition_on_previous_text=condition)
    windows = LongForm(network, options)
    chunks = stream(waveform, SAMPLE_RATE, SAMPLE_RATE)
    found = [segment for chunk in chunks for segment in windows.push(chunk)]
    found += windows.flush()
    return [(round(s.start_s, 3), round(s.end_s, 3), list(s.tokens)) for s in found]


def faster_whisper(model: WhisperModel, waveform: FloatArray, condition: bool) -> Segments:
    """faster-whisper as its users call it, without beams and without drawing."""
    segments, _ = model.transcribe(
        waveform,
        language="en",
        beam_size=1,
        temperature=0.0,
        condition_on_previous_text=condition,
    )
    return [(round(s.start, 3), round(s.end, 3), s.tokens) for s in segments]


class TheirSpectrogram(LogMel):
    """faster-whisper's of a whole recording, given out window by window."""

    def __init__(self, model: WhisperModel, waveform: FloatArray) -> None:
        super().__init__(LogMelConfig())
        self._waveform = waveform
        self._frames = model.feature_extractor(waveform).T  # (n_frames, n_mels)
        self._first = 0  # frame of the window

    def __call__(self, window: FloatArray) -> FloatArray:
        """The next window of the recording, (n_samples,) -> (n_frames, n_mels)."""
        self._first = next(
            first
            for first in range(self._first, len(self._frames))
            if np.array_equal(self._samples(first, len(window)), window)
        )
        frames = self._frames[self._first : self._first + len(window) // self.hop_length]
        n_missing = self.pad_samples // self.hop_length - len(frames)
        return np.pad(frames, ((0, n_missing), (0, 0))).astype(np.float32)

    def _samples(self, first: int, n: int) -> FloatArray:
        start = first * self.hop_length
        return self._waveform[start : start + n]


if __name__ == "__main__":
    main()
