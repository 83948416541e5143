"""Figures for Prometheus: the file's grammar, what is in it, and when it cannot be written."""

import math
import os
import re
import stat
from pathlib import Path

import pytest

from earlet.audio.live import Health
from earlet.errors import ConfigError
from earlet.results import Chunk, Deaf, Detection, Event, Gap, Rejection
from earlet.service.metrics import Metric, MetricsFile, exposition
from earlet.service.state import State
from earlet.streaming.cascade import Work

DEAF = Health("deaf", deaf_since=40.0, reopened=3, failed=7, overflows=2, last_error="unplugged")
HEARD: list[Event | Deaf | Gap] = [
    Detection("go", 0.9, 0.0, 1.0),
    Detection("go", 0.9, 2.0, 3.0),
    Detection('a "b\\', 0.9, 2.0, 3.0),
    Rejection("go", 0.5, 2.0, 3.0, "not confirmed"),
    Chunk("hello", (3.0, 4.0)),
    Deaf(5.0, "unplugged"),
    Gap(5.0, 24_000, 16_000, "unplugged"),
    Gap(6.5, 0, 16_000, "another file"),  # where nothing was lost
]


def filled() -> State:
    state = State(clock=lambda: 100.0, time_of_day=lambda: 1_700_000_000.0)
    state.heard(2.5)
    for event in HEARD:
        state.count(event)
    state.reloads["refused"] += 1
    return state


def figures() -> str:
    actions = {"done": 4, "failed": 1, "waiting": 2}
    return exposition(filled().metrics(DEAF, Work(hops=50, looks=20), 2, actions))


def test_every_figure_is_what_happened() -> None:
    text = figures()
    for line in (
        "earlet_listening 0",
        "earlet_deaf_seconds 60.0",
        "earlet_deaf_total 1",
        "earlet_reopened_total 3",
        "earlet_sound_seconds_total 2.5",
        "earlet_last_sound_timestamp_seconds 1700000000.0",
        "earlet_gaps_total 1",
        "earlet_lost_seconds_total 1.5",
        "earlet_overflows_total 2",
        'earlet_detections_total{label="go"} 2',
        'earlet_detections_total{label="a \\"b\\\\"} 1',
        'earlet_rejections_total{reason="not confirmed"} 1',
        "earlet_transcripts_total 1",
        'earlet_work_total{stage="looks"} 20',
        "earlet_stride_hops 2",
        'earlet_actions_total{outcome="failed"} 1',
        "earlet_actions_waiting 2",
        'earlet_reloads_total{outcome="refused"} 1',
        'earlet_reloads_total{outcome="done"} 0',
    ):
        assert f"\n{line}\n" in f"\n{text}"
    assert "waiting" not in text.replace("earlet_actions_waiting", "")


def test_the_file_follows_the_grammar_of_the_exposition_format() -> None:
    # https://prometheus.io/docs/instrumenting/exposition_formats/, and what `promtool check
    # metrics` asks for: help and type before the samples, counters that end with _total.
    name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
    label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"'
    number = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?)"
    family = ""
    for line in figures().splitlines():
        if found := re.fullmatch(rf"# HELP ({name}) (\S.*)", line):
            family = found[1]
            assert found[2].endswith(".")
        elif found := re.fullmatch(rf"# TYPE ({name}) (counter|gauge)", line):
            assert found[1] == family
            assert (found[2] == "counter") == family.endswith("_total")
        else:
            found = re.fullmatch(rf"({name})(?:\{{{label}(?:,{label})*\}})? ({number})", line)
            assert found, line
            assert found[1] == family
            assert math.isfinite(float(found[2]))
    assert figures().endswith("\n")


def test_prometheus_own_parser_reads_every_figure() -> None:
    parser = pytest.importorskip(
        "prometheus_client.parser", reason="needs prometheus-client, which [dev] brings"
    )
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parser.text_string_to_metric_families(figures())
        for sample in family.samples
    }
    assert samples["earlet_detections_total", 'a "b\\'] == 1
    assert samples["earlet_lost_seconds_total",] == 1.5


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (Health(), "listening with commands-en, detections: 3, transcripts: 1, seconds lost: 1.5"),
        (
            DEAF,
            "deaf for 1 min (unplugged), trying again, detections: 3, transcripts: 1, "
            "reopened: 3, seconds lost: 1.5",
        ),
    ],
)
def test_the_status_says_whether_it_hears(health: Health, expected: str) -> None:
    assert filled().status("commands-en", health) == expected


def test_before_the_first_sound_the_status_says_so() -> None:
    assert State().status("vad", Health()) == "waiting for sound, to listen with vad"


def test_the_file_is_whole_and_may_be_read_by_a_collector(tmp_path: Path) -> None:
    path = tmp_path / "earlet.prom"
    before = os.umask(0o022)
    try:
        file = MetricsFile(str(path))
        file.write([Metric("a_total", "One.", 1)])
        file.write([Metric("b", "Two.", {"x": 0.5}, "of")])
    finally:
        os.umask(before)
    assert path.read_text() == '# HELP b Two.\n# TYPE b gauge\nb{of="x"} 0.5\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/nowhere/earlet.prom", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "null"),
    ],
)
def test_a_file_that_can_never_be_written_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"metrics: .* cannot be written: .*{reason}"):
        MetricsFile(path)


def test_a_file_that_cannot_be_written_any_more_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "metrics"
    folder.mkdir()
    file = MetricsFile(str(folder / "earlet.prom"))
    folder.rename(tmp_path / "gone")
    file.write([])
    file.write([])
    folder.mkdir()
    file.write([])
    file.write([])
    path = folder / "earlet.prom"
    assert caplog.messages == [
        f"{path} cannot be written: No such file or directory; it goes on",
        f"{path} is written again",
    ]
