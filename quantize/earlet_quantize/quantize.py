"""Bundle in, bundle out: float networks become int8 ones that are known to be as good, or nothing.

float bundle, which verifies in a process of its own -> `Trial`
    -> a candidate for each scheme, measured and held against the gate
    -> the fastest that passes -> report -> the bundle `out`; or GateError
"""

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from earlet import verify
from earlet.arrays import AnyArray
from earlet.audio import file as audio
from earlet.bundle import Bundle
from earlet.tasks import open_bundle
from earlet_quantize import gate, report
from earlet_quantize.bounded import run_bounded
from earlet_quantize.errors import DataError, ModelFileError
from earlet_quantize.measure.data import (
    SUFFIXES,
    Example,
    check_rates,
    read_calibration,
    read_evaluation,
)
from earlet_quantize.measure.results import Candidate, DataSet, Limits, Quantization
from earlet_quantize.repack import repack
from earlet_quantize.schemes import mixed
from earlet_quantize.schemes.apply import CALIBRATED, Scheme, is_convolutional
from earlet_quantize.schemes.static import StaticConfig
from earlet_quantize.staging import scratch_folder
from earlet_quantize.trial import Made, Trial

Choice = Literal["auto", "static", "dynamic", "smooth", "weight-only", "mixed"]
DEFAULT_LIMITS = Limits(max_drop=0.5, no_slower=False)
MAX_CALIBRATION = 256  # examples; ranges of activations do not grow noticeably beyond


def _say_nothing(_: object) -> None:
    pass


def quantize(
    bundle: Path,
    out: Path,
    *,
    scheme: Choice = "auto",
    calibration: Path | None = None,
    evaluation: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
    config: StaticConfig | None = None,
    tell: Callable[[str], None] = _say_nothing,
    show: Callable[[Quantization], None] = _say_nothing,
) -> Quantization:
    """Write the int8 version of a float bundle, with report.json and report.html in it.

    Args:
        bundle: folder or .zip of the float bundle.
        out: the new bundle's folder; a bundle that stands there is replaced.
        scheme: see `schemes`; "auto" tries all and keeps the fastest that passes.
        calibration: a folder, see `measure/data.py`; "static" and "smooth" need one, others run
            the bundle's
            golden example without.
        evaluation: a folder, see there; without it accuracy is not measured. "auto" and "mixed"
            need one.
        limits: of the gate.
        config: of "static"; None takes the defaults.
        tell: called with a line whenever something takes a while.
        show: called with all that was measured, also when the gate then refuses it.

    Raises:
        GateError: when no candidate passes.
        DataError: when calibration or evaluation data are missing or cannot be used.
        ModelFileError: when the bundle's networks cannot be made int8.
        EarletError: when the bundle cannot be opened, or `out` cannot be written.
    """
    opened = Bundle(bundle)
    _check_needs(scheme, calibration, evaluation)
    run_bounded(_verify, {"bundle": np.array(str(bundle))}, name=str(bundle))
    examples, right = _read(opened, calibration, evaluation)
    with scratch_folder() as folder:
        trial = Trial(opened, folder, examples, right, limits, config or StaticConfig(), tell)
        made = _try(trial, scheme, calibration is not None)
        record = Quantization(
            bundle=f"{opened.manifest.name} {opened.manifest.version}",
            task=opened.manifest.task,
            float_sha256=_float_sha256(trial),
            float_size=trial.size,
            onnxruntime=version("onnxruntime"),
            processor=_processor(),
            calibration=_data_set(calibration, examples) or DataSet(name="golden example", n=1),
            evaluation=_data_set(evaluation, right),
            limits=limits,
            candidates=tuple(m.candidate for m in made),
            chosen=_fastest([m.candidate for m in made]),
        )
        show(record)
        kept = gate.check(record)
        _write(trial, record, next(m for m in made if m.candidate is kept), out)
    return record


def _check_needs(scheme: Choice, calibration: Path | None, evaluation: Path | None) -> None:
    if scheme in CALIBRATED and calibration is None:
        raise DataError(f"scheme {scheme}: needs sounds, pictures or texts: --calibration FOLDER")
    if scheme in ("auto", "mixed") and evaluation is None:
        raise DataError(f"scheme {scheme}: chooses by accuracy and needs --evaluation FOLDER")


def _verify(arrays: Mapping[str, AnyArray]) -> Mapping[str, AnyArray]:
    """Whether a bundle is sound and comes to an end: it runs its golden example."""
    path = str(arrays["bundle"])
    for stage in verify.verify(path):
        if not stage.passed:
            raise ModelFileError(f"{path}: does not verify: {stage.name}: {stage.detail}")
    return {}


