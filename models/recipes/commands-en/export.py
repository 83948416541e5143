"""From trained weights to ONNX, and from float to int8."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from augment import mix
from data import TrainingData
from network import STRIDE, WINDOW_FRAMES, Spotter
from noises import NoiseRenderer
from segments import N_FRAMES, N_MELS, Renderer
from synthesis import Synthetic

from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet_quantize.graph import save, tidy
from earlet_quantize.schemes import static

OPSET = 18
CALIBRATION = {"words": 160, "continuous": 80}  # segments
SEED = 1
EXPORT_TOLERANCE = 1e-3  # of logits in float32, which reach some tens


def to_onnx(network: Spotter, path: Path) -> None:
    """Write the float network: features (1, n_frames, n_mels), logits (1, n_outputs, n_labels)."""
    n_frames = torch.export.Dim("n_frames", min=N_FRAMES // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            network,
            (torch.zeros(1, N_FRAMES, N_MELS),),
            path,
            input_names=["features"],
            output_names=["logits"],
            dynamic_shapes=({1: n_frames},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    tidy(model)
    save(model, path)
    _check(network, path)


def _check(network: Spotter, path: Path) -> None:
    """The file must compute what the network does, for a stream and for each of its windows."""
    features = np.random.default_rng(SEED).normal(0, 1, (1, N_FRAMES, N_MELS)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(features)).numpy()
    session = open_session(path.read_bytes(), path.name, "onnxruntime", 1)
    (stream,) = session.run({"features": features})
    starts = range(0, N_FRAMES - WINDOW_FRAMES + 1, STRIDE)
    windows = [session.run({"features": features[:, s : s + WINDOW_FRAMES]})[0] for s in starts]
    for logits in (stream, np.concatenate(windows, axis=1)):
        np.testing.assert_allclose(logits, expected, atol=EXPORT_TOLERANCE)


def to_int8(float_path: Path, int8_path: Path, data: TrainingData) -> None:
    """Write the static int8 network, calibrated on segments as they were in training."""
    prepared = static.prepare(onnx.load(float_path))
    # Logits reach from -80 to 15: in steps of 95 / 255 they are coarse.
    last = [node.name for node in prepared.graph.node if node.op_type == "Conv"][-1]
    feeds = ({"features": features[None]} for features in _calibration(data))
    save(static.quantize(prepared, feeds, exclude=[last]), int8_path)


def _calibration(data: TrainingData) -> Iterator[FloatArray]:
    rng = np.random.default_rng(SEED)
    # Recordings in the place of synthetic speech: quantizing needs no synthesizer.
    words = [clip for clips in data.words.values() for clip in clips]
    renderer = Renderer(data, Synthetic(data.commands, words, data.reading), rng)
    noise_renderer = NoiseRenderer(data, renderer, rng)
    for kind, n in CALIBRATION.items():
        yield from mix(getattr(renderer, kind)(n), noise_renderer.draw(n), rng)
