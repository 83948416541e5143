"""RESULTS.md: every line is there, and what is missed, lost or missing is said."""

from pathlib import Path

from benchmarks import report
from benchmarks.line import Curve, Line, Ratio


def ratio(median: float) -> Ratio:
    return Ratio(median=median, low=0.9 * median, high=1.1 * median)


HELD = Line(
    what="held", ours="1 ms", peer="peer 2.0, online", theirs="4 ms", ratio=ratio(0.25), aim=0.5
)
MISSED = Line(what="missed", ours="3 ms", ratio=ratio(0.6), aim=0.5, why="memory is slow")
LOST = Line(what="lost", ours="3 ms", ratio=ratio(2.0), why="memory is slow")
BOUND = Line(
    what="bound", ours="3 ms", ratio=ratio(2.0), is_contest=False, why="nodes have a price"
)
EVEN = Line(what="even", ours="3 ms", ratio=ratio(1.05), why="not to be told")
HEAVY = Line(what="a | b", ours="72 MB", value=72.0, aim=60.0, unit="MB")
MISSING = Line(what="gone", aim=0.5, missing="it is not installed")
GROUPS = {
    "features": [HELD, MISSED, LOST],
    "pictures": [EVEN, HEAVY, MISSING],
    "texts": [],
    "limits": [BOUND],
}


def written(folder: Path) -> list[str]:
    curve = Curve(name="hop", title="Hops", x_label="x", y_label="y", x=[1], series={"a": [1]})
    report.write(folder / "RESULTS.md", GROUPS, [curve], took_s=120.0)
    return (folder / "RESULTS.md").read_text(encoding="utf-8").splitlines()


def test_each_line_says_whether_its_aim_is_held_and_by_how_much_not(tmp_path: Path) -> None:
    lines = written(tmp_path)
    assert "| held | 1 ms | 4 ms, peer 2.0, online | 0.25 (0.225–0.275) | 0.5 | held |" in lines  # noqa: RUF001
    assert "| missed | 3 ms |  | 0.6 (0.54–0.66) | 0.5 | **missed by 20 %**[^1] |" in lines  # noqa: RUF001
    assert "| lost | 3 ms |  | 2 (1.8–2.2) |  | **the peer wins**[^1] |" in lines  # noqa: RUF001
    assert "| even | 3 ms |  | 1.05 (0.945–1.16) |  |  |" in lines  # noqa: RUF001
    assert "| a \\| b | 72 MB |  |  | 60 MB | **missed by 20 %** |" in lines
    assert "| gone |  |  |  | 0.5 | not measured[^2] |" in lines
    assert "| bound | 3 ms |  | 2 (1.8–2.2) |  | [^3] |" in lines  # noqa: RUF001


def test_why_is_told_once_and_only_where_it_is_needed(tmp_path: Path) -> None:
    lines = written(tmp_path)
    assert [line for line in lines if line.startswith("[^")] == [
        "[^1]: memory is slow",
        "[^2]: it is not installed",
        "[^3]: nodes have a price",
    ]


def test_the_summary_counts_what_could_not_be_measured_as_not_held(tmp_path: Path) -> None:
    assert (
        "**Aims held: 1 of 4. Of 4 comparisons earlet wins 2, peers win 1, and 1 are too close "
        "to tell. Lines not measured: 1.**"
    ) in written(tmp_path)


def test_a_group_without_lines_has_no_table_and_curves_are_shown(tmp_path: Path) -> None:
    lines = written(tmp_path)
    assert "## Sound to features" in lines
    assert "## Texts to token ids" not in lines
    assert "![Hops](figures/hop.png)" in lines
    assert any(line.startswith("| measured | ") and "in 2 minutes" in line for line in lines)


def test_a_terminal_shows_the_same_on_one_line() -> None:
    for line in (HELD, MISSED, LOST, EVEN, HEAVY, MISSING):
        assert "\n" not in report.printed(line)
    assert report.printed(MISSED).endswith("aim 0.5: missed by 20 %")
    assert report.printed(MISSING).endswith("not measured: it is not installed")
