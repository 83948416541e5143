"""The report: what was recorded is what is read and shown, in one file that loads nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from earlet_quantize import report
from earlet_quantize.errors import DataError
from earlet_quantize.measure.results import (
    MAX_SNR_DB,
    Accuracy,
    Candidate,
    Confusion,
    DataSet,
    Latency,
    LayerNoise,
    Limits,
    Quantization,
    Size,
)
from earlet_quantize.report import table

STATIC = Candidate(
    scheme="static",
    description="per channel",
    float_layers=(),
    size=Size(total=337_000, by_operator={"Conv": 310_000, "MatMul": 20_000, "Slice": 24}),
    noise=tuple(
        LayerNoise(
            role="network",
            name=f"/layers/{i}/Conv",
            op_type="Conv",
            snr_db=30.0 - i,
            input_snr_db=31.0 - i,
        )
        for i in range(30)
    ),
    latency=Latency(ratio=0.36, low=0.35, high=0.37, n=200),
    accuracy=Accuracy(
        metric="accuracy",
        n=513,
        n_changed=3,
        float_value=91.2,
        int8_value=91.0,
        drop=0.2,
        low=-0.4,
        high=0.7,
    ),
    confusions=(Confusion(label="<go> & on", float_label="go", int8_label="no", n=3),),
    refusal=None,
)
DYNAMIC = replace(
    STATIC,
    scheme="dynamic",
    size=Size(total=331_000, by_operator={"Conv": 310_000}),
    noise=(),
    latency=Latency(ratio=1.93, low=1.87, high=2.01, n=200),
    accuracy=None,
    refusal="1.93x the CPU time of float",
)
RECORD = Quantization(
    bundle="commands-en 1.0.0",
    task="audio-classification",
    float_sha256={"network": "0" * 64},
    float_size=Size(total=1_290_000, by_operator={"Conv": 1_200_000, "MatMul": 80_000}),
    onnxruntime="1.23.2",
    processor="a processor",
    calibration=DataSet(name="calibration", n=240),
    evaluation=DataSet(name="validation", n=513),
    limits=Limits(max_drop=0.5, no_slower=True),
    candidates=(STATIC, DYNAMIC),
    chosen=0,
)


class Page(HTMLParser):
    """The text of a page, and whether every element that was opened was closed."""

    VOID = ("meta",)

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            assert name not in ("src", "href") or (value or "").startswith("#"), (tag, name, value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def html(record: Quantization, folder: Path) -> str:
    report.write(record, folder)
    return (folder / report.HTML).read_text(encoding="utf-8")


def test_the_record_is_read_back_from_its_json(tmp_path: Path) -> None:
    report.write(RECORD, tmp_path)
    assert report.read((tmp_path / report.JSON).read_text(encoding="utf-8"), "report") == RECORD


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bundle": 1}', "[" * 100_000, "x" * 5_000_001])
def test_what_is_no_report_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(DataError, match=r"^report\.json") as caught:
        report.read(text, "report.json")
    assert str(caught.value).isprintable()


def test_the_page_stands_alone_and_says_what_was_measured(tmp_path: Path) -> None:
    text = html(RECORD, tmp_path)
    page = Page(text)
    assert page.open == []
    assert not re.search(r"url\((?!#)|@import|<script|<link", text)
    for expected in (
        "Kept: static.",
        "1.29 MB to 0.337 MB",
        "0.36x (0.35-0.37)",
        "+0.2 pp (-0.4 to +0.7)",
        "dynamic: refused",
        "1.93x the CPU time of float",
        "Calibration: calibration, 240 examples. Evaluation: validation, 513 examples.",
        "1.29 MB · accuracy 91.2 %",
        "The 20 worst of 30.",
        "<go> & on",
    ):
        assert expected in page.text, expected


def test_every_plot_is_an_image_that_shows_its_figures(tmp_path: Path) -> None:
    plots = re.findall(r"<svg.*?</svg>", html(RECORD, tmp_path), flags=re.DOTALL)
    drop, latency, size, noise = (Page(plot).text for plot in plots)
    assert "0.20" in drop
    assert "0.36" in latency
    assert "1.93" in latency
    assert "MatMul" in size
    assert "Slice" not in size  # less than 1 % of every network
    assert {"1.29", "0.337", "0.331"} <= set(size.split())  # the files, as everywhere else
    assert "/layers/29/Conv" in noise
    assert "/layers/9/Conv" not in noise  # of 30 layers the 20 worst


def test_one_bad_candidate_does_not_squeeze_the_others_out_of_sight(tmp_path: Path) -> None:
    assert STATIC.accuracy is not None
    bad = replace(STATIC.accuracy, drop=295.07, low=14.0, high=1012.0)
    record = replace(RECORD, candidates=(STATIC, replace(DYNAMIC, accuracy=bad)))
    plots = re.findall(r"<svg.*?</svg>", html(record, tmp_path), flags=re.DOTALL)
    drop = Page(plots[0]).text
    assert "295.07" in drop
    ticks = [float(tick) for tick in re.findall(r"^\s*(\d+\.\d)$", drop, re.MULTILINE)]
    assert 1 < max(ticks) < 1.2 * 4 * 0.7  # four times the far end of what passes, and a margin


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    assert html(RECORD, tmp_path) == html(RECORD, tmp_path)


def test_a_refusal_of_everything_is_said_first(tmp_path: Path) -> None:
    refused = replace(RECORD, candidates=(DYNAMIC,), chosen=None)
    assert "Refused: no candidate passes." in Page(html(refused, tmp_path)).text


def test_the_terminal_shows_the_same_figures() -> None:
    shown = "\n".join(table.lines(RECORD))
    assert re.search(r"^float +1\.29 MB +1 +91\.2 %$", shown, re.MULTILINE)
    assert re.search(r"^static +0\.337 MB +0\.36x \(0\.35-0\.37\) +91\.0 % .* kept$", shown, re.M)
    assert re.search(r"^dynamic .* refused$", shown, re.MULTILINE)
    assert "\ndynamic refused:\n  1.93x the CPU time of float\n" in shown
    assert re.search(r"^ +1\.0 dB +Conv +/layers/29/Conv$", shown, re.MULTILINE)
    assert re.search(r"^ +3x +<go> & on +float go +int8 no$", shown, re.MULTILINE)


def test_layers_that_lose_nothing_are_not_called_noisy() -> None:
    exact = tuple(replace(layer, snr_db=MAX_SNR_DB) for layer in STATIC.noise[1:])
    shown = list(table.lines(replace(RECORD, candidates=(replace(STATIC, noise=exact),))))
    assert not any("noise" in line for line in shown)
    one = replace(STATIC, noise=(STATIC.noise[0], *exact))
    shown = list(table.lines(replace(RECORD, candidates=(one,))))
    assert sum("/layers/" in line for line in shown) == 1


def test_of_very_many_differences_the_most_frequent_are_shown(tmp_path: Path) -> None:
    row = STATIC.confusions[0]
    many = tuple(replace(row, label=f"label {i:03}", n=200 - i) for i in range(100))
    record = replace(RECORD, candidates=(replace(STATIC, confusions=many),))
    page = Page(html(record, tmp_path)).text
    assert "label 019" in page
    assert "label 020" not in page
    assert "The 20 most frequent; 80 more are in report.json." in page
    assert sum("label 0" in line for line in table.lines(record)) == 10
