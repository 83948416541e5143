"""Ratios of rounds, held to SciPy and to distributions that are known; lines and their JSON."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from benchmarks.line import (
    Curve,
    Line,
    MissingError,
    Ratio,
    attempted,
    from_json,
    there,
    to_json,
    version,
)


def test_the_interval_is_scipys_percentile_bootstrap_of_the_median() -> None:
    rng = np.random.default_rng(7)
    ours, theirs = rng.gamma(20, size=41), rng.gamma(30, size=41)
    ratio = Ratio.of(ours, theirs)
    oracle = stats.bootstrap(
        (ours / theirs,), np.median, method="percentile", n_resamples=20_000, rng=rng
    ).confidence_interval
    # Ends are order statistics: two of them may be each other's neighbours.
    assert ratio.low == pytest.approx(oracle.low, rel=0.02)
    assert ratio.high == pytest.approx(oracle.high, rel=0.02)
    assert ratio.low < ratio.median < ratio.high


def test_the_interval_holds_the_true_median_nearly_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    true = 0.5
    n_held = 0
    for _ in range(100):
        ratio = Ratio.of(true * rng.lognormal(sigma=0.2, size=25), np.ones(25))
        n_held += ratio.low <= true <= ratio.high
    # 95 % of 100, give or take three standard deviations of so many trials; always would be too
    # often, for the interval would be too wide.
    assert 0.88 <= n_held / 100 < 1


def test_a_machine_that_drifts_leaves_the_ratio_as_it_is() -> None:
    drift = np.geomspace(1, 10, 15)
    ratio = Ratio.of(0.3 * drift, drift)
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((0.3, 0.3, 0.3))


def test_rounds_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="as many rounds"):
        Ratio.of(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="as many rounds"):
        Ratio.of(np.ones(0), np.ones(0))


def test_an_aim_is_held_by_the_ratio_or_by_the_value() -> None:
    assert Line(what="a", ratio=Ratio(median=0.5, low=0.4, high=0.6), aim=0.5).is_held is True
    assert Line(what="a", ratio=Ratio(median=0.51, low=0.4, high=0.6), aim=0.5).is_held is False
    assert Line(what="a", value=61.0, aim=60.0).is_held is False
    assert Line(what="a", value=61.0).is_held is None
    assert Line(what="a", aim=60.0, missing="no scales").is_held is None
    with pytest.raises(ValueError, match="no ratio or value"):
        Line(what="a", aim=60.0)


def test_a_peer_wins_only_beyond_what_the_rounds_differ_by() -> None:
    assert Line(what="a", ratio=Ratio(median=1.2, low=1.1, high=1.3)).is_slower
    assert not Line(what="a", ratio=Ratio(median=1.2, low=0.9, high=1.3)).is_slower
    bound = Line(what="a", ratio=Ratio(median=1.2, low=1.1, high=1.3), is_contest=False)
    assert not bound.is_slower


@pytest.mark.parametrize(
    "found",
    [
        Line(what="a", ours="1 ms", ratio=Ratio(median=0.5, low=0.4, high=0.6), aim=0.5, why="b"),
        Line(what="a", missing="not there"),
        Curve(name="n", title="t", x_label="x", y_label="y", x=[1, 2], series={"earlet": [3, 4]}),
    ],
)
def test_what_a_process_tells_is_read_as_it_was_meant(found: Line | Curve) -> None:
    assert from_json(to_json(found)) == found
    assert "\n" not in to_json(found)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"line": 3}', '{"line": {"what": "a"}}', "hm"])
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a line or a curve"):
        from_json(text)


def test_what_is_missing_becomes_a_line() -> None:
    def measure() -> Iterator[Line]:
        yield Line(what="first")
        version("no-such-distribution")

    first, second = attempted("the rest", measure, aim=0.5)
    assert first == Line(what="first")
    assert second.what == "the rest"
    assert "no-such-distribution" in second.missing
    assert (second.aim, second.is_held) == (0.5, None)


def test_a_file_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match="the speech is not there"):
        there(None, "the speech")
