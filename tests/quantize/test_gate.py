"""The gate decides by given figures: what passes, what does not, and what it says then."""

import re
from dataclasses import replace

import pytest

from earlet_quantize import gate
from earlet_quantize.errors import GateError, QuantizeError
from earlet_quantize.measure.results import (
    Accuracy,
    Candidate,
    DataSet,
    Latency,
    LayerNoise,
    Limits,
    Quantization,
    Size,
)

LIMITS = Limits(max_drop=0.5, no_slower=True)
FLOAT_SIZE = Size(total=1_200_000, by_operator={})
FASTER = Latency(ratio=0.4, low=0.39, high=0.41, n=31)
AS_ACCURATE = Accuracy(
    metric="accuracy",
    n=600,
    n_changed=3,
    float_value=94.0,
    int8_value=93.5,
    drop=0.5,
    low=-0.2,
    high=1.2,
)
GOOD = Candidate(
    scheme="static",
    description="",
    size=Size(total=330_000, by_operator={}),
    latency=FASTER,
    accuracy=AS_ACCURATE,
    noise=tuple(
        LayerNoise(role="network", name=f"conv_{i}", op_type="Conv", snr_db=snr, input_snr_db=144.0)
        for i, snr in enumerate([30.0, 8.25, 25.0, 12.0, 40.0])
    ),
)
WORST = "least signal to noise: conv_1 8.2 dB, conv_3 12.0 dB, conv_2 25.0 dB"


def refused(candidate: Candidate, limits: Limits = LIMITS) -> str | None:
    return gate.refusal(limits, FLOAT_SIZE, candidate)


@pytest.mark.parametrize(
    ("text", "points"), [("0.5pp", 0.5), ("0pp", 0.0), ("2pp", 2.0), ("100pp", 100.0)]
)
def test_a_limit_is_written_in_percentage_points(text: str, points: float) -> None:
    assert gate.parse_max_drop(text) == points


@pytest.mark.parametrize(
    "text",
    [
        "0.5",
        "0.5%",
        "0.5 pp",
        "-1pp",
        "pp",
        "",
        ".5pp",
        "1e-1pp",
        "nanpp",
        "101pp",
        "0.5pp\n",
        "\u0665pp",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(QuantizeError, match=r"expected percentage points .* got "):
        gate.parse_max_drop(text)


def test_smaller_as_accurate_and_faster_passes() -> None:
    assert refused(GOOD) is None


def test_a_drop_beyond_the_limit_is_refused_with_figures_and_the_worst_layers() -> None:
    accuracy = replace(AS_ACCURATE, int8_value=93.49, drop=0.51)
    assert refused(replace(GOOD, accuracy=accuracy)) == (
        "accuracy 94.00 % in float, 93.49 % in int8: a drop of 0.51 pp (95 %: -0.20 to 1.20, "
        f"600 examples), at most 0.5 pp allowed; {WORST}"
    )


def test_without_an_evaluation_set_accuracy_is_not_judged() -> None:
    assert refused(replace(GOOD, accuracy=None)) is None


def test_dynamic_convolutions_are_refused_with_their_ratio() -> None:
    # As measured of commands-en on x86-64 with VNNI.
    slower = replace(GOOD, latency=Latency(ratio=3.41, low=3.39, high=3.47, n=31))
    assert refused(slower) == (
        "3.41 times the float networks' CPU time (95 %: 3.39 to 3.47), at most 1 allowed; " + WORST
    )
    assert refused(slower, Limits(max_drop=0.5, no_slower=False)) is None


def test_of_two_equally_fast_networks_none_is_slower() -> None:
    assert refused(replace(GOOD, latency=Latency(ratio=1.004, low=0.99, high=1.01, n=31))) is None
    assert refused(replace(GOOD, latency=Latency(ratio=1.02, low=1.01, high=1.03, n=31)))


def test_what_is_not_smaller_is_always_refused() -> None:
    larger = replace(GOOD, size=FLOAT_SIZE)
    reason = refused(larger, Limits(max_drop=100, no_slower=False))
    assert reason is not None
    assert reason.startswith("1200000 bytes, no fewer than the float networks' 1200000")


def test_every_reason_is_told() -> None:
    bad = replace(
        GOOD,
        accuracy=replace(AS_ACCURATE, drop=3.0),
        latency=Latency(ratio=2.0, low=1.9, high=2.1, n=31),
    )
    reason = refused(bad)
    assert reason is not None
    assert re.search(r"drop of 3\.00 pp.*; 2\.00 times the float.*; least signal", reason)


def record(*candidates: Candidate, chosen: int | None) -> Quantization:
    return Quantization(
        bundle="commands-en 1.0.0",
        task="audio-classification",
        float_sha256={"network": "e4997e96"},
        float_size=FLOAT_SIZE,
        onnxruntime="1.31.1",
        processor="",
        calibration=DataSet(name="calibration", n=240),
        evaluation=None,
        limits=LIMITS,
        candidates=candidates,
        chosen=chosen,
    )


def test_what_was_chosen_is_handed_on() -> None:
    bad = replace(GOOD, scheme="dynamic", refusal="2.00 times")
    assert gate.check(record(bad, GOOD, chosen=1)) is GOOD


def test_where_all_are_refused_the_error_names_each_with_its_reason() -> None:
    candidates = [replace(GOOD, scheme=s, refusal=f"no {s}") for s in ("static", "dynamic")]
    with pytest.raises(
        GateError, match=r"commands-en 1\.0\.0: refused: static: no static; dynamic: no dynamic"
    ):
        gate.check(record(*candidates, chosen=None))
