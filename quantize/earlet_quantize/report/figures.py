"""Figures as people read them: sizes, ratios, percentage points."""

from earlet_quantize.measure.results import (
    MAX_SNR_DB,
    Accuracy,
    Candidate,
    DataSet,
    Latency,
    LayerNoise,
    Quantization,
    Size,
)


def size(stored: Size | None) -> str:
    """1,234,567 bytes as "1.23 MB"; three digits that count."""
    return "not made" if stored is None else f"{stored.total / 1e6:.3g} MB"


def latency(measured: Latency | None) -> str:
    """As "0.36x (0.35-0.37)"."""
    if measured is None:
        return "not measured"
    return f"{measured.ratio:.2f}x ({measured.low:.2f}-{measured.high:.2f})"


def accuracy(measured: Accuracy | None) -> str:
    """As "97.1 %"."""
    return "not measured" if measured is None else f"{measured.int8_value:.1f} %"


def float_accuracy(record: Quantization) -> str:
    """The float network's; the same with every candidate."""
    measured = [c.accuracy for c in record.candidates if c.accuracy is not None]
    return f"{measured[0].float_value:.1f} %" if measured else "not measured"


def metric(record: Quantization) -> str:
    """What was measured."""
    measured = [c.accuracy for c in record.candidates if c.accuracy is not None]
    return measured[0].metric if measured else "accuracy"


def drop(measured: Accuracy | None) -> str:
    """As "+0.3 pp (-0.2 to +0.8)"; above 0 is worse."""
    if measured is None:
        return "not measured"
    return f"{measured.drop:+.1f} pp ({measured.low:+.1f} to {measured.high:+.1f})"


def verdict(candidate: Candidate, record: Quantization) -> str:
    """What became of a candidate."""
    if candidate.refusal is not None:
        return "refused"
    return "kept" if candidate == chosen(record) else "passes"


def reasons(candidate: Candidate) -> list[str]:
    """Why it was refused, one of the gate's figures each."""
    return [] if candidate.refusal is None else candidate.refusal.split("; ")


def data(record: Quantization) -> str:
    """What was measured with what."""
    told = f"Calibration: {_set(record.calibration)}."
    if record.evaluation is None:
        return f"{told} No evaluation: accuracy is not measured."
    return f"{told} Evaluation: {_set(record.evaluation)}."


def _set(data_set: DataSet) -> str:
    return f"{data_set.name}, {data_set.n} example{'s' if data_set.n > 1 else ''}"


def chosen(record: Quantization) -> Candidate | None:
    """The candidate that is in the bundle."""
    return None if record.chosen is None else record.candidates[record.chosen]


def noisiest(candidate: Candidate) -> list[LayerNoise]:
    """The layers that lose anything, the worst first."""
    lossy = [layer for layer in candidate.noise if layer.snr_db < MAX_SNR_DB]
    return sorted(lossy, key=lambda layer: layer.snr_db)


def shown(record: Quantization) -> Candidate | None:
    """The one whose layers are worth a look: what was kept, else the first with any."""
    with_layers = [candidate for candidate in record.candidates if candidate.noise]
    return chosen(record) or next(iter(with_layers), None)
