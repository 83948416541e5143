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

STFT_HOP = 128  # samples; a frame has twice as many
N_FRAMES = 4  # of a window
N_BINS = STFT_HOP + 1
STRIDES = (1, 2, 2, 1)  # of the encoder's convolutions: 4 frames become 1
HIDDEN = 128
LSTM_WEIGHTS = ("onnx::LSTM_209", "onnx::LSTM_210", "onnx::LSTM_211")  # input, recurrent, biases

TOLERANCE = 1e-5  # of a probability: the order of additions
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

    Its convolutions have 4 outputs or fewer a window, which are no work for a kernel that computes
    16 at a time. Written as products of frames and weights, they take a third of the time.
    """
    net = GraphBuilder("vad")
    waveform = net.input("waveform", np.float32, ["n_windows", CONTEXT + WINDOW])
    state = net.input("state", np.float32, STATE_SHAPE)

    x = net.node("Reshape", spectrum(net, waveform, weights), net.integers(-1, N_FRAMES, N_BINS))
    n_frames = N_FRAMES
    for i, stride in enumerate(STRIDES):
        weight, bias = weights[f"encoder.{i}.weight"], weights[f"encoder.{i}.bias"]
        x = convolution(net, x, n_frames, stride, weight, bias)
        n_frames = -(-n_frames // stride)

    hidden, cell = net.nodes("Split", state, n_outputs=2, axis=0, num_outputs=2)
    parameters = [net.constant(weights[name]) for name in LSTM_WEIGHTS]
    x, hidden, cell = net.nodes(  # one window a step, one stream, one direction
        "LSTM", x, *parameters, "", hidden, cell, n_outputs=3, hidden_size=HIDDEN
    )
    x = net.node("Relu", net.node("Reshape", x, net.integers(-1, HIDDEN)))
    last = [weights["output.weight"].reshape(HIDDEN, 1), weights["output.bias"]]
    x = net.node("Gemm", x, *map(net.constant, last))

    net.output("probability", net.node("Sigmoid", x), np.float32, ["n_windows", 1])
    net.output("next_state", net.node("Concat", hidden, cell, axis=0), np.float32, STATE_SHAPE)
    return net.model()


def spectrum(net: GraphBuilder, waveform: str, weights: Mapping[str, AnyArray]) -> str:
    """Magnitudes of windows (n_windows, 64 + 512), (n_windows * N_FRAMES, N_BINS)."""
    x = net.node("Pad", waveform, net.integers(0, 0, 0, CONTEXT), mode="reflect")
    x = net.node("Reshape", x, net.integers(-1, N_FRAMES + 1, STFT_HOP))
    x = net.node("Gather", x, net.constant(np.add.outer(range(N_FRAMES), range(2))), axis=1)
    x = net.node("Reshape", x, net.integers(-1, 2 * STFT_HOP))
    # The cosines of all bins, then the sines.
    bases = np.split(weights["stft.forward_basis_buffer"][:, 0].T, 2, axis=1)
    real, imaginary = (net.node("MatMul", x, net.constant(basis)) for basis in bases)
    power = net.node("Add", net.node("Mul", real, real), net.node("Mul", imaginary, imaginary))
    return net.node("Sqrt", power)


def convolution(
    net: GraphBuilder, x: str, n_frames: int, stride: int, weight: AnyArray, bias: AnyArray
) -> str:
    """Conv over three frames with a frame of zeros at both ends, and Relu.

    Args:
        net: the graph.
        x: (n_windows, n_frames, n_in).
        n_frames: of a window.
        stride: frames from one output to the next.
        weight: (n_out, n_in, 3).
        bias: (n_out,).

    Returns:
        (n_windows, n_frames / stride, n_out)
    """
    n_out, n_in, n_taps = weight.shape
    heard = np.add.outer(range(0, n_frames, stride), range(n_taps))  # the first frame is 1
    is_frame = (heard > 0) & (heard <= n_frames)
    taps = np.flatnonzero(is_frame.any(axis=0))  # the others hear zeros only
    if len(taps) == n_taps:  # else one output, of all frames in their order
        x = net.node("Pad", x, net.integers(0, 1, 0, 0, 1, 0))
        x = net.node("Gather", x, net.constant(heard), axis=1)
    x = net.node("Reshape", x, net.integers(-1, len(taps) * n_in))
    product = np.concatenate([weight[:, :, tap].T for tap in taps])
    x = net.node("Relu", net.node("Gemm", x, net.constant(product), net.constant(bias)))
    return net.node("Reshape", x, net.integers(-1, len(heard), n_out))


def largest_difference(published: bytes, rebuilt: bytes, waveform: FloatArray) -> float:
    """Between the probabilities of two networks.

    Raises:
        SystemExit: when the rebuilt one gives others for all windows at once.
    """
    fresh = windows(waveform)
    zero_state = np.zeros(STATE_SHAPE, dtype=np.float32)

    session, state, expected = open_session(published, "published", "onnxruntime"), zero_state, []
    for window in fresh:
        feeds = {"input": window[None], "state": state, "sr": np.array(SAMPLE_RATE)}
        probability, state = session.run(feeds)
        expected.append(probability[0])

    session, state, found = open_session(rebuilt, "rebuilt", "onnxruntime"), zero_state, []
    for window in fresh:
        probability, state = session.run({"waveform": window[None], "state": state})
        found.append(probability[0])
    at_once, _ = session.run({"waveform": fresh, "state": zero_state})
    if not np.array_equal(at_once, found):
        raise SystemExit("all windows at once: expected the same bits as window by window")

    return float(np.abs(np.subtract(found, expected)).max())


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
