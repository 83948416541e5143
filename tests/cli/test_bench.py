"""`earlet bench`: lines, a screen, objects; and what is asked wrongly."""

import io
import json
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from earlet import bundle as bundles
from earlet.bench import measure
from earlet.bench.figures import Device, Figures, Turn, UnderLoad
from earlet.bench.measure import Told
from earlet.bundle import Bundle
from earlet.cli.cells import width
from earlet.cli.costs import Costs
from earlet.cli.open_line import DIM, PLAIN, WIPE
from tests.bench.example import FIGURES

Call = Callable[..., tuple[int, str, str]]
MODELS = Path(__file__).parents[2] / "models"
# What programs may rely on, as long as `format` is 1: keys may be added, and no more than that.
PINNED = {
    "": "format bundle bundle_version task input unit unit_s start latency real_time_factor per_s "
    "tokens_per_s live memory_peak_mb turns under_load device versions advice",
    "start": "imports_s loading_s first_answer_s total_s",
    "latency": "n_calls mean_ms p50_ms p95_ms p99_ms max_ms cpu_ms",
    "live": "duration_s cpu_percent lag_max_ms",
    "under_load": "clock_mhz temperature_c throttled throttled_since_boot",
    "device": "model machine cores memory_mb memory_available_mb load governor clock_driver "
    "clock_max_mhz",
    "versions": "earlet python python_bits numpy engine",
}
TURNS = (
    Turn(bundle="own", threads=1, wall_ms=12.0, cpu_ms=12.0),
    Turn(bundle="own", threads=2, wall_ms=7.5, cpu_ms=13.2),
    Turn(bundle="a bundle with a long name", threads=1, wall_ms=12.004, cpu_ms=24.0),
)
RECOGNISER = replace(
    FIGURES,
    bundle="moonshine-tiny-en",
    task="automatic-speech-recognition",
    unit="clip",
    unit_s=5.72,
    latency=replace(FIGURES.latency, p50_ms=1034.0, p95_ms=1100.0, p99_ms=1100.0, max_ms=1100.0),
    real_time_factor=0.18,
    tokens_per_s=16.4,
    turns=TURNS,
    advice=("2 threads are quicker.",),
)
PICTURES = replace(
    FIGURES, bundle="pictures", unit="picture", unit_s=None, real_time_factor=None, per_s=41.7
)

SCREEN = """\
moonshine-tiny-en 1.0.0, automatic-speech-recognition
Raspberry Pi 4 Model B Rev 1.4 · 4 cores · aarch64 · 3.98 GB · governor ondemand
earlet 0.1.0 · Python 3.11.2 · NumPy 2.3.4 · onnxruntime 1.23.2

start            221 ms  imports 170 ms, loading 50.0 ms, answer 1.00 ms
5.72 s of sound  1.03 s  95 % in 1.10 s, 99 % in 1.10 s, all in 1.10 s
speed            5.56x   real time (factor 0.180), 16.4 tokens/s
live sound       4.00 %  of a core; 2.50 ms behind at most
memory           52 MB   at most
processor        50 °C   1800 of 1800 MHz
2 threads        1.60x   as fast, for 1.10x the processor time
a bundle with …  1.00x   as fast, at the same

What would help
- 2 threads are quicker.
"""


