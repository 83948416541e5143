"""The gate: an int8 network is smaller, not less accurate and, if asked, not slower; or refused.

A size is exact. A drop in accuracy is held against the limit as it was measured; a report shows its
interval, which is wide for small sets. A network counts as slower when the whole interval of its
ratio lies above 1: of two equal ones the ratio is above 1 every other time.
"""

import re

from earlet_quantize.errors import GateError, QuantizeError
from earlet_quantize.measure.results import Candidate, LayerNoise, Limits, Quantization, Size

WORST = 3  # layers that a refusal names


def parse_max_drop(text: str) -> float:
    """Percentage points, written as "0.5pp".

    Raises:
        QuantizeError: for anything else.
    """
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)pp", text, flags=re.ASCII)
    if match is None or float(match[1]) > 100:
        raise QuantizeError(
            f"--max-drop: expected percentage points from 0pp to 100pp, such as 0.5pp, got {text!r}"
        )
    return float(match[1])


def refusal(limits: Limits, float_size: Size, measured: Candidate) -> str | None:
    """Why a candidate does not pass, each figure with its limit; None: it passes."""
    reasons = []
    size, latency, accuracy = measured.size, measured.latency, measured.accuracy
    if size is not None and size.total >= float_size.total:
        reasons.append(f"{size.total} bytes, no fewer than the float networks' {float_size.total}")
    if accuracy is not None and accuracy.drop > limits.max_drop:
        reasons.append(
            f"{accuracy.metric} {accuracy.float_value:.2f} % in float, {accuracy.int8_value:.2f} % "
            f"in int8: a drop of {accuracy.drop:.2f} pp (95 %: {accuracy.low:.2f} to "
            f"{accuracy.high:.2f}, {accuracy.n} examples), at most {limits.max_drop:g} pp allowed"
        )
    if limits.no_slower and latency is not None and latency.low > 1:
        reasons.append(
            f"{latency.ratio:.2f} times the float networks' CPU time "
            f"(95 %: {latency.low:.2f} to {latency.high:.2f}), at most 1 allowed"
        )
    if not reasons:
        return None
    return "; ".join(reasons) + _worst(measured.noise)


def check(record: Quantization) -> Candidate:
    """The candidate that passed.

    Raises:
        GateError: when none did; names every figure and the layers with the most noise.
    """
    if record.chosen is None:
        refused = "; ".join(f"{c.scheme}: {c.refusal}" for c in record.candidates)
        raise GateError(f"{record.bundle}: refused: {refused}")
    return record.candidates[record.chosen]


def _worst(noise: tuple[LayerNoise, ...]) -> str:
    if not noise:
        return ""
    worst = sorted(noise, key=lambda layer: layer.snr_db)[:WORST]
    named = ", ".join(f"{layer.name} {layer.snr_db:.1f} dB" for layer in worst)
    return f"; least signal to noise: {named}"
