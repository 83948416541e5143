"""Measurements as plain records: `dataclasses.asdict` makes JSON of each.

Every number is finite, every percentage 0..100, every interval one of 95 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# dB: a float32 has 24 bits of 6 dB each, so that nothing is more equal than this.
MAX_SNR_DB = 144.0

Metric = Literal["accuracy", "word error rate"]


@dataclass(frozen=True, kw_only=True)
class LayerNoise:
    """How far the output of one layer is from the float network's, on the same inputs."""

    role: str  # which of the bundle's networks: "network", "encoder", "decoder"
    name: str  # of the node in the float graph
    op_type: str  # of that node: Conv, MatMul, Gemm, Gather ...
    snr_db: float  # power of the float output, without its channels' means, to the difference's
    input_snr_db: float  # the same of what the layer is given: noise that others have made

    @property
    def added(self) -> float:
        """Noise to signal, as a ratio of powers, that this layer itself adds."""
        return max(10 ** (-self.snr_db / 10) - 10 ** (-self.input_snr_db / 10), 0.0)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """CPU time of the int8 network as a ratio to the float one's; less than 1 is faster.

    Both ran the same feeds in turns on this machine, on one thread.
    """

    ratio: float  # median over the rounds
    low: float  # bootstrap interval of that median
    high: float
    n: int  # rounds


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Both networks' answers to the same examples."""

    metric: Metric
    n: int  # examples
    n_changed: int  # of these, the ones that the two networks answer differently
    float_value: float  # percent
    int8_value: float  # percent
    drop: float  # percentage points that int8 is worse; negative where it is better
    low: float  # paired bootstrap interval of the drop
    high: float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Examples of one label that the two networks call differently."""

    label: str  # the right one
    float_label: str
    int8_label: str
    n: int


@dataclass(frozen=True, kw_only=True)
class Size:
    """Bytes of the networks' files, and of the arrays in them by the operator that reads them.

    An array that several operators read counts for the first; what remains to `total` is the graph.
    """

    total: int
    by_operator: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One int8 version of a bundle, and all that was measured of it."""

    scheme: str  # one of `schemes`
    description: str  # the scheme's options in words
    float_layers: tuple[str, ...] = ()  # "role: node" of what a mixed scheme left in float
    size: Size | None = None  # None: it could not be made, and `refusal` says why
    latency: Latency | None = None
    accuracy: Accuracy | None = None  # None without an evaluation set
    confusions: tuple[Confusion, ...] = ()
    noise: tuple[LayerNoise, ...] = ()  # in the order of the graphs
    refusal: str | None = None  # why the gate refused it; None: it passed


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Calibration or evaluation data, as a report names it."""

    name: str  # of the folder, without the way to it
    n: int  # examples


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the gate asks of an int8 network, besides being smaller."""

    max_drop: float  # percentage points of the metric
    no_slower: bool


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """Everything that is known of one run of the quantizer: what a report shows."""

    bundle: str  # name and version
    task: str
    float_sha256: Mapping[str, str]  # of the float networks, by role
    float_size: Size
    onnxruntime: str  # version
    processor: str
    calibration: DataSet
    evaluation: DataSet | None
    limits: Limits
    candidates: tuple[Candidate, ...]  # in the order in which they were tried
    chosen: int | None  # index of the one in the bundle; None: all were refused
