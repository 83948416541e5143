"""`earlet-quantize`: results on stdout, one line on stderr for what is wrong, and exit codes."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from earlet.bundle import Bundle
from earlet.verify import verify
from earlet_quantize import cli
from earlet_quantize.errors import GateError
from earlet_quantize.measure.results import DataSet, Limits, Quantization, Size
from earlet_quantize.schemes.static import StaticConfig

Call = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
COMMANDS = ("import", "quantize", "report", "pack", "unpack")
VAD = Path(__file__).parents[2] / "models" / "vad"


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """`code, out, err = call("pack", "vad")`: within this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: str | Path) -> tuple[int, str, str]:
        code = cli.main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def refused(call: Call, tmp_path: Path) -> Refused:
    """`refused("pack", "nowhere")`: the one line that is told; nothing is printed or written."""

    def refused(*argv: str | Path, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        found, out, err = call(*argv)
        assert (found, out) == (code, "")
        line = err.removesuffix("\n").removeprefix("earlet-quantize: ")
        assert err == f"earlet-quantize: {line}\n"
        assert line.isprintable()
        assert sorted(tmp_path.rglob("*")) == before
        return line

    return refused


def test_a_bundle_is_packed_and_unpacked_again(call: Call, tmp_path: Path) -> None:
    code, out, err = call("pack", VAD)
    assert (code, err) == (0, "")
    digest = hashlib.sha256((tmp_path / "vad.zip").read_bytes()).hexdigest()
    assert out == f"vad.zip  1.8 MB  sha256 {digest}\n"
    assert call("unpack", "vad.zip") == (0, "vad  1.8 MB  voice-activity-detection\n", "")
    assert [stage.passed for stage in verify(tmp_path / "vad")] == [True] * 5
    assert call("pack", "vad", "--out", "again.zip")[1].split()[-1] == digest


def test_what_is_there_is_replaced_with_force_alone(call: Call, refused: Refused) -> None:
    call("pack", VAD)
    assert refused("pack", VAD) == "vad.zip: is there already; --force replaces it"
    assert call("pack", VAD, "--force")[0] == 0
    call("unpack", "vad.zip")
    assert refused("unpack", "vad.zip") == "vad: is there already; --force replaces it"
    assert call("unpack", "vad.zip", "--force")[0] == 0


def test_the_name_in_a_foreign_manifest_is_no_place_to_write_to(call: Call, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(VAD, tmp_path / "foreign"))
    manifest = folder / "bundle.yaml"
    manifest.write_text(manifest.read_text().replace("name: vad", "name: ../../escaped"))
    assert Bundle(folder).manifest.name == "../../escaped"
    assert call("pack", folder, "--out", tmp_path / "f.zip")[0] == 0
    assert call("unpack", "f.zip")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "f.zip", "foreign"]


@pytest.mark.parametrize("command", ["pack", "unpack", "report"])
def test_what_is_no_bundle_is_refused(refused: Refused, tmp_path: Path, command: str) -> None:
    assert refused(command, "nowhere").startswith("no bundle named 'nowhere' in ")
    (tmp_path / "folder").mkdir()
    assert refused(command, tmp_path / "folder").endswith("not a bundle, it has no bundle.yaml")
    (tmp_path / "file.zip").write_text("text")
    assert "expected a bundle folder or .zip" in refused(command, "file.zip")


