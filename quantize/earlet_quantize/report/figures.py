"""Figures as people read them: sizes, ratios, percentage points."""

from earlet_quantize.measure.results import Accuracy, Candidate, Latency, Quantization, Size


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
        return f"refused: {candidate.refusal}"
    return "kept" if candidate == chosen(record) else "passes"


def chosen(record: Quantization) -> Candidate | None:
    """The candidate that is in the bundle."""
    return None if record.chosen is None else record.candidates[record.chosen]


def shown(record: Quantization) -> Candidate | None:
    """The one whose layers are worth a look: what was kept, else the first with any."""
    with_layers = [candidate for candidate in record.candidates if candidate.noise]
    return chosen(record) or next(iter(with_layers), None)
