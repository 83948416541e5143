"""Bundle in, bundle out, with a network whose answers are known: is a tone low or high?

Speeds are given, for no test may depend on a clock; accuracy, size and noise are measured.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
import soundfile
import yaml

import earlet
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.errors import BundleError
from earlet.verify import verify
from earlet_quantize import trial
from earlet_quantize.bounded import Arrays
from earlet_quantize.errors import DataError, GateError, ModelFileError
from earlet_quantize.graph import GraphBuilder, save
from earlet_quantize.measure.data import Example
from earlet_quantize.measure.feeds import record
from earlet_quantize.measure.results import Latency, Limits, Quantization
from earlet_quantize.pack import pack
from earlet_quantize.quantize import quantize
from earlet_quantize.schemes import mixed
from earlet_quantize.schemes.apply import Scheme

RATE = 16_000
TAPS, CHANNELS = 64, 32
TONES_HZ = {"low": 500, "high": 3_000}
LABELS = ("low", "high", "never")


def tone(hz: float, seed: int) -> FloatArray:
    """A fifth of a second with some noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(RATE // 5) / RATE
    wave = 0.3 * np.sin(2 * np.pi * hz * time_s + seed) + rng.normal(0, 0.02, len(time_s))
    return wave.astype(np.float32)


def tone_network(never: float) -> onnx.ModelProto:
    """Amplitudes at both tones, through more weights than it takes; `never` is a label's logit."""
    time_s = np.arange(TAPS) / RATE
    phases = np.linspace(0, 2 * np.pi, CHANNELS // 2, endpoint=False)
    filters = [np.sin(2 * np.pi * hz * time_s + p) for hz in TONES_HZ.values() for p in phases]
    same = np.zeros((CHANNELS, CHANNELS, 3), dtype=np.float32)
    same[:, :, 1] = np.eye(CHANNELS)
    head = np.zeros((len(LABELS), CHANNELS, 1), dtype=np.float32)
    head[0, : CHANNELS // 2] = head[1, CHANNELS // 2 :] = 2 / CHANNELS
    graph = GraphBuilder("tones")
    x = graph.input("waveform", np.float32, [1, "n_samples"])
    x = graph.node("Unsqueeze", x, graph.integers(1))
    kernel = np.array(filters, dtype=np.float32)[:, None] / TAPS
    x = graph.node("Relu", graph.node("Conv", x, graph.constant(kernel), strides=[16]))
    for _ in range(4):
        x = graph.node("Relu", graph.node("Conv", x, graph.constant(same)))
    bias = np.array([0, 0, never], dtype=np.float32)
    x = graph.node("Conv", x, graph.constant(head), graph.constant(bias))
    x = graph.node("ReduceMean", x, graph.integers(2), keepdims=0)
    graph.output("logits", x, np.float32, [1, len(LABELS)])
    return graph.model()


def write_bundle(folder: Path, network: onnx.ModelProto) -> Path:
    source = folder / "files"
    source.mkdir(parents=True)
    save(network, source / "network.onnx")
    (source / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    manifest = {
        "format": 1,
        "name": "tones",
        "version": "1.0.0",
        "task": "audio-classification",
        "license": "Apache-2.0",
        "attribution": "none needed",
        "source": "made by a test",
        "model": {
            "architecture": "classifier",
            "backend": "onnxruntime",
            "network": "network.onnx",
        },
        "input": {"kind": "waveform", "sample_rate": RATE},
        "output": {"labels": "labels.txt"},
    }
    pack(source, folder / "tones", manifest, tone(TONES_HZ["low"], 0))
    return folder / "tones"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float bundle that is right and stays so in int8."""
    return write_bundle(tmp_path_factory.mktemp("bundle"), tone_network(never=-1))


@pytest.fixture(scope="session")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose last layer must not be rounded: logits down to -1,000 have steps of 4."""
    return write_bundle(tmp_path_factory.mktemp("coarse"), tone_network(never=-1_000))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten recordings of each tone."""
    folder = tmp_path_factory.mktemp("data")
    for label, hz in TONES_HZ.items():
        (folder / label).mkdir()
        for seed in range(10):
            soundfile.write(folder / label / f"{seed}.wav", tone(hz, seed), RATE)
    return folder


RATIOS = {"static": 0.5, "dynamic": 3.4, "weight-only": 1.0, "mixed": 0.7}


def give_speeds(patch: pytest.MonkeyPatch) -> None:
    """Each scheme is as fast as `RATIOS` says."""
    made: list[str] = []
    make = trial.Trial.make

    def noted(self: trial.Trial, scheme: Scheme, layers: mixed.Layers | None = None) -> trial.Made:
        made.append("mixed" if layers else scheme)
        return make(self, scheme, layers)

    def in_turns(reference: Callable[[], object], candidate: Callable[[], object]) -> Latency:
        reference()
        candidate()
        ratio = RATIOS[made[-1]]
        return Latency(ratio=ratio, low=ratio - 0.01, high=ratio + 0.01, n=31)

    patch.setattr(trial.Trial, "make", noted)
    patch.setattr(trial, "in_turns", in_turns)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given speeds, and no processes: `kept` has had them, and test_bounded.py tests them."""

    def run_here(function: Callable[[Arrays], Arrays], arrays: Arrays, *, name: str) -> Arrays:
        assert name
        return function(arrays)

    give_speeds(monkeypatch)
    monkeypatch.setattr("earlet_quantize.pack.run_bounded", run_here)
    monkeypatch.setattr("earlet_quantize.quantize.run_bounded", run_here)


class Kept(NamedTuple):
    out: Path
    record: Quantization


@pytest.fixture(scope="module")
def kept(bundle: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """What `--scheme auto --no-slower` makes."""
    out = tmp_path_factory.mktemp("kept") / "new" / "tones"
    limits = Limits(max_drop=0.5, no_slower=True)
    with pytest.MonkeyPatch.context() as patch:
        give_speeds(patch)
        record = quantize(bundle, out, calibration=data, evaluation=data, limits=limits)
    return Kept(out, record)


def operators(bundle: Path) -> set[str]:
    opened = Bundle(bundle)
    model = onnx.load_model_from_string(opened.read_bytes(str(opened.manifest.model.network)))
    return {node.op_type for node in model.graph.node}


def test_the_fastest_that_passes_is_kept_with_all_that_was_measured(kept: Kept) -> None:
    record = kept.record
    assert [c.scheme for c in record.candidates] == ["static", "dynamic", "weight-only"]
    assert [c.refusal is None for c in record.candidates] == [True, False, True]
    assert record.chosen == 0
    static = record.candidates[0]
    assert static.accuracy is not None
    assert (static.accuracy.n, static.accuracy.float_value, static.accuracy.drop) == (20, 100, 0)
    assert static.size is not None
    assert static.size.total < 0.5 * record.float_size.total
    assert len(static.noise) == 6
    assert min(layer.snr_db for layer in static.noise) > 20


def test_the_new_bundle_proves_itself_and_answers(kept: Kept) -> None:
    assert [stage.passed for stage in verify(kept.out)] == [True] * 5
    classify = earlet.pipeline("audio-classification", kept.out)
    for label, hz in TONES_HZ.items():
        assert classify(tone(hz, 99), sampling_rate=RATE)[0].label == label
    assert "DequantizeLinear" in operators(kept.out)
    assert [path.name for path in kept.out.parent.iterdir()] == ["tones"]


def test_the_new_bundle_says_how_it_was_made(kept: Kept, bundle: Path, data: Path) -> None:
    manifest = Bundle(kept.out).manifest
    assert manifest.model.network == "network.int8.onnx"
    assert manifest.name == "tones"
    float_file = Bundle(bundle).manifest.files["network.onnx"]
    assert manifest.quantization["scheme"] == "static"
    assert manifest.quantization["float_sha256"] == {"network": float_file.sha256}
    assert manifest.evaluation == (
        {"dataset": data.name, "n": 20, "metric": "accuracy", "float": 100.0, "int8": 100.0},
    )
    report = json.loads(Bundle(kept.out).read_text("report.json"))
    assert report["candidates"][0]["scheme"] == "static"


def test_a_processor_may_differ_by_as_much_as_int8_differs_from_float(
    kept: Kept, bundle: Path
) -> None:
    logits = [
        np.load(path / "golden.npz", allow_pickle=False)["network"] for path in (bundle, kept.out)
    ]
    difference = float(np.abs(logits[0] - logits[1]).max())
    tolerance = Bundle(kept.out).manifest.golden.network_tolerance
    assert tolerance == pytest.approx(max(difference, 1e-3), rel=0.05)


def test_a_bundle_that_is_int8_already_is_refused(kept: Kept, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"expected a float network, got one with \w+Linear"):
        quantize(kept.out, tmp_path / "twice", scheme="static", calibration=data)


def test_a_refusal_writes_nothing_and_still_shows_what_was_measured(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    shown: list[Quantization] = []
    with pytest.raises(
        GateError, match=r"tones 1\.0\.0: refused: dynamic: 3\.40 times .* least signal to noise: "
    ):
        quantize(
            bundle,
            tmp_path / "tones",
            scheme="dynamic",
            evaluation=data,
            limits=Limits(max_drop=0.5, no_slower=True),
            show=shown.append,
        )
    assert [record.chosen for record in shown] == [None]
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_must_not_be_rounded_is_found_and_left_in_float(
    coarse: Path, data: Path, tmp_path: Path
) -> None:
    record = quantize(coarse, tmp_path / "tones", calibration=data, evaluation=data)
    static, _, _, last = record.candidates
    assert static.accuracy is not None
    assert static.accuracy.drop > 20
    assert static.refusal is not None
    assert "accuracy 100.00 % in float" in static.refusal
    head = static.noise[-1].name
    assert f"least signal to noise: {head} " in static.refusal
    assert last.float_layers == (f"network: {head}",)
    assert last.scheme == "mixed"
    assert last.accuracy is not None
    assert last.accuracy.drop == 0
    assert record.chosen == 3
    classify = earlet.pipeline("audio-classification", tmp_path / "tones")
    assert classify(tone(TONES_HZ["high"], 99), sampling_rate=RATE)[0].label == "high"


def test_a_scheme_that_cannot_be_applied_is_told_without_the_way_to_a_scratch_folder(
    bundle: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack_static(_: Bundle, folder: Path, _networks: object, **_options: object) -> None:
        raise ModelFileError(f"{folder.parent}/.tones-x7/tones/network.int8.onnx: cannot run")

    monkeypatch.setattr(trial, "repack", pack_static)
    with pytest.raises(GateError, match=r"refused: static: tones/network\.int8\.onnx: cannot run"):
        quantize(bundle, tmp_path / "tones", scheme="static", calibration=data)


def test_a_mixed_scheme_leaves_nothing_in_float_where_nothing_needs_it(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    record = quantize(bundle, tmp_path / "tones", scheme="mixed", calibration=data, evaluation=data)
    assert [(c.scheme, c.float_layers) for c in record.candidates] == [("static", ())]


def test_without_data_the_golden_example_is_run_and_accuracy_not_measured(
    bundle: Path, tmp_path: Path
) -> None:
    record = quantize(bundle, tmp_path / "tones", scheme="weight-only")
    assert (record.calibration.name, record.calibration.n) == ("golden example", 1)
    assert record.evaluation is None
    assert record.candidates[0].accuracy is None
    assert record.candidates[0].noise


@pytest.mark.parametrize(
    ("scheme", "given", "message"),
    [
        ("auto", (), r"scheme auto: chooses by accuracy and needs --evaluation FOLDER"),
        ("mixed", ("calibration",), r"scheme mixed: chooses by accuracy and needs --evaluation"),
        ("static", ("evaluation",), r"scheme static: needs .*--calibration FOLDER"),
    ],
)
def test_data_that_a_scheme_cannot_do_without_are_asked_for(
    bundle: Path, data: Path, tmp_path: Path, scheme: str, given: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        quantize(bundle, tmp_path / "tones", scheme=scheme, **dict.fromkeys(given, data))  # type: ignore[arg-type]


def test_calibration_sound_of_a_lower_rate_is_refused(bundle: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "low.wav", np.zeros(800), 8_000)
    with pytest.raises(DataError, match=r"low\.wav: expected at least 16000 Hz"):
        quantize(bundle, tmp_path / "tones", scheme="static", calibration=tmp_path)


def test_labels_of_another_bundle_are_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "lower").mkdir(parents=True)
    soundfile.write(tmp_path / "data" / "lower" / "a.wav", tone(500, 0), RATE)
    with pytest.raises(DataError, match=r"has no label 'lower'; did you mean 'low'\?"):
        quantize(bundle, tmp_path / "tones", scheme="dynamic", evaluation=tmp_path / "data")


def test_a_bundle_that_does_not_verify_is_refused(bundle: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for path in bundle.iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    manifest = yaml.safe_load((changed / "bundle.yaml").read_text(encoding="utf-8"))
    manifest["version"] = "1.0.1"
    (changed / "bundle.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"does not verify: manifest: version is '1\.0\.1'"):
        quantize(changed, tmp_path / "out", scheme="dynamic")


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        quantize(tmp_path / "nowhere", tmp_path / "out", scheme="dynamic")


def test_numbers_that_are_not_finite_are_traced_to_their_recording(tmp_path: Path) -> None:
    graph = GraphBuilder("loudness")
    x = graph.input("waveform", np.float32, [1, "n_samples"])
    power = graph.node("ReduceMean", graph.node("Mul", x, x), graph.integers(1), keepdims=1)
    logits = graph.node(
        "Mul", graph.node("Log", power), graph.constant(np.ones((1, 3), np.float32))
    )
    graph.output("logits", logits, np.float32, [1, len(LABELS)])
    bundle = write_bundle(tmp_path, graph.model())
    soundfile.write(tmp_path / "loud.wav", tone(500, 0), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(800), RATE)
    examples = [Example(n, str(tmp_path / n), "") for n in ("loud.wav", "silent.wav")]
    with pytest.raises(
        DataError, match=r"silent\.wav: the float network computes numbers that are"
    ):
        record(bundle, examples)
