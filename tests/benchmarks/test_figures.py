"""Pictures: as many as there is something to show, whole, and of a size that a page shows."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from benchmarks import figures
from benchmarks.line import Curve, Line, Ratio

RATIO = Ratio(median=0.25, low=0.2, high=0.4)
CURVE = Curve(
    name="hop", title="Hops", x_label="ms", y_label="µs", x=[10, 20], series={"a": [1, 20]}
)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """All figures that are to be saved, as matplotlib has them."""
    kept: list[Figure] = []
    monkeypatch.setattr(figures, "_save", lambda figure, _: kept.append(figure))
    return kept


def values(marker: str, axes: Any) -> list[list[float]]:
    """Where marks of a kind lie, without those of the legend."""
    lines = [line for line in axes.lines if line.get_marker() == marker]
    return [list(line.get_xdata()) for line in lines if len(line.get_xdata())]


def size(path: Path) -> tuple[int, int]:
    """Of a PNG: its specification, section 11.2.1."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_there_is_a_picture_of_all_ratios_and_one_a_curve(tmp_path: Path) -> None:
    lines = {"features": [Line(what="a", ratio=RATIO)], "texts": [Line(what="b", ours="1 ms")]}
    figures.draw(lines, [CURVE], tmp_path / "figures")
    assert {path.name for path in tmp_path.glob("figures/*")} == {"ratios.png", "hop.png"}
    assert size(tmp_path / "figures" / "ratios.png")[0] == 1280


def test_without_ratios_there_is_no_picture_of_them(tmp_path: Path) -> None:
    figures.draw({"features": [Line(what="a", missing="no peer")]}, [], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_row_is_where_its_ratio_is_in_the_colour_of_its_aim(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    lines = [
        Line(what="held", peer="peer 1.2.3, online", ratio=RATIO, aim=0.5),
        Line(what="missed", ratio=RATIO, aim=0.1),
        Line(what="open", ratio=RATIO),
    ]
    figures.draw({"features": lines}, [], tmp_path)
    (axes,) = drawn[0].axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["Sound to features", "held · peer, online", "missed", "open"]
    assert values("o", axes) == [[0.25]] * 3
    assert values("|", axes) == [[0.5], [0.1]]
    colours = [line.get_color() for line in axes.lines if line.get_marker() == "o"]
    assert colours[:3] == [figures.HELD, figures.MISSED, figures.QUIET]


def test_a_curve_has_its_values_on_logarithmic_axes(tmp_path: Path, drawn: list[Figure]) -> None:
    figures.draw({}, [CURVE], tmp_path)
    axes: Any = drawn[0].axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 20]]


def test_values_that_differ_by_little_are_shown_from_zero(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    figures.draw({}, [replace(CURVE, series={"a": [150.0, 180.0]})], tmp_path)
    axes: Any = drawn[0].axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0