def _read(
    bundle: Bundle, calibration: Path | None, evaluation: Path | None
) -> tuple[list[Example], list[Example]]:
    """Examples for calibration, and those with right answers."""
    task = bundle.manifest.task
    pipeline: Any = open_bundle(bundle)
    examples = [] if calibration is None else read_calibration(calibration, task)
    chosen = np.linspace(0, len(examples) - 1, min(MAX_CALIBRATION, len(examples)))
    examples = [examples[int(i)] for i in chosen]
    labels = getattr(pipeline, "labels", ())
    right = [] if evaluation is None else read_evaluation(evaluation, task, labels)
    if SUFFIXES[task] == audio.SUFFIXES:
        check_rates([*examples, *right], pipeline.sample_rate)
    return examples, right


def _try(trial: Trial, scheme: Choice, calibrated: bool) -> list[Made]:
    """All candidates that a choice of scheme leads to."""
    if scheme != "auto" and scheme != "mixed":
        return [trial.make(scheme)]
    largest = max(trial.networks.values(), key=lambda model: int(model.ByteSize()))
    base: Scheme = "dynamic"
    schemes: list[Scheme] = ["dynamic", "weight-only"]
    if calibrated and is_convolutional(largest):
        base, schemes = "static", ["static", *schemes]
    elif calibrated:
        base, schemes = "smooth", ["static", "smooth", *schemes]
    made = {name: trial.make(name) for name in (schemes if scheme == "auto" else [base])}
    return [*made.values(), *_mixed(trial, base, made[base].candidate)]


def _mixed(trial: Trial, base: Scheme, candidate: Candidate) -> list[Made]:
    """The first mixed candidate that is accurate enough, or the last that was tried.

    None where `candidate`, the one without float layers, is accurate enough or was never made.
    """
    layers: mixed.Layers | None = {}
    made: list[Made] = []
    while candidate.accuracy is not None and candidate.accuracy.drop > trial.limits.max_drop:
        layers = mixed.more(candidate.noise, layers or {})
        if layers is None:
            break
        made = [trial.make(base, layers)]
        candidate = made[0].candidate
    return made


def _fastest(candidates: list[Candidate]) -> int | None:
    """The index of the fastest that passed."""
    ratios = {
        i: candidate.latency.ratio
        for i, candidate in enumerate(candidates)
        if candidate.refusal is None and candidate.latency is not None
    }
    return min(ratios, key=ratios.__getitem__, default=None)


def _write(trial: Trial, record: Quantization, made: Made, out: Path) -> None:
    """The chosen bundle once more, with its report and what the manifest says of it."""
    measured = Bundle(made.bundle or out)
    networks = {
        role: measured.read_bytes(name) for role, name in measured.manifest.model.networks.items()
    }
    candidate = made.candidate
    quantization = {
        "scheme": candidate.scheme,
        "description": candidate.description,
        "float_layers": list(candidate.float_layers),
        "calibration": f"{record.calibration.name}, {record.calibration.n} examples",
        "float_sha256": dict(record.float_sha256),
    }
    evaluation = list(trial.bundle.manifest.evaluation)
    if candidate.accuracy is not None and record.evaluation is not None:
        evaluation.append(
            {
                "dataset": record.evaluation.name,
                "n": candidate.accuracy.n,
                "metric": candidate.accuracy.metric,
                "float": candidate.accuracy.float_value,
                "int8": candidate.accuracy.int8_value,
            }
        )
    extra = trial.scratch / "report"
    extra.mkdir()
    report.write(record, extra)
    repack(
        trial.bundle,
        out,
        networks,
        extra=extra,
        manifest={"quantization": quantization, "evaluation": evaluation},
        network_tolerance=_tolerance(trial.bundle, measured),
    )


def _tolerance(float_bundle: Bundle, int8_bundle: Bundle) -> float:
    """How far another processor's outputs may be from this one's.

    Where the least difference turns an activation to the next of its 256 steps, the outputs move
    as they did when it was rounded at all: by as much as int8 differs from float.
    """
    expected, found = (verify.read_golden(b).trace.network for b in (float_bundle, int8_bundle))
    n = min(len(expected), len(found))  # texts of one and the other may differ in length
    difference = float(np.abs(expected[:n] - found[:n]).max(initial=0.0))
    return max(float(f"{difference:.1e}"), float_bundle.manifest.golden.network_tolerance)


def _float_sha256(trial: Trial) -> dict[str, str]:
    manifest = trial.bundle.manifest
    return {role: manifest.files[name].sha256 for role, name in manifest.model.networks.items()}


def _data_set(folder: Path | None, examples: list[Example]) -> DataSet | None:
    return None if folder is None else DataSet(name=folder.resolve().name, n=len(examples))


def _processor() -> str:
    """What Linux calls it; elsewhere, and on ARM, the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