class Terminal(io.StringIO):
    """What was written to it, it keeps."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Callable[[Figures], None]:
    """`instead(figures)`: nothing is measured, and these are the figures."""

    def instead(figures: Figures) -> None:
        monkeypatch.setattr(measure, "measure", lambda *_: figures)
        monkeypatch.setattr(measure, "glance", lambda *_: figures)

    return instead


def test_every_bundle_that_is_installed_is_measured_and_a_damaged_one_is_named(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(MODELS / "vad", bad)
    network = bad / "vad.onnx"
    network.write_bytes(bytes(network.stat().st_size))
    monkeypatch.setattr(bundles, "search_path", lambda: [MODELS, tmp_path])
    code, out, err = call("bench", "--json", "--seconds", "0.01")
    assert code == 1
    assert err.startswith(f"earlet: {network}: expected sha256")
    assert err.count("\n") == 1
    found = [json.loads(line) for line in out.splitlines()]
    assert {each["bundle"]: each["unit"] for each in found} == {
        "commands-en": "hop",
        "efficientnet-lite0": "picture",
        "moonshine-tiny-en": "clip",
        "sentiment-en": "text",
        "vad": "window",
        "yamnet": "clip",
    }
    for each in found:
        assert each["start"]["total_s"] > 0
        assert each["latency"]["p50_ms"] > 0
        assert (each["per_s"] is None) == (each["real_time_factor"] is not None)


def test_the_keys_of_json_are_those_that_programs_know(
    call: Call, instead: Callable[[Figures], None]
) -> None:
    instead(RECOGNISER)
    code, out, err = call("bench", "vad", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["format"] == 1
    assert {*PINNED[""].split()} <= found.keys()
    for part, keys in PINNED.items():
        assert not part or {*keys.split()} <= found[part].keys()
    assert {"bundle", "threads", "wall_ms", "cpu_ms"} <= found["turns"][0].keys()
    assert found["latency"]["p50_ms"] == 1034.0
    assert found["under_load"]["throttled"] == []


def test_json_does_not_say_whose_device_it_is(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "private").mkdir()
    shutil.copytree(MODELS / "vad", tmp_path / "private" / "vad")
    monkeypatch.setattr(bundles, "search_path", lambda: [tmp_path / "private"])
    code, out, _ = call("bench", "--json", "--seconds", "0.01")
    assert code == 0
    assert "private" not in out
    assert platform.node() not in json.loads(out)["device"].values()


def test_one_bundle_is_a_screen(call: Call, instead: Callable[[Figures], None]) -> None:
    instead(RECOGNISER)
    assert call("bench", "vad") == (0, SCREEN, "")


@pytest.mark.parametrize(
    ("loaded", "shown"),
    [
        (UnderLoad(), None),
        (UnderLoad(clock_mhz=1500), "processor 1500 MHz"),
        (UnderLoad(temperature_c=50.2), "processor 50 °C"),
        (UnderLoad(throttled=("too hot",)), "processor too hot"),
    ],
)
def test_of_the_processor_only_what_is_told_is_shown(loaded: UnderLoad, shown: str | None) -> None:
    device = replace(FIGURES.device, clock_max_mhz=None)
    screen = Costs(80, dim=False).screen(replace(FIGURES, device=device, under_load=loaded))
    rows = (" ".join(line.split()) for line in screen.splitlines())
    assert next((row for row in rows if row.startswith("processor")), None) == shown


@pytest.mark.parametrize("n_cells", [40, 80, 200])
@pytest.mark.parametrize("figures", [FIGURES, RECOGNISER, PICTURES])
def test_no_line_is_wider_than_the_terminal(figures: Figures, n_cells: int) -> None:
    costs = Costs(n_cells, dim=False)
    drawn = [
        costs.screen(figures),
        costs.header(),
        costs.line(figures),
        costs.advice(["word " * 40]),
    ]
    assert max(map(width, "\n".join(drawn).splitlines())) <= min(n_cells, 80)


@pytest.mark.parametrize(
    ("n_cells", "columns"),
    [
        (80, "time 95 % in speed memory start"),
        (79, "time 95 % in speed memory"),
        (53, "time 95 % in"),
        (52, "speed memory start"),  # times would be without their unit
        (40, "speed memory"),
        (20, ""),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns_and_no_half_a_figure(
    n_cells: int, columns: str
) -> None:
    costs = Costs(n_cells, dim=False)
    assert " ".join(costs.header().split()) == columns
    whole = Costs(80, dim=False).line(RECOGNISER).split()
    assert {*costs.line(RECOGNISER).split()} <= {*whole}


def test_no_word_is_cut_in_two_at_its_hyphen() -> None:
    sentence = "No line has room for a long-name-of-a-bundle behind this."
    assert "long-name-of-a-bundle" in Costs(40, dim=False).advice([sentence]).split()


def test_what_is_no_figure_is_set_back_where_that_can_be_shown() -> None:
    shown = Costs(80, dim=True).screen(RECOGNISER)
    assert shown.count(DIM) == shown.count(PLAIN) > 0
    assert shown.replace(DIM, "").replace(PLAIN, "") == Costs(80, dim=False).screen(RECOGNISER)


@pytest.mark.parametrize(("no_color", "is_dim"), [("", True), ("1", False)])
def test_only_a_terminal_that_wants_it_gets_the_code_for_dim(
    no_color: str,
    is_dim: bool,
    call: Call,
    instead: Callable[[Figures], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instead(RECOGNISER)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert call("bench", "vad")[0] == 0
    assert (DIM in terminal.getvalue()) == is_dim


def test_a_terminal_shows_what_is_being_measured(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(_bundle: Bundle, _content: None, _s: float, _on: Device, told: Told) -> Figures:
        told("latency")
        told("threads, other bundles")
        return RECOGNISER

    monkeypatch.setattr(measure, "measure", slowly)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    assert call("bench", "vad")[0] == 0
    assert terminal.getvalue() == f"{WIPE}vad: latency ...{WIPE}vad: threads, othe…{WIPE}"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--seconds", "0"), "--seconds: expected more than 0, up to 60, got 0"),
        (("--seconds", "nan"), "--seconds: expected more than 0, up to 60, got nan"),
        (("--seconds", "61"), "--seconds: expected more than 0, up to 60, got 61"),
        (("--input", "talk.flac"), "--input is for one BUNDLE, and none is named"),
        (("nowhere",), "no bundle named 'nowhere' in "),
        (("sentiment-en", "--input", "nowhere.txt"), "nowhere.txt: cannot be read: No such file"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(
    argv: tuple[str, ...], said: str, refused: Callable[..., str]
) -> None:
    assert refused("bench", *argv).startswith(said)


def test_a_sound_that_cannot_be_read_is_told_as_by_other_commands(
    refused: Callable[..., str],
) -> None:
    line = refused("bench", "vad", "--input", "nowhere.wav", code=1)
    assert line.startswith("nowhere.wav: cannot be read")
