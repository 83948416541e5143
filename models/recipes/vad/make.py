"""Make the network of the bundle `vad` from Silero VAD 6.2.3.

    python models/recipes/vad/make.py --out models/vad

The network for 16 kHz is written anew from its published weights, with a state that goes in and
out as one array and with no sample rate to pass, and is then held to the published one on speech.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile
import yaml

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import open_session
from earlet_quantize.graph import GraphBuilder, initializers, save
from earlet_quantize.pack import pack
from earlet_quantize.sources import fetch_wheel, read_member

PACKAGE = "silero-vad==6.2.3"
ARCHIVE = "silero_vad-6.2.3-py3-none-any.whl"
# The 16 kHz network as it is exported for many windows in one call: the graph without an `If`.
WEIGHTS = "silero_vad/data/silero_vad_16k_sequence.onnx"
WEIGHTS_SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"
# The network that the package itself uses: the expectation.
PUBLISHED = "silero_vad/data/silero_vad.onnx"
PUBLISHED_SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
LICENSE = "silero_vad-6.2.3.dist-info/licenses/LICENSE"
LICENSE_SHA256 = "2e63e9a38b6e8fc0c7bc37ce174caca1862870856c6daf5697cfb785e925520b"

SAMPLE_RATE = 16_000  # Hz
WINDOW = 512  # new samples: 32 ms
CONTEXT = 64  # samples before them, seen again
STATE_SHAPE = (2, 1, 128)  # the LSTM's hidden and cell state

STFT_HOP = 128  # samples, with windows of 256: a window has 4 frames
STRIDES = (1, 2, 2, 1)  # of the encoder's convolutions: 4 frames become 1
HIDDEN = 128
LSTM_WEIGHTS = ("onnx::LSTM_209", "onnx::LSTM_210", "onnx::LSTM_211")  # input, recurrent, biases

TOLERANCE = 1e-6  # of a probability
CHECKED = 5  # utterances
GOLDEN = "6880-216547-0000.flac"  # 5.7 s

HERE = Path(__file__).parent


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/vad"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/recipes"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()

    archive = fetch_wheel(PACKAGE, arguments.cache, ARCHIVE)
    source = onnx.load_model_from_string(read_member(archive, WEIGHTS, sha256=WEIGHTS_SHA256))
    model = network(initializers(source.graph))

    folder = arguments.data / "speech" / "calibration"
    clips = sorted(folder.glob("*.flac"))
    published = read_member(archive, PUBLISHED, sha256=PUBLISHED_SHA256)
    difference = largest_difference(published, model.SerializeToString(), speech(clips[:CHECKED]))
    print(f"probabilities differ from the published by at most {difference:.1e}")
    if difference > TOLERANCE:
        raise SystemExit(f"expected at most {TOLERANCE:.0e}: the graphs are not the same")

    manifest = yaml.safe_load((HERE / "manifest.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        save(model, files / "vad.onnx")
        (files / "LICENSE").write_bytes(read_member(archive, LICENSE, sha256=LICENSE_SHA256))
        shutil.copyfile(HERE / "card.md", files / "README.md")
        pack(files, arguments.out, manifest, speech([folder / GOLDEN]))


def network(weights: Mapping[str, AnyArray]) -> onnx.ModelProto:
    """waveform (n_windows, 64 + 512), state (2, 1, 128) -> probability (n_windows, 1), next_state.

    The windows are those of one stream, in order. A live stream has one window at a time, a file
    may pass many.
    """
    net = GraphBuilder("vad")
    waveform = net.input("waveform", np.float32, ["n_windows", CONTEXT + WINDOW])
    state = net.input("state", np.float32, STATE_SHAPE)

    def conv(name: str, x: str, **attributes: Any) -> str:
        parameters = [weights[f"{name}.weight"], weights[f"{name}.bias"]]
        return net.node("Conv", x, *map(net.constant, parameters), **attributes)

    # Magnitude spectrum: a convolution with the cosines and sines of each bin.
    padding = net.integers(0, 0, 0, CONTEXT)
    x = net.node("Pad", waveform, padding, mode="reflect")
    x = net.node("Unsqueeze", x, net.integers(1))
    basis = net.constant(weights["stft.forward_basis_buffer"])
    x = net.node("Conv", x, basis, strides=[STFT_HOP])
    real, imaginary = net.nodes("Split", x, n_outputs=2, axis=1, num_outputs=2)
    power = net.node("Add", net.node("Mul", real, real), net.node("Mul", imaginary, imaginary))
    x = net.node("Sqrt", power)  # (n_windows, n_bins, 4)

    for i, stride in enumerate(STRIDES):
        x = net.node("Relu", conv(f"encoder.{i}", x, strides=[stride], pads=[1, 1]))
    x = net.node("Transpose", x, perm=[0, 2, 1])  # (n_windows, 1, HIDDEN): the LSTM's time is first

    hidden, cell = net.nodes("Split", state, n_outputs=2, axis=0, num_outputs=2)
    parameters = [net.constant(weights[name]) for name in LSTM_WEIGHTS]
    x, hidden, cell = net.nodes(
        "LSTM", x, *parameters, "", hidden, cell, n_outputs=3, hidden_size=HIDDEN
    )
    x = net.node("Squeeze", x, net.integers(1))  # one direction
    x = net.node("Transpose", net.node("Relu", x), perm=[1, 2, 0])  # (1, HIDDEN, n_windows)
    x = net.node("Sigmoid", conv("output", x))
    probability = net.node("Reshape", x, net.integers(-1, 1))

    net.output("probability", probability, np.float32, ["n_windows", 1])
    net.output("next_state", net.node("Concat", hidden, cell, axis=0), np.float32, STATE_SHAPE)
    return net.model()


def largest_difference(published: bytes, rebuilt: bytes, waveform: FloatArray) -> float:
    """Between the probabilities of two networks; the rebuilt one also runs all windows at once."""
    fresh = windows(waveform)
    zero_state = np.zeros(STATE_SHAPE, dtype=np.float32)

    session, state, expected = open_session(published, "published", "onnxruntime"), zero_state, []
    for window in fresh:
        feeds = {"input": window[None], "state": state, "sr": np.array(SAMPLE_RATE)}
        probability, state = session.run(feeds)
        expected.append(probability[0])

    session, state, stepwise = open_session(rebuilt, "rebuilt", "onnxruntime"), zero_state, []
    for window in fresh:
        probability, state = session.run({"waveform": window[None], "state": state})
        stepwise.append(probability[0])
    at_once, _ = session.run({"waveform": fresh, "state": zero_state})

    return float(max(np.abs(np.subtract(found, expected)).max() for found in (stepwise, at_once)))


def windows(waveform: FloatArray) -> FloatArray:
    """Cut a stream that silence precedes, (n_windows, CONTEXT + WINDOW); a rest is left out."""
    padded = np.concatenate([np.zeros(CONTEXT, dtype=np.float32), waveform])
    every = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + WINDOW)
    return np.ascontiguousarray(every[::WINDOW])


def speech(paths: list[Path]) -> FloatArray:
    """16 kHz mono files, one after the other with half a second of silence around each."""
    pause = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)
    clips = [soundfile.read(path, dtype="float32")[0] for path in paths]
    return np.concatenate([part for clip in clips for part in (pause, clip, pause)])


if __name__ == "__main__":
    main()
