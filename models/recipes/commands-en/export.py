"""From trained weights to ONNX, and from float to int8.

Activations become uint8 and weights int8, one scale per output channel. With unsigned activations
onnxruntime is 2.5 times as fast as in float on x86, with signed ones slower than float. Weights use
7 bits, so that processors without VNNI, which add pairs of products in 16 bits, cannot saturate and
give the same answers as all others.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from augment import NoiseRenderer, mix
from data import TrainingData
from network import STRIDE, WINDOW_FRAMES, Spotter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from segments import N_FRAMES, N_MELS, Renderer

from earlet.arrays import FloatArray
from earlet.backends import open_session

OPSET = 18
IR_VERSION = 9  # read by onnxruntime 1.20
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
    _tidy(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
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
    """Write the int8 network, calibrated on segments as they were in training."""
    prepared = int8_path.with_suffix(".prepared.onnx")
    quant_pre_process(str(float_path), str(prepared))
    last = [node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv"][-1]
    quantize_static(
        str(prepared),
        str(int8_path),
        _Reader(_calibration(data)),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=[
            last
        ],  # logits reach from -80 to 15: in steps of 95 / 255 they are coarse
    )
    prepared.unlink()
    model = onnx.load(int8_path)
    _tidy(model)
    int8_path.write_bytes(model.SerializeToString(deterministic=True))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, segments: Iterator[FloatArray]) -> None:
        self._segments = segments

    def get_next(self) -> dict[str, FloatArray] | None:
        features = next(self._segments, None)
        return None if features is None else {"features": features[None]}


def _calibration(data: TrainingData) -> Iterator[FloatArray]:
    rng = np.random.default_rng(SEED)
    renderer = Renderer(data, rng)
    noise_renderer = NoiseRenderer(data, renderer, rng)
    for kind, n in CALIBRATION.items():
        yield from mix(getattr(renderer, kind)(n), noise_renderer.draw(n), rng)


def _tidy(model: onnx.ModelProto) -> None:
    """Drop what tells of the exporting machine and not of the network."""
    model.producer_name, model.producer_version, model.doc_string = "earlet", "", ""
    model.ir_version = min(model.ir_version, IR_VERSION)
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = ""
    for item in (*model.graph.node, *model.graph.input, *model.graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
