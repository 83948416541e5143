"""Static int8: weights and activations in steps that are fixed beforehand, from calibration data.

    float graph -> constants folded, BatchNormalization merged (`prepare`)
        -> steps of the weights, biases that make up for their rounding (`layers`)
        -> ranges of all activations over the calibration data
        -> QuantizeLinear and DequantizeLinear around every operator ("QDQ"), which onnxruntime
           fuses into operators on integers

Made by `onnxruntime.quantization`. Weights are int8 with a scale for each output channel,
activations uint8: with unsigned ones a convolution takes 0.34 of its time in float on x86, with
signed ones more than in float. This fits networks that are mostly convolutions.

x86 processors without VNNI add the products of two neighbours in 16 bits, which 8-bit weights can
overflow, silently and only there. Steps of weights are such that no two neighbours do, as in
`schemes.dynamic.round_columns`; where the neighbours are not known, weights use 7 of their 8 bits.
"""

import io
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from earlet_quantize import engine
from earlet_quantize.graph import tidy
from earlet_quantize.measure.feeds import Feeds
from earlet_quantize.passes.pooling import pool_globally
from earlet_quantize.schemes.layers import Layer, correct_biases, layers
from earlet_quantize.staging import scratch_folder

Calibration = Literal["minmax", "entropy", "percentile"]
REFUSED = "onnxruntime cannot make it static int8, try another scheme"
_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


@dataclass(frozen=True, kw_only=True)
class StaticConfig:
    """How the steps are chosen."""

    calibration: Calibration = "minmax"  # the range of an activation: all of it, or cut


def prepare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same float network in the shape that `quantize` needs.

    Raises:
        ModelFileError: when onnxruntime cannot read it.
    """
    with scratch_folder() as folder:
        path = str(folder / "prepared.onnx")
        try:
            engine.session(model, engine.MERGED, optimized=path)
            prepared: onnx.ModelProto = onnx.shape_inference.infer_shapes(onnx.load(path))
            _complete_types(prepared)
        except engine.FAILURES as problem:
            raise engine.failure(f"{model.graph.name}: {REFUSED}", problem) from None
    add_pre_process_metadata(prepared)
    return prepared


def quantize(
    prepared: onnx.ModelProto,
    feeds: Iterable[Feeds],
    config: StaticConfig | None = None,
    exclude: Collection[str] = (),
) -> onnx.ModelProto:
    """The static int8 network.

    Args:
        prepared: what `prepare` gave.
        feeds: calibration data, what the network is run with.
        config: None takes the defaults.
        exclude: names of nodes of `prepared` that stay float.

    Raises:
        ModelFileError: when onnxruntime cannot quantize it.
    """
    config = config or StaticConfig()
    feeds = list(feeds)
    rounded = list(layers(prepared.graph, exclude))
    model = onnx.ModelProto()
    model.CopyFrom(prepared)
    with scratch_folder() as folder:
        original, path = folder / "float.onnx", folder / "int8.onnx"
        try:
            if feeds:
                pool_globally(model, feeds[0])
                correct_biases(model, rounded, feeds)
            original.write_bytes(model.SerializeToString())
            with _silence():
                quantize_static(
                    str(original),
                    str(path),
                    _Reader(iter(feeds)),
                    quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    per_channel=True,
                    reduce_range=True,  # where `rounded` has no steps
                    calibrate_method=_METHODS[config.calibration],
                    nodes_to_exclude=[*exclude, *_products_of_activations(prepared.graph)],
                    extra_options={"TensorQuantOverrides": _steps(rounded)},
                )
        except engine.FAILURES as problem:
            raise engine.failure(f"{prepared.graph.name}: {REFUSED}", problem) from None
        model = onnx.load(path)
    tidy(model)
    return model


def _steps(rounded: Iterable[Layer]) -> dict[str, list[dict[str, Any]]]:
    """The steps of weights as onnxruntime.quantization takes them."""
    return {
        layer.node.input[1]: [
            {
                "axis": layer.axis,
                "quant_type": QuantType.QInt8,
                "scale": scale,
                "zero_point": np.int8(0),
            }
            for scale in layer.scales
        ]
        for layer in rounded
    }


def _complete_types(model: onnx.ModelProto) -> None:
    """Note which values are float where ONNX cannot tell: those made by onnxruntime's operators.

    Values of unknown type are passed over by the quantizer, and so are the products that read them.
    """
    known = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    made = (name for node in model.graph.node for name in node.output)
    unknown = [name for name in made if name and name not in known]
    if not unknown:
        return
    for value in engine.session(engine.shown(model, unknown), engine.AS_WRITTEN).get_outputs():
        if value.name not in known and value.type == "tensor(float)":
            model.graph.value_info.append(
                helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, None)
            )


@contextmanager
def _silence() -> Iterator[None]:
    """onnxruntime.quantization prints, and warns on the root logger; what fails, it raises."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)


def _products_of_activations(graph: onnx.GraphProto) -> Iterator[str]:
    """Names of the products that have no stored factor; those of attention."""
    stored = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMul" and not stored.intersection(node.input):
            yield node.name


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Iterator[Feeds]) -> None:
        self._feeds = feeds

    def get_next(self) -> Feeds | None:
        return next(self._feeds, None)