def test_a_full_disk_is_told_and_leaves_nothing(
    call: Call, refused: Refused, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    call("pack", VAD)
    for argv in (["pack", VAD, "--out", "out.zip"], ["unpack", "vad.zip"]):
        with full_disk(10_000):
            line = refused(*argv)
        assert line.endswith(": cannot be written: File too large; nothing is kept")


def test_a_model_folder_becomes_a_bundle_that_verifies(
    call: Call, refused: Refused, golden: Path, tmp_path: Path
) -> None:
    folder = golden / "huggingface" / "hubert-ctc"
    origin = ("--license", "MIT", "--attribution", "nobody", "--source", "a recipe")
    code, out, err = call("import", folder, "--out", "models/h", "--version", "2.1.0", *origin)
    assert code == 0, err
    assert out == "models/h  0.8 MB  automatic-speech-recognition\n"
    assert all(line.startswith("earlet-quantize: note: ") for line in err.splitlines())
    manifest = Bundle(tmp_path / "models" / "h").manifest
    assert (manifest.name, manifest.version, manifest.license) == ("h", "2.1.0", "MIT")
    assert [stage.passed for stage in verify(tmp_path / "models" / "h")] == [True] * 5
    assert "give it: --source TEXT" in refused("import", folder, "--out", "b", *origin[:4])


def test_an_import_of_nothing_is_refused_before_anything_is_read(
    call: Call, refused: Refused, tmp_path: Path
) -> None:
    assert refused("import", "nowhere", "--out", "b") == (
        "nowhere: expected a model folder, there is none"
    )
    call("pack", VAD)
    assert refused("import", "nowhere", "--out", "vad.zip") == (
        "vad.zip: is there already; --force replaces it"
    )
    (tmp_path / "mine").mkdir()
    assert refused("import", "nowhere", "--out", "mine", "--force") == (
        "mine: is there already, and no bundle: choose another name"
    )
    assert refused("import", "nowhere", "--out", "mine") == (
        "mine: is there already, and no bundle: choose another name"
    )


def test_a_float_bundle_is_not_lost_to_its_int8_version(call: Call, refused: Refused) -> None:
    call("pack", VAD, "--out", "v.zip")
    told = refused("quantize", "v.zip", "--out", "./v.zip", "--scheme", "dynamic", "--force")
    assert told == "v.zip: is the float bundle; choose another --out, and keep it"


def test_what_quantize_is_asked_for_is_what_is_done(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def quantize(bundle: Path, out: Path, **options: object) -> None:
        asked.update(options, bundle=bundle)
        shutil.copytree(bundle, out)

    monkeypatch.setattr("earlet_quantize.quantize.quantize", quantize)
    options = ("--scheme", "static", "--calibration", "c", "--evaluation", "e", "--no-slower")
    limits = ("--max-drop", "1.25pp", "--calibration-method", "entropy")
    assert call("quantize", VAD, "--out", "q", *options, *limits) == (
        0,
        "q  1.8 MB  voice-activity-detection\n",
        "",
    )
    assert (
        asked.items()
        >= {
            "bundle": VAD,
            "scheme": "static",
            "calibration": Path("c"),
            "evaluation": Path("e"),
            "limits": Limits(max_drop=1.25, no_slower=True),
            "config": StaticConfig(calibration="entropy"),
        }.items()
    )


def test_a_refusal_by_the_gate_has_an_exit_code_of_its_own(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quantize(*_: object, **__: object) -> None:
        raise GateError("vad 1.0.0: refused: dynamic: 1.40 times the CPU time")

    monkeypatch.setattr("earlet_quantize.quantize.quantize", quantize)
    told = refused("quantize", VAD, "--out", "q", code=1)
    assert told == "vad 1.0.0: refused: dynamic: 1.40 times the CPU time"


def test_limits_and_places_are_checked_before_anything_runs(refused: Refused) -> None:
    told = refused("quantize", "nowhere", "--out", "q", "--max-drop", "3%")
    assert told.startswith("--max-drop: expected percentage points")
    told = refused("quantize", "nowhere", "--out", ".", "--force")
    assert told == ".: expected the name of something new"


def test_a_bundle_without_a_report_is_told(refused: Refused) -> None:
    assert "has no report.json; `earlet-quantize quantize` makes" in refused("report", VAD)


@pytest.mark.parametrize("argv", [[], ["conjure"], ["pack"], ["pack", "vad", "--fast"], ["import"]])
def test_wrong_usage_is_told_in_one_line(refused: Refused, argv: list[str]) -> None:
    assert "see `earlet-quantize" in refused(*argv)


def test_an_interruption_is_an_exit_code(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("earlet_quantize.archive.to_zip", interrupted)
    assert call("pack", VAD) == (130, "", "")


def test_being_ended_from_outside_leaves_nothing_half_made(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from earlet_quantize import archive, cli; "
        "archive._content = lambda *_: os.kill(os.getpid(), signal.SIGTERM); "
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "pack", str(VAD)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_or_full_stdout_does_not_keep_a_bundle_from_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quantize(bundle: Path, out: Path, **options: Any) -> None:
        options["show"](None)
        shutil.copytree(bundle, out)

    def fail(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("earlet_quantize.quantize.quantize", quantize)
    monkeypatch.setattr(cli, "_print_record", fail)
    monkeypatch.setattr("earlet.cli.program._abandon_stdout", lambda: None)
    assert cli.main(["quantize", str(VAD), "--out", str(tmp_path / "q")]) == 1
    assert Bundle(tmp_path / "q").manifest.name == "vad"


def test_a_missing_extra_is_told_with_what_to_install(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "onnx" else object())
    expected = "needs onnx: pip install 'earlet[quantize]'"
    assert refused("import", "nowhere", "--out", "b") == expected
    assert refused("quantize", VAD, "--out", "b") == expected


def test_packing_reports_and_help_need_no_more_than_the_runtime(tmp_path: Path) -> None:
    reported = with_report(VAD, tmp_path / "reported")
    blocked = "import sys; sys.modules.update(dict.fromkeys(('onnx', 'matplotlib')))"
    code = f"{blocked}; from earlet_quantize.cli import main; sys.exit(main(sys.argv[1:]))"
    printed = []
    for argv in (["pack", str(VAD)], ["report", str(reported)], ["--help"]):
        result = subprocess.run(
            [sys.executable, "-c", code, *argv],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
        printed.append(result.stdout)
    assert printed[1].startswith("b on a processor, onnxruntime 1.23.2\n")
    assert "float  1.29 MB" in printed[1]
    for command in COMMANDS:
        assert f"\n    {command} " in printed[2]


def with_report(bundle: Path, out: Path) -> Path:
    """A copy of a bundle, with a report of nothing but the float network's size."""
    shutil.copytree(bundle, out)
    record = Quantization(
        bundle="b",
        task="voice-activity-detection",
        float_sha256={},
        float_size=Size(total=1_290_000, by_operator={}),
        onnxruntime="1.23.2",
        processor="a processor",
        calibration=DataSet(name="calibration", n=1),
        evaluation=None,
        limits=Limits(max_drop=0.5, no_slower=False),
        candidates=(),
        chosen=None,
    )
    content = json.dumps(asdict(record)).encode()
    (out / "report.json").write_bytes(content)
    manifest = yaml.safe_load((out / "bundle.yaml").read_text(encoding="utf-8"))
    manifest["files"]["report.json"] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    (out / "bundle.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return out


def test_the_extra_that_is_looked_for_is_the_one_that_pyproject_names() -> None:
    project = tomllib.loads((VAD.parents[1] / "pyproject.toml").read_text())["project"]
    named = project["optional-dependencies"]["quantize"]
    assert [requirement.split(">=")[0] for requirement in named] == list(cli.EXTRA)
