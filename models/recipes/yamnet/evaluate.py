"""How far the bundle's network is from the published one, and both from what they stand for.

    python models/recipes/yamnet/evaluate.py

Sounds of the folder of public data sets, window by window, and as clips: the mean of the windows'
scores. Three networks hear the same: the published .tflite on LiteRT, its translation, and the
published weights with nothing else rounded ("float").
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import soundfile
import yaml
from network import to_float, to_onnx

from earlet import features
from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet.decoding.classify import sigmoid
from earlet.streaming.windows import WindowConfig, Windows

PUBLISHED = Path("tflite") / "yamnet.tflite"  # in the folder of data sets
PUBLISHED_SHA256 = "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de"
SOUNDS = {
    "noises": "commands/gsc-subset/noise/*.flac",
    "read speech": "speech/librispeech-test-other/*.flac",
    "spoken orders": "negatives/speech/*.flac",
    "wake phrases": "wakeword/alexa/[ao]*/*.flac",
    "single words": "commands/gsc-subset/[a-e]*/*.flac",
}
RATE, WINDOW = 16_000, 15_600  # Hz, samples
N_TIMED = 300  # windows
HERE = Path(__file__).parent

Scores = Callable[[FloatArray], FloatArray]  # a window (n_samples,) -> (n_labels,)


class Comparison(NamedTuple):
    """Two networks on the same sounds."""

    n_clips: int
    same_clips: int  # whose best label is the same
    n_windows: int
    same_windows: int
    clip_difference: float  # the largest one of a score
    window_difference: float


def main() -> None:
    """Print a row for each kind of sound, and what a second of it takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    published = read_published(data)
    tflite, int8, float32 = litert(published), ours(to_onnx(published)), ours(to_float(published))
    pairs = {"int8, published": (int8, tflite), "int8, float": (int8, float32)}
    pairs["published, float"] = (tflite, float32)
    for kind, pattern in SOUNDS.items():
        paths = sorted(data.glob(pattern))
        for name, (one, other) in pairs.items():
            found = compare(one, other, paths)
            print(
                f"{kind:14} {name:17} clips {found.same_clips} of {found.n_clips}, windows "
                f"{found.same_windows} of {found.n_windows}; largest difference "
                f"{found.clip_difference:.3f}, {found.window_difference:.3f}"
            )
    spent = cpu_ms({"int8": int8, "published": tflite, "float": float32})
    print("CPU ms a second of sound:", ", ".join(f"{k} {ms:.2f}" for k, ms in spent.items()))


def read_published(data: Path) -> bytes:
    """The .tflite, after a check that it is the one that this recipe is for."""
    path = data / PUBLISHED
    if not path.is_file():
        raise SystemExit(f"{path}: needed, and not there; --data names the folder of data sets")
    network = path.read_bytes()
    if (found := hashlib.sha256(network).hexdigest()) != PUBLISHED_SHA256:
        raise SystemExit(f"{path}: expected SHA-256 {PUBLISHED_SHA256}, got {found}")
    return network


def litert(network: bytes) -> Scores:
    """The published network; short clips are filled up with zeros."""
    session = open_session(
        network, "published", "litert", inputs={"waveform": 2}, outputs={"scores": 2}
    )

    def scores(window: FloatArray) -> FloatArray:
        padded = np.pad(window, (0, WINDOW - len(window)))
        return np.asarray(session.run({"waveform": padded[None]})[0][0], dtype=np.float32)

    return scores


def ours(model: onnx.ModelProto) -> Scores:
    """A network with earlet's features in front of it."""
    manifest = yaml.safe_load((HERE / "manifest.yaml").read_text(encoding="utf-8"))
    front_end = features.from_manifest(manifest["input"])
    session = open_session(model.SerializeToString(), "network", "onnxruntime")

    def scores(window: FloatArray) -> FloatArray:
        return sigmoid(session.run({"features": front_end(window)[None]})[0][0])

    return scores


def compare(one: Scores, other: Scores, paths: Iterable[Path]) -> Comparison:
    """Feed both the windows of 16 kHz mono files."""
    windows = Windows(WindowConfig(), RATE, WINDOW)
    found = Comparison(0, 0, 0, 0, 0.0, 0.0)
    for path in paths:
        cut = list(windows.cut([soundfile.read(path, dtype="float32")[0]]))
        a, b = (np.stack([scores(window) for window in cut]) for scores in (one, other))
        clip_a, clip_b = a.mean(axis=0), b.mean(axis=0)
        found = Comparison(
            found.n_clips + 1,
            found.same_clips + int(clip_a.argmax() == clip_b.argmax()),
            found.n_windows + len(cut),
            found.same_windows + int((a.argmax(axis=1) == b.argmax(axis=1)).sum()),
            max(found.clip_difference, float(np.abs(clip_a - clip_b).max())),
            max(found.window_difference, float(np.abs(a - b).max())),
        )
    return found


def cpu_ms(networks: dict[str, Scores]) -> dict[str, float]:
    """CPU time of a second of sound, features and all: medians, in turns."""
    noise = np.random.default_rng(0).normal(0, 0.1, WINDOW).astype(np.float32)
    spent: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(N_TIMED):
        for name, scores in networks.items():
            start = time.process_time()
            scores(noise)
            spent[name].append(time.process_time() - start)
    return {name: 1e3 * float(np.median(s)) * RATE / WINDOW for name, s in spent.items()}


if __name__ == "__main__":
    main()
