"""Layer by layer: how far int8 is from float on the same inputs.

    float graph, int8 graph, feeds -> the same value of both, by its name
        -> signal-to-noise ratio = sum of (x - mean)^2 / sum of (x - x_int8)^2, in dB

The mean is that of each channel: what never changes tells nothing apart. A classifier with one
logit that is always -1,000 would else seem perfect while all others are rounded to 0.

Layers are nodes with stored weights. Both graphs run without optimisations, so that every value
exists; a value that is rounded counts as the next layer reads it. Values inside of If and loops
are not looked at.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import onnx

from earlet.arrays import AnyArray
from earlet_quantize import engine
from earlet_quantize.measure.feeds import Feeds
from earlet_quantize.measure.results import MAX_SNR_DB, LayerNoise

CONSTANT = 1e-12  # share of a power that is rounding of float32, and no change


class _Value(NamedTuple):
    """The same value in both graphs."""

    name: str  # in the float graph
    int8_name: str  # as those who read it are given it
    channel_axis: int


class _Layer(NamedTuple):
    """A node of the float graph, what it gives and what it is given."""

    node: onnx.NodeProto
    output: _Value
    input: _Value | None  # None: it has no activation that both graphs know


def layer_noise(
    role: str, reference: onnx.ModelProto, quantized: onnx.ModelProto, feeds: Sequence[Feeds]
) -> tuple[LayerNoise, ...]:
    """The noise of every layer that both graphs name alike, in the order of the float graph.

    Args:
        role: of the network in its bundle.
        reference: the float network; its nodes have names of their own.
        quantized: made from it by one of the `schemes`.
        feeds: what both are run with.

    Raises:
        ModelFileError: when onnxruntime refuses one of them.
    """
    layers = list(_layers(reference.graph, quantized.graph))
    values = {v.name: v for layer in layers for v in (layer.output, layer.input) if v}
    originals = _Probe(reference, values)
    counterparts = _Probe(quantized, [value.int8_name for value in values.values()])
    measured = {name: _Measured(value.channel_axis) for name, value in values.items()}
    for feed in feeds:
        expected, rounded = originals.run(feed), counterparts.run(feed)
        for name, value in values.items():
            measured[name].add(expected[name], rounded[value.int8_name])
    snr = {name: found.decibels() for name, found in measured.items()}
    return tuple(
        LayerNoise(
            role=role,
            name=layer.node.name,
            op_type=layer.node.op_type,
            snr_db=snr[layer.output.name],
            input_snr_db=snr[layer.input.name] if layer.input else MAX_SNR_DB,
        )
        for layer in layers
    )


def _layers(reference: onnx.GraphProto, quantized: onnx.GraphProto) -> Iterator[_Layer]:
    stored = {tensor.name for tensor in reference.initializer if len(tensor.dims) >= 2}
    values = {name for node in reference.node for name in node.output}
    counterparts = _as_read(quantized)
    by_name = {node.name: node for node in quantized.node if node.name}
    for node in reference.node:
        if not stored.intersection(node.input) or node.name not in by_name:
            continue
        # Under its own name in both, or under that of a bias's addition folded into the product.
        made = by_name[node.name].output[0]
        name = next((name for name in (made, counterparts.get(made)) if name in values), None)
        if name is None:
            continue
        read = [x for x in node.input if x in counterparts and x in values]
        axis = 1 if "Conv" in node.op_type else -1
        yield _Layer(
            node,
            _Value(name, counterparts[made], axis),
            _Value(read[0], counterparts[read[0]], axis) if read else None,
        )


def _as_read(graph: onnx.GraphProto) -> dict[str, str]:
    """Each value of a graph, and what those who read it are given: itself, or itself rounded."""
    read = {name: name for node in graph.node for name in node.output}
    restored = {node.input[0]: node.output[0] for node in graph.node if _is(node, "Dequantize")}
    for node in graph.node:
        if _is(node, "Quantize") and node.output[0] in restored:
            read[node.input[0]] = restored[node.output[0]]
    return read


def _is(node: onnx.NodeProto, what: str) -> bool:
    return bool(node.op_type == f"{what}Linear")


class _Measured:
    """Powers of one value over all feeds; sums are kept by the number of channels."""

    def __init__(self, channel_axis: int) -> None:
        self._axis = channel_axis
        self._n: defaultdict[int, int] = defaultdict(int)
        self._total: defaultdict[int, AnyArray] = defaultdict(lambda: np.zeros(1))
        self._squares = 0.0
        self._noise = 0.0

    def add(self, expected: AnyArray, found: AnyArray) -> None:
        x = np.moveaxis(np.atleast_1d(expected.astype(np.float64)), self._axis, -1)
        rows = x.reshape(-1, x.shape[-1])
        self._n[rows.shape[1]] += len(rows)
        self._total[rows.shape[1]] = self._total[rows.shape[1]] + rows.sum(axis=0)
        self._squares += float(np.square(rows).sum())
        self._noise += float(np.square(expected.astype(np.float64) - found).sum())

    def decibels(self) -> float:
        if not np.isfinite(self._noise):  # the int8 network computed something that is no number
            return -MAX_SNR_DB
        means = (np.square(self._total[c]).sum() / n for c, n in self._n.items())
        signal = self._squares - float(sum(means))
        if signal <= CONSTANT * self._squares:
            signal = self._squares  # nothing changes, as where there is one sample of each channel
        if self._noise == 0:
            return MAX_SNR_DB
        with np.errstate(divide="ignore"):
            ratio = 10 * np.log10(np.float64(signal) / self._noise)
        return float(np.clip(ratio, -MAX_SNR_DB, MAX_SNR_DB))


class _Probe:
    """A network whose inner values can be seen."""

    def __init__(self, model: onnx.ModelProto, names: Iterable[str]) -> None:
        self._names = list(dict.fromkeys(names))
        self._name = model.graph.name
        try:
            shown = engine.shown(model, self._names)
            self._session = engine.session(shown, engine.AS_WRITTEN)
        except engine.FAILURES as problem:
            raise engine.failure(f"{self._name}: cannot be looked into", problem) from None

    def run(self, feed: Feeds) -> dict[str, AnyArray]:
        try:
            arrays = self._session.run(self._names, feed)
        except engine.FAILURES as problem:
            raise engine.failure(f"{self._name}: cannot be looked into", problem) from None
        return dict(zip(self._names, arrays, strict=True))
