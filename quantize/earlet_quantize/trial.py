"""One float bundle, and the int8 versions of it that are made and measured.

scheme -> int8 networks -> a bundle in a scratch folder -> size, CPU time in turns with the
float networks, noise of each layer, accuracy on the evaluation set -> gate -> `Candidate`
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import onnx

from earlet.backends import open_session
from earlet.bundle import Bundle
from earlet.errors import BackendError, BundleError
from earlet_quantize import gate
from earlet_quantize.errors import DataError, ModelFileError
from earlet_quantize.graph import graphs
from earlet_quantize.measure import accuracy
from earlet_quantize.measure.data import Example
from earlet_quantize.measure.feeds import Feeds, Recorded, record
from earlet_quantize.measure.noise import layer_noise
from earlet_quantize.measure.results import Candidate, Limits, Size
from earlet_quantize.measure.size import size
from earlet_quantize.measure.speed import in_turns
from earlet_quantize.model_file import parse_model
from earlet_quantize.repack import repack
from earlet_quantize.schemes.apply import Quantized, Scheme, apply
from earlet_quantize.schemes.mixed import Layers
from earlet_quantize.schemes.static import StaticConfig

TIMED = 32  # feeds of the network that runs most often; of others in proportion
PROBED = 8  # feeds on which the noise of layers is measured
ANY_TOLERANCE = 1e9  # of a bundle that is packed only to be measured
INT8_OPERATORS = frozenset(
    {
        "ConvInteger",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "DynamicQuantizeMatMul",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QLinearConv",
        "QLinearMatMul",
        "QuantizeLinear",
    }
)
Networks = Mapping[str, onnx.ModelProto]  # by role


class Made(NamedTuple):
    """A candidate, and the bundle that was measured; None where it could not be made."""

    candidate: Candidate
    bundle: Path | None


@dataclass
class Trial:
    """What all candidates are held against, measured once."""

    bundle: Bundle
    scratch: Path
    calibration: Sequence[Example]  # none: the bundle's golden example is all there is
    evaluation: Sequence[Example]  # none: accuracy is not measured
    limits: Limits
    config: StaticConfig
    tell: Callable[[str], None]  # progress
    networks: Networks = field(init=False)
    size: Size = field(init=False)
    _feeds: Mapping[str, Recorded] = field(init=False)
    _answers: list[str] = field(init=False)
    _n_made: int = 0

    def __post_init__(self) -> None:
        """Raises QuantizeError when the bundle is no float one, or the data cannot be used."""
        self.networks = _float_networks(self.bundle)
        self.size = size(self.networks.values())
        self.tell(f"float: {self.size.total / 1e6:.2f} MB, over the data")
        self._feeds = record(self.bundle.path, self.calibration)
        self._answers = accuracy.answers(self.bundle.path, self.evaluation)

    def make(self, scheme: Scheme, float_layers: Layers | None = None) -> Made:
        """Try one scheme; with layers that stay float it is a mixed one."""
        left = float_layers or {}
        candidate = Candidate(
            scheme="mixed" if left else scheme,
            description=_description(scheme, self.config),
            float_layers=tuple(f"{role}: {name}" for role in left for name in left[role]),
        )
        self._n_made += 1
        folder = self.scratch / str(self._n_made) / self.bundle.path.name.removesuffix(".zip")
        self.tell(f"{candidate.scheme}: making it")
        try:
            quantized = {
                role: apply(scheme, model, self._feeds[role].feeds, self.config, left.get(role, ()))
                for role, model in self.networks.items()
            }
            networks = {role: self._bytes(role, quantized[role].model) for role in quantized}
            repack(self.bundle, folder, networks, network_tolerance=ANY_TOLERANCE)
            return Made(self._measured(candidate, quantized, folder), folder)
        except (BackendError, BundleError, DataError, ModelFileError) as problem:
            return Made(replace(candidate, refusal=self._readable(str(problem))), None)

    def _bytes(self, role: str, model: onnx.ModelProto) -> bytes:
        data: bytes = model.SerializeToString(deterministic=True)
        parse_model(data, f"{self.bundle.path.name}: int8 {role}")  # a scale may be 0 or NaN
        return data

    def _readable(self, message: str) -> str:
        """Without the way to the scratch folder, which will be gone when it is read."""
        return re.sub(rf"{re.escape(str(self.scratch))}/\d+/(\.[^/]+/)?", "", message)

    def _measured(
        self, candidate: Candidate, quantized: Mapping[str, Quantized], folder: Path
    ) -> Candidate:
        self.tell(f"{candidate.scheme}: measuring it")
        models = {role: networks.model for role, networks in quantized.items()}
        measured = replace(
            candidate,
            size=size(models.values()),
            latency=in_turns(self._work(self.networks), self._work(models)),
            noise=tuple(
                layer
                for role, (reference, model) in quantized.items()
                for layer in layer_noise(role, reference, model, self._feeds[role].some(PROBED))
            ),
        )
        if self.evaluation:
            references = [example.reference for example in self.evaluation]
            answers = accuracy.answers(folder, self.evaluation)
            task = self.bundle.manifest.task
            measured = replace(
                measured,
                accuracy=accuracy.compare(task, references, self._answers, answers),
                confusions=accuracy.confusions(task, references, self._answers, answers),
            )
        return replace(measured, refusal=gate.refusal(self.limits, self.size, measured))

    def _work(self, networks: Networks) -> Callable[[], None]:
        """Run all networks, each as often as the others as it is in the pipeline."""
        most = max(recorded.n_runs for recorded in self._feeds.values())
        calls: list[tuple[Callable[[Feeds], object], list[Feeds]]] = []
        for role, model in networks.items():
            session = open_session(model.SerializeToString(), role, "onnxruntime")
            share = self._feeds[role].n_runs / most
            calls.append((session.run, self._feeds[role].some(max(1, round(TIMED * share)))))

        def work() -> None:
            for run, feeds in calls:
                for feed in feeds:
                    run(feed)

        return work


def _float_networks(bundle: Bundle) -> dict[str, onnx.ModelProto]:
    model = bundle.manifest.model
    if model.backend != "onnxruntime":
        raise ModelFileError(
            f"{bundle.path}: expected a bundle of ONNX, got one of {model.backend}"
        )
    networks = {}
    for role, name in model.networks.items():
        networks[role] = parse_model(bundle.read_bytes(name), f"{bundle.path}/{name}")
        for graph in graphs(networks[role].graph):
            for node in graph.node:
                if node.op_type in INT8_OPERATORS:
                    raise ModelFileError(
                        f"{bundle.path}/{name}: expected a float network, got one with "
                        f"{node.op_type}; begin with the bundle that it was made from"
                    )
    return networks


def _description(scheme: Scheme, config: StaticConfig) -> str:
    weights = "weights int8 per channel"
    if scheme == "weight-only":
        return f"{weights}, activations float"
    if scheme in ("dynamic", "smooth"):
        moved = ", their outliers moved into the weights" if scheme == "smooth" else ""
        return f"{weights}, activations uint8 in steps as they come{moved}"
    return f"{weights}, activations uint8 in steps from calibration ({config.calibration})"
